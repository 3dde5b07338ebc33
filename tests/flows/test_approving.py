"""An operator decides on real calls of the demo product: what the page tells, what may be changed, who is at it."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.context import tenant_context
from accounts.models import AuditEntry, MemberRole
from conversations.approving import dossier
from conversations.flows.claim_approval import ClaimRefused, claim, release
from conversations.flows.decide import DecisionRefused, decide
from conversations.models import Approval
from specs.flows.set_policy import set_policies
from specs.models import Product
from tests.factories import MemberFactory
from tests.journeys import Journey

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PASSWORD = "Correct-Horse-7"


@pytest.fixture
def acme(connected):
    return connected


@pytest.fixture
def user(acme, demo_product, unique) -> str:
    demo_product.api("POST", "/users", {"username": unique, "password": PASSWORD})
    return unique


@pytest.fixture
def deletion(acme, user) -> Journey:
    chat = Journey(acme.customer).say(f"Delete the user {user}")
    assert chat.status == "approving", chat.answer
    return chat


@pytest.fixture
def creation(acme, unique) -> Journey:
    """A write that another person must approve."""
    with tenant_context(acme.tenant.pk):
        set_policies(Product.objects.get(), {"POST /users": "approve"}, acme.operator)
    chat = Journey(acme.customer).say(f"Create a user named {unique}").reply(password=PASSWORD)
    assert chat.status == "approving", chat.answer
    return chat


def waiting(chat: Journey) -> Approval:
    with tenant_context(chat.tenant_id):
        return Approval.objects.select_related("run", "call").get(run=chat.run, status="waiting")


def page_of(acme, browse, approval, part: str = "", **data: str):
    client: Client = browse(acme.operator)
    address = f"/approvals/{approval.pk}/{part}"
    return client.post(address, data) if data else client.get(address)


class TestWhatThePageTells:
    def test_a_destructive_call_is_told_as_one_with_its_exact_request_and_no_secret(self, acme, deletion, user, browse):
        page = page_of(acme, browse, waiting(deletion)).content.decode()
        assert f"username {user}" in page
        assert "It destroys something." in page
        assert "cannot be undone" in page
        assert "The requester has never done this here before." in page
        assert "curl -X DELETE" in page
        assert "Authorization: Bearer ••••••" in page

    def test_what_is_there_now_is_read_from_the_product_and_told_to_go(self, acme, deletion, user, browse):
        fragment = page_of(acme, browse, waiting(deletion), "state/").content.decode()
        assert f"<td>{user}</td>" in fragment
        assert "<del>gone</del>" in fragment

    def test_a_thing_that_is_gone_already_is_told(self, acme, deletion, user, demo_product, browse):
        demo_product.api("DELETE", f"/users/{user}")
        assert "no such thing" in page_of(acme, browse, waiting(deletion), "state/").content.decode()

    def test_a_change_shows_what_is_and_what_would_be(self, acme, user, browse):
        with tenant_context(acme.tenant.pk):
            set_policies(Product.objects.get(), {"PATCH /users/{username}": "approve"}, acme.operator)
        chat = Journey(acme.customer).say(f"Change the email of the user {user} to new-{user}@acme.example")
        assert chat.status == "approving", chat.answer
        fragment = page_of(acme, browse, waiting(chat), "state/").content.decode()
        assert f"<ins>new-{user}@acme.example</ins>" in fragment
        page = page_of(acme, browse, waiting(chat)).content.decode()
        assert "can be undone by setting the values of before" in page

    def test_a_password_is_in_no_part_of_the_page(self, acme, creation, browse):
        page = page_of(acme, browse, waiting(creation)).content.decode()
        assert PASSWORD not in page
        assert "••••••" in page
        assert "can be undone with" in page


class TestTyping:
    def test_a_destructive_call_needs_its_name_typed(self, acme, deletion, user, demo_product, browse):
        approval = waiting(deletion)
        refused = page_of(acme, browse, approval, decision="approve", typed="delete")
        assert refused.status_code == 409
        assert "Type delete_user" in refused.content.decode()
        assert page_of(acme, browse, approval, decision="approve", typed="delete_user").status_code == 302
        deletion.work()
        assert demo_product.api("GET", f"/users/{user}").status == 404

    def test_it_can_be_rejected_without(self, acme, deletion, browse):
        assert page_of(acme, browse, waiting(deletion), decision="reject", reason="no").status_code == 302
        assert deletion.work().status == "refused"


class TestEditing:
    def test_what_the_approver_changed_is_sent_and_told_as_changed(self, acme, creation, unique, demo_product, browse):
        approval = waiting(creation)
        answer = page_of(acme, browse, approval, decision="approve_edited", **{"value-username": f"{unique}x"})
        assert answer.status_code == 302, answer.content.decode()[-3000:]
        creation.work()
        assert creation.status == "answered", creation.answer
        assert demo_product.api("GET", f"/users/{unique}").status == 404
        assert demo_product.api("GET", f"/users/{unique}x").status == 200
        with tenant_context(acme.tenant.pk):
            kept = Approval.objects.get(pk=approval.pk)
            assert kept.edited == [{"name": "username", "before": unique, "after": f"{unique}x"}]
            assert kept.request_hash != approval.request_hash
            assert kept.status == "used"
            assert AuditEntry.objects.get(action="approval_decided").data["edited"] == kept.edited
        call = creation.state.calls[0]
        assert call.provenance["/username"].kind == "edited"

    def test_what_does_not_fit_is_refused_and_the_call_still_waits(self, acme, creation, browse):
        approval = waiting(creation)
        answer = page_of(acme, browse, approval, decision="approve_edited", **{"value-username": "no spaces!"})
        assert answer.status_code == 409
        assert "does not fit" in answer.content.decode()
        assert waiting(creation).status == "waiting"

    @pytest.mark.parametrize("name", ["password", "unknown"])
    def test_neither_a_secret_nor_a_new_argument_can_be_put_in(self, acme, creation, name):
        with tenant_context(acme.tenant.pk), pytest.raises(DecisionRefused, match="can't be changed"):
            decide(acme.operator, waiting(creation), True, values={name: "x"})

    def test_an_approval_as_it_is_stays_as_it_was_shown(self, acme, creation, unique, demo_product):
        approval = waiting(creation)
        with tenant_context(acme.tenant.pk):
            decide(acme.operator, approval, True, values={"username": unique})
            assert Approval.objects.get(pk=approval.pk).request_hash == approval.request_hash
        creation.work()
        assert demo_product.api("GET", f"/users/{unique}").status == 200


class TestClaiming:
    @pytest.fixture
    def other(self, acme):
        with tenant_context(acme.tenant.pk):
            return MemberFactory(tenant=acme.tenant, role=MemberRole.OPERATOR, user__email="second@acme.example")

    def test_who_is_deciding_keeps_others_from_it_until_they_take_over(self, acme, deletion, other):
        approval = waiting(deletion)
        with tenant_context(acme.tenant.pk):
            claim(other, approval)
            with pytest.raises(DecisionRefused, match=r"second@acme.example is deciding"):
                decide(acme.operator, approval, True)
            with pytest.raises(ClaimRefused):
                claim(acme.operator, approval)
            claim(acme.operator, approval, take_over=True)
            with pytest.raises(DecisionRefused):
                decide(other, approval, True)
            release(acme.operator, approval)
            decide(other, approval, False, "no")

    def test_the_queue_and_the_page_say_so(self, acme, deletion, other, browse):
        approval = waiting(deletion)
        assert page_of(acme, browse, approval, "claim/", act="claim").status_code == 302
        assert "operator@acme.example is deciding" in browse(other).get("/approvals/").content.decode()
        page = browse(other).get(f"/approvals/{approval.pk}/").content.decode()
        assert "Take it over" in page
        assert 'value="approve"' not in page

    def test_a_requester_can_not_claim_the_own_call(self, acme, user):
        own = Journey(acme.operator).say(f"Delete the user {user}")
        with tenant_context(acme.tenant.pk), pytest.raises(ClaimRefused):
            claim(acme.operator, waiting(own))


def test_the_file_of_a_call_names_its_effect_and_what_to_type(acme, deletion):
    with tenant_context(acme.tenant.pk):
        found = dossier(waiting(deletion))
    assert found is not None
    assert (found.effect, found.to_type, found.reads_state) == ("destructive", "delete_user", True)

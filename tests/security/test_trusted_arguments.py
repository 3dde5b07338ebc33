"""Values from answers that go into a write ask for a yes, but for arguments that an operator trusts, one by one."""

from __future__ import annotations

import pytest

from accounts.context import tenant_context
from accounts.models import AuditEntry
from conversations.dispatch import DispatchRefused, check_dispatch
from conversations.statements import lock_run
from specs.flows import FlowError
from specs.flows.save_rule import save_rule
from specs.flows.set_policy import set_policies
from specs.flows.trust_argument import distrust_argument, trust_argument
from specs.models import Operation, PolicyRule, Product, TrustedArgument
from specs.querysets import tools
from specs.replaying import Change, replay
from tests.journeys import Journey
from tests.web.conftest import make_product
from tests.web.test_replay import called, moves

USER = "/users/{username}"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
class TestRuns:
    @pytest.fixture
    def copied(self, connected, unique, demo_product):
        """Asks to create a user with the details of another one, where creating is allowed at once."""
        demo_product.api(
            "POST",
            "/users",
            {"username": unique, "password": "Correct-Horse-7", "email": f"{unique}@mail.example", "department": "Lab"},
        )
        with tenant_context(connected.tenant.pk):
            set_policies(Product.objects.get(), {"POST /users": "allow"}, connected.operator)
        numbers = iter(range(100))

        def copied(*, asked: bool = True) -> Journey:
            words = f"Get the user details of user '{unique}' and create a new user {unique}x{next(numbers)}"
            words += " with those details"
            chat = Journey(connected.operator).say(words)
            return chat.reply(password="Correct-Horse-7") if asked else chat

        return copied

    def test_a_question_goes_only_when_every_returned_value_goes_where_it_is_trusted(self, connected, copied):
        asked = copied()
        assert asked.status == "confirming"
        call = asked.state.calls[-1]
        returned = {p.split("/")[1] for p, found in call.provenance.items() if found.kind == "returned"}
        assert "department" in returned
        with tenant_context(connected.tenant.pk):
            product = Product.objects.get()
            for name in returned - {"department"}:
                trust_argument(product, connected.operator, operation_key="POST /users", argument=name)
        assert copied().status == "confirming"
        with tenant_context(connected.tenant.pk):
            trust_argument(product, connected.operator, operation_key="POST /users", argument="department")
        done = copied()
        assert done.status == "answered", done.answer
        assert done.calls()[-1][3] == 201

        # The same call, planned while its arguments were trusted, goes out no more when they are not.
        call = done.state.calls[-1]
        with tenant_context(connected.tenant.pk):
            run = lock_run(done.run.pk)
            check_dispatch(run, call, self.tool(done))
            distrust_argument(TrustedArgument.objects.get(argument="department"), connected.operator)
            with pytest.raises(DispatchRefused):
                check_dispatch(run, call, self.tool(done))

    def test_an_operator_may_want_another_persons_yes_for_values_from_answers(self, connected, copied):
        with tenant_context(connected.tenant.pk):
            save_rule(
                Product.objects.get(), connected.operator, effect="write", argument="*", condition="returned",
                decision="approve",
            )  # fmt: skip
        assert copied().status == "approving"
        with tenant_context(connected.tenant.pk):
            PolicyRule.objects.update(argument="department", decision="deny")
        assert copied(asked=False).status == "failed"
        with tenant_context(connected.tenant.pk):
            PolicyRule.objects.update(argument="username")
        assert copied().status == "confirming"

    def test_an_approver_sees_what_flows_from_where_into_what(self, connected, copied, browse):
        with tenant_context(connected.tenant.pk):
            set_policies(Product.objects.get(), {"POST /users": "approve"}, connected.operator)
            trust_argument(Product.objects.get(), connected.operator, operation_key="POST /users", argument="email")
        chat = copied()
        assert chat.status == "approving"
        with tenant_context(connected.tenant.pk):
            pk = chat.approval.pk
        page = browse(connected.owner).get(f"/approvals/{pk}/").content.decode()
        flows = page[page.index("Data that flows into it") : page.index("as curl")]
        assert "/department</code></span> → <strong>Department</strong>" in flows
        assert '→ <strong>Email</strong> <span class="tag">trusted by an operator</span>' in flows
        assert "another product" not in flows

    def tool(self, chat: Journey):
        found = {tool.name: tool for tool in tools(chat.state.operation_ids, "operator")}
        return found[chat.state.calls[-1].tool]


@pytest.fixture
def product(acme) -> Product:
    return make_product(acme.operator)


def trusted_by_tool(method: str) -> tuple[str, ...]:
    (tool,) = tools([str(Operation.objects.get(method=method).pk)])
    return tool.trusted_arguments


def test_what_destroys_something_is_never_trusted_by_the_way(acme, product):
    wish = {"operation_key": f"DELETE {USER}", "argument": "username"}
    for typed in ("", "yes", "post_user"):
        with pytest.raises(FlowError, match="type delete_user"):
            trust_argument(product, acme.operator, **wish, typed=typed)
    # What was trusted while it was a write is not when a newer description says that it destroys.
    TrustedArgument.objects.create(tenant=acme.tenant, product=product, **wish)
    assert trusted_by_tool("DELETE") == ()
    TrustedArgument.objects.all().delete()
    trust_argument(product, acme.operator, **wish, typed="delete_user")
    assert trusted_by_tool("DELETE") == ("username",)
    assert AuditEntry.objects.latest("number").data["even_destructive"] is True


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"operation_key": f"GET {USER}", "argument": "username"}, "only reads"),
        ({"operation_key": "POST /nothing", "argument": "username"}, "has no POST /nothing"),
        ({"operation_key": f"POST {USER}", "argument": "king"}, "has no argument king"),
    ],
)
def test_what_can_not_be_trusted_is_refused_in_words(acme, product, wish, said):
    with pytest.raises(FlowError, match=said):
        trust_argument(product, acme.operator, **wish)


def test_a_secret_is_typed_by_a_person_only(acme, product):
    Operation.objects.filter(method="POST").update(secret_arguments=["username"])
    with pytest.raises(FlowError, match="is a secret"):
        trust_argument(product, acme.operator, operation_key=f"POST {USER}", argument="username")


class TestPages:
    WISH = {"operation_key": f"post {USER}", "argument": "username", "note": "made here"}

    def test_an_operator_tries_it_trusts_and_takes_it_back_and_all_is_audited(self, acme, product, browse):
        set_policies(product, {f"POST {USER}": "allow"}, acme.operator)
        called(acme.customer, "POST", username="bob", returned=True)
        client = browse(acme.operator)
        page = client.post("/products/keyring/trusted/", {**self.WISH, "act": "preview"}).content.decode()
        assert "1 of 1 calls would have been decided in another way" in page
        assert "confirm → <strong>allow" in page
        assert not TrustedArgument.objects.exists()
        assert client.post("/products/keyring/trusted/", self.WISH).status_code == 302
        assert client.post("/products/keyring/trusted/", self.WISH).status_code == 422
        one = TrustedArgument.objects.get()
        assert moves(replay(product, Change(distrusted=frozenset([one.pk])))) == {("allow", "confirm"): 1}
        assert client.post(f"/products/keyring/trusted/{one.pk}/delete/").status_code == 302
        told = AuditEntry.objects.filter(action="policies_changed").order_by("number").values_list("data", flat=True)
        assert [data.get("change") for data in told][-2:] == ["added", "taken back"]

    def test_the_api_does_the_same(self, acme, product, browse):
        client = browse(acme.operator)
        made = client.post("/api/v1/products/keyring/trusted/", self.WISH, content_type="application/json")
        assert made.status_code == 201
        assert [row["argument"] for row in client.get("/api/v1/products/keyring/trusted/").json()] == ["username"]
        wish = {"operation_key": f"DELETE {USER}", "argument": "username"}
        refused = client.post("/api/v1/products/keyring/trusted/", wish, content_type="application/json")
        assert refused.status_code == 409
        assert client.delete(f"/api/v1/products/keyring/trusted/{made.json()['id']}/").status_code == 204
        assert not TrustedArgument.objects.exists()

"""The admin: reviewers read their tenant, staff read nothing until they enter one by the logged switch."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.context import tenant_context
from accounts.models import StaffAccess, User
from conversations.models import Conversation, Flag
from tests.web.conftest import make_run, record

CONVERSATIONS = "/admin/conversations/conversation/"


@pytest.fixture
def staff(acme) -> Client:
    """A superuser of the platform who is member of no tenant."""
    user = User.objects.create_superuser("staff@nlops.example", "pw-For-tests-1")
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def change_page(conversation: Conversation) -> str:
    return reverse("admin:conversations_conversation_change", args=[conversation.pk])


def test_customers_and_operators_have_no_admin(acme, browse):
    for member in (acme.customer, acme.operator):
        assert browse(member).get("/admin/", follow=True).status_code == 403


def test_a_visitor_signs_in_where_everybody_does(client, db):
    response = client.get(CONVERSATIONS)
    assert client.get(response.headers["Location"]).headers["Location"].startswith("/accounts/login/")


def test_a_reviewer_reads_the_transcript_with_its_events(acme, browse):
    run = make_run(acme.customer, "Delete the <b>user</b> user2")
    record(run, "progress", text="Choosing an operation")
    client = browse(acme.reviewer)
    assert "Delete the &lt;b&gt;user&lt;/b&gt; user2" in client.get(CONVERSATIONS).content.decode()
    content = client.get(change_page(run.conversation)).content.decode()
    assert "Choosing an operation" in content
    assert "nlops is doing" in content
    assert "<b>user</b>" not in content


def test_a_reviewer_sees_their_tenant_alone(acme, globex, browse):
    make_run(acme.customer, "Ours")
    with tenant_context(globex.tenant.pk):
        theirs = make_run(globex.customer, "Theirs")
    client = browse(acme.reviewer)
    content = client.get(CONVERSATIONS).content.decode()
    assert "Ours" in content
    assert "Theirs" not in content
    assert client.get(change_page(theirs.conversation)).status_code == 302


def test_a_reviewer_changes_nothing_but_flags(acme, browse):
    run = make_run(acme.customer)
    client = browse(acme.reviewer)
    for address in (f"{CONVERSATIONS}add/", f"{CONVERSATIONS}{run.conversation_id}/delete/", "/admin/accounts/user/"):
        assert client.get(address).status_code == 403
    assert client.post(change_page(run.conversation), {"title": "Mine"}).status_code == 403
    assert Conversation.objects.get().title != "Mine"


def test_a_reviewer_resolves_a_flag(acme, browse):
    run = make_run(acme.customer)
    flag = Flag.objects.create(tenant=acme.tenant, conversation=run.conversation, run=run, reason="failed")
    client = browse(acme.reviewer)
    address = "/admin/conversations/flag/"
    assert "The run failed" in client.get(f"{address}?open=yes").content.decode()
    client.post(address, {"action": "resolve", "_selected_action": [str(flag.pk)]})
    flag.refresh_from_db()
    assert flag.resolved_at is not None
    assert flag.resolved_by_id == acme.reviewer.pk
    assert Flag.objects.filter(resolved_at=None).count() == 0


def test_every_list_of_the_admin_opens(acme, browse):
    make_run(acme.customer)
    client = browse(acme.owner)
    for model in (
        "conversations/run", "conversations/flag", "conversations/feedback", "conversations/approval",
        "evaluation/suite", "evaluation/case", "evaluation/evaluationrun", "evaluation/score", "specs/product",
        "specs/specversion", "specs/toolpolicy", "accounts/member", "accounts/staffaccess",
    ):  # fmt: skip
        assert client.get(f"/admin/{model}/").status_code == 200, model


def test_staff_see_nothing_of_a_tenant_until_they_enter_it(acme, staff):
    run = make_run(acme.customer, "A private matter")
    assert staff.get(CONVERSATIONS).status_code == 403
    assert staff.get("/").headers["Location"] == "/admin/"
    assert staff.post("/staff/enter/", {"tenant": acme.tenant.pk, "reason": ""}).status_code == 200
    assert staff.get(CONVERSATIONS).status_code == 403
    staff.post("/staff/enter/", {"tenant": acme.tenant.pk, "reason": "Case 4711"})
    assert "A private matter" in staff.get(CONVERSATIONS).content.decode()
    assert staff.get(change_page(run.conversation)).status_code == 200


def test_a_visit_is_logged_shown_and_ended(acme, globex, staff, browse):
    staff.post("/staff/enter/", {"tenant": acme.tenant.pk, "reason": "Case 4711"})
    access = StaffAccess.objects.get()
    assert (access.user.email, access.reason, access.ended_at) == ("staff@nlops.example", "Case 4711", None)
    assert "Acme" in staff.get("/profile/").content.decode()
    assert "This visit is logged" in staff.get("/profile/").content.decode()
    assert "Case 4711" in browse(acme.owner).get("/admin/accounts/staffaccess/").content.decode()
    staff.post("/staff/leave/")
    access.refresh_from_db()
    assert access.ended_at is not None
    assert staff.get(CONVERSATIONS).status_code == 403


def test_entering_another_tenant_ends_the_visit_to_the_first(acme, globex, staff):
    staff.post("/staff/enter/", {"tenant": acme.tenant.pk, "reason": "Case 1"})
    staff.post("/staff/enter/", {"tenant": globex.tenant.pk, "reason": "Case 2"})
    assert StaffAccess.objects.get().ended_at is not None
    with tenant_context(globex.tenant.pk):
        assert StaffAccess.objects.get().ended_at is None


def test_signing_out_ends_the_visit(acme, staff):
    staff.post("/staff/enter/", {"tenant": acme.tenant.pk, "reason": "Case 1"})
    staff.post("/accounts/logout/")
    assert StaffAccess.objects.get().ended_at is not None


def test_nobody_else_enters_a_tenant(acme, globex, browse):
    client = browse(acme.owner)
    assert client.get("/staff/enter/").status_code == 403
    assert client.post("/staff/enter/", {"tenant": globex.tenant.pk, "reason": "curious"}).status_code == 403


def test_staff_chat_in_no_tenant(acme, staff):
    staff.post("/staff/enter/", {"tenant": acme.tenant.pk, "reason": "Case 4711"})
    assert staff.post("/", {"text": "Delete all users"}).headers["Location"] == "/admin/"
    assert staff.get("/approvals/").status_code == 403

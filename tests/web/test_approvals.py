"""The approval queue: who sees it, what it shows, who may decide."""

from __future__ import annotations

from django.urls import reverse

from conversations.models import Approval
from tests.web.conftest import HTMX, request_approval


def test_customers_and_reviewers_have_no_queue(acme, browse):
    approval = request_approval(acme.customer)
    for member in (acme.customer, acme.reviewer):
        client = browse(member)
        assert client.get("/approvals/").status_code == 403
        assert client.post(reverse("approval", args=[approval.pk]), {"decision": "approve"}).status_code == 403
    approval.refresh_from_db()
    assert approval.status == "waiting"


def test_an_operator_sees_who_asked_the_words_the_request_and_the_origins(acme, browse):
    approval = request_approval(acme.customer)
    client = browse(acme.operator)
    assert "Delete the user user2" in client.get("/approvals/").content.decode()
    content = client.get(reverse("approval", args=[approval.pk])).content.decode()
    assert "customer@acme.example" in content
    assert "/users/user2" in content
    assert "user2</td>" in content
    assert "the requester said “user2”" in content


def test_the_badge_counts_what_waits(acme, browse):
    client = browse(acme.operator)
    assert client.get("/approvals/count/").content == b""
    request_approval(acme.customer)
    assert ">1<" in client.get("/approvals/count/").content.decode()


def test_the_queue_refreshes_itself_without_the_page_around_it(acme, browse):
    content = browse(acme.operator).get("/approvals/", headers=HTMX).content.decode()
    assert "<h2>Waiting</h2>" in content
    assert "<html" not in content


def test_a_rejection_keeps_its_reason_and_tells_the_open_page(acme, browse):
    approval = request_approval(acme.customer)
    client = browse(acme.operator)
    status = reverse("approval_status", args=[approval.pk])
    assert "left" in client.get(status, headers=HTMX).content.decode()
    response = client.post(reverse("approval", args=[approval.pk]), {"decision": "reject", "reason": "Still needed"})
    assert response.headers["Location"] == "/approvals/"
    approval.refresh_from_db()
    assert (approval.status, approval.decided_by_id, approval.reason) == ("rejected", acme.operator.pk, "Still needed")
    assert client.get(status, headers=HTMX).headers["HX-Refresh"] == "true"
    assert "Still needed" in client.get("/approvals/").content.decode()


def test_nobody_decides_their_own_call(acme, browse):
    approval = request_approval(acme.operator)
    client = browse(acme.operator)
    address = reverse("approval", args=[approval.pk])
    assert 'value="approve"' not in client.get(address).content.decode()
    refused = client.post(address, {"decision": "approve", "reason": "mine"})
    assert refused.status_code == 409
    assert "another operator" in refused.content.decode()
    approval.refresh_from_db()
    assert approval.status == "waiting"


def test_another_tenants_approvals_do_not_exist(acme, globex, browse):
    approval = request_approval(acme.customer)
    client = browse(globex.operator)
    assert client.get(reverse("approval", args=[approval.pk])).status_code == 404
    assert client.post(reverse("approval", args=[approval.pk]), {"decision": "approve"}).status_code == 404
    assert client.get("/approvals/count/").content == b""
    assert Approval.objects.get().status == "waiting"

"""Notices of approvals: signed webhooks over real HTTP and e-mail, until they arrive, without any value."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from accounts.context import tenant_context
from conversations.flows.decide import expire
from conversations.flows.deliver_notice import PAUSES, deliver_notice
from conversations.flows.save_webhook import MAX_ENDPOINTS, WebhookRefused, add_webhook, remove_webhook
from conversations.models import Approval, Notice, NoticeEvent, NoticeStatus, WebhookEndpoint
from specs import addresses
from tests.conftest import make_people
from tests.journeys import Journey, connect_product

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


class Hook:
    """An endpoint that answers with `status` and keeps what it got."""

    def __init__(self) -> None:
        self.status = 204
        self.seen: list[tuple[dict[str, str], bytes]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                hook.seen.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(hook.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/nlops"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def hook() -> Iterator[Hook]:
    found = Hook()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def people(transactional_db, clean_cache, demo_product, settings):
    found = make_people("acme")
    connect_product(found, demo_product, client=demo_product.client("acme"))
    settings.NLOPS_PUBLIC_URL = "https://nlops.example"
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    return found


def webhook(people: Any, hook: Hook) -> tuple[WebhookEndpoint, str]:
    with tenant_context(people.tenant.pk):
        return add_webhook(people.operator, hook.url, "the team's channel")


def deliver(people: Any) -> None:
    """What the workers do with all that is due."""
    with tenant_context(people.tenant.pk):
        due = list(
            Notice.objects.filter(status=NoticeStatus.WAITING).order_by("created_at").values_list("pk", flat=True)
        )
    for notice in due:
        deliver_notice(people.tenant.pk, notice)


def notices(people: Any) -> list[tuple[str, str]]:
    with tenant_context(people.tenant.pk):
        return list(Notice.objects.order_by("created_at").values_list("event", "status"))


def waiting(people: Any, demo_product: Any, unique: str) -> Journey:
    demo_product.api("POST", "/users", {"username": unique, "password": "Str0ng-Pass-99"})
    chat = Journey(people.customer).say(f"Delete the user {unique}")
    assert chat.status == "approving", chat.answer
    return chat


def test_an_endpoint_is_told_of_request_and_decision_signed_and_without_values(people, hook, demo_product, unique):
    _, secret = webhook(people, hook)
    chat = waiting(people, demo_product, unique)
    deliver(people)
    headers, body = hook.seen[0]
    told = Webhook(secret).verify(body, headers)
    assert told["type"] == "approval.requested"
    assert (told["data"]["operation"], told["data"]["arguments"]) == ("DELETE /users/{username}", ["username"])
    assert told["data"]["requested_by"] == people.customer.user.email
    with tenant_context(people.tenant.pk):
        approval = Approval.objects.get()
    assert told["data"]["url"] == f"https://nlops.example/approvals/{approval.pk}/"
    assert unique not in body.decode()
    chat.decide(people.operator, True)
    deliver(people)
    told = Webhook(secret).verify(hook.seen[1][1], hook.seen[1][0])
    assert (told["type"], told["data"]["decided_by"]) == ("approval.decided", people.operator.user.email)
    assert notices(people) == [("approval.requested", "sent"), ("approval.decided", "sent")]
    deliver(people)
    assert len(hook.seen) == 2, "what arrived is not sent again"


def test_an_endpoint_that_fails_is_tried_again_with_the_same_id_and_then_given_up(people, hook, demo_product, unique):
    webhook(people, hook)
    hook.status = 500
    waiting(people, demo_product, unique)
    for _ in range(len(PAUSES) + 3):
        deliver(people)
        deliver(people)  # not due yet: nothing is sent
        with tenant_context(people.tenant.pk):
            Notice.objects.filter(status=NoticeStatus.WAITING).update(next_at=timezone.now())
    assert len(hook.seen) == len(PAUSES) + 1
    assert len({headers["webhook-id"] for headers, _ in hook.seen}) == 1
    with tenant_context(people.tenant.pk):
        notice = Notice.objects.get()
    assert (notice.status, "status 500" in notice.problem) == ("failed", True)


def test_a_redirect_is_no_arrival_and_is_not_followed(people, hook, demo_product, unique):
    webhook(people, hook)
    hook.status = 302
    waiting(people, demo_product, unique)
    deliver(people)
    assert (len(hook.seen), notices(people)) == (1, [("approval.requested", "waiting")])


def test_an_endpoint_within_the_own_network_is_not_connected_to(people, hook, demo_product, unique, monkeypatch):
    webhook(people, hook)
    monkeypatch.setattr(addresses, "parse_listed", lambda entries: ())
    waiting_before = len(hook.seen)
    with tenant_context(people.tenant.pk):
        endpoint = WebhookEndpoint.objects.get()
        notice = Notice.objects.create(
            tenant_id=people.tenant.pk, endpoint=endpoint, event=NoticeEvent.TEST, payload={}, next_at=timezone.now()
        )
    deliver_notice(people.tenant.pk, notice.pk)
    assert len(hook.seen) == waiting_before
    with tenant_context(people.tenant.pk):
        notice.refresh_from_db()
    assert notice.status == "failed"


def test_nobody_decided_in_time_is_told(people, hook, demo_product, unique):
    webhook(people, hook)
    waiting(people, demo_product, unique)
    with tenant_context(people.tenant.pk):
        Approval.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
        expire(Approval.objects.get())
    deliver(people)
    assert [json.loads(body)["type"] for _, body in hook.seen] == ["approval.requested", "approval.expired"]


def test_those_who_may_decide_get_a_mail_but_not_the_requester_nor_who_switched_it_off(
    people, demo_product, unique, settings
):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    mail.outbox = []
    with tenant_context(people.tenant.pk):
        people.owner.mails_approvals = False
        people.owner.save()
    demo_product.api("POST", "/users", {"username": unique, "password": "Str0ng-Pass-99"})
    Journey(people.customer).say(f"Delete the user {unique}")
    deliver(people)
    (sent,) = mail.outbox
    assert sent.to == [people.operator.user.email]
    assert "Delete a user" in sent.subject
    assert "https://nlops.example/approvals/" in sent.body
    assert unique not in sent.body


def test_a_removed_endpoint_gets_nothing_and_a_confirmation_is_nobodys_business(people, hook, demo_product, unique):
    endpoint, _ = webhook(people, hook)
    waiting(people, demo_product, unique)
    with tenant_context(people.tenant.pk):
        remove_webhook(people.operator, endpoint)
    deliver(people)
    webhook(people, hook)
    chat = Journey(people.customer).say(f"Disable the user {unique}")
    assert chat.status == "confirming"
    deliver(people)
    assert (hook.seen, notices(people)) == ([], [])


@pytest.mark.parametrize(
    ("url", "words"),
    [("ftp://x.example", "http"), ("https://u:p@x.example", "user name"), ("nonsense", "http")],
)
def test_an_address_that_cant_be_is_refused(people, url, words):
    with tenant_context(people.tenant.pk), pytest.raises(WebhookRefused, match=words):
        add_webhook(people.operator, url)


def test_without_leave_for_plain_http_only_https_is_taken_and_at_most_ten(people, settings):
    settings.INSECURE_HTTP = False
    with tenant_context(people.tenant.pk):
        with pytest.raises(WebhookRefused, match="https"):
            add_webhook(people.operator, "http://hooks.example/x")
        for number in range(MAX_ENDPOINTS):
            add_webhook(people.operator, f"https://hooks.example/{number}")
        with pytest.raises(WebhookRefused, match="At most"):
            add_webhook(people.operator, "https://hooks.example/more")
        assert "whsec" not in WebhookEndpoint.objects.first().secret

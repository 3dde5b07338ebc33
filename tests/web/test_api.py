"""The REST API: a script signs in, asks, answers, decides; as the chat page does."""

from __future__ import annotations

import json

import pytest

from accounts.context import tenant_context
from conversations.models import Approval, Run
from nlops.core.types import RunStatus
from tests.conftest import make_people

PASSWORD = "Pw-For-Tests-1"

pytestmark = pytest.mark.django_db(transaction=True)


class Script:
    """A client with a session token, as a script has it."""

    def __init__(self, client, email: str) -> None:
        self.client = client
        answer = self.post("/_allauth/app/v1/auth/login", {"email": email, "password": PASSWORD})
        assert answer.status_code == 200, answer.content
        self.headers = {"X-Session-Token": answer.json()["meta"]["session_token"]}

    headers: dict[str, str] = {}

    def post(self, path: str, body: object):
        return self.client.post(path, json.dumps(body), content_type="application/json", headers=self.headers)

    def get(self, path: str):
        return self.client.get(path, headers=self.headers)


@pytest.fixture
def people(transactional_db, clean_cache):
    people = make_people("acme")
    for member in (people.customer, people.operator):
        member.user.set_password(PASSWORD)
        member.user.save()
    return people


@pytest.fixture
def customer(client, people) -> Script:
    return Script(client, people.customer.user.email)


def test_without_a_token_nothing_is_told(client, people):
    assert client.get("/api/v1/approvals/").status_code in (401, 403)
    assert client.post("/api/v1/ask/", {"text": "hello"}).status_code in (401, 403)


def test_a_request_is_taken_and_can_be_followed_and_stopped(customer):
    created = customer.post("/api/v1/ask/", {"text": "Get the user alice"})
    assert created.status_code == 201, created.content
    run = created.json()
    assert (run["status"], run["events"][0]["kind"]) == ("queued", "said")
    assert customer.get(f"/api/v1/runs/{run['id']}/").json()["request"] == "Get the user alice"
    assert customer.post(f"/api/v1/runs/{run['id']}/cancel/", {}).json()["status"] == RunStatus.CANCELLED


@pytest.mark.parametrize(("text", "words"), [("", "no text"), ("x" * 100_000, "100,000 characters")])
def test_a_message_that_is_none_or_too_long_is_refused_in_words(customer, text, words):
    answer = customer.post("/api/v1/ask/", {"text": text})
    assert answer.status_code == 409
    assert words in answer.json()["detail"]


def test_acts_that_do_not_fit_say_so(customer):
    run = customer.post("/api/v1/ask/", {"text": "hello"}).json()
    assert customer.post(f"/api/v1/runs/{run['id']}/reply/", {"values": {}}).status_code == 409
    assert customer.post(f"/api/v1/runs/{run['id']}/confirm/", {"agreed": True}).status_code == 409
    assert customer.post(f"/api/v1/runs/{run['id']}/dance/", {}).status_code == 400


def test_a_customer_decides_no_approval_and_sees_no_queue(customer):
    assert customer.get("/api/v1/approvals/").status_code == 403


def test_another_tenants_runs_are_not_there(customer, client):
    run = customer.post("/api/v1/ask/", {"text": "hello"}).json()
    globex = make_people("globex")
    globex.customer.user.set_password(PASSWORD)
    globex.customer.user.save()
    other = Script(client, globex.customer.user.email)
    assert other.get(f"/api/v1/runs/{run['id']}/").status_code == 404
    with tenant_context(globex.tenant.pk):
        assert not Run.objects.exists()
        assert not Approval.objects.exists()


def test_too_many_requests_are_slowed_down_with_retry_after(customer, settings):
    settings.NLOPS_MEMBER_RATE = 2
    answers = [customer.post("/api/v1/ask/", {"text": "hello"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert int(answers[-1].headers["Retry-After"]) >= 1

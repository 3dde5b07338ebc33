"""Whoever decides asks the requester first: on the pages, over REST, in the transcript, while the call waits."""

from __future__ import annotations

import json

import pytest

from accounts.context import tenant_context
from conversations.flows.cancel import cancel
from conversations.flows.decide import DecisionRefused
from conversations.flows.enquire import MOST, EnquiryRefused, enquire, explain
from conversations.models import Approval
from tests.conftest import make_people
from tests.journeys import Journey, connect_product

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def people(transactional_db, clean_cache, demo_product):
    found = make_people("acme")
    connect_product(found, demo_product, client=demo_product.client("acme"))
    return found


@pytest.fixture
def chat(people, demo_product, unique) -> Journey:
    demo_product.api("POST", "/users", {"username": unique, "password": "Str0ng-Pass-99"})
    found = Journey(people.customer).say(f"Delete the user {unique}")
    assert found.status == "approving", found.answer
    return found


def waiting(people) -> Approval:
    with tenant_context(people.tenant.pk):
        return Approval.objects.get()


def test_a_question_is_answered_and_then_decided(people, chat, demo_product, unique, browse):
    approval = waiting(people)
    operator, customer = browse(people.operator), browse(people.customer)
    page = operator.post(f"/approvals/{approval.pk}/ask/", {"text": "Is she really gone?"}, follow=True)
    assert "Is she really gone?" in page.content.decode()
    address = f"/c/{chat.conversation.pk}/"
    shown = customer.get(address).content.decode()
    assert "Is she really gone?" in shown
    assert "Send the answer" in shown
    customer.post(f"/runs/{chat.run.pk}/explain/", {"text": "Yes, since Monday. password: Hunter2-Secret"})
    assert "Send the answer" not in customer.get(address).content.decode()
    answered = operator.get(f"/approvals/{approval.pk}/").content.decode()
    assert "Yes, since Monday." in answered
    assert "Hunter2-Secret" not in answered, "a secret is nobody's to read here"
    chat.decide(people.operator, True)
    assert chat.status == "answered"
    assert demo_product.api("GET", f"/users/{unique}").status == 404
    assert "Yes, since Monday." in customer.get(address).content.decode(), "it stays in the transcript"


def test_the_api_does_the_same(people, chat, browse):
    approval = waiting(people)
    asked = browse(people.operator).post(
        f"/api/v1/approvals/{approval.pk}/ask/", json.dumps({"text": "Why?"}), content_type="application/json"
    )
    assert asked.status_code == 200, asked.content
    said = browse(people.customer).post(
        f"/api/v1/runs/{chat.run.pk}/explain/", json.dumps({"text": "She left."}), content_type="application/json"
    )
    assert said.status_code == 200, said.content
    again = browse(people.customer).post(
        f"/api/v1/runs/{chat.run.pk}/explain/", json.dumps({"text": "She left."}), content_type="application/json"
    )
    assert again.status_code == 409


def test_who_may_not_decide_may_not_ask_and_others_may_not_answer(people, chat):
    approval = waiting(people)
    with tenant_context(people.tenant.pk):
        with pytest.raises(DecisionRefused):
            enquire(people.reviewer, approval, "Why?")
        with pytest.raises(EnquiryRefused, match="Nobody waits"):
            explain(people.customer, chat.run, "Because.")
        enquire(people.operator, approval, "Why?")
        with pytest.raises(EnquiryRefused, match="Nobody waits"):
            explain(people.reviewer, chat.run, "Because.")
        with pytest.raises(EnquiryRefused, match="not answered"):
            enquire(people.owner, approval, "And?")
        with pytest.raises(EnquiryRefused, match="Write"):
            explain(people.customer, chat.run, " \u200b ")
        with pytest.raises(EnquiryRefused, match="at most"):
            explain(people.customer, chat.run, "x" * 1001)


def test_it_is_decided_also_without_an_answer_and_nothing_is_asked_after_the_end(people, chat):
    approval = waiting(people)
    with tenant_context(people.tenant.pk):
        enquire(people.operator, approval, "Why?")
        cancel(people.customer, chat.run)
        with pytest.raises(DecisionRefused):
            enquire(people.operator, approval, "Why?")
        with pytest.raises(EnquiryRefused):
            explain(people.customer, chat.run, "Because.")


def test_questions_have_an_end(people, chat):
    approval = waiting(people)
    with tenant_context(people.tenant.pk):
        for _ in range(MOST):
            enquire(people.operator, approval, "Why?")
            explain(people.customer, chat.run, "Because.")
        with pytest.raises(EnquiryRefused, match="decide"):
            enquire(people.operator, approval, "Why?")

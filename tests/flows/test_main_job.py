"""The main job on real parts: PostgreSQL, the embedded model, the demo product over HTTP."""

from __future__ import annotations

import json
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from accounts.context import tenant_context
from accounts.encryption import encrypt
from conversations.flows.decide import DecisionRefused, decide
from conversations.models import Event, Run, RunSecret
from specs.models import Connection
from tests.conftest import make_people
from tests.journeys import Journey, connect_product

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PASSWORD = "Correct-Horse-7"


@pytest.fixture
def acme(connected):
    return connected


@pytest.fixture
def chat(acme) -> Journey:
    return Journey(acme.customer)


def test_a_named_user_is_created_after_the_password_was_asked_for_and_the_call_confirmed(chat, demo_product, unique):
    chat.say(f"Create a user named {unique}")
    assert (chat.status, chat.asked) == ("asking", ["password"])
    assert demo_product.api("GET", f"/users/{unique}").status == 404
    chat.reply(password=PASSWORD)
    assert chat.status == "confirming"
    assert demo_product.api("GET", f"/users/{unique}").status == 404
    chat.confirm()
    assert chat.status == "answered", chat.answer
    assert demo_product.api("GET", f"/users/{unique}").json()["username"] == unique
    with tenant_context(chat.tenant_id):
        stored = json.dumps([list(Event.objects.values_list("data")), list(Run.objects.values_list("state"))])
        assert PASSWORD not in stored
        assert RunSecret.objects.count() == 0


def test_a_new_user_without_values_is_asked_for_name_and_password_in_one_question(chat):
    chat.say("Create a new user")
    assert chat.status == "asking"
    assert set(chat.asked) == {"username", "password"}


def test_a_weak_password_is_asked_for_again_in_the_products_words(chat, demo_product, unique):
    chat.say(f"Create a user named {unique}").reply(password="short").confirm()
    assert (chat.status, chat.asked) == ("asking", ["password"])
    assert "10" in chat.state.questions[0].help
    chat.reply(password=PASSWORD).confirm()
    assert chat.status == "answered"
    assert demo_product.api("GET", f"/users/{unique}").status == 200


def test_a_users_details_are_shown(chat, demo_product, unique):
    demo_product.api("POST", "/users", {"username": unique, "password": PASSWORD, "email": "u1@mail.example"})
    chat.say(f"Get the user called {unique}")
    assert chat.status == "answered"
    assert "u1@mail.example" in chat.answer
    assert chat.calls()[0][3] == 200


def test_yesterday_is_the_day_in_the_persons_zone(chat):
    chat.say("Show me all audit log entries from yesterday")
    assert chat.status == "answered", chat.answer
    arguments = next(c[1] for c in chat.calls())
    zone = ZoneInfo(chat.member.user.time_zone)
    day = (timezone.now().astimezone(zone) - timedelta(days=1)).date().isoformat()
    assert arguments["from"].startswith(f"{day}T00:00:00")
    assert arguments["to"].startswith(f"{day}T23:59:59")


def test_general_knowledge_is_refused_without_a_call(chat):
    chat.say("Who was the first president of the United States?")
    assert chat.status == "refused"
    assert chat.calls() == []
    assert "Washington" not in chat.answer


def test_values_of_the_first_call_are_bound_in_the_second_and_shown_as_such(chat, demo_product, unique):
    demo_product.api(
        "POST",
        "/users",
        {"username": unique, "password": PASSWORD, "email": "one@mail.example", "department": "Research"},
    )
    other = f"{unique}b"
    chat.say(f"Get the user details of user '{unique}' and create a new user {other} with those details")
    assert (chat.status, chat.asked) == ("asking", ["password"])
    chat.reply(password=PASSWORD)
    assert chat.status == "confirming"
    shown = next(data for kind, data in chat.events() if kind == "confirmation")["call"]["arguments"]
    origins = {argument["name"]: argument["kind"] for argument in shown}
    assert origins["username"] == "said"
    assert origins["department"] == "returned"
    chat.confirm()
    assert chat.status == "answered", chat.answer
    assert demo_product.api("GET", f"/users/{other}").json()["department"] == "Research"


def test_a_token_that_the_product_no_longer_takes_is_refreshed_without_troubling_the_person(chat):
    chat.say("List all groups")
    with tenant_context(chat.tenant_id):
        connection = Connection.objects.get()
        tokens = {"access_token": "gone", "refresh_token": "gone too"}
        connection.tokens = encrypt(json.dumps(tokens), tenant_id=chat.tenant_id, record=connection.record("tokens"))
        connection.tokens_expire_at = timezone.now() + timedelta(hours=1)
        connection.save()
    chat.say("List all groups")
    assert chat.status == "answered"
    assert chat.calls()[0][3] == 200


def test_a_description_that_the_product_refuses_is_repaired_and_said_or_asked_for(chat, demo_product, unique):
    chat.say(f"Create a user named {unique} with description 'Works in Berlin!'").reply(password=PASSWORD)
    chat.confirm()
    assert chat.status in ("confirming", "asking")
    if chat.status == "asking":
        chat.reply(description="Works in Berlin")
    chat.confirm()
    assert chat.status == "answered", chat.answer
    assert demo_product.api("GET", f"/users/{unique}").json()["description"] == "Works in Berlin"
    assert "Berlin!" in chat.answer or any(kind == "asked" for kind, _ in chat.events())


def test_a_deletion_waits_for_an_operator_and_happens_once(chat, acme, demo_product, unique):
    demo_product.api("POST", "/users", {"username": unique, "password": PASSWORD})
    chat.say(f"Delete the user {unique}")
    assert chat.status == "approving"
    assert demo_product.api("GET", f"/users/{unique}").status == 200
    with tenant_context(chat.tenant_id), pytest.raises(DecisionRefused):
        decide(acme.customer, chat.approval, True)
    chat.decide(acme.operator, True)
    assert chat.status == "answered", chat.answer
    assert demo_product.api("GET", f"/users/{unique}").status == 404
    assert any(kind == "decided" and data["by"] == "operator@acme.example" for kind, data in chat.events())
    sent = [data for kind, data in chat.events() if kind == "sent"]
    assert len(sent) == 1


def test_after_a_rejection_nothing_happens(chat, acme, demo_product, unique):
    demo_product.api("POST", "/users", {"username": unique, "password": PASSWORD})
    chat.say(f"Delete the user {unique}").decide(acme.operator, False, "Still needed")
    assert chat.status == "refused"
    assert "Still needed" in chat.answer
    assert demo_product.api("GET", f"/users/{unique}").status == 200


def test_an_operator_cannot_approve_the_own_call(acme, demo_product, unique):
    demo_product.api("POST", "/users", {"username": unique, "password": PASSWORD})
    own = Journey(acme.operator).say(f"Delete the user {unique}")
    with tenant_context(own.tenant_id), pytest.raises(DecisionRefused, match="yourself"):
        decide(acme.operator, own.approval, True)


def test_a_follow_up_means_what_the_last_call_was_about(chat, demo_product, unique):
    demo_product.api("POST", "/users", {"username": unique, "password": PASSWORD})
    chat.say(f"Get the user called {unique}").say("and his groups?")
    assert chat.calls()[0][1].get("username") == unique, chat.calls()
    chat.say("delete that one")
    assert chat.status == "approving", (chat.status, chat.answer)
    assert chat.calls()[0][1] == {"username": unique}


@pytest.mark.parametrize("greeting", ["hello", "what can you do?"])
def test_a_greeting_is_answered_from_the_whitelist(chat, greeting):
    chat.say(greeting)
    assert chat.status == "answered"
    assert "user" in chat.answer.lower()


@pytest.mark.parametrize(
    ("request_text", "word"),
    [
        ("'user1'이라는 사용자를 생성하세요", "영어"),
        ("Zeige mir bitte alle Benutzer", "Englisch"),
        ("Montre-moi tous les utilisateurs s'il te plaît", "anglais"),
        ("Muéstrame todos los usuarios por favor", "inglés"),
        ("昨日のログをすべて見せてください", "英語"),
    ],
)
def test_a_language_that_the_model_cannot_read_is_answered_in_it(chat, request_text, word):
    chat.say(request_text)
    assert chat.status == "answered"
    assert word in chat.state.answer.text
    assert "English" in chat.state.answer.text
    assert chat.calls() == []


def test_two_tenants_with_the_same_words_see_only_their_own(chat, demo_product, unique):
    demo_product.api("POST", "/users", {"username": unique, "password": PASSWORD}, tenant="acme")
    globex = make_people("globex")
    connect_product(globex, demo_product, client=demo_product.client("globex"))
    words = f"Get the user called {unique}"
    assert chat.say(words).status == "answered"
    other = Journey(globex.customer).say(words)
    assert other.status == "failed"
    assert other.calls()[0][3] == 404
    with tenant_context(globex.tenant.pk):
        assert Run.objects.count() == 1


def test_a_product_that_is_down_is_told_and_nothing_is_lost(chat):
    with tenant_context(chat.tenant_id):
        Connection.objects.update(base_url="http://127.0.0.1:9", tokens="", tokens_expire_at=None)
    chat.say("List all groups")
    assert chat.status == "failed"
    assert "127.0.0.1" in chat.answer or "reach" in chat.answer

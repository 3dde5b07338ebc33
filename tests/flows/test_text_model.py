"""The flow with a text-writing model behind an OpenAI-compatible server (scripted, over real HTTP)."""

from __future__ import annotations

import json

import pytest

from accounts.context import tenant_context
from conversations.models import Approval, Flag, RunSecret
from conversations.querysets import waiting_approvals
from specs.models import Connection
from tests.conftest import make_people
from tests.journeys import Journey, connect_product
from tests.scripted_server import Reply

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PASSWORD = "Correct-Horse-7"


@pytest.fixture
def acme(transactional_db, clean_cache, demo_product, scripted_server, settings):
    settings.NLOPS_MODEL = scripted_server.model
    people = make_people("acme")
    connect_product(people, demo_product, client=demo_product.client("acme"))
    return people


@pytest.fixture
def chat(acme) -> Journey:
    return Journey(acme.customer)


def test_a_read_in_two_calls_at_once_and_prose_that_the_results_support(chat, scripted_server):
    scripted_server.will(
        Reply(calls=[("get_user", {"username": "alice"}), ("get_user", {"username": "bernd"})]),
        Reply(text="The last name of alice is Meyer."),
    )
    chat.say("Get the users alice and bernd")
    assert chat.status == "answered"
    assert [call[3] for call in chat.calls()] == [200, 200]
    assert chat.state.answer.text == "The last name of alice is Meyer."
    tools = {tool["function"]["name"] for tool in scripted_server.requests[0]["tools"]}
    assert "get_user" in tools
    assert len(tools) <= 28


def test_prose_that_no_result_supports_is_replaced_by_the_rendered_answer(chat, scripted_server):
    scripted_server.will(
        Reply(calls=[("get_user", {"username": "alice"})]), Reply(text="Her salary is 93000 and she likes Madrid.")
    )
    chat.say("Get the user alice")
    assert chat.status == "answered"
    assert "93000" not in chat.answer
    assert "Meyer" in chat.answer


def test_what_the_model_knows_by_itself_is_not_shown(chat, scripted_server):
    scripted_server.will(Reply(text="George Washington."))
    chat.say("Who was the first president of the United States?")
    assert chat.status == "refused"
    assert "Washington" not in chat.answer


def test_invented_values_of_a_write_are_asked_for_and_the_secret_never_reaches_the_model(
    chat, scripted_server, demo_product, unique
):
    invented = {"username": unique, "password": "Invented-Pass-1", "email": "made@up.example"}
    scripted_server.will(Reply(calls=[("create_user", invented)]), Reply(text=""))
    chat.say(f"Create a user named {unique}")
    assert (chat.status, chat.asked) == ("asking", ["password"])
    chat.reply(password=PASSWORD).confirm()
    assert chat.status == "answered", chat.answer
    assert demo_product.api("GET", f"/users/{unique}").json()["email"] == ""
    prompts = json.dumps(scripted_server.requests)
    assert PASSWORD not in prompts
    with tenant_context(chat.tenant_id):
        assert RunSecret.objects.count() == 0


def test_a_password_in_the_message_is_masked_before_anything_is_stored_and_still_used(
    chat, scripted_server, demo_product, unique
):
    scripted_server.will(
        Reply(calls=[("create_user", {"username": unique, "password": "[[secret:password]]"})]), Reply(text="")
    )
    chat.say(f"Create a user named {unique} with password {PASSWORD}")
    assert PASSWORD not in chat.run.request
    assert chat.status == "confirming"
    chat.confirm()
    assert chat.status == "answered", chat.answer
    assert PASSWORD not in json.dumps(scripted_server.requests)
    assert demo_product.api("GET", f"/users/{unique}").status == 200


def test_the_model_asks_and_the_answer_goes_back_to_it(chat, scripted_server):
    scripted_server.will(
        Reply(calls=[("ask_user", {"question": "Which one?", "choices": ["alice", "bernd"]})]),
        Reply(calls=[("get_user", {"username": "bernd"})]),
        Reply(text=""),
    )
    chat.say("Show me the user")
    assert (chat.status, chat.state.question) == ("asking", "Which one?")
    chat.reply(answer="bernd")
    assert chat.status == "answered"
    assert "Klein" in chat.answer


def test_a_tool_that_is_not_there_and_one_that_is_denied_are_never_called(chat, scripted_server):
    scripted_server.will(
        Reply(calls=[("drop_database", {})]), Reply(calls=[("delete_everything", {})]), Reply(text="Done!")
    )
    chat.say("Delete everything")
    assert chat.status == "refused"
    assert chat.calls() == []


def test_the_history_goes_into_the_prompt(chat, scripted_server):
    scripted_server.will(Reply(calls=[("get_user", {"username": "alice"})]), Reply(text=""))
    chat.say("Get the user alice")
    scripted_server.will(Reply(calls=[("list_user_groups", {"username": "alice"})]), Reply(text=""))
    chat.say("and her groups?")
    assert chat.status == "answered"
    prompt = scripted_server.requests[2]["messages"]
    assert [m["content"] for m in prompt if m["role"] == "user"] == ["Get the user alice", "and her groups?"]
    assert any(m["role"] == "tool" and "Meyer" in m["content"] for m in prompt)
    provenance = chat.state.calls[0].provenance["/username"]
    assert provenance.kind == "said"


def test_a_refused_value_is_repaired_by_the_model_and_told(chat, scripted_server, demo_product, unique):
    wrong = {"username": unique, "description": "Works in Berlin!"}
    scripted_server.will(
        Reply(calls=[("create_user", wrong)]),
        Reply(calls=[("create_user", {**wrong, "description": "Works in Berlin"})]),
        Reply(text=""),
    )
    chat.say(f"Create a user {unique} with the description 'Works in Berlin!'").reply(password=PASSWORD).confirm()
    assert chat.status == "confirming", "a changed call is agreed to anew"
    chat.confirm()
    assert chat.status == "answered", chat.answer
    assert demo_product.api("GET", f"/users/{unique}").json()["description"] == "Works in Berlin"
    assert "Works in Berlin!" in json.dumps(chat.events()[-1][1])


def test_a_model_server_that_is_away_fails_the_run_with_a_plain_sentence(chat, settings, unique):
    settings.NLOPS_MODEL = f"compatible:{unique}@http://127.0.0.1:9/v1"  # its breaker is shared by all test processes
    settings.NLOPS_BREAKER_FAILURES = 100
    chat.say("Get the user alice")
    assert chat.status == "failed"
    assert "NLOPS_MODEL" in chat.answer
    with tenant_context(chat.tenant_id):
        assert Flag.objects.filter(run=chat.run, reason="failed").exists()


def test_a_setting_that_names_no_model_fails_the_run_with_the_remedy(chat, settings):
    settings.NLOPS_MODEL = "nonsense"
    chat.say("Get the user alice")
    assert chat.status == "failed"
    assert "compatible:MODEL@" in chat.answer


def test_a_wrong_password_of_the_connection_is_told_without_the_password(chat, scripted_server):
    with tenant_context(chat.tenant_id):
        connection = Connection.objects.get()
        connection.tokens, connection.username = "", "nobody"
        connection.save()
    scripted_server.script = lambda request: (
        Reply(text="") if any(m["role"] == "tool" for m in request["messages"]) else Reply(calls=[("list_groups", {})])
    )
    chat.say("List groups")
    assert chat.status == "failed"
    assert "password" in chat.answer.lower()
    assert "Acme-Client-1" not in chat.answer


def make_users(demo_product, *names: str) -> None:
    for name in names:
        body = {"username": name, "password": PASSWORD, "department": "Trial"}
        assert demo_product.api("POST", "/users", body).status == 201


def test_calls_of_one_operation_are_confirmed_as_one_and_each_is_made_once(chat, scripted_server, demo_product, unique):
    names = [f"{unique}{letter}" for letter in "abc"]
    make_users(demo_product, *names)
    scripted_server.will(
        Reply(calls=[("update_user", {"username": name, "description": "interns"}) for name in names]), Reply(text="")
    )
    chat.say(f"Set the description of {', '.join(names)} to interns")
    assert chat.status == "confirming"
    with tenant_context(chat.tenant_id):
        assert Approval.objects.filter(run=chat.run, status="waiting").count() == 3
    chat.confirm()
    assert chat.status == "answered", chat.answer
    assert [call[2:] for call in chat.calls()] == [("succeeded", 200)] * 3
    assert {demo_product.api("GET", f"/users/{name}").json()["description"] for name in names} == {"interns"}
    with tenant_context(chat.tenant_id):
        assert Approval.objects.filter(run=chat.run, status="used").count() == 3


def test_a_batch_that_needs_an_approval_is_approved_as_one_and_stops_at_its_first_failure(
    acme, chat, scripted_server, demo_product, unique
):
    names = [f"{unique}{letter}" for letter in "ab"]
    make_users(demo_product, *names)
    gone = f"{unique}gone"
    calls = [("delete_user", {"username": name}) for name in (names[0], gone, names[1])]
    scripted_server.will(Reply(calls=calls), Reply(text=""))
    chat.say(f"Delete the users {names[0]}, {gone} and {names[1]}")
    assert chat.status == "approving"
    with tenant_context(chat.tenant_id):
        (waiting,) = waiting_approvals()
    chat.decide_on(acme.operator, waiting, True)
    assert chat.status in ("answered", "failed"), chat.answer
    assert [call[2] for call in chat.calls()] == ["succeeded", "failed", "rejected"]
    assert demo_product.api("GET", f"/users/{names[0]}").status == 404
    assert demo_product.api("GET", f"/users/{names[1]}").status == 200

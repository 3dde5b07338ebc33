"""What a person meets when a model answers in odd ways or not at all: the whole flow over real HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from accounts.context import tenant_context
from tests.conftest import make_people
from tests.journeys import Journey, connect_product
from tests.scripted_server import Reply, ScriptedServer

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

FOUND = Reply(calls=[("get_user", {"username": "alice"})])
TOLD = Reply(text="The last name of alice is Meyer.")
AWAY = Reply(status=503, headers={"x-should-retry": "false"})


@pytest.fixture
def chat(transactional_db, clean_cache, demo_product, scripted_server, settings) -> Journey:
    settings.NLOPS_MODEL = scripted_server.model
    people = make_people("acme")
    connect_product(people, demo_product, client=demo_product.client("acme"))
    return Journey(people.customer)


@pytest.fixture
def second_server() -> Iterator[ScriptedServer]:
    """The server of the fallback model."""
    server = ScriptedServer()
    yield server
    server.close()


def told(chat: Journey) -> str:
    with tenant_context(chat.tenant_id):
        return json.dumps(chat.events(), default=str)


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "get_user", "arguments": {"username": "alice"}}</tool_call>',
        "get_user(username='alice')",
        "<function=get_user><parameter=username>alice</parameter></function>",
    ],
)
def test_a_call_that_is_written_into_the_text_is_made(chat, scripted_server, text):
    scripted_server.will(Reply(text=text), TOLD)
    chat.say("Get the user alice")
    assert (chat.status, [call[3] for call in chat.calls()]) == ("answered", [200])
    assert chat.state.answer.text == "The last name of alice is Meyer."


def test_a_call_that_cant_be_read_is_written_again_and_made_once(chat, scripted_server):
    scripted_server.will(Reply(calls=[("get_user", '{"username": "ali')]), FOUND, TOLD)
    chat.say("Get the user alice")
    assert (chat.status, len(chat.calls())) == ("answered", 1)


def test_calls_at_once_with_the_same_id_are_told_apart(chat, scripted_server):
    body = json.loads(Reply(calls=[("get_user", {"username": n}) for n in ("alice", "bernd")]).body())
    for call in body["choices"][0]["message"]["tool_calls"]:
        call["id"] = "same"
    scripted_server.will(Reply(raw=json.dumps(body)), Reply(text="alice is Meyer, bernd is Klein."))
    chat.say("Get the users alice and bernd")
    assert (chat.status, len(chat.calls())) == ("answered", 2)


def test_a_refusal_of_the_provider_is_told(chat, scripted_server):
    scripted_server.will(Reply(refusal="I can't help with that."))
    chat.say("Get the user alice")
    assert chat.status == "failed"
    assert "declined" in chat.answer


def test_a_pause_that_the_server_asks_for_is_kept_by_the_run_and_not_by_the_worker(chat, scripted_server):
    scripted_server.will(Reply(status=429, headers={"retry-after": "1", "x-should-retry": "false"}), FOUND, TOLD)
    chat.say("Get the user alice")
    assert chat.status == "answered"
    assert "Trying again in 1 s" in told(chat)


def test_a_stream_that_breaks_off_is_asked_for_again(chat, scripted_server):
    half = len(TOLD.stream({})) // 2
    scripted_server.will(FOUND, Reply(text=TOLD.text, breaks_after=half), TOLD)
    chat.say("Get the user alice")
    assert (chat.status, len(chat.calls())) == ("answered", 1)
    assert chat.state.answer.text == "The last name of alice is Meyer."
    assert scripted_server.requests[1]["stream"] is True


def test_words_that_were_cut_off_are_marked_or_replaced(chat, scripted_server):
    scripted_server.will(FOUND, Reply(text="The last name of alice is Meyer. She", finish_reason="length"))
    chat.say("Get the user alice")
    assert chat.status == "answered"
    assert not chat.answer.rstrip().endswith("She")
    assert "Meyer" in chat.answer


def test_a_model_that_is_left_alone_gives_way_to_the_fallback(chat, scripted_server, second_server, settings):
    settings.NLOPS_BREAKER_FAILURES = 1
    settings.NLOPS_BREAKER_SECONDS = 300
    settings.NLOPS_FALLBACK_MODEL = second_server.model.replace("scripted@", "second@")
    scripted_server.script = lambda request: AWAY
    second_server.will(FOUND, TOLD, FOUND, TOLD)
    for _ in range(2):
        began = time.monotonic()
        chat.say("Get the user alice")
        assert chat.status == "answered"
    assert len(scripted_server.requests) == 1, "while it is left alone, nobody waits for it"
    assert time.monotonic() - began < 5
    assert "another model" in told(chat)

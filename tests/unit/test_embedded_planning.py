"""The embedded model's plans, over many turns, without the model: what the words alone decide."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from nlops.core.types import Completion, Message, Role, Tool, ToolCall
from nlops.llm.base import Limits, ModelError
from nlops.llm.embedded import EmbeddedModel
from nlops.llm.needle import Filled, Needle
from tests.benchmarks.access_tools import access_tools

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=ZoneInfo("Europe/Berlin"))
ALICE = {
    "id": 7,
    "username": "user1",
    "email": "user1@acme.example",
    "first_name": "Uma",
    "last_name": "Serra",
    "department": "Sales",
    "description": "",
    "created_at": "2026-01-02T03:04:05Z",
}


class SilentNeedle(Needle):
    """A model that never finds anything."""

    def fill(self, request: str, tool: dict[str, Any], *, with_confidence: bool = False) -> Filled:
        return Filled(None, "", 0.5 if with_confidence else None)


class Talk:
    """A conversation with the model, in which the test plays the engine and the product."""

    def __init__(self, *without: str, tools: list[Tool] | None = None, needle: Needle | None = None) -> None:
        self.tools = tools or access_tools(*without)
        self.model = EmbeddedModel(needle or SilentNeedle())
        self.messages = [Message(Role.SYSTEM, "Rules.")]
        self.count = 0

    def say(self, text: str) -> ToolCall | None:
        """The person says something; what the model calls."""
        self.messages.append(Message(Role.USER, text))
        return self.turn()

    def turn(self) -> ToolCall | None:
        completion: Completion = self.model.complete(self.messages, self.tools, Limits(now=NOW))
        self.text, self.calls = completion.text, completion.tool_calls
        if not completion.tool_calls:
            return None
        self.count += 1
        asked = completion.tool_calls[0]
        self.call = ToolCall(f"{asked.id}_{self.count}", asked.name, asked.arguments)
        return asked

    def answer(self, result: Any, **said: Any) -> ToolCall | None:
        """The call's result (and the values that the person supplied for it); what the model calls next."""
        call = ToolCall(self.call.id, self.call.name, {**self.call.arguments, **said})
        self.messages += [
            Message(Role.ASSISTANT, tool_calls=(call,)),
            Message(Role.TOOL, json.dumps(result), tool_call_id=call.id, name=call.name),
        ]
        return self.turn()

    def done(self, result: Any, **said: Any) -> None:
        """The call's result, after which nothing is left to do; the engine tells the person."""
        assert self.answer(result, **said) is None
        self.messages.append(Message(Role.ASSISTANT, "Done."))


def plain(call: ToolCall | None) -> tuple[str, dict[str, Any]]:
    assert call is not None
    return call.name, call.arguments


# --- one action ---


def test_missing_values_are_left_out_never_invented() -> None:
    assert plain(Talk().say("Create a new user")) == ("create_user", {})
    assert plain(Talk().say("Create a user named user1")) == ("create_user", {"username": "user1"})
    assert plain(Talk().say("Delete a group")) == ("delete_group", {})


def test_after_the_only_call_nothing_is_left() -> None:
    talk = Talk()
    talk.say("Get the user called user1")
    assert talk.answer(ALICE) is None


def test_a_placeholder_of_a_secret_goes_into_the_secret_argument_verbatim() -> None:
    call = Talk().say("Create user eve with password [[secret:password]] and email eve@acme.example")
    expected = {"username": "eve", "password": "[[secret:password]]", "email": "eve@acme.example"}
    assert plain(call) == ("create_user", expected)


def test_a_secret_argument_is_never_filled_from_open_words() -> None:
    assert "new_password" not in plain(Talk().say("reset the password of bob to hunter2"))[1]


def test_quoted_values_are_taken_exactly() -> None:
    assert plain(Talk().say("Show the group 'R & D, Berlin'")) == ("get_group", {"name": "R & D, Berlin"})
    assert plain(Talk().say('create a group called "list users"')) == ("create_group", {"name": "list users"})


def test_prose_keeps_its_signs() -> None:
    _, arguments = plain(Talk().say("Create a group ops with description Always on call!"))
    assert arguments == {"name": "ops", "description": "Always on call!"}


@pytest.mark.parametrize(
    "request_",
    [
        "Who was the first president of the United States?",
        "write me a poem about users",
        "what is 2+2",
        "tell me a joke",
        "what's the weather in Paris",
        "book a flight",
        "reboot the coffee machine",
    ],
)
def test_what_no_operation_serves_is_refused(request_: str) -> None:
    assert plain(Talk().say(request_))[0] == "refuse"


@pytest.mark.parametrize(
    "request_", ["hello", "Hi there!", "thanks", "what can you do?", "help", "who are you", "How does this work?"]
)
def test_greetings_and_questions_about_nlops_describe_it(request_: str) -> None:
    assert plain(Talk().say(request_))[0] == "describe_capabilities"


def test_a_greeting_before_a_request_is_no_greeting() -> None:
    assert plain(Talk().say("Hello, please list the groups"))[0] == "list_groups"


@pytest.mark.parametrize("request_", ["Delete the user bob", "remove user bob", "get rid of the user bob"])
def test_an_operation_that_is_not_allowed_is_not_replaced_by_another(request_: str) -> None:
    assert plain(Talk("delete_user").say(request_))[0] == "refuse"


def test_each_of_several_things_gets_its_own_call() -> None:
    talk = Talk()
    talk.say("add alice and bob to the group Sales")
    assert [plain(call) for call in talk.calls] == [
        ("add_group_member", {"name": "Sales", "username": "alice"}),
        ("add_group_member", {"name": "Sales", "username": "bob"}),
    ]


# --- dates ---


def test_words_for_dates_are_resolved_first() -> None:
    talk = Talk()
    assert plain(talk.say("Show me all audit log entries from yesterday")) == (
        "resolve_date",
        {"expression": "yesterday"},
    )
    start, end = "2026-11-22T00:00:00+01:00", "2026-11-22T23:59:59+01:00"
    assert plain(talk.answer({"expression": "yesterday", "start": start, "end": end})) == (
        "list_audit_entries",
        {"from": start, "to": end},
    )
    assert talk.answer([]) is None


def test_an_open_end_is_left_out() -> None:
    talk = Talk()
    talk.say("audit entries of alice since Monday")
    start = "2026-11-23T00:00:00+01:00"
    name, arguments = plain(talk.answer({"expression": "since Monday", "start": start, "end": None}))
    assert (name, arguments) == ("list_audit_entries", {"from": start, "actor": "alice"})


def test_a_date_that_no_argument_takes_is_ignored() -> None:
    assert plain(Talk().say("list the groups of today"))[0] == "list_groups"


def test_a_date_that_can_not_be_resolved_does_not_loop() -> None:
    talk = Talk()
    talk.say("Show me all audit log entries from yesterday")
    assert plain(talk.answer({"error": {"message": "no date"}})) == ("list_audit_entries", {})


# --- chains ---


def test_the_second_call_takes_the_details_of_the_first() -> None:
    talk = Talk()
    request = "Get the user details of user 'user1' and create a new user user2 with those details"
    assert plain(talk.say(request)) == ("get_user", {"username": "user1"})
    assert plain(talk.answer(ALICE)) == (
        "create_user",
        {
            "username": "user2",
            "email": "user1@acme.example",
            "first_name": "Uma",
            "last_name": "Serra",
            "department": "Sales",
        },
    )
    assert talk.answer({**ALICE, "username": "user2"}, password="[[secret:password]]") is None


def test_him_is_the_user_that_was_just_created() -> None:
    talk = Talk()
    assert plain(talk.say("Create a user bob and add him to the group Sales")) == ("create_user", {"username": "bob"})
    assert plain(talk.answer({"username": "bob"}, password="[[secret:password]]")) == (
        "add_group_member",
        {"name": "Sales", "username": "bob"},
    )


def test_a_value_that_the_person_supplied_is_known_to_the_next_step() -> None:
    talk = Talk()
    assert plain(talk.say("Create a new user and add him to the group Sales")) == ("create_user", {})
    call = talk.answer({"username": "zoe"}, username="zoe", password="[[secret:password]]")
    assert plain(call) == ("add_group_member", {"name": "Sales", "username": "zoe"})


def test_a_chain_stops_at_the_first_failure() -> None:
    talk = Talk()
    talk.say("Get the user user1 and create a new user user2 with those details")
    assert talk.answer({"error": {"status": 404, "message": "No such user.", "fields": []}}) is None
    assert talk.text == "Not done because of that: “create a new user user2 with those details”."


# --- references to earlier turns ---


def test_his_groups_are_those_of_the_last_user() -> None:
    talk = Talk()
    talk.say("Get the user called user1")
    talk.done(ALICE)
    assert plain(talk.say("and his groups?")) == ("list_user_groups", {"username": "user1"})


def test_that_one_is_what_the_last_call_was_about() -> None:
    talk = Talk()
    talk.say("show the group night-shift")
    talk.done({"name": "night-shift", "description": "x"})
    assert plain(talk.say("delete that one")) == ("delete_group", {"name": "night-shift"})


@pytest.mark.parametrize("request_", ["disable him", "please disable her", "disable that user", "Disable them"])
def test_a_person_can_be_pointed_to(request_: str) -> None:
    talk = Talk()
    talk.say("show user alice")
    talk.done({"username": "alice"})
    assert plain(talk.say(request_)) == ("disable_user", {"username": "alice"})


def test_add_her_to_another_group_too() -> None:
    talk = Talk()
    talk.say("add alice to the group Sales")
    talk.done({})
    assert plain(talk.say("add her to the group Support too")) == (
        "add_group_member",
        {"name": "Support", "username": "alice"},
    )


def test_the_first_one_is_an_entry_of_the_last_list() -> None:
    talk = Talk()
    talk.say("list users")
    talk.done({"items": [{"id": 1, "username": "ada"}, {"id": 2, "username": "bo"}], "next": None})
    assert plain(talk.say("show me the details of the first one")) == ("get_user", {"username": "ada"})


@pytest.mark.parametrize("request_", ["what about user2?", "and user2?", "And for user2", "how about 'user2'?"])
def test_what_about_another_repeats_the_last_call(request_: str) -> None:
    talk = Talk()
    talk.say("which groups is user1 in?")
    talk.done([])
    assert plain(talk.say(request_)) == ("list_user_groups", {"username": "user2"})


def test_a_reference_to_nothing_is_left_open() -> None:
    assert plain(Talk().say("disable him")) == ("disable_user", {})


def test_a_secret_is_never_taken_over_from_an_earlier_call() -> None:
    talk = Talk()
    talk.say("Create user ann with password [[secret:password]]")
    talk.done({"username": "ann"})
    _, arguments = plain(talk.say("create user ben with the same details"))
    assert "password" not in arguments


# --- repairs ---


def refusal(field: str, message: str, status: int = 422) -> dict[str, Any]:
    return {"error": {"status": status, "message": message, "fields": [{"field": field, "message": message}]}}


def test_signs_that_the_product_forbids_are_taken_out_of_prose() -> None:
    talk = Talk()
    talk.say("create a group ops with description 'On call, 24/7!'")
    call = talk.answer(refusal("description", "Only letters, digits and spaces are allowed."))
    assert plain(call) == ("create_group", {"name": "ops", "description": "On call 247"})


def test_a_sign_that_the_message_names_is_taken_out() -> None:
    talk = Talk()
    talk.say("create a group ops with description 'Hello, team!'")
    call = talk.answer(refusal("body.description", "The character '!' is not allowed."))
    assert plain(call) == ("create_group", {"name": "ops", "description": "Hello, team"})


def test_names_are_never_mended() -> None:
    talk = Talk()
    talk.say("create a group called 'ops!'")
    assert talk.answer(refusal("name", "Only letters and digits are allowed.")) is None


def test_a_call_is_mended_at_most_twice() -> None:
    talk = Talk()
    talk.say("create a group ops with description 'a! b? c'")
    assert talk.answer(refusal("description", "The character '!' is not allowed.")) is not None
    assert talk.answer(refusal("description", "The character '?' is not allowed.")) is not None
    assert talk.answer(refusal("description", "The character 'c' is not allowed; only digits.")) is None


def test_a_near_choice_of_the_message_is_taken() -> None:
    talk = Talk()
    talk.say("request access to safe web with reason 'deploy'")
    call = talk.answer(refusal("access", "Must be one of: read, write."), access="reading")
    assert plain(call)[1]["access"] == "read"


def test_a_conflict_is_not_mended() -> None:
    talk = Talk()
    talk.say("create a group ops")
    assert talk.answer(refusal("name", "A group of this name exists.", 409)) is None


# --- questions ---


def test_a_request_that_can_mean_several_things_is_asked_about() -> None:
    talk = Talk()
    name, arguments = plain(talk.say("delete prod-db"))
    assert name == "ask_user"
    assert {"Delete a group", "Delete a safe"} <= set(arguments["choices"])
    assert plain(talk.answer({"answer": "Delete a safe"})) == ("delete_safe", {"name": "prod-db"})


def test_a_name_that_was_seen_before_needs_no_question() -> None:
    talk = Talk()
    talk.say("list safes")
    talk.done([{"name": "prod-db"}, {"name": "web"}])
    assert plain(talk.say("delete prod-db")) == ("delete_safe", {"name": "prod-db"})


def test_an_update_of_nothing_asks_what_to_change() -> None:
    talk = Talk()
    name, arguments = plain(talk.say("update the user bob"))
    assert name == "ask_user"
    assert "department" in arguments["question"]
    assert plain(talk.answer({"answer": "set the department to Legal"})) == (
        "update_user",
        {"username": "bob", "department": "Legal"},
    )


def test_asking_again_what_to_change_does_not_loop() -> None:
    talk = Talk()
    talk.say("update the user bob")
    assert plain(talk.answer({"answer": "dunno"}))[0] == "refuse"


# --- odd input ---


@pytest.mark.parametrize(
    "text", ["", " ", "?", "!!!", "'", "''", "[[secret:password]]", "and", "x" * 3000, "a " * 1500]
)
def test_odd_words_do_no_harm(text: str) -> None:
    call = Talk().say(text)
    assert call is None or call.name in ("refuse", "describe_capabilities", "ask_user")


@pytest.mark.parametrize(
    "words",
    [
        "x",
        "thanks ",
        "hi there, ",
        "list users and ",
        "show user1 and his groups ",
        "'a ",
        "alice, ",
        " ",
        "\n",
    ],
)
def test_long_requests_are_read_quickly(words: str) -> None:
    request = "list" + (words * 4000)[:3990] + "users"
    begin = time.thread_time()
    Talk().say(request)
    assert time.thread_time() - begin < 5  # a tenth of a second on an idle machine


def test_a_request_that_is_too_long_is_not_cut_but_said_so() -> None:
    with pytest.raises(ModelError, match="up to 4,000 characters; this one has 100,000"):
        Talk().say("x" * 100_000)


def test_no_messages_and_no_tools_do_no_harm() -> None:
    model = EmbeddedModel(SilentNeedle())
    assert model.complete([], access_tools(), Limits(now=NOW)).tool_calls == ()
    assert model.complete([Message(Role.USER, "list users")], [], Limits(now=NOW)).tool_calls == ()


def test_switching_off_never_switches_on() -> None:
    call = plain(Talk().say("switch off mfa"))
    assert call[0] == "refuse" or True not in call[1].values()

"""Results of calls feed later calls: ids are looked up by name, a list is gone through entry by entry."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from nlops.core.retrieval import OperationIndex, document
from nlops.core.tools import OWN_TOOLS
from nlops.core.types import Completion, Message, Role, Tool
from nlops.llm.base import Limits
from nlops.llm.embedded import EmbeddedModel
from nlops.llm.needle import Filled, Needle

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
_S: dict[str, Any] = {"type": "string"}
_I: dict[str, Any] = {"type": "integer"}


class SilentNeedle(Needle):
    """Fills nothing, so that only the rules are tested."""

    def fill(self, request: str, tool: dict[str, Any], *, with_confidence: bool = False) -> Filled:
        return Filled(None, "", 0.0 if with_confidence else None)


def _tool(name: str, route: str, summary: str, needs: dict[str, Any], takes: dict[str, Any] | None = None) -> Tool:
    method, path = route.split()
    schema = {"type": "object", "properties": {**needs, **(takes or {})}, "required": list(needs)}
    return Tool(name, summary, schema, operation_id=name, method=method, path=path, summary=summary)


#: A product whose operations take ids that nobody says.
TOOLS = (
    _tool("list_groups", "GET /groups", "List groups", {}, {"search": _S}),
    _tool("get_group", "GET /groups/{group_id}", "Get a group", {"group_id": _I}),
    _tool("delete_group", "DELETE /groups/{group_id}", "Delete a group", {"group_id": _I}),
    _tool("list_group_members", "GET /groups/{group_id}/members", "List the members of a group", {"group_id": _I}),
    _tool(
        "add_group_member",
        "POST /groups/{group_id}/members",
        "Add a user to a group",
        {"group_id": _I, "user_id": _S},
    ),
    _tool(
        "remove_group_member",
        "DELETE /groups/{group_id}/members/{user_id}",
        "Remove a user from a group",
        {"group_id": _I, "user_id": _S},
    ),
    _tool("list_users", "GET /users", "List users", {}, {"department": _S}),
    _tool("disable_user", "POST /users/{user_id}/disable", "Disable a user", {"user_id": _S}),
    _tool("list_tokens", "GET /tokens", "List tokens", {}),
    _tool("delete_token", "DELETE /tokens/{id}", "Delete a token", {"id": _S}),
)
_RESULTS: dict[str, Any] = {
    "list_groups": {
        "items": [
            {"id": 3, "name": "Sales", "city": "Bonn"},
            {"id": 5, "name": "Interns", "city": "Berlin"},
            {"id": 7, "name": "Ops", "city": "Bonn"},
            {"id": 8, "name": "Ops", "city": "Rome"},
        ]
    },
    "list_users": [
        {"id": "u-a", "username": "alice", "enabled": True},
        {"id": "u-b", "username": "bob", "enabled": True},
        {"id": "u-c", "username": "carol", "enabled": False},
    ],
    "list_group_members": [{"user_id": "u-b", "username": "bob"}, {"user_id": "u-c", "username": "carol"}],
    "list_tokens": [
        {"id": "t1", "expires_at": "2020-01-01T00:00:00Z"},
        {"id": "t2", "expires_at": "2030-01-01T00:00:00Z"},
        {"id": "t3", "expires_at": "2021-01-01T00:00:00Z"},
    ],
}


class Run:
    """One request, with the product's answers as above; `answers` are the person's."""

    def __init__(self, request: str, *answers: str, results: dict[str, Any] | None = None) -> None:
        self.results = {**_RESULTS, **(results or {})}
        self.messages = [Message(Role.USER, request)]
        self.turns: list[list[tuple[str, dict[str, Any]]]] = []
        self.text = ""
        self.asked: list[str] = []
        said = list(answers)
        model = EmbeddedModel(SilentNeedle())
        for _ in range(9):
            turn = model.complete(self.messages, [*OWN_TOOLS, *TOOLS], Limits(now=NOW))
            if not turn.tool_calls:
                self.text = turn.text
                return
            if not self._play(turn, said):
                return

    def _play(self, turn: Completion, said: list[str]) -> bool:
        self.turns.append([(call.name, dict(call.arguments)) for call in turn.tool_calls])
        self.messages.append(Message(Role.ASSISTANT, tool_calls=turn.tool_calls))
        for call in turn.tool_calls:
            result = self.results.get(call.name, {"ok": True})
            if call.name == "ask_user":
                self.asked = call.arguments["choices"]
                if not said:
                    return False
                result = {"answer": said.pop(0)}
            content = json.dumps(result)
            self.messages.append(Message(Role.TOOL, content, tool_call_id=call.id, name=call.name))
        return turn.tool_calls[0].name != "refuse"

    @property
    def last(self) -> list[tuple[str, dict[str, Any]]]:
        return self.turns[-1]


def test_an_id_is_looked_up_by_the_name_that_was_said() -> None:
    run = Run("delete the group Sales")
    assert run.turns == [[("list_groups", {"search": "Sales"})], [("delete_group", {"group_id": 3})]]


def test_an_id_that_was_said_is_not_looked_up() -> None:
    assert Run("delete group 12").turns == [[("delete_group", {"group_id": 12})]]


def test_a_name_that_nothing_has_ends_the_request_and_says_so() -> None:
    run = Run("delete the group Marketing and then disable bob")
    assert len(run.turns) == 1
    assert run.text.startswith("There is no group “Marketing”, so that was not done.")
    assert "“disable bob”" in run.text


def test_of_two_things_of_a_name_the_person_chooses() -> None:
    run = Run("delete the group Ops")
    assert run.asked == ["Ops (city Bonn, id 7)", "Ops (city Rome, id 8)"]
    assert Run("delete the group Ops", "Ops (city Rome, id 8)").last == [("delete_group", {"group_id": 8})]


def test_ids_are_found_from_the_outer_thing_to_the_inner_one() -> None:
    run = Run("remove bob from Sales")
    assert [turn[0][0] for turn in run.turns] == ["list_groups", "list_group_members", "remove_group_member"]
    assert run.last == [("remove_group_member", {"group_id": 3, "user_id": "u-b"})]


def test_a_thing_of_a_list_that_is_too_long_is_not_said_to_be_missing() -> None:
    cut = [{"id": "u-z", "username": "zoe"}, "(80 more left out)"]
    assert "too long" in Run("disable alice", results={"list_users": cut}).text


@pytest.mark.parametrize(
    ("request_", "tool", "argument", "values"),
    [
        ("disable all users in the group interns", "disable_user", "user_id", ["u-b", "u-c"]),
        ("disable everyone in Sales except bob", "disable_user", "user_id", ["u-c"]),
        ("delete every expired token", "delete_token", "id", ["t1", "t3"]),
        ("remove all members from the group Sales", "remove_group_member", "user_id", ["u-b", "u-c"]),
        ("add all members of Sales to Interns", "add_group_member", "user_id", ["u-b", "u-c"]),
        ("add alice, bob and carol to the group Sales", "add_group_member", "user_id", ["u-a", "u-b", "u-c"]),
        ("delete groups Sales and Interns", "delete_group", "group_id", [3, 5]),
    ],
)
def test_a_call_for_each_is_planned_in_one_turn(request_: str, tool: str, argument: str, values: Sequence[Any]) -> None:
    last = Run(request_).last
    assert {name for name, _ in last} == {tool}
    assert [arguments[argument] for _, arguments in last] == list(values)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ("disable all the lazy users", "does not tell which of them are “lazy”"),
        ("disable everyone in Sales except zoe", "whom to leave out"),
    ],
)
def test_what_a_list_does_not_tell_stops_the_whole(request_: str, reason: str) -> None:
    run = Run(request_)
    assert reason in run.text
    assert {name for turn in run.turns for name, _ in turn} <= {"list_users", "list_groups", "list_group_members"}


def test_a_list_of_nothing_is_said() -> None:
    assert "There is nothing to do" in Run("delete every token", results={"list_tokens": []}).text


def test_with_an_operation_comes_the_list_of_its_ids() -> None:
    tools = [tool for tool in TOOLS if tool.name in ("delete_group", "list_groups", "disable_user", "list_users")]
    index = OperationIndex(
        (tool.name, document(name=tool.name, method=tool.method, path=tool.path, summary=tool.summary))
        for tool in tools
    )
    assert index.select("delete the group Sales", "", 2) == ["delete_group", "list_groups"]

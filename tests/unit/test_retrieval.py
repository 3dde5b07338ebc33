"""Operations ranked for a request, and requests split into actions."""

from __future__ import annotations

import pickle
import statistics
import time

import pytest

from nlops.core import thesaurus, wording
from nlops.core.retrieval import OperationIndex, document, split_actions
from nlops.core.types import Tool
from tests.benchmarks.access_tools import access_tools


def text_of(tool: Tool) -> str:
    return document(
        name=tool.name,
        method=tool.method,
        path=tool.path,
        summary=tool.summary,
        description=tool.description,
        service=tool.service,
        parameters=tool.properties,
    )


@pytest.fixture(scope="module")
def index() -> OperationIndex:
    return OperationIndex((tool.name, text_of(tool)) for tool in access_tools()[4:])


@pytest.mark.parametrize(
    ("request_", "operation"),
    [
        ("show all users", "list_users"),
        ("which users are there?", "list_users"),
        ("fetch user bob", "get_user"),
        ("view the details of the user bob", "get_user"),
        ("get rid of group interns", "delete_group"),
        ("remove the safe old", "delete_safe"),
        ("make a new group", "create_group"),
        ("add a user", "create_user"),
        ("turn off user bob", "disable_user"),
        ("switch on user bob", "enable_user"),
        ("edit user bob", "update_user"),
        ("put bob into the group Sales", "add_group_member"),
        ("remove bob from the group Sales", "remove_group_member"),
        ("who is in the group Sales?", "list_group_members"),
        ("bob's groups", "list_user_groups"),
        ("what is in safe web?", "list_secrets"),
        ("the team's members of team Sales", "list_group_members"),
    ],
)
def test_the_best_operation_comes_first(index: OperationIndex, request_: str, operation: str) -> None:
    assert index.rank(request_, 3)[0][0] == operation


def test_scores_fall_and_nothing_is_more_than_asked_for(index: OperationIndex) -> None:
    ranked = index.rank("list the users", 5)
    scores = [score for _, score in ranked]
    assert len(ranked) == 5
    assert scores == sorted(scores, reverse=True)


def test_words_that_no_operation_has_find_nothing(index: OperationIndex) -> None:
    assert index.rank("zebra crossing", 5) == []
    assert index.rank("", 5) == []
    assert OperationIndex([]).rank("list users", 5) == []


def test_an_operation_that_needs_more_names_than_were_said_comes_later(index: OperationIndex) -> None:
    names = [name for name, _ in index.rank("delete secret root of safe web", 10)]
    assert names[0] == "delete_secret"
    without = [name for name, _ in index.rank("show the secret settings", 20)]
    assert without.index("get_settings") < without.index("list_secrets")


def test_an_index_can_be_pickled(index: OperationIndex) -> None:
    copy = pickle.loads(pickle.dumps(index))
    assert copy.rank("show all users", 5) == index.rank("show all users", 5)


def test_any_text_can_be_indexed() -> None:
    index = OperationIndex([("a", "List the widgets of a shop"), ("b", "Delete a gadget"), ("c", "")])
    assert index.rank("show widgets", 2)[0][0] == "a"
    assert index.rank("remove gadget x", 2)[0][0] == "b"


def test_twelve_hundred_operations_are_ranked_within_milliseconds() -> None:
    nouns = ["user", "group", "safe", "key", "token", "host", "zone", "rule", "alert", "disk", "volume", "image"]
    documents = [
        (
            f"{verb}_{noun}_{number}",
            document(
                name=f"{verb}_{noun}",
                method=method,
                path=f"/{noun}s/{{id}}/part{number}",
                summary=f"{verb} a {noun} {number}",
            ),
        )
        for noun in nouns
        for number in range(25)
        for verb, method in (("get", "GET"), ("delete", "DELETE"), ("update", "PATCH"), ("create", "POST"))
    ]
    index = OperationIndex(documents)
    times = []
    for request in ("delete the token abc-1", "show all hosts", "create a rule named x", "update zone z9") * 10:
        begin = time.perf_counter()
        assert index.rank(request, 40)
        times.append(time.perf_counter() - begin)
    assert len(documents) == 1200
    assert statistics.median(times) < 0.02  # about 0.001 on an idle machine


@pytest.mark.parametrize(
    ("text", "actions"),
    [
        (
            "get the details of user1 and create a new user user2 with those details",
            ["get the details of user1", "create a new user user2 with those details"],
        ),
        ("create a user bob and add him to Sales", ["create a user bob", "add him to Sales"]),
        ("show user1 and his groups", ["show user1", "show his groups"]),
        ("show bob, then disable him", ["show bob", "disable him"]),
        ("Delete group a. Then show me all groups.", ["Delete group a", "Then show me all groups."]),
        ("list users; list groups", ["list users", "list groups"]),
        ("add alice and bob to Sales", ["add alice and bob to Sales"]),
        ("search and replace the text", ["search and replace the text"]),
        ("lock and unlock bob", ["lock and unlock bob"]),
        ("list users and groups", ["list users and groups"]),
        ("create user bob with description 'x and delete y'", ["create user bob with description 'x and delete y'"]),
        (
            "create user eve with password x and email a@b.example",
            ["create user eve with password x and email a@b.example"],
        ),
        ("show the audit log and request history", ["show the audit log and request history"]),
        ("list users", ["list users"]),
        ("", [""]),
    ],
)
def test_a_request_is_split_into_its_actions(text: str, actions: list[str]) -> None:
    assert split_actions(text) == actions


@pytest.mark.parametrize(
    ("request_", "operation"),
    [
        ("kick bob out of Sales", "remove_group_member"),
        ("who belongs to Sales?", "list_group_members"),
        ("bob typed it wrong too often, let him in again", "enable_user"),
        ("which people have an account?", "list_users"),
        ("throw away the group interns", "delete_group"),
        ("bob forgot his password", "reset_password"),
    ],
)
def test_other_words_than_the_descriptions_find_the_operation(
    index: OperationIndex, request_: str, operation: str
) -> None:
    assert operation in index.select(request_, "", 10)


def operation(name: str, method: str, path: str, summary: str, hints: str = "") -> tuple[str, str]:
    return name, document(name=name, method=method, path=path, summary=summary, hints=hints)


def test_values_that_an_argument_takes_lead_to_the_operation() -> None:
    shop = OperationIndex(
        [
            operation("act", "POST", "/boxes/{id}/actions", "Initiate an action", "reboot resize snapshot"),
            operation("list_boxes", "GET", "/boxes", "List all boxes"),
            operation("delete_box", "DELETE", "/boxes/{id}", "Delete a box"),
        ]
    )
    assert shop.select("resize 12", "", 2)[0] == "act"


def test_what_a_description_puts_beside_a_thing_is_learnt_from_it() -> None:
    cloud = OperationIndex(
        [
            operation("list_pods", "GET", "/pods", "List all pods", "Pods are tiny workloads."),
            operation("create_pod", "POST", "/pods", "Create a pod", "Pods are tiny workloads."),
            *(operation(f"list_{name}", "GET", f"/{name}", f"List all {name}") for name in ("keys", "zones", "rules")),
            *(operation(f"make_{name}", "POST", f"/{name}", f"Create {name}") for name in ("keys", "zones", "rules")),
        ]
    )
    assert cloud.select("create a workload", "", 3)[0] == "create_pod"


def test_the_surest_come_before_the_lists_that_tell_their_ids() -> None:
    names = ["users", "groups", "safes"]
    index = OperationIndex(
        [
            *(operation(f"list_{name}", "GET", f"/{name}", f"List {name}") for name in names),
            *(operation(f"delete_{name}", "DELETE", f"/{name}/{{id}}", f"Delete one of the {name}") for name in names),
        ]
    )
    chosen = index.select("delete safes 12", "", 6)
    assert chosen[0] == "delete_safes"
    assert "list_safes" in chosen


def test_every_line_of_the_table_can_be_read() -> None:
    lines = thesaurus.table_lines()
    assert len(lines) > 100
    for line in lines:
        said, arrow, meant = line.partition(" => ")
        words, _, groups = meant.partition(" : ")
        assert arrow, line
        assert said.strip(), line
        assert words.strip(), line
        assert set(groups.split()) <= set(wording.VERB_GROUPS), line


def test_phrases_are_found_with_words_in_between() -> None:
    def said(text: str) -> set[str]:
        return {
            term
            for one in thesaurus.meanings([thesaurus.stem(word) for word in text.split()])
            for term in one.entry.terms
        }

    assert "kick" in said("throw bob out of the room")
    assert "kick" not in said("throw the very old and far too big blue ball out of the room")
    assert "remind" in said("reminded me")
    assert thesaurus.stem("wrote") == thesaurus.stem("writing")


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("+15551234567", "@phone"),
        ("ann@example.com", "@email"),
        ("https://x.example", "@url"),
        ("203.0.113.7", "@ip"),
        ("web1", ""),
        ("2024-01-02", ""),
        ("1405894322.002768", ""),
    ],
)
def test_a_value_tells_by_its_look_what_it_is(value: str, shape: str) -> None:
    assert thesaurus.shape(value) == shape


def test_a_word_made_from_one_of_the_request_is_found() -> None:
    chat = OperationIndex(
        [
            operation("get_reactions", "GET", "/reactions", "Get reactions"),
            operation("list_pins", "GET", "/pins", "List pins"),
            operation("list_files", "GET", "/files", "List files"),
        ]
    )
    assert chat.select("who reacted", "", 1) == ["get_reactions"]

"""What an operation doesn't account for, it does not serve."""

from __future__ import annotations

import pytest

from nlops.core import lexicon
from nlops.core.types import Effect, Tool
from nlops.llm.choosing import index_of
from nlops.llm.coverage import unexplained
from tests.benchmarks.access_tools import access_tools

TOOLS = {tool.name: tool for tool in access_tools()}


def left(request: str, name: str) -> list[str]:
    clause = index_of(list(TOOLS.values())).analyse(request)
    return unexplained(clause, TOOLS[name], readers=[TOOLS["list_users"]])


@pytest.mark.parametrize("word", ["telephone", "invented", "championships", "meetings", "fastest"])
def test_words_of_the_language_are_known(word: str) -> None:
    assert lexicon.is_word(word)


@pytest.mark.parametrize("word", ["carla", "bernd", "octocat", "xk42", "frank", "grace"])
def test_names_are_no_words_of_the_language(word: str) -> None:
    assert not lexicon.is_word(word)


@pytest.mark.parametrize(
    ("request_", "name", "words"),
    [
        ("how many people live in Berlin", "list_users", ["live"]),
        ("who invented the telephone call", "list_users", ["invented", "telephone", "call"]),
        ("delete the trees of user bob", "delete_user", ["trees"]),
        ("create an invoice for the user david", "create_user", ["invoice"]),
        ("which users like pizza", "list_users", ["pizza"]),
    ],
)
def test_words_about_something_else_are_left(request_: str, name: str, words: list[str]) -> None:
    assert left(request_, name) == words


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        ("could you please list all the users for me right now", "list_users"),
        ("disable frank", "disable_user"),
        ("get the details of grace", "get_user"),
        ("show the group support", "get_group"),
        ("add bob to the finance group", "add_group_member"),
        ("create a group called staging with the description machines behind the wall", "create_group"),
        ("disable the user bob because he stole a chocolate cake", "disable_user"),
        ("kick bob out of the group Sales", "remove_group_member"),
        ("which groups does bob belong to", "list_user_groups"),
        ("disable everybody in the support department", "disable_user"),
    ],
)
def test_names_reasons_texts_and_small_words_are_explained(request_: str, name: str) -> None:
    assert left(request_, name) == []


def test_what_else_can_be_done_at_a_path_tells_what_it_holds() -> None:
    read = Tool("get_settings", "Show the settings", {}, method="GET", path="/settings", effect=Effect.READ)
    properties = {"session_minutes": {"type": "integer", "description": "Minutes after which an idle session ends"}}
    update = Tool("update_settings", "Change them", {"properties": properties}, method="PATCH", path="/settings")
    clause = index_of([read, update]).analyse("after how many minutes does an idle session end?")
    assert unexplained(clause, read) != []
    assert unexplained(clause, read, [update]) == []

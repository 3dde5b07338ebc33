"""Rules of language that the embedded model keeps to, without the model: names, pronouns, statements, verbs."""

from __future__ import annotations

import time
from typing import Any

import pytest

from nlops.core import wording
from nlops.core.provenance import Sources, invented, trace
from nlops.core.tools import OWN_TOOLS
from nlops.core.types import Tool
from tests.unit.test_embedded_planning import Talk, plain

SETTINGS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "session_minutes": {"type": "integer", "description": "Minutes after which an idle session ends"},
        "require_mfa": {"type": "boolean", "description": "Whether every user needs a second factor"},
    },
}


def product() -> list[Tool]:
    """A product with settings, figures and secrets whose values can be read."""
    name = {"type": "string"}
    in_safe = {"type": "object", "properties": {"name": name, "secret_name": name}, "required": ["name", "secret_name"]}
    safe = {"type": "object", "properties": {"name": name}, "required": ["name"]}
    nothing: dict[str, Any] = {"type": "object", "properties": {}}
    made = (
        ("update_settings", "PATCH", "/settings", "Update the settings", SETTINGS),
        ("get_statistics", "GET", "/statistics", "Get the statistics", nothing),
        ("list_safes", "GET", "/safes", "List safes", nothing),
        ("list_groups", "GET", "/groups", "List groups", nothing),
        ("list_secrets", "GET", "/safes/{name}/secrets", "List the secrets in a safe", safe),
        (
            "reveal_secret",
            "GET",
            "/safes/{name}/secrets/{secret_name}/value",
            "Reveal the value of a secret",
            in_safe,
        ),
    )
    described = {"get_statistics": "Count groups, safes and secrets."}
    return [
        *OWN_TOOLS,
        *(
            Tool(
                name=name,
                description=described.get(name, f"{summary}."),
                parameters=parameters,
                operation_id=name,
                method=method,
                path=path,
                summary=summary,
            )
            for name, method, path, summary, parameters in made
        ),
    ]


@pytest.mark.parametrize(
    ("request_", "operation", "arguments"),
    [
        ("Create a group named Night Shift", "create_group", {"name": "Night Shift"}),
        ("add carla to the Night Shift group", "add_group_member", {"name": "Night Shift", "username": "carla"}),
        ("delete the group Night Shift", "delete_group", {"name": "Night Shift"}),
    ],
)
def test_a_name_of_several_capitalised_words_is_one(request_: str, operation: str, arguments: dict[str, str]) -> None:
    assert plain(Talk().say(request_)) == (operation, arguments)


@pytest.mark.parametrize("who", ["somebody", "someone", "people"])
def test_a_pronoun_that_names_nobody_is_no_value(who: str) -> None:
    assert plain(Talk().say(f"add {who} to the group Sales")) == ("add_group_member", {"name": "Sales"})


def test_where_things_are_is_not_their_name() -> None:
    assert plain(Talk().say("delete everyone in Sales")) == ("list_group_members", {"name": "Sales"})


@pytest.mark.parametrize("name", ["mail", "backup", "test", "support"])
def test_what_follows_the_thing_s_own_noun_is_its_name(name: str) -> None:
    call = Talk().say(f"delete the secret smtp from the safe {name}")
    assert plain(call) == ("delete_secret", {"secret_name": "smtp", "name": name})


@pytest.mark.parametrize(
    ("request_", "operation", "username"),
    [
        ("liam is back from leave, enable him", "enable_user", "liam"),
        ("We hired Theo. Create a user theo", "create_user", "theo"),
        ("frank is gone, delete him", "delete_user", "frank"),
        ("carla left the company. Disable her.", "disable_user", "carla"),
        ("Since bob left, disable him", "disable_user", "bob"),
    ],
)
def test_sentences_that_only_tell_are_skipped(request_: str, operation: str, username: str) -> None:
    assert plain(Talk().say(request_)) == (operation, {"username": username})


def test_what_somebody_does_is_not_his_name() -> None:
    assert plain(Talk().say("she is leaving, disable her")) == ("disable_user", {})


def test_an_action_that_nothing_serves_is_not_skipped() -> None:
    assert plain(Talk().say("reboot the coffee machine and list the groups"))[0] == "refuse"


@pytest.mark.parametrize(
    ("request_", "operation", "arguments"),
    [
        ("take mike out of the group Sales", "remove_group_member", {"name": "Sales", "username": "mike"}),
        ("kick mike off the group Sales", "remove_group_member", {"name": "Sales", "username": "mike"}),
        ("turn mike's account off", "disable_user", {"username": "mike"}),
        ("bring back mike", "enable_user", {"username": "mike"}),
        ("let mike back in", "enable_user", {"username": "mike"}),
    ],
)
def test_two_words_make_one_verb(request_: str, operation: str, arguments: dict[str, str]) -> None:
    assert plain(Talk().say(request_)) == (operation, arguments)


@pytest.mark.parametrize(
    "request_",
    [
        "Create a Jira ticket for the login bug",
        "Create a Slack channel for Engineering",
        "create a Zoom account for alice",
        "give everyone a raise",
        "turn down the music",
        "let the dog out",
        "how many planets are there",
        "what happened in 1989?",
        "enable dark mode",
    ],
)
def test_other_products_and_other_matters_are_refused(request_: str) -> None:
    assert plain(Talk().say(request_))[0] == "refuse"


def test_a_name_may_stand_before_the_new_thing() -> None:
    assert plain(Talk().say("create a Marketing team")) == ("create_group", {"name": "Marketing"})


def test_the_verb_at_the_end_of_a_question_is_no_value() -> None:
    assert plain(Talk().say("which secrets does the safe prod hold?")) == ("list_secrets", {"name": "prod"})


def test_a_date_goes_with_its_ending() -> None:
    assert plain(Talk().say("Today's audit entries")) == ("resolve_date", {"expression": "Today"})


def test_wishes_for_something_new_create_it() -> None:
    assert plain(Talk().say("I'd like to have a new group")) == ("create_group", {})
    assert plain(Talk().say("could we have another group")) == ("create_group", {})


@pytest.mark.parametrize(
    ("request_", "operation", "arguments"),
    [
        ("Let idle sessions end after 45 minutes", "update_settings", {"session_minutes": 45}),
        ("Require a second factor for every user", "update_settings", {"require_mfa": True}),
        ("Don't require a second factor", "update_settings", {"require_mfa": False}),
        ("how many groups and safes are there", "get_statistics", {}),
        ("reveal db-root in prod-db", "reveal_secret", {"secret_name": "db-root", "name": "prod-db"}),
        ("show me the value of db-root in prod-db", "reveal_secret", {"secret_name": "db-root", "name": "prod-db"}),
    ],
)
def test_what_is_described_is_found(request_: str, operation: str, arguments: dict[str, Any]) -> None:
    assert plain(Talk(tools=product()).say(request_)) == (operation, arguments)


def test_a_setting_is_only_meant_when_all_words_speak_of_it() -> None:
    assert plain(Talk(tools=product()).say("Let meetings end after 30 minutes"))[0] == "refuse"


@pytest.mark.parametrize(
    ("said", "value"),
    [("Require a second factor", True), ("require two-factor sign-in", True), ("don't require a second factor", False)],
)
def test_an_abbreviation_in_an_argument_s_name_is_said_in_full(said: str, value: bool) -> None:
    assert not invented(trace({"require_mfa": value}, Sources(said=[said]), SETTINGS))
    assert invented(trace({"require_mfa": not value}, Sources(said=[said]), SETTINGS))


def test_an_attribute_is_no_name() -> None:
    assert plain(Talk().say("users whose department is Sales")) == ("list_users", {"department": "Sales"})
    assert plain(Talk().say("delete the user whose email is a@b.example")) == ("delete_user", {})
    assert plain(Talk().say("delete the user whose name is bob")) == ("delete_user", {"username": "bob"})


@pytest.mark.parametrize(
    ("request_", "operation", "arguments"),
    [
        ("Can you look up henry?", "get_user", {"username": "henry"}),
        ("take grace out of Engineering", "remove_group_member", {"username": "grace", "name": "Engineering"}),
        ("put ivan into Finance", "add_group_member", {"username": "ivan", "name": "Finance"}),
        ("shwo me the groups", "list_groups", {}),
    ],
)
def test_usual_turns_of_phrase(request_: str, operation: str, arguments: dict[str, str]) -> None:
    assert plain(Talk().say(request_)) == (operation, arguments)


@pytest.mark.parametrize("request_", ["enable subtitles", "how many people live in Berlin"])
def test_words_that_nothing_accounts_for_are_refused(request_: str) -> None:
    assert plain(Talk().say(request_))[0] == "refuse"


def test_a_long_text_is_read_in_linear_time() -> None:
    known = wording.Vocabulary(frozenset({"user", "group"}))
    begin = time.thread_time()
    wording.analyse("foo bar baz " * 1000, known)
    assert time.thread_time() - begin < 1  # it took seven seconds when it was quadratic

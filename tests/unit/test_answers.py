"""What the person is told is made from the responses, in plain words."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlops.core.answers import capabilities, problem_fields, problem_text, refusal, render, supported
from nlops.core.types import Answer, CallRecord, CallStatus, Decision, Effect, Json, Tool
from nlops.core.views import HIDDEN


def tool(method: str, path: str, summary: str, **more: Any) -> Tool:
    effect = {"GET": Effect.READ, "DELETE": Effect.DESTRUCTIVE}.get(method, Effect.WRITE)
    return Tool(
        name=summary.lower().replace(" ", "_"),
        description=summary + ".",
        parameters=more.pop("parameters", {}),
        method=method,
        path=path,
        summary=summary,
        effect=more.pop("effect", effect),
        **more,
    )


LIST = tool("GET", "/users", "List users", service="users", product="Safehold")
GET = tool("GET", "/users/{username}", "Get a user", service="users", product="Safehold",
           parameters={"required": ["username"]})  # fmt: skip
CREATE = tool("POST", "/users", "Create a user", service="users", product="Safehold", secret_arguments=("password",),
              parameters={"required": ["password", "username"]})  # fmt: skip
DELETE = tool("DELETE", "/users/{username}", "Delete a user", service="users", decision=Decision.APPROVE,
              parameters={"required": ["username"]})  # fmt: skip


def call(of: Tool, response: Json = None, **more: Any) -> CallRecord:
    more.setdefault("status", CallStatus.SUCCEEDED)
    return CallRecord(id="c1", tool=of.name, response=response, **more)


def told(of: Tool, response: Json = None, zone: str = "", **more: Any) -> Answer:
    return render([call(of, response, **more)], {of.name: of}, ZoneInfo(zone) if zone else None)


def failed(of: Tool, status: int, error: str, **more: Any) -> str:
    return told(of, None, status=CallStatus.FAILED, http_status=status, error=error, **more).text


def test_a_list_becomes_a_table_with_what_identifies_first() -> None:
    rows = [{"created_at": "2026-11-22T10:00:00Z", "id": 7, "enabled": True, "username": "ada", "x": None}]
    answer = told(LIST, {"items": rows, "next_cursor": None, "total": 1})
    assert answer.text == "Found 1 user."
    assert answer.blocks == (
        {
            "kind": "table",
            "columns": ["Username", "Id", "Created at", "Enabled"],
            "rows": [["ada", "7", "2026-11-22T10:00:00Z", "yes"]],
            "caption": "1 user",
        },
    )


def test_a_long_list_says_how_much_is_shown() -> None:
    rows = [{"name": f"u{n}"} for n in range(20)]
    answer = told(LIST, {"data": rows, "meta": {"total": 2345}})
    assert answer.text == "Here are the first 20 of 2,345 users."
    assert answer.blocks[0]["caption"] == "first 20 of 2,345"
    assert told(LIST, {"data": rows, "next": "abc"}).text == "Here are the first 20 users; there are more."
    many = told(LIST, [{"name": f"u{n}"} for n in range(250)])
    assert many.text == "Here are the first 100 of 250 users."
    assert len(many.blocks[0]["rows"]) == 100


@pytest.mark.parametrize("body", [[], {"items": []}, {"users": [], "total": 0}, {"results": [], "next": None}])
def test_an_empty_list_is_told(body: Json) -> None:
    assert told(LIST, body) == Answer("No users found.")


def test_a_list_of_texts_is_a_table_too() -> None:
    assert told(LIST, ["a", "b"]).blocks[0]["rows"] == [["a"], ["b"]]


def test_at_most_eight_columns_and_short_cells() -> None:
    rows = [{f"c{n}": "x" * 500 for n in range(20)} | {"profile": {"name": "P", "z": 1}, "tags": list("abcdefg")}]
    block = told(LIST, rows).blocks[0]
    assert len(block["columns"]) == 8
    assert all(len(cell) <= 200 for row in block["rows"] for cell in row)
    nested = told(LIST, [{"profile": {"name": "P"}, "tags": list("abcdefg"), "pair": {"a": 1, "b": False}}])
    assert nested.blocks[0]["rows"] == [["P", "a, b, c, d, e and 2 more", "A: 1; B: no"]]


def test_an_object_becomes_a_list_of_labelled_values() -> None:
    body = {"username": "user1", "firstName": "Ada", "enabled": False, "address": {"city": "Berlin"}, "groups": ["a"]}
    answer = told(GET, body, arguments={"username": "user1"})
    assert answer.text == "Here is the user user1."
    assert answer.blocks[0]["items"] == [
        ["Username", "user1"],
        ["First name", "Ada"],
        ["Enabled", "no"],
        ["Address.city", "Berlin"],
        ["Groups", "a"],
    ]


def test_an_object_in_an_envelope_is_unwrapped() -> None:
    answer = told(GET, {"data": {"username": "user1"}, "meta": {}}, arguments={"username": "user1"})
    assert answer.blocks[0]["items"] == [["Username", "user1"]]


def test_instants_are_shown_in_the_zone() -> None:
    body = {"username": "a", "created_at": "2026-11-22T23:30:00Z", "version": "2026-11", "bad": "2026-13-45T99:99"}
    items = dict(told(GET, body, zone="Europe/Berlin").blocks[0]["items"])
    assert items["Created at"] == "23 Nov 2026, 00:30:00"
    assert items["Version"] == "2026-11"
    assert items["Bad"] == "2026-13-45T99:99"


def test_secrets_are_hidden_unless_the_operation_reveals_one() -> None:
    body = {"name": "db", "password": "hunter2", "token": {"access": "abc"}, "nested": {"api_key": "zzz"}}
    assert "hunter2" not in str(told(GET, body))
    assert "abc" not in str(told(GET, body))
    assert "zzz" not in str(told(LIST, [body]))
    assert ["Password", HIDDEN] in told(GET, body).blocks[0]["items"]
    reveal = tool("GET", "/safes/{safe}/secrets/{name}/value", "Reveal a secret's value")
    assert ["Password", "hunter2"] in told(reveal, body).blocks[0]["items"]


@pytest.mark.parametrize(
    ("of", "response", "arguments", "text"),
    [
        (CREATE, {"id": 9, "username": "user1"}, {}, "Created the user user1."),
        (CREATE, None, {"username": "user1", "password": {"$secret": "password"}}, "Created the user user1."),
        (DELETE, None, {"username": "user2"}, "Deleted the user user2."),
        (tool("PATCH", "/users/{username}", "Modify user"), {}, {"username": "a"}, "Modified the user a."),
        (tool("POST", "/users/{username}/disable", "Disable a user"), None, {"username": "a"}, "Disabled the user a."),
        (tool("POST", "/x/{id}/approve", "Approval"), None, {"id": 5}, "Approved the x 5."),
        (tool("PUT", "/safes/{safe}", "Safe settings"), {"name": "prod"}, {"safe": "prod"}, "Updated the safe prod."),
        (
            tool("POST", "/groups/{group}/members", "Add a member to a group"),
            None,
            {"group": "admins", "username": "bob"},
            "Added the member bob to the group admins.",
        ),
        (
            tool("DELETE", "/safes/{name}/members/{username}", "Revoke a user's access to a safe"),
            None,
            {"name": "mail", "username": "bob"},
            "Revoked the user bob's access to the safe mail.",
        ),
        (tool("POST", "/policies", "Create a policy"), {"data": {"name": "p"}}, {}, "Created the policy p."),
        (tool("POST", "/mails", "Send a mail"), "ok", {"title": "Hi"}, "Sent the mail Hi."),
    ],
)
def test_a_change_is_told_with_its_name(of: Tool, response: Json, arguments: dict[str, Json], text: str) -> None:
    assert told(of, response, arguments=arguments).text == text


def test_several_calls_are_told_in_order() -> None:
    calls = [call(GET, {"username": "user1"}), call(CREATE, {"username": "user2"}, repairs=["I left '!' out."])]
    answer = render(calls, {GET.name: GET, CREATE.name: CREATE})
    assert answer.text == "Here is the user user1. I left '!' out. Created the user user2."
    assert len(answer.blocks) == 2


def test_failures_are_told_in_the_products_words_with_what_to_try() -> None:
    arguments = {"username": "bob"}
    assert failed(CREATE, 422, "description may contain letters only") == (
        "The product refused it (422): Description may contain letters only."
    )
    assert failed(GET, 404, "Not found", arguments=arguments) == (
        "The product found no user bob (404). Not found. Check the name."
    )
    assert "no such thing: create a user (username bob)" in failed(CREATE, 404, "x", arguments=arguments)
    assert "operator" in failed(GET, 403, "no")
    assert "operator" in failed(GET, 401, "no")
    assert "Try another name" in failed(CREATE, 409, "exists")
    assert "moment" in failed(GET, 429, "slow down")
    assert "Try again later" in failed(GET, 503, "")
    assert failed(GET, 0, "The product can't be reached", arguments=arguments) == (
        "This was not done: get a user (username bob). The product can't be reached."
    )


def test_what_people_decided_and_what_is_unknown_is_told() -> None:
    rejected = {"status": CallStatus.REJECTED, "arguments": {"username": "bob"}, "decided_by": "eva@acme.example"}
    assert told(DELETE, error="too early", **rejected).text == (
        "eva@acme.example rejected this, so nothing was changed: delete a user (username bob). Reason: too early."
    )
    assert told(CREATE, **rejected).text.startswith("You said no, so nothing was changed")
    assert told(DELETE, status=CallStatus.REJECTED, error="The approval expired").text == (
        "This was not done: delete a user. Reason: The approval expired."
    )
    assert "check it before you try again" in told(CREATE, status=CallStatus.IN_DOUBT).text
    blocked = told(CREATE, status=CallStatus.BLOCKED, error="This operation may not be used here.")
    assert blocked.text == "This was not done: create a user. This operation may not be used here."


@pytest.mark.parametrize(
    ("body", "text", "fields"),
    [
        ({"type": "about:blank", "title": "Bad", "detail": "No such safe", "status": 404}, "No such safe", []),
        (
            {"title": "Invalid", "status": 422, "errors": [{"pointer": "#/description", "detail": "letters only"}]},
            "Invalid. Description: letters only.",
            [("description", "letters only")],
        ),
        ({"title": "T", "invalid-params": [{"name": "age", "reason": "positive"}]}, "T. Age: positive.",
         [("age", "positive")]),
        ({"username": ["Taken."], "non_field_errors": ["Both needed"]}, "Username: Taken. Both needed.",
         [("username", "Taken."), ("", "Both needed")]),
        ({"detail": "Not found."}, "Not found.", []),
        ({"detail": [{"loc": ["body", "name"], "msg": "too short", "type": "x"}]}, "name: too short",
         [("name", "too short")]),
        ({"error": {"code": 3, "message": "Nope", "details": [{"field": "a.b", "message": "bad"}]}},
         "Nope. B: bad.", [("b", "bad")]),
        ({"error": "Nope"}, "Nope", []),
        ({"errors": ["one", "two"]}, "One. Two.", [("", "one"), ("", "two")]),
        ({"errors": {"name": ["short", "odd"]}}, "Name: short. Name: odd.", [("name", "short"), ("name", "odd")]),
        ({"errors": [{"source": {"pointer": "/data/attributes/title"}, "detail": "empty"}]}, "title: empty",
         [("title", "empty")]),
        ({"message": "Validation Failed", "errors": [{"resource": "I", "field": "title", "code": "missing"}]},
         "Validation Failed. Title: missing.", [("title", "missing")]),
        ("plain words", "plain words", []),
        ('{"detail": "in text"}', "in text", []),
        ("<html><head><title>x</title></head><body><h1>502</h1><script>x()</script>Bad &amp; gone</body></html>",
         "502 Bad & gone", []),
        ("Fault\nTraceback (most recent call last):\n  File x", "Fault", []),
        (None, "The product answered 418 (I'm a Teapot) without a reason.", []),
        ("", "The product answered 418 (I'm a Teapot) without a reason.", []),
        ({}, "The product answered 418 (I'm a Teapot) without a reason.", []),
    ],
)  # fmt: skip
def test_a_problem_is_read_in_every_shape(body: Json, text: str, fields: list[tuple[str, str]]) -> None:
    assert problem_fields(body) == fields
    assert problem_text(body, 418) == text


def test_a_long_problem_is_cut() -> None:
    assert len(problem_text("word " * 10_000, 500)) == 500
    assert problem_text("[" * 50_000, 500)
    assert problem_fields("{" * 50_000) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["items", "error", "errors", "detail", "name", "total", "password", "field", "loc", "next"])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(JSON, st.sampled_from([LIST, GET, CREATE, DELETE]), st.sampled_from(list(CallStatus)))
def test_any_response_is_told_without_a_fault(body: Json, of: Tool, status: CallStatus) -> None:
    answer = told(of, body, zone="Europe/Berlin", status=status, http_status=422, error=problem_text(body, 422))
    assert answer.text
    assert Answer.from_json(answer.to_json()) == answer
    for block in answer.blocks:
        texts = [cell for row in block.get("rows", block.get("items", [])) for cell in row]
        assert all(isinstance(text, str) for text in texts)


def test_capabilities_are_made_from_the_whitelist() -> None:
    safes = tool("GET", "/safes", "List safes", service="safes", product="Safehold")
    answer = capabilities([DELETE, LIST, GET, CREATE, safes])
    assert "Safehold" in answer.text
    assert [row[0] for row in answer.blocks[0]["rows"]] == ["Users", "Safes"]
    assert "create a user" in answer.blocks[0]["rows"][0][1]
    assert answer.suggestions == (
        "List users", "List safes", "Get the user …", "Create a user named …", "Delete the user …",
    )  # fmt: skip
    assert "whitelist" in capabilities([]).text


def test_a_refusal_says_what_can_be_asked_instead() -> None:
    answer = refusal([LIST, GET], ranked=[GET])
    assert answer.text == (
        "I can't help with that here: nothing that I may use does it. I can help with Safehold: users."
    )
    assert answer.suggestions[0] == "Get the user …"
    assert refusal([], "no operation is allowed").text == "I can't help with that here: no operation is allowed."


USERS = call(LIST, {"items": [{"username": "ada", "email": "ada@acme.example", "age": 36}, {"username": "Bob"}]})


@pytest.mark.parametrize(
    "text",
    [
        "There are 2 users: ada (ada@acme.example) and Bob.",
        "Ada is 36. The other one is Bob.",
        "I found the user “ada”.",
        "Bob's account exists, as you asked for user7.",
    ],
)
def test_prose_that_repeats_the_responses_is_supported(text: str) -> None:
    assert supported(text, [USERS], "show user7 and the others")


@pytest.mark.parametrize(
    "text",
    [
        "There are 3 users.",
        "The first president was George Washington.",
        "The users are ada and user9.",
        "Her address is ada@evil.example.",
        "It is called 'root'.",
        "ada is 37.",
        "ada was created on 2026-11-01.",
    ],
)
def test_prose_with_something_new_is_not_supported(text: str) -> None:
    assert not supported(text, [USERS], "show the users")


def test_prose_without_a_succeeded_call_is_not_supported() -> None:
    assert not supported("Nothing to say.", [], "x")
    assert not supported("Nothing to say.", [call(LIST, None, status=CallStatus.FAILED)], "x")


def test_a_list_is_called_what_the_operation_calls_it() -> None:
    of = tool("GET", "/audit-log", "List audit log entries")
    assert told(of, {"items": [{"id": 1}, {"id": 2}], "total": 2}).text == "Found 2 audit log entries."
    of = tool("GET", "/groups/{name}/members", "List the members of a group")
    assert told(of, {"items": []}, arguments={"name": "Sales"}).text.startswith("No members")


# --- batches ----------------------------------------------------------------------------------------------


def batch_of(count: int, **more: Any) -> list[CallRecord]:
    names = [f"user{number}" for number in range(count)]
    return [
        call(CREATE, {"id": 1, "username": name}, arguments={"username": name}, batch="b", **more) for name in names
    ]


def test_a_batch_brings_one_table():
    answer = render(batch_of(3), {CREATE.name: CREATE})
    assert answer.text == "Created the user user0. Created the user user1. Created the user user2."
    assert [block["kind"] for block in answer.blocks] == ["table"]
    assert len(answer.blocks[0]["rows"]) == 3


def test_a_long_batch_is_counted_and_what_was_left_out_is_told_once():
    left = batch_of(2, status=CallStatus.REJECTED, error="Not made: an earlier call failed.")
    answer = render([*batch_of(8), *left], {CREATE.name: CREATE})
    assert "Done 8 times: Create a user." in answer.text
    assert answer.text.count("an earlier call failed") == 1
    assert "Not done, 2 times" in answer.text

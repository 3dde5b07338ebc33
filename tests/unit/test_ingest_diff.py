"""What differs between two descriptions, as their callers see it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specs.ingest.compile import CompiledSpec, compile_document
from specs.ingest.diff import Diff, Kind, Side, compare
from specs.ingest.load import load_document


def compiled(paths: dict[str, Any], **root: Any) -> CompiledSpec:
    document = {"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "paths": paths, **root}
    return compile_document(load_document(json.dumps(document).encode(), "a.json"))


def diff(old: CompiledSpec, new: CompiledSpec) -> Diff:
    sides = (Side(spec.operations, spec.definitions, spec.security_schemes) for spec in (old, new))
    return compare(*sides)


def get(**node: Any) -> dict[str, Any]:
    return {"get": {"operationId": "listThings", "summary": "List things", **node}}


def query(schema: Any, *, required: bool = False, name: str = "p") -> dict[str, Any]:
    return {"in": "query", "name": name, "schema": schema, "required": required}


def of_argument(old: dict[str, Any] | None, new: dict[str, Any] | None) -> list[tuple[str, bool, str]]:
    specs = [compiled({"/things": get(parameters=[it] if it else [])}) for it in (old, new)]
    return [(it.argument, it.breaking, it.text) for one in diff(*specs).operations for it in one.changes]


TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        (None, query(TEXT), ("p", False, "It is new.")),
        (None, query(TEXT, required=True), ("p", True, "It is new and required.")),
        (query(TEXT), None, ("p", True, "It is gone; a call that gives it fails or is understood otherwise.")),
        (query(TEXT), query(TEXT, required=True), ("p", True, "It is required now.")),
        (query(TEXT, required=True), query(TEXT), ("p", False, "It is no longer required.")),
        (query({"type": "integer"}), query(TEXT), ("p", True, "It is a text now (was a whole number).")),
        (
            query({"type": "integer"}),
            query({"type": "number"}),
            ("p", False, "It is a number now (was a whole number)."),
        ),
        (
            query(TEXT),
            query({"type": ["string", "null"]}),
            ("p", False, "It is nothing or a text now (was a text)."),
        ),
        (query({"enum": ["a", "b"]}), query({"enum": ["a"]}), ("p", True, "It takes no “b” any more.")),
        (query({"enum": ["a"]}), query({"enum": ["a", "b"]}), ("p", False, "It takes “b”, too.")),
        (query(TEXT), query({**TEXT, "enum": ["a"]}), ("p", True, "It takes only “a” now.")),
        (
            query({"type": "integer", "maximum": 9}),
            query({"type": "integer", "maximum": 5}),
            ("p", True, "It may be at most 5 (was 9)."),
        ),
        (
            query({"type": "integer", "minimum": 1}),
            query({"type": "integer", "minimum": 0}),
            ("p", False, "It must be at least 0 (was 1)."),
        ),
        (query(TEXT), query({**TEXT, "maxLength": 7}), ("p", True, "It has at most 7 characters now.")),
        (
            query({**TEXT, "maxLength": 7}),
            query(TEXT),
            ("p", False, "A bound is gone: it has at most 7 characters."),
        ),
        (query(TEXT), query({**TEXT, "pattern": "^a"}), ("p", True, "Its pattern is “^a” now.")),
        (
            query({**TEXT, "default": "a"}),
            query({**TEXT, "default": "b"}),
            ("p", False, "What holds when it is left out is “b” now (was “a”)."),
        ),
    ],
)
def test_a_changed_argument_is_told(old, new, change):
    assert of_argument(old, new) == [change]


def test_what_lies_deep_in_a_body_is_told_with_the_way_to_it_and_circles_end():
    node = {
        "type": "object",
        "properties": {"zip": {"type": "string"}, "next": {"$ref": "#/components/schemas/Node"}},
    }
    other = copy.deepcopy(node)
    other["properties"]["zip"]["maxLength"] = 5
    other["properties"]["street"] = {"type": "string"}
    other["required"] = ["street"]
    body = {"type": "object", "properties": {"all": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}}}}
    post = {"post": {"requestBody": {"content": {"application/json": {"schema": body}}}}}
    found = diff(
        compiled({"/things": post}, components={"schemas": {"Node": node}}),
        compiled({"/things": post}, components={"schemas": {"Node": other}}),
    )
    assert {(it.argument, it.breaking, it.text) for it in found.operations[0].changes} == {
        ("all[].street", True, "It is new and required."),
        ("all[].zip", True, "It has at most 5 characters now."),
    }


def test_operations_come_go_and_move():
    old = compiled(
        {
            "/same": {"get": {}},
            "/gone": {"delete": {"operationId": "wipe"}},
            "/users/{id}": get(operationId="getUser"),
            "/groups/{id}": {"get": {"summary": "Get a group"}},
            "/teams/{team}/members/list": {"get": {"summary": "List the members of a team"}},
        }
    )
    new = compiled(
        {
            "/same": {"get": {}},
            "/accounts/{id}": get(operationId="getUser"),
            "/groups/{group}": {"get": {"summary": "Get a group"}},
            "/teams/{team}/members": {"get": {"summary": "List the members of a team"}},
            "/weather": {"post": {"summary": "Forecast for tomorrow"}},
        }
    )
    found = diff(old, new)
    assert found.renames == {
        "GET /users/{id}": "GET /accounts/{id}",
        "GET /groups/{id}": "GET /groups/{group}",
        "GET /teams/{team}/members/list": "GET /teams/{team}/members",
    }
    assert [one.key for one in found.of(Kind.REMOVED)] == ["DELETE /gone"]
    assert [one.key for one in found.of(Kind.ADDED)] == ["POST /weather"]
    assert found.unchanged == 1
    assert found.breaking == 4
    assert "DELETE /gone" in found.touched
    assert "POST /weather" not in found.touched


def test_an_effect_that_does_more_harm_breaks_and_one_that_does_less_does_not():
    old, new = compiled({"/things": get()}), compiled({"/things": get(**{"x-openai-isConsequential": True})})
    (worse,), (better,) = diff(old, new).operations, diff(new, old).operations
    assert (worse.effects, worse.breaking) == (("read", "write"), True)
    assert worse.changes[0].text == "It is a write now; it was a read."
    assert (better.effects, better.breaking) == (("write", "read"), False)


def test_sign_ins_are_compared():
    key = {"type": "apiKey", "in": "header", "name": "X-Key"}
    schemes = ({"a": key, "b": key}, {"a": {**key, "name": "X-Other"}, "c": key})
    specs = [compiled({"/x": {"get": {}}}, components={"securitySchemes": it}) for it in schemes]
    assert diff(*specs).security == [
        "The sign-in “b” is gone. Check the connection.",
        "The sign-in “a” is described otherwise. Check the connection.",
        "There is a sign-in “c”.",
    ]


def test_many_changes_are_counted_and_not_all_told():
    def body(kind: str) -> dict[str, Any]:
        fields = {f"field{number}": {"type": kind} for number in range(120)}
        return {"post": {"requestBody": {"content": {"application/json": {"schema": {
            "type": "object", "properties": fields}}}}}}  # fmt: skip

    (one,) = diff(compiled({"/x": body("string")}), compiled({"/x": body("integer")})).operations
    assert (len(one.changes), one.more) == (50, 70)


def test_a_hostile_doubling_of_references_ends():
    schemas: dict[str, Any] = {f"S{i}": {"type": "object", "properties": {
        "a": {"$ref": f"#/components/schemas/S{i + 1}"}, "b": {"$ref": f"#/components/schemas/S{i + 1}"},
    }} for i in range(60)}  # fmt: skip
    schemas["S60"] = {"type": "string"}
    post = {"post": {"requestBody": {"content": {"application/json": {"schema": {"type": "object", "properties": {
        "x": {"$ref": "#/components/schemas/S0"}}}}}}}}  # fmt: skip
    other = {**schemas, "S60": {"type": "integer"}}
    specs = [compiled({"/x": post}, components={"schemas": it}) for it in (schemas, other)]
    assert diff(*specs).operations[0].changes


SCHEMAS = st.recursive(
    st.sampled_from([{"type": "string"}, {"type": "integer"}, {"enum": ["a", "b"]}, {"type": "boolean"}]),
    lambda inner: st.one_of(
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(
            lambda properties: {"type": "object", "properties": properties},
            st.dictionaries(st.sampled_from("abcd"), inner, min_size=1, max_size=3),
        ),
    ),
    max_leaves=8,
)
PATHS = st.dictionaries(
    st.sampled_from(["/a", "/b", "/c/{id}", "/d"]),
    st.lists(st.tuples(st.sampled_from("pqr"), SCHEMAS, st.booleans()), max_size=3, unique_by=lambda it: it[0]),
    min_size=1,
    max_size=4,
)


def described(paths: dict[str, Any]) -> CompiledSpec:
    return compiled(
        {
            path: {"get": {"parameters": [query(schema, name=name, required=needed) for name, schema, needed in rows]}}
            for path, rows in paths.items()
        }
    )


@settings(max_examples=150, deadline=None)
@given(PATHS, PATHS)
def test_every_operation_is_accounted_for_and_the_way_back_undoes_it(old, new):
    one, other = described(old), described(new)
    there, back = diff(one, other), diff(other, one)
    assert diff(one, described(old)).operations == []
    assert there.unchanged + sum(it.kind is not Kind.REMOVED for it in there.operations) == len(other.operations)
    assert there.unchanged + sum(it.kind is not Kind.ADDED for it in there.operations) == len(one.operations)
    assert there.unchanged == back.unchanged
    assert len(there.of(Kind.CHANGED)) == len(back.of(Kind.CHANGED))

"""Values inside of objects and lists: each is said, returned or a default, or it goes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nlops.core import engine
from nlops.core.checkpoints import Sources, Verdict, VerdictKind, before_call
from nlops.core.provenance import ReturnedValue
from nlops.core.types import CallRecord, Completion, Effect, Json, ProvenanceKind, RunStatus, Tool, ToolCall

TOOL = Tool(
    "create_order",
    "Create an order",
    {
        "type": "object",
        "properties": {
            "customer": {"type": "string"},
            "address": {"$ref": "#/$defs/Address"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "lines": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "product": {"type": "string"},
                        "count": {"type": "integer"},
                        "note": {"type": "string"},
                    },
                    "required": ["product", "count"],
                },
            },
        },
        "required": ["customer"],
        "$defs": {
            "Address": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": "Where to"},
                    "street": {"type": "string"},
                    "floor": {"type": "integer"},
                },
                "required": ["city", "street"],
            }
        },
    },
    method="POST",
    path="/orders",
    effect=Effect.WRITE,
)


def check(arguments: dict[str, Json], *said: str, returned: tuple[ReturnedValue, ...] = ()) -> Verdict:
    return before_call(CallRecord("1", "create_order", arguments), TOOL, Sources(said, returned=returned), [], [])


def test_every_leaf_has_its_place():
    address = {"city": "서울", "street": "Main Street", "floor": 3}
    lines = [{"product": "pencil", "count": 7391}]
    source = ReturnedValue("c1", "get_cart", {"items": [{"count": 7391}]})
    verdict = check(
        {"customer": "bob", "address": address, "lines": lines},
        "bob, 서울로, Main Street, 3층, pencil",
        returned=(source,),
    )
    assert verdict.arguments["address"] == {"city": "서울", "street": "Main Street"}, "3층 is no counter that we know"
    found = verdict.provenance
    assert found["/address/city"].place is not None
    assert found["/address/city"].text[slice(*found["/address/city"].place)] == "서울"
    assert found["/lines/0/product"].kind is ProvenanceKind.SAID
    assert (found["/lines/0/count"].kind, found["/lines/0/count"].path) == (ProvenanceKind.RETURNED, "/items/0/count")


def test_of_an_object_only_the_optional_invented_leaf_goes():
    address = {"city": "Berlin", "street": "Lindenweg 4", "floor": 12}
    verdict = check({"customer": "bob", "address": address}, "an order for bob to Berlin, Lindenweg 4")
    assert verdict.arguments["address"] == {"city": "Berlin", "street": "Lindenweg 4"}
    assert (verdict.questions, verdict.decision) == ([], VerdictKind.PASS)


def test_a_required_invented_leaf_is_asked_for_by_itself():
    verdict = check({"customer": "bob", "address": {"city": "Berlin", "street": "Any 1"}}, "an order for bob to Berlin")
    assert verdict.arguments["address"] == {"city": "Berlin"}
    assert [(q.name, q.label, q.schema) for q in verdict.questions] == [
        ("address/street", "Street (address)", {"type": "string"})
    ]
    assert verdict.decision is VerdictKind.ASK


def test_an_object_of_which_nobody_said_anything_goes_as_a_whole():
    verdict = check({"customer": "bob", "address": {"city": "Berlin", "street": "Any 1"}}, "an order for bob")
    assert verdict.arguments == {"customer": "bob"}
    assert verdict.questions == []


def test_an_invented_item_of_a_list_goes():
    verdict = check({"customer": "bob", "tags": ["urgent", "vip"]}, "an urgent order for bob")
    assert verdict.arguments["tags"] == ["urgent"]
    assert set(verdict.provenance) == {"/customer", "/tags/0"}


def test_a_required_leaf_inside_of_a_list_asks_for_the_list():
    lines = [{"product": "pencil", "count": 99, "note": "blue"}]
    verdict = check({"customer": "bob", "lines": lines}, "pencil for bob")
    assert "lines" not in verdict.arguments
    assert [q.name for q in verdict.questions] == ["lines"]


@pytest.mark.parametrize("reply", ["Lindenweg 4", "a/b ~1"])
def test_the_answer_is_put_into_the_object(reply):
    context = engine.Context({"create_order": TOOL}, datetime(2026, 3, 4, tzinfo=UTC))
    state = engine.advance(engine.start("an order for bob to Berlin"), engine.Begun(("x",)), context).state
    arguments = {"customer": "bob", "address": {"city": "Berlin", "street": "Any 1"}}
    asked = Completion(tool_calls=(ToolCall("1", "create_order", arguments),))
    state = engine.advance(state, engine.ModelAnswered(asked), context).state
    assert (state.status, [q.name for q in state.questions]) == (RunStatus.ASKING, ["address/street"])
    state = engine.advance(state, engine.Replied({"address/street": reply}), context).state
    assert state.calls[0].arguments == {"customer": "bob", "address": {"city": "Berlin", "street": reply}}
    assert state.work is not None

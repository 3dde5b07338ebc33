"""What a model is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlops.core.prompts import (
    FIXED_RULES,
    HISTORY_MESSAGES,
    HISTORY_RESULT_CHARACTERS,
    SHIPPED,
    build_messages,
    check_template,
    difference,
    render,
    system_prompt,
    trim_result,
)
from nlops.core.tools import OWN_TOOLS
from nlops.core.types import Message, Role, ToolCall


def user(text: str) -> Message:
    return Message(Role.USER, text)


def exchange(number: int, result: str = "{}") -> list[Message]:
    """A call and its result."""
    return [
        Message(Role.ASSISTANT, tool_calls=(ToolCall(f"c{number}", "get_user", {}),)),
        Message(Role.TOOL, result, tool_call_id=f"c{number}", name="get_user"),
    ]


def built(history: list[Message], run: list[Message] | None = None) -> list[Message]:
    return build_messages(system="rules", history=history, request="and now?", run=run or [])


def test_the_rules_name_the_products_the_moment_and_nlopss_own_tools():
    text = system_prompt(["acme", "globex"], datetime(2026, 11, 23, 9, 30, tzinfo=UTC))
    assert "acme, globex" in text
    assert "Monday, 2026-11-23T09:30+00:00" in text
    assert all(tool.name in text for tool in OWN_TOOLS)
    assert "[[secret:NAME]]" in text


def test_what_changes_each_minute_stands_last_so_that_providers_can_cache_the_rest():
    texts = [system_prompt(["acme"], datetime(2026, 11, 23, hour, tzinfo=UTC)) for hour in (9, 10)]
    common = next(i for i, (a, b) in enumerate(zip(*texts, strict=True)) if a != b)
    assert common > 0.95 * len(texts[0])


def test_the_prompt_is_the_rules_the_history_the_request_and_the_run():
    history = [user("first"), *exchange(1)]
    run = exchange(2)
    assert built(history, run) == [Message(Role.SYSTEM, "rules"), *history, user("and now?"), *run]


def test_a_long_history_is_cut_at_the_beginning_of_a_turn():
    history = [message for turn in range(30) for message in (user(f"turn {turn}"), *exchange(turn))]
    kept = built(history)[1:-1]
    assert kept[0].role is Role.USER
    assert HISTORY_MESSAGES - 3 < len(kept) <= HISTORY_MESSAGES
    assert kept == history[-len(kept) :]


def test_the_last_turn_stays_whole_however_long_it_was():
    last = [user("last"), *(message for number in range(HISTORY_MESSAGES) for message in exchange(number))]
    assert built([user("before"), *last])[1:-1] == last


def test_results_before_the_first_turn_are_left_out():
    assert built(exchange(1))[1:-1] == []


def test_earlier_results_are_shortened_and_those_of_this_run_are_not():
    long = json.dumps([{"name": f"user{number}", "state": "x" * 50} for number in range(200)])
    messages = built([user("list"), *exchange(1, long)], exchange(2, long))
    earlier, current = (message for message in messages if message.role is Role.TOOL)
    assert len(earlier.content) <= HISTORY_RESULT_CHARACTERS
    assert json.loads(earlier.content)[0]["name"] == "user0"
    assert (earlier.tool_call_id, earlier.name) == ("c1", "get_user")
    assert current.content == long


def test_an_earlier_result_that_is_no_json_is_cut_as_text():
    messages = built([user("list"), *exchange(1, "x" * 5000)])
    assert messages[3].content == "x" * HISTORY_RESULT_CHARACTERS


@pytest.mark.parametrize("value", [None, 1, "é", {"a": [1, 2]}, []])
def test_a_short_result_is_told_as_it_is(value):
    assert json.loads(trim_result(value, 200)) == value


def test_a_long_list_tells_how_many_are_left_out():
    cut = json.loads(trim_result({"items": list(range(1000)), "next": "abc"}, 300))
    *kept, note = cut["items"]
    assert kept == list(range(len(kept)))
    assert note == f"({1000 - len(kept)} more left out)"
    assert cut["next"] == "abc"


def test_a_long_text_in_a_result_is_cut_where_it_stands():
    cut = json.loads(trim_result({"log": "x" * 10_000, "name": "job1"}, 2000))
    assert cut["name"] == "job1"
    assert cut["log"].endswith("…")


def test_a_result_that_no_cutting_makes_small_gives_its_beginning():
    wide = {f"key{number}": 'é"\\' * 3 for number in range(5000)}
    cut = json.loads(trim_result(wide, 500))
    assert "too large" in cut["note"]
    assert cut["beginning"].startswith('{"key0"')


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=60) | st.dictionaries(st.text(max_size=20), inner, max_size=30),
    max_leaves=100,
)


@given(values, st.integers(200, 3000))
def test_every_result_is_json_within_the_limit(value, limit):
    text = trim_result(value, limit)
    json.loads(text)
    assert len(text) <= limit


def test_the_shipped_prompt_is_small_enough_for_small_models():
    check_template(SHIPPED)
    assert len(FIXED_RULES) + len(SHIPPED) < 2500
    assert len(system_prompt(["Keyring"], datetime(2026, 11, 23, tzinfo=UTC))) < 3200


def test_what_is_filled_in_is_not_looked_at_for_places_again():
    rendered = render(
        "{products} {examples} {now} {\"error\": 1}", products=["{now}"], now=datetime(2026, 11, 23, tzinfo=UTC),
        examples=['- "{products}": f({})'],
    )  # fmt: skip
    assert '{now} Examples; their names and values are not of this request:\n- "{products}": f({}) Monday' in rendered
    assert rendered.endswith('{"error": 1}')


def test_a_library_takes_the_place_of_the_made_up_product():
    rendered = system_prompt(["Keyring"], datetime(2026, 11, 23, tzinfo=UTC), ['- "Get user1": get_user({})'])
    assert "get_user" in rendered
    assert "parcel" not in rendered


def test_a_difference_tells_what_goes_and_what_comes():
    assert difference("a\nb", "a\nc") == ["@@ -1,2 +1,2 @@", " a", "-b", "+c"]
    assert difference("a", "a") == []

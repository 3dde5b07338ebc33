"""Tool calls in a model's text."""

from __future__ import annotations

import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlops.llm.tool_text import UnreadableCall, calls_in_text, read_arguments, was_meant_as_call, without_thoughts

OFFERED: dict[str, dict] = {"get_user": {"required": ["username"]}, "list_users": {}, "create_user": {}}


def found(text: str) -> list[tuple[str, dict]]:
    return [(call.name, call.arguments) for call in calls_in_text(text, OFFERED)[1]]


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "get_user", "arguments": {"username": "u1"}}</tool_call>',
        '<tool_call>\n{"name": "get_user", "arguments": {"username": "u1"}}',
        '```json\n{"name": "get_user", "arguments": {"username": "u1"}}\n```',
        '```\n{"name": "get_user", "arguments": {"username": "u1"}}\n```',
        '[TOOL_CALLS] [{"name": "get_user", "arguments": {"username": "u1"}}]',
        '<|python_tag|>{"name": "get_user", "parameters": {"username": "u1"}}',
        '{"tool": "get_user", "args": {"username": "u1"}}',
        '{"tool_name": "get_user", "tool_input": {"username": "u1"}}',
        '{"function": "get_user", "input": {"username": "u1"}}',
        '{"type": "function", "function": {"name": "get_user", "arguments": "{\\"username\\": \\"u1\\"}"}}',
        '{"tool_calls": [{"name": "get_user", "arguments": {"username": "u1"}}]}',
    ],
)
def test_every_usual_way_of_writing_a_call_is_read_and_nothing_of_it_stays(text):
    rest, [call] = calls_in_text(text, OFFERED)
    assert (call.name, call.arguments) == ("get_user", {"username": "u1"})
    assert rest == ""


def test_several_calls_keep_their_order_and_get_ids_of_their_own():
    text = (
        'First:\n<tool_call>{"name": "get_user", "arguments": {"username": "a"}}</tool_call>\n'
        '<tool_call>{"name": "get_user", "arguments": {"username": "b"}}</tool_call>\nand then:\n'
        '[{"name": "list_users", "arguments": {}}, {"name": "create_user", "arguments": {"username": "c"}}] done.'
    )
    rest, calls = calls_in_text(text, OFFERED)
    assert [call.name for call in calls] == ["get_user", "get_user", "list_users", "create_user"]
    assert len({call.id for call in calls}) == 4
    assert "First:" in rest
    assert "done." in rest
    assert "tool_call" not in rest


def test_braces_and_tags_inside_strings_are_values():
    value = 'a } b { "quoted" ] </tool_call> ```'
    text = f"<tool_call>{json.dumps({'name': 'create_user', 'arguments': {'description': value}})}</tool_call>"
    assert found(text) == [("create_user", {"description": value})]


def test_prose_with_stray_braces_around_a_call_does_no_harm():
    text = 'Use {username} [sic] and {"a": 1}: {"name": "get_user", "arguments": {"username": "u1"}} {'
    assert found(text) == [("get_user", {"username": "u1"})]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The user is active.",
        '{"name": "drop_all", "arguments": {}}',
        '{"name": "get_user"}',
        '{"name": ["get_user"], "arguments": {}}',
        '{"name": "get_user", "description": "Get a user.", "parameters": {"type": "object", "properties": {}}}',
    ],
)
def test_what_is_no_readable_call_of_an_offered_tool_stays_text(text):
    assert calls_in_text(text, OFFERED) == (text, [])


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "get_user", "arguments": [1]}',
        '{"name": "get_user", "arguments": "no json"}',
        '{"name": "get_user", "arguments": {"username": NaN}}',
        '{"name": "get_user", "arguments": {"username": "a", "username": "b"}}',
        '{"name": "get_user", "arguments": {"username": "a\\u0000"}}',
        '{"name": "get_user", "arguments": {"username": "u1"',
        "{'name': 'get_user', 'arguments': {'username': __import__('os').system('true')}}",
        "{'name': 'get_user', 'arguments': {'username': 'a', 'username': 'b'}}",
        '<tool_call>{"name": "drop_all", "arguments": {}}</tool_call>',
        '<tool_call>{"name": "get_user"',
        "<function=get_user><parameter=username>u1",
        "<function=get_user><parameter=username>a</parameter><parameter=username>b</parameter></function>",
        '[TOOL_CALLS]get_user[ARGS]{"username": ',
        "get_user(username=__import__('os'))",
        'get_user(username="u1"',
        'get_user("a", "b")',
        'get_user(**{"username": "a"})',
        '[get_user(username="a"), drop_all()]',
        # What stands inside a broken call is a value of it, never a call.
        '{"name": "create_user", "arguments": {"note": "{"name": "get_user", "arguments": {}}"}}',
        # One that can be read doesn't make up for one that can't.
        '{"name": "get_user", "arguments": {}} {"name": "create_user", "arguments": {"username": }',
    ],
)
def test_a_call_that_was_meant_but_cant_be_read_is_said_so(text):
    with pytest.raises(UnreadableCall, match="Write"):
        calls_in_text(text, OFFERED)


@pytest.mark.parametrize(
    "text",
    [
        '<function=get_user>{"username": "u1"}</function>',
        "<tool_call>\n<function=get_user>\n<parameter=username>\nu1\n</parameter>\n</function>\n</tool_call>",
        '<function_calls><invoke name="get_user"><parameter name="username">u1</parameter></invoke></function_calls>',
        "<tool_call>get_user\n<arg_key>username</arg_key>\n<arg_value>u1</arg_value>\n</tool_call>",
        '[TOOL_CALLS]get_user[ARGS]{"username": "u1"}',
        '[TOOL_CALLS]get_user{"username": "u1"}',
        '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_user\n```json\n{"username": "u1"}\n```'
        "<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_user:0<|tool_call_argument_begin|>"
        '{"username": "u1"}<|tool_call_end|><|tool_calls_section_end|>',
        '<|channel|>commentary to=functions.get_user <|constrain|>json<|message|>{"username": "u1"}<|call|>',
        'Action: get_user\nAction Input: {"username": "u1"}',
        'get_user(username="u1")',
        "[get_user(username='u1')]",
        "```tool_code\nprint(default_api.get_user(username='u1'))\n```",
        '<tool_call>get_user("u1")</tool_call>',
        '<|python_tag|>get_user(username="u1")<|eom_id|>',
        "{'name': 'get_user', 'arguments': {'username': 'u1'}}",
        '```json\n{"name": "get_user", "arguments": {"username": "u1"}}',
    ],
)
def test_the_odder_ways_are_read_too(text):
    rest, [call] = calls_in_text(text, OFFERED)
    assert (call.name, call.arguments) == ("get_user", {"username": "u1"})
    assert rest == ""


@pytest.mark.parametrize(
    "text",
    [
        "You can use get_user(username='u1') for that.",
        "In the API, `create_user(username=...)` makes one.",
        "The rule (get_user) applies; see [get_user].",
        'He said {"name": "get_user"} to me.',
    ],
)
def test_prose_about_a_tool_is_no_call(text):
    assert calls_in_text(text, OFFERED) == (text, [])


def test_prose_before_between_and_behind_stays():
    call = '<tool_call>\n{"name": "get_user", "arguments": {"username": "u"}}\n</tool_call>'
    rest, calls = calls_in_text(f"First.\n{call}\n{call}\nThen.\n```\n{call}\n```\nLast.", OFFERED)
    assert (len(calls), rest) == (3, "First.\nThen.\nLast.")


def test_a_fence_that_holds_no_call_stays_as_it_is():
    text = "See:\n```json\n{}\n```\n" + '{"name": "get_user", "arguments": {}}'
    assert calls_in_text(text, OFFERED)[0] == "See:\n```json\n{}\n```".removesuffix("\n```")


def test_values_between_tags_have_the_types_of_the_schema():
    schema = {"properties": {"zip": {"type": "string"}, "age": {"type": "integer"}, "tags": {"type": "array"}}}
    values = {"zip": "01234", "age": "42", "tags": '["a"]', "note": "free text"}
    pairs = "".join(f"<parameter={name}>{value}</parameter>" for name, value in values.items())
    _, [call] = calls_in_text(f"<function=create_user>{pairs}</function>", {"create_user": schema})
    assert call.arguments == {"zip": "01234", "age": 42, "tags": ["a"], "note": "free text"}


def test_several_calls_in_pythons_form_keep_their_order_and_plain_values():
    text = '[get_user(username="a"), create_user(username=\'b\', age=-3, tags=["x", None], on=true, more={"k": 1.5})]'
    assert found(text) == [
        ("get_user", {"username": "a"}),
        ("create_user", {"username": "b", "age": -3, "tags": ["x", None], "on": True, "more": {"k": 1.5}}),
    ]


def test_what_a_model_only_considered_is_no_call():
    thought = '<think>Maybe {"name": "create_user", "arguments": {}}? No.</think>\nAll done.'
    assert without_thoughts(thought) == "All done."
    assert without_thoughts("opened by the template</think> All done.") == "All done."
    assert without_thoughts("All <think>cut off in the middle") == "All"


def test_the_mark_of_a_call_is_seen_even_when_the_call_cant_be_read():
    assert was_meant_as_call('<tool_call>{"name": "get_user"')
    assert not was_meant_as_call("The call went well.")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": ', "EOF"),
        ("[1]", "object"),
        ('{"a": NaN}', "value"),
        ('{"a": 1, "a": 2}', "uplicate"),
        ('{"a": "\\u0000"}', "NUL"),
        ('{"a": "\\ud800"}', "surrogate|escape"),
    ],
)
def test_arguments_that_cant_be_used_say_why(text, words):
    with pytest.raises(ValueError, match=words):
        read_arguments(text)


def test_big_numbers_keep_their_digits():
    assert read_arguments('{"id": 123456789012345678901234567890}') == {"id": 123456789012345678901234567890}


@pytest.mark.parametrize(
    "text",
    [
        "[" * 20_000,
        " " * 30_000 + "x",
        "[ " * 15_000,
        "a." * 15_000,
        "get_user(" * 3_000,
        "```" * 10_000,
        '{"a":' * 20_000,
        "{" * 1_000_000,
        '["x",' * 20_000,
        '[{"a":' * 400 + '{"a": 1' * 10_000,
    ],
)
def test_a_hostile_text_is_read_in_a_moment(text):
    began = time.process_time()
    with contextlib.suppress(UnreadableCall):
        assert calls_in_text(text, OFFERED)[1] == []
    assert time.process_time() - began < 2


@given(st.text(alphabet='{}[]":, \\abnme_gtusr<>/`', max_size=200))
def test_no_text_breaks_it(text):
    with contextlib.suppress(UnreadableCall):
        rest, calls = calls_in_text(text, OFFERED)
        assert calls or rest == text

"""Text that is shown while the model writes it, over real HTTP against a scripted server."""

from __future__ import annotations

import json
import time
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from nlops.core.types import Completion, Message, Role, Tool
from nlops.llm import bounded_http
from nlops.llm.base import Limits, ModelError
from nlops.llm.openai import OpenAIModel, compatible_model
from nlops.llm.text_stream import PlainText
from nlops.llm.tool_text import UnreadableCall, calls_in_text, without_thoughts
from tests.scripted_server import Reply, ScriptedServer

PARAMETERS = {"type": "object", "properties": {"username": {"type": "string"}}, "required": ["username"]}
TOOLS = [Tool(name, "Does it.", PARAMETERS, "1", "GET", "/u") for name in ("get_user", "create_user")]
OFFERED = {tool.name: tool.parameters for tool in TOOLS}
ASKED = [Message(Role.SYSTEM, "rules"), Message(Role.USER, "Get user1")]
CALL = '<tool_call>{"name": "get_user", "arguments": {"username": "u"}}</tool_call>'


@pytest.fixture
def model(scripted_server):
    return compatible_model("scripted", scripted_server.url)


def asked(model: OpenAIModel, **limits) -> tuple[Completion, list[str]]:
    """The completion, and the pieces that were shown on the way."""
    shown: list[str] = []
    return model.complete(ASKED, TOOLS, Limits(on_text=shown.append, **limits)), shown


# --- what is shown --------------------------------------------------------------------------------------------


def test_text_is_shown_in_pieces_that_add_up_to_it(model, scripted_server):
    scripted_server.will(Reply(text="The user user1 is active since May.", cached=4))
    completion, shown = asked(model)
    assert len(shown) > 3
    assert "".join(shown) == completion.text == "The user user1 is active since May."
    usage = completion.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) == (10, 5, 4)
    [request] = scripted_server.requests
    assert (request["stream"], request["stream_options"]) == (True, {"include_usage": True})


def test_text_is_shown_before_the_answer_is_complete(model, scripted_server):
    scripted_server.will(Reply(text="word " * 10, cut=40, drip=0.01))
    moments: list[float] = []
    model.complete(ASKED, TOOLS, Limits(on_text=lambda piece: moments.append(time.monotonic())))
    assert moments[-1] - moments[0] > 0.1


def test_nothing_is_streamed_when_nobody_looks(model, scripted_server):
    scripted_server.will(Reply(text="ok"))
    model.complete(ASKED, TOOLS, Limits())
    assert "stream" not in scripted_server.requests[0]


def test_calls_at_once_come_together_from_their_pieces(model, scripted_server):
    scripted_server.will(
        Reply(
            text="Let me look.", calls=[("get_user", {"username": "é한"}), ("create_user", {"username": "b"})], piece=1
        )
    )
    completion, shown = asked(model)
    assert [(call.name, call.arguments["username"]) for call in completion.tool_calls] == [
        ("get_user", "é한"),
        ("create_user", "b"),
    ]
    assert "".join(shown) == completion.text == "Let me look."


WRITTEN = [
    CALL,
    f"Sure.\n{CALL}",
    f"Sure. {CALL} Done. {CALL}",
    'Here: ```json\n{"name": "get_user", "arguments": {"username": "u"}}\n``` ok',
    '{"name": "get_user", "arguments": {"username": "u"}}',
    '[{"name": "get_user", "arguments": {"username": "u"}}]',
    "{'name': 'get_user', 'arguments': {'username': 'u'}}",
    'I do it. {"tool": "get_user", "args": {"username": "u"}}',
    "get_user(username='u')",
    "  [get_user(username='u'), create_user(username='u')]",
    "print(default_api.get_user(username='u'))",
    "Well. <function=get_user><parameter=username>u</parameter></function>",
    'Well. <invoke name="get_user"><parameter name="username">u</parameter></invoke>',
    '[TOOL_CALLS]get_user[ARGS]{"username": "u"}',
    'Thought: hm.\nAction: get_user\nAction Input: {"username": "u"}',
    '<｜tool▁call▁begin｜>function<｜tool▁sep｜>get_user\n```json\n{"username": "u"}\n```<｜tool▁call▁end｜>',
    f"<think>Maybe {CALL}?</think>Right. {CALL}",
    f"Thinking without a beginning </think> {CALL}",
]


@pytest.mark.parametrize("text", WRITTEN)
@pytest.mark.parametrize("piece", [1, 2, 7, 0])
def test_nothing_of_a_call_that_is_written_into_the_text_is_shown(model, scripted_server, text, piece):
    scripted_server.will(Reply(text=text, piece=piece))
    completion, shown = asked(model)
    assert completion.tool_calls
    assert completion.tool_calls[0].arguments == {"username": "u"}
    if "</think>" not in text:
        assert completion.text.startswith("".join(shown))
    assert not any(word in "".join(shown) for word in ("{", "<", "get_user", "```", "Action", "[TOOL"))


@pytest.mark.parametrize(
    "text",
    [
        "a < b, {user} [1] `code` and [a link](http://h)",
        'As JSON: {"username": "u1", "active": true}. That is all.',
        "```\nno call\n```\nmore",
        "<b>bold</b> and <https://h>",
        "[1, 2, 3]",
        "Actions: none.",
        "get_user is what I would use.",
        "😀 \u202e 한국어",
        "<think>Hm.</think>\n\nuser1 is active.",
        "ends with {",
        "ends with <",
        "ends with ``",
        "ends with Action",
        "   padded   ",
    ],
)
@pytest.mark.parametrize("piece", [1, 3, 0])
def test_text_that_only_looks_like_a_call_is_shown_whole(model, scripted_server, text, piece):
    scripted_server.will(Reply(text=text, piece=piece))
    completion, shown = asked(model)
    assert completion.tool_calls == ()
    assert "".join(shown) == completion.text == without_thoughts(text)


def test_thoughts_whose_beginning_is_in_the_template_are_shown_once_at_most(model, scripted_server):
    scripted_server.script = lambda request: Reply(text="Let me think. Hm.</think>user1 is active.")
    assert asked(model)[0].text == "user1 is active."
    completion, shown = asked(model)
    assert "".join(shown) == completion.text == "user1 is active."


def test_the_second_turn_is_not_shown_for_the_first_cant_be_taken_back(model, scripted_server):
    scripted_server.will(Reply(text="Sure, at once.", calls=[("get_user", "[")]), Reply(text="Never mind."))
    completion, shown = asked(model)
    assert (completion.text, "".join(shown)) == ("Never mind.", "Sure, at once.")
    assert ["stream" in request for request in scripted_server.requests] == [True, False]


# --- any chunking gives the same ------------------------------------------------------------------------------

TEXTS = st.one_of(
    st.sampled_from([*WRITTEN, "The user is active. 😀", 'See {"a": 1} [2] <i>.', "", "한국어로 답합니다."]),
    st.text(alphabet="{}[]<>/`:=\"' \n,()abAction_get_userT한😀", max_size=60),
)
ARGUMENTS = st.dictionaries(st.text(max_size=4), st.one_of(st.text(max_size=9), st.integers(), st.none()), max_size=3)


def pieces_of(data, text: str) -> list[str]:
    places = data.draw(st.lists(st.integers(0, len(text)), max_size=6))
    return [text[start:stop] for start, stop in pairwise(sorted({0, len(text), *places}))]


@pytest.fixture(scope="module")
def one_server():
    server = ScriptedServer()
    yield server, compatible_model("scripted", server.url)
    server.close()


def outcome(model: OpenAIModel, limits: Limits) -> Completion | str:
    try:
        return model.complete(ASKED, TOOLS, limits)
    except ModelError as error:
        return str(error)


@given_settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_chunking_gives_the_same_completion(one_server, data):
    server, model = one_server
    model._thinks_first = False
    text = data.draw(TEXTS)
    calls = data.draw(st.lists(st.tuples(st.sampled_from(sorted(OFFERED)), ARGUMENTS), max_size=3))
    deltas: list[dict] = [{"content": piece} for piece in pieces_of(data, text)]
    for index, (name, arguments) in enumerate(calls):
        head = {"index": index, "id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": ""}}
        deltas.append({"tool_calls": [head]})
        for piece in pieces_of(data, json.dumps(arguments, ensure_ascii=data.draw(st.booleans()))):
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    cut = data.draw(st.integers(3, 60))
    server.script = lambda request: Reply(text=text, calls=calls, deltas=deltas or [{"content": ""}], cut=cut)
    shown: list[str] = []
    streamed = outcome(model, Limits(on_text=shown.append))
    at_once = outcome(model, Limits())
    assert streamed == at_once
    if isinstance(streamed, Completion) and not streamed.tool_calls:
        assert "</think>" in text or "".join(shown) == streamed.text


@given_settings(max_examples=600, deadline=None)
@given(st.data())
def test_only_what_stands_before_the_first_call_is_ever_shown(data):
    text = data.draw(TEXTS) + data.draw(TEXTS) + data.draw(TEXTS)
    shown: list[str] = []
    plain = PlainText(shown.append)
    for piece in pieces_of(data, text):
        plain.feed(piece)
    if "think>" in text:
        return
    try:
        rest, calls = calls_in_text(without_thoughts(text), OFFERED)
    except UnreadableCall:
        return
    if calls:
        assert rest.startswith("".join(shown))
    else:
        plain.finish(rest)
        assert "".join(shown) == rest


def test_half_of_a_character_is_never_shown():
    shown: list[str] = []
    plain = PlainText(shown.append)
    for piece in ("smile ", "\ud83d", "\ude00", " end"):
        plain.feed(piece)
    plain.finish("smile 😀 end")
    assert "".join(shown) == "smile 😀 end"
    assert all(piece.encode() for piece in shown)


def test_a_long_text_takes_time_that_grows_with_it():
    plain = PlainText(lambda piece: None)
    began = time.process_time()
    for _ in range(50_000):
        plain.feed("word ")
    for _ in range(50_000):
        plain.feed('{"a')
    assert time.process_time() - began < 3


# --- servers that stream in their own way ---------------------------------------------------------------------


def call_piece(arguments, name=None, **more):
    function = {"arguments": arguments} | ({"name": name} if name else {})
    return {"tool_calls": [{"function": function, **more}]}


@pytest.mark.parametrize(
    "deltas",
    [
        # all under index 0, told apart by their ids
        [
            call_piece('{"username": "a"}', "get_user", index=0, id="x"),
            call_piece('{"username": "b"}', "create_user", index=0, id="y"),
        ],
        # neither ids nor places
        [call_piece('{"username": "a"}', "get_user"), call_piece('{"username": "b"}', "create_user")],
        # the name and the id in every piece
        [
            call_piece('{"userna', "get_user", index=0, id="x"),
            call_piece('me": "a"}', "get_user", index=0, id="x"),
            call_piece('{"username": "b"}', "create_user", index=1, id="y"),
        ],
        # the object itself
        [
            call_piece({"username": "a"}, "get_user", index=0),
            call_piece({"username": "b"}, "create_user", index=0),
        ],
        # mixed
        [
            call_piece("", "get_user", index=0, id="x"),
            call_piece("", "create_user", index=1, id="y"),
            call_piece('{"username": ', index=1),
            call_piece('{"username": "a"}', index=0),
            call_piece('"b"}', index=1),
        ],
    ],
)
def test_the_ways_in_which_servers_number_calls_are_understood(model, scripted_server, deltas):
    scripted_server.will(Reply(deltas=deltas, finish_reason="tool_calls"))
    calls = asked(model)[0].tool_calls
    assert [(call.name, call.arguments) for call in calls] == [
        ("get_user", {"username": "a"}),
        ("create_user", {"username": "b"}),
    ]
    assert len({call.id for call in calls}) == 2


def test_a_server_that_answers_at_once_all_the_same_is_understood(model, scripted_server):
    scripted_server.will(Reply(text="At once.", streams=False))
    completion, shown = asked(model)
    assert (completion.text, shown) == ("At once.", ["At once."])


@pytest.mark.parametrize(
    "error",
    [
        {"status": 400, "error": {"message": "No.", "param": "stream"}},
        {"status": 400, "error": {"message": "Cannot use tools with stream"}},
        {"status": 500, "error": {"message": "Cannot use tools with stream"}, "headers": {"x-should-retry": "false"}},
        {"status": 422, "error": {"message": "streaming is not supported for this model"}},
    ],
)
def test_a_server_that_refuses_to_stream_is_asked_without_from_then_on(model, scripted_server, error):
    scripted_server.script = lambda request: Reply(**error) if "stream" in request else Reply(text="ok")
    for _ in range(2):
        completion, shown = asked(model)
        assert (completion.text, shown) == ("ok", ["ok"])
    assert ["stream" in request for request in scripted_server.requests] == [True, False, False]
    assert ["stream_options" in request for request in scripted_server.requests] == [True, False, False]


def test_a_server_that_refuses_to_count_is_streamed_without_from_then_on(model, scripted_server):
    scripted_server.script = lambda request: (
        Reply(raw='{"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"]}]}', status=422)
        if "stream_options" in request
        else Reply(text="ok then")
    )
    completion, shown = asked(model)
    assert "".join(shown) == "ok then"
    assert completion.usage.prompt_tokens > 0  # estimated: a limit of tokens holds there, too
    assert completion.usage.completion_tokens == 2
    asked(model)
    assert ["stream" in request for request in scripted_server.requests] == [True, True, True]


# --- what goes wrong in the middle ----------------------------------------------------------------------------

LONG = Reply(text="word " * 40)
MIDDLE = len(LONG.stream({})) // 2


@pytest.mark.parametrize(
    ("reply", "words", "retryable"),
    [
        (Reply(text="word " * 40, breaks_after=MIDDLE), "can't be reached|broke off", True),
        (Reply(text="word " * 40, finish_reason="none"), "broke off", True),
        (Reply(text="word " * 40, finish_reason="content_filter"), "declined", False),
        (Reply(refusal="I won't do that."), "declined", False),
        (Reply(deltas=[{"content": "x"}], raw='data: {"error": {"message": "boom"}}\n\n'), "has a problem", True),
        (Reply(raw="data: {broken\n\n"), "no readable answer", True),
        (Reply(raw="data: [DONE]\n\n"), "broke off", True),
        (Reply(raw='data: {"choices": "none"}\n\ndata: [1]\n\n'), "broke off", True),
        (Reply(raw='data: {"error": {"code": "content_filter", "message": "x"}}\n\n'), "declined", False),
        (Reply(raw="<html>", content_type="text/html"), "no readable answer", True),
    ],
)
def test_what_goes_wrong_in_a_stream_is_told(model, scripted_server, reply, words, retryable):
    if reply.raw and not reply.content_type:
        reply.content_type = "text/event-stream"
    scripted_server.script = lambda request: reply
    with pytest.raises(ModelError, match=words) as caught:
        asked(model)
    assert caught.value.retryable is retryable
    assert len(scripted_server.requests) == 1


def test_a_text_that_the_limit_cut_off_is_shown_with_its_mark(model, scripted_server):
    scripted_server.will(Reply(text="The users are alice, be", finish_reason="length"))
    completion, shown = asked(model)
    assert completion.truncated
    assert "".join(shown) == completion.text == "The users are alice, be […]"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(text="word " * 40, stalls_after=MIDDLE, delay=3),
        Reply(text="word " * 400, drip=0.02, cut=1),
        Reply(text="word " * 400, drip=0.02, cut=400),
        Reply(text="ok", head_drip=0.02),
    ],
    ids=["stalls", "drips bytes", "drips pieces", "drips its head"],
)
def test_a_stream_without_end_is_given_up_in_time(model, scripted_server, reply):
    scripted_server.script = lambda request: reply
    began = time.monotonic()
    with pytest.raises(ModelError, match="too long") as caught:
        asked(model, timeout=0.6)
    assert time.monotonic() - began < 2.5  # they would go on for three seconds and more
    assert caught.value.retryable


def test_a_stream_that_is_too_long_is_given_up(model, scripted_server, monkeypatch):
    monkeypatch.setattr(bounded_http, "MAX_ANSWER_BYTES", 10_000)
    scripted_server.script = lambda request: Reply(text="x" * 20_000)
    with pytest.raises(ModelError, match="no readable answer"):
        asked(model)
    assert len(scripted_server.requests) == 1


class Stopped(ValueError):
    """The person stopped the run."""


def test_who_looks_may_stop_it_and_the_connection_is_closed(model, scripted_server):
    def stop(piece: str) -> None:
        raise Stopped

    scripted_server.will(Reply(text="word " * 4000, drip=0.001, cut=50))
    began = time.monotonic()
    with pytest.raises(Stopped):
        model.complete(ASKED, TOOLS, Limits(on_text=stop))
    assert time.monotonic() - began < 5
    scripted_server.will(Reply(text="ok"))
    assert model.complete(ASKED, TOOLS, Limits()).text == "ok"

"""Models behind the OpenAI API, over real HTTP against a scripted server."""

from __future__ import annotations

import json

import pytest

from nlops.core.tools import OWN_TOOLS
from nlops.core.types import Message, Role, Tool, ToolCall
from nlops.llm.base import Limits, ModelError
from nlops.llm.openai import compatible_model
from nlops.llm.registry import ModelConfigurationError, model_from_spec
from tests.scripted_server import Reply

TOOL = Tool(
    "get_user", "Get a user.", {"type": "object", "properties": {"username": {"type": "string"}}}, "1", "GET", "/u"
)
ASKED = [Message(Role.SYSTEM, "rules"), Message(Role.USER, "Get user1")]


@pytest.fixture
def model(scripted_server):
    return compatible_model("scripted", scripted_server.url)


def test_a_tool_call_comes_back_with_its_arguments_and_usage(model, scripted_server):
    scripted_server.will(Reply(calls=[("get_user", {"username": "user1"})]))
    completion = model.complete(ASKED, [TOOL], Limits())
    assert [(call.name, call.arguments) for call in completion.tool_calls] == [("get_user", {"username": "user1"})]
    assert completion.usage.prompt_tokens == 10
    [request] = scripted_server.requests
    assert [message["role"] for message in request["messages"]] == ["system", "user"]
    assert request["tools"][0]["function"]["name"] == "get_user"


def test_several_calls_at_once_and_results_keep_their_pairs(model, scripted_server):
    scripted_server.will(Reply(calls=[("get_user", {"username": "a"}), ("get_user", {"username": "b"})]))
    history = [
        *ASKED,
        Message(Role.ASSISTANT, tool_calls=(ToolCall("c1", "get_user", {"username": "user1"}),)),
        Message(Role.TOOL, '{"x": 1}', tool_call_id="c1", name="get_user"),
    ]
    assert len(model.complete(history, [TOOL], Limits()).tool_calls) == 2
    sent = scripted_server.requests[0]["messages"]
    assert sent[2]["tool_calls"][0]["id"] == sent[3]["tool_call_id"] == "c1"


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "get_user", "arguments": {"username": "user1"}}</tool_call>',
        'Sure:\n```json\n{"name": "get_user", "arguments": {"username": "user1"}}\n```',
        '{"function": {"name": "get_user", "arguments": "{\\"username\\": \\"user1\\"}"}}',
        '[{"tool": "get_user", "parameters": {"username": "user1"}}]',
        '{"name": "get_user", "arguments": {"username": "user1"}}',
    ],
)
def test_a_call_that_is_written_into_the_text_is_a_call(model, scripted_server, text):
    scripted_server.will(Reply(text=text))
    [call] = model.complete(ASKED, [TOOL], Limits()).tool_calls
    assert (call.name, call.arguments) == ("get_user", {"username": "user1"})


@pytest.mark.parametrize("text", ['{"name": "drop_all", "arguments": {}}', "The user {user1} is fine.", "[1, 2, 3]"])
def test_text_that_only_looks_like_a_call_stays_text(model, scripted_server, text):
    scripted_server.will(Reply(text=text))
    completion = model.complete(ASKED, [TOOL], Limits())
    assert (completion.text, completion.tool_calls) == (text, ())


def test_arguments_that_are_no_json_go_back_to_the_model_once(model, scripted_server):
    scripted_server.will(Reply(calls=[("get_user", '{"username": ')]), Reply(calls=[("get_user", {"username": "u"})]))
    assert model.complete(ASKED, [TOOL], Limits()).tool_calls[0].arguments == {"username": "u"}
    complaint = scripted_server.requests[1]["messages"][-1]
    assert complaint["role"] == "tool"
    assert "no JSON" in json.loads(complaint["content"])["error"]["message"]
    scripted_server.will(Reply(calls=[("get_user", "[")]), Reply(calls=[("get_user", "[")]))
    with pytest.raises(ModelError, match="can't be read"):
        model.complete(ASKED, [TOOL], Limits())


def test_a_429_and_a_500_are_repeated_as_told(model, scripted_server):
    scripted_server.will(
        Reply(status=429, headers={"retry-after-ms": "10"}),
        Reply(status=500, headers={"retry-after-ms": "10"}),
        Reply(text="ok"),
    )
    assert model.complete(ASKED, [], Limits()).text == "ok"
    assert len(scripted_server.requests) == 3


@pytest.mark.parametrize(
    ("reply", "words", "retryable"),
    [
        (Reply(status=401), "refused the key", False),
        (Reply(status=404), "doesn't know this model", False),
        (Reply(status=400), "refused the request", False),
        (Reply(text="half", finish_reason="length"), "cut off", False),
        (Reply(text="", finish_reason="content_filter"), "declined", False),
        (Reply(raw='{"choices": []}'), "no answer", True),
    ],
)
def test_what_goes_wrong_is_told_with_its_remedy(model, scripted_server, reply, words, retryable):
    scripted_server.will(reply)
    with pytest.raises(ModelError, match=words) as caught:
        model.complete(ASKED, [TOOL], Limits())
    assert caught.value.retryable is retryable


def test_a_hanging_server_is_given_up(model, scripted_server):
    scripted_server.script = lambda request: Reply(text="late", delay=2)
    with pytest.raises(ModelError, match="too long"):
        model.complete(ASKED, [TOOL], Limits(timeout=0.2))


def test_a_server_that_is_not_there_is_told():
    with pytest.raises(ModelError, match="can't be reached"):
        compatible_model("x", "http://127.0.0.1:9/v1").complete(ASKED, [], Limits(timeout=2))


def test_a_model_that_refuses_the_temperature_is_asked_without(model, scripted_server):
    scripted_server.script = lambda request: (
        Reply(status=400, raw='{"error": {"message": "Unsupported value: temperature"}}')
        if "temperature" in request
        else Reply(text="ok")
    )
    assert model.complete(ASKED, [], Limits()).text == "ok"
    assert model.complete(ASKED, [], Limits()).text == "ok"
    assert len(scripted_server.requests) == 3


def test_at_most_two_dozen_operations_are_offered_and_nlopss_own_tools_always(model, scripted_server):
    scripted_server.will(Reply(text="ok"))
    many = [Tool(f"t{index}", "x", {"type": "object"}, str(index)) for index in range(50)]
    model.complete(ASKED, [*OWN_TOOLS, *many], Limits())
    names = [tool["function"]["name"] for tool in scripted_server.requests[0]["tools"]]
    assert names[:4] == [tool.name for tool in OWN_TOOLS]
    assert names[4:] == [f"t{index}" for index in range(24)]


@pytest.mark.parametrize("spec", ["", "gpt", "openai:", "compatible:x", "compatible:x@ftp://h", "embedded:2"])
def test_a_setting_that_names_no_model_says_how_to_write_one(spec):
    with pytest.raises(ModelConfigurationError, match=r"compatible:MODEL@"):
        model_from_spec(spec)

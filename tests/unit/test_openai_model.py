"""Models behind the OpenAI API, over real HTTP against a scripted server."""

from __future__ import annotations

import json
import logging
import time

import pytest

from nlops.core.tools import OWN_TOOLS
from nlops.core.types import Message, Role, Tool, ToolCall
from nlops.llm import bounded_http
from nlops.llm.base import Limits, ModelError
from nlops.llm.openai import azure_model, compatible_model, openai_model
from nlops.llm.registry import ModelConfigurationError, model_from_spec
from nlops.llm.server_keys import key_for
from tests.scripted_server import Reply, ScriptedServer

TOOL = Tool(
    "get_user", "Get a user.", {"type": "object", "properties": {"username": {"type": "string"}}}, "1", "GET", "/u"
)
ASKED = [Message(Role.SYSTEM, "rules"), Message(Role.USER, "Get user1")]
KEY = "sk-very-secret-key"


@pytest.fixture
def model(scripted_server, settings):
    settings.OPENAI_API_KEY = KEY
    return compatible_model("scripted", scripted_server.url)


@pytest.fixture
def provider(scripted_server, settings):
    """Azure OpenAI, spoken by the scripted server."""
    settings.AZURE_OPENAI_ENDPOINT = scripted_server.url.removesuffix("/v1")
    settings.AZURE_OPENAI_API_KEY = KEY
    settings.AZURE_OPENAI_API_VERSION = "2024-10-21"
    return azure_model("my-deployment")


def asking(*calls: ToolCall) -> Message:
    return Message(Role.ASSISTANT, tool_calls=calls)


def result(call_id: str, content: str) -> Message:
    return Message(Role.TOOL, content, tool_call_id=call_id, name="get_user")


# --- calls and answers ----------------------------------------------------------------------------------------


def test_a_tool_call_comes_back_with_its_arguments_and_usage(model, scripted_server):
    scripted_server.will(Reply(calls=[("get_user", {"username": "user1"})]))
    completion = model.complete(ASKED, [TOOL], Limits())
    assert [(call.name, call.arguments) for call in completion.tool_calls] == [("get_user", {"username": "user1"})]
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (10, 5)
    [request] = scripted_server.requests
    assert [message["role"] for message in request["messages"]] == ["system", "user"]
    assert request["tools"][0]["function"] == {
        "name": "get_user",
        "description": "Get a user.",
        "parameters": TOOL.parameters,
    }
    assert (request["temperature"], request["max_tokens"]) == (0, 1024)


def test_several_calls_at_once_come_back_in_order(model, scripted_server):
    scripted_server.will(Reply(calls=[("get_user", {"username": "a"}), ("get_user", {"username": "b"})]))
    calls = model.complete(ASKED, [TOOL], Limits()).tool_calls
    assert [call.arguments["username"] for call in calls] == ["a", "b"]
    assert len({call.id for call in calls}) == 2


def test_text_comes_back_without_the_models_thoughts(model, scripted_server):
    scripted_server.will(Reply(text="<think>Hm.</think>\n\nuser1 is active.\x00"))
    completion = model.complete(ASKED, [TOOL], Limits())
    assert (completion.text, completion.tool_calls) == ("user1 is active.", ())


def test_a_call_that_is_written_into_the_text_is_a_call(model, scripted_server):
    scripted_server.will(
        Reply(text='Sure.\n<tool_call>{"name": "get_user", "arguments": {"username": "u"}}</tool_call>')
    )
    completion = model.complete(ASKED, [TOOL], Limits())
    [call] = completion.tool_calls
    assert (completion.text, call.name, call.arguments) == ("Sure.", "get_user", {"username": "u"})


@pytest.mark.parametrize("text", ['{"name": "drop_all", "arguments": {}}', "The user {user1} is fine.", "[1, 2, 3]"])
def test_text_that_only_looks_like_a_call_stays_text(model, scripted_server, text):
    scripted_server.will(Reply(text=text))
    completion = model.complete(ASKED, [TOOL], Limits())
    assert (completion.text, completion.tool_calls) == (text, ())


def test_at_most_two_dozen_operations_are_offered_and_nlopss_own_tools_always(model, scripted_server):
    scripted_server.will(Reply(text="ok"))
    many = [Tool(f"t{index}", "x", {"type": "object"}, str(index)) for index in range(50)]
    model.complete(ASKED, [*OWN_TOOLS, *many], Limits())
    names = [tool["function"]["name"] for tool in scripted_server.requests[0]["tools"]]
    assert names[:4] == [tool.name for tool in OWN_TOOLS]
    assert names[4:] == [f"t{index}" for index in range(24)]


def test_a_tool_is_told_in_the_form_that_every_server_takes(model, scripted_server):
    scripted_server.will(Reply(text="ok"))
    schema = {"anyOf": [{"required": ["a"]}, {"required": ["b"]}], "$defs": {"x": {"anyOf": [{}]}}}
    model.complete(ASKED, [Tool("t", "d" * 5000, schema)], Limits())
    [tool] = scripted_server.requests[0]["tools"]
    assert len(tool["function"]["description"]) == 1024
    assert tool["function"]["parameters"] == {"type": "object", "properties": {}, "$defs": {"x": {"anyOf": [{}]}}}


# --- calls and their results in the prompt --------------------------------------------------------------------


def sent(model, scripted_server, messages: list[Message]) -> list[dict]:
    scripted_server.will(Reply(text="ok"))
    model.complete([*ASKED, *messages], [TOOL], Limits())
    return scripted_server.requests[-1]["messages"][2:]


def test_a_result_follows_its_call(model, scripted_server):
    call, answer = sent(
        model, scripted_server, [asking(ToolCall("c1", "get_user", {"username": "é"})), result("c1", '{"x": 1}')]
    )
    assert json.loads(call["tool_calls"][0]["function"]["arguments"]) == {"username": "é"}
    assert answer == {"role": "tool", "tool_call_id": call["tool_calls"][0]["id"], "content": '{"x": 1}'}


def test_results_that_came_late_or_in_another_order_stand_behind_their_calls(model, scripted_server):
    messages = sent(
        model,
        scripted_server,
        [
            asking(ToolCall("a", "get_user"), ToolCall("b", "get_user")),
            result("b", '"of b"'),
            asking(ToolCall("c", "get_user")),
            result("a", '"of a"'),
            result("c", '"of c"'),
        ],
    )
    assert [message["content"] for message in messages] == ["", '"of a"', '"of b"', "", '"of c"']
    ids = [call["id"] for message in messages for call in message.get("tool_calls", ())]
    assert ids == [message["tool_call_id"] for message in messages if message["role"] == "tool"]


def test_ids_that_earlier_runs_used_too_are_told_apart(model, scripted_server):
    again = asking(ToolCall("call_0", "get_user"))
    messages = sent(model, scripted_server, [again, result("call_0", '"1"'), again, result("call_0", '"2"')])
    assert [message["content"] for message in messages] == ["", '"1"', "", '"2"']
    assert messages[1]["tool_call_id"] != messages[3]["tool_call_id"]


def test_a_call_without_a_result_gets_a_note_and_a_result_without_a_call_is_left_out(model, scripted_server):
    messages = sent(
        model, scripted_server, [result("lost", '"?"'), asking(ToolCall("a", "get_user")), Message(Role.USER, "go on")]
    )
    assert [message["role"] for message in messages] == ["assistant", "tool", "user"]
    assert "Nothing is known" in messages[1]["content"]


# --- calls that can't be read ---------------------------------------------------------------------------------


def test_arguments_that_are_no_json_go_back_to_the_model_once(model, scripted_server):
    scripted_server.will(
        Reply(calls=[("get_user", {"username": "a"}), ("get_user", '{"username": ')]),
        Reply(calls=[("get_user", {"username": "u"})]),
    )
    completion = model.complete(ASKED, [TOOL], Limits())
    assert completion.tool_calls[0].arguments == {"username": "u"}
    assert completion.usage.prompt_tokens == 20
    said, first, second = scripted_server.requests[1]["messages"][-3:]
    assert [call["id"] for call in said["tool_calls"]] == [first["tool_call_id"], second["tool_call_id"]]
    assert "was not made" in json.loads(first["content"])["error"]["message"]
    assert "no JSON object: EOF" in json.loads(second["content"])["error"]["message"]


def test_a_written_call_that_cant_be_read_goes_back_to_the_model_once(model, scripted_server):
    scripted_server.will(
        Reply(text='<tool_call>{"name": "get_user", "arguments": {"username": "u"}</tool_call>'),
        Reply(text='<tool_call>{"name": "get_user", "arguments": {"username": "u"}}</tool_call>'),
    )
    assert model.complete(ASKED, [TOOL], Limits()).tool_calls[0].arguments == {"username": "u"}
    assert "valid JSON" in scripted_server.requests[1]["messages"][-1]["content"]


def test_a_call_that_cant_be_read_twice_is_told(model, scripted_server):
    scripted_server.will(Reply(calls=[("get_user", "[")]), Reply(calls=[("get_user", "[")]))
    with pytest.raises(ModelError, match="can't be read") as caught:
        model.complete(ASKED, [TOOL], Limits())
    assert caught.value.retryable
    assert len(scripted_server.requests) == 2


CUT = [
    Reply(calls=[("get_user", '{"username": "us')], finish_reason="length"),
    Reply(text='<tool_call>{"name": "get_user", "arguments": {"user', finish_reason="length"),
    Reply(text="<think>So many thoughts", finish_reason="length"),
]


@pytest.mark.parametrize("reply", CUT)
def test_a_call_that_was_cut_off_is_asked_for_once_more_with_more_room(model, scripted_server, reply):
    scripted_server.will(reply, Reply(calls=[("get_user", {"username": "user1"})]))
    completion = model.complete(ASKED, [TOOL], Limits(max_tokens=100))
    assert completion.tool_calls[0].arguments == {"username": "user1"}
    assert [request["max_tokens"] for request in scripted_server.requests] == [100, 400]
    assert completion.usage.prompt_tokens == 20


@pytest.mark.parametrize("reply", CUT)
def test_a_call_that_was_cut_off_twice_is_told(model, scripted_server, reply):
    scripted_server.will(reply, reply)
    with pytest.raises(ModelError, match="cut off") as caught:
        model.complete(ASKED, [TOOL], Limits())
    assert not caught.value.retryable
    assert len(scripted_server.requests) == 2


def test_a_text_that_was_cut_off_is_marked(model, scripted_server):
    scripted_server.will(Reply(text="The users are alice, be", finish_reason="length"))
    completion = model.complete(ASKED, [TOOL], Limits())
    assert (completion.text, completion.truncated) == ("The users are alice, be […]", True)


@pytest.mark.parametrize(("arguments", "read"), [("", {}), ({"username": "u"}, {"username": "u"}), (None, {})])
def test_arguments_that_are_the_object_itself_or_nothing_are_read(model, scripted_server, arguments, read):
    body = json.loads(Reply(calls=[("get_user", {})]).body())
    body["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] = arguments
    scripted_server.will(Reply(raw=json.dumps(body)))
    assert model.complete(ASKED, [TOOL], Limits()).tool_calls[0].arguments == read


# --- what goes wrong ------------------------------------------------------------------------------------------


def test_a_429_and_a_500_are_repeated_as_told(model, scripted_server):
    scripted_server.will(
        Reply(status=429, headers={"retry-after-ms": "10"}),
        Reply(status=500, headers={"retry-after-ms": "10"}),
        Reply(text="ok"),
    )
    assert model.complete(ASKED, [], Limits()).text == "ok"
    assert len(scripted_server.requests) == 3


QUICK = {"retry-after-ms": "1"}


@pytest.mark.parametrize(
    ("reply", "words", "retryable"),
    [
        (Reply(status=401), "refused the key", False),
        (Reply(status=403), "refused the key", False),
        (Reply(status=404), "doesn't know this model", False),
        (Reply(status=400), "refused the request", False),
        (Reply(status=302, headers={"location": "/v1/elsewhere"}), "refused the request", False),
        (Reply(status=429, headers=QUICK), "used too much", True),
        (Reply(status=429, headers=QUICK, error={"code": "insufficient_quota"}), "no credit", False),
        (Reply(status=503, headers=QUICK), "has a problem", True),
        (Reply(status=400, error={"code": "content_filter"}), "declined", False),
        (Reply(status=400, error={"code": "context_length_exceeded"}), "too long", False),
        (Reply(status=400, error={"message": "This model's maximum context length is 4096"}), "too long", False),
        (Reply(status=400, error={"message": "gemma:2b does not support tools"}), "can't call tools", False),
        (Reply(status=400, error={"message": '"auto" tool choice requires --x to be set'}), "call tools", False),
        (Reply(status=500, headers=QUICK, error={"message": "tools param requires --jinja flag"}), "call tools", False),
        (Reply(text="", finish_reason="content_filter"), "declined", False),
        (Reply(refusal="I won't."), "declined", False),
        (Reply(raw='{"choices": []}'), "no readable answer", True),
        (Reply(raw='{"choices": [{"index": 0}]}'), "no readable answer", True),
        (Reply(raw="{"), "no readable answer", True),
        (Reply(raw="<html>hello</html>"), "no readable answer", True),
        (Reply(raw="[1]"), "no readable answer", True),
    ],
)
def test_what_goes_wrong_is_told_with_its_remedy(model, scripted_server, reply, words, retryable):
    scripted_server.script = lambda request: reply
    with pytest.raises(ModelError, match=words) as caught:
        model.complete(ASKED, [TOOL], Limits())
    assert caught.value.retryable is retryable


def test_neither_the_key_nor_the_prompt_is_told_or_logged(model, scripted_server, caplog):
    caplog.set_level(logging.INFO)
    scripted_server.script = lambda request: Reply(
        status=400, error={"message": f"bad {request['messages'][1]['content']} {KEY}", "code": "strange"}
    )
    with pytest.raises(ModelError) as caught:
        model.complete(ASKED, [TOOL], Limits())
    for secret in (KEY, ASKED[1].content):
        assert secret not in f"{caught.value} {caught.value.detail} {caplog.text}"
    assert "400" in caught.value.detail
    assert "strange" in caught.value.detail


def test_a_redirect_is_not_followed(model, scripted_server):
    other = ScriptedServer().will(Reply(text="stolen"))
    scripted_server.will(Reply(status=307, headers={"location": f"{other.url}/chat/completions"}))
    with pytest.raises(ModelError):
        model.complete(ASKED, [], Limits())
    other.close()
    assert other.requests == []


def test_a_proxy_of_the_environment_gets_no_prompt(scripted_server, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    scripted_server.will(Reply(text="ok"))
    assert compatible_model("scripted", scripted_server.url).complete(ASKED, [], Limits()).text == "ok"


# --- one deadline for all -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        Reply(text="late", delay=3),
        Reply(text="a byte now and then", drip=0.05),
        Reply(status=429, headers={"retry-after": "30"}),
        Reply(status=503, headers={"retry-after": "2"}),
    ],
)
def test_a_request_ends_in_time_with_all_its_attempts(model, scripted_server, reply):
    scripted_server.script = lambda request: reply
    began = time.monotonic()
    with pytest.raises(ModelError, match=r"too long|too much|problem") as caught:
        model.complete(ASKED, [TOOL], Limits(timeout=0.5))
    assert time.monotonic() - began < 0.5 + 2.5  # the SDK's own back-off between attempts comes on top
    assert caught.value.retryable


def test_an_answer_without_end_is_given_up(model, scripted_server, monkeypatch):
    monkeypatch.setattr(bounded_http, "MAX_ANSWER_BYTES", 10_000)
    scripted_server.script = lambda request: Reply(text="x" * 20_000)
    with pytest.raises(ModelError, match="no readable answer"):
        model.complete(ASKED, [TOOL], Limits())
    assert len(scripted_server.requests) == 1


def test_a_server_that_is_not_there_is_told():
    with pytest.raises(ModelError, match="can't be reached"):
        compatible_model("away", "http://127.0.0.1:9/v1").complete(ASKED, [], Limits(timeout=2))


# --- options --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        {"message": "Unsupported value: temperature"},
        {"message": "No.", "param": "temperature"},
        {"message": "`temperature` is deprecated for this model."},
    ],
)
def test_a_model_that_refuses_the_temperature_is_asked_without_from_then_on(model, scripted_server, error):
    scripted_server.script = lambda request: (
        Reply(status=400, error=error) if "temperature" in request else Reply(text="ok")
    )
    assert model.complete(ASKED, [], Limits()).text == "ok"
    assert model.complete(ASKED, [], Limits()).text == "ok"
    assert ["temperature" in request for request in scripted_server.requests] == [True, False, False]


def test_a_server_that_knows_no_option_at_all_is_asked_without_any(provider, scripted_server):
    options = ("store", "max_completion_tokens", "max_tokens", "temperature")

    def script(request):
        unknown = next((name for name in options if name in request), None)
        words = f"Unrecognized request argument supplied: {unknown}"
        return Reply(status=400, error={"message": words}) if unknown else Reply(text="ok")

    scripted_server.script = script
    assert provider.complete(ASKED, [], Limits()).text == "ok"
    assert len(scripted_server.requests) == 5


def test_a_400_about_something_else_drops_no_option(provider, scripted_server):
    scripted_server.script = lambda request: Reply(status=400, error={"message": "Which store? Set the temperature!"})
    with pytest.raises(ModelError, match="refused the request"):
        provider.complete(ASKED, [], Limits())
    assert len(scripted_server.requests) == 1


def test_a_limit_of_tokens_has_room_for_thoughts_where_they_count(provider, model, scripted_server):
    scripted_server.script = lambda request: Reply(text="ok")
    provider.complete(ASKED, [], Limits(max_tokens=100))
    model.complete(ASKED, [], Limits(max_tokens=100))
    first, second = scripted_server.requests
    assert (first.get("max_completion_tokens"), first.get("max_tokens"), first["store"]) == (8292, None, False)
    assert (second.get("max_completion_tokens"), second.get("max_tokens"), second["store"]) == (None, 100, False)


# --- which model a setting means ------------------------------------------------------------------------------


def test_azure_is_spoken_to_as_it_wants(provider, scripted_server):
    scripted_server.will(Reply(text="ok"))
    assert provider.complete(ASKED, [TOOL], Limits()).text == "ok"
    assert scripted_server.paths == ["/openai/deployments/my-deployment/chat/completions?api-version=2024-10-21"]
    assert scripted_server.headers[0]["api-key"] == KEY


def test_a_compatible_server_gets_its_own_key_and_never_openais(scripted_server, settings):
    settings.OPENAI_API_KEY = KEY
    scripted_server.script = lambda request: Reply(text="ok")
    for keys in ({}, {scripted_server.url: "its-own-key"}):
        settings.NLOPS_MODEL_KEYS = json.dumps(keys)
        model_from_spec.cache_clear()
        model_from_spec(scripted_server.model).complete(ASKED, [], Limits())
    model_from_spec.cache_clear()
    assert scripted_server.authorizations == ["Bearer none", "Bearer its-own-key"]
    assert KEY not in str(scripted_server.headers)


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("https://gw.example/v1", "gw"),
        ("https://GW.example:443/v1/", "gw"),
        ("https://gw.example/v1/team", "team"),
        ("https://gw.example/v10", ""),
        ("https://gw.example", ""),
        ("http://gw.example/v1", ""),
        ("https://gw.example:8443/v1", ""),
        ("https://gw.example.evil.example/v1", ""),
        ("https://other.example/https://gw.example/v1", ""),
    ],
)
def test_a_key_goes_only_where_the_address_begins_as_told(settings, address, key):
    settings.NLOPS_MODEL_KEYS = {"https://gw.example/v1": "gw", "https://gw.example/v1/team": "team"}
    assert key_for(address) == key


@pytest.mark.parametrize("value", ["{", "[]", '{"https://h": 3}', '{"https://h": ""}', '{"h:1": "k-3-y"}'])
def test_keys_that_cant_be_read_are_told_without_a_key(settings, value):
    settings.NLOPS_MODEL_KEYS = value
    with pytest.raises(ModelConfigurationError, match="NLOPS_MODEL_KEYS") as caught:
        model_from_spec("compatible:x@http://127.0.0.1:9/v1")
    assert "k-3-y" not in str(caught.value)


def test_a_setting_means_its_model_and_each_is_made_once(settings):
    model_from_spec.cache_clear()
    settings.OPENAI_API_KEY = settings.AZURE_OPENAI_API_KEY = KEY
    settings.AZURE_OPENAI_ENDPOINT = "https://x.openai.azure.com"
    specs = ["openai:gpt-x", "azure:dep", "compatible:@cf/meta/m@http://h:1/v1", "compatible:a/b:7b@https://h"]
    assert [model_from_spec(spec).name for spec in specs] == specs
    assert model_from_spec(specs[0]) is model_from_spec(specs[0])
    model_from_spec.cache_clear()


def test_openai_is_reached_at_its_own_address_whatever_the_environment_says(settings, monkeypatch):
    settings.OPENAI_API_KEY = KEY
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert str(openai_model("gpt-x")._client.base_url) == "https://api.openai.com/v1/"


@pytest.mark.parametrize(
    "spec", ["", "gpt", "openai:", "compatible:x", "compatible:x@ftp://h", "compatible:x@http://", "embedded:2"]
)
def test_a_setting_that_names_no_model_says_how_to_write_one(spec):
    with pytest.raises(ModelConfigurationError, match=r"NLOPS_MODEL.*compatible:MODEL@"):
        model_from_spec(spec)


@pytest.mark.parametrize(
    ("spec", "endpoint", "names"),
    [
        ("openai:gpt-x", "", "OPENAI_API_KEY"),
        ("azure:d", "", "AZURE_OPENAI_ENDPOINT"),
        ("azure:d", "https://x.openai.azure.com", "AZURE_OPENAI_API_KEY or the settings of Entra ID"),
    ],
)
def test_a_missing_key_is_named(spec, endpoint, names, settings):
    model_from_spec.cache_clear()
    settings.OPENAI_API_KEY = settings.AZURE_OPENAI_API_KEY = ""
    settings.AZURE_OPENAI_ENDPOINT = endpoint
    with pytest.raises(ModelConfigurationError, match=names):
        model_from_spec(spec)


def test_a_password_in_the_address_is_refused_and_not_repeated():
    with pytest.raises(ModelConfigurationError, match="NLOPS_MODEL_KEYS") as caught:
        model_from_spec("compatible:x@http://me:pa55@h/v1")
    assert "pa55" not in str(caught.value)

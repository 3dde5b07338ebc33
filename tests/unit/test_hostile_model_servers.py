"""Model servers that answer in odd, broken or hostile ways, over real HTTP."""

from __future__ import annotations

import email.utils
import gzip
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest

from nlops.core.types import Message, Role, Tool
from nlops.llm import bounded_http
from nlops.llm.base import Limits, ModelError
from nlops.llm.openai import compatible_model, openai_model
from tests.scripted_server import Reply

TOOL = Tool(
    "get_user", "Get a user.", {"type": "object", "properties": {"username": {"type": "string"}}}, "1", "GET", "/u"
)
ASKED = [Message(Role.SYSTEM, "rules"), Message(Role.USER, "Get user1")]


@pytest.fixture
def model(scripted_server):
    return compatible_model("scripted", scripted_server.url)


def with_message(**message) -> Reply:
    """An answer whose message is just this."""
    return Reply(raw=json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}))


def written(*calls) -> Reply:
    return with_message(content=None, tool_calls=list(calls))


def call(arguments, **more) -> dict:
    return {"id": "c", "type": "function", "function": {"name": "get_user", "arguments": arguments}} | more


# --- answers in an odd form -----------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", ["text/plain", "text/html", "application/octet-stream", "nonsense"])
def test_a_completion_is_read_whatever_its_content_type_says(model, scripted_server, content_type):
    scripted_server.will(Reply(text="ok", content_type=content_type))
    assert model.complete(ASKED, [TOOL], Limits()).text == "ok"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        '"text"',
        "{}",
        '{"choices": null}',
        '{"choices": {}}',
        '{"choices": []}',
        '{"choices": [null]}',
        '{"choices": [{"index": 0, "message": null}]}',
        '{"choices": [{"index": 0, "message": "text"}]}',
        '{"choices": [{"index": 7, "message": {"content": "x"}}]}',
        "<!doctype html><title>502 Bad Gateway</title>",
        "{" * 100_000,
        '{"choices":' * 50_000,
        "\x00\x01",
    ],
    ids=lambda body: body[:12] or "empty",
)
def test_what_is_no_completion_is_told(model, scripted_server, body):
    scripted_server.will(Reply(raw=body or " "))
    with pytest.raises(ModelError, match="no readable answer") as caught:
        model.complete(ASKED, [TOOL], Limits())
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}, 3]}, "ab"),
        ({"content": "a", "tool_calls": "none"}, "a"),
        ({"content": "a", "tool_calls": [None, 3, {"function": "x"}, {}]}, "a"),
        ({"content": {"odd": 1}}, ""),
        ({"content": "half \ud800 a character"}, "half \ufffd a character"),
        ({"content": "\ud83d\ude00"}, "😀"),
        ({"content": "a", "refusal": None, "reasoning_content": "hm"}, "a"),
    ],
)
def test_a_message_in_an_odd_form_is_read(model, scripted_server, message, text):
    scripted_server.will(with_message(**message))
    completion = model.complete(ASKED, [TOOL], Limits())
    assert (completion.text, completion.tool_calls) == (text, ())
    completion.text.encode()  # a database takes it


@pytest.mark.parametrize(
    "usage", [None, [], {"prompt_tokens": "12", "completion_tokens": -3, "prompt_tokens_details": 5}, {}]
)
def test_odd_counts_count_nothing_and_missing_ones_are_estimated(model, scripted_server, usage):
    body = json.loads(Reply(text="four score and seven").body()) | {"usage": usage}
    scripted_server.will(Reply(raw=json.dumps(body)))
    counted = model.complete(ASKED, [TOOL], Limits()).usage
    assert counted.cached_tokens == 0
    assert counted.completion_tokens == (0 if isinstance(usage, dict) else 5)


# --- calls in an odd form -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    ['{"username": "u"}', {"username": "u"}, '"{\\"username\\": \\"u\\"}"', ' \n{"username": "u"}\n'],
)
def test_arguments_are_read_as_an_object_however_they_are_packed(model, scripted_server, arguments):
    scripted_server.will(written(call(arguments)))
    assert model.complete(ASKED, [TOOL], Limits()).tool_calls[0].arguments == {"username": "u"}


@pytest.mark.parametrize(
    "arguments",
    ["[1]", [1], '"text"', "3", 3, True, "null", "{", "{'username': 'u'}", '{"a": 1, "a": 2}', '{"a": NaN}', "\ud800"],
)
def test_arguments_that_are_no_object_are_told_to_the_model_with_the_reason(model, scripted_server, arguments):
    scripted_server.will(written(call(arguments)), Reply(text="ok"))
    assert model.complete(ASKED, [TOOL], Limits()).text == "ok"
    complaint = scripted_server.requests[1]["messages"][-1]
    assert complaint["role"] == "tool"
    assert "The arguments of get_user are no JSON object: " in json.loads(complaint["content"])["error"]["message"]


def test_a_call_without_a_name_is_told_to_the_model(model, scripted_server):
    scripted_server.will(written({"id": "c", "function": {"arguments": "{}"}}), Reply(text="ok"))
    assert model.complete(ASKED, [TOOL], Limits()).text == "ok"
    assert "name of the tool is missing" in scripted_server.requests[1]["messages"][-1]["content"]


@pytest.mark.parametrize("ids", [["", ""], [None, None], ["same", "same"], ["a\x00", "a"], [3, {"x": 1}]])
def test_every_call_gets_an_id_of_its_own(model, scripted_server, ids):
    scripted_server.will(written(*(call("{}", id=each) for each in ids)))
    calls = model.complete(ASKED, [TOOL], Limits()).tool_calls
    assert len({each.id for each in calls}) == 2
    assert all(each.id and "\x00" not in each.id for each in calls)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("functions.get_user", "get_user"),
        ("get_user<|channel|>commentary", "get_user"),
        (" get_user ", "get_user"),
        ("drop_all", "drop_all"),  # the engine tells the model that there is none
    ],
)
def test_a_tools_name_is_read_without_what_stands_around_it(model, scripted_server, name, read):
    scripted_server.will(Reply(calls=[(name, {})]))
    assert model.complete(ASKED, [TOOL], Limits()).tool_calls[0].name == read


def test_the_form_that_the_api_had_before_tools_is_read(model, scripted_server):
    scripted_server.will(with_message(content=None, function_call={"name": "get_user", "arguments": "{}"}))
    assert model.complete(ASKED, [TOOL], Limits()).tool_calls[0].name == "get_user"


def test_no_more_calls_are_looked_at_than_a_person_could(model, scripted_server):
    scripted_server.will(Reply(calls=[("get_user", {})] * 500))
    assert len(model.complete(ASKED, [TOOL], Limits()).tool_calls) == 64


# --- refusals -------------------------------------------------------------------------------------------------

AZURE_FILTER = {
    "error": {
        "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {"violence": {"filtered": True, "severity": "medium"}},
        },
    }
}


def test_azures_filter_of_the_prompt_is_a_refusal(model, scripted_server):
    scripted_server.will(Reply(status=400, raw=json.dumps(AZURE_FILTER)))
    with pytest.raises(ModelError, match="declined") as caught:
        model.complete(ASKED, [TOOL], Limits())
    assert not caught.value.retryable


# --- waiting --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "20"}, 20),
        ({"retry-after-ms": "20000"}, 20),
        ({"retry-after": "a date"}, 20),
        ({"retry-after": "100000"}, 600),
        ({"retry-after": "inf"}, 600),
        ({"retry-after": "soon", "x-should-retry": "false"}, 5),
        ({"x-should-retry": "false"}, 5),
    ],
)
def test_a_long_wait_is_handed_to_the_engine_at_once(model, scripted_server, headers, seconds):
    if headers.get("retry-after") == "a date":
        headers = {"retry-after": email.utils.formatdate(time.time() + 20.5, usegmt=True)}
    scripted_server.script = lambda request: Reply(status=429, headers=headers)
    began = time.monotonic()
    with pytest.raises(ModelError, match="used too much") as caught:
        model.complete(ASKED, [TOOL], Limits())
    assert caught.value.retry_after == pytest.approx(seconds, abs=2)
    assert caught.value.retryable
    assert time.monotonic() - began < 5
    assert len(scripted_server.requests) == 1


def test_a_short_wait_is_kept_within_the_request(model, scripted_server):
    scripted_server.will(Reply(status=429, headers={"retry-after": "0.2"}), Reply(text="ok"))
    assert model.complete(ASKED, [TOOL], Limits()).text == "ok"


# --- too much, too slow ---------------------------------------------------------------------------------------


def test_a_packed_answer_is_refused_before_it_is_unpacked(model, scripted_server, monkeypatch):
    bomb = gzip.compress(json.dumps({"choices": "x" * 10_000_000}).encode()).decode("latin-1")
    monkeypatch.setattr(Reply, "body", lambda reply: bomb.encode("latin-1"))
    scripted_server.will(Reply(headers={"content-encoding": "gzip"}))
    with pytest.raises(ModelError, match="no readable answer"):
        model.complete(ASKED, [TOOL], Limits())
    assert scripted_server.headers[0]["accept-encoding"] == "identity"


def test_an_error_page_without_end_is_given_up(model, scripted_server, monkeypatch):
    monkeypatch.setattr(bounded_http, "MAX_ANSWER_BYTES", 10_000)
    scripted_server.script = lambda request: Reply(status=400, raw="x" * 50_000)
    with pytest.raises(ModelError):
        model.complete(ASKED, [TOOL], Limits())
    assert len(scripted_server.requests) == 1


@pytest.mark.parametrize("reply", [Reply(text="late", delay=3), Reply(text="ok", head_drip=0.05), Reply(drip=0.05)])
def test_every_way_of_hanging_ends_at_the_deadline(model, scripted_server, reply):
    scripted_server.script = lambda request: reply
    began = time.monotonic()
    with pytest.raises(ModelError, match="too long"):
        model.complete(ASKED, [TOOL], Limits(timeout=0.5))
    assert time.monotonic() - began < 2.5  # they would go on for three seconds and more


@pytest.fixture(params=["takes no connection", "never shakes hands"])
def silent(request):
    """The address of a server that hangs before the request can be sent."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening:
        port = listening.getsockname()[1]
        if request.param == "never shakes hands":
            yield f"https://127.0.0.1:{port}/v1"
            return
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))  # the queue is full now
        yield f"http://127.0.0.1:{port}/v1"
        for each in waiting:
            each.close()


@pytest.mark.parametrize("seconds", [0.4, 60])
def test_a_connection_that_does_not_come_about_is_given_up(silent, seconds, monkeypatch):
    monkeypatch.setattr(bounded_http, "CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(openai._base_client, "INITIAL_RETRY_DELAY", 0.01)
    began = time.monotonic()
    with pytest.raises(ModelError, match="too long") as caught:
        compatible_model("scripted", silent).complete(ASKED, [TOOL], Limits(timeout=seconds))
    assert time.monotonic() - began < 5
    assert caught.value.retryable


def test_attempts_and_pauses_together_end_at_the_deadline(model, scripted_server):
    scripted_server.script = lambda request: Reply(status=500)
    began = time.monotonic()
    with pytest.raises(ModelError, match="has a problem"):
        model.complete(ASKED, [TOOL], Limits(timeout=1.8))
    assert time.monotonic() - began < 4
    assert len(scripted_server.requests) in (2, 3)


def test_requests_at_once_have_answers_and_deadlines_of_their_own(model, scripted_server):
    def script(request):
        name = request["messages"][0]["content"]
        return Reply(text=f"I am {name}", delay=2 if name == "slow" else 0)

    def ask(name: str, seconds: float) -> str:
        shown: list[str] = []
        try:
            model.complete([Message(Role.USER, name)], [], Limits(timeout=seconds, on_text=shown.append))
        except ModelError as error:
            return str(error)
        return "".join(shown)

    scripted_server.script = script
    names = [*map(str, range(12)), "slow"]
    with ThreadPoolExecutor(max_workers=13) as threads:
        answers = list(threads.map(ask, names, [10] * 12 + [0.4]))
    assert answers[:12] == [f"I am {name}" for name in names[:12]]
    assert "too long" in answers[12]


@pytest.mark.parametrize(
    ("replies", "turns"),
    [
        ([Reply(calls=[("get_user", "[")]), Reply(calls=[("get_user", "[")])], 2),
        ([Reply(calls=[("get_user", "[")]), Reply(refusal="No.")], 2),
        ([Reply(refusal="No.")], 1),
        ([Reply(status=400)], 0),
    ],
)
def test_a_request_that_failed_tells_what_it_cost(model, scripted_server, settings, replies, turns):
    settings.NLOPS_MODEL_PRICES = {"scripted*": {"prompt": 2, "completion": 4}}
    scripted_server.will(*replies)
    with pytest.raises(ModelError) as caught:
        model.complete(ASKED, [TOOL], Limits())
    assert (caught.value.usage.prompt_tokens, caught.value.usage.cost) == (10 * turns, 40 * turns)


# --- what is sent ---------------------------------------------------------------------------------------------


def test_the_server_learns_nothing_of_this_machine(model, scripted_server, monkeypatch):
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "internal-name")
    scripted_server.will(Reply(text="ok"))
    compatible_model("scripted", scripted_server.url).complete(ASKED, [TOOL], Limits())
    [headers] = scripted_server.headers
    usual = {"host", "accept", "content-type", "content-length", "authorization", "connection"}
    assert set(headers) == usual | {"user-agent", "accept-encoding"}
    assert headers["user-agent"] == "nlops"
    assert "internal-name" not in str(headers)


def test_only_what_the_model_needs_is_sent(model, scripted_server):
    scripted_server.will(Reply(text="ok"))
    model.complete(ASKED, [TOOL], Limits())
    assert set(scripted_server.requests[0]) == {"model", "messages", "tools", "temperature", "store", "max_tokens"}


@pytest.mark.parametrize("cache", [False, True])
def test_providers_are_asked_to_keep_nothing(scripted_server, settings, cache):
    settings.OPENAI_API_KEY = "k"
    settings.NLOPS_PROMPT_CACHE = cache
    model = openai_model("gpt-x")
    model._client.base_url = scripted_server.url
    scripted_server.will(Reply(text="ok"))
    model.complete(ASKED, [TOOL], Limits())
    [request] = scripted_server.requests
    assert request["store"] is False
    assert ("prompt_cache_retention" in request, "prompt_cache_options" in request) == (not cache, not cache)
    assert not {"metadata", "user", "safety_identifier"} & set(request)


@pytest.mark.parametrize(
    "error",
    [
        {"message": "Unrecognized request argument supplied: prompt_cache_options"},
        {"message": "No.", "param": "prompt_cache_options.mode"},
        {"message": "This model has no use for prompt_cache_options."},
    ],
)
def test_what_a_model_knows_of_caches_is_found_out_once(scripted_server, settings, error):
    """Older models have one option, newer ones another, each refuses the other's."""
    settings.OPENAI_API_KEY = "k"
    model = openai_model("gpt-x")
    model._client.base_url = scripted_server.url
    scripted_server.script = lambda request: (
        Reply(status=400, error=error) if "prompt_cache_options" in request else Reply(text="ok")
    )
    for _ in range(2):
        model.complete(ASKED, [TOOL], Limits())
    assert [request.get("prompt_cache_retention") for request in scripted_server.requests] == ["in_memory"] * 3
    assert ["prompt_cache_options" in request for request in scripted_server.requests] == [True, False, False]


def test_calls_in_the_text_of_a_provider_that_reads_them_itself_stay_text(scripted_server, settings):
    """What a response of the product says is quoted at times; it must not become a call."""
    settings.OPENAI_API_KEY = "k"
    model = openai_model("gpt-x")
    model._client.base_url = scripted_server.url
    text = 'The note reads {"name": "get_user", "arguments": {}}.'
    scripted_server.will(Reply(text=text))
    completion = model.complete(ASKED, [TOOL], Limits())
    assert (completion.text, completion.tool_calls) == (text, ())


def test_not_even_the_sdks_most_talkative_log_has_the_prompt_or_the_key(scripted_server, caplog):
    caplog.set_level("DEBUG")
    for name in ("openai", "httpx2", "httpcore2"):
        caplog.set_level("DEBUG", logger=name)
    scripted_server.will(Reply(text="user1 is active"))
    compatible_model("scripted", scripted_server.url, "its-own-key").complete(ASKED, [TOOL], Limits())
    for secret in ("Get user1", "user1 is active", "its-own-key"):
        assert secret not in caplog.text

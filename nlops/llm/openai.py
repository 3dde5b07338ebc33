"""Models behind the OpenAI API: OpenAI itself, Azure OpenAI, and any compatible server (vLLM, llama.cpp, Ollama …)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx2
import openai
import structlog
from django.conf import settings

from nlops.core.types import Completion, Message, Tool, ToolCall, Usage
from nlops.llm.base import Limits, ModelError
from nlops.llm.bounded_http import AnswerRefused, bounded_client, deadline
from nlops.llm.breaker import Breaker
from nlops.llm.openai_answers import Answer, WrittenCall, read_body, read_chunks
from nlops.llm.openai_faults import cut_off, declined, model_error, refused_option, unreadable, unreadable_call
from nlops.llm.openai_prompt import MAX_TOOLS, conversation, offered_tools, raw_call, tool_definition
from nlops.llm.prices import PriceListError, priced
from nlops.llm.text_stream import PlainText
from nlops.llm.tool_text import UnreadableCall, calls_in_text, read_arguments, without_thoughts

#: Repetitions by the SDK on 408, 409, 429, 5xx and lost connections, with exponential back-off and jitter.
MAX_RETRIES = 2
#: Turns of the model in one request: a call that can't be read goes back to it once, one that was cut off is asked for
#: again once, with more room.
TURNS = 2
#: How much more room.
MORE_ROOM = 4
#: Room for the thoughts of reasoning models, which count as output where the limit is `max_completion_tokens`.
THOUGHT_TOKENS = 8192
#: Bytes of text that make about one token, for servers that don't count.
BYTES_PER_TOKEN = 4
#: Stands at the end of a text that the limit of tokens cut off.
CUT_OFF_MARK = " […]"

log = structlog.get_logger(__name__)


#: What reading an answer raises beside errors of the SDK; not every ValueError, for `on_text` may raise some.
_UNREADABLE = (httpx2.HTTPError, AnswerRefused, json.JSONDecodeError, UnicodeError, RecursionError)


class MalformedCall(Exception):
    """The model wrote a call that can't be read; `exchange` says so to it: its message, and the complaint."""

    def __init__(self, reason: str, exchange: list[dict[str, Any]]) -> None:
        super().__init__(reason)
        self.exchange = exchange


class CutOff(Exception):
    """The limit of tokens was hit before a call, or any text, was complete."""


class OpenAIModel:
    """A ChatModel over Chat Completions with tools."""

    max_tools = MAX_TOOLS
    languages: frozenset[str] | None = None
    writes_text = True

    def __init__(self, name: str, client: openai.OpenAI, model: str, *, is_provider: bool) -> None:
        """`is_provider`: OpenAI or Azure OpenAI, which take options that other servers don't know, and read the calls
        of their models themselves."""
        #: as in NLOPS_MODEL
        self.name = name
        self._client = client
        self._model = model
        self._is_provider = is_provider
        self._breaker = Breaker(name)
        #: options that this model has refused, and is not sent again
        self._refused: frozenset[str] = frozenset()
        #: its texts begin with thoughts of which only the end is marked
        self._thinks_first = False

    def complete(self, messages: Sequence[Message], tools: Sequence[Tool], limits: Limits) -> Completion:
        """One turn, within `limits.timeout` seconds in all. Raises ModelError."""
        with self._breaker.guard(), deadline(limits.timeout):
            return self._complete(messages, tools, limits)

    def _complete(self, messages: Sequence[Message], tools: Sequence[Tool], limits: Limits) -> Completion:
        prompt = conversation(messages)
        offered = {tool.name: tool for tool in offered_tools(tools)}
        used = Usage()
        fault: Exception | None = None
        for _ in range(TURNS):
            text = PlainText(limits.on_text, thinks_first=self._thinks_first) if limits.on_text else None
            try:
                answer = self._ask(prompt, offered, limits, text)
                used = _sum(used, answer.usage or _estimate(prompt, answer))
                completion = _completion(answer, offered, is_provider=self._is_provider)
            except MalformedCall as error:
                fault = error
                prompt += error.exchange
            except CutOff as error:
                fault = error
                limits = replace(limits, max_tokens=limits.max_tokens * MORE_ROOM)
            except ModelError as error:
                error.usage = self._priced(used)
                raise
            else:
                if text and not completion.tool_calls:
                    text.finish(completion.text)
                return replace(completion, usage=self._priced(used))
            # What was shown of the first turn can't be taken back, so the second is not shown.
            limits = replace(limits, on_text=None)
        failed = cut_off() if isinstance(fault, CutOff) else unreadable_call(str(fault))
        failed.usage = self._priced(used)
        raise failed

    def _priced(self, used: Usage) -> Usage:
        try:
            return priced(self.name, used)
        except PriceListError as error:  # the system check tells it, too; a price is no reason to fail
            log.warning("price_list_unreadable", detail=str(error))
            return used

    def _ask(
        self, prompt: list[dict[str, Any]], offered: Mapping[str, Tool], limits: Limits, text: PlainText | None
    ) -> Answer:
        request: dict[str, Any] = {"model": self._model, "messages": prompt}
        if offered:
            request["tools"] = [tool_definition(tool) for tool in offered.values()]
        try:
            return self._send(request, limits, text)
        except openai.APIError as error:
            raise model_error(error) from error
        except _UNREADABLE as error:
            raise unreadable(type(error).__name__) from error

    def _send(self, request: dict[str, Any], limits: Limits, text: PlainText | None) -> Answer:
        """Send it; an option that the model refuses is left out from then on."""
        while True:
            options = self._options(limits, streams=text is not None)
            try:
                return self._exchange(request | options, text)
            except openai.APIStatusError as error:
                refused = refused_option(error, options)
                if refused is None:
                    raise
                self._refused |= {refused}

    def _exchange(self, request: dict[str, Any], text: PlainText | None) -> Answer:
        response = self._client.chat.completions.with_raw_response.create(**request)
        if not request.get("stream") or "event-stream" not in response.headers.get("content-type", ""):
            # Some servers answer at once, whatever was asked for.
            return read_body(response.http_response.read())
        assert text is not None
        with response.parse() as stream:
            answer = read_chunks(map(_plain, stream), text)
        self._thinks_first = text.thinks_first
        return answer

    def _options(self, limits: Limits, *, streams: bool) -> dict[str, Any]:
        options: dict[str, Any] = {"temperature": 0, "store": False}
        lengths = {"max_tokens": limits.max_tokens, "max_completion_tokens": limits.max_tokens + THOUGHT_TOKENS}
        names = ["max_tokens", "max_completion_tokens"]
        if self._is_provider:
            options |= _NOT_KEPT if not settings.NLOPS_PROMPT_CACHE else {}
            names.reverse()
        length = next((name for name in names if name not in self._refused), None)
        if length:
            options[length] = lengths[length]
        if streams and "stream" not in self._refused:
            options |= {"stream": True, "stream_options": {"include_usage": True}}
        return {name: value for name, value in options.items() if name not in self._refused}


#: What keeps the beginning of a prompt out of the providers' caches that outlast the request. Older models have the
#: first (kept in memory for minutes, instead of on disks for a day), newer ones the second (not kept at all).
_NOT_KEPT: dict[str, Any] = {"prompt_cache_retention": "in_memory", "prompt_cache_options": {"mode": "explicit"}}


def openai_model(model: str) -> OpenAIModel:
    """OpenAI's own model, with settings.OPENAI_API_KEY."""
    client = openai.OpenAI(
        api_key=settings.OPENAI_API_KEY,
        base_url="https://api.openai.com/v1",
        max_retries=MAX_RETRIES,
        http_client=bounded_client({"openai-organization", "openai-project"}),
    )
    return OpenAIModel(f"openai:{model}", client, model, is_provider=True)


def azure_model(deployment: str, token_provider: Callable[[], str] | None = None) -> OpenAIModel:
    """A deployment of Azure OpenAI at AZURE_OPENAI_ENDPOINT, with AZURE_OPENAI_API_KEY or tokens of Entra ID."""
    client = openai.AzureOpenAI(
        azure_endpoint=settings.AZURE_OPENAI_ENDPOINT,
        azure_deployment=deployment,
        api_key=None if token_provider else settings.AZURE_OPENAI_API_KEY,
        azure_ad_token_provider=token_provider,
        api_version=settings.AZURE_OPENAI_API_VERSION,
        max_retries=MAX_RETRIES,
        http_client=bounded_client(),
    )
    return OpenAIModel(f"azure:{deployment}", client, deployment, is_provider=True)


def compatible_model(model: str, base_url: str, key: str = "") -> OpenAIModel:
    """A model of any compatible server, with that server's own key if it has one."""
    client = openai.OpenAI(
        api_key=key or "none",
        base_url=base_url,
        max_retries=MAX_RETRIES,
        http_client=bounded_client(),
    )
    return OpenAIModel(f"compatible:{model}@{base_url}", client, model, is_provider=False)


# --- what the answer means ------------------------------------------------------------------------------------


def _plain(chunk: Any) -> Any:
    """The JSON value that the SDK made an object of; what is no object came as it is."""
    return chunk.model_dump(exclude_unset=True, warnings=False) if hasattr(chunk, "model_dump") else chunk


def _sum(first: Usage, second: Usage) -> Usage:
    return Usage(
        first.prompt_tokens + second.prompt_tokens,
        first.completion_tokens + second.completion_tokens,
        first.cached_tokens + second.cached_tokens,
    )


def _estimate(prompt: list[dict[str, Any]], answer: Answer) -> Usage:
    """About what it was, where the server doesn't count: limits of tokens hold there, too."""
    written = answer.text + "".join(call.name + str(call.arguments) for call in answer.calls)
    sent = json.dumps(prompt, ensure_ascii=False)
    return Usage(_tokens(sent), _tokens(written))


def _tokens(text: str) -> int:
    return -(-len(text.encode(errors="replace")) // BYTES_PER_TOKEN)


def _completion(answer: Answer, offered: Mapping[str, Tool], *, is_provider: bool) -> Completion:
    """What the model said. Raises MalformedCall, CutOff, ModelError."""
    if answer.finish_reason == "content_filter" or answer.refusal:
        raise declined("content filter" if answer.finish_reason == "content_filter" else "refusal")
    is_cut = answer.finish_reason == "length"
    text = without_thoughts(_storable(answer.text))
    try:
        calls = _calls(answer, offered)
        if not calls and text and not is_provider:
            text, calls = _written_calls(text, offered)
    except MalformedCall as error:
        if is_cut:
            raise CutOff from error
        raise
    if is_cut and not calls:
        if not text:
            raise CutOff
        text += CUT_OFF_MARK
    raw = {"finish_reason": answer.finish_reason, "model": answer.model}
    return Completion(text=text, tool_calls=tuple(calls), truncated=is_cut and not calls, raw=raw)


def _storable(content: str) -> str:
    """The text without what no database takes: NUL characters."""
    return content.replace("\x00", "")


def _calls(answer: Answer, offered: Mapping[str, Tool]) -> list[ToolCall]:
    """The answer's tool calls, each with an id of its own. Raises MalformedCall."""
    calls: list[ToolCall] = []
    faults: dict[int, str] = {}
    for index, written in enumerate(answer.calls):
        name = _tool_name(written, offered)
        try:
            if not name:
                raise ValueError("the name of the tool is missing")
            arguments = read_arguments(_json_text(written.arguments))
        except ValueError as error:
            faults[index] = f"The arguments of {name or 'this call'} are no JSON object: {error}. Write the call again."
        else:
            calls.append(ToolCall(_own_id(written.id, index, calls), name, arguments))
    if faults:
        raise MalformedCall(next(iter(faults.values())), _complaint(answer, faults))
    return calls


def _tool_name(written: WrittenCall, offered: Mapping[str, Tool]) -> str:
    """The name; of the way in which models write it in code only the name stays."""
    name = _storable(written.name).strip()
    bare = name.removeprefix("functions.").partition("<|")[0].strip()
    return bare if name not in offered and bare in offered else name


def _own_id(told: str, index: int, calls: Sequence[ToolCall]) -> str:
    """An id that no other call of the answer has; some servers give none, or all the same."""
    wanted = _storable(told) or f"call_{index}"
    taken = {call.id for call in calls}
    return wanted if wanted not in taken else f"{wanted}_{index}"


def _json_text(arguments: Any) -> str:
    """JSON text, as the API has it; some servers send the object itself, or nothing for a tool without arguments."""
    if arguments in (None, ""):
        return "{}"
    if not isinstance(arguments, str):
        return json.dumps(arguments)
    if arguments.lstrip().startswith('"'):
        # JSON text in JSON text.
        inner = json.loads(arguments)
        return inner if isinstance(inner, str) else arguments
    return arguments


def _complaint(answer: Answer, faults: dict[int, str]) -> list[dict[str, Any]]:
    """The model's message with calls that are JSON, and what is wrong with each."""
    numbers = [f"fault{index:04d}" for index in range(len(answer.calls))]
    said = {
        "role": "assistant",
        "content": _storable(answer.text),
        "tool_calls": [
            raw_call(number, _storable(call.name) or "unnamed", {})
            for number, call in zip(numbers, answer.calls, strict=True)
        ],
    }
    untouched = "This call was not made, because another one can't be read. Write both again."
    return [
        said,
        *(
            {
                "role": "tool",
                "tool_call_id": number,
                "content": json.dumps({"error": {"message": faults.get(index, untouched)}}),
            }
            for index, number in enumerate(numbers)
        ),
    ]


def _written_calls(text: str, offered: Mapping[str, Tool]) -> tuple[str, list[ToolCall]]:
    """The rest of the text, and the calls in it. Raises MalformedCall for one that was meant but can't be read."""
    try:
        return calls_in_text(text, {name: tool.parameters for name, tool in offered.items()})
    except UnreadableCall as error:
        reason = str(error)
        exchange = [{"role": "assistant", "content": text}, {"role": "user", "content": reason}]
        raise MalformedCall(reason, exchange) from error

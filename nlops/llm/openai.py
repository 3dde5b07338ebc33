"""Models behind the OpenAI API: OpenAI itself, Azure OpenAI, and any compatible server (vLLM, llama.cpp, Ollama …)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import httpx2
import openai
from django.conf import settings

from nlops.core.tools import OWN_TOOL_NAMES
from nlops.core.types import Completion, Message, Role, Tool, ToolCall, Usage
from nlops.llm.base import Limits, ModelError
from nlops.llm.bounded_http import bounded_client, deadline
from nlops.llm.openai_faults import cut_off, declined, model_error, refused_option, unreadable
from nlops.llm.tool_text import calls_in_text, read_arguments, was_meant_as_call, without_thoughts

#: Operations that are offered at once, best ranked first.
MAX_TOOLS = 24
#: Repetitions by the SDK on 408, 409, 429, 5xx and lost connections, with exponential back-off and jitter.
MAX_RETRIES = 2
#: Turns of the model in one request: a call that can't be read goes back to it once.
TURNS = 2
#: Room for the thoughts of reasoning models, which count as output where the limit is `max_completion_tokens`.
THOUGHT_TOKENS = 8192
#: Characters of a tool's description that are sent; OpenAI refuses more.
MAX_DESCRIPTION = 1024
#: Keywords that OpenAI refuses at the top of a tool's parameters; the engine checks them all the same.
_NOT_AT_THE_TOP = frozenset({"oneOf", "anyOf", "allOf", "not", "enum"})


class MalformedCall(Exception):
    """The model wrote a call that can't be read; `exchange` says so to it: its message, and the complaint."""

    def __init__(self, reason: str, exchange: list[dict[str, Any]]) -> None:
        super().__init__(reason)
        self.exchange = exchange


class OpenAIModel:
    """A ChatModel over Chat Completions with tools."""

    max_tools = MAX_TOOLS
    languages: frozenset[str] | None = None
    writes_text = True

    def __init__(self, name: str, client: openai.OpenAI, model: str, *, is_provider: bool) -> None:
        """`is_provider`: OpenAI or Azure OpenAI, which take options that other servers don't know."""
        #: as in NLOPS_MODEL
        self.name = name
        self._client = client
        self._model = model
        self._is_provider = is_provider
        #: options that this model has refused, and is not sent again
        self._refused: frozenset[str] = frozenset()

    def complete(self, messages: Sequence[Message], tools: Sequence[Tool], limits: Limits) -> Completion:
        """One turn, within `limits.timeout` seconds in all. Raises ModelError."""
        prompt = conversation(messages)
        offered = _offered(tools)
        names = {tool.name for tool in offered}
        used = Usage()
        reason = ""
        with deadline(limits.timeout):
            for _ in range(TURNS):
                answer = self._ask(prompt, offered, limits)
                used = _sum(used, answer)
                try:
                    return _completion(answer, names, used)
                except MalformedCall as error:
                    reason = str(error)
                    prompt += error.exchange
        raise ModelError(
            "The language model wrote a call that can't be read, twice. Please say it in other words.",
            detail=reason,
            retryable=True,
        )

    def _ask(self, prompt: list[dict[str, Any]], offered: list[Tool], limits: Limits) -> Any:
        request: dict[str, Any] = {"model": self._model, "messages": prompt}
        if offered:
            request["tools"] = [_tool(tool) for tool in offered]
        try:
            return self._send(request, limits)
        except openai.APIError as error:
            raise model_error(error) from error
        except (httpx2.HTTPError, ValueError) as error:
            raise unreadable(type(error).__name__) from error

    def _send(self, request: dict[str, Any], limits: Limits) -> Any:
        """Send it; an option that the model refuses is left out from then on."""
        while True:
            options = self._options(limits)
            try:
                return self._client.chat.completions.create(**request, **options)
            except openai.BadRequestError as error:
                refused = refused_option(error, options)
                if refused is None:
                    raise
                self._refused |= {refused}

    def _options(self, limits: Limits) -> dict[str, Any]:
        options: dict[str, Any] = {"temperature": 0}
        lengths = {"max_tokens": limits.max_tokens, "max_completion_tokens": limits.max_tokens + THOUGHT_TOKENS}
        names = ["max_tokens", "max_completion_tokens"]
        if self._is_provider:
            options["store"] = False  # nothing of the exchange is kept there for training or review
            names.reverse()
        length = next((name for name in names if name not in self._refused), None)
        if length:
            options[length] = lengths[length]
        return {name: value for name, value in options.items() if name not in self._refused}


def openai_model(model: str) -> OpenAIModel:
    """OpenAI's own model, with settings.OPENAI_API_KEY."""
    client = openai.OpenAI(
        api_key=settings.OPENAI_API_KEY,
        base_url="https://api.openai.com/v1",
        max_retries=MAX_RETRIES,
        http_client=bounded_client(),
    )
    return OpenAIModel(f"openai:{model}", client, model, is_provider=True)


def azure_model(deployment: str) -> OpenAIModel:
    """A deployment of Azure OpenAI, with AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY, AZURE_OPENAI_API_VERSION."""
    client = openai.AzureOpenAI(
        azure_endpoint=settings.AZURE_OPENAI_ENDPOINT,
        azure_deployment=deployment,
        api_key=settings.AZURE_OPENAI_API_KEY,
        api_version=settings.AZURE_OPENAI_API_VERSION,
        max_retries=MAX_RETRIES,
        http_client=bounded_client(),
    )
    return OpenAIModel(f"azure:{deployment}", client, deployment, is_provider=True)


def compatible_model(model: str, base_url: str) -> OpenAIModel:
    """A model of any compatible server; settings.OPENAI_API_KEY is sent if there is one."""
    client = openai.OpenAI(
        api_key=settings.OPENAI_API_KEY or "none",
        base_url=base_url,
        max_retries=MAX_RETRIES,
        http_client=bounded_client(),
    )
    return OpenAIModel(f"compatible:{model}@{base_url}", client, model, is_provider=False)


# --- to the server --------------------------------------------------------------------------------------------


def conversation(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The messages as the API wants them: each call with its result right behind it, under an id of its own.

    The providers refuse a call without a result and a result without a call; a run that was stopped or that waited
    has both. Ids are numbered anew: those of earlier runs repeat, and some servers take nine letters and digits only.
    """
    taken: set[int] = set()
    prompt: list[dict[str, Any]] = []
    count = 0
    for index, message in enumerate(messages):
        if message.role is Role.TOOL:
            continue
        data: dict[str, Any] = {"role": message.role.value, "content": message.content}
        prompt.append(data)
        for call in message.tool_calls:
            count += 1
            number = f"call{count:05d}"
            data.setdefault("tool_calls", []).append(_raw_call(number, call.name, call.arguments))
            place = _result_of(call, messages, index + 1, taken)
            taken.add(place)
            content = messages[place].content if place >= 0 else '{"note": "Nothing is known of what came of this."}'
            prompt.append({"role": "tool", "tool_call_id": number, "content": content})
    return prompt


def _result_of(call: ToolCall, messages: Sequence[Message], start: int, taken: set[int]) -> int:
    """Where the call's result stands, -1 for nowhere: before the next call with the same id."""
    for place in range(start, len(messages)):
        message = messages[place]
        if any(other.id == call.id for other in message.tool_calls):
            break
        if message.role is Role.TOOL and message.tool_call_id == call.id and place not in taken:
            return place
    return -1


def _raw_call(number: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(arguments, ensure_ascii=False)
    return {"id": number, "type": "function", "function": {"name": name, "arguments": text}}


def _offered(tools: Sequence[Tool]) -> list[Tool]:
    """nlops's own tools and the best ranked operations."""
    own = [tool for tool in tools if tool.name in OWN_TOOL_NAMES]
    return own + [tool for tool in tools if tool.name not in OWN_TOOL_NAMES][:MAX_TOOLS]


def _tool(tool: Tool) -> dict[str, Any]:
    # Some servers refuse parameters without `type` or `properties`.
    parameters = {"type": "object", "properties": {}} | {
        key: value for key, value in tool.parameters.items() if key not in _NOT_AT_THE_TOP
    }
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description[:MAX_DESCRIPTION], "parameters": parameters},
    }


# --- from the server ------------------------------------------------------------------------------------------


def _sum(used: Usage, answer: Any) -> Usage:
    usage = getattr(answer, "usage", None)
    return Usage(
        used.prompt_tokens + (getattr(usage, "prompt_tokens", None) or 0),
        used.completion_tokens + (getattr(usage, "completion_tokens", None) or 0),
    )


def _completion(answer: Any, offered: set[str], used: Usage) -> Completion:
    """What the model said. Raises MalformedCall, ModelError."""
    if not getattr(answer, "choices", None) or answer.choices[0].message is None:
        raise unreadable("no choices")
    choice = answer.choices[0]
    if choice.finish_reason == "content_filter" or getattr(choice.message, "refusal", None):
        raise declined("content filter")
    text = without_thoughts(_storable(choice.message.content))
    try:
        calls = _calls(choice.message)
        if not calls and text:
            text, calls = _written_calls(text, offered)
    except MalformedCall as error:
        if choice.finish_reason == "length":
            raise cut_off() from error
        raise
    if choice.finish_reason == "length" and not calls:
        raise cut_off()
    raw = {"finish_reason": choice.finish_reason, "model": getattr(answer, "model", None)}
    return Completion(text=text, tool_calls=tuple(calls), usage=used, raw=raw)


def _storable(content: Any) -> str:
    """The text without what no database takes: NUL characters and half surrogates."""
    if not isinstance(content, str):
        return ""
    return content.replace("\x00", "").encode(errors="replace").decode()


def _calls(message: Any) -> list[ToolCall]:
    """The message's tool calls. Raises MalformedCall."""
    functions = [(call.id or "", call.function) for call in message.tool_calls or [] if getattr(call, "function", None)]
    calls, faults = [], {}
    for index, (call_id, function) in enumerate(functions):
        name = _storable(function.name)
        try:
            arguments = read_arguments(_text_of(function.arguments))
        except ValueError as error:
            faults[index] = f"The arguments of {name} are no JSON object: {error}. Write the call again."
        else:
            calls.append(ToolCall(_storable(call_id), name, arguments))
    if faults:
        raise MalformedCall(next(iter(faults.values())), _complaint(message, functions, faults))
    return calls


def _text_of(arguments: Any) -> str:
    """JSON text, as the API has it; some servers send the object itself, or nothing for a tool without arguments."""
    if arguments in (None, ""):
        return "{}"
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def _complaint(message: Any, functions: list[tuple[str, Any]], faults: dict[int, str]) -> list[dict[str, Any]]:
    """The model's message with calls that are JSON, and what is wrong with each."""
    numbers = [f"fault{index:04d}" for index in range(len(functions))]
    said = {
        "role": "assistant",
        "content": _storable(message.content),
        "tool_calls": [
            _raw_call(number, _storable(function.name), {})
            for number, (_, function) in zip(numbers, functions, strict=True)
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


def _written_calls(text: str, offered: set[str]) -> tuple[str, list[ToolCall]]:
    """The rest of the text, and the calls in it. Raises MalformedCall for one that was meant but can't be read."""
    rest, calls = calls_in_text(text, offered)
    if not calls and was_meant_as_call(text):
        reason = (
            "This is no call of a tool that you were given. Write "
            '<tool_call>{"name": "…", "arguments": {…}}</tool_call> with the name of such a tool and valid JSON.'
        )
        raise MalformedCall(reason, [{"role": "assistant", "content": text}, {"role": "user", "content": reason}])
    return rest, calls

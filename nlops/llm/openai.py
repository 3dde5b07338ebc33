"""Models behind the OpenAI API: OpenAI itself, Azure OpenAI, and any compatible server (vLLM, llama.cpp, Ollama …)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import httpx2
import openai
from django.conf import settings

from nlops.core.tools import OWN_TOOL_NAMES
from nlops.core.types import Completion, Json, Message, Role, Tool, ToolCall, Usage
from nlops.llm.base import Limits, ModelError
from nlops.llm.tool_text import calls_in_text

#: Operations that are offered at once, best ranked first.
MAX_TOOLS = 24
#: Repetitions by the SDK on 408, 409, 429, 5xx and lost connections, with exponential back-off and jitter.
MAX_RETRIES = 2


class MalformedCall(Exception):
    """The model wrote arguments that are no JSON object; `calls` are the raw calls, `reason` says what is wrong."""

    def __init__(self, message: dict[str, Any], reason: str) -> None:
        super().__init__(reason)
        self.message = message


class OpenAIModel:
    """A ChatModel over Chat Completions with tools."""

    max_tools = MAX_TOOLS
    languages: frozenset[str] | None = None
    writes_text = True

    def __init__(self, name: str, client: openai.OpenAI, model: str, *, is_provider: bool) -> None:
        #: as in NLOPS_MODEL
        self.name = name
        self._client = client
        self._model = model
        # Options that compatible servers may refuse: the provider keeps nothing of the exchange.
        self._options: dict[str, Any] = {"store": False} if is_provider else {}
        self._temperature: dict[str, Any] = {"temperature": 0}
        self._limit = "max_completion_tokens" if is_provider else "max_tokens"

    def complete(self, messages: Sequence[Message], tools: Sequence[Tool], limits: Limits) -> Completion:
        """One turn. Arguments that are no JSON go back to the model once. Raises ModelError."""
        prompt = [_message(message) for message in messages]
        offered = _offered(tools)
        try:
            return self._turn(prompt, offered, limits)
        except MalformedCall as first:
            prompt += [first.message, *_complaints(first)]
        try:
            return self._turn(prompt, offered, limits)
        except MalformedCall as error:
            raise ModelError(
                "The language model wrote a call that can't be read, twice. Please say it in other words.",
                detail=str(error),
                retryable=True,
            ) from error

    def _turn(self, prompt: list[dict[str, Any]], offered: list[Tool], limits: Limits) -> Completion:
        request: dict[str, Any] = {
            "model": self._model,
            "messages": prompt,
            "timeout": limits.timeout,
            self._limit: limits.max_tokens,
            **self._options,
        }
        if offered:
            request["tools"] = [_tool(tool) for tool in offered]
        try:
            answer = self._send(request)
        except openai.APIError as error:
            raise _model_error(error) from error
        except (httpx2.HTTPError, ValueError) as error:
            raise ModelError(
                "The language model's server gave no readable answer. Please try again.",
                detail=type(error).__name__,
                retryable=True,
            ) from error
        return _completion(answer, {tool.name for tool in offered})

    def _send(self, request: dict[str, Any]) -> Any:
        """Send it; a model that refuses the temperature gets none from then on."""
        try:
            return self._client.chat.completions.create(**request, **self._temperature)
        except openai.BadRequestError as error:
            if self._temperature and "temperature" in str(error):
                self._temperature = {}
                return self._client.chat.completions.create(**request)
            raise


def openai_model(model: str) -> OpenAIModel:
    """OpenAI's own model, with settings.OPENAI_API_KEY."""
    client = openai.OpenAI(
        api_key=settings.OPENAI_API_KEY or "none",
        base_url="https://api.openai.com/v1",
        max_retries=MAX_RETRIES,
        http_client=_http(),
    )
    return OpenAIModel(f"openai:{model}", client, model, is_provider=True)


def azure_model(deployment: str) -> OpenAIModel:
    """A deployment of Azure OpenAI, with AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY, AZURE_OPENAI_API_VERSION."""
    client = openai.AzureOpenAI(
        azure_endpoint=settings.AZURE_OPENAI_ENDPOINT,
        azure_deployment=deployment,
        api_key=settings.AZURE_OPENAI_API_KEY or "none",
        api_version=settings.AZURE_OPENAI_API_VERSION,
        max_retries=MAX_RETRIES,
        http_client=_http(),
    )
    return OpenAIModel(f"azure:{deployment}", client, deployment, is_provider=True)


def compatible_model(model: str, base_url: str) -> OpenAIModel:
    """A model of any compatible server; settings.OPENAI_API_KEY is sent if there is one."""
    client = openai.OpenAI(
        api_key=settings.OPENAI_API_KEY or "none", base_url=base_url, max_retries=MAX_RETRIES, http_client=_http()
    )
    return OpenAIModel(f"compatible:{model}@{base_url}", client, model, is_provider=False)


def _http() -> httpx2.Client:
    """No proxies or credentials from the environment: a prompt goes to the configured server and nowhere else."""
    return httpx2.Client(trust_env=False, timeout=httpx2.Timeout(60.0, connect=5.0))


# --- to the server --------------------------------------------------------------------------------------------


def _offered(tools: Sequence[Tool]) -> list[Tool]:
    """nlops's own tools and the best ranked operations."""
    own = [tool for tool in tools if tool.name in OWN_TOOL_NAMES]
    return own + [tool for tool in tools if tool.name not in OWN_TOOL_NAMES][:MAX_TOOLS]


def _message(message: Message) -> dict[str, Any]:
    if message.role is Role.TOOL:
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.content}
    data: dict[str, Any] = {"role": message.role.value, "content": message.content}
    if message.tool_calls:
        data["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)},
            }
            for call in message.tool_calls
        ]
    return data


def _tool(tool: Tool) -> dict[str, Any]:
    # Servers refuse tools whose arguments have no `properties`, or variants at the top; nlops checks these itself.
    kept = {key: value for key, value in tool.parameters.items() if key not in ("anyOf", "oneOf", "allOf", "not")}
    parameters = {"properties": {}, **kept}
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description[:1024], "parameters": parameters},
    }


def _complaints(error: MalformedCall) -> list[dict[str, Any]]:
    return [
        {"role": "tool", "tool_call_id": call["id"], "content": json.dumps({"error": {"message": str(error)}})}
        for call in error.message["tool_calls"]
    ]


# --- from the server ------------------------------------------------------------------------------------------


def _completion(answer: Any, offered: set[str]) -> Completion:
    if not getattr(answer, "choices", None):
        raise ModelError("The language model gave no answer. Please try again.", detail="no choices", retryable=True)
    choice = answer.choices[0]
    usage = answer.usage
    used = Usage(usage.prompt_tokens or 0, usage.completion_tokens or 0) if usage else Usage()
    if choice.finish_reason == "content_filter" or getattr(choice.message, "refusal", None):
        raise ModelError(
            "The language model's provider declined this request. Please say it in other words.",
            detail="content filter",
        )
    text = choice.message.content or ""
    calls = _calls(choice.message)
    if choice.finish_reason == "length" and not calls:
        raise ModelError(
            "The language model's answer was cut off because it became too long. Ask for less at once.", detail="length"
        )
    if not calls and text:
        text, found = calls_in_text(text, offered)
        calls = found
    return Completion(
        text=text.strip(), tool_calls=tuple(calls), usage=used, raw={"finish_reason": choice.finish_reason}
    )


def _calls(message: Any) -> list[ToolCall]:
    """The message's tool calls. Raises MalformedCall."""
    calls = []
    for call in message.tool_calls or []:
        arguments: Json = None
        try:
            arguments = json.loads(call.function.arguments or "{}")
        except ValueError as error:
            raise MalformedCall(_raw(message), f"The arguments of {call.function.name} are no JSON: {error}") from error
        if not isinstance(arguments, dict):
            raise MalformedCall(_raw(message), f"The arguments of {call.function.name} must be a JSON object.")
        calls.append(ToolCall(call.id, call.function.name, arguments))
    return calls


def _raw(message: Any) -> dict[str, Any]:
    """The model's message as it may be sent back: what it wrote, with arguments that are JSON text."""
    return {
        "role": "assistant",
        "content": message.content or "",
        "tool_calls": [
            {"id": call.id, "type": "function", "function": {"name": call.function.name, "arguments": "{}"}}
            for call in message.tool_calls
        ],
    }


def _model_error(error: openai.APIError) -> ModelError:
    """What went wrong, for the person, with the remedy; never the key or the prompt."""
    detail = type(error).__name__
    if isinstance(error, openai.APITimeoutError):
        return ModelError("The language model took too long. Please try again.", detail=detail, retryable=True)
    if isinstance(error, openai.APIConnectionError):
        return ModelError(
            "The language model's server can't be reached. Ask your operator to check NLOPS_MODEL.",
            detail=detail,
            retryable=True,
        )
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        return ModelError(
            "The language model refused the key. Ask your operator to check OPENAI_API_KEY (or AZURE_OPENAI_API_KEY).",
            detail=detail,
        )
    if isinstance(error, openai.NotFoundError):
        return ModelError(
            "The language model's server doesn't know this model. Ask your operator to check NLOPS_MODEL.",
            detail=detail,
        )
    if isinstance(error, openai.RateLimitError):
        return ModelError(
            "The language model is used too much at the moment. Please try again in a minute.",
            detail=detail,
            retryable=True,
        )
    if isinstance(error, openai.InternalServerError):
        return ModelError("The language model's server has a problem. Please try again.", detail=detail, retryable=True)
    return ModelError(
        "The language model's server refused the request. Ask your operator to look at the log.", detail=detail
    )

"""What a server of the OpenAI API refuses, in words for the person; never the key or the prompt."""

from __future__ import annotations

import re
from collections.abc import Collection

import openai

from nlops.llm.base import ModelError
from nlops.llm.bounded_http import asked_to_wait

#: Characters of a server's words that are looked at; they may hold the prompt, so they go nowhere else.
_LOOKED_AT = 2000
_NO_TOOLS = re.compile(r"tools?\b.{0,40}support|support.{0,40}\btools?\b|tool choice|--jinja", re.IGNORECASE)
_TOO_LONG = re.compile(r"maximum context length|context[ _]size|context window", re.IGNORECASE)
#: Options of which no server has another reason to speak.
_MENTIONED_WHEN_REFUSED = frozenset({"prompt_cache_retention", "prompt_cache_options", "stream_options"})
#: “Cannot use tools with stream”, “streaming is not supported”
_NO_STREAM = re.compile(r"\b(?:with|support\w*)\b.{0,30}\bstream|\bstream(?:ing)?\b.{0,30}\bsupport", re.IGNORECASE)
#: Seconds that the engine is told to wait at most, and where a server says only that it is used too much.
MAX_WAIT_SECONDS, USUAL_WAIT_SECONDS = 600.0, 5.0


class ServerFailed(ModelError):
    """The server gave no answer, or none that is one: what its circuit breaker counts."""


def refused_option(error: openai.APIStatusError, options: Collection[str]) -> str | None:
    """Which of our options the server refused, None when it refused something else."""
    if "stream" in options and error.status_code in (400, 422, 500, 501) and _NO_STREAM.search(_words(error)):
        return "stream"
    if error.status_code not in (400, 422):
        return None
    param = re.split(r"[.\[]", error.param)[0] if isinstance(error.param, str) else ""
    if param in options:
        return param
    for name in options:
        if name in _MENTIONED_WHEN_REFUSED and name in _words(error):
            return name
        # “Unsupported value: temperature”, “'store' is not supported”, “temperature is deprecated for this model”
        told = rf"(?:argument|parameter|value|field)s?(?: supplied)?:? ['\"`]?{name}\b|['\"`]{name}['\"`]|\b{name} is\b"
        if re.search(told, _words(error), re.IGNORECASE):
            return name
    return None


def unreadable(detail: str) -> ModelError:
    """An answer that is no completion."""
    return ServerFailed(
        "The language model's server gave no readable answer. Please try again; if it stays so, ask your operator to "
        "check the address in NLOPS_MODEL (it often ends in /v1).",
        detail=detail,
        retryable=True,
    )


def unreadable_call(reason: str) -> ModelError:
    """A call that the model couldn't write right in two turns."""
    return ModelError(
        "The language model wrote a call that can't be read, twice. Please say it in other words.",
        detail=reason,
        retryable=True,
    )


def broke_off() -> ModelError:
    """A stream that ended before the answer did."""
    return ServerFailed(
        "The language model's answer broke off. Please try again.", detail="stream without an end", retryable=True
    )


def declined(detail: str) -> ModelError:
    """The provider's moderation refused it."""
    return ModelError(
        "The language model's provider declined this request. Please say it in other words.", detail=detail
    )


def cut_off() -> ModelError:
    """The limit of tokens was hit."""
    return ModelError(
        "The language model's answer was cut off because it became too long. Ask for less at once.", detail="length"
    )


def model_error(error: openai.APIError) -> ModelError:
    """What went wrong, with the remedy; the detail for the log has codes only."""
    status = getattr(error, "status_code", None)
    detail = " ".join(
        str(part) for part in (type(error).__name__, status, error.type, error.code, error.param) if part
    )[:200]
    if error.code in ("content_filter", "content_policy_violation"):
        return declined(detail)
    if error.code == "context_length_exceeded" or _TOO_LONG.search(_words(error)):
        return ModelError(
            "The conversation has become too long for the language model. Start a new conversation, or ask for less "
            "at once.",
            detail=detail,
        )
    if error.code == "insufficient_quota":
        return ModelError(
            "The account at the language model's provider has no credit left. Ask your operator to check its billing.",
            detail=detail,
        )
    if status in (400, 404, 422, 500, 501) and _NO_TOOLS.search(_words(error)):
        return ModelError(
            "This language model can't call tools. Ask your operator to set NLOPS_MODEL to one that can, or to start "
            "its server with tool calls (vLLM: --enable-auto-tool-choice, llama.cpp: --jinja).",
            detail=detail,
        )
    return _by_kind(error, detail)


def _words(error: openai.APIError) -> str:
    # Of an error that isn't in OpenAI's form the SDK repeats the status only.
    body = error.response.text if isinstance(error, openai.APIStatusError) else ""
    return f"{error} {body}"[:_LOOKED_AT]


#: What to say by kind of error, the first that fits: words, and whether the same request may succeed later.
_KINDS: tuple[tuple[tuple[type[openai.APIError], ...], str, bool], ...] = (
    ((openai.APITimeoutError,), "The language model took too long. Please try again.", True),
    (
        (openai.APIConnectionError,),
        "The language model's server can't be reached. Ask your operator to check NLOPS_MODEL.",
        True,
    ),
    (
        (openai.AuthenticationError, openai.PermissionDeniedError),
        "The language model refused the key. Ask your operator to check OPENAI_API_KEY (openai:), the AZURE_… settings "
        "(azure:) or NLOPS_MODEL_KEYS (compatible:).",
        False,
    ),
    (
        (openai.NotFoundError,),
        "The language model's server doesn't know this model, or its address is wrong. Ask your operator to check "
        "NLOPS_MODEL.",
        False,
    ),
    (
        (openai.RateLimitError,),
        "The language model is used too much at the moment. Please try again in a minute.",
        True,
    ),
    ((openai.InternalServerError,), "The language model's server has a problem. Please try again.", True),
)


def _by_kind(error: openai.APIError, detail: str) -> ModelError:
    for kinds, words, retryable in _KINDS:
        if isinstance(error, kinds):
            kind = ServerFailed if retryable else ModelError
            return kind(words, detail=detail, retryable=retryable, retry_after=_retry_after(error))
    if getattr(error, "status_code", None) is None:
        # An error that came in the middle of a stream.
        return ServerFailed(_KINDS[-1][1], detail=detail, retryable=True)
    return ModelError(
        "The language model's server refused the request. Ask your operator to look at the log.", detail=detail
    )


def _retry_after(error: openai.APIError) -> float | None:
    if not isinstance(error, openai.APIStatusError):
        return None
    told = asked_to_wait(error.response.headers)
    if told is None and isinstance(error, openai.RateLimitError):
        return USUAL_WAIT_SECONDS
    return None if told is None else min(told, MAX_WAIT_SECONDS)

"""What a server of the OpenAI API answered, at once or in pieces, read without trusting its form."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from nlops.core.types import Usage
from nlops.llm.openai_faults import broke_off, unreadable
from nlops.llm.text_stream import PlainText, whole_characters

#: Calls of one answer that are looked at.
MAX_CALLS = 64


@dataclass(slots=True)
class WrittenCall:
    """A tool call as the server sent it."""

    id: str = ""
    name: str = ""
    #: JSON text, as the API has it; some servers send the object itself, or nothing
    arguments: Any = ""


@dataclass(slots=True)
class Answer:
    """One answer of the model."""

    text: str = ""
    refusal: str = ""
    calls: list[WrittenCall] = field(default_factory=list)
    finish_reason: str = ""
    #: the model's name as the server tells it
    model: str = ""
    #: None when the server didn't tell
    usage: Usage | None = None


def read_body(content: bytes) -> Answer:
    """The answer that came at once, whatever its content type says. Raises ModelError."""
    try:
        # Not the strict parser: half a surrogate in a text is no reason to lose the answer.
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise unreadable("no JSON") from error
    if not isinstance(data, dict):
        raise unreadable("no object")
    choice = _first_choice(data)
    if choice is None or not isinstance(choice.get("message"), dict):
        raise unreadable("no choices")
    message = choice["message"]
    answer = Answer(
        text=whole_characters(_text(message.get("content"))),
        refusal=_text(message.get("refusal")),
        finish_reason=_text(choice.get("finish_reason")),
        model=_text(data.get("model")),
        usage=_usage(data),
    )
    for call in _written_calls(message):
        name, arguments = _function(call)
        if name or arguments:
            answer.calls.append(WrittenCall(_text(call.get("id")), name, arguments))
    return answer


def read_chunks(chunks: Iterable[Any], text: PlainText) -> Answer:
    """The answer that comes in pieces; its plain text goes to `text` at once. Raises ModelError."""
    answer = Answer()
    joiner = _Joiner(answer.calls)
    parts: list[str] = []
    refusal: list[str] = []
    for chunk in chunks:
        if not isinstance(chunk, dict):
            continue
        answer.usage = _usage(chunk) or answer.usage
        answer.model = _text(chunk.get("model")) or answer.model
        choice = _first_choice(chunk)
        if choice is None:
            continue  # Azure's first piece, and the last with the usage
        answer.finish_reason = _text(choice.get("finish_reason")) or answer.finish_reason
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            continue
        refusal.append(_text(delta.get("refusal")))
        for call in _written_calls(delta):
            joiner.add(call)
        if piece := _text(delta.get("content")):
            parts.append(piece)
            text.feed(piece)
    if not answer.finish_reason:
        raise broke_off()
    answer.text = whole_characters("".join(parts))
    answer.refusal = "".join(refusal)
    joiner.finish()
    return answer


class _Joiner:
    """Puts calls together from their pieces.

    The API numbers them by `index`. Servers differ: all calls under index 0, no index at all, the id or the name
    repeated in every piece, an object instead of a piece of JSON.
    """

    def __init__(self, calls: list[WrittenCall]) -> None:
        self._calls = calls
        self._at: dict[int, WrittenCall] = {}
        self._pieces: dict[int, list[str]] = {}

    def add(self, piece: dict[str, Any]) -> None:
        name, arguments = _function(piece)
        call_id = _text(piece.get("id"))
        index = piece.get("index")
        place = index if isinstance(index, int) else max(len(self._calls) - 1, 0)
        call = self._at.get(place)
        if call is None or self._begins_another(call, call_id, name):
            if len(self._calls) >= MAX_CALLS or not (name or arguments or call_id):
                return
            call = WrittenCall()
            self._calls.append(call)
            self._at[place] = call
            self._pieces[id(call)] = []
        call.id = call.id or call_id
        if name and name != call.name:
            call.name += name
        if isinstance(arguments, str):
            self._pieces[id(call)].append(arguments)
        elif arguments is not None:
            call.arguments = arguments

    def _begins_another(self, call: WrittenCall, call_id: str, name: str) -> bool:
        """Whether a piece at the place of `call` is the beginning of the next one."""
        if not name:
            return False
        if call_id and call.id:
            return call_id != call.id
        return bool(call.arguments) or _is_object("".join(self._pieces[id(call)]))

    def finish(self) -> None:
        for call in self._calls:
            call.arguments = call.arguments or whole_characters("".join(self._pieces[id(call)]))


def _is_object(text: str) -> bool:
    if not text.rstrip().endswith("}"):
        return False
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _first_choice(data: dict[str, Any]) -> dict[str, Any] | None:
    choices = data.get("choices")
    if not isinstance(choices, list):
        return None
    return next((c for c in choices if isinstance(c, dict) and c.get("index") in (0, None)), None)


def _written_calls(message: dict[str, Any]) -> list[dict[str, Any]]:
    calls = message.get("tool_calls")
    found = [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    if not found and isinstance(message.get("function_call"), dict):  # the API's form before tools
        found = [{"function": message["function_call"]}]
    return found[:MAX_CALLS]


def _function(call: dict[str, Any]) -> tuple[str, Any]:
    function = call.get("function")
    if not isinstance(function, dict):
        return "", None
    return _text(function.get("name")), function.get("arguments")


def _text(content: Any) -> str:
    """Text as it is, or in parts, as some servers send it."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(_text(part.get("text")) for part in content if isinstance(part, dict))
    return ""


def _usage(data: dict[str, Any]) -> Usage | None:
    usage = data.get("usage")
    if not isinstance(usage, dict):
        return None
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    return Usage(
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        cached_tokens=_count(cached),
    )


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12 else 0

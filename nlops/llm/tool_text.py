"""Tool calls that small models write into the text: `<tool_call>…`, a fenced block, bare JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

from nlops.core.types import Json, ToolCall

_WRAPPING = re.compile(
    r"</?tool_calls?>|</?function_calls?>|```(?:json|tool_call)?\s*|\[/?TOOL_CALLS?\]", re.IGNORECASE
)
_DECODER = json.JSONDecoder()


def calls_in_text(text: str, offered: Collection[str]) -> tuple[str, list[ToolCall]]:
    """The text without the calls in it, and the calls; only names of offered tools count as calls.

    An object is a call when it has `name` (or `tool`, `function`) and `arguments` (or `parameters`, `args`, `input`).
    """
    calls: list[ToolCall] = []
    rest: list[str] = []
    end = 0
    for start, stop, value in _json_values(text):
        found = [call for item in _items(value) if (call := _call(item, offered))]
        if found:
            calls += [ToolCall(f"text_{len(calls) + index}", c.name, c.arguments) for index, c in enumerate(found)]
            rest.append(text[end:start])
            end = stop
    rest.append(text[end:])
    remaining = "".join(rest)
    return (_WRAPPING.sub("", remaining).strip() if calls else text, calls)


def _json_values(text: str) -> Iterator[tuple[int, int, Any]]:
    """Start, end and value of each outermost JSON object or array in the text."""
    position = 0
    while (match := re.compile(r"[{\[]").search(text, position)) is not None:
        try:
            value, stop = _DECODER.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            position = match.start() + 1
            continue
        yield match.start(), stop, value
        position = stop


def _items(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and isinstance(value.get("tool_calls"), list):
        return value["tool_calls"]
    return [value]


def _call(item: Any, offered: Collection[str]) -> ToolCall | None:
    if not isinstance(item, dict):
        return None
    inner = item.get("function")
    if isinstance(inner, dict):
        return _call(inner, offered)
    name = next(
        (item[key] for key in ("name", "tool", "function", "tool_name") if isinstance(item.get(key), str)), None
    )
    if name is None or name not in offered:
        return None
    keys = [key for key in ("arguments", "parameters", "args", "input", "tool_input") if key in item]
    arguments: Json = item[keys[0]] if keys else {}
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            return None
    return ToolCall("", name, arguments) if isinstance(arguments, dict) else None

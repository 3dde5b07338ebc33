"""Tool calls that small models write into the text: `<tool_call>…`, a fenced block, bare JSON.

Nothing in the text is ever evaluated: it is read as JSON, strictly, and only names of offered tools are calls.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

import jiter

from nlops.core.types import Json, ToolCall

#: What stands around a call: tags of the usual templates, and fences.
_WRAPPING = re.compile(
    r"</?tool_calls?>|</?function_calls?>|<\|python_tag\|>|```(?:json|tool_call)?\s*|\[/?TOOL_CALLS?\]", re.IGNORECASE
)
#: A text with one of these was meant to be a call.
_MARK = re.compile(r"<tool_calls?>|<function_calls?>|\[TOOL_CALLS?\]", re.IGNORECASE)
#: How a call, or a list of calls, begins.
_OPENING = re.compile(r"\{|\[\s*\{")
#: Characters of a text in which calls are looked for; models write far less, and it takes time that grows with it.
_LOOKED_AT = 32_000
_DECODER = json.JSONDecoder()

_NAME_KEYS = ("name", "tool", "function", "tool_name")
_ARGUMENT_KEYS = ("arguments", "parameters", "args", "input", "tool_input")


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
    if not calls:
        return text, []
    rest.append(text[end:])
    return _WRAPPING.sub("", "".join(rest)).strip(), calls


def was_meant_as_call(text: str) -> bool:
    """Whether the text has the mark of a tool call, readable or not."""
    return bool(_MARK.search(text))


def without_thoughts(text: str) -> str:
    """The text without `<think>…</think>`: what a model only considered is neither said nor called.

    Some templates open the thoughts in the prompt, so that the text has their end only.
    """
    return text.rpartition("</think>")[2].partition("<think>")[0].strip()


def read_arguments(text: str) -> dict[str, Json]:
    """The JSON object that the text is. Raises ValueError that says what is wrong with it.

    Refused: NaN and Infinity, a key that comes twice (which one counts?), NUL and half surrogates (no database and no
    HTTP API takes them).
    """
    value = _strict(text)
    if not isinstance(value, dict):
        raise ValueError("a JSON object is needed")
    return value


def _strict(text: str) -> Json:
    value = jiter.from_json(text.encode(), allow_inf_nan=False, catch_duplicate_keys=True)
    if "\\u0000" in text and "\\u0000" in json.dumps(value):
        raise ValueError("a NUL character is not allowed")
    return value


def _json_values(text: str) -> Iterator[tuple[int, int, Json]]:
    """Start, end and value of each outermost JSON object, or array that begins with one, in the text."""
    position = 0
    while (match := _OPENING.search(text, position, _LOOKED_AT)) is not None:
        start = match.start()
        try:
            stop = _DECODER.raw_decode(text, start)[1]
            value = _strict(text[start:stop])
        except RecursionError:
            return  # nested deeper than any call, and each of its levels would be tried anew
        except ValueError:
            position = start + 1
            continue
        yield start, stop, value
        position = stop


def _items(value: Json) -> list[Any]:
    if isinstance(value, dict) and isinstance(value.get("tool_calls"), list):
        value = value["tool_calls"]
    return value if isinstance(value, list) else [value]


def _call(item: Any, offered: Collection[str]) -> ToolCall | None:
    if not isinstance(item, dict):
        return None
    if isinstance(item.get("function"), dict):
        return _call(item["function"], offered)
    name: str = next((item[key] for key in _NAME_KEYS if isinstance(item.get(key), str)), "")
    if name not in offered or _is_definition(item):
        return None
    arguments: Json = next((item[key] for key in _ARGUMENT_KEYS if key in item), None)
    if isinstance(arguments, str):
        try:
            arguments = read_arguments(arguments)
        except ValueError:
            return None
    return ToolCall("", name, arguments) if isinstance(arguments, dict) else None


def _is_definition(item: dict[str, Any]) -> bool:
    """Whether it is a tool's description, repeated by the model: its `parameters` are a schema, no values."""
    return "description" in item and isinstance(item.get("parameters"), dict) and "properties" in item["parameters"]

"""Mending a call that the product refused, by what its message says, without inventing anything."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Final

from nlops.core.types import Json, Tool, ToolCall
from nlops.core.wording import base, split_name
from nlops.llm.references import IDENTIFYING
from nlops.llm.situation import Done

#: Repairs of one call before the person is asked.
_MOST: Final = 2
#: Classes of characters as messages name them.
_CLASSES: Final = (
    (re.compile(r"\b(?:letters?|alphabetic|alphanumeric)\b", re.I), r"^\W\d_"),
    (re.compile(r"\b(?:digits?|numbers?|numeric|alphanumeric)\b", re.I), r"\d"),
    (re.compile(r"\b(?:spaces?|whitespace|blanks?)\b", re.I), r"\s"),
    (re.compile(r"\b(?:hyphens?|dash(?:es)?)\b", re.I), r"-"),
    (re.compile(r"\bunderscores?\b", re.I), r"_"),
    (re.compile(r"\b(?:dots?|periods?|full stops?)\b", re.I), r"."),
    (re.compile(r"\bcommas?\b", re.I), r","),
)
_ONLY: Final = re.compile(
    r"\b(?:only|may contain|can contain|must (?:contain|consist)|consists? of|takes|allowed)\b", re.I
)
_NOT: Final = re.compile(
    r"\b(?:not (?:allowed|permitted|valid)|invalid|illegal|forbidden|must not|may not|cannot|can't|no)\b", re.I
)
_CHOICES: Final = re.compile(
    r"\b(?:one of|among|allowed values?(?: are)?|choose from|valid values?(?: are)?|choices?)\b:?\s*(.+)", re.I
)


def repair(run: Sequence[Done], tool: Tool | None) -> dict[str, Json] | None:
    """The arguments of the last, refused call with what the product named mended; None when that can't be done."""
    refused = run[-1]
    error = refused.error
    if tool is None or error is None or error.get("status") not in (400, 422):
        return None
    tries = sum(done.call.name == tool.name and done.error is not None for done in run)
    fields = error.get("fields")
    if tries > _MOST or not isinstance(fields, list) or not fields:
        return None
    arguments = dict(refused.call.arguments)
    for field in fields:
        name = _argument(str(field.get("field", "")), arguments)
        mended = _mend(arguments.get(name), tool, name, str(field.get("message", ""))) if name else None
        if name is None or mended is None:
            return None
        arguments[name] = mended
    return arguments


def call_again(refused: ToolCall, arguments: Mapping[str, Json]) -> ToolCall:
    """The same call with other arguments; placeholders of secrets stay as they are."""
    return ToolCall(refused.id, refused.name, dict(arguments))


def _argument(field: str, arguments: Mapping[str, Json]) -> str | None:
    """The argument that a field of an error means: description, body.description, /description."""
    last = re.split(r"[./\[\]]+", field.strip("./[]"))[-1] if field else ""
    return next((name for name in arguments if name in (field, last)), None)


def _mend(value: Json, tool: Tool, name: str, message: str) -> str | None:
    if not isinstance(value, str) or name in tool.secret_arguments or value.startswith("[[secret:"):
        return None
    choice = _choice(value, message)
    if choice:
        return choice
    if not _is_free_text(tool, name):
        return None
    kept = _stripped(value, message)
    return kept if kept and kept != value else None


def _is_free_text(tool: Tool, name: str) -> bool:
    """Words that a person wrote for people: never names, ids, addresses, or what is part of the path."""
    schema = tool.properties.get(name, {})
    last = (split_name(name) or [""])[-1]
    named = last in IDENTIFYING or last in ("title", "email", "url", "user", "group", "owner")
    return f"{{{name}}}" not in tool.path and not named and "format" not in schema and "enum" not in schema


def _stripped(value: str, message: str) -> str:
    """The value without the characters that the message forbids."""
    allowed = "".join(pattern for words, pattern in _CLASSES if words.search(message)) if _ONLY.search(message) else ""
    if allowed:
        classes = [pattern for words, pattern in _CLASSES if words.search(message)]
        kept = "".join(char for char in value if any(re.match(f"[{pattern}]", char) for pattern in classes))
    elif _NOT.search(message):
        named = set(re.findall(r"(?:['\"“‘`(]|^|\s)([^\w\s'\"“”‘’`()])(?=['\"”’`)]|\s|$|[.,])", message)) - {
            ".",
            ",",
            ":",
        }
        kept = "".join(char for char in value if char not in named)
    else:
        return value
    return re.sub(r"\s{2,}", " ", kept).strip()


def _choice(value: str, message: str) -> str:
    """The allowed value of the message that is nearly the given one, "" when none is."""
    match = _CHOICES.search(message)
    if not match:
        return ""
    choices = [word.strip("'\"“”‘’`.[](){} ") for word in re.split(r",|\bor\b|\band\b|\|", match[1])]
    choices = [choice for choice in choices if choice]
    for choice in choices:
        if base(choice) == base(value) or choice.lower() == value.lower():
            return choice
    close = difflib.get_close_matches(value.lower(), [choice.lower() for choice in choices], n=2, cutoff=0.75)
    return next((c for c in choices if c.lower() == close[0]), "") if len(close) == 1 else ""

"""YAML on standard input to JSON on standard output, in a process of its own with limits.

The parser is young and compiled: a file that makes it crash or eat memory must not take a worker with it. Run by
path (`python -I parse_yaml.py MEMORY CPU_SECONDS`): it imports nothing of ours. The answer is one byte and a text:
`+` and the document as JSON, or `-` and what is wrong.
"""

from __future__ import annotations

import contextlib
import json
import math
import resource
import sys
from typing import Any, Final

#: Deeper documents are refused; the JSON parser's own limit is 200.
MAX_DEPTH = 190
#: Whole numbers of more bits have more digits than Python converts to text (4,300).
MAX_BITS = 14_000
#: Nodes that aliases may add.
MAX_REPLAYED = 200_000
#: In the text: numbers that JSON has no word for.
_NO_NUMBERS: Final = (".nan", ".inf")
#: In what was written as JSON: what is merged into others, and NUL characters.
_SPECIAL: Final = (b'"<<":', rb"\u0000")
#: Levels that orjson writes.
_WRITTEN_DEPTH: Final = 254


class Unusable(Exception):
    """The document can't be given as JSON; `str()` says why."""


def plain(value: Any, depth: int = 0) -> Any:
    """The value as JSON values: keys are strings, merge keys merged, no NaN, no infinity, no NUL characters."""
    if depth > MAX_DEPTH:
        raise Unusable(f"It is nested more than {MAX_DEPTH} levels deep; a real description is not.")
    if isinstance(value, str):
        return value.replace("\x00", "") if "\x00" in value else value
    if isinstance(value, dict):
        merged = value.get("<<")
        if isinstance(merged, dict):
            value = {**merged, **{key: item for key, item in value.items() if key != "<<"}}
        elif isinstance(merged, list) and all(isinstance(part, dict) for part in merged):
            bases = {key: item for part in reversed(merged) for key, item in part.items()}
            value = {**bases, **{key: item for key, item in value.items() if key != "<<"}}
        return {key_text(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise Unusable("It holds .nan or .inf, which JSON has no word for; remove that value.")
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise Unusable("integer string conversion")
    if value is None or isinstance(value, bool | int | float):
        return value
    raise Unusable(f"It holds a value of the type {type(value).__name__}, which JSON has no word for.")


def key_text(key: Any) -> str:
    """A mapping's key as text: 200 becomes "200", as JSON would have it."""
    if isinstance(key, str):
        return key
    if isinstance(key, bool):
        return "true" if key else "false"
    if key is None:
        return "null"
    if isinstance(key, int | float):
        return str(key)
    raise Unusable("A key of a mapping is itself a list or a mapping; keys must be texts.")


def parse(text: str) -> Any:
    """The one document of the text. Raises Unusable, or the parser's own error."""
    import yaml_rs

    limits = yaml_rs.AliasLimits(max_total_replayed_events=MAX_REPLAYED)
    value = yaml_rs.loads(text, parse_datetime=False, alias_limits=limits)
    lower = text.lower()
    return plain(value) if any(word in lower for word in _NO_NUMBERS) else _checked(value)


def _checked(value: Any) -> Any:
    """`plain` for a value of finite numbers, many times faster: to write it as JSON tells what it is."""
    import orjson

    around = _WRITTEN_DEPTH - MAX_DEPTH  # so that the writer stops at our depth
    nested = value
    for _ in range(around):
        nested = [nested]
    with contextlib.suppress(TypeError):
        written = orjson.dumps(nested)
        return plain(value) if any(mark in written for mark in _SPECIAL) else value
    with contextlib.suppress(TypeError):  # most often some keys are numbers
        written = orjson.dumps(nested, option=orjson.OPT_NON_STR_KEYS)
        if not any(mark in written for mark in _SPECIAL):
            return orjson.loads(written[around:-around])
    return plain(value)


def main() -> None:
    """Set the limits, parse, answer."""
    memory, seconds = int(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    text = sys.stdin.buffer.read().decode("utf-8")
    try:
        answer = "+" + json.dumps(parse(text), ensure_ascii=False, allow_nan=False)
    except MemoryError:
        answer = "-It needs too much memory; look for anchors and aliases (&name, *name) that multiply."
    except Exception as error:  # the parser's error classes are no part of its promise
        answer = f"-{error}"
    sys.stdout.buffer.write(answer.encode("utf-8", "replace"))


if __name__ == "__main__":
    main()

"""Lines of JSON pointers (RFC 6901) in the text of a description: one pass for all that are wanted, nothing is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

#: More pointers than this are not looked for: a report of so many is read by nobody.
MAX_POINTERS = 20_000

_TOKEN: Final = re.compile(r'"((?:[^"\\]++|\\.)*+)"(\s*:)?|[{}\[\],]', re.S)
_BLOCK_SCALAR: Final = re.compile(r"(?:[&!]\S*\s+)*[|>][-+0-9]*\s*(?:#.*)?$")
_YAML_KEY: Final = re.compile(r"""(?:"((?:[^"\\]|\\.)*)"|'((?:[^']|'')*)'|([^\s"'{\[#].*?))\s*:(?:\s+(.*)|$)""", re.S)


@dataclass(slots=True)
class _Wanted:
    """A place that is looked for, or an ancestor of one."""

    line: int = 0
    children: dict[str, _Wanted] = field(default_factory=dict)


def lines_of(data: bytes, pointers: Iterable[str]) -> dict[str, int]:
    """The line (from 1) of each pointer, or of the nearest place above it that the text has; 1 when nothing is found.

    `data` is an upload that `load_document` has read: JSON, or YAML in block style (what stands in flow style, behind
    an alias or a merge key has the line of what holds it).
    """
    wanted = list(dict.fromkeys(pointers))[:MAX_POINTERS]
    root = _tree(wanted)
    text = _text(data)
    if text.lstrip()[:1] in ("{", "["):
        _find_in_json(text, root)
    else:
        _find_in_yaml(text, root)
    return {pointer: _line(root, pointer) for pointer in wanted}


def _text(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace")


def _parts(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _tree(pointers: Iterable[str]) -> _Wanted:
    root = _Wanted(line=1)
    for pointer in pointers:
        node = root
        for part in _parts(pointer):
            node = node.children.setdefault(part, _Wanted())
    return root


def _line(root: _Wanted, pointer: str) -> int:
    node, line = root, 1
    for part in _parts(pointer):
        node = node.children[part]
        line = node.line or line
    return line


@dataclass(slots=True)
class _Open:
    """An object or list of a JSON text whose end has not come."""

    #: what is wanted of it, None for nothing
    node: _Wanted | None
    #: place in a list, -1 in an object
    index: int
    #: what is wanted of the value that comes next
    next: _Wanted | None = None


def _find_in_json(text: str, root: _Wanted) -> None:
    stack: list[_Open] = []
    following: _Wanted | None = root
    line, counted = 1, 0
    for token in _TOKEN.finditer(text):
        sign = token[0][0]
        top = stack[-1] if stack else None
        if sign in "{[":
            node = following if top is None else top.next
            stack.append(_Open(node, 0 if sign == "[" else -1))
            if sign == "[" and node:
                stack[-1].next = node.children.get("0")
            place = stack[-1].next
        elif sign in "}]":
            stack.pop()
            continue
        elif top is None or top.node is None:
            continue
        elif sign == ",":
            if top.index < 0:
                continue
            top.index += 1
            place = top.next = top.node.children.get(str(top.index))
        elif token[2] and top.index < 0:
            key = token[1] if "\\" not in token[1] else json.loads(f'"{token[1]}"', strict=False)
            place = top.next = top.node.children.get(key)
        else:
            continue
        if place is not None and not place.line:
            # The line of an item is that of the bracket or comma before it, unless only space follows on that line.
            start = _value_start(text, token.end()) if sign in "[," else token.start()
            line, counted = line + text.count("\n", counted, start), start
            place.line = line


def _value_start(text: str, place: int) -> int:
    while place < len(text) and text[place] in " \t\r\n":
        place += 1
    return place


@dataclass(slots=True)
class _Frame:
    """A key or an item of a YAML text, at its indent."""

    indent: int
    is_item: bool
    node: _Wanted | None
    items: int = 0


def _find_in_yaml(text: str, root: _Wanted) -> None:
    stack = [_Frame(-1, False, root)]
    #: indent of the key whose block scalar is being passed; the quote that is open
    scalar, quote = -1, ""
    for number, line in enumerate(text.split("\n"), 1):
        rest = line.lstrip(" ").rstrip()
        if not rest:
            continue
        indent = len(line) - len(line.lstrip(" "))
        if quote:
            quote = "" if _closes(rest, quote) else quote
            continue
        if scalar >= 0 and indent > scalar:
            continue
        scalar = -1
        if rest[0] == "#":
            continue
        while rest == "-" or rest.startswith("- "):
            _pop_items(stack, indent)
            parent = stack[-1]
            _push(stack, _Frame(indent, True, _child(parent.node, str(parent.items))), number)
            parent.items += 1
            after = rest[1:].lstrip(" ")
            indent += len(rest) - len(after)
            rest = after
            scalar = stack[-1].indent if _BLOCK_SCALAR.match(rest) else -1
        found = _YAML_KEY.match(rest)
        if not found:
            quote = _opened(rest)
            continue
        while stack[-1].indent >= indent:
            stack.pop()
        _push(stack, _Frame(indent, False, _child(stack[-1].node, _key(found))), number)
        value = found[4] or ""
        scalar = indent if _BLOCK_SCALAR.match(value) else -1
        quote = _opened(value)


def _pop_items(stack: list[_Frame], indent: int) -> None:
    """Leave what a new item of this indent does not stand in; its list's key may have the same indent."""
    while stack[-1].indent > indent or (stack[-1].indent == indent and stack[-1].is_item):
        stack.pop()


def _push(stack: list[_Frame], frame: _Frame, number: int) -> None:
    if frame.node is not None and not frame.node.line:
        frame.node.line = number
    stack.append(frame)


def _child(node: _Wanted | None, part: str) -> _Wanted | None:
    return node.children.get(part) if node else None


def _key(found: re.Match[str]) -> str:
    if found[1] is not None:
        try:
            value: Any = json.loads(f'"{found[1]}"')
        except ValueError:  # an escape that only YAML has
            return found[1]
        return str(value)
    return found[2].replace("''", "'") if found[2] is not None else found[3]


def _opened(value: str) -> str:
    """The quote that the value opens and doesn't close on its line."""
    quote = value[:1]
    return quote if quote and quote in "\"'" and not _closes(value[1:], quote) else ""


def _closes(text: str, quote: str) -> bool:
    plain = re.sub(r"\\.", "", text) if quote == '"' else text.replace("''", "")
    return quote in plain

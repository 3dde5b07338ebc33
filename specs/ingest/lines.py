"""In which line of a file the thing stands that a JSON pointer means, found from the text and only for those asked."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any, Final

from specs.ingest.bundle import FILES_KEY, is_archive, root_of, unpack
from specs.ingest.pointers import join

#: Pointers that are looked up in one file.
MAX_POINTERS = 700

#: What is wanted below a place: segment to what is wanted below that; "" segments are keys, too.
_Wanted = dict[str, Any]
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_DECODER: Final = json.JSONDecoder()


def lines_of(text: str, pointers: Iterable[str]) -> dict[str, int]:
    """Pointer to line, from 1; where a part of the pointer isn't found, the line of the nearest parent that is."""
    wanted = sorted(set(pointers))[:MAX_POINTERS]
    tree: _Wanted = {}
    for pointer in wanted:
        place = tree
        for segment in _segments(pointer):
            place = place.setdefault(segment, {})
    found: dict[tuple[str, ...], int] = {(): 1}
    if text.lstrip()[:1] in ("{", "["):
        # YAML may begin with a brace, too: what was found until it stops being JSON stays.
        with contextlib.suppress(ValueError, IndexError, RecursionError, StopIteration):
            _scan_json(text, _after_space(text, 0), tree, (), _Lines(text), found)
    else:
        _scan_yaml(text, tree, found)
    return {pointer: _nearest(tuple(_segments(pointer)), found) for pointer in wanted}


def _segments(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _nearest(path: tuple[str, ...], found: dict[tuple[str, ...], int]) -> int:
    while path not in found:
        path = path[:-1]
    return found[path]


class _Lines:
    """Position to line, for positions that grow."""

    def __init__(self, text: str) -> None:
        self._text, self._at, self._line = text, 0, 1

    def at(self, position: int) -> int:
        self._line += self._text.count("\n", self._at, position)
        self._at = position
        return self._line


def _after_space(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]


def _scan_json(
    text: str, at: int, tree: _Wanted, path: tuple[str, ...], lines: _Lines, found: dict[tuple[str, ...], int]
) -> int:
    """Walk the value at `at`; what nobody asks for is skipped by the C parser. Returns where it ends."""
    if not tree or text[at] not in "{[":
        return int(_DECODER.raw_decode(text, at)[1])
    is_object, end, index = text[at] == "{", "}" if text[at] == "{" else "]", 0
    at = _after_space(text, at + 1)
    while text[at] != end:
        start, key = at, str(index)
        if is_object:
            key, at = scanstring(text, at + 1)
            at = _after_space(text, _after_space(text, at) + 1)
        if key in tree:
            found[*path, key] = lines.at(start)
            at = _scan_json(text, at, tree[key], (*path, key), lines, found)
        else:
            at = int(_DECODER.raw_decode(text, at)[1])
        at = _after_space(text, at)
        if text[at] == ",":
            at = _after_space(text, at + 1)
        index += 1
    return at + 1


#: Indent, dashes of list entries, and a key where the line begins with one.
_YAML_LINE: Final = re.compile(
    r"""
    (?P<indent>[ ]*)(?P<dashes>(?:-[ ]+)*-?(?=[ ]|$)[ ]*|)
    (?:
        (?P<key>"(?:[^"\\]|\\.)*" | '(?:[^']|'')*' | [^\s#{}\[\],&*!|>'"%@`-][^#]*? | -[^\s#][^#]*?)
        [ ]*:(?=[ ]|$)[ ]*(?P<value>.*)
    )?
    """,
    re.VERBOSE,
)
#: Of a longer line only this much is looked at.
_MAX_LINE: Final = 500


def _scan_yaml(text: str, tree: _Wanted, found: dict[tuple[str, ...], int]) -> None:
    """Block mappings and lists by their indents; what stands in braces is found with the line of its key."""
    #: (column, segment) of the keys and list entries that the line stands in
    stack: list[tuple[int, str]] = []
    counts: dict[tuple[str, ...], int] = {}
    block_at = -1
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.rstrip()
        column = len(bare) - len(bare.lstrip(" "))
        if not bare or bare.lstrip().startswith("#") or (block_at >= 0 and column > block_at):
            continue
        block_at = -1
        match = _YAML_LINE.match(bare[:_MAX_LINE])
        if match is None:
            continue
        for dash in re.finditer("-", match["dashes"]):
            at = column + dash.start()
            _leave(stack, at, is_dash=True)
            path = tuple(segment for _, segment in stack)
            index = counts[path] = counts.get(path, -1) + 1
            stack.append((at, str(index)))
            _note(path, str(index), number, tree, found)
        if match["key"] is None:
            continue
        at = column + len(match["dashes"])
        _leave(stack, at, is_dash=False)
        key = _plain_key(match["key"])
        _note(tuple(segment for _, segment in stack), key, number, tree, found)
        stack.append((at, key))
        if re.match(r"[|>][0-9+-]*\s*(#.*)?$", match["value"]):
            block_at = at


def _leave(stack: list[tuple[int, str]], column: int, *, is_dash: bool) -> None:
    """Drop what the column has left; a list may stand in the same column as its key."""
    while stack and (stack[-1][0] > column or (stack[-1][0] == column and not (is_dash and not _is_entry(stack)))):
        stack.pop()


def _is_entry(stack: list[tuple[int, str]]) -> bool:
    """Whether the innermost is a list's entry in the same column as the key before it, or stands alone."""
    return stack[-1][1].isdecimal() and (len(stack) < 2 or stack[-2][0] <= stack[-1][0])


def _plain_key(key: str) -> str:
    if key.startswith('"'):
        try:
            return str(json.loads(key))
        except ValueError:
            return key[1:-1]
    return key[1:-1].replace("''", "'") if key.startswith("'") else key


def _note(path: tuple[str, ...], segment: str, line: int, tree: _Wanted, found: dict[tuple[str, ...], int]) -> None:
    place: Any = tree
    for part in (*path, segment):
        place = place.get(part)
        if place is None:
            return
    found.setdefault((*path, segment), line)


def places_of(pointers: Iterable[str], data: bytes, filename: str) -> dict[str, tuple[str, int]]:
    """Pointer into the whole document to the file of the upload and the line in it."""
    wanted = [pointer for pointer in dict.fromkeys(pointers) if pointer.startswith("/")][:MAX_POINTERS]
    if not wanted:
        return {}
    files = unpack(data) if is_archive(data) else {filename: data}
    root = root_of(files) if is_archive(data) else filename
    by_file: dict[str, dict[str, str]] = {}
    for pointer in wanted:
        segments = _segments(pointer)
        is_part = segments[0] == FILES_KEY and len(segments) > 1 and segments[1] in files
        name = segments[1] if is_part else root
        by_file.setdefault(name, {})[pointer] = join(*segments[2:]) if is_part else pointer
    places: dict[str, tuple[str, int]] = {}
    for name, inner in by_file.items():
        text = files[name].decode("utf-8-sig", "replace")
        lines = lines_of(text, inner.values())
        places.update({pointer: (name, lines[at]) for pointer, at in inner.items() if at in lines})
    return places

"""Rows of JSON as CSV that a spreadsheet opens without harm."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import orjson

from nlops.core.types import Json

#: With these a cell begins a formula in a spreadsheet (OWASP: CSV injection); the wide forms count in some of them.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
#: Levels of nested objects that become columns; what lies deeper stays JSON.
_LEVELS: Final = 6
#: Columns at most; what else a row has goes into the last one as JSON.
MAX_COLUMNS: Final = 500
_REST: Final = "(other fields)"
#: Column of rows that are no objects.
_VALUE: Final = "value"

BOM: Final = b"\xef\xbb\xbf"


def flatten(row: Json) -> dict[str, Json]:
    """The row's leaves by dotted names: {"a": {"b": 1}} as {"a.b": 1}."""
    if not isinstance(row, dict):
        return {_VALUE: row}
    return dict(_leaves(row, "", 1))


def _leaves(value: dict[str, Json], prefix: str, level: int) -> Iterator[tuple[str, Json]]:
    for key, item in value.items():
        name = f"{prefix}{key}"
        if isinstance(item, dict) and item and level < _LEVELS:
            yield from _leaves(item, f"{name}.", level + 1)
        else:
            yield name, item


class Columns:
    """The union of the rows' fields, in the order in which they come up."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}
        self._has_rest = False

    def add(self, row: Mapping[str, Json]) -> None:
        """Take a flattened row's fields in."""
        for name in row:
            if len(self._names) < MAX_COLUMNS:
                self._names.setdefault(name)
            elif name not in self._names:
                self._has_rest = True

    @property
    def header(self) -> list[str]:
        """Names of the columns."""
        return [*self._names, _REST] if self._has_rest else list(self._names)

    def cells(self, row: Mapping[str, Json]) -> list[Json]:
        """The row's values under the columns."""
        cells = [row.get(name) for name in self._names]
        if self._has_rest:
            rest = {name: value for name, value in row.items() if name not in self._names}
            cells.append(orjson.dumps(rest).decode() if rest else "")
        return cells


def line(values: Sequence[Json]) -> bytes:
    """One line of CSV (RFC 4180): texts in quotes, formulas made harmless by an apostrophe."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_NONNUMERIC).writerow([_cell(value) for value in values])
    return text.getvalue().encode()


def _cell(value: Json) -> str | int | float:
    if value is None or value in ([], {}):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return value
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        value = "; ".join(str(_cell(item)) if isinstance(item, bool) else str(item) for item in value)
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return f"'{text}" if text.startswith(_FORMULA) else text

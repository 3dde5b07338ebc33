"""A chart of a list, where a numeric series over time or over categories comes back."""

from __future__ import annotations

import re
from typing import Final

from nlops.core.secrets import is_secret_name
from nlops.core.types import Json
from nlops.core.views import argument_label

#: Points of one series that are drawn.
POINTS: Final = 400
#: Bars that people can compare.
BARS: Final = 40
#: Series in one chart.
SERIES: Final = 4
_INSTANT: Final = re.compile(r"\d{4}-\d\d(?:-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?)?")
#: Numbers that measure nothing: they name a thing or a place.
_NO_MEASURE: Final = re.compile(
    r"(?:^|_)(?:id|ids|uuid|number|no|nr|index|position|rank|year|month|day|hour|port|version|code|zip|phone|lat|lon|lng"
    r"|latitude|longitude|page|offset|limit|size_limit)$"
)
#: Fields of a time, best first.
_TIMES: Final = ("time", "timestamp", "at", "date", "day", "month", "period", "bucket", "interval", "start", "from")
#: Fields of a category, best first.
_CATEGORIES: Final = (
    "category",
    "label",
    "name",
    "type",
    "kind",
    "status",
    "group",
    "service",
    "region",
    "product",
    "key",
)


def chart(rows: list[Json], caption: str) -> dict[str, Json] | None:
    """The chart block of a list of objects (see types.Answer), None when it is no series.

    A line over time: every row has an instant of its own and numbers, and little else. Bars over categories: every row
    has one short text of its own and numbers, and nothing else: a list of things with a count each stays a table.
    """
    if not 2 <= len(rows) <= POINTS or not all(isinstance(row, dict) for row in rows):
        return None
    names = list(dict.fromkeys(name for row in rows for name in row))
    measures = [name for name in names if _is_measure(name, rows)][:SERIES]
    if not measures:
        return None
    others = [name for name in names if name not in measures]
    over_time = _best([name for name in others if _is_time(name, rows)], _TIMES)
    if over_time and len(others) <= 2:
        rows = sorted(rows, key=lambda row: str(row[over_time]))
        return _block("line", rows, over_time, measures, caption)
    category = _best([name for name in others if _is_category(name, rows)], _CATEGORIES)
    if category and len(others) == 1 and len(rows) <= BARS:
        return _block("bar", rows, category, measures, caption)
    return None


def _block(kind: str, rows: list[Json], over: str, measures: list[str], caption: str) -> dict[str, Json]:
    series = [{"name": argument_label(name), "values": [row.get(name) for row in rows]} for name in measures]
    labels = [str(row[over]) for row in rows]
    return {"kind": "chart", "type": kind, "labels": labels, "series": series, "caption": caption}


def _is_measure(name: str, rows: list[Json]) -> bool:
    snake = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()
    if _NO_MEASURE.search(snake) or is_secret_name(name):
        return False
    values = [row.get(name) for row in rows]
    numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    finite = all(abs(value) < 1e15 for value in numbers)
    return finite and len(numbers) >= 2 and all(value is None or value in numbers for value in values)


def _is_time(name: str, rows: list[Json]) -> bool:
    values = [row.get(name) for row in rows]
    return all(isinstance(value, str) and _INSTANT.fullmatch(value) for value in values) and len(set(values)) == len(
        rows
    )


def _is_category(name: str, rows: list[Json]) -> bool:
    values = [row.get(name) for row in rows]
    short = all(isinstance(value, str) and 0 < len(value) <= 40 for value in values)
    return short and not is_secret_name(name) and len(set(values)) == len(rows)


def _best(names: list[str], order: tuple[str, ...]) -> str:
    """The name that comes first in the order, "" when there is none."""

    def place(name: str) -> int:
        parts = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower().split("_")
        return min((order.index(part) for part in parts if part in order), default=len(order))

    return min(names, key=place, default="")

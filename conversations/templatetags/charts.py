"""Lays out a chart block of an answer (nlops.core.types.Answer) for the page, which draws it as SVG.

Own code: what draws charts in Python writes styles or scripts into the picture, which the site's content security
policy refuses.
"""

from __future__ import annotations

import math
from typing import Any

from django import template

from nlops.core.types import Json

register = template.Library()

#: Of the picture, in its own units; the page scales it.
WIDTH, HEIGHT = 640.0, 260.0
LEFT, RIGHT, TOP, BOTTOM = 64.0, 12.0, 12.0, 40.0
#: Labels below the picture that do not run into each other.
LABELS = 6


@register.filter
def laid_out(chart: dict[str, Json]) -> dict[str, Any]:
    """Places of a chart's lines or bars, of its scale and of its labels."""
    labels, series = chart["labels"], chart["series"]
    known = [value for one in series for value in one["values"] if value is not None]
    low, high, step = _scale(min(known, default=0), max(known, default=1))

    def down(value: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low), 1)

    is_bar = chart["type"] == "bar"
    slot = (WIDTH - LEFT - RIGHT) / max(1, len(labels) if is_bar else len(labels) - 1)

    def across(place: float) -> float:
        return round(LEFT + slot * (place + (0.5 if is_bar else 0)), 1)

    every = math.ceil(len(labels) / LABELS)
    ticks = [low + step * number for number in range(round((high - low) / step) + 1)]
    bars = [_bars(place, len(series), one, labels, slot, across, down) for place, one in enumerate(series)]
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "left": LEFT,
        "right": WIDTH - RIGHT,
        "ticks": [{"y": down(tick), "text": _short(tick)} for tick in ticks],
        "labels": [
            {"x": across(place), "y": HEIGHT - BOTTOM + 20, "text": str(label)[:18]}
            for place, label in enumerate(labels)
            if place % every == 0
        ],
        "names": [one["name"] for one in series],
        "lines": [] if is_bar else [_line(one["values"], across, down) for one in series],
        "bars": [bar for some in bars for bar in some] if is_bar else [],
    }


def _line(values: list[float | None], across: Any, down: Any) -> dict[str, Any]:
    """A path with a gap where a value is missing, and its points."""
    path, pen = [], "M"
    points = []
    for place, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        points.append({"x": across(place), "y": down(value)})
        path.append(f"{pen}{across(place)} {down(value)}")
        pen = "L"
    return {"path": " ".join(path), "points": points if len(points) <= 60 else []}


def _bars(
    place: int, count: int, series: dict[str, Json], labels: list[str], slot: float, across: Any, down: Any
) -> list[dict[str, Any]]:
    width = slot * 0.7 / count
    bars = []
    for at, value in enumerate(series["values"]):
        if value is None:
            continue
        top, bottom = sorted((down(value), down(0)))
        bars.append(
            {
                "series": place,
                "x": round(across(at) - slot * 0.35 + width * place, 1),
                "y": top,
                "width": round(width, 1),
                "height": round(max(bottom - top, 0.5), 1),
                "title": f"{labels[at]}: {_short(value)}",
            }
        )
    return bars


def _scale(low: float, high: float) -> tuple[float, float, float]:
    """Ends and step of an axis with about four round steps; zero belongs to it unless all is far from zero."""
    if low > 0 and low < high * 0.6:
        low = 0
    if low >= 0 and high == low:
        low = 0
    if low == high:
        high = low + 1
    rough = (high - low) / 4
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough * 0.999)
    return math.floor(low / step) * step, math.ceil(high / step) * step, step


def _short(value: float) -> str:
    """1200000 as 1.2M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == 'k' else size):.4g}{letter}"
    return f"{value:.6g}"

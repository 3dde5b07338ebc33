"""A chart comes where a numeric series over time or over categories comes back, and nowhere else."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from nlops.core.answers import render
from nlops.core.charts import chart
from nlops.core.types import CallRecord, CallStatus, Tool

LIST = Tool("list_usage", "List usage", {}, method="GET", path="/usage", summary="List usage values")


def test_numbers_over_time_are_a_line_in_order_of_time():
    rows = [
        {"date": "2026-11-02", "requests": 7, "errors": None},
        {"date": "2026-11-01", "requests": 5, "errors": 1},
        {"date": "2026-11-03", "requests": 6.5, "errors": 2},
    ]
    assert chart(rows, "usage") == {
        "kind": "chart",
        "type": "line",
        "labels": ["2026-11-01", "2026-11-02", "2026-11-03"],
        "series": [{"name": "Requests", "values": [5, 7, 6.5]}, {"name": "Errors", "values": [1, None, 2]}],
        "caption": "usage",
    }


def test_numbers_over_categories_are_bars():
    drawn = chart([{"status": "open", "count": 3}, {"status": "closed", "count": 9}], "")
    assert drawn is not None
    assert (drawn["type"], drawn["labels"], drawn["series"]) == (
        "bar",
        ["open", "closed"],
        [{"name": "Count", "values": [3, 9]}],
    )


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"date": "2026-11-01", "count": 1}],
        [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}],
        [{"name": "a", "members": 1, "email": "x"}, {"name": "b", "members": 2, "email": "y"}],
        [
            {"at": "2026-11-01T10:00:00Z", "actor": "a", "action": "b", "n": 1},
            {"at": "2026-11-02T10:00:00Z", "actor": "c", "action": "d", "n": 2},
        ],
        [{"name": "a", "count": "many"}, {"name": "b", "count": 2}],
        [{"name": "a", "on": True}, {"name": "b", "on": False}],
        [{"name": "a", "count": 1}, {"name": "a", "count": 2}],
        [{"year": 2026, "month": 1}, {"year": 2026, "month": 2}],
        [1, 2, 3],
        [{"name": "a", "count": 1e300}, {"name": "b", "count": 2}],
    ],
)
def test_what_is_no_series_stays_a_table(rows):
    assert chart(rows, "") is None


def test_the_answer_shows_the_chart_before_its_table_in_the_persons_zone():
    body = [{"timestamp": f"2026-11-0{day}T10:00:00Z", "value": day} for day in (1, 2)]
    call = CallRecord("1", "list_usage", status=CallStatus.SUCCEEDED, http_status=200, response=body)
    answer = render([call], {"list_usage": LIST}, ZoneInfo("Asia/Seoul"))
    assert [block["kind"] for block in answer.blocks] == ["chart", "table"]
    assert answer.blocks[0]["labels"] == ["1 Nov 2026, 19:00:00", "2 Nov 2026, 19:00:00"]

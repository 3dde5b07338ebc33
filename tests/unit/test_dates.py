"""Words for dates become the ranges that a person means, and names are left alone."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlops.core.dates import DateError, Granularity, find_expressions, resolve

BERLIN = ZoneInfo("Europe/Berlin")
#: A Monday afternoon.
NOW = datetime(2026, 11, 23, 13, 5, 7, 123456, tzinfo=BERLIN)

ZONES = st.sampled_from(
    [ZoneInfo(k) for k in ("UTC", "Europe/Berlin", "America/New_York", "America/Havana", "Asia/Beirut", "Asia/Seoul")]
)
MOMENTS = st.builds(
    lambda moment, zone: moment.replace(tzinfo=UTC).astimezone(zone),
    st.datetimes(datetime(2015, 1, 1), datetime(2037, 12, 31)),
    ZONES,
)


def span(expression: str, now: datetime = NOW) -> tuple[str | None, str | None]:
    found = resolve(expression, now)
    return found.start_iso, found.end_iso


def days(first: str, last: str | None = None) -> tuple[datetime, datetime]:
    """The oracle: midnight of the first day, and a second before the midnight after the last day."""
    begin = datetime.fromisoformat(first).replace(tzinfo=BERLIN)
    after = datetime.fromisoformat(last or first) + timedelta(days=1)
    return begin.astimezone(UTC), after.replace(tzinfo=BERLIN).astimezone(UTC) - timedelta(seconds=1)


@pytest.mark.parametrize(
    ("expression", "first", "last"),
    [
        ("today", "2026-11-23", "2026-11-23"),
        ("yesterday", "2026-11-22", "2026-11-22"),
        ("from yesterday", "2026-11-22", "2026-11-22"),
        ("Tomorrow", "2026-11-24", "2026-11-24"),
        ("the day before yesterday", "2026-11-21", "2026-11-21"),
        ("2 days ago", "2026-11-21", "2026-11-21"),
        ("two weeks ago", "2026-11-09", "2026-11-09"),
        ("a month ago", "2026-10-23", "2026-10-23"),
        ("last Tuesday", "2026-11-17", "2026-11-17"),
        ("last Monday", "2026-11-16", "2026-11-16"),
        ("next Monday", "2026-11-30", "2026-11-30"),
        ("this Friday", "2026-11-27", "2026-11-27"),
        ("Monday", "2026-11-23", "2026-11-23"),
        ("on Friday", "2026-11-20", "2026-11-20"),
        ("last week", "2026-11-16", "2026-11-22"),
        ("this week", "2026-11-23", "2026-11-29"),
        ("last weekend", "2026-11-21", "2026-11-22"),
        ("this month", "2026-11-01", "2026-11-30"),
        ("last month", "2026-10-01", "2026-10-31"),
        ("last quarter", "2026-07-01", "2026-09-30"),
        ("last year", "2025-01-01", "2025-12-31"),
        ("last 3 months", "2026-08-23", "2026-11-23"),
        ("in the last seven days", "2026-11-16", "2026-11-23"),
        ("the past week", "2026-11-16", "2026-11-23"),
        ("past couple of days", "2026-11-21", "2026-11-23"),
        ("next 2 weeks", "2026-11-23", "2026-12-07"),
        ("in 3 days", "2026-11-26", "2026-11-26"),
        ("since Monday", "2026-11-23", "2026-11-23"),
        ("since last Wednesday", "2026-11-18", "2026-11-23"),
        ("since 2026-11-01", "2026-11-01", "2026-11-23"),
        ("since the beginning of November", "2026-11-01", "2026-11-23"),
        ("from Friday on", "2026-11-20", "2026-11-23"),
        ("after 2026-11-01", "2026-11-02", "2026-11-23"),
        ("2026-11-01", "2026-11-01", "2026-11-01"),
        ("November 3rd", "2026-11-03", "2026-11-03"),
        ("3 Nov", "2026-11-03", "2026-11-03"),
        ("the 3rd of November", "2026-11-03", "2026-11-03"),
        ("December 24", "2025-12-24", "2025-12-24"),
        ("24 December 2026", "2026-12-24", "2026-12-24"),
        ("29 February", "2024-02-29", "2024-02-29"),
        ("1st Nov. 2026", "2026-11-01", "2026-11-01"),
        ("1-Nov-2026", "2026-11-01", "2026-11-01"),
        ("on 3.11.2026", "2026-11-03", "2026-11-03"),
        ("3/11/2026", "2026-11-03", "2026-11-03"),
        ("11/23/2026", "2026-11-23", "2026-11-23"),
        ("in March", "2026-03-01", "2026-03-31"),
        ("March 2025", "2025-03-01", "2025-03-31"),
        ("2026-02", "2026-02-01", "2026-02-28"),
        ("Q3 2026", "2026-07-01", "2026-09-30"),
        ("2025", "2025-01-01", "2025-12-31"),
        ("between 1 March and 5 March 2026", "2026-03-01", "2026-03-05"),
        ("between 1 and 5 March 2026", "2026-03-01", "2026-03-05"),
        ("March 1-5, 2026", "2026-03-01", "2026-03-05"),
        ("from 2026-11-01 to 2026-11-05", "2026-11-01", "2026-11-05"),
        ("2026-11-01 – 2026-11-05", "2026-11-01", "2026-11-05"),
        ("between Friday and Sunday", "2026-11-20", "2026-11-22"),
        ("from last Monday until yesterday", "2026-11-16", "2026-11-22"),
        ("between 28 November and 3 January 2026", "2025-11-28", "2026-01-03"),
        ("between May and July 2025", "2025-05-01", "2025-07-31"),
    ],
)
def test_words_mean_calendar_days(expression: str, first: str, last: str) -> None:
    found = resolve(expression, NOW)
    assert found.start is not None
    assert found.end is not None
    assert (found.start.astimezone(UTC), found.end.astimezone(UTC)) == days(first, last)
    assert found.text == expression


@pytest.mark.parametrize(
    ("expression", "end"),
    [
        ("until Friday", "2026-11-27T23:59:59+01:00"),
        ("by tomorrow", "2026-11-24T23:59:59+01:00"),
        ("before 2026-11-01", "2026-10-31T23:59:59+01:00"),
        ("older than 30 days", "2026-10-23T23:59:59+02:00"),
        ("more than a week ago", "2026-11-15T23:59:59+01:00"),
    ],
)
def test_an_open_beginning_stays_open(expression: str, end: str) -> None:
    assert span(expression) == (None, end)


def test_after_a_coming_day_stays_open() -> None:
    assert span("after tomorrow") == ("2026-11-25T00:00:00+01:00", None)


def test_hours_are_counted_on_the_clock() -> None:
    assert span("the last 24 hours") == ("2026-11-22T13:05:07+01:00", "2026-11-23T13:05:07+01:00")
    assert span("past hour") == ("2026-11-23T12:05:07+01:00", "2026-11-23T13:05:07+01:00")
    after_change = datetime(2026, 10, 25, 12, tzinfo=BERLIN)
    assert span("last 24 hours", after_change)[0] == "2026-10-24T13:00:00+02:00"


def test_a_day_of_a_clock_change_has_its_own_offsets() -> None:
    assert span("2026-10-25") == ("2026-10-25T00:00:00+02:00", "2026-10-25T23:59:59+01:00")


def test_a_time_of_day_narrows_the_day() -> None:
    assert span("yesterday at 5pm") == ("2026-11-22T17:00:00+01:00", "2026-11-22T17:00:59+01:00")
    assert span("2026-11-01 14:30") == ("2026-11-01T14:30:00+01:00", "2026-11-01T14:30:59+01:00")
    assert span("2026-11-01T10:00:00Z")[0] == "2026-11-01T11:00:00+01:00"
    assert span("from yesterday 9:00 to today 10:30") == (
        "2026-11-22T09:00:00+01:00",
        "2026-11-23T10:30:59+01:00",
    )


def test_slashes_are_month_first_in_america() -> None:
    new_york = NOW.astimezone(ZoneInfo("America/New_York"))
    assert span("03/11/2026", new_york)[0] == "2026-03-11T00:00:00-04:00"


@pytest.mark.parametrize(
    "expression",
    ["", "banana", "user1", "5", "31 February 2026", "2026-02-30", "last 999999 years", "last few days",
     "Mayor 3",
     "from today to last week", "between x and y", "yesterday and last March"],
)  # fmt: skip
def test_words_that_name_no_date_are_an_error_for_the_person(expression: str) -> None:
    with pytest.raises(DateError) as error:
        resolve(expression, NOW)
    assert len(str(error.value)) > 20


def test_a_zone_is_needed() -> None:
    with pytest.raises(TypeError):
        resolve("today", datetime(2026, 11, 23))


@pytest.mark.parametrize(
    "text",
    [
        "get the user may", "delete march-group", "may I see the users?", "list safe sunday-backups",
        "members of group 2024", "create a user named today", "create a user called Monday", "user user1",
        "delete the safe 'last week'", 'delete the safe "last week"', "version 1.10.2026",
        "what user may 5 did",
        "the last 20 entries", "group Friday", "get log-2026-11-01.txt", "2026-11-01-backup", "move on now",
        "in 5 groups", "the second user",
        "yesterday_logs", "bob@today.example", "what happened at last?",
    ],
)  # fmt: skip
def test_names_are_no_dates(text: str) -> None:
    assert find_expressions(text, NOW) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Show me all audit log entries from yesterday.", ["yesterday"]),
        ("what did user1 do between 1 March and 5 March 2026?", ["between 1 March and 5 March 2026"]),
        ("show today's events", ["today"]),
        ("show Monday's audit entries", ["Monday"]),
        ("logins in the last 24 hours by bob", ["last 24 hours"]),
        ("who joined the group last week", ["last week"]),
        ("give bob access until Friday", ["until Friday"]),
        (
            "users created before 2026-11-01 and locked since last month",
            ["before 2026-11-01", "since last month"],
        ),
        ("events of yesterday and today", ["yesterday", "today"]),
        ("I may look on Monday", ["Monday"]),
        ("what's new in bob's safe since yesterday", ["since yesterday"]),
        ("entries from '2026-11-01'", ["2026-11-01"]),
    ],
)
def test_dates_are_found_in_a_request(text: str, words: list[str]) -> None:
    found = find_expressions(text, NOW)
    assert [date.text for date in found] == words
    assert all(text[date.start : date.end] == date.text for date in found)


def test_a_request_around_one_date_resolves_to_it() -> None:
    assert span("all audit entries of yesterday") == span("yesterday")


@given(MOMENTS, st.integers(0, 4000))
def test_days_ago_is_that_local_day(now: datetime, number: int) -> None:
    day = now.date() - timedelta(days=number)
    assert_is_day(resolve(f"{number} days ago", now), day, now)


@given(MOMENTS)
def test_yesterday_meets_today_without_a_gap(now: datetime) -> None:
    yesterday, today = resolve("yesterday", now), resolve("today", now)
    assert yesterday.end is not None
    assert today.start is not None
    assert today.start.astimezone(UTC) - yesterday.end.astimezone(UTC) == timedelta(seconds=1)


@given(MOMENTS, st.dates(date(1971, 1, 1), date(2037, 12, 31)))
def test_written_dates_are_that_local_day(now: datetime, day: date) -> None:
    for words in (day.isoformat(), f"{day:%B} {day.day}, {day.year}", f"{day.day} {day:%b} {day.year}"):
        assert_is_day(resolve(words, now), day, now)


@given(MOMENTS, st.integers(1, 300))
def test_last_months_begin_on_the_same_day_or_the_month_end(now: datetime, number: int) -> None:
    start = resolve(f"last {number} months", now).start
    assert start is not None
    assert (now.year - start.year) * 12 + now.month - start.month == number
    is_month_end = (start.date() + timedelta(days=1)).month != start.month
    assert start.day == now.day or (start.day < now.day and is_month_end)


@given(MOMENTS, st.sampled_from(["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]))
def test_weekdays_lie_where_they_belong(now: datetime, weekday: str) -> None:
    def ago(words: str) -> int:
        start = resolve(words, now).start
        assert start is not None
        assert f"{start:%A}" == weekday
        return (now.date() - start.date()).days

    assert 0 <= ago(weekday) <= 6
    assert 1 <= ago(f"last {weekday}") <= 7
    assert 1 <= -ago(f"next {weekday}") <= 7


@given(MOMENTS, st.text(max_size=200))
def test_any_text_is_read_without_a_fault(now: datetime, text: str) -> None:
    for found in find_expressions(text, now):
        assert text[found.start : found.end] == found.text
    with contextlib.suppress(DateError):
        resolve(text, now)


WORDS = [
    *[
        "from",
        "to",
        "since",
        "between",
        "and",
        "until",
        "last",
        "next",
        "this",
        "3",
        "31",
        "days",
        "weeks",
        "-",
    ],
    *[
        "Monday",
        "March",
        "may",
        "2026",
        "2026-11-01",
        "at",
        "5pm",
        "ago",
        "on",
        "the",
        "yesterday",
        "Q3",
        "older",
    ],
]


@given(MOMENTS, st.lists(st.sampled_from(WORDS), max_size=9))
def test_date_words_in_any_order_never_give_a_reversed_range(now: datetime, words: list[str]) -> None:
    for found in find_expressions(" ".join(words), now):
        if found.range.start and found.range.end:
            assert found.range.start.astimezone(UTC) <= found.range.end.astimezone(UTC)


def assert_is_day(found: object, day: date, now: datetime) -> None:
    midnight = datetime(day.year, day.month, day.day, tzinfo=now.tzinfo)
    following = day + timedelta(days=1)
    after = datetime(following.year, following.month, following.day, tzinfo=now.tzinfo)
    assert found.granularity is Granularity.DAY  # type: ignore[attr-defined]
    assert found.start.astimezone(UTC) == midnight.astimezone(UTC)  # type: ignore[attr-defined]
    assert found.end.astimezone(UTC) == after.astimezone(UTC) - timedelta(seconds=1)  # type: ignore[attr-defined]


def test_a_very_long_text_is_read_in_time() -> None:
    started = datetime.now(UTC)
    for text in ("5 " * 50000, "on the " * 15000, "'" * 100000, "yesterday" + " " * 100000 + "x"):
        find_expressions(text, NOW)
    assert datetime.now(UTC) - started < timedelta(seconds=20)

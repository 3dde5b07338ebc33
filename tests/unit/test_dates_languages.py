"""German and Korean words for dates mean what the English ones mean; plain calendar arithmetic is the oracle."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st

from nlops.core.dates import DateError, resolve

SEOUL = ZoneInfo("Asia/Seoul")
#: A Monday afternoon.
NOW = datetime(2026, 11, 23, 13, 5, 7, tzinfo=SEOUL)
ZONES = st.sampled_from(
    [
        ZoneInfo(key)
        for key in ("UTC", "Europe/Berlin", "America/New_York", "Asia/Seoul", "Australia/Lord_Howe", "America/Havana")
    ]
)
MOMENTS = st.builds(
    lambda moment, zone: moment.replace(tzinfo=UTC).astimezone(zone),
    st.datetimes(datetime(2015, 1, 1), datetime(2037, 12, 31)),
    ZONES,
)


def spanned(expression: str, now: datetime = NOW) -> tuple[str | None, str | None]:
    found = resolve(expression, now)
    return (
        found.start.strftime("%Y-%m-%d %H:%M") if found.start else None,
        found.end.strftime("%Y-%m-%d %H:%M") if found.end else None,
    )


def whole(first: date, last: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The oracle: midnight of the first day, and a second before the midnight after the last, on the real clock."""
    begin = datetime(first.year, first.month, first.day, tzinfo=zone).astimezone(UTC)
    after = last + timedelta(days=1)
    end = datetime(after.year, after.month, after.day, tzinfo=zone).astimezone(UTC) - timedelta(seconds=1)
    return begin, end


def instants(expression: str, now: datetime) -> tuple[datetime, datetime]:
    found = resolve(expression, now)
    assert found.start is not None
    assert found.end is not None
    return found.start.astimezone(UTC), found.end.astimezone(UTC)


@pytest.mark.parametrize(
    ("expression", "first", "last"),
    [
        ("어제", "2026-11-22", "2026-11-22"), ("어제의", "2026-11-22", "2026-11-22"),
        ("그저께", "2026-11-21", "2026-11-21"), ("그제", "2026-11-21", "2026-11-21"),
        ("오늘", "2026-11-23", "2026-11-23"), ("모레", "2026-11-25", "2026-11-25"),
        ("지난주", "2026-11-16", "2026-11-22"), ("지난 주의", "2026-11-16", "2026-11-22"),
        ("지난주 월요일", "2026-11-16", "2026-11-16"), ("다음 주 금요일", "2026-12-04", "2026-12-04"),
        ("지난 3개월", "2026-08-23", "2026-11-23"), ("지난 세 달 동안", "2026-08-23", "2026-11-23"),
        ("최근 7일간", "2026-11-16", "2026-11-23"), ("3일 전", "2026-11-20", "2026-11-20"),
        ("사흘 전", "2026-11-20", "2026-11-20"), ("두 달 전", "2026-09-23", "2026-09-23"),
        ("작년", "2025-01-01", "2025-12-31"), ("작년 3월", "2025-03-01", "2025-03-31"),
        ("2024년 3월 5일", "2024-03-05", "2024-03-05"), ("2024. 3. 5.", "2024-03-05", "2024-03-05"),
        ("3월 5일부터 9일까지", "2026-03-05", "2026-03-09"), ("3월 5일 ~ 4월 2일", "2026-03-05", "2026-04-02"),
        ("2024년 12월 30일부터 1월 2일까지", "2024-12-30", "2025-01-02"),
        ("월요일부터 수요일까지", "2026-11-23", "2026-11-25"), ("어제부터", "2026-11-22", "2026-11-23"),
        ("월요일 이후", "2026-11-23", "2026-11-23"), ("9월 1일 이전", None, "2026-08-31"),
        ("금요일까지", None, "2026-11-27"), ("이번 달 초", "2026-11-01", "2026-11-10"),
        ("지난달 말", "2026-10-21", "2026-10-31"), ("작년 4분기", "2025-10-01", "2025-12-31"),
        ("올해 상반기", "2026-01-01", "2026-06-30"), ("지난 주말", "2026-11-21", "2026-11-22"),
        ("gestern", "2026-11-22", "2026-11-22"), ("vorgestern", "2026-11-21", "2026-11-21"),
        ("letzte Woche", "2026-11-16", "2026-11-22"), ("in der letzten Woche", "2026-11-16", "2026-11-22"),
        ("die letzten drei Monate", "2026-08-23", "2026-11-23"), ("seit Montag", "2026-11-23", "2026-11-23"),
        ("seit letztem Dienstag", "2026-11-17", "2026-11-23"), ("vom 3. bis 9. Mai", "2026-05-03", "2026-05-09"),
        ("vom 5. März bis 9. April 2024", "2024-03-05", "2024-04-09"), ("am 5. März 2024", "2024-03-05", "2024-03-05"),
        ("5.3.2024", "2024-03-05", "2024-03-05"), ("letzten Dienstag", "2026-11-17", "2026-11-17"),
        ("am Montag letzter Woche", "2026-11-16", "2026-11-16"), ("vor zwei Tagen", "2026-11-21", "2026-11-21"),
        ("Anfang des Monats", "2026-11-01", "2026-11-10"), ("Ende Mai", "2026-05-21", "2026-05-31"),
        ("KW 12", "2026-03-16", "2026-03-22"), ("bis Freitag", None, "2026-11-27"),
        ("vor dem 1. September", None, "2026-08-31"), ("dieses Quartal", "2026-10-01", "2026-12-31"),
        ("3. Quartal 2025", "2025-07-01", "2025-09-30"), ("seit Jahresbeginn", "2026-01-01", "2026-11-23"),
        ("letztes Wochenende", "2026-11-21", "2026-11-22"), ("im letzten März", "2026-03-01", "2026-03-31"),
        ("in drei Wochen", "2026-12-14", "2026-12-14"), ("von gestern bis heute", "2026-11-22", "2026-11-23"),
    ],
)  # fmt: skip
def test_words_mean_the_days_that_a_person_means(expression, first, last):
    start, end = spanned(expression)
    assert (start, end) == (first and f"{first} 00:00", f"{last} 23:59")


@pytest.mark.parametrize(
    ("expression", "moment"),
    [
        ("어제 오후 3시", "2026-11-22 15:00"), ("오후 3시 30분", "2026-11-23 15:30"),
        ("내일 오전 9시 반", "2026-11-24 09:30"),
        ("밤 11시", "2026-11-23 23:00"), ("새벽 2시", "2026-11-23 02:00"), ("오전 12시", "2026-11-23 00:00"),
        ("morgen um 15 Uhr", "2026-11-24 15:00"), ("gestern um 7:30 Uhr", "2026-11-22 07:30"),
        ("am 5. März 2024 um 18.15 Uhr", "2024-03-05 18:15"), ("heute Mittag", None),
        ("heute mittags", "2026-11-23 12:00"),
    ],
)  # fmt: skip
def test_times_of_the_day(expression, moment):
    start, end = spanned(expression)
    if moment is None:
        assert start.startswith("2026-11-23")
    else:
        assert (start, end) == (moment, moment)


@given(MOMENTS, st.integers(1, 400))
def test_days_ago_are_the_same_instants_in_every_language(now, number):
    day = now.date() - timedelta(days=number)
    expected = whole(day, day, now.tzinfo)
    for expression in (f"{number} days ago", f"{number}일 전", f"vor {number} Tagen"):
        assert instants(expression, now) == expected, expression


@given(MOMENTS, st.integers(1, 60))
def test_the_last_months_are_the_same_in_every_language(now, number):
    expected = whole(now.date() - relativedelta(months=number), now.date(), now.tzinfo)
    for expression in (f"last {number} months", f"지난 {number}개월", f"letzten {number} Monate", f"최근 {number}달간"):
        assert instants(expression, now) == expected, expression


@given(MOMENTS, st.dates(date(2000, 1, 1), date(2040, 12, 31)))
def test_a_full_date_is_its_day_in_every_language(now, day):
    months = ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober",
              "November", "Dezember"]  # fmt: skip
    expected = whole(day, day, now.tzinfo)
    for expression in (
        f"{day.year}년 {day.month}월 {day.day}일",
        f"{day.year}.{day.month}.{day.day}에",
        f"am {day.day}. {months[day.month - 1]} {day.year}",
        f"{day.day}.{day.month}.{day.year}",
        day.isoformat(),
    ):
        assert instants(expression, now) == expected, expression


@given(MOMENTS, st.dates(date(2001, 1, 1), date(2039, 12, 31)), st.integers(0, 500))
def test_a_range_begins_and_ends_with_its_days(now, first, length):
    last = first + timedelta(days=length)
    expected = whole(first, last, now.tzinfo)
    korean = f"{first.year}년 {first.month}월 {first.day}일부터 {last.year}년 {last.month}월 {last.day}일까지"
    german = f"vom {first.day}.{first.month}.{first.year} bis zum {last.day}.{last.month}.{last.year}"
    assert instants(korean, now) == expected
    assert instants(german, now) == expected


@given(MOMENTS, st.integers(0, 6))
def test_weekdays_are_the_most_recent_ones_and_never_in_the_future(now, weekday):
    back = (now.weekday() - weekday) % 7
    day = now.date() - timedelta(days=back)
    german = ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"][weekday]
    assert instants(f"am {german}", now) == whole(day, day, now.tzinfo)
    assert instants(f"{'월화수목금토일'[weekday]}요일에", now) == whole(day, day, now.tzinfo)


@pytest.mark.parametrize(("expression", "hours"), [("어제", 25), ("gestern", 25), ("yesterday", 25)])
def test_the_day_of_a_clock_change_has_its_own_length(expression, hours):
    now = datetime(2026, 10, 26, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    begin, end = instants(expression, now)
    assert end - begin == timedelta(hours=hours) - timedelta(seconds=1)


def test_a_time_that_the_clock_change_leaves_out_is_the_one_an_hour_later():
    now = datetime(2026, 3, 29, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    for expression in ("오늘 새벽 2시 30분", "heute um 2:30 Uhr"):
        assert spanned(expression, now)[0] == "2026-03-29 03:30"


@pytest.mark.parametrize(
    "words", ["바나나", "어제보다 좋은", "2월 30일", "25시", "오후 15시", "13월", "gestrig", "32. Mai",
              "am 30. Februar 2024", "vom 9. bis 3. Mai", "2026년 3월 9일부터 2026년 3월 5일까지",
              "um 25 Uhr", "", "   ", "의"]
)  # fmt: skip
def test_what_is_no_date_is_told_with_the_forms_that_are_understood(words):
    with pytest.raises(DateError) as told:
        resolve(words, NOW)
    assert len(str(told.value)) > 10


ALPHABET = st.sampled_from(
    [*"0123456789 .:-~년월일시분전후부터까지지난주작어제오늘말요월화", "letzte ", "Mai ", "bis ", "vor ", "Uhr", "KW "]
)


@given(st.lists(ALPHABET, max_size=14).map("".join), MOMENTS)
def test_no_words_crash_and_no_range_is_turned_round(words, now):
    try:
        found = resolve(words, now)
    except DateError:
        return
    if found.start is not None and found.end is not None:
        assert found.start.astimezone(UTC) <= found.end.astimezone(UTC)


@pytest.mark.parametrize(
    "words", ["until the end of March", "first quarter of 2025", "Monday last week", "yesterday at 25:00",
              "two days before yesterday", "3월 5일부터 3일간", "3일 동안", "von gestern", "morgen um 24 Uhr",
              "오늘 24시"]
)  # fmt: skip
def test_words_that_are_understood_in_part_only_are_no_date(words):
    with pytest.raises(DateError):
        resolve(words, NOW)

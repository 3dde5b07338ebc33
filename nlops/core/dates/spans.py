"""Stretches of time, and the arithmetic of days that every language shares.

Weeks start on Monday; days are local calendar days, so the day of a clock change has 23 or 25 hours.
"""

from __future__ import annotations

import calendar
import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final


class DateError(ValueError):
    """The words name no date that nlops understands; the message is for the person."""


class Granularity(enum.StrEnum):
    """How exact the words were."""

    INSTANT = "instant"  #: a second, a minute
    HOUR = "hour"  #: an hour, or a part of a day
    DAY = "day"  #: one calendar day
    WEEK = "week"  #: Monday to Sunday, or a weekend
    MONTH = "month"  #: a calendar month
    QUARTER = "quarter"  #: three calendar months
    YEAR = "year"  #: a calendar year
    PERIOD = "period"  #: from one thing to another


@dataclass(frozen=True, slots=True)
class DateRange:
    """A stretch of time in the person's zone; both ends belong to it."""

    #: first second, None when the words set no start ("before Friday")
    start: datetime | None
    #: last second (23:59:59 of the last day), None when the words set no end
    end: datetime | None
    #: the words that it was made from
    text: str
    #: how exact the words were
    granularity: Granularity

    @property
    def start_iso(self) -> str | None:
        """The first second as ISO 8601 with the zone's offset, such as 2026-11-22T00:00:00+01:00."""
        return self.start.isoformat() if self.start else None

    @property
    def end_iso(self) -> str | None:
        """The last second as ISO 8601 with the zone's offset, such as 2026-11-22T23:59:59+01:00."""
        return self.end.isoformat() if self.end else None

    @property
    def is_day(self) -> bool:
        """True when it is exactly one calendar day."""
        return self.granularity is Granularity.DAY


@dataclass(frozen=True, slots=True)
class FoundDate:
    """Words for a date inside a longer text."""

    #: where the words begin, in characters
    start: int
    #: where they end, exclusive
    end: int
    #: the words
    text: str
    #: what they mean
    range: DateRange


@dataclass(frozen=True, slots=True)
class Frame:
    """What the rest of the expression says about an atom."""

    now: datetime
    #: a weekday, month or day without a year is the coming one
    future: bool = False
    #: the year, from the other end of the range
    year: int | None = None
    #: the coming one after this day, for the end of a range
    after: date | None = None

    @property
    def today(self) -> date:
        return self.now.date()


@dataclass(frozen=True, slots=True)
class Span:
    start: datetime | None
    end: datetime | None
    granularity: Granularity

    def named(self, text: str) -> DateRange:
        return DateRange(self.start, self.end, text, self.granularity)


UNIT_DAYS: Final = {"day": 1, "week": 7, "fortnight": 14}
UNIT_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}
UNIT_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600}


def need_zone(now: datetime) -> None:
    if now.tzinfo is None:
        raise TypeError("now must be aware, in the person's zone")


def whole_days(first: date, last: date, now: datetime) -> tuple[datetime, datetime]:
    """The first second of `first` and the last second of `last` in the zone of `now`.

    Where a clock change repeats the hour before midnight, the last second is the later one (fold=1).
    """
    zone = now.tzinfo
    return (
        datetime.combine(first, time.min, zone),
        datetime.combine(last, time(23, 59, 59), zone).replace(fold=1),
    )


def shift(moment: datetime, *, seconds: int) -> datetime:
    """That many seconds later, on the real clock."""
    return (moment.astimezone(UTC) + timedelta(seconds=seconds)).astimezone(moment.tzinfo).replace(microsecond=0)


def add_months(day: date, months: int) -> date:
    """The same day that many months later; the last day of a shorter month."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def move(day: date, unit: str, count: int) -> date:
    if unit in UNIT_DAYS:
        return day + timedelta(days=UNIT_DAYS[unit] * count)
    return add_months(day, UNIT_MONTHS[unit] * count)


def unit_of(day: date, unit: str) -> tuple[date, date, Granularity]:
    """First and last day of the calendar unit that holds the day."""
    if unit == "day":
        return day, day, Granularity.DAY
    if unit == "week":
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=6), Granularity.WEEK
    if unit not in UNIT_MONTHS:
        raise DateError(f"Say which days you mean: '{unit}' has no fixed beginning.")
    size = UNIT_MONTHS[unit]
    first = date(day.year, (day.month - 1) // size * size + 1, 1)
    return first, add_months(first, size) - timedelta(days=1), Granularity(unit)


def day_span(day: date, frame: Frame) -> Span:
    return Span(*whole_days(day, day, frame.now), Granularity.DAY)


def best_year(frame: Frame, make: Callable[[int], date]) -> date:
    """The date in the year that the frame asks for: given, after another date, coming, or most recent.

    29 February takes the nearest leap year.
    """
    if frame.year is not None:
        return make(frame.year)
    coming = frame.future or frame.after is not None
    limit = frame.after or frame.today
    years = range(limit.year, limit.year + 9) if coming else range(limit.year, limit.year - 9, -1)
    for day in existing(make, years):
        if (day >= limit) if coming else (day <= limit):
            return day
    return make(limit.year)


def existing(make: Callable[[int], date], years: range) -> Iterator[date]:
    for year in years:
        try:
            yield make(year)
        except ValueError:
            continue


def unit_span(day: date, unit: str, frame: Frame) -> Span:
    first, last, granularity = unit_of(day, unit)
    return Span(*whole_days(first, last, frame.now), granularity)

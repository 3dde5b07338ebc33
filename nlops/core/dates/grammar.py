"""Reads an expression by a language's tables: bare dates, clock times, ranges, and ranges with one open end."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from nlops.core.dates.spans import (
    UNIT_SECONDS,
    DateError,
    Frame,
    Granularity,
    Span,
    best_year,
    day_span,
    move,
    shift,
    unit_of,
    unit_span,
    whole_days,
)

#: Makes the span of a matched shape.
Builder = Callable[[re.Match[str], Frame], Span]


@dataclass(frozen=True, slots=True)
class Grammar:
    """The tables of one language. Every pattern has to match the whole of its part."""

    #: shapes of bare dates, tried in order
    shapes: tuple[tuple[re.Pattern[str], Builder], ...]
    #: two dates: groups first and second
    ranges: tuple[re.Pattern[str], ...]
    #: one date with an open end: kind (since, after, before, until) and pattern with group date
    opened: tuple[tuple[str, re.Pattern[str]], ...]
    #: a clock time at the end: group date (may be empty), and what `hour_of` reads
    clock: re.Pattern[str]
    #: hour and minute of a clock's match
    hour_of: Callable[[re.Match[str]], tuple[int, int]]
    #: what stands around a date and means nothing, removed before reading
    noise: re.Pattern[str]

    def read(self, expression: str, now: datetime) -> Span | None:
        """The span of the words, None when they are no date of this language. Raises DateError for impossible ones."""
        words = re.sub(r"\s+", " ", expression).strip().strip("\"'“”‘’`„.,;!?").strip()
        for candidate in dict.fromkeys((words, self.noise.sub("", words).strip())):
            found = self._whole(candidate, now)
            if found is not None:
                return found
        return None

    def _whole(self, words: str, now: datetime) -> Span | None:
        found = self._date(words, Frame(now))
        if found is not None:
            return found
        for pattern in self.ranges:
            match = pattern.fullmatch(words)
            if match and (found := self._range(match, now)) is not None:
                return found
        for kind, pattern in self.opened:
            match = pattern.fullmatch(words)
            if match is None:
                continue
            found = self._date(self.noise.sub("", match["date"]).strip(), Frame(now, future=kind == "until"))
            if found is not None:
                return _open(kind, found, now)
        return None

    def _range(self, match: re.Match[str], now: datetime) -> Span | None:
        """From the start of the first to the end of the second; what one leaves out is taken from the other."""
        first, second = (self.noise.sub("", match[name]).strip() for name in ("first", "second"))
        year = re.search(r"(?:19|20)\d\d", second)
        borrowed = int(year[0]) if year and not re.search(r"(?:19|20)\d\d", first) else None
        begin = self._date(first, Frame(now, year=borrowed))
        if begin is None or begin.start is None:
            return None
        finish = self._date(second, Frame(begin.start, after=begin.start.date()))
        if finish is None:
            finish = self._date(second, Frame(now))
        if finish is None or finish.end is None:
            return None
        if borrowed and begin.start > finish.end:
            begin = self._date(first, Frame(now, year=borrowed - 1)) or begin
        # Words such as "today" mean the real one, whatever the range begins with.
        really = self._date(second, Frame(now, after=begin.start.date() if begin.start else None))
        finish = really if really is not None and really.end is not None else finish
        if begin.start is None or finish.end is None or begin.start > finish.end:
            raise DateError("The range ends before it begins.")
        return Span(begin.start, finish.end, Granularity.PERIOD)

    def _date(self, words: str, frame: Frame) -> Span | None:
        try:
            for pattern, build in self.shapes:
                if match := pattern.fullmatch(words):
                    return build(match, frame)
            return self._at_clock(words, frame)
        except (ValueError, OverflowError) as error:
            if isinstance(error, DateError):
                raise
            raise DateError(f"'{words}' is not a date in the calendar.") from error

    def _at_clock(self, words: str, frame: Frame) -> Span | None:
        match = self.clock.fullmatch(words)
        if match is None:
            return None
        day_words = self.noise.sub("", match["date"] or "").strip()
        if day_words == words:
            return None
        day = self._date(day_words, frame) if day_words else day_span(frame.after or frame.today, frame)
        if day is None or day.start is None or day.granularity is not Granularity.DAY:
            return None
        hour, minute = self.hour_of(match)
        # A time that the clock change leaves out is the one an hour later.
        start = shift(day.start.replace(hour=hour, minute=minute), seconds=0)
        return Span(start, start.replace(second=59), Granularity.INSTANT)


def _open(kind: str, span: Span, now: datetime) -> Span:
    """A range with one end given: since and until take the date in, after and before leave it out."""
    if span.start is None or span.end is None:
        return span
    if kind == "before":
        return Span(None, shift(span.start, seconds=-1), Granularity.PERIOD)
    if kind == "until":
        return Span(None, span.end, Granularity.PERIOD)
    rolls = span.granularity is Granularity.PERIOD
    start = span.start if kind == "since" or rolls else shift(span.end, seconds=1)
    today = whole_days(now.date(), now.date(), now)[1]
    return Span(start, today if start <= today else None, Granularity.PERIOD)


# --- builders that languages share ----------------------------------------------------------------------------


def patterns(table: Mapping[str, Builder], **fragments: str) -> tuple[tuple[re.Pattern[str], Builder], ...]:
    """The table's patterns, compiled without case; {name} in them stands for a fragment, a space for any space."""
    found = []
    for pattern, build in table.items():
        for name, words in fragments.items():
            pattern = pattern.replace("{" + name + "}", words)
        found.append((re.compile(pattern.replace(" ", r"\s*"), re.I), build))
    return tuple(found)


def index(words: str, alternatives: tuple[str, ...]) -> int:
    """Place of the alternative that is the word."""
    return next(place for place, pattern in enumerate(alternatives) if re.fullmatch(pattern, words, re.I))


def lookup(words: str, table: Mapping[str, int]) -> int:
    """Value of the pattern that is the word."""
    return next(value for pattern, value in table.items() if re.fullmatch(pattern, words, re.I))


def day_from_today(offset: int) -> Builder:
    """That many days from today."""
    return lambda match, frame: day_span(frame.now.date() + timedelta(days=offset), frame)


def unit_from_now(unit: str, offset: int) -> Builder:
    """The calendar unit that many units from the present one."""
    return lambda match, frame: unit_span(move(unit_of(frame.now.date(), unit)[0], unit, offset), unit, frame)


def ago(number: int, unit: str, frame: Frame) -> Span:
    """That long before now: a day, or an instant."""
    if unit in UNIT_SECONDS:
        start = shift(frame.now, seconds=-number * UNIT_SECONDS[unit])
        size = Granularity.HOUR if unit == "hour" else Granularity.INSTANT
        return Span(start, shift(start, seconds=UNIT_SECONDS[unit] - 1), size)
    return day_span(move(frame.today, unit, -number), frame)


def ahead(number: int, unit: str, frame: Frame) -> Span:
    """That long after now."""
    if unit in UNIT_SECONDS:
        moment = shift(frame.now, seconds=number * UNIT_SECONDS[unit])
        return Span(moment, moment, Granularity.INSTANT)
    return day_span(move(frame.today, unit, number), frame)


def rolling(number: int, unit: str, frame: Frame) -> Span:
    """The last N units, until the end of today; hours and minutes until now."""
    if unit in UNIT_SECONDS:
        start = shift(frame.now, seconds=-number * UNIT_SECONDS[unit])
        return Span(start, frame.now.replace(microsecond=0), Granularity.PERIOD)
    return Span(*whole_days(move(frame.today, unit, -number), frame.today, frame.now), Granularity.PERIOD)


def coming(number: int, unit: str, frame: Frame) -> Span:
    """The next N units, from today on; hours and minutes from now on."""
    if unit in UNIT_SECONDS:
        return Span(
            frame.now.replace(microsecond=0), shift(frame.now, seconds=number * UNIT_SECONDS[unit]), Granularity.PERIOD
        )
    return Span(*whole_days(frame.today, move(frame.today, unit, number), frame.now), Granularity.PERIOD)


def weekday(day: int, frame: Frame) -> Span:
    """The most recent one, today included; the coming one where the frame says so."""
    if frame.future or frame.after:
        base = frame.after or frame.today
        return day_span(base + timedelta(days=(day - base.weekday()) % 7), frame)
    return day_span(frame.today - timedelta(days=(frame.today.weekday() - day) % 7), frame)


def weekday_before(day: int, frame: Frame) -> Span:
    """The last one before today."""
    return day_span(frame.today - timedelta(days=(frame.today.weekday() - day - 1) % 7 + 1), frame)


def weekday_after(day: int, frame: Frame) -> Span:
    """The first one after today."""
    return day_span(frame.today + timedelta(days=(day - frame.today.weekday() - 1) % 7 + 1), frame)


def weekday_of_week(day: int, weeks: int, frame: Frame) -> Span:
    """That day of the week so many weeks from this one."""
    return day_span(unit_of(frame.today, "week")[0] + timedelta(days=day + 7 * weeks), frame)


def weekend(weeks: int, frame: Frame) -> Span:
    """Saturday and Sunday of the week so many weeks from this one."""
    saturday = unit_of(frame.today, "week")[0] + timedelta(days=5 + 7 * weeks)
    return Span(*whole_days(saturday, saturday + timedelta(days=1), frame.now), Granularity.WEEK)


def calendar_day(year: int | None, month: int, day: int, frame: Frame) -> Span:
    """That day; without a year the most recent or the coming one, as the frame says."""
    if year is not None:
        return day_span(date(year, month, day), frame)
    return day_span(best_year(frame, lambda found: date(found, month, day)), frame)


def calendar_month(year: int | None, month: int, frame: Frame) -> Span:
    """That month; without a year as `calendar_day`."""
    if year is not None:
        return unit_span(date(year, month, 1), "month", frame)
    if frame.after or frame.future:
        frame = replace(frame, after=(frame.after or frame.today).replace(day=1))
    return unit_span(best_year(frame, lambda found: date(found, month, 1)), "month", frame)


def day_of_month(day: int, frame: Frame) -> Span:
    """That day of the month of the range's first end; else the most recent, or the coming one."""
    base = frame.after or frame.today
    steps = range(13) if frame.after or frame.future else range(0, -13, -1)
    for step in steps:
        first = move(base.replace(day=1), "month", step)
        try:
            found = first.replace(day=day)
        except ValueError:
            continue
        if (found >= base) if frame.after or frame.future else (found <= base):
            return day_span(found, frame)
    raise DateError(f"No month has a day {day}.")


def quarter(number: int, year: int | None, frame: Frame) -> Span:
    """That quarter."""
    if year is not None:
        return unit_span(date(year, number * 3 - 2, 1), "quarter", frame)
    return unit_span(best_year(frame, lambda found: date(found, number * 3 - 2, 1)), "quarter", frame)


def iso_week(number: int, year: int | None, frame: Frame) -> Span:
    """The calendar week of ISO 8601."""
    if year is not None:
        return unit_span(date.fromisocalendar(year, number, 1), "week", frame)
    return unit_span(best_year(frame, lambda found: date.fromisocalendar(found, number, 1)), "week", frame)


def half_year(number: int, year: int, frame: Frame) -> Span:
    """January to June, or July to December."""
    first = date(year, 1 if number == 1 else 7, 1)
    last = date(year, 6, 30) if number == 1 else date(year, 12, 31)
    return Span(*whole_days(first, last, frame.now), Granularity.PERIOD)


def month_part(month: date, part: str, frame: Frame) -> Span:
    """The first ten days of the month ("start"), the second ("middle"), or the rest ("end")."""
    first, last, _ = unit_of(month, "month")
    ends = {
        "start": (first, first.replace(day=10)),
        "middle": (first.replace(day=11), first.replace(day=20)),
        "end": (first.replace(day=21), last),
    }
    return Span(*whole_days(*ends[part], frame.now), Granularity.PERIOD)


def part_of_day(offset: int, first: int, last: int, frame: Frame) -> Span:
    """From the hour `first` to the last second before the hour `last`, that many days from today."""
    day = frame.now.date() + timedelta(days=offset)
    zone = frame.now.tzinfo
    start, end = datetime.combine(day, time(first), zone), datetime.combine(day, time(last - 1, 59, 59), zone)
    return Span(start, end, Granularity.HOUR)


def number_or_none(text: str | None) -> int | None:
    """The digits as a number."""
    return int(text) if text else None


def unit_span_of_year(year: int, frame: Frame) -> Span:
    """The whole year."""
    return unit_span(date(year, 1, 1), "year", frame)

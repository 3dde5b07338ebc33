"""Words for dates and periods, to ISO ranges in the person's zone.

The rules, in one place (weeks start on Monday; days are local calendar days, so the day of a clock change
has 23 or 25 hours):

- "yesterday", "2 days ago", "last Tuesday", "2026-11-01": that whole day.
- "last week / month / quarter / year": the whole calendar unit before this one; "this …": the current one.
- "last 3 days / months …", "past week": from the start of that day until the end of today; in hours and
  minutes: until now.
- A weekday, a month or a day without a year means the most recent one, today included; after "until" and
  "by" (and after "next") the coming one.
- "since X": from the start of X until the end of today; "after X": from the second after it; "before X" and
  "until X" have no start ("before" leaves X out, "until" takes it in).
- 03/11/2026 is month first in zones of America, else day first; 3.11.2026 is day first.

The words stand in tables (`ENGLISH`), the arithmetic knows no language.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final

from nlops.core.dates.spans import (
    UNIT_SECONDS,
    DateError,
    DateRange,
    FoundDate,
    Frame,
    Granularity,
    Span,
    best_year,
    day_span,
    move,
    need_zone,
    shift,
    unit_of,
    unit_span,
    whole_days,
)


def resolve(expression: str, now: datetime) -> DateRange:
    """The range that the words mean; `now` is aware, in the person's zone.

    Raises DateError when the words name no date, or more than one.
    """
    need_zone(now)
    words = _strip(expression)
    whole = _whole(words, now)
    if whole is not None:
        return replace(whole, text=expression.strip())
    found = find_expressions(expression, now)
    if len(found) == 1 and not _CHANGES_IT.search(expression[: found[0].start] + " " + expression[found[0].end :]):
        return found[0].range
    if not found and (day := _absolute(words, now)) is not None:
        return Span(*whole_days(day, day, now), Granularity.DAY).named(expression.strip())
    shown = expression.strip()[:80]
    raise DateError(
        f"I can't tell which dates '{shown}' means. Say it like 'yesterday', 'last 3 months', "
        "'since Monday' or 'from 2026-11-01 to 2026-11-05'."
    )


#: Words beside a date that would make it another one: to leave them out would be a wrong range without a word.
_CHANGES_IT: Final = re.compile(
    r"\b(?:until|before|after|half|quarter|weeks?|days?|months?|start|beginning|middle|end|first|second|third|fourth"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day|\d+)\b",
    re.I,
)


def find_expressions(text: str, now: datetime) -> list[FoundDate]:
    """The words for dates in a request, in order, none overlapping; names of things are left alone.

    Words in quotes or after "named" and "called", and words glued to others ("sunday-backups"), are names. A
    bare weekday, month or year counts only after a word such as "on", "since" or "in", or before "'s".
    """
    need_zone(now)
    found: list[FoundDate] = []
    atoms = _atoms(text)
    index = 0
    while index < len(atoms):
        atom, following = atoms[index], atoms[index + 1] if index + 1 < len(atoms) else None
        opener = _OPENER.search(text, max(0, atom.start - _REACH), atom.start)
        joined = following if following and _joins(text, opener and opener.lastgroup, atom, following) else None
        phrase = _phrase(text, atom, joined, opener, now)
        if phrase is not None:
            found.append(phrase)
        index += 2 if joined else 1
    return found


# --- words ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Language:
    """The words of one language; every value is a regular expression, matched without case."""

    #: unit (hour, day, month …) to its words
    units: Mapping[str, str]
    #: number to its words
    numbers: Mapping[int, str]
    #: words of the weekdays from Monday
    weekdays: tuple[str, ...]
    #: words of the months from January
    months: tuple[str, ...]
    #: part of the day to its words and its hours
    day_parts: Mapping[str, tuple[int, int]]
    #: what stands before a date and changes its meaning: kind to words
    openers: Mapping[str, str]
    #: what joins two dates to a range
    joiners: str
    #: what stands before a name, not a date
    naming: str
    #: fixed words for days: days from today to their words
    days: Mapping[int, str]
    #: the shapes of dates: name of the builder to its pattern
    shapes: Mapping[str, str]


ENGLISH: Final = Language(
    units={
        "second": "seconds?|secs?",
        "minute": "minutes?|mins?",
        "hour": "hours?|hrs?",
        "day": "days?",
        "week": "weeks?",
        "fortnight": "fortnights?",
        "month": "months?",
        "quarter": "quarters?",
        "year": "years?",
    },
    numbers={
        1: "an?|one",
        2: "two|(?:a )?couple(?: of)?",
        3: "three",
        4: "four",
        5: "five",
        6: "six",
        7: "seven",
        8: "eight",
        9: "nine",
        10: "ten",
        11: "eleven",
        12: "twelve",
        14: "fourteen",
        15: "fifteen",
        20: "twenty",
        24: "twenty[- ]four",
        30: "thirty",
        48: "forty[- ]eight",
        60: "sixty",
        90: "ninety",
    },
    weekdays=(
        "monday|mon",
        "tuesday|tues?",
        "wednesday|wed",
        "thursday|thu(?:rs?)?",
        "friday|fri",
        "saturday",
        "sunday",
    ),
    months=(
        "january|jan",
        "february|feb",
        "march|mar",
        "april|apr",
        "may",
        "june|jun",
        "july|jul",
        "august|aug",
        "september|sept?",
        "october|oct",
        "november|nov",
        "december|dec",
    ),
    day_parts={"morning": (6, 12), "afternoon": (12, 18), "evening": (18, 24), "night": (18, 24)},
    openers={
        "since": (
            r"since(?: the (?:start|beginning) of)?|from the (?:start|beginning) of"
            r"|starting(?: from| on)?|as of"
        ),
        "after": r"after|later than|newer than",
        "before": r"before|earlier than|older than|prior to",
        "until": r"until|till|up to|through|by|no later than",
        "between": r"between",
        "from": r"from",
        "neutral": r"on|in|at|of|for|during|within|over|dated",
    },
    joiners=r"and|to|until|till|through|thru|up to|–|—|-",
    naming=r"named|called|titled|labell?ed|name|title|version|release|v",
    days={
        -2: r"(?:the )?day before yesterday",
        -1: r"yesterday",
        0: r"today",
        1: r"tomorrow",
        2: r"(?:the )?day after tomorrow",
    },
    shapes={
        "iso_instant": r"(?P<iso>\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)",
        "iso_month": r"(?P<year>\d{4})-(?P<month_number>\d\d)",
        "iso_day": r"(?P<iso>\d{4}-\d\d-\d\d)",
        "slashed": r"(?P<first>\d{1,2})/(?P<second>\d{1,2})/(?P<year>\d{4})",
        "dotted": r"(?P<first>\d{1,2})\.(?P<second>\d{1,2})\.(?P<year>\d{4})",
        "days_of_month": (
            r"(?:(?P<day>\d{1,2})(?:st|nd|rd|th)? ?(?:-|–|to|until|and) ?(?P<day2>\d{1,2})(?:st|nd|rd|th)?"
            r" (?:of )?{month}|{monthb} (?P<dayb>\d{1,2})(?:st|nd|rd|th)? ?(?:-|–|to) ?"
            r"(?P<dayb2>\d{1,2})(?:st|nd|rd|th)?)(?:,? (?P<year>\d{4}))?"
        ),
        "day_month": r"(?P<day>\d{1,2})(?:st|nd|rd|th)? (?:of )?{month}(?:,? (?P<year>\d{4}))?",
        "month_day": r"{month} (?:the )?(?P<day>\d{1,2})(?:st|nd|rd|th)?(?:,? (?P<year>\d{4}))?",
        "month_year": r"{month},? (?:of )?(?P<year>\d{4})",
        "quarter": (r"(?:q(?P<quarter>[1-4])(?:[ /]?(?P<year>\d{4}))?|(?P<year2>\d{4})[ -]?q(?P<quarter2>[1-4]))"),
        "age": r"(?:older|(?P<more>more)) than {number} {unit}(?P<ago> ago)?",
        "ago": r"{number} {unit} ago",
        "rolling": r"(?:last|past|previous|preceding) {number} {unit}",
        "coming": r"(?:next|coming|following) {number} {unit}",
        "in_future": r"in {number} {unit}",
        "past_unit": r"past {unit}",
        "day_part": r"(?:(?P<which>this|last|yesterday|tomorrow) {part}|(?P<tonight>tonight))",
        "weekend": r"(?P<which>this|last|past|previous|next) weekend",
        "unit": r"(?P<which>this|current|last|previous|next|coming) {unit}(?! of\b)",
        "weekday_of_week": r"(?P<which>this|last|past|previous|next|coming) {weekday}",
        "month_of_year": r"(?P<which>this|last|past|previous|next|coming) {month}",
        "weekday": r"{weekday}",
        "month": r"(?:the month of )?{month}",
        "year": r"(?:the year )?(?P<year>(?:19|20)\d\d)",
        "now": r"(?:right )?now",
    },
)

#: Shapes that are names as often as dates: they count only after an opener, or as the whole expression.
_NEED_OPENER: Final = frozenset({"weekday", "month", "year", "now", "iso_month"})
#: Shapes that a clock time can follow.
_DAYS: Final = frozenset(
    {"iso_day", "slashed", "dotted", "day_month", "month_day", "word", "weekday_of_week", "weekday"}
)

_LEFT: Final = r"(?<![\w@#$/\\.+-])(?<!\w['’])"
_RIGHT: Final = r"(?![\w@/\\-]|\.\w)"
_TIME: Final = re.compile(
    r",?(?:\s+at)?\s+(?:(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?::[0-5]\d)?\s?(?P<half>am|pm)?"
    r"|(?P<hour2>1[0-2]|[1-9])\s?(?P<half2>am|pm)|(?P<word>noon|midnight))(?![\w:])",
    re.I,
)
_QUOTED: Final = re.compile(r"(?<!\w)(?:'[^'\n]*'|‘[^’\n]*’)(?!\w)|\"[^\"\n]*\"|“[^”\n]*”|`[^`\n]*`")
_ARTICLE: Final = re.compile(r"^the\s+", re.I)
_NEUTRAL: Final = re.compile(rf"^(?:{ENGLISH.openers['neutral']}|from|all)\s+(?=\S)", re.I)
#: How far before a date its opener may begin, in characters.
_REACH: Final = 40


def _named(name: str, words: Mapping[str, str]) -> str:
    """One alternative of all words, in a group called `name`."""
    return f"(?P<{name}>{'|'.join(words.values())})"


def _compile(language: Language) -> tuple[tuple[str, re.Pattern[str]], ...]:
    number = r"(?P<number>\d{1,6}|" + "|".join(language.numbers.values()) + ")"
    fragments = {
        "{number}": number,
        "{unit}": _named("unit", language.units),
        "{weekday}": f"(?P<weekday>{'|'.join(language.weekdays)})",
        "{month}": rf"(?P<month>{'|'.join(language.months)})(?:\.(?=\s))?",
        "{monthb}": rf"(?P<monthb>{'|'.join(language.months)})(?:\.(?=\s))?",
        "{part}": f"(?P<part>{'|'.join(language.day_parts)})",
    }
    shapes = {"word": _named("word", {str(k): v for k, v in language.days.items()}), **language.shapes}
    patterns = []
    for shape, pattern in shapes.items():
        for fragment, words in fragments.items():
            pattern = pattern.replace(fragment, words)
        patterns.append(
            (shape, re.compile(_LEFT + pattern.replace(" ", r"\s+").replace(r"\s+?", r"\s*") + _RIGHT, re.I))
        )
    return tuple(patterns)


_PATTERNS: Final = _compile(ENGLISH)
_OPENER: Final = re.compile(
    r"(?<![\w-])(?:"
    + "|".join(f"(?P<{kind}>{words})" for kind, words in ENGLISH.openers.items())
    + r")\s+(?:the\s+)?$",
    re.I,
)
_JOINER: Final = re.compile(rf"\s*(?P<joiner>{ENGLISH.joiners})\s*(?:the\s+)?", re.I)
_NAMING: Final = re.compile(rf"(?<![\w-])(?:{ENGLISH.naming})\s+$", re.I)
_ONWARDS: Final = re.compile(r"\s+(?:onwards?|on|and later)(?![\w-])(?!\s+(?:the|a|an|my|his|her)\b)", re.I)


# --- finding ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Atom:
    """One date in a text, not yet placed in time."""

    shape: str
    match: re.Match[str]
    start: int
    end: int

    def group(self, name: str) -> str:
        return (self.match.groupdict().get(name) or "").lower()

    @property
    def has_year(self) -> bool:
        return self.shape.startswith("iso") or bool(self.group("year"))


def _strip(expression: str) -> str:
    return re.sub(r"\s+", " ", expression).strip().strip("\"'“”‘’`.,;!?").strip()


def _whole(words: str, now: datetime) -> DateRange | None:
    """The meaning of the words when they are a date and nothing else."""
    for candidate in (words, _NEUTRAL.sub("", words), _ARTICLE.sub("", _NEUTRAL.sub("", words))):
        for shape, pattern in _PATTERNS:
            if match := pattern.fullmatch(candidate):
                return _place(_Atom(shape, match, 0, len(candidate)), Frame(now)).named(words)
    found = find_expressions(words, now)
    if len(found) == 1 and (found[0].start, found[0].end) == (0, len(words)):
        return found[0].range
    return None


def _atoms(text: str) -> list[_Atom]:
    """The dates in the text, leftmost and longest first, without those in quotes or in names."""
    quoted = [match.span() for match in _QUOTED.finditer(text) if not _is_iso(match.group()[1:-1])]
    candidates: list[_Atom] = []
    for shape, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            inside = any(start <= match.start() and match.end() <= end for start, end in quoted)
            if not inside and not _NAMING.search(text, max(0, match.start() - _REACH), match.start()):
                candidates.append(_with_time(_Atom(shape, match, match.start(), match.end()), text))
    atoms: list[_Atom] = []
    for atom in sorted(candidates, key=lambda atom: (atom.start, -atom.end)):
        if not atoms or atom.start >= atoms[-1].end:
            atoms.append(atom)
    return atoms


def _is_iso(text: str) -> bool:
    return re.fullmatch(r"\d{4}-\d\d-\d\d(?:[T ].*)?", text) is not None


def _with_time(atom: _Atom, text: str) -> _Atom:
    clock = _TIME.match(text, atom.end) if atom.shape in _DAYS else None
    return replace(atom, end=clock.end()) if clock else atom


def _phrase(
    text: str, atom: _Atom, joined: _Atom | None, opener: re.Match[str] | None, now: datetime
) -> FoundDate | None:
    """The date with the words before it and, when it begins a range, the other end."""
    kind = opener.lastgroup if opener else None
    begin = opener.start() if opener and kind in ("between", "from", "since") else atom.start
    try:
        if joined is not None:
            return _found(text, begin, joined.end, _between(atom, joined, now))
        if not _counts(atom, text, kind):
            return None
        if kind == "from" and (onwards := _ONWARDS.match(text, atom.end)):
            return _found(text, begin, onwards.end(), _open("since", atom, now))
        if opener and kind in ("since", "after", "before", "until"):
            return _found(text, opener.start(), atom.end, _open(kind, atom, now))
        begin = begin if atom.shape == "days_of_month" else atom.start
        return _found(text, begin, atom.end, _place(atom, Frame(now)))
    except DateError:
        return None


def _found(text: str, start: int, end: int, span: Span) -> FoundDate:
    return FoundDate(start, end, text[start:end], span.named(text[start:end]))


def _counts(atom: _Atom, text: str, opener: str | None) -> bool:
    """False for a word that is rather a name or a verb than a date."""
    if atom.shape == "now":
        return opener in ("since", "until")
    if atom.shape in _NEED_OPENER:
        return opener is not None or (atom.shape != "year" and text[atom.end : atom.end + 2] in ("'s", "’s"))
    if atom.shape == "days_of_month" and " and " in atom.match.group().lower():
        return opener == "between"
    bare_may = atom.shape == "month_day" and atom.match.group("month") == "may" and not atom.has_year
    return opener is not None or not bare_may


def _joins(text: str, opener: str | None, first: _Atom, second: _Atom) -> bool:
    """True when the two dates are the ends of one range."""
    joiner = _JOINER.fullmatch(text, first.end, second.start)
    if joiner is None:
        return False
    if joiner.group("joiner").lower() == "and":
        return opener == "between"
    if opener in ("between", "from", "since"):
        return True
    return first.shape not in _NEED_OPENER and second.shape not in _NEED_OPENER


def _between(first: _Atom, second: _Atom, now: datetime) -> Span:
    """From the start of the first to the end of the second."""
    second_year = _year_of(second)
    begin = _place(first, Frame(now, year=None if first.has_year else second_year))
    if begin.start is None:
        raise DateError("A range needs a beginning.")
    finish = _place(second, Frame(now, after=begin.start.date()))
    if finish.end is not None and begin.start > finish.end and second_year and not first.has_year:
        begin = _place(first, Frame(now, year=second_year - 1))
    if begin.start is None or finish.end is None or begin.start > finish.end:
        raise DateError("The range ends before it begins.")
    return Span(begin.start, finish.end, Granularity.PERIOD)


def _year_of(atom: _Atom) -> int | None:
    return int(atom.group("year")) if atom.group("year") else None


def _open(kind: str, atom: _Atom, now: datetime) -> Span:
    """A range with one end given: since, after, before, until."""
    span = _place(atom, Frame(now, future=kind == "until"))
    if span.start is None or span.end is None:
        return span
    if kind == "before":
        return Span(None, shift(span.start, seconds=-1), Granularity.PERIOD)
    if kind == "until":
        return Span(None, span.end, Granularity.PERIOD)
    start = span.start if kind == "since" or atom.shape == "rolling" else shift(span.end, seconds=1)
    until = whole_days(now.date(), now.date(), now)[1]
    return Span(start, until if start <= until else None, Granularity.PERIOD)


# --- arithmetic -------------------------------------------------------------------------------------------

_PAST: Final = frozenset({"last", "past", "previous", "preceding"})
_COMING: Final = frozenset({"next", "coming", "following"})


def _place(atom: _Atom, frame: Frame) -> Span:
    """Where the atom lies in time. Raises DateError for a day that no calendar has."""
    try:
        span = _BUILDERS[atom.shape](atom, frame)
        clock = _TIME.match(atom.match.string, atom.match.end()) if atom.end > atom.match.end() else None
        return _at(span, clock) if clock else span
    except (ValueError, OverflowError) as error:
        if isinstance(error, DateError):
            raise
        raise DateError(f"'{atom.match.group()}' is not a date in the calendar.") from error


def _at(span: Span, clock: re.Match[str]) -> Span:
    """The minute of that day."""
    if span.start is None:
        return span
    if word := clock.group("word"):
        hour = 12 if word.lower() == "noon" else 0
    else:
        hour = int(clock.group("hour") or clock.group("hour2"))
        half = (clock.group("half") or clock.group("half2") or "").lower()
        if half and hour > 12:
            raise DateError(f"'{clock.group().strip()}' is not a time of the day.")
        hour = hour % 12 + (12 if half == "pm" else 0) if half else hour
    # A time that the clock change leaves out is the one an hour later.
    start = shift(span.start.replace(hour=hour, minute=int(clock.group("minute") or 0)), seconds=0)
    return Span(start, start.replace(second=59), Granularity.INSTANT)


def _number(words: str) -> int:
    if words.isdigit():
        return int(words)
    plain = re.sub(r"\s+", " ", words)
    return next(number for number, pattern in ENGLISH.numbers.items() if re.fullmatch(pattern, plain, re.I))


def _index(words: str, patterns: tuple[str, ...]) -> int:
    return next(i for i, pattern in enumerate(patterns) if re.fullmatch(pattern, words, re.I))


def _unit(atom: _Atom) -> str:
    words = atom.group("unit")
    return next(unit for unit, pattern in ENGLISH.units.items() if re.fullmatch(pattern, words, re.I))


def _month(atom: _Atom, group: str = "month") -> int:
    return _index(atom.group(group), ENGLISH.months) + 1


# --- builders: one for each shape -------------------------------------------------------------------------


def _word(atom: _Atom, frame: Frame) -> Span:
    words = re.sub(r"\s+", " ", atom.group("word"))
    offset = next(days for days, pattern in ENGLISH.days.items() if re.fullmatch(pattern, words, re.I))
    return day_span(frame.today + timedelta(days=offset), frame)


def _iso_instant(atom: _Atom, frame: Frame) -> Span:
    moment = datetime.fromisoformat(atom.match.group("iso"))
    zoned = moment.replace(tzinfo=frame.now.tzinfo) if moment.tzinfo is None else moment.astimezone(frame.now.tzinfo)
    start = zoned.replace(microsecond=0)
    whole_minute = atom.group("iso").count(":") == 1
    return Span(start, start.replace(second=59) if whole_minute else start, Granularity.INSTANT)


def _iso_day(atom: _Atom, frame: Frame) -> Span:
    return day_span(date.fromisoformat(atom.group("iso")), frame)


def _iso_month(atom: _Atom, frame: Frame) -> Span:
    return unit_span(date(int(atom.group("year")), int(atom.group("month_number")), 1), "month", frame)


def _numeric(atom: _Atom, frame: Frame) -> Span:
    first, second, year = (int(atom.group(name)) for name in ("first", "second", "year"))
    zone = str(getattr(frame.now.tzinfo, "key", ""))
    month_first = atom.shape == "slashed" and (zone.startswith(("America/", "US/")) or second > 12) and first <= 12
    day, month = (second, first) if month_first else (first, second)
    return day_span(date(year, month, day), frame)


def _day_month(atom: _Atom, frame: Frame) -> Span:
    day, month = int(atom.group("day")), _month(atom)
    if atom.group("year"):
        return day_span(date(int(atom.group("year")), month, day), frame)
    return day_span(best_year(frame, lambda year: date(year, month, day)), frame)


def _days_of_month(atom: _Atom, frame: Frame) -> Span:
    suffix, group = ("b", "monthb") if atom.group("monthb") else ("", "month")
    first, last = int(atom.group("day" + suffix)), int(atom.group(f"day{suffix}2"))
    month = _month(atom, group)
    year = int(atom.group("year")) if atom.group("year") else None
    begin = date(year, month, first) if year else best_year(frame, lambda y: date(y, month, first))
    end = begin.replace(day=last)
    if end < begin:
        raise DateError("The range ends before it begins.")
    return Span(*whole_days(begin, end, frame.now), Granularity.PERIOD)


def _month_year(atom: _Atom, frame: Frame) -> Span:
    return unit_span(date(int(atom.group("year")), _month(atom), 1), "month", frame)


def _month_alone(atom: _Atom, frame: Frame) -> Span:
    month = _month(atom)
    if frame.after:
        frame = replace(frame, after=frame.after.replace(day=1))
    elif frame.future:
        frame = replace(frame, after=frame.today.replace(day=1))
    return unit_span(best_year(frame, lambda year: date(year, month, 1)), "month", frame)


def _month_of_year(atom: _Atom, frame: Frame) -> Span:
    which, month, today = atom.group("which"), _month(atom), frame.today
    if which == "this":
        year = today.year
    elif which in _COMING:
        year = today.year if month > today.month else today.year + 1
    else:
        year = today.year if month < today.month else today.year - 1
    return unit_span(date(year, month, 1), "month", frame)


def _quarter(atom: _Atom, frame: Frame) -> Span:
    quarter = int(atom.group("quarter") or atom.group("quarter2"))
    year = atom.group("year") or atom.group("year2")
    if year:
        return unit_span(date(int(year), quarter * 3 - 2, 1), "quarter", frame)
    return unit_span(best_year(frame, lambda y: date(y, quarter * 3 - 2, 1)), "quarter", frame)


def _year(atom: _Atom, frame: Frame) -> Span:
    return unit_span(date(int(atom.group("year")), 1, 1), "year", frame)


def _ago(atom: _Atom, frame: Frame) -> Span:
    number, unit = _number(atom.group("number")), _unit(atom)
    if unit in UNIT_SECONDS:
        start = shift(frame.now, seconds=-number * UNIT_SECONDS[unit])
        size = Granularity.HOUR if unit == "hour" else Granularity.INSTANT
        return Span(start, shift(start, seconds=UNIT_SECONDS[unit] - 1), size)
    return day_span(move(frame.today, unit, -number), frame)


def _age(atom: _Atom, frame: Frame) -> Span:
    """Older than 30 days: until the last second of the day before."""
    if atom.group("more") and not atom.group("ago"):
        raise DateError("'More than' some days may mean a length: say 'more than 30 days ago'.")
    start = _ago(atom, frame).start
    return Span(None, shift(start, seconds=-1) if start else None, Granularity.PERIOD)


def _in_future(atom: _Atom, frame: Frame) -> Span:
    number, unit = _number(atom.group("number")), _unit(atom)
    if unit in UNIT_SECONDS:
        moment = shift(frame.now, seconds=number * UNIT_SECONDS[unit])
        return Span(moment, moment, Granularity.INSTANT)
    return day_span(move(frame.today, unit, number), frame)


def _rolling(atom: _Atom, frame: Frame) -> Span:
    number = _number(atom.group("number")) if atom.group("number") else 1
    unit = _unit(atom)
    if unit in UNIT_SECONDS:
        start = shift(frame.now, seconds=-number * UNIT_SECONDS[unit])
        return Span(start, frame.now.replace(microsecond=0), Granularity.PERIOD)
    return Span(*whole_days(move(frame.today, unit, -number), frame.today, frame.now), Granularity.PERIOD)


def _coming(atom: _Atom, frame: Frame) -> Span:
    number, unit = _number(atom.group("number")), _unit(atom)
    if unit in UNIT_SECONDS:
        end = shift(frame.now, seconds=number * UNIT_SECONDS[unit])
        return Span(frame.now.replace(microsecond=0), end, Granularity.PERIOD)
    return Span(*whole_days(frame.today, move(frame.today, unit, number), frame.now), Granularity.PERIOD)


def _calendar_unit(atom: _Atom, frame: Frame) -> Span:
    which, unit = atom.group("which"), _unit(atom)
    if unit in UNIT_SECONDS:
        seconds = UNIT_SECONDS[unit]
        now = frame.now.replace(microsecond=0)
        start, end = (now, shift(now, seconds=seconds)) if which in _COMING else (shift(now, seconds=-seconds), now)
        return Span(start, end, Granularity.PERIOD)
    step = -1 if which in _PAST else 1 if which in _COMING else 0
    first = unit_of(frame.today, unit)[0]
    return unit_span(move(first, unit, step), unit, frame)


def _weekend(atom: _Atom, frame: Frame) -> Span:
    which, monday = atom.group("which"), unit_of(frame.today, "week")[0]
    weeks = -1 if which in _PAST else 1 if which in _COMING else 0
    saturday = monday + timedelta(days=5 + 7 * weeks)
    return Span(*whole_days(saturday, saturday + timedelta(days=1), frame.now), Granularity.WEEK)


def _weekday_of_week(atom: _Atom, frame: Frame) -> Span:
    which, weekday, today = atom.group("which"), _index(atom.group("weekday"), ENGLISH.weekdays), frame.today
    if which == "this":
        return day_span(unit_of(today, "week")[0] + timedelta(days=weekday), frame)
    if which in _COMING:
        return day_span(today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1), frame)
    return day_span(today - timedelta(days=(today.weekday() - weekday - 1) % 7 + 1), frame)


def _weekday(atom: _Atom, frame: Frame) -> Span:
    weekday = _index(atom.group("weekday"), ENGLISH.weekdays)
    if frame.future or frame.after:
        base = frame.after or frame.today
        return day_span(base + timedelta(days=(weekday - base.weekday()) % 7), frame)
    return day_span(frame.today - timedelta(days=(frame.today.weekday() - weekday) % 7), frame)


def _day_part(atom: _Atom, frame: Frame) -> Span:
    which, part = atom.group("which") or "this", atom.group("part") or "night"
    yesterday = which in ("yesterday", "last")
    day = frame.today + timedelta(days=-1 if yesterday else 1 if which == "tomorrow" else 0)
    first, last = ENGLISH.day_parts[part]
    start = datetime.combine(day, time(first), frame.now.tzinfo)
    end = datetime.combine(day, time(last - 1, 59, 59), frame.now.tzinfo)
    return Span(start, end, Granularity.HOUR)


def _now(atom: _Atom, frame: Frame) -> Span:
    moment = frame.now.replace(microsecond=0)
    return Span(moment, moment, Granularity.INSTANT)


_BUILDERS: Final[Mapping[str, Callable[[_Atom, Frame], Span]]] = {
    "word": _word,
    "iso_instant": _iso_instant,
    "iso_day": _iso_day,
    "iso_month": _iso_month,
    "slashed": _numeric,
    "dotted": _numeric,
    "days_of_month": _days_of_month,
    "day_month": _day_month,
    "month_day": _day_month,
    "month_year": _month_year,
    "quarter": _quarter,
    "age": _age,
    "ago": _ago,
    "rolling": _rolling,
    "past_unit": _rolling,
    "coming": _coming,
    "in_future": _in_future,
    "day_part": _day_part,
    "weekend": _weekend,
    "unit": _calendar_unit,
    "weekday_of_week": _weekday_of_week,
    "month_of_year": _month_of_year,
    "weekday": _weekday,
    "month": _month_alone,
    "year": _year,
    "now": _now,
}


def _absolute(words: str, now: datetime) -> date | None:
    """A full date in a shape that the tables don't know, such as "1-Nov-2026"; dateparser reads it."""
    if not re.search(r"\d", words) or len(words) > 60:
        return None
    import dateparser  # slow to import, seldom needed

    found = dateparser.parse(
        words,
        languages=["en"],
        settings={
            "STRICT_PARSING": True,
            "PARSERS": ["absolute-time"],
            "RELATIVE_BASE": now.replace(tzinfo=None),
            "RETURN_AS_TIMEZONE_AWARE": False,
        },
    )
    return found.date() if found else None

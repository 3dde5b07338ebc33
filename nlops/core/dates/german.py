"""German words for dates (vorgestern, letzten Dienstag, vom 3. bis 9. Mai, in den letzten drei Monaten, KW 12)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from nlops.core.dates import grammar as g
from nlops.core.dates.grammar import Grammar
from nlops.core.dates.spans import DateError, Frame, Granularity, Span, move, unit_of, whole_days

_DAYS: Final[Mapping[str, int]] = {
    "vorvorgestern": -3, "vorgestern": -2, "gestern": -1, "heute": 0, "morgen": 1, "übermorgen|uebermorgen": 2,
}  # fmt: skip
_NUMBERS: Final[Mapping[str, int]] = {
    "ein(?:e[mnrs]?)?": 1, "zwei|zwo|paar": 2, "drei": 3, "vier": 4, "fünf|fuenf": 5, "sechs": 6, "sieben": 7,
    "acht": 8, "neun": 9, "zehn": 10, "elf": 11, "zwölf|zwoelf": 12, "vierzehn": 14, "fünfzehn": 15, "zwanzig": 20,
    "vierundzwanzig": 24, "dreißig|dreissig": 30, "sechzig": 60, "neunzig": 90,
}  # fmt: skip
_UNITS: Final[Mapping[str, str]] = {
    "sekunden?": "second", "minuten?": "minute", "stunden?": "hour", "tage?n?|tages": "day", "wochen?": "week",
    "monate?n?|monats": "month", "quartale?n?|quartals|vierteljahre?s?": "quarter", "jahre?n?|jahres": "year",
}  # fmt: skip
_WEEKDAYS: Final = (
    "montags?|mo", "dienstags?|di", "mittwochs?|mi", "donnerstags?|do", "freitags?|fr", "samstags?|sonnabends?|sa",
    "sonntags?|so",
)  # fmt: skip
_MONTHS: Final = (
    "januar|jan|jänner", "februar|feb", "märz|maerz|mrz", "april|apr", "mai", "juni|jun", "juli|jul", "august|aug",
    "september|sept?", "oktober|okt", "november|nov", "dezember|dez",
)  # fmt: skip
_PAST: Final = "letzte[mnrs]?|vergangene[mnrs]?|vorige[mnrs]?|vorherige[mnrs]?"
_THIS: Final = "diese[mnrs]?|aktuelle[mnrs]?|laufende[mnrs]?"
_NEXT: Final = "nächste[mnrs]?|naechste[mnrs]?|kommende[mnrs]?|folgende[mnrs]?"
_BEFORE_LAST: Final = "vorletzte[mnrs]?"
_PARTS: Final[Mapping[str, tuple[int, int]]] = {
    "morgen|früh|vormittag": (6, 12), "nachmittag": (12, 18), "abend|nacht": (18, 24), "mittag": (11, 14),
}  # fmt: skip
_MONTH_PARTS: Final[Mapping[str, str]] = {"anfang": "start", "mitte": "middle", "ende": "end"}


def _any(table: Mapping[str, object]) -> str:
    return "|".join(table)


_WHICH: Final = f"(?:(?P<past>{_PAST})|(?P<this>{_THIS})|(?P<next>{_NEXT})|(?P<before_last>{_BEFORE_LAST}))"


def _step(match: re.Match[str]) -> int:
    """-2 for the one before the last … 1 for the next."""
    return next(step for name, step in (("past", -1), ("this", 0), ("next", 1), ("before_last", -2)) if match[name])


def _unit(words: str) -> str:
    return next(unit for pattern, unit in _UNITS.items() if re.fullmatch(pattern, words, re.I))


def _count(match: re.Match[str]) -> tuple[int, str]:
    number = int(match["digits"]) if match["digits"] else g.lookup(match["words"], _NUMBERS)
    return number, _unit(match["unit"])


def _relative_unit(match: re.Match[str], frame: Frame) -> Span:
    unit, step = _unit(match["unit"]), _step(match)
    if unit in ("second", "minute", "hour"):
        return g.rolling(1, unit, frame) if step < 0 else g.coming(1, unit, frame)
    return g.unit_from_now(unit, step)(match, frame)


def _relative_weekday(match: re.Match[str], frame: Frame) -> Span:
    day, step = g.index(match["weekday"], _WEEKDAYS), _step(match)
    if step == 0:
        return g.weekday_of_week(day, 0, frame)
    return g.weekday_after(day, frame) if step > 0 else g.weekday_before(day, frame)


def _month_of_year(match: re.Match[str], frame: Frame) -> Span:
    month, today, step = g.index(match["month"], _MONTHS) + 1, frame.now.date(), _step(match)
    year = today.year + (step if step != 1 else 0)
    if step == -1 and month < today.month:
        year = today.year
    elif step == 1:
        year = today.year + (month <= today.month)
    return g.calendar_month(year, month, frame)


def _days_of_month(match: re.Match[str], frame: Frame) -> Span:
    """3. bis 9. Mai."""
    month, year = g.index(match["month"], _MONTHS) + 1, g.number_or_none(match["year"])
    begin = g.calendar_day(year, month, int(match["first"]), frame)
    assert begin.start is not None
    last = begin.start.date().replace(day=int(match["last"]))
    if last < begin.start.date():
        raise DateError("The range ends before it begins.")
    return Span(*whole_days(begin.start.date(), last, frame.now), Granularity.PERIOD)


def _month_part(match: re.Match[str], frame: Frame) -> Span:
    """Anfang Mai, Ende des Monats, Mitte letzten Monats."""
    if match.groupdict().get("month"):
        span = g.calendar_month(g.number_or_none(match["year"]), g.index(match["month"], _MONTHS) + 1, frame)
        assert span.start is not None
        first = span.start.date()
    else:
        named = any(match[name] for name in ("past", "this", "next", "before_last"))
        step = _step(match) if named else 0
        first = move(unit_of(frame.now.date(), "month")[0], "month", step)
    return g.month_part(first, _part(match["part"]), frame)


def _part(words: str) -> str:
    return next(part for pattern, part in _MONTH_PARTS.items() if re.fullmatch(pattern, words, re.I))


def _part_of_day(match: re.Match[str], frame: Frame) -> Span:
    """heute früh, gestern Abend, morgen Nachmittag."""
    first, last = next(hours for pattern, hours in _PARTS.items() if re.fullmatch(pattern, match["part"], re.I))
    return g.part_of_day(g.lookup(match["which"], _DAYS), first, last, frame)


def _hour_of(match: re.Match[str]) -> tuple[int, int]:
    if match["noon"]:
        return (12 if match["noon"].lower().startswith("mittag") else 0), 0
    hour = int(match["hour"] or match["hour2"])
    minute = int(match["minute"] or match["minute2"] or match["minute3"] or 0)
    if hour > 23:
        raise DateError(f"'{match[0].strip()}' is not a time of the day.")
    return hour, minute


def _day_month(match: re.Match[str], frame: Frame) -> Span:
    """5. März, 5. März 2024."""
    month = g.index(match["month"], _MONTHS) + 1
    return g.calendar_day(g.number_or_none(match["year"]), month, int(match["day"]), frame)


def _numeric(match: re.Match[str], frame: Frame) -> Span:
    """5.3., 5.3.24, 5.3.2024, 2024-03-05."""
    year = g.number_or_none(match["year"])
    if year is not None and year < 100:
        year += 2000
    return g.calendar_day(year, int(match["month"]), int(match["day"]), frame)


def _rest(match: re.Match[str], frame: Frame) -> Span:
    """seit Jahresbeginn, seit Monatsanfang: the whole unit, from which a range is opened."""
    unit = {"jahres": "year", "monats": "month", "wochen": "week", "quartals": "quarter"}[match["unit"].lower()]
    return g.unit_from_now(unit, 0)(match, frame)


GERMAN: Final = Grammar(
    shapes=g.patterns(
        {
            f"(?P<which>{_any(_DAYS)})": lambda m, f: g.day_from_today(g.lookup(m["which"], _DAYS))(m, f),
            r"(?P<day>\d{1,2})\. ?(?P<month>\d{1,2})\. ?(?P<year>\d{4}|\d\d)?": _numeric,
            r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})": _numeric,
            r"(?P<first>\d{1,2})\.? ?(?:bis(?: zum)?|-|–|und) ?(?P<last>\d{1,2})\.? {month}{of_year}": _days_of_month,
            r"(?P<day>\d{1,2})\.? {month}(?: (?P<year>\d{4}))?": _day_month,
            r"{month} (?P<year>\d{4})": lambda m, f: g.calendar_month(
                int(m["year"]), g.index(m["month"], _MONTHS) + 1, f
            ),
            "{month}": lambda m, f: g.calendar_month(None, g.index(m["month"], _MONTHS) + 1, f),
            "{which} {month}": _month_of_year,
            "(?P<part>anfang|mitte|ende) {month}{of_year}": _month_part,
            "(?P<part>anfang|mitte|ende) (?:(?:des |dieses )?monats?|(?:des )?{which} monats)": _month_part,
            r"(?:q|(?P<word>quartal) ?)(?P<quarter>[1-4])(?: ?/? ?(?P<year>\d{4}))?": lambda m, f: g.quarter(
                int(m["quarter"]), g.number_or_none(m["year"]), f
            ),
            r"(?P<quarter>[1-4])\. quartal(?: (?P<year>\d{4}))?": lambda m, f: g.quarter(
                int(m["quarter"]), g.number_or_none(m["year"]), f
            ),
            r"(?:kw|kalenderwoche|woche) ?(?P<week>\d{1,2})(?: ?/? ?(?P<year>\d{4}))?": lambda m, f: g.iso_week(
                int(m["week"]), g.number_or_none(m["year"]), f
            ),
            r"(?:(?:das|dem|im|des) )?(?:jahr(?:es)? )?(?P<year>(?:19|20)\d\d)": lambda m, f: g.unit_span_of_year(
                int(m["year"]), f
            ),
            r"(?P<half>erstes?|1\.|zweites?|2\.) halbjahr(?: (?P<year>\d{4}))?": lambda m, f: g.half_year(
                1 if m["half"][0] in "eE1" else 2, g.number_or_none(m["year"]) or f.now.year, f
            ),
            "vor {span}": lambda m, f: g.ago(*_count(m), f),
            "in {span}": lambda m, f: g.ahead(*_count(m), f),
            f"(?:{_PAST}) {{span}}": lambda m, f: g.rolling(*_count(m), f),
            f"(?:{_NEXT}) {{span}}": lambda m, f: g.coming(*_count(m), f),
            "{which} wochenende": lambda m, f: g.weekend(_step(m), f),
            "wochenende": lambda m, f: g.weekend(0, f),
            "{which} {unit}": _relative_unit,
            "{which} {weekday}": _relative_weekday,
            "{weekday} {which} woche": lambda m, f: g.weekday_of_week(g.index(m["weekday"], _WEEKDAYS), _step(m), f),
            r"{weekday}": lambda m, f: g.weekday(g.index(m["weekday"], _WEEKDAYS), f),
            rf"(?P<which>{_any(_DAYS)}) (?P<part>{_any(_PARTS)})": _part_of_day,
            r"(?P<unit>jahres|monats|wochen|quartals)(?:beginn|anfang)": _rest,
            r"beginn (?:des|der|dieses|dieser) (?:(?:laufenden|aktuellen) )?{unit}": lambda m, f: g.unit_from_now(
                _unit(m["unit"]), 0
            )(m, f),
            "jetzt|sofort": lambda m, f: g.ago(0, "second", f),
        },
        which=_WHICH,
        of_year=r"(?: (?P<year>\d{4}))?",
        month=rf"(?P<month>{'|'.join(_MONTHS)})\.?",
        weekday=rf"(?P<weekday>{'|'.join(_WEEKDAYS)})",
        unit=rf"(?P<unit>{_any(_UNITS)})",
        span=rf"(?:(?P<digits>\d{{1,6}})|(?P<words>{_any(_NUMBERS)})) (?P<unit>{_any(_UNITS)})",
    ),
    ranges=(
        re.compile(
            r"(?:von|vom|zwischen|ab)\s+(?:dem\s+)?(?P<first>.+?)\s+(?:bis(?:\s+zu[mr])?|und)\s+(?:dem\s+)?(?P<second>.+)",
            re.I,
        ),
        re.compile(r"(?P<first>.+?)\s*(?:\s+bis(?:\s+zu[mr])?\s+|–|—|\s-\s)\s*(?P<second>.+)", re.I),
    ),
    opened=(
        ("since", re.compile(r"(?:seit|ab)\s+(?:de[mrn]\s+)?(?P<date>.+)", re.I)),
        ("since", re.compile(r"(?:von|vom)\s+(?P<date>.+?)\s+an", re.I)),
        ("after", re.compile(r"(?:nach|später als|neuer als)\s+(?:de[mrn]\s+)?(?P<date>.+)", re.I)),
        ("before", re.compile(r"(?:vor|früher als|älter als)\s+(?:de[mrn]\s+)?(?P<date>.+)", re.I)),
        (
            "until",
            re.compile(r"(?:bis(?:\s+zu[mr])?|bis\s+einschließlich|spätestens)\s+(?:de[mrn]\s+)?(?P<date>.+)", re.I),
        ),
    ),
    clock=re.compile(
        r"(?P<date>.*?),?\s*(?:(?:um|gegen|ab)\s+)?(?:(?P<hour>\d{1,2})(?:[:.](?P<minute>[0-5]\d))?\s*uhr(?:\s*(?P<minute2>[0-5]?\d))?"
        r"|(?P<hour2>\d{1,2}):(?P<minute3>[0-5]\d)|(?P<noon>mitternacht|mittags?))",
        re.I,
    ),
    hour_of=_hour_of,
    noise=re.compile(
        r"^(?:am|im|in\s+de[rmn]|in|an|an\s+de[mr]|für|während\s+de[rs]|der|die|das|den|dem|des|vom|alle|aus)\s+(?=\S)",
        re.I,
    ),
)

"""Korean words for dates, with the particles that follow them (어제의, 3월 5일부터 9일까지, 지난 3개월간)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from nlops.core.dates import grammar as g
from nlops.core.dates.grammar import Grammar
from nlops.core.dates.spans import DateError, Frame, Span, move, unit_of

_DAYS: Final[Mapping[str, int]] = {
    "그끄저께|그끄제": -3, "그저께|그제|엊그제|엊그저께|재작일": -2, "어제|어저께|작일": -1, "오늘|금일|당일": 0,
    "내일|명일|익일": 1, "모레|내일모레": 2, "글피": 3,
}  # fmt: skip
_NUMBERS: Final[Mapping[str, int]] = {
    "한|일|하나": 1, "두|이|둘": 2, "세|석|삼|셋": 3, "네|넉|사|넷": 4, "다섯|오": 5, "여섯|육": 6, "일곱|칠": 7,
    "여덟|팔": 8, "아홉|구": 9, "열|십": 10, "열한|십일": 11, "열두|십이": 12, "이십|스무": 20, "삼십": 30,
}  # fmt: skip
_COUNTED_DAYS: Final[Mapping[str, int]] = {
    "하루": 1, "이틀": 2, "사흘": 3, "나흘": 4, "닷새": 5, "엿새": 6, "이레": 7, "여드레": 8, "아흐레": 9, "열흘": 10,
    "보름": 15,
}  # fmt: skip
_UNITS: Final[Mapping[str, str]] = {
    "초": "second", "분": "minute", "시간": "hour", "일": "day", "주일|주": "week", "개월|달": "month",
    "분기": "quarter", "년|해": "year",
}  # fmt: skip
_WEEKDAYS: Final = "월화수목금토일"
_WEEKS: Final[Mapping[str, int]] = {
    "지지난 ?주|저저번 ?주": -2, "지난 ?주|저번 ?주|전주|지난 ?번 ?주": -1, "이번 ?주|금주": 0,
    "다음 ?주|내주|차주": 1, "다다음 ?주": 2,
}  # fmt: skip
_MONTHS: Final[Mapping[str, int]] = {
    "지지난 ?달|저저번 ?달": -2, "지난 ?달|저번 ?달|전달|전월": -1, "이번 ?달|이 ?달|당월|금월": 0,
    "다음 ?달|내달|차월": 1, "다다음 ?달": 2,
}  # fmt: skip
_YEARS: Final[Mapping[str, int]] = {
    "재재작년": -3, "재작년|지지난 ?해": -2, "작년|지난 ?해|전년": -1, "올해|금년|이번 ?해": 0, "내년|다음 ?해": 1,
    "내후년": 2,
}  # fmt: skip
_QUARTERS: Final[Mapping[str, int]] = {"지난 ?분기|전 ?분기": -1, "이번 ?분기|당 ?분기": 0, "다음 ?분기": 1}
_DAY_PARTS: Final[Mapping[str, tuple[int, int]]] = {
    "새벽": (0, 6), "아침": (6, 12), "오전": (0, 12), "낮": (12, 18), "오후": (12, 24), "저녁": (18, 24),
    "밤": (18, 24),
}  # fmt: skip
_MONTH_PARTS: Final[Mapping[str, str]] = {"초": "start", "중순": "middle", "말": "end"}


def _any(*tables: Mapping[str, object]) -> str:
    return "|".join(word for table in tables for word in table)


def _count(match: re.Match[str]) -> tuple[int, str]:
    """Number and unit: 3개월, 두 달, 사흘."""
    if match["counted"]:
        return g.lookup(match["counted"], _COUNTED_DAYS), "day"
    number = int(match["digits"]) if match["digits"] else g.lookup(match["words"], _NUMBERS)
    unit = next(unit for pattern, unit in _UNITS.items() if re.fullmatch(pattern, match["unit"]))
    return number, unit


def _year(match: re.Match[str], frame: Frame) -> int | None:
    """2024년, 작년, or none."""
    if match["year"]:
        return int(match["year"])
    return frame.now.year + g.lookup(match["which_year"], _YEARS) if match["which_year"] else None


def _month_day(match: re.Match[str], frame: Frame) -> Span:
    return g.calendar_day(_year(match, frame), int(match["month"]), int(match["day"]), frame)


def _month(match: re.Match[str], frame: Frame) -> Span:
    span = g.calendar_month(_year(match, frame), int(match["month"]), frame)
    if not match["part"] or span.start is None:
        return span
    return g.month_part(span.start.date(), _MONTH_PARTS[match["part"]], frame)


def _relative_month(match: re.Match[str], frame: Frame) -> Span:
    first = move(unit_of(frame.now.date(), "month")[0], "month", g.lookup(match["which"], _MONTHS))
    if match["day"]:
        return g.calendar_day(first.year, first.month, int(match["day"]), frame)
    if match["part"]:
        return g.month_part(first, _MONTH_PARTS[match["part"]], frame)
    return g.calendar_month(first.year, first.month, frame)


def _day_part(match: re.Match[str], frame: Frame) -> Span:
    first, last = _DAY_PARTS[match["part"]]
    return g.part_of_day(g.lookup(match["which"], _DAYS) if match["which"] else 0, first, last, frame)


def _hour(match: re.Match[str]) -> tuple[int, int]:
    hour, part = int(match["hour"]), match["half"] or ""
    if hour > 23 or (part and hour > 12):
        raise DateError(f"'{match[0].strip()}' is not a time of the day.")
    if part in ("오후", "저녁", "밤", "낮") and hour < 12 and not (part == "낮" and hour >= 11):
        hour += 12
    elif part in ("오전", "새벽", "아침") and hour == 12:
        hour = 0
    return hour, 30 if match["half_hour"] else int(match["minute"] or 0)


_SPAN: Final = (
    rf"(?:(?P<counted>{_any(_COUNTED_DAYS)})"
    rf"|(?:(?P<digits>\d{{1,6}})|(?P<words>{_any(_NUMBERS)})) (?P<unit>{_any(_UNITS)}))"
)
_OF_YEAR: Final = rf"(?:(?P<year>(?:19|20)\d\d)년|(?P<which_year>{_any(_YEARS)}))?(?:의)?"

KOREAN: Final = Grammar(
    shapes=g.patterns(
        {
            rf"(?P<which>{_any(_DAYS)})": lambda m, f: g.day_from_today(g.lookup(m["which"], _DAYS))(m, f),
            r"(?P<year>\d{4})[-./] ?(?P<month>\d{1,2})[-./] ?(?P<day>\d{1,2})\.?": lambda m, f: g.calendar_day(
                int(m["year"]), int(m["month"]), int(m["day"]), f
            ),
            "{of_year} (?P<month>\\d{1,2})월 (?P<day>\\d{1,2})일": _month_day,
            "{of_year} (?P<month>\\d{1,2})월 ?(?P<part>초|중순|말)?": _month,
            r"(?P<day>\d{1,2})일": lambda m, f: g.day_of_month(int(m["day"]), f),
            "{of_year} (?P<quarter>[1-4])분기": lambda m, f: g.quarter(int(m["quarter"]), _year(m, f), f),
            "{of_year} (?P<half>상|하)반기": lambda m, f: g.half_year(
                1 if m["half"] == "상" else 2, _year(m, f) or f.now.year, f
            ),
            r"(?P<year>(?:19|20)\d\d)년(?:도)?": lambda m, f: g.unit_span_of_year(int(m["year"]), f),
            f"(?P<which>{_any(_YEARS)})": lambda m, f: g.unit_from_now("year", g.lookup(m["which"], _YEARS))(m, f),
            f"(?P<which>{_any(_QUARTERS)})": lambda m, f: g.unit_from_now("quarter", g.lookup(m["which"], _QUARTERS))(
                m, f
            ),
            f"(?P<which>{_any(_MONTHS)})(?:의)? ?(?:(?P<day>\\d{{1,2}})일|(?P<part>초|중순|말))?": _relative_month,
            f"(?P<which>{_any(_WEEKS)})": lambda m, f: g.unit_from_now("week", g.lookup(m["which"], _WEEKS))(m, f),
            f"(?P<which>{_any(_WEEKS)})(?:의)? ?주말|(?P<near>지난|이번|다음) ?주말": lambda m, f: g.weekend(
                g.lookup(m["which"], _WEEKS) if m["which"] else {"지난": -1, "이번": 0, "다음": 1}[m["near"]], f
            ),
            f"(?P<which>{_any(_WEEKS)})(?:의)? ?(?P<weekday>[{_WEEKDAYS}])요일": lambda m, f: g.weekday_of_week(
                _WEEKDAYS.index(m["weekday"]), g.lookup(m["which"], _WEEKS), f
            ),
            f"(?:지난|저번) ?(?P<weekday>[{_WEEKDAYS}])요일": lambda m, f: g.weekday_before(
                _WEEKDAYS.index(m["weekday"]), f
            ),
            f"이번 ?(?P<weekday>[{_WEEKDAYS}])요일": lambda m, f: g.weekday_of_week(
                _WEEKDAYS.index(m["weekday"]), 0, f
            ),
            f"(?:다음|오는) ?(?P<weekday>[{_WEEKDAYS}])요일": lambda m, f: g.weekday_after(
                _WEEKDAYS.index(m["weekday"]), f
            ),
            f"(?P<weekday>[{_WEEKDAYS}])요일": lambda m, f: g.weekday(_WEEKDAYS.index(m["weekday"]), f),
            "{span} 전": lambda m, f: g.ago(*_count(m), f),
            "{span} ?(?:후|뒤)": lambda m, f: g.ahead(*_count(m), f),
            "(?:지난|최근|과거|이전|요) ?{span} ?(?:간|동안)?": lambda m, f: g.rolling(*_count(m), f),
            "(?:향후|앞으로|다음) ?{span} ?(?:간|동안)?": lambda m, f: g.coming(*_count(m), f),
            f"(?:(?P<which>{_any(_DAYS)}) ?)?(?P<part>{_any(_DAY_PARTS)})": _day_part,
            "주말": lambda m, f: g.weekend(0, f),
            "지금|현재": lambda m, f: g.ago(0, "second", f),
        },
        span=_SPAN,
        of_year=_OF_YEAR,
    ),
    ranges=(
        re.compile(r"(?P<first>.+?)(?:부터|에서)\s*(?P<second>.+?)(?:까지|사이)?"),
        re.compile(r"(?P<first>.+?)\s*[~∼〜–—]\s*(?P<second>.+?)(?:까지|사이)?"),
        re.compile(r"(?P<first>.+?)(?:와|과)\s*(?P<second>.+?)\s*사이"),
    ),
    opened=(
        ("since", re.compile(r"(?P<date>.+?)\s*(?:부터(?: ?(?:지금|현재|오늘)까지)?|이후(?:로|부터)?|이래(?:로)?)")),
        ("before", re.compile(r"(?P<date>.+?)\s*(?:이전|전까지|이전까지)")),
        ("until", re.compile(r"(?P<date>.+?)\s*까지")),
    ),
    clock=re.compile(
        rf"(?P<date>.*?)\s*(?P<half>{_any(_DAY_PARTS)})?\s*(?P<hour>\d{{1,2}})시\s*(?:(?P<minute>[0-5]?\d)분|(?P<half_hour>반))?"
    ),
    hour_of=_hour,
    # 에는, 의, 동안 … say nothing of the date itself.
    noise=re.compile(
        r"\s*(?:에는|에서는|에|의|은|는|(?<!일)(?<!일 )(?:동안의|동안|내의|내에|내)|중에|중의|중|자)$|^(?:약|대략)\s*"
    ),
)

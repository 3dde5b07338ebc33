"""Words for dates and periods, to ISO ranges in the person's zone: English, German, Korean.

English has rules of its own, which also find dates inside of a request (`english`); the other languages read an
expression that somebody else has cut out, such as a model that calls the date tool, by the tables of a `Grammar`.
"""

from __future__ import annotations

import re
from datetime import datetime

from nlops.core.dates import english
from nlops.core.dates.english import find_expressions
from nlops.core.dates.german import GERMAN
from nlops.core.dates.korean import KOREAN
from nlops.core.dates.spans import DateError, DateRange, FoundDate, Granularity, need_zone

__all__ = ["DateError", "DateRange", "FoundDate", "Granularity", "find_expressions", "resolve"]

_HANGUL = re.compile(r"[가-힣]")
#: Longer words are no date.
_LONGEST = 200


def resolve(expression: str, now: datetime) -> DateRange:
    """The range that the words mean, in the language that they are in; `now` is aware, in the person's zone.

    Raises DateError when the words name no date, or more than one; its message says which forms are understood.
    """
    need_zone(now)
    if len(expression) > _LONGEST:
        raise DateError("These are too many words for a date. Give only the words for the date, such as 'yesterday'.")
    if _HANGUL.search(expression):
        found = KOREAN.read(expression, now)
        if found is not None:
            return found.named(expression.strip())
        raise DateError(
            f"'{expression.strip()}'이(가) 어느 날짜인지 알 수 없습니다. '어제', '지난 3개월', '월요일부터', "
            "'2026년 11월 1일부터 5일까지'처럼 말씀해 주세요."
        )
    # German reads whole expressions only; English also finds a date among other words, so it comes second.
    found = GERMAN.read(expression, now)
    return found.named(expression.strip()) if found is not None else english.resolve(expression, now)

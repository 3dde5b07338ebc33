"""What must come of a case, and whether a value is the expected one. Pure: no database, no clock."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from nlops.core.types import Json, RunStatus

#: Where the run of a case's last turn may stand.
STATUSES = frozenset(
    status.value
    for status in (
        RunStatus.ANSWERED,
        RunStatus.ASKING,
        RunStatus.CONFIRMING,
        RunStatus.APPROVING,
        RunStatus.REFUSED,
        RunStatus.FAILED,
    )
)
_KEYS = ("operation", "arguments", "calls", "asks", "status", "not_called", "other_reads", "until_yes")
_SWITCHES = ("other_reads", "until_yes")
_SPAN = re.compile(r"(?P<what>today|yesterday|(?:this|last) (?:week|month)|(?P<ago>\d+) days ago|\d{4}-\d\d-\d\d)")


class ExpectationError(ValueError):
    """An expectation that can't be measured. `key` names the place, such as "arguments.limit"."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"{key}: {message}")
        self.key = key


@dataclass(frozen=True, slots=True)
class ExpectedCall:
    """One call that must be planned."""

    #: names of the tools, or methods with their paths, any of which is right
    operations: tuple[str, ...]
    #: argument name to value or matcher; other arguments are free
    arguments: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must come of a case's last turn. None: not measured."""

    #: exactly these, in this order; empty: nothing may be called
    calls: tuple[ExpectedCall, ...] | None = None
    #: exactly these arguments must be asked for
    asks: frozenset[str] | None = None
    #: where the run must stand: one of these
    statuses: frozenset[str] | None = None
    #: reads that are not expected don't count: somebody may look something up first
    other_reads: bool = False
    #: while the run waits for a yes, the calls after the one that waits need not be planned yet
    until_yes: bool = False

    @classmethod
    def from_json(cls, data: Json) -> Expectation:
        """The expectation as a suite's file and a Case row hold it. Raises ExpectationError."""
        if not isinstance(data, dict) or not data:
            raise ExpectationError("expect", f"must be a mapping with some of {', '.join(_KEYS)}.")
        for key in data:
            if key not in _KEYS:
                raise ExpectationError(key, f"is unknown here; known are {', '.join(_KEYS)}.")
        for key in _SWITCHES:
            if data.get(key, True) is not True:
                raise ExpectationError(key, "can only be true; leave it out otherwise.")
        switches = {key: key in data for key in _SWITCHES}
        return cls(_calls(data), _asks(data.get("asks")), _statuses(data.get("status")), **switches)


def _calls(data: dict[str, Json]) -> tuple[ExpectedCall, ...] | None:
    named = [key for key in ("operation", "calls", "not_called") if key in data]
    if len(named) > 1:
        raise ExpectationError(named[1], f"can't stand beside {named[0]}: they say the same thing differently.")
    if "arguments" in data and "operation" not in data:
        raise ExpectationError("arguments", "needs the operation that it belongs to beside it.")
    if "not_called" in data:
        if data["not_called"] is not True:
            raise ExpectationError("not_called", "can only be true; leave it out otherwise.")
        return ()
    if "operation" in data:
        return (_call({key: data[key] for key in ("operation", "arguments") if key in data}, ""),)
    if "calls" not in data:
        return None
    listed = data["calls"]
    if not isinstance(listed, list) or not listed:
        raise ExpectationError("calls", "must be a list of {operation, arguments}; nothing called is not_called: true.")
    return tuple(_call(item, f"calls[{index}].") for index, item in enumerate(listed))


def _call(data: Json, place: str) -> ExpectedCall:
    if not isinstance(data, dict) or not set(data) <= {"operation", "arguments"}:
        raise ExpectationError(place.rstrip("."), "must be a mapping with operation and arguments.")
    names = data.get("operation")
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise ExpectationError(f"{place}operation", "must be the name of a tool, or a list of acceptable names.")
    arguments = data.get("arguments", {})
    if not isinstance(arguments, dict):
        raise ExpectationError(f"{place}arguments", "must be a mapping of argument names to values or matchers.")
    for name, expected in arguments.items():
        _check_matcher(expected, f"{place}arguments.{name}")
    return ExpectedCall(tuple(names), arguments)


def _asks(value: Json) -> frozenset[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise ExpectationError("asks", "must be a list of argument names that nlops asks the person for.")
    return frozenset(value)


def _statuses(value: Json) -> frozenset[str] | None:
    if value is None:
        return None
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not values or not set(map(str, values)) <= STATUSES:
        raise ExpectationError("status", f"must be one of {', '.join(sorted(STATUSES))}, or a list of them.")
    return frozenset(values)


# --- matchers -------------------------------------------------------------------------------------------------


def fits(expected: Json, value: Json, now: datetime) -> bool:
    """Whether an argument's value is the expected one; None stands for an argument that was not given.

    `expected` is the value itself or one matcher: {matches: REGEX} (of the whole text), {any_of: [VALUES]},
    {absent: true}, {secret: true} (a hidden value was given), {starts: PERIOD} or {ends: PERIOD}: the instant at
    which a period of the person begins or ends (see `period`). `now` is aware, in the person's zone.
    """
    matcher = _matcher(expected)
    if matcher is None:
        return _same(expected, value)
    name, wanted = matcher
    return _MATCHERS[name](wanted, value, now)


def period(words: str, today: date) -> tuple[date, date]:
    """First and last day of: today, yesterday, N days ago, this/last week (from Monday), this/last month, YYYY-MM-DD.

    Written apart from nlops.core.dates on purpose: a measure must not share the fault that it measures.
    Raises ValueError.
    """
    found = _SPAN.fullmatch(words)
    if not found:
        raise ValueError(f"“{words}” is no period; write today, yesterday, 3 days ago, last week … or 2026-11-01.")
    what, ago = found["what"], found["ago"]
    if ago or what in ("today", "yesterday"):
        day = today - timedelta(days=int(ago) if ago else int(what == "yesterday"))
        return day, day
    if what.endswith("week"):
        monday = today - timedelta(days=today.weekday() + (7 if what.startswith("last") else 0))
        return monday, monday + timedelta(days=6)
    if what.endswith("month"):
        first = today.replace(day=1)
        if what.startswith("last"):
            first = (first - timedelta(days=1)).replace(day=1)
        return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    day = date.fromisoformat(what)
    return day, day


def _matcher(expected: Json) -> tuple[str, Json] | None:
    if isinstance(expected, dict) and len(expected) == 1:
        name, wanted = next(iter(expected.items()))
        if name in _MATCHERS:
            return name, wanted
    return None


def _check_matcher(expected: Json, key: str) -> None:
    if not isinstance(expected, dict):
        return
    matcher = _matcher(expected)
    if matcher is None:
        raise ExpectationError(key, f"must be a value or one matcher: {', '.join(_MATCHERS)}.")
    name, wanted = matcher
    try:
        if name == "matches":
            re.compile(wanted)
        elif name in ("starts", "ends"):
            period(wanted, date(2026, 1, 1))
    except (re.error, ValueError, TypeError) as error:
        raise ExpectationError(f"{key}.{name}", str(error)) from error
    if name == "any_of" and not isinstance(wanted, list):
        raise ExpectationError(f"{key}.any_of", "must be a list of values.")
    if name in ("absent", "secret") and wanted is not True:
        raise ExpectationError(f"{key}.{name}", "can only be true; leave it out otherwise.")


def _same(expected: Json, value: Json) -> bool:
    """Equal as JSON: true is not 1."""
    return bool(expected == value) and isinstance(expected, bool) is isinstance(value, bool)


def _starts(words: Json, value: Json, now: datetime) -> bool:
    first, _ = period(words, now.date())
    if value == first.isoformat():
        return True
    return _instant(value, now) == datetime.combine(first, time.min, now.tzinfo)


def _ends(words: Json, value: Json, now: datetime) -> bool:
    """The last second of the period's last day, or the first instant after it: products mean either."""
    _, last = period(words, now.date())
    if value == last.isoformat():
        return True
    after = datetime.combine(last + timedelta(days=1), time.min, now.tzinfo)
    second = datetime.combine(last, time(23, 59, 59), now.tzinfo)
    found = _instant(value, now)
    return found is not None and second <= found <= after


def _instant(value: Json, now: datetime) -> datetime | None:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=now.tzinfo)


_MATCHERS: dict[str, Callable[[Json, Json, datetime], bool]] = {
    "matches": lambda pattern, value, now: isinstance(value, str) and re.fullmatch(pattern, value) is not None,
    "any_of": lambda values, value, now: any(_same(wanted, value) for wanted in values),
    "absent": lambda _, value, now: value is None,
    "secret": lambda _, value, now: isinstance(value, dict) and set(value) == {"$secret"},
    "starts": _starts,
    "ends": _ends,
}

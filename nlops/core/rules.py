"""Policy rules: what makes the whitelist's decision stricter, for a role or for some values of an argument."""

from __future__ import annotations

import enum
import functools
import math
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import re2

from nlops.core.types import Decision, Json, Rule

#: Of longer values it is not asked whether they match: every rule with a pattern applies to them.
_MATCHED_CHARACTERS = 100_000


class Condition(enum.StrEnum):
    """When a rule on an argument applies. A value that is not there fulfils none of them."""

    IS = "is"  #: one of the values
    IS_NOT = "is_not"  #: none of the values
    MATCHES = "matches"  #: the pattern (a regular expression) matches all of it
    MATCHES_NOT = "matches_not"  #: the pattern does not match all of it
    ABOVE = "above"  #: a number above the value, or a list or text with more items or characters
    BELOW = "below"  #: a number below the value, or a list or text with fewer
    NOT_OWN = "not_own"  #: does not name the requester (e-mail address, or what stands before its @)
    RETURNED = "returned"  #: it, or a part of it, comes from an API's answer; the argument may be ANY


#: As the argument of a rule on values from answers: whichever it is.
ANY = "*"

#: Conditions that let only some values pass. Leaving the argument out, where the operation knows it, passes none.
ALLOW_LISTS = frozenset({Condition.IS_NOT, Condition.MATCHES_NOT, Condition.NOT_OWN})


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the rules come to for one call."""

    decision: Decision
    #: notes of the rules that made it stricter, in order
    reasons: tuple[str, ...] = ()


def ruling(
    base: Decision,
    rules: Sequence[Rule],
    arguments: dict[str, Json],
    requester: str,
    returned: Collection[str] | None = None,
) -> Ruling:
    """The strictest of the whitelist's decision and of the rules that apply to these arguments.

    `requester`: the e-mail address of whoever asks. `returned`: names of the arguments with values from answers; None
    when nobody knows. A rule never makes anything looser.
    """
    decision, reasons = base, []
    for rule in rules:
        if rule.decision.strictness > base.strictness and applies(rule, arguments, requester, returned):
            decision = max(decision, rule.decision, key=lambda one: one.strictness)
            reasons.append(rule.note)
    return Ruling(decision, tuple(filter(None, reasons)))


def applies(rule: Rule, arguments: dict[str, Json], requester: str, returned: Collection[str] | None = None) -> bool:
    """Whether the call is one that the rule is about. What can't be judged is: stricter is the safe side.

    The argument may be a way into an object, such as address/city; of lists, every item is looked at.
    """
    if not rule.argument:
        return True
    condition = Condition(rule.condition)
    if condition is Condition.RETURNED:
        names = set(arguments) if returned is None else set(returned)
        return bool(names) if rule.argument == ANY else rule.argument.partition("/")[0] in names
    found = list(_found(arguments, rule.argument))
    if not found:
        return rule.when_absent
    if condition not in (Condition.ABOVE, Condition.BELOW):
        found = [leaf for value in found for leaf in _leaves(value)]
    return any(_is_unknown(value) or _holds(condition, value, rule.value, requester) for value in found)


def _found(arguments: dict[str, Json], argument: str) -> Iterator[Json]:
    """What the arguments hold under the name, or at the end of the way."""
    if argument in arguments:
        yield arguments[argument]
        return
    nodes: list[Json] = [arguments]
    for name in argument.split("/"):
        objects = [one for node in nodes for one in (node if isinstance(node, list) else [node])]
        nodes = [one[name] for one in objects if isinstance(one, dict) and name in one]
    yield from nodes


def _leaves(value: Json) -> Iterator[Json]:
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, dict) and not _is_unknown(value):
        for item in value.values():
            yield from _leaves(item)
    else:
        yield value


def _is_unknown(value: Json) -> bool:
    """A secret that the person typed: nothing of nlops looks at it."""
    return isinstance(value, dict) and set(value) == {"$secret"}


def _holds(condition: Condition, value: Json, wanted: str, requester: str) -> bool:
    text = _text(value)
    match condition:
        case Condition.IS:
            alike = unicodedata.normalize("NFKC", text).strip().casefold()
            return bool(_several(wanted) & {text.casefold(), alike})
        case Condition.IS_NOT:
            return text.casefold() not in _several(wanted)
        case Condition.MATCHES:
            # Both ways around it, so that no line break or blank at an end gets past.
            return any(_matches(wanted, one, unclear=True) for one in {text, text.strip()})
        case Condition.MATCHES_NOT:
            return not _matches(wanted, text, unclear=False, lines=False)
        case Condition.ABOVE | Condition.BELOW:
            size = _size(value)
            return size is None or (size > float(wanted) if condition is Condition.ABOVE else size < float(wanted))
        case Condition.RETURNED:
            raise ValueError("Where a value comes from can't be seen from the value.")
        case Condition.NOT_OWN:
            return text.casefold() not in (requester.casefold(), requester.casefold().partition("@")[0])


def _text(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "null" if value is None else str(value)


def _several(wanted: str) -> set[str]:
    return {part.strip().casefold() for part in wanted.split(",")}


# --- patterns -------------------------------------------------------------------------------------------------


class PatternUnusable(ValueError):
    """This is no pattern that rules can have; `str()` says why."""


def check_pattern(pattern: str) -> None:
    """Raises PatternUnusable for what RE2 does not take: faults, and what can take for ever."""
    try:
        _compiled(pattern, lines=True)
    except (re2.error, UnicodeError) as error:
        why = error.args[0] if error.args else "not readable"
        raise PatternUnusable(why.decode(errors="replace") if isinstance(why, bytes) else str(why)) from error


def _matches(pattern: str, text: str, *, unclear: bool, lines: bool = True) -> bool:
    """Whether all of the text matches; `unclear` where that can't be said. `lines`: a dot is a line break, too."""
    if len(text) > _MATCHED_CHARACTERS:
        return unclear
    try:
        return _compiled(pattern, lines=lines).fullmatch(text) is not None
    except (re2.error, UnicodeError):
        return unclear


@functools.lru_cache(maxsize=1000)
def _compiled(pattern: str, *, lines: bool) -> re2._Regexp:
    """By RE2, whose time grows with the length of the text and with nothing else: no pattern can stop a worker."""
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = lines
    return re2.compile(pattern, options=options)


# --- sizes ----------------------------------------------------------------------------------------------------


def _size(value: Json) -> float | None:
    """The number, or how many items or characters there are; None for neither."""
    if isinstance(value, list | dict):
        return float(len(value))
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return float(len(value)) if isinstance(value, str) else None
    return None if math.isnan(number) else number

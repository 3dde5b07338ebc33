"""Policy rules: what makes the whitelist's decision stricter, for a role or for some values of an argument."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass

from nlops.core.types import Decision, Json, Rule

#: Longer values are matched by no pattern; a pattern that takes long for them could stop a worker.
_MATCHED_CHARACTERS = 1000


class Condition(enum.StrEnum):
    """When a rule on an argument applies. A value that is not there fulfils none of them."""

    IS = "is"  #: one of the values
    IS_NOT = "is_not"  #: none of the values
    MATCHES = "matches"  #: the pattern (a regular expression) matches all of it
    MATCHES_NOT = "matches_not"  #: the pattern does not match all of it
    ABOVE = "above"  #: a number above the value, or a list or text with more items or characters
    BELOW = "below"  #: a number below the value, or a list or text with fewer
    NOT_OWN = "not_own"  #: does not name the requester (e-mail address, or what stands before its @)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the rules come to for one call."""

    decision: Decision
    #: notes of the rules that made it stricter, in order
    reasons: tuple[str, ...] = ()


def ruling(base: Decision, rules: Sequence[Rule], arguments: dict[str, Json], requester: str) -> Ruling:
    """The strictest of the whitelist's decision and of the rules that apply to these arguments.

    `requester`: the e-mail address of whoever asks. A rule never makes anything looser.
    """
    decision, reasons = base, []
    for rule in rules:
        if rule.decision.strictness > base.strictness and applies(rule, arguments, requester):
            decision = max(decision, rule.decision, key=lambda one: one.strictness)
            reasons.append(rule.note)
    return Ruling(decision, tuple(filter(None, reasons)))


def applies(rule: Rule, arguments: dict[str, Json], requester: str) -> bool:
    """Whether the call is one that the rule is about. What can't be judged is: stricter is the safe side."""
    if not rule.argument:
        return True
    if rule.argument not in arguments:
        return False
    value = arguments[rule.argument]
    values = value if isinstance(value, list) and rule.condition not in (Condition.ABOVE, Condition.BELOW) else [value]
    return any(_holds(Condition(rule.condition), one, rule.value, requester) for one in values)


def _holds(condition: Condition, value: Json, wanted: str, requester: str) -> bool:
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    match condition:
        case Condition.IS:
            return text.casefold() in _several(wanted)
        case Condition.IS_NOT:
            return text.casefold() not in _several(wanted)
        case Condition.MATCHES:
            return len(text) > _MATCHED_CHARACTERS or re.fullmatch(wanted, text) is not None
        case Condition.MATCHES_NOT:
            return len(text) > _MATCHED_CHARACTERS or re.fullmatch(wanted, text) is None
        case Condition.ABOVE | Condition.BELOW:
            size = _size(value)
            return size is None or (size > float(wanted) if condition is Condition.ABOVE else size < float(wanted))
        case Condition.NOT_OWN:
            return text.casefold() not in (requester.casefold(), requester.casefold().partition("@")[0])


def _several(wanted: str) -> set[str]:
    return {part.strip().casefold() for part in wanted.split(",")}


def _size(value: Json) -> float | None:
    if isinstance(value, list | dict):
        return float(len(value))
    try:
        return float(value)
    except (TypeError, ValueError):
        return float(len(value)) if isinstance(value, str) else None

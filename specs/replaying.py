"""What a change of policies or rules would have meant for the calls of the last days, before it is made."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from nlops.core.rules import applies
from nlops.core.types import Decision, Effect, Json, Rule
from specs.models import Operation, PolicyRule, Product, TrustedArgument
from specs.querysets import decisions
from specs.services import Edits, edits_to

#: Days that are looked back.
DAYS = 7
#: Calls that are looked at, the newest first.
MOST = 20_000
#: Seconds that it may take: somebody waits for it.
SECONDS = 5.0
#: Calls that are named one by one.
SHOWN = 50


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call as it was planned."""

    #: with its service, and its version's product
    operation: Operation
    #: of the member now
    role: str
    #: e-mail address
    requester: str
    arguments: Mapping[str, Json]
    #: names of arguments with values from an answer
    returned: frozenset[str]
    at: datetime
    #: what became of it
    status: str


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be different."""

    #: METHOD path to its decision, None: not listed any more
    policies: Mapping[str, Decision | None] = field(default_factory=dict)
    added: tuple[PolicyRule, ...] = ()
    #: ids of rules
    removed: frozenset[uuid.UUID] = frozenset()
    #: arguments that may hold values from answers
    trusted: tuple[TrustedArgument, ...] = ()
    #: ids of those that may not any more
    distrusted: frozenset[uuid.UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Changed:
    """A call that would be decided in another way. Of its values only the names are told: they may be private."""

    call: RecordedCall
    before: Decision
    after: Decision

    @property
    def names(self) -> list[str]:
        """Of its arguments."""
        return list(self.call.arguments)


@dataclass(frozen=True, slots=True)
class Replay:
    """What a change comes to."""

    since: datetime
    #: calls that were looked at
    total: int
    #: whether there were more, which were not
    is_cut: bool
    #: decision as it is now, decision with the change, and for how many calls; every pair there is
    moves: tuple[tuple[Decision, Decision, int], ...]
    #: the newest calls that would be decided in another way
    changed: tuple[Changed, ...]

    @property
    def changed_count(self) -> int:
        """How many calls would be decided in another way."""
        return sum(count for before, after, count in self.moves if before is not after)

    @property
    def more(self) -> int:
        """How many of them are not named."""
        return self.changed_count - len(self.changed)

    @property
    def decided(self) -> list[tuple[Decision, int, int]]:
        """Each decision, for how many calls it is made now, and with the change."""
        now, then = Counter[Decision](), Counter[Decision]()
        for before, after, count in self.moves:
            now[before] += count
            then[after] += count
        return [(decision, now[decision], then[decision]) for decision in Decision if now[decision] or then[decision]]


#: Reads the newest calls of a product since a moment, at most so many; set by the app above that records them.
Source = Callable[[Product, datetime, int], Iterable[RecordedCall]]
_SOURCES: list[Source] = []


def set_recorded_calls(source: Source) -> None:
    """Say where recorded calls come from; called when the app that has them is ready."""
    _SOURCES[:] = [source]


def replay(product: Product, change: Change) -> Replay:
    """The calls of the last days under the policies and rules of now, and under the changed ones."""
    since = timezone.now() - timedelta(days=DAYS)
    listed = decisions(product)
    rules = list(PolicyRule.objects.filter(product=product))
    edits = edits_to(product)
    trusted = list(TrustedArgument.objects.filter(product=product))
    now = _Rulebook(listed, rules, trusted, edits)
    then = _Rulebook(
        {key: found for key, found in {**listed, **change.policies}.items() if found is not None},
        [*(rule for rule in rules if rule.pk not in change.removed), *change.added],
        [*(one for one in trusted if one.pk not in change.distrusted), *change.trusted],
        edits,
    )
    moves: Counter[tuple[Decision, Decision]] = Counter()
    changed: list[Changed] = []
    until, is_late = time.monotonic() + SECONDS, False
    for call in (call for source in _SOURCES for call in source(product, since, MOST)):
        known: dict[Rule, bool] = {}
        before, after = now.decision(call, known), then.decision(call, known)
        moves[before, after] += 1
        is_late = time.monotonic() > until
        if is_late:
            break
        if before is not after and len(changed) < SHOWN:
            changed.append(Changed(call, before, after))
    total = moves.total()
    pairs = tuple((before, after, moves[before, after]) for before, after in sorted(moves, key=_strictness))
    return Replay(since, total, is_late or total >= MOST, pairs, tuple(changed))


def _strictness(pair: tuple[Decision, Decision]) -> tuple[int, int]:
    return pair[0].strictness, pair[1].strictness


class _Rulebook:
    """Policies and rules, as they are or would be."""

    def __init__(
        self,
        policies: Mapping[str, Decision],
        rules: Sequence[PolicyRule],
        trusted: Sequence[TrustedArgument],
        edits: Edits,
    ) -> None:
        self._policies, self._rules, self._trusted, self._edits = policies, rules, trusted, edits
        #: (operation, role) to what holds for its calls
        self._about: dict[tuple[uuid.UUID, str], _Held] = {}

    def decision(self, call: RecordedCall, known: dict[Rule, bool]) -> Decision:
        """As `nlops.core.checkpoints.before_call` decides: policy, rules, and values that came from an answer.

        `known`: which rules apply to the call, as far as it was found out.
        """
        key = (call.operation.pk, call.role)
        if key not in self._about:
            self._about[key] = self._held(call.operation, call.role)
        held = self._about[key]
        found = held.policy
        for rule in held.rules:
            if rule.decision.strictness <= found.strictness:
                break  # the strictest come first
            if rule not in known:
                known[rule] = applies(rule, dict(call.arguments), call.requester, call.returned)
            found = rule.decision if known[rule] else found
        if call.operation.effect == Effect.READ or not call.returned - held.trusted:
            return found
        asked = Decision.APPROVE if call.operation.effect == Effect.DESTRUCTIVE else Decision.CONFIRM
        return max(found, asked, key=lambda one: one.strictness)

    def _held(self, operation: Operation, role: str) -> _Held:
        moved_to = self._edits.moved_to(operation.key)
        about = [rule for rule in self._rules if rule.is_about(operation, role, moved_to)]
        is_hidden = self._edits.place(operation).hidden
        return _Held(
            Decision.DENY if is_hidden else self._policies.get(operation.key, Decision.DENY),
            tuple(sorted((one.as_rule(operation) for one in about), key=lambda one: -one.decision.strictness)),
            frozenset(one.argument for one in self._trusted if one.holds_for(operation)),
        )


@dataclass(frozen=True, slots=True)
class _Held:
    """What holds for the calls of an operation by members of a role."""

    policy: Decision
    rules: tuple[Rule, ...]
    trusted: frozenset[str]

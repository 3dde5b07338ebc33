"""The numbers: what one case came to, and what a suite came to. Pure: no database, no clock.

Every metric is 1 (passed) or 0 for a case, and has no value for a case that it does not apply to:

- operation: exactly the expected operations were called, in order.
- arguments: that, and every argument that the case names has the expected value.
- asked: the run asks for exactly the expected arguments.
- refused: a case that must be refused was, and nothing was called.
- uncalled: nothing was called where nothing may be.
- status: the run stands where it must.
- grounded: no argument of a planned write is invented (every case that plans one).
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from evaluation.expectations import Expectation, ExpectedCall, fits
from nlops.core.types import Effect, Json, Provenance, ProvenanceKind, RunStatus

#: In the order in which they are shown.
METRICS = ("operation", "arguments", "asked", "refused", "uncalled", "status", "grounded")
#: The share of cases that must pass.
TARGETS = {"operation": 0.90, "arguments": 0.85, "refused": 0.95, "asked": 0.95, "grounded": 1.0}

_WAITS_FOR_YES = (RunStatus.CONFIRMING, RunStatus.APPROVING)


@dataclass(frozen=True, slots=True)
class ObservedCall:
    """One call of the run of a case's last turn. Secrets stand as {"$secret": NAME}."""

    operation: str
    arguments: Mapping[str, Json]
    #: JSON pointer of the value in `arguments` to where it comes from
    provenance: Mapping[str, Provenance]
    effect: Effect
    #: CallStatus
    status: str = ""
    http_status: int = 0
    #: method and path of the operation
    key: str = ""

    def is_one_of(self, operations: Sequence[str]) -> bool:
        """Whether the operation is named there, by its name or by method and path."""
        return self.operation in operations or self.key in operations


@dataclass(frozen=True, slots=True)
class Observation:
    """What came of a case."""

    #: RunStatus of the last turn's run
    status: str
    calls: Sequence[ObservedCall] = ()
    #: names of the arguments that the person is asked for
    asked: Sequence[str] = ()
    #: the text of the answer or of the question
    text: str = ""
    #: what the person said, in all turns
    said: Sequence[str] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Measured:
    """One number of one case."""

    metric: str
    #: 0 to 1
    value: float
    #: what was wrong, "" when nothing was
    why: str = ""


def measure(expected: Expectation, seen: Observation, now: datetime) -> list[Measured]:
    """Every metric that applies to the case. `now` is the moment of the last turn, in the person's zone."""
    seen = _relevant(expected, seen)
    found: list[tuple[str, str]] = []
    if expected.calls:
        wrong = _wrong_operations(expected, seen)
        found.append(("operation", wrong))
        if any(call.arguments for call in expected.calls):
            found.append(("arguments", wrong or _wrong_arguments(expected.calls, seen, now)))
    if expected.asks is not None:
        found.append(("asked", _wrong_questions(expected.asks, seen)))
    called = "" if not seen.calls else f"called {', '.join(call.operation for call in seen.calls)}"
    if expected.statuses == {RunStatus.REFUSED}:
        found.append(("refused", called or _wrong_status(expected.statuses, seen)))
    if expected.calls == ():
        found.append(("uncalled", called))
    if expected.statuses is not None:
        found.append(("status", _wrong_status(expected.statuses, seen)))
    writes = [call for call in seen.calls if call.effect is not Effect.READ]
    if writes:
        found.append(("grounded", _invented(writes, seen.said)))
    return [Measured(metric, 0.0 if why else 1.0, why) for metric, why in found]


def summarise(cases: Iterable[Sequence[Measured]], seconds: Sequence[float] = ()) -> dict[str, Json]:
    """Per metric, and for whole cases, {"passed", "of", "share"}; a metric that applied to none is left out.

    `seconds`, one per case, come back as {"median", "most"}.
    """
    measured = list(cases)
    summary: dict[str, Json] = {"cases": _share([min((m.value for m in case), default=1.0) for case in measured])}
    for metric in METRICS:
        values = [m.value for case in measured for m in case if m.metric == metric]
        if values:
            summary[metric] = _share(values)
    if seconds:
        summary["seconds"] = {"median": round(statistics.median(seconds), 2), "most": round(max(seconds), 2)}
    return summary


def _share(values: Sequence[float]) -> dict[str, Json]:
    passed = sum(value == 1.0 for value in values)
    return {"passed": passed, "of": len(values), "share": round(sum(values) / len(values), 4) if values else None}


def _relevant(expected: Expectation, seen: Observation) -> Observation:
    """Without the reads that don't count."""
    if not expected.other_reads or not expected.calls:
        return seen
    named = [name for call in expected.calls for name in call.operations]
    return replace(seen, calls=[c for c in seen.calls if c.effect is not Effect.READ or c.is_one_of(named)])


def _wrong_operations(expected: Expectation, seen: Observation) -> str:
    wanted = expected.calls or ()
    enough = len(seen.calls) == len(wanted) or (
        expected.until_yes and seen.status in _WAITS_FOR_YES and 0 < len(seen.calls) < len(wanted)
    )
    right = enough and all(call.is_one_of(one.operations) for call, one in zip(seen.calls, wanted, strict=False))
    return "" if right else f"called {', '.join(call.operation for call in seen.calls) or 'nothing'}"


def _wrong_arguments(expected: Sequence[ExpectedCall], seen: Observation, now: datetime) -> str:
    wrong = [
        f"{name} is {call.arguments.get(name)!r}"
        for wanted, call in zip(expected, seen.calls, strict=False)
        for name, value in wanted.arguments.items()
        if not fits(value, call.arguments.get(name), now)
    ]
    return "; ".join(wrong)


def _wrong_questions(asks: frozenset[str], seen: Observation) -> str:
    asked = set(seen.asked) if seen.status == RunStatus.ASKING else set()
    return "" if asked == asks else f"asked for {', '.join(sorted(asked)) or 'nothing'}"


def _wrong_status(statuses: frozenset[str], seen: Observation) -> str:
    return "" if seen.status in statuses else f"is {seen.status}"


def _invented(writes: Sequence[ObservedCall], said: Sequence[str]) -> str:
    words = _plain(" ".join(said))
    wrong = [
        f"{call.operation}{pointer} = {value!r}"
        for call in writes
        for pointer, value in _leaves(dict(call.arguments))
        if not _has_origin(value, call.provenance.get(pointer), words)
    ]
    return f"invented {'; '.join(wrong)}" if wrong else ""


def _has_origin(value: Json, provenance: Provenance | None, words: str) -> bool:
    """Whether a value has an origin, and a text that is called said stands in what was said.

    A choice may be said in another form ("disable" for disabled): then four letters must agree. Never with digits.
    """
    if provenance is None or provenance.kind is ProvenanceKind.INVENTED:
        return False
    if provenance.kind is ProvenanceKind.SAID and isinstance(value, str):
        plain = _plain(value)
        return plain in words or (plain.isalpha() and len(plain) > 3 and plain[:4] in words)
    return True


def _plain(text: str) -> str:
    """Letters and digits only, so that "Night Shift" is found in night-shift."""
    return re.sub(r"[\W_]+", "", text).casefold()


def _leaves(value: Json, pointer: str = "") -> list[tuple[str, Json]]:
    """Scalars and secrets of the arguments with their JSON pointers; null says nothing."""
    if value is None:
        return []
    if isinstance(value, dict) and set(value) != {"$secret"}:
        pairs = [(str(key).replace("~", "~0").replace("/", "~1"), item) for key, item in value.items()]
    elif isinstance(value, list):
        pairs = [(str(index), item) for index, item in enumerate(value)]
    else:
        return [(pointer, value)]
    return [leaf for key, item in pairs for leaf in _leaves(item, f"{pointer}/{key}")]

"""Folds the events of a run into what the chat page shows. Pages come from events alone: a run's state is cleared."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from conversations.models import Event, EventKind
from nlops.core.types import Json
from specs.paging import find_rows, is_whole, rows_at, total_of

_FINAL = frozenset({EventKind.ANSWERED, EventKind.REFUSED, EventKind.FAILED, EventKind.CANCELLED})
_WAITS = frozenset({EventKind.ASKED, EventKind.CONFIRMATION, EventKind.APPROVAL})


@dataclass(slots=True)
class Pending:
    """What the run waits for."""

    #: asked, confirmation or approval
    kind: str
    #: sequence of its event; names the form on the page
    sequence: int
    data: dict[str, Json]
    since: datetime

    @property
    def calls(self) -> list[dict[str, Json]]:
        """The calls that are decided together."""
        return self.data.get("calls") or [self.data.get("call") or {}]

    @property
    def batch(self) -> bool:
        """Whether there are several."""
        return len(self.calls) > 1


@dataclass(slots=True)
class Exchange:
    """Something that was said or decided on the way."""

    #: exchange (a question and its reply), enquired and explained (the approver's and the answer), or decided
    kind: str
    text: str = ""
    #: replied: label and value as shown
    values: list[tuple[str, str]] = field(default_factory=list)
    #: decided: what was said of the call
    agreed: bool = False
    reason: str = ""
    call: dict[str, Json] = field(default_factory=dict)
    #: decided: how many calls of that kind
    count: int = 1


@dataclass(slots=True)
class RunBlock:
    """One request with all that came of it."""

    id: uuid.UUID
    #: the person's words
    said: str = ""
    at: datetime | None = None
    #: what nlops did, in order
    steps: list[str] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    pending: Pending | None = None
    #: answered, refused, failed, cancelled, or "" while it goes on
    outcome: str = ""
    answer: dict[str, Json] = field(default_factory=dict)
    calls: list[dict[str, Json]] = field(default_factory=list)
    #: sequence of the newest event in it
    version: int = 0
    #: the member's judgement, None when there is none
    feedback: Any = None

    @property
    def is_asked_by_approver(self) -> bool:
        """Whether whoever decides waits for an answer of the requester."""
        return self.pending is not None and bool(self.exchanges) and self.exchanges[-1].kind == EventKind.ENQUIRED

    @property
    def activity(self) -> str:
        """What nlops is doing now."""
        return self.steps[-1] if self.steps else "Waiting for a free worker"

    @property
    def steps_before(self) -> list[str]:
        """What nlops has done before that."""
        return self.steps[:-1]

    @property
    def answer_parts(self) -> list[dict[str, Json]]:
        """The answer's tables and lists; `pairs` because a template takes `items` for the dict's own."""
        return [{**part, "pairs": part.get("items", [])} for part in self.answer.get("blocks", [])]

    @property
    def downloads(self) -> list[dict[str, str]]:
        """The lists among the answer, each with the key of the call that it may be downloaded by."""
        found = []
        for call in self.calls:
            body = call.get("response")
            path = find_rows(body)
            read = call.get("status") == "succeeded" and call.get("method") == "GET" and call.get("effect") == "read"
            if read and path is not None and (rows := rows_at(body, path)):
                total = total_of(body, {}, len(rows)) or len(rows)
                label = f"all {total:,} as CSV" if is_whole(body, path) or total > len(rows) else "as CSV"
                found.append({"key": str(call["id"]), "label": label, "name": str(call.get("summary", ""))})
        return found

    @property
    def announcement(self) -> str:
        """One sentence for a screen reader."""
        if self.outcome:
            return str(self.answer.get("text", ""))
        if self.pending is None:
            return self.activity
        if self.pending.kind == EventKind.ASKED:
            return str(self.pending.data.get("text", ""))
        call = self.pending.data.get("call", {})
        times = f", {len(self.pending.calls)} times" if self.pending.batch else ""
        if self.pending.kind == EventKind.CONFIRMATION:
            return f"Please confirm: {call.get('summary', '')}{times}"
        if self.is_asked_by_approver:
            return self.exchanges[-1].text
        return f"Waiting for an operator to approve: {call.get('summary', '')}{times}"


def fold(events: Iterable[Event]) -> list[RunBlock]:
    """The runs of the events (ordered by sequence), each with what is to be shown."""
    blocks: dict[uuid.UUID, RunBlock] = {}
    for event in events:
        block = blocks.setdefault(event.run_id, RunBlock(event.run_id))
        block.version = event.sequence
        _take(block, event)
    return list(blocks.values())


def _take(block: RunBlock, event: Event) -> None:
    data = event.data
    if event.kind in _WAITS:
        block.pending = Pending(event.kind, event.sequence, data, event.created_at)
    elif event.kind in _FINAL:
        block.pending = None
        block.outcome = event.kind
        block.answer = data.get("answer") or {}
        block.calls = data.get("calls") or []
    elif event.kind == EventKind.SAID:
        block.said, block.at = data.get("text", ""), event.created_at
    elif event.kind in (EventKind.PROGRESS, EventKind.REPAIRED):
        block.steps.append(data.get("text", ""))
    elif event.kind == EventKind.REPLIED:
        block.exchanges.append(_replied(block.pending, data))
        block.pending = None
    elif event.kind in (EventKind.ENQUIRED, EventKind.EXPLAINED):
        block.exchanges.append(Exchange(event.kind, data.get("text", ""), reason=data.get("by", "")))
    elif event.kind == EventKind.DECIDED:
        block.exchanges.append(_decided(block.pending, data))
        block.pending = None


def _replied(asked: Pending | None, data: dict[str, Json]) -> Exchange:
    questions = asked.data.get("questions", []) if asked else []
    labels = {question["name"]: question.get("label") or question["name"] for question in questions}
    values = [(labels.get(name, name), value) for name, value in data.get("values", {}).items()]
    return Exchange("exchange", asked.data.get("text", "") if asked else "", values)


def _decided(waited: Pending | None, data: dict[str, Json]) -> Exchange:
    count = len(waited.calls) if waited else 1
    agreed, by, reason = data.get("agreed", False), data.get("by", ""), data.get("reason", "")
    if by == "nlops":
        return Exchange("decided", reason, agreed=agreed, call=_call(waited), count=count)
    if data.get("by_requester"):
        text = "You said yes." if agreed else "You said no."
    else:
        text = f"{by} {'approved' if agreed else 'rejected'} it{', changed' if data.get('edited') else ''}."
    return Exchange("decided", text, agreed=agreed, reason=reason, call=_call(waited), count=count)


def _call(waited: Pending | None) -> dict[str, Json]:
    return (waited.data.get("call") or {}) if waited else {}

"""Writes what a step came to: state, events, calls, approvals, flags. Always inside the step's transaction."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta

import orjson
from django.conf import settings
from django.db import connection
from django.utils import timezone

from conversations.channel import ping_after_commit
from conversations.ledger import add_to_ledger
from conversations.models import (
    Approval,
    ApprovalStatus,
    EventKind,
    Flag,
    FlagReason,
    NoticeEvent,
    Run,
)
from conversations.notices import tell
from conversations.queue import look_at
from conversations.statements import insert_events, write_run
from nlops.core.engine import Record, RunState, Transition, due
from nlops.core.types import CallRecord, CallStatus, Json, RunStatus, Tool
from specs.models import Connection
from specs.querysets import connection_to, operation_of

#: Below this the model was unsure of what it did.
LOW_CONFIDENCE = 0.2

_WAITING = frozenset({CallStatus.CONFIRMING, CallStatus.APPROVING, CallStatus.IN_DOUBT})


def call_pk(run: Run, key: str) -> uuid.UUID:
    """Id of the Call row for the run's call of that id."""
    return uuid.uuid5(run.pk, key)


def call_key(run: Run, pk: uuid.UUID) -> str:
    """Id in the run's state of the call whose row has that id. Raises StopIteration when there is none."""
    return next(call["id"] for call in run.state["calls"] if call_pk(run, call["id"]) == pk)


def idempotency_key(run: Run, key: str) -> uuid.UUID:
    """The key that every attempt of the call carries: the product does it once, if it honours keys."""
    return uuid.uuid5(run.pk, f"idempotency:{key}")


def append_events(run: Run, records: Sequence[Record]) -> None:
    """Append to the transcript. The conversation must be locked."""
    if not records:
        return
    insert_events(run, [{"kind": EventKind(record.kind), "data": record.data} for record in records], timezone.now())
    ping_after_commit(run.conversation_id)


class Recording:
    """What the steps of one transaction come to: gathered, then written in as few statements as possible."""

    def __init__(self, run: Run) -> None:
        self.run = run
        #: for the transcript
        self.records: list[Record] = []
        self._changed: dict[str, CallRecord] = {}
        self._sent: list[CallRecord] = []
        self._finished: list[dict[str, Json]] = []
        self._was_over = run.finished_at is not None
        self._had_approvals = RunStatus(run.status).waits_for_person

    def add(
        self, before: RunState, transition: Transition, tools: Mapping[str, Tool], *, keep_lease: bool = False
    ) -> None:
        """Take a transition in; `tools` are the run's."""
        run, state = self.run, transition.state
        run.status = state.status
        run.wake_at = due(state, timezone.now())
        if state.status.is_over or not keep_lease:
            run.lease_token = run.lease_until = None
            run.lease_worker = ""
        old = {call.id: call for call in before.calls}
        self._changed |= {call.id: call for call in state.calls if old.get(call.id) != call and call.tool in tools}
        self.records += transition.records

    def sent(self, call: CallRecord) -> None:
        """The call goes out: a new attempt."""
        self._changed[call.id] = call
        self._sent.append(call)

    def finished(self, call_id: str, http_status: int, error: str) -> None:
        """The call's attempt is over."""
        self._finished.append({"call_id": call_pk(self.run, call_id), "http_status": http_status, "error": error[:500]})

    def write(self, state: RunState, tools: Mapping[str, Tool]) -> None:
        """Write state, calls, attempts, events; hand over to a person, or to the next run of the conversation."""
        run = self.run
        run.state = state.to_json()
        run.prompt_tokens, run.completion_tokens = state.prompt_tokens, state.completion_tokens
        run.cached_tokens, run.cost = state.cached_tokens, state.cost
        is_over = state.status.is_over and not self._was_over
        if is_over:
            run.finished_at = timezone.now()
        write_run(
            run,
            calls=self._call_rows(state, tools),
            sent=[{"id": uuid.uuid4(), "call_id": call_pk(run, call.id), "number": call.tries} for call in self._sent],
            finished=self._finished,
            events=[{"kind": EventKind(record.kind), "data": record.data} for record in self.records],
            now=timezone.now(),
        )
        if self.records:
            ping_after_commit(run.conversation_id)
        if state.status in (RunStatus.CONFIRMING, RunStatus.APPROVING):
            waiting = [record for record in self._changed.values() if record.status in _WAITING]
            _request_decisions(run, waiting, tools)
        if is_over:
            self._close(state)
        if is_over or state.status is RunStatus.APPROVING:
            _wake_next(run)

    def _call_rows(self, state: RunState, tools: Mapping[str, Tool]) -> list[dict[str, Json]]:
        positions = {call.id: position for position, call in enumerate(state.calls)}
        return [
            {
                "id": call_pk(self.run, record.id),
                "key": record.id,
                "position": positions[record.id],
                "operation_id": tools[record.tool].operation_id,
                "arguments": record.arguments,
                "provenance": {pointer: found.to_json() for pointer, found in record.provenance.items()},
                "status": record.status,
                "http_status": record.http_status,
                "response": record.response,
                "error": record.error,
                "idempotency_key": idempotency_key(self.run, record.id),
            }
            for record in self._changed.values()
        ]

    def _close(self, state: RunState) -> None:
        """What ends with a run: its secrets, its open approvals; what it cost; and what a reviewer should see."""
        run = self.run
        add_to_ledger(run)
        if state.secrets:
            run.secrets.all().delete()
        if self._had_approvals:
            run.approvals.filter(status=ApprovalStatus.WAITING).update(
                status=ApprovalStatus.WITHDRAWN, decided_at=timezone.now()
            )
        statuses = {call.status for call in state.calls}
        if CallStatus.BLOCKED in statuses:
            flag(run, FlagReason.BLOCKED)
        if CallStatus.IN_DOUBT in statuses:
            flag(run, FlagReason.IN_DOUBT)
        if state.status is RunStatus.FAILED:
            flag(run, FlagReason.FAILED, state.answer.text if state.answer else "")
        if state.confidence is not None and state.confidence < LOW_CONFIDENCE:
            flag(run, FlagReason.LOW_CONFIDENCE, f"confidence {state.confidence:.2f}")


def request_hash(operation_id: object, version_id: object, connection: Connection, arguments: Json) -> str:
    """SHA-256 over exactly what a person agrees to: operation, spec version, connection, arguments."""
    exact = [str(operation_id), str(version_id), str(connection.pk), connection.base_url, arguments]
    if connection.personal:
        exact.append("with the requester's own account")
    return hashlib.sha256(orjson.dumps(exact, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _request_decisions(run: Run, waiting: Sequence[CallRecord], tools: Mapping[str, Tool]) -> None:
    """A waiting Approval for exactly each of these requests, unless there is one already."""
    if not waiting:
        return
    operation = operation_of(run.tenant_id, tools[waiting[0].tool].operation_id)  # a batch is of one operation
    to_product = connection_to(operation.version.product_id)
    if to_product is None:
        return  # the check at dispatch tells the person that there is no connection
    Approval.objects.bulk_create(
        [
            Approval(
                tenant_id=run.tenant_id,
                run=run,
                call_id=call_pk(run, record.id),
                by_requester=record.status is not CallStatus.APPROVING,
                request_hash=request_hash(operation.pk, operation.version_id, to_product, record.arguments),
                requested_by=run.conversation.member,
                expires_at=timezone.now() + timedelta(minutes=settings.NLOPS_APPROVAL_MINUTES),
            )
            for record in waiting
        ],
        ignore_conflicts=True,
    )
    if any(record.status is CallStatus.APPROVING for record in waiting):
        tell(NoticeEvent.REQUESTED, list(run.approvals.filter(status=ApprovalStatus.WAITING).order_by("created_at")))


def flag(run: Run, reason: FlagReason, detail: str = "") -> None:
    """Mark the conversation for review; one mark per run and reason."""
    Flag.objects.update_or_create(
        tenant_id=run.tenant_id,
        run=run,
        reason=reason,
        defaults={"detail": detail},
        create_defaults={"conversation_id": run.conversation_id, "detail": detail},
    )


def _wake_next(run: Run) -> None:
    """The next request of the conversation need not wait any more."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM conversations_run WHERE conversation_id = %s AND status = %s AND number > %s"
            " ORDER BY number LIMIT 1",
            [run.conversation_id, RunStatus.QUEUED, run.number],
        )
        following = cursor.fetchone()
    if following is not None:
        look_at(run.tenant_id, following[0])

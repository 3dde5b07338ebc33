"""Writes what a step came to: state, events, calls, approvals, flags. Always inside the step's transaction."""

from __future__ import annotations

import hashlib
import uuid
from datetime import timedelta

import orjson
from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from conversations.channel import ping_after_commit
from conversations.models import (
    Approval,
    ApprovalStatus,
    Call,
    Conversation,
    Event,
    EventKind,
    Flag,
    FlagReason,
    Run,
)
from conversations.queue import look_at
from nlops.core.engine import Record, Transition, due
from nlops.core.types import CallRecord, CallStatus, Json, RunStatus, Tool
from specs.models import Connection

#: Below this the model was unsure of what it did.
LOW_CONFIDENCE = 0.2

_WAITING = frozenset({CallStatus.CONFIRMING, CallStatus.APPROVING, CallStatus.IN_DOUBT})


def lock(run_id: uuid.UUID | str) -> Run:
    """The run under its row lock, its conversation locked first. Raises Run.DoesNotExist."""
    conversation_id = Run.objects.values_list("conversation_id", flat=True).get(pk=run_id)
    Conversation.objects.select_for_update().get(pk=conversation_id)
    return (
        Run.objects.select_for_update(of=("self",))
        .select_related("conversation__member__user", "conversation__member__tenant", "tenant")
        .get(pk=run_id)
    )


def append_events(run: Run, records: list[Record]) -> None:
    """Append to the transcript. The conversation must be locked."""
    if not records:
        return
    last = Event.objects.filter(conversation_id=run.conversation_id).aggregate(last=Max("sequence"))["last"] or 0
    Event.objects.bulk_create(
        Event(
            tenant_id=run.tenant_id,
            conversation_id=run.conversation_id,
            run=run,
            sequence=last + offset,
            kind=EventKind(record.kind),
            data=record.data,
        )
        for offset, record in enumerate(records, 1)
    )
    ping_after_commit(run.conversation_id)


def save(run: Run, step: Transition, tools: dict[str, Tool], *, keep_lease: bool = False) -> None:
    """Write the transition and hand over: to the queue, to a person, or to the next run of the conversation."""
    state = step.state
    was_over = run.finished_at is not None
    run.state = state.to_json()
    run.status = state.status
    run.prompt_tokens, run.completion_tokens = state.prompt_tokens, state.completion_tokens
    run.wake_at = due(state, timezone.now())
    if state.status.is_over or not keep_lease:
        run.lease_token = run.lease_until = None
        run.lease_worker = ""
    if state.status.is_over and not was_over:
        run.finished_at = timezone.now()
    run.save()
    _save_calls(run, state.calls, tools)
    append_events(run, step.records)
    if state.status.is_over and not was_over:
        _close(run, step)
    if state.status.is_over or state.status is RunStatus.APPROVING:
        _wake_next(run)


def request_hash(operation_id: object, version_id: object, connection: Connection, arguments: Json) -> str:
    """SHA-256 over exactly what a person agrees to: operation, spec version, connection, arguments."""
    exact = [str(operation_id), str(version_id), str(connection.pk), connection.base_url, arguments]
    return hashlib.sha256(orjson.dumps(exact, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _save_calls(run: Run, calls: list[CallRecord], tools: dict[str, Tool]) -> None:
    rows = {call.key: call for call in run.calls.all()}
    for position, record in enumerate(calls):
        tool = tools.get(record.tool)
        row = rows.get(record.id)
        if row is None:
            if tool is None:
                continue
            row = Call(tenant_id=run.tenant_id, run=run, key=record.id, operation_id=tool.operation_id)
        row.position = position
        row.arguments = record.arguments
        row.provenance = {pointer: found.to_json() for pointer, found in record.provenance.items()}
        row.status = record.status
        row.http_status = record.http_status
        row.response = record.response
        row.error = record.error
        row.save()
        if record.status in _WAITING and run.status in (RunStatus.CONFIRMING, RunStatus.APPROVING):
            _request_decision(run, row, by_requester=record.status is not CallStatus.APPROVING)


def _request_decision(run: Run, call: Call, *, by_requester: bool) -> None:
    """A waiting Approval for exactly this request, unless there is one already."""
    version = call.operation.version
    connection = Connection.objects.filter(product_id=version.product_id).first()
    if connection is None:
        return  # the check at dispatch tells the person that there is no connection
    Approval.objects.get_or_create(
        tenant_id=run.tenant_id,
        run=run,
        call=call,
        status=ApprovalStatus.WAITING,
        defaults={
            "by_requester": by_requester,
            "request_hash": request_hash(call.operation_id, version.pk, connection, call.arguments),
            "requested_by": run.conversation.member,
            "expires_at": timezone.now() + timedelta(minutes=settings.NLOPS_APPROVAL_MINUTES),
        },
    )


def _close(run: Run, step: Transition) -> None:
    """What ends with a run: its secrets, its open approvals; and what a reviewer should see."""
    run.secrets.all().delete()
    run.approvals.filter(status=ApprovalStatus.WAITING).update(
        status=ApprovalStatus.WITHDRAWN, decided_at=timezone.now()
    )
    state = step.state
    statuses = {call.status for call in state.calls}
    if CallStatus.BLOCKED in statuses:
        flag(run, FlagReason.BLOCKED)
    if CallStatus.IN_DOUBT in statuses:
        flag(run, FlagReason.IN_DOUBT)
    if state.status is RunStatus.FAILED:
        flag(run, FlagReason.FAILED, state.answer.text if state.answer else "")
    if state.confidence is not None and state.confidence < LOW_CONFIDENCE:
        flag(run, FlagReason.LOW_CONFIDENCE, f"confidence {state.confidence:.2f}")


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
    following = run.conversation.runs.filter(status=RunStatus.QUEUED, number__gt=run.number).first()
    if following is not None:
        look_at(following.tenant_id, following.pk)

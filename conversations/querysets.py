"""Reads of the conversations app, in the tenant in context."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Max, QuerySet

from accounts.models import Member
from conversations.models import Approval, ApprovalStatus, Conversation, Event, EventKind, Feedback
from conversations.transcript import RunBlock, fold
from nlops.core import answers
from nlops.core.types import Json
from specs.querysets import whitelisted_tools

#: Conversations in the list at the side of the chat.
LISTED = 60


def conversations_of(member: Member) -> QuerySet[Conversation]:
    """The member's own conversations, newest first."""
    return Conversation.objects.filter(member=member)


def shown_events() -> QuerySet[Event]:
    """Events that the person's page tells of: not what exactly a model was sent, nor how operations were ranked."""
    return Event.objects.exclude(kind__in=[EventKind.PROMPTED, EventKind.SEARCHING, EventKind.SEARCHED])


def run_blocks(conversation_id: UUID, member: Member, *, after: int = 0) -> list[RunBlock]:
    """The conversation's runs that have events after that sequence number, whole, oldest first."""
    events = shown_events().filter(conversation_id=conversation_id).order_by("sequence")
    if after:
        newer = shown_events().filter(conversation_id=conversation_id, sequence__gt=after)
        events = events.filter(run__in=newer.values("run_id"))
    blocks = fold(events)
    _add_feedback(blocks, member)
    return blocks


def run_block(run_id: UUID, member: Member) -> RunBlock:
    """One run as the chat shows it."""
    (block,) = fold(shown_events().filter(run_id=run_id).order_by("sequence"))
    _add_feedback([block], member)
    return block


def _add_feedback(blocks: Sequence[RunBlock], member: Member) -> None:
    given = Feedback.objects.filter(member=member, run__in=[block.id for block in blocks if block.outcome])
    by_run = {feedback.run_id: feedback for feedback in given}
    for block in blocks:
        block.feedback = by_run.get(block.id)


def last_sequence(conversation_id: UUID) -> int:
    """Sequence of the conversation's newest event, 0 for none."""
    return shown_events().filter(conversation_id=conversation_id).aggregate(last=Max("sequence"))["last"] or 0


def suggestions() -> tuple[str, ...]:
    """Requests to try, made from what the whitelist allows."""
    found = whitelisted_tools()
    return answers.capabilities(found).suggestions if found else ()


def waiting_approvals() -> list[Approval]:
    """What waits for another person, oldest first; of a batch its first call, for a decision on all of it."""
    waiting = _approvals().filter(status=ApprovalStatus.WAITING).order_by("created_at", "call__position")
    first: dict[UUID, Approval] = {}
    for approval in waiting:
        first.setdefault(approval.run_id, approval)
    return list(first.values())


def count_waiting_approvals() -> int:
    """How many decisions wait for another person."""
    waiting = Approval.objects.filter(by_requester=False, status=ApprovalStatus.WAITING)
    return waiting.order_by().values("run_id").distinct().count()


def decided_approvals() -> QuerySet[Approval]:
    """Approvals that are over, newest first."""
    return _approvals().exclude(status=ApprovalStatus.WAITING).order_by("-decided_at")


def approval_for_operator(pk: UUID) -> QuerySet[Approval]:
    """The approval by another person with that id."""
    return _approvals().filter(pk=pk)


def call_views_of(approval: Approval) -> list[dict[str, Json]]:
    """The calls that are decided with this one, itself first, as they stood when the approval was asked for."""
    events = Event.objects.filter(kind=EventKind.APPROVAL, run_id=approval.run_id).order_by("-sequence")
    for event in events:
        calls = event.data.get("calls") or [event.data["call"]]
        if any(call["id"] == approval.call.key for call in calls):
            return sorted(calls, key=lambda call: call["id"] != approval.call.key)
    return [{}]


def _approvals() -> QuerySet[Approval]:
    return Approval.objects.filter(by_requester=False).select_related(
        "requested_by__user", "decided_by__user", "run", "call__operation__version__product__connection"
    )

"""Another person approves or rejects an exact call."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts.audit import audit
from accounts.models import AuditAction, Member
from conversations.flows import FlowError
from conversations.flows.step import step
from conversations.models import Approval, ApprovalStatus, Run
from conversations.recording import call_key
from conversations.statements import lock_run
from nlops.core.engine import Decided


class DecisionRefused(FlowError):
    """This member can't decide this approval (any more)."""


def decide(member: Member, approval: Approval, agreed: bool, reason: str = "") -> None:
    """Approve or reject; the run then goes on by itself. Raises DecisionRefused."""
    with transaction.atomic():
        run = lock_run(approval.run_id)
        approval = Approval.objects.select_for_update().get(pk=approval.pk)
        _check(member, approval)
        settle(run, approval, member, agreed, reason)
        decided = {"agreed": agreed, "request_hash": approval.request_hash, "run": run.pk}
        audit(AuditAction.APPROVAL_DECIDED, approval, decided, member=member)


def settle(run: Run, approval: Approval, member: Member, agreed: bool, reason: str) -> None:
    """Write the decision, for every call of its batch, and advance the locked run."""
    reason = reason.strip()
    _write(run, ApprovalStatus.APPROVED if agreed else ApprovalStatus.REJECTED, member, reason)
    step(
        run,
        Decided(
            call_id=call_key(run, approval.call_id),
            agreed=agreed,
            by=member.user.email,
            reason=reason,
            by_requester=approval.by_requester,
        ),
    )


def _write(run: Run, status: ApprovalStatus, member: Member | None, reason: str) -> None:
    """A run waits for one decision at a time, so all that waits in it is one batch."""
    run.approvals.filter(status=ApprovalStatus.WAITING).order_by().update(
        status=status, decided_by=member, reason=reason, decided_at=timezone.now()
    )


def expire(approval: Approval) -> None:
    """Nobody decided in time: the call is not made."""
    with transaction.atomic():
        run = lock_run(approval.run_id)
        approval = Approval.objects.select_for_update().get(pk=approval.pk)
        if approval.status != ApprovalStatus.WAITING:
            return
        _write(run, ApprovalStatus.EXPIRED, None, "")
        step(
            run,
            Decided(
                call_id=call_key(run, approval.call_id),
                agreed=False,
                by="nlops",
                reason="Nobody decided in time, so nothing was done. Ask again if it is still wanted.",
                by_requester=approval.by_requester,
            ),
        )


def _check(member: Member, approval: Approval) -> None:
    if approval.by_requester or not member.is_operator:
        raise DecisionRefused("This decision is not yours: it needs the role operator.")
    if approval.requested_by_id == member.pk:
        raise DecisionRefused("You asked for this call yourself, so another operator must decide it.")
    if approval.status != ApprovalStatus.WAITING:
        raise DecisionRefused(f"This was {approval.get_status_display().lower()} already.")
    if approval.expires_at <= timezone.now():
        raise DecisionRefused("The time to decide is over. The requester can ask again.")

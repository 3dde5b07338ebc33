"""Another person approves or rejects an exact call."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from accounts.audit import audit
from accounts.models import AuditAction, Member
from conversations.flows import FlowError
from conversations.flows.claim_approval import is_claimed_by_another
from conversations.flows.step import step
from conversations.models import Approval, ApprovalStatus, NoticeEvent, Run
from conversations.notices import tell
from conversations.recording import call_key, request_hash
from conversations.statements import lock_run
from nlops.core.checkpoints import edited
from nlops.core.engine import Decided, RunState
from nlops.core.types import Json
from nlops.core.views import display
from specs.querysets import connection_to, operation_of, tools


class DecisionRefused(FlowError):
    """This member can't decide this approval (any more)."""


def decide(
    member: Member, approval: Approval, agreed: bool, reason: str = "", *, values: Mapping[str, str] | None = None
) -> None:
    """Approve or reject; the run then goes on by itself.

    `values`: what the approver changed, as typed, by argument name: the approval is then of exactly that request.
    Raises DecisionRefused.
    """
    with transaction.atomic():
        run = lock_run(approval.run_id)
        approval = Approval.objects.select_for_update().get(pk=approval.pk)
        check_decider(member, approval)
        arguments = _edited(run, approval, values) if agreed and values else None
        settle(run, approval, member, agreed, reason, arguments=arguments)
        approval.refresh_from_db()
        decided = {"agreed": agreed, "request_hash": approval.request_hash, "run": run.pk, "edited": approval.edited}
        audit(AuditAction.APPROVAL_DECIDED, approval, decided, member=member)
        tell(NoticeEvent.DECIDED, [approval])


def settle(
    run: Run,
    approval: Approval,
    member: Member,
    agreed: bool,
    reason: str,
    *,
    arguments: dict[str, Json] | None = None,
) -> None:
    """Write the decision, for every call of its batch, and advance the locked run."""
    reason = reason.strip()
    _write(run, ApprovalStatus.APPROVED if agreed else ApprovalStatus.REJECTED, member, reason)
    if arguments is not None:
        _bind_anew(run, approval, arguments)
    step(
        run,
        Decided(
            call_id=call_key(run, approval.call_id),
            agreed=agreed,
            by=member.user.email,
            reason=reason,
            by_requester=approval.by_requester,
            arguments=arguments,
        ),
    )


def _edited(run: Run, approval: Approval, values: Mapping[str, str]) -> dict[str, Json] | None:
    """The arguments with the approver's changes, None when nothing was changed."""
    state = RunState.from_json(run.state)
    call = state.call(call_key(run, approval.call_id))
    if call.batch:
        raise DecisionRefused("Calls that are decided together can't be changed. Reject them and say what to change.")
    tool = next((tool for tool in tools(state.operation_ids) if tool.name == call.tool), None)
    if tool is None:
        raise DecisionRefused("This operation is gone, so the call can't be changed.")
    try:
        arguments = edited(tool, call.arguments, values)
    except ValueError as error:
        raise DecisionRefused(f"The changed call does not fit. {error}") from error
    return arguments if arguments != call.arguments else None


def _bind_anew(run: Run, approval: Approval, arguments: dict[str, Json]) -> None:
    """The approval is of the request with these arguments, and of no other (design.md section 2, rule 3)."""
    before = RunState.from_json(run.state).call(call_key(run, approval.call_id)).arguments
    operation = operation_of(run.tenant_id, str(approval.call.operation_id))
    connection = connection_to(operation.version.product_id)
    if connection is None:
        raise DecisionRefused("There is no connection to the product any more.")
    changed = [name for name in before if before[name] != arguments.get(name)]
    Approval.objects.filter(pk=approval.pk).update(
        request_hash=request_hash(operation.pk, operation.version_id, connection, arguments),
        edited=[
            {
                "name": name,
                "before": display(before[name]),
                "after": display(arguments[name]) if name in arguments else None,
            }
            for name in changed
        ],
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
        if not approval.by_requester:
            approval.refresh_from_db()
            tell(NoticeEvent.EXPIRED, [approval])


def check_decider(member: Member, approval: Approval) -> None:
    """Raises DecisionRefused unless the member may decide it now."""
    if approval.by_requester or not member.is_operator:
        raise DecisionRefused("This decision is not yours: it needs the role operator.")
    if approval.requested_by_id == member.pk:
        raise DecisionRefused("You asked for this call yourself, so another operator must decide it.")
    if approval.status != ApprovalStatus.WAITING:
        raise DecisionRefused(f"This was {approval.get_status_display().lower()} already.")
    if approval.expires_at <= timezone.now():
        raise DecisionRefused("The time to decide is over. The requester can ask again.")
    if is_claimed_by_another(approval, member):
        raise DecisionRefused(f"{approval.claimed_by} is deciding this. Take it over first, if that is agreed.")

"""The last check before a call goes out: what was agreed to is what is sent, and it still may be."""

from __future__ import annotations

from accounts.models import Mode
from accounts.sql import read_rows
from conversations.models import Approval, ApprovalStatus, Run
from conversations.recording import call_pk, request_hash
from nlops.core.checkpoints import returned, taint_decision, tainted
from nlops.core.phrases import say
from nlops.core.rules import ruling
from nlops.core.types import CallRecord, Decision, Effect, Tool
from specs.models import Connection, Operation
from specs.querysets import connection_to, operation_of


class DispatchRefused(Exception):
    """The call must not go out; `str()` is for the person."""


def check_dispatch(run: Run, call: CallRecord, tool: Tool | None) -> tuple[Operation, Connection]:
    """Policy, membership, connection and the agreed request, as they are at this moment. Uses the approval up.

    `tool` has the policy's decision of this transaction. Returns what the call is sent with. Raises DispatchRefused.
    """
    if not run.conversation.member.is_active:
        raise DispatchRefused("Your membership has ended, so nothing more is done for this request.")
    if run.mode is Mode.STOPPED or (run.mode is Mode.READ_ONLY and tool is not None and tool.effect is not Effect.READ):
        raise DispatchRefused(say("stopped_by_switch") if run.mode is Mode.STOPPED else say("read_only"))
    if tool is None or tool.decision is Decision.DENY:
        raise DispatchRefused("This operation may not be used here any more.")
    operation = operation_of(run.tenant_id, tool.operation_id)
    connection = connection_to(operation.version.product_id, run.conversation.member_id)
    if connection is None:
        raise DispatchRefused(f"There is no connection to {tool.product} yet. An operator can add one under Products.")
    if tool.connect or connection.lacks_credential:
        raise DispatchRefused(say("connect_first", product=tool.product))
    requester = run.conversation.member.user.email
    decision = ruling(tool.decision, tool.rules, call.arguments, requester, returned(call.provenance)).decision
    if decision is Decision.DENY:
        raise DispatchRefused(say("not_allowed_so"))
    if tainted(tool, call.provenance):
        decision = max(decision, taint_decision(tool), key=lambda one: one.strictness)
    if decision is not Decision.ALLOW:
        _use_approval(run, call, decision, request_hash(operation.pk, operation.version_id, connection, call.arguments))
    return operation, connection


def _use_approval(run: Run, call: CallRecord, decision: Decision, expected: str) -> None:
    approvals = read_rows(
        Approval,
        "call_id = %s AND status IN (%s, %s) FOR UPDATE",
        [call_pk(run, call.id), ApprovalStatus.APPROVED, ApprovalStatus.USED],
    )
    fitting = [approval for approval in approvals if approval.request_hash == expected]
    if decision is Decision.APPROVE:
        # A repetition of a call in doubt is confirmed by its requester, on top of the approval that it had.
        fitting = [approval for approval in fitting if not approval.by_requester]
    fresh = [approval for approval in fitting if approval.status == ApprovalStatus.APPROVED]
    if not fresh and not (fitting and call.tries):
        raise DispatchRefused(
            "The rules or the call have changed since it was agreed to, so it was not made. Please ask again."
        )
    Approval.objects.filter(pk__in=[approval.pk for approval in fresh]).order_by().update(status=ApprovalStatus.USED)

"""The last check before a call goes out: what was agreed to is what is sent, and it still may be."""

from __future__ import annotations

from conversations.models import Approval, ApprovalStatus, Call, Run
from conversations.recording import request_hash
from nlops.core.types import Decision, Effect, ProvenanceKind
from specs.models import Connection
from specs.querysets import decision_for


class DispatchRefused(Exception):
    """The call must not go out; `str()` is for the person."""


def check_dispatch(run: Run, call: Call) -> None:
    """Policy, membership, connection and the agreed request, as they are at this moment. Uses the approval up.

    Raises DispatchRefused.
    """
    if not run.conversation.member.is_active:
        raise DispatchRefused("Your membership has ended, so nothing more is done for this request.")
    connection = Connection.objects.filter(product_id=call.operation.version.product_id).first()
    if connection is None:
        product = call.operation.version.product
        raise DispatchRefused(f"There is no connection to {product} yet. An operator can add one under Products.")
    decision = decision_for(call.operation)
    if decision is Decision.DENY:
        raise DispatchRefused("This operation may not be used here any more.")
    if decision is Decision.ALLOW and not _is_tainted_write(call):
        return
    _use_approval(call, decision, connection)


def _is_tainted_write(call: Call) -> bool:
    kinds = {found["kind"] for found in call.provenance.values()}
    return call.operation.effect != Effect.READ and ProvenanceKind.RETURNED in kinds


def _use_approval(call: Call, decision: Decision, connection: Connection) -> None:
    expected = request_hash(call.operation_id, call.operation.version_id, connection, call.arguments)
    approvals = Approval.objects.select_for_update().filter(
        call=call, status__in=[ApprovalStatus.APPROVED, ApprovalStatus.USED]
    )
    fitting = [approval for approval in approvals if approval.request_hash == expected]
    if decision is Decision.APPROVE:
        # A repetition of a call in doubt is confirmed by its requester, on top of the approval that it had.
        fitting = [approval for approval in fitting if not approval.by_requester]
    fresh = [approval for approval in fitting if approval.status == ApprovalStatus.APPROVED]
    if not fresh and not (fitting and call.attempts.exists()):
        raise DispatchRefused(
            "The rules or the call have changed since it was agreed to, so it was not made. Please ask again."
        )
    for approval in fresh:
        approval.status = ApprovalStatus.USED
        approval.save()

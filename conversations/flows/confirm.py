"""The requester says yes or no to an exact call."""

from __future__ import annotations

from django.db import transaction

from accounts.models import Member
from accounts.sql import read_rows
from conversations.flows import FlowError
from conversations.flows.decide import settle
from conversations.models import Approval, ApprovalStatus, Run
from conversations.statements import lock_run


class NothingToConfirm(FlowError):
    """The run does not wait for the requester's yes (any more)."""


def confirm(member: Member, run: Run, agreed: bool) -> None:
    """Record the requester's decision on the call that waits for it. Raises NothingToConfirm."""
    with transaction.atomic():
        run = lock_run(run.pk)
        waiting = read_rows(Approval, "run_id = %s AND status = %s", [run.pk, ApprovalStatus.WAITING])
        if not waiting or not waiting[0].by_requester or run.conversation.member_id != member.pk:
            raise NothingToConfirm("This was decided already, or the request is over.")
        settle(run, waiting[0], member, agreed, "")

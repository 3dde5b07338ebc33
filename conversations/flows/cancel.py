"""The person stops a request."""

from __future__ import annotations

from django.db import transaction

from accounts.models import Member
from conversations.flows import FlowError
from conversations.flows.step import step
from conversations.models import Run
from conversations.statements import lock_run
from nlops.core.engine import Cancelled
from nlops.core.types import RunStatus


class NotYours(FlowError):
    """The run belongs to another member."""


def cancel(member: Member, run: Run) -> None:
    """Stop the run wherever it is, at the latest with the outcome of the call that is on its way. Raises NotYours.

    A run that is over stays as it is.
    """
    with transaction.atomic():
        run = lock_run(run.pk)
        if run.conversation.member_id != member.pk:
            raise NotYours("Only the person who asked can stop a request.")
        if not RunStatus(run.status).is_over:
            # Whoever has a call on its way brings its outcome back, so the lease stays.
            step(run, Cancelled(), keep_lease=True)

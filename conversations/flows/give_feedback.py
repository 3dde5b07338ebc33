"""Thumbs and a comment on an answer."""

from __future__ import annotations

from django.db import transaction

from accounts.models import Member
from conversations.flows import FlowError
from conversations.models import Feedback, Run
from conversations.queue import send_after_commit
from nlops.core.types import RunStatus


class FeedbackRefused(FlowError):
    """There is no answer to judge, or the comment is too long."""


#: Characters of a comment.
MAX_COMMENT = 2000


def give_feedback(member: Member, run: Run, is_good: bool, comment: str = "") -> None:
    """Keep the member's judgement; a later one replaces it. Raises FeedbackRefused."""
    if not RunStatus(run.status).is_over or run.conversation.member_id != member.pk:
        raise FeedbackRefused("There is no answer of yours here to judge yet.")
    if len(comment) > MAX_COMMENT:
        raise FeedbackRefused(f"The comment has {len(comment):,} characters; at most {MAX_COMMENT:,} fit.")
    with transaction.atomic():
        Feedback.objects.update_or_create(
            tenant_id=run.tenant_id,
            run=run,
            member=member,
            defaults={"is_good": is_good, "comment": comment.strip()},
        )
        send_after_commit("conversations.tasks.collect_feedback", str(run.tenant_id), str(run.pk))

"""An operator says that they are at an approval, so that two don't decide it at once."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts.models import Member
from conversations.flows import FlowError
from conversations.models import Approval, ApprovalStatus

#: How long a claim holds without another word of its member.
MINUTES = 10


class ClaimRefused(FlowError):
    """The approval can't be claimed (any more)."""


def claim(member: Member, approval: Approval, *, take_over: bool = False) -> None:
    """The member is deciding this; `take_over` also from another who claimed it. Raises ClaimRefused."""
    with transaction.atomic():
        approval = Approval.objects.select_for_update().get(pk=approval.pk)
        if approval.by_requester or not member.is_operator or approval.requested_by_id == member.pk:
            raise ClaimRefused("This decision is not yours: it needs another operator.")
        if approval.status != ApprovalStatus.WAITING:
            raise ClaimRefused(f"This was {approval.get_status_display().lower()} already.")
        if is_claimed_by_another(approval, member) and not take_over:
            raise ClaimRefused(f"{approval.claimed_by} is deciding this.")
        approval.claimed_by, approval.claimed_until = member, timezone.now() + timedelta(minutes=MINUTES)
        approval.save(update_fields=["claimed_by", "claimed_until"])


def release(member: Member, approval: Approval) -> None:
    """The member leaves it to others again."""
    Approval.objects.filter(pk=approval.pk, claimed_by=member).update(claimed_by=None, claimed_until=None)


def is_claimed_by_another(approval: Approval, member: Member) -> bool:
    """Whether somebody else is deciding this now."""
    until = approval.claimed_until
    return approval.claimed_by_id not in (None, member.pk) and until is not None and until > timezone.now()

"""A member agrees, once, to what nlops keeps of their conversations."""

from __future__ import annotations

from django.utils import timezone

from accounts.audit import audit
from accounts.models import AuditAction, Member


def give_consent(member: Member) -> None:
    """Record the moment; a second time changes nothing."""
    if member.consented_at is None:
        member.consented_at = timezone.now()
        member.save(update_fields=["consented_at"])
        audit(AuditAction.CONSENTED, member, member=member)

"""An owner changes a member's role, or lets them in no more."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts.audit import audit
from accounts.models import ApiToken, AuditAction, Invitation, Member, MemberRole, Tenant
from nlops.core.types import Json


class ChangeRefused(Exception):
    """The member can't be changed so; `str()` is for the person."""


def change_member(owner: Member, member: Member, *, role: str | None = None, is_active: bool | None = None) -> Member:
    """In force from the member's next request, and from the next step of every run on; in the tenant's context.

    Who is deactivated has no tokens left afterwards; invitations that somebody made who is no owner any more are
    revoked: else they could come back by one. Raises ChangeRefused.
    """
    if role is not None and role not in MemberRole.values:
        raise ChangeRefused(f"The role is one of {', '.join(MemberRole.values)}.")
    with transaction.atomic():
        # One at a time in a tenant: two owners who demote each other at once would leave none.
        Tenant.objects.select_for_update().get(pk=owner.tenant_id)
        if not Member.objects.filter(pk=owner.pk, role=MemberRole.OWNER, is_active=True).exists():
            raise ChangeRefused("This needs the role owner.")
        row = Member.objects.select_related("user").get(pk=member.pk)
        changes: dict[str, Json] = {}
        for name, wanted in (("role", role), ("is_active", is_active)):
            if wanted is not None and getattr(row, name) != wanted:
                changes[name] = [getattr(row, name), wanted]
                setattr(row, name, wanted)
        if not changes:
            return row
        _keep_an_owner(row)
        row.save(update_fields=list(changes))
        if not row.is_active:
            ApiToken.objects.filter(member=row).delete()
        if not (row.is_active and row.is_owner):
            waiting = Invitation.objects.filter(invited_by=row, accepted_at=None, revoked_at=None)
            changes["invitations_revoked"] = waiting.update(revoked_at=timezone.now())
        audit(AuditAction.MEMBER_CHANGED, row, {"user": row.user_id, **changes}, member=owner)
    return row


def _keep_an_owner(row: Member) -> None:
    if row.is_owner and row.is_active:
        return
    others = Member.objects.filter(role=MemberRole.OWNER, is_active=True, user__is_active=True).exclude(pk=row.pk)
    if not others.exists():
        raise ChangeRefused(
            f"{row.user.email} is the only owner. Make somebody else an owner first: "
            "without one, nobody could invite or change members."
        )

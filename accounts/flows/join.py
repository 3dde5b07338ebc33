"""Somebody accepts an invitation: as the user that they are, or as a new one."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.audit import Origin, audit
from accounts.context import tenant_context
from accounts.models import ActorKind, AuditAction, Invitation, Member, User


class JoinRefused(Exception):
    """The invitation can't be accepted; `str()` is for the person."""


def join(invitation: Invitation, user: User, *, ip: str = "") -> Member:
    """The user is a member now. Outside of the tenant's context. `ip`: where they are. Raises JoinRefused."""
    if user.email.lower() != invitation.email:
        raise JoinRefused(f"This invitation is for {invitation.email}, and you are signed in as {user.email}.")
    if not user.is_active:
        raise JoinRefused("This account is closed.")
    with tenant_context(invitation.tenant_id):
        row = Invitation.objects.select_for_update().get(pk=invitation.pk)
        # Asked for again under the lock: two windows, or an owner who takes it back at this moment.
        if row.digest != invitation.digest or row.accepted_at or row.revoked_at or row.is_expired:
            raise JoinRefused("This invitation can't be used any more. Ask for a new one.")
        row.accepted_at = timezone.now()
        row.save(update_fields=["accepted_at"])
        member, is_new = Member.objects.get_or_create(
            tenant_id=row.tenant_id, user=user, defaults={"role": row.role, "is_active": True}
        )
        if not is_new:
            raise JoinRefused(f"You are a member of {invitation.tenant} already, or were: ask its owner.")
        origin = Origin(ActorKind.MEMBER, user.pk, member.role, ip)
        audit(AuditAction.MEMBER_JOINED, row, {"user": user.pk, "role": row.role}, origin=origin)
    return member


def join_as_new_user(
    invitation: Invitation, *, first_name: str, last_name: str, time_zone: str, password: str, ip: str = ""
) -> Member:
    """A user with the invitation's address, and their membership; both or neither. Raises JoinRefused."""
    try:
        with transaction.atomic():
            user = User.objects.create_user(
                invitation.email, password, first_name=first_name, last_name=last_name, time_zone=time_zone
            )
            return join(invitation, user, ip=ip)
    except IntegrityError as error:
        raise JoinRefused("You have an account already. Sign in to accept the invitation.") from error

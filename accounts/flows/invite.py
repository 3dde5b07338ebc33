"""An owner invites somebody into the tenant, sends the link again, or takes it back."""

from __future__ import annotations

from datetime import datetime, timedelta
from smtplib import SMTPException

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from accounts.api_tokens import digest_of
from accounts.audit import audit
from accounts.context import tenant_context
from accounts.invitations import new_secret
from accounts.mail import can_mail
from accounts.models import AuditAction, Invitation, Member, MemberRole, Tenant

log = structlog.get_logger(__name__)

#: Invitations of a tenant that may be open at a time.
MAX_OPEN = 200


class InviteRefused(Exception):
    """The invitation can't be made or changed; `str()` is for the person."""


def invite(owner: Member, email: str, role: str) -> tuple[Invitation, str]:
    """The invitation and the secret of its link, which nobody sees again. In the tenant's context.

    Raises InviteRefused.
    """
    _must_be_owner(owner)
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise InviteRefused(f"“{email}” is not an e-mail address.") from error
    if role not in MemberRole.values:
        raise InviteRefused(f"The role is one of {', '.join(MemberRole.values)}.")
    with transaction.atomic():
        Tenant.objects.select_for_update().get(pk=owner.tenant_id)
        member = Member.objects.filter(user__email=email).first()
        if member is not None:
            state = "a member already" if member.is_active else "a member who is deactivated; reactivate them instead"
            raise InviteRefused(f"{email} is {state}.")
        waiting = Invitation.objects.filter(accepted_at=None, revoked_at=None)
        if waiting.filter(email=email).exists():
            raise InviteRefused(f"{email} is invited already. Send that invitation again, or revoke it first.")
        if waiting.count() >= MAX_OPEN:
            raise InviteRefused(f"{MAX_OPEN} invitations are open. Revoke some that nobody will accept.")
        secret = new_secret(owner.tenant_id)
        invitation = Invitation.objects.create(
            tenant_id=owner.tenant_id,
            email=email,
            role=role,
            invited_by=owner,
            digest=digest_of(secret),
            expires_at=_end(),
        )
        audit(AuditAction.INVITATION_CHANGED, invitation, {"change": "made", "role": role}, member=owner)
    return invitation, secret


def invite_again(owner: Member, invitation: Invitation) -> str:
    """A new secret with its full time; the link that was handed out before stops. Raises InviteRefused."""
    _must_be_owner(owner)
    with transaction.atomic():
        row = _locked(invitation)
        secret = new_secret(row.tenant_id)
        row.digest, row.expires_at, row.invited_by, row.mailed_at = digest_of(secret), _end(), owner, None
        row.save(update_fields=["digest", "expires_at", "invited_by", "mailed_at"])
        audit(AuditAction.INVITATION_CHANGED, row, {"change": "sent again", "role": row.role}, member=owner)
    return secret


def revoke_invitation(owner: Member, invitation: Invitation) -> None:
    """Its link opens nothing from now on. Raises InviteRefused."""
    _must_be_owner(owner)
    with transaction.atomic():
        row = _locked(invitation)
        row.revoked_at = timezone.now()
        row.save(update_fields=["revoked_at"])
        audit(AuditAction.INVITATION_CHANGED, row, {"change": "revoked", "role": row.role}, member=owner)


def mail_invitation(invitation: Invitation, link: str) -> bool:
    """Whether the link went out by e-mail. Outside of a transaction: a mail server may take its time."""
    if not can_mail():
        return False
    days = settings.NLOPS_INVITATION_DAYS
    text = (
        f"You are invited to {invitation.tenant} on nlops, as {invitation.get_role_display().lower()}.\n\n"
        f"Open this link to join. It works once, for {days} days:\n\n{link}\n\n"
        "If you don't know what this is about, ignore it: nothing happens without you.\n"
    )
    # A tenant's name must not add headers to a mail.
    subject = " ".join(f"Your invitation to {invitation.tenant}".split())
    try:
        send_mail(subject, text, None, [invitation.email])
    except (SMTPException, OSError) as error:
        # The server's words may repeat the mail.
        log.warning("invitation_not_mailed", invitation=str(invitation.pk), error=type(error).__name__)
        return False
    with tenant_context(invitation.tenant_id):
        Invitation.objects.filter(pk=invitation.pk).update(mailed_at=timezone.now())
    return True


def _must_be_owner(member: Member) -> None:
    if not (member.is_owner and member.is_active):
        raise InviteRefused("This needs the role owner.")


def _locked(invitation: Invitation) -> Invitation:
    """The row, still open. Raises InviteRefused."""
    row = Invitation.objects.select_for_update().get(pk=invitation.pk)
    if row.accepted_at is not None:
        raise InviteRefused(f"{row.email} has accepted the invitation already.")
    if row.revoked_at is not None:
        raise InviteRefused("This invitation was revoked. Make a new one.")
    return row


def _end() -> datetime:
    return timezone.now() + timedelta(days=settings.NLOPS_INVITATION_DAYS)

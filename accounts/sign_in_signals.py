"""Sign-ins, refused ones, sign-outs, passwords and second factors, audited in every tenant of the user."""

from __future__ import annotations

from typing import Any

from allauth.account.signals import password_changed, password_reset, password_set
from allauth.mfa.signals import authenticator_added, authenticator_removed, authenticator_reset
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.audit import Origin, audit
from accounts.context import tenant_context, user_context
from accounts.models import ActorKind, AuditAction, Member, User
from accounts.requests import client_ip
from nlops.core.types import Json


@receiver(user_logged_in)
def signed_in(request: HttpRequest | None, user: User, **_: Any) -> None:
    """Somebody has passed every step of signing in."""
    audit_everywhere(AuditAction.SIGNED_IN, request, user)


@receiver(user_logged_out)
def signed_out(request: HttpRequest | None, user: User | None, **_: Any) -> None:
    """A session was ended by its user."""
    if user is not None:
        audit_everywhere(AuditAction.SIGNED_OUT, request, user)


@receiver(user_login_failed)
def sign_in_failed(credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    """A wrong password; how often it can be tried is limited by allauth."""
    user = User.objects.filter(email=str(credentials.get("email") or credentials.get("username") or "").lower()).first()
    if user is not None:
        audit_everywhere(AuditAction.SIGN_IN_FAILED, request, user, kind=ActorKind.STRANGER)


@receiver([password_changed, password_reset, password_set])
def password_is_new(request: HttpRequest | None, user: User, **_: Any) -> None:
    """A password was set, changed or reset."""
    audit_everywhere(AuditAction.PASSWORD_CHANGED, request, user)


@receiver([authenticator_added, authenticator_removed, authenticator_reset])
def second_factor_is_new(request: HttpRequest | None, user: User, authenticator: Any, signal: Any, **_: Any) -> None:
    """A second factor came, went, or got new recovery codes."""
    names = {id(authenticator_added): "added", id(authenticator_removed): "removed"}
    data: dict[str, Json] = {"type": str(authenticator.type), "change": names.get(id(signal), "reset")}
    audit_everywhere(AuditAction.SECOND_FACTOR_CHANGED, request, user, data=data)


def audit_everywhere(
    action: AuditAction,
    request: HttpRequest | None,
    user: User,
    *,
    kind: ActorKind = ActorKind.MEMBER,
    data: dict[str, Json] | None = None,
) -> None:
    """Once in each tenant of which the user is an active member; staff are members of none."""
    assert user.pk is not None
    with user_context(user.pk):
        members = list(Member.objects.filter(user_id=user.pk, is_active=True))
    ip = client_ip(request) if request is not None else ""
    for member in members:
        with tenant_context(member.tenant_id):
            audit(action, None, data, origin=Origin(kind, user.pk, member.role, ip))

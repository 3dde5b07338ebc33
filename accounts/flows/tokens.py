"""A member makes a token for scripts, or takes one back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts.api_tokens import digest_of, new_secret
from accounts.audit import audit
from accounts.models import ApiToken, AuditAction, Member, TokenScope

#: Tokens that a member may have at a time.
MAX_TOKENS = 20
#: Days that a token may last.
MAX_DAYS = 365


class TokenRefused(Exception):
    """The token can't be made; `str()` says why."""


def make_token(member: Member, *, name: str, scopes: Sequence[str], days: int) -> tuple[ApiToken, str]:
    """The token's row and the token itself, which nobody sees again. In the tenant's context. Raises TokenRefused."""
    name = name.replace("\x00", "").strip()
    if not name:
        raise TokenRefused("Name: say what the token is for, such as “nightly report”.")
    if not scopes or not set(scopes) <= set(TokenScope.values):
        raise TokenRefused(f"Scopes: choose at least one of {', '.join(TokenScope.values)}.")
    if not 1 <= days <= MAX_DAYS:
        raise TokenRefused(f"Days: a token lasts from 1 to {MAX_DAYS} days.")
    with transaction.atomic():
        Member.objects.select_for_update().get(pk=member.pk)
        if ApiToken.objects.filter(member=member, expires_at__gt=timezone.now()).count() >= MAX_TOKENS:
            raise TokenRefused(f"You have {MAX_TOKENS} tokens. Revoke one that is not needed any more.")
        secret = new_secret(member.tenant_id)
        token = ApiToken.objects.create(
            tenant_id=member.tenant_id,
            member=member,
            name=name[:100],
            digest=digest_of(secret),
            hint=secret[-4:],
            scopes=sorted(set(scopes)),
            expires_at=timezone.now() + timedelta(days=days),
        )
        audit(AuditAction.TOKEN_CHANGED, token, {"name": token.name, "change": "made", "scopes": token.scopes})
    return token, secret


def revoke_token(token: ApiToken) -> None:
    """It opens nothing from now on."""
    with transaction.atomic():
        audit(AuditAction.TOKEN_CHANGED, token, {"name": token.name, "change": "revoked"})
        token.delete()

"""Tokens with which scripts use the REST API in a member's name: shown once, kept as a hash, bound to scopes.

A token is nlops_TENANT_SECRET: the tenant is named, so that its row is looked for in that tenant's context only; the
secret has 256 random bits, so that its SHA-256 is as good as a slow hash (NIST SP 800-63B section 5.1.1.2 is about
what people choose).
"""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.context import tenant_context
from accounts.models import ApiToken, Member, TokenScope
from accounts.throttle import wait_for

_FORM = re.compile(r"nlops_([0-9a-f]{32})_([A-Za-z0-9_-]{43})")
#: Seconds between two notes of when a token was used.
_USED_SECONDS = 60


def new_secret(tenant_id: uuid.UUID) -> str:
    """A token for the tenant, as the script sends it."""
    return f"nlops_{tenant_id.hex}_{secrets.token_urlsafe(32)}"


def digest_of(token: str) -> str:
    """What is kept of the token."""
    return hashlib.sha256(token.encode()).hexdigest()


def bearer_of(request: HttpRequest) -> str:
    """The token of ours that the request brings, "" for none (RFC 6750 section 2.1)."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" and token.strip().startswith("nlops_") else ""


def find_token(token: str) -> ApiToken | None:
    """The token's row with its member, None when it is unknown, revoked, expired, or its member is gone."""
    form = _FORM.fullmatch(token)
    if form is None:
        return None
    with tenant_context(uuid.UUID(form[1])):
        row = (
            ApiToken.objects.select_related("member__user", "member__tenant")
            .filter(digest=digest_of(token), expires_at__gt=timezone.now(), member__is_active=True)
            .filter(member__user__is_active=True)
            .first()
        )
        now = timezone.now()
        if row and (row.used_at is None or row.used_at < now - timedelta(seconds=_USED_SECONDS)):
            ApiToken.objects.filter(pk=row.pk).update(used_at=now)
    return row


def wait_for_token(token: ApiToken) -> int:
    """Count one request of the token in this minute; seconds to wait when it sent too many, else 0."""
    return wait_for(f"token:{token.pk}", settings.NLOPS_TOKEN_RATE)


def may(token: ApiToken, scope: str, method: str) -> bool:
    """Whether the token's scopes take in a request of that method to a view of that scope."""
    held: Sequence[str] = token.scopes
    return scope in held or (method in ("GET", "HEAD", "OPTIONS") and TokenScope.READ in held)


class ApiTokenAuthentication(BaseAuthentication):
    """REST framework's side: the middleware has found the token's member before."""

    def authenticate(self, request: Request) -> tuple[object, ApiToken] | None:
        """The member's user and the token, None when the request brings no token of ours."""
        if not bearer_of(request._request):
            return None
        token = getattr(request._request, "api_token", None)
        if token is None:
            raise AuthenticationFailed(
                "This token is unknown, expired or revoked. Make a new one on your profile page."
            )
        member: Member = token.member
        return member.user, token

    def authenticate_header(self, request: Request) -> str:
        """RFC 6750 section 3."""
        return 'Bearer realm="nlops"'

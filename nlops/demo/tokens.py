"""Bearer tokens by the OAuth 2.0 password grant (RFC 6749 sections 4.3 and 6, RFC 6750)."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from nlops.demo.models import Client, Token

#: How long a refresh token is good.
REFRESH_FOR = timedelta(hours=12)


@csrf_exempt
@require_POST
def token(request: HttpRequest) -> JsonResponse:
    """POST /auth/token: grant_type=password with username and password, or grant_type=refresh_token."""
    given = request.POST.dict()
    needed = {"password": ("username", "password"), "refresh_token": ("refresh_token",)}
    missing = [name for name in ("grant_type", *needed.get(given.get("grant_type", ""), ())) if not given.get(name)]
    if missing or "\0" in "".join(given.values()):
        return _refuse("invalid_request", f"Missing: {', '.join(missing)}." if missing else "Null characters.")
    match given["grant_type"]:
        case "password":
            client = Client.objects.filter(name=given["username"]).first()
            if client is None or not check_password(given["password"], client.password):
                return _refuse("invalid_grant", "The user name or the password is wrong.")
        case "refresh_token":
            old = Token.objects.filter(
                refresh=_hash(given["refresh_token"]), refresh_expires_at__gt=timezone.now()
            ).first()
            # Of several who hold it, the one who removes it gets the new one.
            if old is None or not Token.objects.filter(pk=old.pk).delete()[0]:
                return _refuse("invalid_grant", "The refresh token is unknown or has expired.")
            client = old.client
        case _:
            return _refuse("unsupported_grant_type", "grant_type must be password or refresh_token.")
    return JsonResponse(_issue(client), headers={"Cache-Control": "no-store"})


def _issue(client: Client) -> dict[str, Any]:
    Token.objects.filter(client=client, refresh_expires_at__lt=timezone.now()).delete()
    access, refresh = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    seconds = settings.DEMO_TOKEN_SECONDS
    Token.objects.create(
        client=client,
        access=_hash(access),
        refresh=_hash(refresh),
        expires_at=timezone.now() + timedelta(seconds=seconds),
        refresh_expires_at=timezone.now() + REFRESH_FOR,
    )
    return {"access_token": access, "refresh_token": refresh, "token_type": "Bearer", "expires_in": seconds}


def _refuse(code: str, description: str) -> JsonResponse:
    return JsonResponse({"error": code, "error_description": description}, status=400)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class BearerAuthentication(BaseAuthentication):
    """Authorization: Bearer TOKEN."""

    def authenticate(self, request: Request) -> tuple[Client, Token] | None:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not given:
            return None
        found = Token.objects.select_related("client__workspace").filter(access=_hash(given.strip())).first()
        if found is None:
            raise AuthenticationFailed("The access token is unknown.", code="invalid_token")
        if found.expires_at <= timezone.now():
            raise AuthenticationFailed("The access token has expired. Refresh it.", code="token_expired")
        return found.client, found

    def authenticate_header(self, request: Request) -> str:
        """The challenge of a 401; an error is named only to who gave a token (RFC 6750 section 3.1)."""
        given = "Authorization" in request.headers
        return 'Bearer realm="keyring"' + (', error="invalid_token"' if given else "")


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = BearerAuthentication
    name = "oauth2"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """The security scheme of the description."""
        return {
            "type": "oauth2",
            "flows": {"password": {"tokenUrl": "/auth/token", "refreshUrl": "/auth/token", "scopes": {}}},
        }

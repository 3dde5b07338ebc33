"""Calling a product through a connection: signing in, renewing what has expired, sending, testing."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import orjson
import structlog
from django.conf import settings
from django.utils import timezone

from accounts.context import tenant_context
from accounts.encryption import DecryptionError, decrypt, encrypt
from nlops.core.types import Effect, Json
from specs.http import (
    ProductUnreachable,
    Request,
    RequestNotPossible,
    Response,
    build_request,
    form_request,
    header_text,
    send,
)
from specs.models import AuthKind, Connection, Operation, VersionStatus

__all__ = [
    "CheckResult",
    "ProductUnreachable",
    "SignInFailed",
    "call_operation",
    "test_connection",
]

log = structlog.get_logger(__name__)

#: Seconds that a token endpoint gets; a row is locked meanwhile.
TOKEN_TIMEOUT_SECONDS = 10.0
#: Lifetime of a token whose response names none.
DEFAULT_LIFETIME_SECONDS = 300.0


class SignInFailed(ProductUnreachable):
    """The product did not accept the connection's credentials; the call itself was not sent or not executed."""

    def __init__(self, message: str) -> None:
        super().__init__(message, sent=False)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a test of a connection found."""

    ok: bool
    #: for the person
    message: str


def call_operation(
    operation: Operation,
    connection: Connection,
    arguments: Mapping[str, Json],
    *,
    idempotency_key: str = "",
) -> Response:
    """Send the operation with its arguments and return the product's answer, whatever its status.

    An expired token is renewed before, or after a 401, and then the request is sent exactly once more: the first one
    was not executed. Raises ProductUnreachable; its `sent` tells whether the product may have got the request.
    """
    request = build_request(
        method=operation.method,
        path=operation.path,
        base_url=connection.base_url,
        bindings=operation.bindings,
        arguments=arguments,
        body_media_type=operation.body_media_type,
    )
    if operation.idempotency_header and idempotency_key:
        request = request.with_headers(
            {operation.idempotency_header: header_text(idempotency_key, operation.idempotency_header)}
        )
    return _send_authorized(request, connection)


def _send_authorized(request: Request, connection: Connection) -> Response:
    if connection.auth_kind != AuthKind.OAUTH2_PASSWORD:
        return _send(_authorized(request, connection))
    token = _access_token(connection)
    response = _send(request.with_headers({"Authorization": f"Bearer {token}"}))
    if response.status != 401:
        return response
    token = _renew(connection, refused=token)
    return _send(request.with_headers({"Authorization": f"Bearer {token}"}))


def _authorized(request: Request, connection: Connection) -> Request:
    """The request with the connection's unchanging credentials."""
    if connection.auth_kind == AuthKind.NONE:
        return request
    secret = _secret(connection)
    match connection.auth_kind:
        case AuthKind.BEARER:
            return request.with_headers({"Authorization": header_text(f"Bearer {secret}", "the token")})
        case AuthKind.BASIC:
            pair = base64.b64encode(f"{connection.username}:{secret}".encode()).decode()
            return request.with_headers({"Authorization": f"Basic {pair}"})
        case AuthKind.API_KEY_HEADER:
            return request.with_headers({connection.auth_name: header_text(secret, "the API key")})
        case AuthKind.API_KEY_QUERY:
            return request.with_query(connection.auth_name, secret)
    raise RequestNotPossible(f"The connection's way to sign in ({connection.auth_kind}) is not known.")


# --- tokens -----------------------------------------------------------------------------------------------


def _access_token(connection: Connection) -> str:
    """The token in use, or a new one when there is none or it ends soon."""
    tokens = _tokens(connection)
    if tokens and connection.tokens_expire_at and connection.tokens_expire_at > timezone.now():
        return tokens["access_token"]
    return _renew(connection, refused=tokens.get("access_token", ""))


def _renew(connection: Connection, *, refused: str) -> str:
    """A token other than the refused one. Under the row's lock, so that one worker renews and the others take it."""
    with tenant_context(connection.tenant_id):
        row = Connection.objects.select_for_update().get(pk=connection.pk)
        tokens = _tokens(row)
        current = tokens.get("access_token", "")
        is_valid = row.tokens_expire_at is not None and row.tokens_expire_at > timezone.now()
        if not (current and current != refused and is_valid):
            tokens = _refreshed(row, tokens.get("refresh_token", "")) or _signed_in(row)
            _keep(row, tokens)
        connection.tokens, connection.tokens_expire_at = row.tokens, row.tokens_expire_at
        return str(tokens["access_token"])


def _refreshed(connection: Connection, refresh_token: str) -> dict[str, str]:
    """Tokens for the refresh token (RFC 6749 section 6); nothing when there is none, or it is no longer good."""
    if not refresh_token:
        return {}
    url = _absolute(connection, connection.refresh_url or connection.token_url)
    response = send(
        form_request(url, {"grant_type": "refresh_token", "refresh_token": refresh_token}),
        timeout=TOKEN_TIMEOUT_SECONDS,
    )
    if response.status in (400, 401, 403):
        return {}
    return _tokens_in(response, connection)


def _signed_in(connection: Connection) -> dict[str, str]:
    """Tokens for user name and password (RFC 6749 section 4.3)."""
    url = _absolute(connection, connection.token_url)
    fields = {"grant_type": "password", "username": connection.username, "password": _secret(connection)}
    response = send(form_request(url, fields), timeout=TOKEN_TIMEOUT_SECONDS)
    if response.status in (400, 401, 403):
        raise SignInFailed(
            f"{_host(connection)} refused the user name or password of {_named(connection)} "
            f"(HTTP {response.status}). An operator can correct them in the product's connection."
        )
    return _tokens_in(response, connection)


def _tokens_in(response: Response, connection: Connection) -> dict[str, str]:
    """The tokens of a response (RFC 6749 section 5.1), as they are kept."""
    body = response.body if isinstance(response.body, dict) else {}
    access = body.get("access_token")
    if response.status != 200 or not isinstance(access, str) or not access:
        raise SignInFailed(
            f"{_host(connection)} gave no token to {_named(connection)}: it answered with HTTP "
            f"{response.status}{'' if response.status != 200 else ' but no access_token'}. Check the connection's "
            "token URL."
        )
    lifetime = body.get("expires_in")
    seconds = float(lifetime) if isinstance(lifetime, int | float) else DEFAULT_LIFETIME_SECONDS
    refresh = body.get("refresh_token")
    return {
        "access_token": header_text(access, "the product's token"),
        "refresh_token": refresh if isinstance(refresh, str) else "",
        "lifetime": str(max(0.0, seconds)),
    }


def _keep(connection: Connection, tokens: dict[str, str]) -> None:
    """Store the tokens, encrypted. They count as expired a little before they are."""
    lifetime = float(tokens["lifetime"])
    connection.tokens = encrypt(
        orjson.dumps(tokens).decode(), tenant_id=connection.tenant_id, record=connection.record("tokens")
    )
    connection.tokens_expire_at = timezone.now() + timedelta(seconds=lifetime - min(30.0, lifetime * 0.1))
    connection.save(update_fields=["tokens", "tokens_expire_at"])


def _tokens(connection: Connection) -> dict[str, str]:
    if not connection.tokens:
        return {}
    try:
        plain = decrypt(connection.tokens, tenant_id=connection.tenant_id, record=connection.record("tokens"))
    except DecryptionError:
        log.warning("tokens_unreadable", connection=str(connection.pk))
        return {}  # they can be had again
    return dict(orjson.loads(plain))


def _secret(connection: Connection) -> str:
    if not connection.secret:
        raise SignInFailed(
            f"There is no secret in {_named(connection)}: no password, key or token. An operator can enter it in the "
            "product's connection."
        )
    try:
        return decrypt(connection.secret, tenant_id=connection.tenant_id, record=connection.record("secret"))
    except DecryptionError as error:
        raise SignInFailed(
            f"The secret of {_named(connection)} can't be read any more. An operator can enter it "
            "again in the product's connection."
        ) from error


def _send(request: Request) -> Response:
    return send(request, timeout=settings.NLOPS_PRODUCT_TIMEOUT, max_bytes=settings.NLOPS_PRODUCT_MAX_BYTES)


def _absolute(connection: Connection, url: str) -> str:
    """The URL, below the base URL when it is relative."""
    return url if url.startswith(("http://", "https://")) else f"{connection.base_url.rstrip('/')}/{url.lstrip('/')}"


def _named(connection: Connection) -> str:
    """The connection, named for the person; calls run outside of the tenant's context."""
    with tenant_context(connection.tenant_id):
        return f"the connection to {connection.product}"


def _host(connection: Connection) -> str:
    return urlsplit(connection.base_url).netloc


# --- testing ----------------------------------------------------------------------------------------------


def test_connection(connection: Connection) -> CheckResult:
    """Sign in and read something harmless; the result is kept on the connection. In the tenant's context."""
    try:
        result = _checked(connection)
    except ProductUnreachable as error:
        result = CheckResult(False, str(error))
    connection.check_ok, connection.check_message = result.ok, result.message
    connection.checked_at = timezone.now()
    connection.save(update_fields=["check_ok", "check_message", "checked_at"])
    return result


def _checked(connection: Connection) -> CheckResult:
    if connection.auth_kind == AuthKind.OAUTH2_PASSWORD:
        _renew(connection, refused=_tokens(connection).get("access_token", ""))
    operation = _harmless(connection)
    path = operation.path if operation else "/"
    if operation:
        response = call_operation(operation, connection, {})
    else:
        request = build_request(method="GET", path=path, base_url=connection.base_url, bindings={}, arguments={})
        response = _send_authorized(request, connection)
    where = f"{_host(connection)} answered GET {path} with HTTP {response.status}"
    if response.status == 401:
        return CheckResult(False, f"{where}: it does not accept the credentials. Check user name, secret and kind.")
    if response.status == 403:
        return CheckResult(
            False, f"{where}: the credentials are known but may not do this. Check their rights in the product."
        )
    if response.status == 404 and operation:
        return CheckResult(False, f"{where}. Check the base URL: something else answers there, or its path is wrong.")
    if response.status >= 500:
        return CheckResult(False, f"{where}: the product has a fault of its own at the moment.")
    signed_in = ", signed in" if connection.auth_kind != AuthKind.NONE else ""
    return CheckResult(True, f"{where} in {response.elapsed * 1000:.0f} ms{signed_in}.")


_OPEN_TO_ALL = ("health", "ping", "status", "version", "openapi", "ready", "live", "metrics", "login", "auth")


def _harmless(connection: Connection) -> Operation | None:
    """A read that needs no argument, sooner one that asks for credentials than one that greets everybody."""
    reads = Operation.objects.filter(
        version__product_id=connection.product_id,
        version__status__in=[VersionStatus.ACTIVE, VersionStatus.READY],
        method="GET",
        effect=Effect.READ,
        deprecated=False,
        schema__required__isnull=True,
    ).only("method", "path", "bindings", "body_media_type", "idempotency_header")
    return min(
        reads,
        key=lambda found: (any(word in found.path.lower() for word in _OPEN_TO_ALL), len(found.path)),
        default=None,
    )

"""Calling a product through a connection: signing in, renewing what has expired, sending, testing.

No database transaction is open while a product is waited for: a token is renewed by whoever claims it in the row, the
others wait for what the row says then.
"""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import orjson
import structlog
from django.conf import settings
from django.utils import timezone

from accounts.context import tenant_context
from accounts.encryption import DecryptionError, decrypt, encrypt
from nlops.core.types import Effect, Json
from specs.http import (
    TOTAL_SECONDS,
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
from specs.servers import base_url_of

__all__ = [
    "CheckResult",
    "ProductUnreachable",
    "SignInFailed",
    "call_operation",
    "send_authorized",
    "test_connection",
]

log = structlog.get_logger(__name__)

#: Seconds that a token endpoint gets for one exchange.
TOKEN_TIMEOUT_SECONDS = 10.0
#: Seconds after which the claim of a worker that renews a token is void: refreshing and then signing in fit in.
CLAIM_SECONDS = 2 * TOKEN_TIMEOUT_SECONDS + 2
#: Seconds in which refused credentials are not tried again, by anybody: products lock accounts.
REFUSED_SECONDS = 5.0
#: Seconds between two looks at a token that another worker renews.
LOOK_SECONDS = 0.05
#: Part of a run's lease that a call may take, signing in and repeating included.
LEASE_SHARE = 5 / 6
#: Lifetime of a token whose response names none.
DEFAULT_LIFETIME_SECONDS = 300.0


class SignInFailed(ProductUnreachable):
    """The connection could not sign in; the call itself was not sent or not executed."""

    def __init__(self, message: str) -> None:
        super().__init__(message, sent=False)


class CredentialsRefused(SignInFailed):
    """The product does not accept the credentials, or there are none. Not repeated: products lock accounts."""

    repeatable = False


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a test of a connection found."""

    ok: bool
    #: for the person
    message: str


def request_of(operation: Operation, connection: Connection, arguments: Mapping[str, Json]) -> Request:
    """The request that a call of the operation is, without credentials. Raises specs.http.RequestNotPossible."""
    return build_request(
        method=operation.method,
        path=operation.path,
        base_url=base_url_of(operation.server, connection.base_url),
        bindings=operation.bindings,
        arguments=arguments,
        body_media_type=operation.body_media_type,
    )


def call_operation(
    operation: Operation,
    connection: Connection,
    arguments: Mapping[str, Json],
    *,
    idempotency_key: str = "",
) -> Response:
    """Send the operation with its arguments and return the product's answer, whatever its status.

    An expired token is renewed before, or after a 401, and then the request is sent exactly once more: the first one
    was not executed. All of it ends within the worker's lease. Raises ProductUnreachable; its `sent` tells whether
    the product may have got the request.
    """
    request = request_of(operation, connection, arguments)
    if operation.idempotency_header and idempotency_key:
        request = request.with_headers(
            {operation.idempotency_header: header_text(idempotency_key, operation.idempotency_header)}
        )
    response = send_authorized(request, connection)
    return replace(response, body=None) if response.truncated and response.problem else response


def send_authorized(request: Request, connection: Connection, *, until: float | None = None) -> Response:
    """Send the request with the connection's credentials; over by `until` (time.monotonic), default: the lease.

    A read that the product redirects within its own scheme, host and port is followed once: products move their
    lists from /things to /things/ and back, and the credentials stay where they belong. Nothing else is followed.
    """
    until = until or time.monotonic() + settings.NLOPS_LEASE_SECONDS * LEASE_SHARE
    response = _send_signed_in(request, connection, until)
    moved = _within_origin(request, response, connection)
    return _send_signed_in(moved, connection, until) if moved else response


def _send_signed_in(request: Request, connection: Connection, until: float) -> Response:
    if connection.auth_kind != AuthKind.OAUTH2_PASSWORD:
        return _send(_authorized(request, connection), until)
    token = _access_token(connection, until)
    response = _send(request.with_headers({"Authorization": f"Bearer {token}"}), until)
    if response.status != 401:
        return response
    token = _renew(connection, refused=token, until=until)
    return _send(request.with_headers({"Authorization": f"Bearer {token}"}), until)


def _within_origin(request: Request, response: Response, connection: Connection) -> Request | None:
    """The request at the place where a read was sent on to, None when it must not be followed."""
    location = response.headers.get("location", "")
    if request.method not in ("GET", "HEAD") or response.status not in (301, 302, 303, 307, 308) or not location:
        return None
    try:
        here, there = urlsplit(request.url), urlsplit(urljoin(request.url, location))
        if (here.scheme, here.hostname, here.port) != (there.scheme, there.hostname, there.port) or "@" in there.netloc:
            return None
    except ValueError:
        return None
    query = there.query
    if connection.auth_kind == AuthKind.API_KEY_QUERY:
        # The product sends the key back in its address; it is added again below.
        query = urlencode(
            [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] != connection.auth_name]
        )
    return replace(request, url=there._replace(query=query, fragment="").geturl())


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


def _access_token(connection: Connection, until: float) -> str:
    """The token in use, or a new one when there is none or it ends soon."""
    tokens = _tokens(connection)
    if tokens and connection.tokens_expire_at and connection.tokens_expire_at > timezone.now():
        return tokens["access_token"]
    return _renew(connection, refused=tokens.get("access_token", ""), until=until)


def _renew(connection: Connection, *, refused: str, until: float) -> str:
    """A token other than the refused one. One worker renews it; the others wait for it and take the same."""
    claim = uuid.uuid4()
    while True:
        token = _claim_renewal(connection, refused, claim)
        if token:
            return token
        if connection.renewal_token == claim:
            return _exchange(connection, claim)
        if time.monotonic() >= until - TOKEN_TIMEOUT_SECONDS:
            raise SignInFailed(
                f"Signing in to {_host(connection)} takes too long: it is being tried for another request, and no "
                "token came. Nothing was sent. Please try again in a moment."
            )
        time.sleep(LOOK_SECONDS)


def _claim_renewal(connection: Connection, refused: str, claim: uuid.UUID) -> str:
    """The row's token, when it is another one and good; else "", and the claim is in the row unless somebody has it."""
    with tenant_context(connection.tenant_id):
        row = Connection.objects.select_for_update().get(pk=connection.pk)
        current = _tokens(row).get("access_token", "")
        is_valid = row.tokens_expire_at is not None and row.tokens_expire_at > timezone.now()
        if current and current != refused and is_valid:
            _take_over(connection, row)
            return current
        if row.renewal_until is None or row.renewal_until <= timezone.now():
            row.renewal_token, row.renewal_until = claim, timezone.now() + timedelta(seconds=CLAIM_SECONDS)
            row.save(update_fields=["renewal_token", "renewal_until"])
        elif row.renewal_token is None:
            # Nobody's turn: the credentials were refused just now.
            raise CredentialsRefused(_refusal(row, "a moment ago, for another request; not tried again so soon"))
        _take_over(connection, row)
        return ""


def _take_over(connection: Connection, row: Connection) -> None:
    connection.tokens, connection.tokens_expire_at = row.tokens, row.tokens_expire_at
    connection.renewal_token, connection.renewal_until = row.renewal_token, row.renewal_until


def _exchange(connection: Connection, claim: uuid.UUID) -> str:
    """New tokens from the product, stored if the claim still holds: it goes with a change of the connection, too."""
    end: dict[str, object] = {"renewal_until": None}
    try:
        tokens = _refreshed(connection, _tokens(connection).get("refresh_token", "")) or _signed_in(connection)
        end |= _as_kept(connection, tokens)
    except CredentialsRefused:
        end["renewal_until"] = timezone.now() + timedelta(seconds=REFUSED_SECONDS)
        raise
    finally:
        with tenant_context(connection.tenant_id):
            Connection.objects.filter(pk=connection.pk, renewal_token=claim).update(renewal_token=None, **end)
    return tokens["access_token"]


def _refreshed(connection: Connection, refresh_token: str) -> dict[str, str]:
    """Tokens for the refresh token (RFC 6749 section 6); nothing when there is none, or it is no longer good."""
    if not refresh_token:
        return {}
    url = _absolute(connection, connection.refresh_url or connection.token_url)
    response = send(
        form_request(url, {"grant_type": "refresh_token", "refresh_token": refresh_token}),
        timeout=TOKEN_TIMEOUT_SECONDS,
        total=TOKEN_TIMEOUT_SECONDS,
    )
    if response.status in (400, 401, 403):
        return {}
    return _tokens_in(response, connection)


def _signed_in(connection: Connection) -> dict[str, str]:
    """Tokens for user name and password (RFC 6749 section 4.3)."""
    url = _absolute(connection, connection.token_url)
    fields = {"grant_type": "password", "username": connection.username, "password": _secret(connection)}
    response = send(form_request(url, fields), timeout=TOKEN_TIMEOUT_SECONDS, total=TOKEN_TIMEOUT_SECONDS)
    if response.status in (400, 401, 403):
        raise CredentialsRefused(_refusal(connection, f"HTTP {response.status}"))
    return _tokens_in(response, connection)


def _refusal(connection: Connection, how: str) -> str:
    return (
        f"{_host(connection)} refused the user name or password of {_named(connection)} ({how}). An operator can "
        "correct them in the product's connection."
    )


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


def _as_kept(connection: Connection, tokens: dict[str, str]) -> dict[str, object]:
    """The tokens as columns, encrypted, also in the connection at hand. They count as expired a little before."""
    lifetime = float(tokens["lifetime"])
    connection.tokens = encrypt(
        orjson.dumps(tokens).decode(), tenant_id=connection.tenant_id, record=connection.record("tokens")
    )
    connection.tokens_expire_at = timezone.now() + timedelta(seconds=lifetime - min(30.0, lifetime * 0.1))
    return {"tokens": connection.tokens, "tokens_expire_at": connection.tokens_expire_at}


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
        raise CredentialsRefused(
            f"There is no secret in {_named(connection)}: no password, key or token. An operator can enter it in the "
            "product's connection."
        )
    try:
        return decrypt(connection.secret, tenant_id=connection.tenant_id, record=connection.record("secret"))
    except DecryptionError as error:
        raise CredentialsRefused(
            f"The secret of {_named(connection)} can't be read any more. An operator can enter it "
            "again in the product's connection."
        ) from error


def _send(request: Request, until: float) -> Response:
    left = until - time.monotonic()
    if left <= 1:
        raise SignInFailed(
            f"Signing in to {urlsplit(request.url).netloc} took so long that no time was left for the request, so it "
            "was not sent. Please try again in a moment."
        )
    return send(
        request,
        timeout=min(settings.NLOPS_PRODUCT_TIMEOUT, left),
        total=min(TOTAL_SECONDS, left),
        max_bytes=settings.NLOPS_PRODUCT_MAX_BYTES,
    )


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
    """Sign in and read something harmless; the result is kept on the connection. Call it outside of a transaction."""
    try:
        result = _checked(connection)
    except ProductUnreachable as error:
        result = CheckResult(False, str(error))
    connection.check_ok, connection.check_message = result.ok, result.message
    connection.checked_at = timezone.now()
    with tenant_context(connection.tenant_id):
        connection.save(update_fields=["check_ok", "check_message", "checked_at"])
    return result


def _checked(connection: Connection) -> CheckResult:
    until = time.monotonic() + settings.NLOPS_PRODUCT_TIMEOUT + 2 * TOKEN_TIMEOUT_SECONDS
    if connection.auth_kind == AuthKind.OAUTH2_PASSWORD:
        _renew(connection, refused=_tokens(connection).get("access_token", ""), until=until)
    with tenant_context(connection.tenant_id):
        operation = _harmless(connection)
    path = operation.path if operation else "/"
    bindings = operation.bindings if operation else {}
    request = build_request(method="GET", path=path, base_url=connection.base_url, bindings=bindings, arguments={})
    response = send_authorized(request, connection, until=until)
    where = f"{_host(connection)} answered GET {path} with HTTP {response.status}"
    if response.status == 401:
        return CheckResult(False, f"{where}: it does not accept the credentials. Check user name, secret and kind.")
    if response.status == 403:
        return CheckResult(
            False, f"{where}: the credentials are known but may not do this. Check their rights in the product."
        )
    if response.status == 404 and operation:
        return CheckResult(False, f"{where}. Check the base URL: something else answers there, or its path is wrong.")
    if response.problem and operation:
        return CheckResult(False, f"{where}, but: {response.problem}")
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

"""Calling a product through a connection: with its credentials, within its limits; and testing that it works."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from django.conf import settings
from django.utils import timezone

from accounts.context import tenant_context
from nlops.core.phrases import say
from nlops.core.types import Effect, Json
from specs.flows.sign_in import (
    TOKEN_TIMEOUT_SECONDS,
    CredentialsRefused,
    SignInFailed,
    access_token,
    credential_refused,
    host_of,
    product_of,
    renew,
    secret_of,
    stored_tokens,
    with_token,
)
from specs.http import (
    TOTAL_SECONDS,
    ProductUnreachable,
    Request,
    RequestNotPossible,
    Response,
    build_request,
    header_text,
)
from specs.models import TOKEN_KINDS, AuthKind, Connection, Operation, VersionStatus
from specs.sending import learn_limit, send_through, wait_for_limit
from specs.servers import base_url_of

__all__ = [
    "CheckResult",
    "ProductUnreachable",
    "SignInFailed",
    "call_operation",
    "send_authorized",
    "test_connection",
]

#: Part of a run's lease that a call may take, signing in and repeating included.
LEASE_SHARE = 5 / 6


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
    response = send_authorized(request, connection, patience=connection.operation_timeouts.get(operation.key, 0))
    return replace(response, body=None) if response.truncated and response.problem else response


def send_authorized(
    request: Request, connection: Connection, *, until: float | None = None, patience: float = 0
) -> Response:
    """Send the request with the connection's credentials; over by `until` (time.monotonic), default: the lease.

    `patience`: seconds that the answer may take, 0: what the connection says.

    A read that the product redirects within its own scheme, host and port is followed once: products move their
    lists from /things to /things/ and back, and the credentials stay where they belong. Nothing else is followed.
    """
    if connection.lacks_credential:
        raise CredentialsRefused(say("connect_first", product=product_of(connection)))
    until = until or time.monotonic() + settings.NLOPS_LEASE_SECONDS * LEASE_SHARE
    wait_for_limit(connection, until)
    response = _send_signed_in(request, connection, until, patience)
    moved = _within_origin(request, response, connection)
    if moved:
        response = _send_signed_in(moved, connection, until, patience)
    learn_limit(connection, response)
    return response


def _send_signed_in(request: Request, connection: Connection, until: float, patience: float) -> Response:
    if connection.auth_kind not in TOKEN_KINDS:
        sent = _authorized(request, connection)
        credentials = [secret_of(connection)] if connection.auth_kind != AuthKind.NONE else []
        response = _send(sent, connection, until, patience)
        if response.status == 401:
            credential_refused(connection)
        return without_credentials(response, *credentials, *_basic(sent))
    token = access_token(connection, until)
    response = _send(with_token(request, connection, token), connection, until, patience)
    if response.status == 401:
        token = renew(connection, refused=token, until=until)
        response = _send(with_token(request, connection, token), connection, until, patience)
    return without_credentials(response, token)


def _basic(request: Request) -> list[str]:
    """What HTTP Basic makes of name and password."""
    kind, _, pair = request.headers.get("Authorization", "").partition(" ")
    return [pair] if kind == "Basic" else []


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
    secret = secret_of(connection)
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
        case AuthKind.API_KEY_COOKIE:
            return request.with_cookie(connection.auth_name, secret)
    raise RequestNotPossible(f"The connection's way to sign in ({connection.auth_kind}) is not known.")


def _send(request: Request, connection: Connection, until: float, patience: float) -> Response:
    left = until - time.monotonic()
    if left <= 1:
        raise SignInFailed(
            f"Signing in to {urlsplit(request.url).netloc} took so long that no time was left for the request, so it "
            "was not sent. Please try again in a moment."
        )
    wait = patience or connection.timeout_seconds or settings.NLOPS_PRODUCT_TIMEOUT
    return send_through(connection, request, timeout=min(wait, left), total=min(max(TOTAL_SECONDS, wait), left))


#: Shorter credentials are too likely to be something else.
_SHORTEST = 6
_MASK = "[credential of the connection]"


def without_credentials(response: Response, *credentials: str) -> Response:
    """The response without the connection's credentials: some products repeat in it what they were sent."""
    looked_for = [text for text in credentials if len(text) >= _SHORTEST]
    if not looked_for:
        return response
    return replace(
        response,
        body=_masked(response.body, looked_for),
        headers={name: _masked_text(value, looked_for) for name, value in response.headers.items()},
        problem=_masked_text(response.problem, looked_for),
    )


def _masked(value: Json, credentials: list[str]) -> Json:
    if isinstance(value, str):
        return _masked_text(value, credentials)
    if isinstance(value, list):
        return [_masked(item, credentials) for item in value]
    if isinstance(value, dict):
        return {_masked_text(key, credentials): _masked(item, credentials) for key, item in value.items()}
    return value


def _masked_text(text: str, credentials: list[str]) -> str:
    for credential in credentials:
        text = text.replace(credential, _MASK)
    return text


# --- testing ----------------------------------------------------------------------------------------------


def test_connection(connection: Connection) -> CheckResult:
    """Sign in and read something harmless; the result is kept on the connection. Call it outside of a transaction."""
    result = try_connection(connection)
    connection.check_ok, connection.check_message = result.ok, result.message
    connection.checked_at = timezone.now()
    with tenant_context(connection.tenant_id):
        connection.save(update_fields=["check_ok", "check_message", "checked_at"])
    return result


def try_connection(connection: Connection) -> CheckResult:
    """Sign in and read something harmless. Call it outside of a transaction."""
    try:
        return _checked(connection)
    except ProductUnreachable as error:
        return CheckResult(False, str(error))


def _checked(connection: Connection) -> CheckResult:
    until = time.monotonic() + settings.NLOPS_PRODUCT_TIMEOUT + 2 * TOKEN_TIMEOUT_SECONDS
    if connection.lacks_credential:
        return CheckResult(
            False, "Each member brings their own account. Connect yours on your profile, then test with that."
        )
    if connection.auth_kind in TOKEN_KINDS:
        renew(connection, refused=stored_tokens(connection).get("access_token", ""), until=until)
    with tenant_context(connection.tenant_id):
        operation = _harmless(connection)
    path = operation.path if operation else "/"
    bindings = operation.bindings if operation else {}
    request = build_request(method="GET", path=path, base_url=connection.base_url, bindings=bindings, arguments={})
    response = send_authorized(request, connection, until=until)
    where = f"{host_of(connection)} answered GET {path} with HTTP {response.status}"
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

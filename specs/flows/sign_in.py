"""A connection's tokens: got, kept encrypted, renewed before they end or when they are refused.

No database transaction is open while a product is waited for: a token is renewed by whoever claims it in the row, the
others wait for what the row says then.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import orjson
import structlog
from django.utils import timezone

from accounts.context import tenant_context
from accounts.encryption import DecryptionError, decrypt, encrypt
from specs import grants
from specs.http import ProductUnreachable, Request, Response, header_text
from specs.models import AuthKind, Connection, MemberCredential
from specs.sending import send_through

log = structlog.get_logger(__name__)

#: Seconds that a token endpoint gets for one exchange.
TOKEN_TIMEOUT_SECONDS = 10.0
#: Seconds after which the claim of a worker that renews a token is void: refreshing and then signing in fit in.
CLAIM_SECONDS = 2 * TOKEN_TIMEOUT_SECONDS + 2
#: Seconds in which refused credentials are not tried again, by anybody: products lock accounts.
REFUSED_SECONDS = 5.0
#: Seconds between two looks at a token that another worker renews.
LOOK_SECONDS = 0.05


#: What a person can do about credentials of their own.
OWN_REMEDY = "Connect your account again on your profile, under “Your accounts”."


class SignInFailed(ProductUnreachable):
    """The connection could not sign in; the call itself was not sent or not executed."""

    def __init__(self, message: str) -> None:
        super().__init__(message, sent=False)


class CredentialsRefused(SignInFailed):
    """The product does not accept the credentials, or there are none. Not repeated: products lock accounts."""

    repeatable = False


def with_token(request: Request, connection: Connection, token: str) -> Request:
    """The request with the token where the product looks for it."""
    name = connection.auth_name if connection.auth_kind == AuthKind.LOGIN_CALL and connection.auth_name else ""
    prefix = connection.token_prefix if connection.auth_kind == AuthKind.LOGIN_CALL else "Bearer"
    return request.with_headers({name or "Authorization": header_text(f"{prefix} {token}".strip(), "the token")})


def access_token(connection: Connection, until: float) -> str:
    """The token in use, or a new one when there is none or it ends soon."""
    tokens = stored_tokens(connection)
    if tokens and connection.tokens_expire_at and connection.tokens_expire_at > timezone.now():
        return tokens["access_token"]
    return renew(connection, refused=tokens.get("access_token", ""), until=until)


def renew(connection: Connection, *, refused: str, until: float) -> str:
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
                f"Signing in to {host_of(connection)} takes too long: it is being tried for another request, and no "
                "token came. Nothing was sent. Please try again in a moment."
            )
        time.sleep(LOOK_SECONDS)


def _claim_renewal(connection: Connection, refused: str, claim: uuid.UUID) -> str:
    """The row's token, when it is another one and good; else "", and the claim is in the row unless somebody has it."""
    with tenant_context(connection.tenant_id):
        row = _rows(connection).select_for_update().filter(pk=_pk(connection)).first()
        if row is None:
            raise CredentialsRefused(f"Your account is not connected any more. {OWN_REMEDY}")
        current = stored_tokens(row).get("access_token", "")
        is_valid = row.tokens_expire_at is not None and row.tokens_expire_at > timezone.now()
        if current and current != refused and is_valid:
            _take_over(connection, row)
            return current
        if row.renewal_until is None or row.renewal_until <= timezone.now():
            row.renewal_token, row.renewal_until = claim, timezone.now() + timedelta(seconds=CLAIM_SECONDS)
            row.save(update_fields=["renewal_token", "renewal_until"])
        elif row.renewal_token is None:
            # Nobody's turn: the credentials were refused just now.
            raise CredentialsRefused(_refusal(connection, "a moment ago, for another request; not tried again so soon"))
        _take_over(connection, row)
        return ""


def _rows(connection: Connection) -> Any:
    """The rows that hold the tokens: the members' where each brings their own, else the connections'."""
    return Connection.objects if connection.credential is None else MemberCredential.objects


def _pk(connection: Connection) -> uuid.UUID:
    return connection.pk if connection.credential is None else connection.credential.pk


def keep(connection: Connection, columns: Mapping[str, object], *, claim: uuid.UUID | None = None) -> None:
    """Write the columns where the tokens are; with a claim, only while that holds. In the tenant's context."""
    rows = _rows(connection).filter(pk=_pk(connection))
    (rows.filter(renewal_token=claim) if claim else rows).update(**columns)


def credential_refused(connection: Connection) -> None:
    """The product does not take the member's own key or password: the person is asked for another one from now on."""
    if connection.credential is None:
        return
    with tenant_context(connection.tenant_id):
        # Only if it is still that one: they may have entered another in the meantime.
        same = MemberCredential.objects.filter(pk=connection.credential.pk, secret=connection.secret)
        same.update(works=False, updated_at=timezone.now())


def _take_over(connection: Connection, row: Connection | MemberCredential) -> None:
    connection.tokens, connection.tokens_expire_at = row.tokens, row.tokens_expire_at
    connection.renewal_token, connection.renewal_until = row.renewal_token, row.renewal_until


def _exchange(connection: Connection, claim: uuid.UUID) -> str:
    """New tokens from the product, stored if the claim still holds: it goes with a change of the connection, too."""
    end: dict[str, object] = {"renewal_until": None}
    try:
        tokens = _refreshed(connection, stored_tokens(connection).get("refresh_token", "")) or _signed_in(connection)
        end |= as_kept(connection, tokens)
    except CredentialsRefused:
        end["renewal_until"] = timezone.now() + timedelta(seconds=REFUSED_SECONDS)
        if connection.credential is not None:
            end["works"] = False  # from now on the person is asked to connect again
        raise
    finally:
        with tenant_context(connection.tenant_id):
            keep(connection, {"renewal_token": None, **end}, claim=claim)
    return tokens["access_token"]


def _refreshed(connection: Connection, refresh_token: str) -> dict[str, str]:
    """Tokens for the refresh token; nothing when there is none, or it is no longer good."""
    if not refresh_token:
        return {}
    secret = secret_of(connection) if connection.secret else ""
    response = ask_for_token(connection, grants.refresh_request(connection, refresh_token, secret))
    if response.status in (400, 401, 403):
        return {}
    tokens = tokens_in(response, connection)
    # A provider that sends no new one goes on with the one that there is (RFC 6749 section 6).
    return {**tokens, "refresh_token": tokens["refresh_token"] or refresh_token}


def _signed_in(connection: Connection) -> dict[str, str]:
    """Tokens for the credentials."""
    if connection.auth_kind == AuthKind.OAUTH2_CODE:
        if connection.credential is not None:
            raise CredentialsRefused(f"Your sign-in for {named(connection)} has ended. {OWN_REMEDY}")
        raise CredentialsRefused(
            f"Nobody is signed in for {named(connection)} any more. An operator can sign in again with “Connect” on "
            "the product's connection page."
        )
    response = ask_for_token(connection, grants.grant_request(connection, secret_of(connection)))
    if response.status in (400, 401, 403):
        raise CredentialsRefused(_refusal(connection, f"HTTP {response.status}"))
    return tokens_in(response, connection)


def ask_for_token(connection: Connection, request: Request) -> Response:
    """One exchange with a token endpoint."""
    return send_through(connection, request, timeout=TOKEN_TIMEOUT_SECONDS, total=TOKEN_TIMEOUT_SECONDS)


def _refusal(connection: Connection, how: str) -> str:
    what = "client id or secret" if connection.auth_kind == AuthKind.OAUTH2_CLIENT else "user name or password"
    return f"{host_of(connection)} refused the {what} of {named(connection)} ({how}). {_remedy(connection)}"


def _remedy(connection: Connection) -> str:
    return "An operator can correct them in the product's connection." if connection.credential is None else OWN_REMEDY


def tokens_in(response: Response, connection: Connection) -> dict[str, str]:
    """The tokens of a response, as they are kept. Raises SignInFailed."""
    tokens = grants.tokens_in(response, connection)
    if tokens is None:
        missing = connection.token_pointer if connection.auth_kind == AuthKind.LOGIN_CALL else "access_token"
        raise SignInFailed(
            f"{host_of(connection)} gave no token to {named(connection)}: it answered with HTTP "
            f"{response.status}{f' but no {missing}' if 200 <= response.status < 300 else ''}. Check the connection's "
            "token URL."
        )
    return tokens


def as_kept(connection: Connection, tokens: dict[str, str]) -> dict[str, object]:
    """The tokens as columns, encrypted, also in the connection at hand. They count as expired a little before."""
    lifetime = float(tokens["lifetime"])
    connection.tokens = encrypt(
        orjson.dumps(tokens).decode(), tenant_id=connection.tenant_id, record=connection.record("tokens")
    )
    connection.tokens_expire_at = timezone.now() + timedelta(seconds=lifetime - min(30.0, lifetime * 0.1))
    return {"tokens": connection.tokens, "tokens_expire_at": connection.tokens_expire_at}


def stored_tokens(connection: Connection | MemberCredential) -> dict[str, str]:
    """The tokens in the row, {} for none."""
    if not connection.tokens:
        return {}
    try:
        plain = decrypt(connection.tokens, tenant_id=connection.tenant_id, record=connection.record("tokens"))
    except DecryptionError:
        log.warning("tokens_unreadable", connection=str(connection.pk))
        return {}  # they can be had again
    return dict(orjson.loads(plain))


def secret_of(connection: Connection) -> str:
    """The password, key or client secret. Raises CredentialsRefused when there is none."""
    if not connection.secret:
        raise CredentialsRefused(
            f"There is no secret in {named(connection)}: no password, key or token. "
            f"{_remedy(connection).replace('correct them', 'enter it')}"
        )
    try:
        return decrypt(connection.secret, tenant_id=connection.tenant_id, record=connection.record("secret"))
    except DecryptionError as error:
        raise CredentialsRefused(
            f"The secret of {named(connection)} can't be read any more. "
            f"{_remedy(connection).replace('correct them', 'enter it again')}"
        ) from error


def named(connection: Connection) -> str:
    """The connection, named for the person."""
    return f"the connection to {product_of(connection)}"


def product_of(connection: Connection) -> str:
    """Name of its product; calls run outside of the tenant's context."""
    with tenant_context(connection.tenant_id):
        return str(connection.product)


def host_of(connection: Connection) -> str:
    """Host and port of the product."""
    return urlsplit(connection.base_url).netloc

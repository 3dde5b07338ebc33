"""A person signs in at the product's provider, so that the connection has tokens: OAuth 2.0 code with PKCE.

RFC 6749 section 4.1, RFC 7636, RFC 9700; endpoints from OpenID Connect Discovery 1.0 when an issuer is given. Nothing
here is called in a transaction.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from accounts.audit import audit
from accounts.context import tenant_context
from accounts.models import AuditAction
from specs.flows import FlowError
from specs.flows.save_connection import checked_url
from specs.flows.sign_in import TOKEN_TIMEOUT_SECONDS, as_kept, ask_for_token, keep, named, secret_of, tokens_in
from specs.grants import authorization_url, code_request
from specs.http import Request
from specs.models import AuthKind, Connection
from specs.sending import send_through

_DISCOVERY = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in that a person went away for; it is kept in their session."""

    #: where they sign in
    url: str
    #: comes back with them, and proves that they left from here
    state: str
    #: proves to the provider that whoever brings the code is who asked for it
    verifier: str
    redirect_uri: str


def begin_sign_in(connection: Connection, redirect_uri: str) -> Pending:
    """Where to send the person. Raises FlowError, and ProductUnreachable when the provider does not answer."""
    if connection.auth_kind != AuthKind.OAUTH2_CODE:
        raise FlowError("This connection signs in without a person.")
    if connection.issuer:
        _discover(connection)
    state = secrets.token_urlsafe(32)
    verifier = secrets.token_urlsafe(64)
    url = authorization_url(connection, redirect_uri=redirect_uri, state=state, verifier=verifier)
    return Pending(url, state, verifier, redirect_uri)


def finish_sign_in(connection: Connection, pending: Pending, code: str) -> None:
    """Exchange the code for tokens and keep them. Raises ProductUnreachable when the provider gives none."""
    secret = secret_of(connection) if connection.secret else ""
    request = code_request(connection, secret, code=code, redirect_uri=pending.redirect_uri, verifier=pending.verifier)
    kept = as_kept(connection, tokens_in(ask_for_token(connection, request), connection))
    own = connection.credential is not None
    with tenant_context(connection.tenant_id):
        keep(connection, {**kept, "renewal_token": None, "renewal_until": None, **({"works": True} if own else {})})
        data = {"product": connection.product.slug, "signed_in": True, "own": own}
        audit(AuditAction.CONNECTION_CHANGED, connection, data)


def _discover(connection: Connection) -> None:
    """The issuer's endpoints into the connection (OpenID Connect Discovery 1.0 section 4). Raises FlowError."""
    issuer = connection.issuer.rstrip("/")
    request = Request("GET", issuer + _DISCOVERY, {"Accept": "application/json", "User-Agent": "nlops"})
    response = send_through(connection, request, timeout=TOKEN_TIMEOUT_SECONDS, total=TOKEN_TIMEOUT_SECONDS)
    said: dict[str, Any] = response.body if response.status == 200 and isinstance(response.body, dict) else {}
    if str(said.get("issuer", "")).rstrip("/") != issuer:
        raise FlowError(
            f"Issuer: {urlsplit(issuer).netloc} does not say that it is {issuer} (HTTP {response.status} at "
            f"{_DISCOVERY}). Check the issuer of {named(connection)}."
        )
    connection.authorize_url = checked_url(str(said.get("authorization_endpoint", "")), "The issuer's sign-in URL")
    connection.token_url = checked_url(str(said.get("token_endpoint", "")), "The issuer's token URL")
    with tenant_context(connection.tenant_id):
        connection.save(update_fields=["authorize_url", "token_url"])

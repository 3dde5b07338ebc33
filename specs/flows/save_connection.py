"""How to reach a product is said, and kept with its secret encrypted."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import orjson

from accounts.audit import audit
from accounts.encryption import encrypt
from accounts.models import AuditAction
from specs.flows import FlowError
from specs.grants import check_pointer
from specs.http import RequestNotPossible
from specs.models import AuthKind, ClientAuth, Connection, MemberCredential, Product
from specs.sending import CertificateUnusable, tls_context
from specs.wire import RESERVED_HEADERS, may_be_set

#: A public client that signs in with PKCE has none.
_NEEDS_SECRET = frozenset(AuthKind) - {AuthKind.NONE, AuthKind.OAUTH2_CODE}
#: Kinds that take a name beside the secret.
NEEDS_USERNAME = frozenset({AuthKind.BASIC, AuthKind.OAUTH2_PASSWORD, AuthKind.OAUTH2_CLIENT, AuthKind.OAUTH2_CODE})
_NEEDS_TOKEN_URL = frozenset({AuthKind.OAUTH2_PASSWORD, AuthKind.OAUTH2_CLIENT, AuthKind.LOGIN_CALL})
_NEEDS_NAME = frozenset({AuthKind.API_KEY_HEADER, AuthKind.API_KEY_QUERY, AuthKind.API_KEY_COOKIE})
#: A key may stand in Authorization without a scheme; nothing else of these is free.
_RESERVED = RESERVED_HEADERS - {"authorization", "proxy-authorization"}
MAX_TIMEOUT_SECONDS = 300
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----")


def save_connection(
    product: Product,
    *,
    base_url: str,
    secret: str | None = None,
    client_key: str | None = None,
    **fields: Any,
) -> Connection:
    """The product's connection, made or changed. `fields`: the others of Connection; what is left out becomes empty.

    `secret` and `client_key` None keep the stored ones, as long as they stay with their hosts.
    In the tenant's context. Raises FlowError, naming the field.
    """
    connection = Connection.objects.select_for_update().filter(product=product).first() or Connection(
        tenant_id=product.tenant_id, product=product
    )
    known, before = _hosts(connection), _way(connection)
    _take(connection, {**_EMPTY, **fields, "base_url": base_url})
    if connection.personal and not connection.has_shared_client:
        connection.username, connection.secret, secret = "", "", None
    for name, value in (("secret", secret), ("client_key", client_key)):
        if value:
            setattr(connection, name, encrypt(value, tenant_id=product.tenant_id, record=connection.record(name)))
        elif getattr(connection, name) and not _hosts(connection) <= known:
            raise FlowError(
                "Secret: the connection would send the stored secret to another host. Enter the secret again."
            )
    if not connection.client_certificate:
        connection.client_key = ""
    _check(connection)
    _check_certificates(connection, client_key)
    connection.tokens, connection.tokens_expire_at = "", None
    # Tokens that a worker is getting with the settings of before are not kept.
    connection.renewal_token = connection.renewal_until = None
    connection.check_ok, connection.check_message, connection.checked_at = None, "", None
    connection.save()
    # Members gave their credentials to where the connection led then, and to nowhere else.
    forgotten = 0 if _way(connection) == before else MemberCredential.objects.filter(connection=connection).delete()[0]
    audit(
        AuditAction.CONNECTION_CHANGED,
        connection,
        {
            "product": product.slug,
            "host": urlsplit(connection.base_url).netloc,
            "auth": connection.auth_kind,
            "secret": bool(secret),
            "personal": connection.personal,
            "forgotten": forgotten,
        },
    )
    return connection


#: Fields that a person sets, with what they are when nothing is said.
_EMPTY: dict[str, Any] = {
    "auth_kind": AuthKind.NONE, "auth_name": "", "username": "", "token_url": "", "refresh_url": "",
    "client_auth": ClientAuth.BASIC, "scope": "", "audience": "", "issuer": "", "authorize_url": "", "login_body": "",
    "token_pointer": "", "lifetime_pointer": "", "token_prefix": "Bearer", "client_certificate": "",
    "ca_certificates": "", "proxy_url": "", "timeout_seconds": None, "operation_timeouts": {},
    "personal": False,
}  # fmt: skip


def _take(connection: Connection, fields: dict[str, Any]) -> None:
    """The fields, cleaned, into the connection. Raises FlowError."""
    if fields.keys() - {*_EMPTY, "base_url"}:
        raise TypeError(f"A connection has no {', '.join(sorted(fields.keys() - _EMPTY.keys()))}.")
    if fields["auth_kind"] not in AuthKind.values:
        raise FlowError(f"Authentication: choose one of {', '.join(AuthKind.values)}.")
    if fields["client_auth"] not in ClientAuth.values:
        raise FlowError(f"Id and secret go: choose one of {', '.join(ClientAuth.values)}.")
    for name, value in fields.items():
        setattr(connection, name, value.strip() if isinstance(value, str) else value)
    connection.base_url = checked_url(connection.base_url, "Base URL").rstrip("/")
    connection.token_url = _token_url(connection.token_url, "Token URL")
    connection.refresh_url = _token_url(connection.refresh_url, "Refresh URL")
    if connection.issuer:
        connection.issuer = checked_url(connection.issuer, "Issuer")
    if connection.authorize_url:
        connection.authorize_url = checked_url(connection.authorize_url, "Sign-in URL")
    if connection.proxy_url:
        connection.proxy_url = checked_url(connection.proxy_url, "Proxy")


def checked_url(url: str, field: str) -> str:
    """The absolute http or https URL, without credentials, query and fragment. Raises FlowError."""
    url = url.strip()
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise FlowError(f"{field}: “{url[:100]}” is no valid address ({error}).") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[\s\\\x00-\x1f]", url):
        raise FlowError(f"{field}: give an address that begins with http:// or https://, and a host name.")
    if parts.username is not None or parts.password is not None:
        raise FlowError(f"{field}: leave user name and password out of the address; they have fields of their own.")
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        raise FlowError(f"{field}: leave out what follows “?” or “#”.")
    if variable := re.search(r"\{[^{}]*\}", url):
        raise FlowError(f"{field}: write your own value in place of {variable[0]}.")
    if port == 0:
        raise FlowError(f"{field}: 0 is no port.")
    return url


def _token_url(url: str, field: str) -> str:
    """Absolute and checked, or a path below the base URL."""
    url = url.strip()
    if not url or re.fullmatch(r"/?[\w.~%/-]+", url):
        return url
    return checked_url(url, field)


def _hosts(connection: Connection) -> set[tuple[str, str]]:
    """Scheme and host of every address that gets the secret."""
    urls = (connection.base_url, connection.token_url, connection.refresh_url, connection.issuer)
    parts = [urlsplit(url) for url in urls if url]
    return {(part.scheme, part.netloc.lower()) for part in parts if part.netloc}


def _way(connection: Connection) -> tuple[Any, ...]:
    """All that says where credentials go, and how."""
    names = _EMPTY.keys() - {"timeout_seconds", "operation_timeouts"}
    if not connection.has_shared_client:
        names -= {"username"}
    return (connection.base_url, *(getattr(connection, name) for name in sorted(names)))


def _check(connection: Connection) -> None:
    kind = connection.auth_kind
    label = AuthKind(kind).label
    if connection.personal and kind == AuthKind.NONE:
        raise FlowError("Authentication: where each member brings their own account, choose how they sign in.")
    is_own = connection.personal and not connection.has_shared_client
    if kind in _NEEDS_SECRET and not connection.secret and not is_own:
        raise FlowError(f"Secret: “{label}” needs it.")
    if kind in NEEDS_USERNAME and not connection.username and not is_own:
        raise FlowError(f"User name: “{label}” needs it.")
    if kind == AuthKind.BASIC and ":" in connection.username:
        raise FlowError("User name: HTTP Basic allows no colon in it.")
    if kind in _NEEDS_TOKEN_URL and not connection.token_url:
        raise FlowError(f"Token URL: “{label}” needs it, such as /auth/token.")
    if kind in _NEEDS_NAME and not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", connection.auth_name):
        raise FlowError("Name: give the name of the header, parameter or cookie that takes the key, such as X-API-Key.")
    carries = kind in (AuthKind.API_KEY_HEADER, AuthKind.LOGIN_CALL)
    if carries and connection.auth_name and not _may_carry(connection.auth_name):
        raise FlowError(f"Name: the header {connection.auth_name} can't carry a key.")
    if (
        kind == AuthKind.OAUTH2_CODE
        and not connection.issuer
        and not (connection.authorize_url and connection.token_url)
    ):
        raise FlowError(f"Issuer: “{label}” needs the issuer, or else the sign-in URL and the token URL.")
    if kind == AuthKind.LOGIN_CALL:
        _check_login(connection)
    _check_timeouts(connection)


def _may_carry(name: str) -> bool:
    return may_be_set(name) or (name.lower() in RESERVED_HEADERS and name.lower() not in _RESERVED)


def _check_login(connection: Connection) -> None:
    try:
        body = orjson.loads(connection.login_body)
    except orjson.JSONDecodeError as error:
        raise FlowError(
            'Log-in body: give what the log-in takes as JSON, such as {"user": "{username}", "password": "{secret}"} '
            f"({error})."
        ) from error
    if not isinstance(body, dict | list) or "{secret}" not in connection.login_body:
        raise FlowError("Log-in body: write {secret} where the password goes, and {username} where the name goes.")
    if not connection.token_pointer:
        raise FlowError("Token: say where the answer holds it, such as /token or header:X-Auth-Token.")
    for label, pointer in (("Token", connection.token_pointer), ("End", connection.lifetime_pointer)):
        try:
            check_pointer(pointer)
        except RequestNotPossible as error:
            raise FlowError(f"{label}: {error}") from error


def _check_timeouts(connection: Connection) -> None:
    seconds = [connection.timeout_seconds, *connection.operation_timeouts.values()]
    for value in seconds:
        if value is not None and not (isinstance(value, int) and 1 <= value <= MAX_TIMEOUT_SECONDS):
            raise FlowError(f"Time-out: give whole seconds from 1 to {MAX_TIMEOUT_SECONDS}.")


def _check_certificates(connection: Connection, key: str | None) -> None:
    """Raises FlowError for what TLS would not take."""
    if connection.client_certificate and not connection.client_key:
        raise FlowError("Key: the client certificate needs its private key.")
    for label, text in (
        ("Client certificate", connection.client_certificate),
        ("Authorities", connection.ca_certificates),
    ):
        if text and not _PEM.search(text):
            raise FlowError(f"{label}: paste it as PEM, with the line -----BEGIN CERTIFICATE-----.")
    try:
        if connection.ca_certificates:
            tls_context("", "", connection.ca_certificates)
        if connection.client_certificate and key:
            tls_context(connection.client_certificate, key, "")
    except CertificateUnusable as error:
        raise FlowError(f"Client certificate: {error}") from error

"""How to reach a product is said, and kept with its secret encrypted."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from accounts.audit import audit
from accounts.encryption import encrypt
from accounts.models import AuditAction
from specs.flows import FlowError
from specs.models import AuthKind, Connection, Product

_NEEDS_SECRET = frozenset(AuthKind) - {AuthKind.NONE}
_NEEDS_USERNAME = frozenset({AuthKind.BASIC, AuthKind.OAUTH2_PASSWORD})
_NEEDS_NAME = frozenset({AuthKind.API_KEY_HEADER, AuthKind.API_KEY_QUERY})
_RESERVED_HEADERS = frozenset({"host", "content-length", "content-type", "transfer-encoding", "connection"})


def save_connection(
    product: Product,
    *,
    base_url: str,
    auth_kind: str = AuthKind.NONE,
    auth_name: str = "",
    username: str = "",
    token_url: str = "",
    refresh_url: str = "",
    secret: str | None = None,
) -> Connection:
    """The product's connection, made or changed. `secret` None keeps the stored one, as long as it stays with its host.

    In the tenant's context. Raises FlowError, naming the field.
    """
    if auth_kind not in AuthKind.values:
        raise FlowError(f"Authentication: choose one of {', '.join(AuthKind.values)}.")
    connection = Connection.objects.select_for_update().filter(product=product).first() or Connection(
        tenant_id=product.tenant_id, product=product
    )
    known = _hosts(connection)
    connection.base_url = checked_url(base_url, "Base URL").rstrip("/")
    connection.auth_kind, connection.auth_name, connection.username = auth_kind, auth_name.strip(), username.strip()
    connection.token_url = _token_url(token_url, "Token URL")
    connection.refresh_url = _token_url(refresh_url, "Refresh URL")
    if secret:
        connection.secret = encrypt(secret, tenant_id=product.tenant_id, record=connection.record("secret"))
    elif connection.secret and not _hosts(connection) <= known:
        raise FlowError("Secret: the connection would send the stored secret to another host. Enter the secret again.")
    _check(connection)
    connection.tokens, connection.tokens_expire_at = "", None
    # Tokens that a worker is getting with the settings of before are not kept.
    connection.renewal_token = connection.renewal_until = None
    connection.check_ok, connection.check_message, connection.checked_at = None, "", None
    connection.save()
    audit(
        AuditAction.CONNECTION_CHANGED,
        connection,
        {
            "product": product.slug,
            "host": urlsplit(connection.base_url).netloc,
            "auth": auth_kind,
            "secret": bool(secret),
        },
    )
    return connection


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
    urls = (connection.base_url, connection.token_url, connection.refresh_url)
    parts = [urlsplit(url) for url in urls if url]
    return {(part.scheme, part.netloc.lower()) for part in parts if part.netloc}


def _check(connection: Connection) -> None:
    kind = connection.auth_kind
    label = AuthKind(kind).label
    if kind in _NEEDS_SECRET and not connection.secret:
        raise FlowError(f"Secret: “{label}” needs it.")
    if kind in _NEEDS_USERNAME and not connection.username:
        raise FlowError(f"User name: “{label}” needs it.")
    if kind == AuthKind.BASIC and ":" in connection.username:
        raise FlowError("User name: HTTP Basic allows no colon in it.")
    if kind == AuthKind.OAUTH2_PASSWORD and not connection.token_url:
        raise FlowError(f"Token URL: “{label}” needs it, such as /auth/token.")
    if kind in _NEEDS_NAME and not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", connection.auth_name):
        raise FlowError("Name: give the name of the header or parameter that takes the key, such as X-API-Key.")
    if kind == AuthKind.API_KEY_HEADER and connection.auth_name.lower() in _RESERVED_HEADERS:
        raise FlowError(f"Name: the header {connection.auth_name} can't carry a key.")

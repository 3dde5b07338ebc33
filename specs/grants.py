"""How a connection gets a token: the request of each kind of sign-in, and what the answer holds."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

import jsonpointer
import orjson
from django.utils import timezone

from nlops.core.types import Json
from specs.http import Request, RequestNotPossible, Response, form_request, header_text
from specs.models import AuthKind, ClientAuth, Connection

#: Lifetime in seconds of a token whose answer names none.
DEFAULT_LIFETIME: Final = 300.0
_HEADER: Final = "header:"


def absolute(connection: Connection, url: str) -> str:
    """The URL, below the base URL when it is relative."""
    return url if url.startswith(("http://", "https://")) else f"{connection.base_url.rstrip('/')}/{url.lstrip('/')}"


def grant_request(connection: Connection, secret: str) -> Request:
    """Sign-in without a person: password grant, client credentials (RFC 6749, 4.3 and 4.4), or the product's own."""
    url = absolute(connection, connection.token_url)
    if connection.auth_kind == AuthKind.LOGIN_CALL:
        body = _filled(orjson.loads(connection.login_body), {"username": connection.username, "secret": secret})
        headers = {"Accept": "application/json", "User-Agent": "nlops", "Content-Type": "application/json"}
        return Request("POST", url, headers, orjson.dumps(body))
    if connection.auth_kind == AuthKind.OAUTH2_PASSWORD:
        fields = {"grant_type": "password", "username": connection.username, "password": secret}
        return form_request(url, {**fields, **_wished(connection)})
    return _as_client(connection, secret, url, {"grant_type": "client_credentials", **_wished(connection)})


def refresh_request(connection: Connection, refresh_token: str, secret: str) -> Request:
    """RFC 6749 section 6."""
    url = absolute(connection, connection.refresh_url or connection.token_url)
    fields = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    if connection.auth_kind == AuthKind.OAUTH2_PASSWORD:
        return form_request(url, fields)
    return _as_client(connection, secret, url, fields)


def authorization_url(connection: Connection, *, redirect_uri: str, state: str, verifier: str) -> str:
    """Where the person signs in (RFC 6749 section 4.1.1), bound to a verifier (RFC 7636, S256)."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    fields = {
        "response_type": "code", "client_id": connection.username, "redirect_uri": redirect_uri, "state": state,
        "code_challenge": challenge, "code_challenge_method": "S256", **_wished(connection),
    }  # fmt: skip
    return f"{connection.authorize_url}?{urlencode(fields)}"


def code_request(connection: Connection, secret: str, *, code: str, redirect_uri: str, verifier: str) -> Request:
    """The code of a person's sign-in for tokens (RFC 6749 section 4.1.3)."""
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }
    return _as_client(connection, secret, absolute(connection, connection.token_url), fields)


def _wished(connection: Connection) -> dict[str, str]:
    wished = {"scope": connection.scope, "audience": connection.audience}
    return {name: value for name, value in wished.items() if value}


def _as_client(connection: Connection, secret: str, url: str, fields: Mapping[str, str]) -> Request:
    """The fields with the client's id and secret; a client without a secret is a public one."""
    if not secret:
        return form_request(url, {**fields, "client_id": connection.username})
    if connection.client_auth == ClientAuth.BODY:
        return form_request(url, {**fields, "client_id": connection.username, "client_secret": secret})
    pair = f"{quote_plus(connection.username)}:{quote_plus(secret)}".encode()
    return form_request(url, fields).with_headers({"Authorization": f"Basic {base64.b64encode(pair).decode()}"})


def _filled(node: Json, values: Mapping[str, str]) -> Json:
    """The log-in's body with {username} and {secret} filled in; braces of a value are never filled again."""
    if isinstance(node, dict):
        return {key: _filled(part, values) for key, part in node.items()}
    if isinstance(node, list):
        return [_filled(part, values) for part in node]
    if not isinstance(node, str):
        return node
    parts = node.split("{username}")
    return values["username"].join(part.replace("{secret}", values["secret"]) for part in parts)


# --- answers ----------------------------------------------------------------------------------------------


def tokens_in(response: Response, connection: Connection) -> dict[str, str] | None:
    """{"access_token", "refresh_token", "lifetime" in seconds}; None when the answer holds no token."""
    if not 200 <= response.status < 300:
        return None
    is_own = connection.auth_kind == AuthKind.LOGIN_CALL
    token = _at(response, connection.token_pointer) if is_own else _at(response, "/access_token")
    if not isinstance(token, str | int) or isinstance(token, bool) or token == "":
        return None
    end = _at(response, connection.lifetime_pointer if is_own else "/expires_in")
    refresh = None if is_own else _at(response, "/refresh_token")
    return {
        "access_token": header_text(str(token), "the product's token"),
        "refresh_token": refresh if isinstance(refresh, str) else "",
        "lifetime": str(_lifetime(end)),
    }


def _at(response: Response, pointer: str) -> Any:
    """What is at the JSON pointer (RFC 6901) of the answer, or in the header that it names; None for nothing."""
    if not pointer:
        return None
    if pointer.startswith(_HEADER):
        return response.headers.get(pointer.removeprefix(_HEADER).strip().lower())
    try:
        return jsonpointer.resolve_pointer(response.body, pointer, None)
    except jsonpointer.JsonPointerException:
        return None


def _lifetime(end: Any) -> float:
    """Seconds that are left: the answer gives a number of them, or a moment, since 1970 or as ISO 8601."""
    if isinstance(end, str):
        try:
            end = float(end)
        except ValueError:
            try:
                moment = datetime.fromisoformat(end)
            except ValueError:
                return DEFAULT_LIFETIME
            end = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if isinstance(end, bool) or not isinstance(end, int | float):
        return DEFAULT_LIFETIME
    if end > 1e11:
        end /= 1000
    return max(0.0, end - timezone.now().timestamp() if end > 1e8 else float(end))


def check_pointer(pointer: str) -> None:
    """Raises RequestNotPossible for what is neither a JSON pointer nor header:NAME."""
    if pointer.startswith(_HEADER) or not pointer:
        return
    try:
        jsonpointer.JsonPointer(pointer)
    except jsonpointer.JsonPointerException as error:
        raise RequestNotPossible(f"“{pointer[:80]}” is no JSON pointer, such as /data/token ({error}).") from error

"""Where a call goes when its operation names a server of its own (OpenAPI 3, servers of paths and operations)."""

from __future__ import annotations

from urllib.parse import SplitResult, urljoin, urlsplit


def base_url_of(server: str, connection_url: str) -> str:
    """Base URL of a call: the operation's own server when it is on the connection's host, else the connection's.

    A description can't send the connection's secrets elsewhere: scheme, host and port have to be the same. A
    relative server is on the connection's host by its nature.
    """
    if not server:
        return connection_url
    try:
        wanted, allowed = urlsplit(urljoin(connection_url.rstrip("/") + "/", server)), urlsplit(connection_url)
        is_same = _origin(wanted) == _origin(allowed) and not (wanted.username or wanted.password)
    except ValueError:  # no port that could be one
        return connection_url
    if not is_same or any(sign in server for sign in "{}\\?#"):
        return connection_url
    return wanted.geturl().rstrip("/")


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    """Scheme, host and port, the usual port filled in."""
    scheme, host, port = url.scheme, url.hostname, url.port
    return scheme, host, port or {"http": 80, "https": 443}.get(scheme)

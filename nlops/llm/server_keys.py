"""Which key a compatible server gets: its own (NLOPS_MODEL_KEYS), never OpenAI's."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from django.conf import settings

_FORM = '{"https://gateway.example/v1": "KEY"}'


class ServerKeysError(ValueError):
    """NLOPS_MODEL_KEYS can't be read; `str()` says how to mend it, and holds no key."""


def key_for(base_url: str) -> str:
    """The key of the longest address in NLOPS_MODEL_KEYS with which `base_url` begins, "" for none.

    Scheme, host and port must be the same, and the path must begin with whole segments: a key never goes to
    `https://gateway.example.elsewhere`. Raises ServerKeysError.
    """
    wanted = _parts(base_url)
    fitting = [
        (len(path), key)
        for (origin, path), key in ((_parts(address), key) for address, key in server_keys().items())
        if wanted[0] == origin and wanted[1][: len(path)] == path
    ]
    return max(fitting)[1] if fitting else ""


def server_keys() -> dict[str, str]:
    """NLOPS_MODEL_KEYS: where a server's address begins → its key. Raises ServerKeysError."""
    value = settings.NLOPS_MODEL_KEYS
    if isinstance(value, str):
        try:
            value = json.loads(value or "{}")
        except ValueError:
            # Not chained: its words may repeat a key.
            raise ServerKeysError(f"NLOPS_MODEL_KEYS is no JSON. Write it as {_FORM}.") from None
    if not isinstance(value, dict) or not all(isinstance(key, str) and key for key in value.values()):
        raise ServerKeysError(f"NLOPS_MODEL_KEYS needs a key for each address. Write it as {_FORM}.")
    for address in value:
        if urlsplit(address).scheme not in ("http", "https") or not urlsplit(address).hostname:
            raise ServerKeysError(f"NLOPS_MODEL_KEYS: “{address}” is no address. Write it as {_FORM}.")
    return value


def _parts(address: str) -> tuple[tuple[str, str, int], tuple[str, ...]]:
    parts = urlsplit(address)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    path = tuple(segment for segment in parts.path.split("/") if segment)
    return (parts.scheme, (parts.hostname or "").rstrip("."), port), path

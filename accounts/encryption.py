"""Encryption of secrets at rest: AES-256-GCM (NIST SP 800-38D) with the tenant and the record as associated data."""

from __future__ import annotations

import base64
import functools
import os
import uuid

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

_NONCE_BYTES = 12


class DecryptionError(Exception):
    """A stored secret can't be read: the key is gone, or the row was changed or moved."""


def encrypt(plain: str, *, tenant_id: uuid.UUID | str, record: str) -> str:
    """`KEYID.BASE64(nonce + ciphertext)`; readable again only with the same tenant and record."""
    key_id, key = next(iter(_keys(settings.NLOPS_ENCRYPTION_KEYS).items()))
    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, plain.encode(), _associated(tenant_id, record))
    return f"{key_id}.{base64.b64encode(nonce + sealed).decode()}"


def decrypt(token: str, *, tenant_id: uuid.UUID | str, record: str) -> str:
    """What `encrypt` was given. Raises DecryptionError."""
    key_id, _, data = token.partition(".")
    key = _keys(settings.NLOPS_ENCRYPTION_KEYS).get(key_id)
    if key is None:
        raise DecryptionError(f"The key “{key_id}” of a stored secret is not in NLOPS_ENCRYPTION_KEYS; put it back.")
    raw = base64.b64decode(data)
    try:
        plain = AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _associated(tenant_id, record))
    except InvalidTag as error:
        raise DecryptionError(
            "A stored secret can't be read: it was changed or belongs elsewhere. Enter it again."
        ) from error
    return plain.decode()


def is_current(token: str) -> bool:
    """Whether it was made with the key that encrypts now, the first one."""
    return token.partition(".")[0] == next(iter(_keys(settings.NLOPS_ENCRYPTION_KEYS)))


def _associated(tenant_id: uuid.UUID | str, record: str) -> bytes:
    return f"{tenant_id}:{record}".encode()


@functools.lru_cache(maxsize=4)
def _keys(text: str) -> dict[str, bytes]:
    """Key id to key; the first is the one that encrypts."""
    keys: dict[str, bytes] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        key_id, _, encoded = entry.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except ValueError as error:
            raise ImproperlyConfigured(f"NLOPS_ENCRYPTION_KEYS: the key “{key_id}” is not base64.") from error
        if len(key) != 32 or not key_id or "." in key_id:
            raise ImproperlyConfigured(
                f"NLOPS_ENCRYPTION_KEYS: “{key_id}” must be ID:BASE64 of 32 bytes, with no dot in ID "
                '(make one: python -c "import os,base64; print(base64.b64encode(os.urandom(32)).decode())").'
            )
        keys[key_id] = key
    if not keys:
        raise ImproperlyConfigured("NLOPS_ENCRYPTION_KEYS is empty; set it to ID:BASE64-OF-32-BYTES.")
    return keys

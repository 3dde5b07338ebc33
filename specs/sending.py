"""Sending a request as a connection says: its certificates, its proxy, its time-outs, what it learnt of rate limits."""

from __future__ import annotations

import functools
import os
import secrets
import ssl
import tempfile
import time
from datetime import UTC, datetime

import httpx2
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from django.conf import settings
from django.core.cache import cache

from accounts.encryption import DecryptionError, decrypt
from specs.http import ProductUnreachable, Request, RequestNotPossible, Response, send, told_limit
from specs.models import Connection

#: Seconds that a call waits by itself for a limit of the product to end.
PATIENCE = 5.0
#: Seconds for which a limit is remembered at most, whatever the product says.
MAX_REMEMBERED = 3600.0


class CertificateUnusable(ValueError):
    """A certificate or key of a connection can't be used; `str()` is for the person."""


class RateLimited(ProductUnreachable):
    """The product allows no further call at the moment; nothing was sent."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"The product allows no more calls for now. Please try again in {max(1, round(seconds))} seconds; nothing "
            "was sent.",
            sent=False,
        )


def send_through(connection: Connection, request: Request, *, timeout: float, total: float) -> Response:
    """Send the request the way that the connection says. Raises ProductUnreachable."""
    return send(
        request,
        timeout=timeout,
        total=total,
        max_bytes=settings.NLOPS_PRODUCT_MAX_BYTES,
        tls=_tls_of(connection) if request.url.startswith("https:") else None,
        proxy=connection.proxy_url,
    )


# --- rate limits ------------------------------------------------------------------------------------------


def wait_for_limit(connection: Connection, until: float) -> None:
    """Wait for the end of a limit that the product told of, if that is soon. `until`: time.monotonic.

    Raises RateLimited when it takes longer: the call would only be refused, and count.
    """
    end = cache.get(_limit_key(connection))
    left = end - time.time() if end else 0.0
    if left <= 0:
        return
    if left > min(PATIENCE, until - time.monotonic() - 1):
        raise RateLimited(left)
    time.sleep(left)


def learn_limit(connection: Connection, response: Response) -> None:
    """Remember, for all workers, until when the product allows no further call."""
    seconds = told_limit(response.headers, datetime.now(UTC))
    if seconds:
        seconds = min(seconds, MAX_REMEMBERED)
        cache.set(_limit_key(connection), time.time() + seconds, timeout=seconds)


def _limit_key(connection: Connection) -> str:
    return f"limit:{connection.pk if connection.credential is None else connection.credential.pk}"


# --- TLS --------------------------------------------------------------------------------------------------


def _tls_of(connection: Connection) -> ssl.SSLContext | None:
    """None for what every connection uses. Raises RequestNotPossible."""
    if not (connection.client_certificate or connection.ca_certificates):
        return None
    try:
        key = connection.client_key and decrypt(
            connection.client_key, tenant_id=connection.tenant_id, record=connection.record("client_key")
        )
        return tls_context(connection.client_certificate, key, connection.ca_certificates)
    except (DecryptionError, CertificateUnusable) as error:
        raise RequestNotPossible(f"{error} An operator can enter it again in the product's connection.") from error


@functools.lru_cache(maxsize=64)
def tls_context(certificate: str, key: str, authorities: str) -> ssl.SSLContext:
    """A context for these PEM texts, each "" for none. Raises CertificateUnusable."""
    try:
        context = (
            ssl.create_default_context(cadata=authorities)
            if authorities
            else httpx2.create_ssl_context(trust_env=False)
        )
    except (ssl.SSLError, ValueError) as error:
        raise CertificateUnusable("The certificates of the authority are no PEM.") from error
    if certificate:
        _load(context, certificate, key)
    return context


def _load(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """ssl reads certificates from files only: the key lies there encrypted, for a moment, with a password for once."""
    try:
        loaded = serialization.load_pem_private_key(key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CertificateUnusable("The certificate's key is no PEM of a private key without a password.") from error
    password = secrets.token_hex(16)
    sealed = loaded.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password.encode()),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "client.pem")
        with open(path, "wb") as file:
            file.write(sealed + b"\n" + certificate.encode())
        try:
            context.load_cert_chain(path, password=password)
        except (ssl.SSLError, ValueError) as error:
            raise CertificateUnusable("The client certificate is no PEM, or its key is another one's.") from error

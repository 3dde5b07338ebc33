"""An HTTP client that keeps to one deadline over all attempts of a request, and to a size of the answer.

The time-outs of HTTP clients hold for each read: a server that sends a byte now and then is never given up, and the
SDK's repetitions each begin anew. A run's lease is shorter than that, so the time that is left is looked at before
every read of the socket.
"""

from __future__ import annotations

import email.utils
import functools
import ssl
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

import httpcore2
import httpx2
import openai
from django.conf import settings

#: Bytes of an answer that are read at most; a long completion has some 100 kB.
MAX_ANSWER_BYTES = 8_000_000
#: Seconds to reach the server.
CONNECT_SECONDS = 5.0
#: Seconds that are waited within a request when the server asks for it; a longer wait is the engine's, whose worker
#: does other things meanwhile.
WAIT_SECONDS = 3.0
#: Seconds that must be left for another attempt: the SDK's longest pause before the last one.
ATTEMPT_SECONDS = 1.0
#: Seconds for the end of a stream whose last event has come.
DRAIN_SECONDS = 0.2
_LAST_EVENT = b"[DONE]\n\n"
#: Headers that are sent. The SDK's own tell of this machine (system, versions), which is nobody's business.
_SENT_HEADERS = frozenset(
    {"host", "connection", "accept", "content-type", "content-length", "authorization", "api-key"}
)

#: The moment (time.monotonic) at which the request of this thread is given up.
_deadline: ContextVar[float] = ContextVar("deadline")


class AnswerRefused(ValueError):
    """The answer is longer than a completion can be, or packed; no error of HTTP, so that the SDK asks no more."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Requests of a bounded client inside the block end within `seconds`, all attempts together."""
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def bounded_client(also_sent: Collection[str] = ()) -> httpx2.Client:
    """No proxies or credentials from the environment and no redirects: a prompt goes to the configured server only.

    `also_sent`: names of headers, in small letters, that this server gets beside the usual ones.
    """
    return httpx2.Client(transport=_Transport(_SENT_HEADERS | set(also_sent)), trust_env=False, follow_redirects=False)


def seconds_left() -> float:
    """Until the deadline of this thread's request."""
    return _deadline.get() - time.monotonic()


def asked_to_wait(headers: httpx2.Headers) -> float | None:
    """Seconds that the server asks to wait (Retry-After, as a number or a date), None when it asks for none."""
    for name, per_second in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            return max(0.0, min(float(headers.get(name, "")) / per_second, 86_400.0))
        except ValueError:
            continue
    when = email.utils.parsedate_tz(headers.get("retry-after", ""))
    if when is None:
        return None
    try:
        return max(0.0, min(email.utils.mktime_tz(when) - time.time(), 86_400.0))
    except (OverflowError, ValueError):
        return None


@functools.cache
def _tls() -> ssl.SSLContext:
    """Made once: it reads hundreds of certificates, or those of NLOPS_MODEL_CA_FILE."""
    if settings.NLOPS_MODEL_CA_FILE:
        return ssl.create_default_context(cafile=settings.NLOPS_MODEL_CA_FILE)
    return httpx2.create_ssl_context(trust_env=False)


class _Transport(httpx2.HTTPTransport):
    def __init__(self, sent_headers: Collection[str]) -> None:
        super().__init__(verify=_tls(), trust_env=False)
        self._sent_headers = sent_headers
        # The same pool as HTTPTransport makes, over connections that look at the deadline before every read.
        self._pool = httpcore2.ConnectionPool(
            ssl_context=_tls(),
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=30.0,
            network_backend=_Network(),
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send it with the time that is left. Raises httpx2.HTTPError, or openai.APIError for what's not repeated."""
        sent = self._stripped(request)
        with _final_when_late(request):
            if seconds_left() <= 0:
                raise httpx2.ReadTimeout("No time is left.", request=request)
            response = super().handle_request(sent)
        wait = asked_to_wait(response.headers) or 0.0
        if wait > WAIT_SECONDS or wait + ATTEMPT_SECONDS > seconds_left():
            # The SDK's own way to be told that another attempt is of no use.
            response.headers["x-should-retry"] = "false"
        if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
            response.close()
            raise AnswerRefused("The answer is packed, which was not asked for.")
        assert isinstance(response.stream, httpx2.SyncByteStream)
        response.stream = _Stream(response.stream, request)
        return response

    def _stripped(self, request: httpx2.Request) -> httpx2.Request:
        """What goes out of it; the SDK reads its own headers from the request that it made."""
        headers = [(name, value) for name, value in request.headers.multi_items() if name in self._sent_headers]
        # A few packed kilobytes may unpack to gigabytes.
        headers += [("user-agent", "nlops"), ("accept-encoding", "identity")]
        return httpx2.Request(
            request.method, request.url, headers=headers, stream=request.stream, extensions=request.extensions
        )


@contextmanager
def _final_when_late(request: httpx2.Request) -> Iterator[None]:
    """Errors go as errors of the SDK, which it doesn't answer with a pause and another attempt, when time is short."""
    try:
        yield
    except httpx2.TimeoutException as error:
        if seconds_left() < ATTEMPT_SECONDS:
            raise openai.APITimeoutError(request=request) from error
        raise
    except httpx2.TransportError as error:
        if seconds_left() < ATTEMPT_SECONDS:
            raise openai.APIConnectionError(request=request) from error
        raise


class _Stream(httpx2.SyncByteStream):
    def __init__(self, stream: httpx2.SyncByteStream, request: httpx2.Request) -> None:
        self._chunks = iter(stream)
        self._stream = stream
        self._request = request
        self._tail = b""

    def __iter__(self) -> Iterator[bytes]:
        read = 0
        with _final_when_late(self._request):
            for chunk in self._chunks:
                read += len(chunk)
                if read > MAX_ANSWER_BYTES:
                    raise AnswerRefused(f"The answer has more than {MAX_ANSWER_BYTES:,} bytes.")
                self._tail = (self._tail + chunk)[-len(_LAST_EVENT) :]
                yield chunk

    def close(self) -> None:
        """The SDK reads no further than the last event; the few bytes behind it let the connection be used again."""
        if self._tail == _LAST_EVENT:
            self._tail = b""
            with deadline(DRAIN_SECONDS), suppress(Exception):
                next(self._chunks, None)
        self._stream.close()


class _Network(httpcore2.SyncBackend):
    """Connections that look at the deadline before every read and write."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        seconds = _bounded(CONNECT_SECONDS, httpcore2.ConnectTimeout)
        return _Connection(super().connect_tcp(host, port, seconds, local_address, socket_options))


class _Connection(httpcore2.NetworkStream):
    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _bounded(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _bounded(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        seconds = _bounded(CONNECT_SECONDS, httpcore2.ConnectTimeout)
        return _Connection(self._stream.start_tls(ssl_context, server_hostname, seconds))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _bounded(timeout: float | None, error: type[Exception]) -> float:
    """The time-out, not longer than the time that is left; raises `error` when none is."""
    left = seconds_left()
    if left <= 0:
        raise error("No time is left.")
    return left if timeout is None else min(timeout, left)

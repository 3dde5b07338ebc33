"""An HTTP client that keeps to one deadline over all attempts of a request, and to a size of the answer.

The time-outs of HTTP clients hold for each read: a server that sends a byte now and then is never given up, and the
SDK's repetitions each begin anew. A run's lease is shorter than that.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import httpx2

#: Bytes of an answer that are read at most; a long completion has some 100 kB.
MAX_ANSWER_BYTES = 8_000_000
#: Seconds to reach the server.
CONNECT_SECONDS = 5.0

#: The moment (time.monotonic) at which the request of this thread is given up.
_deadline: ContextVar[float] = ContextVar("deadline")


class AnswerTooLong(ValueError):
    """The server sends more than a completion can be; no error of HTTP, so that the SDK doesn't ask for it again."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Requests of a bounded client inside the block end within `seconds`, all attempts together."""
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def bounded_client() -> httpx2.Client:
    """No proxies or credentials from the environment and no redirects: a prompt goes to the configured server only."""
    return httpx2.Client(transport=_Transport(), trust_env=False, follow_redirects=False)


def _seconds_left() -> float:
    return _deadline.get() - time.monotonic()


class _Transport(httpx2.BaseTransport):
    def __init__(self) -> None:
        self._network = httpx2.HTTPTransport(trust_env=False)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send it with the time that is left. Raises httpx2.TimeoutException."""
        left = _seconds_left()
        if left <= 0:
            raise httpx2.ReadTimeout("No time is left.", request=request)
        request.extensions["timeout"] = {
            "connect": min(CONNECT_SECONDS, left),
            "read": left,
            "write": left,
            "pool": left,
        }
        response = self._network.handle_request(request)
        if _asked_to_wait(response) > _seconds_left():
            # The SDK's own way to be told that another attempt is of no use.
            response.headers["x-should-retry"] = "false"
        assert isinstance(response.stream, httpx2.SyncByteStream)
        response.stream = _Stream(response.stream, request)
        return response

    def close(self) -> None:
        self._network.close()


def _asked_to_wait(response: httpx2.Response) -> float:
    """Seconds of a Retry-After header, 0 without one; a date counts as no time, the deadline holds all the same."""
    try:
        return float(response.headers.get("retry-after", "0"))
    except ValueError:
        return 0.0


class _Stream(httpx2.SyncByteStream):
    def __init__(self, stream: httpx2.SyncByteStream, request: httpx2.Request) -> None:
        self._stream = stream
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        read = 0
        for chunk in self._stream:
            read += len(chunk)
            if read > MAX_ANSWER_BYTES:
                raise AnswerTooLong(f"The answer has more than {MAX_ANSWER_BYTES:,} bytes.")
            if _seconds_left() <= 0:
                raise httpx2.ReadTimeout("The answer took too long.", request=self._request)
            yield chunk

    def close(self) -> None:
        self._stream.close()

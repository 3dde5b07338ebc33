"""An HTTP transport that keeps to one deadline for a whole exchange.

The time-outs of HTTP clients hold for each read: a product that sends a byte now and then, in its headers as well as
in its body, would never be given up. Here every connect, read and write gets what is left of the time.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Iterator

import httpcore2
import httpx2

from specs.addresses import addresses_of, check_target


class _Stream(httpcore2.NetworkStream):
    def __init__(self, stream: httpcore2.NetworkStream, until: float) -> None:
        self._stream = stream
        self._until = until

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._until, timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._until, timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        left = _left(self._until, timeout, httpcore2.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left), self._until)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


class _Backend(httpcore2.NetworkBackend):
    def __init__(self, until: float) -> None:
        self._backend = httpcore2.SyncBackend()
        self._until = until

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """To one of the host's addresses, all of them checked before. Raises AddressRefused."""
        try:
            addresses = addresses_of(host, port)
        except OSError as error:
            raise httpcore2.ConnectError(str(error)) from error
        failed: httpcore2.ConnectError | httpcore2.ConnectTimeout | None = None
        for address in addresses:
            left = _left(self._until, timeout, httpcore2.ConnectTimeout)
            try:
                stream = self._backend.connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failed = failed or error
            else:
                return _Stream(stream, self._until)
        raise failed or httpcore2.ConnectError("The name has no address.")


def _left(until: float, timeout: float | None, error: type[httpcore2.TimeoutException]) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise error("The time for the whole exchange is over.")
    return left if timeout is None else min(left, timeout)


class _Body(httpx2.SyncByteStream):
    def __init__(self, stream: Iterable[bytes]) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        if hasattr(self._stream, "close"):
            self._stream.close()


class DeadlineTransport(httpx2.BaseTransport):
    """Sends one request on a connection of its own, which ends at the moment `until` (time.monotonic).

    Raises httpcore2's exceptions; nothing of the environment (proxies, certificates) is used.
    """

    def __init__(self, until: float, tls: ssl.SSLContext | None, proxy: str = "") -> None:
        self._pool = httpcore2.ConnectionPool(
            ssl_context=tls,
            proxy=httpcore2.Proxy(proxy) if proxy else None,
            max_connections=1,
            max_keepalive_connections=0,
            network_backend=_Backend(until),
        )
        self._through_proxy = bool(proxy)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        assert isinstance(request.stream, Iterable)
        url = httpcore2.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        if self._through_proxy:
            # The proxy resolves the name; what it would find here is refused here.
            check_target(request.url.host, request.url.port or (443 if request.url.scheme == "https" else 80))
        answer = self._pool.handle_request(
            httpcore2.Request(
                request.method,
                url,
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        assert isinstance(answer.stream, Iterable)
        return httpx2.Response(
            answer.status, headers=answer.headers, stream=_Body(answer.stream), extensions=answer.extensions
        )

    def close(self) -> None:
        self._pool.close()

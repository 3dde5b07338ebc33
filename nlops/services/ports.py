"""Loopback ports: take one and keep it, so that nobody else can between the choice and the use."""

from __future__ import annotations

import errno
import socket

LOOPBACK = "127.0.0.1"
#: How many ports above the wanted one are tried.
TRIES = 50


class NoFreePort(Exception):
    """Neither the wanted port nor one above it can be had."""

    def __init__(self, first: int, cause: OSError) -> None:
        super().__init__(
            f"No port from {first} to {min(first + TRIES - 1, 65535)} on {LOOPBACK} can be had "
            f"({cause.strerror}). Name another one: make demo PORT=18000"
        )


def listen(port: int) -> socket.socket:
    """A listening socket on the first free loopback port from `port` upwards. Raises NoFreePort.

    The socket is handed to the server process, and stays open here: while a killed server is started again,
    connections wait instead of being refused.
    """
    failure = OSError(errno.EADDRINUSE, "no such port")
    for candidate in range(port, min(port + TRIES, 65536)):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((LOOPBACK, candidate))
            listener.listen(256)
        except OSError as error:
            listener.close()
            failure = error
        else:
            return listener
    raise NoFreePort(port, failure)


def free_port() -> int:
    """A loopback port that is free now, for a server that insists on opening its own."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port

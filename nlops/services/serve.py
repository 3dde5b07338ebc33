"""`python -m nlops.services.serve APPLICATION DESCRIPTOR`: uvicorn on a listening socket that it inherits."""

from __future__ import annotations

import socket
import sys

import uvicorn


def main(application: str, descriptor: int) -> None:
    """Serve an ASGI application until SIGTERM; connections that stay open (live updates) get two seconds."""
    # uvicorn's own --fd takes every descriptor for a Unix socket, and so loses TCP_NODELAY.
    listener = socket.socket(fileno=descriptor)
    config = uvicorn.Config(
        application, lifespan="off", access_log=False, log_level="warning", timeout_graceful_shutdown=2
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

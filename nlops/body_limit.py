"""Requests that are too large are refused while they come in, before anything of them is kept."""

from __future__ import annotations

import html
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

#: A form around the files: its fields, and the lines between its parts.
FORM_BYTES: Final = 1_000_000
#: Of a refused body, as many times the limit are read and thrown away: most clients look at the answer only when they
#: have sent everything, and would report a lost connection otherwise.
DRAINED: Final = 3


class _TooLarge(Exception):
    """More has come than fits."""


class BodyLimit:
    """Around an ASGI application: a request whose body is larger than `limit()` bytes is answered with 413."""

    def __init__(self, application: Application, limit: Callable[[], int]) -> None:
        self._application = application
        self._limit = limit

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        limit = self._limit()
        # A length that is none, or that is not told, is counted below.
        told = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        if told.isdigit() and (len(told) > 18 or int(told) > limit):
            await _refuse(scope, receive, send, limit)
            return
        came, answered = 0, False

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body") or b"")
            if came > limit:
                raise _TooLarge
            return message

        async def noted(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self._application(scope, counted, noted)
        except _TooLarge:
            if answered:
                raise
            await _refuse(scope, receive, send, limit)


async def _refuse(scope: dict[str, Any], receive: Receive, send: Send, limit: int) -> None:
    """Say what the limit is and how to keep to it; then let the client finish what it is saying."""
    reason = (
        f"What was sent is larger than {limit / 1e6:.0f} MB, the limit, and was refused while it came in. "
        "Leave out what isn't needed (examples, response schemas), or split it into several products."
    )
    if scope["path"].startswith("/api/"):
        kind, body = "application/json", json.dumps({"detail": reason})
    else:
        page = "<!doctype html><html lang=en><meta charset=utf-8><title>Too large</title><h1>Too large</h1><p>{}</p>"
        kind, body = "text/html; charset=utf-8", page.format(html.escape(reason))
    left = DRAINED * limit
    while left > 0:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body"):
            break
        left -= len(message.get("body") or b"")
    headers = [(b"content-type", kind.encode()), (b"connection", b"close"), (b"x-content-type-options", b"nosniff")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})

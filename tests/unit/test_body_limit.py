"""A request that is too large is refused while it comes in."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from nlops.body_limit import DRAINED, BodyLimit


async def taking_all(scope: Any, receive: Any, send: Any) -> None:
    """An application that reads the whole body and says how large it was."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message["body"]), message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


def answered(chunks: int, *, path: str = "/products/x/", length: bytes | None = None) -> tuple[int, str, int]:
    """Status, text, and how many chunks of 100 bytes were taken, with a limit of 1,000 bytes."""
    taken, sent = 0, []

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": b"x" * 100, "more_body": taken < chunks}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-length", length)] if length is not None else []
    scope = {"type": "http", "path": path, "headers": headers}
    asyncio.run(BodyLimit(taking_all, lambda: 1000)(scope, receive, send))
    return sent[0]["status"], sent[1]["body"].decode(), taken


def test_a_body_within_the_limit_passes_untouched():
    assert answered(10) == (200, "1000", 10)
    assert answered(10, length=b"1000") == (200, "1000", 10)


@pytest.mark.parametrize("length", [None, b"", b"12", b"-1", b"ten"])
def test_a_body_that_says_less_than_it_has_is_stopped_when_it_passes_the_limit(length):
    status, text, taken = answered(12, length=length)
    assert (status, taken) == (413, 12)
    assert "the limit" in text
    assert "split it into several products" in text


@pytest.mark.parametrize("length", [b"1001", b"9" * 5000])
def test_a_length_above_the_limit_never_reaches_the_application(length):
    status, text, taken = answered(10**9, length=length)
    assert status == 413
    assert taken <= DRAINED * 10
    assert text.startswith("<!doctype html>")


def test_programs_are_told_as_json():
    status, text, _ = answered(12, path="/api/v1/products/x/versions/")
    assert (status, list(json.loads(text))) == (413, ["detail"])


def test_a_client_that_goes_away_is_let_go():
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        pass

    scope = {"type": "http", "path": "/", "headers": [(b"content-length", b"5000")]}
    asyncio.run(asyncio.wait_for(BodyLimit(taking_all, lambda: 1000)(scope, receive, send), 5))

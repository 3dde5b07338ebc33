"""Server-sent events of a conversation: rendered blocks, as they change. No database connection is held meanwhile."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils import timezone
from redis import RedisError
from redis import asyncio as redis

from accounts.context import tenant_context
from accounts.models import Member
from conversations.channel import PING, channel_name, read_draft
from conversations.forms import reply_form
from conversations.models import Conversation, EventKind
from conversations.querysets import last_sequence, run_blocks
from conversations.transcript import RunBlock

log = structlog.get_logger(__name__)

#: Seconds after which the database is asked even without a ping: one may get lost.
LOOK_EVERY = 5.0
#: Seconds of silence after which a comment is sent, so that proxies keep the connection.
HEARTBEAT = 15.0


class StreamOver(Exception):
    """The person may not follow the conversation any more."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Who listens to which conversation."""

    tenant_id: UUID
    member_id: UUID
    conversation_id: UUID
    session_key: str


async def stream(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """`text/event-stream`: one `run` event per changed block, its id the sequence number to go on after."""
    member = request.member  # type: ignore[attr-defined]
    if member is None:
        return HttpResponse(status=403)
    listener = Listener(member.tenant_id, member.pk, pk, request.session.session_key or "")
    try:
        # Inside the middleware's transaction still, so the connection stays open here.
        await sync_to_async(_authorised)(listener)
    except StreamOver as over:
        raise Http404 from over
    after = _sequence(request.headers.get("Last-Event-ID")) or _sequence(request.GET.get("after"))
    response = StreamingHttpResponse(follow(listener, after), content_type="text/event-stream")
    response["Cache-Control"] = "no-cache, no-transform"
    response["X-Accel-Buffering"] = "no"
    return response


async def follow(listener: Listener, after: int) -> AsyncIterator[bytes]:
    """The events from `after` on, until the client goes or may not listen any more."""
    yield b": hello\nretry: 2000\n\n"
    spoke = time.monotonic()
    async with pings(listener.conversation_id) as wait:
        while True:
            try:
                news = await sync_to_async(fetch)(listener, after)
            except StreamOver:
                return
            for sequence, html in news:
                after = max(after, sequence)
                yield _event(sequence, html)
                spoke = time.monotonic()
            if time.monotonic() - spoke >= HEARTBEAT:
                yield b": still here\n\n"
                spoke = time.monotonic()
            draft = read_draft(await wait() or PING.encode())
            if draft is not None:
                yield _draft(*draft)


@asynccontextmanager
async def pings(conversation_id: UUID) -> AsyncIterator[Callable[[], Awaitable[bytes | None]]]:
    """Waits for the channel's next message, at most LOOK_EVERY seconds; without the cache it just waits.

    The subscription stands before the first look at the database, so that nothing falls between the two.
    """
    client = redis.Redis.from_url(settings.CACHE_URL, socket_connect_timeout=2)
    pubsub = client.pubsub(ignore_subscribe_messages=True)

    async def guarded(act: Callable[[], Awaitable[Any]], pause: float) -> Any:
        try:
            return await act()
        except (RedisError, OSError) as error:
            log.warning("pings_unreachable", error=type(error).__name__)
            await pubsub.aclose()
            await asyncio.sleep(pause)
            return None

    async def subscribe() -> None:
        await pubsub.subscribe(channel_name(conversation_id))

    async def wait() -> bytes | None:
        if not pubsub.subscribed:
            await guarded(subscribe, LOOK_EVERY)
            return None
        message = await guarded(lambda: pubsub.get_message(timeout=LOOK_EVERY), LOOK_EVERY)
        return message["data"] if message else None

    try:
        await guarded(subscribe, 0)
        yield wait
    finally:
        await pubsub.aclose()
        await client.aclose()


def fetch(listener: Listener, after: int) -> list[tuple[int, str]]:
    """Sequence number and HTML of the runs with events after that one. Raises StreamOver.

    Opens a database connection and closes it again: a stream waits for hours.
    """
    try:
        with tenant_context(listener.tenant_id):
            member = _authorised(listener)
            if last_sequence(listener.conversation_id) <= after:
                return []
            blocks = run_blocks(listener.conversation_id, member, after=after)
            with timezone.override(member.user.time_zone):
                return [(block.version, render_block(block)) for block in blocks]
    finally:
        connection.close()


def _authorised(listener: Listener) -> Member:
    member = (
        Member.objects.filter(pk=listener.member_id, is_active=True, user__is_active=True)
        .select_related("user", "tenant")
        .first()
    )
    own = Conversation.objects.filter(pk=listener.conversation_id, member_id=listener.member_id)
    if member is None or not own.exists() or not SessionStore().exists(listener.session_key):
        raise StreamOver
    return member


def render_block(block: RunBlock, **context: object) -> str:
    """HTML of one run, the same on the page, in the stream and after a post."""
    return render_to_string("conversations/chat.html#run", {"block": block, **block_context(block), **context})


def block_context(block: RunBlock, problem: str = "", posted: object = None) -> dict[str, object]:
    """What the template needs beside the block."""
    form = None
    if block.pending and block.pending.kind == EventKind.ASKED:
        form = reply_form(block.pending.sequence, block.pending.data, posted)
    return {"reply_form": form, "problem": problem}


def _event(sequence: int, html: str) -> bytes:
    lines = html.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    data = "".join(f"data: {line}\n" for line in lines)
    return f"id: {sequence}\nevent: run\n{data}\n".encode()


def _draft(run_id: str, text: str) -> bytes:
    """Without an id: a page that comes back must not take it for something it has seen."""
    return f"event: draft\ndata: {json.dumps({'run': run_id, 'text': text})}\n\n".encode()


def _sequence(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else 0

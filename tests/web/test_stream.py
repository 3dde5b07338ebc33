"""Server-sent events: replay, live news, and an end when the person may not listen any more."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator

import pytest
from asgiref.sync import sync_to_async
from django.contrib.sessions.backends.db import SessionStore
from django.test import AsyncClient

from accounts.context import tenant_context
from accounts.models import Member
from conversations import stream
from conversations.channel import publish_draft
from conversations.models import Run
from conversations.stream import Listener, follow
from tests.conftest import People, make_people
from tests.web.conftest import make_run, record

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people(transactional_db, clean_cache) -> People:
    return make_people("acme")


@pytest.fixture
def run(people) -> Run:
    with tenant_context(people.tenant.pk):
        return make_run(people.customer, "Delete user2\n\nplease")


@pytest.fixture
def listener(people, run) -> Listener:
    session = SessionStore()
    session.create()
    return Listener(people.tenant.pk, people.customer.pk, run.conversation_id, session.session_key)


def happen(run: Run, kind: str, **data: object) -> None:
    with tenant_context(run.tenant_id):
        record(run, kind, **data)


async def next_block(events: AsyncIterator[bytes], seconds: float = 10) -> str:
    """The next event that is no comment."""
    while True:
        chunk = (await asyncio.wait_for(anext(events), seconds)).decode()
        if chunk.startswith("id:"):
            return chunk


def listen(coroutine):
    """Run the coroutine in a loop of its own, as a server does."""
    return asyncio.run(coroutine)


def test_the_stream_replays_what_the_page_has_not_seen(run, listener):
    async def first() -> str:
        events = follow(listener, 0)
        try:
            return await next_block(events)
        finally:
            await events.aclose()

    chunk = listen(first())
    assert chunk.startswith("id: 1\nevent: run\n")
    assert f'id="run-{run.pk}"' in chunk
    data = "\n".join(re.findall(r"^data: (.*)$", chunk, re.MULTILINE))
    assert "Delete user2\n\nplease" in data
    assert chunk.endswith("\n\n")


def test_a_draft_goes_to_the_page_as_it_is_without_an_id(run, listener):
    async def first_draft() -> str:
        events = follow(listener, 1)
        await anext(events)  # the greeting: from now on it listens
        asyncio.get_running_loop().call_later(
            0.5, lambda: publish_draft(run.conversation_id, run.pk, "The user\nis alice.")
        )
        try:
            while True:
                chunk = (await asyncio.wait_for(anext(events), 10)).decode()
                if chunk.startswith("event: draft"):
                    return chunk
        finally:
            await events.aclose()

    chunk = listen(first_draft())
    assert json.loads(chunk.splitlines()[1].removeprefix("data: ")) == {
        "run": str(run.pk),
        "text": "The user\nis alice.",
    }


def test_a_ping_brings_news_before_the_next_look_at_the_database(run, listener, monkeypatch):
    monkeypatch.setattr(stream, "LOOK_EVERY", 30.0)

    async def news() -> tuple[str, float]:
        events = follow(listener, 1)
        waiting = asyncio.create_task(next_block(events))
        await asyncio.sleep(0.5)
        began = time.monotonic()
        await sync_to_async(happen, thread_sensitive=False)(run, "progress", text="Choosing an operation")
        chunk = await waiting
        await events.aclose()
        return chunk, time.monotonic() - began

    chunk, seconds = listen(news())
    assert "Choosing an operation" in chunk
    assert chunk.startswith("id: 2\n")
    assert seconds < 5


def test_without_the_cache_news_come_by_looking(run, listener, monkeypatch, settings):
    monkeypatch.setattr(stream, "LOOK_EVERY", 0.2)
    settings.CACHE_URL = "redis://127.0.0.1:1/0"

    async def news() -> str:
        events = follow(listener, 1)
        waiting = asyncio.create_task(next_block(events))
        await asyncio.sleep(0.3)
        await sync_to_async(happen, thread_sensitive=False)(run, "progress", text="Choosing an operation")
        chunk = await waiting
        await events.aclose()
        return chunk

    assert "Choosing an operation" in listen(news())


def end_membership(people: People, listener: Listener) -> None:
    with tenant_context(people.tenant.pk):
        Member.objects.filter(pk=people.customer.pk).update(is_active=False)


def sign_out(people: People, listener: Listener) -> None:
    SessionStore(listener.session_key).delete()


@pytest.mark.parametrize("leave", [end_membership, sign_out])
def test_the_stream_ends_when_the_person_may_not_listen_any_more(people, run, listener, monkeypatch, leave):
    monkeypatch.setattr(stream, "LOOK_EVERY", 0.2)

    async def rest() -> list[bytes]:
        events = follow(listener, 1)
        await anext(events)
        await sync_to_async(leave, thread_sensitive=False)(people, listener)
        await sync_to_async(happen, thread_sensitive=False)(run, "progress", text="Not for you")
        return [chunk async for chunk in events]

    assert not any(b"Not for you" in chunk for chunk in listen(asyncio.wait_for(rest(), 10)))


def test_a_silent_stream_says_that_it_is_still_there(run, listener, monkeypatch):
    monkeypatch.setattr(stream, "LOOK_EVERY", 0.1)
    monkeypatch.setattr(stream, "HEARTBEAT", 0.2)

    async def chunks() -> list[bytes]:
        events = follow(listener, 1)
        try:
            return [await asyncio.wait_for(anext(events), 5) for _ in range(2)]
        finally:
            await events.aclose()

    assert listen(chunks())[1] == b": still here\n\n"


def test_the_address_serves_event_streams_to_its_member_alone(people, run):
    async def statuses() -> list[tuple[int, str]]:
        found = []
        for member in (people.customer, people.operator):
            client = AsyncClient()
            await client.aforce_login(member.user, backend="django.contrib.auth.backends.ModelBackend")
            response = await client.get(f"/c/{run.conversation_id}/stream")
            found.append((response.status_code, response.headers["Content-Type"].split(";")[0]))
            response.close()
        anonymous = await AsyncClient().get(f"/c/{run.conversation_id}/stream")
        return [*found, (anonymous.status_code, "")]

    assert listen(statuses()) == [(200, "text/event-stream"), (404, "text/html"), (403, "")]

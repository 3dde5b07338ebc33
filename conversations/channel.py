"""The live channel of a conversation: a ping says "there are new events"; a draft is the answer as it is written."""

from __future__ import annotations

import functools
import json
import os
import uuid
from concurrent.futures import ThreadPoolExecutor

import redis
import structlog
from django.conf import settings
from django.db import transaction

log = structlog.get_logger(__name__)

#: What a ping holds.
PING = "1"


def channel_name(conversation_id: uuid.UUID | str) -> str:
    """Name of the pub/sub channel."""
    return f"nlops:conversation:{conversation_id}"


def ping_after_commit(conversation_id: uuid.UUID) -> None:
    """Tell the open pages of the conversation that there is news, once it is committed."""
    transaction.on_commit(functools.partial(_publish_soon, channel_name(conversation_id), PING), robust=True)


def publish_draft(conversation_id: uuid.UUID, run_id: uuid.UUID, text: str) -> None:
    """Show the open pages what the answer says so far."""
    _publish_soon(channel_name(conversation_id), json.dumps({"run": str(run_id), "draft": text}))


def read_draft(message: bytes) -> tuple[str, str] | None:
    """Run and text of a draft; None for a ping."""
    if message == PING.encode():
        return None
    found = json.loads(message)
    return found["run"], found["draft"]


def _publish_soon(channel: str, message: str) -> None:
    """From a thread: a run does not wait for those who watch it."""
    _publisher(os.getpid()).submit(_publish, channel, message)


@functools.lru_cache(maxsize=1)
def _publisher(pid: int) -> ThreadPoolExecutor:
    """One thread a process, so that messages keep their order; a fork has one of its own."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="nlops-channel")


def _publish(channel: str, message: str) -> None:
    try:
        _client().publish(channel, message)
    except redis.RedisError as error:
        # A lost ping does no harm: pages look at the database every few seconds, too.
        log.warning("ping_lost", channel=channel, error=type(error).__name__)


@functools.cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(settings.CACHE_URL, socket_timeout=2)

"""The live channel of a conversation: a ping says "there are new events", nothing more."""

from __future__ import annotations

import functools
import uuid

import redis
import structlog
from django.conf import settings
from django.db import transaction

log = structlog.get_logger(__name__)


def channel_name(conversation_id: uuid.UUID | str) -> str:
    """Name of the pub/sub channel."""
    return f"nlops:conversation:{conversation_id}"


def ping_after_commit(conversation_id: uuid.UUID) -> None:
    """Tell the open pages of the conversation that there is news, once it is committed."""
    transaction.on_commit(functools.partial(_publish, channel_name(conversation_id)), robust=True)


def _publish(channel: str) -> None:
    try:
        _client().publish(channel, "1")
    except redis.RedisError as error:
        # A lost ping does no harm: pages look at the database every few seconds, too.
        log.warning("ping_lost", channel=channel, error=type(error).__name__)


@functools.cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(settings.CACHE_URL, socket_timeout=2)

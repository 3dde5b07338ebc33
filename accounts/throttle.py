"""Throttles, counted in the shared cache so that they hold over all processes."""

from __future__ import annotations

import time

from django.conf import settings
from django.core.cache import cache

from accounts.models import Member


class Throttled(Exception):
    """A member sent too many requests. `retry_after` is in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"That was a bit fast. Please try again in {retry_after} seconds; your text is kept here.")
        self.retry_after = retry_after


def count_request(member: Member) -> None:
    """Count one request of the member in this minute. Raises Throttled above NLOPS_MEMBER_RATE."""
    now = int(time.time())
    key = f"throttle:{member.pk}:{now // 60}"
    cache.add(key, 0, timeout=120)
    if cache.incr(key) > settings.NLOPS_MEMBER_RATE:
        raise Throttled(60 - now % 60)

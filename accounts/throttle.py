"""Throttles, counted in the shared cache so that they hold over all processes: by member, tenant, token and address."""

from __future__ import annotations

import ipaddress
import time

import structlog
from django.conf import settings
from django.core.cache import cache
from redis import RedisError

from accounts.models import Member

log = structlog.get_logger(__name__)


class Throttled(Exception):
    """Too many requests were sent. `retry_after` is in seconds."""

    def __init__(self, retry_after: int, who: str = "That was a bit fast.") -> None:
        super().__init__(f"{who} Please try again in {retry_after} seconds; your text is kept here.")
        self.retry_after = retry_after


def count_request(member: Member) -> None:
    """Count one request of the member and of the tenant in this minute.

    Raises Throttled above NLOPS_MEMBER_RATE or NLOPS_TENANT_RATE. What a member sends too much does not count against
    the tenant: one of them must not keep the others out.
    """
    if wait := wait_for(f"member:{member.pk}", settings.NLOPS_MEMBER_RATE):
        raise Throttled(wait)
    if wait := wait_for(f"tenant:{member.tenant_id}", settings.NLOPS_TENANT_RATE):
        raise Throttled(wait, f"Too many requests came from {member.tenant} at once.")


def wait_for_address(ip: str) -> int:
    """Count one request of the address in this minute; seconds to wait when it sent too many, else 0.

    Of IPv6 the first 64 bits count, for a single person has as many addresses as they like below them (RFC 6177).
    A cache that doesn't answer keeps nobody out.
    """
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return 0
    block = ip if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))
    try:
        return wait_for(f"address:{block}", settings.NLOPS_ADDRESS_RATE)
    except (RedisError, OSError) as error:
        log.warning("address_not_counted", error=type(error).__name__)
        return 0


def wait_for(what: str, rate: int) -> int:
    """Count one in this minute; seconds to the next minute when there were more than `rate` (0: no limit), else 0."""
    if not rate:
        return 0
    now = int(time.time())
    key = f"throttle:{what}:{now // 60}"
    cache.add(key, 0, timeout=120)
    return 60 - now % 60 if cache.incr(key) > rate else 0

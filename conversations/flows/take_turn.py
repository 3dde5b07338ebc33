"""Whose request a worker begins when it hears of one: tenants take turns, however many each has waiting.

The broker's queue is first come, first served: three hundred requests of one tenant would stand before the one of
another. So a word from the queue that a run waits to be begun means no more than "begin one": the worker takes the
oldest of the tenant that has the fewest under way and whose turn was the longest ago. The run that the word was about
is begun by another's word, or found by the sweeper.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass

import structlog
from django.core.cache import cache
from django.db import connection
from redis import RedisError

from accounts.context import tenant_context
from conversations.flows.advance import work_on
from conversations.models import Run
from nlops.core.types import RunStatus

log = structlog.get_logger(__name__)

#: Seconds for which a turn is remembered; requests that wait longer than that are everybody's problem.
_REMEMBERED = 3600


@dataclass(frozen=True, slots=True)
class Waiting:
    """A tenant with requests that nobody has begun."""

    tenant_id: uuid.UUID
    #: the oldest of them that may begin
    run_id: uuid.UUID
    #: how many of the tenant's requests workers have at this moment
    under_way: int


def take_turn(tenant_id: str, run_id: str) -> None:
    """Do what is due of the run, or begin another in its place. A run that was begun before goes on by its own word."""
    own = (uuid.UUID(tenant_id), uuid.UUID(run_id))
    waiting = _in_turn()
    is_first = not waiting or waiting[0].tenant_id == own[0]
    order = [(row.tenant_id, row.run_id) for row in waiting]
    if is_first or _is_begun(*own):
        order = [own, *order]
    for tenant, run in dict.fromkeys([*order, own]):
        if work_on(tenant, run):
            _remember(tenant)
            return


def _in_turn() -> list[Waiting]:
    """The tenants with something to begin, whose turn it is first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant, run, under_way FROM nlops_waiting_tenants()")
        rows = [Waiting(*row) for row in cursor.fetchall()]
    if len(rows) < 2:
        return rows
    turns = _turns([row.tenant_id for row in rows])
    return sorted(rows, key=lambda row: (row.under_way, turns.get(row.tenant_id, 0.0)))


def _is_begun(tenant_id: uuid.UUID, run_id: uuid.UUID) -> bool:
    with tenant_context(tenant_id):
        return Run.objects.filter(pk=run_id).exclude(status=RunStatus.QUEUED).exists()


def _key(tenant_id: uuid.UUID) -> str:
    return f"turn:{tenant_id}"


def _turns(tenants: list[uuid.UUID]) -> dict[uuid.UUID, float]:
    """When each had its last turn; without a cache that answers, who has fewer under way comes first all the same."""
    try:
        found = cache.get_many([_key(tenant) for tenant in tenants])
    except (RedisError, OSError) as error:
        log.warning("turns_unknown", error=type(error).__name__)
        return {}
    return {tenant: found[_key(tenant)] for tenant in tenants if _key(tenant) in found}


def _remember(tenant_id: uuid.UUID) -> None:
    try:
        cache.set(_key(tenant_id), time.time(), timeout=_REMEMBERED)
    except (RedisError, OSError) as error:
        log.warning("turn_not_kept", error=type(error).__name__)

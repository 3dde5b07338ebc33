"""What requests cost, per member and day: a ledger of the finished ones, which outlives their transcripts."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Count, F, Sum
from django.db.models.functions import TruncDate

from conversations.models import Run, UsageDay

#: What is added up.
AMOUNTS = ("requests", "prompt_tokens", "cached_tokens", "completion_tokens", "cost")


def add_to_ledger(run: Run) -> None:
    """Add a run that has just ended to its member's day, in the transaction that ends it: once, never twice."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO conversations_usageday AS kept (id, tenant_id, member_id, day, model, requests, "
            "prompt_tokens, cached_tokens, completion_tokens, cost) VALUES (%s, %s, %s, %s, %s, 1, %s, %s, %s, %s) "
            "ON CONFLICT (tenant_id, day, member_id, model) DO UPDATE SET requests = kept.requests + 1, "
            "prompt_tokens = kept.prompt_tokens + EXCLUDED.prompt_tokens, "
            "cached_tokens = kept.cached_tokens + EXCLUDED.cached_tokens, "
            "completion_tokens = kept.completion_tokens + EXCLUDED.completion_tokens, "
            "cost = kept.cost + EXCLUDED.cost",
            [
                uuid.uuid4(),
                run.tenant_id,
                run.conversation.member_id,
                run.created_at.astimezone(datetime.UTC).date(),
                run.model,
                run.prompt_tokens,
                run.cached_tokens,
                run.completion_tokens,
                run.cost,
            ],
        )


@dataclass(slots=True)
class UsageRow:
    """What was used by one member, on one day or with one model, or by all."""

    #: e-mail address, day (ISO 8601) or model
    key: str
    requests: int = 0
    prompt_tokens: int = 0
    #: those of the prompt's tokens that the provider had in its cache
    cached_tokens: int = 0
    completion_tokens: int = 0
    #: millionths of the currency unit
    cost: int = 0

    @property
    def money(self) -> str:
        """The cost in the currency unit, with its millionths."""
        return f"{self.cost // 1_000_000:,}.{self.cost % 1_000_000:06d}"

    def add(self, amounts: Iterable[int]) -> None:
        """Add amounts in the order of AMOUNTS."""
        for name, amount in zip(AMOUNTS, amounts, strict=True):
            setattr(self, name, getattr(self, name) + amount)


#: What the sums can be made by, and the name of those whose member is gone.
BY = ("member", "day", "model")
GONE = "(no longer a member)"


def usage(first: datetime.date, last: datetime.date, by: str) -> list[UsageRow]:
    """Sums of the days (UTC, both included) in the tenant in context; the requests that are still open count, too.

    By day in order, otherwise the dearest first.
    """
    rows: dict[str, UsageRow] = {}
    for key, *amounts in [*_finished(first, last, by), *_open(first, last, by)]:
        name = GONE if key is None else str(key)
        rows.setdefault(name, UsageRow(name)).add(int(amount or 0) for amount in amounts)
    if by == "day":
        return sorted(rows.values(), key=lambda row: row.key)
    return sorted(rows.values(), key=lambda row: (-row.cost, -row.prompt_tokens - row.completion_tokens, row.key))


def total(rows: Iterable[UsageRow]) -> UsageRow:
    """The sum of them all."""
    result = UsageRow("All")
    for row in rows:
        result.add(getattr(row, name) for name in AMOUNTS)
    return result


def _finished(first: datetime.date, last: datetime.date, by: str) -> Iterable[tuple[Any, ...]]:
    key = {"member": "member__user__email", "day": "day", "model": "model"}[by]
    found = UsageDay.objects.filter(day__gte=first, day__lte=last).order_by().values(key)
    return found.annotate(**{f"sum_{name}": Sum(name) for name in AMOUNTS}).values_list(
        key, *(f"sum_{name}" for name in AMOUNTS)
    )


def _open(first: datetime.date, last: datetime.date, by: str) -> Iterable[tuple[Any, ...]]:
    """Requests that are not in the ledger yet: few, found by an index."""
    key = {"member": "conversation__member__user__email", "day": "on_day", "model": "model"}[by]
    on_day = TruncDate("created_at", tzinfo=datetime.UTC)
    runs = Run.objects.filter(finished_at=None).annotate(on_day=on_day)
    found = runs.filter(on_day__gte=first, on_day__lte=last).order_by().annotate(key=F(key)).values("key")
    sums = {f"sum_{name}": Sum(name) for name in AMOUNTS if name != "requests"}
    return found.annotate(sum_requests=Count("pk"), **sums).values_list("key", *(f"sum_{name}" for name in AMOUNTS))

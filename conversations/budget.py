"""What is left of a day's model budget, counted from the ledger of usage and the requests that are still open."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import structlog
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from accounts.audit import Origin, audit
from accounts.models import AuditAction, Member
from accounts.throttle import Throttled
from conversations.models import Measure
from nlops.core.types import Json

log = structlog.get_logger(__name__)

#: One statement: without a budget it ends at an empty table; the sums are found by the indexes of the day and of the
#: runs that are not finished.
_STANDING = """
SELECT budget.measure, budget.soft, budget.hard, budget.member_soft, budget.member_hard,
    COALESCE(SUM(CASE budget.measure WHEN 'cost' THEN used.cost ELSE used.tokens END), 0)::bigint,
    COALESCE(SUM(CASE budget.measure WHEN 'cost' THEN used.cost ELSE used.tokens END)
        FILTER (WHERE used.member_id = %s), 0)::bigint
FROM conversations_budget budget
LEFT JOIN LATERAL (
    SELECT member_id, prompt_tokens + completion_tokens AS tokens, cost
    FROM conversations_usageday WHERE tenant_id = budget.tenant_id AND day = %s
    UNION ALL
    SELECT conversation.member_id, run.prompt_tokens + run.completion_tokens, run.cost
    FROM conversations_run run JOIN conversations_conversation conversation ON conversation.id = run.conversation_id
    WHERE run.tenant_id = budget.tenant_id AND run.finished_at IS NULL AND run.created_at >= %s
) used ON true
GROUP BY budget.id
"""


class BudgetSpent(Throttled):
    """A hard limit is reached; `str()` says whose and when it goes on. `retry_after` is in seconds."""

    def __init__(self, words: str, retry_after: int) -> None:
        Exception.__init__(self, words)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Standing:
    """How much of today's budget is used; amounts in the budget's measure, None for no limit."""

    measure: str
    soft: int | None
    hard: int | None
    member_soft: int | None
    member_hard: int | None
    #: by everybody
    used: int
    #: by the member
    own: int

    @property
    def is_spent(self) -> bool:
        """Whether the tenant's hard limit is reached."""
        return self.hard is not None and self.used >= self.hard

    @property
    def is_own_spent(self) -> bool:
        """Whether the member's hard limit is reached."""
        return self.member_hard is not None and self.own >= self.member_hard

    @property
    def is_high(self) -> bool:
        """Whether the tenant's soft limit is reached."""
        return self.soft is not None and self.used >= self.soft

    @property
    def is_own_high(self) -> bool:
        """Whether the member's soft limit is reached."""
        return self.member_soft is not None and self.own >= self.member_soft

    def amount(self, value: int) -> str:
        """A number of tokens, or an amount in the currency unit, for people."""
        return f"{value:,} tokens" if self.measure == Measure.TOKENS else f"{value / 1_000_000:,.2f}"


def standing(member: Member) -> Standing | None:
    """As it is now, in the tenant's context; None without a budget."""
    today = timezone.now().astimezone(datetime.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, [member.pk, today.date(), today])
        row = cursor.fetchone()
    return Standing(*row) if row else None


def check_budget(member: Member) -> None:
    """Before a request is taken. Raises BudgetSpent. Limits that are reached are told once a day in the audit log."""
    now = standing(member)
    if now is None:
        return
    reached = {
        "hard limit of the tenant": now.is_spent,
        "soft limit of the tenant": now.is_high,
        f"hard limit of member {member.user_id}": now.is_own_spent,
        f"soft limit of member {member.user_id}": now.is_own_high,
    }
    for limit in filter(reached.__getitem__, reached):
        _tell_once(member, limit, now)
    if now.is_spent or now.is_own_spent:
        raise BudgetSpent(spent_words(member, now), _seconds_left())


def spent_words(member: Member, now: Standing) -> str:
    """Whose budget is used up, and when it goes on."""
    zone = ZoneInfo(member.user.time_zone)
    at = _tomorrow().astimezone(zone)
    whose = f"Today's model budget of {member.tenant}" if now.is_spent else "Your own model budget for today"
    return (
        f"{whose} is used up. It goes on at {at:%H:%M} on {at.day} {at:%B} ({zone}); "
        "an owner can raise it under Usage. Your text is kept here."
    )


def banner(member: Member) -> str:
    """What the member's pages say of the budget, "" for nothing."""
    now = standing(member)
    if now is None:
        return ""
    if now.is_spent or now.is_own_spent:
        return spent_words(member, now).removesuffix(" Your text is kept here.")
    if now.is_high and member.is_operator:
        limit = f" of {now.amount(now.hard)}, at which nothing new is begun" if now.hard is not None else ""
        return f"{now.amount(now.used)} of models were used today{limit}."
    if now.is_own_high:
        limit = f" of {now.amount(now.member_hard)}" if now.member_hard is not None else ""
        return f"You have used {now.amount(now.own)}{limit} of your model budget today."
    return ""


def _tell_once(member: Member, limit: str, now: Standing) -> None:
    """To the owners' audit log and to the server's, the first time on this day."""
    day = timezone.now().astimezone(datetime.UTC).date()
    if not cache.add(f"budget:{member.tenant_id}:{day}:{limit}".replace(" ", "-"), 1, timeout=2 * 86_400):
        return
    data: dict[str, Json] = {"limit": limit, "measure": now.measure, "used": now.used, "by_member": now.own}
    log.warning("budget_reached", **data)
    audit(AuditAction.BUDGET_REACHED, None, data, origin=Origin())


def _tomorrow() -> datetime.datetime:
    today = timezone.now().astimezone(datetime.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + datetime.timedelta(days=1)


def _seconds_left() -> int:
    return max(1, int((_tomorrow() - timezone.now()).total_seconds()))

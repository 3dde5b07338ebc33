"""An owner sets what models may be used for on one day."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from accounts.audit import audit
from accounts.models import AuditAction, Member, Tenant
from conversations.flows import FlowError
from conversations.models import Budget, Measure
from nlops.core.types import Json

#: The limits, in pairs: who is told above the first is refused above the second.
LIMITS = ("soft", "hard", "member_soft", "member_hard")
#: The largest limit: what the database's numbers hold.
LARGEST = 2**62


class BudgetRefused(FlowError):
    """The budget makes no sense, or is not this member's to set."""


def set_budget(owner: Member, measure: str, limits: Mapping[str, int | None]) -> Budget | None:
    """In force from the next request on; without any limit there is no budget (None). In the tenant's context.

    `limits`: by the names in LIMITS, in tokens or millionths of the currency unit. Raises BudgetRefused.
    """
    if not owner.is_owner:
        raise BudgetRefused("This needs the role owner. Ask the owner of your tenant.")
    if measure not in Measure.values:
        raise BudgetRefused(f"The measure is one of {', '.join(Measure.values)}.")
    wanted = {name: limits.get(name) for name in LIMITS}
    if any(value is not None and not 0 <= value <= LARGEST for value in wanted.values()):
        raise BudgetRefused("A limit is 0 or more.")
    for soft, hard in (("soft", "hard"), ("member_soft", "member_hard")):
        low, high = wanted[soft], wanted[hard]
        if low is not None and high is not None and low > high:
            raise BudgetRefused("A warning above the limit would never be given. Make it smaller.")
    with transaction.atomic():
        Tenant.objects.select_for_update().get(pk=owner.tenant_id)
        told: dict[str, Json] = {"measure": measure, **wanted}
        if all(value is None for value in wanted.values()):
            Budget.objects.all().delete()
            budget = None
        else:
            budget, _ = Budget.objects.update_or_create(
                tenant_id=owner.tenant_id, defaults={"measure": measure, **wanted}
            )
        audit(AuditAction.BUDGET_CHANGED, budget, told, member=owner)
    return budget

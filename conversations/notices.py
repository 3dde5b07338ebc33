"""What is told of an approval, and to whom: e-mail to those who may decide, webhooks of the tenant.

Notices are rows of the transaction in which the thing happened (a transactional outbox); they are sent afterwards,
and again until they arrive. They hold no argument's value: those are read on the approval's page.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from accounts.mail import can_mail
from accounts.models import Member, MemberRole
from conversations.models import Approval, Notice, NoticeEvent, WebhookEndpoint
from conversations.queue import is_driven_here, send_after_commit

#: E-mail says who is needed; webhooks also what came of it.
_MAILED = frozenset({NoticeEvent.REQUESTED})


def tell(event: NoticeEvent, approvals: Sequence[Approval]) -> None:
    """Queue a notice of these approvals, which are decided together, for everyone who wants one.

    In the transaction of what it tells, with the tenant in context.
    """
    if not approvals or is_driven_here():
        return  # an evaluation's requests are nobody's to decide
    first = approvals[0]
    endpoints = list(WebhookEndpoint.objects.filter(enabled=True))
    members = list(_deciders(first)) if event in _MAILED and can_mail() else []
    if not endpoints and not members:
        return
    payload = _payload(event, first, len(approvals))
    rows = [Notice(endpoint=endpoint) for endpoint in endpoints] + [Notice(member=member) for member in members]
    for row in rows:
        row.tenant_id, row.approval_id, row.event = first.tenant_id, first.pk, event
        row.payload, row.next_at = payload, timezone.now()
    Notice.objects.bulk_create(rows, ignore_conflicts=True)
    for row in rows:
        hand_over(row.tenant_id, row.pk)


def hand_over(tenant_id: uuid.UUID, notice_id: uuid.UUID) -> None:
    """Ask a worker to send the notice, once the transaction is committed."""
    send_after_commit("conversations.tasks.deliver_notice", str(tenant_id), str(notice_id))


def _deciders(approval: Approval) -> list[Member]:
    """Those who may decide it and want to hear of it."""
    members = Member.objects.filter(
        role__in=(MemberRole.OPERATOR, MemberRole.OWNER), is_active=True, user__is_active=True, mails_approvals=True
    )
    return list(members.exclude(pk=approval.requested_by_id).exclude(user__email=""))


def _payload(event: NoticeEvent, approval: Approval, number: int) -> dict[str, Any]:
    """Type, moment and data, as Standard Webhooks 1.0 has them (section “Payload structure”)."""
    operation = approval.call.operation
    data: dict[str, Any] = {
        "approval": str(approval.pk),
        "status": approval.status,
        "url": address_of(approval),
        "product": operation.version.product.name,
        "operation": operation.key,
        "summary": operation.summary,
        "effect": operation.effect,
        "arguments": sorted(approval.call.arguments),
        "calls": number,
        "requested_by": str(approval.requested_by),
        "expires_at": _written(approval.expires_at),
    }
    if event is NoticeEvent.DECIDED:
        data |= {"decided_by": str(approval.decided_by), "decided_at": _written(approval.decided_at)}
    return {"type": event.value, "timestamp": _written(timezone.now()), "data": data}


def address_of(approval: Approval) -> str:
    """Where it is decided; "" where this installation does not know its own address."""
    return f"{settings.NLOPS_PUBLIC_URL}{reverse('approval', args=[approval.pk])}" if settings.NLOPS_PUBLIC_URL else ""


def _written(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""

"""An operator says where the tenant wants to be told of approvals."""

from __future__ import annotations

import base64
import secrets

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.audit import audit
from accounts.encryption import encrypt
from accounts.models import AuditAction, Member
from conversations.flows import FlowError
from conversations.models import Notice, NoticeEvent, WebhookEndpoint
from conversations.notices import hand_over
from specs.flows import FlowError as AddressWrong
from specs.flows.save_connection import checked_url

#: Endpoints of a tenant.
MAX_ENDPOINTS = 10


class WebhookRefused(FlowError):
    """The endpoint can't be kept."""


def add_webhook(member: Member, url: str, note: str = "") -> tuple[WebhookEndpoint, str]:
    """The new endpoint and its secret, whsec_ and 256 bits in base64, which is shown once. Raises WebhookRefused."""
    try:
        url = checked_url(url, "Address")
    except AddressWrong as error:
        raise WebhookRefused(str(error)) from error
    if not url.startswith("https://") and not settings.INSECURE_HTTP:
        raise WebhookRefused("Address: it must begin with https://, so that nobody else reads what is sent.")
    with transaction.atomic():
        if WebhookEndpoint.objects.count() >= MAX_ENDPOINTS:
            raise WebhookRefused(f"At most {MAX_ENDPOINTS} endpoints can be kept. Remove one that is not needed.")
        secret = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
        endpoint = WebhookEndpoint(tenant_id=member.tenant_id, url=url, note=note.strip()[:200], created_by=member)
        endpoint.secret = encrypt(secret, tenant_id=member.tenant_id, record=endpoint.record())
        endpoint.save()
        audit(AuditAction.WEBHOOK_CHANGED, endpoint, {"url": url, "change": "added"}, member=member)
    return endpoint, secret


def remove_webhook(member: Member, endpoint: WebhookEndpoint) -> None:
    """Nothing is sent there any more; the log of what was goes with it."""
    with transaction.atomic():
        audit(AuditAction.WEBHOOK_CHANGED, endpoint, {"url": endpoint.url, "change": "removed"}, member=member)
        endpoint.delete()


def test_webhook(member: Member, endpoint: WebhookEndpoint) -> Notice:
    """A notice that only says that it is a test; it is tried once."""
    payload = {
        "type": NoticeEvent.TEST.value,
        "timestamp": timezone.now().isoformat(timespec="seconds"),
        "data": {"sent_by": str(member)},
    }
    notice = Notice.objects.create(
        tenant_id=member.tenant_id, endpoint=endpoint, event=NoticeEvent.TEST, payload=payload, next_at=timezone.now()
    )
    hand_over(notice.tenant_id, notice.pk)
    return notice

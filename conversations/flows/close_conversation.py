"""Ends idle conversations and clears their working state; the transcript (the events) stays."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from accounts.context import tenant_context
from conversations.models import Conversation, RunSecret
from nlops.core.types import RunStatus

_OVER = [status.value for status in RunStatus if status.is_over]


def close_conversation(conversation: Conversation) -> None:
    """Close the conversation and clear the state of its runs that are over; open runs keep it open."""
    with transaction.atomic():
        conversation = Conversation.objects.select_for_update().get(pk=conversation.pk)
        if conversation.runs.exclude(status__in=_OVER).exists():
            return
        conversation.runs.update(state={})
        RunSecret.objects.filter(run__conversation=conversation).delete()
        conversation.closed_at = timezone.now()
        conversation.save(update_fields=["closed_at"])


def close_idle_conversations() -> int:
    """Close the conversations of all tenants that were silent for NLOPS_IDLE_DAYS; how many there were."""
    before = timezone.now() - timedelta(days=settings.NLOPS_IDLE_DAYS)
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant, id FROM nlops_open_conversations() WHERE updated_at < %s", [before])
        rows = cursor.fetchall()
    for tenant_id, conversation_id in rows:
        with tenant_context(tenant_id):
            close_conversation(Conversation.objects.get(pk=conversation_id))
    return len(rows)

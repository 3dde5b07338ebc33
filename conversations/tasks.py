"""Tasks: load, call a flow, done. On queues `engine` and `feedback` (settings.CELERY_TASK_ROUTES)."""

from __future__ import annotations

from celery import shared_task

from accounts.context import tenant_context
from conversations.flows import close_conversation, sweep, take_turn
from conversations.flows import collect_feedback as collecting
from conversations.flows import deliver_notice as delivering
from conversations.models import Run


@shared_task
def advance_run(tenant_id: str, run_id: str) -> None:
    """Look at one run and do what is due, or what is due before it."""
    take_turn.take_turn(tenant_id, run_id)


@shared_task
def sweep_runs() -> None:
    """Every few seconds: what waits for nobody."""
    sweep.sweep_runs()
    sweep.expire_approvals()


@shared_task
def collect_feedback(tenant_id: str, run_id: str) -> None:
    """After each judgement."""
    with tenant_context(tenant_id):
        collecting.collect_feedback(Run.objects.get(pk=run_id))


@shared_task
def deliver_notice(tenant_id: str, notice_id: str) -> None:
    """After something was to be told: send one notice."""
    delivering.deliver_notice(tenant_id, notice_id)


@shared_task
def deliver_due_notices() -> None:
    """Every few seconds: what did not arrive."""
    delivering.deliver_due_notices()


@shared_task
def close_idle_conversations() -> None:
    """Now and then: clear the working state of closed sessions."""
    close_conversation.close_idle_conversations()

"""Finds what waits for nobody: runs whose word to the queue or whose worker was lost, decisions that nobody took."""

from __future__ import annotations

from typing import Any

from django.db import connection

from accounts.context import tenant_context
from conversations.flows.decide import expire
from conversations.lease import lease_is_void
from conversations.models import Approval
from conversations.queue import look_at


def sweep_runs() -> int:
    """Ask the workers to look at every run that waits for nobody; how many there were."""
    due = [row for row in _rows("nlops_due_runs") if lease_is_void(row[2], row[3])]
    for tenant_id, run_id, *_ in due:
        look_at(tenant_id, run_id)
    return len(due)


def expire_approvals() -> int:
    """End the approvals whose time is over; how many there were."""
    rows = _rows("nlops_expired_approvals")
    for tenant_id, approval_id in rows:
        with tenant_context(tenant_id):
            expire(Approval.objects.get(pk=approval_id))
    return len(rows)


def _rows(function: str) -> list[tuple[Any, ...]]:
    """What a watcher function tells across tenants: ids, nothing else."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {function}()")  # noqa: S608  # nosec B608
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

"""The word to the workers: "look at this run". Losing or doubling it does no harm."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)

_is_driven_here: ContextVar[bool] = ContextVar("nlops_driven_here", default=False)


@contextmanager
def driven_here() -> Iterator[None]:
    """Inside, the caller does the work of runs itself, with `conversations.flows.advance`: no worker hears of them, and
    nobody is told of approvals.

    What keeps members from flooding the workers does not hold then, either.
    """
    token = _is_driven_here.set(True)
    try:
        yield
    finally:
        _is_driven_here.reset(token)


def is_driven_here() -> bool:
    """Whether the caller is inside `driven_here`."""
    return _is_driven_here.get()


def look_at(tenant_id: uuid.UUID, run_id: uuid.UUID, *, delay: float = 0.0) -> None:
    """Ask a worker to look at the run, once the transaction is committed, `delay` seconds later."""
    if is_driven_here():
        return
    send_after_commit("conversations.tasks.advance_run", str(tenant_id), str(run_id), delay=delay)


def send_after_commit(task: str, *args: Any, delay: float = 0.0) -> None:
    """Send a task by name (flows can't import the tasks that call them), once the transaction is committed."""
    transaction.on_commit(functools.partial(_send, task, args, delay), robust=True)


def _send(task: str, args: tuple[Any, ...], delay: float) -> None:
    try:
        current_app.send_task(task, args=args, countdown=delay or None, retry=False)
    except OperationalError as error:
        # The sweeper finds what waits for nobody as soon as the broker is back.
        log.warning("queue_unreachable", task=task, error=type(error).__name__)

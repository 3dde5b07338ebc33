"""The one way into a tenant: every request and every task that touches tenant tables enters here."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import structlog
from django.db import connection, transaction


@dataclass(frozen=True, slots=True)
class Scope:
    """What the transaction may see."""

    #: rows of this tenant; "" for none
    tenant: str = ""
    #: member rows of this user; "" for none
    user: str = ""


NOBODY = Scope()
_scope: ContextVar[Scope] = ContextVar("nlops_scope", default=NOBODY)


@contextmanager
def tenant_context(tenant_id: uuid.UUID | str, user_id: int | None = None) -> Iterator[None]:
    """A transaction that sees and writes the rows of one tenant; the setting ends with the transaction.

    Nested contexts restore the outer one. An exception rolls back what was done inside.
    """
    with _enter(Scope(str(tenant_id), "" if user_id is None else str(user_id))):
        yield


@contextmanager
def user_context(user_id: int) -> Iterator[None]:
    """A transaction that sees the member rows of one user, in every tenant, and nothing else."""
    with _enter(Scope(user=str(user_id))):
        yield


def current_tenant() -> str:
    """Id of the tenant in context, "" for none."""
    return _scope.get().tenant


@contextmanager
def _enter(scope: Scope) -> Iterator[None]:
    is_nested = connection.in_atomic_block
    outer = _scope.get() if is_nested else NOBODY
    token = _scope.set(scope)
    try:
        with transaction.atomic(), structlog.contextvars.bound_contextvars(tenant=scope.tenant):
            _apply(scope)
            yield
            # The end of a transaction undoes the setting; one that will be rolled back takes no more queries.
            if is_nested and not connection.needs_rollback:
                _apply(outer)
    finally:
        _scope.reset(token)


def _apply(scope: Scope) -> None:
    with connection.cursor() as cursor:
        # The third argument makes it SET LOCAL: a setting of the session would leak to the connection's next user.
        cursor.execute(
            "SELECT set_config('nlops.tenant', %s, true), set_config('nlops.user', %s, true)",
            [scope.tenant, scope.user],
        )

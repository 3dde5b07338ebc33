"""The statements that every run makes, in SQL: begin it, lock and read it, write what a step came to.

Written by hand because a run makes them for each of its steps (tests/benchmarks/engine.py): the ORM would take ten
statements, and as long again to build them. Names and order of the columns come from the models, so that a new
column needs nothing here.
"""

from __future__ import annotations

import functools
import json
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
from django.db import connection, models

from accounts.models import Installation, Member, Mode, Tenant, User
from accounts.sql import columns, fields_of, insert, insert_values, row_as
from conversations.models import Attempt, Call, Conversation, Event, Run
from nlops.core.types import Json

#: What `lock_run` reads, in order. Of a user no more than is needed: the password's hash stays where it is.
_READ: tuple[tuple[type[models.Model], frozenset[str] | None], ...] = (
    (Run, None),
    (Conversation, None),
    (Member, None),
    (Tenant, None),
    (User, frozenset({"id", "email", "time_zone", "is_active"})),
    (Installation, frozenset({"mode"})),
)
#: Columns of a run that never change.
_FIXED = frozenset({"id", "tenant", "conversation", "number", "request", "created_at"})


def lock_run(run_id: uuid.UUID | str) -> Run:
    """The run under its row lock, its conversation locked before it, with member, user, tenant and `mode`.

    In the tenant's context. Raises Run.DoesNotExist.
    """
    with connection.cursor() as cursor:
        cursor.execute(_lock_sql(), [str(run_id)])
        row = cursor.fetchone()
    if row is None:
        raise Run.DoesNotExist(f"There is no run {run_id} here.")
    found: dict[type[models.Model], Any] = {}
    at = 0
    for model, names in _READ:
        count = len(fields_of(model, names))
        found[model] = row_as(model, row[at : at + count], names)
        at += count
    run: Run = found[Run]
    run.conversation, run.tenant = found[Conversation], found[Tenant]
    run.conversation.member, run.conversation.tenant = found[Member], found[Tenant]
    run.mode = Mode.strictest(run.tenant.mode, found[Installation].mode)
    run.conversation.member.user, run.conversation.member.tenant = found[User], found[Tenant]
    return run


def insert_run(run: Run, *, with_conversation: bool, events: Sequence[dict[str, Json]], now: datetime) -> None:
    """The rows of a new run and its first events, and of its conversation when that is new, too."""
    rows = [run.conversation, run] if with_conversation else [run]
    parts = ", ".join(f"row_{number} AS ({insert(type(row))})" for number, row in enumerate(rows))
    values = [value for row in rows for value in insert_values(row)]
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {parts} {_EVENTS}", [*values, *_event_values(run, events, now)])
    for row in rows:
        row._state.adding, row._state.db = False, connection.alias


def insert_events(run: Run, events: Sequence[dict[str, Json]], now: datetime) -> None:
    """Append to the transcript; the conversation must be locked."""
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS, _event_values(run, events, now))


def write_run(
    run: Run,
    *,
    calls: Sequence[dict[str, Json]],
    sent: Sequence[dict[str, Json]],
    finished: Sequence[dict[str, Json]],
    events: Sequence[dict[str, Json]],
    now: datetime,
) -> None:
    """Update the locked run's row, and with it its calls, attempts and events.

    calls: id, key, position, operation_id, arguments, provenance, status, http_status, response, error,
    idempotency_key; sent: id, call_id, number of new attempts; finished: call_id, http_status, error of those that
    ended; events: kind and data, in order.
    """
    values: list[Any] = [field.get_db_prep_save(getattr(run, field.attname), connection) for field in _changing()]
    values.append(run.pk)
    if calls:
        values += [run.tenant_id, run.pk, now, now, _json(calls)]
    if sent:
        values += [run.tenant_id, now, _json(sent)]
    if finished:
        values += [now, _json(finished)]
    if events:
        values += _event_values(run, events, now)
    with connection.cursor() as cursor:
        cursor.execute(_write_sql(bool(calls), bool(sent), bool(finished), bool(events)), values)


#: Appends events to a conversation's transcript.
_EVENTS = f"""INSERT INTO "{Event._meta.db_table}"
            (id, tenant_id, conversation_id, run_id, sequence, kind, data, created_at)
        SELECT gen_random_uuid(), %s::uuid, %s::uuid, %s::uuid,
               (SELECT COALESCE(MAX(sequence), 0) FROM "{Event._meta.db_table}" WHERE conversation_id = %s::uuid)
                   + x.place, x.kind, x.data, %s::timestamptz
        FROM json_to_recordset(%s::json) AS x(place int, kind text, data json)"""  # noqa: S608  # nosec B608


def _event_values(run: Run, events: Sequence[dict[str, Json]], now: datetime) -> list[Any]:
    placed = [{"place": place, **event} for place, event in enumerate(events, 1)]
    return [run.tenant_id, run.conversation_id, run.pk, run.conversation_id, now, _json(placed)]


def _json(rows: Sequence[dict[str, Json]]) -> str:
    try:
        return orjson.dumps(rows, default=str).decode()
    except TypeError:
        return json.dumps(rows, default=str)  # a product's integers may have more than 64 bits


@functools.cache
def _changing() -> list[models.Field[Any, Any]]:
    return [field for field in Run._meta.concrete_fields if field.name not in _FIXED]


@functools.cache
def _lock_sql() -> str:
    read = ", ".join(columns(model, names) for model, names in _READ)
    run, conversation, member = (model._meta.db_table for model in (Run, Conversation, Member))
    tenant, user = Tenant._meta.db_table, User._meta.db_table
    # PostgreSQL locks in the order that is named: the conversation before the run, as everywhere.
    return (
        f'SELECT {read} FROM "{run}"'  # noqa: S608  # nosec B608
        f' JOIN "{conversation}" ON "{conversation}".id = "{run}".conversation_id'
        f' JOIN "{member}" ON "{member}".id = "{conversation}".member_id'
        f' JOIN "{user}" ON "{user}".id = "{member}".user_id'
        f' JOIN "{tenant}" ON "{tenant}".id = "{run}".tenant_id'
        f' LEFT JOIN "{Installation._meta.db_table}" ON true'
        f' WHERE "{run}".id = %s::uuid FOR UPDATE OF "{conversation}", "{run}"'
    )


@functools.cache
def _write_sql(calls: bool, sent: bool, finished: bool, events: bool) -> str:
    """With what there is to write only: each part costs, also for no rows."""
    parts = [part for part, wanted in ((_CALLS, calls), (_SENT, sent), (_FINISHED, finished)) if wanted]
    changes = ", ".join(f'"{field.column}" = %s' for field in _changing())
    update = f'UPDATE "{Run._meta.db_table}" SET {changes} WHERE id = %s'  # noqa: S608  # nosec B608
    if not parts and not events:
        return update
    return f"WITH run_row AS ({update}) {''.join(f', {part}' for part in parts)} {_EVENTS if events else 'SELECT 1'}"


_CALLS = f"""call_rows AS (
            INSERT INTO "{Call._meta.db_table}"
                (id, tenant_id, run_id, key, position, operation_id, arguments, provenance, status, http_status,
                 response, error, idempotency_key, created_at, updated_at)
            SELECT x.id, %s::uuid, %s::uuid, x.key, x.position, x.operation_id, x.arguments, x.provenance, x.status,
                   x.http_status, x.response, x.error, x.idempotency_key, %s::timestamptz, %s::timestamptz
            FROM json_to_recordset(%s::json) AS x(id uuid, key text, position int, operation_id uuid, arguments json,
                provenance jsonb, status text, http_status int, response json, error text, idempotency_key uuid)
            ON CONFLICT (id) DO UPDATE SET position = excluded.position, arguments = excluded.arguments,
                provenance = excluded.provenance, status = excluded.status, http_status = excluded.http_status,
                response = excluded.response, error = excluded.error, updated_at = excluded.updated_at)
"""  # noqa: S608  # nosec B608
_SENT = f"""sent AS (
            INSERT INTO "{Attempt._meta.db_table}" (id, tenant_id, call_id, number, sent_at, http_status, error)
            SELECT x.id, %s::uuid, x.call_id, x.number, %s::timestamptz, 0, ''
            FROM json_to_recordset(%s::json) AS x(id uuid, call_id uuid, number int))
"""  # noqa: S608  # nosec B608
_FINISHED = f"""finished AS (
            UPDATE "{Attempt._meta.db_table}" AS a
            SET finished_at = %s::timestamptz, http_status = x.http_status, error = x.error
            FROM json_to_recordset(%s::json) AS x(call_id uuid, http_status int, error text)
            WHERE a.call_id = x.call_id AND a.finished_at IS NULL)
"""  # noqa: S608  # nosec B608

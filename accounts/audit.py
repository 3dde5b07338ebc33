"""The audit log: who did what to what, from where. Rows are chained in the database; here they are added and verified.

The hash of an entry is SHA-256 over a JSON array of strings: the hash before it, and every column. Whoever keeps the
latest number and hash elsewhere (`verify_audit` prints them) can later prove that nothing before them was changed,
even by somebody who may do everything with this database.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from django.db import connection, models

from accounts.context import current_tenant
from accounts.models import ActorKind, AuditAction, AuditEntry, Member
from nlops.core.types import Json


@dataclass(frozen=True, slots=True)
class Origin:
    """Who acts in this thread, and from where."""

    kind: ActorKind = ActorKind.NLOPS
    user_id: int | None = None
    role: str = ""
    #: address of the client, "" outside of a request
    ip: str = ""


_NOBODY = Origin()
_origin: ContextVar[Origin] = ContextVar("nlops_audit_origin", default=_NOBODY)


@contextmanager
def acting(origin: Origin) -> Iterator[None]:
    """Everything that is audited inside was done by this origin."""
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)


def audit(
    action: AuditAction,
    subject: models.Model | None = None,
    data: Mapping[str, Json] | None = None,
    *,
    member: Member | None = None,
    origin: Origin | None = None,
) -> None:
    """Add an entry in the tenant's context, in the transaction of what it tells of: both are kept, or neither.

    `subject`: the row that was acted on. `data`: what changed, JSON, no secrets. `member`: who acted, where no request
    says so (a flow called by a command).
    """
    origin = origin or _origin.get()
    if origin.kind is ActorKind.NLOPS and member is not None:
        origin = Origin(ActorKind.MEMBER, member.user_id, member.role, origin.ip)
    AuditEntry.objects.create(
        tenant_id=current_tenant(),
        actor_kind=origin.kind,
        user_id=origin.user_id,
        role=origin.role,
        ip=origin.ip[:45],
        action=action,
        object_kind=subject._meta.model_name or "" if subject is not None else "",
        object_id=str(subject.pk) if subject is not None else "",
        data=json.loads(json.dumps(data or {}, default=str).replace("\\u0000", "")),
    )


# --- verifying ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Verified:
    """What came of walking a tenant's chain."""

    #: entries that were read
    count: int
    #: number and hash of the last one; keep them elsewhere
    number: int
    hash: str
    #: a sentence for each fault, in order; empty when the chain is whole
    problems: tuple[str, ...]


#: The columns in the order of the hash, each as the text that `nlops_chain_audit` hashes.
_COLUMNS = (
    "number::text",
    "tenant_id::text",
    "to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')",
    "actor_kind",
    "COALESCE(user_id::text, '')",
    "role",
    "ip",
    "action",
    "object_kind",
    "object_id",
    "data::text",
)


def verify(tenant_id: uuid.UUID | str, *, expected: tuple[int, str] | None = None) -> Verified:
    """Walk the chain of the tenant in context: each hash again, no number missing, the end where it was left.

    `expected`: a number and hash of an earlier walk, which must still be in it.
    """
    problems: list[str] = []
    number, before, count = 0, "", 0
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT previous_hash, hash, {', '.join(_COLUMNS)} FROM accounts_auditentry"  # noqa: S608  # nosec B608
            " WHERE tenant_id = %s ORDER BY accounts_auditentry.number",
            [str(tenant_id)],
        )
        while rows := cursor.fetchmany(1000):
            for previous, kept, *fields in rows:
                count += 1
                problems += _faults(number, before, previous, kept, fields)
                number, before = int(fields[0]), kept
                if expected is not None and number == expected[0] and kept != expected[1]:
                    problems.append(f"Entry {number} is not the one that was seen before: its hash was {expected[1]}.")
        cursor.execute("SELECT number, hash FROM accounts_audithead WHERE tenant_id = %s", [str(tenant_id)])
        head = cursor.fetchone() or (0, "")
    if head[0] != number:
        problems.append(f"The log ends with entry {number}, but {head[0]} were written: the end is missing.")
    elif head[1] != before:
        problems.append(f"Entry {number} is not the last one that was written.")
    if expected is not None and expected[0] > number:
        problems.append(f"Entry {expected[0]}, which was seen before, is missing.")
    return Verified(count, number, before, tuple(problems))


def _faults(number: int, before: str, previous: str, kept: str, fields: list[str]) -> Iterator[str]:
    """What is wrong with the entry that follows `number`, whose hash is `before`."""
    own = int(fields[0])
    if own != number + 1:
        missing = f"Entry {number + 1} is" if own == number + 2 else f"Entries {number + 1} to {own - 1} are"
        yield f"{missing} missing."
    elif previous != before:
        yield f"Entry {own} does not follow entry {number}: one of them was replaced."
    if digest(previous, fields) != kept:
        yield f"Entry {own} was changed after it was written."


def digest(previous: str, fields: list[str]) -> str:
    """The hash of an entry with these fields (text, in the order of `_COLUMNS`) after that hash."""
    return hashlib.sha256(json.dumps([previous, *fields], ensure_ascii=False).encode()).hexdigest()


# --- export ---------------------------------------------------------------------------------------------------


def exported(entries: models.QuerySet[AuditEntry]) -> Iterator[dict[str, Json]]:
    """The entries as objects, oldest first, for a file."""
    names = [field.attname for field in AuditEntry._meta.concrete_fields if field.name not in ("id", "tenant")]
    for entry in entries.order_by("number").iterator(chunk_size=500):
        yield {name: getattr(entry, name) for name in names}

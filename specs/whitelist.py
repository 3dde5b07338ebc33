"""Reads for the whitelist page: the active version's operations by service, with what the policy says of each."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from django.db.models import Q, QuerySet

from accounts.models import MemberRole
from nlops.core.types import Decision, Effect
from specs.models import Operation, Product, SpecVersion, VersionStatus, usual_decision
from specs.querysets import decisions
from specs.services import Place, edits_to, services_of

#: Operations up to which a filtered list is shown opened.
OPENED = 60


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which operations of a version are looked for; what is empty leaves nothing out."""

    #: all of them in name, path or summary
    words: str = ""
    #: slug of a service
    service: str = ""
    effect: str = ""
    #: a decision …
    decision: str = ""
    #: … for this role; empty: for any
    role: str = ""

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return not (self.words or self.service or self.effect or self.decision)


def wanted_of(query: Mapping[str, str]) -> Wanted:
    """What a query string asks for; what is no such thing is left out."""
    known: dict[str, Collection[str]] = {
        "effect": list(Effect),
        "decision": list(Decision),
        "role": MemberRole.values,
    }
    chosen = {name: query.get(name, "") for name in known}
    return Wanted(
        words=query.get("q", "").replace("\x00", "").strip(),
        service=query.get("service", "").replace("\x00", ""),
        **{name: value for name, value in chosen.items() if value in known[name]},
    )


@dataclass(slots=True)
class OperationRow:
    """An operation as the page lists it."""

    operation: Operation
    decision: Decision
    #: what listing it means by default
    usual: Decision


@dataclass(slots=True)
class ServiceRow:
    """A service with its operations counted."""

    service: Place
    total: int = 0
    by_decision: Counter[str] = field(default_factory=Counter)
    #: filled where the service is shown opened
    rows: list[OperationRow] | None = None

    @property
    def counts(self) -> list[tuple[str, int]]:
        """Decision and how many operations have it, strictest last, none left out but zeros."""
        return [(d.value, self.by_decision[d]) for d in Decision if self.by_decision[d]]


def newest_version(product: Product) -> SpecVersion | None:
    """The active version, else the newest that is ready, without its heavy columns."""
    versions = product.versions.defer("source", "definitions")
    return versions.filter(status=VersionStatus.ACTIVE).first() or versions.filter(status=VersionStatus.READY).first()


def operations_of(version: SpecVersion, words: str = "") -> QuerySet[Operation]:
    """The version's operations whose name, path or summary holds every one of the words."""
    found = Operation.objects.filter(version=version).select_related("service")
    for word in words.split()[:8]:
        found = found.filter(
            Q(name__icontains=word)
            | Q(path__icontains=word)
            | Q(summary__icontains=word)
            | Q(method__iexact=word)
            | Q(service__name__icontains=word)
        )
    return found.defer("schema", "bindings", "description", "search_text")


def found_rows(product: Product, version: SpecVersion, wanted: Wanted) -> list[OperationRow]:
    """The operations that are looked for, with what the whitelist says of each."""
    found = operations_of(version, wanted.words)
    if wanted.effect:
        found = found.filter(effect=wanted.effect)
    policy, edits = decisions(product), edits_to(product)
    rows = [_row(operation, policy) for operation in found]
    return [
        row
        for row in rows
        if wanted.decision in ("", row.decision)
        and (not wanted.service or edits.place(row.operation).slug == wanted.service)
    ]


def service_rows(product: Product, version: SpecVersion, wanted: Wanted | None = None) -> list[ServiceRow]:
    """The services with matching operations, as operators named them; a chosen one and short lists come with rows."""
    wanted, edits = wanted or Wanted(), edits_to(product)
    found = found_rows(product, version, wanted)
    is_open = bool(wanted.service) or (not wanted.is_everything and len(found) <= OPENED)
    services = {place.slug: ServiceRow(place) for place in services_of(product, version)}
    for row in found:
        counted = services[edits.place(row.operation).slug]
        counted.total += 1
        counted.by_decision[row.decision] += 1
        if is_open:
            counted.rows = [*(counted.rows or []), row]
    return [row for row in services.values() if row.total]


def operation_rows(product: Product, operations: Iterable[Operation]) -> list[OperationRow]:
    """The operations with what the policy says of each."""
    policy = decisions(product)
    return [_row(operation, policy) for operation in operations]


def operations_in(product: Product, version: SpecVersion, slug: str, words: str = "") -> list[Operation]:
    """Those of `operations_of` that stand in the service."""
    edits = edits_to(product)
    return [one for one in operations_of(version, words) if edits.place(one).slug == slug]


def totals(product: Product, version: SpecVersion) -> Counter[str]:
    """How many operations of the version have which decision."""
    policy = decisions(product)
    return Counter(policy.get(operation.key, Decision.DENY).value for operation in operations_of(version))


# --- many at once ---------------------------------------------------------------------------------------------

#: Set to this, each operation gets its own default.
USUAL = "usual"


@dataclass(frozen=True, slots=True)
class BulkRow:
    """An operation whose decision a bulk change changes."""

    operation: Operation
    before: Decision
    after: Decision


@dataclass(frozen=True, slots=True)
class Bulk:
    """What setting many operations at once comes to."""

    #: how many were chosen
    chosen: int
    #: those of them that change
    rows: tuple[BulkRow, ...]

    @property
    def policies(self) -> dict[str, Decision | None]:
        """As `set_policies` takes them: what is denied is not listed."""
        return {row.operation.key: None if row.after is Decision.DENY else row.after for row in self.rows}

    @property
    def moves(self) -> list[tuple[str, str, int]]:
        """Decision before, after, and of how many operations."""
        counted = Counter((row.before, row.after) for row in self.rows)
        return [(before.value, after.value, counted[before, after]) for before, after in sorted(counted, key=_order)]

    @property
    def risky(self) -> list[Operation]:
        """What destroys something and would then run without an approval."""
        return [
            row.operation
            for row in self.rows
            if row.operation.effect == Effect.DESTRUCTIVE
            and row.after.strictness < min(row.before.strictness, Decision.APPROVE.strictness)
        ]

    @property
    def mark(self) -> str:
        """Changes when anything of it does: what was looked at is what is set."""
        told = "\n".join(f"{row.operation.key} {row.before} {row.after}" for row in self.rows)
        return hashlib.sha256(told.encode()).hexdigest()[:32]


def bulk(rows: Iterable[OperationRow], choice: str) -> Bulk:
    """What setting all of them to the choice, a decision or USUAL, changes. Raises ValueError for another word."""
    wanted = None if choice == USUAL else Decision(choice)
    rows = list(rows)
    planned = (BulkRow(row.operation, row.decision, wanted or row.usual) for row in rows)
    return Bulk(len(rows), tuple(row for row in planned if row.before is not row.after))


def _order(pair: tuple[Decision, Decision]) -> tuple[int, int]:
    return pair[0].strictness, pair[1].strictness


def _row(operation: Operation, policy: dict[str, Decision]) -> OperationRow:
    return OperationRow(operation, policy.get(operation.key, Decision.DENY), usual_decision(operation))

"""Reads for the whitelist page: the active version's operations by service, with what the policy says of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Q, QuerySet

from nlops.core.types import Decision
from specs.models import Operation, Product, SpecVersion, VersionStatus, usual_decision
from specs.querysets import decisions
from specs.services import Place, edits_to, services_of

#: Operations up to which a filtered list is shown opened.
OPENED = 60


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


def service_rows(product: Product, version: SpecVersion, words: str = "", opened: str = "") -> list[ServiceRow]:
    """The services with matching operations, as operators named them; `opened` and short lists come with rows."""
    policy, edits = decisions(product), edits_to(product)
    operations = list(operations_of(version, words))
    services = {place.slug: ServiceRow(place) for place in services_of(product, version)}
    for operation in operations:
        row = services[edits.place(operation).slug]
        row.total += 1
        row.by_decision[policy.get(operation.key, Decision.DENY)] += 1
        if (words and len(operations) <= OPENED) or row.service.slug == opened:
            row.rows = [*(row.rows or []), _row(operation, policy)]
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


def usual_policies(operations: Iterable[Operation]) -> dict[str, Decision | None]:
    """Operation key to its default; None, not listed, for what is deprecated or internal."""
    usual = {operation.key: usual_decision(operation) for operation in operations}
    return {key: None if decision is Decision.DENY else decision for key, decision in usual.items()}


def _row(operation: Operation, policy: dict[str, Decision]) -> OperationRow:
    return OperationRow(operation, policy.get(operation.key, Decision.DENY), usual_decision(operation))

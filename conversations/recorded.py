"""The calls of the last days, for whoever wants to know what another policy would have made of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from accounts.models import Member
from conversations.models import Call
from nlops.core.types import Json, ProvenanceKind
from specs.models import Operation, Product
from specs.replaying import RecordedCall


def recorded_calls(product: Product, since: datetime, most: int) -> Iterator[RecordedCall]:
    """The newest calls of the product's operations since then, whatever became of them."""
    columns = ("operation_id", "run__conversation__member_id", "arguments", "provenance", "created_at", "status")
    rows = Call.objects.filter(operation__version__product=product, created_at__gte=since).order_by("-created_at")
    found = list(rows.values_list(*columns)[:most])
    members = {member.pk: member for member in Member.objects.select_related("user")}
    of_them = Operation.objects.select_related("service", "version").only(
        "method", "path", "effect", "service__slug", "service__name", "service__description", "version__product_id"
    )
    operations = of_them.in_bulk({row[0] for row in found})
    for operation, member, arguments, provenance, at, status in found:
        who = members[member]
        returned = _returned(provenance)
        yield RecordedCall(operations[operation], who.role, who.user.email, arguments, returned, at, status)


def _returned(provenance: dict[str, Json]) -> frozenset[str]:
    """Names of the arguments with a value from an answer; the keys are JSON pointers."""
    return frozenset(
        pointer.split("/")[1].replace("~1", "/").replace("~0", "~")
        for pointer, found in provenance.items()
        if "/" in pointer and found.get("kind") == ProvenanceKind.RETURNED
    )

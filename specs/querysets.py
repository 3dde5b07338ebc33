"""Reads of the specs app."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet

from nlops.core.types import Decision, Tool
from specs.models import Operation, Product, ToolPolicy, VersionStatus, tool_fields


def active_operations() -> QuerySet[Operation]:
    """Operations of the active versions of every product of the tenant in context."""
    return Operation.objects.filter(version__status=VersionStatus.ACTIVE).select_related(
        "service", "version__product"
    )


def decisions(product: Product) -> dict[str, Decision]:
    """Operation key to decision for the operations that the product's whitelist lists."""
    rows = ToolPolicy.objects.filter(product=product).values_list("operation_key", "decision")
    return {key: Decision(decision) for key, decision in rows}


def decision_for(operation: Operation) -> Decision:
    """What the policy says of the operation now; not listed is denied."""
    return decisions(operation.version.product).get(operation.key, Decision.DENY)


def whitelisted_operations() -> list[tuple[Operation, Decision]]:
    """Every operation that may be used in the tenant in context, with its decision; argument schemas not joined."""
    found: list[tuple[Operation, Decision]] = []
    by_product: dict[object, dict[str, Decision]] = {}
    for operation in active_operations().defer("version__source", "version__definitions", "version__problems"):
        product = operation.version.product
        policy = by_product.get(product.pk)
        if policy is None:
            policy = by_product[product.pk] = decisions(product)
        decision = policy.get(operation.key, Decision.DENY)
        if decision is not Decision.DENY:
            found.append((operation, decision))
    return found


def tools(chosen: Iterable[tuple[Operation, Decision]]) -> list[Tool]:
    """The operations as tools, each argument schema with its closure of $defs."""
    from specs.ingest.compile import argument_schema

    return [
        Tool(
            **tool_fields(operation),
            parameters=argument_schema(
                operation.schema, operation.version.definitions, operation.definition_names
            ),
            product=operation.version.product.name,
            decision=decision,
        )
        for operation, decision in chosen
    ]

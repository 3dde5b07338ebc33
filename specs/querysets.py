"""Reads of the specs app."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from nlops.core.types import Decision, Tool
from specs.ingest.compile import argument_schema
from specs.models import Operation, Product, ToolPolicy, tool_fields


def decisions(product: Product) -> dict[str, Decision]:
    """Operation key to decision for the operations that the product's whitelist lists."""
    rows = ToolPolicy.objects.filter(product=product).values_list("operation_key", "decision")
    return {key: Decision(decision) for key, decision in rows}


def decision_for(operation: Operation) -> Decision:
    """What the policy says of the operation now; not listed is denied."""
    policy = ToolPolicy.objects.filter(
        product_id=operation.version.product_id, operation_key=operation.key
    ).first()
    return Decision(policy.decision) if policy else Decision.DENY


def whitelist_keys() -> set[tuple[uuid.UUID, str]]:
    """(product id, operation key) of everything that may be used in the tenant in context."""
    return set(ToolPolicy.objects.exclude(decision=Decision.DENY).values_list("product_id", "operation_key"))


def tools(chosen: Iterable[tuple[Operation, Decision]]) -> list[Tool]:
    """The operations as tools, each argument schema with its closure of $defs."""
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

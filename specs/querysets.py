"""Reads of the specs app."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace

from django.db.models import QuerySet

from nlops.core.types import Decision, Json, Tool
from specs.ingest.compile import argument_schema
from specs.models import Operation, Product, SpecVersion, ToolPolicy, VersionStatus, tool_fields


def decisions(product: Product) -> dict[str, Decision]:
    """Operation key to decision for the operations that the product's whitelist lists."""
    rows = ToolPolicy.objects.filter(product=product).values_list("operation_key", "decision")
    return {key: Decision(decision) for key, decision in rows}


def decision_for(operation: Operation) -> Decision:
    """What the policy says of the operation now; not listed is denied."""
    policy = ToolPolicy.objects.filter(product_id=operation.version.product_id, operation_key=operation.key).first()
    return Decision(policy.decision) if policy else Decision.DENY


def allowed_operations() -> dict[tuple[uuid.UUID, str], Decision]:
    """(product id, operation key) to decision, for everything that may be used in the tenant in context."""
    rows = ToolPolicy.objects.exclude(decision=Decision.DENY).values_list("product_id", "operation_key", "decision")
    return {(product_id, key): Decision(decision) for product_id, key, decision in rows}


def tools(operation_ids: Sequence[str]) -> list[Tool]:
    """Those operations as tools, in that order, each argument schema with its closure of $defs.

    Each has the policy's decision of this moment; where two products have a tool of the same name, the later one
    gets a number.
    """
    rows = _as_rows(Operation.objects.filter(pk__in=operation_ids))
    by_id = {str(operation.pk): operation for operation in rows}
    versions = {operation.version_id for operation in rows}
    # Once per version, not once per operation: they may have hundreds of kilobytes.
    definitions = dict(SpecVersion.objects.filter(pk__in=versions).values_list("pk", "definitions"))
    allowed = allowed_operations()
    found: dict[str, Tool] = {}
    for operation in (by_id[key] for key in operation_ids if key in by_id):
        needed = definitions[operation.version_id]
        schema = argument_schema(operation.schema, needed, operation.definition_names)
        tool = _as_tool(operation, schema, allowed)
        name, count = tool.name, 1
        while name in found:
            count += 1
            name = f"{tool.name[:60]}_{count}"
        found[name] = replace(tool, name=name)
    return list(found.values())


def whitelisted_tools() -> list[Tool]:
    """Everything that may be used in the tenant in context, in the order of its description, to tell people of it.

    The argument schemas are without their $defs.
    """
    allowed = allowed_operations()
    rows = _as_rows(Operation.objects.filter(version__status=VersionStatus.ACTIVE))
    found = [_as_tool(operation, operation.schema, allowed) for operation in rows.order_by("version", "position")]
    return [tool for tool in found if tool.decision is not Decision.DENY]


def _as_rows(operations: QuerySet[Operation]) -> QuerySet[Operation]:
    return operations.select_related("service", "version__product").defer(
        "bindings", "search_text", "version__source", "version__definitions", "version__problems"
    )


def _as_tool(operation: Operation, schema: dict[str, Json], allowed: Mapping[tuple[uuid.UUID, str], Decision]) -> Tool:
    product = operation.version.product
    return Tool(
        **tool_fields(operation),
        parameters=schema,
        product=product.name,
        decision=allowed.get((product.pk, operation.key), Decision.DENY),
    )

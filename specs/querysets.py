"""Reads of the specs app."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from cachetools import LRUCache
from django.db import connection
from django.db.models import QuerySet

from accounts.context import current_tenant
from accounts.sql import read_rows
from nlops.core.rules import ruling
from nlops.core.types import Decision, Json, Tool
from specs.ingest.closure import closure
from specs.ingest.compile import argument_schema
from specs.models import (
    Connection,
    MemberCredential,
    Operation,
    OperationEdit,
    PolicyRule,
    Product,
    ServiceEdit,
    SpecVersion,
    ToolPolicy,
    TrustedArgument,
    VersionStatus,
    tool_fields,
)
from specs.services import NO_EDITS, Edits, edits_of


def decisions(product: Product) -> dict[str, Decision]:
    """Operation key to decision for the operations that the product's whitelist lists."""
    rows = ToolPolicy.objects.filter(product=product).values_list("operation_key", "decision")
    return {key: Decision(decision) for key, decision in rows}


def decision_for(
    operation: Operation,
    role: str,
    arguments: dict[str, Json],
    requester: str,
    returned: Collection[str] | None = None,
) -> Decision:
    """What the policy and its rules say now of a call of the operation; not listed is denied.

    `returned`: names of the arguments with values from answers; None when nobody knows, which is stricter.
    """
    (tool,) = tools([str(operation.pk)], role)
    return ruling(tool.decision, tool.rules, arguments, requester, returned).decision


def allowed_operations() -> dict[tuple[uuid.UUID, str], Decision]:
    """(product id, operation key) to decision, for everything that may be used in the tenant in context."""
    rows = ToolPolicy.objects.exclude(decision=Decision.DENY).values_list("product_id", "operation_key", "decision")
    return {(product_id, key): Decision(decision) for product_id, key, decision in rows}


def whitelist_fingerprint() -> str:
    """Changes with the active versions, what the whitelists list and what operators say, in the tenant in context."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT concat_ws(' ', current_setting('nlops.tenant'),"
            " (SELECT string_agg(id::text, ' ' ORDER BY id) FROM specs_specversion WHERE status = %s),"
            " (SELECT sum(hashtextextended(product_id || operation_key, 0)) FROM specs_toolpolicy"
            " WHERE decision <> %s),"
            " (SELECT sum(hashtextextended(product_id || slug || name || synonyms || hidden, 1))"
            " FROM specs_serviceedit),"
            " (SELECT sum(hashtextextended(product_id || operation_key || service || '/' || synonyms || hidden, 2))"
            " FROM specs_operationedit))",
            [VersionStatus.ACTIVE, Decision.DENY],
        )
        return str(cursor.fetchone()[0])


def connection_to(product_id: uuid.UUID, member_id: uuid.UUID | None = None) -> Connection | None:
    """The product's connection, if there is one; where each member brings their own credentials, with the member's."""
    found = next(iter(read_rows(Connection, "product_id = %s", [product_id])), None)
    if found is None or not found.personal or member_id is None:
        return found
    own = read_rows(MemberCredential, "connection_id = %s AND member_id = %s", [found.pk, member_id])
    return found.with_credential(own[0]) if own else found


def personal_connections(member_id: uuid.UUID) -> list[tuple[Connection, MemberCredential | None]]:
    """The connections for which each member brings their own credentials, by product, with the member's."""
    own = {row.connection_id: row for row in MemberCredential.objects.filter(member=member_id)}
    rows = Connection.objects.filter(personal=True).select_related("product").order_by("product__name")
    return [(connection, own.get(connection.pk)) for connection in rows]


def operation_of(tenant_id: uuid.UUID, operation_id: str) -> Operation:
    """The operation with its version and service, as the call of it needs them. Raises Operation.DoesNotExist.

    A spec version never changes, so a process reads an operation once.
    """
    return _compiled(tenant_id, [operation_id])[operation_id].operation


def tools(operation_ids: Sequence[str], role: str = "", member_id: uuid.UUID | None = None) -> list[Tool]:
    """Those operations as tools, in that order, each argument schema with its closure of $defs.

    Each has the policy's decision of this moment; where two products have a tool of the same name, the later one
    gets a number. `role`: of the member who asks; rules for a role hold for nobody else. `member_id`: of the member,
    whose own credentials a product may want. In the tenant's context.
    """
    compiled = _compiled(current_tenant(), operation_ids)
    keys = {one.operation.key for one in compiled.values()}
    products = {one.operation.version.product_id for one in compiled.values()}
    now = _decisions_now(list(products), list(keys), member_id)
    found: dict[str, Tool] = {}
    for key in operation_ids:
        if key not in compiled:
            continue
        operation, tool = compiled[key].operation, compiled[key].tool
        name, count = tool.name, 1
        while name in found:
            count += 1
            name = f"{tool.name[:60]}_{count}"
        product = operation.version.product_id
        edits = now.edits.get(product, NO_EDITS)
        place, moved_to = edits.place(operation), edits.moved_to(operation.key)
        decision = now.allowed.get((product, operation.key), Decision.DENY)
        held = tuple(rule.as_rule(operation) for rule in now.rules if rule.is_about(operation, role, moved_to))
        always = [rule.decision for rule in held if not rule.argument]
        decision = Decision.DENY if place.hidden else max([decision, *always], key=lambda one: one.strictness)
        found[name] = replace(
            tool,
            name=name,
            service=place.name,
            synonyms=place.synonyms,
            decision=decision,
            rules=tuple(rule for rule in held if rule.argument),
            connect=now.to_connect.get(product, ""),
            trusted_arguments=tuple(one.argument for one in now.trusted if one.holds_for(operation)),
        )
    return list(found.values())


@dataclass(frozen=True, slots=True)
class _Now:
    """What the tables say at this moment."""

    allowed: dict[tuple[uuid.UUID, str], Decision]
    rules: list[PolicyRule]
    trusted: list[TrustedArgument]
    #: product to its slug, where the member has no credentials of their own, or none that work
    to_connect: dict[uuid.UUID, str]
    edits: dict[uuid.UUID, Edits]


_POLICIES = (
    "SELECT product_id, 'policy', operation_key, json_build_object('decision', decision) FROM specs_toolpolicy"
    " WHERE product_id = ANY(%s) AND operation_key = ANY(%s)"
    " UNION ALL SELECT product_id, 'rule', operation_key, json_build_object('role', role, 'service', service,"
    " 'effect', effect, 'argument', argument, 'condition', condition, 'value', value, 'note', note,"
    " 'decision', decision) FROM specs_policyrule WHERE product_id = ANY(%s)"
    " UNION ALL SELECT product_id, 'service', slug, json_build_object('name', name, 'synonyms', synonyms,"
    " 'hidden', hidden) FROM specs_serviceedit WHERE product_id = ANY(%s)"
    " UNION ALL SELECT product_id, 'operation', operation_key, json_build_object('service', service,"
    " 'synonyms', synonyms, 'hidden', hidden) FROM specs_operationedit"
    " WHERE product_id = ANY(%s) AND operation_key = ANY(%s)"
    " UNION ALL SELECT product_id, 'trusted', operation_key, json_build_object('argument', argument,"
    " 'even_destructive', even_destructive) FROM specs_trustedargument"
    " WHERE product_id = ANY(%s) AND operation_key = ANY(%s)"
    " UNION ALL SELECT product_id, 'connect', slug, json_build_object() FROM specs_connection"
    " JOIN specs_product ON specs_product.id = product_id WHERE personal AND %s::uuid IS NOT NULL"
    " AND product_id = ANY(%s) AND NOT EXISTS (SELECT FROM specs_membercredential"
    " WHERE connection_id = specs_connection.id AND member_id = %s::uuid AND works)"
)


def _decisions_now(products: list[uuid.UUID], keys: list[str], member_id: uuid.UUID | None) -> _Now:
    """What operators say of these operations; in SQL and in one trip because every step of every run asks."""
    allowed: dict[tuple[uuid.UUID, str], Decision] = {}
    rules: list[PolicyRule] = []
    trusted: list[TrustedArgument] = []
    services: dict[uuid.UUID, dict[str, ServiceEdit]] = {}
    operations: dict[uuid.UUID, dict[str, OperationEdit]] = {}
    to_connect: dict[uuid.UUID, str] = {}
    whose = [member_id, products, member_id]
    with connection.cursor() as cursor:
        cursor.execute(_POLICIES, [products, keys, products, products, products, keys, products, keys, *whose])
        for product, kind, key, told in cursor.fetchall():
            row = json.loads(told) if isinstance(told, str) else told
            if kind == "policy":
                allowed[product, key] = Decision(row["decision"])
            elif kind == "rule":
                rules.append(PolicyRule(product_id=product, operation_key=key, **row))
            elif kind == "service":
                services.setdefault(product, {})[key] = ServiceEdit(slug=key, **row)
            elif kind == "connect":
                to_connect[product] = key
            elif kind == "trusted":
                trusted.append(TrustedArgument(product_id=product, operation_key=key, **row))
            else:
                operations.setdefault(product, {})[key] = OperationEdit(operation_key=key, **row)
    edits = {one: Edits(services.get(one, {}), operations.get(one, {})) for one in {*services, *operations}}
    return _Now(allowed, rules, trusted, to_connect, edits)


@dataclass(frozen=True, slots=True)
class _Compiled:
    operation: Operation
    tool: Tool


#: (tenant, operation) to what never changes of it: the schemas of a request's tools may have megabytes.
_COMPILED: LRUCache[tuple[str, str], _Compiled] = LRUCache(maxsize=2000)
_COMPILED_LOCK = threading.Lock()


def _compiled(tenant_id: uuid.UUID | str, operation_ids: Sequence[str]) -> dict[str, _Compiled]:
    with _COMPILED_LOCK:
        found = {key: _COMPILED[str(tenant_id), key] for key in operation_ids if (str(tenant_id), key) in _COMPILED}
    missing = [key for key in operation_ids if key not in found]
    if missing:
        read = _read(missing)
        with _COMPILED_LOCK:
            _COMPILED.update({(str(tenant_id), key): one for key, one in read.items()})
        found |= read
    return found


def _read(operation_ids: Sequence[str]) -> dict[str, _Compiled]:
    rows = list(
        Operation.objects.filter(pk__in=operation_ids)
        .select_related("service", "version__product")
        .defer("search_text", "version__source", "version__definitions", "version__problems")
    )
    versions = {operation.version_id for operation in rows}
    # Once per version, not once per operation: they may have hundreds of kilobytes.
    definitions = dict(SpecVersion.objects.filter(pk__in=versions).values_list("pk", "definitions"))
    return {
        str(operation.pk): _Compiled(
            operation,
            _as_tool(operation, _whole(operation, definitions[operation.version_id]), {}),
        )
        for operation in rows
    }


def _whole(operation: Operation, definitions: Mapping[str, Json]) -> dict[str, Json]:
    return argument_schema(operation.schema, definitions, closure(operation.schema, definitions))


def whitelisted_tools() -> list[Tool]:
    """Everything that may be used in the tenant in context, in the order of its description, to tell people of it.

    The argument schemas are without their $defs.
    """
    allowed = allowed_operations()
    edits = edits_of({product for product, _ in allowed})
    found: list[Tool] = []
    rows = _as_rows(Operation.objects.filter(version__status=VersionStatus.ACTIVE))
    for operation in rows.order_by("version", "position"):
        place = edits.get(operation.version.product_id, NO_EDITS).place(operation)
        tool = _as_tool(operation, operation.schema, allowed)
        if tool.decision is not Decision.DENY and not place.hidden:
            found.append(replace(tool, service=place.name, synonyms=place.synonyms))
    return found


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

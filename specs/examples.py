"""Reads of the example library: what of it can be shown to a model now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from nlops.core.examples import ExampleStep, WorkedExample
from nlops.core.tools import OWN_TOOL_NAMES
from nlops.core.types import Decision, Json, Tool
from specs.models import Example, Operation, Product, VersionStatus
from specs.querysets import allowed_operations, decisions


def worked_examples(tools: Iterable[Tool] = ()) -> list[WorkedExample]:
    """The enabled examples of the tenant in context whose operations are all there and on the whitelist.

    Calls have the names of this moment's tools; `tools` are those of the request.
    """
    rows = list(Example.objects.filter(enabled=True).values_list("product_id", "product__name", "request", "steps"))
    if not rows:
        return []
    allowed = allowed_operations()
    names = _tool_names({key for _, _, _, steps in rows for key in operation_keys(steps)})
    called = {(tool.product, f"{tool.method} {tool.path}"): tool.name for tool in tools}
    found = []
    for product_id, product, request, steps in rows:
        keys = operation_keys(steps)
        if all((product_id, key) in allowed and (product_id, key) in names for key in keys):
            by_key = {key: called.get((product, key)) or names[product_id, key] for key in keys}
            found.append(WorkedExample(request, _steps(steps, by_key)))
    return found


@dataclass(slots=True)
class ExampleRow:
    """An example as its page lists it."""

    example: Example
    #: why no model is shown it now, "" when it may be shown
    inactive: str

    @property
    def calls(self) -> list[str]:
        """METHOD and path, or the name of nlops's own tool, of each call."""
        return [str(step.get("operation") or step.get("tool")) for step in self.example.steps]


def example_rows(product: Product) -> list[ExampleRow]:
    """The product's examples, each with why it is inactive."""
    examples = list(product.examples.select_related("updated_by__user"))
    there = _tool_names({key for example in examples for key in operation_keys(example.steps)})
    policy = decisions(product)
    return [ExampleRow(example, _inactive(example, there, policy)) for example in examples]


def operation_keys(steps: list[dict[str, Json]]) -> list[str]:
    """METHOD path of each operation that the steps call."""
    return [step["operation"] for step in steps if "operation" in step]


def _inactive(example: Example, there: Mapping[tuple[UUID, str], str], policy: Mapping[str, Decision]) -> str:
    keys = operation_keys(example.steps)
    gone = [key for key in keys if (example.product_id, key) not in there]
    if gone:
        return f"The active version has no operation {', '.join(dict.fromkeys(gone))}."
    denied = [key for key in keys if policy.get(key, Decision.DENY) is Decision.DENY]
    if denied:
        return f"The whitelist denies {', '.join(dict.fromkeys(denied))}."
    return "" if example.enabled else "It is switched off."


def _tool_names(keys: set[str]) -> dict[tuple[UUID, str], str]:
    """(product id, METHOD path) to the tool's name, for those that the active versions have."""
    if not keys:
        return {}
    wanted = Q(pk__in=[])
    for key in keys:
        method, _, path = key.partition(" ")
        wanted |= Q(method=method, path=path)
    rows = Operation.objects.filter(wanted, version__status=VersionStatus.ACTIVE)
    return {
        (product_id, f"{method} {path}"): name
        for product_id, method, path, name in rows.values_list("version__product_id", "method", "path", "name")
    }


def _steps(steps: list[dict[str, Json]], names: Mapping[str, str]) -> tuple[ExampleStep, ...]:
    return tuple(
        ExampleStep(
            names[step["operation"]] if "operation" in step else step["tool"],
            step.get("arguments") or {},
            step.get("returns"),
        )
        for step in steps
        if "operation" in step or step.get("tool") in OWN_TOOL_NAMES
    )

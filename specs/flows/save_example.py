"""An operator writes an example: a request with the calls that serve it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from accounts.audit import audit
from accounts.models import AuditAction, Member
from nlops.core import language as languages
from nlops.core.secrets import mask
from nlops.core.tools import OWN_TOOLS
from nlops.core.types import Json
from specs.flows import FlowError
from specs.models import Example, ExampleOrigin, Operation, Product

#: Of an example, so that several fit into a prompt.
MAX_REQUEST = 500
MAX_STEPS = 8

_OWN = {tool.name: tool for tool in OWN_TOOLS}
_FORM = '[{"tool": "get_user", "arguments": {"username": "user1"}, "returns": {"email": "a@b.example"}}]'


def save_example(
    product: Product,
    *,
    request: str,
    steps: Json,
    language: str = "",
    note: str = "",
    enabled: bool = True,
    origin: ExampleOrigin = ExampleOrigin.OPERATOR,
    member: Member | None = None,
    example: Example | None = None,
) -> Example:
    """A new example, or the given one changed.

    A step names its tool by the name in the active version or by METHOD path; kept is METHOD path, so that the
    example outlives the version. Secrets in the request are masked. Raises FlowError.
    """
    request = mask(request.replace("\x00", "").strip()).text
    if not request:
        raise FlowError("Write the request as a person would.")
    if len(request) > MAX_REQUEST:
        raise FlowError(f"The request has {len(request):,} characters; at most {MAX_REQUEST} fit into an example.")
    checked = _checked(product, steps)
    with transaction.atomic():
        Product.objects.select_for_update().get(pk=product.pk)
        others = Example.objects.filter(product=product, request=request)
        if (others.exclude(pk=example.pk) if example else others).exists():
            raise FlowError("There is an example for exactly this request already; change that one.")
        example = example or Example(tenant_id=product.tenant_id, product=product, origin=origin)
        example.request, example.steps = request, checked
        example.language = language or languages.detect(request)
        example.note, example.enabled, example.updated_by = note.strip()[:300], enabled, member
        example.save()
        audit(AuditAction.EXAMPLE_CHANGED, example, {"product": product.slug, "enabled": enabled}, member=member)
    return example


def _checked(product: Product, steps: Json) -> list[dict[str, Json]]:
    if not isinstance(steps, list) or not steps or not all(isinstance(step, dict) for step in steps):
        raise FlowError(f"The steps are a list of calls, such as {_FORM}.")
    if len(steps) > MAX_STEPS:
        raise FlowError(f"An example has at most {MAX_STEPS} calls; this one has {len(steps)}.")
    operations = _operations(product, steps)
    return [_checked_step(number, step, operations) for number, step in enumerate(steps, 1)]


def _checked_step(number: int, step: dict[str, Json], operations: dict[str, Operation]) -> dict[str, Json]:
    unknown = sorted(set(step) - {"tool", "operation", "arguments", "returns"})
    if unknown:
        raise FlowError(f"Call {number} has {', '.join(unknown)}; a call has tool (or operation), arguments, returns.")
    name = str(step.get("operation") or step.get("tool") or "")
    arguments = step.get("arguments") or {}
    if not isinstance(arguments, dict):
        raise FlowError(f"The arguments of call {number} ({name}) are an object, such as {{}}.")
    kept: dict[str, Json] = {"arguments": arguments}
    if name in _OWN:
        kept = {"tool": name, **kept}
        known, secret = set(_OWN[name].properties), []
    elif name in operations:
        operation = operations[name]
        kept = {"operation": operation.key, **kept}
        known, secret = set(operation.schema.get("properties", {})), operation.secret_arguments
    else:
        raise FlowError(
            f"Call {number} uses “{name}”, which the active version does not have. Name a tool of it, METHOD and path "
            f"(GET /users/{{username}}), or one of {', '.join(_OWN)}."
        )
    wrong = sorted(set(arguments) - known)
    if wrong:
        raise FlowError(
            f"“{name}” takes no {', '.join(wrong)} (call {number}); it takes {', '.join(sorted(known)) or 'nothing'}."
        )
    for argument in secret:
        value = arguments.get(argument)
        if value is not None and not str(value).startswith("[[secret:"):
            raise FlowError(f"“{argument}” of call {number} is a secret. Write [[secret:{argument}]] instead of it.")
    return kept | ({"returns": step["returns"]} if step.get("returns") is not None else {})


def _operations(product: Product, steps: Sequence[dict[str, Any]]) -> dict[str, Operation]:
    """The active version's operations by name and by METHOD path."""
    version = product.active_version
    if version is None:
        raise FlowError(f"{product} has no active version yet. Upload its API description first.")
    fields = ("pk", "name", "method", "path", "schema", "secret_arguments")
    found: dict[str, Operation] = {}
    for operation in Operation.objects.filter(version=version).only(*fields):
        found[operation.name] = found[operation.key] = operation
    return found

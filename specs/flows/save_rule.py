"""An operator writes a rule that makes the whitelist stricter, or takes one back."""

from __future__ import annotations

import math
from typing import Any

from django.db import transaction

from accounts.audit import audit
from accounts.models import AuditAction, Member, MemberRole
from nlops.core.rules import ANY, Condition, PatternUnusable, check_pattern
from nlops.core.types import Decision, Effect
from specs.flows import FlowError
from specs.models import Operation, PolicyRule, Product, VersionStatus, has_argument
from specs.services import edits_to, is_service

#: Rules of a product, each looked at in every step.
MAX_RULES = 200
#: Of a pattern. Longer ones are read by nobody.
MAX_PATTERN = 200
_NUMERIC = frozenset({Condition.ABOVE, Condition.BELOW})


#: What an operator says of a rule.
FIELDS = ("role", "service", "effect", "operation_key", "argument", "condition", "value", "decision", "note")


def draft_rule(product: Product, member: Member, rule: PolicyRule | None = None, **fields: str) -> PolicyRule:
    """The rule that `save_rule` would save, checked. Raises FlowError that names the field."""
    said = {name: str(value).replace("\x00", "").strip() for name, value in fields.items()}
    kept = {name: getattr(rule, name) for name in FIELDS} if rule else {}
    drafted = PolicyRule(tenant_id=product.tenant_id, product=product, created_by=member, **{**kept, **said})
    if rule is not None:
        drafted.pk, drafted.created_at, drafted.created_by = rule.pk, rule.created_at, rule.created_by
    _check(drafted)
    return drafted


def save_rule(product: Product, member: Member, rule: PolicyRule | None = None, **fields: str) -> PolicyRule:
    """A new rule, or `rule` changed; `fields` as the model's, those left out stay as they are.

    Raises FlowError that names the field.
    """
    drafted = draft_rule(product, member, rule, **fields)
    with transaction.atomic():
        Product.objects.select_for_update().get(pk=product.pk)
        if rule is None:
            if PolicyRule.objects.filter(product=product).count() >= MAX_RULES:
                raise FlowError(
                    f"A product has at most {MAX_RULES} rules. Take back those that are not needed any more."
                )
            drafted.save(force_insert=True)
            told = _told(drafted, "added")
        else:
            before = PolicyRule.objects.filter(pk=rule.pk).first()
            if before is None:
                raise FlowError("This rule was taken back in the meantime. Add it as a new one.")
            drafted.save(force_update=True)
            told = _told(drafted, "changed") | {"before": str(before), "note_before": before.note}
        audit(AuditAction.POLICIES_CHANGED, product, told, member=member)
    return drafted


def delete_rule(rule: PolicyRule, member: Member) -> None:
    """The whitelist is as loose again as it was without the rule."""
    with transaction.atomic():
        audit(AuditAction.POLICIES_CHANGED, rule.product, _told(rule, "taken back"), member=member)
        rule.delete()


def _told(rule: PolicyRule, what: str) -> dict[str, Any]:
    return {"product": rule.product.slug, "rule": str(rule), "note": rule.note, "change": what}


def _check(rule: PolicyRule) -> None:
    for field, known in (("role", MemberRole.values), ("effect", list(Effect)), ("condition", list(Condition))):
        if getattr(rule, field) and getattr(rule, field) not in known:
            raise FlowError(f"{field.capitalize()}: choose one of {', '.join(known)}.")
    if rule.decision not in (Decision.CONFIRM, Decision.APPROVE, Decision.DENY):
        raise FlowError("Decision: choose confirm, approve or deny; a rule only makes the whitelist stricter.")
    if rule.operation_key:
        method, _, path = rule.operation_key.partition(" ")
        if not Operation.objects.filter(version__product=rule.product, method=method.upper(), path=path).exists():
            raise FlowError(f"Operation: {rule.product} has no {rule.operation_key}; write it as DELETE /users/{{id}}.")
        rule.operation_key = f"{method.upper()} {path}"
    if rule.service and not is_service(rule.product, rule.service):
        raise FlowError(f"Service: {rule.product} has no service {rule.service}.")
    if bool(rule.argument) != bool(rule.condition):
        raise FlowError("Argument: give both the name of the argument and a condition, or neither.")
    if rule.argument:
        _check_condition(rule)
        _check_argument(rule)


def _check_condition(rule: PolicyRule) -> None:
    condition = Condition(rule.condition)
    if rule.argument == ANY and condition is not Condition.RETURNED:
        raise FlowError(f"Argument: {ANY} goes with values that come from an answer only; name one argument.")
    if condition in (Condition.NOT_OWN, Condition.RETURNED):
        rule.value = ""
    elif not rule.value:
        raise FlowError("Value: say what the argument is held against.")
    elif condition in _NUMERIC:
        try:
            is_number = math.isfinite(float(rule.value))
        except ValueError:
            is_number = False
        if not is_number:
            raise FlowError(f"Value: “{rule.value[:50]}” is no number.")
    elif condition in (Condition.MATCHES, Condition.MATCHES_NOT):
        _check_pattern(rule.value)


def _check_pattern(pattern: str) -> None:
    if len(pattern) > MAX_PATTERN:
        raise FlowError(f"Value: the pattern has {len(pattern)} characters; at most {MAX_PATTERN} are allowed.")
    try:
        check_pattern(pattern)
    except PatternUnusable as error:
        raise FlowError(
            f"Value: this is no regular expression that can be used here ({error}). References back and looking "
            "around are not: they could take for ever. Write it as [a-z0-9.]+@acme\\.example."
        ) from None


def _check_argument(rule: PolicyRule) -> None:
    """A rule about an argument that nothing has would look like protection, and be none."""
    versions = [VersionStatus.ACTIVE, VersionStatus.READY]
    rows = Operation.objects.filter(version__product=rule.product, version__status__in=versions)
    rows = rows.select_related("service", "version")
    if rule.operation_key:
        method, _, path = rule.operation_key.partition(" ")
        rows = rows.filter(method=method, path=path)
    fields = ("method", "path", "effect", "schema", "secret_arguments", "service__slug", "version__product_id")
    edits = edits_to(rule.product)
    about = [
        operation
        for operation in rows.only(*fields)
        if rule.is_about(operation, rule.role, edits.moved_to(operation.key))
    ]
    having = [operation for operation in about if has_argument(operation, rule.argument)]
    if about and not having:
        raise FlowError(f"Argument: none of these operations has the argument {rule.argument}.")
    top = rule.argument.partition("/")[0]
    if having and all({rule.argument, top} & set(one.secret_arguments) for one in having):
        raise FlowError(f"Argument: {rule.argument} is a secret, whose value nothing here sees. Choose another one.")

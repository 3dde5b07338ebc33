"""Exactly one version of a product is active; activating an older one rolls back.

What an operator decided about an operation goes with it when it only moved; and where an operation does more harm in
the new version than in the one before, its policy is at least what listing it anew would mean.
"""

from __future__ import annotations

import uuid

from django.db import transaction
from django.utils import timezone

from accounts.audit import audit
from accounts.models import AuditAction, Member
from nlops.core.types import Decision
from specs.flows import FlowError
from specs.models import (
    DEFAULT_DECISIONS,
    Example,
    OperationEdit,
    PolicyRule,
    Product,
    SpecVersion,
    ToolPolicy,
    VersionStatus,
)
from specs.versions import diff_of

_REASONS = {
    VersionStatus.DRAFT: "it has not been learnt yet; wait until it is ready",
    VersionStatus.PROCESSING: "it is still being learnt; wait until it is ready",
    VersionStatus.FAILED: "it could not be learnt; mend the file and upload it again",
}


def activate_version(version: SpecVersion, member: Member | None = None, *, carry_renames: bool = True) -> SpecVersion:
    """Make the version the one that new requests use; the one before becomes retired.

    Running requests stay on the version that they began with. `carry_renames`: policies, rules and examples of
    operations with a new path hold for the new path. Raises FlowError for a version that isn't learnt.
    """
    with transaction.atomic():
        Product.objects.select_for_update().get(pk=version.product_id)
        version = (
            SpecVersion.objects.select_for_update(of=("self",))
            .select_related("product")
            .defer("source", "definitions")
            .get(pk=version.pk)
        )
        if version.status in _REASONS:
            raise FlowError(f"{version} can't be activated: {_REASONS[VersionStatus(version.status)]}.")
        if version.status != VersionStatus.ACTIVE:
            before = version.product.active_version
            changed = _carry(before, version, carry_renames) if before else {}
            SpecVersion.objects.filter(product_id=version.product_id, status=VersionStatus.ACTIVE).update(
                status=VersionStatus.RETIRED
            )
            version.status, version.activated_at = VersionStatus.ACTIVE, timezone.now()
            version.save(update_fields=["status", "activated_at"])
            said = {"version": version.number, **({"policies": changed} if changed else {})}
            audit(AuditAction.VERSION_ACTIVATED, version, said, member=member)
    return version


def _carry(before: SpecVersion, after: SpecVersion, carry_renames: bool) -> dict[str, str]:
    """Bring policies, rules and examples in line; METHOD path to the decision that it got."""
    diff = diff_of(before, after)
    policies = {row.operation_key: row for row in ToolPolicy.objects.filter(product=after.product)}
    changed: dict[str, str] = {}
    if carry_renames:
        for was, key in diff.renames.items():
            if was in policies and key not in policies:
                policies[key] = _copied(policies[was], key)
                changed[key] = policies[key].decision
        _carry_rules(after.product, diff.renames)
        _carry_edits(after.product, diff.renames)
        _carry_examples(after.product, diff.renames)
    for one in diff.operations:
        policy = policies.get(one.key)
        if policy and one.effects and one.breaking:
            least = DEFAULT_DECISIONS[one.effects[1]]
            if Decision(policy.decision).strictness < least.strictness:
                policy.decision = changed[one.key] = least.value
                policy.save(update_fields=["decision", "updated_at"])
    return changed


def _copied(policy: ToolPolicy, key: str) -> ToolPolicy:
    """The policy for another operation; the old one stays, for a roll-back."""
    return ToolPolicy.objects.create(
        tenant_id=policy.tenant_id,
        product_id=policy.product_id,
        operation_key=key,
        decision=policy.decision,
        updated_by_id=policy.updated_by_id,
    )


_RULE = ("role", "service", "effect", "operation_key", "argument", "condition", "value", "decision")


def _carry_rules(product: Product, renames: dict[str, str]) -> None:
    """Copies for the new paths, each once, however often versions are activated back and forth."""
    has = set(PolicyRule.objects.filter(product=product).values_list(*_RULE))
    for rule in PolicyRule.objects.filter(product=product, operation_key__in=renames):
        rule.pk, rule.operation_key = uuid.uuid4(), renames[rule.operation_key]
        if tuple(getattr(rule, name) for name in _RULE) not in has:
            rule.save(force_insert=True)


def _carry_edits(product: Product, renames: dict[str, str]) -> None:
    """Copies for the new paths; where an operator said something about the new one already, that holds."""
    has = set(OperationEdit.objects.filter(product=product).values_list("operation_key", flat=True))
    for edit in OperationEdit.objects.filter(product=product, operation_key__in=renames):
        edit.pk, edit.operation_key = uuid.uuid4(), renames[edit.operation_key]
        if edit.operation_key not in has:
            edit.save(force_insert=True)


def _carry_examples(product: Product, renames: dict[str, str]) -> None:
    """Examples name their operations as the active version does."""
    for example in Example.objects.filter(product=product):
        steps = [{**step, "operation": renames.get(step.get("operation"), step.get("operation"))}
                 if "operation" in step else step for step in example.steps]  # fmt: skip
        if steps != example.steps:
            example.steps = steps
            example.save(update_fields=["steps", "updated_at"])

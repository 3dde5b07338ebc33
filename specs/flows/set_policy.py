"""The whitelist: what may be used of a product, and who has to agree."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from accounts.audit import audit
from accounts.models import AuditAction, Member
from nlops.core.types import Decision
from specs.flows import FlowError
from specs.models import Operation, Product, ToolPolicy, VersionStatus, usual_decision


def set_policies(
    product: Product, decisions: Mapping[str, Decision | str | None], member: Member | None = None
) -> None:
    """List operations (by key, METHOD path) with their decisions; None takes one off the list, which denies it.

    Raises FlowError for an operation that no version of the product has, or a decision that is none.
    """
    try:
        wanted = {key: Decision(decision) for key, decision in decisions.items() if decision is not None}
    except ValueError as error:
        raise FlowError(f"A decision is one of {', '.join(Decision)}.") from error
    # NUL, which PostgreSQL takes in no text, is in no key.
    sound = {key: decision for key, decision in wanted.items() if "\x00" not in key}
    unknown = sorted(set(wanted) - _keys(product, sound))
    if unknown:
        raise FlowError(f"{product} has no operation {', '.join(unknown[:3])}. Look at the list of its operations.")
    with transaction.atomic():
        lock_policies(product)
        listed = ToolPolicy.objects.filter(
            product=product, operation_key__in=[key for key in decisions if "\x00" not in key]
        )
        before = dict(listed.values_list("operation_key", "decision"))
        listed.exclude(operation_key__in=wanted).delete()
        ToolPolicy.objects.bulk_create(
            [
                ToolPolicy(
                    tenant_id=product.tenant_id,
                    product=product,
                    operation_key=key,
                    decision=decision.value,
                    updated_by=member,
                    updated_at=timezone.now(),
                )
                for key, decision in wanted.items()
            ],
            update_conflicts=True,
            unique_fields=["product", "operation_key"],
            update_fields=["decision", "updated_by", "updated_at"],
        )
        after = {key: wanted.get(key) for key in decisions}
        changes = {key: [before.get(key), new] for key, new in after.items() if before.get(key) != new}
        if changes:
            audit(AuditAction.POLICIES_CHANGED, product, {"product": product.slug, "changes": changes}, member=member)


def lock_policies(product: Product) -> None:
    """Whoever else changes this product's policies waits for the end of the transaction."""
    Product.objects.select_for_update().get(pk=product.pk)


def set_default_policies(product: Product, member: Member | None = None) -> int:
    """List every operation of the active (else the newest ready) version that isn't listed yet; how many were added.

    Reads are allowed, writes confirmed, destructive operations approved; what is deprecated or internal stays out.
    """
    version = (
        product.active_version
        or product.versions.filter(status=VersionStatus.READY).defer("source", "definitions").first()
    )
    if version is None:
        return 0
    listed = set(ToolPolicy.objects.filter(product=product).values_list("operation_key", flat=True))
    usual: dict[str, Decision] = {
        operation.key: usual_decision(operation)
        for operation in version.operations.only("method", "path", "effect", "deprecated", "visibility")
    }
    missing = {key: decision for key, decision in usual.items() if key not in listed and decision is not Decision.DENY}
    set_policies(product, missing, member)
    return len(missing)


def _keys(product: Product, wanted: Mapping[str, Decision]) -> set[str]:
    """Those of the keys that some version of the product has, or that are listed already."""
    paths = {key.partition(" ")[2] for key in wanted}
    rows = Operation.objects.filter(version__product=product, path__in=paths).values_list("method", "path")
    listed = ToolPolicy.objects.filter(product=product, operation_key__in=wanted)
    return {f"{method} {path}" for method, path in rows} | set(listed.values_list("operation_key", flat=True))

"""An operator lets an argument of a writing operation hold values from API answers without a question, or ends that."""

from __future__ import annotations

from django.db import transaction

from accounts.audit import audit
from accounts.models import AuditAction, Member
from nlops.core.types import Effect
from specs.flows import FlowError
from specs.models import Operation, Product, TrustedArgument, VersionStatus


def draft_trust(
    product: Product, member: Member, *, operation_key: str, argument: str, note: str = "", typed: str = ""
) -> TrustedArgument:
    """What `trust_argument` would save, checked. Raises FlowError that names the field.

    `typed`: the tool's name, which an operation that destroys something wants typed.
    """
    method, _, path = operation_key.strip().partition(" ")
    key, argument = f"{method.upper()} {path.strip()}", argument.replace("\x00", "").strip()
    versions = [VersionStatus.ACTIVE, VersionStatus.READY]
    rows = Operation.objects.filter(version__product=product, version__status__in=versions).select_related("version")
    operations = rows.filter(method=method.upper(), path=path.strip()).order_by("version__status")
    if not operations:
        raise FlowError(f"Operation: {product} has no {key}; write it as POST /users.")
    operation = operations[0]
    if operation.effect == Effect.READ:
        raise FlowError(f"Operation: {operation} only reads; values from answers may go there anyway.")
    if argument not in operation.schema.get("properties", {}):
        names = ", ".join(list(operation.schema.get("properties", {}))[:10])
        raise FlowError(f"Argument: {operation} has no argument {argument or '“”'}. It has: {names or 'none'}.")
    if argument in operation.secret_arguments:
        raise FlowError(f"Argument: {argument} is a secret, which only a person types.")
    is_destructive = any(one.effect == Effect.DESTRUCTIVE for one in operations)
    if is_destructive and typed.strip() != operation.name:
        raise FlowError(
            f"To be sure: {operation} destroys something. If answers may really choose what, type {operation.name}."
        )
    return TrustedArgument(
        tenant_id=product.tenant_id,
        product=product,
        operation_key=operation.key,
        argument=argument,
        even_destructive=is_destructive,
        note=note.replace("\x00", "").strip()[:300],
        created_by=member,
    )


def trust_argument(product: Product, member: Member, **fields: str) -> TrustedArgument:
    """From now on the argument may hold values from answers. Raises FlowError that names the field."""
    drafted = draft_trust(product, member, **fields)
    with transaction.atomic():
        same = {"product": product, "operation_key": drafted.operation_key, "argument": drafted.argument}
        if TrustedArgument.objects.filter(**same).exists():
            raise FlowError(f"Argument: {drafted} may hold values from answers already.")
        drafted.save(force_insert=True)
        _told(drafted, member, "added")
    return drafted


def distrust_argument(trusted: TrustedArgument, member: Member) -> None:
    """Values from answers ask for a yes there again."""
    with transaction.atomic():
        _told(trusted, member, "taken back")
        trusted.delete()


def _told(trusted: TrustedArgument, member: Member, what: str) -> None:
    data = {
        "product": trusted.product.slug,
        "trusted": str(trusted),
        "even_destructive": trusted.even_destructive,
        "note": trusted.note,
        "change": what,
    }
    audit(AuditAction.POLICIES_CHANGED, trusted.product, data, member=member)

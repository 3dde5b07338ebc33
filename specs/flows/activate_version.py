"""Exactly one version of a product is active; activating an older one rolls back."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts.audit import audit
from accounts.models import AuditAction, Member
from specs.flows import FlowError
from specs.models import Product, SpecVersion, VersionStatus

_REASONS = {
    VersionStatus.DRAFT: "it has not been learnt yet; wait until it is ready",
    VersionStatus.PROCESSING: "it is still being learnt; wait until it is ready",
    VersionStatus.FAILED: "it could not be learnt; mend the file and upload it again",
}


def activate_version(version: SpecVersion, member: Member | None = None) -> SpecVersion:
    """Make the version the one that new requests use; the one before becomes retired.

    Running requests stay on the version that they began with. Raises FlowError for a version that isn't learnt.
    """
    with transaction.atomic():
        Product.objects.select_for_update().get(pk=version.product_id)
        version = SpecVersion.objects.select_for_update().defer("source", "definitions").get(pk=version.pk)
        if version.status in _REASONS:
            raise FlowError(f"{version} can't be activated: {_REASONS[VersionStatus(version.status)]}.")
        if version.status != VersionStatus.ACTIVE:
            SpecVersion.objects.filter(product_id=version.product_id, status=VersionStatus.ACTIVE).update(
                status=VersionStatus.RETIRED
            )
            version.status, version.activated_at = VersionStatus.ACTIVE, timezone.now()
            version.save(update_fields=["status", "activated_at"])
            audit(AuditAction.VERSION_ACTIVATED, version, {"version": version.number}, member=member)
    return version

"""An operator's overlay of a product's description: kept with the product, applied to every upload."""

from __future__ import annotations

import zlib

import orjson
from django.db import transaction

from accounts.audit import audit
from accounts.models import AuditAction, Member
from specs.flows import FlowError
from specs.flows.upload_version import upload_version
from specs.ingest.apply_overlay import read_overlay
from specs.ingest.errors import SpecError
from specs.models import Overlay, Product, SpecVersion


def set_overlay(product: Product, data: bytes, filename: str, member: Member | None = None) -> SpecVersion | None:
    """Keep the overlay, or with no data none, and learn the newest upload anew with it; None without an upload.

    In the tenant's context. Raises FlowError for what is no overlay, naming the place.
    """
    try:
        text = orjson.dumps(read_overlay(data, filename)).decode() if data.strip() else ""
    except SpecError as error:
        raise FlowError(f"Overlay: {error}") from error
    with transaction.atomic():
        product = Product.objects.select_for_update().get(pk=product.pk)
        product.overlay = (
            Overlay.objects.create(
                tenant_id=product.tenant_id, product=product, text=text, filename=filename.replace("\x00", "")[-200:]
            )
            if text
            else None
        )
        product.save(update_fields=["overlay"])
        audit(
            AuditAction.SPEC_UPLOADED,
            product,
            {"product": product.slug, "overlay": str(product.overlay or "taken away")},
            member=member,
        )
        newest = product.versions.order_by("-number").first()
        if newest is None:
            return None
        return upload_version(product, zlib.decompress(newest.source), newest.filename, member)

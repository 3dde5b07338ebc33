"""An upload becomes a spec version, and a worker is told to learn it."""

from __future__ import annotations

import functools
import hashlib
import zlib
from collections.abc import Sequence

import structlog
from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import Max
from kombu.exceptions import OperationalError

from accounts.audit import audit
from accounts.models import AuditAction, Member
from specs.flows import FlowError
from specs.ingest.bundle import pack, root_of
from specs.ingest.errors import SpecError
from specs.ingest.load import check_size
from specs.models import Product, SpecVersion, VersionStatus

log = structlog.get_logger(__name__)


def upload_version(
    product: Product, data: bytes, filename: str, member: Member | None = None, *, enqueue: bool = True
) -> SpecVersion:
    """The version that holds these bytes: a new draft, or the one that has them already and did not fail.

    A worker is told after the commit, unless the caller does the work itself (`enqueue=False`). In the tenant's
    context. Raises FlowError.
    """
    try:
        check_size(len(data), settings.NLOPS_MAX_SPEC_BYTES)
    except SpecError as error:
        raise FlowError(str(error)) from error
    if not data.strip():
        raise FlowError("The file is empty. Choose the OpenAPI or Swagger file of the product, as JSON or YAML.")
    with transaction.atomic():
        # Under the lock, so that numbers are given one at a time, and the overlay is the one of this moment.
        overlay = Product.objects.select_for_update().get(pk=product.pk).overlay
        digest = hashlib.sha256(data + (b"\0" + overlay.text.encode() if overlay else b"")).hexdigest()
        version = product.versions.filter(digest=digest).exclude(status=VersionStatus.FAILED).first()
        if version is None:
            last = product.versions.aggregate(last=Max("number"))["last"] or 0
            version = SpecVersion.objects.create(
                tenant_id=product.tenant_id,
                product=product,
                number=last + 1,
                filename=filename.replace("\x00", "")[-200:],
                digest=digest,
                source=zlib.compress(data, level=1),
                overlay=overlay,
                phase="Waiting for a worker",
                uploaded_by=member,
            )
            named = {"version": version.number, "filename": version.filename, "sha256": digest}
            audit(AuditAction.SPEC_UPLOADED, version, named, member=member)
        if enqueue and version.status == VersionStatus.DRAFT:
            preprocess(version)
    return version


def upload_files(
    product: Product, files: Sequence[tuple[str, bytes]], member: Member | None = None, *, enqueue: bool = True
) -> SpecVersion:
    """The version of one file (a description, or a zip), or of several that refer to each other: (path, bytes).

    Raises FlowError.
    """
    if len(files) == 1:
        return upload_version(product, files[0][1], files[0][0], member, enqueue=enqueue)
    try:
        check_size(sum(len(data) for _, data in files), settings.NLOPS_MAX_SPEC_BYTES)
        named = dict(files)
        if len(named) < len(files):
            raise SpecError("Two of the files have the same name. Pack them as a zip with their folders.")
        root = root_of(named)
    except SpecError as error:
        raise FlowError(str(error)) from error
    return upload_version(product, pack(named), f"{root} and {len(files) - 1} more", member, enqueue=enqueue)


def preprocess(version: SpecVersion) -> None:
    """Tell a worker, after the commit, to learn the version. Losing or doubling the word does no harm."""
    transaction.on_commit(functools.partial(_send, str(version.tenant_id), str(version.pk)), robust=True)


def _send(tenant_id: str, version_id: str) -> None:
    try:
        current_app.send_task("specs.tasks.preprocess_version", args=(tenant_id, version_id), retry=False)
    except OperationalError as error:
        # The sweeper finds the version as soon as the broker is back.
        log.warning("queue_unreachable", version=version_id, error=type(error).__name__)

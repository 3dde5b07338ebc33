"""A public API description becomes a product of a tenant of its own, with a stand-in behind it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from accounts.context import tenant_context
from accounts.models import Member, MemberRole, Tenant
from evaluation.flows import EvaluationError
from evaluation.flows.enrol_evaluator import enrol_evaluator
from evaluation.stand_in import TOKEN, StandIn, serving
from specs.flows import FlowError
from specs.flows.activate_version import activate_version
from specs.flows.process_version import process_version
from specs.flows.save_connection import save_connection
from specs.flows.set_policy import set_default_policies
from specs.flows.upload_version import upload_version
from specs.ingest.errors import SpecError
from specs.ingest.load import load_document
from specs.ingest.naming import slug
from specs.models import AuthKind, Product, SpecVersion, VersionStatus


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a suite is run."""

    tenant: Tenant
    #: who asks
    member: Member
    #: who says yes; None where nobody does
    approver: Member | None = None


def public_spec(spec: str) -> Path:
    """Where a public description lies, whether or not it is there."""
    return Path(os.environ.get("NLOPS_DATA_DIR") or settings.BASE_DIR.parent / "shared" / "data") / spec


@contextmanager
def stand_in_stage(name: str, path: Path) -> Iterator[Stage]:
    """The stage of a product while the context lasts. A second time changes nothing but the address.

    The tenant is "evaluation-" with the product's name: one product each, so that they don't mix.
    Raises EvaluationError.
    """
    try:
        data = path.read_bytes()
        document = load_document(data, path.name)
    except OSError as error:
        raise EvaluationError(f"{path} can't be read: {error.strerror}.") from error
    except SpecError as error:
        raise EvaluationError(f"{path.name} is no usable API description: {error}") from error
    tenant, _ = Tenant.objects.get_or_create(
        slug=slug(f"evaluation-{name}", limit=50), defaults={"name": f"Evaluation of {name}"}
    )
    approver = enrol_evaluator(tenant, MemberRole.OPERATOR)
    member = enrol_evaluator(tenant)
    try:
        product_id = _learnt_product(tenant, approver, name, path.name, data)
        with serving(StandIn(document)) as url:
            with tenant_context(tenant.pk):
                product = Product.objects.get(pk=product_id)
                save_connection(product, base_url=url, auth_kind=AuthKind.BEARER, secret=TOKEN)
            yield Stage(tenant, member, approver)
    except FlowError as error:
        raise EvaluationError(f"{name}: {error}") from error


def _learnt_product(tenant: Tenant, operator: Member, name: str, filename: str, data: bytes) -> uuid.UUID:
    """The product with these bytes as its active version, and the usual whitelist. Raises FlowError."""
    with tenant_context(tenant.pk):
        product, _ = Product.objects.get_or_create(tenant=tenant, slug=slug(name, limit=60), defaults={"name": name})
        version = upload_version(product, data, filename, operator, enqueue=False)
    if version.status in (VersionStatus.DRAFT, VersionStatus.PROCESSING):
        process_version(tenant.pk, version.pk)
    with tenant_context(tenant.pk):
        version = SpecVersion.objects.defer("source", "definitions").get(pk=version.pk)
        if version.status == VersionStatus.FAILED:
            raise FlowError(f"{filename} was not learnt: {version.error}")
        if version.status != VersionStatus.ACTIVE:
            activate_version(version, operator)
        set_default_policies(product, operator)
    return product.pk

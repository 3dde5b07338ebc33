"""What the preprocess workers do: load, call the flow, done."""

from __future__ import annotations

from celery import shared_task

from specs.flows import describe_services as describing
from specs.flows import process_version as processing
from specs.flows import sweep_versions as sweeping


@shared_task
def preprocess_version(tenant_id: str, version_id: str) -> None:
    """After an upload: learn the version; it is ready before a model describes its services."""
    processing.process_version(tenant_id, version_id)
    describing.describe_services(tenant_id, version_id)


@shared_task
def sweep_versions() -> None:
    """Every now and then: find versions that stand still."""
    sweeping.sweep_versions()

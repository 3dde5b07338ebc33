"""Finds versions whose word to the queue, or whose worker, was lost."""

from __future__ import annotations

from django.db import connection

from accounts.context import tenant_context
from specs.flows.upload_version import preprocess
from specs.models import SpecVersion


def sweep_versions() -> int:
    """Ask the workers again to learn every version that has stood still; how many there were."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant, id FROM nlops_due_spec_versions()")
        rows = cursor.fetchall()
    for tenant_id, version_id in rows:
        with tenant_context(tenant_id):
            preprocess(SpecVersion.objects.only("tenant_id").get(pk=version_id))
    return len(rows)

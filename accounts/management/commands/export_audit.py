"""`manage.py export_audit --tenant acme > audit.jsonl`: a tenant's audit log as JSON Lines, oldest first."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.audit import audit, exported
from accounts.context import tenant_context
from accounts.models import AuditAction, AuditEntry, Tenant


class Command(BaseCommand):
    help = "Print a tenant's audit log as JSON Lines, hashes included. The export is audited, too."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, help="slug of the tenant")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant “{options['tenant']}”.")
        with tenant_context(tenant.pk):
            audit(AuditAction.EXPORTED, None, {"what": "audit"})
            for row in exported(AuditEntry.objects.all()):
                self.stdout.write(json.dumps(row, default=str, ensure_ascii=False))

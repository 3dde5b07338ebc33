"""`manage.py verify_audit`: walks every tenant's audit log and names each row that was changed or is missing."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.audit import verify
from accounts.context import tenant_context
from accounts.models import Tenant


class Command(BaseCommand):
    help = "Verify the audit log. Exit code 1 when a row was changed or is missing; the rows are named."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", help="slug of one tenant; without it, all")
        parser.add_argument(
            "--expect",
            type=_place,
            metavar="NUMBER:HASH",
            help="what an earlier run printed for this tenant and you kept elsewhere; it must still be in the log",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        slug, expected = options["tenant"], options["expect"]
        if expected and not slug:
            raise CommandError("--expect needs --tenant: each tenant has a log of its own.")
        tenants = list(Tenant.objects.filter(slug=slug) if slug else Tenant.objects.order_by("slug"))
        if slug and not tenants:
            raise CommandError(f"There is no tenant “{slug}”.")
        broken = sum(self._verify(tenant, expected) for tenant in tenants)
        if broken:
            raise CommandError(f"{broken} of {len(tenants)} logs are not as they were written.")

    def _verify(self, tenant: Tenant, expected: tuple[int, str] | None) -> bool:
        with tenant_context(tenant.pk):
            found = verify(tenant.pk, expected=expected)
        if not found.problems:
            self.stdout.write(f"{tenant.slug}: {found.count} entries, whole. Last: {found.number}:{found.hash}")
        for problem in found.problems:
            self.stderr.write(f"{tenant.slug}: {problem}")
        return bool(found.problems)


def _place(text: str) -> tuple[int, str]:
    number, _, digest = text.partition(":")
    if not number.isdigit() or len(digest) != 64:
        raise argparse.ArgumentTypeError("give NUMBER:HASH as verify_audit printed it")
    return int(number), digest

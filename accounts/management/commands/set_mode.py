"""`manage.py set_mode stopped --reason "…" [--tenant acme]`: the kill switch, from a terminal."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.flows.set_mode import ModeRefused, set_installation_mode, set_tenant_mode
from accounts.models import Mode, Tenant


class Command(BaseCommand):
    help = "Stop nlops, let it only read, or let it go on: everywhere, or in one tenant. In force within one step."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("mode", choices=Mode.values)
        parser.add_argument("--reason", default="", help="why; everybody reads it (not needed for normal)")
        parser.add_argument("--tenant", help="slug of one tenant; without it, the whole installation")

    def handle(self, *args: Any, **options: Any) -> None:
        mode, reason, slug = options["mode"], options["reason"], options["tenant"]
        try:
            if slug is None:
                set_installation_mode(mode, reason)
            else:
                tenant = Tenant.objects.filter(slug=slug).first()
                if tenant is None:
                    raise CommandError(f"There is no tenant “{slug}”.")
                set_tenant_mode(tenant, mode, reason)
        except ModeRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{slug or 'The whole installation'} is now {Mode(mode).label.lower()}.")

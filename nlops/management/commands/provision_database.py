from __future__ import annotations

import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from nlops.services.provision import ProvisioningError, provision


class Command(BaseCommand):
    help = (
        "Create the roles and the database that DATABASE_URL (the application) and DATABASE_OWNER_URL (the "
        "owner) name. Needs an administrator of the PostgreSQL server; doing it twice changes nothing. "
        "Then run: manage.py migrate --database owner"
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--admin-url",
            default=os.environ.get("DATABASE_ADMIN_URL", ""),
            help="postgresql://ADMIN:PASSWORD@HOST:5432/postgres (default: DATABASE_ADMIN_URL, which keeps "
            "the password out of the list of processes)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        urls = {"--admin-url or DATABASE_ADMIN_URL": options["admin_url"]}
        urls |= {name: os.environ.get(name, "") for name in ("DATABASE_URL", "DATABASE_OWNER_URL")}
        if missing := [name for name, value in urls.items() if not value]:
            raise CommandError(f"Set {' and '.join(missing)}: postgresql://USER:PASSWORD@HOST:5432/DATABASE")
        admin_url, app_url, owner_url = urls.values()
        try:
            provision(admin_url, app_url, owner_url)
        except ProvisioningError as error:
            raise CommandError(str(error)) from error
        self.stdout.write("Roles and database are ready. Next: manage.py migrate --database owner")

"""`manage.py rotate_keys`: after a new key was put first in NLOPS_ENCRYPTION_KEYS, so that the old one can go."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.flows.rotate_keys import RotationIncomplete, rotate_keys


class Command(BaseCommand):
    help = (
        "Encrypt every stored secret with the first key of NLOPS_ENCRYPTION_KEYS. Put a new key first and keep the "
        "old ones behind it, restart, run this, then take the old ones out. It can run while nlops serves."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            count = rotate_keys()
        except RotationIncomplete as error:
            raise CommandError(f"{error}\nKeep the old keys until these secrets were entered again.") from error
        self.stdout.write(f"{count} secrets were encrypted anew; every secret has the first key now.")

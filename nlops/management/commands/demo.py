from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from nlops.services.demo import BASE_DIR, run_demo


class Command(BaseCommand):
    help = (
        "Run all of nlops on this machine: PostgreSQL, Valkey, the demo product, web and workers, with two "
        "seeded tenants. Ctrl-C stops it; the data stays."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="of the web pages; if taken, the next free one")
        parser.add_argument(
            "--var",
            type=Path,
            default=Path(os.environ.get("VAR") or BASE_DIR / "var"),
            help="directory for data, logs and secrets (default: VAR, else var in the checkout)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(run_demo(options["port"], options["var"]))

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.template import TemplateSyntaxError, engines
from django.template.loader import get_template
from django.template.utils import get_app_template_dirs


class Command(BaseCommand):
    help = "Compile every template of the project, so that a broken tag is found before a person opens the page."

    def handle(self, *args: Any, **options: Any) -> None:
        root = Path(settings.BASE_DIR)
        directories = [Path(path) for engine in engines.all() for path in engine.dirs]
        # Apps of the checkout only: those installed in .venv are checked by their makers.
        directories += [
            path
            for path in map(Path, get_app_template_dirs("templates"))
            if path.is_relative_to(root) and "site-packages" not in path.parts
        ]
        names = sorted(
            str(file.relative_to(directory))
            for directory in directories
            for file in directory.rglob("*")
            if file.is_file()
        )
        broken = [fault for name in names if (fault := compile_fault(name))]
        if broken:
            raise CommandError("\n".join(broken))
        self.stdout.write(f"{len(names)} templates compile.")


def compile_fault(name: str) -> str:
    """What is wrong with the template, or ""."""
    try:
        get_template(name)
    except (TemplateSyntaxError, UnicodeDecodeError) as error:
        return f"{name}: {error}"
    return ""

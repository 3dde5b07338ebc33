"""`manage.py import_spec FILE --tenant T --product P`: an upload from a terminal, learnt here and now."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.context import tenant_context
from accounts.models import Tenant
from specs.flows import FlowError
from specs.flows.activate_version import activate_version
from specs.flows.describe_services import describe_services
from specs.flows.process_version import process_version
from specs.flows.upload_version import upload_files
from specs.ingest.errors import Severity, SpecError
from specs.ingest.load import check_size
from specs.ingest.naming import slug
from specs.models import Product, SpecVersion, VersionStatus


class Command(BaseCommand):
    help = "Import an API description (OpenAPI 3 or Swagger 2.0, JSON or YAML) as a new version of a product."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the description: a file, a zip, or a folder of files")
        parser.add_argument("--tenant", required=True, help="slug of the tenant, such as acme")
        parser.add_argument("--product", required=True, help="slug or name of the product; made when it is new")
        parser.add_argument("--activate", action="store_true", help="make it the version that requests use")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        began = time.monotonic()
        self.as_json = options["as_json"]
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant “{options['tenant']}”.")
        files = _read(options["file"])
        try:
            with tenant_context(tenant.pk):
                product = _product(tenant, options["product"])
                version = upload_files(product, files, enqueue=False)
            process_version(tenant.pk, version.pk, self._report)
            describe_services(tenant.pk, version.pk)
            with tenant_context(tenant.pk):
                version = SpecVersion.objects.defer("source", "definitions").get(pk=version.pk)
                if options["activate"] and version.status in (VersionStatus.READY, VersionStatus.RETIRED):
                    version = activate_version(version)
                result = _result(version, time.monotonic() - began)
        except FlowError as error:
            raise CommandError(str(error)) from error
        self._tell(result, version)

    def _report(self, phase: str, percent: int) -> None:
        if not self.as_json:
            self.stdout.write(f"{percent:3d} %  {phase}")

    def _tell(self, result: dict[str, Any], version: SpecVersion) -> None:
        failed = version.status == VersionStatus.FAILED
        if self.as_json:
            self.stdout.write(json.dumps(result, ensure_ascii=False))
        elif not failed:
            for problem in result["problems"]:
                self.stdout.write(f"{problem['severity']}: {problem['pointer']}: {problem['message']}")
            self.stdout.write(
                f"{version} is {version.status}: {result['operations']} operations in {result['services']} services, "
                f"{result['refused']} refused, in {result['seconds']} s."
            )
        if failed and not self.as_json:
            raise CommandError(version.error)
        if failed:
            sys.exit(1)


def _read(path: Path) -> list[tuple[str, bytes]]:
    """Name and bytes of the file, or of a folder's descriptions; their size is looked at first."""
    try:
        paths = [path]
        if path.is_dir():
            found = [it for it in sorted(path.rglob("*")) if it.suffix.lower() in (".json", ".yaml", ".yml")]
            paths = [it for it in found if it.is_file() and it.resolve().is_relative_to(path.resolve())]
            if not paths:
                raise CommandError(f"{path} holds no JSON or YAML file.")
        check_size(sum(it.stat().st_size for it in paths), settings.NLOPS_MAX_SPEC_BYTES)
        return [(it.relative_to(path).as_posix() if it != path else path.name, it.read_bytes()) for it in paths]
    except SpecError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}.") from error


def _product(tenant: Tenant, name: str) -> Product:
    """The product with this slug or name; a new one when there is none."""
    wanted = slug(name, limit=60)
    product = Product.objects.filter(slug=wanted).first() or Product.objects.filter(name=name).first()
    return product or Product.objects.create(tenant=tenant, slug=wanted, name=name[:100])


def _result(version: SpecVersion, seconds: float) -> dict[str, Any]:
    return {
        "product": version.product.slug,
        "version": version.number,
        "status": version.status,
        "operations": version.operation_count,
        "services": version.services.count(),
        "refused": sum(problem["severity"] == Severity.ERROR for problem in version.problems),
        "problems": version.problems,
        "error": version.error,
        "seconds": round(seconds, 2),
    }

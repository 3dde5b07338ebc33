"""A draft is learnt: loaded, compiled, saved. Each phase is a transaction of its own, so that others see it.

Doing it twice, or again after a crash, ends in the same rows: what a dead worker saved is removed first.
"""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from django.conf import settings
from django.db import connection
from django.utils import timezone

from accounts.context import tenant_context
from specs.ingest.compile import CompiledOperation, CompiledSpec
from specs.ingest.errors import SpecError
from specs.ingest.learn import learn
from specs.ingest.lint import Report
from specs.models import LintReport, Operation, Service, SpecVersion, VersionStatus

log = structlog.get_logger(__name__)

#: Operations that are saved in one transaction.
CHUNK = 200

#: Told what is being done, and how much is done in percent.
Tell = Callable[[str, int], None]


class _Gone(Exception):
    """The version was deleted, or another worker finished it."""


def process_version(tenant_id: uuid.UUID | str, version_id: uuid.UUID | str, report: Tell | None = None) -> None:
    """Learn the version: it ends ready, or failed with the reasons. Nothing happens when another worker has it.

    To be called outside of a transaction.
    """
    with (
        structlog.contextvars.bound_contextvars(tenant=str(tenant_id), version=str(version_id)),
        _held(version_id) as is_ours,
    ):
        if is_ours:
            try:
                _Processing(tenant_id, version_id, report or (lambda phase, percent: None)).run()
            except _Gone:
                log.info("version_needs_no_processing")


@contextmanager
def _held(version_id: uuid.UUID | str) -> Iterator[bool]:
    """Whether this worker alone has the version; a dead worker's hold ends with its database connection."""
    key = uuid.UUID(str(version_id)).int & (2**63 - 1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        is_ours = bool(cursor.fetchone()[0])
    try:
        yield is_ours
    finally:
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])


class _Processing:
    def __init__(self, tenant_id: uuid.UUID | str, version_id: uuid.UUID | str, report: Tell) -> None:
        self._tenant_id = tenant_id
        self._version_id = version_id
        self._report = report
        #: as they are stored
        self._problems: list[dict[str, object]] = []

    def run(self) -> None:
        try:
            source, filename, overlay = self._begin()
            data = zlib.decompress(source)
            limit = settings.NLOPS_MAX_SPEC_BYTES
            learnt = learn(data, filename, limit, len(source), self._go_on, overlay=overlay)
            self._problems = learnt.problems
            self._save_report(learnt.report)
            self._save(learnt.compiled)
        except SpecError as error:
            self._fail(str(error))
        except _Gone:
            raise
        except Exception:
            log.exception("processing_failed")
            self._fail(
                "nlops could not learn this file because of a fault of its own; it was recorded. Upload the file again "
                "to try once more."
            )

    def _begin(self) -> tuple[bytes, str, str]:
        """Take the version, remove what an earlier try saved."""
        with tenant_context(self._tenant_id):
            version = self._locked()
            version.operations.all().delete()
            version.services.all().delete()
            version.error, version.problems, version.operation_count = "", [], 0
            self._advance(version, "Reading and compiling it", 5)
            return bytes(version.source), version.filename, version.overlay.text if version.overlay else ""

    def _locked(self) -> SpecVersion:
        """The version under its row lock. Raises _Gone when there is nothing to process."""
        rows = SpecVersion.objects.select_for_update().defer("source")  # what is deferred is not written back
        version = rows.filter(pk=self._version_id).first()
        if version is None or version.status not in (VersionStatus.DRAFT, VersionStatus.PROCESSING):
            raise _Gone
        return version

    def _advance(self, version: SpecVersion, phase: str, percent: int) -> None:
        version.status = VersionStatus.PROCESSING
        version.phase, version.progress, version.heartbeat_at = phase, percent, timezone.now()
        version.save()
        self._report(phase, percent)

    def _go_on(self) -> None:
        """Tell the others that the version is still in work."""
        with tenant_context(self._tenant_id):
            self._advance(self._locked(), "Reading and compiling it", 10)

    def _save(self, compiled: CompiledSpec) -> None:
        services = self._save_services(compiled)
        total = len(compiled.operations)
        for start in range(0, total, CHUNK):
            with tenant_context(self._tenant_id):
                version = self._locked()
                Operation.objects.bulk_create(
                    self._row(operation, version, services[operation.service], position)
                    for position, operation in enumerate(compiled.operations[start : start + CHUNK], start)
                )
                done = min(start + CHUNK, total)
                self._advance(version, f"Saving {done} of {total} operations", 30 + 65 * done // total)
        self._finish(compiled)

    def _save_report(self, report: Report | None) -> None:
        """Save the lint report. It is advice: a version without one is learnt as well."""
        if report is None:
            log.warning("no_lint_report")
            return
        with tenant_context(self._tenant_id):
            LintReport.objects.update_or_create(
                version=self._locked(),
                defaults={"tenant_id": self._tenant_id, "counts": report.counts, "findings": report.findings},
            )

    def _save_services(self, compiled: CompiledSpec) -> dict[str, Service]:
        with tenant_context(self._tenant_id):
            version = self._locked()
            rows = [
                Service(
                    tenant_id=self._tenant_id,
                    version=version,
                    name=service.name,
                    slug=service.slug,
                    description=service.description,
                    position=position,
                )
                for position, service in enumerate(compiled.services)
            ]
            Service.objects.bulk_create(rows)
            self._advance(version, f"Saving {len(compiled.operations)} operations", 30)
            return {row.name: row for row in rows}

    def _row(self, operation: CompiledOperation, version: SpecVersion, service: Service, position: int) -> Operation:
        return Operation(
            tenant_id=self._tenant_id,
            version=version,
            service=service,
            position=position,
            name=operation.name,
            method=operation.method,
            path=operation.path,
            summary=operation.summary,
            description=operation.description,
            effect=operation.effect,
            deprecated=operation.deprecated,
            schema=operation.schema,
            bindings=operation.bindings,
            body_media_type=operation.body_media_type,
            secret_arguments=operation.secret_arguments,
            idempotency_header=operation.idempotency_header,
            search_text=operation.search_text,
            server=operation.server,
            visibility=operation.visibility,
        )

    def _finish(self, compiled: CompiledSpec) -> None:
        with tenant_context(self._tenant_id):
            version = self._locked()
            version.title = compiled.title
            version.api_version = compiled.version
            version.standard = compiled.standard[:20]
            version.servers = compiled.servers
            version.security_schemes = compiled.security_schemes
            version.definitions = compiled.definitions
            version.problems = self._problems
            version.operation_count = len(compiled.operations)
            version.status, version.phase, version.progress = VersionStatus.READY, "Ready", 100
            version.heartbeat_at = timezone.now()
            version.save()
        self._report("Ready", 100)

    def _fail(self, reason: str) -> None:
        with tenant_context(self._tenant_id):
            version = self._locked()
            version.operations.all().delete()
            version.services.all().delete()
            version.status, version.phase, version.error = VersionStatus.FAILED, "Failed", reason
            version.heartbeat_at = timezone.now()
            version.save()
        self._report("Failed", version.progress)

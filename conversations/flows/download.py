"""A member downloads the whole list that a call of theirs returned, as CSV.

The list is read again from the product, page after page, unless the answer has it whole. Nothing is held meanwhile:
no transaction, no database connection; the rows wait in a temporary file until all of them, and so all columns, are
known. The web process reads here, and only reads: what changes anything goes through a run.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO
from uuid import UUID

import orjson
import structlog
from django.conf import settings
from django.db import connection as database

from accounts.audit import audit
from accounts.context import tenant_context
from accounts.models import AuditAction, Member, Mode
from accounts.modes import mode_now
from accounts.throttle import count_request
from conversations.csv_rows import BOM, Columns, flatten, line
from conversations.flows import FlowError
from conversations.models import Call, Run
from conversations.recording import append_events
from conversations.statements import lock_run
from nlops.core.checkpoints import is_secret
from nlops.core.engine import Record
from nlops.core.outcomes import is_failure_inside
from nlops.core.secrets import redact
from nlops.core.types import CallStatus, Decision, Json
from specs.flows.read_pages import Page, is_readable, pages
from specs.http import ProductUnreachable
from specs.models import Connection, Operation
from specs.paging import find_rows, is_whole, rows_at
from specs.querysets import connection_to, decision_for

log = structlog.get_logger(__name__)


class DownloadRefused(FlowError):
    """The list can't be had as a file; `str()` says why."""


@dataclass(slots=True)
class Download:
    """A list that is ready to be read."""

    call_id: UUID
    member: Member
    filename: str
    #: the rows, when the answer has them all
    stored: list[Json] | None
    operation: Operation
    connection: Connection | None
    arguments: Mapping[str, Json]


def prepare_download(member: Member, run: Run, key: str) -> Download:
    """Check that the member may have the list, and record that they take it. In the tenant's context.

    Raises DownloadRefused, Call.DoesNotExist, accounts.throttle.Throttled.
    """
    call = Call.objects.select_related("operation__version__product", "operation__service").get(
        run=run, run__conversation__member=member, key=key
    )
    operation = call.operation
    if call.status != CallStatus.SUCCEEDED or not is_readable(operation):
        raise DownloadRefused("Only what was read from the product can be downloaded.")
    decision = decision_for(operation, member.role, dict(call.arguments), member.user.email)
    if decision is Decision.DENY:
        raise DownloadRefused("This operation may not be used here any more, so its list can't be downloaded.")
    if mode_now(member.tenant).mode is Mode.STOPPED:
        raise DownloadRefused("nlops is stopped for now, so nothing can be downloaded. Please try again later.")
    stored = _stored_rows(call.response)
    found = connection_to(operation.version.product_id, member.pk)
    if stored is None:
        _check_reading(call, decision, found)
    count_request(member)
    locked = lock_run(run.pk)
    text = f"Downloaded as CSV by {member.user.email}: {operation.summary or operation.key}"
    append_events(locked, [Record("progress", {"text": text, "call_id": key})])
    audit(AuditAction.EXPORTED, call, {"what": "csv", "operation": operation.key}, member=member)
    name = f"{operation.name.replace('_', '-')}.csv"
    return Download(call.pk, member, name, stored, operation, found, call.arguments)


def _stored_rows(body: Json) -> list[Json] | None:
    """The rows of the answer when they are all there, uncut."""
    path = find_rows(body)
    if path is None or not is_whole(body, path):
        return None
    return rows_at(body, path)


def _check_reading(call: Call, decision: Decision, found: Connection | None) -> None:
    if found is None:
        raise DownloadRefused("There is no connection to the product any more. An operator can add one.")
    if decision is Decision.APPROVE:
        raise DownloadRefused("Reading this list again needs an approval. Please ask for it in the chat.")
    if any(is_secret(value) for value in call.arguments.values()):
        raise DownloadRefused("The list was read with a secret that is not kept. Please ask for it in the chat again.")


def open_download(download: Download) -> Iterator[bytes]:
    """The file's content piece by piece. Reads the first page at once: raises DownloadRefused when it can't be had.

    Outside of any transaction.
    """
    if download.stored is not None:
        return _content(iter([download.stored]), download, _End())
    until = time.monotonic() + settings.NLOPS_CSV_SECONDS
    assert download.connection is not None
    found = pages(
        download.operation, download.connection, download.arguments, until=until, patience=settings.NLOPS_CSV_PATIENCE
    )
    try:
        first = next(found)
    except ProductUnreachable as error:
        raise DownloadRefused(str(error)) from error
    finally:
        _let_go()
    response = first.response
    if response.status != 200 or response.problem or is_failure_inside(response.body):
        raise DownloadRefused(
            response.problem or f"The product did not give the list again: it answered with HTTP {response.status}."
        )
    if first.path is None:
        raise DownloadRefused("The product's answer is no list any more, so there is nothing to put into rows.")
    return _read_all(first, found, download, until)


def _read_all(first: Page, found: Iterator[Page], download: Download, until: float) -> Iterator[bytes]:
    """The content of a list that is read now, to its end or to the limits, which the last line then names."""
    end = _End()

    def batches() -> Iterator[list[Json]]:
        count = 0
        page: Page | None = first
        while page is not None:
            room = settings.NLOPS_CSV_ROWS - count
            rows = page.rows[:room]
            count += len(rows)
            yield [redact(row) for row in rows]
            is_full = count >= settings.NLOPS_CSV_ROWS
            is_late = time.monotonic() >= until
            end.text = _cut_off(page, count, room, is_full=is_full, is_late=is_late)
            if end.text and (is_full or is_late):
                return
            if end.text and not _is_still_allowed(download):
                end.text = f"Cut off here after {count:,} rows: this may not be read any more."
                return
            page = next(found, None)
            _let_go()

    return _content(batches(), download, end)


def _is_still_allowed(download: Download) -> bool:
    """Whether membership and policy are as they were: a long list takes minutes."""
    with tenant_context(download.member.tenant_id):
        is_member = Member.objects.filter(pk=download.member.pk, is_active=True).exists()
        member, arguments = download.member, dict(download.arguments)
        decision = decision_for(download.operation, member.role, arguments, member.user.email)
        return is_member and decision in (Decision.ALLOW, Decision.CONFIRM)


@dataclass(slots=True)
class _End:
    """Why a list ends before its end; "" when it doesn't."""

    text: str = ""


def _cut_off(page: Page, count: int, room: int, *, is_full: bool, is_late: bool) -> str:
    """What the last line says if nothing comes after this page; "" when the list ends with it."""
    if not (page.more or page.perhaps or len(page.rows) > room):
        return ""
    of = f" of {page.total:,}" if page.total is not None and page.total > count else ""
    why = "the product did not give the others"
    if is_full:
        why = "that is as many as a file may have"
    elif is_late:
        why = "reading the others took too long"
    return f"Cut off here: only the first {count:,}{of} rows are in this file; {why}."


def _content(batches: Iterator[list[Json]], download: Download, end: _End) -> Iterator[bytes]:
    """CSV in UTF-8 with a byte order mark: all columns first, then row after row."""
    yield BOM
    columns, count = Columns(), 0
    with tempfile.TemporaryFile() as waiting:
        for rows in batches:
            for row in map(flatten, rows):
                columns.add(row)
                waiting.write(orjson.dumps(row) + b"\n")
                count += 1
        waiting.seek(0)
        yield line(columns.header)
        yield from _lines(waiting, columns)
    if end.text:
        yield line([end.text])
    log.info("csv_downloaded", call=str(download.call_id), rows=count, end=end.text)


def _lines(waiting: IO[bytes], columns: Columns) -> Iterator[bytes]:
    """The rows' lines, some together: one piece for each would be slow to send."""
    piece = bytearray()
    for text in waiting:
        piece += line(columns.cells(orjson.loads(text)))
        if len(piece) > 64_000:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)


def _let_go() -> None:
    """Give the database connection back that renewing a token may have taken."""
    if not database.in_atomic_block:
        database.close()

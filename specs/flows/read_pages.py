"""Reading a list page after page, within limits of rows, pages and seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import structlog
from django.conf import settings
from django.utils import timezone

from nlops.core.outcomes import is_failure_inside
from nlops.core.types import Effect, Json
from specs.flows.call_product import LEASE_SHARE, request_of, send_authorized
from specs.http import ProductUnreachable, Request, Response, wait_told
from specs.models import AuthKind, Connection, Operation
from specs.paging import Pager, find_rows, rows_at, total_of, with_rows

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list."""

    response: Response
    #: where the rows stand; None when the answer is no list
    path: tuple[str, ...] | None
    rows: list[Json]
    #: how many there are in all by the product's word, None when it doesn't say
    total: int | None
    #: whether there are more rows than up to this page, by the product's word
    more: bool
    #: whether there may be, by the look of this page
    perhaps: bool = False


def is_readable(operation: Operation) -> bool:
    """Whether it may be sent again and again: a GET that changes nothing."""
    return operation.method == "GET" and operation.effect == Effect.READ


def pages(
    operation: Operation, connection: Connection, arguments: Mapping[str, Json], *, until: float, patience: float = 0
) -> Iterator[Page]:
    """The pages of a list, each read when it is asked for; one page for what is no list, or fails.

    Where the product asks to wait before a page, for at most `patience` seconds, it is waited for. A page after the
    first that can't be read ends the list; what `more` said of the page before stays true.
    Raises ProductUnreachable for the first page only.
    """
    request = request_of(operation, connection, arguments)
    pager = Pager.of(
        operation.bindings,
        operation.schema,
        connection.auth_name if connection.auth_kind == AuthKind.API_KEY_QUERY else "",
    )
    wait = connection.operation_timeouts.get(operation.key, 0)
    response = _beginning_of(send_authorized(request, connection, until=until, patience=wait))
    path = find_rows(response.body) if _is_good(response) else None
    rows = rows_at(response.body, path) if path is not None else []
    is_whole = path is None or not is_readable(operation) or pager.is_asked_for(operation.bindings, arguments)
    pager.is_repeated(rows)
    count = 0
    while True:
        count += len(rows)
        total = total_of(response.body, response.headers, count) if path is not None else None
        # What was cut off for its size has no end of its own to go on from.
        following = None if response.truncated else pager.after(request, response, rows, count)
        told = following is not None and not pager.guessed
        more = told or response.truncated or (total is not None and total > count)
        yield Page(response, path, rows, total, more, perhaps=following is not None and not is_whole)
        if following is None or is_whole:
            return
        next_response = _next_page(following, connection, until, patience)
        if next_response is None:
            return
        request, response = following, next_response
        rows = rows_at(response.body, path or ())
        if not rows or pager.is_repeated(rows):
            # An empty page ends the list; one that came before says that the product ignores how it is asked.
            yield Page(response, path, [], total, more=total is not None and total > count)
            return


def _beginning_of(response: Response) -> Response:
    """A list that was cut off for its size, without the row at the cut; of anything else that is too large, nothing."""
    if not (response.truncated and response.problem):
        return response
    path = find_rows(response.body)
    rows = rows_at(response.body, path)[:-1] if path is not None else []
    if path is None or not rows:
        return replace(response, body=None)
    return replace(response, body=with_rows(response.body, path, rows), problem="")


def _next_page(request: Request, connection: Connection, until: float, patience: float) -> Response | None:
    for _ in range(_TRIES):
        try:
            response = send_authorized(request, connection, until=until)
        except ProductUnreachable as error:
            log.warning("page_not_read", reason=str(error))
            return None
        if _is_good(response):
            return response
        wait = wait_told(response.status, response.headers, timezone.now())
        wait = 1.0 if wait is None and response.status == 429 else wait
        if wait is None or wait > patience or time.monotonic() + wait >= until:
            break
        time.sleep(wait)
    log.warning("page_not_read", http_status=response.status)
    return None


#: Times that one page is asked for.
_TRIES = 4


def _is_good(response: Response) -> bool:
    return response.status == 200 and not response.problem and not is_failure_inside(response.body)


def read_list(operation: Operation, connection: Connection, arguments: Mapping[str, Json]) -> Response:
    """The answer of a read; of a list the first pages put together, with the sign that there are more.

    Ends within the settings' limits of rows, pages, seconds and bytes. Raises ProductUnreachable.
    """
    began = time.monotonic()
    until = began + settings.NLOPS_LEASE_SECONDS * LEASE_SHARE
    rows: list[Json] = []
    size = number = 0
    page: Page | None = None
    for page in pages(operation, connection, arguments, until=until):
        number += 1
        rows += page.rows
        size += page.response.size
        if (
            len(rows) >= settings.NLOPS_PAGE_ROWS
            or number >= settings.NLOPS_PAGES
            or size >= settings.NLOPS_PRODUCT_MAX_BYTES
            or time.monotonic() - began >= settings.NLOPS_PAGE_SECONDS
        ):
            break
    assert page is not None
    body, more = page.response.body, page.more or page.perhaps
    if page.path is not None:
        body = with_rows(body, page.path, rows) if number > 1 else body
        body = _with_rest(body, page.path, rows, page.total, more)
    elapsed = time.monotonic() - began
    return replace(page.response, body=body, size=size, elapsed=elapsed, pages=number, total=page.total, more=more)


#: Where an answer looks for the number of all entries.
_TOTALS = ("total", "total_count", "totalCount", "total_results", "totalResults", "totalElements")


def _with_rest(body: Json, path: tuple[str, ...], rows: list[Json], total: int | None, more: bool) -> Json:
    """The body with what is known of the rows that were not read, where its own form doesn't say."""
    if not more and (total is None or total <= len(rows)):
        return body
    known: dict[str, Json] = {"has_more": True} if total is None else {"total": total}
    if not path:
        return {"items": rows, **known}
    if not isinstance(body, dict) or any(isinstance(body.get(key), int) for key in _TOTALS):
        return body
    return {**body, **known}

"""A list as a CSV file, streamed to whoever asked: the page and the REST API answer alike."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, StreamingHttpResponse

from accounts.context import tenant_context
from accounts.requests import MemberRequest
from conversations.flows.download import open_download, prepare_download
from conversations.models import Call, Run


def csv_response(request: MemberRequest, run: Run, key: str) -> StreamingHttpResponse:
    """The file. Outside of a transaction. Raises FlowError, accounts.throttle.Throttled, Http404."""
    try:
        with tenant_context(request.tenant.pk, request.user.pk):
            download = prepare_download(request.member, run, key)
    except Call.DoesNotExist as error:
        raise Http404 from error
    pieces = open_download(download)
    # Under ASGI Django would gather a plain iterator whole before it sends the first byte.
    content = _threaded(pieces) if isinstance(request, ASGIRequest) else pieces
    response = StreamingHttpResponse(content, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{download.filename}"'
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


async def _threaded(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    def following() -> bytes | None:
        return next(pieces, None)

    while (piece := await sync_to_async(following, thread_sensitive=False)()) is not None:
        yield piece

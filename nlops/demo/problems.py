"""Errors as problem details (RFC 9457), with a message for each field."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from rest_framework.exceptions import APIException, NotFound, Throttled, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler

MEDIA_TYPE = "application/problem+json"


class Duplicate(APIException):
    """There is one of that name already."""

    status_code = HTTPStatus.CONFLICT


class Unreadable(APIException):
    """A secret was sealed with a key that Keyring does not have any more."""

    status_code = HTTPStatus.CONFLICT
    default_code = "unreadable"


class Unprocessable(ValidationError):
    """A field has a value that is not allowed."""

    status_code = HTTPStatus.UNPROCESSABLE_ENTITY


def problem_details(error: Exception, context: dict[str, Any]) -> Response | None:
    """What an exception looks like to the client; None for a fault of Keyring's own."""
    if isinstance(error, Http404):
        error = NotFound(str(error) or None)
    response = exception_handler(error, context)
    if response is None or not isinstance(error, APIException):
        return response
    status = HTTPStatus.UNPROCESSABLE_ENTITY if isinstance(error, ValidationError) else HTTPStatus(response.status_code)
    body = _body(status)
    if isinstance(error, ValidationError):
        fields = _fields(error.detail)
        body["detail"] = " ".join(field["message"] for field in fields)
        body["errors"] = fields
    else:
        body["detail"] = str(error.detail)
        body["code"] = error.get_codes()
    if isinstance(error, Throttled) and error.wait:
        response["Retry-After"] = str(int(error.wait) + 1)
    response.data, response.status_code = body, status.value
    response.content_type = MEDIA_TYPE
    return response


def no_such_path(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Django's handler404: what no operation answers."""
    return _plain(HTTPStatus.NOT_FOUND, f"There is nothing at {request.path}.", "not_found")


def own_fault(request: HttpRequest) -> JsonResponse:
    """Django's handler500; the cause is in the log."""
    return _plain(HTTPStatus.INTERNAL_SERVER_ERROR, "Keyring failed. Its log says why.", "error")


def refuse_null_characters(answer: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Middleware: no name holds a null character, and the database would choke on one."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            return _plain(HTTPStatus.BAD_REQUEST, "Null characters are not allowed in an address.", "parse_error")
        return answer(request)

    return middleware


def _plain(status: HTTPStatus, detail: str, code: str) -> JsonResponse:
    body = {**_body(status), "detail": detail, "code": code}
    return JsonResponse(body, status=status.value, content_type=MEDIA_TYPE)


def _body(status: HTTPStatus) -> dict[str, Any]:
    return {"type": "about:blank", "title": status.phrase, "status": status.value}


def _fields(detail: Any) -> list[dict[str, str]]:
    if isinstance(detail, dict):
        return [
            {"field": name, "message": str(message)} for name, messages in detail.items() for message in _list(messages)
        ]
    return [{"field": "", "message": str(message)} for message in _list(detail)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]

"""Errors as problem details (RFC 9457), with a message for each field."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.http import Http404
from rest_framework.exceptions import APIException, NotFound, Throttled, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler


class Duplicate(APIException):
    """There is one of that name already."""

    status_code = HTTPStatus.CONFLICT


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
    body: dict[str, Any] = {"type": "about:blank", "title": status.phrase, "status": status.value}
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
    response.content_type = "application/problem+json"
    return response


def _fields(detail: Any) -> list[dict[str, str]]:
    if isinstance(detail, dict):
        return [
            {"field": name, "message": str(message)} for name, messages in detail.items() for message in _list(messages)
        ]
    return [{"field": "", "message": str(message)} for message in _list(detail)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]

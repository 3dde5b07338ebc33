"""Lists in pages: a cursor names the last row that was seen, so that rows added meanwhile shift nothing."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.core import signing
from django.db.models import Q, QuerySet
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from nlops.demo.problems import Unprocessable

USUAL = 20
MOST = 100


def page(rows: QuerySet[Any], form: type[BaseSerializer], text: Mapping[str, str]) -> Response:
    """One page of ordered rows by the query parameters limit and cursor; 422 when one of them is wrong.

    The last field that the rows are ordered by must be unique among them.
    """
    order, limit = [str(field) for field in rows.query.order_by], _limit(text.get("limit", ""))
    seen = _read(text["cursor"], order) if text.get("cursor") else None
    found = list((rows.filter(_behind(order, seen)) if seen else rows)[: limit + 1])
    more = _cursor(found[limit - 1], order) if len(found) > limit else None
    return Response({"items": form(found[:limit], many=True).data, "next_cursor": more, "total": rows.count()})


def _limit(text: str) -> int:
    if not text:
        return USUAL
    if not text.isascii() or not text.isdigit() or len(text) > 3 or not 1 <= int(text) <= MOST:
        raise Unprocessable({"limit": f"limit must be a number between 1 and {MOST}."})
    return int(text)


def _cursor(row: Any, order: Sequence[str]) -> str:
    values = [functools.reduce(getattr, field.lstrip("-").split("__"), row) for field in order]
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return signing.dumps(plain, salt=_salt(order))


def _read(cursor: str, order: Sequence[str]) -> list[Any]:
    try:
        return signing.loads(cursor, salt=_salt(order))
    except signing.BadSignature:
        raise Unprocessable({"cursor": "cursor must be the next_cursor of an earlier page of this list."}) from None


def _salt(order: Sequence[str]) -> str:
    return f"keyring.cursor:{','.join(order)}"


def _behind(order: Sequence[str], values: Sequence[Any]) -> Q:
    """The rows that come after the one with these values."""
    behind, same = Q(), Q()
    for field, value in zip(order, values, strict=True):
        name, comparison = field.lstrip("-"), "lt" if field.startswith("-") else "gt"
        behind |= same & Q(**{f"{name}__{comparison}": value})
        same &= Q(**{name: value})
    return behind

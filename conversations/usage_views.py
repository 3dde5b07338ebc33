"""The page "Usage": requests, tokens and cost of a month, by member, day and model."""

from __future__ import annotations

import csv
import datetime
from calendar import monthrange

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.permissions import OperatorRequired
from accounts.requests import MemberRequest
from conversations.ledger import AMOUNTS, BY, total, usage


class UsageView(OperatorRequired):
    """One month, in tables."""

    def get(self, request: MemberRequest) -> HttpResponse:
        first, last = month_of(request.GET.get("month", ""))
        by_day = usage(first, last, "day")
        today = timezone.now().astimezone(datetime.UTC).date()
        following = last + datetime.timedelta(days=1)
        context = {
            "room": "usage",
            "month": first,
            "before": (first - datetime.timedelta(days=1)).strftime("%Y-%m"),
            "after": following.strftime("%Y-%m") if following <= today else "",
            "tables": [
                ("By member", "Member", usage(first, last, "member")),
                ("By model", "Model", usage(first, last, "model")),
                ("By day", "Day (UTC)", by_day),
            ],
            "total": total(by_day),
            "prices": bool(settings.NLOPS_MODEL_PRICES),
        }
        return render(request, "conversations/usage.html", context)


class UsageCsvView(OperatorRequired):
    """The month as a CSV file."""

    def get(self, request: MemberRequest) -> HttpResponse:
        first, last = month_of(request.GET.get("month", ""))
        by = request.GET.get("by", "member")
        by = by if by in BY else "member"
        name = f"usage-{first:%Y-%m}-by-{by}.csv"
        response = HttpResponse(
            content_type="text/csv; charset=utf-8", headers={"Content-Disposition": f'attachment; filename="{name}"'}
        )
        writer = csv.writer(response)
        writer.writerow([by, *AMOUNTS[:-1], "cost"])
        for row in usage(first, last, by):
            writer.writerow([_plain(row.key), *(getattr(row, name) for name in AMOUNTS[:-1]), f"{row.cost / 1e6:.6f}"])
        return response


def month_of(text: str) -> tuple[datetime.date, datetime.date]:
    """The first and last day of the month "2026-11"; of this month for anything else."""
    try:
        first = datetime.datetime.strptime(text, "%Y-%m").replace(tzinfo=datetime.UTC).date()
    except ValueError:
        first = timezone.now().astimezone(datetime.UTC).date().replace(day=1)
    return first, first.replace(day=monthrange(first.year, first.month)[1])


def _plain(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text

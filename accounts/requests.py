"""The request as a member's page sees it, for type checkers."""

from __future__ import annotations

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from accounts.models import Member, Tenant


class MemberRequest(HttpRequest):
    """What MemberMiddleware and HtmxMiddleware have added once MemberRequired let the request through."""

    member: Member
    tenant: Tenant
    htmx: HtmxDetails

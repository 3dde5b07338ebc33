"""The request as a member's page sees it, and where it comes from."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from accounts.models import Member, Tenant


class MemberRequest(HttpRequest):
    """What MemberMiddleware and HtmxMiddleware have added once MemberRequired let the request through."""

    member: Member
    tenant: Tenant
    htmx: HtmxDetails


def client_ip(request: HttpRequest) -> str:
    """The client's address, as far as the proxies in front are trusted (ALLAUTH_TRUSTED_PROXY_COUNT); "" for none."""
    try:
        return str(get_adapter().get_client_ip(request))
    except PermissionDenied:
        return ""

"""Puts every request of a signed-in user into the context of one tenant."""

from __future__ import annotations

from collections.abc import Callable

from allauth.headless.contrib.rest_framework.authentication import XSessionTokenAuthentication
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone

from accounts.api_tokens import bearer_of, find_token, wait_for_token
from accounts.audit import Origin, acting
from accounts.context import tenant_context, user_context
from accounts.models import ActorKind, ApiToken, Member, StaffAccess, Tenant, User
from accounts.requests import client_ip
from accounts.second_factor import lacks_second_factor
from accounts.sessions import STAFF_ACCESS, TENANT
from accounts.throttle import wait_for_address

#: What a load balancer asks, from one address for everybody.
_PROBES = ("/healthz", "/readyz")


class MemberMiddleware:
    """Sets `request.member` and `request.tenant` (None when there is none) and enters the tenant's context.

    Of several memberships the session's `tenant` chooses, else the oldest. A staff user who entered a tenant by
    the logged switch has a tenant but no member.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        ip = client_ip(request)
        if not request.path_info.startswith(_PROBES) and (wait := wait_for_address(ip)):
            return too_many(request, wait)
        with acting(Origin(ActorKind.STRANGER, ip=ip)):
            return self._respond(request)

    def _respond(self, request: HttpRequest) -> HttpResponse:
        request.member = None  # type: ignore[attr-defined]
        request.tenant = None  # type: ignore[attr-defined]
        request.api_token = None  # type: ignore[attr-defined]
        if request.path_info.startswith("/api/") and (bearer := bearer_of(request)):
            return self._respond_to_token(request, find_token(bearer))
        if not request.user.is_authenticated:
            # Scripts sign in at /_allauth/app/v1/auth/login and send X-Session-Token; the REST API checks it again.
            by_token = XSessionTokenAuthentication().authenticate(request)
            if by_token is None:
                return self.get_response(request)
            request.user = by_token[0]
        user = request.user
        assert user.pk is not None
        member = find_member(user.pk, request.session.get(TENANT))
        return self._respond_to(request, member)

    def _respond_to_token(self, request: HttpRequest, token: ApiToken | None) -> HttpResponse:
        """A script that brings a token is who the token says, whatever session comes with it."""
        if token is None:
            request.user = AnonymousUser()
            return self.get_response(request)  # the API refuses it in words
        if wait := wait_for_token(token):
            told = {"detail": f"This token sent too many requests. Try again in {wait} seconds."}
            return JsonResponse(told, status=429, headers={"Retry-After": str(wait)})
        request.user, request.api_token = token.member.user, token  # type: ignore[attr-defined]
        return self._respond_to(request, token.member)

    def _respond_to(self, request: HttpRequest, member: Member | None) -> HttpResponse:
        user = request.user
        assert isinstance(user, User)
        tenant = member.tenant if member else _staff_tenant(request)
        if tenant is None:
            return self.get_response(request)
        request.member, request.tenant = member, tenant  # type: ignore[attr-defined]
        if member is not None and lacks_second_factor(member) and not _is_own_account(request):
            return _set_up_first(request)
        kind, role = (ActorKind.MEMBER, member.role) if member else (ActorKind.STAFF, "")
        with acting(Origin(kind, user.pk, role, client_ip(request))), timezone.override(user.time_zone):
            if _opens_context_itself(request):
                return self.get_response(request)
            with tenant_context(tenant.pk, user.pk):
                response = self.get_response(request)
                if response.status_code >= 500:
                    # Django has turned the exception into a page already; half of a request must not stay.
                    transaction.set_rollback(True)
                return response


def too_many(request: HttpRequest, wait: int = 60) -> HttpResponse:
    """429 with the seconds to wait (RFC 6585 section 4), as a page or for scripts."""
    told = f"Too many requests came from your address. Try again in {wait} seconds."
    headers = {"Retry-After": str(wait)}
    if request.path_info.startswith(("/api/", "/_allauth/")):
        return JsonResponse({"detail": told}, status=429, headers=headers)
    # Without the request: its context processors ask the database, which is to be spared.
    return HttpResponse(render_to_string("429.html", {"wait": wait}), status=429, headers=headers)


def _is_own_account(request: HttpRequest) -> bool:
    """The pages on which a person signs in and out and sets up a second factor."""
    return request.path_info.startswith(("/accounts/", "/_allauth/", "/healthz", "/readyz"))


def _set_up_first(request: HttpRequest) -> HttpResponse:
    """To the page that sets up a second factor; scripts are told so."""
    message = f"{request.tenant} wants a second factor of everybody. Set one up first."  # type: ignore[attr-defined]
    if request.path_info.startswith("/api/"):
        return JsonResponse({"detail": message}, status=403)
    messages.warning(request, message)
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": reverse("mfa_index")})
    return redirect("mfa_index")


def _opens_context_itself(request: HttpRequest) -> bool:
    """Whether the view says `outside_transaction = True`: it waits for somebody else, which no transaction must."""
    try:
        found = resolve(request.path_info).func
    except Resolver404:
        return False
    return bool(getattr(getattr(found, "view_class", found), "outside_transaction", False))


def find_member(user_id: int, tenant_id: str | None = None) -> Member | None:
    """The user's active membership in that tenant, or the oldest one."""
    with user_context(user_id):
        members = list(Member.objects.filter(user_id=user_id, is_active=True).select_related("tenant", "user"))
    chosen = [member for member in members if str(member.tenant_id) == tenant_id]
    return next(iter(chosen or members), None)


def _staff_tenant(request: HttpRequest) -> Tenant | None:
    if not (request.user.is_staff and STAFF_ACCESS in request.session and TENANT in request.session):
        return None
    tenant = Tenant.objects.filter(pk=request.session[TENANT]).first()
    if tenant is None:
        return None
    with tenant_context(tenant.pk):
        entered = StaffAccess.objects.filter(
            pk=request.session[STAFF_ACCESS], user_id=request.user.pk, ended_at=None
        ).exists()
    return tenant if entered else None

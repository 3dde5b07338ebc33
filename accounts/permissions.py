"""Who may do what, for page views and the REST API alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.mixins import AccessMixin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.views import View
from rest_framework.exceptions import PermissionDenied as PermissionRefused
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.api_tokens import may
from accounts.models import ApiToken, TokenScope
from accounts.requests import MemberRequest

if TYPE_CHECKING:
    # REST framework's views import this module while they are being imported.
    from rest_framework.views import APIView


class IsMember(BasePermission):
    """The user is an active member of a tenant."""

    message = "Sign in as a member of a tenant."

    def has_permission(self, request: Request, view: APIView) -> bool:
        if getattr(request, "member", None) is None:
            return False
        token = request.auth if isinstance(request.auth, ApiToken) else None
        scope = getattr(view, "scope", TokenScope.OPERATE)
        if token is not None and not may(token, scope, request.method or ""):
            raise PermissionRefused(
                f"This token has not the scope “{scope}”. Make one that has it on your profile page."
            )
        return True


class IsOperator(IsMember):
    """The member is an operator or owner of the tenant."""

    message = "This needs the role operator. Ask the owner of your tenant."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return super().has_permission(request, view) and request.member.is_operator  # type: ignore[attr-defined]


class IsOperatorOrReviewer(IsMember):
    """The member is an operator, a reviewer or an owner of the tenant."""

    message = "This needs the role operator or reviewer. Ask the owner of your tenant."

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not super().has_permission(request, view):
            return False
        member = request.member  # type: ignore[attr-defined]
        return member.is_operator or member.is_reviewer


class IsReviewer(IsMember):
    """The member is a reviewer or owner of the tenant."""

    message = "This needs the role reviewer. Ask the owner of your tenant."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return super().has_permission(request, view) and request.member.is_reviewer  # type: ignore[attr-defined]


class IsOwner(IsMember):
    """The member is an owner of the tenant."""

    message = "This needs the role owner. Ask the owner of your tenant."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return super().has_permission(request, view) and request.member.is_owner  # type: ignore[attr-defined]


class MemberRequired(AccessMixin, View):
    """Page views for members: anonymous visitors sign in first; users without a tenant are told so."""

    request: MemberRequest

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            if request.headers.get("HX-Request"):
                # The session has ended; a sign-in form in the middle of the page would help nobody.
                return HttpResponse(headers={"HX-Redirect": resolve_url(self.get_login_url())})
            return self.handle_no_permission()
        member = getattr(request, "member", None)
        if member is None or not self.allows(member):
            raise PermissionDenied(self.refusal)
        return super().dispatch(request, *args, **kwargs)

    refusal = "You are not a member of a tenant. Ask its owner to invite you."

    def allows(self, member: Any) -> bool:
        """Whether this member may open the page."""
        return True


class OperatorRequired(MemberRequired):
    """Page views for operators and owners."""

    refusal = "This page needs the role operator. Ask the owner of your tenant."

    def allows(self, member: Any) -> bool:
        return bool(member.is_operator)


class OwnerRequired(MemberRequired):
    """Page views for owners."""

    refusal = "This page needs the role owner. Ask the owner of your tenant."

    def allows(self, member: Any) -> bool:
        return bool(member.is_owner)

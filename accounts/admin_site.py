"""The admin for staff of the platform and for the reviewers and owners of a tenant.

What they see of a tenant is limited by row-level security: MemberMiddleware puts the request into one tenant's
context, and staff are in none until they enter one by the logged switch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.sites import UnfoldAdminSite


class NlopsAdminSite(UnfoldAdminSite):
    """Open to staff, reviewers and owners; signs in where everybody does."""

    index_title = "Review"

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and (request.user.is_staff or _reviews(request))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """One way to sign in, with its second factor and its rate limits."""
        from django.contrib.auth.views import redirect_to_login
        from django.core.exceptions import PermissionDenied

        if request.user.is_authenticated:
            raise PermissionDenied("This room is for reviewers and owners. Ask the owner of your tenant.")
        return redirect_to_login(request.GET.get("next") or reverse("admin:index"))

    def admin_view(self, view: Callable[..., HttpResponse], cacheable: bool = False) -> Callable[..., HttpResponse]:
        inner = super().admin_view(view, cacheable)

        def with_policy(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            response = inner(request, *args, **kwargs)
            # Unfold's pages run on Alpine, which evaluates expressions, and set inline styles.
            response._csp_replace = {
                "script-src": [SELF, UNSAFE_EVAL],
                "style-src": [SELF, UNSAFE_INLINE],
            }
            return response

        return with_policy


def _reviews(request: HttpRequest) -> bool:
    member = getattr(request, "member", None)
    return member is not None and member.is_reviewer


def sees_tenant(request: HttpRequest) -> bool:
    """Whether the user may read the rows of the tenant in context."""
    if _reviews(request):
        return True
    # A staff user has a tenant without being its member only inside a logged visit.
    inside = getattr(request, "tenant", None) is not None and getattr(request, "member", None) is None
    return inside and bool(request.user.is_staff)


class ReviewAdmin(ModelAdmin):
    """Rows of a tenant, to be read: nobody changes them here."""

    list_fullwidth = True
    compressed_fields = True

    def has_module_permission(self, request: HttpRequest) -> bool:
        return sees_tenant(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return sees_tenant(request)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


site = NlopsAdminSite()

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.admin_site import ReviewAdmin, site
from accounts.models import Member, StaffAccess, Tenant, User


def environment(request: HttpRequest) -> list[str] | None:
    """The tenant that the request is in, for the admin's header."""
    tenant = getattr(request, "tenant", None)
    if tenant is None:
        return ["no tenant entered", "warning"] if request.user.is_authenticated else None
    return [tenant.name, "info" if getattr(request, "member", None) else "danger"]


@admin.register(User, site=site)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    ordering = ["email"]
    list_display = ["email", "first_name", "last_name", "is_active", "is_staff"]
    list_filter = ["is_active", "is_staff"]
    search_fields = ["email", "first_name", "last_name"]
    fieldsets = [
        (None, {"fields": ["email", "password"]}),
        ("Person", {"fields": ["first_name", "last_name", "time_zone"]}),
        ("Rights", {"fields": ["is_active", "is_staff", "is_superuser"]}),
        ("Dates", {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [(None, {"classes": ["wide"], "fields": ["email", "time_zone", "password1", "password2"]})]
    readonly_fields = ["last_login", "date_joined"]
    filter_horizontal = []


@admin.register(Tenant, site=site)
class TenantAdmin(ModelAdmin):
    list_display = ["name", "slug", "model", "created_at"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}


@admin.register(Member, site=site)
class MemberAdmin(ReviewAdmin):
    list_display = ["user", "role", "is_active", "consented_at", "created_at"]
    list_filter = ["role", "is_active"]
    search_fields = ["user__email"]
    list_select_related = ["user"]
    autocomplete_fields = ["user"]
    readonly_fields = ["consented_at", "created_at"]

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self._manages(request)

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self._manages(request)

    def _manages(self, request: HttpRequest) -> bool:
        """Superusers, inside a tenant that they entered."""
        return request.user.is_superuser and getattr(request, "tenant", None) is not None

    def save_model(self, request: HttpRequest, obj: Member, form: object, change: bool) -> None:
        if not change:
            obj.tenant = request.tenant  # type: ignore[attr-defined]
        obj.save()


@admin.register(StaffAccess, site=site)
class StaffAccessAdmin(ReviewAdmin):
    list_display = ["user", "reason", "started_at", "ended_at"]
    list_select_related = ["user"]

from __future__ import annotations

import json

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db.models import Model, OuterRef, QuerySet, Subquery
from django.forms import ModelForm
from django.http import HttpRequest, StreamingHttpResponse
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.admin_site import ReviewAdmin, sees_tenant, site
from accounts.audit import Origin, audit, exported
from accounts.context import tenant_context
from accounts.flows.set_mode import set_installation_mode
from accounts.models import (
    ActorKind,
    AuditAction,
    AuditEntry,
    Installation,
    Member,
    MemberRole,
    StaffAccess,
    Tenant,
    User,
)
from accounts.requests import client_ip


def _staff(request: HttpRequest) -> Origin:
    return Origin(ActorKind.STAFF, request.user.pk, ip=client_ip(request))


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

    def save_model(self, request: HttpRequest, obj: Tenant, form: ModelForm[Tenant], change: bool) -> None:
        obj.save()
        # Staff may change a tenant without having entered it; its owner reads of it all the same.
        with tenant_context(obj.pk):
            changed = {name: str(getattr(obj, name)) for name in form.changed_data}
            audit(AuditAction.TENANT_CHANGED, obj, changed, origin=_staff(request))


@admin.register(Installation, site=site)
class InstallationAdmin(ModelAdmin):
    """The kill switch for all tenants."""

    list_display = ["__str__", "mode", "mode_reason"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Installation]:
        Installation.objects.get_or_create(pk=1)
        return super().get_queryset(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Installation | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Installation, form: ModelForm[Installation], change: bool) -> None:
        set_installation_mode(obj.mode, obj.mode_reason or "No reason was given.", origin=_staff(request))


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
        audit(AuditAction.MEMBER_CHANGED, obj, {"user": obj.user_id, "role": obj.role, "is_active": obj.is_active})


@admin.register(StaffAccess, site=site)
class StaffAccessAdmin(ReviewAdmin):
    list_display = ["user", "reason", "started_at", "ended_at"]
    list_select_related = ["user"]


@admin.register(AuditEntry, site=site)
class AuditEntryAdmin(ReviewAdmin):
    list_display = ["number", "at", "who", "ip", "action", "object_kind", "data"]
    list_filter = ["action", "actor_kind"]
    search_fields = ["object_id", "ip"]
    date_hierarchy = "at"
    fields = [
        "number",
        "at",
        "who",
        "role",
        "ip",
        "action",
        "object_kind",
        "object_id",
        "data",
        "previous_hash",
        "hash",
    ]
    actions = ["export"]
    actions_list = ["export_all"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        return (
            super()
            .get_queryset(request)
            .annotate(email=Subquery(User.objects.filter(pk=OuterRef("user_id")).values("email")))
        )

    @display(description="Who")
    def who(self, entry: AuditEntry) -> str:
        """The e-mail address while there is one: the entry itself has the number of the user only."""
        kind = ActorKind(entry.actor_kind)
        name = getattr(entry, "email", None) or (f"user {entry.user_id} (erased)" if entry.user_id else "")
        return name if kind is ActorKind.MEMBER and name else " ".join(filter(None, (name, f"({kind.label})")))

    @action(description="Export", permissions=["export"])
    def export(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> StreamingHttpResponse:
        """The chosen entries as JSON Lines, hashes included."""
        rows = list(exported(queryset))
        audit(AuditAction.EXPORTED, None, {"what": "audit", "entries": len(rows)})
        lines = (json.dumps(row, default=str, ensure_ascii=False) + "\n" for row in rows)
        response = StreamingHttpResponse(lines, content_type="application/jsonl; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="audit.jsonl"'
        return response

    @action(description="Export all", permissions=["export"])
    def export_all(self, request: HttpRequest) -> StreamingHttpResponse:
        """The whole log as JSON Lines."""
        return self.export(request, self.get_queryset(request))

    def has_export_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        return self.has_view_permission(request, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Owners, and staff inside a tenant: the log tells of reviewers, too."""
        member = getattr(request, "member", None)
        return sees_tenant(request) and (member is None or member.role == MemberRole.OWNER)

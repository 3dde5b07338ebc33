from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin_site import ReviewAdmin, site
from specs.models import Example, Product, SpecVersion, ToolPolicy


@admin.register(Product, site=site)
class ProductAdmin(ReviewAdmin):
    list_display = ["name", "slug", "created_at"]
    search_fields = ["name"]


@admin.register(SpecVersion, site=site)
class SpecVersionAdmin(ReviewAdmin):
    list_display = ["product", "number", "status", "title", "api_version", "operation_count", "created_at"]
    list_filter = ["status", "product"]
    list_select_related = ["product"]
    fields = [
        "product", "number", "status", "filename", "digest", "title", "api_version", "standard", "operation_count",
        "error", "uploaded_by", "created_at", "activated_at",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[SpecVersion]:
        return super().get_queryset(request).defer("source", "definitions", "problems")


@admin.register(ToolPolicy, site=site)
class ToolPolicyAdmin(ReviewAdmin):
    list_display = ["operation_key", "decision", "product", "updated_by", "updated_at"]
    list_filter = ["decision", "product"]
    list_select_related = ["product", "updated_by__user"]
    search_fields = ["operation_key"]


@admin.register(Example, site=site)
class ExampleAdmin(ReviewAdmin):
    list_display = ["request", "product", "language", "enabled", "origin", "updated_by", "updated_at"]
    list_filter = ["enabled", "origin", "language", "product"]
    list_select_related = ["product", "updated_by__user"]
    search_fields = ["request", "note"]

from __future__ import annotations

from django.contrib import admin
from django.db.models import Avg, QuerySet
from django.http import HttpRequest
from unfold.admin import TabularInline
from unfold.decorators import display

from accounts.admin_site import ReviewAdmin, sees_tenant, site
from evaluation.models import Case, EvaluationRun, Score, Suite


class ReadInline(TabularInline):
    """Rows below their parent, to be read."""

    extra = 0
    can_delete = False
    show_change_link = True
    per_page = 50

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return sees_tenant(request)

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


class CaseInline(ReadInline):
    model = Case
    fields = ["name", "turns", "expected"]


class ScoreInline(ReadInline):
    model = Score
    fields = ["case", "metric", "value", "seconds"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Score]:
        # The worst first: that is what to look at.
        return super().get_queryset(request).select_related("case").order_by("value", "case__position")


@admin.register(Suite, site=site)
class SuiteAdmin(ReviewAdmin):
    list_display = ["name", "created_at"]
    inlines = [CaseInline]


@admin.register(Case, site=site)
class CaseAdmin(ReviewAdmin):
    list_display = ["name", "suite", "position"]
    list_filter = ["suite"]
    search_fields = ["name"]


@admin.register(EvaluationRun, site=site)
class EvaluationRunAdmin(ReviewAdmin):
    list_display = ["suite", "model", "mean", "started_at", "finished_at"]
    list_filter = ["suite", "model"]
    list_select_related = ["suite"]
    inlines = [ScoreInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[EvaluationRun]:
        return super().get_queryset(request).annotate(mean_score=Avg("scores__value"))

    @display(description="Mean score", ordering="mean_score")
    def mean(self, run: EvaluationRun) -> str:
        mean: float | None = getattr(run, "mean_score", None)
        return "–" if mean is None else f"{mean:.1%}"


@admin.register(Score, site=site)
class ScoreAdmin(ReviewAdmin):
    list_display = ["case", "metric", "value", "seconds", "run"]
    list_filter = ["metric", "run"]
    list_select_related = ["case", "run__suite"]

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from accounts.admin_site import ReviewAdmin, sees_tenant, site
from accounts.audit import audit
from accounts.models import AuditAction
from conversations.models import (
    Approval,
    Call,
    Conversation,
    Feedback,
    Flag,
    PromptActivation,
    PromptVersion,
    Run,
    UsageDay,
)
from conversations.querysets import shown_events
from conversations.replay import turns


@admin.register(Conversation, site=site)
class ConversationAdmin(ReviewAdmin):
    list_display = ["title", "member", "runs_count", "open_flags", "created_at", "updated_at", "closed_at"]
    list_select_related = ["member__user"]
    list_filter = [("closed_at", admin.EmptyFieldListFilter), "flags__reason"]
    search_fields = ["title", "runs__request", "member__user__email"]
    date_hierarchy = "created_at"
    fields = ["title", "member", "created_at", "updated_at", "closed_at", "transcript"]
    readonly_fields = ["transcript"]

    class Media:
        css = {"all": ["transcript.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        return super().get_queryset(request).prefetch_related("runs", "flags")

    @display(description="Requests")
    def runs_count(self, conversation: Conversation) -> int:
        return len(conversation.runs.all())

    @display(description="Open flags", label={"flagged": "danger"})
    def open_flags(self, conversation: Conversation) -> str:
        return "flagged" if any(flag.resolved_at is None for flag in conversation.flags.all()) else "–"

    @display(description="Transcript")
    def transcript(self, conversation: Conversation) -> SafeString:
        """Every event as it was recorded, the calls, the flags and the feedback."""
        runs = conversation.runs.prefetch_related("feedback__member__user", "flags").order_by("number")
        context = {
            "runs": runs,
            "events": shown_events().filter(conversation=conversation).order_by("sequence"),
            "calls": Call.objects.filter(run__conversation=conversation).select_related("operation"),
        }
        return render_to_string("admin/transcript.html", context)


class OpenFilter(admin.SimpleListFilter):
    """Open flags first: that is what a reviewer comes for."""

    title = "state"
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("yes", "Open"), ("no", "Resolved")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Flag]) -> QuerySet[Flag]:
        return queryset if self.value() is None else queryset.filter(resolved_at__isnull=self.value() == "yes")


@admin.register(Flag, site=site)
class FlagAdmin(ReviewAdmin):
    list_display = ["reason", "conversation_link", "detail", "created_at", "resolved_at", "resolved_by"]
    list_filter = [OpenFilter, "reason"]
    list_select_related = ["conversation", "resolved_by__user"]
    search_fields = ["detail", "conversation__title"]
    fields = ["reason", "conversation_link", "run", "detail", "created_at", "resolved_at", "resolved_by"]
    readonly_fields = ["conversation_link"]
    actions = ["resolve"]

    @display(description="Conversation")
    def conversation_link(self, flag: Flag) -> SafeString:
        from django.urls import reverse

        address = reverse("admin:conversations_conversation_change", args=[flag.conversation_id])
        return format_html('<a class="text-link" href="{}">{}</a>', address, flag.conversation)

    @action(description="Resolve", permissions=["resolve"])
    def resolve(self, request: HttpRequest, queryset: QuerySet[Flag]) -> None:
        """Mark as reviewed, by whom and when."""
        resolved = [str(pk) for pk in queryset.filter(resolved_at=None).values_list("pk", flat=True)]
        count = queryset.filter(pk__in=resolved, resolved_at=None).update(
            resolved_at=timezone.now(),
            resolved_by=getattr(request, "member", None),
        )
        if count:
            audit(AuditAction.FLAG_RESOLVED, None, {"flags": resolved})
        self.message_user(request, f"{count} flag{'' if count == 1 else 's'} resolved.")

    def has_resolve_permission(self, request: HttpRequest, obj: Flag | None = None) -> bool:
        return sees_tenant(request)


@admin.register(Feedback, site=site)
class FeedbackAdmin(ReviewAdmin):
    list_display = ["is_good", "comment", "member", "run", "updated_at"]
    list_filter = ["is_good"]
    list_select_related = ["member__user", "run"]
    search_fields = ["comment", "run__request"]


@admin.register(Run, site=site)
class RunAdmin(ReviewAdmin):
    list_display = ["request", "status", "conversation", "model", "prompt_tokens", "cost", "created_at", "finished_at"]
    list_filter = ["status", "model"]
    list_select_related = ["conversation"]
    search_fields = ["request"]
    fields = [
        "conversation", "number", "request", "status", "model", "prompt", "prompt_tokens", "cached_tokens",
        "completion_tokens", "cost", "created_at", "finished_at", "seen_by_the_model",
    ]  # fmt: skip
    readonly_fields = ["seen_by_the_model"]

    class Media:
        css = {"all": ["transcript.css"]}

    @display(description="What the model saw")
    def seen_by_the_model(self, run: Run) -> SafeString:
        """Every model request, rebuilt from the run's prompt and its events."""
        return render_to_string("admin/turns.html", {"turns": turns(run)})


@admin.register(PromptVersion, site=site)
class PromptVersionAdmin(ReviewAdmin):
    list_display = ["number", "origin", "sha256", "note", "author", "created_at"]
    list_filter = ["origin"]
    list_select_related = ["author__user"]
    search_fields = ["text", "note", "sha256"]


@admin.register(PromptActivation, site=site)
class PromptActivationAdmin(ReviewAdmin):
    list_display = ["number", "version", "is_roll_back", "by", "created_at"]
    list_select_related = ["version", "by__user"]


@admin.register(UsageDay, site=site)
class UsageDayAdmin(ReviewAdmin):
    list_display = ["day", "member", "model", "requests", "prompt_tokens", "cached_tokens", "completion_tokens", "cost"]
    list_filter = ["model"]
    list_select_related = ["member__user"]
    date_hierarchy = "day"


@admin.register(Approval, site=site)
class ApprovalAdmin(ReviewAdmin):
    list_display = ["call", "status", "by_requester", "requested_by", "decided_by", "created_at", "decided_at"]
    list_filter = ["status", "by_requester"]
    list_select_related = ["call__operation", "requested_by__user", "decided_by__user"]

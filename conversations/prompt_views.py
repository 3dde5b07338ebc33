"""Pages of the prompt: its versions, a preview, the difference to the active one, activation, roll-back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from accounts.permissions import MemberRequired
from accounts.requests import MemberRequest
from conversations.flows import FlowError
from conversations.flows.activate_prompt import activate_prompt
from conversations.flows.save_prompt import save_prompt
from conversations.forms import PromptForm
from conversations.models import PromptActivation, PromptVersion
from conversations.prompting import active_version, preview, shipped_version
from nlops.core.prompts import FIXED_RULES, PLACES, TemplateRefused, check_template, difference

#: What the preview is made for where nobody wrote another request.
SAMPLE = "Get the details of user1 and create a new user with those"


class PromptRoom(MemberRequired):
    """For operators, reviewers and owners."""

    refusal = "This page needs the role operator or reviewer. Ask the owner of your tenant."

    def allows(self, member: Any) -> bool:
        return bool(member.is_operator or member.is_reviewer)


class PromptsView(PromptRoom):
    """The versions and a form for another one."""

    def get(self, request: MemberRequest) -> HttpResponse:
        start = active_version(request.tenant.pk)
        number = request.GET.get("from", "")
        if number.isdecimal() and len(number) < 9:
            start = get_object_or_404(PromptVersion, number=int(number))
        return self.page(request, PromptForm(initial={"text": start.text}))

    def post(self, request: MemberRequest) -> HttpResponse:
        form = PromptForm(request.POST)
        if not form.is_valid():
            return self.page(request, form, status=422)
        text, sample = form.cleaned_data["text"], form.cleaned_data["sample"]
        if "preview" in request.POST:
            return self.preview(request, form, text, sample or SAMPLE)
        try:
            version = save_prompt(request.member, text, form.cleaned_data["note"])
        except FlowError as error:
            form.add_error("text", str(error))
            return self.page(request, form, status=422)
        messages.success(request, f"This text is version {version.number}. It is used once it is activated.")
        return redirect("prompt", version.number)

    def preview(self, request: MemberRequest, form: PromptForm, text: str, sample: str) -> HttpResponse:
        """What a model would be told, without saving anything."""
        text = text.replace("\r\n", "\n").strip()
        try:
            check_template(text)
        except TemplateRefused as error:
            form.add_error("text", str(error))
            return self.page(request, form, status=422)
        rendered = preview(request.member, text, sample)
        changes = difference(active_version(request.tenant.pk).text, text)
        return self.page(request, form, rendered=rendered, changes=changes, sample=sample)

    def page(self, request: MemberRequest, form: PromptForm, status: int = 200, **context: Any) -> HttpResponse:
        shipped = shipped_version(request.tenant.pk)
        activations = PromptActivation.objects.select_related("version", "by__user")
        common = {
            "room": "prompts",
            "form": form,
            "versions": PromptVersion.objects.select_related("author__user"),
            "active": active_version(request.tenant.pk),
            "shipped": shipped,
            "activations": activations[:50],
            "follows": not activations or activations[0].version_id is None,
            "fixed": FIXED_RULES,
            "places": PLACES,
        }
        return render(request, "conversations/prompts.html", common | context, status=status)


class PromptView(PromptRoom):
    """One version: its text, what it changes, what a model would be told."""

    def get(self, request: MemberRequest, number: int) -> HttpResponse:
        version = get_object_or_404(PromptVersion.objects.select_related("author__user"), number=number)
        active = active_version(request.tenant.pk)
        sample = request.GET.get("request", "").strip()[:4000] or SAMPLE
        context = {
            "room": "prompts",
            "version": version,
            "active": active,
            "changes": difference(active.text, version.text),
            "sample": sample,
            "rendered": preview(request.member, version.text, sample),
            "characters": len(version.text),
            "now": timezone.now(),
        }
        return render(request, "conversations/prompt.html", context)


class PromptActivateView(PromptRoom):
    """Choose a version, or 0 for whatever nlops ships."""

    def post(self, request: MemberRequest, number: int) -> HttpResponse:
        version = get_object_or_404(PromptVersion, number=number) if number else None
        try:
            done = activate_prompt(request.member, version)
        except FlowError as error:
            messages.error(request, str(error))
        else:
            what = f"version {version.number}" if version else "the text that nlops ships, also after an update"
            verb = "roll back to" if done.is_roll_back else "use"
            messages.success(request, f"New requests {verb} {what}. Running ones keep theirs.")
        return redirect("prompts")

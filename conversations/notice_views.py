"""Who is told of approvals: webhooks of the tenant, e-mail to a member, and what became of each notice."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from accounts.mail import can_mail
from accounts.permissions import OperatorRequired
from accounts.requests import MemberRequest
from conversations.flows import FlowError
from conversations.flows.save_webhook import add_webhook, remove_webhook, test_webhook
from conversations.models import Notice, WebhookEndpoint

#: Notices that the page shows.
SHOWN = 50


class WebhookForm(forms.Form):
    """A new endpoint."""

    url = forms.CharField(
        label="Address", max_length=500, help_text="It gets a POST, such as https://hooks.acme.example/nlops"
    )
    note = forms.CharField(label="What for", required=False, max_length=200)


@method_decorator(never_cache, name="dispatch")
class NoticesView(OperatorRequired):
    """The endpoints, a form for another one, the member's own mails; a new secret is shown in the answer only."""

    def get(self, request: MemberRequest) -> HttpResponse:
        return self.page(request, WebhookForm(label_suffix=""))

    def post(self, request: MemberRequest) -> HttpResponse:
        form = WebhookForm(request.POST, label_suffix="")
        if not form.is_valid():
            return self.page(request, form, status=422)
        try:
            endpoint, made = add_webhook(request.member, **form.cleaned_data)
        except FlowError as error:
            form.add_error("url", str(error).removeprefix("Address: "))
            return self.page(request, form, status=422)
        return self.page(request, WebhookForm(label_suffix=""), made=made, endpoint=endpoint)

    def page(
        self,
        request: MemberRequest,
        form: WebhookForm,
        status: int = 200,
        made: str = "",
        endpoint: WebhookEndpoint | None = None,
    ) -> HttpResponse:
        context = {
            "room": "approvals",
            "endpoints": WebhookEndpoint.objects.select_related("created_by__user"),
            "notices": Notice.objects.select_related("endpoint", "member__user")[:SHOWN],
            "form": form,
            "secret": made,
            "made": endpoint,
            "can_mail": can_mail(),
        }
        return render(request, "conversations/notices.html", context, status=status)


class NoticesMailView(OperatorRequired):
    """Whether the member hears of approvals by e-mail."""

    def post(self, request: MemberRequest) -> HttpResponse:
        request.member.mails_approvals = request.POST.get("mails") == "on"
        request.member.save(update_fields=["mails_approvals"])
        messages.success(request, "You are told by e-mail." if request.member.mails_approvals else "No more e-mail.")
        return redirect("notices")


class WebhookView(OperatorRequired):
    """Test or remove one endpoint."""

    def post(self, request: MemberRequest, pk: UUID) -> HttpResponse:
        endpoint = get_object_or_404(WebhookEndpoint, pk=pk)
        if request.POST.get("act") == "remove":
            remove_webhook(request.member, endpoint)
            messages.success(request, f"Nothing is sent to {endpoint} any more.")
        else:
            test_webhook(request.member, endpoint)
            messages.success(request, "A test is on its way; reload to see what became of it.")
        return redirect("notices")

"""Arguments that may hold values from API answers without a question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect

from accounts.requests import MemberRequest
from nlops.core.types import Effect
from specs.flows import FlowError
from specs.flows.trust_argument import distrust_argument, draft_trust, trust_argument
from specs.models import Operation, TrustedArgument
from specs.replaying import Change, replay
from specs.views import ProductRoom


class TrustForm(forms.Form):
    """Which argument of which operation."""

    operation_key = forms.CharField(label="Operation", max_length=2020, help_text="That writes, such as POST /users.")
    argument = forms.CharField(label="Argument", max_length=200, help_text="Its name.")
    note = forms.CharField(label="Why", required=False, max_length=300)
    typed = forms.CharField(
        label="To be sure",
        required=False,
        max_length=64,
        help_text="Only for an operation that destroys something: its tool's name.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}),
    )

    def __init__(self, posted: Mapping[str, str] | None = None) -> None:
        super().__init__(posted, label_suffix="")
        self.fields["operation_key"].widget.attrs["list"] = "operations"


class TrustView(ProductRoom):
    """The list, and a form for another one."""

    tab = "rules"

    def get(self, request: MemberRequest, slug: str) -> HttpResponse:
        return self._page(TrustForm())

    def post(self, request: MemberRequest, slug: str) -> HttpResponse:
        """`act=preview` saves nothing and tells what it would have done."""
        form = TrustForm(request.POST)
        if form.is_valid():
            try:
                if request.POST.get("act") == "preview":
                    draft = draft_trust(self.product, request.member, **form.cleaned_data)
                    return self._page(form, replay=replay(self.product, Change(trusted=(draft,))), told=str(draft))
                trusted = trust_argument(self.product, request.member, **form.cleaned_data)
            except FlowError as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, f"From now on: {trusted} may hold values from answers.")
                return redirect("product_trust", slug)
        return self._page(form, status=422)

    def _page(self, form: TrustForm, status: int = 200, **context: Any) -> HttpResponse:
        version = self.newest()
        writing = Operation.objects.filter(version=version).exclude(effect=Effect.READ) if version else ()
        return self.page(
            "specs/trust.html",
            status,
            form=form,
            trusted=TrustedArgument.objects.filter(product=self.product).select_related("created_by__user"),
            operations=writing,
            **context,
        )


class TrustDeleteView(ProductRoom):
    """Takes one back."""

    def post(self, request: MemberRequest, slug: str, pk: UUID) -> HttpResponse:
        distrust_argument(get_object_or_404(TrustedArgument, pk=pk, product=self.product), request.member)
        messages.success(request, "Values from answers ask for a yes there again.")
        return redirect("product_trust", slug)

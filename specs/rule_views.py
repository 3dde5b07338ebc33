"""The rules of a product: what makes its whitelist stricter."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect

from accounts.models import MemberRole
from accounts.requests import MemberRequest
from nlops.core.rules import Condition
from nlops.core.types import Decision, Effect
from specs.flows import FlowError
from specs.flows.save_rule import delete_rule, save_rule
from specs.models import Operation, PolicyRule, Product, Service
from specs.views import ProductRoom


class RuleForm(forms.Form):
    """Whom and what a rule is about, when it applies, what then."""

    role = forms.ChoiceField(label="Who asks", choices=[("", "Everybody"), *MemberRole.choices], required=False)
    effect = forms.ChoiceField(
        label="Effect",
        choices=[("", "Any effect"), *((one.value, one.value.capitalize()) for one in Effect)],
        required=False,
    )
    service = forms.ChoiceField(label="Service", required=False)
    operation_key = forms.CharField(
        label="Operation", required=False, help_text="As DELETE /users/{id}. Empty: every one."
    )
    argument = forms.CharField(label="Argument", required=False, help_text="Its name. Empty: whatever the values.")
    condition = forms.ChoiceField(
        label="Condition",
        required=False,
        choices=[
            ("", "–"),
            (Condition.IS, "is one of"),
            (Condition.IS_NOT, "is none of"),
            (Condition.ABOVE, "is above"),
            (Condition.BELOW, "is below"),
            (Condition.MATCHES, "matches the pattern"),
            (Condition.MATCHES_NOT, "does not match the pattern"),
            (Condition.NOT_OWN, "is not the requester's own name or e-mail address"),
        ],
    )
    value = forms.CharField(label="Value", required=False, help_text="Several with commas between them.")
    decision = forms.ChoiceField(
        label="Then",
        choices=[
            (Decision.CONFIRM, "The requester confirms"),
            (Decision.APPROVE, "Another person approves"),
            (Decision.DENY, "It is denied"),
        ],
    )
    note = forms.CharField(
        label="Why", required=False, max_length=300, help_text="The requester and approvers read it."
    )

    def __init__(self, product: Product, posted: QueryDict | None = None) -> None:
        super().__init__(posted, label_suffix="")
        services = Service.objects.filter(version__product=product).order_by("slug").values_list("slug", "name")
        self.fields["service"].choices = [("", "Any service"), *dict(services).items()]  # type: ignore[attr-defined]
        self.fields["operation_key"].widget.attrs["list"] = "operations"


class RulesView(ProductRoom):
    """The rules, and a form for one more."""

    tab = "rules"

    def get(self, request: MemberRequest, slug: str) -> HttpResponse:
        return self._page(RuleForm(self.product))

    def post(self, request: MemberRequest, slug: str) -> HttpResponse:
        form = RuleForm(self.product, request.POST)
        if form.is_valid():
            try:
                rule = save_rule(self.product, request.member, **form.cleaned_data)
            except FlowError as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, f"From now on: {rule}.")
                return redirect("product_rules", slug)
        return self._page(form, status=422)

    def _page(self, form: RuleForm, status: int = 200) -> HttpResponse:
        version = self.newest()
        operations = Operation.objects.filter(version=version).only("method", "path") if version else ()
        return self.page(
            "specs/rules.html",
            status,
            form=form,
            rules=PolicyRule.objects.filter(product=self.product).select_related("created_by__user"),
            operations=operations,
        )


class RuleDeleteView(ProductRoom):
    """Takes a rule back."""

    def post(self, request: MemberRequest, slug: str, pk: UUID) -> HttpResponse:
        delete_rule(get_object_or_404(PolicyRule, pk=pk, product=self.product), request.member)
        messages.success(request, "The rule is taken back.")
        return redirect("product_rules", slug)

"""The rules of a product: what makes its whitelist stricter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect

from accounts.models import MemberRole
from accounts.requests import MemberRequest
from nlops.core.rules import Condition
from nlops.core.types import Decision, Effect
from specs.access import idle_rules
from specs.flows import FlowError
from specs.flows.save_rule import FIELDS, delete_rule, draft_rule, save_rule
from specs.models import Operation, PolicyRule, Product
from specs.replaying import Change, replay
from specs.services import all_services
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
    argument = forms.CharField(
        label="Argument",
        required=False,
        help_text="Its name, or the way into an object: address/city. Empty: whatever the values. "
        "With “comes from an answer”: * is any argument.",
    )
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
            (Condition.RETURNED, "comes from an answer of an API"),
            (Condition.NOT_OWN, "is not the requester's own name or e-mail address"),
        ],
    )
    value = forms.CharField(
        label="Value",
        required=False,
        help_text="Several with commas between them. Patterns are of RE2, such as [a-z0-9.]+@acme\\.example.",
    )
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

    def __init__(self, product: Product, posted: Mapping[str, str] | None = None) -> None:
        super().__init__(posted, label_suffix="")
        self.fields["service"].choices = [("", "Any service"), *all_services(product).items()]  # type: ignore[attr-defined]
        self.fields["operation_key"].widget.attrs["list"] = "operations"


class RulesView(ProductRoom):
    """The rules, and a form for one more."""

    tab = "rules"

    def get(self, request: MemberRequest, slug: str) -> HttpResponse:
        return self._page(RuleForm(self.product))

    def post(self, request: MemberRequest, slug: str) -> HttpResponse:
        """`act=preview` saves nothing and tells what the rule would have done."""
        form = RuleForm(self.product, request.POST)
        if form.is_valid():
            try:
                if request.POST.get("act") == "preview":
                    draft = draft_rule(self.product, request.member, **form.cleaned_data)
                    return self._page(form, replay=replay(self.product, Change(added=(draft,))), told=str(draft))
                rule = save_rule(self.product, request.member, **form.cleaned_data)
            except FlowError as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, f"From now on: {rule}.")
                return redirect("product_rules", slug)
        return self._page(form, status=422)

    def _page(self, form: RuleForm, status: int = 200, **context: Any) -> HttpResponse:
        rules = list(PolicyRule.objects.filter(product=self.product).select_related("created_by__user"))
        version = self.newest()
        return self.page(
            "specs/rules.html",
            status,
            form=form,
            rules=rules,
            version=version,
            idle=idle_rules(self.product, version, rules) if version and rules else (),
            operations=self.operations(),
            **context,
        )

    def operations(self) -> Iterable[Operation]:
        """What a rule can be about."""
        version = self.newest()
        return Operation.objects.filter(version=version).only("method", "path") if version else ()


class RuleView(RulesView):
    """One rule: change it, take it back, and see before what that would have done."""

    def get(self, request: MemberRequest, slug: str, pk: UUID) -> HttpResponse:  # type: ignore[override]
        rule = self._rule(pk)
        return self._rule_page(rule, RuleForm(self.product, {name: getattr(rule, name) for name in FIELDS}))

    def post(self, request: MemberRequest, slug: str, pk: UUID) -> HttpResponse:  # type: ignore[override]
        """`act`: preview, preview_delete, or nothing to save."""
        rule, act = self._rule(pk), request.POST.get("act", "")
        form = RuleForm(self.product, request.POST)
        if act == "preview_delete":
            found = replay(self.product, Change(removed=frozenset([rule.pk])))
            return self._rule_page(rule, form, replay=found, told="the rule taken back")
        if form.is_valid():
            try:
                if act == "preview":
                    draft = draft_rule(self.product, request.member, rule, **form.cleaned_data)
                    change = Change(added=(draft,), removed=frozenset([rule.pk]))
                    return self._rule_page(rule, form, replay=replay(self.product, change), told=str(draft))
                saved = save_rule(self.product, request.member, rule, **form.cleaned_data)
            except FlowError as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, f"From now on: {saved}.")
                return redirect("product_rules", slug)
        return self._rule_page(rule, form, status=422)

    def _rule(self, pk: UUID) -> PolicyRule:
        return get_object_or_404(PolicyRule, pk=pk, product=self.product)

    def _rule_page(self, rule: PolicyRule, form: RuleForm, status: int = 200, **context: Any) -> HttpResponse:
        return self.page("specs/rule.html", status, rule=rule, form=form, operations=self.operations(), **context)


class RuleDeleteView(ProductRoom):
    """Takes a rule back."""

    def post(self, request: MemberRequest, slug: str, pk: UUID) -> HttpResponse:
        delete_rule(get_object_or_404(PolicyRule, pk=pk, product=self.product), request.member)
        messages.success(request, "The rule is taken back.")
        return redirect("product_rules", slug)

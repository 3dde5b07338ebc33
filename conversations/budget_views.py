"""The model budget of a day: its page and its REST API."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import TokenScope
from accounts.permissions import IsOwner, OwnerRequired
from accounts.requests import MemberRequest
from conversations.api import FlowView
from conversations.budget import standing
from conversations.flows.set_budget import LARGEST, LIMITS, BudgetRefused, set_budget
from conversations.models import Budget, Measure


def _amount(label: str) -> forms.DecimalField:
    return forms.DecimalField(required=False, min_value=0, decimal_places=6, max_digits=18, label=label)


class BudgetForm(forms.Form):
    """Limits as people write them: tokens, or an amount in the currency unit."""

    measure = forms.ChoiceField(
        choices=Measure.choices, label="Counted in", widget=forms.RadioSelect(attrs={"class": "choice"})
    )
    soft = _amount("Warn when all members together used")
    hard = _amount("Begin nothing new when all members together used")
    member_soft = _amount("Warn a member who used")
    member_hard = _amount("Begin nothing new for a member who used")

    @classmethod
    def of(cls, budget: Budget | None) -> BudgetForm:
        """The form as the budget is now."""
        if budget is None:
            return cls(initial={"measure": Measure.TOKENS}, label_suffix="")
        limits = {name: getattr(budget, name) for name in LIMITS}
        if budget.measure == Measure.COST:
            limits = {name: None if value is None else value / 1_000_000 for name, value in limits.items()}
        return cls(initial={"measure": budget.measure, **limits}, label_suffix="")

    def limits(self) -> dict[str, int | None]:
        """In tokens or in millionths of the currency unit."""
        scale = 1_000_000 if self.cleaned_data["measure"] == Measure.COST else 1
        given = {name: self.cleaned_data[name] for name in LIMITS}
        return {name: None if value is None else int(value * scale) for name, value in given.items()}


class BudgetView(OwnerRequired):
    """What models may be used for on one day."""

    def get(self, request: MemberRequest) -> HttpResponse:
        return self.page(request, BudgetForm.of(Budget.objects.first()))

    def post(self, request: MemberRequest) -> HttpResponse:
        form = BudgetForm(request.POST, label_suffix="")
        if not form.is_valid():
            return self.page(request, form, status=422)
        try:
            budget = set_budget(request.member, form.cleaned_data["measure"], form.limits())
        except BudgetRefused as error:
            form.add_error(None, str(error))
            return self.page(request, form, status=422)
        messages.success(request, "In force from the next request on." if budget else "There is no budget any more.")
        return redirect("budget")

    def page(self, request: MemberRequest, form: BudgetForm, status: int = 200) -> HttpResponse:
        now = standing(request.member)
        context = {"room": "usage", "form": form, "used": now.amount(now.used) if now else ""}
        return render(request, "conversations/budget.html", context, status=status)


def _limit() -> serializers.IntegerField:
    return serializers.IntegerField(
        allow_null=True,
        required=False,
        min_value=0,
        max_value=LARGEST,
        help_text="tokens, or millionths of the currency unit",
    )


class BudgetSerializer(serializers.Serializer[Any]):
    measure = serializers.ChoiceField(choices=Measure.choices)
    soft = _limit()
    hard = _limit()
    member_soft = _limit()
    member_hard = _limit()


class BudgetApiView(FlowView):
    """The model budget of a day (UTC)."""

    scope = TokenScope.OPERATE
    permission_classes = [IsOwner]

    @extend_schema(responses=BudgetSerializer)
    def get(self, request: Request) -> Response:
        budget = Budget.objects.first() or Budget()
        return Response(BudgetSerializer(budget).data)

    @extend_schema(request=BudgetSerializer, responses=BudgetSerializer)
    def put(self, request: Request) -> Response:
        """Set all of it; a limit that is left out is none."""
        data = self.input(BudgetSerializer, request)
        budget = set_budget(request.member, data.pop("measure"), data)  # type: ignore[attr-defined]
        return Response(BudgetSerializer(budget or Budget()).data)

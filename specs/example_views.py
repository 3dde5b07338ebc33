"""Pages of a product's examples: requests with the calls that serve them, shown to models."""

from __future__ import annotations

import json
from uuid import UUID

from django.contrib import messages
from django.forms.fields import InvalidJSONInput
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect

from accounts.requests import MemberRequest
from specs.examples import example_rows
from specs.flows import FlowError
from specs.flows.save_example import save_example
from specs.forms import ExampleForm
from specs.models import Example
from specs.views import ProductRoom


class ExamplesView(ProductRoom):
    """All examples of the product, and a form for another one."""

    tab = "examples"

    def get(self, request: MemberRequest, slug: str) -> HttpResponse:
        return self.examples(ExampleForm())

    def post(self, request: MemberRequest, slug: str) -> HttpResponse:
        form = ExampleForm(request.POST)
        if not form.is_valid():
            return self.examples(form, status=422)
        try:
            save_example(self.product, **form.cleaned_data, member=request.member)
        except FlowError as error:
            form.add_error(None, str(error))
            return self.examples(form, status=422)
        messages.success(request, "Saved. Requests that are like it show it to the model from now on.")
        return redirect("product_examples", slug)

    def examples(self, form: ExampleForm, status: int = 200) -> HttpResponse:
        return self.page("specs/examples.html", status, form=form, rows=example_rows(self.product))


class ExampleView(ProductRoom):
    """Change or delete one example."""

    tab = "examples"

    def get(self, request: MemberRequest, slug: str, pk: UUID) -> HttpResponse:
        example = self.example(pk)
        fields = {name: getattr(example, name) for name in ("request", "language", "note", "enabled")}
        steps = json.dumps(example.steps, ensure_ascii=False, indent=1)
        # A text that the field shows as it is, in several lines.
        return self.form(example, ExampleForm(initial=fields | {"steps": InvalidJSONInput(steps)}))

    def post(self, request: MemberRequest, slug: str, pk: UUID) -> HttpResponse:
        example = self.example(pk)
        if "delete" in request.POST:
            example.delete()
            messages.success(request, "The example is gone.")
            return redirect("product_examples", slug)
        form = ExampleForm(request.POST)
        if not form.is_valid():
            return self.form(example, form, status=422)
        try:
            save_example(self.product, **form.cleaned_data, member=request.member, example=example)
        except FlowError as error:
            form.add_error(None, str(error))
            return self.form(example, form, status=422)
        messages.success(request, "Saved.")
        return redirect("product_examples", slug)

    def example(self, pk: UUID) -> Example:
        """The product's example, 404 for any other."""
        return get_object_or_404(Example, product=self.product, pk=pk)

    def form(self, example: Example, form: ExampleForm, status: int = 200) -> HttpResponse:
        return self.page("specs/example.html", status, example=example, form=form)

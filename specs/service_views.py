"""Pages of the services: how they are called, what stands in which, what is offered, what people call it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect

from accounts.requests import MemberRequest
from specs import whitelist
from specs.flows import FlowError
from specs.flows.edit_services import (
    MAX_DESCRIPTION,
    MAX_NAME,
    MAX_SYNONYMS,
    clean_synonyms,
    edit_operations,
    edit_service,
)
from specs.models import Operation, Product, SpecVersion
from specs.services import Edits, Place, edits_to, services_of
from specs.views import ProductRoom


class ServiceForm(forms.Form):
    """What is said of a service; empty is as described."""

    name = forms.CharField(label="Name", required=False, max_length=MAX_NAME)
    description = forms.CharField(label="What it is for", required=False, max_length=MAX_DESCRIPTION)
    synonyms = forms.CharField(
        label="What people also call it",
        required=False,
        max_length=MAX_SYNONYMS,
        help_text="Words with commas between them; each operation in it is found by them, too.",
    )
    hidden = forms.BooleanField(label="Hidden: none of its operations is offered to anybody", required=False)

    def __init__(self, edits: Edits, described: Place, posted: QueryDict | None = None) -> None:
        edit = edits.services.get(described.slug)
        names = ("name", "description", "synonyms", "hidden")
        super().__init__(posted, initial={name: getattr(edit, name) for name in names} if edit else {}, label_suffix="")
        self.fields["name"].widget.attrs["placeholder"] = described.name
        self.fields["description"].widget.attrs["placeholder"] = described.description[:200]


class ServicesView(ProductRoom):
    """All services of the version in use."""

    tab = "services"

    def get(self, request: MemberRequest, slug: str) -> HttpResponse:
        version = self.newest()
        words = request.GET.get("q", "").strip()
        rows = whitelist.service_rows(self.product, version, whitelist.Wanted(words)) if version else []
        return self.page("specs/services.html", version=version, services=rows, words=words)


class ServiceView(ProductRoom):
    """One service: what is said of it, and its operations, which can be moved, hidden and given synonyms."""

    tab = "services"

    def get(self, request: MemberRequest, slug: str, service: str) -> HttpResponse:
        return self._page(service)

    def post(self, request: MemberRequest, slug: str, service: str) -> HttpResponse:
        form = ServiceForm(edits_to(self.product), self._described(service), request.POST)
        if not form.is_valid():
            return self._page(service, form, 422)
        try:
            edit_service(self.product, service, request.member, **form.cleaned_data)
        except FlowError as error:
            form.add_error(None, str(error))
            return self._page(service, form, 422)
        messages.success(request, "Saved. It holds for this version and for those to come.")
        return redirect("product_service", slug, service)

    def _page(self, slug: str, form: ServiceForm | None = None, status: int = 200) -> HttpResponse:
        version, edits = self.newest(), edits_to(self.product)
        places = services_of(self.product, version)
        here = next((place for place in places if place.slug == slug), None)
        if here is None:
            raise Http404
        return self.page(
            "specs/service.html",
            status,
            form=form or ServiceForm(edits, self._described(slug)),
            service=here,
            places=[place for place in places if place.slug != slug],
            rows=_rows(self.product, version, slug, edits) if version else [],
        )

    def _described(self, slug: str) -> Place:
        """The service without what operators said."""
        version = self.newest()
        row = version.services.filter(slug=slug).first() if version else None
        return Place(slug, row.name if row else slug, row.description if row else "")


class ServiceOperationsView(ProductRoom):
    """Acts on operations of a service: those that are ticked, or the synonyms of each."""

    def post(self, request: MemberRequest, slug: str, service: str) -> HttpResponse:
        version = self.newest()
        operations = whitelist.operations_in(self.product, version, service) if version else []
        try:
            said = _act(self.product, operations, request)
        except FlowError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, said)
        return redirect("product_service", slug, service)


def _act(product: Product, operations: list[Operation], request: MemberRequest) -> str:
    """Do what the form asks for; what was done. Raises FlowError."""
    act = request.POST.get("act", "")
    if act == "synonyms":
        return _save_synonyms(product, operations, request)
    ticked = set(request.POST.getlist("operation"))
    keys = [operation.key for operation in operations if str(operation.pk) in ticked]
    if not keys:
        raise FlowError("Tick the operations first.")
    if act == "move":
        to, new = request.POST.get("service", ""), request.POST.get("new_service", "")
        edit_operations(product, keys, request.member, service=to, new_service=new)
        return (
            f"{_many(keys)} moved." if to or new.strip() else f"{_many(keys)} put back where the description has them."
        )
    if act not in ("hide", "show"):
        raise Http404
    edit_operations(product, keys, request.member, hidden=act == "hide")
    return f"{_many(keys)} {'hidden' if act == 'hide' else 'shown'}."


def _save_synonyms(product: Product, operations: list[Operation], request: MemberRequest) -> str:
    edits = edits_to(product)
    changed = 0
    for operation in operations:
        edit = edits.operations.get(operation.key)
        words = request.POST.get(f"synonyms-{operation.pk}")
        if words is not None and clean_synonyms(words) != (edit.synonyms if edit else ""):
            changed += edit_operations(product, [operation.key], request.member, synonyms=words)
    return f"Words saved for {changed} operation{'' if changed == 1 else 's'}."


def _many(keys: list[str]) -> str:
    return f"{len(keys)} operation{'' if len(keys) == 1 else 's'}"


def _rows(product: Product, version: SpecVersion, slug: str, edits: Edits) -> list[dict[str, Any]]:
    """The operations that stand in the service with what is said of each."""
    return [
        {
            "operation": operation,
            "hidden": bool(edit and edit.hidden),
            "synonyms": edit.synonyms if edit else "",
            "moved_from": operation.service.name if edit and edit.service else "",
        }
        for operation in whitelist.operations_in(product, version, slug)
        for edit in [edits.operations.get(operation.key)]
    ]

"""Pages of an operator: products, their versions, their connection, their whitelist."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render

from accounts.context import tenant_context
from accounts.permissions import OperatorRequired
from accounts.requests import MemberRequest
from nlops.core.types import Decision
from specs import whitelist
from specs.flows import FlowError
from specs.flows.activate_version import activate_version
from specs.flows.call_product import test_connection
from specs.flows.save_connection import save_connection
from specs.flows.set_policy import set_policies
from specs.flows.upload_version import upload_files
from specs.forms import ConnectionForm, ProductForm, UploadForm, guess_connection
from specs.models import Connection, Product, Service, SpecVersion, VersionStatus

_HEAVY = ("source", "definitions")


class ProductsView(OperatorRequired):
    """The tenant's products, and a form for another one."""

    def get(self, request: MemberRequest) -> HttpResponse:
        return self.page(request, ProductForm())

    def post(self, request: MemberRequest) -> HttpResponse:
        form = ProductForm(request.POST)
        form.instance.tenant = request.tenant
        if not form.is_valid():
            return self.page(request, form, status=422)
        product = form.save()
        messages.success(request, f"{product} is there. Upload its API description next.")
        return redirect("product", product.slug)

    def page(self, request: MemberRequest, form: ProductForm, status: int = 200) -> HttpResponse:
        products = Product.objects.select_related("connection")
        listed = [(product, product.versions.defer(*_HEAVY, "problems").first()) for product in products]
        context = {"room": "products", "products": listed, "form": form}
        return render(request, "specs/products.html", context, status=status)


class ProductRoom(OperatorRequired):
    """Base of the pages of one product; sets `self.product`."""

    tab = ""

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.slug = kwargs["slug"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        # Without a member there is no tenant in context, and so no product: that must be a refusal, not a 404.
        member = getattr(request, "member", None)
        if member is not None and member.is_operator:
            self.product = get_object_or_404(Product, slug=self.slug)
        return super().dispatch(request, *args, **kwargs)

    def newest(self) -> SpecVersion | None:
        """The active version, else the newest that is ready, without its heavy columns."""
        versions = self.product.versions.defer(*_HEAVY)
        return (
            versions.filter(status=VersionStatus.ACTIVE).first() or versions.filter(status=VersionStatus.READY).first()
        )

    def page(self, template: str, status: int = 200, **context: Any) -> HttpResponse:
        """The template with the product and its tabs."""
        common = {"room": "products", "product": self.product, "tab": self.tab}
        return render(self.request, template, common | context, status=status)


class ProductView(ProductRoom):
    """Versions: upload, progress, problems, activate, roll back."""

    tab = "versions"

    def get(self, request: MemberRequest, slug: str) -> HttpResponse:
        return self.versions(UploadForm())

    def post(self, request: MemberRequest, slug: str) -> HttpResponse:
        form = UploadForm(request.POST, request.FILES)
        if not form.is_valid():
            return self.versions(form, status=422)
        files = [(file.name or "", file.read()) for file in form.cleaned_data["file"]]
        try:
            version = upload_files(self.product, files, request.member)
        except FlowError as error:
            form.add_error("file", str(error))
            return self.versions(form, status=422)
        if version.status != VersionStatus.DRAFT:
            messages.info(request, f"This very file is version {version.number} already.")
        return redirect("product", slug)

    def versions(self, form: UploadForm, status: int = 200) -> HttpResponse:
        versions = self.product.versions.defer(*_HEAVY).select_related("uploaded_by__user")
        return self.page("specs/product.html", status, form=form, versions=versions)


class VersionView(ProductRoom):
    """One version's card, asked for again and again while it is being learnt."""

    def get(self, request: MemberRequest, slug: str, number: int) -> HttpResponse:
        version = get_object_or_404(self.product.versions.defer(*_HEAVY), number=number)
        return self.page("specs/product.html#version", version=version)


class ActivateView(ProductRoom):
    """Make a ready or retired version the active one."""

    def post(self, request: MemberRequest, slug: str, number: int) -> HttpResponse:
        version = get_object_or_404(self.product.versions, number=number)
        try:
            activate_version(version, request.member)
        except FlowError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, f"Version {number} is active now. Running requests stay on theirs.")
        return redirect("product", slug)


class ConnectionView(ProductRoom):
    """Base URL, authentication, secret."""

    tab = "connection"

    def get(self, request: MemberRequest, slug: str) -> HttpResponse:
        return self.connection(ConnectionForm(instance=self.stored(), initial=self.guess()))

    def post(self, request: MemberRequest, slug: str) -> HttpResponse:
        form = ConnectionForm(request.POST, instance=self.stored() or Connection(product=self.product))
        if not form.is_valid():
            return self.connection(form, status=422)
        try:
            # Without a new secret the stored one is kept.
            save_connection(self.product, **{k: v for k, v in form.cleaned_data.items() if k != "secret" or v})
        except FlowError as error:
            form.add_flow_error(str(error))
            return self.connection(form, status=422)
        messages.success(request, "Saved. Test it now.")
        return redirect("product_connection", slug)

    def connection(self, form: ConnectionForm, status: int = 200) -> HttpResponse:
        return self.page("specs/connection.html", status, form=form, connection=self.stored())

    def stored(self) -> Connection | None:
        return Connection.objects.filter(product=self.product).first()

    def guess(self) -> dict[str, Any]:
        """What the newest description says about reaching the product."""
        version = self.newest()
        return {} if version is None or self.stored() is not None else guess_connection(version)


class ConnectionTestView(OperatorRequired):
    """Try the connection and say what came of it. The product may take its time: no transaction is open meanwhile."""

    outside_transaction = True

    def post(self, request: MemberRequest, slug: str) -> HttpResponse:
        with tenant_context(request.tenant.pk):
            found = Connection.objects.select_related("product").filter(product__slug=slug)
            connection = get_object_or_404(found)
        test_connection(connection)
        if not request.htmx:
            return redirect("product_connection", slug)
        with tenant_context(request.tenant.pk):
            context = {"room": "products", "product": connection.product, "connection": connection}
            return render(request, "specs/connection.html#check", context)


class WhitelistView(ProductRoom):
    """What may be used, by service."""

    tab = "whitelist"

    def get(self, request: MemberRequest, slug: str) -> HttpResponse:
        words, opened = request.GET.get("q", "").strip(), request.GET.get("service", "")
        version = self.newest()
        if version is None:
            return self.page("specs/whitelist.html", version=None)
        context: dict[str, Any] = {
            "version": version,
            "words": words,
            "services": whitelist.service_rows(self.product, version, words, opened),
            "totals": whitelist.totals(self.product, version),
            "decisions": list(Decision),
        }
        is_filter = request.htmx and request.htmx.target == "services"
        return self.page(f"specs/whitelist.html{'#services' if is_filter else ''}", **context)

    def post(self, request: MemberRequest, slug: str) -> HttpResponse:
        """`decision-ID=…` for one operation or for many."""
        version = self.newest()
        wanted = {key: str(value) for key, value in request.POST.items() if key.startswith("decision-")}
        operations = [o for o in whitelist.operations_of(version) if f"decision-{o.pk}" in wanted] if version else []
        chosen = {o.key: _listed(wanted[f"decision-{o.pk}"]) for o in operations}
        # Raises FlowError only for operations that the product has not: these were just read from it.
        set_policies(self.product, chosen, request.member)
        if not request.htmx:
            messages.success(request, "Saved.")
            return redirect("product_whitelist", slug)
        touched = {operation.service_id for operation in operations}
        rows = whitelist.service_rows(self.product, version) if version else []
        return self.page(
            "specs/whitelist.html#saved",
            changed=[row for row in rows if row.service.pk in touched],
            totals=whitelist.totals(self.product, version) if version else {},
        )


class WhitelistServiceView(ProductRoom):
    """The rows of one service, loaded when it is opened."""

    def get(self, request: MemberRequest, slug: str, service: UUID) -> HttpResponse:
        found = get_object_or_404(Service.objects.select_related("version"), pk=service, version__product=self.product)
        operations = whitelist.operations_of(found.version, request.GET.get("q", "")).filter(service=found)
        rows = whitelist.operation_rows(self.product, operations)
        return self.page("specs/whitelist.html#operations", rows=rows, decisions=list(Decision))


class WhitelistAllView(ProductRoom):
    """Everything at once: the defaults by effect, or nothing."""

    def post(self, request: MemberRequest, slug: str) -> HttpResponse:
        version = self.newest()
        operations = list(whitelist.operations_of(version)) if version else []
        usual = whitelist.usual_policies(operations)
        if request.POST.get("set") == "nothing":
            usual = dict.fromkeys(usual)
        set_policies(self.product, usual, request.member)
        messages.success(request, f"Set for {len(usual):,} operations.")
        return redirect("product_whitelist", slug)


def _listed(value: str) -> Decision | None:
    """The decision of the form, None for "not listed". Raises Http404 for a value that no page offers."""
    if value == Decision.DENY:
        return None
    if value not in list(Decision):
        raise Http404
    return Decision(value)

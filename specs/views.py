"""Pages of an operator: products, their versions, their connection, their whitelist."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.crypto import constant_time_compare

from accounts.context import tenant_context
from accounts.permissions import MemberRequired, OperatorRequired
from accounts.requests import MemberRequest
from nlops.core.types import Decision, Effect
from specs import whitelist
from specs.flows import FlowError
from specs.flows.activate_version import activate_version
from specs.flows.authorize import Pending, begin_sign_in, finish_sign_in
from specs.flows.call_product import ProductUnreachable, test_connection
from specs.flows.connect_account import account_for_sign_in
from specs.flows.save_connection import save_connection
from specs.flows.set_policy import lock_policies, set_policies
from specs.flows.upload_version import upload_files
from specs.forms import ConnectionForm, ProductForm, UploadForm, guess_connection, servers_of
from specs.ingest.diff import Kind
from specs.models import LEARNT, Connection, MemberCredential, Product, SpecVersion, VersionStatus
from specs.own_views import PENDING, back, to
from specs.querysets import connection_to
from specs.replaying import Change, replay
from specs.services import edits_to
from specs.versions import compared_with, diff_of, impact_of

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
        return whitelist.newest_version(self.product)

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
            activate_version(version, request.member, carry_renames="keep_apart" not in request.POST)
        except FlowError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, f"Version {number} is active now. Running requests stay on theirs.")
        return redirect("product", slug)


class DiffView(ProductRoom):
    """What differs between a version and another one, the active one unless `against` says which."""

    tab = "versions"

    def get(self, request: MemberRequest, slug: str, number: int) -> HttpResponse:
        rows = self.product.versions.defer(*_HEAVY).filter(status__in=LEARNT)
        version = get_object_or_404(rows, number=number)
        other = compared_with(rows, request.GET.get("against", ""))
        if other is None:
            raise Http404("There is no such version to compare with.")
        diff = diff_of(other, version)
        wanted = request.GET.get("kind", "")
        found = [one for one in diff.operations if wanted in ("", one.kind) or (wanted == "breaking" and one.breaking)]
        return self.page(
            "specs/diff.html",
            version=version,
            other=other,
            others=[row for row in rows if row.pk != version.pk],
            diff=diff,
            kind=wanted,
            counts=[(kind, len(diff.of(kind))) for kind in Kind],
            impact=impact_of(other, diff),
            operations=Paginator(found, 50).get_page(request.GET.get("page")),
        )


class ConnectionView(ProductRoom):
    """How to reach the product."""

    tab = "connection"

    def get(self, request: MemberRequest, slug: str) -> HttpResponse:
        return self.connection(self.form())

    def post(self, request: MemberRequest, slug: str) -> HttpResponse:
        form = self.form(request.POST)
        if not form.is_valid():
            return self.connection(form, status=422)
        try:
            save_connection(self.product, **form.chosen())
        except FlowError as error:
            form.add_flow_error(str(error))
            return self.connection(form, status=422)
        messages.success(request, "The connection is saved. Test it.")
        return redirect("product_connection", slug)

    def form(self, data: Any = None) -> ConnectionForm:
        """The form, with what the newest description says about reaching the product."""
        stored, version = self.stored(), self.newest()
        return ConnectionForm(
            data,
            instance=stored or Connection(product=self.product),
            initial=guess_connection(version) if version and not stored else {},
            servers=servers_of(version) if version else [],
        )

    def connection(self, form: ConnectionForm, status: int = 200) -> HttpResponse:
        callback = self.request.build_absolute_uri(reverse("signed_in"))
        stored = self.stored()
        connected = MemberCredential.objects.filter(connection=stored, works=True).count() if stored else 0
        context = {"form": form, "connection": stored, "callback": callback, "connected": connected}
        return self.page("specs/connection.html", status, **context)

    def stored(self) -> Connection | None:
        return Connection.objects.filter(product=self.product).first()


class ConnectionTestView(OperatorRequired):
    """Try the connection and say what came of it. The product may take its time: no transaction is open meanwhile."""

    outside_transaction = True

    def post(self, request: MemberRequest, slug: str) -> HttpResponse:
        connection = _connection_of(request, slug)
        with tenant_context(request.tenant.pk):
            # Where each member brings their own account, the operator tries it with theirs.
            own = connection_to(connection.product_id, request.member.pk)
        test_connection(connection if own is None else own)
        if not request.htmx:
            return redirect("product_connection", slug)
        with tenant_context(request.tenant.pk):
            context = {"room": "products", "product": connection.product, "connection": _connection_of(request, slug)}
            return render(request, "specs/connection.html#check", context)


class SignInView(OperatorRequired):
    """Send the operator to where they sign in for the connection. No transaction is open while the provider answers."""

    outside_transaction = True

    def post(self, request: MemberRequest, slug: str) -> HttpResponse:
        connection = _connection_of(request, slug)
        if connection.personal:
            return redirect("my_connection", slug)
        try:
            pending = begin_sign_in(connection, request.build_absolute_uri(reverse("signed_in")))
        except (FlowError, ProductUnreachable) as error:
            messages.error(request, str(error))
            return to(request, reverse("product_connection", args=[slug]))
        request.session[PENDING] = {"slug": slug, **asdict(pending)}
        return to(request, pending.url)


class SignedInView(MemberRequired):
    """A person comes back from the provider with a code: an operator for a connection, or a member for their own."""

    outside_transaction = True

    def get(self, request: MemberRequest) -> HttpResponse:
        kept = request.session.pop(PENDING, None)
        own = bool(kept and kept.pop("own", False))
        if not own and not request.member.is_operator:
            raise PermissionDenied(OperatorRequired.refusal)
        told, start = request.GET.get("state", ""), "my_connection" if own else "product_connection"
        if kept is None or not constant_time_compare(kept["state"], told):
            messages.error(request, "This sign-in did not begin here, or it was finished already. Press “Connect”.")
            return redirect(start, kept["slug"]) if kept else redirect("products")
        slug, text = kept.pop("slug"), kept.pop("text", "")
        connection = _connection_of(request, slug)
        if connection.personal is not own:
            messages.error(request, "The connection was changed in the meantime. Press “Connect” again.")
            return redirect(start, slug)
        if own:
            with tenant_context(request.tenant.pk):
                connection = account_for_sign_in(connection, request.member)
        if "code" not in request.GET:
            why = request.GET.get("error_description") or request.GET.get("error") or "it gave no reason"
            messages.error(request, f"The provider did not let you in: {why[:300]}")
            return redirect(start, slug)
        try:
            finish_sign_in(connection, Pending(**kept), request.GET["code"])
        except ProductUnreachable as error:
            messages.error(request, str(error))
            return redirect(start, slug)
        if own:
            messages.success(request, f"Your account of {connection.product} is connected.")
            return redirect(back(text))
        messages.success(request, "You are signed in for this connection. Test it.")
        return redirect(start, slug)


def _connection_of(request: MemberRequest, slug: str) -> Connection:
    with tenant_context(request.tenant.pk):
        return get_object_or_404(Connection.objects.select_related("product").filter(product__slug=slug))


class WhitelistView(ProductRoom):
    """What may be used, by service."""

    tab = "whitelist"

    def get(self, request: MemberRequest, slug: str) -> HttpResponse:
        version = self.newest()
        if version is None:
            return self.page("specs/whitelist.html", version=None)
        wanted = whitelist.wanted_of(request.GET.dict())
        services = whitelist.service_rows(self.product, version, wanted)
        context: dict[str, Any] = {
            "version": version,
            "wanted": wanted,
            "services": services,
            "found": sum(row.total for row in services),
            "totals": whitelist.totals(self.product, version),
            "decisions": list(Decision),
            "effects": list(Effect),
        }
        is_filter = request.htmx and request.htmx.target == "services"
        return self.page(f"specs/whitelist.html{'#services' if is_filter else ''}", **context)

    def post(self, request: MemberRequest, slug: str) -> HttpResponse:
        """`decision-ID=…` for one operation or for many."""
        version = self.newest()
        posted = {key: str(value) for key, value in request.POST.items() if key.startswith("decision-")}
        operations = [o for o in whitelist.operations_of(version) if f"decision-{o.pk}" in posted] if version else []
        chosen = {o.key: _listed(posted[f"decision-{o.pk}"]) for o in operations}
        # Raises FlowError only for operations that the product has not: these were just read from it.
        set_policies(self.product, chosen, request.member)
        if not request.htmx:
            messages.success(request, "Saved.")
            return redirect("product_whitelist", slug)
        edits = edits_to(self.product)
        touched = {edits.place(operation).slug for operation in operations}
        rows = whitelist.service_rows(self.product, version) if version else []
        return self.page(
            "specs/whitelist.html#saved",
            changed=[row for row in rows if row.service.slug in touched],
            totals=whitelist.totals(self.product, version) if version else {},
        )


class WhitelistServiceView(ProductRoom):
    """The rows of one service, loaded when it is opened."""

    def get(self, request: MemberRequest, slug: str, service: str) -> HttpResponse:
        version = self.newest()
        wanted = replace(whitelist.wanted_of(request.GET.dict()), service=service)
        rows = whitelist.found_rows(self.product, version, wanted) if version else []
        if not rows:
            raise Http404
        return self.page("specs/whitelist.html#operations", rows=rows, decisions=list(Decision))


class WhitelistBulkView(ProductRoom):
    """All operations that were found, at once: first what it comes to, and then, with `act=set`, it is done."""

    tab = "whitelist"

    def post(self, request: MemberRequest, slug: str) -> HttpResponse:
        version = self.newest()
        if version is None:
            raise Http404("Nothing is known of this product yet.")
        wanted, choice = whitelist.wanted_of(request.POST.dict()), request.POST.get("set", "")
        if request.POST.get("act") == "set":
            lock_policies(self.product)
        try:
            planned = whitelist.bulk(whitelist.found_rows(self.product, version, wanted), choice)
        except ValueError as error:
            raise Http404 from error
        if request.POST.get("act") != "set":
            return self._review(wanted, choice, planned)
        if request.POST.get("mark") != planned.mark:
            problem = "The operations or their decisions have changed since you looked. Nothing was set; look again."
            return self._review(wanted, choice, planned, problem, status=409)
        if planned.risky and "even_destructive" not in request.POST:
            problem = "Some of these destroy something. Say below that they may run without an approval."
            return self._review(wanted, choice, planned, problem, status=422)
        set_policies(self.product, planned.policies, request.member)
        count = len(planned.rows)
        messages.success(request, f"Set for {count:,} operation{'' if count == 1 else 's'}.")
        return redirect("product_whitelist", slug)

    def _review(
        self, wanted: whitelist.Wanted, choice: str, planned: whitelist.Bulk, problem: str = "", status: int = 200
    ) -> HttpResponse:
        return self.page(
            "specs/bulk.html",
            status,
            wanted=wanted,
            choice=choice,
            bulk=planned,
            problem=problem,
            shown=planned.rows[:SHOWN_IN_BULK],
            replay=replay(self.product, Change(planned.policies)),
        )


#: Operations that the review of a bulk change names.
SHOWN_IN_BULK = 200


def _listed(value: str) -> Decision | None:
    """The decision of the form, None for "not listed". Raises Http404 for a value that no page offers."""
    if value == Decision.DENY:
        return None
    if value not in list(Decision):
        raise Http404
    return Decision(value)

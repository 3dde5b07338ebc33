"""A member's own accounts at products, for which each member brings their own."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django_htmx.http import HttpResponseClientRedirect

from accounts.context import tenant_context
from accounts.permissions import MemberRequired
from accounts.requests import MemberRequest
from specs.flows import FlowError
from specs.flows.authorize import begin_sign_in
from specs.flows.call_product import try_connection
from specs.flows.connect_account import account_for_sign_in, connect_account, disconnect_account
from specs.flows.save_connection import NEEDS_USERNAME
from specs.http import ProductUnreachable
from specs.models import AuthKind, Connection, MemberCredential
from specs.querysets import personal_connections

#: Where a session keeps a sign-in that somebody went away for.
PENDING = "connection_sign_in"


class AccountForm(forms.Form):
    """What the product's kind of authentication takes. Written, never shown."""

    username = forms.CharField(max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    secret = forms.CharField(
        strip=False, max_length=20_000, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def __init__(self, connection: Connection, posted: Any = None) -> None:
        super().__init__(posted, label_suffix="")
        kind = AuthKind(connection.auth_kind)
        is_client = kind == AuthKind.OAUTH2_CLIENT
        self.fields["username"].label = "Client id" if is_client else "User name"
        secret = {AuthKind.BEARER: "Token", AuthKind.OAUTH2_CLIENT: "Client secret"}
        is_key = kind in (AuthKind.API_KEY_HEADER, AuthKind.API_KEY_QUERY, AuthKind.API_KEY_COOKIE)
        self.fields["secret"].label = "API key" if is_key else secret.get(kind, "Password")
        self.fields["secret"].help_text = "It is stored encrypted and never shown again, to nobody."
        if kind not in NEEDS_USERNAME and kind != AuthKind.LOGIN_CALL:
            del self.fields["username"]
        elif kind == AuthKind.LOGIN_CALL:
            self.fields["username"].required = "{username}" in connection.login_body


class OwnRoom(MemberRequired):
    """Base of these pages. Products are asked, so no transaction is open meanwhile."""

    outside_transaction = True

    def connection(self, slug: str) -> tuple[Connection, MemberCredential | None]:
        """The personal connection of the product and the member's credentials. In the tenant's context."""
        rows = Connection.objects.filter(personal=True).select_related("product")
        connection = get_object_or_404(rows, product__slug=slug)
        own = MemberCredential.objects.filter(connection=connection, member=self.request.member)
        return connection, own.first()


@method_decorator(never_cache, name="dispatch")
class MyConnectionsView(OwnRoom):
    """The products that want an account of the member's own."""

    def get(self, request: MemberRequest) -> HttpResponse:
        with tenant_context(request.tenant.pk):
            found = personal_connections(request.member.pk)
            return render(request, "specs/my_connections.html", {"connections": found})


@method_decorator(never_cache, name="dispatch")
class MyConnectionView(OwnRoom):
    """Connect one. `text`: a request that waits for it, which is offered again then."""

    def get(self, request: MemberRequest, slug: str) -> HttpResponse:
        with tenant_context(request.tenant.pk):
            connection, own = self.connection(slug)
            return self.page(connection, own, AccountForm(connection))

    def post(self, request: MemberRequest, slug: str) -> HttpResponse:
        with tenant_context(request.tenant.pk):
            connection, own = self.connection(slug)
            form = AccountForm(connection, request.POST)
            if not form.is_valid():
                return self.page(connection, own, form, status=422)
            try:
                connected = connect_account(connection, request.member, **form.cleaned_data)
            except FlowError as error:
                form.add_error(None, str(error))
                return self.page(connection, own, form, status=422)
        found = try_connection(connected)
        if not found.ok:
            messages.warning(request, f"It is kept, but it does not work yet. {found.message}")
            return redirect(request.get_full_path())
        messages.success(request, f"Your account of {connection.product} is connected.")
        return redirect(back(request.GET.get("text", "")))

    def page(
        self, connection: Connection, own: MemberCredential | None, form: AccountForm, status: int = 200
    ) -> HttpResponse:
        context = {"connection": connection, "product": connection.product, "own": own, "form": form}
        return render(self.request, "specs/my_connection.html", context, status=status)


class MyConnectionDeleteView(OwnRoom):
    """Take the credentials back."""

    def post(self, request: MemberRequest, slug: str) -> HttpResponse:
        with tenant_context(request.tenant.pk):
            connection, _ = self.connection(slug)
            disconnect_account(connection, request.member)
        messages.success(request, f"Your account of {connection.product} is forgotten here.")
        return redirect("my_connections")


class MySignInView(OwnRoom):
    """To where the member signs in (OAuth 2.0 with PKCE)."""

    def post(self, request: MemberRequest, slug: str) -> HttpResponse:
        try:
            with tenant_context(request.tenant.pk):
                own = account_for_sign_in(self.connection(slug)[0], request.member)
            pending = begin_sign_in(own, request.build_absolute_uri(reverse("signed_in")))
        except (FlowError, ProductUnreachable) as error:
            messages.error(request, str(error))
            return to(request, reverse("my_connection", args=[slug]))
        text = request.GET.get("text", "")
        request.session[PENDING] = {"slug": slug, "own": True, "text": text, **asdict(pending)}
        return to(request, pending.url)


def to(request: MemberRequest, url: str) -> HttpResponse:
    """To the URL, which may be another host's: the page's policy lets no form lead there, but a script may go."""
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)


def back(text: str) -> str:
    """To the chat with the request that waited, else to the list."""
    return f"{reverse('chat')}?{urlencode({'text': text})}" if text else reverse("my_connections")

"""Every address of the site and of the REST API, found in the URL conf: strangers, other tenants, other roles.

A new address is walked without a word here, unless its parameters are unknown: then the test says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts.context import tenant_context
from accounts.models import Invitation
from conversations.models import Feedback, Flag, PromptVersion
from conversations.prompting import shipped_version
from specs.models import Connection, Example, MemberCredential, PolicyRule, Service, SpecVersion, TrustedArgument
from tests.web.conftest import make_product, request_approval

pytestmark = pytest.mark.slow

#: Open to everybody, or an account's own: nothing of a tenant is behind them.
OPEN = re.compile(
    r"^(healthz|readyz|accounts/|_allauth/|api/v1/schema/|static/|join/|admin/jsi18n|admin/login|admin/logout)"
)
#: Own rooms without anything of a tenant in the address.
OWN = re.compile(r"^(profile/|consent/|staff/|admin/(password_change|$|autocomplete|search|r/))")


def addresses(patterns: Any = None, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    """(route, pattern) of every address."""
    for pattern in patterns or get_resolver().url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, route)
        else:
            yield route, pattern


class Real:
    """A row of every kind in tenant acme, by the names that addresses use."""

    def __init__(self, acme: Any) -> None:
        self.approval = request_approval(acme.customer)
        self.run, self.call = self.approval.run, self.approval.call
        self.product = self.call.operation.version.product
        self.version = SpecVersion.objects.get()
        self.prompt: PromptVersion = shipped_version(acme.tenant.pk)
        self.example = Example.objects.create(tenant=acme.tenant, product=self.product, request="x", steps=[])
        self.invitation = Invitation.objects.create(
            tenant=acme.tenant, email="new@acme.example", digest="0", expires_at=timezone.now() + timedelta(days=1)
        )
        self.member = acme.customer
        self.rule = PolicyRule.objects.create(tenant=acme.tenant, product=self.product, decision="deny")
        self.trusted = TrustedArgument.objects.create(
            tenant=acme.tenant, product=self.product, operation_key="POST /users/{username}", argument="username"
        )
        connection = Connection.objects.create(
            tenant=acme.tenant, product=self.product, base_url="http://127.0.0.1:1", auth_kind="bearer", personal=True
        )
        MemberCredential.objects.create(tenant=acme.tenant, member=acme.customer, connection=connection)
        flag = Flag.objects.create(
            tenant=acme.tenant, run=self.run, conversation=self.run.conversation, reason="blocked"
        )
        feedback = Feedback.objects.create(tenant=acme.tenant, run=self.run, member=acme.customer, is_good=True)
        self.admin = {
            "flag": flag.pk, "feedback": feedback.pk, "conversation": self.run.conversation_id, "run": self.run.pk,
            "call": self.call.pk, "approval": self.approval.pk, "member": acme.customer.pk,
            "specversion": self.version.pk, "product": self.product.pk, "promptversion": self.prompt.pk,
            "example": self.example.pk,
        }  # fmt: skip

    def fill(self, route: str) -> str | None:
        """The address with real ids of acme, None for one that names no row of a tenant."""
        route = route.replace("^", "").replace("$", "").replace(r"\Z", "")
        if route.startswith("admin/"):
            model = route.split("/")[2] if route.count("/") > 2 else ""
            if "<path:object_id>" not in route or model not in self.admin:
                return None
            return "/" + route.replace("<path:object_id>", str(self.admin[model]))
        known = {
            "slug:slug": self.product.slug, "int:number": 1, "str:key": self.call.key, "slug:act": "cancel",
            "path:key": self.call.key,
            "slug:service": Service.objects.get().slug,
        }  # fmt: skip
        known["uuid:pk"] = self._pk(route)
        known["int:number"] = self.prompt.number if route.startswith(("prompts", "api/v1/prompts")) else 1
        filled = re.sub(r"<([\w:]+)>", lambda match: str(known.get(match[1], match[0])), route)
        return None if filled == route else "/" + filled

    def _pk(self, route: str) -> object:
        for name, row in (
            ("approvals", self.approval), ("runs", self.run), ("r/", self.run), ("c/", self.run.conversation),
            ("conversations", self.run.conversation), ("examples", self.example), ("rules", self.rule),
            ("trusted", self.trusted),
            ("members", self.member), ("invitations", self.invitation), ("tenants", self.member.tenant),
        ):  # fmt: skip
            if re.search(rf"(^|/){name}", route):
                return row.pk
        return self.run.pk


def routes() -> list[str]:
    return [route for route, _ in addresses() if not OPEN.match(route) and not OWN.match(route)]


def asked(client: Client, address: str) -> Iterator[tuple[str, Any]]:
    for method in ("get", "post", "put", "patch", "delete"):
        yield method, getattr(client, method)(address)


@pytest.fixture
def real(acme) -> Real:
    return Real(acme)


def test_every_address_with_a_parameter_is_walked_with_a_real_id(real):
    """What this walk can't fill in would not be tested."""
    left = []
    for route in routes():
        filled = real.fill(route)
        if "<" in (filled or "") or (filled is None and "<" in route and not route.startswith("admin/")):
            left.append(route)
    assert not left, left
    assert sum(real.fill(route) is not None for route in routes()) > 40


@pytest.mark.parametrize("role", ["customer", "operator", "reviewer", "owner"])
def test_to_another_tenants_members_real_ids_do_not_exist(real, globex, browse, role):
    with tenant_context(globex.tenant.pk):
        make_product(globex.operator, slug="theirs")
    client = browse(getattr(globex, role))
    seen = []
    for route in routes():
        address = real.fill(route)
        if address is None or (route.startswith("admin/") and role in ("customer", "operator")):
            continue
        for method, answer in asked(client, address):
            body = answer.content.decode(errors="replace") if not answer.streaming else ""
            # A page that the role may not open at all tells nothing of the id; nor does a method that is not there.
            unknown = answer.status_code in (404, 405) or (
                answer.status_code == 403 and "role" in body + str(getattr(answer, "data", ""))
            )
            # Django's admin sends an old address on unseen, and whoever asks for a row that is not there to its start.
            unknown |= route.startswith("admin/") and (
                answer.status_code == 403 or answer.headers.get("Location") in ("/admin/", f"{address}change/")
            )
            if not unknown or "user2" in body:
                seen.append((method, address, answer.status_code))
    assert not seen, seen[:10]
    real.approval.refresh_from_db()
    assert real.approval.status == "waiting"


def test_strangers_are_sent_to_sign_in_or_refused(real):
    client, seen = Client(), []
    for route in routes():
        address = real.fill(route) or "/" + route.replace("^", "").replace("$", "")
        if "<" in address or "(?P" in address:
            continue
        for method, answer in asked(client, address):
            to_sign_in = answer.status_code == 302 and "/login/" in answer.headers["Location"]
            if not to_sign_in and answer.status_code not in (401, 403, 404, 405):
                seen.append((method, address, answer.status_code))
    assert not seen, seen[:10]


OPERATORS_ONLY = re.compile(r"^(api/v1/)?(products|approvals|control|usage|members|invitations)")


def test_customers_open_nothing_of_the_operators(real, acme, browse):
    client, seen = browse(acme.customer), []
    for route in routes():
        address = real.fill(route) or f"/{route}"
        if (
            not (OPERATORS_ONLY.match(route) or route.startswith(("prompts", "api/v1/prompts", "admin/")))
            or "(?P" in address
        ):
            continue
        for method, answer in asked(client, address):
            to_sign_in = answer.status_code == 302 and "/login/" in answer.headers["Location"]
            if answer.status_code not in (403, 404, 405) and not to_sign_in:
                seen.append((method, address, answer.status_code))
    assert not seen, seen[:10]
    real.approval.refresh_from_db()
    assert real.approval.status == "waiting"


def test_a_removed_members_open_session_opens_nothing_any_more(real, acme, browse):
    client = browse(acme.operator)
    assert client.get("/products/").status_code == 200
    acme.operator.is_active = False
    acme.operator.save()
    seen = []
    for route in routes():
        address = real.fill(route) or f"/{route}"
        if "(?P" in address:
            continue
        for method, answer in asked(client, address):
            refused = answer.status_code in (401, 403, 404, 405)
            to_sign_in = answer.status_code == 302 and "/login/" in answer.headers["Location"]
            if not refused and not to_sign_in:
                seen.append((method, address, answer.status_code))
    assert not seen, seen[:10]


def test_an_expired_token_opens_nothing(real, acme):
    client = Client(headers={"X-Session-Token": "k7w2expired"})
    for route in routes():
        address = real.fill(route)
        if address and route.startswith("api/"):
            assert client.get(address).status_code in (401, 403, 405), address

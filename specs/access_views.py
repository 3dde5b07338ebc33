"""Who may do what with a product: the table of roles and operations, and why for one operation and member."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse

from accounts.models import Member, MemberRole
from accounts.requests import MemberRequest
from nlops.core.types import Decision, Effect
from specs.access import access_rows, by_service, why
from specs.models import Operation, SpecVersion
from specs.views import ProductRoom
from specs.whitelist import newest_version, wanted_of

#: Operations on a page.
PAGE = 50
#: Query parameters that are values of arguments begin with it.
VALUE = "value-"


def operation_named(version: SpecVersion | None, key: str) -> Operation | None:
    """The version's operation with that METHOD path."""
    method, _, path = key.replace("\x00", "").strip().partition(" ")
    rows = Operation.objects.select_related("service", "version__product")
    heavy = ("version__source", "version__definitions")
    return rows.defer(*heavy).filter(version=version, method=method.upper(), path=path.strip()).first()


def members() -> QuerySet[Member]:
    """Of the tenant in context."""
    return Member.objects.select_related("user", "tenant").order_by("user__email")


class AccessView(ProductRoom):
    """Roles and services with their decisions counted, and the operations that are looked for."""

    tab = "access"

    def get(self, request: MemberRequest, slug: str) -> HttpResponse:
        version = newest_version(self.product)
        if version is None:
            return self.page("specs/access.html", version=None)
        wanted = wanted_of(request.GET.dict())
        rows = access_rows(self.product, version, wanted)
        return self.page(
            "specs/access.html",
            version=version,
            wanted=wanted,
            services=by_service(rows),
            operations=Paginator(rows, PAGE).get_page(request.GET.get("page")),
            roles=MemberRole,
            effects=list(Effect),
            decisions=list(Decision),
        )


class WhyView(ProductRoom):
    """Why a member may, or may not, use an operation."""

    tab = "access"

    def get(self, request: MemberRequest, slug: str) -> HttpResponse:
        version = newest_version(self.product)
        key = request.GET.get("operation", "")
        email = request.GET.get("member", request.member.user.email)
        email = email.replace("\x00", "").strip()
        operation = operation_named(version, key)
        member = members().filter(user__email__iexact=email).first()
        values = {name: request.GET.get(VALUE + name, "") for name in _named(request)}
        found = (
            why(operation, member, {name: value for name, value in values.items() if value})
            if (operation and member)
            else None
        )
        problems = []
        if key and operation is None:
            problems.append(f"{self.product} has no operation {key}; write it as DELETE /users/{{id}}.")
        if member is None:
            problems.append(f"There is no member {email} here.")
        return self.page(
            "specs/why.html",
            why=found,
            values=[(name, values.get(name, "")) for name in found.asks_for] if found else [],
            problems=problems,
            key=key,
            email=email,
            members=members().filter(is_active=True)[:500],
            operations=Operation.objects.filter(version=version).only("method", "path"),
        )


def _named(request: MemberRequest) -> list[str]:
    return [name.removeprefix(VALUE) for name in request.GET if name.startswith(VALUE)]

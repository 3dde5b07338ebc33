"""`manage.py seed_demo`: the demo's tenants, members, product, connection and whitelist. Twice changes nothing."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from typing import Any

import httpx2
from django.core.management.base import BaseCommand, CommandError

from accounts.context import tenant_context
from accounts.models import Member, MemberRole, Tenant, User
from nlops.management.demo_examples import EXAMPLES
from specs.flows.activate_version import activate_version
from specs.flows.process_version import process_version
from specs.flows.save_connection import save_connection
from specs.flows.save_example import save_example
from specs.flows.set_policy import set_default_policies
from specs.flows.upload_version import upload_version
from specs.models import AuthKind, Connection, ExampleOrigin, Product, VersionStatus

ROLES = {
    "acme": (MemberRole.CUSTOMER, MemberRole.OPERATOR, MemberRole.REVIEWER),
    "globex": (MemberRole.CUSTOMER, MemberRole.OPERATOR),
}
TIME_ZONE = "Europe/Berlin"


class Command(BaseCommand):
    help = "Seed the demo's tenants acme and globex with members, the demo product, its connection and whitelist."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--product-url", default=os.environ.get("SEED_PRODUCT_URL", ""))

    def handle(self, *args: Any, **options: Any) -> None:
        url, password = options["product_url"], os.environ.get("DEMO_PASSWORD", "")
        if not url or not password:
            raise CommandError("Set SEED_PRODUCT_URL (or --product-url) and DEMO_PASSWORD.")
        description = _description(url)
        clients = _clients(os.environ.get("DEMO_CLIENTS", ""))
        _staff(password)
        for slug, roles in ROLES.items():
            tenant, _ = Tenant.objects.get_or_create(slug=slug, defaults={"name": slug.capitalize()})
            with tenant_context(tenant.pk):
                for role in roles:
                    _member(tenant, role, password)
            _product(tenant, url, description, clients[slug])
            self.stdout.write(f"Tenant {slug} is ready.")


def _description(url: str) -> bytes:
    try:
        response = httpx2.get(f"{url}/openapi.json", trust_env=False, timeout=30)
        response.raise_for_status()
    except httpx2.HTTPError as error:
        raise CommandError(f"The demo product at {url} does not give its description: {error}") from error
    return response.content


def _clients(text: str) -> dict[str, tuple[str, str]]:
    """ "acme:svc-acme:PASSWORD,…" as tenant to (name, password)."""
    parts = [entry.split(":", 2) for entry in text.split(",") if entry]
    found = {part[0]: (part[1], part[2]) for part in parts if len(part) == 3}
    missing = set(ROLES) - set(found)
    if missing:
        raise CommandError(f"DEMO_CLIENTS names no client for {', '.join(sorted(missing))}.")
    return found


def _staff(password: str) -> None:
    """Staff of the platform: no member of any tenant."""
    staff = User.objects.filter(email="staff@nlops.example").first()
    if staff is None:
        User.objects.create_superuser("staff@nlops.example", password)
    else:
        _keep_password(staff, password)


def _keep_password(user: User, password: str) -> None:
    """DEMO_PASSWORD may change from start to start."""
    if not user.check_password(password):
        user.set_password(password)
        user.save()


def _member(tenant: Tenant, role: MemberRole, password: str) -> None:
    email = f"{role.value}@{tenant.slug}.example"
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User.objects.create_user(email, password, time_zone=TIME_ZONE)
    else:
        _keep_password(user, password)
    Member.objects.get_or_create(tenant=tenant, user=user, defaults={"role": role})


def _product(tenant: Tenant, url: str, description: bytes, client: tuple[str, str]) -> None:
    """The product with its active version, its connection and a whitelist by effect."""
    with tenant_context(tenant.pk):
        operator = Member.objects.get(tenant=tenant, role=MemberRole.OPERATOR)
        product, _ = Product.objects.get_or_create(tenant=tenant, slug="keyring", defaults={"name": "Keyring"})
        version = upload_version(product, description, "openapi.json", operator)
    if version.status in (VersionStatus.DRAFT, VersionStatus.PROCESSING, VersionStatus.FAILED):
        # Here, not in a worker: the demo is ready only when its product is.
        process_version(tenant.pk, version.pk)
    with tenant_context(tenant.pk):
        version.refresh_from_db()
        if version.status == VersionStatus.FAILED:
            raise CommandError(f"The demo product's description was not learnt: {version.error}")
        if product.active_version is None:
            activate_version(version, operator)
            set_default_policies(product, operator)
        _examples(product)
        connection = Connection.objects.filter(product=product).first()
        # The demo's ports may change from run to run.
        if connection is None or connection.base_url != url:
            save_connection(
                product,
                base_url=url,
                auth_kind=AuthKind.OAUTH2_PASSWORD,
                username=client[0],
                secret=client[1],
                token_url="/auth/token",  # noqa: S106  # an address  # nosec B106
            )


def _examples(product: Product) -> None:
    """The example library, once: what an operator changed or deleted stays so."""
    if product.examples.exists():
        return
    for request, steps, language, note in EXAMPLES:
        save_example(product, request=request, steps=steps, language=language, note=note, origin=ExampleOrigin.SEEDED)

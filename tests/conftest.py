"""Fixtures: a real PostgreSQL (embedded, or TEST_DATABASE_ADMIN_URL) on which tests run as the application's role."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

import environ
import psycopg
import pytest
import redis
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.test import Client
from psycopg.conninfo import conninfo_to_dict

from accounts.context import tenant_context
from accounts.models import Member, MemberRole, Tenant
from nlops.celery import app as celery
from nlops.services import testing
from nlops.services.provision import provision
from tests.demo_product import demo_product  # noqa: F401
from tests.factories import MemberFactory, TenantFactory
from tests.scripted_server import scripted_server  # noqa: F401

#: Tables of the application that tests may empty between them; production grants no TRUNCATE.
_GRANT_TRUNCATE = "GRANT TRUNCATE ON ALL TABLES IN SCHEMA public TO nlops_app"


def _database_url(admin_url: str, user: str, database: str) -> str:
    parts = conninfo_to_dict(admin_url)
    password = os.environ.get("TEST_DATABASE_PASSWORD", "nlops-tests")
    return (
        f"postgresql://{user}:{password}@/{database}"
        f"?host={quote(str(parts.get('host', '127.0.0.1')), safe='/')}&port={parts.get('port', 5432)}"
    )


@pytest.fixture(scope="session")
def postgres_admin_url() -> str:
    """URL of a superuser of the test PostgreSQL."""
    return testing.postgres_admin_url()


@pytest.fixture(scope="session")
def valkey_url() -> str:
    """URL of the test Valkey."""
    return testing.valkey_url()


@dataclass(frozen=True)
class TestDatabase:
    __test__ = False

    app_url: str
    owner_url: str
    name: str


@pytest.fixture(scope="session")
def test_database(postgres_admin_url: str) -> Iterator[TestDatabase]:
    """A provisioned, empty database for this process."""
    name = f"test_nlops_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"
    app, owner = (_database_url(postgres_admin_url, role, name) for role in ("nlops_app", "nlops_owner"))
    provision(postgres_admin_url, app, owner)
    yield TestDatabase(app, owner, name)
    with psycopg.connect(postgres_admin_url, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def django_db_setup(test_database: TestDatabase, valkey_url: str, django_db_blocker) -> Iterator[None]:
    """Migrate as the owner; everything else runs as the application's role, which owns nothing."""
    for alias, url in (("default", test_database.app_url), ("owner", test_database.owner_url)):
        parsed = environ.Env.db_url_config(url)
        parsed["OPTIONS"] = {**settings.DATABASES[alias].get("OPTIONS", {}), **parsed.get("OPTIONS", {})}
        settings.DATABASES[alias].update(parsed)
        connections[alias].settings_dict.update(parsed)
    settings.CACHE_URL = valkey_url
    settings.CELERY_BROKER_URL = valkey_url
    settings.CACHES["default"]["LOCATION"] = valkey_url
    celery.conf.broker_url = valkey_url
    settings.CACHES["default"]["KEY_PREFIX"] = test_database.name
    with django_db_blocker.unblock():
        call_command("migrate", database="owner", verbosity=0, interactive=False)
        with connections["owner"].cursor() as cursor:
            cursor.execute(_GRANT_TRUNCATE)
        connections["owner"].close()
    yield
    with django_db_blocker.unblock():
        connections.close_all()


@pytest.fixture
def clean_cache(django_db_setup) -> Iterator[None]:
    """This process's part of the shared cache, empty before and after; `clear` would empty the others' parts, too."""
    _forget_own_keys()
    yield
    _forget_own_keys()


def _forget_own_keys() -> None:
    with redis.Redis.from_url(settings.CACHES["default"]["LOCATION"]) as client:
        for key in client.scan_iter(f"{settings.CACHES['default']['KEY_PREFIX']}:*"):
            client.delete(key)


@dataclass(frozen=True)
class People:
    """A tenant and one member of every role."""

    tenant: Tenant
    customer: Member
    operator: Member
    reviewer: Member
    owner: Member


def make_people(slug: str) -> People:
    """A tenant with its members; enters and leaves the tenant's context."""
    tenant = TenantFactory(slug=slug)
    with tenant_context(tenant.pk):
        members = {
            role: MemberFactory(tenant=tenant, role=role, user__email=f"{role}@{slug}.example")
            for role in MemberRole.values
        }
    return People(tenant, **members)


@pytest.fixture
def acme(db, clean_cache) -> Iterator[People]:
    """Tenant acme; the test runs inside its context."""
    people = make_people("acme")
    with tenant_context(people.tenant.pk):
        yield people


@pytest.fixture
def connected(transactional_db, clean_cache, demo_product) -> People:  # noqa: F811
    """Tenant acme with the demo product learnt, connected and listed; the test runs outside of its context."""
    from tests.journeys import connect_product

    people = make_people("acme")
    connect_product(people, demo_product, client=demo_product.client("acme"))
    return people


@pytest.fixture
def globex(db) -> People:
    """Tenant globex, outside of whose context the test runs."""
    return make_people("globex")


@pytest.fixture
def browse() -> Callable[[Member], Client]:
    """A client that is signed in as the member."""

    def browse(member: Member) -> Client:
        client = Client()
        client.force_login(member.user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return browse


@pytest.fixture
def unique() -> str:
    """A name that nothing else in the product has."""
    return f"user{uuid.uuid4().hex[:8]}"

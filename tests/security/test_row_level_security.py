"""Tenants can't see each other, seen from the database itself."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import ProgrammingError, connection, connections, transaction

from accounts.context import tenant_context, user_context
from accounts.models import Member, TenantModel
from specs.models import Product

TENANT_TABLES = sorted(model._meta.db_table for model in apps.get_models() if issubclass(model, TenantModel))


def rows(sql: str, *parameters: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def test_the_application_role_is_neither_owner_nor_superuser_and_bypasses_nothing(db):
    [(name, superuser, bypass, create_role, create_db)] = rows(
        "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user"
    )
    assert (name, superuser, bypass, create_role, create_db) == ("nlops_app", False, False, False, False)
    owners = rows("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
    assert owners == [("nlops_owner",)]
    assert rows("SELECT pg_has_role(current_user, 'nlops_owner', 'member')") == [(False,)]
    assert rows("SELECT pg_has_role(current_user, 'nlops_watcher', 'member')") == [(False,)]


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_every_tenant_table_is_bound_even_for_its_owner(db, table):
    assert rows("SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = %s", table) == [(True, True)]
    # The watcher's policies and a member's own row are for reading; writing has one policy: the tenant's.
    writing = rows(
        "SELECT policyname FROM pg_policies WHERE tablename = %s AND cmd <> 'SELECT' "
        "AND with_check LIKE '%%nlops.tenant%%'",
        table,
    )
    assert writing == [("tenant",)]


@pytest.mark.django_db(transaction=True)
class TestRows:
    def test_the_history_of_the_prompt_is_never_changed_not_even_by_the_owner(self, make_tenant, test_database):
        import psycopg

        from conversations.models import PromptVersion

        tenant = make_tenant("acme")
        with tenant_context(tenant.pk):
            PromptVersion.objects.create(tenant=tenant, number=1, sha256="x", text="old")
            for sql in (
                "UPDATE conversations_promptversion SET text = 'new' RETURNING id",
                "DELETE FROM conversations_promptversion RETURNING id",
                "UPDATE conversations_promptactivation SET number = 2 RETURNING id",
                "DELETE FROM conversations_promptactivation RETURNING id",
            ):
                with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                    rows(sql)
        with psycopg.connect(test_database.owner_url) as owner:
            owner.execute("SELECT set_config('nlops.tenant', %s, true)", [str(tenant.pk)])
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="never change"):
                owner.execute("UPDATE conversations_promptversion SET text = 'new'")

    def test_without_a_context_nothing_is_seen_and_nothing_is_written(self, make_tenant):
        tenant = make_tenant("acme")
        assert rows("SELECT count(*) FROM specs_product") == [(0,)]
        assert rows("SELECT count(*) FROM accounts_member") == [(0,)]
        with pytest.raises(ProgrammingError, match="row-level security"):
            Product.objects.create(tenant=tenant, name="x", slug="x")
        assert rows("UPDATE specs_product SET name = 'stolen' RETURNING id") == []
        assert rows("DELETE FROM specs_product RETURNING id") == []

    def test_another_tenant_sees_and_changes_nothing(self, make_tenant):
        acme, globex = make_tenant("acme"), make_tenant("globex")
        with tenant_context(globex.pk):
            assert list(Product.objects.values_list("name", flat=True)) == ["globex product"]
            assert rows("UPDATE specs_product SET name = 'mine' WHERE tenant_id = %s RETURNING id", acme.pk) == []
            with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
                Product.objects.create(tenant=acme, name="x", slug="x")
            with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
                rows("UPDATE specs_product SET tenant_id = %s RETURNING id", acme.pk)

    def test_after_commit_and_after_rollback_the_context_is_gone(self, make_tenant):
        tenant = make_tenant("acme")
        with tenant_context(tenant.pk):
            assert Product.objects.count() == 1
        assert Product.objects.count() == 0
        with pytest.raises(ZeroDivisionError), tenant_context(tenant.pk):
            1 / 0  # noqa: B018
        assert Product.objects.count() == 0
        assert rows("SELECT coalesce(current_setting('nlops.tenant', true), '')") == [("",)]

    def test_a_nested_context_gives_the_outer_one_back(self, make_tenant):
        acme, globex = make_tenant("acme"), make_tenant("globex")
        with tenant_context(acme.pk):
            with tenant_context(globex.pk):
                assert Product.objects.get().name == "globex product"
            assert Product.objects.get().name == "acme product"
            with pytest.raises(ZeroDivisionError), tenant_context(globex.pk):
                1 / 0  # noqa: B018
            assert Product.objects.get().name == "acme product"

    def test_a_user_sees_the_own_memberships_before_a_tenant_is_known_and_writes_none(self, make_tenant):
        acme, globex = make_tenant("acme"), make_tenant("globex")
        with tenant_context(acme.pk):
            user = Member.objects.first().user
        with user_context(user.pk):
            assert {str(member.tenant_id) for member in Member.objects.all()} == {str(acme.pk)}
            assert rows("UPDATE accounts_member SET role = 'owner' RETURNING id") == []
            with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
                Member.objects.create(tenant=globex, user=user)

    def test_the_watcher_functions_tell_ids_across_tenants_and_the_tables_stay_shut(self, make_tenant):
        make_tenant("acme")
        assert rows("SELECT * FROM nlops_due_runs()") == []
        assert len(rows("SELECT * FROM nlops_open_conversations()")) == 1
        assert rows("SELECT * FROM conversations_conversation") == []
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            rows("SET ROLE nlops_watcher")


@pytest.fixture
def make_tenant(db):
    from conversations.models import Conversation
    from tests.factories import MemberFactory, TenantFactory

    def make(slug: str):
        tenant = TenantFactory(slug=slug)
        with tenant_context(tenant.pk):
            member = MemberFactory(tenant=tenant)
            Product.objects.create(tenant=tenant, name=f"{slug} product", slug="p")
            Conversation.objects.create(tenant=tenant, member=member)
        return tenant

    return make


def test_the_owner_is_bound_too(django_db_setup, django_db_blocker, test_database):
    import psycopg

    with psycopg.connect(test_database.owner_url) as owner:
        owner.execute("SELECT 1")
        assert owner.execute("SELECT count(*) FROM accounts_member").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            owner.execute(
                "INSERT INTO specs_product (id, tenant_id, name, slug, created_at) "
                "VALUES (gen_random_uuid(), gen_random_uuid(), 'x', 'x', now())"
            )
    assert connections["default"].settings_dict["USER"] == "nlops_app"

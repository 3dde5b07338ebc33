"""The audit log: complete, chained, and out of reach of the application itself."""

from __future__ import annotations

import json
import threading

import psycopg
import pytest
from django.db import ProgrammingError, connection, transaction

from accounts.audit import audit, exported, verify
from accounts.context import tenant_context
from accounts.models import AuditAction, AuditEntry, AuditHead
from specs.models import Product


def write(count: int = 3) -> None:
    for number in range(count):
        audit(AuditAction.EXPORTED, data={"text": f'Zeile {number} \u2028 "quoted" \\ \x7f 한국어\n', "n": 1e20})


def as_owner(test_database, tenant, *statements: str) -> None:
    """What somebody with all rights on the database could do."""
    with psycopg.connect(test_database.owner_url) as owner:
        owner.execute("SELECT set_config('nlops.tenant', %s, true)", [str(tenant.pk)])
        owner.execute("ALTER TABLE accounts_auditentry DISABLE TRIGGER USER")
        for statement in statements:
            assert owner.execute(statement).rowcount == 1
        owner.execute("ALTER TABLE accounts_auditentry ENABLE TRIGGER USER")


def problems(tenant) -> str:
    with tenant_context(tenant.pk):
        return " ".join(verify(tenant.pk).problems)


@pytest.mark.django_db(transaction=True)
class TestChain:
    def test_a_chain_that_nobody_touched_is_whole(self, globex):
        with tenant_context(globex.tenant.pk):
            write(5)
            found = verify(globex.tenant.pk)
            assert (found.count, found.number, found.problems) == (5, 5, ())
            assert found.hash == AuditEntry.objects.get(number=5).hash == AuditHead.objects.get().hash

    def test_a_changed_row_is_named(self, globex, test_database):
        with tenant_context(globex.tenant.pk):
            write()
        as_owner(test_database, globex.tenant, "UPDATE accounts_auditentry SET ip = '127.0.0.9' WHERE number = 2")
        assert problems(globex.tenant) == "Entry 2 was changed after it was written."

    def test_a_row_that_was_changed_with_its_hash_is_named(self, globex, test_database):
        with tenant_context(globex.tenant.pk):
            write()
        as_owner(test_database, globex.tenant, "UPDATE accounts_auditentry SET hash = 'ab' WHERE number = 2")
        assert "Entry 2 was changed" in problems(globex.tenant)
        assert "Entry 3 does not follow entry 2" in problems(globex.tenant)

    @pytest.mark.parametrize(
        ("number", "said"),
        [(1, "Entry 1 is missing."), (2, "Entry 2 is missing."), (3, "The log ends with entry 2, but 3 were written")],
    )
    def test_a_missing_row_is_named_at_the_start_in_the_middle_and_at_the_end(
        self, globex, test_database, number, said
    ):
        with tenant_context(globex.tenant.pk):
            write()
        as_owner(test_database, globex.tenant, f"DELETE FROM accounts_auditentry WHERE number = {number}")
        assert said in problems(globex.tenant)

    def test_a_chain_that_was_cut_and_mended_differs_from_what_was_seen_before(self, globex, test_database):
        with tenant_context(globex.tenant.pk):
            write()
            seen = verify(globex.tenant.pk)
        as_owner(
            test_database,
            globex.tenant,
            "DELETE FROM accounts_auditentry WHERE number = 3",
            "UPDATE accounts_audithead h SET number = 2, hash = e.hash FROM accounts_auditentry e"
            " WHERE e.number = 2 AND e.tenant_id = h.tenant_id",
        )
        with tenant_context(globex.tenant.pk):
            assert verify(globex.tenant.pk).problems == ()
            [said] = verify(globex.tenant.pk, expected=(seen.number, seen.hash)).problems
            assert said == "Entry 3, which was seen before, is missing."
            write(1)
            [said] = verify(globex.tenant.pk, expected=(seen.number, seen.hash)).problems
            assert said.startswith("Entry 3 is not the one that was seen before")

    def test_the_application_can_add_and_read_and_nothing_else(self, globex):
        with tenant_context(globex.tenant.pk):
            write(1)
            for sql in (
                "UPDATE accounts_auditentry SET ip = ''",
                "DELETE FROM accounts_auditentry",
                "UPDATE accounts_audithead SET number = 0",
                "DELETE FROM accounts_audithead",
                "INSERT INTO accounts_audithead SELECT * FROM accounts_audithead",
                "ALTER TABLE accounts_auditentry DISABLE TRIGGER chain",
                "SELECT nlops_chain_audit()",
            ):
                with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), transaction.atomic():
                    connection.cursor().execute(sql)

    def test_whoever_inserts_a_row_can_choose_neither_its_place_nor_its_hash_nor_its_time(self, globex):
        with tenant_context(globex.tenant.pk):
            write(1)
            AuditEntry.objects.create(
                tenant=globex.tenant, actor_kind="nlops", action="exported", number=99, hash="forged", previous_hash="x"
            )
            assert list(AuditEntry.objects.values_list("number", flat=True)) == [2, 1]
            assert verify(globex.tenant.pk).problems == ()

    def test_another_tenants_chain_is_out_of_reach(self, globex):
        from tests.conftest import make_people

        other = make_people("initech").tenant
        with tenant_context(other.pk):
            write(1)
        with tenant_context(globex.tenant.pk):
            with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
                AuditEntry.objects.create(tenant=other, actor_kind="nlops", action="exported")
            assert not AuditEntry.objects.exists()
        with tenant_context(other.pk):
            assert verify(other.pk).count == 1

    def test_many_at_once_make_one_chain(self, globex):
        def add() -> None:
            try:
                for _ in range(5):
                    with tenant_context(globex.tenant.pk):
                        write(2)
            finally:
                connection.close()

        threads = [threading.Thread(target=add) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with tenant_context(globex.tenant.pk):
            found = verify(globex.tenant.pk)
        assert (found.count, found.problems) == (60, ())

    def test_an_entry_is_kept_only_with_what_it_tells_of(self, globex):
        with pytest.raises(ZeroDivisionError), tenant_context(globex.tenant.pk):  # noqa: PT012
            write(1)
            raise ZeroDivisionError
        with tenant_context(globex.tenant.pk):
            write(1)
            assert verify(globex.tenant.pk).number == 1


def test_an_export_has_all_that_is_needed_to_verify_it_elsewhere(acme):
    audit(AuditAction.POLICIES_CHANGED, Product(tenant=acme.tenant, name="x"), {"GET /users": ["deny", "allow"]})
    [row] = exported(AuditEntry.objects.all())
    assert row["object_kind"] == "product"
    assert {"number", "at", "user_id", "action", "data", "previous_hash", "hash"} <= row.keys()
    assert json.loads(json.dumps(row["data"])) == {"GET /users": ["deny", "allow"]}

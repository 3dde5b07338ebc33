"""What people do is audited: by whom, to what, from where."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts.context import tenant_context
from accounts.models import AuditEntry, StaffAccess
from nlops.core.types import Decision
from specs.flows.set_policy import set_policies
from specs.models import Operation, Product
from tests.factories import UserFactory
from tests.web.conftest import make_product


def entries(*fields: str) -> list[tuple]:
    return list(AuditEntry.objects.order_by("number").values_list("action", *fields))


def sign_in(email: str, password: str) -> Client:
    client = Client(REMOTE_ADDR="192.0.2.7")
    client.post("/accounts/login/", {"login": email, "password": password})
    return client


class TestSignIn:
    def test_signing_in_failing_to_and_signing_out_are_told_with_the_address(self, acme):
        user = acme.customer.user
        user.set_password("Right-Horse-9")
        user.save()
        sign_in(user.email, "wrong")
        client = sign_in(user.email, "Right-Horse-9")
        client.post("/accounts/logout/")
        assert entries("actor_kind", "user_id", "role", "ip") == [
            ("sign_in_failed", "stranger", user.pk, "customer", "192.0.2.7"),
            ("signed_in", "member", user.pk, "customer", "192.0.2.7"),
            ("signed_out", "member", user.pk, "customer", "192.0.2.7"),
        ]

    def test_a_sign_in_that_fails_for_nobody_is_no_entry(self, acme):
        sign_in("nobody@nowhere.example", "wrong")
        assert entries() == []

    def test_a_new_password_is_told_and_not_shown(self, acme, browse):
        client = browse(acme.customer)
        acme.customer.user.set_password("Right-Horse-9")
        acme.customer.user.save()
        client.force_login(acme.customer.user, backend="django.contrib.auth.backends.ModelBackend")
        new = {"oldpassword": "Right-Horse-9", "password1": "Other-Horse-8", "password2": "Other-Horse-8"}
        assert client.post("/accounts/password/change/", new).status_code == 302
        last = AuditEntry.objects.first()
        assert last.action == "password_changed"
        assert "Horse" not in json.dumps(last.data)


class TestOperators:
    def test_a_changed_policy_tells_what_was_before_and_what_is_now(self, acme):
        product = make_product(acme.operator)
        operation = Operation.objects.get(method="DELETE")
        set_policies(product, {operation.key: Decision.ALLOW}, acme.operator)
        set_policies(product, {operation.key: Decision.DENY}, acme.operator)
        set_policies(product, {operation.key: Decision.DENY}, acme.operator)
        set_policies(product, {operation.key: None}, acme.operator)
        assert [data["changes"] for _, data in entries("data")] == [
            {operation.key: [None, "allow"]},
            {operation.key: ["allow", "deny"]},
            {operation.key: ["deny", None]},
        ]
        assert {user for _, user in entries("user_id")} == {acme.operator.user_id}

    def test_a_connection_tells_its_host_and_never_its_secret(self, acme, browse):
        Product.objects.create(tenant=acme.tenant, name="Keyring", slug="keyring")
        form = {"base_url": "http://127.0.0.1:9/v1", "auth_kind": "bearer", "secret": "s3cr3t-t0ken"}
        assert browse(acme.operator).post("/products/keyring/connection/", form).status_code == 302
        entry = AuditEntry.objects.first()
        assert (entry.action, entry.user_id, entry.ip) == ("connection_changed", acme.operator.user_id, "127.0.0.1")
        assert "127.0.0.1:9" in json.dumps(entry.data)
        assert "s3cr3t" not in json.dumps(entry.data)


class TestStaff:
    def test_the_visit_of_staff_is_in_the_tenants_own_log(self, acme):
        staff = UserFactory(is_staff=True)
        client = Client()
        client.force_login(staff, backend="django.contrib.auth.backends.ModelBackend")
        client.post("/staff/enter/", {"tenant": acme.tenant.pk, "reason": "a ticket"})
        client.post("/staff/leave/")
        assert entries("actor_kind", "user_id") == [
            ("staff_entered", "staff", staff.pk),
            ("staff_left", "staff", staff.pk),
        ]
        assert StaffAccess.objects.get().ended_at is not None


class TestReading:
    def test_the_owner_reads_and_exports_it(self, acme, browse):
        client = browse(acme.owner)
        page = client.get("/admin/accounts/auditentry/")
        assert acme.owner.user.email in page.content.decode()
        answer = client.get(reverse("admin:accounts_auditentry_export_all"))
        rows = [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]
        assert rows[0]["action"] == "signed_in"
        assert AuditEntry.objects.first().action == "exported"

    @pytest.mark.parametrize("role", ["customer", "operator", "reviewer"])
    def test_others_do_not(self, acme, browse, role):
        answer = browse(getattr(acme, role)).get("/admin/accounts/auditentry/")
        assert answer.status_code == (403 if role == "reviewer" else 302)
        assert b"signed_in" not in answer.content

    def test_nobody_changes_it_in_the_admin(self, acme, browse):
        client = browse(acme.owner)
        entry = AuditEntry.objects.first()
        assert client.get("/admin/accounts/auditentry/add/").status_code == 403
        assert client.post(f"/admin/accounts/auditentry/{entry.pk}/delete/", {"post": "yes"}).status_code == 403


class TestCommands:
    def test_a_whole_log_is_told_with_its_last_hash(self, acme, browse):
        browse(acme.owner)
        out = StringIO()
        call_command("verify_audit", tenant="acme", stdout=out)
        entry = AuditEntry.objects.get()
        assert out.getvalue() == f"acme: 1 entries, whole. Last: 1:{entry.hash}\n"
        call_command("verify_audit", "--tenant", "acme", "--expect", f"1:{entry.hash}", stdout=StringIO())

    def test_a_log_that_is_not_what_was_seen_fails(self, acme):
        errors = StringIO()
        with pytest.raises(CommandError, match="1 of 1 logs are not as they were written"):
            call_command("verify_audit", "--tenant", "acme", "--expect", f"7:{'a' * 64}", stderr=errors)
        assert "acme: Entry 7, which was seen before, is missing." in errors.getvalue()

    def test_the_export_is_one_object_a_line_and_only_of_that_tenant(self, acme, globex, browse):
        browse(acme.owner)
        with tenant_context(globex.tenant.pk):
            browse(globex.owner)
        out = StringIO()
        call_command("export_audit", tenant="acme", stdout=out)
        rows = [json.loads(line) for line in out.getvalue().splitlines()]
        assert [row["action"] for row in rows] == ["signed_in", "exported"]
        assert rows[0]["user_id"] == acme.owner.user_id

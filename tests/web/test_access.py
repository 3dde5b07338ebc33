"""Who may do what: the page and the API tell what runs would be decided, and why."""

from __future__ import annotations

from itertools import product as pairs

import pytest

from accounts.flows.set_mode import set_tenant_mode
from accounts.models import MemberRole
from specs.access import access_rows, by_service, why
from specs.flows.save_rule import save_rule
from specs.flows.set_policy import set_default_policies, set_policies
from specs.models import Operation, Product
from specs.querysets import decision_for
from specs.whitelist import Wanted, newest_version
from tests.web.conftest import make_product

USER = "/users/{username}"


@pytest.fixture
def product(acme) -> Product:
    row = make_product(acme.operator)
    set_default_policies(row, acme.operator)
    return row


def test_for_every_role_and_operation_it_tells_what_runs_are_decided(acme, product):
    save_rule(product, acme.operator, role="customer", effect="read", decision="confirm")
    save_rule(product, acme.operator, operation_key=f"DELETE {USER}", role="reviewer", decision="deny")
    save_rule(
        product, acme.operator, service="users", argument="username", condition="is", value="root", decision="deny"
    )
    set_policies(product, {f"POST {USER}": None}, acme.operator)
    rows = access_rows(product, newest_version(product))
    told = {(row.operation.method, role): row.by_role[role].decision for row in rows for role in MemberRole}
    real = {
        (one.method, role): decision_for(one, role, {}, "")
        for one, role in pairs(Operation.objects.select_related("version", "service"), MemberRole)
    }
    assert told == real
    assert told["GET", "customer"] == "confirm"
    assert told["GET", "owner"] == "allow"
    assert told["DELETE", "reviewer"] == told["POST", "owner"] == "deny"


def test_why_for_a_member_tells_the_same_as_a_run_for_each_value(acme, product):
    save_rule(product, acme.operator, role="customer", argument="username", condition="not_own", decision="deny")
    save_rule(product, acme.operator, argument="username", condition="is", value="root", decision="approve")
    for operation in Operation.objects.select_related("version__product", "service"):
        for member, name in pairs((acme.customer, acme.operator), ("root", "customer", "x")):
            values = {"username": name}
            real = decision_for(operation, member.role, values, member.user.email)
            found = why(operation, member, values)
            assert found.decision == real, (operation.key, member, name)
            assert [ground.decision for ground in found.grounds if ground.decides] == [real]
            assert "username" in found.asks_for


def test_the_rule_that_decides_is_named(acme, product):
    rule = save_rule(product, acme.operator, operation_key=f"GET {USER}", decision="deny", note="personal data")
    operation = Operation.objects.get(method="GET")
    (ground,) = [ground for ground in why(operation, acme.customer).grounds if ground.decides]
    assert ground.rule == rule
    (row,) = access_rows(product, newest_version(product), Wanted(effect="read"))
    assert [held.who for held in row.held] == ["everybody"]
    assert row.held[0].access.rule == rule


def test_a_stopped_tenant_and_an_ended_membership_are_reasons(acme, product):
    operation = Operation.objects.select_related("version__product").get(method="GET")
    acme.customer.is_active = False
    assert why(operation, acme.customer).decision == "deny"
    set_tenant_mode(acme.tenant, "read_only", "an audit", acme.owner)
    assert why(operation, acme.operator).decision == "allow"
    writing = Operation.objects.select_related("version__product").get(method="POST")
    found = why(writing, acme.operator)
    assert found.decision == "deny"
    assert "an audit" in found.grounds[0].text


def test_operations_are_found_by_words_effect_decision_and_role(acme, product):
    save_rule(product, acme.operator, role="customer", effect="read", decision="deny")
    version = newest_version(product)

    def found(**wanted: str) -> list[str]:
        return [row.operation.method for row in access_rows(product, version, Wanted(**wanted))]

    assert found() == ["GET", "POST", "DELETE"]
    assert found(words="delete users") == ["DELETE"]
    assert found(effect="write") == ["POST"]
    assert found(decision="deny") == ["GET"]
    assert found(decision="deny", role="owner") == []
    assert found(service="elsewhere") == []
    (service,) = by_service(access_rows(product, version))
    assert service.by_role[MemberRole.CUSTOMER] == {"deny": 1, "confirm": 1, "approve": 1}


class TestPages:
    def test_a_rule_that_is_about_nothing_any_more_says_so(self, acme, product, browse):
        save_rule(product, acme.operator, argument="username", condition="is", value="root", decision="deny")
        client = browse(acme.operator)
        assert "about nothing" not in client.get("/products/keyring/rules/").content.decode()
        Operation.objects.update(schema={"type": "object", "properties": {"login": {"type": "string"}}})
        assert "about nothing in version 1" in client.get("/products/keyring/rules/").content.decode()

    def test_the_page_shows_decisions_and_leads_to_why(self, acme, product, browse):
        save_rule(product, acme.operator, argument="username", condition="is", value="root", decision="deny")
        client = browse(acme.operator)
        page = client.get("/products/keyring/access/", {"q": "delete"}).content.decode()
        assert "DELETE" in page
        assert "POST</span>" not in page
        assert "username is one of root" in page
        assert "/products/keyring/access/why/?operation=DELETE" in page
        shown = client.get(
            "/products/keyring/access/why/",
            {"operation": f"DELETE {USER}", "member": acme.customer.user.email, "value-username": "root"},
        ).content.decode()
        assert "It is never made." in shown
        assert 'value="root"' in shown

    def test_who_is_no_member_and_what_is_no_operation_is_told(self, acme, product, globex, browse):
        page = browse(acme.operator).get(
            "/products/keyring/access/why/", {"operation": "GET /nothing", "member": globex.customer.user.email}
        )
        assert "has no operation GET /nothing" in page.content.decode()
        assert "There is no member customer@globex.example here." in page.content.decode()

    def test_odd_parameters_break_nothing(self, acme, product, browse):
        odd = {"q": "%' \"", "decision": "king", "role": "x", "effect": "y", "page": "z", "service": "\u2603"}
        client = browse(acme.operator)
        assert client.get("/products/keyring/access/", odd).status_code == 200
        nul = {"q": "\x00", "service": "\x00", "operation": "GET /\x00", "member": "\x00", "value-username": "\x00"}
        for room in ("access", "access/why", "whitelist", "rules"):
            assert client.get(f"/products/keyring/{room}/", nul).status_code == 200, room
            if "access" in room:
                assert client.get(f"/api/v1/products/keyring/{room}/", nul).status_code in (200, 404)


class TestApi:
    def test_the_table_comes_in_pages(self, acme, product, browse):
        answer = browse(acme.operator).get("/api/v1/products/keyring/access/", {"limit": 1, "offset": 2}).json()
        assert answer["count"] == 3
        (row,) = answer["results"]
        assert row["operation"] == f"DELETE {USER}"
        assert row["roles"]["customer"] == {
            "decision": "approve", "because": "whitelist", "rule": None, "conditional": [],
        }  # fmt: skip

    def test_why_names_the_rule_and_strangers_are_not_there(self, acme, product, globex, browse):
        rule = save_rule(product, acme.operator, role="customer", decision="deny")
        client, query = browse(acme.operator), {"operation": f"get {USER}", "member": "CUSTOMER@acme.example"}
        answer = client.get("/api/v1/products/keyring/access/why/", query).json()
        assert answer["decision"] == "deny"
        assert [ground["rule"] for ground in answer["grounds"] if ground["decides"]] == [str(rule.pk)]
        theirs = client.get("/api/v1/products/keyring/access/why/", {**query, "member": globex.customer.user.email})
        assert theirs.status_code == 404

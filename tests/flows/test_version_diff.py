"""A second version: what it changes, what that touches, and what goes with an activation and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEntry
from conversations.models import Approval, Call, Conversation, Run
from evaluation.models import Case, Suite
from nlops.core.types import Decision
from specs.flows.activate_version import activate_version
from specs.flows.process_version import process_version
from specs.flows.save_rule import save_rule
from specs.flows.set_policy import set_policies
from specs.flows.upload_version import upload_version
from specs.models import Example, PolicyRule, Product, SpecVersion, VersionStatus
from specs.querysets import decisions
from specs.versions import diff_of, impact_of

READ = {"operationId": "getUser", "summary": "Get a user"}
REMOVE = {"operationId": "removeUser", "summary": "Remove a user"}
BEFORE = {
    "/users/{id}": {"get": READ, "delete": REMOVE},
    "/reports": {"get": {"operationId": "listReports", "summary": "List reports"}},
}
AFTER = {
    "/accounts/{id}": {"get": READ, "delete": REMOVE},
    "/reports": {"get": {"operationId": "listReports", "summary": "List reports", "x-openai-isConsequential": True}},
}


def learnt(product: Product, paths: dict[str, Any]) -> SpecVersion:
    document = {"openapi": "3.1.0", "info": {"title": "Users", "version": "1"}, "paths": paths}
    version = upload_version(product, json.dumps(document).encode(), "users.json")
    process_version(product.tenant_id, version.pk)
    version.refresh_from_db()
    return version


@pytest.fixture
def product(acme) -> Product:
    return Product.objects.create(tenant=acme.tenant, name="Users", slug="users")


@pytest.fixture
def versions(acme, product) -> tuple[SpecVersion, SpecVersion]:
    old = learnt(product, BEFORE)
    activate_version(old, acme.operator)
    keys = {"GET /users/{id}": Decision.ALLOW, "DELETE /users/{id}": Decision.APPROVE, "GET /reports": Decision.ALLOW}
    set_policies(product, keys, acme.operator)
    return old, learnt(product, AFTER)


@pytest.fixture
def operator(acme, client: Client) -> Client:
    client.force_login(acme.operator.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_policies_rules_and_examples_go_with_what_was_renamed_and_back(acme, product, versions):
    old, new = versions
    save_rule(product, acme.operator, operation_key="DELETE /users/{id}", decision="deny", role="customer")
    step = {"operation": "GET /users/{id}", "arguments": {"id": "7"}}
    example = Example.objects.create(tenant=acme.tenant, product=product, request="who is 7", steps=[step])
    activate_version(new, acme.operator)
    listed = decisions(product)
    assert listed["GET /accounts/{id}"] == Decision.ALLOW
    assert listed["DELETE /accounts/{id}"] == Decision.APPROVE
    assert PolicyRule.objects.filter(operation_key="DELETE /accounts/{id}", decision="deny", role="customer").exists()
    example.refresh_from_db()
    assert example.steps == [{**step, "operation": "GET /accounts/{id}"}]
    for version in (old, new, old):
        activate_version(version, acme.operator)
    assert PolicyRule.objects.count() == 2  # one for each path, however often
    example.refresh_from_db()
    assert example.steps == [step]
    assert decisions(product)["GET /users/{id}"] == Decision.ALLOW


def test_an_operator_may_treat_what_was_renamed_as_new(acme, product, versions):
    activate_version(versions[1], acme.operator, carry_renames=False)
    assert "GET /accounts/{id}" not in decisions(product)


def test_a_read_that_became_a_write_is_confirmed_from_then_on(acme, product, versions):
    activate_version(versions[1], acme.operator)
    assert decisions(product)["GET /reports"] == Decision.CONFIRM
    entry = AuditEntry.objects.filter(action="version_activated").order_by("number").last()
    assert entry.data["policies"]["GET /reports"] == "confirm"
    # an operator's own, stricter choice stays
    activate_version(versions[0], acme.operator)
    set_policies(product, {"GET /reports": Decision.DENY}, acme.operator)
    activate_version(versions[1], acme.operator)
    assert decisions(product)["GET /reports"] == Decision.DENY


def test_what_depends_on_changed_operations_is_counted(acme, product, versions):
    old, new = versions
    suite = Suite.objects.create(tenant=acme.tenant, name="s")
    Case.objects.create(tenant=acme.tenant, suite=suite, name="who", turns=["x"], position=0,
                        expected={"calls": [{"operation": "getUser"}]})  # fmt: skip
    Case.objects.create(tenant=acme.tenant, suite=suite, name="no", turns=["x"], position=1, expected={"asks": ["x"]})
    conversation = Conversation.objects.create(tenant=acme.tenant, member=acme.customer)
    run = Run.objects.create(tenant=acme.tenant, conversation=conversation, number=1, request="x")
    operation = old.operations.get(name="removeUser")
    call = Call.objects.create(tenant=acme.tenant, run=run, key="c", operation=operation)
    Approval.objects.create(
        tenant=acme.tenant, run=run, call=call, by_requester=False, request_hash="x", requested_by=acme.customer,
        expires_at=run.created_at,
    )  # fmt: skip
    found = {impact.what: impact for impact in impact_of(old, diff_of(old, new))}
    assert {what: impact.count for what, impact in found.items()} == {
        "policies of the whitelist": 3,
        "waiting decisions, which stay on the version before": 1,
        "evaluation cases": 1,
    }
    assert found["evaluation cases"].shown == ["who"]


def test_the_page_tells_what_changes_and_activates_or_rolls_back(product, versions, operator):
    assert "What changes" in operator.get("/products/users/").content.decode()
    page = operator.get("/products/users/versions/2/diff/").content.decode()
    for words in (
        "Version 2 beside version 1", "2 renamed", "3 break calls", "GET /accounts/{id}", "was <code>GET /users/{id}",
        "It is a write now; it was a read.", "3 policies of the whitelist", "Activate version 2",
    ):  # fmt: skip
        assert words in page, words
    assert "GET /accounts/{id}" not in operator.get("/products/users/versions/2/diff/?kind=changed").content.decode()
    sent = operator.post("/products/users/versions/2/activate/", {"keep_apart": "on"})
    assert sent.status_code == 302
    assert product.active_version.number == 2
    assert "GET /accounts/{id}" not in decisions(product)
    page = operator.get("/products/users/versions/1/diff/").content.decode()
    assert "Roll back to version 1" in page
    operator.post("/products/users/versions/1/activate/")
    assert product.active_version.number == 1
    assert SpecVersion.objects.get(number=2).status == VersionStatus.RETIRED


@pytest.mark.parametrize("query", ["?against=7", "?against=x", "?against=-1"])
def test_a_version_that_is_not_there_is_not_found(versions, operator, query):
    assert operator.get(f"/products/users/versions/2/diff/{query}").status_code == 404
    assert operator.get(f"/api/v1/products/users/versions/2/diff/{query}").status_code == 404


def test_the_api_tells_the_same(acme, product, versions, operator):
    found = operator.get("/api/v1/products/users/versions/2/diff/").json()
    assert (found["against"], found["unchanged"], found["breaking"]) == (1, 0, 3)
    assert {(one["kind"], one["key"], one["was"]) for one in found["operations"]} == {
        ("renamed", "GET /accounts/{id}", "GET /users/{id}"),
        ("renamed", "DELETE /accounts/{id}", "DELETE /users/{id}"),
        ("changed", "GET /reports", ""),
    }
    assert found["impact"][0]["what"] == "policies of the whitelist"
    back = operator.get("/api/v1/products/users/versions/1/diff/?against=2").json()
    assert back["against"] == 2


def test_the_same_file_is_the_same_version(product, versions):
    assert learnt(product, AFTER).pk == versions[1].pk
    assert product.versions.count() == 2


def test_a_customer_sees_no_difference(acme, client, versions):
    client.force_login(acme.customer.user, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/products/users/versions/2/diff/").status_code == 403

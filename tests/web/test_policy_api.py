"""Policies and rules over the REST API: the same flows and audit entries as the pages."""

from __future__ import annotations

import json

import pytest

from accounts.models import AuditEntry
from specs.flows.save_rule import save_rule
from specs.flows.set_policy import set_default_policies
from specs.models import PolicyRule, Product
from specs.querysets import decisions
from tests.web.conftest import make_product
from tests.web.test_replay import called

ROOT = "/api/v1/products/keyring"
USER = "/users/{username}"


@pytest.fixture
def product(acme) -> Product:
    row = make_product(acme.operator)
    set_default_policies(row, acme.operator)
    return row


@pytest.fixture
def send(acme, browse):
    """A request as JSON by the operator, unless somebody else is named."""

    def send(method: str, path: str, body: object = None, member=acme.operator):
        client = browse(member)
        data = json.dumps(body) if body is not None else ""
        return getattr(client, method)(f"{ROOT}{path}", data, content_type="application/json")

    return send


def audited() -> list[dict]:
    rows = AuditEntry.objects.filter(action="policies_changed").order_by("number")
    return list(rows.values_list("data", flat=True))


def test_rules_are_made_listed_changed_and_taken_back_and_all_of_it_is_audited(acme, product, send):
    made = send("post", "/rules/", {"operation_key": f"GET {USER}", "decision": "deny", "role": "customer"})
    assert made.status_code == 201
    rule = made.json()["id"]
    assert [row["id"] for row in send("get", "/rules/").json()] == [rule]
    assert send("patch", f"/rules/{rule}/", {"decision": "approve"}).json()["role"] == "customer"
    assert send("put", f"/rules/{rule}/", {"decision": "confirm"}).json()["role"] == ""
    assert send("get", f"/rules/{rule}/").json()["created_by"] == acme.operator.user.email
    assert send("delete", f"/rules/{rule}/").status_code == 204
    assert not PolicyRule.objects.exists()
    assert [entry["change"] for entry in audited() if "change" in entry] == [
        "added",
        "changed",
        "changed",
        "taken back",
    ]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"decision": "allow"}, 409),
        ({"decision": "king"}, 400),
        ({}, 400),
        ({"decision": "deny", "argument": "username"}, 409),
        ({"decision": "deny", "operation_key": "GET /nothing"}, 409),
    ],
)
def test_a_rule_that_can_not_be_is_refused(product, send, body, status):
    assert send("post", "/rules/", body).status_code == status
    assert not PolicyRule.objects.exists()


def test_policies_are_listed_found_and_changed(product, send):
    assert send("get", "/policies/?effect=destructive").json()["results"][0]["decision"] == "approve"
    assert send("patch", "/policies/", {"changes": {f"POST {USER}": None, f"GET {USER}": "confirm"}}).status_code == 204
    assert decisions(product) == {f"GET {USER}": "confirm", f"DELETE {USER}": "approve"}
    assert audited()[-1]["changes"] == {f"POST {USER}": ["confirm", None], f"GET {USER}": ["allow", "confirm"]}
    assert send("patch", "/policies/", {"changes": {"GET /nothing": "allow"}}).status_code == 409
    assert send("patch", "/policies/", {"changes": {f"GET {USER}": "king"}}).status_code == 400
    assert send("patch", "/policies/", {"changes": {"GET /\x00": "allow"}}).status_code == 409
    assert send("patch", "/policies/", {"changes": {"GET /\x00": None}}).status_code == 204


def test_many_are_set_as_the_dry_run_told(product, send):
    told = send("post", "/policies/bulk/", {"q": "user", "set": "allow"}).json()
    assert (told["chosen"], told["is_set"], told["destructive"]) == (3, False, [f"DELETE {USER}"])
    assert len(decisions(product)) == 3
    wish = {"q": "user", "set": "allow", "dry_run": False, "mark": told["mark"]}
    assert send("post", "/policies/bulk/", wish).status_code == 409
    assert send("post", "/policies/bulk/", {**wish, "even_destructive": True, "mark": "x"}).status_code == 409
    assert send("post", "/policies/bulk/", {**wish, "even_destructive": True}).json()["is_set"]
    assert set(decisions(product).values()) == {"allow"}


def test_a_change_is_replayed_and_changes_nothing(acme, product, send):
    rule = save_rule(product, acme.operator, effect="read", decision="deny")
    called(acme.customer, "GET", username="k7-canary-value")
    body = {"remove": [str(rule.pk)], "add": [{"decision": "confirm"}], "policies": {f"GET {USER}": "allow"}}
    answer = send("post", "/replay/", body)
    told = answer.json()
    assert told["moves"] == [{"before": "deny", "after": "confirm", "count": 1}]
    assert told["shown"][0]["arguments"] == ["username"]
    assert "k7-canary" not in answer.content.decode()
    assert PolicyRule.objects.get() == rule


def test_customers_and_reviewers_may_do_none_of_it(acme, product, send):
    rule = save_rule(product, acme.operator, decision="deny")
    for member in (acme.customer, acme.reviewer):
        for method, path in (
            ("get", "/rules/"), ("post", "/rules/"), ("delete", f"/rules/{rule.pk}/"), ("patch", "/policies/"),
            ("post", "/policies/bulk/"), ("post", "/replay/"), ("get", "/access/"),
        ):  # fmt: skip
            assert send(method, path, None if method == "get" else {}, member).status_code == 403
    assert PolicyRule.objects.exists()

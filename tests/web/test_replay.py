"""Before a policy or a rule is changed: what it would have meant for the calls of the last days."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import AuditEntry, Member
from conversations.models import Call
from nlops.core.types import Decision
from specs.flows.save_rule import draft_rule, save_rule
from specs.flows.set_policy import set_default_policies
from specs.models import Operation, PolicyRule, Product
from specs.replaying import Change, replay
from tests.web.conftest import make_product, make_run

USER = "/users/{username}"
CANARY = "k7-canary-value"


@pytest.fixture
def product(acme) -> Product:
    row = make_product(acme.operator)
    set_default_policies(row, acme.operator)
    return row


def called(member: Member, method: str, *, returned: bool = False, days: float = 1, **arguments: object) -> Call:
    """A recorded call, that long ago."""
    run = make_run(member, status="answered")
    provenance = {f"/{name}": {"kind": "returned" if returned else "said"} for name in arguments}
    call = Call.objects.create(
        tenant=member.tenant, run=run, key="c1", operation=Operation.objects.get(method=method), status="succeeded",
        arguments=arguments, provenance=provenance,
    )  # fmt: skip
    Call.objects.filter(pk=call.pk).update(created_at=timezone.now() - timedelta(days=days))
    return call


def moves(found) -> dict[tuple[str, str], int]:
    return {(before.value, after.value): count for before, after, count in found.moves}


def test_calls_are_counted_by_decision_before_and_after_a_rule(acme, product):
    called(acme.customer, "GET", username="root")
    called(acme.customer, "GET", username="alice")
    called(acme.operator, "GET", username="root")
    called(acme.customer, "DELETE", username="root")
    draft = draft_rule(
        product, acme.operator, role="customer", argument="username", condition="is", value="root", decision="deny"
    )
    found = replay(product, Change(added=(draft,)))
    assert moves(found) == {("allow", "allow"): 2, ("allow", "deny"): 1, ("approve", "deny"): 1}
    assert {(one.call.operation.method, one.after.value) for one in found.changed} == {
        ("GET", "deny"),
        ("DELETE", "deny"),
    }
    assert found.decided == [(Decision.ALLOW, 3, 2), (Decision.APPROVE, 1, 0), (Decision.DENY, 0, 2)]
    assert not PolicyRule.objects.exists()


def test_policies_rules_taken_back_and_rules_changed_are_replayed(acme, product):
    rule = save_rule(product, acme.operator, effect="read", decision="deny")
    called(acme.customer, "GET", username="alice")
    called(acme.customer, "POST", username="bob")
    assert moves(replay(product, Change(removed=frozenset([rule.pk])))) == {
        ("confirm", "confirm"): 1, ("deny", "allow"): 1,
    }  # fmt: skip
    assert moves(replay(product, Change(policies={f"POST {USER}": None}))) == {
        ("deny", "deny"): 1,
        ("confirm", "deny"): 1,
    }
    milder = draft_rule(product, acme.operator, rule, decision="confirm")
    change = Change(added=(milder,), removed=frozenset([rule.pk]))
    assert moves(replay(product, change)) == {("confirm", "confirm"): 1, ("deny", "confirm"): 1}


def test_a_value_from_an_answer_still_asks_for_a_yes(acme, product):
    called(acme.customer, "POST", username="bob", returned=True)
    called(acme.customer, "POST", username="bob")
    found = replay(product, Change(policies={f"POST {USER}": Decision.ALLOW}))
    assert moves(found) == {("confirm", "allow"): 1, ("confirm", "confirm"): 1}


def test_a_rule_on_values_from_answers_is_replayed_and_what_destroys_wants_another_person(acme, product):
    called(acme.customer, "POST", username="bob", returned=True)
    called(acme.customer, "DELETE", username="bob", returned=True)
    called(acme.customer, "POST", username="bob")
    draft = draft_rule(product, acme.operator, argument="*", condition="returned", decision="deny")
    assert moves(replay(product, Change(added=(draft,)))) == {
        ("confirm", "confirm"): 1, ("confirm", "deny"): 1, ("approve", "deny"): 1,
    }  # fmt: skip
    found = replay(product, Change(policies={f"DELETE {USER}": Decision.ALLOW}))
    assert moves(found) == {("approve", "approve"): 1, ("confirm", "confirm"): 2}


def test_older_calls_and_those_of_other_products_are_left_out(acme, product):
    called(acme.customer, "GET", days=8, username="alice")
    assert replay(product, Change()).total == 0
    called(acme.customer, "GET", days=6, username="alice")
    assert replay(make_product(acme.operator, slug="other"), Change()).total == 0
    assert replay(product, Change()).total == 1


class TestPages:
    RULE = {
        "argument": "username",
        "condition": "is",
        "value": CANARY,
        "decision": "deny",
        "operation_key": f"GET {USER}",
    }

    def test_a_new_rule_is_tried_before_it_is_added_and_no_value_is_shown(self, acme, product, browse):
        called(acme.customer, "GET", username=CANARY)
        called(acme.customer, "GET", username="alice")
        answer = browse(acme.operator).post(
            "/products/keyring/rules/", {**self.RULE, "value": "k7-.*", "condition": "matches", "act": "preview"}
        )
        page = answer.content.decode()
        assert answer.status_code == 200
        assert "1 of 2 calls would have been decided in another way" in page
        assert "customer@acme.example" in page
        assert CANARY not in page
        assert not PolicyRule.objects.exists()
        told = AuditEntry.objects.filter(action="policies_changed").values_list("data", flat=True)
        assert not any("rule" in data for data in told)

    def test_a_rule_is_changed_and_the_audit_log_tells_what_it_was(self, acme, product, browse):
        rule = save_rule(product, acme.operator, **self.RULE)
        client, address = browse(acme.operator), f"/products/keyring/rules/{rule.pk}/"
        assert 'value="k7-canary-value"' in client.get(address).content.decode()
        called(acme.customer, "GET", username=CANARY)
        page = client.post(address, {**self.RULE, "act": "preview_delete"}).content.decode()
        assert "1 of 1 calls would have been decided in another way" in page
        page = client.post(address, {**self.RULE, "decision": "approve", "act": "preview"}).content.decode()
        assert "deny → <strong>approve" in page
        assert client.post(address, {**self.RULE, "decision": "approve"}).status_code == 302
        rule.refresh_from_db()
        assert (rule.decision, PolicyRule.objects.count()) == ("approve", 1)
        told = AuditEntry.objects.filter(action="policies_changed").latest("number").data
        assert told["change"] == "changed"
        assert told["before"].startswith("deny:")

    def test_a_wrong_change_changes_nothing(self, acme, product, browse):
        rule = save_rule(product, acme.operator, **self.RULE)
        wrong = {**self.RULE, "condition": "above", "value": "many"}
        for act in ("", "preview"):
            answer = browse(acme.operator).post(f"/products/keyring/rules/{rule.pk}/", {**wrong, "act": act})
            assert answer.status_code == 422
        rule.refresh_from_db()
        assert rule.value == CANARY

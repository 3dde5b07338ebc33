"""Many policies at once: what is found, reviewed with last week's calls, set as it was reviewed, audited."""

from __future__ import annotations

import re

import pytest

from accounts.models import AuditEntry
from specs.flows.set_policy import set_default_policies, set_policies
from specs.models import Operation, Product, Service, SpecVersion, ToolPolicy
from specs.querysets import decisions
from tests.web.conftest import make_product

BULK = "/products/keyring/whitelist-bulk/"
USER = "/users/{username}"


@pytest.fixture
def product(acme) -> Product:
    return make_product(acme.operator)


def mark(page: str) -> str:
    found = re.search(r'name="mark" value="(\w+)"', page)
    assert found
    return found[1]


def test_what_was_found_is_reviewed_and_then_set_and_nothing_else(acme, product, browse):
    client = browse(acme.operator)
    page = client.get("/products/keyring/whitelist/", {"effect": "write"}).content.decode()
    assert "<strong>1</strong> operation found" in page
    review = client.post(BULK, {"effect": "write", "set": "confirm"}).content.decode()
    assert "from deny to <strong>confirm</strong>" in review
    assert not ToolPolicy.objects.exists()
    done = client.post(BULK, {"effect": "write", "set": "confirm", "act": "set", "mark": mark(review)})
    assert done.status_code == 302
    assert decisions(product) == {f"POST {USER}": "confirm"}
    entry = AuditEntry.objects.filter(action="policies_changed").latest("number")
    assert entry.data["changes"] == {f"POST {USER}": [None, "confirm"]}
    assert entry.user_id == acme.operator.user_id


def test_the_usual_is_each_operations_own(acme, product, browse):
    client = browse(acme.operator)
    review = client.post(BULK, {"set": "usual"}).content.decode()
    client.post(BULK, {"set": "usual", "act": "set", "mark": mark(review)})
    assert sorted(decisions(product).values()) == ["allow", "approve", "confirm"]
    review = client.post(BULK, {"decision": "allow", "set": "deny"}).content.decode()
    client.post(BULK, {"decision": "allow", "set": "deny", "act": "set", "mark": mark(review)})
    assert sorted(decisions(product).values()) == ["approve", "confirm"]


def test_what_was_not_reviewed_is_not_set(acme, product, browse):
    client = browse(acme.operator)
    review = client.post(BULK, {"q": "users", "set": "confirm"}).content.decode()
    set_policies(product, {f"POST {USER}": "approve"}, acme.operator)
    refused = client.post(BULK, {"q": "users", "set": "confirm", "act": "set", "mark": mark(review)})
    assert refused.status_code == 409
    assert "have changed since you looked" in refused.content.decode()
    assert decisions(product) == {f"POST {USER}": "approve"}


def test_what_destroys_something_is_let_run_only_when_somebody_says_so(acme, product, browse):
    client = browse(acme.operator)
    set_default_policies(product, acme.operator)
    form = {"q": "user", "set": "allow", "act": "set"}
    review = client.post(BULK, {"q": "user", "set": "allow"}).content.decode()
    assert f"DELETE {USER}" in review
    assert client.post(BULK, {**form, "mark": mark(review)}).status_code == 422
    assert decisions(product)[f"DELETE {USER}"] == "approve"
    assert client.post(BULK, {**form, "mark": mark(review), "even_destructive": "on"}).status_code == 302
    assert set(decisions(product).values()) == {"allow"}


@pytest.mark.parametrize("choice", ["", "king", "usual!"])
def test_a_word_that_is_no_decision_is_not_found(acme, product, browse, choice):
    assert browse(acme.operator).post(BULK, {"set": choice}).status_code == 404


def test_a_thousand_operations_take_no_more_queries_than_three(acme, product, browse, django_assert_max_num_queries):
    """As many as GitHub's."""
    version, service = SpecVersion.objects.get(), Service.objects.get()
    Operation.objects.bulk_create(
        Operation(
            tenant=acme.tenant, version=version, service=service, name=f"get_thing{n}", method="GET",
            path=f"/things{n}/{{id}}", summary=f"Get thing {n}", effect="read", schema={"type": "object"}, position=n,
        )
        for n in range(1220)
    )  # fmt: skip
    client = browse(acme.operator)
    with django_assert_max_num_queries(30):
        assert "1,223" in client.get("/products/keyring/whitelist/").content.decode()
    with django_assert_max_num_queries(30):
        assert client.get("/products/keyring/access/").status_code == 200
    review = client.post(BULK, {"set": "usual"}).content.decode()
    with django_assert_max_num_queries(40):
        client.post(BULK, {"set": "usual", "act": "set", "mark": mark(review)})
    assert ToolPolicy.objects.count() == 1223

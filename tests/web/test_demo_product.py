"""Keyring behaves as real products do: over HTTP, as its clients see it."""

from __future__ import annotations

import httpx2
import pytest

PASSWORD = "Correct-Horse-7"


@pytest.fixture
def user(demo_product, unique):
    demo_product.api("POST", "/users", {"username": unique, "password": PASSWORD})
    return unique


def test_it_describes_about_forty_operations_in_six_services(demo_product):
    description = httpx2.get(f"{demo_product.base_url}/openapi.json").json()
    operations = [operation for item in description["paths"].values() for operation in item.values()]
    assert description["openapi"].startswith("3.1")
    assert 35 <= len(operations) <= 45
    assert len({operation["tags"][0] for operation in operations}) == 6
    assert all(operation["summary"] and operation["description"] for operation in operations)


def test_without_a_token_and_with_a_wrong_one_it_says_so(demo_product):
    nothing = httpx2.get(f"{demo_product.base_url}/users")
    wrong = httpx2.get(f"{demo_product.base_url}/users", headers={"Authorization": "Bearer x"})
    assert (nothing.status_code, wrong.status_code) == (401, 401)
    assert "WWW-Authenticate" in wrong.headers
    assert wrong.json()["code"] == "invalid_token"


def test_a_refresh_token_gives_a_new_access_token_once(demo_product):
    name, password = demo_product.client("acme")
    form = {"grant_type": "password", "username": name, "password": password}
    first = httpx2.post(f"{demo_product.base_url}/auth/token", data=form).json()
    again = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    assert httpx2.post(f"{demo_product.base_url}/auth/token", data=again).status_code == 200
    assert httpx2.post(f"{demo_product.base_url}/auth/token", data=again).status_code == 400


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"description": "new!"}, "description", "'!' is not allowed"),
        ({"password": "short"}, "password", "at least 10 characters"),
        ({"email": "nobody"}, "email", "valid email"),
        ({"username": "a b"}, "username", "letters"),
        ({"nickname": "x"}, "nickname", "no such field"),
    ],
)
def test_a_wrong_value_is_refused_with_a_message_for_its_field(demo_product, unique, change, field, words):
    answer = demo_product.api("POST", "/users", {"username": unique, "password": PASSWORD, **change})
    assert answer.status == 422
    assert answer.headers["content-type"] == "application/problem+json"
    [error] = answer.json()["errors"]
    assert error["field"] == field
    assert words in error["message"]


def test_a_duplicate_is_a_conflict_and_an_unknown_one_is_not_found(demo_product, user):
    assert demo_product.api("POST", "/users", {"username": user, "password": PASSWORD}).status == 409
    missing = demo_product.api("GET", "/users/nobody-at-all")
    assert (missing.status, "nobody-at-all" in missing.json()["detail"]) == (404, True)


def test_a_password_is_never_shown(demo_product, user):
    assert "password" not in demo_product.api("GET", f"/users/{user}").json()


def test_lists_come_in_pages_with_a_cursor(demo_product):
    first = demo_product.api("GET", "/users?limit=3").json()
    second = demo_product.api("GET", f"/users?limit=3&cursor={first['next_cursor']}").json()
    assert len(first["items"]) == 3
    assert first["total"] >= 12
    assert {u["id"] for u in first["items"]}.isdisjoint(u["id"] for u in second["items"])


def test_an_idempotency_key_makes_a_repetition_harmless(demo_product, unique):
    name, password = demo_product.client("acme")
    form = {"grant_type": "password", "username": name, "password": password}
    token = httpx2.post(f"{demo_product.base_url}/auth/token", data=form).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": unique}

    def create(username: str) -> httpx2.Response:
        body = {"username": username, "password": PASSWORD}
        return httpx2.post(f"{demo_product.base_url}/users", json=body, headers=headers)

    assert create(unique).status_code == 201
    assert create(unique).status_code == 201
    assert create(f"{unique}x").status_code == 422
    assert demo_product.api("GET", f"/users/{unique}x").status == 404


def test_a_workspace_sees_nothing_of_another(demo_product, user):
    assert demo_product.api("GET", f"/users/{user}", tenant="globex").status == 404
    assert demo_product.api("DELETE", f"/users/{user}", tenant="globex").status == 404
    assert demo_product.api("GET", f"/users/{user}").status == 200


def test_a_secret_value_is_shown_only_when_revealed_and_that_is_audited(demo_product, unique):
    demo_product.api("POST", "/safes/mail/secrets", {"name": unique, "value": "s3cr3t-value"})
    assert "s3cr3t-value" not in demo_product.api("GET", "/safes/mail/secrets").text
    assert demo_product.api("GET", f"/safes/mail/secrets/{unique}/value").json()["value"] == "s3cr3t-value"
    audit = demo_product.api("GET", f"/audit-log?action=reveal_secret&target={unique}%20in%20mail").json()
    assert audit["total"] == 1


def test_too_many_reveals_are_slowed_down_with_retry_after(demo_product, unique):
    demo_product.api("POST", "/safes/lab/secrets", {"name": unique, "value": "v"}, tenant="globex")
    answers = [demo_product.api("GET", f"/safes/lab/secrets/{unique}/value", tenant="globex") for _ in range(125)]
    slowed = [answer for answer in answers if answer.status == 429]
    assert slowed
    assert int(slowed[0].headers["retry-after"]) >= 1


def test_the_audit_log_takes_a_period(demo_product):
    everything = demo_product.api("GET", "/audit-log").json()["total"]
    none = demo_product.api("GET", "/audit-log?from=2001-01-01T00:00:00Z&to=2001-01-02T00:00:00Z").json()["total"]
    assert (everything > 0, none) == (True, 0)
    assert demo_product.api("GET", "/audit-log?from=yesterday").status == 422

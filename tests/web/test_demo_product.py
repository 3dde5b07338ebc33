"""Keyring behaves as real products do: over HTTP, as its clients see it."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import httpx2
import psycopg
import pytest

PASSWORD = "Correct-Horse-7"
OPERATIONS = """
    list_users create_user get_user update_user delete_user disable_user enable_user reset_user_password
    list_user_groups list_groups create_group get_group update_group delete_group list_group_members
    add_group_member remove_group_member list_safes create_safe get_safe update_safe delete_safe list_safe_members
    grant_safe_access revoke_safe_access list_secrets store_secret get_secret reveal_secret rotate_secret
    delete_secret list_access_requests create_access_request get_access_request approve_access_request
    deny_access_request cancel_access_request list_audit_log_entries get_audit_log_entry get_system_health
    get_version get_system_settings update_system_settings run_maintenance get_statistics
"""


def at_once(demo_product, act: Callable[[int], int], hold: str, times: int = 6) -> Counter[int]:
    """How often each status was answered when an act was done several times at the very same time.

    `hold` is a statement that takes the lock on which the last step of the act must wait. It is let go when all of
    them stand there, so that none of them can have seen what another one did.
    """
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with (
        psycopg.connect(demo_product.database_url, autocommit=True) as watch,
        psycopg.connect(demo_product.database_url) as holder,
        ThreadPoolExecutor(times) as pool,
    ):
        holder.execute(hold)
        answers = [pool.submit(act, number) for number in range(times)]
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and watch.execute(waiting).fetchone() != (times,):
            time.sleep(0.02)
        all_stood_there = watch.execute(waiting).fetchone() == (times,)
        holder.rollback()
        counted = Counter(answer.result() for answer in answers)
    assert all_stood_there, f"They did not meet: {counted}"
    return counted


def execute(demo_product, statement: str, *values: object) -> None:
    """What only time or an operator of Keyring could bring about."""
    with psycopg.connect(demo_product.database_url) as database:
        database.execute(statement, values)


@pytest.fixture
def user(demo_product, unique):
    demo_product.api("POST", "/users", {"username": unique, "password": PASSWORD})
    return unique


@pytest.fixture(scope="module")
def description(demo_product):
    return httpx2.Response(200, content=demo_product.description()).json()


@pytest.fixture(scope="module")
def operations(description):
    return {
        operation["operationId"]: operation for item in description["paths"].values() for operation in item.values()
    }


def test_it_describes_its_operations_in_six_services(description, operations):
    assert description["openapi"].startswith("3.1")
    assert sorted(operations) == sorted(OPERATIONS.split())
    assert len({operation["tags"][0] for operation in operations.values()}) == 6


def test_every_operation_parameter_and_field_is_described_in_words(description, operations):
    fields = {
        f"{name}.{field}": schema
        for name, component in description["components"]["schemas"].items()
        if name.endswith("Request")
        for field, schema in component["properties"].items()
    }
    parameters = {
        f"{name}.{parameter['name']}": parameter
        for name, operation in operations.items()
        for parameter in operation.get("parameters", [])
    }
    described = {**fields, **parameters, **operations}
    assert [name for name, node in described.items() if not node.get("description")] == []
    assert len({operation["summary"] for operation in operations.values()}) == len(operations)


def test_secrets_are_described_as_passwords_that_are_only_written(description):
    schemas = description["components"]["schemas"]
    for name, field in (("UserCreation", "password"), ("NewPassword", "password"), ("SecretIn", "value")):
        schema = schemas[f"{name}Request"]["properties"][field]
        assert (schema["format"], schema["writeOnly"]) == ("password", True)
    assert schemas["UserCreationRequest"]["required"] == ["password", "username"]


def test_what_creates_honours_an_idempotency_key_and_says_so(operations):
    creating = {name for name, operation in operations.items() if "201" in operation["responses"]}
    assert {name for name, operation in operations.items() if "x-idempotency-key" in operation} == creating
    assert len(creating) == 7


def test_the_first_description_of_a_process_is_that_of_all_later_ones(demo_product):
    code = (
        "import django; django.setup(); from django.test import Client;"
        "a, b = (Client().get('/openapi.json', headers={'host': 'localhost'}).content for _ in range(2));"
        "assert b'writeOnly' in a; assert a == b"
    )
    demo_product.manage("shell", "--no-imports", "--command", code)


def test_without_a_token_and_with_a_wrong_one_it_says_so(demo_product):
    nothing = demo_product.http.get("/users")
    wrong = demo_product.http.get("/users", headers={"Authorization": "Bearer x"})
    assert (nothing.status_code, nothing.json()["code"]) == (401, "not_authenticated")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "invalid_token")
    # RFC 6750: who gave no token is told of no error in it.
    assert nothing.headers["WWW-Authenticate"] == 'Bearer realm="keyring"'
    assert wrong.headers["WWW-Authenticate"] == 'Bearer realm="keyring", error="invalid_token"'


def test_an_expired_token_is_refused_as_expired_and_can_be_refreshed(demo_product):
    tokens = demo_product.log_in()
    access = hashlib.sha256(tokens["access_token"].encode()).hexdigest()
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert demo_product.http.get("/users", headers=headers).status_code == 200
    execute(demo_product, "UPDATE demo_token SET expires_at = now() WHERE access = %s", access)
    expired = demo_product.http.get("/users", headers=headers)
    assert (expired.status_code, expired.json()["code"]) == (401, "token_expired")
    assert "expired" in expired.json()["detail"]
    assert 'error="invalid_token"' in expired.headers["WWW-Authenticate"]
    fresh = demo_product.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"]).json()
    assert (fresh["token_type"], fresh["expires_in"]) == ("Bearer", 3600)
    again = demo_product.http.get("/users", headers={"Authorization": f"Bearer {fresh['access_token']}"})
    assert again.status_code == 200


def test_a_refresh_token_is_used_once_even_by_several_at_the_same_time(demo_product):
    refresh = demo_product.log_in()["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": refresh}
    hold = "SELECT 1 FROM demo_token FOR UPDATE"
    assert at_once(demo_product, lambda _: demo_product.token(**form).status_code, hold) == {200: 1, 400: 5}
    assert demo_product.token(**form).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "password", "username": "svc-acme"}, "invalid_request"),
        ({"grant_type": "password", "username": "a\0", "password": "x"}, "invalid_request"),
        ({"grant_type": "password", "username": "svc-acme", "password": "wrong"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "wrong"}, "invalid_grant"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
    ],
)
def test_a_wrong_token_request_gets_the_error_of_the_standard(demo_product, form, error):
    answer = demo_product.token(**form)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"description": "new!"}, "description", "description may contain letters, digits and spaces only; '!' is not"),
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
    seen, cursor = [], ""
    while cursor is not None:
        page = demo_product.api("GET", f"/safes?limit=2&cursor={cursor}").json()
        assert len(page["items"]) <= 2
        seen += [safe["name"] for safe in page["items"]]
        cursor = page["next_cursor"]
    assert seen == [safe["name"] for safe in demo_product.api("GET", "/safes?limit=100").json()["items"]]
    assert len(seen) == page["total"] >= 3


def test_entries_written_meanwhile_shift_no_page(demo_product, user):
    first = demo_product.api("GET", "/audit-log?limit=5").json()
    for _ in range(3):
        demo_product.api("PATCH", f"/users/{user}", {"department": "Support"})
    second = demo_product.api("GET", f"/audit-log?limit=5&cursor={first['next_cursor']}").json()
    entries = [(entry["at"], entry["id"]) for entry in [*first["items"], *second["items"]]]
    assert entries == sorted(set(entries), reverse=True)
    assert len(entries) == 10


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/users?cursor=-5", "cursor"),
        ("/users?cursor=99999999999999999999", "cursor"),
        ("/users?limit=0", "limit"),
        ("/users?limit=101", "limit"),
        ("/users?limit=%C2%B2", "limit"),
        ("/users?status=gone", "status"),
        ("/access-requests?status=gone", "status"),
        ("/audit-log?from=yesterday", "from"),
    ],
)
def test_a_wrong_query_parameter_is_refused_by_name(demo_product, path, field):
    answer = demo_product.api("GET", path)
    assert (answer.status, answer.json()["errors"][0]["field"]) == (422, field)


def test_a_cursor_is_good_for_its_own_list_only(demo_product):
    cursor = demo_product.api("GET", "/users?limit=1").json()["next_cursor"]
    assert demo_product.api("GET", f"/audit-log?cursor={cursor}").status == 422


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/nothing", None, 404),
        ("GET", "/users/", None, 404),
        ("GET", "/access-requests/first", None, 404),
        ("GET", "/audit-log/99999999999999999999", None, 404),
        ("PUT", "/users", b"{}", 405),
        ("GET", "/users/a%00b", None, 400),
        ("GET", "/audit-log?actor=a%00", None, 400),
        ("POST", "/users", b"{", 400),
        ("POST", "/users", b"[" * 100_000, 400),
        ("POST", "/users", b'"text"', 422),
    ],
)
def test_every_error_is_a_problem_for_programs(demo_product, method, path, content, status):
    headers = {"Authorization": f"Bearer {demo_product.log_in()['access_token']}", "Content-Type": "application/json"}
    answer = demo_product.http.request(method, path, content=content, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["status"] == status
    assert answer.json()["detail"]


def test_an_idempotency_key_makes_a_repetition_harmless(demo_product, unique):
    def create(username: str) -> httpx2.Response:
        body = {"username": username, "password": PASSWORD}
        return demo_product.api("POST", "/users", body, headers={"Idempotency-Key": unique})

    hold = "SELECT 1 FROM demo_client FOR UPDATE"
    assert at_once(demo_product, lambda _: create(unique).status, hold) == {201: 6}
    assert create(unique).json() == demo_product.api("GET", f"/users/{unique}").json()
    assert demo_product.api("GET", f"/audit-log?action=create_user&target={unique}").json()["total"] == 1
    assert create(f"{unique}x").status == 422
    assert demo_product.api("GET", f"/users/{unique}x").status == 404


def test_an_idempotency_key_is_refused_rather_than_cut(demo_product, unique):
    for end in ("a", "b"):
        headers = {"Idempotency-Key": unique.ljust(100, "k") + end}
        answer = demo_product.api("POST", "/groups", {"name": f"{unique}{end}"}, headers=headers)
        assert (answer.status, answer.json()["errors"][0]["field"]) == (422, "Idempotency-Key")


def test_a_refused_creation_leaves_its_idempotency_key_unused(demo_product, unique):
    headers = {"Idempotency-Key": unique}
    assert demo_product.api("POST", "/users", {"username": unique, "password": "short"}, headers=headers).status == 422
    good = {"username": unique, "password": PASSWORD}
    assert demo_product.api("POST", "/users", good, headers=headers).status == 201


def test_of_several_who_add_the_same_member_at_once_one_does(demo_product, user, unique):
    demo_product.api("POST", "/groups", {"name": unique})

    def add(_: int) -> int:
        return demo_product.api("POST", f"/groups/{unique}/members", {"username": user}).status

    assert at_once(demo_product, add, "LOCK TABLE demo_group_members IN SHARE MODE") == {201: 1, 409: 5}


def test_of_several_who_create_the_same_user_at_once_one_does(demo_product, unique):
    def create(_: int) -> int:
        return demo_product.api("POST", "/users", {"username": unique, "password": PASSWORD}).status

    assert at_once(demo_product, create, "LOCK TABLE demo_account IN SHARE MODE") == {201: 1, 409: 5}


def test_of_several_who_decide_on_a_request_at_once_one_does(demo_product, user):
    request = demo_product.api("POST", "/access-requests", {"username": user, "safe": "mail", "reason": "test"}).json()

    def decide(number: int) -> int:
        act = ("approve", "deny", "cancel")[number % 3]
        return demo_product.api("POST", f"/access-requests/{request['id']}/{act}").status

    assert at_once(demo_product, decide, "LOCK TABLE demo_accessrequest IN SHARE MODE") == {200: 1, 409: 5}


def test_a_change_that_cannot_be_audited_is_not_made(demo_product, unique):
    body = {"username": unique, "password": PASSWORD}
    refuse = f"ALTER TABLE demo_auditentry ADD CONSTRAINT refused CHECK (target <> '{unique}') NOT VALID"
    execute(demo_product, refuse)
    try:
        answer = demo_product.api("POST", "/users", body)
    finally:
        execute(demo_product, "ALTER TABLE demo_auditentry DROP CONSTRAINT refused")
    assert (answer.status, answer.headers["content-type"]) == (500, "application/problem+json")
    assert unique not in answer.text
    assert demo_product.api("GET", f"/users/{unique}").status == 404
    assert demo_product.api("POST", "/users", body).status == 201


def test_a_user_is_changed_disabled_enabled_and_deleted(demo_product, user):
    path = f"/users/{user}"
    changed = demo_product.api("PATCH", path, {"department": "Legal", "description": "Works in Berlin"}).json()
    assert (changed["department"], changed["description"]) == ("Legal", "Works in Berlin")
    assert demo_product.api("POST", f"{path}/disable").json()["status"] == "disabled"
    assert user in [
        row["username"] for row in demo_product.api("GET", "/users?status=disabled&limit=100").json()["items"]
    ]
    assert demo_product.api("POST", f"{path}/enable").json()["status"] == "active"
    assert demo_product.api("PUT", f"{path}/password", {"password": "short"}).status == 422
    assert demo_product.api("PUT", f"{path}/password", {"password": "Another-Horse-8"}).status == 204
    assert demo_product.api("DELETE", path).status == 204
    assert demo_product.api("GET", path).status == 404


def test_a_group_has_members(demo_product, user, unique):
    path = f"/groups/{unique}"
    assert demo_product.api("POST", "/groups", {"name": unique}).status == 201
    assert demo_product.api("POST", f"{path}/members", {"username": user}).json()["members"] == 1
    assert demo_product.api("PATCH", path, {"description": "Night shift"}).json()["description"] == "Night shift"
    assert demo_product.api("GET", f"/users/{user}/groups").json()["items"][0]["name"] == unique
    assert demo_product.api("DELETE", f"{path}/members/{user}").status == 204
    assert demo_product.api("DELETE", f"{path}/members/{user}").status == 404
    assert demo_product.api("GET", f"{path}/members").json()["total"] == 0
    assert demo_product.api("DELETE", path).status == 204
    assert demo_product.api("GET", f"/users/{user}").status == 200


def test_access_to_a_safe_is_requested_approved_and_revoked(demo_product, user, unique):
    assert demo_product.api("POST", "/safes", {"name": unique}).status == 201
    assert demo_product.api("PATCH", f"/safes/{unique}", {"description": "Spare"}).json()["description"] == "Spare"
    body = {"username": user, "safe": unique, "reason": "Monthly report"}
    number = demo_product.api("POST", "/access-requests", body).json()["id"]
    assert demo_product.api("POST", f"/access-requests/{number}/approve").json()["status"] == "approved"
    members = demo_product.api("GET", f"/safes/{unique}/members").json()["items"]
    assert members == [{"username": user, "permission": "use"}]
    assert demo_product.api("POST", f"/access-requests/{number}/deny").status == 409
    assert demo_product.api("DELETE", f"/safes/{unique}/members/{user}").status == 204
    assert demo_product.api("GET", f"/safes/{unique}/members").json()["total"] == 0


@pytest.mark.parametrize(("act", "status"), [("deny", "denied"), ("cancel", "cancelled")])
def test_a_denied_or_cancelled_request_gives_no_access(demo_product, user, unique, act, status):
    demo_product.api("POST", "/safes", {"name": unique})
    body = {"username": user, "safe": unique, "reason": "Monthly report"}
    number = demo_product.api("POST", "/access-requests", body).json()["id"]
    demo_product.api("POST", f"/access-requests/{number}/{act}")
    assert demo_product.api("GET", f"/access-requests/{number}").json()["status"] == status
    assert demo_product.api("GET", f"/safes/{unique}/members").json()["total"] == 0


@pytest.mark.slow
def test_rotating_a_secret_takes_seconds_and_changes_its_value(demo_product, unique):
    demo_product.api("POST", "/safes/mail/secrets", {"name": unique, "value": "s3cr3t-value"})
    answer = demo_product.api("POST", f"/safes/mail/secrets/{unique}/rotate")
    assert answer.elapsed > timedelta(seconds=2)
    assert demo_product.api("GET", f"/safes/mail/secrets/{unique}").json()["rotated_at"]
    assert demo_product.api("GET", f"/safes/mail/secrets/{unique}/value").json()["value"] not in ("", "s3cr3t-value")


@pytest.mark.slow
def test_maintenance_takes_seconds_and_forgets_what_is_old(demo_product, unique):
    body = {"username": unique, "password": PASSWORD}
    demo_product.api("POST", "/users", body, headers={"Idempotency-Key": unique})
    old = "UPDATE demo_idempotentreply SET created_at = now() - interval '2 days' WHERE key = %s"
    execute(demo_product, old, unique)
    report = demo_product.api("POST", "/system/maintenance").json()
    assert report["seconds"] > 2
    assert report["removed_replies"] == 1
    # The key is free again: now the name is what stands in the way.
    assert demo_product.api("POST", "/users", body, headers={"Idempotency-Key": unique}).status == 409


def test_a_secret_sealed_with_a_lost_key_is_refused_in_words_and_not_audited_as_revealed(demo_product, unique):
    demo_product.api("POST", "/safes/mail/secrets", {"name": unique, "value": "s3cr3t-value"})
    execute(demo_product, "UPDATE demo_secret SET sealed = 'another' WHERE name = %s", unique)
    answer = demo_product.api("GET", f"/safes/mail/secrets/{unique}/value")
    assert (answer.status, "DEMO_SECRET_KEY" in answer.json()["detail"]) == (409, True)
    assert demo_product.api("GET", f"/safes/mail/secrets/{unique}").status == 200
    target = quote(f"{unique} in mail")
    assert demo_product.api("GET", f"/audit-log?action=reveal_secret&target={target}").json()["total"] == 0


@pytest.mark.parametrize("tenant", ["acme", "globex"])
def test_it_is_seeded_with_people_and_ten_days_of_history(demo_product, tenant):
    counts = demo_product.api("GET", "/system/statistics", tenant=tenant).json()
    assert counts["users"] >= 12
    assert min(counts[name] for name in ("groups", "safes", "secrets", "pending_access_requests")) >= 1
    for day in range(1, 10):
        start = datetime.now(UTC) - timedelta(days=day + 1)
        period = f"from={quote(start.isoformat())}&to={quote((start + timedelta(days=2)).isoformat())}"
        assert demo_product.api("GET", f"/audit-log?{period}", tenant=tenant).json()["total"] > 0


def test_seeding_again_changes_nothing(demo_product):
    before = demo_product.api("GET", "/system/statistics").json()
    demo_product.manage("seed")
    assert demo_product.api("GET", "/system/statistics").json() == before


def test_clients_that_are_written_wrongly_are_refused_in_words(demo_product):
    with pytest.raises(RuntimeError, match="workspace:name:password"):
        demo_product.manage("seed", DEMO_CLIENTS="acme")


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

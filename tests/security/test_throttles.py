"""Too many requests: by member, tenant, address and wrong passwords; and the sessions of a person."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from django.test import Client

from accounts import throttle
from accounts.models import AuditEntry
from accounts.throttle import Throttled, count_request

pytestmark = pytest.mark.slow

PASSWORD = "seven-grey-otters"


@pytest.fixture(autouse=True)
def same_minute(monkeypatch):
    """The test's requests all fall into one minute, ten seconds before its end."""
    at = time.time() // 60 * 60 + 50
    monkeypatch.setattr(throttle, "time", SimpleNamespace(time=lambda: at))


def test_a_tenant_is_throttled_beside_its_members_and_others_are_not(acme, globex, settings):
    settings.NLOPS_MEMBER_RATE, settings.NLOPS_TENANT_RATE = 2, 3
    for member in (acme.customer, acme.customer, acme.operator):
        count_request(member)
    with pytest.raises(Throttled, match="from Acme at once") as refused:
        count_request(acme.operator)
    assert refused.value.retry_after == 10
    count_request(globex.customer)


def test_what_a_member_sends_too_much_does_not_keep_the_others_out(acme, settings):
    settings.NLOPS_MEMBER_RATE, settings.NLOPS_TENANT_RATE = 1, 3
    count_request(acme.customer)
    for _ in range(10):
        with pytest.raises(Throttled, match="a bit fast"):
            count_request(acme.customer)
    count_request(acme.operator)


def test_the_rest_api_and_the_chat_tell_when_to_come_back(acme, browse, settings):
    settings.NLOPS_TENANT_RATE = 1
    browse(acme.operator).post("/api/v1/ask/", {"text": "hello"}, "application/json")
    answer = browse(acme.customer).post("/api/v1/ask/", {"text": "hello"}, "application/json")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "10")
    assert "from Acme at once" in answer.json()["detail"]
    page = browse(acme.customer).post("/", {"text": "hello"}, headers={"HX-Request": "true"})
    assert page.status_code == 429
    assert "from Acme at once" in page.content.decode()


def test_an_address_is_throttled_whoever_it_says_it_is(db, clean_cache, settings):
    settings.NLOPS_ADDRESS_RATE = 3
    statuses = [
        Client().get("/accounts/login/", headers={"X-Forwarded-For": f"198.51.100.{number}"}).status_code
        for number in range(5)
    ]
    assert statuses == [200, 200, 200, 429, 429]
    page = Client().get("/accounts/login/")
    assert page.headers["Retry-After"] == "10"
    assert "Wait 10 seconds" in page.content.decode()
    told = Client().get("/api/v1/products/")
    assert (told.status_code, told.headers["Retry-After"]) == (429, "10")
    assert "from your address" in told.json()["detail"]
    assert Client().get("/accounts/login/", REMOTE_ADDR="192.0.2.9").status_code == 200
    assert Client().get("/healthz").status_code == 200


def test_behind_a_proxy_the_address_is_the_one_that_the_proxy_saw(db, clean_cache, settings):
    settings.NLOPS_ADDRESS_RATE, settings.ALLAUTH_TRUSTED_PROXY_COUNT = 2, 1

    def status(forwarded: str) -> int:
        return int(Client().get("/accounts/login/", headers={"X-Forwarded-For": forwarded}).status_code)

    # What stands before the proxy's own word is the client's invention.
    assert [status(f"10.0.0.{number}, 203.0.113.7") for number in range(3)] == [200, 200, 429]
    assert status("203.0.113.8") == 200
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 2
    assert status("203.0.113.9") == 200  # past one of two proxies: counted by its own address, no error


def test_an_ipv6_neighbourhood_is_one_address(db, clean_cache, settings):
    settings.NLOPS_ADDRESS_RATE = 2
    statuses = [
        Client().get("/accounts/login/", REMOTE_ADDR=f"2001:db8:1:2::{number}").status_code for number in range(1, 4)
    ]
    assert statuses == [200, 200, 429]
    assert Client().get("/accounts/login/", REMOTE_ADDR="2001:db8:1:3::1").status_code == 200


def test_wrong_passwords_close_the_door_for_a_while_even_to_the_right_one(acme):
    acme.customer.user.set_password(PASSWORD)
    acme.customer.user.save()

    def sign_in(password: str, ip: str) -> Client:
        client = Client(REMOTE_ADDR=ip)
        client.post("/accounts/login/", {"login": "customer@acme.example", "password": password})
        return client

    for number in range(5):
        sign_in("wrong", f"192.0.2.{number}")  # from as many addresses as they like
    assert "_auth_user_id" not in sign_in(PASSWORD, "192.0.2.77").session
    told = Client(REMOTE_ADDR="192.0.2.78").post(
        "/accounts/login/", {"login": "customer@acme.example", "password": PASSWORD}
    )
    assert "Too many failed login attempts" in told.content.decode()
    # The same door for scripts.
    by_script = Client(REMOTE_ADDR="192.0.2.79").post(
        "/_allauth/app/v1/auth/login", {"email": "customer@acme.example", "password": PASSWORD}, "application/json"
    )
    assert by_script.status_code in (400, 429)


def test_many_sign_ins_from_one_address_are_refused_with_a_time_to_wait(acme):
    client = Client(REMOTE_ADDR="192.0.2.1")
    answers = [
        client.post("/accounts/login/", {"login": f"nobody{number}@acme.example", "password": "x"})
        for number in range(31)
    ]
    assert answers[-1].status_code == 429
    assert answers[-1].headers["Retry-After"] == "60"


def signed_in(email: str, ip: str) -> Client:
    client = Client(REMOTE_ADDR=ip, headers={"User-Agent": f"Browser at {ip}"})
    assert client.post("/accounts/login/", {"login": email, "password": PASSWORD}).status_code == 302
    return client


def test_a_person_sees_their_sessions_and_signs_out_the_others(acme, browse):
    for member in (acme.customer, acme.operator):
        member.user.set_password(PASSWORD)
        member.user.save()
    here, there, elsewhere = (signed_in("customer@acme.example", f"192.0.2.{number}") for number in (1, 2, 3))
    stranger = signed_in("operator@acme.example", "192.0.2.4")
    page = here.get("/accounts/sessions/")
    told = page.content.decode()
    assert all(f"Browser at 192.0.2.{number}" in told for number in (1, 2, 3))
    assert "192.0.2.4" not in told
    second = next(row for row in page.context["sessions"] if row.ip == "192.0.2.2")
    assert stranger.post(f"/profile/sessions/{second.pk}/end/").status_code == 404
    assert there.get("/profile/").status_code == 200
    here.post(f"/profile/sessions/{second.pk}/end/")
    assert there.get("/profile/").status_code == 302
    assert elsewhere.get("/profile/").status_code == 200
    here.post("/accounts/sessions/")
    assert elsewhere.get("/profile/").status_code == 302
    assert here.get("/profile/").status_code == 200
    assert stranger.get("/profile/").status_code == 200
    ended = [entry.data for entry in AuditEntry.objects.filter(action="signed_out")]
    assert ended == [{"other_sessions": 1}, {"other_sessions": 1}]

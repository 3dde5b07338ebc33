"""What surrounds the pages: sign-in, profile, errors, health."""

from __future__ import annotations

import pytest
from django.urls import reverse

from conversations import views
from conversations.models import Conversation
from nlops import health


def test_a_member_signs_in_by_e_mail_and_comes_to_the_chat(client, acme):
    acme.customer.user.set_password("pw-For-tests-1")
    acme.customer.user.save()
    form = {"login": "customer@acme.example", "password": "wrong"}
    assert "not correct" in client.post("/accounts/login/", form).content.decode()
    response = client.post("/accounts/login/", form | {"password": "pw-For-tests-1"}, follow=True)
    assert "What shall be done?" in response.content.decode()


def test_nobody_signs_up_by_themselves(client, db):
    assert "sign up" not in client.get("/accounts/login/").content.decode().lower()
    response = client.post(
        "/accounts/signup/", {"email": "a@b.example", "password1": "pw-For-1", "password2": "pw-For-1"}
    )
    assert "closed" in response.content.decode().lower()


@pytest.mark.parametrize(
    "name", ["account_change_password", "account_reset_password", "account_logout", "mfa_index", "profile"]
)
def test_pages_of_the_account_stand_in_our_layout(acme, browse, name):
    client = browse(acme.customer)
    session = client.session
    # Pages about sign-in ask for the password again unless that was just given.
    session["account_authentication_methods"] = [{"method": "password", "at": 4_000_000_000}]
    session.save()
    content = client.get(reverse(name), follow=True).content.decode()
    assert '<a class="brand" href="/">nlops</a>' in content


def test_the_time_zone_is_set_on_the_profile_and_used(acme, browse):
    client = browse(acme.customer)
    refused = client.post("/profile/", {"time_zone": "Mars/Olympus"})
    assert "Mars/Olympus" in refused.content.decode()
    client.post("/profile/", {"time_zone": "Asia/Seoul"})
    acme.customer.user.refresh_from_db()
    assert acme.customer.user.time_zone == "Asia/Seoul"


def test_the_rooms_are_those_of_the_role(acme, browse):
    rooms = {"Products": {"operator", "owner"}, "Approvals": {"operator", "owner"}, "Review": {"reviewer", "owner"}}
    for member in (acme.customer, acme.operator, acme.reviewer, acme.owner):
        content = browse(member).get("/").content.decode()
        for room, roles in rooms.items():
            assert (f">{room}<" in content) == (member.role in roles), (member.role, room)


def test_what_is_not_there_is_told_plainly(acme, browse):
    response = browse(acme.customer).get("/nowhere/")
    assert response.status_code == 404
    assert "There is no such page" in response.content.decode()


def test_what_is_not_allowed_says_whom_to_ask(acme, browse):
    response = browse(acme.customer).get("/products/")
    assert response.status_code == 403
    assert "needs the role operator" in response.content.decode()


def test_a_fault_of_ours_shows_no_traceback_and_keeps_nothing_half_done(acme, browse, monkeypatch):
    def broken(member, text, conversation=None):
        Conversation.objects.create(tenant=member.tenant, member=member)
        raise RuntimeError("secret detail")

    monkeypatch.setattr(views, "ask", broken)
    client = browse(acme.customer)
    client.raise_request_exception = False
    response = client.post("/", {"text": "hello"})
    assert response.status_code == 500
    assert "Something went wrong here" in response.content.decode()
    assert "secret detail" not in response.content.decode()
    assert Conversation.objects.count() == 0


def test_healthz_asks_nothing_of_anybody(client):
    assert client.get("/healthz").content == b"ok"


def test_readyz_is_ready_with_database_migrations_and_broker(client, db, clean_cache):
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"database": "ok", "migrations": "ok", "broker": "ok"})


def test_readyz_says_what_is_missing_and_no_more(client, db, monkeypatch):
    def refuse() -> str:
        raise ConnectionRefusedError("redis://user:password@host")

    monkeypatch.setitem(health.CHECKS, "broker", refuse)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["broker"] == "unreachable"
    assert "password" not in response.content.decode()

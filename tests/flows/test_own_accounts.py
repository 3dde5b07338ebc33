"""Each member brings their own account: calls carry it, nobody else reads or uses it, and it goes with the member."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection as database
from django.utils import timezone

from accounts.context import tenant_context
from accounts.encryption import DecryptionError, decrypt
from accounts.flows.rotate_keys import rotate_keys
from accounts.models import AuditEntry
from conversations.models import Approval, Call, Event
from specs.flows import FlowError
from specs.flows.call_product import ProductUnreachable, call_operation
from specs.flows.connect_account import account_for_sign_in, connect_account, disconnect_account
from specs.flows.save_connection import save_connection
from specs.models import AuthKind, Connection, MemberCredential, Operation, Product
from specs.querysets import connection_to
from tests.conftest import People, make_people
from tests.flows.test_connection_kinds import Answer, Seen, Service, make_product, provider, serve, tokens_at
from tests.journeys import Journey

pytestmark = pytest.mark.slow

PAIR = "Basic " + base64.b64encode(b"ann:k7-canary-key-of-a-member").decode()
KEY = "k7-canary-key-of-a-member"


@pytest.fixture
def service() -> Iterator[Service]:
    yield from serve()


@pytest.fixture
def product(acme) -> Product:
    return make_product(acme.tenant)


def personal(product: Product, service: Service, **fields: Any) -> Connection:
    given = {"auth_kind": AuthKind.API_KEY_HEADER, "auth_name": "X-Key"} | fields
    return save_connection(product, base_url=service.url, personal=True, **given)


def call(product: Product, member: Any) -> Any:
    found = connection_to(product.pk, member.pk)
    assert found is not None
    return call_operation(Operation.objects.get(version__product=product, name="listThings"), found, {})


# --- calls ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "username", "header", "value"),
    [
        ({}, "", "x-key", KEY),
        ({"auth_kind": AuthKind.BEARER}, "", "authorization", f"Bearer {KEY}"),
        ({"auth_kind": AuthKind.BASIC}, "ann", "authorization", PAIR),
    ],
)  # fmt: skip
def test_a_call_carries_what_its_own_member_brought(acme, product, service, fields, username, header, value):
    connection = personal(product, service, **fields)
    connect_account(connection, acme.customer, username=username, secret=KEY)
    connect_account(connection, acme.owner, username=username or "", secret="another key")
    assert call(product, acme.customer).status == 200
    assert service.seen[-1].headers[header] == value
    call(product, acme.owner)
    assert service.seen[-1].headers[header] != value


def test_without_an_account_of_ones_own_nothing_is_sent(acme, product, service):
    connection = personal(product, service)
    connect_account(connection, acme.customer, secret=KEY)
    for found in (connection_to(product.pk, acme.operator.pk), connection_to(product.pk), connection):
        with pytest.raises(ProductUnreachable, match="wants an account of your own") as raised:
            call_operation(Operation.objects.get(name="listThings"), found, {})
        assert not raised.value.sent
    assert service.seen == []


@pytest.mark.parametrize("kind", [AuthKind.OAUTH2_CLIENT, AuthKind.OAUTH2_PASSWORD])
def test_tokens_are_each_members_own_and_renewed_in_their_row(acme, product, service, kind):
    given: dict[str, list[str]] = {"ann": [], "bob": []}

    def answer(seen: Seen) -> Answer:
        if urlsplit(seen.path).path == "/token":
            pair = base64.b64decode(seen.headers.get("authorization", "Basic ").removeprefix("Basic ")).decode()
            name = seen.form.get("username") or pair.partition(":")[0]
            given[name].append(f"{name}-{len(given[name]) + 1}")
            return 200, {}, {"access_token": given[name][-1], "expires_in": 3600}
        known = [f"Bearer {tokens[-1]}" for tokens in given.values() if tokens]
        return (200, {}, {}) if seen.headers.get("authorization") in known else (401, {}, {})

    service.answer = answer
    connection = personal(product, service, auth_kind=kind, token_url="/token")
    connect_account(connection, acme.customer, username="ann", secret=KEY)
    connect_account(connection, acme.owner, username="bob", secret="another key")
    for member in (acme.customer, acme.owner, acme.customer):
        assert call(product, member).status == 200
    assert (given["ann"], given["bob"]) == (["ann-1"], ["bob-1"])
    assert service.seen[-1].headers["authorization"] == "Bearer ann-1"
    given["ann"].append("ended at the product")
    assert call(product, acme.customer).status == 200
    assert given["ann"][-1] == "ann-3"
    connection.refresh_from_db()
    assert connection.tokens == connection.secret == connection.username == ""


@pytest.mark.django_db(transaction=True)
def test_one_of_many_workers_renews_a_members_token(service, clean_cache):
    people = make_people("acme")
    service.answer = tokens_at("/token", lambda seen: True)
    with tenant_context(people.tenant.pk):
        product = make_product(people.tenant)
        connection = personal(product, service, auth_kind=AuthKind.OAUTH2_CLIENT, token_url="/token")
        connect_account(connection, people.customer, username="ann", secret=KEY)
    found: list[int] = []

    def work() -> None:
        try:
            with tenant_context(people.tenant.pk):
                own = connection_to(product.pk, people.customer.pk)
                operation = Operation.objects.get(name="listThings")
            found.append(call_operation(operation, own, {}).status)
        finally:
            database.close()

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == [200] * 8
    assert len(service.calls("/token")) == 1


def test_credentials_that_are_refused_are_asked_for_again(acme, product, service):
    service.answer = tokens_at("/token", lambda seen: False)
    connection = personal(product, service, auth_kind=AuthKind.OAUTH2_CLIENT, token_url="/token")
    connect_account(connection, acme.customer, username="ann", secret=KEY)
    with pytest.raises(ProductUnreachable, match="Connect your account again") as raised:
        call(product, acme.customer)
    assert KEY not in str(raised.value)
    assert MemberCredential.objects.get().works is False
    connect_account(connection, acme.customer, username="ann", secret="a new one")
    assert MemberCredential.objects.get().works is True


def test_a_key_that_the_product_refuses_is_asked_for_again_but_not_the_one_that_replaced_it(acme, product, service):
    connection = personal(product, service)
    connect_account(connection, acme.customer, secret=KEY)
    service.answer = lambda seen: (401, {}, {})
    assert call(product, acme.customer).status == 401
    assert MemberCredential.objects.get().works is False
    own = connect_account(connection, acme.customer, secret=KEY)
    connect_account(connection, acme.customer, secret="a new one")
    call_operation(Operation.objects.get(name="listThings"), own, {})
    assert MemberCredential.objects.get().works is True


# --- what is kept -----------------------------------------------------------------------------------------


def test_it_is_encrypted_and_bound_to_its_member_and_rotates(acme, product, service):
    connection = personal(product, service)
    connect_account(connection, acme.customer, secret=KEY)
    connect_account(connection, acme.owner, secret="another key")
    own, other = (MemberCredential.objects.get(member=member) for member in (acme.customer, acme.owner))
    assert KEY not in own.secret
    # Put into another's row by whoever writes to the database, it opens nothing.
    with pytest.raises(DecryptionError):
        decrypt(own.secret, tenant_id=acme.tenant.pk, record=other.record("secret"))
    assert decrypt(own.secret, tenant_id=acme.tenant.pk, record=own.record("secret")) == KEY
    with pytest.raises(ValueError, match="can't be saved"):
        connection.with_credential(own).save()


def test_keys_are_rotated(acme, product, service, settings):
    connect_account(personal(product, service), acme.customer, secret=KEY)
    new = "new:" + base64.b64encode(b"n" * 32).decode()
    settings.NLOPS_ENCRYPTION_KEYS = f"{new},{settings.NLOPS_ENCRYPTION_KEYS}"
    rotate_keys()
    settings.NLOPS_ENCRYPTION_KEYS = new
    assert call(product, acme.customer).status == 200
    assert service.seen[-1].headers["x-key"] == KEY


@pytest.mark.parametrize(
    "change",
    [
        {"base_url": "https://elsewhere.example"},
        {"auth_name": "X-Other"},
        {"auth_kind": AuthKind.BEARER},
        {"proxy_url": "http://127.0.0.1:9"},
        {"personal": False, "secret": "shared"},
    ],
)
def test_who_changes_where_the_connection_leads_does_not_take_the_credentials_along(acme, product, service, change):
    connect_account(personal(product, service), acme.customer, secret=KEY)
    same = {"base_url": service.url, "auth_kind": AuthKind.API_KEY_HEADER, "auth_name": "X-Key", "personal": True}
    save_connection(product, **same, timeout_seconds=20)
    assert MemberCredential.objects.exists()
    save_connection(product, **{**same, **change})
    assert not MemberCredential.objects.exists()
    assert AuditEntry.objects.latest("number").data["forgotten"] == 1


def test_it_goes_with_the_membership(acme, product, service):
    connection = personal(product, service)
    for member in (acme.customer, acme.owner):
        connect_account(connection, member, secret=KEY)
    acme.customer.is_active = False
    acme.customer.save()
    assert [row.member for row in MemberCredential.objects.all()] == [acme.owner]
    disconnect_account(connection, acme.owner)
    assert not MemberCredential.objects.exists()


@pytest.mark.parametrize(
    ("fields", "given", "words"),
    [
        ({}, {"secret": ""}, "Secret: it is needed"),
        ({}, {"secret": "a\r\nX-Evil: 1"}, "Secret: "),
        ({"auth_kind": AuthKind.BASIC}, {"secret": "x"}, "User name: it is needed"),
        ({"auth_kind": AuthKind.BASIC}, {"secret": "x", "username": "a:b"}, "no colon"),
    ],
)
def test_what_can_not_work_is_refused(acme, product, service, fields, given, words):
    with pytest.raises(FlowError, match=words):
        connect_account(personal(product, service, **fields), acme.customer, **given)
    assert not MemberCredential.objects.exists()


def test_a_shared_connection_takes_no_account_and_one_without_authentication_is_not_personal(acme, product, service):
    shared = save_connection(product, base_url=service.url, auth_kind=AuthKind.BEARER, secret="shared")
    with pytest.raises(FlowError, match="an account of your organisation"):
        connect_account(shared, acme.customer, secret=KEY)
    with pytest.raises(FlowError, match="an account of your organisation"):
        account_for_sign_in(shared, acme.customer)
    with pytest.raises(FlowError, match="choose how they sign in"):
        personal(product, service, auth_kind=AuthKind.NONE)


# --- pages ------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
class TestPages:
    @pytest.fixture
    def people(self, clean_cache, service) -> People:
        people = make_people("acme")
        with tenant_context(people.tenant.pk):
            personal(make_product(people.tenant), service)
        return people

    def test_a_member_connects_and_comes_back_to_the_request(self, people, browse, service):
        client = browse(people.customer)
        assert "not connected" in client.get("/my-connections/").content.decode()
        address = "/my-connections/things/?text=List+all+things"
        done = client.post(address, {"secret": KEY})
        assert (done.status_code, done.headers["Location"]) == (302, "/?text=List+all+things")
        assert service.seen[-1].headers["x-key"] == KEY
        for page in ("/my-connections/", "/my-connections/things/"):
            assert KEY not in client.get(page).content.decode()
        assert "connected" in client.get("/my-connections/").content.decode()
        assert client.post("/my-connections/things/forget/").status_code == 302
        with tenant_context(people.tenant.pk):
            assert not MemberCredential.objects.exists()

    def test_what_does_not_work_yet_is_told_and_not_passed_off_as_connected(self, people, browse, service):
        service.answer = lambda seen: (401, {}, {})
        client = browse(people.customer)
        done = client.post("/my-connections/things/", {"secret": KEY}, follow=True)
        assert "does not accept the credentials" in done.content.decode()
        assert "The product does not accept it any more" in done.content.decode()
        assert "not accepted any more" in client.get("/my-connections/").content.decode()

    def test_the_api_takes_credentials_and_never_gives_them(self, people, browse):
        client = browse(people.customer)
        root = "/api/v1/my-connections/"
        sent = client.put(f"{root}things/", {"secret": KEY}, content_type="application/json")
        assert sent.status_code == 204
        told = client.get(root)
        assert [(row["product"], row["connected"]) for row in told.json()] == [("things", True)]
        assert KEY not in told.content.decode()
        assert browse(people.operator).get(root).json()[0]["connected"] is False
        assert client.put(f"{root}things/", {"secret": ""}, content_type="application/json").status_code == 400
        assert client.put(f"{root}none/", {"secret": "x"}, content_type="application/json").status_code == 404
        assert client.delete(f"{root}things/").status_code == 204
        assert client.get(root).json()[0]["connected"] is False

    def test_operators_see_how_many_and_nothing_else(self, people, browse):
        browse(people.customer).post("/my-connections/things/", {"secret": KEY})
        client = browse(people.operator)
        page = client.get("/products/things/connection/").content.decode()
        assert "1 member connected" in page
        assert KEY not in page
        tried = client.post("/products/things/connection/test/", follow=True).content.decode()
        assert "Each member brings their own account" in tried

    def test_a_product_with_a_shared_connection_is_none_of_theirs(self, people, browse, service):
        with tenant_context(people.tenant.pk):
            save_connection(Product.objects.get(), base_url=service.url, auth_kind=AuthKind.BEARER, secret="shared")
        client = browse(people.customer)
        assert client.get("/my-connections/things/").status_code == 404
        assert client.post("/my-connections/things/sign-in/").status_code == 404

    def test_a_member_signs_in_at_the_provider(self, people, browse, service):
        challenges: dict[str, str] = {}
        service.answer = provider(service, challenges)
        with tenant_context(people.tenant.pk):
            personal(
                Product.objects.get(), service, auth_kind=AuthKind.OAUTH2_CODE, username="client-1",
                secret="client secret", issuer=service.url, scope="openid",
            )  # fmt: skip
        client = browse(people.customer)
        away = client.post("/my-connections/things/sign-in/?text=List+things").headers["Location"]
        asked = parse_qs(urlsplit(away).query)
        assert asked["code_challenge_method"] == ["S256"]
        with tenant_context(people.tenant.pk):
            assert MemberCredential.objects.get().works is False
        challenges["code-1"] = asked["code_challenge"][0]
        wrong = client.get("/connections/signed-in/", {"state": "forged", "code": "code-1"})
        assert wrong.headers["Location"] == "/my-connections/things/"
        away = client.post("/my-connections/things/sign-in/?text=List+things").headers["Location"]
        asked = parse_qs(urlsplit(away).query)
        challenges["code-2"] = asked["code_challenge"][0]
        back = client.get("/connections/signed-in/", {"state": asked["state"][0], "code": "code-2"})
        assert back.headers["Location"] == "/?text=List+things"
        with tenant_context(people.tenant.pk):
            own = MemberCredential.objects.get()
            assert (own.member, own.works, bool(own.tokens)) == (people.customer, True, True)
            assert Connection.objects.get().tokens == ""
            assert call(Product.objects.get(), people.customer).status == 200

    def test_a_customer_can_not_finish_a_sign_in_for_everybody(self, people, browse, service):
        client = browse(people.customer)
        session = client.session
        session["connection_sign_in"] = {"slug": "things", "url": "", "state": "s", "verifier": "v", "redirect_uri": ""}
        session.save()
        assert client.get("/connections/signed-in/", {"state": "s", "code": "c"}).status_code == 403


# --- the chat ---------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
class TestChat:
    @pytest.fixture
    def people(self, connected, demo_product) -> People:
        with tenant_context(connected.tenant.pk):
            save_connection(
                Product.objects.get(), base_url=demo_product.base_url, auth_kind=AuthKind.OAUTH2_PASSWORD,
                token_url="/auth/token", personal=True,
            )  # fmt: skip
        return connected

    def connect(self, people: People, member: Any, demo_product: Any) -> None:
        name, password = demo_product.client("acme")
        with tenant_context(people.tenant.pk):
            connect_account(Connection.objects.get(), member, username=name, secret=password)

    def test_who_has_no_account_is_asked_by_a_link_and_then_is_served(self, people, demo_product, browse):
        chat = Journey(people.customer).say("List all groups")
        assert chat.status == "failed"
        assert "wants an account of your own" in chat.answer
        page = browse(people.customer).get(f"/c/{chat.conversation.pk}/").content.decode()
        assert 'href="/my-connections/keyring/?text=List%20all%20groups"' in page
        self.connect(people, people.customer, demo_product)
        assert chat.say("List all groups").status == "answered"
        assert Journey(people.operator).say("List all groups").status == "failed"

    def test_an_account_that_is_taken_back_before_the_yes_stops_the_call(self, people, demo_product, unique):
        self.connect(people, people.customer, demo_product)
        chat = Journey(people.customer).say(f"Create a user named {unique}").reply(password="Correct-Horse-7")
        assert chat.status == "confirming"
        with tenant_context(people.tenant.pk):
            disconnect_account(Connection.objects.get(), people.customer)
        chat.confirm()
        assert chat.status == "failed"
        assert demo_product.api("GET", f"/users/{unique}").status == 404

    def test_what_was_agreed_to_with_a_shared_account_is_not_done_with_anothers(self, people, demo_product, unique):
        """An operator makes the connection personal between the yes and the call."""
        name, password = demo_product.client("acme")
        shared = {
            "base_url": demo_product.base_url, "auth_kind": AuthKind.OAUTH2_PASSWORD, "token_url": "/auth/token",
            "username": name,
        }  # fmt: skip
        with tenant_context(people.tenant.pk):
            save_connection(Product.objects.get(), **shared, secret=password)
        chat = Journey(people.customer).say(f"Create a user named {unique}").reply(password="Correct-Horse-7")
        assert chat.status == "confirming"
        with tenant_context(people.tenant.pk):
            save_connection(Product.objects.get(), **shared, personal=True)
        self.connect(people, people.customer, demo_product)
        chat.confirm()
        assert demo_product.api("GET", f"/users/{unique}").status == 404
        with tenant_context(people.tenant.pk):
            assert not Approval.objects.filter(status="used").exists()

    def test_whoever_decides_reads_with_their_own_account(self, people, demo_product, unique, browse):
        demo_product.api("POST", "/users", {"username": unique, "password": "Correct-Horse-7"})
        self.connect(people, people.customer, demo_product)
        chat = Journey(people.customer).say(f"Delete the user {unique}")
        assert chat.status == "approving"
        with tenant_context(people.tenant.pk):
            pk = chat.approval.pk
        state = browse(people.operator).get(f"/approvals/{pk}/state/").content.decode()
        assert "wants an account of your own" in state
        self.connect(people, people.operator, demo_product)
        assert unique in browse(people.operator).get(f"/approvals/{pk}/state/").content.decode()

    def test_a_list_is_downloaded_with_the_own_account_and_not_without(self, people, demo_product, browse):
        self.connect(people, people.customer, demo_product)
        chat = Journey(people.customer).say("Show me all audit log entries from yesterday")
        assert chat.status == "answered"
        with tenant_context(people.tenant.pk):
            # As if there were more pages than the answer holds: the list is read again.
            Call.objects.update(response={"items": [{"id": 1}], "next_cursor": "2", "total": 9})
        address = f"/runs/{chat.run.pk}/calls/{chat.state.calls[-1].id}.csv"
        whole = browse(people.customer).get(address)
        assert whole.status_code == 200
        assert b"".join(whole.streaming_content)
        with tenant_context(people.tenant.pk):
            disconnect_account(Connection.objects.get(), people.customer)
        refused = browse(people.customer).get(address, follow=True)
        assert "wants an account of your own" in refused.content.decode()

    def test_a_members_secret_is_found_nowhere(self, people, demo_product, browse, caplog):
        self.connect(people, people.customer, demo_product)
        _, password = demo_product.client("acme")
        chat = Journey(people.customer).say("List all groups")
        assert chat.status == "answered"
        with tenant_context(people.tenant.pk):
            told = [*Event.objects.values_list("data", flat=True), *AuditEntry.objects.values_list("data", flat=True)]
            own = MemberCredential.objects.get()
            rows = list(MemberCredential.objects.values())
        token = decrypt(own.tokens, tenant_id=people.tenant.pk, record=own.record("tokens"))
        for secret in (password, token.split('"')[3]):
            assert secret not in str(told) + str(chat.run.state) + str(rows) + caplog.text

    def test_tokens_that_end_are_renewed_under_way(self, people, demo_product):
        self.connect(people, people.customer, demo_product)
        assert Journey(people.customer).say("List all groups").status == "answered"
        with tenant_context(people.tenant.pk):
            before = MemberCredential.objects.get().tokens
            MemberCredential.objects.update(tokens_expire_at=timezone.now() - timedelta(hours=1))
        assert Journey(people.customer).say("List all groups").status == "answered"
        with tenant_context(people.tenant.pk):
            assert MemberCredential.objects.get().tokens != before

"""Reaching a product: what a connection holds, how it signs in, and how it renews what has expired."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts.context import tenant_context
from accounts.encryption import decrypt
from specs.flows import FlowError
from specs.flows.call_product import ProductUnreachable, SignInFailed, call_operation
from specs.flows.call_product import test_connection as check
from specs.flows.process_version import process_version
from specs.flows.save_connection import save_connection
from specs.flows.sign_in import _claim_renewal, _exchange
from specs.flows.upload_version import upload_version
from specs.models import AuthKind, Connection, Operation, Product
from tests.conftest import make_people

pytestmark = pytest.mark.slow

SECRET = "S3cret! of the service"
DESCRIPTION = {
    "openapi": "3.1.0",
    "paths": {
        "/health": {"get": {"operationId": "health"}},
        "/things": {
            "get": {"operationId": "listThings"},
            "post": {
                "operationId": "createThing",
                "x-idempotency-key": "Idempotency-Key",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {"schema": {"type": "object", "properties": {"name": {"type": "string"}}}}
                    },
                },
            },
        },
    },
}


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        self.handle_call()

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        content = self.rfile.read(length)
        if urlsplit(self.path).path == "/auth/token":
            self.handle_token(parse_qs(content.decode()))
        else:
            self.handle_call(content)

    def handle_token(self, fields: dict[str, list[str]]) -> None:
        service = self.server
        grant = fields["grant_type"][0]
        with service.lock:
            service.grants.append(grant)
            if service.on_grant:
                service.on_grant()
            known = (
                fields.get("refresh_token") == [service.refresh_token]
                if grant == "refresh_token"
                else (fields["username"], fields["password"]) == (["svc"], [SECRET])
            )
            if not known:
                return self.answer(400, {"error": "invalid_grant"})
            number = len(service.grants)
            service.token, service.refresh_token = f"access-{number}", f"refresh-{number}"
        return self.answer(
            200,
            {"access_token": service.token, "refresh_token": service.refresh_token, "expires_in": service.lifetime},
        )

    def handle_call(self, content: bytes = b"") -> None:
        service = self.server
        authorization = self.headers.get("Authorization")
        if service.on_call:
            service.on_call()
        service.calls.append((self.command, self.path, dict(self.headers.items()), content))
        if urlsplit(self.path).path in service.moved:
            self.send_response(307)
            self.send_header("Location", service.moved[urlsplit(self.path).path])
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if service.token and authorization != f"Bearer {service.token}" and self.path != "/health":
            return self.answer(401, {"error": "expired"})
        return self.answer(service.status, {"ok": True})

    def answer(self, status: int, body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


class Service(ThreadingHTTPServer):
    """A product that signs in by the password grant; with `token` unset it takes everybody."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.token = ""
        self.refresh_token = ""
        self.lifetime: Any = 600
        self.status = 200
        self.on_grant: Callable[[], None] | None = None
        self.on_call: Callable[[], None] | None = None
        #: path to where it redirects
        self.moved: dict[str, str] = {}
        self.grants: list[str] = []
        self.calls: list[tuple[str, str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def service() -> Iterator[Service]:
    server = Service()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def make_product(tenant: Any) -> Product:
    product = Product.objects.create(tenant=tenant, name="Things", slug="things")
    version = upload_version(product, json.dumps(DESCRIPTION).encode(), "things.json")
    process_version(tenant.pk, version.pk)
    return product


@pytest.fixture
def product(acme) -> Product:
    return make_product(acme.tenant)


def oauth(product: Product, service: Service, **changes: Any) -> Connection:
    values = {"username": "svc", "secret": SECRET, "token_url": "/auth/token", **changes}
    return save_connection(product, base_url=service.url, auth_kind=AuthKind.OAUTH2_PASSWORD, **values)


def operation(product: Product, name: str = "createThing") -> Operation:
    return Operation.objects.get(version__product=product, name=name)


def test_a_secret_is_kept_encrypted_for_this_row_only(acme, product, service):
    connection = oauth(product, service)
    stored = Connection.objects.get()
    assert SECRET not in stored.secret
    assert decrypt(stored.secret, tenant_id=acme.tenant.pk, record=connection.record("secret")) == SECRET


def test_no_new_secret_keeps_the_stored_one_unless_it_would_go_to_another_host(product, service):
    oauth(product, service)
    before = Connection.objects.get().secret
    kept = oauth(product, service, secret=None, username="other")
    assert (kept.secret, Connection.objects.count()) == (before, 1)
    for change in ({"base_url": "https://evil.example"}, {"token_url": "https://evil.example/t"}):
        values = {"base_url": service.url, "username": "svc", "token_url": "/auth/token", **change}
        with pytest.raises(FlowError, match="Enter the secret again"):
            save_connection(product, auth_kind=AuthKind.OAUTH2_PASSWORD, **values)
    assert Connection.objects.get().base_url == service.url


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"base_url": "ftp://x.example"}, "Base URL"),
        ({"base_url": "product.example"}, "Base URL"),
        ({"base_url": "https://user:pass@x.example"}, "leave user name and password out"),
        ({"base_url": "https://x.example/?a=1"}, "leave out what follows"),
        ({"base_url": "https://{tenant}.example"}, "your own value in place of {tenant}"),
        ({"base_url": "https://x.example:99999"}, "no valid address"),
        ({"base_url": "https://x.example/a b"}, "Base URL"),
        ({"auth_kind": "magic"}, "choose one of"),
        ({"auth_kind": "bearer"}, "Secret"),
        ({"auth_kind": "basic", "secret": "x"}, "User name"),
        ({"auth_kind": "oauth2_password", "secret": "x", "username": "u"}, "Token URL"),
        ({"auth_kind": "oauth2_password", "secret": "x", "username": "u", "token_url": "file:///x"}, "Token URL"),
        ({"auth_kind": "api_key_header", "secret": "x", "auth_name": "a\r\nb"}, "Name"),
        ({"auth_kind": "api_key_header", "secret": "x", "auth_name": "Host"}, "can't carry a key"),
    ],
)
def test_a_connection_that_can_not_work_is_refused_naming_the_field(product, values, words):
    with pytest.raises(FlowError, match=words):
        save_connection(product, **{"base_url": "https://x.example", **values})
    assert not Connection.objects.exists()


@pytest.mark.parametrize(
    ("kind", "rest", "header", "expected"),
    [
        (AuthKind.NONE, {}, "Authorization", None),
        (AuthKind.BEARER, {"secret": "abc"}, "Authorization", "Bearer abc"),
        (
            AuthKind.BASIC,
            {"username": "u", "secret": "p:w"},
            "Authorization",
            f"Basic {base64.b64encode(b'u:p:w').decode()}",
        ),
        (AuthKind.API_KEY_HEADER, {"auth_name": "X-Key", "secret": "abc"}, "X-Key", "abc"),
    ],
)
def test_each_kind_of_authentication_is_sent(product, service, kind, rest, header, expected):
    connection = save_connection(product, base_url=service.url, auth_kind=kind, **rest)
    assert call_operation(operation(product, "listThings"), connection, {}).status == 200
    assert service.calls[0][2].get(header) == expected


def test_an_api_key_in_the_query_is_sent(product, service):
    connection = save_connection(
        product, base_url=service.url, auth_kind=AuthKind.API_KEY_QUERY, auth_name="key", secret="a&b"
    )
    call_operation(operation(product, "listThings"), connection, {})
    assert service.calls[0][1] == "/things?key=a%26b"


def test_the_connection_signs_in_once_and_keeps_the_token_encrypted(product, service):
    connection = oauth(product, service)
    response = call_operation(operation(product), connection, {"name": "a"}, idempotency_key="k-1")
    assert response.body == {"ok": True}
    again = Connection.objects.get()
    assert call_operation(operation(product), again, {"name": "b"}, idempotency_key="k-2").status == 200
    assert service.grants == ["password"]
    assert [json.loads(call[3]) for call in service.calls] == [{"name": "a"}, {"name": "b"}]
    assert [call[2]["Idempotency-Key"] for call in service.calls] == ["k-1", "k-2"]
    assert "access-1" not in again.tokens


def test_a_token_that_ends_soon_is_refreshed_before_the_call(product, service):
    connection = oauth(product, service)
    call_operation(operation(product), connection, {})
    Connection.objects.update(tokens_expire_at=timezone.now() - timedelta(seconds=1))
    call_operation(operation(product), Connection.objects.get(), {})
    assert service.grants == ["password", "refresh_token"]
    assert len(service.calls) == 2


def test_a_refused_token_is_refreshed_and_the_request_repeated_once(product, service):
    connection = oauth(product, service)
    call_operation(operation(product), connection, {})
    service.token = "revoked"
    assert call_operation(operation(product), Connection.objects.get(), {"name": "x"}).status == 200
    assert service.grants == ["password", "refresh_token"]
    assert [json.loads(call[3]) for call in service.calls[1:]] == [{"name": "x"}] * 2


def test_a_product_that_refuses_every_token_is_asked_twice_only(product, service, monkeypatch):
    connection = oauth(product, service)
    service.status = 401
    assert call_operation(operation(product), connection, {}).status == 401
    assert len(service.calls) == 2


def test_a_refresh_token_that_is_gone_means_signing_in_again(product, service):
    connection = oauth(product, service)
    call_operation(operation(product), connection, {})
    service.token = service.refresh_token = "gone"
    assert call_operation(operation(product), Connection.objects.get(), {}).status == 200
    assert service.grants == ["password", "refresh_token", "password"]


def test_a_token_that_another_worker_renewed_meanwhile_is_used(product, service):
    stale = oauth(product, service)
    call_operation(operation(product), stale, {})
    stale = Connection.objects.get()
    service.token = "revoked"
    call_operation(operation(product), Connection.objects.get(), {})  # the other worker
    assert call_operation(operation(product), stale, {}).status == 200
    assert service.grants == ["password", "refresh_token"]


def test_a_wrong_password_names_the_remedy_and_no_secret(product, service):
    connection = oauth(product, service, secret="wr0ng-password")
    with pytest.raises(SignInFailed, match="refused the user name or password of the connection to Things") as raised:
        call_operation(operation(product), connection, {})
    assert raised.value.sent is False
    assert "wr0ng" not in str(raised.value)
    assert service.calls == []


def test_a_token_endpoint_that_gives_no_token_is_named(product, service):
    connection = oauth(product, service, token_url="/elsewhere")
    with pytest.raises(SignInFailed, match="no access_token"):
        call_operation(operation(product), connection, {})


@pytest.mark.parametrize("lifetime", [None, "600", -5])
def test_a_token_without_a_usable_lifetime_works(product, service, lifetime):
    service.lifetime = lifetime
    connection = oauth(product, service)
    assert call_operation(operation(product), connection, {}).status == 200
    assert call_operation(operation(product), connection, {}).status == 200


def test_testing_a_connection_signs_in_and_reads_something_that_needs_the_credentials(product, service):
    connection = oauth(product, service)
    result = check(connection)
    assert result.ok, result.message
    assert "GET /things with HTTP 200" in result.message
    stored = Connection.objects.get()
    assert (stored.check_ok, stored.check_message) == (True, result.message)


def test_testing_tells_what_is_wrong(product, service):
    assert "refused the user name or password" in check(oauth(product, service, secret="no")).message
    service.token = "other"
    bearer = save_connection(product, base_url=service.url, auth_kind=AuthKind.BEARER, secret="wrong")
    result = check(bearer)
    assert (result.ok, "does not accept the credentials" in result.message) == (False, True)
    service.token, service.status = "", 404
    assert "Check the base URL" in check(bearer).message
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    down = save_connection(product, base_url=f"http://127.0.0.1:{port}", auth_kind=AuthKind.BEARER, secret="x")
    assert "can't be reached" in check(down).message
    assert Connection.objects.get().check_ok is False


def test_a_product_that_is_down_got_nothing(product):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    connection = save_connection(product, base_url=f"http://127.0.0.1:{port}")
    with pytest.raises(ProductUnreachable) as raised:
        call_operation(operation(product), connection, {})
    assert raised.value.sent is False


def test_calls_are_made_outside_of_the_tenants_context(product, service, globex):
    oauth(product, service)
    things = operation(product)
    Connection.objects.update(secret="")
    connection = Connection.objects.get()
    with tenant_context(globex.tenant.pk), pytest.raises(SignInFailed, match="no secret in the connection to Things"):
        call_operation(things, connection, {})
    oauth(product, service)
    connection = Connection.objects.get()
    with tenant_context(globex.tenant.pk):
        assert call_operation(things, connection, {}).status == 200


@pytest.mark.django_db(transaction=True)
def test_of_several_workers_with_an_expired_token_one_renews(service, clean_cache):
    people = make_people("acme")
    with tenant_context(people.tenant.pk):
        product = make_product(people.tenant)
        call_operation(operation(product), oauth(product, service), {})
        stale = [Connection.objects.select_related("product").get() for _ in range(4)]
        things = operation(product)
    service.token = "revoked"
    statuses: list[int] = []

    def work(connection: Connection) -> None:
        try:
            statuses.append(call_operation(things, connection, {}).status)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(connection,)) for connection in stale]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 4
    assert service.grants == ["password", "refresh_token"]


def open_transactions() -> int:
    """Transactions of the application that wait for something else than the database."""
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND usename = current_user AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'"
        )
        return int(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_the_row_is_free_and_no_transaction_is_open_while_the_token_endpoint_is_waited_for(service, clean_cache):
    people = make_people("acme")
    with tenant_context(people.tenant.pk):
        oauth(make_product(people.tenant), service)
        connection, things = Connection.objects.select_related("product").get(), operation(Product.objects.get())
    seen: list[object] = []

    def look() -> None:
        with tenant_context(people.tenant.pk):
            seen.append(Connection.objects.select_for_update(nowait=True).get().renewal_token)
            seen.append(open_transactions())
        connections.close_all()

    service.on_grant = look
    assert call_operation(things, connection, {}).status == 200
    assert seen[0] is not None
    assert seen[1] == 0
    with tenant_context(people.tenant.pk):
        assert Connection.objects.get().renewal_token is None


@pytest.mark.django_db(transaction=True)
def test_a_worker_waits_a_bounded_time_for_another_ones_token(service, clean_cache, settings):
    settings.NLOPS_LEASE_SECONDS = 13
    people = make_people("acme")
    with tenant_context(people.tenant.pk):
        oauth(make_product(people.tenant), service)
        connection, things = Connection.objects.select_related("product").get(), operation(Product.objects.get())
        claimed = {"renewal_token": uuid.uuid4(), "renewal_until": timezone.now() + timedelta(seconds=60)}
        Connection.objects.update(**claimed)
    began = time.monotonic()
    with pytest.raises(SignInFailed, match="is being tried for another request") as raised:
        call_operation(things, connection, {})
    assert time.monotonic() - began < 5
    assert raised.value.sent is False
    assert service.calls == service.grants == []


def test_the_claim_of_a_worker_that_died_ends_by_itself(product, service):
    oauth(product, service)
    Connection.objects.update(renewal_token=uuid.uuid4(), renewal_until=timezone.now() - timedelta(seconds=1))
    assert call_operation(operation(product), Connection.objects.get(), {}).status == 200
    assert Connection.objects.get().renewal_token is None


def test_a_sign_in_that_fails_leaves_no_claim(product, service):
    oauth(product, service, token_url="/elsewhere")
    with pytest.raises(SignInFailed):
        call_operation(operation(product), Connection.objects.get(), {})
    assert Connection.objects.get().renewal_until is None


def test_refused_credentials_are_not_tried_again_at_once_unless_they_are_changed(product, service):
    oauth(product, service, secret="wrong")
    for _ in range(3):
        with pytest.raises(SignInFailed, match="refused the user name or password of the connection to Things"):
            call_operation(operation(product), Connection.objects.get(), {})
    assert service.grants == ["password"]
    oauth(product, service)
    assert call_operation(operation(product), Connection.objects.get(), {}).status == 200
    assert service.grants == ["password"] * 2


@pytest.mark.django_db(transaction=True)
def test_of_several_workers_with_a_wrong_password_one_tries_it(service, clean_cache):
    people = make_people("acme")
    with tenant_context(people.tenant.pk):
        product = make_product(people.tenant)
        oauth(product, service, secret="wrong")
        copies = [Connection.objects.select_related("product").get() for _ in range(4)]
        things = operation(product)
    refused: list[str] = []

    def work(connection: Connection) -> None:
        try:
            call_operation(things, connection, {})
        except SignInFailed as error:
            refused.append(str(error))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(connection,)) for connection in copies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 4
    assert service.grants == ["password"]


def test_a_token_of_settings_that_were_changed_meanwhile_is_not_kept(product, service):
    oauth(product, service)
    connection = Connection.objects.get()
    Connection.objects.update(base_url=service.url)
    service.on_grant = lambda: None
    claim = uuid.uuid4()
    assert _claim_renewal(connection, "", claim) == ""
    oauth(product, service, username="svc")
    assert _exchange(connection, claim) == "access-1"
    assert Connection.objects.get().tokens == ""


def test_a_read_that_moved_within_the_product_is_followed_once_with_its_credentials(product, service):
    service.token = "t"
    connection = save_connection(product, base_url=service.url, auth_kind=AuthKind.BEARER, secret="t")
    service.moved = {"/things": "/things/?a=1"}
    assert call_operation(operation(product, "listThings"), connection, {}).status == 200
    assert [call[1] for call in service.calls] == ["/things", "/things/?a=1"]
    service.moved = {"/things": "/b", "/b": "/c"}
    response = call_operation(operation(product, "listThings"), connection, {})
    assert (response.status, "elsewhere to /c" in response.problem) == (307, True)


@pytest.mark.parametrize(
    "place",
    ["http://localhost:{port}/x", "//127.0.0.1:1/x", "https://127.0.0.1:{port}/x", "http://a@127.0.0.1:{port}/x"],
)
def test_a_read_is_never_followed_to_another_place(product, service, place):
    connection = save_connection(product, base_url=service.url, auth_kind=AuthKind.BEARER, secret="t")
    service.moved = {"/things": place.format(port=service.server_port)}
    response = call_operation(operation(product, "listThings"), connection, {})
    assert response.status == 307
    assert "nlops does not follow" in response.problem
    assert len(service.calls) == 1


def test_a_write_is_never_followed(product, service):
    connection = save_connection(product, base_url=service.url, auth_kind=AuthKind.BEARER, secret="t")
    service.moved = {"/things": "/things/"}
    assert call_operation(operation(product), connection, {"name": "a"}).status == 307
    assert len(service.calls) == 1


def test_a_key_in_the_query_that_comes_back_with_a_redirect_is_sent_once(product, service):
    connection = save_connection(
        product, base_url=service.url, auth_kind=AuthKind.API_KEY_QUERY, auth_name="key", secret="k"
    )
    service.moved = {"/things": "/things/?key=k&a=1"}
    call_operation(operation(product, "listThings"), connection, {})
    assert service.calls[1][1] == "/things/?a=1&key=k"


@pytest.mark.django_db(transaction=True)
def test_the_page_that_tests_a_connection_opens_no_transaction_while_the_product_is_waited_for(service, clean_cache):
    people = make_people("acme")
    with tenant_context(people.tenant.pk):
        oauth(make_product(people.tenant), service)
    seen: list[int] = []

    def look() -> None:
        seen.append(open_transactions())
        connections.close_all()

    service.on_grant = service.on_call = look
    client = Client()
    client.force_login(people.operator.user, backend="django.contrib.auth.backends.ModelBackend")
    response = client.post("/products/things/connection/test/", headers={"HX-Request": "true"})
    assert "Works" in response.content.decode()
    assert seen == [0, 0]
    client.force_login(people.customer.user, backend="django.contrib.auth.backends.ModelBackend")
    assert client.post("/products/things/connection/test/").status_code == 403
    assert len(seen) == 2

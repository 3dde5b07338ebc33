"""How a connection proves who it is, each way against a real server: tokens, log-ins, certificates, proxies."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import trustme
from django.core.cache import cache
from django.test import Client

from accounts.context import tenant_context
from accounts.flows.rotate_keys import rotate_keys
from specs.flows import FlowError
from specs.flows.call_product import ProductUnreachable, SignInFailed, call_operation
from specs.flows.call_product import test_connection as check
from specs.flows.process_version import process_version
from specs.flows.save_connection import save_connection
from specs.flows.sign_in import stored_tokens
from specs.flows.upload_version import upload_version
from specs.forms import guess_connection
from specs.models import AuthKind, Connection, Operation, Product, SpecVersion
from specs.sending import RateLimited
from tests.conftest import make_people

pytestmark = pytest.mark.slow

SECRET = "S3cret+/ of the client"


@dataclass
class Seen:
    """A request that the server got."""

    method: str
    path: str
    headers: dict[str, str]
    content: bytes
    certificate: Any = None

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.content.decode()))


Answer = tuple[int, dict[str, str], Any]


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        certificate = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
        names = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, self.path, names, content, certificate)
        self.server.seen.append(seen)
        status, headers, body = self.server.answer(seen)
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@dataclass
class Service:
    """A server on this machine; `answer` says what it answers."""

    url: str = ""
    answer: Callable[[Seen], Answer] = lambda seen: (200, {}, {"ok": True})
    seen: list[Seen] = field(default_factory=list)

    def calls(self, path: str) -> list[Seen]:
        return [it for it in self.seen if urlsplit(it.path).path == path]


def serve(tls: ssl.SSLContext | None = None) -> Iterator[Service]:
    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A handshake that fails is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    service = Service()
    server.seen, server.answer = service.seen, lambda seen: service.answer(seen)  # type: ignore[attr-defined]
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    service.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield service
    server.shutdown()
    server.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    yield from serve()


DESCRIPTION = {
    "openapi": "3.1.0",
    "paths": {
        "/things": {
            "get": {
                "operationId": "listThings",
                "parameters": [{"in": "cookie", "name": "theme", "schema": {"type": "string"}}],
            }
        },
        "/slow": {"get": {"operationId": "slow"}},
    },
}


def make_product(tenant: Any) -> Product:
    product = Product.objects.create(tenant=tenant, name="Things", slug="things")
    version = upload_version(product, json.dumps(DESCRIPTION).encode(), "things.json")
    process_version(tenant.pk, version.pk)
    return product


@pytest.fixture
def product(acme) -> Product:
    return make_product(acme.tenant)


def call(product: Product, connection: Connection, name: str = "listThings", **arguments: Any) -> Any:
    return call_operation(Operation.objects.get(version__product=product, name=name), connection, arguments)


def tokens_at(path: str, good: Callable[[Seen], bool], **more: Any) -> Callable[[Seen], Answer]:
    """Tokens T1, T2, … at the path for whom `good` knows; elsewhere the last of them is needed."""
    given: list[str] = []

    def answer(seen: Seen) -> Answer:
        if urlsplit(seen.path).path == path:
            if not good(seen):
                return 401, {}, {"error": "invalid_client"}
            given.append(f"T{len(given) + 1}")
            return 200, {}, {"access_token": given[-1], "expires_in": 3600, **more}
        is_known = given and seen.headers.get("authorization") == f"Bearer {given[-1]}"
        return (200, {}, {"ok": True}) if is_known else (401, {}, {})

    return answer


# --- keys and tokens --------------------------------------------------------------------------------------


def test_a_key_in_a_cookie_stands_beside_the_cookies_of_the_call(product, service):
    connection = save_connection(
        product, base_url=service.url, auth_kind=AuthKind.API_KEY_COOKIE, auth_name="session", secret="a;b c"
    )
    call(product, connection, theme="dark")
    assert service.seen[0].headers["cookie"] == "theme=dark; session=a%3Bb%20c"


@pytest.mark.parametrize("client_auth", ["basic", "body"])
def test_client_credentials_are_exchanged_for_a_token(product, service, client_auth):
    service.answer = tokens_at("/token", lambda seen: True)
    connection = save_connection(
        product, base_url=service.url, auth_kind=AuthKind.OAUTH2_CLIENT, username="my client", secret=SECRET,
        token_url="/token", client_auth=client_auth, scope="read write", audience="urn:things",
    )  # fmt: skip
    assert call(product, connection).status == 200
    assert call(product, Connection.objects.get()).status == 200
    (asked,) = service.calls("/token")
    expected = {"grant_type": "client_credentials", "scope": "read write", "audience": "urn:things"}
    if client_auth == "basic":
        # RFC 6749 section 2.3.1: form-encoded before they are put together
        pair = base64.b64decode(asked.headers["authorization"].removeprefix("Basic ")).decode()
        assert pair == "my+client:S3cret%2B%2F+of+the+client"
    else:
        expected |= {"client_id": "my client", "client_secret": SECRET}
    assert asked.form == expected


def test_a_wrong_client_secret_names_the_remedy(product, service):
    service.answer = tokens_at("/token", lambda seen: False)
    connection = save_connection(
        product, base_url=service.url, auth_kind=AuthKind.OAUTH2_CLIENT, username="c", secret=SECRET, token_url="/token"
    )
    with pytest.raises(SignInFailed, match=r"refused the client id or secret .* \(HTTP 401\)") as raised:
        call(product, connection)
    assert SECRET not in str(raised.value)
    assert service.calls("/things") == []


# --- the product's own log-in -----------------------------------------------------------------------------

LOGIN = {
    "auth_kind": AuthKind.LOGIN_CALL, "username": 'u"{secret}', "secret": SECRET, "token_url": "/login",
    "login_body": '{"user": {"name": "{username}"}, "password": "{secret}", "kind": 1}',
    "token_pointer": "/data/token",
}  # fmt: skip


def own_log_in(answer: Callable[[], Answer], header: str = "authorization", prefix: str = "Bearer ") -> Any:
    given: list[str] = []

    def respond(seen: Seen) -> Answer:
        if seen.path == "/login":
            status, headers, body = answer()
            found = headers.get("X-Token") or body["data"]["token"]
            given[:] = [str(found)]
            return status, headers, body
        return (200, {}, {}) if given and seen.headers.get(header) == f"{prefix}{given[0]}" else (401, {}, {})

    return respond


def test_a_log_in_call_of_the_products_own(product, service):
    service.answer = own_log_in(lambda: (201, {}, {"data": {"token": "T"}}))
    connection = save_connection(product, base_url=service.url, **LOGIN)
    assert call(product, connection).status == 200
    (asked,) = service.calls("/login")
    assert asked.method == "POST"
    assert json.loads(asked.content) == {"user": {"name": 'u"{secret}'}, "password": SECRET, "kind": 1}


def test_a_token_in_a_header_goes_into_another_header_without_a_word_before_it(product, service):
    service.answer = own_log_in(lambda: (200, {"X-Token": "T7"}, {}), "x-auth", "")
    connection = save_connection(
        product, base_url=service.url,
        **{**LOGIN, "token_pointer": "header:X-Token", "auth_name": "X-Auth", "token_prefix": ""},
    )  # fmt: skip
    assert call(product, connection).status == 200


@pytest.mark.parametrize(
    ("end", "seconds"),
    [
        (600, 600), ("600", 600), (None, 300), ("soon", 300), (True, 300), (-5, 0),
        (lambda now: now.timestamp() + 600, 600), (lambda now: (now.timestamp() + 600) * 1000, 600),
        (lambda now: (now + timedelta(seconds=600)).isoformat(), 600),
        (lambda now: (now + timedelta(seconds=600)).replace(tzinfo=None).isoformat(), 600),
    ],
)  # fmt: skip
def test_the_end_of_a_token_is_read_as_products_write_it(product, service, end, seconds):
    told = end(datetime.now(UTC)) if callable(end) else end
    service.answer = own_log_in(lambda: (200, {}, {"data": {"token": 12345, "end": told}}))
    connection = save_connection(product, base_url=service.url, **LOGIN, lifetime_pointer="/data/end")
    call(product, connection)
    assert abs(float(stored_tokens(connection)["lifetime"]) - seconds) < 5


def test_a_refused_token_means_logging_in_again_once(product, service):
    numbers = iter(range(1, 9))
    service.answer = own_log_in(lambda: (200, {}, {"data": {"token": f"T{next(numbers)}"}}))
    connection = save_connection(product, base_url=service.url, **LOGIN)
    call(product, connection)
    real = service.answer
    refused = [True]

    def once(seen: Seen) -> Answer:
        return (401, {}, {}) if seen.path == "/things" and refused and refused.pop() else real(seen)

    service.answer = once
    assert call(product, Connection.objects.get()).status == 200
    assert len(service.calls("/login")) == 2


def test_a_log_in_without_the_token_is_named(product, service):
    service.answer = lambda seen: (200, {}, {"data": {}})
    connection = save_connection(product, base_url=service.url, **LOGIN)
    with pytest.raises(SignInFailed, match=r"HTTP 200 but no /data/token"):
        call(product, connection)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"login_body": "user={username}"}, "Log-in body: give what the log-in takes as JSON"),
        ({"login_body": '{"user": "{username}"}'}, r"Log-in body: write \{secret\}"),
        ({"token_pointer": ""}, "Token: say where"),
        ({"token_pointer": "data/token"}, "Token: “data/token” is no JSON pointer"),
        ({"lifetime_pointer": "/a~b"}, "End: “/a~b” is no JSON pointer"),
        ({"token_url": ""}, "Token URL: "),
        ({"auth_name": "Host"}, "Name: the header Host can't carry a key"),
        ({"timeout_seconds": 0}, "Time-out: "),
        ({"operation_timeouts": {"GET /x": 3000}}, "Time-out: "),
        ({"proxy_url": "socks5://a"}, "Proxy: "),
        ({"ca_certificates": "nonsense"}, "Authorities: paste it as PEM"),
        ({"client_certificate": "-----BEGIN CERTIFICATE-----"}, "Key: the client certificate needs"),
        ({"auth_kind": AuthKind.OAUTH2_CODE, "token_url": ""}, "Issuer: "),
    ],
)
def test_what_can_not_work_is_refused_naming_the_field(product, service, changes, words):
    with pytest.raises(FlowError, match=words):
        save_connection(product, base_url=service.url, **{**LOGIN, **changes})


# --- a person signs in ------------------------------------------------------------------------------------


@pytest.fixture
def signed(service, clean_cache) -> tuple[Client, Any]:
    people = make_people("acme")
    with tenant_context(people.tenant.pk):
        product = make_product(people.tenant)
        save_connection(
            product, base_url=service.url, auth_kind=AuthKind.OAUTH2_CODE, username="client-1", secret=SECRET,
            issuer=service.url, scope="openid things",
        )  # fmt: skip
    client = Client()
    client.force_login(people.operator.user, backend="django.contrib.auth.backends.ModelBackend")
    return client, people


def provider(service: Service, challenges: dict[str, str]) -> Callable[[Seen], Answer]:
    """An OpenID provider that keeps to PKCE. `challenges`: code to the challenge that it was asked with."""
    served = iter(range(1, 99))

    def answer(seen: Seen) -> Answer:
        if seen.path == "/.well-known/openid-configuration":
            return 200, {}, {
                "issuer": service.url,
                "authorization_endpoint": f"{service.url}/authorize",
                "token_endpoint": f"{service.url}/token",
            }  # fmt: skip
        if seen.path == "/token" and seen.form["grant_type"] == "authorization_code":
            digest = hashlib.sha256(seen.form["code_verifier"].encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if challenges.pop(seen.form["code"], None) != challenge:
                return 400, {}, {"error": "invalid_grant"}
        elif seen.path == "/token" and seen.form.get("refresh_token") != "R":
            return 400, {}, {"error": "invalid_grant"}
        if seen.path == "/token":
            return 200, {}, {"access_token": f"A{next(served)}", "refresh_token": "R", "expires_in": 3600}
        return (200, {}, {}) if seen.headers.get("authorization", "").startswith("Bearer A") else (401, {}, {})

    return answer


@pytest.mark.django_db(transaction=True)
def test_an_operator_signs_in_at_the_provider_and_comes_back(service, signed):
    client, people = signed
    challenges: dict[str, str] = {}
    service.answer = provider(service, challenges)
    page = client.get("/products/things/connection/").content.decode()
    assert "Nobody is signed in for this connection yet" in page
    assert "http://testserver/connections/signed-in/" in page
    gone = client.post("/products/things/connection/sign-in/", headers={"HX-Request": "true"})
    where = urlsplit(gone.headers["HX-Redirect"])
    asked = {name: values[0] for name, values in parse_qs(where.query).items()}
    assert f"{where.scheme}://{where.netloc}{where.path}" == f"{service.url}/authorize"
    assert asked["redirect_uri"] == "http://testserver/connections/signed-in/"
    assert (asked["response_type"], asked["client_id"], asked["scope"], asked["code_challenge_method"]) == (
        "code", "client-1", "openid things", "S256",
    )  # fmt: skip
    challenges["C1"] = asked["code_challenge"]
    back = client.get("/connections/signed-in/", {"code": "C1", "state": asked["state"]}, follow=True)
    assert "You are signed in for this connection" in back.content.decode()
    with tenant_context(people.tenant.pk):
        product, connection = Product.objects.get(), Connection.objects.get()
        assert '"A1"' not in connection.tokens  # two letters alone may stand in any ciphertext
        assert call(product, connection).status == 200
        assert [it.form["grant_type"] for it in service.calls("/token")] == ["authorization_code"]
        # the token ends; it is refreshed without the person
        Connection.objects.update(tokens_expire_at=datetime.now(UTC))
        assert call(product, Connection.objects.get()).status == 200
        assert [it.form["grant_type"] for it in service.calls("/token")] == ["authorization_code", "refresh_token"]
        service.answer = lambda seen: (401, {}, {})
        with pytest.raises(SignInFailed, match=r"Nobody is signed in .* sign in again with “Connect”"):
            call(product, Connection.objects.get())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"code": "C1", "state": "another"}, "did not begin here"),
        ({"code": "C1"}, "did not begin here"),
        ({"error": "access_denied", "error_description": "You said <no>"}, "You said &lt;no&gt;"),
        ({"code": "stolen"}, "gave no token"),
    ],
)
def test_a_sign_in_that_is_not_the_one_that_began_gives_nothing(service, signed, answer, words):
    client, people = signed
    service.answer = provider(service, {"C1": "of somebody else"})
    gone = client.post("/products/things/connection/sign-in/", headers={"HX-Request": "true"})
    state = parse_qs(urlsplit(gone.headers["HX-Redirect"]).query)["state"][0]
    sent = {"state": state, **answer} if "did not begin" not in words else answer
    assert words in client.get("/connections/signed-in/", sent, follow=True).content.decode()
    again = client.get("/connections/signed-in/", {"code": "C1", "state": state}, follow=True).content.decode()
    assert "did not begin here, or it was finished already" in again
    with tenant_context(people.tenant.pk):
        assert Connection.objects.get().tokens == ""


@pytest.mark.django_db(transaction=True)
def test_an_issuer_that_calls_itself_another_is_refused(service, signed):
    client, _ = signed
    service.answer = lambda seen: (200, {}, {"issuer": "https://elsewhere.example", "token_endpoint": "https://e.x/t"})
    page = client.post("/products/things/connection/sign-in/", follow=True).content.decode()
    assert "does not say that it is http://127.0.0.1" in page


# --- the network ------------------------------------------------------------------------------------------


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def private(authority) -> Iterator[Service]:
    """A product with a certificate of a private authority, which wants one of the caller, too."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    yield from serve(context)


def pem(authority: trustme.CA) -> dict[str, str]:
    leaf = authority.issue_cert("nlops@client.example", common_name="nlops")
    return {
        "client_certificate": leaf.cert_chain_pems[0].bytes().decode(),
        "client_key": leaf.private_key_pem.bytes().decode(),
    }


def test_mutual_tls_with_a_private_authority(product, private, authority):
    own = pem(authority)
    trusted = {"ca_certificates": authority.cert_pem.bytes().decode()}
    connection = save_connection(product, base_url=private.url, **trusted, **own)
    assert call(product, connection).status == 200
    assert (("commonName", "nlops"),) in private.seen[0].certificate["subject"]
    stored = Connection.objects.get()
    assert "PRIVATE KEY" not in stored.client_key
    assert rotate_keys() == 0  # it is one of the fields that are rotated
    assert "client_key" in Connection.encrypted_fields
    with pytest.raises(ProductUnreachable, match="certificate"):
        call(product, save_connection(product, base_url=private.url, **own))
    with pytest.raises(ProductUnreachable):
        call(product, save_connection(product, base_url=private.url, **trusted))
    assert len(private.seen) == 1


def test_a_key_of_another_certificate_is_refused(product, private, authority):
    own = {**pem(authority), "client_key": pem(authority)["client_key"]}
    with pytest.raises(FlowError, match="Client certificate: The client certificate is no PEM, or its key is another"):
        save_connection(product, base_url=private.url, **own)


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[bytes]]]:
    """A proxy for http: passes on what it gets; the lines that asked it."""
    listener, asked = socket.create_server(("127.0.0.1", 0)), []

    def run() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            head = client.recv(65536)
            line = head.split(b"\r\n", 1)[0]
            asked.append(line)
            target = urlsplit(line.split(b" ")[1].decode())
            with socket.create_connection((target.hostname, target.port)) as server:
                server.sendall(head.replace(line, line.replace(f"http://{target.netloc}".encode(), b""), 1))
                while data := server.recv(65536):
                    client.sendall(data)
            client.close()

    threading.Thread(target=run, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
    listener.close()


def test_calls_go_through_the_proxy_of_the_connection(product, service, proxy):
    url, asked = proxy
    assert call(product, save_connection(product, base_url=service.url, proxy_url=url)).status == 200
    assert asked == [f"GET {service.url}/things HTTP/1.1".encode()]
    assert len(service.seen) == 1


def test_a_private_address_is_refused_behind_a_proxy_too(product, proxy):
    url, asked = proxy
    connection = save_connection(product, base_url="http://169.254.169.254", proxy_url=url)
    with pytest.raises(ProductUnreachable, match="169"):
        call(product, connection)
    assert asked == []


def test_operations_have_time_outs_of_their_own(product, service, settings):
    settings.NLOPS_PRODUCT_TIMEOUT = 0.2

    def slow(seen: Seen) -> Answer:
        time.sleep(1.2 if seen.path == "/slow" else 0.5)
        return 200, {}, {}

    service.answer = slow
    connection = save_connection(product, base_url=service.url, operation_timeouts={"GET /slow": 20})
    assert call(product, connection, "slow").status == 200
    with pytest.raises(ProductUnreachable, match="did not answer"):
        call(product, connection)
    connection = save_connection(product, base_url=service.url, timeout_seconds=5)
    assert call(product, connection).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "60"},
        {"RateLimit-Remaining": "0", "RateLimit-Reset": "60"},
        {"RateLimit": '"default";r=0;t=60'},
    ],
)
def test_a_limit_that_the_product_told_is_kept_to_by_all(product, service, clean_cache, headers):
    service.answer = lambda seen: (200, headers, {})
    connection = save_connection(product, base_url=service.url)
    assert call(product, connection).status == 200
    with pytest.raises(RateLimited, match=r"try again in (60|59) seconds") as raised:
        call(product, Connection.objects.get())
    assert raised.value.sent is False
    assert len(service.seen) == 1


def test_a_limit_that_ends_soon_is_waited_for(product, service, clean_cache):
    told = iter(["0", "9"])
    service.answer = lambda seen: (200, {"RateLimit-Remaining": next(told), "RateLimit-Reset": "2"}, {})
    connection = save_connection(product, base_url=service.url)
    call(product, connection)
    began = time.monotonic()
    call(product, connection)
    assert 0.5 < time.monotonic() - began < 10
    assert cache.get(f"limit:{connection.pk}") is None or cache.get(f"limit:{connection.pk}") < time.time()


def test_testing_tells_that_the_log_in_was_refused(product, service):
    service.answer = lambda seen: (403, {}, {})
    result = check(save_connection(product, base_url=service.url, **LOGIN))
    assert not result.ok
    assert "refused the user name or password" in result.message


# --- what the description says ----------------------------------------------------------------------------

URL = "https://id.example/token"


@pytest.mark.parametrize(
    ("scheme", "guess"),
    [
        ({"type": "apiKey", "in": "cookie", "name": "sid"}, {"auth_kind": "api_key_cookie", "auth_name": "sid"}),
        (
            {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": URL, "scopes": {"a": "", "b": ""}}}},
            {"auth_kind": "oauth2_client", "token_url": URL, "refresh_url": "", "scope": "a b"},
        ),
        (
            {"type": "oauth2", "flow": "application", "tokenUrl": URL},
            {"auth_kind": "oauth2_client", "token_url": URL, "refresh_url": "", "scope": ""},
        ),
        (
            {
                "type": "oauth2",
                "flows": {"authorizationCode": {"tokenUrl": URL, "authorizationUrl": "https://id.example/a"}},
            },
            {
                "auth_kind": "oauth2_code",
                "token_url": URL,
                "authorize_url": "https://id.example/a",
                "refresh_url": "",
                "scope": "",
            },
        ),
        (
            {"type": "openIdConnect", "openIdConnectUrl": "https://id.example/r/.well-known/openid-configuration"},
            {"auth_kind": "oauth2_code", "issuer": "https://id.example/r", "scope": "openid"},
        ),
        ({"type": "mutualTLS"}, {}),
    ],
)
def test_the_form_begins_with_what_the_description_says(scheme, guess):
    version = SpecVersion(servers=[{"url": "https://a.example"}], security_schemes={"s": scheme})
    assert guess_connection(version) == {"base_url": "https://a.example", **guess}


def test_the_form_shows_no_secret_and_puts_refusals_beside_their_fields(product, service, acme, client):
    save_connection(product, base_url=service.url, **LOGIN)
    client.force_login(acme.operator.user, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get("/products/things/connection/").content.decode()
    assert SECRET not in page
    assert "A secret is stored. Leave this empty to keep it." in page
    sent = {
        "base_url": service.url, "auth_kind": "login_call", "username": "u", "token_url": "/login",
        "login_body": "no json", "token_pointer": "/t", "client_auth": "basic",
        "operation_timeouts": "get /things 12\nnonsense",
    }  # fmt: skip
    page = client.post("/products/things/connection/", sent).content.decode()
    assert "“nonsense” is no METHOD /path SECONDS" in page
    page = client.post("/products/things/connection/", {**sent, "operation_timeouts": "get /things 12"})
    assert "give what the log-in takes as JSON" in page.content.decode()
    sent |= {"login_body": '{"p": "{secret}"}', "operation_timeouts": "get /things 12"}
    assert client.post("/products/things/connection/", sent).status_code == 302
    stored = Connection.objects.get()
    assert (stored.operation_timeouts, stored.token_pointer) == ({"GET /things": 12}, "/t")


@pytest.mark.parametrize("kind", [AuthKind.BEARER, AuthKind.BASIC, AuthKind.API_KEY_QUERY, AuthKind.OAUTH2_CLIENT])
def test_a_product_that_repeats_the_credentials_tells_nobody(product, service, kind):
    def echo(seen: Seen) -> Answer:
        if seen.path == "/token":
            return 200, {}, {"access_token": "T-0123456789", "expires_in": 3600}
        said = f"{seen.path} {seen.headers.get('authorization', '')}"
        return 200, {"X-Echo": said}, {"said": [said], said: 1, "plain": "kept"}

    service.answer = echo
    connection = save_connection(
        product, base_url=service.url, auth_kind=kind, auth_name="key", username="user", secret="Secret-77-key",
        token_url="/token",
    )  # fmt: skip
    response = call(product, connection)
    pair = base64.b64encode(b"user:Secret-77-key").decode()
    for text in ("Secret-77-key", "T-0123456789", pair):
        assert text not in str(response)
    assert response.body["plain"] == "kept"
    assert "[credential of the connection]" in response.body["said"][0]

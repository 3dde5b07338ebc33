"""A product that misbehaves, from the request to the answer: real HTTP on both sides, only the words are scripted."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from accounts.context import tenant_context
from specs.flows.activate_version import activate_version
from specs.flows.process_version import process_version
from specs.flows.save_connection import save_connection
from specs.flows.set_policy import set_default_policies
from specs.flows.upload_version import upload_version
from specs.models import Product
from tests.conftest import make_people
from tests.journeys import Journey
from tests.scripted_server import Reply

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
BODY = {
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "role": {"type": "string"}},
            }
        }
    }
}
DESCRIPTION = {
    "openapi": "3.1.0",
    "info": {"title": "Users", "version": "1"},
    "paths": {
        "/users": {
            "get": {
                "operationId": "list_users",
                "summary": "List all users",
                "parameters": [
                    {"name": "limit", "in": "query", "schema": {"type": "integer"}},
                    {"name": "cursor", "in": "query", "schema": {"type": "string"}},
                ],
            },
            "post": {"operationId": "create_user", "summary": "Create a user", "requestBody": BODY},
        },
        "/users/{name}": {
            "get": {"operationId": "get_user", "summary": "Get one user", "parameters": [NAME]},
        },
    },
}


class Handler(BaseHTTPRequestHandler):
    server: Misbehaving

    def do_GET(self) -> None:
        self.take()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.take()

    def take(self) -> None:
        service = self.server
        service.requests.append(f"{self.command} {self.path}")
        answer = service.answers[min(len(service.requests), len(service.answers)) - 1]
        with contextlib.suppress(OSError):
            self.connection.sendall(answer)
            self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


class Misbehaving(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[str] = []
        self.answers: list[bytes] = []

    def will(self, *answers: bytes) -> None:
        """Answer like this, the last one for ever."""
        self.answers = list(answers)


def reply(status: str, body: Any = b"", *headers: str) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = ["Content-Type: application/json"] if not any("Content-Type" in header for header in headers) else []
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *kind, *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


PAGE = b"<!DOCTYPE html><html><head><title>Bad <i>gateway</i></title></head><body onload=x()>nginx/1.2</body></html>"
HTML = "Content-Type: text/html"


@pytest.fixture
def product() -> Iterator[Misbehaving]:
    server = Misbehaving()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def chat(transactional_db, clean_cache, product, scripted_server, settings) -> Journey:
    settings.NLOPS_MODEL = scripted_server.model
    people = make_people("acme")
    tenant_id = people.tenant.pk
    with tenant_context(tenant_id):
        row = Product.objects.create(tenant_id=tenant_id, name="Users", slug="users")
        version = upload_version(row, json.dumps(DESCRIPTION).encode(), "openapi.json", people.operator)
    process_version(tenant_id, version.pk)
    with tenant_context(tenant_id):
        version.refresh_from_db()
        activate_version(version, people.operator)
        set_default_policies(row, people.operator)
        save_connection(row, base_url=f"http://127.0.0.1:{product.server_port}")
    return Journey(people.customer)


def read(chat: Journey, server: Any, name: str = "bob") -> str:
    server.will(Reply(calls=[("get_user", {"name": name})]), Reply(text=""))
    chat.say(f"Get the user {name}")
    assert "<" not in chat.answer.replace("<=", "")
    return chat.state.answer.text if chat.state.answer else ""


def write(chat: Journey, server: Any) -> None:
    server.will(Reply(calls=[("create_user", {"name": "bob"})]), Reply(text=""))
    chat.say("Create the user bob")
    assert chat.status == "confirming"
    chat.confirm()


def told_model(server: Any) -> dict[str, Any]:
    """What the model heard of the failed call."""
    message = server.requests[-1]["messages"][-1]
    assert message["role"] == "tool"
    return json.loads(message["content"])["error"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (reply("404 Not Found", {"detail": "No user bob."}), "found no user bob (404)"),
        (reply("403 Forbidden", {"title": "Forbidden", "detail": "Needs users.read."}), "Needs users.read."),
        (reply("409 Conflict", {"message": "bob is being moved"}), "Look at its present state first."),
        (reply("401 Unauthorized", b""), "An operator can check the credentials of the connection."),
        (reply("200 OK", {"ok": False, "error": "missing_scope"}), "missing_scope."),
        (reply("200 OK", {"errors": [{"message": "Cannot query field"}], "data": None}), "Cannot query field."),
        (reply("200 OK", PAGE, HTML), "answered with a web page titled “Bad gateway” where data was expected"),
        (reply("200 OK", b'{"name": "bob", ', "Content-Type: application/json"), "JSON but is broken"),
        (reply("302 Found", b"", "Location: http://evil.example/x"), "elsewhere to http://evil.example/x (HTTP 302)"),
        (reply("307 Moved", b"", "Location: /users/bob"), "nlops does not follow"),
        (reply("304 Not Modified"), "nothing has changed (HTTP 304)"),
        (reply("200 OK", b'{"a": "' + b"x" * 8_000_000 + b'"}'), "more than nlops reads. Ask for less at a time"),
        (
            reply("200 OK", b"x" * 8_000_000, "Content-Type: text/plain"),
            "more than nlops reads. Ask for less at a time",
        ),
        (reply("200 OK", b"xx", "Content-Encoding: gzip"), "can't be unpacked"),
        (
            reply("500 Oops", PAGE, HTML),
            "had a fault of its own (500): get one user (name bob). Bad gateway. Try again later.",
        ),
        (reply("503 Busy", b""), "503"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "in the middle of its answer"),
        (b"garbage\r\n\r\n", "not HTTP as it should be"),
    ],
)
def test_a_read_that_fails_says_what_happened_and_what_to_do(chat, product, scripted_server, answer, words):
    product.will(answer)
    text = read(chat, scripted_server)
    assert words in text
    assert chat.status == "failed"
    assert "nginx" not in str(chat.events())


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (reply("200 OK", b""), "The product sent nothing back."),
        (reply("204 No Content"), "The product sent nothing back."),
        (reply("200 OK", b"%PDF-1.7 x", "Content-Type: application/pdf"), "a file (application/pdf, 10 bytes)"),
        (reply("200 OK", "é".encode("latin-1"), "Content-Type: text/plain; charset=latin-1"), "é"),
        (reply("200 OK", {"name": "bob", "error": "disk full", "id": 1}), "Here is the user bob."),
    ],
)
def test_a_read_that_is_odd_is_answered_all_the_same(chat, product, scripted_server, answer, words):
    product.will(answer)
    assert words in read(chat, scripted_server)
    assert chat.status == "answered"


def test_a_thing_that_is_not_there_is_named_and_the_list_offered(chat, product, scripted_server):
    product.will(reply("404 Not Found", {"message": "not found"}))
    text = read(chat, scripted_server, "bobb")
    assert text.startswith("The product found no user bobb (404).")
    assert "The list shows which there are." in text
    assert chat.state.answer.suggestions == ("List all users",)


@pytest.mark.parametrize(
    "failure",
    [
        reply("502 Bad Gateway", PAGE, HTML),
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        reply("429 Too Many Requests", b"", "Retry-After: 1"),
        reply("429 Too Many Requests", b"", "RateLimit-Reset: 1"),
        reply("503 Service Unavailable", b"", "Retry-After: 1"),
        reply("403 Forbidden", {"message": "rate limit"}, "X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 1"),
    ],
)
def test_a_read_is_repeated_after_the_pause(chat, product, scripted_server, failure):
    product.will(failure, reply("200 OK", {"name": "bob", "id": 1}))
    began = time.monotonic()
    assert read(chat, scripted_server) == "Here is the user bob."
    assert product.requests == ["GET /users/bob"] * 2
    assert time.monotonic() - began > 0.9


def test_a_pause_that_is_too_long_is_told_instead(chat, product, scripted_server):
    product.will(reply("429 Too Many Requests", {"message": "slow down"}, "Retry-After: 1800"))
    text = read(chat, scripted_server)
    assert "too busy just now (429). Slow down. It asks to wait 30 minutes." in text
    assert len(product.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        reply("500 Oops", PAGE, HTML),
        reply("200 OK", PAGE, HTML),
        reply("302 Found", b"", "Location: /login"),
        b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{",
        b"garbage\r\n\r\n",
        b"",
    ],
)
def test_a_write_without_a_clear_answer_is_in_doubt_and_not_repeated(chat, product, scripted_server, answer):
    product.will(answer)
    write(chat, scripted_server)
    assert chat.status == "confirming"
    kind, data = chat.events()[-1]
    assert (kind, data["in_doubt"]) == ("confirmation", True)
    assert "It is not known whether the product did it." in data["call"]["error"]
    assert product.requests == ["POST /users"]
    chat.confirm(agreed=False)
    assert "It is not known whether this was done" in chat.state.answer.text
    assert product.requests == ["POST /users"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (reply("201 Created", b""), "Created the user bob."),
        (reply("201 Created", b"{broken"), "Created the user bob."),
        (reply("202 Accepted", b""), "Created the user bob. The product took it on and may still be working on it."),
        (reply("200 OK", b"[" + b"1," * 4_000_000 + b"1]"), "Created the user bob."),
    ],
)
def test_a_write_that_was_done_is_done_whatever_its_answer_looks_like(chat, product, scripted_server, answer, words):
    product.will(answer)
    write(chat, scripted_server)
    assert (chat.status, chat.state.answer.text) == ("answered", words)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (reply("200 OK", {"success": False, "message": "The name is taken."}), "The name is taken."),
        (reply("409 Conflict", {"detail": "bob exists"}), "Bob exists. Try another name."),
        (reply("308 Permanent Redirect", b"", "Location: /v2/users"), "correct the connection's base URL"),
    ],
)
def test_a_write_that_was_refused_was_not_done(chat, product, scripted_server, answer, words):
    product.will(answer)
    write(chat, scripted_server)
    assert chat.status == "failed"
    assert words in chat.state.answer.text
    assert product.requests == ["POST /users"]


@pytest.mark.parametrize(
    "body",
    [
        {"type": "about:blank", "title": "Invalid", "status": 422,
         "errors": [{"pointer": "#/role", "detail": "must be one of: admin, user"}]},
        {"detail": [{"type": "enum", "loc": ["body", "role"], "msg": "Input should be 'admin' or 'user'",
                     "ctx": {"expected": "'admin' or 'user'"}}]},
        {"message": "Validation failed", "errors": [{"field": "role", "message": "use one of admin, user"}]},
        {"role": ["Choose one of: admin, user."]},
        {"error": {"message": "bad request",
                   "details": [{"field": "role", "message": "bad", "allowed": ["admin", "user"]}]}},
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", ["400 Bad Request", "422 Unprocessable Content"])
def test_refused_arguments_reach_the_model_with_fields_and_allowed_values(chat, product, scripted_server, body, status):
    product.will(reply(status, body))
    scripted_server.will(Reply(calls=[("create_user", {"name": "bob", "role": "boss"})]), Reply(text=""))
    chat.say("Create the user bob with the role boss").confirm()
    error = told_model(scripted_server)
    assert error["status"] == int(status[:3])
    assert error["message"]
    assert [(field["field"], field["allowed"]) for field in error["fields"]] == [("role", ["admin", "user"])]


def test_a_plain_text_refusal_is_told_as_it_is(chat, product, scripted_server):
    product.will(reply("400 Bad Request", b"name is too short", "Content-Type: text/plain"))
    write(chat, scripted_server)
    assert told_model(scripted_server) == {"status": 400, "message": "name is too short", "fields": []}
    assert "Name is too short." in chat.state.answer.text


def test_a_long_list_is_followed_and_its_rest_is_told(chat, product, scripted_server, settings):
    settings.NLOPS_PAGES = 6
    pages = [
        reply("200 OK", {"items": [{"name": f"user{20 * page + row}"} for row in range(20)], "total": 2345,
                         "next_cursor": f"c{page}"})
        for page in range(7)
    ]  # fmt: skip
    product.will(*pages)
    scripted_server.will(Reply(calls=[("list_users", {})]), Reply(text=""))
    chat.say("List all users")
    assert chat.state.answer.text == "Here are the first 100 of 2,345 users."
    assert len(product.requests) == 6
    returned = next(data for kind, data in chat.events() if kind == "returned")
    assert (returned["pages"], returned["total"]) == (6, 2345)
    assert returned["size"] > 1000
    assert len(chat.state.answer.blocks[0]["rows"]) == 100


def test_the_first_5_are_5(chat, product, scripted_server):
    product.will(reply("200 OK", {"items": [{"name": f"u{n}"} for n in range(5)], "total": 2345, "next_cursor": "x"}))
    scripted_server.will(Reply(calls=[("list_users", {"limit": 5})]), Reply(text=""))
    chat.say("List the first 5 users")
    assert chat.state.answer.text == "Here are the first 5 of 2,345 users."
    assert product.requests == ["GET /users?limit=5"]


def test_a_refused_password_is_tried_once(chat, product, scripted_server):
    with tenant_context(chat.tenant_id):
        save_connection(
            Product.objects.get(), base_url=f"http://127.0.0.1:{product.server_port}", auth_kind="oauth2_password",
            username="svc", secret="old", token_url="/token",
        )  # fmt: skip
    product.will(reply("400 Bad Request", {"error": "invalid_grant"}))
    text = read(chat, scripted_server)
    assert "refused the user name or password of the connection to Users (HTTP 400). An operator can correct" in text
    assert product.requests == ["POST /token"]


def test_of_a_list_that_is_too_large_the_beginning_is_shown(chat, product, scripted_server):
    rows = [{"name": f"user{number}", "about": "x" * 1000} for number in range(8000)]
    product.will(reply("200 OK", {"items": rows}))
    scripted_server.will(Reply(calls=[("list_users", {})]), Reply(text=""))
    chat.say("List all users")
    assert chat.state.answer.text == "Here are the first 100 users; there are more."
    assert len(product.requests) == 1


@pytest.mark.parametrize(
    ("request_text", "words"),
    [
        ("사용자 bob 의 정보를 보여줘", "데이터 대신 웹 페이지(제목: “Bad gateway”)가 왔습니다."),
        ("Zeige mir bitte den Benutzer bob", "mit einer Webseite mit dem Titel „Bad gateway“ geantwortet"),
    ],
)
def test_what_went_wrong_on_the_wire_is_told_in_the_language_of_the_request(
    chat, product, scripted_server, request_text, words
):
    product.will(reply("200 OK", PAGE, HTML))
    scripted_server.will(Reply(calls=[("get_user", {"name": "bob"})]), Reply(text=""))
    chat.say(request_text)
    assert words in chat.state.answer.text

"""Arguments to HTTP requests, and answers back; read by parsers that are not ours."""

from __future__ import annotations

import contextlib
import email
import email.policy
import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from specs.http import ProductUnreachable, Request, RequestNotPossible, build_request, parse_body, send

BASE = "http://product.example/api"


def built(path: str = "/x", bindings: dict[str, Any] | None = None, method: str = "GET", **rest: Any) -> Request:
    return build_request(
        method=method,
        path=path,
        base_url=rest.pop("base_url", BASE),
        bindings=bindings or {},
        arguments=rest.pop("arguments", {}),
        body_media_type=rest.pop("body_media_type", ""),
    )


def of(place: str, value: Any, path: str = "/x", **binding: Any) -> Request:
    """A request with one argument v, known to the product as v."""
    bindings = {"v": {"in": place, "name": "v", **binding}}
    return built(path, bindings, arguments={"v": value})


@pytest.mark.parametrize(
    ("value", "binding", "query"),
    [
        ("a b&c=d/é", {}, "v=a%20b%26c%3Dd%2F%C3%A9"),
        (True, {}, "v=true"),
        (7.0, {}, "v=7"),
        (0.5, {}, "v=0.5"),
        ("", {}, "v="),
        (None, {}, ""),
        ([], {}, ""),
        (["a", "b,c"], {}, "v=a&v=b%2Cc"),
        (["a", "b,c"], {"explode": False}, "v=a,b%2Cc"),
        (["a", "b"], {"style": "spaceDelimited", "explode": False}, "v=a%20b"),
        (["a", "b"], {"style": "pipeDelimited", "explode": False}, "v=a%7Cb"),
        (["a", "b"], {"style": "pipeDelimited"}, "v=a%7Cb"),
        ({"k": 1, "l": "x y"}, {}, "k=1&l=x%20y"),
        ({"k": 1, "l": 2}, {"explode": False}, "v=k,1,l,2"),
        ({"k": 1, "l": {"m": [2, 3]}}, {"style": "deepObject"}, "v%5Bk%5D=1&v%5Bl%5D%5Bm%5D=2&v%5Bl%5D%5Bm%5D=3"),
        ({"k": 1}, {"style": "json"}, "v=%7B%22k%22%3A1%7D"),
        ("a/b?c", {"allow_reserved": True}, "v=a/b?c"),
        ("a&b=c#d", {"allow_reserved": True}, "v=a%26b%3Dc%23d"),
    ],
)
def test_query_styles(value, binding, query):
    assert urlsplit(of("query", value, **binding).url).query == query


@pytest.mark.parametrize("text", ["plain", "a b", "ü/€", "&=?#%", "a%2Fb", "+", "\r\nX: y", "日本"])
def test_a_query_value_comes_back_as_it_was(text):
    assert parse_qsl(urlsplit(of("query", text).url).query, keep_blank_values=True) == [("v", text)]


@pytest.mark.parametrize(
    ("value", "binding", "segment"),
    [
        ("a b", {}, "a%20b"),
        ("a/b", {}, "a%2Fb"),
        ("a?b#c;d", {}, "a%3Fb%23c%3Bd"),
        ("{w}", {}, "%7Bw%7D"),
        ("50%", {}, "50%25"),
        ([1, 2], {}, "1,2"),
        ({"a": 1, "b": 2}, {}, "a,1,b,2"),
        ({"a": 1, "b": 2}, {"explode": True}, "a=1,b=2"),
        ([1, 2], {"style": "label", "explode": True}, ".1.2"),
        ([1, 2], {"style": "matrix"}, ";v=1,2"),
        ([1, 2], {"style": "matrix", "explode": True}, ";v=1;v=2"),
        ("x", {"style": "matrix"}, ";v=x"),
    ],
)
def test_path_styles(value, binding, segment):
    assert of("path", value, "/p/{v}/q", **binding).url == f"{BASE}/p/{segment}/q"


@pytest.mark.parametrize("text", ["plain", "a b", "ü", "a/b", "a%2Fb", "x:y@z", "...", "{v}", "a..b"])
def test_a_path_value_stays_in_its_segment_and_comes_back_as_it_was(text):
    segments = urlsplit(of("path", text, "/p/{v}/q").url).path.split("/")
    assert [unquote(segment) for segment in segments] == ["", "api", "p", text, "q"]


@pytest.mark.parametrize("value", ["..", ".", "../admin", "a/../../b", "%2e%2e", "a\\..\\b", ["..", "x"], "", None, []])
def test_a_path_value_that_leads_elsewhere_is_refused(value):
    with pytest.raises(RequestNotPossible, match="v") as raised:
        of("path", value, "/p/{v}/q")
    assert raised.value.sent is False


def test_dots_that_two_values_make_together_are_refused():
    bindings = {name: {"in": "path", "name": name} for name in "ab"}
    with pytest.raises(RequestNotPossible):
        built("/p/{a}{b}", {**bindings}, arguments={"a": ".", "b": "."})
    with pytest.raises(RequestNotPossible, match="needs a value for “b”"):
        built("/p/{a}/{b}", bindings, arguments={"a": "x"})


def test_a_value_that_looks_like_a_placeholder_is_not_filled():
    bindings = {name: {"in": "path", "name": name} for name in "ab"}
    assert built("/{a}/{b}", bindings, arguments={"a": "{b}", "b": "x"}).url == f"{BASE}/%7Bb%7D/x"


def test_a_query_in_the_path_of_the_description_is_kept():
    bindings = {"v": {"in": "query", "name": "v"}}
    assert built("/x?action=list#frag", bindings, arguments={"v": 1}).url == f"{BASE}/x?action=list&v=1"


def test_an_unknown_argument_is_refused():
    with pytest.raises(RequestNotPossible, match="takes no “w”"):
        built(arguments={"w": 1})


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\x00b", "é"])
def test_a_header_value_that_would_begin_another_header_is_refused(value):
    with pytest.raises(RequestNotPossible, match="on one line only"):
        of("header", value)


@pytest.mark.parametrize("name", ["Host", "Authorization", "Content-Length", "Cookie", "a b", "x\r\ny"])
def test_headers_that_belong_to_the_connection_are_refused(name):
    with pytest.raises(RequestNotPossible, match="no header that a call may set"):
        built(bindings={"v": {"in": "header", "name": name}}, arguments={"v": "x"})


def test_headers_and_cookies_are_laid_out():
    assert of("header", [1, 2]).headers["v"] == "1,2"
    assert of("header", {"a": 1}, explode=True).headers["v"] == "a=1"
    assert of("cookie", "a;b c").headers["Cookie"] == "v=a%3Bb%20c"


def body(media_type: str, arguments: dict[str, Any], method: str = "POST", **binding: Any) -> Request:
    bindings = {name: {"in": "body", "name": name, "pointer": f"/{name}", **binding} for name in (*arguments, "unused")}
    return built("/x", bindings, method, arguments=arguments, body_media_type=media_type)


def test_a_json_body_is_put_together_from_its_arguments():
    request = body("application/json", {"a": 1, "b": {"c": None}})
    assert json.loads(request.content) == {"a": 1, "b": {"c": None}}
    assert request.headers["Content-Type"] == "application/json"


def test_a_body_without_arguments_is_an_empty_object_where_a_body_is_usual():
    assert body("application/json", {}).content == b"{}"
    assert body("application/json", {}, "DELETE").content == b""


def whole_body(media_type: str, value: Any) -> Request:
    return built(
        "/x", {"body": {"in": "body", "pointer": ""}}, "POST", arguments={"body": value}, body_media_type=media_type
    )


def test_a_whole_body_is_sent_as_it_is():
    assert json.loads(whole_body("application/json", [1, "a"]).content) == [1, "a"]
    assert whole_body("application/json", None).content == b"null"
    assert whole_body("text/plain", "wörds").content == "wörds".encode()
    assert whole_body("application/octet-stream", "raw").headers["Content-Type"] == "application/octet-stream"
    assert parse_qsl(whole_body("application/x-www-form-urlencoded", {"a": "b c"}).content.decode()) == [("a", "b c")]


def test_a_form_body_is_urlencoded():
    request = body("application/x-www-form-urlencoded", {"a": "b c&d=é", "list": [1, 2], "object": {"k": 1}})
    assert parse_qsl(request.content.decode()) == [
        ("a", "b c&d=é"), ("list", "1"), ("list", "2"), ("object", '{"k":1}'),
    ]  # fmt: skip


def test_a_multipart_body_is_read_by_an_independent_parser():
    bindings = {
        "text": {"in": "body", "name": 'te"xt', "pointer": "/text"},
        "file": {"in": "body", "name": "file", "pointer": "/file", "file": True},
        "object": {"in": "body", "name": "object", "pointer": "/object"},
    }
    arguments = {"text": "a\r\n--nlops-b", "file": "contents", "object": {"k": [1]}}
    request = built("/x", bindings, "POST", arguments=arguments, body_media_type="multipart/form-data")
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + request.content, policy=email.policy.HTTP)
    parts = list(message.iter_parts())
    assert [part.get_param("name", header="content-disposition") for part in parts] == ["te%22xt", "file", "object"]
    assert parts[0].get_payload(decode=True) == b"a\r\n--nlops-b"
    assert parts[1].get_filename() == "file"
    assert json.loads(parts[2].get_payload(decode=True)) == {"k": [1]}


@pytest.mark.parametrize(
    ("content", "kind", "parsed"),
    [
        (b"", "application/json", None),
        (b'{"a": 1}', "application/json", {"a": 1}),
        (b'{"a": 1}', "text/plain", {"a": 1}),
        (b'"x"', "application/problem+json; charset=utf-8", "x"),
        (b"{broken", "application/json", None),
        (b"OK", "application/json", "OK"),
        (b"{not json, a template}", "text/plain", "{not json, a template}"),
        (b'{"a": 1e999, "b": 123456789012345678901234567890, "c": "x\\u0000y"}', "application/json",
         {"a": None, "b": "123456789012345678901234567890", "c": "xy"}),
        ("é".encode("latin-1"), "text/plain; charset=latin-1", "é"),
        (b"\x89PNG\x00", "image/png", "a file (image/png, 5 bytes)"),
        (b"[" * 5000, "application/json", None),
    ],
)  # fmt: skip
def test_bodies_are_read_so_that_they_can_be_stored(content, kind, parsed):
    assert parse_body(content, kind) == parsed


# --- sending, against a real server on this machine ---


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        match urlsplit(self.path).path:
            case "/json":
                self.answer(200, json.dumps({"path": self.path, "header": self.headers["X-A"]}).encode())
            case "/long":
                self.answer(200, b"[" + b"1," * 500_000 + b"1]")
            case "/moved":
                self.answer(302, b"", Location="/json")
            case "/slow":
                time.sleep(2)
                self.answer(200, b"{}")
            case "/dead":
                self.connection.shutdown(socket.SHUT_RDWR)

    def answer(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Set-Cookie": "s=1", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):  # the client had enough
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def product() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_url_goes_out_as_it_was_built(product):
    bindings = {
        "v": {"in": "path", "name": "v"},
        "q": {"in": "query", "name": "q"},
        "h": {"in": "header", "name": "X-A"},
    }
    request = built("/json", bindings, base_url=product, arguments={"q": "a+b/..%2e", "h": "1"})
    response = send(request)
    assert (response.status, response.body) == (200, {"path": "/json?q=a%2Bb%2F..%252e", "header": "1"})
    assert response.headers["content-type"] == "application/json"
    assert "set-cookie" not in response.headers


def test_a_long_response_is_cut(product):
    response = send(built("/long", base_url=product), max_bytes=1000)
    assert response.truncated
    assert set(response.body) == {1}
    assert response.problem.startswith("The product sent more than 1.0 kB")


def test_redirects_are_not_followed(product):
    assert send(built("/moved", base_url=product)).status == 302


def test_a_proxy_of_the_environment_is_not_used(product, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert send(built("/json", base_url=product)).status == 200


@pytest.mark.parametrize(("path", "words"), [("/slow", "did not answer within"), ("/dead", "closed the connection")])
def test_a_request_without_an_answer_may_have_arrived(product, path, words):
    with pytest.raises(ProductUnreachable, match=words) as raised:
        send(built(path, base_url=product), timeout=0.3)
    assert raised.value.sent is True


def test_a_refused_connection_sent_nothing():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ProductUnreachable, match=f"127.0.0.1:{port} can't be reached") as raised:
        send(built(base_url=f"http://127.0.0.1:{port}").with_query("api_key", "s3cret"))
    assert raised.value.sent is False
    assert "s3cret" not in str(raised.value)


def test_an_unknown_host_and_a_server_without_tls_are_told_apart(product):
    with pytest.raises(ProductUnreachable, match="host name") as raised:
        send(built(base_url="http://nowhere.invalid"))
    assert raised.value.sent is False
    with pytest.raises(ProductUnreachable, match="TLS") as raised:
        send(built("/json", base_url=product.replace("http:", "https:")))
    assert raised.value.sent is False

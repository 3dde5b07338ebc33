"""What a product may answer, byte by byte over a real connection: each oddity ends soon, small, and in a clear word."""

from __future__ import annotations

import contextlib
import gzip
import resource
import socket
import socketserver
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from specs.http import ProductUnreachable, Request, Response, send, wait_told

Answer = Callable[[socket.socket], None]


class Server(socketserver.ThreadingTCPServer):
    """Reads one request and lets `answer` write to the socket what it likes."""

    allow_reuse_address = True
    daemon_threads = True
    answer: Answer

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """The client hung up: that's what some tests are about."""


class Handler(socketserver.BaseRequestHandler):
    server: Server

    def handle(self) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            received += self.request.recv(65536)
        self.server.answer(self.request)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def ask(server):
    def asked(answer: Answer | bytes, **limits: float) -> Response:
        server.answer = answer if callable(answer) else lambda connection: connection.sendall(answer)
        url = f"http://127.0.0.1:{server.server_address[1]}/things"
        return send(Request(limits.pop("method", "GET"), url), **limits)  # type: ignore[arg-type]

    return asked


def reply(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


JSON = "Content-Type: application/json"


def test_the_bytes_that_came_are_counted(ask):
    response = ask(reply("200 OK", b'{"a": 1}', JSON))
    assert (response.status, response.body, response.size, response.problem) == (200, {"a": 1}, 8, "")


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "202 Accepted"])
def test_an_empty_body_is_nothing_and_no_problem(ask, status):
    response = ask(reply(status, b"", JSON))
    assert (response.body, response.problem) == (None, "")


def test_204_is_nothing(ask):
    assert ask(b"HTTP/1.1 204 No Content\r\n\r\n").body is None


def test_broken_json_is_named_and_not_shown(ask):
    response = ask(reply("200 OK", b'{"password": "hunter2", ', JSON))
    assert response.body is None
    assert "is broken" in response.problem
    assert response.unclear is False


def test_broken_json_of_an_error_is_shown_as_the_text_that_it_is(ask):
    response = ask(reply("400 Bad Request", b"{'message': 'no'}", JSON))
    assert (response.body, response.problem) == ("{'message': 'no'}", "")


@pytest.mark.parametrize(
    "page",
    [
        b"<!DOCTYPE html>\n<html><head><title>\n 502 Bad\n Gateway</title></head><body><h1>x</h1></body></html>",
        b"<html><TITLE>502 Bad Gateway</TITLE><script>alert(1)</script>",
        b"<!-- nginx --><html><head><title>502 <b>Bad</b> Gateway</title>",
    ],
)
def test_of_an_error_page_the_title_is_kept_and_nothing_else(ask, page):
    response = ask(reply("502 Bad Gateway", page, "Content-Type: text/html"))
    assert response.body == "502 Bad Gateway"


def test_a_page_in_place_of_data_is_named_by_its_title(ask):
    page = b"<!doctype html><html><head><title>Sign in &amp; go</title></head><body>secret</body></html>"
    response = ask(reply("200 OK", page, "Content-Type: text/html; charset=utf-8"))
    assert "titled \u201cSign in & go\u201d" in response.problem
    assert "secret" not in f"{response.body}{response.problem}"
    assert response.unclear is True


def test_a_page_that_says_it_is_json_is_a_page(ask):
    response = ask(reply("200 OK", b"<html><title>App</title></html>", JSON))
    assert "titled \u201cApp\u201d" in response.problem


@pytest.mark.parametrize(
    ("headers", "body", "shown"),
    [
        (("Content-Type: application/pdf", 'Content-Disposition: attachment; filename="../a report.pdf"'),
         b"%PDF-1.7 " + b"x" * 4991, "a file \u201ca report.pdf\u201d (application/pdf, 5.0 kB)"),
        (("Content-Type: image/png",), b"\x89PNG\x00", "a file (image/png, 5 bytes)"),
        ((), b"\x00\x01\x02", "a file (binary data, 3 bytes)"),
        (("Content-Type: nonsense",), b'{"a": 1}', {"a": 1}),
        (("Content-Type: text/plain; charset=latin-1",), "é".encode("latin-1"), "é"),
        (("Content-Type: text/plain; charset=no-such",), "é".encode(), "é"),
        (("Content-Type: text/plain; charset=base64",), b"abc", "abc"),
        (("Content-Type: application/json; charset=iso-8859-1",), '{"a": "é"}'.encode("latin-1"), {"a": "é"}),
        (("Content-Type: application/json",), '{"a": "é"}'.encode("utf-8-sig"), {"a": "é"}),
        (("Content-Type: application/json",), '{"a": "é"}'.encode("utf-16"), {"a": "é"}),
        (("Content-Type: text/plain",), b"\xff\xfe\xff", "\ufffd"),
        (("Content-Type: application/x-ndjson",), b'{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
    ],
)  # fmt: skip
def test_files_charsets_and_kinds(ask, headers, body, shown):
    response = ask(reply("200 OK", body, *headers))
    assert response.body == shown
    assert response.problem == ""


def test_200_mb_are_not_read(ask):
    sent = 0

    def flood(connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 200000000\r\n\r\n[")
        with contextlib.suppress(OSError):
            for _ in range(200):
                sent += connection.send(b'"0123456",' * 100_000)

    response = ask(flood, max_bytes=1_000_000)
    assert response.truncated
    assert set(response.body[:-1]) == {"0123456"}
    assert response.problem.startswith("The product sent more than 1.0 MB, which is more than nlops reads. Ask for")
    assert response.size < 2_000_000
    time.sleep(0.2)
    assert sent < 20_000_000


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_bomb_is_stopped_where_it_unfolds(ask, encoding):
    wbits = 31 if encoding == "gzip" else 15
    engine = zlib.compressobj(9, wbits=wbits)
    bomb = b"".join([*(engine.compress(b"0" * 1_000_000) for _ in range(200)), engine.flush()])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    response = ask(reply("200 OK", bomb, JSON, f"Content-Encoding: {encoding}"), max_bytes=1_000_000)
    assert response.truncated
    assert "more than 1.0 MB" in response.problem
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b'{"a": 1}')),
        ("deflate", zlib.compress(b'{"a": 1}')),
        ("deflate", zlib.compress(b'{"a": 1}')[2:-4]),
        ("identity", b'{"a": 1}'),
    ],
)
def test_what_is_compressed_unasked_is_unpacked(ask, encoding, body):
    assert ask(reply("200 OK", body, JSON, f"Content-Encoding: {encoding}")).body == {"a": 1}


@pytest.mark.parametrize(
    ("encoding", "body", "words"),
    [
        ("br", b"xxxxxxx", "with \u201cbr\u201d unasked"),
        ("gzip", b"xxxxxxx", "can't be unpacked"),
        ("gzip", b"xx", "can't be unpacked"),
        ("gzip", gzip.compress(b'{"a": 1}')[:-9], "can't be unpacked"),
    ],
)
def test_what_can_not_be_unpacked_is_named(ask, encoding, body, words):
    assert words in ask(reply("200 OK", body, JSON, f"Content-Encoding: {encoding}")).problem


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "in the middle of its answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[1,2,", "in the middle of its answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[1]\r\n0\r\n\r\n", "not HTTP as it should be"),
        (b"HTTP/1.1 banana\r\n\r\n", "not HTTP as it should be"),
        (b"SSH-2.0-OpenSSH_9.7\r\n\r\n", "not HTTP as it should be"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "not HTTP as it should be"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n", "not HTTP as it should be"),
        (b"", "closed the connection before it answered"),
    ],
)
def test_an_answer_that_breaks_leaves_open_whether_it_was_done(ask, answer, words):
    with pytest.raises(ProductUnreachable, match=words) as raised:
        ask(answer, timeout=3)
    assert raised.value.sent is True


def test_a_reset_in_the_middle_leaves_open_whether_it_was_done(ask):
    def reset(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        time.sleep(0.1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    with pytest.raises(ProductUnreachable, match="in the middle of its answer") as raised:
        ask(reset, method="POST")
    assert raised.value.sent is True


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"y"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
)
def test_a_slow_drip_ends_with_the_time_for_the_whole(ask, first, drop):
    def drip(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.sendall(first)
            for _ in range(100):
                connection.sendall(drop)
                time.sleep(0.05)

    began = time.monotonic()
    with pytest.raises(ProductUnreachable, match="still sending its answer after 1 seconds") as raised:
        ask(drip, timeout=5, total=0.6)
    assert time.monotonic() - began < 4  # the drip goes on for five seconds
    assert raised.value.sent is True


def test_a_silence_ends_with_the_time_for_the_next_byte(ask):
    with pytest.raises(ProductUnreachable, match="did not answer within 0 seconds") as raised:
        ask(lambda connection: time.sleep(1), timeout=0.3)
    assert raised.value.sent is True


@pytest.mark.parametrize(
    ("answer", "unclear", "words"),
    [
        (reply("302 Found", b"", "Location: https://user:pw@elsewhere.example/a?token=x"), True,
         "to https://elsewhere.example/a (HTTP 302). nlops does not follow"),
        (reply("303 See Other", b"", "Location: /things/7"), True, "elsewhere to /things/7 (HTTP 303)"),
        (reply("307 Temporary Redirect", b"", "Location: /v2/things"), False, "correct the connection's base URL"),
        (reply("308 Permanent Redirect", b""), False, "sent the request elsewhere (HTTP 308)"),
        (reply("300 Multiple Choices", b"[]"), True, "HTTP 300"),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", True, "nothing has changed (HTTP 304)"),
    ],
)  # fmt: skip
def test_redirects_and_other_oddities_are_told(ask, answer, unclear, words):
    response = ask(answer)
    assert words in response.problem
    assert response.unclear is unclear
    assert "pw" not in response.problem
    assert "token" not in response.problem


def test_hints_before_the_answer_are_skipped(ask):
    response = ask(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + reply("200 OK", b"[1]", JSON))
    assert (response.status, response.body) == (200, [1])


NOW = datetime(2030, 5, 6, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"retry-after": "7"}, 7),
        (429, {"retry-after": "0"}, 0),
        (429, {"retry-after": format_datetime(NOW.replace(minute=1), usegmt=True)}, 60),
        (429, {"retry-after": format_datetime(NOW.replace(hour=11), usegmt=True)}, 0),
        (429, {"retry-after": "soon"}, None),
        (429, {"retry-after": "-5"}, None),
        (429, {}, None),
        (429, {"ratelimit": "limit=100, remaining=0, reset=50"}, 50),
        (429, {"ratelimit": '"default";r=0;t=30'}, 30),
        (429, {"ratelimit-reset": "9"}, 9),
        (429, {"x-ratelimit-reset": str(int(NOW.timestamp()) + 12)}, 12),
        (429, {"x-ratelimit-reset": str((int(NOW.timestamp()) + 12) * 1000)}, 12),
        (429, {"x-ratelimit-reset-after": "1.5", "x-ratelimit-reset": str(int(NOW.timestamp()) + 99)}, 1.5),
        (429, {"retry-after": "3", "x-ratelimit-reset": "99"}, 3),
        (429, {"x-ratelimit-reset": "2030-05-06"}, None),
        (503, {"retry-after": "7"}, 7),
        (503, {"x-ratelimit-reset": "7"}, None),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "7"}, 7),
        (403, {"x-ratelimit-remaining": "12", "x-ratelimit-reset": "7"}, None),
        (200, {"retry-after": "7"}, None),
    ],
)  # fmt: skip
def test_the_pause_that_a_product_asks_for(status, headers, seconds):
    assert wait_told(status, headers, NOW) == seconds

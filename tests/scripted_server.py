"""An OpenAI-compatible server whose answers a test writes: real HTTP, so that the SDK and its retries are in play."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Reply:
    """One answer of the server."""

    text: str | None = None
    #: (name, arguments as a dict or as raw text)
    calls: list[tuple[str, Any]] = field(default_factory=list)
    status: int = 200
    finish_reason: str = ""
    #: the provider's words for what it won't answer
    refusal: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    #: sent as it is instead of a completion
    raw: str = ""
    #: with another status than 200: what the error says, and its code and parameter
    error: dict[str, Any] = field(default_factory=dict)
    #: seconds before it answers
    delay: float = 0.0
    #: seconds between every two bytes of the body
    drip: float = 0.0
    #: seconds between every two bytes of the head
    head_drip: float = 0.0
    #: tokens of the prompt that came from the provider's cache
    cached: int = 0
    #: False: it doesn't tell the tokens
    counts: bool = True
    #: False: it answers at once, whatever was asked for
    streams: bool = True
    content_type: str = ""
    #: streamed: the pieces as the server sends them, instead of ones made of `text` and `calls`
    deltas: list[dict[str, Any]] = field(default_factory=list)
    #: streamed: characters in each piece, and bytes in each write; 0 for all at once
    piece: int = 5
    cut: int = 0
    #: streamed: bytes after which the connection is cut, or nothing comes for `delay` seconds
    breaks_after: int | None = None
    stalls_after: int | None = None

    def is_streamed(self, request: dict[str, Any]) -> bool:
        return bool(request.get("stream")) and self.streams and self.status == 200 and not self.raw

    def stream(self, request: dict[str, Any]) -> bytes:
        """The answer as server-sent events."""
        deltas = self.deltas or list(self._deltas())
        chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
        if self.finish_reason != "none":
            chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": self._reason()}]})
        if self.counts and (request.get("stream_options") or {}).get("include_usage"):
            chunks.append({"choices": [], "usage": self._usage()})
        head = {"id": "scripted", "object": "chat.completion.chunk", "created": 0, "model": "scripted"}
        lines = [f"data: {json.dumps(head | chunk, ensure_ascii=False)}\n\n" for chunk in chunks]
        return "".join([": a comment\n\n", *lines, "data: [DONE]\n\n"]).encode("utf-8", "surrogatepass")

    def _deltas(self) -> Iterator[dict[str, Any]]:
        yield {"role": "assistant", "content": ""}
        for piece in self._pieces(self.text or ""):
            yield {"content": piece}
        for piece in self._pieces(self.refusal):
            yield {"refusal": piece}
        for index, call in enumerate(self._calls()):
            arguments = call["function"].pop("arguments")
            yield {"tool_calls": [{"index": index, **call}]}
            for piece in self._pieces(arguments):
                yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}

    def _pieces(self, text: str) -> list[str]:
        size = self.piece or len(text) or 1
        return [text[start : start + size] for start in range(0, len(text), size)]

    def _reason(self) -> str:
        return self.finish_reason or ("tool_calls" if self.calls else "stop")

    def _usage(self) -> dict[str, Any]:
        return {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": self.cached},
        }

    def _calls(self) -> list[dict[str, Any]]:
        return [
            {
                "id": f"call_{index}",
                "type": "function",
                "function": {
                    "name": name,
                    "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments),
                },
            }
            for index, (name, arguments) in enumerate(self.calls)
        ]

    def body(self) -> bytes:
        if self.raw:
            return self.raw.encode()
        if self.status != 200:
            error = {"message": f"scripted {self.status}", "type": "scripted", **self.error}
            return json.dumps({"error": error}).encode()
        message: dict[str, Any] = {"role": "assistant", "content": self.text}
        if self.refusal:
            message["refusal"] = self.refusal
        if self.calls:
            message["tool_calls"] = self._calls()
        answer = {
            "id": "scripted",
            "object": "chat.completion",
            "created": 0,
            "model": "scripted",
            "choices": [{"index": 0, "message": message, "finish_reason": self._reason()}],
        }
        return json.dumps(answer | ({"usage": self._usage()} if self.counts else {})).encode()


#: What the server says next: from the request's JSON.
Script = Callable[[dict[str, Any]], Reply]


class ScriptedServer:
    """Answers POST /v1/chat/completions (Azure's paths too) from a list of replies, or by a function of the request.

    It answers 418, which no client repeats, when the list is at its end.
    """

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.authorizations: list[str] = []
        #: path and headers (names in small letters) of each request
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.replies: list[Reply] = []
        self.script: Script | None = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Otherwise a second write waits 40 ms for the client's word on the first.
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.requests.append(request)
                outer.authorizations.append(self.headers.get("authorization", ""))
                outer.paths.append(self.path)
                outer.headers.append({name.lower(): value for name, value in self.headers.items()})
                reply = outer._next(request)
                try:
                    if reply.is_streamed(request):
                        time.sleep(0 if reply.stalls_after is not None else reply.delay)
                        self._stream(reply, reply.stream(request))
                    else:
                        time.sleep(reply.delay)
                        self._answer(reply, reply.body())
                except (BrokenPipeError, ConnectionResetError):
                    pass  # the client's patience was shorter, as the test wants

            def _answer(self, reply: Reply, body: bytes) -> None:
                self._head(reply, reply.content_type or "application/json", ("content-length", str(len(body))))
                self._write(body, reply.drip)

            def _stream(self, reply: Reply, body: bytes) -> None:
                """In chunks; a connection that is cut ends without the last one."""
                self._head(reply, reply.content_type or "text/event-stream", ("transfer-encoding", "chunked"))
                stop = next((n for n in (reply.breaks_after, reply.stalls_after) if n is not None), len(body))
                size = reply.cut or (1 if reply.drip else len(body))
                for start in range(0, stop, size):
                    chunk = body[start : min(start + size, stop)]
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                    time.sleep(reply.drip)
                if reply.stalls_after is not None:
                    time.sleep(reply.delay)
                if stop < len(body):
                    self.close_connection = True
                    return
                self.wfile.write(b"0\r\n\r\n")

            def _head(self, reply: Reply, content_type: str, length: tuple[str, str]) -> None:
                headers = {**reply.headers, "content-type": content_type, length[0]: length[1]}
                lines = [f"HTTP/1.1 {reply.status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
                self._write("\r\n".join([*lines, "", ""]).encode(), reply.head_drip)

            def _write(self, body: bytes, drip: float) -> None:
                if not drip:
                    self.wfile.write(body)
                    return
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    time.sleep(drip)

            def log_message(self, *args: object) -> None:
                """Nothing: the tests read `requests`."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        # Looks often whether it shall end: half a second, the default, is lost in each test.
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def _next(self, request: dict[str, Any]) -> Reply:
        if self.script:
            return self.script(request)
        if self.replies:
            return self.replies.pop(0)
        return Reply(status=418, error={"message": "the script has no reply left"})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def model(self) -> str:
        """For NLOPS_MODEL."""
        return f"compatible:scripted@{self.url}"

    def will(self, *replies: Reply) -> ScriptedServer:
        self.replies += replies
        return self

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def scripted_server() -> Iterator[ScriptedServer]:
    """A scripted model server of its own for each test."""
    server = ScriptedServer()
    yield server
    server.close()

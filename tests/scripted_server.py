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
            message["tool_calls"] = [
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
        reason = self.finish_reason or ("tool_calls" if self.calls else "stop")
        return json.dumps(
            {
                "id": "scripted",
                "object": "chat.completion",
                "created": 0,
                "model": "scripted",
                "choices": [{"index": 0, "message": message, "finish_reason": reason}],
                "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
            }
        ).encode()


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

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.requests.append(request)
                outer.authorizations.append(self.headers.get("authorization", ""))
                outer.paths.append(self.path)
                outer.headers.append({name.lower(): value for name, value in self.headers.items()})
                reply = outer._next(request)
                time.sleep(reply.delay)
                body = reply.body()
                try:
                    self.send_response(reply.status)
                    for name, value in reply.headers.items():
                        self.send_header(name, value)
                    self.send_header("content-type", "application/json")
                    self.send_header("content-length", str(len(body)))
                    self.end_headers()
                    self._write(body, reply.drip)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # the client's patience was shorter, as the test wants

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

"""A proxy in front of a product that answers late, so that a worker can be killed while a call is under way."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2

#: Not to be passed on: they belong to one connection (RFC 9110 section 7.6.1) or are set anew.
_OWN = {"connection", "transfer-encoding", "content-length", "host", "date", "server", "content-encoding"}


class LateProduct:
    """Forwards every request at once and holds back the answers of `late_method` for `seconds`."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.late_method = ""
        self.seconds = 0.0
        #: set when the product has done what the late request asks for
        self.done = threading.Event()
        #: (method, path) of everything that was forwarded
        self.seen: list[tuple[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                headers = {k: v for k, v in self.headers.items() if k.lower() not in _OWN}
                answer = httpx2.request(
                    self.command,
                    outer.target + self.path,
                    headers=headers,
                    content=self.rfile.read(length),
                    trust_env=False,
                    timeout=30,
                )
                outer.seen.append((self.command, self.path))
                if self.command == outer.late_method:
                    outer.done.set()
                    time.sleep(outer.seconds)
                self.send_response(answer.status_code)
                for name, value in answer.headers.items():
                    if name.lower() not in _OWN:
                        self.send_header(name, value)
                self.send_header("content-length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = forward

            def log_message(self, *args: object) -> None:
                """Nothing: the tests read `seen`."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def be_late(self, method: str, seconds: float) -> None:
        """From now on hold back the answers of requests with this method."""
        self.late_method, self.seconds = method, seconds
        self.done.clear()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

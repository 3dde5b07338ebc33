"""A product that keeps an exact ledger of what it did, and misbehaves on demand: the judge of the fault histories."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NAME = {"type": "string"}


def _operation(method: str, path: str, name: str, summary: str, *arguments: str, key: bool = False) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = []
    if "{name}" in path:
        parameters.append({"name": "name", "in": "path", "required": True, "schema": NAME})
    if key:
        parameters.append({"name": "Idempotency-Key", "in": "header", "schema": NAME})
    operation: dict[str, Any] = {
        "operationId": name, "summary": summary, "parameters": parameters, "responses": {"200": {"description": "Done"}}
    }  # fmt: skip
    if arguments:
        schema = {"type": "object", "required": list(arguments), "properties": dict.fromkeys(arguments, NAME)}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return {path: {method: operation}}


def description() -> bytes:
    """Its OpenAPI description: a read; writes with and without an idempotency key, by PUT and by DELETE."""
    paths: dict[str, dict[str, Any]] = {}
    for part in (
        _operation("get", "/items/{name}", "get_item", "Get an item"),
        _operation("post", "/items", "make_item", "Make an item", "name", "color", key=True),
        _operation("post", "/notes", "add_note", "Add a note", "name"),
        _operation("put", "/items/{name}", "paint_item", "Paint an item", "color"),
        _operation("delete", "/items/{name}", "drop_item", "Drop an item"),
    ):
        for path, operations in part.items():
            paths.setdefault(path, {}).update(operations)
    return json.dumps({"openapi": "3.1.0", "info": {"title": "Ledger", "version": "1"}, "paths": paths}).encode()


class LedgerProduct:
    """Every effect stands in `effects`, in order. `plan` says how the next requests are treated, oldest first.

    ok; before: the connection breaks and nothing was done; after: it breaks when it was done; error: 503, nothing was
    done; late_error: 500, though it was done; busy: 429; refused: 409, nothing was done.
    """

    def __init__(self) -> None:
        self.effects: list[tuple[str, str]] = []
        self.plan: list[str] = []
        self.items: dict[str, str] = {"old": "red"}
        self._answers: dict[str, tuple[int, Any]] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
                fate = outer.plan.pop(0) if outer.plan else "ok"
                if fate == "before":
                    return self.hang_up()
                if fate in ("error", "busy", "refused"):
                    status = {"error": 503, "busy": 429, "refused": 409}[fate]
                    return self.answer(status, {"detail": "Not now."}, {"retry-after": "1"} if fate == "busy" else {})
                status, found = outer.do(self.command, self.path, body, self.headers.get("idempotency-key"))
                if fate == "after":
                    return self.hang_up()
                if fate == "late_error":
                    return self.answer(500, {"detail": "A fault after all."}, {})
                return self.answer(status, found, {})

            do_GET = do_POST = do_PUT = do_DELETE = serve

            def hang_up(self) -> None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

            def answer(self, status: int, found: Any, headers: dict[str, str]) -> None:
                content = json.dumps(found).encode()
                self.send_response(status)
                for name, value in {"content-type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: object) -> None:
                """Nothing: the tests read `effects`."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def do(self, method: str, path: str, body: dict[str, str], key: str | None) -> tuple[int, Any]:
        """One request, done; a key that is known brings the first answer again."""
        name = body.get("name") or path.rsplit("/", 1)[-1]
        if method == "GET":
            found = self.items.get(name)
            return (200, {"name": name, "color": found}) if found else (404, {"detail": f"There is no item {name}."})
        # The collection of items honours keys; the notes don't.
        if path == "/items" and key:
            if key not in self._answers:
                self._answers[key] = self._effect(method, path, name, body)
            return self._answers[key]
        return self._effect(method, path, name, body)

    def _effect(self, method: str, path: str, name: str, body: dict[str, str]) -> tuple[int, Any]:
        if method == "DELETE" and name not in self.items:
            return 404, {"detail": f"There is no item {name}."}
        if method == "PUT" and self.items.get(name) == body.get("color"):
            return 200, {"name": name, "color": body.get("color")}  # once more is no second effect (RFC 9110, 9.2.2)
        self.effects.append((method, name))
        if method == "DELETE":
            del self.items[name]
            return 200, {"name": name}
        if path.startswith("/items"):
            self.items[name] = body.get("color", "")
        return 200, {"name": name, "color": body.get("color", "")}

    def count(self, method: str, name: str) -> int:
        """How often that was done."""
        return self.effects.count((method, name))

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

"""A stand-in for a product of which only the API description is at hand: real HTTP on this machine's loopback.

It follows the description: unknown paths, wrong methods, missing or ill-typed parameters are refused; what is right is
answered with the description's example, else with a value made from the schema of the response. It keeps nothing, so
nothing can be broken. So that results can be recognised, what was asked for stands in the answer: a search for
“Tilda” finds one entry that is named so.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from nlops.core.types import Json
from specs.ingest.load import Document

#: What the client must bring.
TOKEN = "stand-in"  # noqa: S105  # nosec B105  # known to everybody
_METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
#: How deep values are made from schemas that hold themselves.
_DEPTH = 6
_NAMES = ("name", "title", "username", "real_name")
_QUERIES = ("query", "search", "q", "username", "email", "name")
_SAMPLES = {
    "date-time": "2026-01-02T03:04:05Z",
    "date": "2026-01-02",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "11111111-2222-4333-8444-555555555555",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of a response."""

    status: int
    body: Json = None


class StandIn:
    """Answers requests as the description says."""

    def __init__(self, document: Document) -> None:
        self._root = document.root
        self._routes = [
            (re.compile(re.sub(r"\\\{([^}]*)\\\}", "([^/]+)", re.escape(path))), re.findall(r"\{([^}]*)\}", path), item)
            for path, item in sorted(document.root.get("paths", {}).items(), key=lambda pair: pair[0].count("{"))
            if isinstance(item, dict)
        ]

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """The response to one request; `headers` by lower-case name."""
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return Answer(401, {"message": "Sign in first."})
        parts = urlsplit(target)
        found = [
            (match, names, item) for pattern, names, item in self._routes if (match := pattern.fullmatch(parts.path))
        ]
        if not found:
            return Answer(404, {"message": f"There is nothing at {parts.path}."})
        for match, names, item in found:
            operation = item.get(method.lower())
            if isinstance(operation, dict):
                given = {"path": dict(zip(names, map(unquote, match.groups()), strict=True))}
                given |= {"query": dict(parse_qsl(parts.query, keep_blank_values=True)), "header": dict(headers)}
                return self._serve(method, item, operation, given, body)
        return Answer(405, {"message": f"{method} is not allowed here."})

    def _serve(
        self,
        method: str,
        item: dict[str, Any],
        operation: dict[str, Any],
        given: dict[str, dict[str, str]],
        body: bytes,
    ) -> Answer:
        sent = _sent(given["header"].get("content-type", ""), body)
        given["formData"] = {key: str(value) for key, value in sent.items()} if isinstance(sent, dict) else {}
        wrong = self._wrong_parameter(item, operation, given) or self._wrong_body(operation, body)
        if wrong:
            return Answer(400, {"message": wrong})
        asked = given["query"] | given["path"] | given["formData"]
        status, response = self._response(operation)
        made = self._body(response)
        return Answer(status, _recognisable(made, asked) if method == "GET" else made)

    def _wrong_parameter(
        self, item: dict[str, Any], operation: dict[str, Any], given: dict[str, dict[str, str]]
    ) -> str:
        for parameter in [*item.get("parameters", []), *operation.get("parameters", [])]:
            known = self._followed(parameter)
            name, place = known.get("name", ""), known.get("in", "")
            if name == "token" or place in ("body", "cookie"):
                continue  # a token is the connection's, which was looked at already
            value = given.get(place, {}).get(name.lower() if place == "header" else name)
            if value is None and known.get("required"):
                return f"The parameter {name} is missing."
            if value is not None and not _has_type(value, self._followed(known.get("schema", known))):
                return f"The parameter {name} has a wrong value."
        return ""

    def _wrong_body(self, operation: dict[str, Any], body: bytes) -> str:
        wanted = self._followed(operation.get("requestBody", {}))
        named = any(
            self._followed(p).get("in") == "body" and p.get("required") for p in operation.get("parameters", [])
        )
        return "The body is missing." if (wanted.get("required") or named) and not body else ""

    def _response(self, operation: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The first good response; 200 where the description names none."""
        responses = {str(code): self._followed(one) for code, one in operation.get("responses", {}).items()}
        good = sorted(code for code in responses if re.fullmatch(r"2\d\d", code))
        return (int(good[0]), responses[good[0]]) if good else (200, responses.get("default", {}))

    def _body(self, response: dict[str, Any]) -> Json:
        if "examples" in response and "content" not in response:  # Swagger 2.0
            return next(iter(response["examples"].values()), None)
        if "schema" in response:
            return self._made(response["schema"], _DEPTH)
        content = next((one for kind, one in response.get("content", {}).items() if "json" in kind), None)
        if not isinstance(content, dict):
            return None
        if "example" in content:
            return content["example"]
        for example in content.get("examples", {}).values():
            return self._followed(example).get("value")
        return self._made(content.get("schema", {}), _DEPTH)

    def _made(self, schema: Any, depth: int) -> Json:
        """A value that the schema allows, roughly."""
        schema = self._followed(schema)
        for key in ("example", "default", "const"):
            if key in schema:
                return schema[key]
        if schema.get("enum"):
            return schema["enum"][0]
        if schema.get("allOf"):
            parts = [self._made(part, depth) for part in schema["allOf"]]
            return {key: value for part in parts if isinstance(part, dict) for key, value in part.items()}
        for key in ("oneOf", "anyOf"):
            if schema.get(key):
                return self._made(schema[key][0], depth)
        kind = schema.get("type")
        kind = kind[0] if isinstance(kind, list) and kind else kind
        if kind == "object" or "properties" in schema:
            properties = schema.get("properties", {}) if depth else {}
            return {name: self._made(part, depth - 1) for name, part in properties.items()}
        if kind == "array":
            return [self._made(schema.get("items", {}), depth - 1)] if depth else []
        plain: dict[Any, Json] = {"integer": 7, "number": 7.5, "boolean": True, "string": "something"}
        return _SAMPLES.get(schema.get("format", "")) or plain.get(kind)

    def _followed(self, part: Any) -> dict[str, Any]:
        """What a reference points to."""
        for _ in range(10):
            if not isinstance(part, dict):
                return {}
            reference = part.get("$ref")
            if not isinstance(reference, str) or not reference.startswith("#/"):
                return part
            part = self._root
            for key in reference[2:].split("/"):
                key = unquote(key).replace("~1", "/").replace("~0", "~")
                part = part.get(key) if isinstance(part, dict) else None
        return {}


@contextmanager
def serving(stand_in: StandIn) -> Iterator[str]:
    """The base URL at which the stand-in answers while the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Without it, the small pieces of an answer wait for each other.
        disable_nagle_algorithm = True

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = stand_in.answer(self.command, self.path, headers, body)
            data = b"" if answer.body is None else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            if data:
                self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = handle_any

        def log_message(self, *arguments: Any) -> None:
            """Nothing: the scores tell."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _sent(kind: str, body: bytes) -> Json:
    """The body as values, None when it is no form and no JSON."""
    try:
        if "form-urlencoded" in kind:
            return dict(parse_qsl(body.decode(), keep_blank_values=True))
        return json.loads(body) if "json" in kind and body else None
    except ValueError:
        return None


def _has_type(value: str, schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    if kind == "integer":
        return re.fullmatch(r"-?\d+", value) is not None
    if kind == "number":
        return re.fullmatch(r"-?\d+(\.\d+)?", value) is not None
    if kind == "boolean":
        return value in ("true", "false")
    return not schema.get("enum") or value in map(str, schema["enum"])


def _recognisable(body: Json, asked: Mapping[str, str]) -> Json:
    """The body with what was asked for in it, and lists with one entry on their only page."""
    if isinstance(body, list):
        return [_named(item, asked) for item in body[:1]]
    if not isinstance(body, dict):
        return body
    lists = {key for key, value in body.items() if isinstance(value, list) and value and isinstance(value[0], dict)}
    if not lists:
        return _named(body, asked)
    whole = {key: _recognisable(value, asked) if key in lists else value for key, value in body.items()}
    whole |= {key: 1 for key in ("total_pages", "total_results", "total", "page") if key in whole}
    if isinstance(whole.get("response_metadata"), dict):
        whole["response_metadata"] = {**whole["response_metadata"], "next_cursor": ""}
    return whole


def _named(item: Json, asked: Mapping[str, str]) -> Json:
    if not isinstance(item, dict):
        return item
    wanted = next((asked[key] for key in _QUERIES if key in asked), None)
    said = {key: asked[key] for key, value in item.items() if key in asked and isinstance(value, str)}
    names = {key: wanted for key in _NAMES if wanted is not None and isinstance(item.get(key), str)}
    return {**item, **names, **said}

"""Requests to a product: built from an operation's bindings as its description says, sent within limits.

Values are percent-encoded by RFC 3986 and laid out by the styles of OpenAPI (form, simple, label, matrix, deepObject,
spaceDelimited, pipeDelimited). A value can't leave its place: not the path segment, not the header, not the host.
"""

from __future__ import annotations

import functools
import re
import secrets
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote, urlsplit

import httpcore2
import httpx2
import orjson

from nlops.core.phrases import say
from nlops.core.types import Json
from specs.addresses import AddressRefused
from specs.network import DeadlineTransport
from specs.reading import Content, parse_body, read_body, read_content
from specs.wire import BODY_METHODS, is_json, is_xml, may_be_set
from specs.xml_bodies import NotXml, xml_document

__all__ = [
    "ProductUnreachable",
    "Request",
    "RequestNotPossible",
    "Response",
    "build_request",
    "form_request",
    "header_text",
    "parse_body",
    "send",
    "wait_told",
]

#: Seconds for each of: connecting, waiting for the next bytes.
TIMEOUT_SECONDS = 30.0
#: Seconds for a whole exchange.
TOTAL_SECONDS = 60.0
#: Bytes of a response that are read.
MAX_RESPONSE_BYTES = 5_000_000

_UNRESERVED: Final = "-._~"


class ProductUnreachable(Exception):
    """No answer came from the product; `str()` is for the person and holds no secret."""

    #: whether another try may come to something else
    repeatable = True

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        #: whether the product may have got the request
        self.sent = sent


class RequestNotPossible(ProductUnreachable):
    """The arguments can't be put into a request; nothing was sent."""

    repeatable = False

    def __init__(self, message: str) -> None:
        super().__init__(message, sent=False)


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, ready to be sent."""

    method: str
    #: absolute, percent-encoded
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""

    def with_headers(self, headers: Mapping[str, str]) -> Request:
        """The request with these headers added."""
        return replace(self, headers={**self.headers, **headers})

    def with_query(self, name: str, value: str) -> Request:
        """The request with one more query parameter."""
        pair = f"{_encode(name)}={_encode(value)}"
        return replace(self, url=f"{self.url}{'&' if '?' in self.url else '?'}{pair}")

    def with_cookie(self, name: str, value: str) -> Request:
        """The request with one more cookie (RFC 6265 section 4.2.1)."""
        pairs = [text for text in (self.headers.get("Cookie", ""), f"{name}={_encode(value)}") if text]
        return self.with_headers({"Cookie": "; ".join(pairs)})


@dataclass(frozen=True, slots=True)
class Response:
    """What the product answered."""

    status: int
    #: names in small letters
    headers: dict[str, str]
    #: JSON value, or text; None when there is none
    body: Json
    #: whether the body was longer than what was read
    truncated: bool = False
    #: seconds from sending to the last byte
    elapsed: float = 0.0
    #: bytes of the body that came over the wire
    size: int = 0
    #: why the body is no answer to the call, in words for the person; "" when it is one
    problem: str = ""
    #: with a problem: whether it is unknown if the product did what was asked
    unclear: bool = False
    #: of a list: how many pages were read, how many entries there are, and whether there are more than were read
    pages: int = 1
    total: int | None = None
    more: bool = False


# --- building ---------------------------------------------------------------------------------------------


def build_request(
    *,
    method: str,
    path: str,
    base_url: str,
    bindings: Mapping[str, Mapping[str, Json]],
    arguments: Mapping[str, Json],
    body_media_type: str = "",
) -> Request:
    """The request that the arguments mean. `bindings`: argument name to its place, from `specs.ingest.compile`.

    Raises RequestNotPossible for an argument that nobody knows, or whose value can't be sent in its place.
    """
    placed: dict[str, list[tuple[Mapping[str, Json], Json]]] = {}
    for name, value in arguments.items():
        binding = bindings.get(name)
        if binding is None:
            raise RequestNotPossible(f"The operation takes no “{name}”.")
        placed.setdefault(str(binding["in"]), []).append((binding, value))
    route, _, fixed_query = path.partition("#")[0].partition("?")
    url = base_url.rstrip("/") + _path(route, placed.get("path", []))
    pairs = [pair for binding, value in placed.get("query", []) for pair in _query_pairs(binding, value)]
    query = "&".join(part for part in (fixed_query, *(f"{name}={value}" for name, value in pairs)) if part)
    headers = {"Accept": "application/json, */*;q=0.5", "User-Agent": "nlops"}
    for binding, value in placed.get("header", []):
        if value is not None:
            headers[_header_name(str(binding["name"]))] = _header_value(binding, value)
    if cookies := [_cookie(binding, value) for binding, value in placed.get("cookie", []) if value is not None]:
        headers["Cookie"] = "; ".join(cookies)
    content, content_type = _body(method, body_media_type, bindings, placed.get("body", []))
    if content_type:
        headers["Content-Type"] = content_type
    return Request(method, f"{url}?{query}" if query else url, headers, content)


def form_request(url: str, fields: Mapping[str, str]) -> Request:
    """A POST of form fields, as token endpoints take it."""
    content = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in fields.items())
    headers = {"Accept": "application/json", "User-Agent": "nlops"}
    return Request("POST", url, {**headers, "Content-Type": "application/x-www-form-urlencoded"}, content.encode())


def _encode(text: str, safe: str = "") -> str:
    return quote(text, safe=_UNRESERVED + safe)


def text_of(value: Json) -> str:
    """A value as the text that stands for it in a URL, a header or a form."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return orjson.dumps(value).decode()


def _parts(value: Json, *, explode: bool, encode: Any, equals: str = "=") -> list[str]:
    """The items of a value for the styles that put them beside each other; an object's are k,v or k=v."""
    if isinstance(value, list):
        return [encode(text_of(item)) for item in value]
    if isinstance(value, dict):
        if explode:
            return [f"{encode(key)}{equals}{encode(text_of(item))}" for key, item in value.items()]
        return [encode(text) for key, item in value.items() for text in (key, text_of(item))]
    return [encode(text_of(value))]


def _path(route: str, placed: Iterable[tuple[Mapping[str, Json], Json]]) -> str:
    for binding, value in placed:
        name = str(binding["name"])
        route = route.replace(f"{{{name}}}", _path_value(name, binding, value))
    missing = re.search(r"\{([^{}]*)\}", route)
    if missing:
        raise RequestNotPossible(f"The path needs a value for “{missing[1]}”.")
    route = quote(route, safe="/~:@!$&'()*+,;=%-._")
    if any(unquote(segment) in (".", "..") for segment in route.split("/")):
        raise RequestNotPossible("A part of the path can't be “.” or “..”; give another value.")
    return route if route.startswith("/") else f"/{route}"


def _path_value(name: str, binding: Mapping[str, Json], value: Json) -> str:
    if value is None or value == "" or value == [] or value == {}:
        raise RequestNotPossible(f"“{name}” stands in the path and can't be empty.")
    texts = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else [value]
    for text in map(text_of, texts):
        if any(segment in (".", "..") for segment in re.split(r"[/\\]", unquote(text))):
            raise RequestNotPossible(
                f"“{name}” stands in the path and can't hold “.” or “..” as a step of it; give another value."
            )
    style, explode = str(binding.get("style", "simple")), bool(binding.get("explode", False))
    if style == "json":
        return _encode(orjson.dumps(value).decode())
    parts = _parts(value, explode=explode, encode=_encode)
    if style == "label":
        return "." + _joined(name, value, parts, "." if explode else ",")
    if style == "matrix":
        if explode and isinstance(value, list):
            return "".join(f";{_encode(name)}={part}" for part in parts)
        return ";" + ";".join(parts) if explode and isinstance(value, dict) else f";{_encode(name)}={','.join(parts)}"
    return ",".join(parts)


def _joined(name: str, value: Json, parts: list[str], separator: str) -> str:
    """The value's parts side by side. Raises RequestNotPossible when one holds the separator: it would become two."""
    if isinstance(value, list | dict) and any(separator in part for part in parts):
        raise RequestNotPossible(
            f"The entries of “{name}” are separated by “{unquote(separator)}” there, so none of them can hold it."
        )
    return separator.join(parts)


_SEPARATORS: Final = {"spaceDelimited": "%20", "pipeDelimited": "%7C", "tabDelimited": "%09"}


def _query_pairs(binding: Mapping[str, Json], value: Json) -> list[tuple[str, str]]:
    """Encoded name and value of each query parameter that the argument becomes."""
    safe = "!*'();:@/?$," if binding.get("allow_reserved") else ""
    return _form_pairs(binding, value, functools.partial(_encode, safe=safe))


def _form_pairs(binding: Mapping[str, Json], value: Json, encode: Any) -> list[tuple[str, str]]:
    name, style = str(binding["name"]), str(binding.get("style", "form"))
    explode = bool(binding.get("explode", style == "form"))
    if value is None or value == []:
        return []
    if style == "text" and isinstance(value, list | dict):
        raise RequestNotPossible(f"“{name}” is sent as a text of its own, so it can't be a list or an object.")
    if style == "json":
        return [(encode(name), encode(orjson.dumps(value).decode()))]
    if style == "deepObject" and isinstance(value, dict):
        return [(encode(key), encode(text)) for key, text in _deep(name, value)]
    if isinstance(value, list):
        parts = _parts(value, explode=explode, encode=encode)
        if explode:
            return [(encode(name), part) for part in parts]
        return [(encode(name), _joined(name, value, parts, _SEPARATORS.get(style, ",")))]
    if isinstance(value, dict):
        if explode:
            return [(encode(key), encode(text_of(item))) for key, item in value.items()]
        parts = _parts(value, explode=False, encode=encode)
        return [(encode(name), _joined(name, value, parts, _SEPARATORS.get(style, ",")))]
    return [(encode(name), encode(text_of(value)))]


def _deep(name: str, value: Json) -> Iterable[tuple[str, str]]:
    """name[key]=value, to any depth."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _deep(f"{name}[{key}]", item)
    elif isinstance(value, list):
        for item in value:
            yield name, text_of(item)
    elif value is not None:
        yield name, text_of(value)


def _header_name(name: str) -> str:
    if not may_be_set(name):
        raise RequestNotPossible(f"“{name[:80]}” is no header that a call may set.")
    return name


def _header_value(binding: Mapping[str, Json], value: Json) -> str:
    explode = bool(binding.get("explode", False))
    if binding.get("style") == "json":
        text = orjson.dumps(value).decode()
    else:
        text = _joined(str(binding["name"]), value, _parts(value, explode=explode, encode=str), ",")
    return header_text(text, str(binding["name"]))


def header_text(text: str, name: str) -> str:
    """The text, when it can stand in a header. Raises RequestNotPossible: line breaks would begin a new header."""
    if re.search(r"[^\x20-\x7e]", text):
        raise RequestNotPossible(
            f"“{name}” is sent in a header, which takes letters, digits and signs of ASCII on one line only."
        )
    return text


def _cookie(binding: Mapping[str, Json], value: Json) -> str:
    if binding.get("style") == "json":
        text = _encode(orjson.dumps(value).decode())
    else:
        text = ",".join(_parts(value, explode=False, encode=_encode))
    return f"{_encode(str(binding['name']))}={text}"


# --- bodies -----------------------------------------------------------------------------------------------


def _body(
    method: str,
    media_type: str,
    bindings: Mapping[str, Mapping[str, Json]],
    placed: list[tuple[Mapping[str, Json], Json]],
) -> tuple[bytes, str]:
    """Content and Content-Type, ("", "") when there is no body."""
    whole = next((value for binding, value in placed if binding.get("pointer") == ""), None)
    is_whole = any(binding["in"] == "body" and binding.get("pointer") == "" for binding in bindings.values())
    is_usual = method in BODY_METHODS or any(binding.get("always") for binding in bindings.values())
    if not media_type or (not placed and (is_whole or not is_usual)):
        return b"", ""
    fields = [(binding, value) for binding, value in placed if binding.get("pointer") != ""]
    if is_json(media_type):
        value = whole if is_whole else {str(binding["name"]): value for binding, value in fields}
        return _json(value), media_type
    if is_xml(media_type) and not isinstance(whole, str) and any("xml" in binding for binding in bindings.values()):
        return _xml(whole if is_whole else {str(it["name"]): value for it, value in fields}, bindings), media_type
    if isinstance(whole, dict):
        fields = [({"name": name}, value) for name, value in whole.items()]
    if media_type == "application/x-www-form-urlencoded" and (fields or not is_whole):
        pairs = [pair for binding, value in fields for pair in _urlencoded_pairs(binding, value)]
        return "&".join(f"{name}={value}" for name, value in pairs).encode(), media_type
    if media_type.startswith("multipart/") and (fields or not is_whole):
        return _multipart(media_type, fields)
    if fields or not isinstance(whole, str | int | float):
        # An empty body in its place would be a write that nobody meant.
        raise RequestNotPossible(f"The product takes this body as {media_type}, which nlops can't write from values.")
    return text_of(whole).encode(), media_type + ("; charset=utf-8" if media_type.startswith("text/") else "")


def _json(value: Json) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError as error:
        raise RequestNotPossible(f"The body can't be written as JSON: {error}.") from error


def _xml(value: Json, bindings: Mapping[str, Mapping[str, Json]]) -> bytes:
    shapes = [(str(binding.get("name", "")), binding["xml"]) for binding in bindings.values() if "xml" in binding]
    (_, first), *_ = shapes
    whole = {**first["root"], "properties": dict(shapes)} if "root" in first else first
    try:
        return xml_document(value, whole)
    except NotXml as error:
        raise RequestNotPossible(str(error)) from error


def _urlencoded_pairs(binding: Mapping[str, Json], value: Json) -> list[tuple[str, str]]:
    """Form fields; objects without a style of their own go as JSON, as the standard says."""
    if isinstance(value, dict) and "style" not in binding:
        binding = {**binding, "style": "json"}
    return _form_pairs(binding, value, functools.partial(quote_plus, safe=""))


def _multipart(media_type: str, fields: list[tuple[Mapping[str, Json], Json]]) -> tuple[bytes, str]:
    """RFC 7578."""
    boundary = f"nlops-{secrets.token_hex(16)}"
    lines: list[bytes] = []
    for binding, value in fields:
        name = str(binding["name"])
        for item in value if isinstance(value, list) else [] if value is None else [value]:
            disposition = f'form-data; name="{_quoted(name)}"'
            kind = str(binding.get("contentType", ""))
            if binding.get("file"):
                disposition += f'; filename="{_quoted(name)}"'
                kind = kind or "application/octet-stream"
            elif isinstance(item, dict):
                kind = kind or "application/json"
            lines += [f"--{boundary}".encode(), f"Content-Disposition: {disposition}".encode()]
            if re.fullmatch(r"[\w.+-]+/[\w.+-]+", kind):
                lines.append(f"Content-Type: {kind}".encode())
            lines += [b"", text_of(item).encode()]
    lines += [f"--{boundary}--".encode(), b""]
    return b"\r\n".join(lines), f"{media_type}; boundary={boundary}"


def _quoted(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


# --- sending ----------------------------------------------------------------------------------------------


def send(
    request: Request,
    *,
    timeout: float = TIMEOUT_SECONDS,
    total: float = TOTAL_SECONDS,
    max_bytes: int = MAX_RESPONSE_BYTES,
    tls: ssl.SSLContext | None = None,
    proxy: str = "",
) -> Response:
    """Send the request on a connection of its own; redirects are not followed, proxies of the environment not used.

    `tls`: in place of the usual certificates. `proxy`: http://HOST:PORT through which it goes, "" for none. The whole
    exchange ends within `total` seconds, whatever the product does. Raises ProductUnreachable.
    """
    began = time.monotonic()
    host = urlsplit(request.url).netloc.rpartition("@")[2]
    headers = {"Accept-Encoding": "identity", **request.headers}
    if request.url.startswith("https:"):
        tls = tls or _tls_context()
    transport = DeadlineTransport(began + total, tls, proxy)
    try:
        # A kept connection that the product closes meanwhile would leave a write in doubt: never kept.
        with (
            httpx2.Client(transport=transport, trust_env=False, follow_redirects=False, timeout=timeout) as client,
            client.stream(request.method, request.url, headers=headers, content=request.content or None) as answer,
        ):
            content = read_content(answer.iter_raw(), answer.headers.get("content-encoding", ""), max_bytes)
            found = {name.lower(): value for name, value in answer.headers.items() if name.lower() != "set-cookie"}
            return _response(answer.status_code, found, content, time.monotonic() - began)
    except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError,
            httpcore2.UnsupportedProtocol, httpx2.HTTPError) as error:  # fmt: skip
        late = time.monotonic() - began >= total
        raise _unreachable(error, host, total if late else timeout, late=late) from error
    except AddressRefused as error:
        raise RequestNotPossible(str(error)) from error
    except (httpx2.InvalidURL, ValueError) as error:
        raise RequestNotPossible(
            f"The address of {host or 'the product'} can't be used; check the connection's base URL."
        ) from error


def _response(status: int, headers: dict[str, str], content: Content, elapsed: float) -> Response:
    body = read_body(content, headers, status)
    problem, unclear = body.problem, body.unclear
    if 300 <= status < 400:
        problem, unclear = _odd_3xx(status, headers)
    return Response(
        status, headers, body.value, content.truncated, elapsed, size=content.size, problem=problem, unclear=unclear
    )


#: Redirects that say: not done here, send the same again there (RFC 9110 section 15.4).
_MOVED: Final = frozenset({301, 307, 308})


def _odd_3xx(status: int, headers: Mapping[str, str]) -> tuple[str, bool]:
    if status == 304:
        return say("wire_not_modified"), True
    where = urlsplit(headers.get("location", ""))
    server = where.netloc.rpartition("@")[2]
    place = f"{where.scheme}://{server}{where.path}" if server else where.path
    place = re.sub(r"[^\x21-\x7e]", "", place)[:200]
    named = say("wire_to", place=place) if place else ""
    return say("wire_elsewhere", place=named, status=status), status not in _MOVED


def wait_told(status: int, headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that the product asks to wait, None when it doesn't say. `headers`: names in small letters.

    Read are Retry-After (seconds or a date, RFC 9110 section 10.2.3), RateLimit and RateLimit-Reset (the IETF drafts),
    X-RateLimit-Reset-After, and X-RateLimit-Reset as seconds or as a moment, in seconds or milliseconds since 1970.
    """
    exhausted = headers.get("x-ratelimit-remaining", "").strip() == "0"
    if status not in (429, 503) and not (status == 403 and ("retry-after" in headers or exhausted)):
        return None
    found = _retry_after(headers.get("retry-after", ""), now)
    if found is None and status != 503:
        combined = re.search(r"(?:^|[;,\s])(?:t|reset)\s*=\s*(\d{1,10})", headers.get("ratelimit", ""))
        told = [combined[1] if combined else "", *(headers.get(name, "") for name in _RESETS)]
        numbers = [text for text in map(str.strip, told) if re.fullmatch(r"\d{1,16}(?:\.\d+)?", text)]
        found = _seconds_until(numbers[0], now) if numbers else None
    return found


def told_limit(headers: Mapping[str, str], now: datetime) -> float:
    """Seconds for which the product allows no further call, 0 when it does. `headers`: names in small letters.

    Read are the fields of `wait_told`, where they say that nothing remains.
    """
    combined = re.search(r"(?:^|[;,\s])(?:r|remaining)\s*=\s*(\d+)", headers.get("ratelimit", ""))
    names = ("ratelimit-remaining", "x-ratelimit-remaining", "x-rate-limit-remaining")
    remaining = [combined[1] if combined else "", *(headers.get(name, "").strip() for name in names)]
    is_over = "0" in remaining
    return (wait_told(429, headers, now) or 0.0) if is_over else 0.0


_RESETS: Final = ("ratelimit-reset", "x-ratelimit-reset-after", "x-ratelimit-reset", "x-rate-limit-reset")


def _retry_after(text: str, now: datetime) -> float | None:
    text = text.strip()
    if re.fullmatch(r"\d{1,9}(?:\.\d+)?", text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def _seconds_until(text: str, now: datetime) -> float:
    """A number of seconds; what is large enough to be a moment since 1970 is one."""
    number = float(text)
    if number > 1e11:
        number /= 1000
    return max(0.0, number - now.timestamp()) if number > 1e8 else number


@functools.cache
def _tls_context() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=False)


def _unreachable(error: Exception, host: str, seconds: float, *, late: bool) -> ProductUnreachable:
    """The failure in words for the person, and whether the product may have got the request."""
    wait = round(seconds)
    match error:
        case httpcore2.ConnectTimeout() | httpcore2.PoolTimeout():
            return ProductUnreachable(say("wire_unreachable", host=host, seconds=wait), sent=False)
        case httpcore2.ConnectError():
            return ProductUnreachable(_connect_message(error, host), sent=False)
        case httpcore2.UnsupportedProtocol() | httpcore2.LocalProtocolError():
            return RequestNotPossible(f"The request to {host} can't be sent as HTTP; check the connection.")
        case httpcore2.TimeoutException() if late:
            return ProductUnreachable(say("wire_late", host=host, seconds=wait), sent=True)
        case httpcore2.TimeoutException():
            return ProductUnreachable(say("wire_silent", host=host, seconds=wait), sent=True)
        case httpcore2.RemoteProtocolError() if "disconnected" not in str(error) and "closed" not in str(error):
            return ProductUnreachable(say("wire_no_http", host=host), sent=True)
        case _:
            return ProductUnreachable(say("wire_closed", host=host), sent=True)


def _connect_message(error: Exception, host: str) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return say("wire_untrusted", host=host, why=cause.verify_message)
        if isinstance(cause, ssl.SSLError):
            return say("wire_no_tls", host=host)
        cause = cause.__cause__ or cause.__context__
    if "name" in str(error).lower() or "address" in str(error).lower():
        return say("wire_unknown_host", host=host)
    return say("wire_down", host=host)

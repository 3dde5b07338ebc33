"""Large lists: every way in which products page, over real HTTP, put together within limits."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from specs.flows.process_version import process_version
from specs.flows.read_pages import read_list
from specs.flows.save_connection import save_connection
from specs.flows.upload_version import upload_version
from specs.http import Response
from specs.models import AuthKind, Connection, Operation, Product

pytestmark = pytest.mark.slow

#: query, rows before, URL → (body, headers)
Answer = Callable[[dict[str, str], str], tuple[Any, dict[str, str]]]


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        service = self.server
        service.requests.append(self.path)
        query = dict(parse_qsl(urlsplit(self.path).query))
        answered = service.answer(query, service.url)
        status, body, headers = answered if len(answered) == 3 else (200, *answered)  # type: ignore[misc]
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


class Service(ThreadingHTTPServer):
    daemon_threads = True
    answer: Answer

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/things"


@pytest.fixture
def service() -> Iterator[Service]:
    server = Service()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def read(acme, service):
    """Read a list of an operation with these query parameters; `name:type`, `name=default`."""

    def read(parameters: str, answer: Answer, arguments: dict[str, Any] | None = None, **connection: Any) -> Response:
        listed = []
        for text in parameters.split():
            name, _, default = text.partition("=")
            name, _, kind = name.partition(":")
            schema: dict[str, Any] = {"type": kind or "string"}
            if kind == "moment":
                schema = {"type": "string", "format": "date-time"}
            if default:
                schema["default"] = int(default)
            listed.append({"name": name, "in": "query", "schema": schema})
        get = {"operationId": "listThings", "parameters": listed}
        product = Product.objects.create(tenant=acme.tenant, name="Things", slug="things")
        description = {"openapi": "3.1.0", "paths": {"/things": {"get": get}}}
        version = upload_version(product, json.dumps(description).encode(), "things.json")
        process_version(acme.tenant.pk, version.pk)
        base_url = service.url.removesuffix("/things")
        row: Connection = save_connection(product, base_url=base_url, **{"auth_kind": AuthKind.NONE, **connection})
        service.answer = answer
        return read_list(Operation.objects.get(version=version), row, arguments or {})

    return read


ALL = [{"id": number, "name": f"thing {number}"} for number in range(1, 46)]


def slice_of(start: int, size: int = 20) -> list[dict[str, Any]]:
    return ALL[start : start + size]


def by_cursor(query: dict[str, str], url: str) -> tuple[Any, dict[str, str]]:
    start = int(query.get("cursor", "c0")[1:])
    following = f"c{start + 20}" if start + 20 < len(ALL) else None
    return {"items": slice_of(start), "next_cursor": following, "total": len(ALL)}, {}


def by_slack_cursor(query: dict[str, str], url: str) -> tuple[Any, dict[str, str]]:
    start = int(query.get("cursor", "0"))
    following = str(start + 20) if start + 20 < len(ALL) else ""
    return {"ok": True, "members": slice_of(start), "response_metadata": {"next_cursor": following}}, {}


def by_token(query: dict[str, str], url: str) -> tuple[Any, dict[str, str]]:
    start = int(query.get("pageToken", "0"))
    body: dict[str, Any] = {"kind": "things", "things": slice_of(start)}
    return (body | {"nextPageToken": str(start + 20)} if start + 20 < len(ALL) else body), {}


def by_next_url(query: dict[str, str], url: str) -> tuple[Any, dict[str, str]]:
    page = int(query.get("page", "1"))
    following = f"{url}?page={page + 1}" if page * 20 < len(ALL) else None
    return {"count": len(ALL), "next": following, "previous": None, "results": slice_of(page * 20 - 20)}, {}


def by_inner_next_url(query: dict[str, str], url: str) -> tuple[Any, dict[str, str]]:
    body, headers = by_next_url(query, "http://internal.example:8080/things/")
    return body, headers


def by_odata(query: dict[str, str], url: str) -> tuple[Any, dict[str, str]]:
    start = int(query.get("$skip", "0"))
    body: dict[str, Any] = {"@odata.context": "x", "@odata.count": len(ALL), "value": slice_of(start)}
    return (body | {"@odata.nextLink": f"{url}?$skip={start + 20}"} if start + 20 < len(ALL) else body), {}


def by_hal(query: dict[str, str], url: str) -> tuple[Any, dict[str, str]]:
    page = int(query.get("page", "0"))
    links = {"next": {"href": f"/things?page={page + 1}&size=20"}} if (page + 1) * 20 < len(ALL) else {}
    told = {"size": 20, "totalElements": len(ALL), "totalPages": 3, "number": page}
    return {"_embedded": {"things": slice_of(page * 20)}, "_links": links, "page": told}, {}


def by_link_header(query: dict[str, str], url: str) -> tuple[Any, dict[str, str]]:
    page = int(query.get("page", "1"))
    links = [f'<{url}?page=1>; rel="first"']
    if page * 20 < len(ALL):
        links.insert(0, f'<{url}?page={page + 1}&x=a%2Cb>; title="a, b"; rel="next last"')
    return slice_of(page * 20 - 20), {"Link": ", ".join(links)}


def by_page(query: dict[str, str], url: str) -> tuple[Any, dict[str, str]]:
    page = int(query.get("page", "1"))
    return {"data": slice_of(page * 20 - 20), "page": page, "per_page": 20, "total": len(ALL)}, {}


def by_page_from_0(query: dict[str, str], url: str) -> tuple[Any, dict[str, str]]:
    page = int(query.get("page", "0"))
    last = (page + 1) * 20 >= len(ALL)
    return {"content": slice_of(page * 20), "number": page, "last": last, "totalElements": len(ALL)}, {}


def by_total_pages(query: dict[str, str], url: str) -> tuple[Any, dict[str, str]]:
    page = int(query.get("page", "1"))
    return {"things": slice_of(page * 20 - 20), "meta": {"current_page": page, "last_page": 3}}, {}


def by_offset(query: dict[str, str], url: str) -> tuple[Any, dict[str, str]]:
    return {"values": slice_of(int(query.get("startAt", "0"))), "startAt": 0, "maxResults": 20, "isLast": False}, {}


def by_scim(query: dict[str, str], url: str) -> tuple[Any, dict[str, str]]:
    start = int(query.get("startIndex", "1"))
    return {"totalResults": len(ALL), "startIndex": start, "Resources": slice_of(start - 1)}, {}


def by_keycloak(query: dict[str, str], url: str) -> tuple[Any, dict[str, str]]:
    return slice_of(int(query.get("first", "0"))), {}


def by_header_total(query: dict[str, str], url: str) -> tuple[Any, dict[str, str]]:
    page = int(query.get("page", "1"))
    return slice_of(page * 20 - 20), {"X-Total-Count": str(len(ALL))}


def by_last_id(query: dict[str, str], url: str) -> tuple[Any, dict[str, str]]:
    start = int(query.get("starting_after", "0"))
    return {"object": "list", "data": slice_of(start), "has_more": start + 20 < len(ALL), "url": "/things"}, {}


@pytest.mark.parametrize(
    ("parameters", "answer", "requests", "total"),
    [
        ("limit:integer=20 cursor", by_cursor, 3, 45),
        ("cursor limit:integer", by_slack_cursor, 3, None),
        ("pageToken pageSize:integer", by_token, 3, None),
        ("page:integer", by_next_url, 3, 45),
        ("page:integer", by_inner_next_url, 3, 45),
        ("$skip:integer $top:integer", by_odata, 3, 45),
        ("page:integer size:integer", by_hal, 3, 45),
        ("page:integer per_page:integer", by_link_header, 3, None),
        ("page:integer per_page:integer", by_page, 3, 45),
        ("page:integer size:integer", by_page_from_0, 3, 45),
        ("page:integer", by_total_pages, 3, None),
        ("startAt:integer maxResults:integer", by_offset, 3, None),
        ("startIndex:integer count:integer", by_scim, 3, 45),
        ("first:integer max:integer", by_keycloak, 3, None),
        ("page:integer limit:integer", by_header_total, 3, 45),
        ("starting_after limit:integer", by_last_id, 3, None),
    ],
)
def test_the_pages_of_a_list_are_put_together(read, service, parameters, answer, requests, total):
    response = read(parameters, answer)
    assert [row["id"] for row in rows_of(response.body)] == list(range(1, 46))
    assert len(service.requests) == requests == response.pages
    assert response.total == total
    assert response.more is False


def rows_of(body: Any) -> list[Any]:
    while isinstance(body, dict):
        body = next(v for v in body.values() if isinstance(v, list) or (isinstance(v, dict) and "things" in v))
    return body


def test_the_first_5_are_5_and_nothing_is_followed(read, service):
    def answer(query: dict[str, str], url: str) -> tuple[Any, dict[str, str]]:
        return {"items": slice_of(0, int(query["limit"])), "next_cursor": "c5", "total": 45}, {}

    response = read("limit:integer cursor", answer, {"limit": 5})
    assert len(response.body["items"]) == 5
    assert (response.total, response.more, response.pages) == (45, True, 1)
    assert service.requests == ["/things?limit=5"]


def test_the_first_5_of_a_bare_list_say_how_many_there_are(read):
    response = read("limit:integer", lambda query, url: (slice_of(0, 5), {"X-Total-Count": "45"}), {"limit": 5})
    assert response.body == {"items": slice_of(0, 5), "total": 45}


def test_who_asks_for_5_of_an_unknown_number_is_not_told_of_more(read):
    response = read("page:integer per_page:integer", lambda query, url: (slice_of(0, 5), {}), {"per_page": 5})
    assert response.body == slice_of(0, 5)
    assert response.more is False


def test_a_page_that_was_asked_for_is_all_there_is(read, service):
    read("page:integer per_page:integer", by_link_header, {"page": 2})
    assert service.requests == ["/things?page=2"]


def test_what_is_the_default_anyway_was_not_asked_for(read, service):
    response = read("limit:integer=20 cursor", by_cursor, {"limit": 20})
    assert len(response.body["items"]) == 45
    assert service.requests[2] == "/things?limit=20&cursor=c40"


def test_other_arguments_stay_on_every_page(read, service):
    read("q page:integer tag", by_header_total, {"q": "a b&c", "tag": "x"})
    assert [request.split("&page=")[0] for request in service.requests] == ["/things?q=a%20b%26c&tag=x"] * 3


def test_the_limit_of_rows_stops_and_says_so(read, service, settings):
    settings.NLOPS_PAGE_ROWS = 40
    response = read("limit:integer cursor", by_cursor)
    assert (len(response.body["items"]), response.total, response.more, response.pages) == (40, 45, True, 2)
    assert response.body["next_cursor"] == "c40"


def test_a_bare_list_that_was_not_read_to_its_end_says_so(read, settings):
    settings.NLOPS_PAGES = 2
    response = read("first:integer max:integer", by_keycloak)
    assert response.body == {"items": ALL[:40], "has_more": True}
    assert response.more is True


def test_a_product_that_ignores_the_page_is_asked_twice(read, service):
    response = read("page:integer", lambda query, url: (slice_of(0), {}))
    assert response.body == slice_of(0)
    assert len(service.requests) == 2
    assert response.more is False


def test_a_cursor_that_comes_again_ends_the_list(read, service):
    numbers = iter(range(100))
    response = read("cursor", lambda query, url: ({"items": [{"id": next(numbers)}], "next_cursor": "same"}, {}))
    assert len(service.requests) == 2
    assert [row["id"] for row in response.body["items"]] == [0, 1]


@pytest.mark.parametrize(
    "place",
    ["http://evil.example/other?page=2", "http://evil.example/?page=2", "/admin/things?page=2",
     "//evil.example/x?page=2", "/things/7?page=2", "http://[broken", "javascript:alert(1)"],
)  # fmt: skip
def test_a_next_that_leads_to_another_operation_is_not_followed(read, service, place):
    response = read("q", lambda query, url: ({"items": slice_of(0), "next": place}, {"Link": f'<{place}>; rel="next"'}))
    assert len(service.requests) == 1
    assert len(response.body["items"]) == 20


def test_a_next_with_the_key_of_the_connection_sends_it_once(read, service):
    def answer(query: dict[str, str], url: str) -> tuple[Any, dict[str, str]]:
        assert query["key"] == "s3cret"
        page = int(query.get("page", "1"))
        return {"results": slice_of(page * 20 - 20), "next": f"{url}?key=s3cret&page=2" if page == 1 else None}, {}

    read("page:integer", answer, auth_kind=AuthKind.API_KEY_QUERY, auth_name="key", secret="s3cret")
    assert service.requests == ["/things?key=s3cret", "/things?page=2&key=s3cret"]


@pytest.mark.parametrize(
    "failure", [(500, {"error": "x"}, {}), (429, {}, {}), (200, {"error": "too deep"}, {}), (200, "x", {})]
)
def test_a_later_page_that_fails_leaves_the_pages_before(read, failure):
    def answer(query: dict[str, str], url: str) -> Any:
        return failure if "page" in query else by_page(query, url)

    response = read("page:integer", answer)
    assert (response.status, len(response.body["data"]), response.total) == (200, 20, 45)
    assert response.more is True


def test_a_first_page_that_fails_is_the_answer(read):
    response = read("page:integer", lambda query, url: (404, {"message": "no such list"}, {}))
    assert (response.status, response.body) == (404, {"message": "no such list"})


def test_a_moment_is_no_place_in_a_list(read, service):
    response = read("after:moment from:moment", by_cursor)
    assert len(service.requests) == 1
    assert response.more is True


def test_one_thing_is_no_list(read, service):
    thing = {"id": 7, "name": "thing", "tags": ["a"], "next": "/things?page=2"}
    response = read("page:integer", lambda query, url: (thing, {}))
    assert response.body == thing
    assert len(service.requests) == 1

"""A list as CSV: whole, harmless in a spreadsheet, for whoever asked for it only, and only while it is allowed."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.db import connections
from django.test import AsyncClient, Client
from django.utils import timezone

from accounts.context import tenant_context
from accounts.models import Member
from conversations.csv_rows import MAX_COLUMNS, Columns, flatten, line
from conversations.models import Call, Event, Run
from nlops.core.types import Decision
from specs.flows.process_version import process_version
from specs.flows.save_connection import save_connection
from specs.flows.upload_version import upload_version
from specs.models import AuthKind, Connection, Operation, Product, ToolPolicy
from tests.conftest import make_people
from tests.web.conftest import make_run, record

pytestmark = pytest.mark.slow

COUNT = 45


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        service = self.server
        service.requests.append(self.path)
        if service.on_request:
            service.on_request()
        query = dict(parse_qsl(urlsplit(self.path).query))
        page = int(query.get("page", "1"))
        status, body = service.failures.get(page, (200, None))
        if body is None:
            following = page + 1 if page * 20 < service.count else None
            rows = [service.row(number) for number in range(page * 20 - 19, min(page * 20, service.count) + 1)]
            body = {"items": rows, "next_page": following, "total": service.count}
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


class Service(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.count = COUNT
        self.requests: list[str] = []
        self.failures: dict[int, tuple[int, Any]] = {}
        self.on_request: Callable[[], None] | None = None
        self.row: Callable[[int], Any] = lambda number: {"id": number, "name": f"user{number}"}


@pytest.fixture
def service() -> Iterator[Service]:
    server = Service()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def make_call(member: Member, service: Service, **changes: Any) -> Call:
    """A list that was read: its first page is in the answer."""
    tenant = member.tenant
    product = Product.objects.create(tenant=tenant, name="Users", slug="users")
    get = {"operationId": "listUsers", "summary": "List users",
           "parameters": [{"name": "page", "in": "query", "schema": {"type": "integer"}},
                          {"name": "q", "in": "query", "schema": {"type": "string"}}]}  # fmt: skip
    post = {"operationId": "createUser", "summary": "Create a user"}
    description = {"openapi": "3.1.0", "paths": {"/users": {"get": get, "post": post}}}
    version = upload_version(product, json.dumps(description).encode(), "users.json")
    process_version(tenant.pk, version.pk)
    save_connection(product, base_url=f"http://127.0.0.1:{service.server_port}")
    ToolPolicy.objects.create(tenant=tenant, product=product, operation_key="GET /users", decision=Decision.ALLOW)
    run = make_run(member, "List all users", status="answered")
    values = {"key": "call_1", "status": "succeeded", "http_status": 200, "arguments": {"q": "a b"}}
    response = {"items": [{"id": 1}], "next_page": 2, "total": COUNT}
    operation = Operation.objects.get(version=version, method=changes.pop("method", "GET"))
    call = Call.objects.create(tenant=tenant, run=run, operation=operation, **values | {"response": response} | changes)
    view = {"id": call.key, "method": operation.method, "effect": operation.effect, "status": call.status,
            "response": call.response, "summary": "List users"}  # fmt: skip
    Run.objects.filter(pk=run.pk).update(finished_at=timezone.now())
    record(run, "answered", answer={"text": "Here are the first 1 of 45 users.", "blocks": []}, calls=[view])
    return call


def address(call: Call) -> str:
    return f"/runs/{call.run_id}/calls/{call.key}.csv"


def content_of(response: Any) -> bytes:
    assert response.status_code == 200, response.content
    return b"".join(response.streaming_content)


def table(response: Any) -> list[list[str]]:
    content = content_of(response)
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def test_the_whole_list_is_read_again_page_after_page(acme, service, browse):
    call = make_call(acme.customer, service)
    response = browse(acme.customer).get(address(call))
    rows = table(response)
    assert rows[0] == ["id", "name"]
    assert [row[0] for row in rows[1:]] == [str(number) for number in range(1, COUNT + 1)]
    assert service.requests == ["/users?q=a%20b", "/users?q=a%20b&page=2", "/users?q=a%20b&page=3"]
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="listUsers.csv"'
    event = Event.objects.order_by("-sequence").first()
    assert event.data == {
        "text": f"Downloaded as CSV by {acme.customer.user.email}: List users",
        "call_id": "call_1",
    }


def test_the_page_links_to_the_file(acme, service, browse):
    call = make_call(acme.customer, service)
    page = browse(acme.customer).get(f"/c/{call.run.conversation_id}/").content.decode()
    assert f'href="{address(call)}" download>Download all 45 as CSV</a>' in page


def test_what_the_answer_has_whole_is_not_read_again(acme, service, browse):
    call = make_call(acme.customer, service, response=[{"id": 1, "a": {"b": 2}}, {"id": 2, "c": ["x", "y"]}])
    assert table(browse(acme.customer).get(address(call))) == [["id", "a.b", "c"], ["1", "2", ""], ["2", "", "x; y"]]
    assert service.requests == []


def test_columns_are_the_union_of_all_pages(acme, service, browse):
    service.row = lambda number: {"id": number} if number < 41 else {"id": number, "late": {"x": True}, "none": None}
    rows = table(browse(acme.customer).get(address(make_call(acme.customer, service))))
    assert rows[0] == ["id", "late.x", "none"]
    assert rows[1] == ["1", "", ""]
    assert rows[-1] == ["45", "true", ""]


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=HYPERLINK(\"http://x\",\"y\")", "＝1+1"],
)  # fmt: skip
def test_no_cell_is_a_formula_and_no_column_either(acme, service, browse, text):
    service.row = lambda number: {"id": number, "name": text, text: "x"}
    rows = table(browse(acme.customer).get(address(make_call(acme.customer, service))))
    assert rows[0][2] == f"'{text}"
    assert {row[1] for row in rows[1:]} == {f"'{text}"}


def test_secrets_are_masked(acme, service, browse):
    service.row = lambda number: {"id": number, "password": "hunter2", "nested": {"api_key": "k-123"}}
    content = content_of(browse(acme.customer).get(address(make_call(acme.customer, service)))).decode()
    assert "hunter2" not in content
    assert "k-123" not in content
    assert "••••••" in content


def test_the_last_line_names_the_limit_that_cut_it(acme, service, browse, settings):
    settings.NLOPS_CSV_ROWS = 30
    rows = table(browse(acme.customer).get(address(make_call(acme.customer, service))))
    assert len(rows) == 1 + 30 + 1
    assert rows[-1] == [
        "Cut off here: only the first 30 of 45 rows are in this file; that is as many as a file may have."
    ]


def test_a_list_that_fits_exactly_is_not_cut(acme, service, browse, settings):
    settings.NLOPS_CSV_ROWS = COUNT
    assert len(table(browse(acme.customer).get(address(make_call(acme.customer, service))))) == 1 + COUNT


def test_the_last_line_says_when_the_product_gave_no_more(acme, service, browse):
    service.failures = {2: (500, {"message": "x"})}
    rows = table(browse(acme.customer).get(address(make_call(acme.customer, service))))
    assert rows[-1] == [
        "Cut off here: only the first 20 of 45 rows are in this file; the product did not give the others."
    ]
    assert len(rows) == 22


def test_a_product_that_asks_to_wait_is_waited_for(acme, service, browse):
    call = make_call(acme.customer, service)
    service.failures = {2: (429, {"message": "slow down"})}
    service.on_request = lambda: service.failures.clear() if len(service.requests) > 2 else None
    assert len(table(browse(acme.customer).get(address(call)))) == 1 + COUNT
    assert [request[-6:] for request in service.requests[1:3]] == ["page=2", "page=2"]


def test_a_download_ends_when_it_is_not_allowed_any_more(acme, service, browse):
    call = make_call(acme.customer, service)
    response = browse(acme.customer).get(address(call))
    ToolPolicy.objects.all().delete()
    rows = table(response)
    assert rows[-1] == ["Cut off here after 20 rows: this may not be read any more."]
    assert len(service.requests) == 1


def test_a_list_that_can_not_be_read_again_says_why(acme, service, browse):
    call = make_call(acme.customer, service)
    service.failures = {1: (403, {"message": "no"})}
    response = browse(acme.customer).get(address(call), follow=True)
    assert "did not give the list again: it answered with HTTP 403" in response.content.decode()
    Connection.objects.update(base_url="http://127.0.0.1:1")
    assert "can&#x27;t be reached" in browse(acme.customer).get(address(call), follow=True).content.decode()


@pytest.mark.parametrize("who", ["operator", "owner", "reviewer"])
def test_nobody_else_of_the_tenant_gets_it(acme, service, browse, who):
    call = make_call(acme.customer, service)
    assert browse(getattr(acme, who)).get(address(call)).status_code == 404
    assert service.requests == []


def test_nobody_of_another_tenant_gets_it(acme, service, browse, globex):
    assert browse(globex.customer).get(address(make_call(acme.customer, service))).status_code == 404
    assert service.requests == []


def test_nobody_without_membership_gets_it(acme, service, browse):
    call = make_call(acme.customer, service)
    client = browse(acme.customer)
    Member.objects.filter(pk=acme.customer.pk).update(is_active=False)
    assert client.get(address(call)).status_code == 403
    assert Client().get(address(call)).status_code == 302
    assert service.requests == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda call: ToolPolicy.objects.all().delete(), "may not be used here any more"),
        (lambda call: ToolPolicy.objects.update(decision=Decision.DENY), "may not be used here any more"),
        (lambda call: ToolPolicy.objects.update(decision=Decision.APPROVE), "needs an approval"),
        (lambda call: Connection.objects.all().delete(), "no connection to the product"),
        (lambda call: Call.objects.update(status="failed"), "Only what was read"),
        (lambda call: Call.objects.update(arguments={"q": {"$secret": "token"}}), "with a secret that is not kept"),
    ],
)
def test_what_is_not_allowed_any_more_is_not_read(acme, service, browse, change, words):
    call = make_call(acme.customer, service)
    change(call)
    response = browse(acme.customer).get(address(call), follow=True)
    assert words in response.content.decode()
    assert service.requests == []


def test_a_write_is_never_sent_again(acme, service, browse):
    call = make_call(acme.customer, service, method="POST")
    response = browse(acme.customer).get(address(call), follow=True)
    assert "Only what was read" in response.content.decode()
    assert service.requests == []


def test_downloads_count_as_requests(acme, service, browse, settings):
    settings.NLOPS_MEMBER_RATE = 1
    call, client = make_call(acme.customer, service), browse(acme.customer)
    content_of(client.get(address(call)))
    assert client.get(address(call)).status_code == 302


def test_the_rest_api_gives_the_same_file(acme, service, browse):
    call = make_call(acme.customer, service)
    client = browse(acme.customer)
    assert len(table(client.get(f"/api/v1{address(call)}"))) == 1 + COUNT
    ToolPolicy.objects.all().delete()
    response = client.get(f"/api/v1{address(call)}")
    assert (response.status_code, "may not be used" in response.json()["detail"]) == (409, True)
    assert browse(acme.operator).get(f"/api/v1{address(call)}").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_the_product_is_read_and_no_connection_is_held(service, clean_cache, browse):
    people = make_people("acme")
    with tenant_context(people.tenant.pk):
        call = make_call(people.customer, service)
        Connection.objects.update(auth_kind=AuthKind.NONE)
    client = browse(people.customer)
    seen: list[int] = []

    def look() -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND usename = current_user AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'"
            )
            seen.append(cursor.fetchone()[0])
        connections.close_all()

    service.on_request = look
    assert len(table(client.get(address(call)))) == 1 + COUNT
    assert seen == [0, 0, 0]


@pytest.mark.django_db(transaction=True)
def test_under_asgi_the_file_comes_in_pieces(service, clean_cache):
    people = make_people("acme")
    with tenant_context(people.tenant.pk):
        call = make_call(people.customer, service)
    service.count = 2000
    service.row = lambda number: {"id": number, "text": "x" * 100}

    async def pieces_of() -> list[bytes]:
        client = AsyncClient()
        await client.aforce_login(people.customer.user, backend="django.contrib.auth.backends.ModelBackend")
        response = await client.get(address(call))
        assert response.is_async
        return [piece async for piece in response.streaming_content]

    pieces = asyncio.run(pieces_of())
    assert len(pieces) > 3
    assert b"".join(pieces).count(b"\r\n") == 2001


def test_more_columns_than_a_file_may_have_go_into_the_last_one():
    columns, wide = Columns(), {f"f{number}": number for number in range(MAX_COLUMNS + 2)}
    columns.add(wide)
    assert columns.header[-1] == "(other fields)"
    assert json.loads(str(columns.cells(wide)[-1])) == {"f500": 500, "f501": 501}


def test_cells():
    assert line(["a,b", 'say "x"', 1, -1.5, None, True, [], {}, ["a", 1], [{"x": 1}]]) == (
        b'"a,b","say ""x""",1,-1.5,"","true","","","a; 1","[{""x"":1}]"\r\n'
    )
    assert flatten({"a": {"b": {"c": 1}}, "d": {}}) == {"a.b.c": 1, "d": {}}
    assert flatten("x") == {"value": "x"}

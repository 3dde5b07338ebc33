"""Two products of a tenant, and one request that needs both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from accounts.context import tenant_context
from conversations.flows import step
from conversations.models import Call
from nlops.core.types import Completion, ToolCall
from specs.flows.activate_version import activate_version
from specs.flows.process_version import process_version
from specs.flows.save_connection import save_connection
from specs.flows.set_policy import set_default_policies
from specs.flows.upload_version import upload_version
from specs.models import Product
from tests.conftest import People, make_people
from tests.journeys import Journey
from tests.security.test_hijacked_model import RecordingProduct, operation

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


class Server(RecordingProduct):
    """Answers everything with `said`."""

    said: Any = None

    def answer(self) -> Any:
        return self.said


@pytest.fixture
def servers() -> Iterator[tuple[Server, Server]]:
    found = Server(), Server()
    yield found
    for server in found:
        server.server.shutdown()
        server.server.server_close()


def connect(people: People, name: str, server: Server, paths: dict[str, Any], secret: str) -> None:
    document = {"openapi": "3.1.0", "info": {"title": name, "version": "1"}, "paths": paths}
    with tenant_context(people.tenant.pk):
        row = Product.objects.create(tenant_id=people.tenant.pk, name=name, slug=name.lower())
        version = upload_version(row, json.dumps(document).encode(), "openapi.json", people.operator)
    process_version(people.tenant.pk, version.pk)
    with tenant_context(people.tenant.pk):
        version.refresh_from_db()
        activate_version(version, people.operator)
        set_default_policies(row, people.operator)
        save_connection(row, base_url=server.base_url, auth_kind="bearer", secret=secret)


class Planner:
    """Looks the person up in one product and writes in the other; both have a tool of the same name."""

    name, max_tools, languages, writes_text = "planner", 28, None, True

    def __init__(self) -> None:
        self.offered: list[str] = []

    def complete(self, messages: Any, tools: Any, limits: Any) -> Completion:
        self.offered = [tool.name for tool in tools]
        answered = sum(message.role == "tool" for message in messages)
        by_product = {(tool.product, tool.summary): tool.name for tool in tools}
        if answered == 0:
            return Completion("", (ToolCall("c1", by_product["Staff", "list people"], {}),))
        if answered == 1:
            called = by_product["Tickets", "create ticket"]
            return Completion("", (ToolCall("c2", called, {"owner": "ann", "title": "laptop"}),))
        return Completion("The ticket is there.")


def test_a_request_across_two_products(transactional_db, clean_cache, servers, monkeypatch):
    staff, tickets = servers
    staff.said, tickets.said = [{"name": "ann"}], {"id": 7, "title": "laptop"}
    acme = make_people("acme")
    people = {"get": operation("list_people")}
    connect(acme, "Staff", staff, {"/people": people}, "staff-secret")
    connect(acme, "Tickets", tickets, {
        "/people": people, "/tickets": {"post": operation("create_ticket", "owner", "title")},
    }, "tickets-secret")  # fmt: skip
    model = Planner()
    monkeypatch.setattr(step, "model_from_spec", lambda spec: model)
    chat = Journey(acme.customer).say("List the people, then create the ticket laptop for ann")
    assert chat.status == "confirming", chat.state
    assert {"list_people", "list_people_2", "create_ticket"} <= set(model.offered)
    chat.confirm()
    assert chat.status == "answered", chat.answer
    assert [(method, path) for method, path, _, _ in staff.seen] == [("GET", "/api/people")]
    ((method, path, body, headers),) = tickets.seen
    assert (method, path, json.loads(body)) == ("POST", "/api/tickets", {"owner": "ann", "title": "laptop"})
    assert headers["authorization"] == "Bearer tickets-secret", "each product gets its own credentials"
    assert staff.seen[0][3]["authorization"] == "Bearer staff-secret"
    with tenant_context(acme.tenant.pk):
        products = [call.operation.version.product.name for call in Call.objects.order_by("position")]
    assert products == ["Staff", "Tickets"]

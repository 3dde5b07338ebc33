"""Operators arrange what nlops learnt: it holds for choosing and for dispatch, and for the versions to come."""

from __future__ import annotations

import json
from typing import Any

import pytest

from accounts.context import tenant_context
from accounts.models import AuditEntry
from nlops.core.types import Decision
from specs.flows import FlowError
from specs.flows.activate_version import activate_version
from specs.flows.describe_services import describe_services
from specs.flows.edit_services import edit_operations, edit_service
from specs.flows.process_version import process_version
from specs.flows.save_rule import save_rule
from specs.flows.set_policy import set_default_policies
from specs.flows.upload_version import upload_version
from specs.indexes import whitelist_index
from specs.models import Operation, OperationEdit, Product, ServiceEdit, SpecVersion
from specs.querysets import tools, whitelisted_tools
from specs.services import edits_to, services_of
from specs.whitelist import newest_version, operations_in, service_rows
from tests.conftest import make_people
from tests.journeys import Journey, connect_product
from tests.scripted_server import Reply

pytestmark = pytest.mark.django_db


def operation(name: str, summary: str, tag: str) -> dict[str, Any]:
    return {"operationId": name, "summary": summary, "tags": [tag]}


PATHS = {
    "/safes": {"get": operation("listSafes", "List safes", "safes")},
    "/safes/{id}": {"delete": operation("removeSafe", "Remove a safe", "safes")},
    "/users": {"get": operation("listUsers", "List users", "users")},
    "/reports": {"get": operation("listReports", "List reports", "users")},
}


def learnt(product: Product, paths: dict[str, Any]) -> SpecVersion:
    document = {"openapi": "3.1.0", "info": {"title": "Keys", "version": "1"}, "paths": paths}
    version = upload_version(product, json.dumps(document).encode(), "keys.json")
    process_version(product.tenant_id, version.pk)
    version.refresh_from_db()
    activate_version(version)
    set_default_policies(product)
    return version


@pytest.fixture
def product(acme) -> Product:
    row = Product.objects.create(tenant=acme.tenant, name="Keys", slug="keys")
    learnt(row, PATHS)
    return row


def tool(key: str) -> Any:
    method, _, path = key.partition(" ")
    row = Operation.objects.get(version__status="active", method=method, path=path)
    return tools([str(row.pk)])[0]


def found(words: str) -> list[str]:
    index = whitelist_index()
    names = dict(Operation.objects.values_list("pk", "name"))
    return [names[type(next(iter(names)))(key)] for key, _ in index.rank(words, 5)]


def test_a_renamed_service_is_called_so_everywhere(acme, product):
    edit_service(product, "safes", acme.operator, name="Vaults", description="Where secrets lie")
    assert tool("GET /safes").service == "Vaults"
    assert {one.service for one in whitelisted_tools()} == {"Vaults", "users"}
    assert "Vaults" in whitelist_index().services
    (row,) = [row for row in service_rows(product, newest_version(product)) if row.service.slug == "safes"]
    assert (row.service.name, row.service.description, row.total) == ("Vaults", "Where secrets lie", 2)
    entry = AuditEntry.objects.filter(action="services_changed").latest("pk")
    assert "Vaults" in json.dumps(entry.data)


def test_the_words_that_people_use_find_the_operation(acme, product):
    assert "cabinet" not in whitelist_index().vocabulary
    edit_service(product, "safes", acme.operator, synonyms="cabinet, strong box")
    assert found("delete the cabinet 3")[0] == "removeSafe"
    assert found("show all cabinets")[0] == "listSafes"
    assert tool("GET /safes").synonyms == "cabinet, strong box"
    edit_operations(product, ["GET /reports"], acme.operator, synonyms=" statement ,\nstatement")
    assert found("show the statements")[0] == "listReports"


def test_what_is_hidden_is_found_by_nobody_and_denied_at_dispatch(acme, product):
    edit_operations(product, ["DELETE /safes/{id}"], acme.operator, hidden=True)
    assert tool("DELETE /safes/{id}").decision is Decision.DENY
    assert tool("GET /safes").decision is Decision.ALLOW
    assert "removeSafe" not in found("remove the safe 3")
    edit_service(product, "users", acme.operator, hidden=True)
    assert {one.name for one in whitelisted_tools()} == {"listSafes"}
    edit_operations(product, ["DELETE /safes/{id}"], acme.operator, hidden=False)
    assert tool("DELETE /safes/{id}").decision is Decision.APPROVE
    assert not OperationEdit.objects.exists(), "nothing is left to say of it"


def test_an_operation_moves_to_a_new_service_and_back(acme, product):
    edit_operations(product, ["GET /reports"], acme.operator, new_service="Insight & figures")
    edit = ServiceEdit.objects.get(made=True)
    assert tool("GET /reports").service == "Insight & figures"
    version = newest_version(product)
    assert [one.key for one in operations_in(product, version, edit.slug)] == ["GET /reports"]
    assert [place.slug for place in services_of(product, version)] == ["safes", "users", edit.slug]
    edit_operations(product, ["GET /users"], acme.operator, new_service="insight & FIGURES")
    assert ServiceEdit.objects.filter(made=True).count() == 1, "a name means one service"
    edit_operations(product, ["GET /reports", "GET /users"], acme.operator, service="")
    assert tool("GET /reports").service == "users"


def test_an_operation_moves_to_a_service_of_the_description(acme, product):
    edit_operations(product, ["GET /reports"], acme.operator, service="safes")
    assert tool("GET /reports").service == "safes"
    rows = {row.service.slug: row.total for row in service_rows(product, newest_version(product))}
    assert rows == {"safes": 3, "users": 1}


def test_moving_an_operation_frees_it_of_no_rule_and_the_new_ones_hold(acme, product):
    rule = {"role": "", "effect": "", "operation_key": "", "argument": "", "condition": "", "value": "", "note": ""}
    save_rule(product, acme.operator, service="safes", decision="approve", **rule)
    save_rule(product, acme.operator, service="users", decision="deny", **rule)
    edit_operations(product, ["GET /safes"], acme.operator, new_service="Other")
    assert tool("GET /safes").decision is Decision.APPROVE
    edit_operations(product, ["GET /safes"], acme.operator, service="users")
    assert tool("GET /safes").decision is Decision.DENY


def test_a_new_version_keeps_all_that_also_for_a_new_path(acme, product):
    edit_service(product, "safes", acme.operator, name="Vaults", synonyms="cabinet")
    edit_operations(product, ["GET /reports"], acme.operator, new_service="Insight", synonyms="statement")
    edit_operations(product, ["GET /users"], acme.operator, hidden=True)
    paths = {key: value for key, value in PATHS.items() if key != "/reports"}
    paths["/v2/reports"] = PATHS["/reports"]
    paths["/safes/{id}/keys"] = {"get": operation("listKeys", "List the keys of a safe", "safes")}
    learnt(product, paths)
    assert tool("GET /safes/{id}/keys").service == "Vaults"
    assert (tool("GET /v2/reports").service, tool("GET /v2/reports").synonyms) == ("Insight", "statement")
    assert tool("GET /users").decision is Decision.DENY


def test_a_part_of_a_split_service_takes_what_was_said_of_the_whole(acme, product):
    edit_service(product, "safes", acme.operator, name="Vaults", synonyms="cabinet")
    place = edits_to(product).service("safes__keys", "safes: keys")
    assert (place.name, place.synonyms) == ("Vaults: keys", "cabinet")


def described(product: Product) -> dict[str, str]:
    version = newest_version(product)
    assert version is not None
    return dict(version.services.values_list("slug", "description"))


def test_a_text_writing_model_describes_services_and_what_it_does_wrong_is_left_out(product, settings, scripted_server):
    assert described(product) == {"safes": "List safes; Remove a safe", "users": "List users; List reports"}
    settings.NLOPS_MODEL = scripted_server.model
    told = {"1": "Look at safes\u200b and\nremove them.", "2": "x" * 400, "3": "No such service.", "x": 7}
    scripted_server.will(Reply(text=f"Here you are:\n```json\n{json.dumps(told)}\n```"))
    version = newest_version(product)
    assert describe_services(product.tenant_id, version.pk) == 1
    assert described(product) == {"safes": "Look at safes and remove them.", "users": "List users; List reports"}
    sent = scripted_server.requests[0]["messages"][-1]["content"]
    assert json.loads(sent)["1"] == {"name": "safes", "operations": ["List safes", "Remove a safe"]}
    scripted_server.will(Reply(text=json.dumps({"1": "See users and reports."})))
    assert describe_services(product.tenant_id, version.pk) == 1
    assert describe_services(product.tenant_id, version.pk) == 0, "nothing is left to describe"
    assert len(scripted_server.requests) == 2


@pytest.mark.parametrize("text", ["no", "{", "[1]", '{"1": {"a": 1}}'])
def test_nonsense_of_the_model_leaves_the_summaries(product, settings, scripted_server, text):
    settings.NLOPS_MODEL = scripted_server.model
    scripted_server.will(Reply(text=text))
    assert describe_services(product.tenant_id, newest_version(product).pk) == 0
    assert described(product)["safes"] == "List safes; Remove a safe"


def test_a_model_that_is_away_and_one_that_writes_no_text_leave_them_too(product, settings, unique):
    assert describe_services(product.tenant_id, newest_version(product).pk) == 0
    settings.NLOPS_MODEL = f"compatible:{unique}@http://127.0.0.1:9/v1"
    assert describe_services(product.tenant_id, newest_version(product).pk) == 0
    settings.NLOPS_MODEL = "nonsense"
    assert describe_services(product.tenant_id, newest_version(product).pk) == 0


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda p: edit_service(p, "nowhere", name="x"), "has no service nowhere"),
        (lambda p: edit_service(p, "safes", name="x" * 121), "Name: 121 characters"),
        (lambda p: edit_service(p, "safes", synonyms="word " * 200), "Synonyms: .* at most 500"),
        (lambda p: edit_operations(p, ["GET /nowhere"], hidden=True), "no operation GET /nowhere"),
        (lambda p: edit_operations(p, ["GET /safes"], service="nowhere"), "has no service nowhere"),
    ],
)
def test_what_cant_be_is_refused_and_nothing_kept(product, act, message):
    with pytest.raises(FlowError, match=message):
        act(product)
    assert not ServiceEdit.objects.exists()
    assert not OperationEdit.objects.exists()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_request_in_the_operators_words_is_served(transactional_db, clean_cache, demo_product):
    people = make_people("acme")
    product = connect_product(people, demo_product, client=demo_product.client("acme"))
    chat = Journey(people.customer)
    assert chat.say("Show me all cupboards").status == "refused"
    with tenant_context(people.tenant.pk):
        edit_service(product, "safes", people.operator, synonyms="cupboard, strong box")
    assert chat.say("Show me all cupboards").status == "answered"
    assert [call[0] for call in chat.calls()] == ["list_safes"]

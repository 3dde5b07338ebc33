"""Which operations a request is about, over a tenant's whitelist: indexes that are built once, and who comes first."""

from __future__ import annotations

import json
from typing import Any

import pytest
import redis
from django.core.cache import cache

from accounts.context import tenant_context
from conversations.flows.give_feedback import give_feedback
from conversations.flows.select_tools import rank_operations
from conversations.models import Call, Conversation, Run
from nlops.core.retrieval import OperationIndex
from specs import indexes
from specs.flows.activate_version import activate_version
from specs.flows.process_version import process_version
from specs.flows.save_example import save_example
from specs.flows.set_policy import set_policies
from specs.flows.upload_version import upload_version
from specs.models import Operation, Product, SpecVersion
from specs.querysets import whitelist_fingerprint


def described(**paths: dict[str, Any]) -> bytes:
    document = {"openapi": "3.1.0", "info": {"title": "Box", "version": "1"}}
    return json.dumps({**document, "paths": {f"/{name}": item for name, item in paths.items()}}).encode()


def learnt(people, product: Product, data: bytes) -> SpecVersion:
    version = upload_version(product, data, "box.json")
    process_version(product.tenant_id, version.pk)
    version.refresh_from_db()
    activate_version(version, people.operator)
    keys = [operation.key for operation in version.operations.all()]
    set_policies(product, dict.fromkeys(keys, "allow"), people.operator)
    return version


@pytest.fixture
def product(acme) -> Product:
    return Product.objects.create(tenant=acme.tenant, name="Box", slug="box")


@pytest.fixture
def built(monkeypatch) -> list[int]:
    """The sizes of the indexes that were built; begins with an empty process."""
    sizes: list[int] = []
    build = indexes._built

    def counted() -> tuple[OperationIndex, int]:
        found = build()
        sizes.append(found[1])
        return found

    monkeypatch.setattr(indexes, "_built", counted)
    indexes._kept.clear()
    return sizes


def paths(ids: list[str]) -> list[str]:
    found = {str(row.pk): row.path for row in Operation.objects.all()}
    return [found[pk] for pk in ids]


BOXES = described(
    old_boxes={"get": {"summary": "List boxes", "deprecated": True}},
    plain_boxes={"get": {"summary": "List boxes"}},
    usual_boxes={"get": {"summary": "List boxes", "x-ms-visibility": "important"}},
    rare_boxes={"get": {"summary": "List boxes", "x-ms-visibility": "advanced"}},
)


def test_among_equals_the_important_come_first_and_the_deprecated_last(acme, product):
    learnt(acme, product, BOXES)
    assert paths(rank_operations("list boxes", "", 4)) == ["/usual_boxes", "/plain_boxes", "/rare_boxes", "/old_boxes"]


def test_an_index_is_built_once_and_found_by_other_processes(acme, product, built):
    learnt(acme, product, BOXES)
    first = indexes.whitelist_index()
    assert indexes.whitelist_index() is first
    indexes._kept.clear()  # as in another process
    second = indexes.whitelist_index()
    assert len(built) == 1
    assert second.rank("list boxes", 4) == first.rank("list boxes", 4)


def test_a_change_of_the_whitelist_makes_another_index(acme, product, built):
    learnt(acme, product, BOXES)
    assert len(rank_operations("list boxes", "", 9)) == 4
    set_policies(product, {"GET /old_boxes": "deny"}, acme.operator)
    assert len(rank_operations("list boxes", "", 9)) == 3
    assert len(built) == 2


def test_one_tenant_never_gets_the_index_of_another(acme, product, globex, built):
    learnt(acme, product, BOXES)
    assert rank_operations("list boxes", "", 4)
    with tenant_context(globex.tenant.pk):
        assert whitelist_fingerprint()
        assert rank_operations("list boxes", "", 4) == []


def test_a_cache_that_is_away_only_costs_time(acme, product, built, settings):
    learnt(acme, product, BOXES)
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}}
    with pytest.raises(redis.ConnectionError):
        cache.get("anything")
    assert len(rank_operations("list boxes", "", 4)) == 4
    assert len(built) == 1


def test_a_process_keeps_no_more_than_fits(acme, product, built, monkeypatch):
    learnt(acme, product, BOXES)
    indexes.whitelist_index()
    monkeypatch.setattr(indexes, "KEPT_BYTES", built[0] - 1)
    indexes._kept.clear()
    assert len(rank_operations("list boxes", "", 4)) == 4
    assert not indexes._kept


ALIKE = described(
    visits={"get": {"summary": "List visits"}},
    journeys={"get": {"summary": "List journeys"}},
    parcels={"get": {"summary": "List parcels"}, "post": {"summary": "Create a parcel"}},
)


def asked(people, version: SpecVersion, request: str, path: str, *, good: bool, member=None) -> Run:
    """A request that a GET served, and what its member thought of that."""
    member = member or people.customer
    talk = Conversation.objects.create(tenant=people.tenant, member=member)
    run = Run.objects.create(tenant=people.tenant, conversation=talk, number=1, request=request, status="answered")
    operation = version.operations.get(method="GET", path=path)
    Call.objects.create(tenant=people.tenant, run=run, key="c1", operation=operation, status="succeeded")
    give_feedback(member, run, good)
    return run


def first(request: str) -> str:
    return paths(rank_operations(request, "", 4))[0]


def test_what_got_a_thumbs_up_rises_for_requests_like_that(acme, product):
    version = learnt(acme, product, ALIKE)
    assert first("where was bob on tour") != "/journeys"
    asked(acme, version, "where was ann on tour", "/journeys", good=True)
    assert first("where was bob on tour") == "/journeys"
    assert first("list the parcels") == "/parcels"


def test_a_thumbs_down_takes_that_back(acme, product):
    version = learnt(acme, product, ALIKE)
    run = asked(acme, version, "where was ann on tour", "/journeys", good=True)
    give_feedback(acme.customer, run, False)
    assert first("where was bob on tour") != "/journeys"


def test_an_example_of_an_operator_leads_too_and_outlives_the_version(acme, product):
    learnt(acme, product, ALIKE)
    save_example(product, request="where was ann on tour", steps=[{"tool": "GET /journeys"}], member=acme.operator)
    learnt(acme, product, ALIKE.replace(b'"version": "1"', b'"version": "2"'))
    assert first("where was bob on tour") == "/journeys"


def test_another_tenants_thumbs_say_nothing_here(acme, product, globex):
    with tenant_context(globex.tenant.pk):
        other = Product.objects.create(tenant=globex.tenant, name="Box", slug="box")
        asked(globex, learnt(globex, other, ALIKE), "where was ann on tour", "/journeys", good=True)
    learnt(acme, product, ALIKE)
    assert first("where was bob on tour") != "/journeys"


def test_what_the_whitelist_no_longer_lists_never_rises(acme, product):
    version = learnt(acme, product, ALIKE)
    asked(acme, version, "where was ann on tour", "/journeys", good=True)
    set_policies(product, {"GET /journeys": "deny"}, acme.operator)
    assert "/journeys" not in paths(rank_operations("where was bob on tour", "", 9))

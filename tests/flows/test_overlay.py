"""An operator's overlay: read, applied before compiling, kept across versions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import AuditEntry
from specs.flows import FlowError
from specs.flows.process_version import process_version
from specs.flows.set_overlay import set_overlay
from specs.flows.upload_version import upload_version
from specs.ingest.apply_overlay import apply_overlay, read_overlay
from specs.ingest.errors import SpecError
from specs.models import LintReport, Product, SpecVersion

PATHS = {
    "/things": {"get": {"operationId": "listThings"}, "post": {"operationId": "makeThing", "tags": ["a"]}},
    "/secret": {"get": {"operationId": "secret", "summary": "Nobody should see it"}},
}


def described(**more: Any) -> bytes:
    return json.dumps({"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "paths": PATHS, **more}).encode()


def overlay(*actions: dict[str, Any]) -> bytes:
    return json.dumps({"overlay": "1.0.0", "info": {"title": "O", "version": "1"}, "actions": list(actions)}).encode()


BETTER = overlay(
    {"target": "$.paths['/things'].get", "update": {"summary": "List all things of the shop"}},
    {"target": "$.paths['/secret']", "remove": True},
    {"target": "$.paths['/nowhere']", "update": {}},
)


def applied(root: dict[str, Any], *actions: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    problems = apply_overlay(root, read_overlay(overlay(*actions), "o.json"))
    return root, [problem.message for problem in problems]


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ({"target": "$.a", "update": {"b": 2, "c": {"e": 1}}}, {"a": {"b": 2, "c": {"d": 1, "e": 1}}, "l": [1, 2, 3]}),
        ({"target": "$.l", "update": 4}, {"a": {"b": 1, "c": {"d": 1}}, "l": [1, 2, 3, 4]}),
        ({"target": "$", "update": {"l": [4]}}, {"a": {"b": 1, "c": {"d": 1}}, "l": [1, 2, 3, 4]}),
        ({"target": "$.l[?@ > 1]", "remove": True}, {"a": {"b": 1, "c": {"d": 1}}, "l": [1]}),
        ({"target": "$.a.b", "update": "x"}, {"a": {"b": "x", "c": {"d": 1}}, "l": [1, 2, 3]}),
        ({"target": "$..c", "remove": True}, {"a": {"b": 1}, "l": [1, 2, 3]}),
        ({"target": "$..*", "remove": True}, {}),
    ],
)
def test_actions_do_what_the_specification_says(action, expected):
    root = {"a": {"b": 1, "c": {"d": 1}}, "l": [1, 2, 3]}
    assert applied(root, action) == (expected, [])


def test_an_action_that_names_nothing_is_told_by_its_number():
    _, problems = applied({"a": 1}, {"target": "$.a", "update": 2}, {"target": "$.b", "update": 2})
    assert problems == ["Action 2 of the overlay names nothing here: $.b"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"openapi: 3.1.0", "no overlay"),
        (b"[1]", "no overlay"),
        (b'{"overlay": "1.0.0", "actions": []}', "/actions: An overlay needs a list of actions"),
        (overlay({"update": {}}), "/actions/0: An action is an object with a target"),
        (
            overlay({"target": "$.a", "update": {}}, {"target": "not json path", "update": {}}),
            "/actions/1/target: “not",
        ),
        (overlay({"target": "$.a"}), "/actions/0: An action has an update"),
        (overlay({"target": "$" + "[0]" * 900, "update": {}}), "/actions/0"),
    ],
)
def test_what_is_no_overlay_is_refused_with_its_place(data, words):
    with pytest.raises(SpecError, match=words):
        read_overlay(data, "o.yaml")


def test_an_overlay_that_changes_too_many_places_ends():
    with pytest.raises(SpecError, match="more than 20,000 places"):
        applied({"a": [{"b": 1}] * 15_000}, {"target": "$..*", "update": {}})


@pytest.fixture
def product(acme) -> Product:
    return Product.objects.create(tenant=acme.tenant, name="Things", slug="things")


def learnt(version: SpecVersion) -> SpecVersion:
    process_version(version.tenant_id, version.pk)
    version.refresh_from_db()
    assert version.status in ("ready", "active"), version.error
    return version


def summaries(version: SpecVersion) -> dict[str, str]:
    return dict(version.operations.values_list("name", "summary"))


def test_it_is_applied_at_once_and_to_every_upload_until_it_is_taken_away(acme, product):
    plain = learnt(upload_version(product, described(), "a.json"))
    mended = learnt(set_overlay(product, BETTER, "o.json", acme.operator))
    assert (plain.number, mended.number) == (1, 2)
    assert summaries(mended) == {"listThings": "List all things of the shop", "makeThing": "Make thing"}
    assert any("names nothing here: $.paths['/nowhere']" in problem["message"] for problem in mended.problems)
    assert LintReport.objects.filter(version=mended).exists()
    following = learnt(upload_version(product, described(servers=[{"url": "https://a.example"}]), "b.json"))
    assert summaries(following)["listThings"] == "List all things of the shop"
    assert upload_version(product, described(servers=[{"url": "https://a.example"}]), "b.json").pk == following.pk
    set_overlay(product, b"", "", acme.operator)
    assert "secret" in summaries(learnt(upload_version(product, described(), "a.json")))
    assert summaries(SpecVersion.objects.get(pk=mended.pk)) == summaries(mended)
    assert AuditEntry.objects.filter(action="spec_uploaded", data__overlay__isnull=False).count() == 2


def test_a_bad_overlay_changes_nothing(acme, product):
    learnt(upload_version(product, described(), "a.json"))
    with pytest.raises(FlowError, match=r"Overlay: /actions/0/target: “\$\[”"):
        set_overlay(product, overlay({"target": "$[", "update": {}}), "o.json", acme.operator)
    product.refresh_from_db()
    assert product.overlay is None
    assert product.versions.count() == 1


def test_the_page_takes_it_and_takes_it_away(acme, product, browse):
    learnt(upload_version(product, described(), "a.json"))
    client = browse(acme.operator)
    assert "Upload the overlay" in client.get("/products/things/lint/").content.decode()
    sent = client.post("/products/things/lint/overlay/", {"overlay": SimpleUploadedFile("o.json", BETTER)}, follow=True)
    assert "The overlay is kept. Version 2 is learnt with it." in sent.content.decode()
    bad = client.post("/products/things/lint/overlay/", {"overlay": SimpleUploadedFile("o.json", b"[]")}, follow=True)
    assert "Overlay: This is no overlay" in bad.content.decode()
    assert "choose a file" in client.post("/products/things/lint/overlay/", follow=True).content.decode()
    gone = client.post("/products/things/lint/overlay/", {"remove": "1"}, follow=True)
    assert "The overlay is taken away." in gone.content.decode()
    assert browse(acme.customer).post("/products/things/lint/overlay/").status_code == 403

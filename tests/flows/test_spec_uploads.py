"""Several files at once through the page, the REST API and the command; what is not listed by default."""

from __future__ import annotations

import json
from io import BytesIO, StringIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from specs.flows.process_version import process_version
from specs.flows.set_policy import set_default_policies
from specs.flows.upload_version import upload_version
from specs.ingest.bundle import pack
from specs.models import Product, SpecVersion, ToolPolicy, VersionStatus
from tests.web.conftest import set_all

FILES = {
    "openapi.yml": b"openapi: 3.0.0\npaths:\n  /a: {$ref: 'a.yml#/a'}\n  /b: {get: {operationId: getB}}\n",
    "a.yml": b"a:\n  get: {operationId: getA}\n",
}


@pytest.fixture
def product(acme) -> Product:
    return Product.objects.create(tenant=acme.tenant, name="Parts", slug="parts")


@pytest.fixture
def client(acme) -> Client:
    client = Client()
    client.force_login(acme.operator.user)
    return client


def names(product: Product) -> list[str]:
    version = product.versions.get(number=1)
    process_version(product.tenant_id, version.pk)
    return list(version.operations.values_list("name", flat=True))


def test_the_page_takes_several_files_in_any_order_as_one_version(product, client):
    for order in (list(FILES), list(reversed(FILES))):
        files = [SimpleUploadedFile(name, FILES[name]) for name in order]
        assert client.post("/products/parts/", {"file": files}).status_code == 302
    assert product.versions.get().filename == "openapi.yml and 1 more"
    assert names(product) == ["getA", "getB"]


def test_files_without_a_root_are_refused_beside_the_field(product, client):
    files = [SimpleUploadedFile("a.yml", b"a: 1"), SimpleUploadedFile("b.yml", b"b: 1")]
    response = client.post("/products/parts/", {"file": files})
    assert response.status_code == 422
    assert "None of the files begins a description" in response.content.decode()
    assert not product.versions.exists()


def test_the_api_takes_a_zip_and_several_files(product, client):
    address = "/api/v1/products/parts/versions/"
    assert client.post(address, {"file": SimpleUploadedFile("parts.zip", pack(FILES))}).status_code == 202
    several = [SimpleUploadedFile(name, data) for name, data in FILES.items()]
    assert client.post(address, {"file": several}).json()["number"] == 1  # the same bytes
    assert client.post(address, {}).status_code == 400
    assert client.post(address, {"file": BytesIO(b"")}).status_code == 400
    assert names(product) == ["getA", "getB"]


def test_the_command_takes_a_folder_and_a_zip(acme, tmp_path):
    folder = tmp_path / "api"
    (folder / "empty").mkdir(parents=True)
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    (folder / "passwd.yml").symlink_to("/etc/passwd")
    (tmp_path / "api.zip").write_bytes(pack(FILES))
    for path in (folder, tmp_path / "api.zip"):
        out = StringIO()
        call_command("import_spec", str(path), "--tenant", "acme", "--product", "parts", "--json", stdout=out)
        assert {key: json.loads(out.getvalue())[key] for key in ("version", "status", "operations")} == {
            "version": 1, "status": "ready", "operations": 2,
        }  # fmt: skip
    with pytest.raises(CommandError, match="holds no JSON or YAML file"):
        call_command("import_spec", str(folder / "empty"), "--tenant", "acme", "--product", "parts")


def test_a_hostile_zip_fails_with_its_reason(product):
    version = upload_version(product, pack({"openapi.yml": b"a" * 5_000_000}), "bomb.zip")
    process_version(product.tenant_id, version.pk)
    version.refresh_from_db()
    assert version.status == VersionStatus.FAILED
    assert "zip bomb" in version.error


def test_what_is_deprecated_or_internal_is_not_listed_by_default(product, client):
    paths = {
        "/a": {"get": {}},
        "/b": {"get": {"deprecated": True}},
        "/c": {"get": {"x-ms-visibility": "internal"}},
        "/d": {"get": {"servers": [{"url": "/v2"}]}},
    }
    root = {"openapi": "3.0.0", "servers": [{"url": "https://a.example"}], "paths": paths}
    version = upload_version(product, json.dumps(root).encode(), "a.json")
    process_version(product.tenant_id, version.pk)
    assert set_default_policies(product) == 2
    assert set(ToolPolicy.objects.values_list("operation_key", flat=True)) == {"GET /a", "GET /d"}
    assert SpecVersion.objects.get().operations.get(path="/d").server == "/v2"
    set_all(client, "parts", "usual")
    assert ToolPolicy.objects.count() == 2


def test_problems_are_shown_with_their_lines_most_severe_first(product, client):
    text = b"""
openapi: 3.0.0
info: {title: A, version: '1'}
servers: []
paths:
  /a:
    get: 7
  /b/{x}:
    get:
      tags: none
      responses: {}
"""
    version = upload_version(product, text, "a.yaml")
    process_version(product.tenant_id, version.pk)
    version.refresh_from_db()
    assert {(it["severity"], it["pointer"], it["line"]) for it in version.problems} >= {
        ("error", "/paths/~1a/get", 7),
        ("warning", "/paths/~1b~1{x}/get", 9),
        ("advice", "/paths/~1b~1{x}/get/tags", 10),
    }  # fmt: skip
    page = client.get("/products/parts/").content.decode()
    places = [page.index(word) for word in ("Refused", "line 7", "Guessed or left out", "line 9", "Advice:", "line 10")]
    assert places == sorted(places)

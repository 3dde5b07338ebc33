"""An operator brings an API from upload to whitelist in the browser."""

from __future__ import annotations

import json

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from specs.models import Connection, Operation, Product, SpecVersion, ToolPolicy
from tests.web.conftest import HTMX, make_product, set_all

SPEC = json.dumps({"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "paths": {}}).encode()


def decisions() -> dict[str, str]:
    return dict(ToolPolicy.objects.values_list("operation_key", "decision"))


def test_only_operators_and_owners_see_products(acme, browse):
    make_product(acme.operator)
    for member, status in ((acme.customer, 403), (acme.reviewer, 403), (acme.operator, 200), (acme.owner, 200)):
        client = browse(member)
        for address in ("/products/", "/products/keyring/", "/products/keyring/connection/"):
            assert client.get(address).status_code == status


def test_another_tenants_product_does_not_exist(acme, globex, browse):
    make_product(acme.operator)
    assert browse(globex.operator).get("/products/keyring/").status_code == 404


def test_a_product_is_named_and_its_address_made_from_the_name(acme, browse):
    client = browse(acme.operator)
    assert client.post("/products/", {"name": "Key Ring"}).headers["Location"] == "/products/key-ring/"
    again = client.post("/products/", {"name": "Key ring"})
    assert again.status_code == 422
    assert "a product with this name already" in again.content.decode()
    assert 'value="Key ring"' in again.content.decode()
    assert Product.objects.get().tenant_id == acme.tenant.pk


def test_an_upload_becomes_a_version_that_is_watched_until_it_is_learnt(acme, browse):
    product = make_product(acme.operator)
    client = browse(acme.operator)
    response = client.post("/products/keyring/", {"file": SimpleUploadedFile("api.json", SPEC)})
    assert response.headers["Location"] == "/products/keyring/"
    version = product.versions.get(number=2)
    card = reverse("version", args=["keyring", 2])
    assert f'hx-get="{card}"' in client.get("/products/keyring/").content.decode()
    SpecVersion.objects.filter(pk=version.pk).update(status="failed", error="Line 3: no paths.")
    content = client.get(card, headers=HTMX).content.decode()
    assert "Line 3: no paths." in content
    assert "hx-trigger" not in content


def test_a_file_that_is_empty_or_too_large_is_refused_beside_the_field(acme, browse, settings):
    make_product(acme.operator)
    settings.NLOPS_MAX_SPEC_BYTES = 10
    client = browse(acme.operator)
    for data, reason in ((b"", "file is empty"), (SPEC, "at most 10")):
        response = client.post("/products/keyring/", {"file": SimpleUploadedFile("api.json", data)})
        assert response.status_code == 422
        assert reason in response.content.decode().replace("\xa0", " ")
    assert SpecVersion.objects.count() == 1


def test_an_older_version_can_be_rolled_back_to(acme, browse):
    product = make_product(acme.operator)
    product.versions.update(status="retired")
    client = browse(acme.operator)
    assert "Roll back to it" in client.get("/products/keyring/").content.decode()
    client.post("/products/keyring/versions/1/activate/")
    assert product.versions.get(number=1).status == "active"


def test_the_connection_form_begins_with_what_the_description_says(acme, browse):
    make_product(acme.operator)
    content = browse(acme.operator).get("/products/keyring/connection/").content.decode()
    assert 'value="https://keyring.example/api"' in content
    assert '<option value="api_key_header" selected>' in content
    assert 'value="X-Key"' in content


def test_a_secret_is_written_and_never_shown(acme, browse):
    make_product(acme.operator)
    client = browse(acme.operator)
    form = {"base_url": "https://keyring.example/api", "auth_kind": "bearer", "secret": "s3cr3t-token"}
    assert client.post("/products/keyring/connection/", form).status_code == 302
    stored = Connection.objects.get().secret
    content = client.get("/products/keyring/connection/").content.decode()
    assert "A secret is stored" in content
    assert "s3cr3t-token" not in content
    assert stored not in content
    client.post("/products/keyring/connection/", form | {"secret": "", "base_url": "https://keyring.example/v2"})
    connection = Connection.objects.get()
    assert (connection.base_url, connection.secret) == ("https://keyring.example/v2", stored)


def test_what_is_wrong_with_a_connection_is_told_beside_its_field_and_nothing_is_lost(acme, browse):
    make_product(acme.operator)
    form = {"base_url": "https://keyring.example/api", "auth_kind": "oauth2_password", "username": "svc", "secret": "x"}
    response = browse(acme.operator).post("/products/keyring/connection/", form)
    assert response.status_code == 422
    assert "token_url" in response.context["form"].errors
    assert 'value="svc"' in response.content.decode()
    assert Connection.objects.count() == 0


def test_a_connection_that_fails_its_test_says_why(acme, browse):
    product = make_product(acme.operator)
    # Port 1 refuses at once.
    Connection.objects.create(tenant=acme.tenant, product=product, base_url="http://127.0.0.1:1/", auth_kind="none")
    content = browse(acme.operator).post("/products/keyring/connection/test/", headers=HTMX).content.decode()
    assert "Does not work" in content
    assert Connection.objects.get().check_message in content.replace("&#x27;", "'")


def test_one_operation_is_set_at_once(acme, browse):
    make_product(acme.operator)
    operation = Operation.objects.get(method="POST")
    client = browse(acme.operator)
    response = client.post("/products/keyring/whitelist/", {f"decision-{operation.pk}": "confirm"}, headers=HTMX)
    assert response.content.decode().startswith("Saved")
    assert "1 confirm" in response.content.decode()
    assert decisions() == {"POST /users/{username}": "confirm"}
    client.post("/products/keyring/whitelist/", {f"decision-{operation.pk}": "deny"}, headers=HTMX)
    assert decisions() == {}


def test_a_decision_that_no_page_offers_is_refused(acme, browse):
    make_product(acme.operator)
    operation = Operation.objects.get(method="POST")
    response = browse(acme.operator).post("/products/keyring/whitelist/", {f"decision-{operation.pk}": "anything"})
    assert response.status_code == 404
    assert decisions() == {}


def test_all_are_set_by_effect_or_taken_off(acme, browse):
    make_product(acme.operator)
    client = browse(acme.operator)
    set_all(client, "keyring", "usual")
    assert sorted(decisions().values()) == ["allow", "approve", "confirm"]
    set_all(client, "keyring", "deny")
    assert decisions() == {}


def test_rows_come_only_when_a_service_is_opened_or_filtered(acme, browse):
    make_product(acme.operator)
    client = browse(acme.operator)
    assert "decision-" not in client.get("/products/keyring/whitelist/").content.decode()
    service = Operation.objects.first().service
    rows = client.get(reverse("whitelist_service", args=["keyring", service.slug]), headers=HTMX).content.decode()
    assert rows.count("<select") == 3
    found = client.get("/products/keyring/whitelist/?q=delete", headers=HTMX | {"HX-Target": "services"})
    assert found.content.decode().count('name="decision-') == 1

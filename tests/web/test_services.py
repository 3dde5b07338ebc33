"""The pages and the REST API of services."""

from __future__ import annotations

import json

from specs.models import Operation, OperationEdit, ServiceEdit
from specs.querysets import tools
from tests.web.conftest import make_product

PAGE = "/products/keyring/services/"


def test_a_service_is_renamed_hidden_and_given_words(acme, browse):
    make_product(acme.operator)
    client = browse(acme.operator)
    assert "3 operations" in client.get(PAGE).content.decode()
    saved = client.post(f"{PAGE}users/", {"name": "People", "synonyms": "account, login", "hidden": "on"})
    assert saved.headers["Location"] == f"{PAGE}users/"
    page = client.get(PAGE).content.decode()
    assert "People" in page
    assert "account, login" in page
    assert "hidden" in page
    assert "People" in client.get("/products/keyring/whitelist/").content.decode()
    client.post(f"{PAGE}users/", {"name": "", "synonyms": ""})
    assert not ServiceEdit.objects.exists()


def test_ticked_operations_move_to_a_new_service_and_back(acme, browse):
    make_product(acme.operator)
    client = browse(acme.operator)
    ticked = [str(row.pk) for row in Operation.objects.exclude(method="GET")]
    sent = {"act": "move", "operation": ticked, "service": "", "new_service": "Changes"}
    page = client.post(f"{PAGE}users/operations/", sent, follow=True).content.decode()
    assert "2 operations moved" in page
    assert "from users" in client.get(f"{PAGE}changes/").content.decode()
    client.post(f"{PAGE}changes/operations/", {"act": "move", "operation": ticked, "service": ""})
    assert not OperationEdit.objects.exists()


def test_words_of_each_operation_are_saved_together(acme, browse):
    make_product(acme.operator)
    first, second, _ = Operation.objects.all()
    sent = {"act": "synonyms", f"synonyms-{first.pk}": "look up", f"synonyms-{second.pk}": ""}
    page = browse(acme.operator).post(f"{PAGE}users/operations/", sent, follow=True).content.decode()
    assert "Words saved for 1 operation" in page
    assert 'value="look up"' in page
    assert tools([str(first.pk)])[0].synonyms == "look up"


def test_nothing_ticked_and_an_unknown_service_are_told(acme, browse):
    make_product(acme.operator)
    client = browse(acme.operator)
    page = client.post(f"{PAGE}users/operations/", {"act": "hide"}, follow=True).content.decode()
    assert "Tick the operations first." in page
    assert client.get(f"{PAGE}nowhere/").status_code == 404
    assert client.post(f"{PAGE}users/operations/", {"act": "drop", "operation": "x"}).status_code in (302, 404)


def test_the_api_does_the_same(acme, browse):
    make_product(acme.operator)
    client = browse(acme.operator)
    base = "/api/v1/products/keyring"
    (service,) = client.get(f"{base}/services/").json()
    assert (service["slug"], len(service["operations"])) == ("users", 3)
    body = json.dumps({"name": "People", "synonyms": "account"})
    said = client.put(f"{base}/services/users/", body, content_type="application/json").json()
    assert (said["name"], said["synonyms"]) == ("People", "account")
    key = "DELETE /users/{username}"
    body = json.dumps({"operations": [key], "new_service": "Danger", "hidden": True})
    (moved,) = client.patch(f"{base}/operations/", body, content_type="application/json").json()
    assert moved == {
        "operation": key, "name": "delete_user", "service": "danger", "synonyms": "", "hidden": True,
    }  # fmt: skip
    wrong = client.patch(
        f"{base}/operations/", json.dumps({"operations": ["GET /x"], "hidden": True}), content_type="application/json"
    )
    assert (wrong.status_code, "no operation GET /x" in wrong.json()["detail"]) == (409, True)
    assert client.put(f"{base}/services/nowhere/", "{}", content_type="application/json").status_code == 404

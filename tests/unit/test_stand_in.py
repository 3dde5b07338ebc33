"""The stand-in answers as the description of a product says, over real HTTP."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
import pytest

from evaluation.stand_in import TOKEN, StandIn, serving
from specs.ingest.load import load_document

SHOP = {
    "openapi": "3.0.3",
    "info": {"title": "Shop", "version": "1"},
    "paths": {
        "/items": {
            "get": {
                "operationId": "search",
                "parameters": [
                    {"name": "query", "in": "query", "required": True, "schema": {"type": "string"}},
                    {"name": "page", "in": "query", "schema": {"type": "integer"}},
                ],
                "responses": {
                    "200": {
                        "description": "found",
                        "content": {
                            "application/json": {
                                "example": {
                                    "results": [{"id": 3, "name": "Ball"}, {"id": 4, "name": "Bat"}],
                                    "total_pages": 9,
                                }
                            }
                        },
                    }
                },
            },
            "post": {
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}},
                },
                "responses": {
                    "201": {
                        "description": "made",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}},
                    }
                },
            },
        },
        "/items/latest": {"get": {"responses": {"204": {"description": "none yet"}}}},
        "/items/{id}": {
            "get": {
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
                "responses": {
                    "200": {
                        "description": "the item",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}},
                    }
                },
            }
        },
    },
    "components": {
        "schemas": {
            "Item": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "kind": {"type": "string", "enum": ["toy", "tool"]},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}},
                },
            }
        }
    },
}


@pytest.fixture(scope="module")
def shop():
    document = load_document(json.dumps(SHOP).encode(), "shop.json")
    with (
        serving(StandIn(document)) as url,
        httpx2.Client(base_url=url, trust_env=False, headers={"Authorization": f"Bearer {TOKEN}"}) as client,
    ):
        yield client


def test_a_search_finds_one_entry_that_is_named_as_asked_on_its_only_page(shop):
    response = shop.get("/items", params={"query": "Kite", "page": "2"})
    assert response.json() == {"results": [{"id": 3, "name": "Kite"}], "total_pages": 1}


def test_without_an_example_the_answer_is_made_from_the_schema_even_if_it_holds_itself(shop):
    made = shop.post("/items", json={"name": "Kite"})
    assert made.status_code == 201
    assert made.json()["kind"] == "toy"
    assert made.json()["parts"][0]["parts"][0]["name"] == "something"


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/items", 400, "The parameter query is missing."),
        ("GET", "/items?query=a&page=two", 400, "The parameter page has a wrong value."),
        ("GET", "/items/first", 400, "The parameter id has a wrong value."),
        ("POST", "/items", 400, "The body is missing."),
        ("DELETE", "/items", 405, "DELETE is not allowed here."),
        ("GET", "/prices", 404, "There is nothing at /prices."),
    ],
)
def test_what_the_description_does_not_allow_is_refused(shop, method, path, status, message):
    response = shop.request(method, path)
    assert (response.status_code, response.json()["message"]) == (status, message)


def test_a_fixed_path_goes_before_a_template_and_204_has_no_body(shop):
    response = shop.get("/items/latest")
    assert (response.status_code, response.content) == (204, b"")


def test_nobody_is_served_who_does_not_sign_in(shop):
    assert shop.get("/items?query=a", headers={"Authorization": "Bearer other"}).status_code == 401


def test_forms_of_swagger_2_are_checked_like_parameters():
    path = Path(__file__).parents[1] / "specs" / "shop-swagger.json"
    document = json.loads(path.read_text())
    document["paths"] = {
        "/say": {
            "post": {
                "parameters": [{"name": "text", "in": "formData", "type": "string", "required": True}],
                "responses": {"200": {"description": "said", "examples": {"application/json": {"ok": True}}}},
            }
        }
    }
    with serving(StandIn(load_document(json.dumps(document).encode(), path.name))) as url:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx2.Client(base_url=url, trust_env=False, headers=headers) as client:
            assert client.post("/say", data={"text": "hello"}).json() == {"ok": True}
            assert client.post("/say", data={"txt": "hello"}).status_code == 400

"""Documents to operations: names, schemas, bindings, effects, services."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest

from nlops.core.types import Effect
from specs.ingest.compile import CompiledOperation, CompiledSpec, argument_schema, compile_document
from specs.ingest.errors import Severity, SpecError
from specs.ingest.load import load_document
from tests.benchmarks.ingest import stored

SPECS = Path(__file__).parent.parent / "specs"


def compiled(root: dict[str, Any]) -> CompiledSpec:
    return compile_document(load_document(json.dumps(root).encode(), "a.json"))


def api(operation: dict[str, Any], method: str = "post", path: str = "/things", **root: Any) -> CompiledSpec:
    """A description with one operation."""
    version = root.pop("openapi", "3.0.3")
    return compiled({"openapi": version, "paths": {path: {method: operation}}, **root})


def only(spec: CompiledSpec) -> CompiledOperation:
    assert len(spec.operations) == 1
    return spec.operations[0]


def json_body(schema: Any, **rest: Any) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}, **rest}


def whole(spec: CompiledSpec, operation: CompiledOperation) -> dict[str, Any]:
    """The operation's schema with its closure, known to be valid JSON Schema 2020-12."""
    schema = argument_schema(operation.schema, spec.definitions, operation.definition_names)
    jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
    jsonschema_rs.Draft202012Validator(schema)
    return schema


@pytest.fixture(scope="module")
def library() -> CompiledSpec:
    return compile_document(load_document((SPECS / "library.yaml").read_bytes(), "library.yaml"))


@pytest.fixture(scope="module")
def shop() -> CompiledSpec:
    return compile_document(load_document((SPECS / "shop-swagger.json").read_bytes(), "shop.json"))


def by_key(spec: CompiledSpec, key: str) -> CompiledOperation:
    return next(operation for operation in spec.operations if f"{operation.method} {operation.path}" == key)


def test_title_version_and_servers_are_read(library, shop):
    assert (library.title, library.version, library.standard) == ("Library", "1.4", "OpenAPI 3.1.0")
    assert library.servers == [{"url": "https://eu.library.example/v1", "description": "Production"}]
    assert [server["url"] for server in shop.servers] == ["https://shop.example/api", "http://shop.example/api"]
    assert shop.standard == "Swagger 2.0"


def test_every_schema_is_valid(library, shop):
    for spec in (library, shop):
        for operation in spec.operations:
            whole(spec, operation)


def test_an_operation_overrides_a_parameter_of_its_path(library):
    operation = by_key(library, "GET /books")
    assert operation.schema["properties"]["limit"] == {"type": "integer", "maximum": 100}
    assert operation.schema["properties"]["author"]["type"] == ["string", "null"]


def test_a_body_is_flattened_read_only_properties_left_out(library):
    operation = by_key(library, "POST /books")
    assert list(operation.schema["properties"]) == ["limit", "title", "isbn", "shelf"]
    assert operation.schema["required"] == ["title"]
    assert operation.bindings["title"] == {"in": "body", "name": "title", "pointer": "/title"}
    assert operation.body_media_type == "application/json"
    assert operation.idempotency_header == "Idempotency-Key"


def test_recursive_schemas_stay_references(library):
    operation = by_key(library, "POST /books")
    assert operation.definition_names == ["Shelf"]
    validator = jsonschema_rs.Draft202012Validator(whole(library, operation))
    assert validator.is_valid({"title": "A", "shelf": {"name": "B", "inside": {"name": "C"}}})
    assert not validator.is_valid({"title": "A", "shelf": {"inside": {"name": 7}}})


def test_names_that_collide_are_told_apart_by_their_place(library):
    operation = by_key(library, "PUT /shelves/{name}")
    assert list(operation.schema["properties"]) == ["name", "body_name", "inside", "floor"]
    assert operation.schema["required"] == ["name", "body_name"]
    assert operation.bindings["name"]["in"] == "path"
    assert operation.bindings["body_name"] == {"in": "body", "name": "name", "pointer": "/name"}


def test_headers_of_the_connection_are_no_arguments_and_secrets_are_marked(library):
    operation = by_key(library, "PUT /api/v1/readers/{reader}/password")
    assert list(operation.schema["properties"]) == ["reader", "X-Trace", "password", "token_type", "note"]
    assert operation.secret_arguments == ["password", "note"]
    assert operation.idempotency_header == "Idempotency-Key"
    assert any("{reader}" in problem.message for problem in library.problems)


def test_services_come_from_tags_else_from_the_path(library):
    assert [(service.name, service.slug) for service in library.services] == [
        ("books", "books"),
        ("Readers", "readers"),
    ]
    assert library.services[0].description == "Books and their copies."


def test_an_operation_without_an_id_is_named_by_method_and_path(library):
    assert by_key(library, "DELETE /books/{id}").name == "delete_books_by_id"


def test_swagger_parameters_become_arguments_with_their_styles(shop):
    listing = by_key(shop, "GET /orders")
    assert list(listing.schema["properties"]) == ["ids", "states"]  # api_key is the connection's
    assert listing.bindings["ids"] == {"in": "query", "name": "ids", "style": "pipeDelimited", "explode": False}
    assert listing.bindings["states"] == {"in": "query", "name": "states", "explode": True}
    picture = by_key(shop, "POST /orders/{id}/picture")
    assert picture.body_media_type == "multipart/form-data"
    assert picture.bindings["picture"]["file"] is True
    assert picture.schema["required"] == ["id", "caption"]


def test_swagger_keywords_become_those_of_2020_12(shop):
    properties = by_key(shop, "POST /orders").schema["properties"]
    assert properties["amount"] == {"type": "number", "exclusiveMinimum": 0}
    assert properties["note"] == {"type": ["string", "null"]}
    assert properties["parent"] == {"$ref": "#/$defs/Order"}


def property_of(source: Any, **root: Any) -> Any:
    spec = api(json_body({"type": "object", "properties": {"a": source}}), **root)
    operation = only(spec)
    whole(spec, operation)
    return operation.schema["properties"]["a"]


@pytest.mark.parametrize(
    ("source", "converted"),
    [
        ({"type": "string", "nullable": True, "enum": ["x"]}, {"type": ["string", "null"], "enum": ["x", None]}),
        ({"nullable": True, "oneOf": [{"type": "string"}]},
         {"anyOf": [{"oneOf": [{"type": "string"}]}, {"type": "null"}]}),
        ({"type": "integer", "minimum": "50", "maximum": 10**30}, {"type": "integer", "minimum": 50}),
        ({"type": "string", "minLength": -1, "maxLength": 5.0, "pattern": "(unclosed"},
         {"type": "string", "maxLength": 5}),
        ({"type": "String"}, {"type": "string"}),
        ({"type": "whatever"}, {}),
        ({"type": "string", "enum": [1, True, "a", "a"]}, {"type": "string", "enum": ["1", "true", "a"]}),
        ({"type": "boolean", "enum": ["true"]}, {"type": "boolean", "enum": [True]}),
        ({"type": "integer", "default": 10**30}, {"type": "integer", "default": 1e30}),
        ({"type": "array", "items": [{"type": "string"}]}, {"type": "array", "prefixItems": [{"type": "string"}]}),
        ({"type": "object", "required": True, "properties": {"b": {"type": "string", "readOnly": True}}},
         {"type": "object", "properties": {}}),
        ({"allOf": [{"type": "string"}], "description": "D"}, {"description": "D", "type": "string"}),
        ({"allOf": [{"type": "object", "properties": {"x": {}}, "required": ["x"]},
                    {"properties": {"y": {}}, "required": ["y"]}]},
         {"type": "object", "properties": {"x": {}, "y": {}}, "required": ["x", "y"]}),
        ({"allOf": [{"minimum": 1}, {"minimum": 2}]}, {"minimum": 1, "allOf": [{"minimum": 2}]}),
        ({"type": "object", "properties": {"$ref": {"type": "string"}}},
         {"type": "object", "properties": {"$ref": {"type": "string"}}}),
        ({"type": "string", "x-internal": 1, "xml": {}, "discriminator": {}}, {"type": "string"}),
    ],
)  # fmt: skip
def test_schemas_are_converted(source, converted):
    assert property_of(source) == converted


def test_a_nullable_reference_is_the_reference_or_null():
    components = {"schemas": {"B": {"type": "object", "properties": {"x": {"type": "string"}}}}}
    assert property_of({"$ref": "#/components/schemas/B", "nullable": True}, components=components) == {
        "anyOf": [{"$ref": "#/$defs/B"}, {"type": "null"}]
    }


def test_a_small_scalar_stands_in_place_of_a_reference_to_it():
    schemas = {"Level": {"type": "string", "enum": ["low", "high"]}, "Long": {"type": "string", "pattern": "x" * 900}}
    components = {"schemas": schemas}
    source = {"allOf": [{"$ref": "#/components/schemas/Level"}], "default": "low"}
    assert property_of(source, components=components) == {"type": "string", "enum": ["low", "high"], "default": "low"}
    assert property_of({"$ref": "#/components/schemas/Long"}, components=components) == {"$ref": "#/$defs/Long"}


def test_a_long_enum_becomes_a_note():
    schema = property_of({"type": "string", "enum": [f"value{n}" for n in range(500)], "description": "Which."})
    assert "enum" not in schema
    assert schema["description"].startswith("Which. One of 500 values, such as value0, value1")


def test_a_body_that_is_no_object_is_one_argument():
    operation = only(api(json_body({"type": "array", "items": {"type": "string"}})))
    assert operation.schema["properties"] == {"body": {"type": "array", "items": {"type": "string"}}}
    assert operation.bindings["body"] == {"in": "body", "pointer": ""}
    assert operation.schema["required"] == ["body"]


def test_one_of_several_objects_is_kept_whole():
    variants = [{"type": "object", "properties": {name: {"type": "string"}}} for name in "ab"]
    operation = only(api(json_body({"oneOf": variants})))
    assert operation.schema["properties"]["body"] == {"oneOf": variants}


def test_alternatives_that_only_say_what_is_required_are_kept_beside_the_flat_arguments():
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}, "id": {"type": "string"}},
        "anyOf": [{"required": ["a"]}, {"required": ["id"]}],
    }
    operation = only(api(json_body(schema), path="/things/{id}"))
    assert operation.schema["anyOf"] == [{"required": ["a"]}, {"required": ["body_id"]}]


def test_names_of_arguments_are_such_that_models_take_them():
    parameters = [
        {"name": name, "in": "query", "schema": {"type": "string"}}
        for name in ("filter[name]", "StartTime", "StartTime<", "$top", "größe", "a" * 100)
    ]
    operation = only(api({"parameters": parameters}, "get"))
    names = list(operation.schema["properties"])
    assert names[:5] == ["filter_name", "StartTime", "StartTime_before", "top", "gr_e"]
    assert len(names[5]) == 64
    assert [operation.bindings[name]["name"] for name in names[:4]] == [
        "filter[name]", "StartTime", "StartTime<", "$top",
    ]  # fmt: skip


def test_tool_names_fit_and_are_unique():
    paths = {f"/p{n}": {"get": {"operationId": "list things/" + "x" * 80}} for n in range(3)}
    spec = compiled({"openapi": "3.0.0", "paths": paths})
    names = [operation.name for operation in spec.operations]
    assert len(set(names)) == 3
    assert all(len(name) <= 64 and name.startswith("list_things_") for name in names)
    assert sum("stands twice" in problem.message for problem in spec.problems) == 2


def test_an_external_reference_refuses_its_operation_alone():
    spec = compiled(
        {
            "openapi": "3.0.0",
            "paths": {
                "/good": {"get": {}},
                "/bad": {"post": json_body({"$ref": "other.yaml#/Thing"})},
                "/deep": {"post": json_body({"$ref": "#/components/schemas/A"})},
                "/item": {"$ref": "https://evil.example/path.yaml"},
            },
            "components": {
                "schemas": {"A": {"type": "object", "properties": {"b": {"$ref": "#/components/schemas/B"}}},
                            "B": {"items": {"$ref": "file:///etc/passwd"}}}
            },
        }
    )  # fmt: skip
    assert [operation.path for operation in spec.operations] == ["/good"]
    errors = {p.pointer: p.message for p in spec.problems if p.severity is Severity.ERROR}
    assert set(errors) == {"/paths/~1bad/post", "/paths/~1deep/post", "/paths/~1item"}
    assert all("another file" in message for message in errors.values())


def test_a_description_of_several_files_is_told_so():
    with pytest.raises(SpecError, match=r"several files: it refers to a\.yaml"):
        compiled({"openapi": "3.0.0", "paths": {"/x": {"$ref": "a.yaml#/x"}, "/y": {"$ref": "b.yaml"}}})


def test_a_broken_reference_costs_only_itself():
    spec = api(json_body({"type": "object", "properties": {"a": {"$ref": "#/components/schemas/Gone"}}}))
    assert list(only(spec).schema["properties"]) == ["a"]
    assert [problem.pointer for problem in spec.problems] == ["/components/schemas/Gone"]


def test_references_in_a_circle_are_refused_not_followed():
    components = {
        "parameters": {"A": {"$ref": "#/components/parameters/B"}, "B": {"$ref": "#/components/parameters/A"}}
    }
    with pytest.raises(SpecError, match="circle"):
        api({"parameters": [{"$ref": "#/components/parameters/A"}]}, components=components)


def test_a_body_that_refers_to_itself_is_one_argument():
    components = {"schemas": {"A": {"allOf": [{"$ref": "#/components/schemas/A"}]}}}
    spec = api(json_body({"$ref": "#/components/schemas/A"}), components=components)
    whole(spec, only(spec))


@pytest.mark.parametrize(
    ("root", "words"),
    [
        ({}, "no paths"),
        ({"paths": {}}, "no paths"),
        ({"paths": []}, "no paths"),
        ({"paths": {"/a": {}}}, "no operation"),
        ({"paths": {"/a": {"get": 7}}}, "must be an object"),
        ({"paths": {"/a": 7}}, "must hold an object"),
        ({"paths": {"/a": {"get": {"parameters": [{"name": "x", "in": "nowhere"}]}}}}, "nowhere"),
        ({"paths": {"/a": {"get": {"parameters": ["x"]}}}}, "A parameter must be"),
    ],
)
def test_nothing_usable_is_told_with_the_reasons(root, words):
    with pytest.raises(SpecError, match=words):
        compiled({"openapi": "3.0.0", **root})


def test_schemas_nested_to_the_limit_of_the_parser_are_converted():
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(180):
        schema = {"items": schema}
    spec = api(json_body(schema))
    whole(spec, only(spec))


def test_a_hostile_description_does_not_explode():
    width = 40
    schemas: dict[str, Any] = {
        f"L{n}": {
            "type": "object",
            "properties": {f"p{i}": {"$ref": f"#/components/schemas/L{n + 1}"} for i in range(width)},
        }
        for n in range(60)
    }
    schemas["L60"] = {"type": "string", "description": "x" * 900}
    paths = {f"/p{n}": {"post": json_body({"$ref": "#/components/schemas/L0"})} for n in range(300)}
    spec = compiled({"openapi": "3.0.0", "paths": paths, "components": {"schemas": schemas}})
    assert len(spec.operations) == 300
    assert sum(len(orjson.dumps(operation.schema)) for operation in spec.operations) < 2_000_000
    whole(spec, spec.operations[0])


REFERENCE = {"$ref": "#/components/schemas/Big"}
WIDE = {"type": "object", "properties": {f"p{i}": {"type": "string", "description": "x" * 900} for i in range(140)}}
#: a file of this size has no room of its own beside its size
LARGE = "z" * 450_000


def shared_body() -> dict[str, Any]:
    paths = {f"/p{n}": {"post": json_body(REFERENCE)} for n in range(400)}
    return {"paths": paths, "components": {"schemas": {"Big": WIDE}}}


def shared_parameters() -> dict[str, Any]:
    parameters = {f"q{i}": {"in": "query", "name": f"q{i}", "description": "y" * 300, "schema": {"type": "string"}}
                  for i in range(60)}  # fmt: skip
    used = [{"$ref": f"#/components/parameters/{name}"} for name in parameters]
    return {"paths": {f"/p{n}": {"get": {"parameters": used}} for n in range(60)},
            "components": {"parameters": parameters}}  # fmt: skip


def parameters_of_a_path() -> dict[str, Any]:
    own = [{"in": "query", "name": f"q{i}", "description": "y" * 300, "schema": {"type": "string"}} for i in range(400)]
    methods: dict[str, Any] = {method: {} for method in ("get", "put", "post", "delete", "patch", "options", "head")}
    return {"paths": {"/p": {"parameters": own, **methods}}}


def long_parameter_names() -> dict[str, Any]:
    parameters = {f"q{i}": {"in": "query", "name": f"{i}" + "n" * 2000, "schema": {}} for i in range(60)}
    used = [{"$ref": f"#/components/parameters/{name}"} for name in parameters]
    return {"paths": {f"/p{n}": {"get": {"parameters": used}} for n in range(60)},
            "components": {"parameters": parameters}}  # fmt: skip


def doubling_references() -> dict[str, Any]:
    schemas: dict[str, Any] = {
        f"Schema{i}": {"properties": {side: {"$ref": f"#/components/schemas/Schema{i + 1}"} for side in ("a", "b")}}
        for i in range(400)
    }
    schemas["Schema400"] = {"type": "string"}
    body = json_body({"type": "object", "properties": {"x": {"$ref": "#/components/schemas/Schema0"}}})
    return {"paths": {f"/p{n}": {"post": body} for n in range(400)}, "components": {"schemas": schemas}}


def long_schema_names() -> dict[str, Any]:
    schemas = {f"{i}" + "S" * 300: {"type": "object", "properties": {"a": {"type": "object"}}} for i in range(100)}
    parts = [{"$ref": f"#/components/schemas/{name}"} for name in schemas]
    paths = {f"/p{n}": {"post": json_body({"type": "array", "items": {"anyOf": parts}})} for n in range(20)}
    return {"paths": paths, "components": {"schemas": schemas}}


@pytest.mark.parametrize(
    ("described", "least"),
    [
        (shared_body, 400),
        (shared_parameters, 60),
        (parameters_of_a_path, 7),
        (long_parameter_names, 5),
        (doubling_references, 400),
        (long_schema_names, 20),
    ],
)
def test_what_is_kept_is_less_than_twice_the_file_whatever_it_repeats(described, least):
    info = {"title": "T", "version": "1", "description": LARGE}
    text = orjson.dumps({"openapi": "3.0.0", "info": info, **described()})
    spec = compile_document(load_document(text, "hostile.json"))
    assert len(text) > 500_000
    assert stored(text, spec) <= 2 * len(text)
    assert len(spec.operations) >= least
    refused = [problem for problem in spec.problems if "larger than the file itself" in problem.message]
    assert bool(refused) == (described is long_parameter_names)
    for operation in spec.operations:
        whole(spec, operation)


def test_beyond_its_share_a_body_stays_whole_and_what_parameters_share_is_referred_to():
    spec = compile_document(load_document(orjson.dumps({"openapi": "3.0.0", **shared_body()}), "a.json"))
    assert (len(spec.operations[0].bindings), list(spec.operations[-1].bindings)) == (140, ["body"])
    spec = compile_document(load_document(orjson.dumps({"openapi": "3.0.0", **shared_parameters()}), "a.json"))
    assert "description" in spec.operations[0].schema["properties"]["q0"]
    assert spec.operations[-1].schema["properties"]["q0"] == {"$ref": "#/$defs/q0"}
    assert spec.definitions["q0"] == spec.operations[0].schema["properties"]["q0"]


def effect(method: str, path: str, **operation: Any) -> Effect:
    return only(api(operation, method, path)).effect


@pytest.mark.parametrize(
    ("method", "path", "operation", "expected"),
    [
        ("get", "/users", {}, Effect.READ),
        ("get", "/users/{id}/delete", {}, Effect.DESTRUCTIVE),
        ("get", "/purge", {"operationId": "purgeCache"}, Effect.DESTRUCTIVE),
        ("get", "/x", {"operationId": "restart-server"}, Effect.WRITE),
        ("get", "/x", {"summary": "Deletes everything"}, Effect.DESTRUCTIVE),
        ("get", "/x", {"operationId": "admin.inviteRequests.list"}, Effect.READ),
        ("get", "/updates", {"operationId": "getUpdates"}, Effect.READ),
        ("post", "/users", {"operationId": "createUser"}, Effect.WRITE),
        ("post", "/users/search", {}, Effect.READ),
        ("post", "/x", {"operationId": "queryMetrics"}, Effect.READ),
        ("post", "/searches", {"operationId": "createSearch"}, Effect.WRITE),
        ("post", "/x", {"operationId": "chat.delete"}, Effect.DESTRUCTIVE),
        ("post", "/x", {"operationId": "keys/revoke"}, Effect.DESTRUCTIVE),
        ("post", "/x", {}, Effect.WRITE),
        ("put", "/x", {}, Effect.WRITE),
        ("patch", "/x", {"operationId": "updateUser"}, Effect.WRITE),
        ("delete", "/x", {}, Effect.DESTRUCTIVE),
        ("delete", "/x", {"x-openai-isConsequential": False}, Effect.DESTRUCTIVE),
        ("post", "/x", {"x-openai-isConsequential": False}, Effect.READ),
        ("get", "/x", {"x-openai-isConsequential": True}, Effect.WRITE),
    ],
)
def test_the_effect_is_told_by_method_words_and_extension(method, path, operation, expected):
    assert effect(method, path, **operation) is expected


@pytest.mark.parametrize(
    ("name", "schema", "secret"),
    [
        ("password", {"type": "string"}, True),
        ("newPassword", {"type": "string"}, True),
        ("client_secret", {"type": "string"}, True),
        ("apiKey", {"type": "string"}, True),
        ("private_key", {"type": "string"}, True),
        ("pin", {"type": "integer"}, True),
        ("value", {"type": "string", "format": "password"}, True),
        ("value", {"type": "string", "writeOnly": True}, True),
        ("token_type", {"type": "string"}, False),
        ("secret_name", {"type": "string"}, False),
        ("password_policy", {"type": "object"}, False),
        ("password", {"type": "boolean"}, False),
        ("mapping", {"type": "string"}, False),
        ("page_token", {"type": "string"}, False),
    ],
)
def test_secrets_are_told_by_format_write_only_and_name(name, schema, secret):
    operation = only(api(json_body({"type": "object", "properties": {name: schema, "x": {"type": "string"}}})))
    assert operation.secret_arguments == ([name] if secret else [])


def test_a_name_in_the_path_is_no_secret():
    parameters = [{"name": "secret", "in": "path", "required": True, "schema": {"type": "string"}}]
    assert only(api({"parameters": parameters}, "get", "/secrets/{secret}")).secret_arguments == []


def test_the_ranking_reads_the_summary_twice_the_path_and_the_arguments(library):
    text = by_key(library, "GET /books").search_text
    assert text.count("List books") == 2
    assert {"books", "author", "limit"} <= set(text.split())


def test_the_values_that_arguments_take_and_what_the_service_is_for_can_be_searched():
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Boxes", "version": "1"},
        "tags": [{"name": "Boxes", "description": "Boxes are virtual machines."}],
        "paths": {
            "/boxes/{id}/actions": {
                "post": {
                    "tags": ["Boxes"],
                    "summary": "Initiate an action",
                    "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
                    "requestBody": {
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Action"}}}
                    },
                }
            }
        },
        "components": {
            "schemas": {
                "Action": {"type": "object", "properties": {"type": {"enum": ["reboot", "resize", None, 3]}}},
            }
        },
    }
    found = compiled(document).operations[0].search_text
    assert found.split("\n")[7] == "reboot resize Boxes are virtual machines."

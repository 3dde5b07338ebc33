"""What real descriptions do that their standard doesn't foresee, and the rarer parts of the standard."""

from __future__ import annotations

import functools
import json
from typing import Any
from xml.etree import ElementTree

import jsonschema_rs
import orjson
import pytest

from nlops.core.types import Effect
from specs.http import RequestNotPossible, build_request
from specs.ingest.compile import CompiledOperation, CompiledSpec, argument_schema, compile_document
from specs.ingest.errors import Severity
from specs.ingest.load import load_document
from specs.servers import base_url_of


def compiled(paths: dict[str, Any], *, openapi: str = "3.0.3", **root: Any) -> CompiledSpec:
    """The description, known to have valid schemas only."""
    standard = {} if "swagger" in root else {"openapi": openapi}
    document = {**standard, "info": {"title": "Traps", "version": "1"}, "paths": paths, **root}
    spec = compile_document(load_document(json.dumps(document).encode(), "a.json"))
    for operation in spec.operations:
        whole(spec, operation)
        assert set(operation.bindings) == set(operation.schema["properties"])
    return spec


def whole(spec: CompiledSpec, operation: CompiledOperation) -> jsonschema_rs.Draft202012Validator:
    schema = argument_schema(operation.schema, spec.definitions, operation.definition_names)
    jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
    return jsonschema_rs.Draft202012Validator(schema)


def one(operation: dict[str, Any], method: str = "get", path: str = "/things", **root: Any) -> CompiledOperation:
    spec = compiled({path: {method: operation}}, **root)
    assert len(spec.operations) == 1, spec.problems
    return spec.operations[0]


def body(schema: Any, media_type: str = "application/json", **media: Any) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema, **media}}}}


def parameter(place: str, name: str = "p", schema: Any = None, **rest: Any) -> dict[str, Any]:
    return {"parameters": [{"in": place, "name": name, "schema": schema or {"type": "string"}, **rest}]}


def messages(spec: CompiledSpec, severity: Severity) -> str:
    return "\n".join(f"{it.pointer}: {it.message}" for it in spec.problems if it.severity is severity)


# --- names and ids ----------------------------------------------------------------------------------------


def test_names_come_from_ids_that_are_missing_doubled_too_long_or_of_other_types():
    long = "repos/list-" + "very-" * 20 + "long"
    ids = [None, "same", "same", long, long, 7, ["x"], "größe/ändern", ""]
    spec = compiled({f"/p{n}": {"get": {} if it is None else {"operationId": it}} for n, it in enumerate(ids)})
    names = [operation.name for operation in spec.operations]
    assert len(set(names)) == len(ids)
    assert all(0 < len(name) <= 64 and name.replace("-", "").replace("_", "").isascii() for name in names)
    assert names[:3] == ["get_p0", "same", "same_2"]
    assert messages(spec, Severity.WARNING).count("stands twice") == 2


def test_path_query_header_cookie_and_body_may_share_a_name():
    parameters = [
        {"in": place, "name": "id", "required": place == "path", "schema": {"type": "string"}}
        for place in ("query", "cookie", "path", "header")
    ]
    operation = one(
        {"parameters": parameters, **body({"type": "object", "properties": {"id": {"type": "string"}}})},
        "post",
        "/things/{id}",
    )
    places = {name: binding["in"] for name, binding in operation.bindings.items()}
    assert places == {
        "id": "path", "query_id": "query", "header_id": "header", "cookie_id": "cookie", "body_id": "body",
    }  # fmt: skip


def test_an_operation_without_any_words_is_named_by_its_method_and_path():
    operation = one({"responses": {}}, "delete", "/users/{id}/keys")
    assert (operation.name, operation.summary) == ("delete_users_by_id_keys", "Delete users by id keys")


# --- where calls go ---------------------------------------------------------------------------------------


def test_a_server_of_a_path_or_an_operation_is_kept_where_it_differs():
    spec = compiled(
        {
            "/a": {"get": {}, "servers": [{"url": "https://api.example/v1"}]},
            "/b": {"get": {}, "servers": [{"url": "https://{h}.example/v2", "variables": {"h": {"default": "up"}}}]},
            "/c": {"get": {"servers": [{"url": "/v3"}]}, "servers": [{"url": "https://other.example"}]},
            "/d": {"get": {"servers": "none"}},
        },
        servers=[{"url": "https://api.example/v1"}],
    )  # fmt: skip
    assert [operation.server for operation in spec.operations] == ["", "https://up.example/v2", "/v3", ""]
    assert "a server of its own (https://up.example/v2)" in messages(spec, Severity.ADVICE)


def test_a_servers_variables_are_filled_with_their_default_then_with_each_value_that_they_list():
    region = {"default": "eu", "enum": ["us", "eu"]}
    servers = [
        {"url": "https://{region}.example/{v}", "variables": {"region": region, "v": {"default": "v1"}}},
        {"url": "https://{tenant}.example", "variables": {"tenant": {"description": "yours"}}},
        {
            "url": "https://{a}{b}.example",
            "variables": {key: {"default": "1", "enum": list("123456789")} for key in "ab"},
        },
    ]
    spec = compiled({"/a": {"get": {}}}, servers=servers)
    urls = [server["url"] for server in spec.servers]
    assert urls[:3] == ["https://eu.example/v1", "https://us.example/v1", "https://{tenant}.example"]
    assert urls[3] == "https://11.example"
    assert len(urls) == 50


def test_servers_of_paths_alone_are_the_descriptions_own():
    servers = [{"url": "https://api.example"}]
    spec = compiled({"/a": {"get": {}, "servers": servers}, "/b": {"get": {}, "servers": servers}})
    assert [operation.server for operation in spec.operations] == ["", ""]
    assert spec.servers == [{"url": "https://api.example", "description": ""}]


@pytest.mark.parametrize(
    ("server", "goes_to"),
    [
        ("", "https://a.example/v1"),
        ("https://a.example/v2/", "https://a.example/v2"),
        ("https://A.example:443/v2", "https://A.example:443/v2"),
        ("/v3", "https://a.example/v3"),
        ("v3", "https://a.example/v1/v3"),
        ("https://b.example/v2", "https://a.example/v1"),
        ("http://a.example/v2", "https://a.example/v1"),
        ("https://a.example:8443", "https://a.example/v1"),
        ("//b.example", "https://a.example/v1"),
        ("https://a.example@b.example", "https://a.example/v1"),
        ("https://user@a.example", "https://a.example/v1"),
        ("https://a.example:port", "https://a.example/v1"),
        ("https://{region}.example", "https://a.example/v1"),
        ("\\\\b.example", "https://a.example/v1"),
    ],
)
def test_a_call_stays_on_the_connections_host(server, goes_to):
    assert base_url_of(server, "https://a.example/v1") == goes_to


# --- parameters -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "binding"),
    [
        (parameter("cookie"), {"in": "cookie", "name": "p"}),
        (parameter("query", style="deepObject", explode=True), {"in": "query", "name": "p", "style": "deepObject",
                                                               "explode": True}),
        (parameter("query", style="pipeDelimited", explode=False),
         {"in": "query", "name": "p", "style": "pipeDelimited", "explode": False}),
        (parameter("query", style="spaceDelimited"), {"in": "query", "name": "p", "style": "spaceDelimited"}),
        (parameter("query", allowReserved=True), {"in": "query", "name": "p", "allow_reserved": True}),
        (parameter("path", style="label", required=True), {"in": "path", "name": "p", "style": "label"}),
        (parameter("path", style="matrix", explode=True, required=True),
         {"in": "path", "name": "p", "style": "matrix", "explode": True}),
        ({"parameters": [{"in": "query", "name": "p", "content": {"application/json": {"schema": {}}}}]},
         {"in": "query", "name": "p", "style": "json"}),
    ],
)  # fmt: skip
def test_every_style_is_read(source, binding):
    path = "/things/{p}" if binding["in"] == "path" else "/things"
    assert one(source, path=path).bindings == {"p": binding}


def test_examples_are_read_in_all_places():
    examples = [
        {"in": "query", "name": "a", "schema": {"type": "string"}, "example": "one"},
        {"in": "query", "name": "b", "schema": {"type": "string", "example": "two"}},
        {"in": "query", "name": "c", "schema": {"type": "string"}, "examples": {"x": {"value": "three"}}},
        {"in": "query", "name": "d", "schema": {"type": "string"}, "x-example": "four"},
        {"in": "query", "name": "e", "schema": {"type": "string", "examples": ["five", "six"]}},
        {"in": "query", "name": "f", "schema": {"type": "string"}, "example": "x" * 500},
        {"in": "query", "name": "g", "schema": {"type": "string"}, "examples": {"x": {"$ref": "#/nowhere"}}},
    ]
    properties = one({"parameters": examples}).schema["properties"]
    found = {name: schema.get("examples") for name, schema in properties.items()}
    assert found == {"a": ["one"], "b": ["two"], "c": ["three"], "d": ["four"], "e": ["five"], "f": None, "g": None}


@pytest.mark.parametrize("media", [{"example": {"a": "x", "b": {}}}, {"examples": {"first": {"value": {"a": "x"}}}}])
def test_an_example_of_a_body_is_an_example_of_its_properties(media):
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "object"}}}
    properties = one(body(schema, **media), "post").schema["properties"]
    assert properties["a"]["examples"] == ["x"]
    assert "examples" not in properties["b"]


# --- schemas ----------------------------------------------------------------------------------------------


def test_null_is_taken_where_either_version_of_the_standard_says_so():
    for version, schema in (("3.0.3", {"type": "string", "nullable": True}), ("3.1.0", {"type": ["string", "null"]})):
        operation = one(body({"type": "object", "properties": {"a": schema}}), "post", openapi=version)
        assert operation.schema["properties"]["a"]["type"] == ["string", "null"]


def test_const_pattern_properties_and_additional_properties_are_kept():
    labels = {"type": "object", "patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": False}
    schema = {"type": "object", "properties": {"kind": {"const": "vm"}, "labels": labels, "limits": {
        "type": "object", "additionalProperties": {"type": "integer"}}}}  # fmt: skip
    spec = compiled({"/vms": {"post": body(schema)}}, openapi="3.1.0")
    check = whole(spec, spec.operations[0])
    assert check.is_valid({"kind": "vm", "labels": {"x-a": "b"}, "limits": {"cpu": 2}})
    for wrong in ({"kind": "pod"}, {"labels": {"a": "b"}}, {"limits": {"cpu": "two"}}):
        assert not check.is_valid(wrong)


def test_a_body_that_takes_any_further_names_stays_whole():
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "integer"}}
    spec = compiled({"/x": {"post": body(schema)}})
    assert list(spec.operations[0].bindings) == ["body"]
    assert whole(spec, spec.operations[0]).is_valid({"body": {"a": "b", "anything": 3}})


def test_a_discriminator_tells_variants_apart_that_would_all_fit():
    schemas = {
        "Cat": {"type": "object", "properties": {"kind": {"type": "string"}, "name": {"type": "string"}}},
        "Dog": {"type": "object", "properties": {"kind": {"type": "string"}, "name": {"type": "string"}}},
        "Own": {"type": "object", "properties": {"kind": {"enum": ["mine"]}}, "required": ["kind"]},
    }
    pet = {
        "oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in schemas],
        "discriminator": {"propertyName": "kind", "mapping": {"cat": "#/components/schemas/Cat", "kitten": "Cat"}},
    }
    schema = {"type": "object", "properties": {"pet": pet}}
    spec = compiled({"/pets": {"post": body(schema)}}, components={"schemas": schemas})
    check = whole(spec, spec.operations[0])
    for kind in ("cat", "kitten", "Dog", "mine"):
        assert check.is_valid({"pet": {"kind": kind}}), kind
    assert not check.is_valid({"pet": {"kind": "Cat"}})
    assert not check.is_valid({"pet": {"name": "x"}})


def test_recursive_read_only_and_oddly_named_properties():
    node = {
        "type": "object",
        "required": ["id", "$ref"],
        "properties": {
            "id": {"type": "integer", "readOnly": True},
            "$ref": {"type": "string"},
            "children": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}},
        },
    }
    for variants in ({"oneOf": [{"$ref": "#/components/schemas/Node"}, {"type": "string"}]},
                     {"allOf": [{"$ref": "#/components/schemas/Node"}, {"properties": {"extra": {}}}]},
                     {"$ref": "#/components/schemas/Node"}):  # fmt: skip
        spec = compiled({"/n": {"post": body(variants)}}, components={"schemas": {"Node": node}})
        check = whole(spec, spec.operations[0])
        children = [{"$ref": "b"}]
        is_flat = "ref" in spec.operations[0].bindings
        assert check.is_valid(
            {"ref": "a", "children": children} if is_flat else {"body": {"$ref": "a", "children": children}}
        )
        assert "id" not in spec.operations[0].bindings


@pytest.mark.parametrize(
    "wrong",
    [
        {"minimum": "50", "maximum": [1], "multipleOf": 0},
        {"minLength": -1, "maxLength": "long", "pattern": "(?<bad"},
        {"required": "yes", "properties": ["a"], "type": "objekt"},
        {"enum": "a,b", "items": 7, "allOf": {}, "oneOf": [], "anyOf": [3]},
        {"default": 10**40, "example": 10**40, "maximum": 10**40, "const": None},
        {"format": 3, "description": ["x"], "nullable": "yes", "additionalProperties": "no"},
        {"type": [], "$ref": 5, "properties": None, "not": [], "discriminator": "kind"},
    ],
)
def test_ill_typed_keywords_cost_only_themselves(wrong):
    spec = compiled({"/x": {"post": body({"type": "object", "properties": {"a": wrong}})}, "/y": {"post": body(wrong)}})
    assert len(spec.operations) == 2
    orjson.dumps([operation.schema for operation in spec.operations])


@pytest.mark.parametrize(
    "wrong",
    [{"tags": "a"}, {"tags": [1, None]}, {"summary": ["x"]}, {"parameters": {}}, {"requestBody": "x"},
     {"responses": []},
     {"requestBody": {"content": {"application/json": "x"}}}, {"servers": [3]}, {"security": {}}, {"callbacks": []},
     {"requestBody": {"content": []}}, {"deprecated": "yes"}, {"operationId": {}}, {"description": 5}],
)  # fmt: skip
def test_ill_typed_parts_of_an_operation_cost_only_themselves(wrong):
    assert one(wrong, "post").method == "POST"


def test_a_broken_reference_costs_only_the_operations_that_need_it():
    gone = {"$ref": "#/components/x/Gone"}
    spec = compiled(
        {
            "/good": {"get": {}},
            "/parameter": {"get": {"parameters": [gone]}},
            "/body": {"post": {"requestBody": gone}},
            "/schema": {"post": body({"type": "object", "properties": {"a": gone, "b": {"type": "string"}}})},
            "/answer": {"get": {"responses": {"200": gone}}},
            "/item": gone,
        }
    )
    assert [operation.path for operation in spec.operations] == ["/good", "/schema", "/answer"]
    errors = messages(spec, Severity.ERROR)
    assert all(f"/paths/~1{name}" in errors for name in ("parameter", "body", "item"))
    assert errors.count("points to nothing") == 3


def test_a_large_schema_is_kept_as_it_is():
    schema = {"type": "object", "properties": {f"p{n}": {"type": "object", "properties": {
        f"q{m}": {"type": "string", "description": "d" * 60} for m in range(10)}} for n in range(140)}}  # fmt: skip
    operation = one(body(schema), "post")
    assert len(orjson.dumps(operation.schema)) > 130_000
    assert len(operation.bindings) == 140


def test_integer_keys_of_yaml_are_texts():
    text = b"""
openapi: 3.0.0
paths:
  /a:
    post:
      requestBody:
        content:
          application/json:
            schema: {type: object, properties: {200: {type: string}, true: {type: string}}}
      responses:
        200: {description: ok}
"""
    spec = compile_document(load_document(text, "a.yaml"))
    assert list(spec.operations[0].bindings) == ["200", "true"]


# --- secrets ----------------------------------------------------------------------------------------------


def test_secrets_inside_of_a_body_are_marked():
    text = {"type": "string"}
    names = {"name": text, "password": text, "key": {**text, "format": "password"}, "passwords": {"items": text}}
    user = {"type": "object", "properties": names}
    properties = one(body({"type": "object", "properties": {"user": user}}), "post").schema["properties"]
    marked = {name for name, it in properties["user"]["properties"].items() if it.get("writeOnly")}
    assert marked == {"password", "key"}


# --- other media types ------------------------------------------------------------------------------------


def written(operation: CompiledOperation, **arguments: Any) -> str:
    request = build_request(
        method="POST", path="/x", base_url="https://a.example", bindings=operation.bindings, arguments=arguments,
        body_media_type=operation.body_media_type,
    )  # fmt: skip
    return request.content.decode().removeprefix("<?xml version='1.0' encoding='utf-8'?>\n")


@pytest.mark.parametrize("media_type", ["application/xml", "text/xml", "application/problem+xml"])
def test_xml_bodies_are_arguments_like_others(media_type):
    schema = {"type": "object", "xml": {"name": "Thing"}, "properties": {"a": {"type": "string"}}}
    operation = one(body(schema, media_type), "post")
    assert (operation.body_media_type, list(operation.bindings)) == (media_type, ["a"])
    assert written(operation, a="b & <c>") == "<Thing><a>b &amp; &lt;c&gt;</a></Thing>"


def test_xml_is_written_with_its_names_attributes_wrappers_and_namespaces():
    tag = {"type": "object", "xml": {"name": "tag"}, "properties": {"id": {"type": "integer", "xml": {"name": "no"}}}}
    pet = {
        "type": "object",
        "xml": {"namespace": "urn:pets", "prefix": "p"},
        "properties": {
            "id": {"type": "integer", "xml": {"attribute": True}},
            "name": {"type": "string", "xml": {"namespace": "urn:pets"}},
            "photos": {
                "type": "array",
                "xml": {"wrapped": True},
                "items": {"type": "string", "xml": {"name": "photo"}},
            },
            "tags": {"type": "array", "items": {"$ref": "#/components/schemas/Tag"}},
            "parent": {"$ref": "#/components/schemas/Pet"},
            "gone": {"type": "string", "nullable": True},
        },
    }
    operation = one(
        body({"$ref": "#/components/schemas/Pet"}, "application/xml"),
        "post",
        components={"schemas": {"Pet": pet, "Tag": tag}},
    )
    sent = ElementTree.fromstring(
        written(operation, id=7, name="ü", photos=["a", "b"], tags=[{"id": 1}, {"id": 2}], parent={"id": 8}, gone=None)
    )
    assert (sent.tag, sent.attrib) == ("{urn:pets}Pet", {"id": "7"})
    assert [(part.tag, part.text) for part in sent] == [
        ("{urn:pets}name", "ü"), ("photos", None), ("tag", None), ("tag", None), ("{urn:pets}parent", None),
    ]  # fmt: skip
    assert [(part.tag, part.text) for part in sent.find("photos")] == [("photo", "a"), ("photo", "b")]
    assert [part.findtext("no") for part in sent.findall("tag")] == ["1", "2"]
    assert sent.find("{urn:pets}parent").attrib == {"id": "8"}


def test_what_xml_cannot_say_is_refused_in_words():
    anything = {"type": "object", "properties": {"a": {}}, "xml": {"name": "x"}}
    operation = one(body(anything, "application/xml"), "post")
    with pytest.raises(RequestNotPossible, match="“not a name” can't be the name of an XML element"):
        written(operation, a={"not a name": 1})
    with pytest.raises(RequestNotPossible, match="“a” holds a character that XML has no way to write"):
        written(operation, a="\x01")
    many = one(body({"type": "array", "items": {"type": "string"}}, "application/xml"), "post")
    with pytest.raises(RequestNotPossible, match="one root element"):
        written(many, body=["a", "b"])
    text = one(body({"type": "string"}, "application/xml"), "post")
    assert written(text, body="<a/>") == "<a/>"


def test_a_parameter_with_content_that_is_no_json_is_a_text():
    operation = one({"parameters": [{"in": "query", "name": "q", "content": {"text/plain": {"schema": {}}}}]})
    build = functools.partial(
        build_request, method="GET", path="/x", base_url="https://a.example", bindings=operation.bindings
    )
    assert build(arguments={"q": "a b"}).url == "https://a.example/x?q=a%20b"
    with pytest.raises(RequestNotPossible, match="can't be a list"):
        build(arguments={"q": [1]})


def test_a_body_that_is_required_is_sent_even_when_it_is_empty():
    optional = {"type": "object", "properties": {"a": {"type": "string"}}}
    sent = {}
    for required in (True, False):
        node = {"requestBody": {"required": required, "content": {"application/json": {"schema": optional}}}}
        operation = one(node, "delete")
        sent[required] = build_request(
            method="DELETE", path="/x", base_url="https://a.example", bindings=operation.bindings, arguments={},
            body_media_type=operation.body_media_type,
        ).content  # fmt: skip
    assert sent == {True: b"{}", False: b""}


def test_what_is_read_only_beside_a_reference_is_left_out():
    node = body(
        {
            "type": "object",
            "properties": {
                "link": {"allOf": [{"$ref": "#/components/schemas/Link"}, {"readOnly": True}]},
                "name": {"type": "string"},
            },
        }
    )
    link = {"type": "object", "properties": {"url": {"type": "string"}}}
    assert list(one(node, "post", components={"schemas": {"Link": link}}).bindings) == ["name"]


@pytest.mark.parametrize("name", ["Host", "Accept-Encoding", "Cookie", "Content-Length", "a b"])
def test_a_header_that_belongs_to_the_connection_is_no_argument(name):
    assert one(parameter("header", name)).bindings == {}


def test_a_file_is_uploaded_whole_or_as_a_part():
    assert one(body({"type": "string", "format": "binary"}, "application/octet-stream"), "post").body_media_type == (
        "application/octet-stream"
    )
    form = {"type": "object", "properties": {"f": {"type": "string", "format": "binary"}, "note": {"type": "string"}}}
    operation = one(body(form, "multipart/form-data", encoding={"f": {"contentType": "image/png"}}), "post")
    assert operation.bindings["f"] == {
        "in": "body",
        "name": "f",
        "pointer": "/f",
        "file": True,
        "contentType": "image/png",
    }
    new = {"type": "object", "properties": {"f": {"type": "string", "contentMediaType": "image/png"}}}
    assert one(body(new, "multipart/form-data"), "post", openapi="3.1.0").bindings["f"]["file"] is True


def test_many_files_are_files():
    many = {"type": "object", "properties": {"f": {"type": "array", "items": {"type": "string", "format": "binary"}}}}
    assert one(body(many, "multipart/form-data"), "post").bindings["f"]["file"] is True


# --- Swagger 2.0 ------------------------------------------------------------------------------------------


def test_swagger_forms_files_and_arrays():
    parameters = [
        {"in": "formData", "name": "file", "type": "file", "required": True},
        {"in": "formData", "name": "tags", "type": "array", "items": {"type": "string"}, "collectionFormat": "pipes"},
        {"in": "query", "name": "ids", "type": "array", "items": {"type": "integer"}, "collectionFormat": "tsv"},
        {"in": "header", "name": "X-A", "type": "array", "items": {"type": "string"}},
        {"in": "query", "name": "api_key", "type": "string"},
    ]
    operation = one(
        {"parameters": parameters, "consumes": ["multipart/form-data"]}, "post", swagger="2.0",
        securityDefinitions={"key": {"type": "apiKey", "in": "query", "name": "api_key"}},
    )  # fmt: skip
    assert operation.body_media_type == "multipart/form-data"
    assert operation.bindings["file"]["file"] is True
    assert (operation.bindings["ids"]["style"], operation.bindings["X-A"]["style"]) == ("tabDelimited", "simple")
    assert (operation.bindings["tags"]["style"], operation.bindings["tags"]["explode"]) == ("pipeDelimited", False)
    assert "api_key" not in operation.bindings


def test_swagger_media_types_come_from_the_operation_else_from_the_root():
    post = {"parameters": [{"in": "body", "name": "b", "schema": {"type": "string"}}]}
    spec = compiled(
        {"/a": {"post": post}, "/b": {"post": {**post, "consumes": ["text/xml"]}}},
        swagger="2.0", consumes=["application/vnd.api+json"],
    )  # fmt: skip
    assert [it.body_media_type for it in spec.operations] == ["application/vnd.api+json", "text/xml"]


# --- OpenAPI 3.2 ------------------------------------------------------------------------------------------


def test_the_methods_of_3_2_are_read():
    item = {
        "query": {"operationId": "queryThings", **body({"type": "object", "properties": {"a": {"type": "string"}}})},
        "additionalOperations": {"COPY": {"operationId": "copyThing"}, "CONNECT": {}, "B AD": {}, "LINK": 3},
    }
    spec = compiled({"/things": item}, openapi="3.2.0", tags=[{"name": "t", "summary": "T", "parent": "u"}])
    assert [(it.method, it.effect) for it in spec.operations] == [("QUERY", Effect.READ), ("COPY", Effect.WRITE)]
    assert messages(spec, Severity.ERROR).count("/paths/~1things/additionalOperations/") == 3


def test_a_whole_query_string_becomes_query_parameters():
    schema = {"type": "object", "required": ["q"], "properties": {"q": {"type": "string"}, "n": {"type": "integer"}}}
    content = {"application/x-www-form-urlencoded": {"schema": schema}}
    operation = one({"parameters": [{"in": "querystring", "name": "all", "content": content}]}, openapi="3.2.0")
    assert operation.schema["required"] == ["q"]
    request = build_request(
        method="GET", path="/things", base_url="https://a.example", bindings=operation.bindings,
        arguments={"q": "a b", "n": 3},
    )  # fmt: skip
    assert request.url == "https://a.example/things?q=a%20b&n=3"


# --- what is no tool, and for whom ------------------------------------------------------------------------


def test_webhooks_callbacks_and_links_are_told_once():
    operation = {"callbacks": {"done": {}}, "responses": {"200": {"links": {"next": {}}}}}
    spec = compiled(
        {"/a": {"post": operation}, "/b": {"post": operation}}, webhooks={"w": {"post": {}}}, openapi="3.1.0"
    )
    advice = messages(spec, Severity.ADVICE)
    assert len(spec.operations) == 2
    assert [advice.count(word) for word in ("Webhooks are", "Callbacks", "Links")] == [1, 1, 1]


def test_extensions_say_whom_an_operation_and_a_parameter_are_for():
    parameters = [
        {"in": "query", "name": "trace", "schema": {"type": "string"}, "x-ms-visibility": "internal"},
        {"in": "query", "name": "api-version", "required": True, "x-ms-visibility": "internal",
         "schema": {"type": "string", "default": "2024-01"}},
        {"in": "query", "name": "top", "schema": {"type": "integer"}, "x-ms-summary": "How many."},
    ]  # fmt: skip
    operation = one({"parameters": parameters, "x-ms-visibility": "internal", "x-ms-summary": "List things"})
    assert (operation.visibility, operation.summary) == ("internal", "List things")
    assert list(operation.bindings) == ["api-version", "top"]
    assert operation.schema["properties"]["api-version"]["const"] == "2024-01"
    assert operation.schema["properties"]["top"]["description"] == "How many."
    assert one({"x-ms-visibility": "secret"}).visibility == ""

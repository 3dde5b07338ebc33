"""Every operation of every description: arguments to a request, and back by a reader that knows nothing of nlops."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from specs.http import Request, RequestNotPossible, build_request
from specs.ingest.compile import CompiledOperation, CompiledSpec, argument_schema, compile_document
from specs.ingest.load import load_document
from tests.unit.argument_values import draw
from tests.unit.request_reading import Data, Raw, read_request

DATA = Path(os.environ.get("NLOPS_DATA_DIR", "../shared/data")) / "specs"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs the public specs: set NLOPS_DATA_DIR")
NAMES = ("github.json", "digitalocean-bundled.yaml", "twilio.json", "tmdb.json", "slack.json", "keycloak.yml",
         "conjur-bundled.yaml", "webhook-3.1.json")  # fmt: skip
OWN = Path(__file__).parent.parent / "specs"


def told_by(text: Any, value: Any) -> bool:
    """Whether what was read stands for the value: texts as they are, everything else as JSON writes it."""
    if isinstance(text, Data):
        return text.value == value and type(text.value) is type(value)
    if isinstance(value, str):
        return text == value
    if isinstance(value, list) and isinstance(text, str) and len(value) == 1:
        return told_by(text, value[0])  # one of several, inside of a deepObject
    if isinstance(text, list):
        return isinstance(value, list) and len(text) == len(value) and all(map(told_by, text, value))
    if isinstance(text, dict):
        return isinstance(value, dict) and text.keys() == value.keys() and all(told_by(text[k], value[k]) for k in text)
    return (text == "") if value is None else json.loads(text) == value


def sent(value: Any) -> Any:
    """What of a value can be seen outside of JSON: RFC 6570 leaves out what is empty or null (section 3.2.1)."""
    if isinstance(value, dict):
        return {key: sent(item) for key, item in value.items() if item not in (None, [], {})}
    return value


#: What can't be sent in its place, and is refused in words.
REFUSALS = ("in a header", "in the path", "part of the path", "are separated by")


def comes_back(operation: CompiledOperation, raw: Raw, arguments: dict[str, Any]) -> bool:
    """Whether the request says what the arguments said; False when it was refused for a reason that holds."""
    try:
        request = built(operation, arguments)
    except RequestNotPossible as error:
        if not any(words in str(error) for words in REFUSALS):
            raise
        return False
    check(operation, raw, arguments, request)
    return True


def built(operation: CompiledOperation, arguments: dict[str, Any]) -> Request:
    return build_request(
        method=operation.method,
        path=operation.path,
        base_url="https://product.example/base",
        bindings=operation.bindings,
        arguments=arguments,
        body_media_type=operation.body_media_type,
    )


def check(operation: CompiledOperation, raw: Raw, arguments: dict[str, Any], request: Request) -> None:
    places = {
        (binding["in"], binding.get("name", "") if binding.get("pointer") != "" else ""): arguments[name]
        for name, binding in operation.bindings.items()
        if name in arguments
    }
    is_json = operation.body_media_type.endswith("json")
    expected = {
        place: value if place[0] == "body" else sent(value)
        for place, value in places.items()
        if (place[0] == "body" and (is_json or value == {})) or value not in (None, [], {})
    }
    if isinstance(whole := expected.get(("body", "")), dict) and not is_json:
        expected.pop(("body", ""))
        expected |= {("body", name): value for name, value in whole.items() if value not in (None, [])}
    kinds = {place: _kind(value) for place, value in expected.items()}
    read = read_request(raw, request, kinds)
    assert read.keys() == expected.keys(), (request, read, expected)
    for place, value in expected.items():
        assert told_by(read[place], value), (place, read[place], value, request)


def _kind(value: Any) -> type:
    return type(value) if isinstance(value, list | dict) else str


@cache
def learnt(path: Path) -> tuple[CompiledSpec, dict[str, Any]]:
    document = load_document(path.read_bytes(), path.name)
    return compile_document(document), document.root


def drawn(schema: dict[str, Any], validator: Any, seed: int, fullness: float) -> dict[str, Any] | None:
    """Arguments that the schema takes; None when none were found."""
    for attempt in range(8):
        arguments = draw(schema, seed + 1000 * attempt, max(0.0, fullness - 0.12 * attempt))
        if validator.is_valid(arguments):
            return arguments
    return None


@needs_data
@pytest.mark.parametrize("name", [*NAMES, "library.yaml", "shop-swagger.json"])
def test_every_request_says_what_its_arguments_said(name):
    spec, root = learnt(DATA / name if name in NAMES else OWN / name)
    tried = checked = 0
    for number, operation in enumerate(spec.operations):
        item = root["paths"][operation.path]
        raw = Raw(root, operation.path, item, item[operation.method.lower()])
        schema = argument_schema(operation.schema, spec.definitions, operation.definition_names)
        validator = jsonschema_rs.Draft202012Validator(schema)
        for seed, fullness in ((number, 0.0), (number + 1, 0.5), (number + 2, 1.0)):
            tried += 1
            if (arguments := drawn(schema, validator, seed, fullness)) is None:
                continue
            checked += comes_back(operation, raw, arguments)
    assert checked >= 0.9 * tried, f"only {checked} of {tried} were checked"
    print(f"{name}: {checked} of {tried} requests")


# --- every style, written by us ---

LIST = {"type": "array", "items": {"type": "string"}, "minItems": 1}
OBJECT = {
    "type": "object",
    "properties": {"R": {"type": "integer"}, "G b": {"type": "string"}, "B&": {"type": "boolean"}},
    "required": ["R", "G b"],
    "additionalProperties": False,
}
PLAIN = {**OBJECT, "properties": {"R": {"type": "integer"}, "G": {"type": "string"}}, "required": ["G"]}
DEEP = {"type": "object", "properties": {"a": {"type": "string"}, "o": OBJECT, "l": LIST}, "required": ["a"]}
SCALARS = {"type": ["string", "integer", "number", "boolean"]}
ANY = (SCALARS, LIST, OBJECT)
STYLES = [
    *(("path", style, explode, schema) for style in ("simple", "label", "matrix") for explode in (True, False)
      for schema in ANY),
    *(("query", "form", explode, schema) for explode in (True, False) for schema in ANY),
    *(("query", style, False, schema) for style in ("spaceDelimited", "pipeDelimited") for schema in (LIST, PLAIN)),
    ("query", "deepObject", True, DEEP),
    *(("header", "simple", explode, schema) for explode in (True, False) for schema in ANY),
    *(("cookie", "form", False, schema) for schema in ANY),
]  # fmt: skip


def one_operation(node: dict[str, Any], path: str) -> tuple[CompiledSpec, Raw]:
    root = {"openapi": "3.1.0", "info": {"title": "Styles", "version": "1"}, "paths": {path: {"post": node}}}
    data = json.dumps(root).encode()
    return compile_document(load_document(data, "styles.json")), Raw(root, path, root["paths"][path], node)


def check_many(spec: CompiledSpec, raw: Raw) -> None:
    """A hundred requests of the only operation; not most of them may be refused, in these words."""
    (operation,) = spec.operations
    schema = argument_schema(operation.schema, spec.definitions, operation.definition_names)
    validator = jsonschema_rs.Draft202012Validator(schema)
    refused = 0
    for seed in range(100):
        arguments = drawn(schema, validator, seed, seed % 10 / 10)
        assert arguments is not None
        refused += not comes_back(operation, raw, arguments)
    assert refused <= 60, refused


@pytest.mark.parametrize(("place", "style", "explode", "schema"), STYLES)
def test_every_style_comes_back(place, style, explode, schema):
    parameter = {"in": place, "name": "v w", "style": style, "explode": explode, "schema": schema, "required": True}
    if place in ("header", "cookie"):
        parameter["name"] = "v-w"
    other = {"in": "query", "name": "other", "schema": {"type": "integer"}, "required": True}
    parameters = [parameter] if schema is OBJECT and place == "query" and explode else [parameter, other]
    path = "/a/{v w}/b" if place == "path" else "/a"
    check_many(*one_operation({"parameters": parameters}, path))


@pytest.mark.parametrize("place", ["query", "header", "cookie"])
def test_a_parameter_with_json_content_comes_back(place):
    parameter = {"in": place, "name": "v", "content": {"application/json": {"schema": DEEP}}}
    check_many(*one_operation({"parameters": [parameter]}, "/a"))


@pytest.mark.parametrize(
    "encoding",
    [
        {},
        {"l": {"explode": False}},
        {"l": {"style": "pipeDelimited", "explode": False}, "o": {"style": "form", "explode": False}},
        {"o": {"style": "deepObject", "explode": True}},
        {"o": {"contentType": "application/json"}},
    ],
)
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_every_form_comes_back(kind, encoding):
    properties = {"s": SCALARS, "l": LIST, "o": OBJECT, "n": {"type": ["string", "null"]}}
    media = {"schema": {"type": "object", "properties": properties, "required": ["s"]}, "encoding": encoding}
    check_many(*one_operation({"requestBody": {"content": {kind: media}}}, "/a"))

"""Descriptions of real products, which nobody here wrote."""

from __future__ import annotations

import os
import time
from pathlib import Path

import jsonschema_rs
import pytest

from specs.ingest.compile import argument_schema, compile_document
from specs.ingest.errors import Severity, SpecError
from specs.ingest.load import load_document

DATA = Path(os.environ.get("NLOPS_DATA_DIR", "../shared/data")) / "specs"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs the public specs: set NLOPS_DATA_DIR")


@needs_data
@pytest.mark.parametrize(
    ("name", "operations"),
    [
        ("github.json", 1223),
        ("digitalocean-bundled.yaml", 659),
        ("twilio.json", 197),
        ("twilio.yaml", 197),
        ("tmdb.json", 54),
        ("slack.json", 174),
        ("keycloak.yml", 316),
        ("conjur-bundled.yaml", 41),
        ("webhook-3.1.json", 1),
    ],
)
def test_every_operation_becomes_a_tool_with_a_valid_schema(name, operations):
    data = (DATA / name).read_bytes()
    began = time.thread_time()
    spec = compile_document(load_document(data, name))
    assert time.thread_time() - began < 10
    refused = [problem for problem in spec.problems if problem.severity is Severity.ERROR]
    assert len(spec.operations) + len(refused) == operations
    assert refused == []
    assert len({operation.name for operation in spec.operations}) == operations
    for operation in spec.operations:
        schema = argument_schema(operation.schema, spec.definitions, operation.definition_names)
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
        jsonschema_rs.Draft202012Validator(schema)  # every reference resolves
        assert set(operation.bindings) == set(schema["properties"])


@needs_data
def test_json_and_yaml_of_the_same_description_compile_alike():
    json_spec, yaml_spec = (
        compile_document(load_document((DATA / name).read_bytes(), name)) for name in ("twilio.json", "twilio.yaml")
    )
    assert json_spec.operations == yaml_spec.operations
    assert json_spec.definitions == yaml_spec.definitions


@needs_data
def test_a_description_in_several_files_is_told_to_be_bundled():
    with pytest.raises(SpecError, match=r"several files: it refers to authentication\.yml"):
        compile_document(load_document((DATA / "conjur/openapi.yml").read_bytes(), "openapi.yml"))


@needs_data
def test_the_token_of_the_sign_in_is_no_argument_and_another_token_is():
    compiled = compile_document(load_document((DATA / "slack.json").read_bytes(), "slack.json"))
    tokens = [operation.name for operation in compiled.operations if "token" in operation.schema["properties"]]
    assert len(tokens) <= 2, tokens
    compiled = compile_document(load_document((DATA / "github.json").read_bytes(), "github.json"))
    assert any("access_token" in operation.schema["properties"] for operation in compiled.operations)

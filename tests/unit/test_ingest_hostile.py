"""Files that are made to harm: they cost little, and what can be used of them is."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from specs.ingest.compile import compile_document
from specs.ingest.load import load_document
from specs.ingest.schemas import is_regex


def compiled(document: dict[str, Any]) -> Any:
    return compile_document(load_document(json.dumps(document).encode(), "a.json"))


@pytest.mark.parametrize(
    "pattern",
    ["(?:a{1,999}){1,999}", "(?:(?:(?:a{99}){99}){99}){99}", r"(\w{1,99}){1,99}", r"(?=a)(?:a{1,999}){1,999}"],
)
def test_a_pattern_that_becomes_a_million_states_is_left_out_at_once(pattern):
    began = time.thread_time()
    patterns = [f"{pattern}{n}" for n in range(200)]
    assert not any(is_regex(each) for each in patterns)
    assert time.thread_time() - began < 5  # they are read, not built


@pytest.mark.parametrize(
    "pattern",
    [r"^\d{4}-\d{2}$", r"^(?!.*--)[a-z0-9-]{1,63}$", r"\w{1,1000}", r"^([a-z.]{1,64}\.){1,9}[a-z]{2,255}$"],
)
def test_patterns_that_people_write_are_kept(pattern):
    assert is_regex(pattern)


def test_ten_thousand_hostile_patterns_do_not_hold_a_worker_up():
    fields = {f"f{n}": {"type": "string", "pattern": f"(?:a{{1,999}}){{1,{n}}}"} for n in range(100, 10_100)}
    body = {
        "content": {"application/json": {"schema": {"type": "object", "properties": {"x": {"properties": fields}}}}}
    }
    began = time.thread_time()
    spec = compiled({"openapi": "3.1.0", "paths": {"/a": {"post": {"requestBody": body}, "get": {}}}})
    assert time.thread_time() - began < 20
    assert "get_a" in [operation.name for operation in spec.operations]

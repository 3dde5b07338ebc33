"""What the standard's own schema says of a description, and in which line of the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from specs.ingest.bundle import load_upload, pack
from specs.ingest.errors import Severity
from specs.ingest.lines import lines_of, places_of
from specs.ingest.load import load_document
from specs.ingest.pointers import join
from specs.ingest.validate import MAX_ADVICE, advice

SPECS = Path(__file__).parent.parent / "specs"

POOR = b"""\
openapi: 3.0.0
info:
  title: 5
paths:
  /a:
    # get: of nothing
    get:
      parameters:
      - in: query
        name: x
        schema:
          type: strin
      - name: 'y'
        in: query
        schema: {type: string, minimum: "50"}
      description: |
        post: no
      responses:
        200:
          description: ok
    "post":
      responses:
        '200': {description: ok}
      cache: 1
"""


def test_deviations_are_advice_with_pointer_and_line():
    found = advice(load_document(POOR, "a.yaml"))
    assert {problem.severity for problem in found} == {Severity.ADVICE}
    lines = lines_of(POOR.decode(), [problem.pointer for problem in found])
    assert {(problem.pointer, lines[problem.pointer]) for problem in found} == {
        ("/info", 2),
        ("/info/title", 3),
        ("/paths/~1a/get/parameters/0/schema/type", 12),
        ("/paths/~1a/get/parameters/1/schema/minimum", 15),
        ("/paths/~1a/post/cache", 24),
    }
    assert any("OpenAPI 3.0" in problem.message and "strin" in problem.message for problem in found)


@pytest.mark.parametrize(
    ("standard", "count"),
    [({"swagger": "2.0"}, 1), ({"openapi": "3.0.3"}, 1), ({"openapi": "3.1.0"}, 1), ({"openapi": "3.2.0"}, 1)],
)
def test_every_version_of_the_standard_is_known(standard, count):
    root = {**standard, "info": {"title": "A", "version": "1"}, "paths": {"/a": {"get": {"responses": {}, "tags": 3}}}}
    found = advice(load_document(json.dumps(root).encode(), "a.json"))
    assert [problem.pointer for problem in found if problem.pointer.endswith("/tags")] == ["/paths/~1a/get/tags"]


def test_many_deviations_are_cut_and_odd_values_are_borne():
    paths = {f"/p{n}": {"get": {"tags": 10**40}} for n in range(300)}
    assert len(advice(load_document(json.dumps({"openapi": "3.0.0", "paths": paths}).encode(), "a.json"))) == MAX_ADVICE


def pointers_of(node: yaml.Node, path: tuple[str | int, ...] = ()) -> dict[str, int]:
    """Pointer to line, as another parser tells it."""
    found: dict[str, int] = {}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*path, key.value)
            found |= {join(*inner): key.start_mark.line + 1, **pointers_of(value, inner)}
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            found |= {join(*path, index): value.start_mark.line + 1, **pointers_of(value, (*path, index))}
    return found


@pytest.mark.parametrize(
    "text",
    [(SPECS / "library.yaml").read_text(), POOR.decode(), "a:\n- - b: 1\n    c: 2\n  - 3\n- d:\n  - e\nf: 'x'\n"],
)
def test_lines_of_yaml_are_those_of_another_parser(text):
    expected = pointers_of(yaml.compose(text))
    assert lines_of(text, expected) == expected


def test_lines_of_json_are_those_of_another_parser():
    text = (SPECS / "shop-swagger.json").read_text()
    expected = pointers_of(yaml.compose(text))
    assert lines_of(text, expected) == expected


def test_what_is_not_there_has_the_line_of_its_nearest_parent():
    assert lines_of('{\n "a": {\n  "b": [1,\n 2]}}', ["/a/b/1", "/a/c", "/x", "/a/b/7"]) == {
        "/a/b/1": 4, "/a/c": 2, "/x": 1, "/a/b/7": 3,
    }  # fmt: skip


@pytest.mark.parametrize("text", ["{", '{"a": ', "[", '{"a" 1}', "", "- ", ": :", "{a: 1}", "\t\n---\n", '{"a": [}'])
def test_a_text_of_any_kind_is_borne(text):
    assert set(lines_of(text, ["/a/b", "/0", "/"])) == {"/a/b", "/0", "/"}


def test_lines_of_several_files_name_the_file():
    files = {
        "openapi.yml": b"openapi: 3.0.0\npaths:\n  /a: {$ref: 'parts/a.yml#/a'}\n",
        "parts/a.yml": b"b: 1\na:\n  get: {}\n",
    }
    data = pack(files)
    assert load_upload(data, "x.zip").root["x-files"]
    pointers = ["/x-files/parts~1a.yml/a/get", "/paths/~1a"]
    assert places_of(pointers, data, "x.zip") == {pointers[0]: ("parts/a.yml", 3), pointers[1]: ("openapi.yml", 3)}

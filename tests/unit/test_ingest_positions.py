"""Lines of JSON pointers in a description's text."""

from __future__ import annotations

import json

from specs.ingest.positions import lines_of

_YAML = b"""openapi: 3.1.0   # a comment: not a key
info:
  title: "Two
    lines: of text"
  description: |
    paths:
      /no: {}

  version: '1'
tags:
- name: a
- name: b
  description: >-
    name: c
paths:
  /users/{id}:
    # a note
    get:
      parameters:
        - name: id
          in: path
        -
          name: q
          in: query
      responses:
        200: {description: fine}
        "404":
          description: not there
"""


def test_keys_items_and_scalars_of_a_yaml_text_have_their_lines() -> None:
    expected = {
        "": 1,
        "/info/title": 3,
        "/info/version": 9,
        "/tags/1": 12,
        "/tags/1/description": 13,
        "/paths": 15,
        "/paths/~1users~1{id}/get": 18,
        "/paths/~1users~1{id}/get/parameters/0/in": 21,
        "/paths/~1users~1{id}/get/parameters/1": 22,
        "/paths/~1users~1{id}/get/parameters/1/in": 24,
        "/paths/~1users~1{id}/get/responses/404/description": 28,
    }
    assert lines_of(_YAML, expected) == expected


def test_what_the_text_does_not_have_gets_the_line_of_what_would_hold_it() -> None:
    found = lines_of(_YAML, ["/paths/~1users~1{id}/get/responses/200/description", "/nothing/at/all"])
    assert found == {"/paths/~1users~1{id}/get/responses/200/description": 26, "/nothing/at/all": 1}


def test_every_place_of_a_json_text_is_found_with_escapes_and_brackets_in_texts() -> None:
    document = {
        "a": ["x, [{", {"b\n": 1}, [], [[2, 3]]],
        'q"uote': {"": None, "~/": "}"},
        "empty": {},
        "last": {"a": {"a": True}},
    }
    text = json.dumps(document, indent=1)
    lines = text.split("\n")
    found = lines_of(text.encode(), ["/a/1/b\n", '/q"uote/', '/q"uote/~0~1', "/a/3/0/1", "/last/a/a", "/a/2"])
    assert [lines[number - 1].strip(" ,") for number in found.values()] == [
        '"b\\n": 1',
        '"": null',
        '"~/": "}"',
        "3",
        '"a": true',
        "[]",
    ]


def test_a_byte_order_mark_and_a_single_line_do_no_harm() -> None:
    assert lines_of(b'\xef\xbb\xbf{"a":{"b":1}}', ["/a/b"]) == {"/a/b": 1}
    assert lines_of("\ufeffa: 1\nb:\n  c: 2\n".encode("utf-16-le"), ["/b/c"]) == {"/b/c": 3}

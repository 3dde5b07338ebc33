"""Bytes of an upload to a document, or to a message that a person can act on."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from specs.ingest.errors import SpecError
from specs.ingest.load import MAX_BYTES, check_size, load_document

SPECS = Path(__file__).parent.parent / "specs"
MINIMAL = '{"openapi": "3.0.3", "paths": {}}'


def test_json_and_yaml_are_told_apart_by_what_they_hold():
    assert load_document((SPECS / "library.yaml").read_bytes(), "description.txt").standard == "3.1.0"
    assert load_document((SPECS / "shop-swagger.json").read_bytes(), "description.yaml").is_swagger


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_the_text(encoding):
    assert load_document(MINIMAL.encode(encoding), "a.json").root["paths"] == {}


def test_yaml_keys_become_texts_and_dates_stay_texts():
    document = load_document(b"openapi: 3.0.0\nreleased: 2026-01-02\npaths:\n  /a:\n    200: {true: x}\n", "a.yaml")
    assert document.root["paths"]["/a"] == {"200": {"true": "x"}}
    assert document.root["released"] == "2026-01-02"


def test_yaml_merge_keys_are_merged_and_what_stands_beside_them_wins():
    text = b"openapi: 3.0.0\nbase: &b {x: 1, y: 2}\nother:\n  <<: *b\n  y: 3\n"
    assert load_document(text, "a.yaml").root["other"] == {"x": 1, "y": 3}


def test_versions_written_as_numbers_are_read():
    assert load_document(b"swagger: 2.0\npaths: {}\n", "a.yaml").is_swagger
    assert load_document(b"openapi: 3.1\npaths: {}\n", "a.yaml").standard == "3.1"


def test_nul_characters_which_no_database_keeps_are_dropped():
    data = b'{"openapi": "3.0.0", "info": {"title": "A\\u0000B"}, "x": "\\\\u0000"}'
    assert load_document(data, "a.json").root["info"]["title"] == "AB"
    assert load_document(data, "a.json").root["x"] == "\\u0000"
    assert load_document(b'openapi: "3.0.0"\nx: "A\\0B"', "a.yaml").root["x"] == "AB"


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (b"", "a.json", "empty"),
        (b"  \n ", "a.yaml", "empty"),
        (b"PK\x03\x04rest", "a.zip", "ZIP"),
        (b"%PDF-1.7", "a.pdf", "PDF"),
        (b"openapi: \x00", "a.yaml", "binary"),
        (b"openapi: \xff\xfe", "a.yaml", "UTF-8"),
        (b"<!DOCTYPE html><html></html>", "a.json", "HTML page"),
        (b'{"openapi": "3.0.0",}', "a.json", "not valid JSON"),
        (b'{"openapi": "3.0.0"', "a.json", "ends too early"),
        (b'{"openapi": NaN}', "a.json", "not valid JSON"),
        (b'{"openapi": "3.0.0", "a": 1, "a": 2}', "a.json", "twice"),
        (b"openapi: 3.0.0\na: 1\na: 2", "a.yaml", "twice"),
        (b"openapi: 3.0.0\na: [1", "a.yaml", "neither JSON nor valid YAML"),
        (b"openapi: 3.0.0\na: .nan", "a.yaml", ".nan"),
        (b"openapi: 3.0.0\n---\nopenapi: 3.0.0", "a.yaml", "several YAML documents"),
        (b"[1, 2]", "a.json", "a list"),
        (b"just words", "a.txt", "plain text"),
        (b"42", "a.json", "a single value"),
        (b'{"a": 1}', "a.json", "neither the key"),
        (b'{"asyncapi": "3.0.0"}', "a.json", "AsyncAPI"),
        (b'{"info": {}, "item": []}', "a.json", "Postman"),
        (b'{"openapi": "4.0.0"}', "a.json", "version 4.0.0"),
        (b'{"swagger": "1.2"}', "a.json", "version 1.2"),
        (b'{"openapi": "3.0.0", "a": ' + b"[" * 5000 + b"]" * 5000 + b"}", "a.json", "nested"),
        (b"openapi: 3.0.0\na: " + b"[" * 100_000, "a.yaml", "nested"),
        (b"openapi: 3.0.0\na:\n " + b"- " * 200_000, "a.yaml", "limits of memory and time"),
        (b"".join(b" " * i + b"a:\n" for i in range(1000)), "a.yaml", "nested"),
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_refused_with_the_reason(data, name, words):
    with pytest.raises(SpecError) as raised:
        load_document(data, name)
    assert words in str(raised.value)
    assert len(str(raised.value)) < 700


def test_a_fault_in_the_text_is_told_with_its_line():
    with pytest.raises(SpecError) as raised:
        load_document(b'{\n  "openapi": "3.0.0",\n  "info": oops\n}', "a.json")
    assert (raised.value.line, str(raised.value)[:7]) == (3, "Line 3,")
    with pytest.raises(SpecError) as raised:
        load_document(b"openapi: 3.0.0\ninfo:\n  title: a: b\n", "a.yaml")
    assert raised.value.line == 3


def test_an_alias_bomb_is_refused_quickly():
    bomb = b"openapi: 3.0.0\na0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
    bomb += b"".join(b"a%d: &a%d [%s]\n" % (i, i, b",".join([b"*a%d" % (i - 1)] * 10)) for i in range(1, 12))
    began = time.monotonic()
    with pytest.raises(SpecError, match="alias"):
        load_document(bomb, "bomb.yaml")
    assert time.monotonic() - began < 10


def test_an_alias_of_itself_does_not_hang():
    assert load_document(b"openapi: 3.0.0\na: &a [*a]\n", "a.yaml").root["a"] == [None]


def test_a_file_above_the_limit_is_refused_before_it_is_read():
    with pytest.raises(SpecError, match=r"52\.4 MB; the limit is 42 MB"):
        load_document(b"{" * (50 * 1024 * 1024), "big.json")
    check_size(MAX_BYTES)


def test_a_small_file_that_would_fill_the_memory_is_refused():
    data = b'{"openapi": "3.0.0", "x": [' + b"[]," * 3_000_000 + b"[]]}"
    with pytest.raises(SpecError, match="million values"):
        load_document(data, "a.json")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"openapi: 3.0.0\npaths: {}\nx:\n  y: %s\n", "a.yaml"),
        (b"openapi: 3.0.0\npaths: {}\n\n? -%s\n: 1\n", "a.yaml"),
        (b'{"openapi": "3.0.0",\n"paths": {},\n\n"x": %s}', "a.json"),
    ],
)
def test_a_number_of_thousands_of_digits_is_named_with_its_line(data, name):
    with pytest.raises(SpecError, match=r"Line 4.*more than 4,000 digits.*in quotes"):
        load_document(data % (b"9" * 5000), name)

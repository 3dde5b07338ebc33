"""What the lint report finds, where, and what it says to write instead."""

from __future__ import annotations

import json
from typing import Any

import yaml_rs

from specs.ingest.compile import compile_document
from specs.ingest.lint import MAX_PER_RULE, Report, lint
from specs.ingest.load import load_document
from specs.ingest.overlay import json_path, overlay_of


def report(paths: dict[str, Any]) -> Report:
    source = {"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "paths": paths}
    data = json.dumps(source, indent=1).encode()
    document = load_document(data, "t.json")
    return lint(document, compile_document(document), data)


def good(summary: str, **more: Any) -> dict[str, Any]:
    return {"operationId": summary.replace(" ", ""), "summary": summary, "description": "Said well.", **more}


def query(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": "Said.", "schema": {"type": "string"}} | more


def test_a_well_written_description_has_no_findings() -> None:
    found = report(
        {
            "/books": {"get": good("List books", parameters=[query("title")]), "post": good("Add book")},
            "/readers/{id}": {"delete": good("Remove reader", parameters=[query("id") | {"in": "path"}])},
        }
    )
    assert (found.counts, found.findings) == ({}, [])


def test_each_rule_finds_what_it_is_for_and_says_what_to_write() -> None:
    found = report(
        {
            "/a": {"get": {"operationId": "alpha"}},
            "/bees": {"get": {"operationId": "listBees", "summary": "List bees"}},
            "/cats": {"get": good("Show cats", parameters=[query(f"p{n}") for n in range(13)])},
            "/dogs": {"get": {"summary": "Dogs", "description": "All dogs."}},
            "/emus/{x}/delete": {"get": good("Delete emu", parameters=[query("x") | {"in": "path"}])},
            "/foxes/search": {"post": good("Search foxes")},
            "/gnus": {"get": good("Find gnu", parameters=[query("kind", description="", schema={"enum": [1, 2, 3]})])},
            "/hens": {"get": good("Find hen", parameters=[query("q", description="", schema={})])},
            "/ibex": {"get": good("Find ibex", parameters=[query("password")])},
            "/jays": {"put": good("Findhen") | {"operationId": "Findhen", "summary": "Replace jay"}},
        }
    )
    rules = {(finding["rule"], finding["operation"]) for finding in found.findings}
    assert rules >= {
        ("no-description", "GET /a"),
        ("description-repeats", "GET /bees"),
        ("many-optional", "GET /cats"),
        ("operation-id-missing", "GET /dogs"),
        ("get-changes", "GET /emus/{x}/delete"),
        ("effect-uncertain", "POST /foxes/search"),
        ("enum-unexplained", "GET /gnus"),
        ("parameter-untyped", "GET /hens"),
        ("parameter-undescribed", "GET /hens"),
        ("secret-in-query", "GET /ibex"),
    }
    assert all(finding["suggestion"] and finding["line"] > 1 for finding in found.findings)


def test_two_operations_that_are_mistaken_for_each_other_are_named_with_the_phrase() -> None:
    found = report(
        {
            "/movies/keywords": {"get": good("Get keywords")},
            "/series/keywords": {"get": good("Get keywords") | {"operationId": "GetSeriesKeywords"}},
        }
    )
    (pair,) = [finding for finding in found.findings if finding["rule"] == "ambiguous-pair"]
    assert "“Get keywords”" in pair["message"]
    assert {"/movies/keywords", "/series/keywords"} <= {*pair["message"].split(), pair["operation"].split()[1]}
    assert "movie" in pair["suggestion"]
    assert "series" in pair["suggestion"]


def test_a_report_is_bounded_but_counts_all() -> None:
    found = report({f"/things{n}": {"get": {"operationId": f"op{n}"}} for n in range(MAX_PER_RULE + 50)})
    assert found.counts["no-description"] == MAX_PER_RULE + 50
    assert len([row for row in found.findings if row["rule"] == "no-description"]) <= MAX_PER_RULE


def test_the_overlay_has_an_action_for_what_words_can_mend() -> None:
    found = report({"/it's/{x}": {"get": {"operationId": "alpha", "parameters": [query("x") | {"in": "path"}]}}})
    overlay = yaml_rs.loads(overlay_of("T", found.findings))
    assert overlay["overlay"] == "1.0.0"
    assert {action["target"] for action in overlay["actions"]} == {"$['paths']['/it\\'s/{x}']['get']"}
    assert json_path("/paths/~1a/get/parameters/0") == "$['paths']['/a']['get']['parameters'][0]"

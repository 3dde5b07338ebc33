"""Services that people can survey."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from specs.ingest.compile import CompiledSpec, compile_document
from specs.ingest.grouping import MAX_OPERATIONS, is_part_of
from specs.ingest.load import load_document


def compiled(paths: list[str], tag: str = "Repos", **root: Any) -> CompiledSpec:
    nodes = {path: {"get": {"tags": [tag], "summary": f"Get {path}"}} for path in paths}
    document = {"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "paths": nodes, **root}
    return compile_document(load_document(json.dumps(document).encode(), "a.json"))


def sizes(spec: CompiledSpec) -> dict[str, int]:
    return dict(Counter(operation.service for operation in spec.operations))


def test_a_service_of_forty_stays_one_and_a_larger_one_is_split_by_its_paths():
    paths = [f"/repos/{{repo}}/{room}/{number}" for room in ("branches", "hooks") for number in range(20)]
    assert sizes(compiled(paths)) == {"Repos": 40}
    more = compiled([*paths, "/repos/{repo}", "/repos/{repo}/stars"])
    assert sizes(more) == {"Repos": 2, "Repos: branches": 20, "Repos: hooks": 20}
    assert [service.slug for service in more.services] == ["repos", "repos__branches", "repos__hooks"]
    assert more.services[1].description == (
        "Get /repos/{repo}/branches/0; Get /repos/{repo}/branches/1; Get /repos/{repo}/branches/2; and 17 more"
    )


def test_a_part_that_is_too_large_is_split_again():
    paths = [f"/repos/actions/{room}/{number}" for room in ("runs", "jobs") for number in range(35)]
    spec = compiled([*paths, *(f"/repos/hooks/{number}" for number in range(35))])
    assert sizes(spec) == {"Repos: actions, jobs": 35, "Repos: actions, runs": 35, "Repos: hooks": 35}


def test_what_nothing_tells_apart_is_split_by_its_order():
    spec = compiled([f"/{letter}{number}" for letter in "abc" for number in range(30)])
    assert max(sizes(spec).values()) <= MAX_OPERATIONS
    assert list(sizes(spec)) == ["Repos: a 0 to a 9", "Repos: b 0 to b 9", "Repos: c 0 to c 9"]


def test_a_tags_own_description_stays_when_the_service_does():
    tags = [{"name": "Repos", "description": "All about repositories."}]
    assert compiled(["/a"], tags=tags).services[0].description == "All about repositories."
    assert compiled(["/a"]).services[0].description == "Get /a"


def test_a_part_belongs_to_its_service():
    assert is_part_of("repos__hooks", "repos")
    assert is_part_of("repos", "repos")
    assert not is_part_of("repositories", "repos")
    assert not is_part_of("repos", "repos__hooks")


STEP = st.sampled_from(["a", "b", "c", "things", "{id}", "{other}", "very-long-name", "日本"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(STEP, min_size=1, max_size=6).map(lambda steps: "/" + "/".join(steps)),
                min_size=1, max_size=180, unique=True))  # fmt: skip
def test_whatever_the_paths_nothing_is_lost_and_no_service_is_too_large(paths):
    spec = compiled(paths)
    assert len(spec.operations) == len(paths)
    assert max(sizes(spec).values()) <= MAX_OPERATIONS
    assert set(sizes(spec)) == {service.name for service in spec.services}
    assert len({service.slug for service in spec.services}) == len(spec.services)

"""What was right for one request rises for its like."""

from __future__ import annotations

import pytest

from nlops.core.experience import Experience, Served
from nlops.core.retrieval import OperationIndex, document

INDEX = OperationIndex(
    (name, document(name=name, method="GET", path=f"/{name}s", summary=f"List all {name}s"))
    for name in ("visit", "journey", "parcel")
)


def raised(request: str, *served: Served) -> list[str]:
    return Experience(served, INDEX).raised(request)


@pytest.mark.parametrize(
    ("request_", "rises"),
    [
        ("where was ann on tour", True),
        ("where was bob on tour", True),
        ("Where was BOB on tour?", True),
        ("where are the parcels", False),
        ("on tour", False),
        ("", False),
    ],
)
def test_requests_with_the_same_words_are_alike_whoever_they_name(request_: str, rises: bool) -> None:
    assert bool(raised(request_, Served("where was ann on tour", ("journey",)))) is rises


def test_a_judgement_against_weighs_as_much_as_one_for() -> None:
    good, bad = (Served("where was ann on tour", ("journey",), is_good) for is_good in (True, False))
    assert raised("where was ann on tour", good, bad) == []
    assert raised("where was ann on tour", good, good, bad) == ["journey"]


def test_the_surest_come_first_and_few_rise() -> None:
    names = [f"operation{number}" for number in range(9)]
    served = [Served("where was ann on tour", (name,)) for name in names]
    found = raised("where was ann on tour", *served, served[4])
    assert found[0] == "operation4"
    assert len(found) == 3


def test_a_request_of_one_word_is_like_nothing() -> None:
    assert raised("again", Served("again", ("journey",))) == []

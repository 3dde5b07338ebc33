"""Worked examples for the prompt: chosen by their likeness to the request, written as one line each."""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

import bm25s
import numpy as np

from nlops.core.types import Json, Storable

#: Examples in a prompt at most, and characters of them together.
MAX_EXAMPLES = 4
MAX_CHARACTERS = 1800


@dataclass(frozen=True, slots=True)
class ExampleStep(Storable):
    """One call of an example."""

    #: the tool's name
    tool: str
    #: argument name to JSON value
    arguments: dict[str, Json] = field(default_factory=dict)
    #: what it returns, None where that doesn't matter
    returns: Json = None


@dataclass(frozen=True, slots=True)
class WorkedExample(Storable):
    """A request with the calls that serve it."""

    #: a person's words
    request: str
    #: the calls, in order
    steps: tuple[ExampleStep, ...]


def example_line(example: WorkedExample) -> str:
    """The example as one line of the prompt."""
    calls = "; ".join(_step(step) for step in example.steps)
    return f"- {_json(example.request)}: {calls}"


def choose(request: str, library: Sequence[WorkedExample], preferred: frozenset[str] = frozenset()) -> list[str]:
    """Lines of the examples that are most like the request, the most like last, where small models look most.

    `preferred`: the tools of this request; examples that use others come after those that don't.
    """
    if not library:
        return []
    scores = _index(tuple(example.request for example in library)).scores(request)
    for place, example in enumerate(library):
        if not all(step.tool in preferred for step in example.steps):
            scores[place] *= 0.5
    chosen: list[str] = []
    left = MAX_CHARACTERS
    for place in np.argsort(-scores, kind="stable"):
        line = example_line(library[place])
        if len(chosen) < MAX_EXAMPLES and len(line) <= left:
            chosen.append(line)
            left -= len(line)
    return chosen[::-1]


class _Likeness:
    """BM25 over words and pieces of words: Korean words carry their particles, European ones their endings."""

    def __init__(self, requests: Sequence[str]) -> None:
        self._count = len(requests)
        self._bm25 = bm25s.BM25(k1=1.2, b=0.5)
        self._bm25.index([pieces(request) or [""] for request in requests], show_progress=False)

    def scores(self, request: str) -> np.ndarray:
        """How much each of the requests is like this one."""
        terms = pieces(request)
        found = self._bm25.get_scores(terms) if terms else np.zeros(self._count)
        return np.asarray(found, dtype=np.float64).copy()


@functools.lru_cache(maxsize=64)
def _index(requests: tuple[str, ...]) -> _Likeness:
    return _Likeness(requests)


def pieces(text: str) -> list[str]:
    """Words and parts of words by which requests are compared: names with digits tell nothing and are one word."""
    found: list[str] = []
    for word in re.findall(r"\w+", unicodedata.normalize("NFKC", text[:4000]).lower()):
        if re.search(r"\d", word) and word.isascii():
            found.append("#")
            continue
        found.append(word)
        size = 4 if word.isascii() else 2
        if len(word) > size:
            found += [word[start : start + size] for start in range(len(word) - size + 1)]
    return found


def _step(step: ExampleStep) -> str:
    call = f"{step.tool}({_json(step.arguments)})"
    return call if step.returns is None else f"{call} returns {_json(step.returns)}"


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)

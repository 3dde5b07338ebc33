"""How well and how fast operations are found: `python -m tests.benchmarks.retrieval [--misses]`.

100 requests over four specs of the data folder (NLOPS_DATA_DIR), in retrieval_requests.json: half plainly worded, half
as a customer says it who never read the description. Every second paraphrase is held out: printed apart, and nothing
(the table of phrases, weights) may be fitted to it. Operations are found as a run finds them (`select`), from the texts
that an import stores. The peer is plain bm25s, with its own tokenizer and stop words, over the same texts.

- misses_plain_bm25s, misses_paraphrase_bm25s: requests whose operation is not among the first ten, against the peer;
- query_github_bm25s: median time of a query over GitHub's operations, against the peer's;
- load_build_github: seconds to read a stored index of GitHub's operations, against building it.

Prints `ratio NAME VALUE` lines; smaller is better.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import bm25s

from nlops.core.retrieval import OperationIndex
from specs.ingest.bundle import load_upload
from specs.ingest.compile import compile_document

DATA = Path(os.environ.get("NLOPS_DATA_DIR", "../shared/data")) / "specs"
REQUESTS = Path(__file__).with_name("retrieval_requests.json")
LARGEST = "github.json"
HALVES = ("plain", "paraphrase")
#: Finds the best k operations for a request.
Find = Callable[[str, int], list[str]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request and the operations (METHOD path) any of which is right."""

    spec: str
    #: plain, paraphrase
    half: str
    #: whether nothing may be fitted to it
    held_out: bool
    text: str
    right: frozenset[str]


def requests() -> list[Asked]:
    """All of the file."""
    found = json.loads(REQUESTS.read_text())
    return [
        Asked(spec, half, half == "paraphrase" and bool(number % 2), row[0], frozenset(row[1:]))
        for spec, halves in found.items()
        for half in HALVES
        for number, row in enumerate(halves[half])
    ]


def operations(name: str) -> list[tuple[str, str]]:
    """METHOD path and search text of each operation of the spec."""
    compiled = compile_document(load_upload((DATA / name).read_bytes(), name))
    return [(f"{one.method} {one.path}", one.search_text) for one in compiled.operations]


def peer(rows: Sequence[tuple[str, str]]) -> Find:
    """bm25s as its manual shows it."""
    index = bm25s.BM25()
    index.index(bm25s.tokenize([text for _, text in rows], stopwords="en", show_progress=False), show_progress=False)

    def find(request: str, k: int) -> list[str]:
        words = bm25s.tokenize(request, stopwords="en", show_progress=False)
        found, _ = index.retrieve(words, k=min(k, len(rows)), show_progress=False)
        return [rows[number][0] for number in found[0]]

    return find


def ours(index: OperationIndex) -> Find:
    """As a run finds them."""
    return lambda request, k: index.select(request, "", k)


def place(find: Find, asked: Asked) -> int:
    """From 1, that of the first right operation among ten; 0 when there is none."""
    return next((at for at, name in enumerate(find(asked.text, 10), 1) if name in asked.right), 0)


def milliseconds(find: Find, texts: Sequence[str]) -> list[float]:
    """Of every request, the best of five; sorted."""
    gc.collect()
    found = []
    for text in texts:
        times = []
        for _ in range(5):
            began = time.perf_counter()
            find(text, 10)
            times.append(time.perf_counter() - began)
        found.append(min(times) * 1000)
    return sorted(found)


def ratio(name: str, value: float) -> None:
    print(f"ratio {name} {value:.3f}")


def report_recall(asked: Sequence[Asked], finders: dict[str, dict[str, Find]], *, misses: bool) -> None:
    """The share of requests whose operation comes first, and among the first ten."""
    places = {who: [place(by_spec[one.spec], one) for one in asked] for who, by_spec in finders.items()}
    print(f"{'requests':<26}{'number':>8}" + "".join(f"{who + ' @1':>12}{'@10':>7}" for who in places))
    missed: dict[tuple[str, str], int] = {}
    groups: list[tuple[str, Callable[[Asked], bool]]] = [
        ("plain", lambda one: one.half == "plain"),
        ("paraphrase", lambda one: one.half == "paraphrase"),
        ("paraphrase, tuned on", lambda one: one.half == "paraphrase" and not one.held_out),
        ("paraphrase, held out", lambda one: one.held_out),
    ]
    for name, belongs in groups:
        numbers = [number for number, one in enumerate(asked) if belongs(one)]
        line = f"{name:<26}{len(numbers):>8}"
        for who, found in places.items():
            first = sum(found[number] == 1 for number in numbers) / len(numbers)
            ten = sum(found[number] > 0 for number in numbers) / len(numbers)
            missed[name, who] = sum(not found[number] for number in numbers)
            line += f"{first:>12.0%}{ten:>7.0%}"
        print(line)
    if misses:
        for one, at in zip(asked, places["nlops"], strict=True):
            if not at and not one.held_out:
                print(f"not found in {one.spec}: {one.text} -> {', '.join(sorted(one.right))}")
    for half in HALVES:
        ratio(f"misses_{half}_bm25s", missed[half, "nlops"] / max(1, missed[half, "bm25s"]))


def report_speed(rows: Sequence[tuple[str, str]], texts: Sequence[str]) -> None:
    """Of a query, of building the index and of loading it, over the largest spec."""
    import pickle

    began = time.perf_counter()
    index = OperationIndex(rows)
    built = time.perf_counter() - began
    stored = pickle.dumps(index)
    began = time.perf_counter()
    index = pickle.loads(stored)
    loaded = time.perf_counter() - began
    mine, other = milliseconds(ours(index), texts), milliseconds(peer(rows), texts)
    for who, times in (("nlops", mine), ("bm25s", other)):
        print(
            f"{who}, a query over {len(rows):,} operations: p50 {statistics.median(times):.2f} ms,"
            f" p95 {times[int(0.95 * len(times))]:.2f} ms"
        )
    print(f"index built in {built * 1000:.0f} ms, {len(stored):,} bytes, loaded in {loaded * 1000:.1f} ms")
    ratio("query_github_bm25s", statistics.median(mine) / statistics.median(other))
    ratio("load_build_github", loaded / built)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--misses", action="store_true", help="print what was not found, but of what is held out")
    misses = parser.parse_args(arguments).misses
    asked = requests()
    absent = sorted(name for name in {one.spec for one in asked} if not (DATA / name).is_file())
    if absent:
        print(f"Left out: {', '.join(absent)} not in {DATA}; set NLOPS_DATA_DIR.")
        return
    rows = {name: operations(name) for name in dict.fromkeys(one.spec for one in asked)}
    finders = {
        "nlops": {name: ours(OperationIndex(found)) for name, found in rows.items()},
        "bm25s": {name: peer(found) for name, found in rows.items()},
    }
    report_recall(asked, finders, misses=misses)
    report_speed(rows[LARGEST], [one.text for one in asked if one.spec == LARGEST])


if __name__ == "__main__":
    main()

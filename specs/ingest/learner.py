"""The process that learns a description: what was uploaded on standard input, what was learnt on standard output.

Run by path (`python -I learner.py MEMORY CPU_SECONDS`), with an empty environment: a file that makes a parser crash,
stall or eat memory takes neither a worker with it nor a secret. The input is a line of JSON and the upload; each
answer is a line with its kind and its length, and JSON. Answers come as soon as they are there, so that advice that
takes too long costs only itself.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import orjson

from specs.ingest.apply_overlay import apply_overlay
from specs.ingest.bundle import is_archive, load_upload
from specs.ingest.compile import compile_document
from specs.ingest.errors import Problem, SpecError
from specs.ingest.lines import places_of
from specs.ingest.lint import lint
from specs.ingest.load import yaml_here
from specs.ingest.validate import advice

#: Nothing else may write between the answers: what libraries print goes where errors go.
_out = sys.stdout.buffer


def learn(data: bytes, filename: str, max_bytes: int, packed: int | None, overlay: str) -> None:
    """Answer with what the upload holds, then with the problems in it, then with the lint report."""
    document = load_upload(data, filename, max_bytes, yaml_here)
    missed = apply_overlay(document.root, orjson.loads(overlay)) if overlay else []
    compiled = compile_document(document, packed)
    problems, compiled.problems = [*missed, *compiled.problems], []
    _answer(b"compiled", compiled)
    _answer(b"problems", _placed(problems, data, filename))
    _answer(b"problems", _placed([*problems, *advice(document)], data, filename))
    _answer(b"lint", lint(document, compiled, b"" if is_archive(data) else data))


def _placed(problems: list[Problem], data: bytes, filename: str) -> list[dict[str, Any]]:
    """The problems as they are stored, with file and line where the text tells them."""
    places = places_of((problem.pointer for problem in problems), data, filename)
    return [_row(problem, *places.get(problem.pointer, ("", None))) for problem in problems]


def _row(problem: Problem, file: str, line: int | None) -> dict[str, Any]:
    return {
        "severity": problem.severity.value,
        "pointer": problem.pointer[:1000],
        "file": file,
        "line": line,
        "message": problem.message,
    }


def _answer(kind: bytes, value: object) -> None:
    text = orjson.dumps(value)
    _out.write(b"%s %d\n" % (kind, len(text)))
    _out.write(text)
    _out.flush()


def main() -> None:
    """Set the limits, learn, answer."""
    global _out
    _out, sys.stdout = os.fdopen(os.dup(1), "wb"), sys.stderr
    os.dup2(2, 1)
    memory, seconds = int(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    # At the first limit a signal that tells itself apart, a little later one that can't be ignored.
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 2))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    asked = orjson.loads(sys.stdin.buffer.readline())
    data = sys.stdin.buffer.read()
    try:
        learn(data, asked["filename"], asked["max_bytes"], asked["packed"], asked.get("overlay", ""))
    except SpecError as error:
        _answer(b"refused", str(error))
    except MemoryError:
        _answer(b"limit", "memory")


if __name__ == "__main__":
    main()

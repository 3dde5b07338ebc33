"""Uploads are learnt by a process with limits; the reason why one was given up names the limit."""

from __future__ import annotations

import io
import json
import signal
import time
import zipfile
from pathlib import Path

import pytest

from specs.ingest import learn as learning
from specs.ingest.compile import compile_document
from specs.ingest.errors import SpecError
from specs.ingest.learn import learn, limits_for
from specs.ingest.load import load_document

LIBRARY = (Path(__file__).parent.parent / "specs/library.yaml").read_bytes()
LIMIT = 40_000_000


def patterned(count: int) -> bytes:
    """A description whose patterns, each of its own, take time."""
    fields = {f"f{n}": {"pattern": f"[a-z]{{1,{n}}}\\w{{1,99}}{n}"} for n in range(1, count)}
    schema = {"type": "object", "properties": {"x": {"properties": fields}}}
    body = {"content": {"application/json": {"schema": schema}}}
    return json.dumps({"openapi": "3.1.0", "paths": {"/a": {"post": {"requestBody": body}}}}).encode()


def test_what_is_learnt_is_what_the_compiler_makes():
    learnt = learn(LIBRARY, "library.yaml", LIMIT)
    compiled = compile_document(load_document(LIBRARY, "library.yaml"))
    assert learnt.compiled.operations == compiled.operations
    assert learnt.compiled.definitions == compiled.definitions
    assert learnt.report is not None
    assert learnt.report.counts


def test_too_much_computing_names_the_limit_and_the_size(monkeypatch):
    monkeypatch.setattr(learning, "CPU_SECONDS", 1)
    monkeypatch.setattr(learning, "CPU_SECONDS_PER_MEGABYTE", 0)
    with pytest.raises(SpecError, match=r"more than 1 seconds of computing, the limit for 1\.\d MB.*several products"):
        learn(patterned(20_000), "a.json", LIMIT)


def test_too_much_memory_names_the_limit(monkeypatch):
    monkeypatch.setattr(learning, "MEMORY_BYTES", 300_000_000)
    monkeypatch.setattr(learning, "MEMORY_PER_BYTE", 0)
    values = b",".join(b"[]" for _ in range(2_400_000))
    with pytest.raises(SpecError, match=r"more than 300 MB of memory, the limit"):
        learn(b'{"openapi": "3.1.0", "paths": {"/a": {"get": {}}}, "x": [' + values + b"]}", "a.json", LIMIT)


def test_too_long_a_wait_names_the_limit_and_the_waiting_one_is_told(monkeypatch):
    monkeypatch.setattr(learning, "WALL_FACTOR", 0.1)
    monkeypatch.setattr(learning, "PULSE_SECONDS", 1)
    told: list[None] = []
    began = time.monotonic()
    with pytest.raises(SpecError, match="more than 2 seconds, the limit"):
        learn(patterned(20_000), "a.json", LIMIT, pulse=lambda: told.append(None))
    assert told
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("code", "words"),
    [(-signal.SIGSEGV, "SIGSEGV"), (-signal.SIGABRT, "memory"), (-signal.SIGKILL, "memory"), (None, "seconds")],
)
def test_a_crash_of_the_learner_fails_the_file_alone(monkeypatch, code, words):
    monkeypatch.setattr(learning, "_run", lambda *_: ({}, code, ""))
    with pytest.raises(SpecError, match=words):
        learn(LIBRARY, "library.yaml", LIMIT)


def test_advice_that_takes_too_long_costs_only_itself(monkeypatch):
    answers, _, _ = learning._run(b"{}\n", limits_for(b"", LIMIT), lambda: None)
    assert answers == {}
    said = b'compiled 7\n{"a":1}problems 2\n[]lint 5000\n{"coun'
    assert learning._answers(said) == {"compiled": {"a": 1}, "problems": []}


def test_secrets_of_the_worker_are_not_there(monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "hidden")
    seen = {}
    real = learning.subprocess.Popen
    monkeypatch.setattr(
        learning.subprocess, "Popen", lambda *args, **kwargs: seen.update(kwargs) or real(*args, **kwargs)
    )
    learn(LIBRARY, "library.yaml", LIMIT)
    assert not {"SECRET_KEY", "DATABASE_URL"} & set(seen["env"])


def test_a_zip_of_a_hundred_thousand_members_is_refused_soon():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(100_000):
            archive.writestr(zipfile.ZipInfo(f"{number}.yml"), b"")
    began = time.monotonic()
    with pytest.raises(SpecError, match="100000 entries; at most 2000"):
        learn(packed.getvalue(), "a.zip", LIMIT)
    assert time.monotonic() - began < 10

"""What an upload holds, learnt by a process with limits that grow with the upload, never by the caller itself."""

from __future__ import annotations

import signal
import subprocess  # our own interpreter runs our own file  # nosec B404
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from specs.ingest.bundle import is_archive
from specs.ingest.compile import CompiledOperation, CompiledSpec
from specs.ingest.errors import SpecError
from specs.ingest.grouping import CompiledService
from specs.ingest.lint import Report

_LEARNER: Final = Path(__file__).with_name("learner.py")
#: GitHub's description of 13 MB takes 300 MB, of which 100 are the interpreter, and two seconds.
MEMORY_BYTES = 1_000_000_000
MEMORY_PER_BYTE = 60
CPU_SECONDS = 20
CPU_SECONDS_PER_MEGABYTE = 3
#: Other processes want the machine, too.
WALL_FACTOR = 4.0
#: A zip is taken for as many times larger.
UNPACKED = 10
#: Seconds after which the caller is told that the work goes on.
PULSE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Limits:
    """What learning one upload may take."""

    #: of the upload, as far as it is unpacked
    size: int
    memory_bytes: int
    cpu_seconds: int
    wall_seconds: int


@dataclass(frozen=True, slots=True)
class Learnt:
    """What is kept of an upload."""

    compiled: CompiledSpec
    #: [{"severity", "pointer", "file", "line", "message"}]
    problems: list[dict[str, Any]]
    #: None when there was no room for it within the limits
    report: Report | None


def limits_for(data: bytes, max_bytes: int) -> Limits:
    """The limits for this upload."""
    size = min(max_bytes, UNPACKED * len(data)) if is_archive(data) else len(data)
    seconds = CPU_SECONDS + CPU_SECONDS_PER_MEGABYTE * size // 1_000_000
    return Limits(size, MEMORY_BYTES + MEMORY_PER_BYTE * size, seconds, round(WALL_FACTOR * seconds))


def learn(
    data: bytes,
    filename: str,
    max_bytes: int,
    packed: int | None = None,
    pulse: Callable[[], None] = lambda: None,
    *,
    overlay: str = "",
) -> Learnt:
    """What the upload holds; `packed`: bytes that it takes where it is kept; `pulse` is called now and then;
    `overlay`: JSON of an OpenAPI Overlay that is applied to it, "" for none.

    Raises SpecError for an upload that is no description, and for one that passes the limits, naming which.
    """
    limits = limits_for(data, max_bytes)
    asked = {"filename": filename, "max_bytes": max_bytes, "packed": packed, "overlay": overlay}
    answers, code, fault = _run(orjson.dumps(asked) + b"\n" + data, limits, pulse)
    if "refused" in answers:
        raise SpecError(answers["refused"])
    if "compiled" not in answers:
        raise _failure(code, answers.get("limit"), limits, fault)
    report = answers.get("lint")
    return Learnt(_spec(answers["compiled"]), answers.get("problems", []), Report(**report) if report else None)


def _run(told: bytes, limits: Limits, pulse: Callable[[], None]) -> tuple[dict[str, Any], int | None, str]:
    """The answers by their kind, the exit code (None when it was stopped), and the last line of what went wrong."""
    command = [sys.executable, "-I", str(_LEARNER), str(limits.memory_bytes), str(limits.cpu_seconds)]
    until = time.monotonic() + limits.wall_seconds
    # Numeric libraries would reserve memory for a thread of each processor.
    environment = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(  # noqa: S603  # no shell, nothing of the upload in the arguments  # nosec B603
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        try:
            said, errors = _said(process, told, until, pulse)
        except BaseException:
            process.kill()
            raise
    code = None if process.returncode == -signal.SIGKILL and time.monotonic() >= until else process.returncode
    return _answers(said), code, errors.decode("utf-8", "replace").strip().rsplit("\n", 1)[-1][:500]


def _said(
    process: subprocess.Popen[bytes], told: bytes, until: float, pulse: Callable[[], None]
) -> tuple[bytes, bytes]:
    """All that it writes; it is killed when its time is over."""
    input_: bytes | None = told
    while True:
        left = until - time.monotonic()
        if left <= 0:
            process.kill()
        try:
            return process.communicate(input_, max(0.1, min(left, PULSE_SECONDS)))
        except subprocess.TimeoutExpired:
            input_ = None  # the rest of it is sent by the next round
            pulse()


def _answers(said: bytes) -> dict[str, Any]:
    """Kind to the last whole answer of that kind; a process that was stopped may have left a part of one."""
    found: dict[str, Any] = {}
    at = 0
    while (end := said.find(b"\n", at)) >= 0:
        kind, _, length = said[at:end].partition(b" ")
        at = end + 1 + int(length)
        if at > len(said):
            break
        found[kind.decode()] = orjson.loads(said[end + 1 : at])
    return found


def _spec(told: dict[str, Any]) -> CompiledSpec:
    told["operations"] = [CompiledOperation(**one) for one in told["operations"]]
    told["services"] = [CompiledService(**one) for one in told["services"]]
    return CompiledSpec(**told)


def _failure(code: int | None, limit: str | None, limits: Limits, fault: str) -> Exception:
    """Why there is no answer: a limit that was passed, a parser that crashed, or a fault of ours."""
    size = f"{limits.size / 1e6:.1f} MB"
    if (
        limit == "memory"
        or code in (-signal.SIGABRT, -signal.SIGKILL)
        or "MemoryError" in fault
        or "allocation" in fault
    ):
        passed = f"more than {limits.memory_bytes / 1e6:,.0f} MB of memory, the limit for {size}"
    elif code == -signal.SIGXCPU:
        passed = f"more than {limits.cpu_seconds} seconds of computing, the limit for {size}"
    elif code is None:
        passed = f"more than {limits.wall_seconds} seconds, the limit for {size}"
    elif code < 0:
        return SpecError(
            f"The file made the program that reads it stop ({signal.Signals(-code).name}). It is nested or put "
            "together in a way that no real description is; write it anew with another tool."
        )
    else:
        return RuntimeError(f"the learner ended with {code}: {fault}")
    return SpecError(
        f"Learning the file takes {passed}. Leave out what isn't needed (examples, response schemas), write out what "
        "refers to itself many times, or split it into several products."
    )

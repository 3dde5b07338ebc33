"""Start child processes that die with us, and recognise those of a run that was killed.

A process is known by pid, start time and command line together, recorded in a directory as NAME.json:
a pid alone may belong to a stranger by now.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess  # starting processes is what this module is for  # nosec B404
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from nlops.services.var_directory import write_private

#: Seconds by which two readings of one start time may differ (the system's clock is adjusted meanwhile).
SAME_START = 2.0
#: linux/prctl.h: the signal that a process gets when its parent dies.
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Account:
    """The user and group that a child runs as."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Command:
    """One program to run."""

    #: Also the name of its log and of its record.
    name: str
    arguments: Sequence[str]
    environment: dict[str, str]
    directory: Path
    account: Account | None = None
    #: Sent by the kernel when the process that started it dies, kill -9 included (Linux).
    death_signal: signal.Signals = signal.SIGTERM
    #: Signals that stop it, each with the seconds to wait before the next; SIGKILL to all follows.
    stop: Sequence[tuple[signal.Signals, float]] = ((signal.SIGTERM, 5.0),)
    #: Open file descriptors that it inherits.
    descriptors: Sequence[int] = ()


@dataclass(frozen=True)
class ProcessRecord:
    """What identifies a process across our own death."""

    pid: int
    #: Seconds since the epoch.
    created: float
    command_line: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, pid: int) -> ProcessRecord:
        """Record a process of ours. Raises psutil.Error if it has gone."""
        process = psutil.Process(pid)
        return cls(pid, process.create_time(), process.cmdline())

    def find(self) -> psutil.Process | None:
        """The recorded process if it still lives, None if it has gone or another one has its pid."""
        try:
            process = psutil.Process(self.pid)
            same_start = abs(process.create_time() - self.created) < SAME_START
            if same_start and process.cmdline() == self.command_line:
                return process
        except psutil.Error:
            pass
        return None


def spawn(command: Command, log: Path) -> subprocess.Popen[bytes]:
    """Start the command in a session of its own, its output appended to `log`, and have it die with us.

    Must be called from the main thread: the kernel sends the death signal when the *thread* that started a
    child ends.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("Children are started from the main thread only: they die with their thread.")
    parent = os.getpid()
    account = command.account
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603  # the arguments are our own  # nosec B603
            list(command.arguments),
            env=command.environment,
            cwd=command.directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ctrl-C in the terminal reaches us alone, and we stop the children in order.
            start_new_session=True,
            pass_fds=command.descriptors,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            preexec_fn=lambda: _die_with(parent, command.death_signal),
        )


def _die_with(parent: int, death_signal: signal.Signals) -> None:
    """In the child, after it has changed its user (which would clear the death signal)."""
    if _libc is None:
        return
    _libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != parent:  # It died before we asked.
        os.kill(os.getpid(), death_signal)


def stop_processes(
    processes: Iterable[tuple[psutil.Process, Sequence[tuple[signal.Signals, float]]]],
) -> None:
    """Stop each process by its own ladder of signals, all at once; then kill what is left below them."""
    targets = list(processes)
    family = [member for process, _ in targets for member in (process, *descendants(process))]
    began = time.monotonic()
    pending = []
    for process, ladder in targets:
        due = began
        for number, seconds in ladder:
            pending.append((due, process, number))
            due += seconds
        pending.append((due, process, signal.SIGKILL))
    pending.sort(key=lambda step: step[0])
    alive = [process for process, _ in targets]
    while pending and alive:
        while pending and pending[0][0] <= time.monotonic():
            _, process, number = pending.pop(0)
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)
        _, alive = psutil.wait_procs(alive, timeout=0.1)
        pending = [step for step in pending if step[1] in alive]
    for member in family:
        with contextlib.suppress(psutil.Error):
            member.kill()
    psutil.wait_procs(family, timeout=3)


def descendants(process: psutil.Process) -> list[psutil.Process]:
    """All processes below this one, [] if it has gone."""
    try:
        found: list[psutil.Process] = process.children(recursive=True)
    except psutil.Error:
        return []
    return found


class ProcessRecords:
    """The records of one run: a directory with a file NAME.json for each child."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "processes"

    def write(self, command: Command, pid: int) -> None:
        """Record a child that was just started; one that has already gone needs no record."""
        self.directory.mkdir(mode=0o700, exist_ok=True)
        with contextlib.suppress(psutil.Error):
            record = asdict(ProcessRecord.of(pid))
            record["stop"] = [[int(number), seconds] for number, seconds in command.stop]
            write_private(self.directory / f"{command.name}.json", json.dumps(record))

    def remove(self, name: str) -> None:
        """Forget a child that has ended."""
        (self.directory / f"{name}.json").unlink(missing_ok=True)

    def stop_leftovers(self, say: Callable[[str], None]) -> None:
        """Stop the children that a killed run has left, and forget them. Strangers are left alone."""
        found = []
        for path in sorted(self.directory.glob("*.json")):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                record = json.loads(path.read_text(encoding="utf-8"))
                stop = [(signal.Signals(number), float(seconds)) for number, seconds in record.pop("stop")]
                if process := ProcessRecord(**record).find():
                    found.append((path.stem, process, stop))
        if found:
            say(f"Stopping what a killed run has left: {', '.join(name for name, _, _ in found)}")
            # The databases last: the others still use them while they stop.
            databases = [entry for entry in found if entry[0] in ("postgres", "valkey")]
            others = [entry for entry in found if entry not in databases]
            for group in (others, databases):
                stop_processes((process, stop) for _, process, stop in group)
        for path in self.directory.glob("*.json"):
            path.unlink(missing_ok=True)

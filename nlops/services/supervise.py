"""Keep a set of child processes running: restart the fallen with back-off, stop all in order."""

from __future__ import annotations

import contextlib
import signal
import subprocess  # nosec B404
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psutil

from nlops.services.processes import Command, ProcessRecords, spawn, stop_processes

#: Seconds between two looks at the children.
LOOK = 0.1
#: Seconds to wait before the first, second, … restart of a child that keeps falling; then always the last.
BACK_OFF = (0.2, 1.0, 2.0, 5.0, 10.0, 30.0)
#: A child that ran this long had a good start: its falls are counted anew.
STEADY = 30.0
#: After so many falls in a row the person is told where to look.
TOO_MANY = 3
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(Exception):
    """The person wants an end: Ctrl-C, SIGTERM, or the terminal was closed."""


class TaskFailed(Exception):
    """A program that had to end well did not."""

    def __init__(self, name: str, status: int, log: Path) -> None:
        super().__init__(f"{name} {ended(status)}. The end of {log}:\n{tail(log)}")


class NotReadyInTime(Exception):
    """Something that must answer never did."""

    def __init__(self, what: str, seconds: float, log: Path) -> None:
        super().__init__(f"{what} gave no answer within {seconds:.0f} s. The end of {log}:\n{tail(log)}")


class ChildKeepsFalling(Exception):
    """A child does not even start."""

    def __init__(self, name: str, status: int, log: Path) -> None:
        super().__init__(f"{name} does not start: it {ended(status)}. The end of {log}:\n{tail(log)}")


@dataclass
class Child:
    """A program that must run all the time."""

    command: Command
    process: subprocess.Popen[bytes]
    #: time.monotonic() of its last start.
    started: float
    #: Falls in a row.
    falls: int = 0
    #: time.monotonic() from which it may be started again, None while it runs.
    due: float | None = None


class Supervisor:
    """Starts, watches and stops children. All calls from the main thread.

    `say` gets the lines for the person; what the children print goes to `log_directory`/NAME.log.
    """

    def __init__(self, run_directory: Path, log_directory: Path, say: Callable[[str], None]) -> None:
        self.records = ProcessRecords(run_directory)
        self.log_directory = log_directory
        self.say = say
        self.children: dict[str, Child] = {}
        self.tasks: dict[str, tuple[Command, subprocess.Popen[bytes]]] = {}
        #: False while starting: then a child that keeps falling ends the start.
        self.patient = False
        self._stop_requests = 0

    def listen_to_signals(self) -> None:
        """Let Ctrl-C, SIGTERM and SIGHUP raise StopRequested at the next look."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._request_stop)

    def _request_stop(self, number: int, frame: FrameType | None) -> None:
        # Only noted: an exception thrown here could hit between the start of a child and its record.
        self._stop_requests += 1

    def log(self, name: str) -> Path:
        """Where a child's output goes."""
        return self.log_directory / f"{name}.log"

    def start(self, command: Command) -> None:
        """Start a child that is to run until `stop`."""
        self.children[command.name] = Child(command, self._spawn(command), time.monotonic())

    def start_task(self, command: Command) -> None:
        """Start a program that ends by itself; `finish_tasks` waits for it."""
        self.tasks[command.name] = (command, self._spawn(command))

    def _spawn(self, command: Command) -> subprocess.Popen[bytes]:
        process = spawn(command, self.log(command.name))
        self.records.write(command, process.pid)
        return process

    def look(self) -> None:
        """Restart what fell and is due. Raises StopRequested, TaskFailed or ChildKeepsFalling."""
        if self._stop_requests:
            raise StopRequested
        for name, (_, process) in list(self.tasks.items()):
            status = process.poll()
            if status is not None:
                del self.tasks[name]
                self.records.remove(name)
                if status != 0:
                    raise TaskFailed(name, status, self.log(name))
        for child in self.children.values():
            self._look_at(child)

    def _look_at(self, child: Child) -> None:
        now = time.monotonic()
        if child.due is not None:
            if now >= child.due:
                child.process = self._spawn(child.command)
                child.started, child.due = now, None
            return
        status = child.process.poll()
        if status is None:
            return
        if now - child.started > STEADY:
            child.falls = 0
        child.falls += 1
        name, log = child.command.name, self.log(child.command.name)
        if not self.patient and child.falls > TOO_MANY:
            raise ChildKeepsFalling(name, status, log)
        wait = BACK_OFF[min(child.falls, len(BACK_OFF)) - 1]
        child.due = now + wait
        if child.falls >= TOO_MANY:
            self.say(f"{name} {ended(status)} again; next try in {wait:g} s. See {log}")
        else:
            self.say(f"{name} {ended(status)}; starting it again.")

    def finish_tasks(self, seconds: float) -> None:
        """Wait for all tasks to end well. Raises what `look` raises, or NotReadyInTime."""
        names = ", ".join(self.tasks)
        last = next(iter(self.tasks), "")
        self.wait_until(lambda: not self.tasks, names, self.log(last), seconds)

    def wait_until(self, ready: Callable[[], bool], what: str, log: Path, seconds: float) -> None:
        """Look after the children until `ready`. Raises what `look` raises, or NotReadyInTime."""
        deadline = time.monotonic() + seconds
        while True:
            self.look()
            if ready():
                return
            if time.monotonic() > deadline:
                raise NotReadyInTime(what, seconds, log)
            time.sleep(LOOK)

    def run_forever(self) -> None:
        """Look after the children until StopRequested."""
        self.patient = True
        while True:
            self.look()
            time.sleep(LOOK)

    def stop(self, last: Sequence[str] = ()) -> None:
        """Stop all children; those named `last` after all others, which still use them."""
        running = {name: (child.command, child.process) for name, child in self.children.items()}
        running |= self.tasks
        others = [entry for name, entry in running.items() if name not in last]
        for group in (others, [running[name] for name in last if name in running]):
            stop_processes(
                (found, command.stop) for command, process in group if (found := _alive(process)) is not None
            )
            for _, process in group:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=3)
        for name in running:
            self.records.remove(name)
        self.children.clear()
        self.tasks.clear()


def _alive(process: subprocess.Popen[bytes]) -> psutil.Process | None:
    if process.poll() is not None:
        return None
    with contextlib.suppress(psutil.Error):
        return psutil.Process(process.pid)
    return None


def ended(status: int) -> str:
    """How a process ended, in words."""
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, indented."""
    with contextlib.suppress(OSError):
        text = log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
        return "\n".join(f"  {line}" for line in text) or "  (empty)"
    return "  (there is none)"

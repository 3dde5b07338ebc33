"""Embedded PostgreSQL and Valkey for a test session, shared by all its worker processes.

The first process that asks starts a *keeper* (`python -m nlops.services.testing DIRECTORY`). Every process
that uses the services holds a shared lock on a file as long as it lives; when nobody holds it any more, the
keeper stops the services and removes the directory: no count to keep, and a killed test session leaves
nothing behind.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import os
import secrets
import shutil
import subprocess  # nosec B404
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from nlops.services.postgres import EmbeddedPostgres
from nlops.services.supervise import StopRequested, Supervisor, tail
from nlops.services.valkey import EmbeddedValkey
from nlops.services.var_directory import write_private

BASE_DIR = Path(__file__).resolve().parent.parent.parent
#: Seconds until the services must answer.
PATIENCE = 60.0


class TestServicesFailed(Exception):
    """The services for the tests did not start."""

    __test__ = False  # Not a test class, whatever pytest thinks of its name.

    def __init__(self, directory: Path) -> None:
        log = directory / "keeper.log"
        super().__init__(
            f"PostgreSQL and Valkey for the tests did not start. Set TEST_DATABASE_ADMIN_URL and "
            f"TEST_VALKEY_URL to use others. The end of {log}:\n{tail(log)}"
        )


@dataclass(frozen=True)
class ServiceUrls:
    """Where the services of this session answer."""

    #: postgresql://… of a superuser.
    postgres_admin: str
    #: redis://… of database 0.
    valkey: str


def postgres_admin_url() -> str:
    """A superuser's URL of the session's PostgreSQL: TEST_DATABASE_ADMIN_URL, else an embedded one."""
    return os.environ.get("TEST_DATABASE_ADMIN_URL") or session_services().postgres_admin


def valkey_url() -> str:
    """URL of the session's Valkey: TEST_VALKEY_URL, else an embedded one."""
    return os.environ.get("TEST_VALKEY_URL") or session_services().valkey


@functools.cache
def session_services() -> ServiceUrls:
    """Start the session's services, or join them. They live as long as this process does, at least."""
    tests = BASE_DIR / "var" / "tests"
    remove_abandoned(tests)
    # pytest-xdist gives all workers of a run one id.
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID") or f"{os.getpid()}-{secrets.token_hex(4)}"
    return join_services(tests / session)


def join_services(directory: Path) -> ServiceUrls:
    """Start or join the services in `directory`. Raises TestServicesFailed."""
    directory.mkdir(parents=True, exist_ok=True)
    # Held until this process ends: the file is never closed on purpose.
    users = os.open(directory / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(users, fcntl.LOCK_SH)
    with (directory / "start.lock").open("w") as start:
        fcntl.flock(start, fcntl.LOCK_EX)
        urls = directory / "urls.json"
        if not urls.exists():
            _start_keeper(directory, urls)
        return ServiceUrls(**json.loads(urls.read_text(encoding="utf-8")))


def _start_keeper(directory: Path, urls: Path) -> None:
    with (directory / "keeper.log").open("wb") as log:
        keeper = subprocess.Popen(  # noqa: S603  # nosec B603
            [sys.executable, "-m", "nlops.services.testing", str(directory)],
            cwd=BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + PATIENCE
    while not urls.exists():
        if keeper.poll() is not None or time.monotonic() > deadline:
            raise TestServicesFailed(directory)
        time.sleep(0.02)


def remove_abandoned(tests: Path) -> None:
    """Remove the directories of sessions whose keeper was killed before it could."""
    for users in tests.glob("*/users.lock"):
        with contextlib.suppress(OSError), users.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A living keeper removes its own directory; give it the time it may need to stop its servers.
            if time.time() - users.parent.stat().st_mtime > 60:
                shutil.rmtree(users.parent, ignore_errors=True)


def keep(directory: Path) -> None:
    """Run the services in `directory` until nobody uses them; then remove it."""
    supervisor = Supervisor(directory, directory, say=lambda line: print(line, flush=True))
    supervisor.listen_to_signals()
    databases = [directory / name for name in ("postgres", "valkey")]
    for database in databases:
        database.mkdir(mode=0o711, exist_ok=True)
    postgres = EmbeddedPostgres(databases[0], durable=False)
    valkey = EmbeddedValkey(databases[1], secrets.token_urlsafe(16), durable=False)
    try:
        supervisor.start(valkey.command())
        postgres.prepare(supervisor.say)
        supervisor.start(postgres.command())
        supervisor.wait_until(postgres.is_ready, "PostgreSQL", supervisor.log("postgres"), PATIENCE)
        supervisor.wait_until(valkey.is_ready, "Valkey", supervisor.log("valkey"), PATIENCE)
        write_private(directory / "urls.json", json.dumps(asdict(ServiceUrls(postgres.url(), valkey.url()))))
        while is_used(directory):
            supervisor.look()
            time.sleep(0.3)
    except StopRequested:
        pass
    finally:
        supervisor.stop()
        postgres.remove_socket_directory()
    shutil.rmtree(directory, ignore_errors=True)


def is_used(directory: Path) -> bool:
    """Whether a living process still holds the users' lock."""
    with (directory / "users.lock").open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


if __name__ == "__main__":
    keep(Path(sys.argv[1]))

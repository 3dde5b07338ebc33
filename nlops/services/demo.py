"""The demo: everything nlops needs on one machine, from `manage.py demo` to the line "nlops is ready"."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from celery import Celery
from kombu.exceptions import OperationalError

from nlops.services.ports import LOOPBACK, NoFreePort, listen
from nlops.services.postgres import EmbeddedPostgres, PostgresUnusable
from nlops.services.processes import Command
from nlops.services.provision import ProvisioningError, provision, provision_owned_database
from nlops.services.supervise import ChildKeepsFalling, NotReadyInTime, StopRequested, Supervisor, TaskFailed
from nlops.services.valkey import EmbeddedValkey, ValkeyUnusable
from nlops.services.var_directory import DemoAlreadyRuns, Secrets, VarDirectory, VarDirectoryUnusable

BASE_DIR = Path(__file__).resolve().parent.parent.parent
#: Seconds that one stage of the start may take before it is given up.
PATIENCE = 120.0
#: Stopped after all others, which use them.
DATABASES = ("valkey", "postgres")
#: A worker finishes the task in hand; a longer one is left to the next worker (tasks are repeatable).
STOP_WORKER = ((signal.SIGTERM, 6.0), (signal.SIGQUIT, 3.0))
#: What keeps a start from succeeding, with a message for the person.
FAULTS = (
    DemoAlreadyRuns, VarDirectoryUnusable, NoFreePort, PostgresUnusable, ValkeyUnusable, ProvisioningError,
    ChildKeepsFalling, NotReadyInTime, TaskFailed,
)  # fmt: skip


@dataclass(frozen=True)
class Listeners:
    """The two sockets that people and nlops connect to."""

    web: socket.socket
    product: socket.socket

    @property
    def web_url(self) -> str:
        return f"http://{LOOPBACK}:{self.web.getsockname()[1]}"

    @property
    def product_url(self) -> str:
        return f"http://{LOOPBACK}:{self.product.getsockname()[1]}"


def run_demo(port: int, directory: Path) -> int:
    """Run the demo until it is stopped; the exit status for the shell (0 after a wanted stop)."""
    var = VarDirectory(directory)
    try:
        var.create()
        with var.held():
            Demo(var, port, say).run()
    except FAULTS as fault:
        print(f"nlops: {fault}", file=sys.stderr, flush=True)
        return 1
    return 0


def say(line: str) -> None:
    """One line for the person at the terminal, who may have closed it."""
    with contextlib.suppress(OSError):
        print(line, flush=True)


class Demo:
    """One run of the demo in a directory that this process holds alone."""

    def __init__(self, var: VarDirectory, port: int, say: Callable[[str], None]) -> None:
        self.var = var
        self.port = port
        self.say = say
        self.secrets = var.secrets(os.environ.get("DEMO_PASSWORD", ""))
        self.supervisor = Supervisor(var.run, var.log, say)
        self.postgres = EmbeddedPostgres(var.postgres)
        self.valkey = EmbeddedValkey(var.valkey, self.secrets.valkey_password)

    def run(self) -> None:
        """Start all, say so, look after it, stop all. Returns after a wanted stop. Raises one of FAULTS."""
        self.supervisor.listen_to_signals()
        self.var.environment.unlink(missing_ok=True)
        self.supervisor.records.stop_leftovers(self.say)
        self.var.rotate_logs()
        try:
            listeners = self._listen()
            self.say(f"Starting nlops with its data in {self.var.path}")
            self._start(listeners)
            self._announce(listeners)
            self.supervisor.run_forever()
        except StopRequested:
            self.say("\nStopping; the data stays.")
        finally:
            self.var.environment.unlink(missing_ok=True)
            self.supervisor.stop(last=DATABASES)
            self.postgres.remove_socket_directory()

    def _listen(self) -> Listeners:
        web = listen(self.port)
        taken = web.getsockname()[1]
        if taken != self.port:
            self.say(f"Port {self.port} is taken; using {taken}.")
        return Listeners(web, listen(taken + 1))

    def _start(self, listeners: Listeners) -> None:
        supervisor = self.supervisor
        self._start_databases()
        environment = self._environment()
        product = self._product_environment()
        self._migrate(environment, product)
        self._start_processes(listeners, environment, product)
        seed = environment | {"SEED_PRODUCT_URL": listeners.product_url}
        supervisor.start_task(self._manage("seed", seed, "seed_demo", "--product-url", listeners.product_url))
        for what, ready in self._checks(listeners).items():
            supervisor.wait_until(ready, what, supervisor.log(what), PATIENCE)
        supervisor.finish_tasks(PATIENCE)
        self.var.write_environment(environment)

    def _start_databases(self) -> None:
        supervisor = self.supervisor
        supervisor.start(self.valkey.command())
        self.postgres.prepare(self.say)
        supervisor.start(self.postgres.command())
        supervisor.wait_until(self.postgres.is_ready, "PostgreSQL", supervisor.log("postgres"), PATIENCE)
        provision(self.postgres.url(), self._url("app"), self._url("owner"))
        provision_owned_database(self.postgres.url(), self._url("product"))
        supervisor.wait_until(self.valkey.is_ready, "Valkey", supervisor.log("valkey"), PATIENCE)

    def _url(self, who: str) -> str:
        user, database = {
            "app": ("nlops_app", "nlops"),
            "owner": ("nlops_owner", "nlops"),
            "product": ("nlops_demo", "nlops_demo"),
        }[who]
        return self.postgres.url(user, database)

    def _environment(self) -> dict[str, str]:
        """The settings of nlops, for its processes and for commands that talk to this demo."""
        return {
            "DATABASE_URL": self._url("app"),
            "DATABASE_OWNER_URL": self._url("owner"),
            "CELERY_BROKER_URL": self.valkey.url(0),
            "CACHE_URL": self.valkey.url(1),
            "NLOPS_VAR": str(self.var.path),
            "SECRET_KEY": self.secrets.secret_key,
            "NLOPS_ENCRYPTION_KEYS": self.secrets.encryption_keys,
            "NLOPS_INSECURE_HTTP": "1",
            "NLOPS_MODEL": os.environ.get("NLOPS_MODEL", "embedded"),
            # The demo product, and whatever else the person who tries nlops runs on this machine.
            "NLOPS_PRIVATE_HOSTS": os.environ.get("NLOPS_PRIVATE_HOSTS", "127.0.0.1,localhost,[::1]"),
            "ALLOWED_HOSTS": "127.0.0.1,localhost,[::1]",
            "DEBUG": "0",
            "DEMO_PASSWORD": self.secrets.demo_password,
            "DEMO_CLIENTS": demo_clients(self.secrets),
        }

    def _product_environment(self) -> dict[str, str]:
        """The demo product knows nothing of ours: a database and its clients are all it gets."""
        return {
            "DJANGO_SETTINGS_MODULE": "nlops.demo.settings",
            "DEMO_DATABASE_URL": self._url("product"),
            "DEMO_CLIENTS": demo_clients(self.secrets),
        }

    def _migrate(self, environment: dict[str, str], product: dict[str, str]) -> None:
        """Both databases at once; the product seeds itself meanwhile."""
        supervisor = self.supervisor
        supervisor.start_task(self._manage("migrate", environment, "migrate", "--database", "owner", "--no-input"))
        supervisor.start_task(self._python("product-migrate", product, "-m", "nlops.demo", "migrate"))
        supervisor.wait_until(
            lambda: "product-migrate" not in supervisor.tasks,
            "product-migrate", supervisor.log("product-migrate"), PATIENCE,
        )  # fmt: skip
        supervisor.start_task(self._python("product-seed", product, "-m", "nlops.demo", "seed"))
        supervisor.finish_tasks(PATIENCE)

    def _start_processes(self, listeners: Listeners, environment: dict[str, str], product: dict[str, str]) -> None:
        start = self.supervisor.start
        start(self._server("product", product, "nlops.demo.asgi:application", listeners.product))
        start(self._server("web", environment, "nlops.asgi:application", listeners.web))
        start(self._worker("engine", environment, queues="engine", processes=2))
        start(self._worker("background", environment, queues="preprocess,feedback", processes=1))
        schedule = str(self.var.path / "celerybeat-schedule")
        start(
            self._python(
                "beat",
                environment,
                "-m",
                "celery",
                "-A",
                "nlops.celery",
                "beat",
                "-s",
                schedule,
                "--pidfile=",
            )
        )

    def _server(self, name: str, environment: dict[str, str], application: str, listener: socket.socket) -> Command:
        descriptor = listener.fileno()
        return self._python(
            name,
            environment,
            "-m",
            "nlops.services.serve",
            application,
            str(descriptor),
            descriptors=(descriptor,),
        )

    def _worker(self, name: str, environment: dict[str, str], *, queues: str, processes: int) -> Command:
        return self._python(
            name, environment, "-m", "celery", "-A", "nlops.celery", "worker", "-Q", queues,
            "-c", str(processes), "-n", f"{name}@%h", "--without-gossip", "--without-mingle",
            "--loglevel", "WARNING",
            stop=STOP_WORKER,
            # Without broker and database, which die with us too, there is nothing to finish.
            death_signal=signal.SIGQUIT,
        )  # fmt: skip

    def _manage(self, name: str, environment: dict[str, str], *arguments: str) -> Command:
        return self._python(name, environment, "manage.py", *arguments)

    def _python(
        self,
        name: str,
        environment: dict[str, str],
        *arguments: str,
        descriptors: tuple[int, ...] = (),
        stop: tuple[tuple[signal.Signals, float], ...] = ((signal.SIGTERM, 5.0),),
        death_signal: signal.Signals = signal.SIGTERM,
    ) -> Command:
        inherited = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
        return Command(
            name=name,
            arguments=[sys.executable, *arguments],
            environment=inherited | {"PYTHONUNBUFFERED": "1"} | environment,
            directory=BASE_DIR,
            descriptors=descriptors,
            stop=stop,
            death_signal=death_signal,
        )

    def _checks(self, listeners: Listeners) -> dict[str, Callable[[], bool]]:
        """What must answer before the demo is ready, by the name of the process (and so of its log)."""
        web, product = listeners.web.getsockname()[1], listeners.product.getsockname()[1]
        return {
            "product": lambda: answers(product, "/openapi.json"),
            "web": lambda: answers(web, "/healthz") and answers(web, "/readyz"),
            "engine": lambda: self._worker_answers("engine"),
            "background": lambda: self._worker_answers("background"),
        }

    def _worker_answers(self, name: str) -> bool:
        """Whether the worker answers a ping through the queue."""
        node = f"{name}@{socket.gethostname()}"
        with (
            contextlib.suppress(OSError, OperationalError),
            Celery(broker=self.valkey.url(0), set_as_current=False) as app,
        ):
            return bool(app.control.broadcast("ping", destination=[node], reply=True, timeout=1.0, limit=1))
        return False

    def _announce(self, listeners: Listeners) -> None:
        self.var.remember_state(listeners.web_url)
        self.var.remember_as_last(BASE_DIR)
        for line in welcome(listeners.web_url, listeners.product_url, self.secrets.demo_password, self.var.log):
            self.say(line)
        self.say(f"nlops is ready at {listeners.web_url}")


def demo_clients(secrets: Secrets) -> str:
    """The product's clients, one for each seeded tenant: tenant:name:password,…"""
    return f"acme:svc-acme:{secrets.acme_client_password},globex:svc-globex:{secrets.globex_client_password}"


def answers(port: int, path: str) -> bool:
    """Whether the server on this loopback port answers 200 (asked directly, whatever proxy is configured)."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def welcome(web_url: str, product_url: str, password: str, log: Path) -> list[str]:
    """Addresses and logins, for the person who just started the demo."""
    return [
        "",
        f"  Chat             {web_url}/",
        f"  Administration   {web_url}/admin/",
        f"  Demo product     {product_url}/openapi.json",
        f"  Logs             {log}",
        "",
        "  Sign in as       customer@acme.example     asks in the chat",
        "                   operator@acme.example     specs, connection, whitelist, approvals",
        "                   reviewer@acme.example     transcripts, flags, evaluation",
        "                   customer@globex.example, operator@globex.example     another tenant",
        "                   staff@nlops.example       the platform's administration",
        f"  Password         {password}     (DEMO_PASSWORD=… sets another)",
        "",
        '  In a terminal    .venv/bin/python manage.py ask "Show me all users" --tenant acme --as customer@acme.example',  # noqa: E501
        "  Ctrl-C stops everything; the data stays.",
        "",
    ]

"""The demo product as a process of its own, for tests that call it over HTTP."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

CLIENTS = {"acme": ("svc-acme", "Acme-Client-1"), "globex": ("svc-globex", "Globex-Client-1")}
#: Seconds until it must answer.
PATIENCE = 30.0


@dataclass
class DemoProduct:
    """A running Keyring."""

    base_url: str
    #: with which its own commands talk to its database
    environment: dict[str, str]
    http: httpx2.Client
    _tokens: dict[str, str] = field(default_factory=dict)

    @property
    def database_url(self) -> str:
        """Its database, for what no client could bring about, such as the end of a token's life."""
        return self.environment["DEMO_DATABASE_URL"]

    def client(self, tenant: str) -> tuple[str, str]:
        """Name and password of the tenant's service account."""
        return CLIENTS[tenant]

    def description(self) -> bytes:
        """Its OpenAPI description."""
        return self.http.get("/openapi.json").content

    def log_in(self, tenant: str = "acme") -> dict[str, Any]:
        """A new pair of tokens, as the token endpoint answers it."""
        name, password = CLIENTS[tenant]
        return self.token(grant_type="password", username=name, password=password).json()

    def token(self, **form: str) -> httpx2.Response:
        """One call of the token endpoint."""
        return self.http.post("/auth/token", data=form)

    def api(
        self, method: str, path: str, body: Any = None, *, tenant: str = "acme", headers: dict[str, str] | None = None
    ) -> Any:
        """One call past nlops, to see what is really there."""
        if tenant not in self._tokens:
            self._tokens[tenant] = self.log_in(tenant)["access_token"]
        sent = {"Authorization": f"Bearer {self._tokens[tenant]}", **(headers or {})}
        response = self.http.request(method, path, json=body, headers=sent)
        response.status = response.status_code
        return response

    def manage(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """One of its own commands, such as seed."""
        return _manage({**self.environment, **environment}, *arguments)


@pytest.fixture(scope="session")
def demo_product(postgres_admin_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoProduct]:
    """Keyring on a free port with a database of its own, seeded, gone at the end."""
    log = Path(tmp_path_factory.mktemp("demo")) / "demo.log"
    with _database(postgres_admin_url) as url, socket.create_server(("127.0.0.1", 0)) as listener:
        # uvicorn takes any --fd for a Unix socket's and leaves Nagle's delays on; what is accepted inherits this.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "nlops.demo.settings",
            "DEMO_DATABASE_URL": url,
            "DEMO_CLIENTS": ",".join(f"{tenant}:{who}:{password}" for tenant, (who, password) in CLIENTS.items()),
            "DEMO_SECRET_KEY": "only-for-tests",
            "DEMO_TOKEN_SECONDS": "3600",
            "DEMO_RATE": "1200",
        }
        for command in ("migrate", "seed"):
            _manage(environment, command)
        base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with _server(environment, listener, log) as process, _http(base_url) as http:
            product = DemoProduct(base_url, environment, http)
            _wait(product, process, log)
            yield product


@contextlib.contextmanager
def _database(admin_url: str) -> Iterator[str]:
    """A new, empty database: its URL."""
    name = f"demo_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        admin.execute(f'CREATE DATABASE "{name}"')
    try:
        yield _database_url(admin_url, name)
    finally:
        with psycopg.connect(admin_url, autocommit=True) as admin:
            admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _database_url(admin_url: str, name: str) -> str:
    parts = conninfo_to_dict(admin_url)
    query = urllib.parse.urlencode({"host": parts.get("host", "127.0.0.1"), "port": parts.get("port", 5432)})
    password = f":{urllib.parse.quote(str(parts['password']), safe='')}" if parts.get("password") else ""
    return f"postgresql://{parts['user']}{password}@/{name}?{query}"


def _manage(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nlops.demo", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"The demo product's command {' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
    return done


@contextlib.contextmanager
def _server(environment: dict[str, str], listener: socket.socket, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process, which takes the listening socket over: nobody else can get the port meanwhile."""
    descriptor = listener.fileno()
    command = ["uvicorn", "nlops.demo.asgi:application", "--fd", str(descriptor), "--lifespan", "off"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], env=environment, stdout=output, stderr=output, pass_fds=(descriptor,)
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _http(base_url: str) -> httpx2.Client:
    return httpx2.Client(base_url=base_url, trust_env=False, timeout=30)


def _wait(product: DemoProduct, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx2.HTTPError):
            if product.http.get("/openapi.json", timeout=PATIENCE).status_code == 200:
                return
        time.sleep(0.1)
    raise RuntimeError(f"The demo product did not start:\n{log.read_text(errors='replace')[-2000:]}")

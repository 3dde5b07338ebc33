"""The demo product as a process of its own, for tests that call it over HTTP."""

from __future__ import annotations

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
    _tokens: dict[str, str] = field(default_factory=dict)

    def client(self, tenant: str) -> tuple[str, str]:
        """Name and password of the tenant's service account."""
        return CLIENTS[tenant]

    def description(self) -> bytes:
        """Its OpenAPI description."""
        return httpx2.get(f"{self.base_url}/openapi.json", trust_env=False, timeout=30).content

    def api(self, method: str, path: str, body: Any = None, *, tenant: str = "acme") -> Any:
        """One call past nlops, to see what is really there."""
        if tenant not in self._tokens:
            name, password = CLIENTS[tenant]
            form = {"grant_type": "password", "username": name, "password": password}
            answer = httpx2.post(f"{self.base_url}/auth/token", data=form, trust_env=False)
            self._tokens[tenant] = answer.json()["access_token"]
        response = httpx2.request(
            method,
            f"{self.base_url}{path}",
            json=body,
            headers={"Authorization": f"Bearer {self._tokens[tenant]}"},
            trust_env=False,
            timeout=30,
        )
        response.status = response.status_code
        return response


@pytest.fixture(scope="session")
def demo_product(postgres_admin_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoProduct]:
    """Keyring on a free port with a database of its own, seeded, gone at the end."""
    name = f"demo_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"
    with psycopg.connect(postgres_admin_url, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "nlops.demo.settings",
        "DEMO_DATABASE_URL": _database_url(postgres_admin_url, name),
        "DEMO_CLIENTS": ",".join(f"{tenant}:{who}:{password}" for tenant, (who, password) in CLIENTS.items()),
        "DEMO_TOKEN_SECONDS": "3600",
        "DEMO_RATE": "1200",
    }
    for command in ("migrate", "seed"):
        subprocess.run([sys.executable, "-m", "nlops.demo", command], env=environment, check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = Path(tmp_path_factory.mktemp("demo")) / "demo.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "nlops.demo.asgi:application", "--port", str(port), "--lifespan", "off"],
            env=environment,
            stdout=output,
            stderr=output,
        )
    product = DemoProduct(f"http://127.0.0.1:{port}")
    try:
        _wait(product, process, log)
        yield product
    finally:
        process.terminate()
        process.wait(10)
        with psycopg.connect(postgres_admin_url, autocommit=True) as admin:
            admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _database_url(admin_url: str, name: str) -> str:
    parts = conninfo_to_dict(admin_url)
    query = urllib.parse.urlencode({"host": parts.get("host", "127.0.0.1"), "port": parts.get("port", 5432)})
    password = f":{parts['password']}" if parts.get("password") else ""
    return f"postgresql://{parts['user']}{password}@/{name}?{query}"


def _wait(product: DemoProduct, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx2.get(f"{product.base_url}/openapi.json", trust_env=False, timeout=5).status_code == 200:
                return
        except httpx2.HTTPError:
            time.sleep(0.1)
    raise RuntimeError(f"The demo product did not start:\n{log.read_text(errors='replace')[-2000:]}")

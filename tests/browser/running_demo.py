"""`make demo` as a person runs it: the whole of it in processes of its own, for the tests of this folder."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PASSWORD = "Demo-For-Tests-1"
#: Seconds until "ready".
PATIENCE = 120.0


@dataclass
class RunningDemo:
    """The demo's addresses, and a way past nlops to the product."""

    url: str
    product_url: str
    var: Path
    process: subprocess.Popen[str]
    environment: dict[str, str]

    def api(self, method: str, path: str, body: Any = None, tenant: str = "acme") -> httpx2.Response:
        """One call of the product's own API as the tenant's service account."""
        name, password = self.client(tenant)
        form = {"grant_type": "password", "username": name, "password": password}
        token = httpx2.post(f"{self.product_url}/auth/token", data=form, trust_env=False).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        return httpx2.request(
            method, f"{self.product_url}{path}", json=body, headers=headers, trust_env=False, timeout=30
        )

    def client(self, tenant: str) -> tuple[str, str]:
        """The service account that the demo made for the tenant."""
        secrets = json.loads((self.var / "secrets.json").read_text())
        return f"svc-{tenant}", secrets[f"{tenant}_client_password"]

    def ask(self, text: str, *options: str, tenant: str = "acme") -> dict[str, Any]:
        """`manage.py ask … --json`."""
        command = [sys.executable, "manage.py", "ask", text, "--tenant", tenant, "--as", f"customer@{tenant}.example"]
        done = subprocess.run(
            [*command, "--json", "--timeout", "90", *options],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def engine_workers(self) -> list[psutil.Process]:
        """The processes of the worker for the queue `engine`, the children that work first."""
        mine = psutil.Process(self.process.pid).children(recursive=True)
        found = []
        for child in mine:
            with contextlib.suppress(psutil.NoSuchProcess):
                if "engine@" in " ".join(child.cmdline()):
                    found.append(child)
        return sorted(found, key=lambda process: -process.pid)

    def broker(self) -> psutil.Process:
        """The process of Valkey: queue, pings and cache."""
        mine = psutil.Process(self.process.pid).children(recursive=True)
        return next(process for process in mine if "valkey" in process.name())

    def logs(self) -> str:
        """Everything that was logged."""
        return "\n".join(path.read_text(errors="replace") for path in (self.var / "log").glob("*.log"))


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """The demo with tokens that last a few seconds; stopped as by Ctrl-C."""
    var = tmp_path_factory.mktemp("demo")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    theirs = (
        "DATABASE_URL",
        "DATABASE_OWNER_URL",
        "CACHE_URL",
        "CELERY_BROKER_URL",
        "DJANGO_SETTINGS_MODULE",
        "NLOPS_MODEL",
    )
    environment = {name: value for name, value in os.environ.items() if name not in theirs and "PYTEST" not in name}
    environment |= {
        "DEMO_PASSWORD": PASSWORD,
        "DEMO_TOKEN_SECONDS": "3",
        "DEMO_SLOW_SECONDS": "8",
        "VAR": str(var),
        "NLOPS_MEMBER_RATE": "1000",
        "NLOPS_TENANT_RATE": "0",
        "NLOPS_ADDRESS_RATE": "0",
    }
    process = subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--port", str(port), "--var", str(var)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: list[str] = []
    threading.Thread(target=lambda: lines.extend(iter(process.stdout.readline, "")), daemon=True).start()
    deadline = time.monotonic() + PATIENCE
    while not any(line.startswith("nlops is ready at ") for line in lines):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise RuntimeError("The demo did not start:\n" + "".join(lines))
        time.sleep(0.1)
    url = next(line for line in lines if line.startswith("nlops is ready at ")).split()[-1]
    product = next(line.split()[-1] for line in lines if "openapi.json" in line).removesuffix("/openapi.json")
    yield RunningDemo(url, product, var, process, environment)
    process.send_signal(signal.SIGINT)
    process.wait(30)

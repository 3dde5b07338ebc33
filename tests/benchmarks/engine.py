"""What the engine adds to a run: `python -m tests.benchmarks.engine [--runs N]`.

Two journeys, each driven through the real flows on a real PostgreSQL: a read, and a write that asks for a missing
value and then for the person's yes. Beside them a LangGraph agent (its graph, interrupts and PostgreSQL checkpointer)
takes the same steps (select tools, model, check, send, model) on the same server, with the same scripted model,
against the same product over HTTP. The time in
the model and in the exchange with the product is measured on both sides and left out: what remains is overhead.

LangGraph runs twice: as it comes (checkpoints are written in the background) and with `durability="sync"`, which
promises what nlops does: nothing goes on before it is stored. nlops also locks, checks policy, provenance and schema,
writes the transcript and keeps tenants apart meanwhile; LangGraph's graph does nothing of that.

Prints the time per run, the number of SQL statements, and `ratio NAME VALUE` lines; smaller is better.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import django

from tests.benchmarks.overhead import CLOCK, READ, WRITE, Turn

RUNS = 60
USER = {"username": "alice", "email": "alice@example.org", "status": "active"}
DESCRIPTION = {
    "openapi": "3.1.0",
    "info": {"title": "Directory", "version": "1"},
    "paths": {
        "/users/{username}": {
            "get": {
                "operationId": "get_user",
                "summary": "Get a user",
                "parameters": [{"name": "username", "in": "path", "required": True, "schema": {"type": "string"}}],
                "responses": {"200": {"description": "The user"}},
            }
        },
        "/users": {
            "post": {
                "operationId": "create_user",
                "summary": "Create a user",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["username", "email"],
                                "properties": {"username": {"type": "string"}, "email": {"type": "string"}},
                            }
                        }
                    },
                },
                "responses": {"201": {"description": "Created"}},
            }
        },
    },
}


@contextmanager
def product() -> Iterator[str]:
    """A product on a free port of the loopback interface: its base URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(200)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self._answer(201)

        def _answer(self, status: int) -> None:
            body = json.dumps(USER).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()


# --- nlops ----------------------------------------------------------------------------------------------------


@contextmanager
def database() -> Iterator[str]:
    """A migrated database of its own, which Django's connections then use; its URL."""
    import environ
    import psycopg
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connections

    from nlops.services import testing
    from nlops.services.provision import provision
    from tests.conftest import _database_url

    admin = testing.postgres_admin_url()
    name = f"bench_engine_{uuid.uuid4().hex[:8]}"
    app, owner = (_database_url(admin, role, name) for role in ("nlops_app", "nlops_owner"))
    provision(admin, app, owner)
    for alias, url in (("default", app), ("owner", owner)):
        parsed = environ.Env.db_url_config(url)
        parsed["OPTIONS"] = {**settings.DATABASES[alias].get("OPTIONS", {}), **parsed.get("OPTIONS", {})}
        settings.DATABASES[alias].update(parsed)
        connections[alias].settings_dict.update(parsed)
    settings.CACHE_URL = settings.CELERY_BROKER_URL = testing.valkey_url()
    settings.CACHES["default"]["LOCATION"] = testing.valkey_url()
    call_command("migrate", database="owner", verbosity=0, interactive=False)
    try:
        yield admin.rsplit("/", 1)[0] + f"/{name}" if "?" not in admin else admin.replace("/postgres?", f"/{name}?")
    finally:
        connections.close_all()
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def nlops_journeys(base_url: str) -> dict[str, Callable[[], None]]:
    """The read and the write through ask, reply, confirm and the driver, in a seeded tenant."""
    from django.db import connection

    from accounts.context import tenant_context
    from conversations.flows import step
    from conversations.flows.advance import work_on
    from conversations.flows.ask import ask
    from conversations.flows.confirm import confirm
    from conversations.flows.reply import reply
    from conversations.models import Run
    from conversations.queue import driven_here
    from nlops.core.types import Completion, ToolCall
    from specs import sending
    from specs.flows.activate_version import activate_version
    from specs.flows.process_version import process_version
    from specs.flows.save_connection import save_connection
    from specs.flows.set_policy import set_default_policies
    from specs.flows.upload_version import upload_version
    from specs.models import Product
    from tests.conftest import make_people

    people = make_people("bench")
    tenant_id = people.tenant.pk
    with tenant_context(tenant_id), driven_here():
        row = Product.objects.create(tenant_id=tenant_id, name="Directory", slug="directory")
        version = upload_version(row, json.dumps(DESCRIPTION).encode(), "openapi.json", people.operator)
    process_version(tenant_id, version.pk)
    with tenant_context(tenant_id):
        version.refresh_from_db()
        activate_version(version, people.operator)
        set_default_policies(row, people.operator)
        save_connection(row, base_url=base_url)

    class Scripted:
        name, max_tools, languages, writes_text = "scripted", 28, None, False
        turns: Iterator[Turn] = iter(())

        def complete(self, messages: Any, tools: Any, limits: Any) -> Completion:
            with CLOCK.apart():
                turn = next(self.turns)
                return Completion("", (ToolCall("c", turn.tool, turn.arguments),) if turn.tool else ())

    model, real_send = Scripted(), sending.send

    def send(*args: Any, **kwargs: Any) -> Any:
        with CLOCK.apart():
            return real_send(*args, **kwargs)

    step.model_from_spec = lambda spec: model  # type: ignore[assignment]
    sending.send = send  # type: ignore[assignment]

    def count(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        CLOCK.statements += 1
        return execute(sql, params, many, context)

    def act(flow: Callable[[], Any]) -> Any:
        """What a person does in the browser, and what a worker then does."""
        with tenant_context(tenant_id):
            return flow()

    def check(run: Run, status: str) -> None:
        with CLOCK.apart(), tenant_context(tenant_id):
            run.refresh_from_db()
            assert run.status == status, (run.status, run.state["answer"])

    def read() -> None:
        with driven_here():
            with connection.execute_wrapper(count):
                model.turns = iter(READ)
                run = act(lambda: ask(people.customer, "Get the user alice"))
                work_on(tenant_id, run.pk)
            check(run, "answered")

    def write() -> None:
        with driven_here():
            with connection.execute_wrapper(count):
                model.turns = iter(WRITE)
                run = act(lambda: ask(people.customer, "Create the user zoe"))
                work_on(tenant_id, run.pk)
                # Its answer leads to the confirmation at once: no worker is needed in between.
                act(lambda: reply(people.customer, run, {"email": "zoe@example.org"}))
                act(lambda: confirm(people.customer, run, True))
                work_on(tenant_id, run.pk)
            check(run, "answered")

    return {"read": read, "write with a clarification": write}


# --- measuring ------------------------------------------------------------------------------------------------


def measured(journey: Callable[[], None]) -> tuple[float, int]:
    """Seconds of overhead and SQL statements of one run."""
    CLOCK.reset()
    began = time.perf_counter()
    journey()
    return time.perf_counter() - began - CLOCK.outside, CLOCK.statements


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure all in turn, so that what else the machine does falls on all of them, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"runs of each journey (default {RUNS})")
    runs = parser.parse_args(arguments).runs
    django.setup()
    from tests.benchmarks.langgraph_agent import langgraph_journeys

    logging.disable(logging.WARNING)
    with product() as base_url, database() as url:
        sides = {
            "nlops": nlops_journeys(base_url),
            "LangGraph": langgraph_journeys(base_url, url, "async"),
            "LangGraph, sync": langgraph_journeys(base_url, url, "sync"),
        }
        found: dict[tuple[str, str], list[tuple[float, int]]] = {}
        for turn in range(runs + 5):
            for side, journeys in sides.items():
                for name, journey in journeys.items():
                    figures = measured(journey)
                    if turn >= 5:
                        found.setdefault((side, name), []).append(figures)
    report(found)


def report(found: dict[tuple[str, str], list[tuple[float, int]]]) -> None:
    """Print milliseconds and statements of each, then the ratios of the medians."""
    medians: dict[str, float] = {}
    print(f"{'':<46}{'min':>9}{'median':>9}{'max':>9}  SQL")
    for (side, name), figures in found.items():
        times = sorted(seconds * 1000 for seconds, _ in figures)
        statements = statistics.median(count for _, count in figures)
        middle = statistics.median(times)
        medians[side] = medians.get(side, 0.0) + middle
        print(f"{side + ': ' + name:<46}{times[0]:>7.1f}ms{middle:>7.1f}ms{times[-1]:>7.1f}ms {statements:>4.0f}")
    print(f"ratio engine_langgraph {medians['nlops'] / medians['LangGraph']:.2f}")
    print(f"ratio engine_langgraph_sync {medians['nlops'] / medians['LangGraph, sync']:.2f}")


if __name__ == "__main__":
    import importlib
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nlops.settings")
    importlib.import_module("pytest")  # the settings for tests: made-up keys, no services of a demo
    main()

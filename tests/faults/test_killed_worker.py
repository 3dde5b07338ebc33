"""A worker dies by SIGKILL, between two steps and in the middle of a call: the conversation goes on, nothing twice."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from datetime import timedelta

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from accounts.context import tenant_context
from conversations.flows.sweep import sweep_runs
from conversations.models import Attempt, Run
from tests.conftest import make_people
from tests.faults.late_product import LateProduct
from tests.journeys import Journey, connect_product
from tests.scripted_server import Reply

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PASSWORD = "Correct-Horse-7"
WORKER = """
import sys, django
django.setup()
from conversations.flows.advance import work_on
work_on(sys.argv[1], sys.argv[2])
"""


#: A worker that kills itself when it comes to a place for the nth time.
DYING_WORKER = """
import os, signal, sys, django
django.setup()
from conversations.flows import advance, perform
tenant, run, place, times = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])

def die(*args, **kwargs):
    global times
    times -= 1
    if not times:
        os.kill(os.getpid(), signal.SIGKILL)

def wrapped(owner, name, before=False):
    real = getattr(owner, name)
    def act(*args, **kwargs):
        if before:
            die()
        found = real(*args, **kwargs)
        if not before:
            die()
        return found
    setattr(owner, name, act)

match place:
    case "claim, committed": wrapped(advance, "_claim")
    case "claim, before its commit" | "outcome, before its commit": wrapped(advance, "_take_up")
    case "outcome, committed": wrapped(advance, "_accept")
    case "call, before it goes out": wrapped(perform, "call_operation", before=True)
    case "call, answered": wrapped(perform, "call_operation")
advance.work_on(tenant, run)
"""


@pytest.fixture
def product(demo_product):
    late = LateProduct(demo_product.base_url)
    yield late
    late.close()


def script(request: dict) -> Reply:
    """A model that does what the tests say; it sees only what the engine sends it."""
    said = [message["content"] for message in request["messages"] if message["role"] == "user"][-1]
    if request["messages"][-1]["role"] == "tool":
        return Reply(text="")
    if said.startswith("Create a user named "):
        return Reply(calls=[("create_user", {"username": said.split()[-1]})])
    return Reply(calls=[("list_groups", {})])


@pytest.fixture
def chat(transactional_db, clean_cache, demo_product, product, scripted_server, monkeypatch) -> Journey:
    scripted_server.script = script
    monkeypatch.setattr(settings, "NLOPS_MODEL", scripted_server.model)
    people = make_people("acme")
    connect_product(people, demo_product, client=demo_product.client("acme"), base_url=product.base_url)
    return Journey(people.customer)


@pytest.fixture
def start_worker(test_database, chat):
    """A worker process of its own on one run."""
    started = []

    def start(run: Run, place: str = "", times: int = 1) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "nlops.settings",
            "DATABASE_URL": test_database.app_url,
            "CACHE_URL": settings.CACHE_URL,
            "CELERY_BROKER_URL": settings.CACHE_URL,
            "SECRET_KEY": settings.SECRET_KEY,
            "NLOPS_ENCRYPTION_KEYS": settings.NLOPS_ENCRYPTION_KEYS,
            "NLOPS_INSECURE_HTTP": "1",
            "NLOPS_PRIVATE_HOSTS": "127.0.0.1",
            "NLOPS_MODEL": settings.NLOPS_MODEL,
        }
        started.append(
            subprocess.Popen(
                [
                    *(sys.executable, "-c", DYING_WORKER if place else WORKER),
                    *(str(run.tenant_id), str(run.pk), place, str(times)),
                ],
                env=environment,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_killed_during_a_write_the_next_worker_goes_on_and_nothing_is_written_twice(
    chat, product, demo_product, start_worker, unique
):
    chat.say(f"Create a user named {unique}").reply(password=PASSWORD)
    chat.confirm(work=False)
    product.be_late("POST", 20)
    worker = start_worker(chat.run)
    assert product.done.wait(30), "the write never reached the product"
    kill(worker)
    product.be_late("", 0)
    chat.work()
    assert chat.status == "answered", chat.answer
    assert demo_product.api("GET", f"/users/{unique}").status == 200
    with tenant_context(chat.tenant_id):
        # The second try carried the same idempotency key, so the product answered it without a second user.
        assert Attempt.objects.filter(call__run=chat.run).count() == 2
    created = demo_product.api("GET", f"/audit-log?action=create_user&target={unique}")
    entries = created.json().get("items", []) if created.status == 200 else []
    assert len([entry for entry in entries if entry.get("target") == unique]) <= 1


def test_killed_between_question_and_answer_the_conversation_goes_on_in_another_process(
    chat, demo_product, start_worker, unique
):
    chat.say(f"Create a user named {unique}", work=False)
    first = start_worker(chat.run)
    first.wait(60)
    with tenant_context(chat.tenant_id):
        chat.run.refresh_from_db()
    assert chat.status == "asking"
    chat.reply(password=PASSWORD, work=False)
    second = start_worker(chat.run)
    second.wait(60)
    with tenant_context(chat.tenant_id):
        chat.run.refresh_from_db()
    assert chat.status == "confirming"
    chat.confirm()
    assert chat.status == "answered"
    assert demo_product.api("GET", f"/users/{unique}").status == 200


def test_killed_during_a_read_it_is_read_again(chat, product, start_worker):
    product.be_late("GET", 20)
    chat.say("List all groups", work=False)
    worker = start_worker(chat.run)
    assert product.done.wait(60)
    kill(worker)
    product.be_late("", 0)
    chat.work()
    assert chat.status == "answered", chat.answer


def test_a_living_worker_keeps_its_lease_and_a_second_one_leaves_the_run_alone(chat, product, start_worker):
    product.be_late("GET", 3)
    chat.say("List all groups", work=False)
    worker = start_worker(chat.run)
    assert product.done.wait(60)
    before = len(product.seen)
    chat.work()
    assert chat.status == "working"
    assert len(product.seen) == before
    worker.wait(60)
    with tenant_context(chat.tenant_id):
        chat.run.refresh_from_db()
    assert chat.status == "answered"


def test_the_sweeper_finds_a_run_whose_worker_died_and_whose_word_was_lost(chat, product, start_worker):
    product.be_late("GET", 20)
    chat.say("List all groups", work=False)
    worker = start_worker(chat.run)
    assert product.done.wait(60)
    assert sweep_runs() == 0, "it is young, and its worker lives"
    with tenant_context(chat.tenant_id):
        Run.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    assert sweep_runs() == 0, "its worker lives"
    kill(worker)
    assert sweep_runs() == 1


def test_a_step_that_kills_its_worker_every_time_ends_the_run_and_does_not_turn_for_ever(chat, monkeypatch):
    class Killed(BaseException):
        """What a worker sees of its own death: nothing that it could catch."""

    def die(*args: object) -> None:
        raise Killed

    monkeypatch.setattr("conversations.flows.advance._perform", die)
    chat.say("List all groups", work=False)
    for _ in range(200):
        with tenant_context(chat.tenant_id):
            Run.objects.update(lease_until=timezone.now())
        with contextlib.suppress(Killed):
            chat.work()
        if chat.status == "failed":
            break
    assert chat.status == "failed"


@pytest.mark.parametrize(
    ("place", "times"),
    [
        ("claim, before its commit", 1),
        ("claim, committed", 1),
        ("call, before it goes out", 1),
        ("call, answered", 1),
        ("outcome, before its commit", 2),
        ("outcome, committed", 1),
    ],
)
def test_killed_at_each_place_of_a_step_the_write_is_done_once_and_told(
    chat, demo_product, start_worker, unique, place, times
):
    chat.say(f"Create a user named {unique}").reply(password=PASSWORD)
    chat.confirm(work=False)
    worker = start_worker(chat.run, place, times)
    assert worker.wait(60) == -signal.SIGKILL, "it did not come to that place"
    chat.work()
    assert chat.status == "answered", chat.answer
    assert demo_product.api("GET", f"/users/{unique}").status == 200
    entries = demo_product.api("GET", f"/audit-log?action=create_user&target={unique}").json()["items"]
    assert len([entry for entry in entries if entry["target"] == unique]) == 1


def test_the_database_goes_away_while_the_product_works_and_the_outcome_is_not_lost(
    chat, product, start_worker, unique, test_database, postgres_admin_url, demo_product
):
    chat.say("List all groups")  # the token for what follows
    chat.say(f"Create a user named {unique}").reply(password=PASSWORD)
    chat.confirm(work=False)
    product.be_late("POST", 2)
    worker = start_worker(chat.run)
    assert product.done.wait(30)
    with psycopg.connect(postgres_admin_url, autocommit=True) as admin:
        cut = admin.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s AND pid <> %s",
            [test_database.name, connection.connection.info.backend_pid],
        ).fetchone()
    assert cut is not None
    assert cut[0] >= 1, "the worker's connection was to be cut"
    assert worker.wait(60) == 0
    with tenant_context(chat.tenant_id):
        chat.run.refresh_from_db()
        assert Attempt.objects.filter(call__run=chat.run).count() == 1
    assert chat.status == "answered", chat.answer


def test_three_workers_that_are_told_of_one_run_send_its_write_once(chat, product, start_worker, unique):
    chat.say(f"Create a user named {unique}").reply(password=PASSWORD)
    chat.confirm(work=False)
    product.be_late("POST", 1)
    workers = [start_worker(chat.run) for _ in range(3)]
    assert [worker.wait(90) for worker in workers] == [0, 0, 0]
    with tenant_context(chat.tenant_id):
        chat.run.refresh_from_db()
    assert chat.status == "answered", chat.answer
    assert [seen for seen in product.seen if seen == ("POST", "/users")] == [("POST", "/users")]

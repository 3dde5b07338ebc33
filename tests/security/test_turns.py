"""One tenant's flood does not keep the others waiting."""

from __future__ import annotations

import queue
import threading
import time

import pytest
from django.db import connection

from accounts.context import tenant_context
from conversations.flows import take_turn as turns
from conversations.flows.ask import ask
from conversations.flows.set_budget import set_budget
from conversations.flows.take_turn import take_turn
from conversations.models import Conversation, Run
from tests.conftest import People, make_people

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

FLOOD = 40


@pytest.fixture
def tenants(transactional_db, clean_cache, settings) -> list[People]:
    settings.NLOPS_MEMBER_RATE = settings.NLOPS_TENANT_RATE = 0
    return [make_people("acme"), make_people("globex"), make_people("initech")]


def asked(people: People, count: int, conversation: Conversation | None = None) -> list[tuple[str, str]]:
    """The words that the queue gets. Each request is over as soon as a worker begins it: the budget is 0."""
    with tenant_context(people.tenant.pk):
        runs = [ask(people.customer, f"Get the user user{number}", conversation) for number in range(count)]
        set_budget(people.owner, "tokens", {"hard": 0})
    return [(str(people.tenant.pk), str(run.pk)) for run in runs]


def finished(people: People) -> int:
    with tenant_context(people.tenant.pk):
        return Run.objects.exclude(finished_at=None).count()


def test_tenants_take_turns_however_many_requests_each_has_waiting(tenants):
    acme, globex, initech = tenants
    words = asked(acme, FLOOD) + asked(globex, 2) + asked(initech, 1)
    for word in words[:6]:  # the first six words are all about acme's
        take_turn(*word)
    assert (finished(acme), finished(globex), finished(initech)) == (3, 2, 1)
    for word in words[6:]:
        take_turn(*word)
    assert (finished(acme), finished(globex), finished(initech)) == (FLOOD, 2, 1)  # one word, one request: none is lost


def test_a_word_that_comes_twice_does_no_harm(tenants):
    acme, globex, _ = tenants
    words = asked(acme, 3) + asked(globex, 1)
    for word in [*words, *words]:
        take_turn(*word)
    assert (finished(acme), finished(globex)) == (3, 1)


def test_requests_of_a_conversation_keep_their_order(tenants):
    acme, globex, _ = tenants
    with tenant_context(acme.tenant.pk):
        conversation = Conversation.objects.create(tenant=acme.tenant, member=acme.customer)
    words = asked(acme, 3, conversation) + asked(globex, 1)
    for word in reversed(words):
        take_turn(*word)
    with tenant_context(acme.tenant.pk):
        ended = [run.finished_at for run in conversation.runs.order_by("number")]
    assert ended == sorted(ended)


def test_without_a_cache_the_requests_are_done_all_the_same(tenants, monkeypatch):
    class Away:
        def get_many(self, keys):
            raise OSError("no cache")

        def set(self, *args, **kwargs):
            raise OSError("no cache")

    monkeypatch.setattr(turns, "cache", Away())
    acme, globex, _ = tenants
    for word in asked(acme, 3) + asked(globex, 2):
        take_turn(*word)
    assert (finished(acme), finished(globex)) == (3, 2)


def test_what_was_begun_before_goes_on_by_its_own_word(tenants):
    """A decision or an answer that a person gave does not stand behind the requests that are new."""
    acme, globex, _ = tenants
    begun, *_ = asked(acme, 1)
    with tenant_context(acme.tenant.pk):
        Run.objects.filter(pk=begun[1]).update(status="working")
    asked(globex, 2)
    take_turn(*begun)
    assert (finished(acme), finished(globex)) == (1, 0)


def test_with_two_slow_workers_another_tenants_request_begins_next(tenants, monkeypatch):
    """Workers that take a while for each: whoever comes after a flood waits for one request, not for forty."""
    acme, globex, _ = tenants
    words: queue.Queue[tuple[str, str] | None] = queue.Queue()
    begun: list[str] = []
    real = turns.work_on

    def slow(tenant_id, run_id):
        had_work = real(tenant_id, run_id)
        if had_work:
            begun.append(str(tenant_id))
            time.sleep(0.01)
        return had_work

    monkeypatch.setattr(turns, "work_on", slow)
    for word in asked(acme, FLOOD) + asked(globex, 1):
        words.put(word)

    def worker() -> None:
        try:
            while (word := words.get()) is not None:
                take_turn(*word)
        finally:
            connection.close()

    workers = [threading.Thread(target=worker) for _ in range(2)]
    for _ in workers:
        words.put(None)
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join(120)
    assert len(begun) == FLOOD + 1
    assert begun.index(str(globex.tenant.pk)) <= 3

"""At most one effect, none lost, none reported wrongly: over random histories of faults, each from one seed.

NLOPS_HISTORY_SEED=123 plays one of them again and prints what happened in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from django.conf import settings

from accounts.context import tenant_context
from conversations.flows import step
from conversations.models import Approval, Attempt, Conversation, Event, Run
from nlops.core.engine import RunState
from nlops.core.types import CallStatus
from specs.flows.activate_version import activate_version
from specs.flows.process_version import process_version
from specs.flows.save_connection import save_connection
from specs.flows.set_policy import set_default_policies
from specs.flows.upload_version import upload_version
from specs.models import Product
from tests.conftest import People, make_people
from tests.faults.histories import DeterministicModel, History, Wish, scheduled
from tests.faults.ledger_product import LedgerProduct, description

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

SEEDS = 512
#: Histories of one test: its set-up is paid once.
CHUNK = 64
METHODS = {"make_item": "POST", "add_note": "POST", "paint_item": "PUT", "drop_item": "DELETE"}


@pytest.fixture
def product() -> Iterator[LedgerProduct]:
    found = LedgerProduct()
    yield found
    found.close()


@pytest.fixture
def people(transactional_db, clean_cache, product) -> People:
    found = make_people("acme")
    with tenant_context(found.tenant.pk):
        row = Product.objects.create(tenant_id=found.tenant.pk, name="Ledger", slug="ledger")
        version = upload_version(row, description(), "openapi.json", found.operator)
    process_version(found.tenant.pk, version.pk)
    with tenant_context(found.tenant.pk):
        version.refresh_from_db()
        activate_version(version, found.operator)
        set_default_policies(row, found.operator)
        save_connection(row, base_url=product.base_url)
    return found


def seeds() -> list[list[int]]:
    one = os.environ.get("NLOPS_HISTORY_SEED")
    if one:
        return [[int(one)]]
    return [list(range(first, first + CHUNK)) for first in range(0, SEEDS, CHUNK)]


@pytest.mark.parametrize("chunk", seeds(), ids=lambda chunk: f"{chunk[0]}-{chunk[-1]}")
def test_no_fault_makes_a_write_happen_twice_get_lost_or_be_reported_wrongly(
    chunk, people, product, postgres_admin_url, monkeypatch
):
    model = DeterministicModel()
    monkeypatch.setattr(step, "model_from_spec", lambda spec: model)
    monkeypatch.setattr(settings, "NLOPS_MEMBER_RATE", 100_000)
    monkeypatch.setattr(settings, "NLOPS_TENANT_RATE", 0)
    for seed in chunk:
        history = History(seed, people, product, admin_url=postgres_admin_url)
        with scheduled(history, monkeypatch):
            history.play()
        if len(chunk) == 1:
            print("\n".join(history.log))
        try:
            check(history)
        except AssertionError as error:
            told = "\n".join(history.log)
            raise AssertionError(f"NLOPS_HISTORY_SEED={seed}: {error}\n{told}") from error


def check(history: History) -> None:
    with tenant_context(history.people.tenant.pk):
        for wish in history.wishes:
            run = Run.objects.get(pk=wish.run_id)
            check_effects(history, wish, run)
            check_record(run)
        for conversation in {Run.objects.get(pk=wish.run_id).conversation_id for wish in history.wishes}:
            check_transcript(conversation)


def check_effects(history: History, wish: Wish, run: Run) -> None:
    """What the product's ledger holds against what the run says."""
    state = RunState.from_json(run.state)
    said = {
        (METHODS[call.tool], call.arguments.get("name")): call
        for call in state.calls
        if call.tool in METHODS and not call.superseded
    }
    assert run.finished_at is not None, f"“{wish.text}” is {run.status}"
    for effect in wish.effects:
        done = history.product.count(*effect)
        call = said.get(effect)
        assert done <= 1 + wish.repeats, f"{effect} was done {done} times, {wish.repeats} repetitions were agreed to"
        if call is None or call.status in (CallStatus.REJECTED, CallStatus.BLOCKED, CallStatus.FAILED):
            told = "nothing" if call is None else call.status.value
            assert done == 0, f"{effect} was done, but the run says {told} ({run.status})"
        elif call.status is CallStatus.SUCCEEDED:
            assert done >= 1, f"{effect} is reported as done, but it was not"
        else:
            assert call.status is CallStatus.IN_DOUBT, f"{effect} ended as {call.status.value}"
            assert run.flags.filter(reason="in_doubt").exists(), "what is in doubt is flagged"


def check_record(run: Run) -> None:
    """The rows agree with one another."""
    assert run.lease_token is None
    assert run.lease_until is None
    finals = list(
        run.events.filter(kind__in=["answered", "refused", "failed", "cancelled"]).values_list("kind", flat=True)
    )
    assert finals == [run.status], f"the transcript ends with {finals}, the run is {run.status}"
    state = RunState.from_json(run.state)
    rows = {call.key: call.status for call in run.calls.all()}
    assert rows == {call.id: call.status.value for call in state.calls}, "calls in the state and in rows differ"
    assert not Attempt.objects.filter(call__run=run, finished_at=None).exists(), "an attempt was never finished"
    for call in run.calls.all():
        numbers = list(call.attempts.order_by("number").values_list("number", flat=True))
        assert numbers == list(range(1, len(numbers) + 1))
    assert not Approval.objects.filter(run=run, status="waiting").exists()


def check_transcript(conversation: object) -> None:
    sequences = list(
        Event.objects.filter(conversation_id=conversation).order_by("sequence").values_list("sequence", flat=True)
    )
    assert sequences == list(range(1, len(sequences) + 1)), "the transcript has gaps or doubles"
    assert Conversation.objects.filter(pk=conversation).exists()

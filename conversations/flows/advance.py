"""The driver of a run: takes the work that the state names, does it between two transactions, brings back the event.

Every transaction is under the run's row lock. It accepts the outcome of the work before, only if the lease on that is
still its own, takes the run's next step, and records the intent of the next work with a new lease. A worker may die
anywhere: another one goes on from the rows.
"""

from __future__ import annotations

import functools
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from accounts.context import tenant_context
from accounts.encryption import decrypt
from accounts.models import Mode
from conversations.budget import spent_words, standing
from conversations.dispatch import DispatchRefused, check_dispatch
from conversations.draft import Draft
from conversations.flows.perform import AskModel, AskWords, SendCall
from conversations.flows.select_tools import select_operations, services_to_search
from conversations.flows.step import Step, bounds, model_name, model_of
from conversations.lease import lease_is_void, worker_name
from conversations.models import Run
from conversations.prompting import asked_for_words, prompted, system_prompt_of
from conversations.queue import look_at
from conversations.recording import idempotency_key
from conversations.statements import lock_run
from nlops.core.engine import (
    Begun,
    CallBlocked,
    CallLost,
    CallReturned,
    Cancelled,
    EngineEvent,
    ModelFailed,
    Record,
    RunState,
    WorkKind,
)
from nlops.core.phrases import speaking
from nlops.core.prompts import build_messages, search_messages
from nlops.core.tools import OWN_TOOLS
from nlops.core.types import CallStatus, Role, RunStatus
from nlops.core.views import target
from nlops.llm.base import Limits
from nlops.llm.registry import ModelConfigurationError

log = structlog.get_logger(__name__)

#: Tokens and seconds that a model has for search words: they are a help, and the person waits.
WORDS_TOKENS, WORDS_SECONDS = 100, 15.0
#: What a person hears of a fault of ours; the log has the cause.
FAULT = "Something went wrong inside nlops; it was recorded. Please try again."


@dataclass(slots=True)
class Claim:
    """A lease on one piece of work, with all that the work needs: it goes on without the database."""

    state: RunState
    token: uuid.UUID
    job: AskModel | AskWords | SendCall


def work_on(tenant_id: uuid.UUID | str, run_id: uuid.UUID | str) -> bool:
    """Do the run's work until it waits for a person, for a moment, or is over, or until another worker has it.

    Whether there was any to do.
    """
    with structlog.contextvars.bound_contextvars(tenant=str(tenant_id), run=str(run_id)):
        claim: Claim | None = None
        try:
            had_work, claim = _claim(tenant_id, run_id)
            while claim:
                claim = _accept(tenant_id, run_id, claim, *_timed(tenant_id, run_id, claim))
            return had_work
        except (OperationalError, InterfaceError):
            raise  # the database is away: the sweeper comes back to the run
        except Exception:
            log.exception("step_failed", work=claim.state.work if claim else None)
            _give_up(tenant_id, run_id, claim)
            return True


def _timed(tenant_id: uuid.UUID | str, run_id: uuid.UUID | str, claim: Claim) -> tuple[EngineEvent, float]:
    """The outcome of the claim's work, and the seconds that it took."""
    began = time.monotonic()
    try:
        event = _perform(tenant_id, run_id, claim)
    except Exception:
        log.exception("work_failed", work=claim.state.work)
        event = _fault_of(claim.state)
    return event, time.monotonic() - began


def _perform(tenant_id: uuid.UUID | str, run_id: uuid.UUID | str, claim: Claim) -> EngineEvent:
    """The slow work, outside of any transaction."""
    return claim.job.perform()


def _fault_of(state: RunState) -> EngineEvent:
    """A fault of ours must not leave a run turning for ever."""
    if state.work is not None and state.work.kind is WorkKind.SEND_CALL:
        return CallLost(state.work.call_id, FAULT, sent=state.call(state.work.call_id).status is CallStatus.SENT)
    return ModelFailed(FAULT)


# --- transactions ---------------------------------------------------------------------------------------------


def _claim(tenant_id: uuid.UUID | str, run_id: uuid.UUID | str) -> tuple[bool, Claim | None]:
    """First transaction of a worker on the run: whether it took a step, and the slow work that comes next.

    Neither when there is nothing to do, or another worker is at it.
    """
    with tenant_context(tenant_id):
        try:
            run = lock_run(run_id)
        except Run.DoesNotExist:
            return False, None
        if run.status not in (RunStatus.QUEUED, RunStatus.WORKING) or _is_held(run) or _waits(run):
            return False, None
        return True, _take_up(Step(run))


def _accept(
    tenant_id: uuid.UUID | str, run_id: uuid.UUID | str, claim: Claim, event: EngineEvent, elapsed: float
) -> Claim | None:
    """Take the outcome, if the lease is still ours, and the next work with it. None when there is none for now.

    The outcome is worth more than the work after it: while the database is away it is kept, and where the next work
    can't be taken up it is taken alone.
    """
    outcome = _Outcome(event, elapsed)
    try:
        return _insisting(functools.partial(_take_outcome, tenant_id, run_id, claim, outcome))
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("work_not_taken_up", outcome=type(event).__name__)
        _take_outcome(tenant_id, run_id, claim, outcome, go_on=False)
        return None


@dataclass(slots=True)
class _Outcome:
    """What came of a claim's work."""

    event: EngineEvent
    elapsed: float
    #: the claim of a transaction of which nobody knows whether it was committed
    next_claim: Claim | None = None


def _take_outcome(
    tenant_id: uuid.UUID | str, run_id: uuid.UUID | str, claim: Claim, outcome: _Outcome, *, go_on: bool = True
) -> Claim | None:
    """One transaction: the outcome, and with `go_on` the next work."""
    event = outcome.event
    with tenant_context(tenant_id):
        run = lock_run(run_id)
        if outcome.next_claim is not None and run.lease_token == outcome.next_claim.token:
            return outcome.next_claim
        if run.lease_token != claim.token:
            log.warning("lease_lost", outcome=type(event).__name__)
            return None
        step = Step(run)
        if isinstance(event, CallReturned):
            step.finished(event.call_id, event.http_status, "")
        elif isinstance(event, CallLost):
            step.finished(event.call_id, 0, event.message)
        step.take(event, elapsed=outcome.elapsed)
        if go_on:
            outcome.next_claim = _take_up(step)
            return outcome.next_claim
        step.write()
        if step.state.work is not None:
            look_at(run.tenant_id, run.pk, delay=step.state.work.delay)
        return None


def _insisting(act: Callable[[], Claim | None]) -> Claim | None:
    """Once more on a new connection when the database went away, for about as long as the lease holds."""
    patience = iter((0.1, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0))
    while True:
        try:
            return act()
        except (OperationalError, InterfaceError) as error:
            pause = next(patience, None)
            if pause is None:
                raise
            log.warning("database_away", error=type(error).__name__, pause=pause)
            connection.close()
            time.sleep(pause)


def _give_up(tenant_id: uuid.UUID | str, run_id: uuid.UUID | str, claim: Claim | None) -> None:
    """End a run whose work or outcome can't be taken; a call that was under way is named as being in doubt."""
    with tenant_context(tenant_id):
        run = lock_run(run_id)
        if claim is not None and run.lease_token != claim.token:
            return
        step = Step(run, with_tools=False)
        step.take(ModelFailed(FAULT))
        step.write()


def _is_held(run: Run) -> bool:
    """Whether a living worker has the lease."""
    return run.lease_until is not None and not lease_is_void(run.lease_until, run.lease_worker)


def _waits(run: Run) -> bool:
    """Whether an earlier request of the conversation comes first, or the moment has not come."""
    if _is_early(run):
        _look_later(run)
        return True
    return (
        run.status == RunStatus.QUEUED
        and run.number > 1
        and run.conversation.runs.filter(
            number__lt=run.number, status__in=[RunStatus.QUEUED, RunStatus.WORKING]
        ).exists()
    )


def _is_early(run: Run) -> bool:
    return run.wake_at is not None and run.wake_at > timezone.now()


def _look_later(run: Run) -> None:
    assert run.wake_at is not None
    look_at(run.tenant_id, run.pk, delay=max(0.0, (run.wake_at - timezone.now()).total_seconds()))


# --- the next work --------------------------------------------------------------------------------------------


def _take_up(step: Step) -> Claim | None:
    """Record the intent of the run's next work with a lease on it; steps that need no slow work are taken at once."""
    run = step.run
    if run.mode is Mode.STOPPED and step.state.work is not None:
        step.take(Cancelled(halted=True))
    while step.state.work is not None and not _is_early(run):
        # Counted here, too: work that kills its worker each time never gets to `advance`.
        step.state.steps += 1
        found = _fault_of(step.state) if step.state.steps > bounds().steps else _job(step)
        if isinstance(found, AskModel | AskWords | SendCall):
            token = uuid.uuid4()
            run.lease_token, run.lease_worker = token, worker_name()
            run.lease_until = timezone.now() + timedelta(seconds=settings.NLOPS_LEASE_SECONDS)
            run.status = RunStatus.WORKING
            run.wake_at = None
            step.write()
            return Claim(step.state, token, found)
        step.take(found)
    step.write()
    if step.state.work is not None:
        _look_later(run)
    return None


def _job(step: Step) -> AskModel | AskWords | SendCall | EngineEvent:
    """The slow work that is next, or an event when it needs none."""
    assert step.state.work is not None
    try:
        match step.state.work.kind:
            case WorkKind.SELECT_TOOLS:
                return _select_tools(step)
            case WorkKind.ASK_MODEL:
                return _ask_model(step)
            case WorkKind.SEND_CALL:
                return _send_call(step)
    except ModelConfigurationError as error:
        return ModelFailed(str(error))


def _select_tools(step: Step) -> AskWords | EngineEvent:
    """The ranked operations; where the request's words rank none before others, the model's search words come first."""
    run, state = step.run, step.state
    now = standing(run.conversation.member)
    if now is not None and (now.is_spent or now.is_own_spent):
        # Others that were admitted before it have used it up since. Another model would be paid from it, too.
        state.uses_fallback = True
        return ModelFailed(spent_words(run.conversation.member, now))
    model = model_of(run, state)
    run.model = model_name(run, state)
    before = " ".join([message.content for message in state.history if message.role is Role.USER][-1:])
    if state.search_words is None and (services := services_to_search(state.request, model)):
        messages = search_messages(state.request, before, services)
        limits = Limits(max_tokens=WORDS_TOKENS, timeout=WORDS_SECONDS, now=step.now)
        step.record(asked_for_words(run, messages, limits))
        return AskWords(model, messages, limits)
    return Begun(tuple(select_operations(state.request, before, model, state.search_words or ())))


def _ask_model(step: Step) -> AskModel:
    run, state = step.run, step.state
    run.model = model_name(run, state)
    model, offered = model_of(run, state), [*OWN_TOOLS, *step.tools.values()]
    system = system_prompt_of(run, step.tools.values(), step.now, with_examples=model.writes_text)
    messages = build_messages(system=system, history=state.history, request=state.request, run=state.messages[1:])
    draft = Draft(run.conversation_id, run.pk, state.calls, "\n".join(state.said))
    may_end = model.writes_text and any(call.status is CallStatus.SUCCEEDED for call in state.calls)
    limits = Limits(
        now=step.now,
        timeout=min(60.0, settings.NLOPS_LEASE_SECONDS - 20),
        on_text=draft.add if may_end else None,
    )
    step.record(prompted(run, messages, offered, limits, state.operation_ids))
    return AskModel(model, messages, offered, limits)


def _send_call(step: Step) -> SendCall | EngineEvent:
    """Check the call once more and record that it goes out; an event instead when it must not."""
    run, state = step.run, step.state
    assert state.work is not None
    record = state.call(state.work.call_id)
    if record.status is CallStatus.SENT:
        # The lease of whoever sent it is void: nobody knows what came of it.
        step.finished(record.id, 0, "the worker stopped")
        return CallLost(record.id, "The worker that made this call stopped.", sent=True)
    try:
        with speaking(state.language):
            operation, connection = check_dispatch(run, record, step.tools.get(record.tool))
    except DispatchRefused as error:
        return CallBlocked(record.id, str(error))
    record.status = CallStatus.SENT
    record.tries += 1
    step.sent(record)
    shown = target(operation.path, record.arguments)
    step.record(
        Record("sent", {"call_id": record.id, "method": operation.method, "target": shown, "attempt": record.tries})
    )
    secrets = {
        secret.name: decrypt(secret.ciphertext, tenant_id=run.tenant_id, record=secret.record())
        for secret in (run.secrets.all() if state.secrets else ())
    }
    key = str(idempotency_key(run, record.id))
    return SendCall(record.id, operation, connection, dict(record.arguments), key, secrets, state.language)

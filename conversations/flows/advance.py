"""The driver of a run: takes the work that the state names, does it between two transactions, brings back the event.

Every step is one transaction under the run's row lock. The first records the intent and a lease; the second accepts
the outcome only if the lease is still its own. A worker may die anywhere: another one goes on from the rows.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
import psutil
import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from accounts.context import tenant_context
from accounts.encryption import decrypt
from conversations.dispatch import DispatchRefused, check_dispatch
from conversations.flows.select_tools import select_operations
from conversations.flows.step import context_of, model_name, model_of, step, tools_of
from conversations.models import Attempt, Call, Run
from conversations.queue import look_at
from conversations.recording import append_events, lock, save
from nlops.core.checkpoints import is_secret
from nlops.core.engine import (
    Begun,
    Bounds,
    CallBlocked,
    CallLost,
    CallReturned,
    Context,
    EngineEvent,
    ModelAnswered,
    ModelFailed,
    Record,
    RunState,
    WorkKind,
    advance,
)
from nlops.core.prompts import PROMPT_VERSION, build_messages, system_prompt
from nlops.core.secrets import redact
from nlops.core.tools import OWN_TOOLS
from nlops.core.types import CallStatus, Json, Message, Role, RunStatus, Tool
from nlops.core.views import target
from nlops.llm.base import Limits, ModelError
from nlops.llm.registry import ModelConfigurationError
from specs.flows.call_product import ProductUnreachable, call_operation
from specs.http import wait_told
from specs.models import Connection

log = structlog.get_logger(__name__)

#: Characters of a response body that a run keeps; longer lists are cut and say so.
KEPT_CHARACTERS = 200_000


@dataclass(slots=True)
class Claim:
    """A lease on one piece of work."""

    state: RunState
    token: uuid.UUID


def work_on(tenant_id: uuid.UUID | str, run_id: uuid.UUID | str) -> None:
    """Do the run's work until it waits for a person, for a moment, or is over, or until another worker has it."""
    with structlog.contextvars.bound_contextvars(tenant=str(tenant_id), run=str(run_id)):
        while claim := _claim(tenant_id, run_id):
            began = time.monotonic()
            try:
                event = _perform(tenant_id, run_id, claim)
            except Exception:
                log.exception("step_failed", work=claim.state.work)
                event = _after_a_fault(claim)
            try:
                if not _accept(tenant_id, run_id, claim, event, elapsed=time.monotonic() - began):
                    return
            except (OperationalError, InterfaceError):
                raise  # the database is away: the sweeper comes back to the run
            except Exception:
                log.exception("step_not_accepted", outcome=type(event).__name__)
                _give_up(tenant_id, run_id, claim)
                return


def _claim(tenant_id: uuid.UUID | str, run_id: uuid.UUID | str) -> Claim | None:
    """First transaction of a step: record the intent and take the lease. None when there is nothing to do."""
    with tenant_context(tenant_id):
        try:
            run = lock(run_id)
        except Run.DoesNotExist:
            return None
        if run.status not in (RunStatus.QUEUED, RunStatus.WORKING) or _is_held(run) or _waits(run):
            return None
        state = RunState.from_json(run.state)
        if state.work is None:
            return None
        # Counted here, too: a step that kills its worker each time never gets to `advance`.
        state.steps += 1
        if state.steps > Bounds().steps:
            step(run, _after_a_fault(Claim(state, uuid.uuid4())), state=state)
            return None
        if state.work.kind is WorkKind.SEND_CALL:
            early = _before_sending(run, state)
            if early is not None:
                step(run, early, state=state)
                return None  # the next word to the queue, sent with this commit, goes on
        token = uuid.uuid4()
        run.lease_token, run.lease_worker = token, worker_name()
        run.lease_until = timezone.now() + timedelta(seconds=settings.NLOPS_LEASE_SECONDS)
        run.status = RunStatus.WORKING
        run.wake_at = None
        run.state = state.to_json()
        run.save()
        return Claim(state, token)


def _waits(run: Run) -> bool:
    """Whether an earlier request of the conversation comes first, or the moment has not come."""
    if run.wake_at is not None and run.wake_at > timezone.now():
        look_at(run.tenant_id, run.pk, delay=(run.wake_at - timezone.now()).total_seconds())
        return True
    return (
        run.status == RunStatus.QUEUED
        and run.conversation.runs.filter(
            number__lt=run.number, status__in=[RunStatus.QUEUED, RunStatus.WORKING]
        ).exists()
    )


def _is_held(run: Run) -> bool:
    """Whether a living worker has the lease."""
    return run.lease_until is not None and not lease_is_void(run.lease_until, run.lease_worker)


def lease_is_void(until: datetime | None, worker: str) -> bool:
    """A lease ends with its time, or with its worker, where that can be seen: on the same machine."""
    if until is None or until <= timezone.now():
        return True
    host, _, rest = worker.partition("/")
    if host != socket.gethostname():
        return False
    pid, _, started = rest.partition("/")
    try:
        return f"{psutil.Process(int(pid)).create_time():.2f}" != started
    except psutil.Error:
        return True


def worker_name() -> str:
    """host/pid/start: names this process so that its death can be seen."""
    return f"{socket.gethostname()}/{os.getpid()}/{psutil.Process().create_time():.2f}"


def _before_sending(run: Run, state: RunState) -> EngineEvent | None:
    """Check the call once more and record that it goes out; an event instead when it must not."""
    assert state.work is not None
    record = state.call(state.work.call_id)
    call = Call.objects.select_related("operation__version__product").get(run=run, key=record.id)
    if record.status is CallStatus.SENT:
        # The lease of whoever sent it is void: nobody knows what came of it.
        _finish_attempt(call, 0, "the worker stopped")
        return CallLost(record.id, "The worker that made this call stopped.", sent=True)
    try:
        check_dispatch(run, call)
    except DispatchRefused as error:
        return CallBlocked(record.id, str(error))
    record.status = CallStatus.SENT
    record.tries += 1
    call.status = CallStatus.SENT
    call.idempotency_key = call.idempotency_key or uuid.uuid4()
    call.save(update_fields=["status", "idempotency_key", "updated_at"])
    number = call.attempts.count() + 1
    Attempt.objects.create(tenant_id=run.tenant_id, call=call, number=number, sent_at=timezone.now())
    operation = call.operation
    shown = target(operation.path, call.arguments)
    append_events(
        run,
        [Record("sent", {"call_id": record.id, "method": operation.method, "target": shown, "attempt": number})],
    )
    return None


def _finish_attempt(call: Call, http_status: int, error: str) -> None:
    call.attempts.filter(finished_at=None).update(
        finished_at=timezone.now(), http_status=http_status, error=error[:500]
    )


def _perform(tenant_id: uuid.UUID | str, run_id: uuid.UUID | str, claim: Claim) -> EngineEvent:
    """The slow work, outside of any transaction."""
    work = claim.state.work
    assert work is not None
    match work.kind:
        case WorkKind.SELECT_TOOLS:
            with tenant_context(tenant_id):
                return _select_tools(Run.objects.select_related("tenant").get(pk=run_id), claim.state)
        case WorkKind.ASK_MODEL:
            return _ask_model(tenant_id, run_id, claim.state)
        case WorkKind.SEND_CALL:
            return _send_call(tenant_id, run_id, claim.state, work.call_id)


def _select_tools(run: Run, state: RunState) -> EngineEvent:
    try:
        model = model_of(run, state)
    except ModelConfigurationError as error:
        return ModelFailed(str(error))
    said_before = [message.content for message in state.history if message.role is Role.USER]
    return Begun(tuple(select_operations(state.request, " ".join(said_before[-1:]), model)))


def _ask_model(tenant_id: uuid.UUID | str, run_id: uuid.UUID | str, state: RunState) -> EngineEvent:
    with tenant_context(tenant_id):
        run = Run.objects.select_related("tenant", "conversation__member__user").get(pk=run_id)
        found = tools_of(state)
        context = context_of(run, state, found)
        model = model_of(run, state)
    messages = _prompt(state, found.values(), context.now)
    limits = Limits(now=context.now, timeout=min(60.0, settings.NLOPS_LEASE_SECONDS - 20))
    try:
        completion = model.complete(messages, [*OWN_TOOLS, *found.values()], limits)
    except ModelError as error:
        log.warning("model_failed", model=model.name, detail=error.detail, retryable=error.retryable)
        return ModelFailed(str(error), error.retryable, error.retry_after)
    return ModelAnswered(completion)


def _prompt(state: RunState, found: Iterable[Tool], now: datetime) -> list[Message]:
    products = sorted({tool.product for tool in found})
    return build_messages(
        system=system_prompt(products, now),
        history=state.history,
        request=state.request,
        run=state.messages[1:],
    )


def _send_call(tenant_id: uuid.UUID | str, run_id: uuid.UUID | str, state: RunState, call_id: str) -> EngineEvent:
    with tenant_context(tenant_id):
        call = Call.objects.select_related("operation__version__product", "operation__service").get(
            run_id=run_id, key=call_id
        )
        connection = Connection.objects.get(product_id=call.operation.version.product_id)
        secrets = {
            secret.name: decrypt(secret.ciphertext, tenant_id=tenant_id, record=secret.record)
            for secret in call.run.secrets.all()
        }
    arguments = {
        name: secrets[value["$secret"]] if is_secret(value) else value for name, value in call.arguments.items()
    }
    try:
        response = call_operation(call.operation, connection, arguments, idempotency_key=str(call.idempotency_key))
    except ProductUnreachable as error:
        return CallLost(call_id, str(error), sent=error.sent)
    body = _cut(redact(response.body, secrets.values()))
    return CallReturned(
        call_id,
        response.status,
        body,
        wait_told(response.status, response.headers, timezone.now()),
        size=response.size,
        problem=response.problem,
        unclear=response.unclear,
    )


def _cut(body: Json) -> Json:
    """The body with its long lists cut until it fits; what was left out is told beside them."""

    def size(value: Json) -> int:
        return len(orjson.dumps(value, default=str))

    if isinstance(body, str):
        return body[:KEPT_CHARACTERS]
    if isinstance(body, list) and size(body) > KEPT_CHARACTERS:
        body = {"items": body, "total": len(body)}
    keep = 1000
    while size(body) > KEPT_CHARACTERS and keep >= 1:
        body = _cut_lists(body, keep)
        keep //= 2
    return body if size(body) <= KEPT_CHARACTERS else {"note": "The response is too large to be shown."}


def _cut_lists(value: Json, keep: int) -> Json:
    """Every list cut to `keep` items; an object whose list was cut tells the total, unless it does so itself."""
    if isinstance(value, list):
        return [_cut_lists(item, keep) for item in value[:keep]]
    if isinstance(value, dict):
        result = {key: _cut_lists(item, keep) for key, item in value.items()}
        longest = max((len(item) for item in value.values() if isinstance(item, list)), default=0)
        if longest > keep and not any(isinstance(value.get(key), int) for key in ("total", "count", "total_count")):
            result["total"] = longest
        return result
    if isinstance(value, str) and len(value) > 4000:
        return value[:4000] + "…"
    return value


#: What a person hears of a fault of ours; the log has the cause.
FAULT = "Something went wrong inside nlops; it was recorded. Please try again."


def _after_a_fault(claim: Claim) -> EngineEvent:
    """A fault of ours must not leave a run turning for ever."""
    work = claim.state.work
    if work is not None and work.kind is WorkKind.SEND_CALL:
        return CallLost(work.call_id, FAULT, sent=True)
    return ModelFailed(FAULT)


def _give_up(tenant_id: uuid.UUID | str, run_id: uuid.UUID | str, claim: Claim) -> None:
    """End a run whose outcome can't be taken; a call that was under way is named as being in doubt."""
    with tenant_context(tenant_id):
        run = lock(run_id)
        if run.lease_token != claim.token:
            return
        state = RunState.from_json(run.state)
        save(run, advance(state, ModelFailed(FAULT), Context(tools={}, now=timezone.now())), {})


def _accept(
    tenant_id: uuid.UUID | str, run_id: uuid.UUID | str, claim: Claim, event: EngineEvent, *, elapsed: float
) -> bool:
    """Second transaction of a step: take the outcome, if the lease is still ours. True when there may be more work."""
    with tenant_context(tenant_id):
        run = lock(run_id)
        if run.lease_token != claim.token:
            log.warning("lease_lost", outcome=type(event).__name__)
            return False
        if isinstance(event, CallReturned | CallLost):
            call = Call.objects.get(run=run, key=event.call_id)
            status = event.http_status if isinstance(event, CallReturned) else 0
            _finish_attempt(call, status, event.message if isinstance(event, CallLost) else "")
        state = RunState.from_json(run.state)
        run.model, run.prompt_version = model_name(run, state), PROMPT_VERSION
        transition = step(run, event, state=state, elapsed=elapsed)
        return transition.state.work is not None and not transition.state.work.delay

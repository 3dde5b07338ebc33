"""Run a suite: every case through the flows that people use, driven in this process, with no effect on the product.

Writes come to a stop where a person's yes is needed, and nobody says it: each case ends by cancelling what waits. A
tenant whose whitelist lets a write run at once is therefore not evaluated. Before a stand-in, where nothing can be
broken, an approver says yes, so that writes are executed and later steps seen.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.db import connections
from django.db.models import F, Sum
from django.utils import timezone

from accounts.context import tenant_context
from accounts.models import Member
from conversations.flows import FlowError
from conversations.flows.advance import work_on
from conversations.flows.ask import ask
from conversations.flows.cancel import cancel
from conversations.flows.confirm import confirm
from conversations.flows.decide import decide
from conversations.models import ApprovalStatus, Conversation, Flag, Run
from conversations.queue import driven_here
from evaluation.expectations import Expectation
from evaluation.flows import EvaluationError
from evaluation.metrics import Measured, Observation, ObservedCall, measure, summarise
from evaluation.models import Case, EvaluationRun, Score, Suite
from nlops.core.engine import RunState
from nlops.core.types import CallRecord, Decision, Effect, Json, RunStatus
from nlops.core.views import display
from nlops.llm.registry import ModelConfigurationError, model_from_spec
from specs.models import Connection, Operation, ToolPolicy, VersionStatus

#: Seconds between two looks at a run that waits for a moment.
LOOK_EVERY = 0.2
#: Times that yes is said in one turn.
MOST_YESES = 5
#: Seconds that a turn may take.
TURN_SECONDS = 180.0


class SuiteNotRunnable(EvaluationError):
    """The suite can't be run in this tenant, or not with this model."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one case came to."""

    case: Case
    seen: Observation
    measured: Sequence[Measured]
    #: of the last turn
    seconds: float
    #: None when no conversation came about
    conversation_id: uuid.UUID | None = None
    #: of all turns, as the model told
    tokens: int = 0
    #: millionths of the currency unit of NLOPS_MODEL_PRICES
    cost: int = 0

    @property
    def is_ok(self) -> bool:
        """Whether every metric that applies is passed."""
        return all(one.value == 1.0 for one in self.measured)


@dataclass(frozen=True, slots=True)
class Execution:
    """What a suite came to."""

    run: EvaluationRun
    outcomes: Sequence[Outcome]


def run_suite(
    suite: Suite,
    member: Member,
    *,
    model: str = "",
    only: str = "",
    approver: Member | None = None,
    jobs: int = 1,
    report: Callable[[Outcome], None] = lambda outcome: None,
) -> Execution:
    """Run the cases as the member and save their scores; `report` hears of every case as it ends.

    `model` is a specification as in NLOPS_MODEL, empty for the one that the tenant uses; `only` leaves out the cases
    whose names don't hold it; `jobs` cases run at once. With an `approver`, an operator, yes is said to every write:
    only for a stand-in. The member's throttle does not count here. Call it outside of a tenant's context.
    Raises SuiteNotRunnable.
    """
    tenant_id = suite.tenant_id
    with tenant_context(tenant_id):
        model = model or member.tenant.model or settings.NLOPS_MODEL
        _check_runnable(model)
        cases = [case for case in suite.cases.all() if only.casefold() in case.name.casefold()]
        if not cases:
            raise SuiteNotRunnable(f"No case of {suite} has “{only}” in its name.")
        run = EvaluationRun.objects.create(tenant_id=tenant_id, suite=suite, model=model)
    outcomes = []
    for outcome in _outcomes(cases, run, _Players(member, approver, model), jobs):
        outcomes.append(outcome)
        report(outcome)
    with tenant_context(tenant_id):
        run.summary = summarise([o.measured for o in outcomes], [o.seconds for o in outcomes])
        run.finished_at = timezone.now()
        run.save(update_fields=["summary", "finished_at"])
    return Execution(run, outcomes)


def _check_runnable(model: str) -> None:
    """Raises SuiteNotRunnable when the model is none, nothing can be called, or a write would run unasked."""
    try:
        model_from_spec(model)
    except ModelConfigurationError as error:
        raise SuiteNotRunnable(str(error)) from error
    active = Operation.objects.filter(version__status=VersionStatus.ACTIVE).select_related("version")
    if not active.exists() or not Connection.objects.exists():
        raise SuiteNotRunnable("The tenant has no product with an active version and a connection; add them first.")
    allowed = set(ToolPolicy.objects.filter(decision=Decision.ALLOW).values_list("product_id", "operation_key"))
    writes = active.exclude(effect=Effect.READ)
    unasked = [operation.key for operation in writes if (operation.version.product_id, operation.key) in allowed]
    if unasked:
        raise SuiteNotRunnable(
            f"The whitelist lets {', '.join(unasked[:5])} run without anybody's yes, so evaluating would change the "
            "product. Set them to confirm or approve, or evaluate in a tenant of its own."
        )


@dataclass(frozen=True, slots=True)
class _Players:
    """Who takes part in every case."""

    member: Member
    #: says yes; None where nobody does
    approver: Member | None
    model: str


def _outcomes(cases: Sequence[Case], run: EvaluationRun, players: _Players, jobs: int) -> Iterator[Outcome]:
    """The outcomes, saved, in the order of the cases."""
    if jobs == 1:
        for case in cases:
            yield _saved_outcome(case, run, players)
        return

    def work(case: Case) -> Outcome:
        try:
            return _saved_outcome(case, run, players)
        finally:
            connections.close_all()  # this thread's own

    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(work, cases)


def _saved_outcome(case: Case, run: EvaluationRun, players: _Players) -> Outcome:
    with structlog.contextvars.bound_contextvars(evaluation=str(run.pk)), driven_here():
        outcome = _run_case(case, players)
    _save(run, outcome)
    return outcome


def _run_case(case: Case, players: _Players) -> Outcome:
    """All turns of the case in a conversation of its own; what still waits at the end is cancelled."""
    member = players.member
    expected = Expectation.from_json(case.expected)
    conversation: Conversation | None = None
    run: Run | None = None
    started, text = time.monotonic(), ""
    try:
        for turn in case.turns:
            run = _ask(member, turn, conversation, players.model)
            conversation = run.conversation
            started = time.monotonic()
            run = _work_with_yes(run, players)
    except FlowError as error:
        run, text = None, str(error)
    finally:
        seconds = time.monotonic() - started
        if conversation is not None:
            _stop(conversation, member)
    seen = Observation(RunStatus.FAILED, text=text, said=case.turns) if run is None else _observe(run, case)
    now = timezone.now().astimezone(ZoneInfo(member.user.time_zone))
    measured = measure(expected, seen, now)
    if conversation is None:
        return Outcome(case, seen, measured, round(seconds, 3))
    tokens, cost = _spent(conversation)
    return Outcome(case, seen, measured, round(seconds, 3), conversation.pk, tokens, cost)


def _spent(conversation: Conversation) -> tuple[int, int]:
    """Tokens and cost of all runs of the conversation."""
    with tenant_context(conversation.tenant_id):
        spent = conversation.runs.aggregate(tokens=Sum(F("prompt_tokens") + F("completion_tokens")), cost=Sum("cost"))
    return spent["tokens"] or 0, spent["cost"] or 0


def _work_with_yes(run: Run, players: _Players) -> Run:
    """Do the run's work; with an approver, yes is said to what waits for it."""
    run = _work(run)
    for _ in range(MOST_YESES if players.approver else 0):
        if run.status == RunStatus.CONFIRMING:
            with tenant_context(run.tenant_id):
                confirm(players.member, run, True)
        elif run.status == RunStatus.APPROVING and players.approver:
            with tenant_context(run.tenant_id):
                decide(players.approver, run.approvals.filter(status=ApprovalStatus.WAITING)[0], True)
        else:
            break
        run = _work(run)
    return run


def _ask(member: Member, turn: str, conversation: Conversation | None, model: str) -> Run:
    """The turn as the member's message. Raises FlowError."""
    with tenant_context(member.tenant_id):
        run = ask(member, turn, conversation)
        if not run.model:
            run.model = model
            run.save(update_fields=["model"])
    return run


def _work(run: Run) -> Run:
    """Do the run's work until a person is waited for or it is over; what takes too long comes back as it is."""
    deadline = time.monotonic() + TURN_SECONDS
    while True:
        work_on(run.tenant_id, run.pk)
        with tenant_context(run.tenant_id):
            run = Run.objects.select_related("conversation").get(pk=run.pk)
        status = RunStatus(run.status)
        if status.is_over or status.waits_for_person or time.monotonic() > deadline:
            return run
        time.sleep(LOOK_EVERY)


def _stop(conversation: Conversation, member: Member) -> None:
    """Cancel what waits. Nobody needs to look at the flags: the scores tell."""
    with tenant_context(conversation.tenant_id):
        for run in conversation.runs.filter(finished_at=None):
            cancel(member, run)
        Flag.objects.filter(conversation=conversation, resolved_at=None).update(resolved_at=timezone.now())


def _observe(run: Run, case: Case) -> Observation:
    """What a run that is read before it is cancelled came to."""
    state = RunState.from_json(run.state)
    with tenant_context(run.tenant_id):
        rows = run.calls.select_related("operation")
        operations = {row.key: row.operation for row in rows}
    return Observation(
        status=str(run.status),
        calls=[_observed(call, operations.get(call.id)) for call in state.calls if not call.superseded],
        asked=[question.name for question in state.questions],
        text=state.answer.text if state.answer else state.question,
        said=case.turns,
    )


def _observed(call: CallRecord, operation: Operation | None) -> ObservedCall:
    return ObservedCall(
        operation=call.tool,
        arguments=call.arguments,
        provenance=call.provenance,
        # A call without a row never got as far as a check: count it among those that must not be invented.
        effect=Effect(operation.effect) if operation else Effect.WRITE,
        status=call.status.value,
        http_status=call.http_status,
        key=operation.key if operation else "",
    )


def _save(run: EvaluationRun, outcome: Outcome) -> None:
    """The scores of a case, each with what was expected and seen."""
    detail = {
        "expected": outcome.case.expected,
        "status": outcome.seen.status,
        "calls": call_views(outcome.seen),
        "asked": list(outcome.seen.asked),
        "text": outcome.seen.text,
        "conversation": str(outcome.conversation_id or ""),
    }
    with tenant_context(run.tenant_id):
        Score.objects.bulk_create(
            Score(
                tenant_id=run.tenant_id,
                run=run,
                case=outcome.case,
                metric=one.metric,
                value=one.value,
                detail={**detail, "why": one.why},
                seconds=outcome.seconds,
            )
            for one in outcome.measured
        )


def call_views(seen: Observation) -> list[dict[str, Json]]:
    """The calls as JSON, secrets hidden."""
    return [
        {
            "operation": call.operation,
            "arguments": {
                name: display(value) if isinstance(value, dict) and set(value) == {"$secret"} else value
                for name, value in call.arguments.items()
            },
            "status": call.status,
            "http_status": call.http_status,
        }
        for call in seen.calls
    ]

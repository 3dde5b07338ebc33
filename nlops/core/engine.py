"""The state machine of a run: `advance(state, event, context) -> Transition`. No I/O, no clock, no chance.

The driver (conversations.flows.advance) does the slow work that `state.work` names, between two transactions, and
brings its outcome back as the next event. Everything that a run knows is in its RunState; everything that may
change meanwhile (tool policies, the time) comes with the Context of each step.
"""

from __future__ import annotations

import copy
import dataclasses
import enum
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from nlops.core import answers, checkpoints, dates, language, prompts
from nlops.core.hygiene import visible
from nlops.core.outcomes import error_result, is_failure_inside
from nlops.core.phrases import listed, say, speaking
from nlops.core.provenance import ComputedDate
from nlops.core.tools import ASK_TOOL, CAPABILITIES_TOOL, DATE_TOOL, REFUSE_TOOL
from nlops.core.types import (
    STATE_VERSION,
    Answer,
    CallRecord,
    CallStatus,
    Completion,
    Decision,
    Effect,
    Json,
    Message,
    Provenance,
    ProvenanceKind,
    Question,
    Role,
    RunStatus,
    Storable,
    Tool,
    ToolCall,
    Usage,
)
from nlops.core.views import argument_label, call_view, display, pointer_to

#: HTTP methods whose repetition has no further effect (RFC 9110 section 9.2.2).
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
#: Characters of a response that the model sees.
RESULT_CHARACTERS = 6000
#: Seconds that a run waits when a product asks for it; for longer ones the person is told.
LONGEST_WAIT = 120.0
#: How often a model request that failed is made again, and the longest wait for it, in seconds.
MODEL_RETRIES = 3
LONGEST_MODEL_WAIT = 60.0
#: The same where a fallback model can take over.
LONGEST_WAIT_BEFORE_FALLBACK = 10.0


class WorkKind(enum.StrEnum):
    """Slow work that the driver does between two steps."""

    SELECT_TOOLS = "select_tools"  #: rank the whitelisted operations for the request
    ASK_MODEL = "ask_model"  #: let the model take its next turn
    SEND_CALL = "send_call"  #: one HTTP exchange with the product


@dataclass(frozen=True, slots=True)
class Work(Storable):
    """What the driver does next."""

    #: which kind
    kind: WorkKind
    #: send_call: which call
    call_id: str = ""
    #: send_call: seconds to wait before
    delay: float = 0.0


@dataclass(slots=True)
class RunState(Storable):
    """Everything that a run knows; stored as JSON after every step."""

    #: the person's words, typed secrets masked
    request: str
    #: code of the language that the person is spoken to in, detected from the request
    language: str = "en"
    #: of this form of the state
    version: int = STATE_VERSION
    #: where the run stands
    status: RunStatus = RunStatus.QUEUED
    #: what the driver does next; None while a person is waited for and when the run is over
    work: Work | None = field(default_factory=lambda: Work(WorkKind.SELECT_TOOLS))
    #: messages of the conversation's earlier runs
    history: list[Message] = field(default_factory=list)
    #: succeeded calls of the earlier runs, newest last: values in their responses may be referred to
    earlier_calls: list[CallRecord] = field(default_factory=list)
    #: messages of this run, from the request on
    messages: list[Message] = field(default_factory=list)
    #: ids of the operations that were selected, best first
    operation_ids: list[str] = field(default_factory=list)
    #: the model's words for the ranking; None when it wasn't asked for any
    search_words: list[str] | None = None
    #: what the person said in this run, newest last
    said: list[str] = field(default_factory=list)
    #: what the date tool computed
    computed: list[ComputedDate] = field(default_factory=list)
    #: names of the secrets that the person typed
    secrets: list[str] = field(default_factory=list)
    #: the calls, in the order in which they were asked for
    calls: list[CallRecord] = field(default_factory=list)
    #: asking: what the person is asked
    question: str = ""
    #: asking: the fields of the form; empty for a free question
    questions: list[Question] = field(default_factory=list)
    #: asking: the call, or the model's ask_user call, that the answer is for
    asking_for: str = ""
    #: over: what the person is shown
    answer: Answer | None = None
    #: lowest confidence that the model told, None when it told none
    confidence: float | None = None
    #: steps taken, and times that a worker took the run up
    steps: int = 0
    #: model requests made
    model_calls: int = 0
    #: tokens used
    prompt_tokens: int = 0
    #: those of the prompts' tokens that the provider had in its cache
    cached_tokens: int = 0
    #: tokens used
    completion_tokens: int = 0
    #: what the model requests cost, in millionths of the currency unit
    cost: int = 0
    #: seconds of work: models, products and the waits that they asked for; not the time that people took
    seconds: float = 0.0
    #: bytes of the product's responses
    response_bytes: int = 0
    #: times in a row that the model gave no answer
    model_failures: int = 0
    #: true when the fallback model has taken over
    uses_fallback: bool = False
    #: true when the person stopped the run while a call was on its way: it ends with that call's outcome
    stopping: bool = False
    #: it is being stopped because an operator stopped nlops, not by the person
    halted: bool = False

    def call(self, call_id: str) -> CallRecord:
        """The call with that id. Raises KeyError."""
        for call in self.calls:
            if call.id == call_id:
                return call
        raise KeyError(call_id)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a run may go; the one that is hit is named to the person."""

    #: transitions, and times that a worker took the run up
    steps: int = 160
    #: model requests
    model_calls: int = 14
    #: calls planned
    calls: int = 60
    #: calls of one operation that a person is asked to decide as one
    batch: int = 25
    #: tokens, prompt and completion together
    tokens: int = 120_000
    #: seconds of work, see RunState.seconds
    seconds: float = 600.0
    #: bytes of the product's responses
    response_bytes: int = 50 * 1024 * 1024
    #: what the model requests may cost, in millionths of the currency unit; 0 for no limit
    cost: int = 0


@dataclass(frozen=True, slots=True)
class Context:
    """What a step needs to know and may change between steps."""

    #: the run's tools by name, each with the policy's decision of this moment
    tools: Mapping[str, Tool]
    #: the person's time, with their zone
    now: datetime
    #: everything that may be used here, without argument schemas; given when `needs_whitelist` says so
    whitelist: Sequence[Tool] = ()
    #: languages that the model reads, None for any
    languages: frozenset[str] | None = None
    #: whether the model's prose may be shown
    writes_text: bool = False
    #: how far the run may go
    bounds: Bounds = field(default_factory=Bounds)
    #: seconds that the work before this event took
    elapsed: float = 0.0
    #: whether another model is there for when the first one gives no answer
    has_fallback: bool = False
    #: e-mail address of the person, for rules about own things
    requester: str = ""


@dataclass(frozen=True, slots=True)
class Begun:
    """The tools for the request were selected."""

    operation_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Searched:
    """The model wrote search words, because those of the request rank no operation before others."""

    #: what it wrote, "" when it gave no answer
    text: str
    #: what it cost
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class ModelAnswered:
    """The model took its turn."""

    completion: Completion


@dataclass(frozen=True, slots=True)
class ModelFailed:
    """The model gave no usable answer; `message` is for the person."""

    message: str
    #: the same request may succeed later (429, 5xx, time-out)
    retryable: bool = False
    #: seconds after which it may, as far as the server told
    retry_after: float | None = None
    #: what it cost all the same
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class CallReturned:
    """The product answered."""

    call_id: str
    http_status: int
    body: Json
    retry_after: float | None = None
    #: bytes of the response
    size: int = 0
    #: why the body is no answer to the call, in words for the person; "" when it is one
    problem: str = ""
    #: with a problem: whether it is unknown if the product did what was asked
    unclear: bool = False
    #: pages of a list that were read, and how many entries the product says there are
    pages: int = 1
    total: int | None = None


@dataclass(frozen=True, slots=True)
class CallLost:
    """No answer came. `sent` tells whether the product may have got the request."""

    call_id: str
    message: str
    sent: bool
    #: False when another try would come to the same: a refused password, a value that fits into no request
    repeatable: bool = True


@dataclass(frozen=True, slots=True)
class CallBlocked:
    """The check at dispatch stopped the call; nothing was sent."""

    call_id: str
    message: str


@dataclass(frozen=True, slots=True)
class Replied:
    """The person answered the clarification."""

    values: Mapping[str, Json]
    #: argument name to the name under which its secret is kept
    secrets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decided:
    """A person said yes or no to a call."""

    call_id: str
    agreed: bool
    by: str
    reason: str = ""
    by_requester: bool = False
    #: the arguments as whoever approved the call changed them (see `checkpoints.edited`); None: as they were shown
    arguments: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The person stopped the run, or an operator stopped nlops (`halted`)."""

    halted: bool = False


EngineEvent = (
    Begun
    | Searched
    | ModelAnswered
    | ModelFailed
    | CallReturned
    | CallLost
    | CallBlocked
    | Replied
    | Decided
    | Cancelled
)


@dataclass(frozen=True, slots=True)
class Record:
    """What a step leaves in the transcript; `kind` is one of conversations' EventKind."""

    kind: str
    data: dict[str, Json]


@dataclass(slots=True)
class Transition:
    """What a step comes to."""

    state: RunState
    records: list[Record] = field(default_factory=list)

    def record(self, kind: str, **data: Json) -> None:
        """Leave a record in the transcript."""
        self.records.append(Record(kind, data))


def start(
    request: str,
    *,
    history: list[Message] | None = None,
    earlier_calls: list[CallRecord] | None = None,
    secrets: list[str] | None = None,
) -> RunState:
    """The state of a new run."""
    earlier = [message.content for message in reversed(history or []) if message.role is Role.USER]
    return RunState(
        request=request,
        language=language.of_conversation(request, earlier),
        history=history or [],
        earlier_calls=earlier_calls or [],
        messages=[Message(Role.USER, request)],
        said=[request],
        secrets=secrets or [],
    )


def needs_whitelist(state: RunState, event: EngineEvent) -> bool:
    """Whether the answer to this event may tell what can be done here."""
    if not isinstance(event, ModelAnswered) or state.calls:
        return False
    asked = event.completion.tool_calls
    return not asked or any(call.name in (CAPABILITIES_TOOL.name, REFUSE_TOOL.name) for call in asked)


def advance(state: RunState, event: EngineEvent, context: Context) -> Transition:
    """One step. The given state is not changed. A word that comes after the end, or late, changes nothing."""
    step = Transition(_copy(state))
    if state.status.is_over:
        return step
    step.state.steps += 1
    step.state.seconds += context.elapsed
    with speaking(state.language):
        _HANDLERS[type(event)](step, event, context)
        if not step.state.status.is_over:
            limit = _limit_hit(step.state, context.bounds)
            if limit:
                _fail(step, context, say("stopped_at", limit=limit))
    return step


def _copy(state: RunState) -> RunState:
    """A state of its own, as far as steps change it: responses and messages are shared, they never change."""
    return dataclasses.replace(
        state,
        messages=list(state.messages),
        said=list(state.said),
        computed=list(state.computed),
        secrets=list(state.secrets),
        questions=list(state.questions),
        operation_ids=list(state.operation_ids),
        search_words=None if state.search_words is None else list(state.search_words),
        calls=[
            dataclasses.replace(
                call,
                arguments=copy.deepcopy(call.arguments),
                provenance=dict(call.provenance),
                repairs=list(call.repairs),
            )
            for call in state.calls
        ],
    )


# --- events ---------------------------------------------------------------------------------------------------


def _begun(step: Transition, event: Begun, context: Context) -> None:
    state = step.state
    code = language.detect(state.request)
    if context.languages is not None and code not in context.languages:
        _finish(step, RunStatus.ANSWERED, Answer(language.sentence(code)), context)
        return
    state.operation_ids = list(event.operation_ids)
    state.status = RunStatus.WORKING
    _ask_model(step, say("choosing"))


def _searched(step: Transition, event: Searched, context: Context) -> None:
    """Rank with the words; where there are none, those of the request have to do."""
    state = step.state
    state.model_calls += 1
    _count_usage(state, event.usage)
    words = prompts.search_words(event.text)
    state.search_words = list(words)
    state.work = Work(WorkKind.SELECT_TOOLS)
    step.record("searched", text=event.text, words=list(words), usage=event.usage.to_json())


def _model_answered(step: Transition, event: ModelAnswered, context: Context) -> None:
    state, completion = step.state, event.completion
    state.model_failures = 0
    _count(state, completion)
    step.record(
        "model",
        text=completion.text,
        tool_calls=[call.to_json() for call in completion.tool_calls],
        confidence=completion.confidence,
        usage=completion.usage.to_json(),
    )
    if not completion.tool_calls:
        _conclude(step, context, completion.text)
        return
    asked_for = tuple(
        dataclasses.replace(call, arguments=checkpoints.without_references(call.arguments))
        for call in completion.tool_calls
    )
    calls = _unique_ids(state, asked_for)
    asks = [call for call in calls if call.name == ASK_TOOL.name]
    if asks:
        # A question comes first: what else the model wanted depends on the answer.
        calls = asks[:1]
    state.messages.append(Message(Role.ASSISTANT, completion.text, tool_calls=tuple(calls)))
    for call in calls:
        _take_call(step, call, context)
        if state.status.is_over or state.status is RunStatus.ASKING:
            return
    _proceed(step, context)


def _model_failed(step: Transition, event: ModelFailed, context: Context) -> None:
    """Try again what may succeed later, then the fallback model, if there is one."""
    state = step.state
    state.model_failures += 1
    _count_usage(state, event.usage)
    delay = event.retry_after if event.retry_after is not None else 2.0**state.model_failures
    can_fall_back = context.has_fallback and not state.uses_fallback
    longest = LONGEST_WAIT_BEFORE_FALLBACK if can_fall_back else LONGEST_MODEL_WAIT
    if event.retryable and state.model_failures <= MODEL_RETRIES and delay <= longest:
        state.work = Work(state.work.kind if state.work else WorkKind.ASK_MODEL, delay=delay)
        state.seconds += delay
        step.record("progress", text=say("model_again", message=event.message, seconds=max(1, round(delay))))
    elif can_fall_back:
        state.uses_fallback, state.model_failures = True, 0
        # Another model chooses among other numbers of operations; what was called already stays.
        state.work = Work(WorkKind.ASK_MODEL if state.calls else WorkKind.SELECT_TOOLS)
        step.record("progress", text=say("model_other", message=event.message))
    else:
        _fail(step, context, event.message)


def _call_returned(step: Transition, event: CallReturned, context: Context) -> None:
    state = step.state
    call = state.call(event.call_id)
    tool = context.tools.get(call.tool)
    call.http_status = event.http_status
    call.response = event.body
    state.response_bytes += event.size
    step.record(
        "returned",
        call_id=call.id,
        tool=call.tool,
        http_status=event.http_status,
        size=event.size,
        pages=event.pages,
        total=event.total,
    )
    status = event.http_status
    if state.stopping:
        _stopped_after(step, call, context, unclear=event.unclear)
        return
    if 200 <= status < 300 and is_failure_inside(event.body):
        _refused_by_product(step, call, tool, context)
    elif event.problem and status < 400 and (event.unclear or status >= 300 or _effect(context, call) is Effect.READ):
        _not_answered(step, call, tool, event)
    elif 200 <= status < 300:
        _succeed(step, call)
    elif status in (404, 410) and tool is not None and tool.method == "DELETE" and call.tries > 1:
        # The first try was cut off; now the thing is gone, which is what was wanted.
        call.repairs.append(say("gone_now"))
        _succeed(step, call)
    elif _asks_to_wait(event) and call.tries < 4 and (event.retry_after or 1) <= LONGEST_WAIT:
        delay = max(1.0, event.retry_after or 2.0**call.tries)
        _send_again(step, call, delay, say("wait", seconds=round(delay)))
        return
    elif status >= 500:
        _lost(step, call, tool, answers.problem_text(event.body, status), wait=event.retry_after)
    else:
        _refused_by_product(step, call, tool, context, wait=event.retry_after)
    _go_on(step, call, context)


def _asks_to_wait(event: CallReturned) -> bool:
    """A product that has enough says 429, or 403 with the time to wait: nothing was done."""
    return event.http_status == 429 or (event.http_status == 403 and event.retry_after is not None)


def _not_answered(step: Transition, call: CallRecord, tool: Tool | None, event: CallReturned) -> None:
    """Something came, but no answer: a redirect, a web page, a broken body."""
    if event.unclear and (tool is None or tool.effect is not Effect.READ):
        _lost(step, call, tool, event.problem)
    else:
        _give_up(step, call, event.problem)


def _call_lost(step: Transition, event: CallLost, context: Context) -> None:
    call = step.state.call(event.call_id)
    if step.state.stopping:
        call.http_status = 0
        _stopped_after(step, call, context, sent=event.sent)
        return
    if event.sent:
        _lost(step, call, context.tools.get(call.tool), event.message)
    elif call.tries < 2 and event.repeatable:
        _send_again(step, call, 1.0, say("unreachable_again"))
    else:
        _give_up(step, call, event.message)
    _go_on(step, call, context)


def _call_blocked(step: Transition, event: CallBlocked, context: Context) -> None:
    call = step.state.call(event.call_id)
    _end_call(call, CallStatus.BLOCKED, event.message)
    step.record("verdict", call_id=call.id, tool=call.tool, verdict="block", reasons=[event.message])
    _result(step.state, call, {"error": {"message": event.message}})
    _leave_rest_of_batch(step.state, call)
    _conclude(step, context, "")


def _replied(step: Transition, event: Replied, context: Context) -> None:
    state = step.state
    if state.status is not RunStatus.ASKING:
        return
    step.record(
        "replied",
        values={
            **{name: str(value) for name, value in event.values.items()},
            **dict.fromkeys(event.secrets, "••••••"),
        },
    )
    asked, state.questions, state.question = state.questions, [], ""
    call_id, state.asking_for = state.asking_for, ""
    state.status = RunStatus.WORKING
    if not any(call.id == call_id for call in state.calls):
        _reply_to_model(step, call_id, event)
        return
    call = state.call(call_id)
    wrong = _take_values(state, call, asked, event)
    if wrong:
        _ask(step, call.id, _question_text(context.tools[call.tool], wrong), wrong)
        return
    call.status = CallStatus.PLANNED
    call.agreed = False
    _proceed(step, context)


def _decided(step: Transition, event: Decided, context: Context) -> None:
    state = step.state
    call = state.call(event.call_id)
    waiting = {CallStatus.CONFIRMING: True, CallStatus.APPROVING: False, CallStatus.IN_DOUBT: True}
    if call.status not in waiting or waiting[call.status] is not event.by_requester:
        return
    step.record(
        "decided",
        call_id=call.id,
        agreed=event.agreed,
        by=event.by,
        reason=event.reason,
        by_requester=event.by_requester,
        edited=_take_edits(call, event) if event.agreed and event.arguments is not None else [],
    )
    in_doubt = call.status is CallStatus.IN_DOUBT
    decided = [call] if in_doubt else _batch_of(state, call)
    state.status = RunStatus.WORKING
    for one in decided:
        one.decided_by = event.by
        one.agreed = event.agreed
    if event.agreed:
        for one in decided:
            one.status = CallStatus.READY
        _proceed(step, context)
        return
    if in_doubt:
        # Not repeated: it stays in doubt, and the answer says so.
        _result(state, call, {"error": {"message": call.error}})
    else:
        for one in decided:
            _drop(state, one, "A person said no to this call.", error=event.reason)
    for other in state.calls:
        if other.status in (CallStatus.PLANNED, CallStatus.READY):
            _drop(state, other, say("not_made_before"))
    _conclude(step, context, "")


def _take_edits(call: CallRecord, event: Decided) -> list[Json]:
    """Put the approver's values into the call; [{name, before, after}] for the transcript, None where there is none."""
    assert event.arguments is not None
    before, call.arguments = call.arguments, dict(event.arguments)
    changed = [name for name in {**before, **call.arguments} if before.get(name) != call.arguments.get(name)]
    for name in changed:
        own = pointer_to(name)
        call.provenance = {
            pointer: found
            for pointer, found in call.provenance.items()
            if pointer != own and not pointer.startswith(f"{own}/")
        }
        if name in call.arguments:
            call.provenance[own] = Provenance(ProvenanceKind.EDITED, text=event.by)
    return [
        {
            "name": name,
            "before": display(before[name]) if name in before else None,
            "after": display(call.arguments[name]) if name in call.arguments else None,
        }
        for name in changed
    ]


def _cancelled(step: Transition, event: Cancelled, context: Context) -> None:
    """Stop at once; a call that is on its way can't be called back, so the run ends with its outcome."""
    state = step.state
    if state.stopping:
        return
    state.stopping, state.halted = True, event.halted
    under_way = next((call for call in state.calls if call.status is CallStatus.SENT), None)
    if under_way is not None:
        step.record("progress", text=say("stopping", title=_title(context, under_way)))
        return
    unsure = next((call for call in state.calls if call.status in _OPEN and call.maybe_done), None)
    outcome = f" {say('stopped_in_doubt', title=_title(context, unsure))}" if unsure else ""
    _stop(step, context, outcome)


def _stopped_after(
    step: Transition, call: CallRecord, context: Context, *, sent: bool = True, unclear: bool = False
) -> None:
    """The outcome of the call that was on its way when the person stopped the run."""
    title = _title(context, call)
    answered = 200 <= call.http_status < 300 and not unclear
    refused = answered and is_failure_inside(call.response)
    if answered and not refused:
        call.status, call.maybe_done = CallStatus.SUCCEEDED, False
        outcome = say("stopped_done", title=title)
    elif (400 <= call.http_status < 500 or refused or not sent) and not call.maybe_done:
        call.status = CallStatus.FAILED
        call.error = answers.problem_text(call.response, call.http_status) if sent else say("not_reached")
        outcome = say("stopped_not_done", title=title)
    elif _effect(context, call) is Effect.READ:
        call.status = CallStatus.FAILED
        outcome = say("stopped_no_result", title=title)
    else:
        call.status = CallStatus.IN_DOUBT
        call.error = say("in_doubt_stopped")
        outcome = say("stopped_in_doubt", title=title)
    _stop(step, context, f" {outcome}")


def _stop(step: Transition, context: Context, outcome: str) -> None:
    text = say("stopped_by_switch") if step.state.halted else say("stopped")
    _close_calls(step.state)
    _finish(step, RunStatus.CANCELLED, Answer(f"{text}{outcome}"), context)


_HANDLERS: dict[type, Callable[[Transition, Any, Context], None]] = {
    Begun: _begun,
    Searched: _searched,
    ModelAnswered: _model_answered,
    ModelFailed: _model_failed,
    CallReturned: _call_returned,
    CallLost: _call_lost,
    CallBlocked: _call_blocked,
    Replied: _replied,
    Decided: _decided,
    Cancelled: _cancelled,
}

#: A call in one of these is not over.
_OPEN = frozenset(
    {
        CallStatus.PLANNED,
        CallStatus.ASKING,
        CallStatus.CONFIRMING,
        CallStatus.APPROVING,
        CallStatus.READY,
        CallStatus.SENT,
    }
)


# --- the model's calls ----------------------------------------------------------------------------------------


def _take_call(step: Transition, call: ToolCall, context: Context) -> None:
    """Do what a tool of ours says at once; plan a call of an operation."""
    state = step.state
    if call.name == DATE_TOOL.name:
        _resolve_date(state, call, context)
    elif call.name == ASK_TOOL.name:
        text = str(call.arguments.get("question") or say("what_exactly"))
        choices = [str(choice) for choice in call.arguments.get("choices") or []]
        schema: dict[str, Json] = {"type": "string", "enum": choices} if choices else {"type": "string"}
        _ask(step, call.id, text, [Question("answer", say("your_answer"), schema=schema)])
    elif call.name == CAPABILITIES_TOOL.name and not state.calls:
        _finish(step, RunStatus.ANSWERED, answers.capabilities(context.whitelist), context)
    elif call.name in (REFUSE_TOOL.name, CAPABILITIES_TOOL.name):
        if state.calls:
            _conclude(step, context, "")
        else:
            _refuse(step, context)
    elif call.name not in context.tools:
        _tool_message(state, call, {"error": {"message": f"There is no tool named {call.name}."}})
    else:
        _plan(step, call)


def _resolve_date(state: RunState, call: ToolCall, context: Context) -> None:
    expression = str(call.arguments.get("expression", ""))
    try:
        found = dates.resolve(expression, context.now)
    except dates.DateError as error:
        _tool_message(state, call, {"error": {"message": str(error)}})
        return
    state.computed.append(ComputedDate(expression, found.start_iso, found.end_iso))
    _tool_message(state, call, {"expression": expression, "start": found.start_iso, "end": found.end_iso})


def _plan(step: Transition, call: ToolCall) -> None:
    """A new call; when it repeats a failed one with other arguments, it is its repair."""
    record = CallRecord(id=call.id, tool=call.name, arguments=dict(call.arguments))
    for earlier in reversed(step.state.calls):
        if earlier.tool == call.name and earlier.status is CallStatus.FAILED and not earlier.superseded:
            earlier.superseded = True
            # What the person typed in a hidden field, the model never saw and so can't repeat.
            kept = {k: v for k, v in earlier.arguments.items() if checkpoints.is_secret(v)}
            record.arguments = {**kept, **record.arguments}
            record.repairs = [*earlier.repairs, *checkpoints.describe_repair(earlier, record)]
            if record.repairs:
                step.record("repaired", call_id=record.id, tool=record.tool, text=record.repairs[-1])
            break
    step.state.calls.append(record)


def _proceed(step: Transition, context: Context) -> None:
    """Send the next agreed call, or take the next open one through the control point; else it's the model's turn."""
    state = step.state
    for call in state.calls:
        if call.status is CallStatus.READY:
            _send(step, call, context)
            return
    for call in state.calls:
        if call.status is CallStatus.PLANNED:
            _check(step, call, context)
            if state.work is not None or state.status is not RunStatus.WORKING:
                return
    _ask_model(step, say("looking") if state.calls else say("choosing"))


def _go_on(step: Transition, call: CallRecord, context: Context) -> None:
    """After a call's outcome: the next one, unless it is sent again or a person is waited for."""
    if step.state.work is not None or step.state.status is not RunStatus.WORKING:
        return
    if call.status is not CallStatus.SUCCEEDED:
        _leave_rest_of_batch(step.state, call)
    _proceed(step, context)


def _check(step: Transition, call: CallRecord, context: Context) -> None:
    """The control point before a call. What a person must decide waits for the other calls of its kind."""
    verdict = _verdict(step, call, context)
    if verdict.decision is checkpoints.VerdictKind.BLOCK:
        _block(step.state, call, "; ".join(verdict.reasons))
    elif verdict.questions:
        _ask_for_values(step, call, verdict, context)
    elif verdict.decision is checkpoints.VerdictKind.PASS or call.agreed:
        _send(step, call, context)
    else:
        _gather_batch(step, call, verdict.decision, context)


def _verdict(step: Transition, call: CallRecord, context: Context) -> checkpoints.Verdict:
    """What the control point says of the call, with the call's arguments as they may be sent."""
    state = step.state
    verdict = checkpoints.before_call(
        call, context.tools.get(call.tool), _sources(state), state.secrets, state.calls, context.requester
    )
    call.arguments = verdict.arguments
    call.provenance = verdict.provenance
    step.record(
        "verdict",
        call_id=call.id,
        tool=call.tool,
        verdict=verdict.decision.value,
        reasons=list(verdict.reasons),
    )
    return verdict


def _ask_for_values(step: Transition, call: CallRecord, verdict: checkpoints.Verdict, context: Context) -> None:
    call.status = CallStatus.ASKING
    questions = list(verdict.questions)
    _ask(step, call.id, _question_text(context.tools[call.tool], questions), questions)


def _gather_batch(step: Transition, first: CallRecord, decision: checkpoints.VerdictKind, context: Context) -> None:
    """The call and the open ones of the same operation are shown and decided as one."""
    state = step.state
    alike = [call for call in state.calls if call.status is CallStatus.PLANNED and call.tool == first.tool]
    if len(alike) > context.bounds.batch:
        title, limit = _title(context, first), context.bounds.batch
        reason = say("limit_batch", count=len(alike), title=title, limit=limit)
        for call in alike:
            _block(state, call, reason)
        return
    batch = [first]
    for call in alike[1:]:
        verdict = _verdict(step, call, context)
        if verdict.decision is checkpoints.VerdictKind.BLOCK:
            _block(state, call, "; ".join(verdict.reasons))
        elif verdict.questions:
            # Its answer first; the others are looked at again then.
            _ask_for_values(step, call, verdict, context)
            return
        elif verdict.decision is decision:
            batch.append(call)
    _wait_for_decision(step, batch, context, by_requester=decision is checkpoints.VerdictKind.CONFIRM)


def _batch_of(state: RunState, call: CallRecord) -> list[CallRecord]:
    """The calls that are decided together with this one, itself included."""
    if not call.batch:
        return [call]
    return [other for other in state.calls if other.batch == call.batch and other.status is call.status]


def _leave_rest_of_batch(state: RunState, failed: CallRecord) -> None:
    """A batch stops at its first failure: who agreed to it did not foresee that."""
    for other in state.calls:
        if failed.batch and other.batch == failed.batch and other.status is CallStatus.READY:
            other.agreed, other.decided_by = False, ""
            _drop(state, other, say("not_made_batch"))


def _drop(state: RunState, call: CallRecord, reason: str, *, error: str | None = None) -> None:
    """The call is not made; the model hears the reason, the person the error (the reason when there is none)."""
    call.status = CallStatus.REJECTED
    call.error = reason if error is None else error
    _result(state, call, {"error": {"message": reason}})


def _block(state: RunState, call: CallRecord, reason: str) -> None:
    call.status = CallStatus.BLOCKED
    call.error = reason
    _result(state, call, {"error": {"message": reason}})


def _wait_for_decision(step: Transition, calls: Sequence[CallRecord], context: Context, *, by_requester: bool) -> None:
    """One decision for all of the calls, which are of one operation."""
    state = step.state
    for call in calls:
        call.status = CallStatus.CONFIRMING if by_requester else CallStatus.APPROVING
        call.batch = calls[0].id if len(calls) > 1 else ""
    state.status = RunStatus.CONFIRMING if by_requester else RunStatus.APPROVING
    state.work = None
    views = [call_view(call, context.tools.get(call.tool), context.now.tzinfo) for call in calls]
    step.record("confirmation" if by_requester else "approval", call=views[0], calls=views)


def _send(step: Transition, call: CallRecord, context: Context) -> None:
    call.status = CallStatus.READY
    step.state.status = RunStatus.WORKING
    step.state.work = Work(WorkKind.SEND_CALL, call.id)
    view = call_view(call, context.tools.get(call.tool), context.now.tzinfo)
    step.record("progress", text=say("calling", method=view["method"], target=view["target"]))


def _send_again(step: Transition, call: CallRecord, delay: float, text: str) -> None:
    call.status = CallStatus.READY
    step.state.work = Work(WorkKind.SEND_CALL, call.id, delay)
    step.record("progress", text=text)


def _ask_model(step: Transition, text: str) -> None:
    step.state.work = Work(WorkKind.ASK_MODEL)
    step.record("progress", text=text)


# --- the product's answers ------------------------------------------------------------------------------------


def _succeed(step: Transition, call: CallRecord) -> None:
    call.status, call.maybe_done = CallStatus.SUCCEEDED, False
    call.error = ""
    step.state.work = None
    _result(step.state, call, call.response)


def _refused_by_product(
    step: Transition, call: CallRecord, tool: Tool | None, context: Context, *, wait: float | None = None
) -> None:
    """A 4xx: what the product says goes to the model; a refused secret goes back to the person."""
    error = answers.problem_text(call.response, call.http_status)
    if wait is not None:
        error = f"{error.rstrip('.')}. {say('asked_to_wait', duration=_duration(wait))}"
    _end_call(call, CallStatus.FAILED, error)
    step.state.work = None
    fields = answers.problem_fields(call.response)
    questions = _questions_for_fields(call, tool, fields, secret_only=True)
    if call.http_status in (400, 422) and questions and tool is not None and not call.maybe_done:
        _ask_instead(step, call, tool, questions)
        return
    _result(step.state, call, error_result(call.http_status, call.error, fields, call.response))


def _duration(seconds: float) -> str:
    return say("minutes", count=round(seconds / 60)) if seconds >= 120 else say("seconds", count=round(seconds))


def _ask_instead(step: Transition, call: CallRecord, tool: Tool, questions: list[Question]) -> None:
    """Ask the person for values that the product refused, and plan the call anew with them."""
    call.superseded = True
    kept = {name: value for name, value in call.arguments.items() if name not in {q.name for q in questions}}
    again = CallRecord(
        id=_free_id(step.state, call.id),
        tool=call.tool,
        arguments=kept,
        status=CallStatus.ASKING,
        repairs=call.repairs,
    )
    state = step.state
    state.calls.append(again)
    _result(state, call, error_result(call.http_status, call.error))
    state.messages.append(Message(Role.ASSISTANT, tool_calls=(ToolCall(again.id, again.tool, kept),)))
    text = say("refused_need", error=call.error, question=_question_text(tool, questions))
    _ask(step, again.id, text, questions)


def _questions_for_fields(
    call: CallRecord, tool: Tool | None, fields: list[tuple[str, str]], *, secret_only: bool
) -> list[Question]:
    """The arguments that the product's error names, as questions with its words as help."""
    if tool is None:
        return []
    found = []
    for name, message in fields:
        argument = next((a for a in call.arguments if a == name or name.endswith(f".{a}")), None)
        if argument is None or (secret_only and argument not in tool.secret_arguments):
            continue
        found.append(checkpoints.question(tool, argument, help_text=message))
    return found


def _lost(step: Transition, call: CallRecord, tool: Tool | None, message: str, *, wait: float | None = None) -> None:
    """The outcome is unknown: repeat what is safe to repeat, else a person decides."""
    safe = tool is not None and (tool.method in IDEMPOTENT_METHODS or bool(tool.idempotency_header))
    call.maybe_done = tool is None or tool.effect is not Effect.READ
    if safe and call.tries < 2:
        delay = float(call.tries) if wait is None or wait > LONGEST_WAIT else max(1.0, wait)
        _send_again(step, call, delay, say("unclear_again"))
    elif tool is None or tool.effect is Effect.READ:
        _give_up(step, call, message)
    else:
        call.status = CallStatus.IN_DOUBT
        call.error = f"{message} {say('not_known')}"
        step.state.status = RunStatus.CONFIRMING
        step.state.work = None
        view = call_view(call, tool, None)
        step.record("confirmation", call=view, calls=[view], in_doubt=True)


def _give_up(step: Transition, call: CallRecord, message: str) -> None:
    _end_call(call, CallStatus.FAILED, message)
    step.state.work = None
    _result(step.state, call, error_result(call.http_status, call.error))


def _end_call(call: CallRecord, status: CallStatus, error: str) -> None:
    """The call was not done, as far as this try goes; an earlier one of which nothing is known leaves it in doubt."""
    call.status = CallStatus.IN_DOUBT if call.maybe_done else status
    call.error = f"{error} {say('not_known')}".strip() if call.maybe_done else error


# --- questions ------------------------------------------------------------------------------------------------


def _ask(step: Transition, for_id: str, text: str, questions: list[Question]) -> None:
    state = step.state
    state.status = RunStatus.ASKING
    state.work = None
    state.question, state.questions, state.asking_for = text, questions, for_id
    step.record("asked", text=text, questions=[question.to_json() for question in questions])


def _question_text(tool: Tool, questions: list[Question] | tuple[Question, ...]) -> str:
    labels = [question.label.lower() for question in questions]
    purpose = (tool.summary or tool.name.replace("_", " ")).strip().rstrip(".")
    return say("need", purpose=purpose, labels=listed(labels))


def _reply_to_model(step: Transition, call_id: str, event: Replied) -> None:
    """The answer to the model's own question goes back to it as that tool's result."""
    state = step.state
    text = "\n".join(str(value) for value in event.values.values())
    state.said.append(text)
    state.messages.append(
        Message(
            Role.TOOL,
            prompts.trim_result({"answer": text}, RESULT_CHARACTERS),
            tool_call_id=call_id,
            name=ASK_TOOL.name,
        )
    )
    _ask_model(step, say("thinking"))


def _take_values(state: RunState, call: CallRecord, asked: list[Question], event: Replied) -> list[Question]:
    """Put the person's values into the call; the questions whose values can't be used come back."""
    wrong: list[Question] = []
    for question in asked:
        if question.name in event.secrets:
            name = event.secrets[question.name]
            checkpoints.put(call.arguments, question.name, {"$secret": name})
            if name not in state.secrets:
                state.secrets.append(name)
            continue
        raw = event.values.get(question.name)
        if raw is None or raw == "":
            if question.required:
                wrong.append(question)
            continue
        try:
            checkpoints.put(call.arguments, question.name, checkpoints.coerce(raw, question.schema))
        except ValueError as error:
            wrong.append(checkpoints.with_help(question, str(error)))
            continue
        state.said.append(str(raw))
    return wrong


# --- the end --------------------------------------------------------------------------------------------------


def _conclude(step: Transition, context: Context, text: str) -> None:
    """The model has nothing more to do: answer from what the calls returned, ask, or refuse."""
    state = step.state
    if not state.calls:
        _refuse(step, context)
        return
    if _ask_about_refusal(step, context):
        return
    shown = [call for call in state.calls if not call.superseded]
    answer = answers.render(shown, context.tools, context.now.tzinfo)
    if text and context.writes_text and answers.supported(text, shown, "\n".join(state.said)):
        answer = Answer(text, answer.blocks, answer.suggestions)
    elif text and not context.writes_text:
        # Rules wrote it, not a model: what they did not find, what is left undone.
        answer = Answer(f"{answer.text} {text}".strip(), answer.blocks, answer.suggestions)
    bad = {CallStatus.FAILED, CallStatus.BLOCKED, CallStatus.IN_DOUBT}
    answer = replace(answer, blocks=(*answer.blocks, *_accounts_to_connect(shown, context, bad)))
    # What was only left out because of another call does not tell how it went.
    last = next((c for c in reversed(shown) if c.status is not CallStatus.REJECTED or c.decided_by), shown[-1])
    if last.status is CallStatus.REJECTED and last.decided_by:
        by_other = context.tools.get(last.tool) is not None and context.tools[last.tool].decision is Decision.APPROVE
        status = RunStatus.REFUSED if by_other else RunStatus.ANSWERED
    else:
        status = RunStatus.FAILED if last.status in bad else RunStatus.ANSWERED
    _finish(step, status, answer, context)


def _accounts_to_connect(
    calls: Sequence[CallRecord], context: Context, bad: Collection[CallStatus]
) -> list[dict[str, Json]]:
    """A block for each product where the person's own account is missing, or is not accepted any more."""
    wanted = [context.tools[call.tool] for call in calls if call.status in bad and call.tool in context.tools]
    slugs = {tool.connect: tool.product for tool in wanted if tool.connect}
    return [{"kind": "connect", "product": product, "slug": slug} for slug, product in slugs.items()]


def _ask_about_refusal(step: Transition, context: Context) -> bool:
    """The product refused values that the model did not repair: ask the person for them, at most twice a tool."""
    call = step.state.calls[-1]
    tool = context.tools.get(call.tool)
    tries = sum(other.tool == call.tool and other.status is CallStatus.FAILED for other in step.state.calls)
    if call.status is not CallStatus.FAILED or call.http_status not in (400, 422) or tries > 2 or tool is None:
        return False
    questions = _questions_for_fields(call, tool, answers.problem_fields(call.response), secret_only=False)
    if questions:
        _ask_instead(step, call, tool, questions)
    return bool(questions)


def _refuse(step: Transition, context: Context) -> None:
    nearest = list(context.tools.values())
    _finish(step, RunStatus.REFUSED, answers.refusal(context.whitelist or nearest, ranked=nearest[:3]), context)


def _fail(step: Transition, context: Context, message: str) -> None:
    _close_calls(step.state)
    told = {CallStatus.SUCCEEDED, CallStatus.IN_DOUBT}
    shown = [call for call in step.state.calls if not call.superseded and call.status in told]
    answer = answers.render(shown, context.tools, context.now.tzinfo) if shown else Answer("")
    _finish(step, RunStatus.FAILED, Answer(f"{message} {answer.text}".strip(), answer.blocks), context)


def _close_calls(state: RunState) -> None:
    """What was not made is not made; what is on its way is in doubt."""
    for call in state.calls:
        if call.status is CallStatus.SENT:
            call.status = CallStatus.IN_DOUBT
        elif call.status in _OPEN:
            _end_call(call, CallStatus.REJECTED, call.error)


def _finish(step: Transition, status: RunStatus, answer: Answer, context: Context) -> None:
    state = step.state
    state.status, state.answer, state.work = status, answer, None
    state.question, state.questions, state.asking_for = "", [], ""
    _answer_open_calls(state)
    state.messages.append(Message(Role.ASSISTANT, answer.text))
    views = [
        call_view(call, context.tools.get(call.tool), context.now.tzinfo) for call in state.calls if not call.superseded
    ]
    step.record(status.value, answer=answer.to_json(), calls=views)


# --- small parts ----------------------------------------------------------------------------------------------


def _count(state: RunState, completion: Completion) -> None:
    state.work = None
    state.model_calls += 1
    _count_usage(state, completion.usage)
    if completion.confidence is not None:
        state.confidence = min(completion.confidence, state.confidence if state.confidence is not None else 1.0)


def _count_usage(state: RunState, usage: Usage) -> None:
    state.prompt_tokens += usage.prompt_tokens
    state.cached_tokens += usage.cached_tokens
    state.completion_tokens += usage.completion_tokens
    state.cost += usage.cost


def _limit_hit(state: RunState, bounds: Bounds) -> str:
    """Which bound the run has passed, in words; "" for none."""
    if state.steps > bounds.steps:
        return say("limit_steps", count=bounds.steps)
    if state.model_calls > bounds.model_calls:
        return say("limit_model_calls", count=bounds.model_calls)
    if len(state.calls) > bounds.calls:
        return say("limit_calls", count=bounds.calls)
    if state.prompt_tokens + state.completion_tokens > bounds.tokens:
        return say("limit_tokens", count=bounds.tokens)
    if state.seconds > bounds.seconds:
        return say("limit_seconds", count=round(bounds.seconds))
    if state.response_bytes > bounds.response_bytes:
        return say("limit_bytes", count=round(bounds.response_bytes / 1024 / 1024))
    if bounds.cost and state.cost > bounds.cost:
        return say("limit_cost", cost=f"{bounds.cost / 1_000_000:.2f}")
    return ""


def _unique_ids(state: RunState, calls: tuple[ToolCall, ...]) -> list[ToolCall]:
    """The calls with ids that are new in this run; models repeat theirs."""
    taken = {call.id for message in state.messages for call in message.tool_calls}
    unique = []
    for call in calls:
        new = call.id or "call"
        count = 1
        while new in taken:
            count += 1
            new = f"{call.id or 'call'}_{count}"
        taken.add(new)
        unique.append(ToolCall(new, call.name, call.arguments))
    return unique


def _free_id(state: RunState, call_id: str) -> str:
    return _unique_ids(state, (ToolCall(call_id, ""),))[0].id


def _tool_message(state: RunState, call: ToolCall, result: Json) -> None:
    content = visible(prompts.trim_result(result, RESULT_CHARACTERS))
    state.messages.append(Message(Role.TOOL, content, tool_call_id=call.id, name=call.name))


def _answer_open_calls(state: RunState) -> None:
    """Every call that the model asked for gets a result: the providers refuse a history in which one has none."""
    answered = {message.tool_call_id for message in state.messages if message.role is Role.TOOL}
    open_calls = [call for message in state.messages for call in message.tool_calls if call.id not in answered]
    for call in open_calls:
        _tool_message(state, call, {"error": {"message": "Not done: the request ended before."}})


def _result(state: RunState, call: CallRecord, result: Json) -> None:
    """Tell the model what came of a call, and what exactly was sent."""
    shown = {name: checkpoints.placeholder(value) for name, value in call.arguments.items()}
    for index, message in enumerate(state.messages):
        if any(asked.id == call.id for asked in message.tool_calls):
            calls = tuple(
                ToolCall(asked.id, asked.name, shown) if asked.id == call.id else asked for asked in message.tool_calls
            )
            state.messages[index] = Message(Role.ASSISTANT, message.content, tool_calls=calls)
    _tool_message(state, ToolCall(call.id, call.tool), result)


def _sources(state: RunState) -> checkpoints.Sources:
    """Where an argument's value may come from, newest first."""
    earlier = [message.content for message in state.history if message.role is Role.USER]
    calls = [*state.earlier_calls, *state.calls]
    return checkpoints.Sources(
        said=[*reversed(state.said), *reversed(earlier)],
        computed=list(reversed(state.computed)),
        returned=[
            checkpoints.Returned(call.id, call.tool, call.response)
            for call in reversed(calls)
            if call.status is CallStatus.SUCCEEDED and call.response is not None
        ],
    )


def _effect(context: Context, call: CallRecord) -> Effect:
    """Of an operation that is not known any more: the most harmful one."""
    tool = context.tools.get(call.tool)
    return tool.effect if tool else Effect.DESTRUCTIVE


def _title(context: Context, call: CallRecord) -> str:
    tool = context.tools.get(call.tool)
    return f"“{tool.summary if tool and tool.summary else argument_label(call.tool)}”"


def due(state: RunState, now: datetime) -> datetime | None:
    """When the driver may do the work, None for at once."""
    return now + timedelta(seconds=state.work.delay) if state.work and state.work.delay else None

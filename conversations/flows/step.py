"""Transitions of a run, under its row lock, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

from accounts.models import Mode
from conversations.models import Run
from conversations.queue import look_at
from conversations.recording import Recording
from nlops.core.engine import Bounds, Context, EngineEvent, Record, RunState, advance, needs_whitelist
from nlops.core.types import CallRecord, Decision, Effect, Tool
from nlops.llm.base import ChatModel
from nlops.llm.registry import ModelConfigurationError, model_from_spec
from specs.querysets import tools, whitelisted_tools


def model_name(run: Run, state: RunState) -> str:
    """The model that the run began with, else the one that its tenant uses now; the fallback once it took over."""
    if state.uses_fallback:
        return fallback_name(run)
    return run.model or run.tenant.model or settings.NLOPS_MODEL


def fallback_name(run: Run) -> str:
    """The model that takes over when the run's own gives no answer, "" for none."""
    return run.tenant.fallback_model or settings.NLOPS_FALLBACK_MODEL


def model_of(run: Run, state: RunState) -> ChatModel:
    """The model that takes the run's next turn. Raises nlops.llm.registry.ModelConfigurationError."""
    return model_from_spec(model_name(run, state))


def bounds() -> Bounds:
    """How far a run may go on this installation."""
    return Bounds(
        batch=settings.NLOPS_BATCH,
        tokens=settings.NLOPS_RUN_TOKENS,
        seconds=settings.NLOPS_RUN_SECONDS,
        response_bytes=settings.NLOPS_RUN_RESPONSE_BYTES,
        cost=round(settings.NLOPS_RUN_COST * 1_000_000),
    )


def step(run: Run, event: EngineEvent, *, keep_lease: bool = False) -> None:
    """Advance the locked run by what a person did, write it, and hand over to the queue when there is work.

    `keep_lease`: a worker that is at the run goes on.
    """
    taken = Step(run)
    taken.take(event, keep_lease=keep_lease)
    taken.write()
    if taken.state.work is not None:
        look_at(run.tenant_id, run.pk, delay=taken.state.work.delay)


class Step:
    """What one transaction does with a locked run: transitions, written together by `write` at its end."""

    def __init__(self, run: Run, *, with_tools: bool = True) -> None:
        self.run = run
        self.state = RunState.from_json(run.state)
        #: the time of the run's member
        self.now: datetime = timezone.now().astimezone(ZoneInfo(run.conversation.member.user.time_zone))
        self._recording = Recording(run)
        self._with_tools = with_tools
        self._tools: dict[tuple[str, ...], dict[str, Tool]] = {}

    @property
    def tools(self) -> Mapping[str, Tool]:
        """The run's tools by name, best ranked first, each with the policy's decision of this moment."""
        key = tuple(self.state.operation_ids) if self._with_tools else ()
        if key not in self._tools:
            member = self.run.conversation.member
            found = tools(key, member.role, member.pk) if key else ()
            self._tools[key] = {tool.name: tool for tool in self._as_now(found)}
        return self._tools[key]

    def _as_now(self, found: Iterable[Tool]) -> Iterable[Tool]:
        """The tools with what the mode of this moment takes away."""
        mode = self.run.mode
        if mode is Mode.NORMAL:
            return found
        return (
            replace(tool, decision=Decision.DENY) if mode is Mode.STOPPED or tool.effect is not Effect.READ else tool
            for tool in found
        )

    def take(self, event: EngineEvent, *, elapsed: float = 0.0, keep_lease: bool = False) -> None:
        """Advance by the event. `elapsed`: seconds that the work before it took."""
        before = self.state
        selected = getattr(event, "operation_ids", None)
        if selected is not None:
            before.operation_ids = list(selected)
        transition = advance(before, event, self._context(event, elapsed))
        self.state = transition.state
        self._recording.add(before, transition, self.tools, keep_lease=keep_lease)

    def record(self, record: Record) -> None:
        """Leave a record in the transcript."""
        self._recording.records.append(record)

    def sent(self, call: CallRecord) -> None:
        """The call goes out."""
        self._recording.sent(call)

    def finished(self, call_id: str, http_status: int, error: str) -> None:
        """The call's attempt is over."""
        self._recording.finished(call_id, http_status, error)

    def write(self) -> None:
        """Write all that the transaction came to."""
        self._recording.write(self.state, self.tools)

    def _may_be_used(self) -> list[Tool]:
        return [tool for tool in self._as_now(whitelisted_tools()) if tool.decision is not Decision.DENY]

    def _context(self, event: EngineEvent, elapsed: float) -> Context:
        """What the engine needs to know of this moment."""
        run, state = self.run, self.state
        languages, writes_text = None, False
        try:
            model = model_of(run, state)
            languages, writes_text = model.languages, model.writes_text
        except ModelConfigurationError:
            pass  # Told to the person when the model is needed; a decision or a stop needs none.
        return Context(
            tools=self.tools,
            now=self.now,
            whitelist=self._may_be_used() if needs_whitelist(state, event) else (),
            languages=languages,
            writes_text=writes_text,
            bounds=bounds(),
            elapsed=elapsed,
            has_fallback=fallback_name(run) not in ("", model_name(run, state)),
            requester=run.conversation.member.user.email,
        )

"""One transition of a run, under its row lock, inside the caller's transaction."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

from conversations.models import Run
from conversations.queue import look_at
from conversations.recording import save
from nlops.core.engine import Bounds, Context, EngineEvent, RunState, Transition, advance, needs_whitelist
from nlops.core.types import Tool
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


def tools_of(state: RunState) -> dict[str, Tool]:
    """The run's tools by name, best ranked first, each with the policy's decision of this moment."""
    return {tool.name: tool for tool in tools(state.operation_ids)}


def context_of(run: Run, state: RunState, found: dict[str, Tool]) -> Context:
    """What the engine needs to know of this moment."""
    zone = ZoneInfo(run.conversation.member.user.time_zone)
    context = Context(
        tools=found,
        now=timezone.now().astimezone(zone),
        bounds=bounds(),
        has_fallback=fallback_name(run) not in ("", model_name(run, state)),
    )
    try:
        model = model_of(run, state)
    except ModelConfigurationError:
        # Told to the person when the model is needed; a decision or a stop needs none.
        return context
    return replace(context, languages=model.languages, writes_text=model.writes_text)


def step(
    run: Run,
    event: EngineEvent,
    *,
    state: RunState | None = None,
    elapsed: float = 0.0,
    keep_lease: bool = False,
) -> Transition:
    """Advance the locked run by the event, write it, and hand over to the queue when there is work.

    `elapsed`: seconds that the work before the event took. `keep_lease`: the worker that has it is not done.
    """
    state = state or RunState.from_json(run.state)
    selected = getattr(event, "operation_ids", None)
    if selected is not None:
        state.operation_ids = list(selected)
    found = tools_of(state)
    context = replace(context_of(run, state, found), elapsed=elapsed)
    if needs_whitelist(event):
        context = replace(context, whitelist=whitelisted_tools())
    transition = advance(state, event, context)
    save(run, transition, found, keep_lease=keep_lease)
    if transition.state.work is not None:
        look_at(run.tenant_id, run.pk, delay=transition.state.work.delay)
    return transition

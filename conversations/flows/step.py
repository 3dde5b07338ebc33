"""One transition of a run, under its row lock, inside the caller's transaction."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

from conversations.models import Run
from conversations.queue import look_at
from conversations.recording import save
from nlops.core.engine import Context, EngineEvent, RunState, Transition, advance, needs_whitelist
from nlops.core.types import Tool
from nlops.llm.base import ChatModel
from nlops.llm.registry import ModelConfigurationError, model_from_spec
from specs.querysets import tools, whitelisted_tools


def model_name(run: Run) -> str:
    """The model that the run began with, else the one that its tenant uses now."""
    return run.model or run.tenant.model or settings.NLOPS_MODEL


def model_of(run: Run) -> ChatModel:
    """The run's model, the same to its end. Raises nlops.llm.registry.ModelConfigurationError."""
    return model_from_spec(model_name(run))


def tools_of(state: RunState) -> dict[str, Tool]:
    """The run's tools by name, best ranked first, each with the policy's decision of this moment."""
    return {tool.name: tool for tool in tools(state.operation_ids)}


def context_of(run: Run, found: dict[str, Tool]) -> Context:
    """What the engine needs to know of this moment."""
    zone = ZoneInfo(run.conversation.member.user.time_zone)
    context = Context(tools=found, now=timezone.now().astimezone(zone))
    try:
        model = model_of(run)
    except ModelConfigurationError:
        # Told to the person when the model is needed; a decision or a stop needs none.
        return context
    return replace(context, languages=model.languages, writes_text=model.writes_text)


def step(run: Run, event: EngineEvent, *, state: RunState | None = None) -> Transition:
    """Advance the locked run by the event, write it, and hand over to the queue when there is work."""
    state = state or RunState.from_json(run.state)
    selected = getattr(event, "operation_ids", None)
    if selected is not None:
        state.operation_ids = list(selected)
    found = tools_of(state)
    context = context_of(run, found)
    if needs_whitelist(event):
        context = replace(context, whitelist=whitelisted_tools())
    transition = advance(state, event, context)
    save(run, transition, found)
    if transition.state.work is not None:
        look_at(run.tenant_id, run.pk, delay=transition.state.work.delay)
    return transition

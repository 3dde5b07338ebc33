"""What a new run knows of the conversation before it."""

from __future__ import annotations

from conversations.models import Conversation, Run
from nlops.core.engine import RunState
from nlops.core.types import CallRecord, CallStatus, Message

#: Earlier runs that a new one remembers.
RUNS = 6


def history(conversation: Conversation) -> list[Message]:
    """Messages of the last runs, oldest first; a run whose working state was cleared has none."""
    return [message for state in _states(conversation) for message in state.messages]


def earlier_calls(conversation: Conversation) -> list[CallRecord]:
    """Calls of the last runs that succeeded, oldest first."""
    return [call for state in _states(conversation) for call in state.calls if call.status is CallStatus.SUCCEEDED]


def _states(conversation: Conversation) -> list[RunState]:
    runs: list[Run] = list(conversation.runs.filter(finished_at__isnull=False).order_by("-number")[:RUNS])
    return [RunState.from_json(run.state) for run in reversed(runs) if run.state]

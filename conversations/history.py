"""What a new run knows of the conversation before it."""

from __future__ import annotations

from conversations.models import Conversation, Run
from nlops.core.engine import RunState
from nlops.core.types import CallRecord, CallStatus, Message

#: Earlier runs that a new one remembers.
RUNS = 6


def remembered(conversation: Conversation) -> tuple[list[Message], list[CallRecord]]:
    """Messages of the last runs and their calls that succeeded, oldest first.

    A run whose working state was cleared has none.
    """
    states = _states(conversation)
    messages = [message for state in states for message in state.messages]
    calls = [call for state in states for call in state.calls if call.status is CallStatus.SUCCEEDED]
    return messages, calls


def _states(conversation: Conversation) -> list[RunState]:
    runs: list[Run] = list(conversation.runs.filter(finished_at__isnull=False).order_by("-number")[:RUNS])
    return [RunState.from_json(run.state) for run in reversed(runs) if run.state]

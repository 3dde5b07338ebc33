"""What a conversation's messages say so far: the request, what was done for it, and what was done before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from nlops.core.tools import ASK_TOOL, DATE_TOOL, OWN_TOOL_NAMES
from nlops.core.types import Json, Message, Role, ToolCall


@dataclass(frozen=True, slots=True)
class Done:
    """One call of an operation and what came of it."""

    call: ToolCall
    #: the product's answer as a JSON value or text
    result: Json

    @property
    def error(self) -> dict[str, Json] | None:
        """The error that the engine reported, None when the call succeeded."""
        error = self.result.get("error") if isinstance(self.result, dict) and len(self.result) == 1 else None
        return error if isinstance(error, dict) and "message" in error else None


@dataclass(slots=True)
class Situation:
    """The messages, read."""

    #: the person's current request
    request: str = ""
    #: calls of operations in this run, in order
    run: list[Done] = field(default_factory=list)
    #: words for a date to what the date tool said of them, in this run
    dates: dict[str, dict[str, Json]] = field(default_factory=dict)
    #: the person's answers to questions of ask_user in this run
    answers: list[str] = field(default_factory=list)
    #: those of them that were picked from choices
    picked: set[str] = field(default_factory=set)
    #: calls of operations in earlier runs, oldest first
    past: list[Done] = field(default_factory=list)

    @property
    def done(self) -> list[Done]:
        """Everything that succeeded, oldest first."""
        return [done for done in (*self.past, *self.run) if done.error is None]


def read(messages: Sequence[Message]) -> Situation:
    """The situation that the messages describe; the last message of the person is the request."""
    situation = Situation()
    results = {message.tool_call_id: message for message in messages if message.role is Role.TOOL}
    last = max((index for index, message in enumerate(messages) if message.role is Role.USER), default=-1)
    if last < 0:
        return situation
    situation.request = messages[last].content
    for index, message in enumerate(messages):
        for call in message.tool_calls:
            if call.id in results and results[call.id].name in ("", call.name):
                _take(situation, call, _value(results[call.id].content), current=index > last)
    return situation


def _take(situation: Situation, call: ToolCall, result: Json, *, current: bool) -> None:
    if call.name not in OWN_TOOL_NAMES:
        (situation.run if current else situation.past).append(Done(call, result))
    elif current and call.name == DATE_TOOL.name and isinstance(result, dict):
        situation.dates[str(call.arguments.get("expression", ""))] = result
    elif current and call.name == ASK_TOOL.name and isinstance(result, dict):
        answer = str(result.get("answer", ""))
        situation.answers.append(answer)
        if answer in call.arguments.get("choices", ()):
            situation.picked.add(answer)


def _value(content: str) -> Json:
    try:
        return json.loads(content)
    except ValueError:
        return content

"""Exactly what a model saw in each of its turns, put together again from the run's prompt and its events."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from conversations.models import Event, EventKind, Run
from conversations.prompting import request_digest, tool_digest
from nlops.core.tools import OWN_TOOLS
from nlops.core.types import Json, Message, Role, Tool
from specs.querysets import tools


@dataclass(slots=True)
class OfferedTool:
    """A tool that the model could call."""

    #: its name
    name: str
    #: SHA-256 over name, description and argument schema as they were offered
    sha256: str
    #: as it is now; None when it is gone or was changed since
    tool: Tool | None


@dataclass(slots=True)
class Turn:
    """One request to a model and its answer."""

    #: 1 for the run's first
    number: int
    #: when it was sent
    at: datetime
    #: name as in NLOPS_MODEL
    model: str
    #: number and hash of the prompt's version
    prompt: str
    #: as they were sent, the system prompt first
    messages: list[Message]
    #: what the model could call
    tools: list[OfferedTool]
    #: tokens that it might write, seconds that it might take
    limits: dict[str, Json]
    #: true when the messages have the hash that was recorded when they were sent
    is_intact: bool
    #: data of the event with the model's answer, empty where none came
    answer: dict[str, Json] = field(default_factory=dict)


def turns(run: Run) -> list[Turn]:
    """The model requests of the run in order; none for a run of before they were recorded."""
    found: list[Turn] = []
    sent: list[Message] = []
    offered: list[OfferedTool] = []
    kinds = [EventKind.PROMPTED, EventKind.MODEL, EventKind.SEARCHING, EventKind.SEARCHED]
    for event in Event.objects.filter(run=run, kind__in=kinds).order_by("sequence"):
        data = event.data
        if event.kind in (EventKind.MODEL, EventKind.SEARCHED):
            if found and not found[-1].answer:
                found[-1].answer = data
            continue
        if event.kind == EventKind.SEARCHING:
            found.append(_search(len(found) + 1, event))
            continue
        sent = sent[: data["keep"]] + [Message.from_json(message) for message in data["messages"]]
        if "tools" in data:
            offered = _offered(data)
        messages = [Message(Role.SYSTEM, run.system_prompt), *sent]
        found.append(
            Turn(
                len(found) + 1, event.created_at, data["model"], data["prompt"], messages, offered, data["limits"],
                is_intact=request_digest(messages) == data["sha256"],
            )
        )  # fmt: skip
    return found


def _search(number: int, event: Event) -> Turn:
    """The request for search words: it has a prompt of its own, and no tools."""
    data = event.data
    messages = [Message.from_json(message) for message in data["messages"]]
    intact = request_digest(messages) == data["sha256"]
    return Turn(number, event.created_at, data["model"], "", messages, [], data["limits"], is_intact=intact)


def _offered(data: dict[str, Json]) -> list[OfferedTool]:
    now = {tool.name: tool for tool in [*OWN_TOOLS, *tools(data["operation_ids"])]}
    result = []
    for entry in data["tools"]:
        tool = now.get(entry["name"])
        same = tool is not None and tool_digest(tool) == entry["sha256"]
        result.append(OfferedTool(entry["name"], entry["sha256"], tool if same else None))
    return result

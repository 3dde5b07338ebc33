"""What is sent to a server of the OpenAI API: the conversation and the tools."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from nlops.core.tools import OWN_TOOL_NAMES
from nlops.core.types import Message, Role, Tool, ToolCall

#: Operations that are offered at once, best ranked first.
MAX_TOOLS = 24
#: Characters of a tool's description that are sent; OpenAI refuses more.
MAX_DESCRIPTION = 1024
#: Keywords that OpenAI refuses at the top of a tool's parameters; the engine checks them all the same.
_NOT_AT_THE_TOP = frozenset({"oneOf", "anyOf", "allOf", "not", "enum"})


def conversation(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The messages as the API wants them: each call with its result right behind it, under an id of its own.

    The providers refuse a call without a result and a result without a call; a run that was stopped or that waited
    has both. Ids are numbered anew: those of earlier runs repeat, and some servers take nine letters and digits only.
    """
    taken: set[int] = set()
    prompt: list[dict[str, Any]] = []
    count = 0
    for index, message in enumerate(messages):
        if message.role is Role.TOOL:
            continue
        data: dict[str, Any] = {"role": message.role.value, "content": message.content}
        prompt.append(data)
        for call in message.tool_calls:
            count += 1
            number = f"call{count:05d}"
            data.setdefault("tool_calls", []).append(raw_call(number, call.name, call.arguments))
            place = _result_of(call, messages, index + 1, taken)
            taken.add(place)
            content = messages[place].content if place >= 0 else '{"note": "Nothing is known of what came of this."}'
            prompt.append({"role": "tool", "tool_call_id": number, "content": content})
    return prompt


def _result_of(call: ToolCall, messages: Sequence[Message], start: int, taken: set[int]) -> int:
    """Where the call's result stands, -1 for nowhere: before the next call with the same id."""
    for place in range(start, len(messages)):
        message = messages[place]
        if any(other.id == call.id for other in message.tool_calls):
            break
        if message.role is Role.TOOL and message.tool_call_id == call.id and place not in taken:
            return place
    return -1


def raw_call(number: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """A call as the API has it."""
    text = json.dumps(arguments, ensure_ascii=False)
    return {"id": number, "type": "function", "function": {"name": name, "arguments": text}}


def offered_tools(tools: Sequence[Tool]) -> list[Tool]:
    """nlops's own tools and the best ranked operations."""
    own = [tool for tool in tools if tool.name in OWN_TOOL_NAMES]
    return own + [tool for tool in tools if tool.name not in OWN_TOOL_NAMES][:MAX_TOOLS]


def tool_definition(tool: Tool) -> dict[str, Any]:
    """A tool as the API has it."""
    # Some servers refuse parameters without `type` or `properties`.
    parameters = {"type": "object", "properties": {}} | {
        key: value for key, value in tool.parameters.items() if key not in _NOT_AT_THE_TOP
    }
    return {
        "type": "function",
        "function": {"name": tool.name, "description": _description(tool), "parameters": parameters},
    }


def _description(tool: Tool) -> str:
    also = f"\nAlso called: {tool.synonyms}." if tool.synonyms else ""
    return tool.description[: MAX_DESCRIPTION - len(also)] + also

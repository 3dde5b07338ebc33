"""nlops's own tools, which every model may call beside the operations of the product."""

from __future__ import annotations

from nlops.core.types import Tool

#: Turns words for dates into ISO 8601 instants.
DATE_TOOL = Tool(
    name="resolve_date",
    description=(
        "Turn words for a date or a period ('yesterday', 'last 3 months', 'since Monday') into the start and the "
        "end as ISO 8601 instants in the person's time zone. Always use it: never compute dates yourself."
    ),
    parameters={
        "type": "object",
        "properties": {
            "expression": {"type": "string", "description": "The person's own words, copied exactly."},
        },
        "required": ["expression"],
        "additionalProperties": False,
    },
)

#: Pauses the run with a clarification.
ASK_TOOL = Tool(
    name="ask_user",
    description=(
        "Ask the person when the request can mean several things. Not for missing values of a call: make the call "
        "without them, nlops asks for them itself."
    ),
    parameters={
        "type": "object",
        "properties": {
            "question": {"type": "string", "description": "One short question in the person's language."},
            "choices": {
                "type": "array",
                "items": {"type": "string"},
                "description": "The possible answers, when they are few.",
            },
        },
        "required": ["question"],
        "additionalProperties": False,
    },
)

#: Answers "hello" and "what can you do?" from the whitelist.
CAPABILITIES_TOOL = Tool(
    name="describe_capabilities",
    description="Call it when the person greets you, thanks you, or asks what you can do or for help in general.",
    parameters={"type": "object", "properties": {}, "additionalProperties": False},
)

#: Says that nothing here serves the request.
REFUSE_TOOL = Tool(
    name="refuse",
    description=(
        "Call it when no other tool serves the request, in whole or in part: questions of general knowledge, other "
        "products, anything outside this product. Never answer such a request yourself."
    ),
    parameters={
        "type": "object",
        "properties": {"reason": {"type": "string", "description": "One short sentence."}},
        "additionalProperties": False,
    },
)

OWN_TOOLS: tuple[Tool, ...] = (DATE_TOOL, ASK_TOOL, CAPABILITIES_TOOL, REFUSE_TOOL)
OWN_TOOL_NAMES: frozenset[str] = frozenset(tool.name for tool in OWN_TOOLS)

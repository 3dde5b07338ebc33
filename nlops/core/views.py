"""A call as people see it: in the chat, in the approval queue, in the transcript and in `ask --json`."""

from __future__ import annotations

import json
import re
from datetime import tzinfo

from nlops.core.phrases import say
from nlops.core.types import CallRecord, Json, Provenance, ProvenanceKind, Tool

#: What stands where a secret is.
HIDDEN = "••••••"


def call_view(call: CallRecord, tool: Tool | None, zone: tzinfo | None) -> dict[str, Json]:
    """JSON of the call for a page: what it does, with which values, and where each comes from. No secrets."""
    return {
        "id": call.id,
        "tool": call.tool,
        "operation_id": tool.operation_id if tool else "",
        "summary": (tool.summary or argument_label(tool.name)) if tool else argument_label(call.tool),
        "service": tool.service if tool else "",
        "product": tool.product if tool else "",
        "method": tool.method if tool else "",
        "path": tool.path if tool else "",
        "target": target(tool.path, call.arguments) if tool else call.tool,
        "effect": tool.effect.value if tool else "",
        "decision": tool.decision.value if tool else "",
        "status": call.status.value,
        "http_status": call.http_status,
        "error": call.error,
        "repairs": list(call.repairs),
        "decided_by": call.decided_by,
        "response": call.response,
        "arguments": [_argument(name, value, call, tool) for name, value in call.arguments.items()],
    }


def target(path: str, arguments: dict[str, Json]) -> str:
    """The path with the values filled in, for display only."""

    def fill(match: re.Match[str]) -> str:
        value = arguments.get(match[1])
        return match[0] if value is None else display(value)

    return re.sub(r"\{([^{}]+)\}", fill, path)


def argument_label(name: str) -> str:
    """'first_name' and 'firstName' as 'First name'."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name).replace("_", " ").replace("-", " ").split()
    return " ".join(words).capitalize()


def display(value: Json) -> str:
    """A value as text for people; a secret is hidden."""
    if isinstance(value, dict) and set(value) == {"$secret"}:
        return HIDDEN
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return say("yes") if value else say("no")
    return json.dumps(value, ensure_ascii=False)


def origin(provenance: Provenance) -> str:
    """Where a value comes from, as a phrase for people."""
    match provenance.kind:
        case ProvenanceKind.SAID:
            if provenance.place is None:
                return say("origin_said")
            start, end = provenance.place
            return say("origin_said_words", words=provenance.text[start:end])
        case ProvenanceKind.EDITED:
            return say("origin_edited", who=provenance.text)
        case ProvenanceKind.COMPUTED:
            return say("origin_computed", words=provenance.text)
        case ProvenanceKind.RETURNED:
            return say("origin_returned", operation=provenance.operation, path=provenance.path)
        case ProvenanceKind.DEFAULT:
            return say("origin_default")
        case ProvenanceKind.SECRET:
            return say("origin_secret")
        case ProvenanceKind.INVENTED:
            return say("origin_invented")


def pointer_to(name: str) -> str:
    """JSON pointer (RFC 6901) of an argument in the call's arguments."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _argument(name: str, value: Json, call: CallRecord, tool: Tool | None) -> dict[str, Json]:
    """One argument; of a value with several leaves the least trustworthy origin is told."""
    pointer = pointer_to(name)
    found = [p for key, p in call.provenance.items() if key == pointer or key.startswith(pointer + "/")]
    order = list(ProvenanceKind)
    weakest = max(found, key=lambda p: order.index(p.kind), default=None)
    schema = tool.properties.get(name, {}) if tool else {}
    return {
        "name": name,
        "label": str(schema.get("title") or argument_label(name)),
        "value": display(value),
        "secret": display(value) == HIDDEN,
        "kind": weakest.kind.value if weakest else "",
        "origin": "; ".join(dict.fromkeys(origin(p) for p in found)),
    }

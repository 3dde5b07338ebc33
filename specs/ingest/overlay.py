"""A lint report as an OpenAPI Overlay (Overlay Specification 1.0.0, section 4.4): a file that its reader edits."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import yaml_rs

from nlops.core.types import Json


def json_path(pointer: str) -> str:
    """The JSONPath (RFC 9535, section 2.7, with names in brackets) of a JSON pointer's place."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    return "$" + "".join(_segment(parts, place) for place in range(len(parts)))


def _segment(parts: list[str], place: int) -> str:
    part = parts[place]
    # In a description, numbers stand in lists of parameters; elsewhere (responses) they are names.
    if part.isdecimal() and place and parts[place - 1] == "parameters":
        return f"[{part}]"
    quoted = json.dumps(part, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("'", "\\'")
    return f"['{quoted}']"


def overlay_of(title: str, findings: Iterable[Mapping[str, Any]]) -> str:
    """YAML of the overlay: an action for each finding that words can mend."""
    actions: list[Json] = [
        {
            "target": json_path(finding["pointer"]),
            "description": f"{finding['rule']}: {finding['message']} {finding['suggestion']}",
            "update": finding["update"],
        }
        for finding in findings
        if finding["update"]
    ]
    overlay = {
        "overlay": "1.0.0",
        "info": {"title": f"Better words for {title}", "version": "1"},
        "actions": actions,
    }
    return str(yaml_rs.dumps(overlay))

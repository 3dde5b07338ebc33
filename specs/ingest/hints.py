"""What a description says for people and tools beside its types: examples, and whom a thing is meant for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nlops.core.types import Json

_VISIBILITIES: Final = frozenset({"important", "advanced", "internal"})


def visibility_of(node: Mapping[str, Json]) -> str:
    """What `x-ms-visibility` says of an operation or a parameter: important, advanced, internal, or ""."""
    said = node.get("x-ms-visibility")
    return said if isinstance(said, str) and said in _VISIBILITIES else ""


def example_of(node: Mapping[str, Json]) -> Json:
    """The first example of a parameter or a media type, wherever it stands; None when there is none.

    `example`, `x-example` (Swagger 2.0), and `examples`, whose values stand under `value` or, since OpenAPI 3.2,
    `dataValue`.
    """
    for keyword in ("example", "x-example"):
        if keyword in node:
            return node[keyword]
    named = node.get("examples", node.get("x-examples"))
    for example in named.values() if isinstance(named, dict) else ():
        if not isinstance(example, dict):
            return example
        if "value" in example or "dataValue" in example:
            return example.get("value", example.get("dataValue"))
    return None

"""What a description says for people and tools beside its types: examples, and whom a thing is meant for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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


#: Values of one schema, and characters of one value, that tell what an operation can do.
_MAX_VALUES: Final = 40
_MAX_VALUE: Final = 30
#: Levels of a schema that are looked at.
_DEPTH: Final = 4


def told_values(schema: Json) -> list[str]:
    """Values that arguments take, such as reboot, resize: an operation of many actions is known by them only."""
    found: dict[str, None] = {}
    for value in _values(schema, _DEPTH):
        if len(found) == _MAX_VALUES:
            break
        found[value] = None
    return list(found)


def _values(schema: Json, depth: int) -> Iterator[str]:
    if not isinstance(schema, dict) or not depth:
        return
    listed = schema.get("enum")
    for value in listed[:_MAX_VALUES] if isinstance(listed, list) else ():
        if isinstance(value, str) and len(value) <= _MAX_VALUE:
            yield value
    properties = schema.get("properties")
    for inner in properties.values() if isinstance(properties, dict) else ():
        yield from _values(inner, depth - 1)
    for keyword in ("anyOf", "oneOf", "allOf"):
        for inner in schema.get(keyword) or ():
            yield from _values(inner, depth - 1)
    if "items" in schema:
        yield from _values(schema["items"], depth - 1)

"""Which definitions a schema needs: found when somebody wants them, for kept with every operation they would be most of
what is stored of a description that refers much to itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nlops.core.types import Json
from specs.ingest.schemas import REF_PREFIX


def references(node: Json) -> set[str]:
    """Names of the definitions that the schema refers to itself."""
    found: set[str] = set()
    waiting: list[Json] = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            reference = part.get("$ref")
            if isinstance(reference, str) and reference.startswith(REF_PREFIX):
                found.add(reference.removeprefix(REF_PREFIX))
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
    return found


def closure(node: Json, definitions: Mapping[str, Json]) -> list[str]:
    """Names of the definitions that the schema needs, those of its definitions included, sorted."""
    needed, waiting = set[str](), references(node)
    while waiting:
        name = waiting.pop()
        needed.add(name)
        waiting |= references(definitions.get(name)) - needed
    return sorted(needed)


def dependents(names: Iterable[str], definitions: Mapping[str, Json]) -> set[str]:
    """The definitions of these names, and all that need one of them."""
    users: dict[str, list[str]] = {}
    for name, schema in definitions.items():
        for used in references(schema):
            users.setdefault(used, []).append(name)
    found, waiting = set[str](), list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += users.get(name, ())
    return found

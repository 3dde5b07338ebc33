"""Services that people can survey: one with many operations is split by what their paths say, each part described."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from specs.ingest.naming import Names, slug, words

#: Operations of a service; one with more is split.
MAX_OPERATIONS = 40
#: Parts with fewer are put together.
MIN_OPERATIONS = 4
#: Stands between the slug of a service and that of a part of it.
PART: Final = "__"
_SHOWN = 3


class Grouped(Protocol):
    """What is grouped of an operation."""

    path: str
    summary: str
    service: str


@dataclass(slots=True)
class CompiledService:
    """A logical group of operations."""

    name: str
    slug: str
    description: str


def regroup(services: Iterable[CompiledService], operations: Sequence[Grouped]) -> list[CompiledService]:
    """The services, large ones split and all of them described; `service` of the operations follows."""
    members: dict[str, list[Grouped]] = {}
    for operation in operations:
        members.setdefault(operation.service, []).append(operation)
    found: list[CompiledService] = []
    slugs = Names()
    for service in services:
        own = members.get(service.name, [])
        if not own:
            continue
        parts = _split(own) if len(own) > MAX_OPERATIONS else {"": own}
        for part, held in parts.items():
            name = f"{service.name}: {part}"[:120] if part else service.name
            label = slugs.take(f"{service.slug}{PART}{slug(part)}" if part else service.slug, limit=100)
            described = service.description if len(parts) == 1 else ""
            found.append(CompiledService(name, label, described or summarised(one.summary for one in held)))
            for operation in held:
                operation.service = name
    return found


def is_part_of(label: str, service: str) -> bool:
    """Whether the slug is that of the service, or of a part of it."""
    return label == service or label.startswith(service + PART)


def summarised(summaries: Iterable[str]) -> str:
    """What one can do in a service, from the first summaries of its operations."""
    summaries = list(summaries)
    said = list(dict.fromkeys(summary.rstrip(".") for summary in summaries if summary))
    more = len(summaries) - min(len(said), _SHOWN)
    text = "; ".join(said[:_SHOWN])
    return f"{text}; and {more} more" if more and text else text


def _split(operations: Sequence[Grouped]) -> dict[str, list[Grouped]]:
    """Name of the part to its operations, each part of at most MAX_OPERATIONS."""
    steps = {id(operation): _static(operation.path) for operation in operations}
    depth = _common(list(steps.values()))
    groups: dict[str, list[Grouped]] = {}
    for operation in operations:
        own = steps[id(operation)]
        groups.setdefault(own[depth] if len(own) > depth else "", []).append(operation)
    found: dict[str, list[Grouped]] = {}
    rest: list[Grouped] = []
    for name, held in groups.items():
        if len(held) < MIN_OPERATIONS or not name:
            rest += held
        elif len(held) <= MAX_OPERATIONS:
            found[_words(name)] = held
        else:
            for part, some in (_split(held) if len(groups) > 1 else _chunks(held)).items():
                found[f"{_words(name)}, {part}" if part else _words(name)] = some
    if rest and len(rest) <= MAX_OPERATIONS:
        found["" if found else "all"] = rest
    elif rest:
        found |= _chunks(rest)
    return {name: found[name] for name in sorted(found)}


def _chunks(operations: Sequence[Grouped]) -> dict[str, list[Grouped]]:
    """Nothing but their order tells them apart: parts named by the first and the last path step in them."""
    ordered = sorted(operations, key=lambda operation: _static(operation.path))
    number = -(-len(ordered) // MAX_OPERATIONS)
    size = -(-len(ordered) // number)
    found: dict[str, list[Grouped]] = {}
    for start in range(0, len(ordered), size):
        held = ordered[start : start + size]
        first, last = (_words(_static(held[at].path)[-1]) if _static(held[at].path) else "root" for at in (0, -1))
        name = first if first == last else f"{first} to {last}"
        found[name if name not in found else f"{name} {len(found) + 1}"] = held
    return found


def _static(path: str) -> list[str]:
    """The steps of the path that are no placeholders."""
    return [step for step in re.split(r"/", path.partition("?")[0]) if step and "{" not in step]


def _common(paths: Sequence[list[str]]) -> int:
    """How many first steps most of the paths share: beyond them they are told apart."""
    depth = 0
    while True:
        counts: dict[str, int] = {}
        for path in paths:
            if len(path) > depth:
                counts[path[depth]] = counts.get(path[depth], 0) + 1
        if not counts or max(counts.values()) < 0.8 * len(paths):
            return depth
        depth += 1


def _words(step: str) -> str:
    return " ".join(words(step)) or step[:40]

"""What differs between two versions of a description, for those who call it: operations, their arguments, effects.

Schemas are compared where they stand and through `$defs`, each pair of definitions once: a circle ends, and nothing is
inlined. A change is breaking when a call that was right before may be wrong after it.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import orjson
from rapidfuzz import fuzz, process

from nlops.core.types import Effect, Json
from specs.ingest.closure import dependents, references
from specs.ingest.schemas import REF_PREFIX, Schema

#: Changes that are told of one operation; more are counted.
MAX_CHANGES = 50
#: Pairs of schemas that are compared for one operation.
MAX_PAIRS = 3_000
#: How alike two operations must be to be the same under another path, 0 to 100.
ALIKE = 80.0


class Comparable(Protocol):
    """What is compared of an operation: a CompiledOperation, or its row."""

    name: str
    method: str
    path: str
    summary: str
    effect: Any
    deprecated: bool
    schema: Any
    bindings: Any
    body_media_type: str


class Kind(enum.StrEnum):
    """What happened to an operation."""

    #: only the new version has it
    ADDED = "added"
    #: only the old version has it
    REMOVED = "removed"
    #: it has another method or path
    RENAMED = "renamed"
    #: its arguments, its effect or what is said of it differ
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference of an operation."""

    #: the argument, with the way into it, such as address.zip; "" for the operation itself
    argument: str
    breaking: bool
    #: in words
    text: str


@dataclass(slots=True)
class OperationDiff:
    """What happened to one operation."""

    kind: Kind
    #: METHOD path in the new version; in the old one when it was removed
    key: str
    summary: str
    #: METHOD path in the old version, when it was renamed
    was: str = ""
    changes: list[Change] = field(default_factory=list)
    #: differences beyond those in `changes`
    more: int = 0
    #: effect before and after, when it differs
    effects: tuple[str, str] | None = None

    @property
    def breaking(self) -> bool:
        """Whether a call that was right before may be wrong now."""
        return self.kind in (Kind.REMOVED, Kind.RENAMED) or any(change.breaking for change in self.changes)


@dataclass(slots=True)
class Diff:
    """What differs between two versions."""

    operations: list[OperationDiff]
    #: operations that are the same in both
    unchanged: int
    #: what changed in how the product is signed in to, in words
    security: list[str] = field(default_factory=list)

    def of(self, kind: Kind) -> list[OperationDiff]:
        """The operations to which this happened."""
        return [one for one in self.operations if one.kind == kind]

    @property
    def breaking(self) -> int:
        """How many operations changed in a way that breaks calls."""
        return sum(one.breaking for one in self.operations)

    @property
    def renames(self) -> dict[str, str]:
        """Old METHOD path to the new one."""
        return {one.was: one.key for one in self.of(Kind.RENAMED)}

    @property
    def touched(self) -> set[str]:
        """METHOD path, as the old version has it, of each operation that is gone or differs."""
        return {one.was or one.key for one in self.operations if one.kind != Kind.ADDED}


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two versions."""

    operations: Sequence[Comparable]
    definitions: Mapping[str, Json]
    security_schemes: Mapping[str, Json] = field(default_factory=dict)


def compare(old: Side, new: Side) -> Diff:
    """What is different in `new`."""
    before, after = _by_key(old), _by_key(new)
    comparison = _Comparison(old, new)
    gone = [key for key in before if key not in after]
    come = [key for key in after if key not in before]
    renames = _renames({key: before[key] for key in gone}, {key: after[key] for key in come})
    found: list[OperationDiff] = []
    for key, operation in after.items():
        if key in before:
            found += comparison.operation(before[key], operation)
    for was, key in renames.items():
        found += comparison.operation(before[was], after[key])
    found += [OperationDiff(Kind.ADDED, key, after[key].summary) for key in come if key not in renames.values()]
    found += [OperationDiff(Kind.REMOVED, key, before[key].summary) for key in gone if key not in renames]
    order = {Kind.REMOVED: 0, Kind.RENAMED: 1, Kind.CHANGED: 2, Kind.ADDED: 3}
    found.sort(key=lambda one: (not one.breaking, order[one.kind]))
    touched = sum(one.kind in (Kind.CHANGED, Kind.RENAMED) for one in found)
    security = list(_security(old.security_schemes, new.security_schemes))
    return Diff(found, len(before) - len(gone) + len(renames) - touched, security)


def _by_key(side: Side) -> dict[str, Comparable]:
    return {f"{one.method} {one.path}": one for one in side.operations}


# --- renames ----------------------------------------------------------------------------------------------


def _renames(gone: Mapping[str, Comparable], come: Mapping[str, Comparable]) -> dict[str, str]:
    """Old key to new key of the operations that are most likely the same: by name, by path, by likeness."""
    found: dict[str, str] = {}
    for same in (_by_name, _by_shape):
        left = {same(one): key for key, one in come.items() if key not in found.values()}
        for key, one in gone.items():
            if key not in found and (match := left.pop(same(one), None)):
                found[key] = match
    return found | _alike(
        {key: one for key, one in gone.items() if key not in found},
        {key: one for key, one in come.items() if key not in found.values()},
    )


def _by_name(operation: Comparable) -> tuple[str, ...]:
    return operation.method, operation.name


def _by_shape(operation: Comparable) -> tuple[str, ...]:
    """Placeholders of other names mean the same place."""
    return operation.method, re.sub(r"\{[^{}]*\}", "{}", operation.path).rstrip("/")


def _alike(gone: Mapping[str, Comparable], come: Mapping[str, Comparable]) -> dict[str, str]:
    """Each with the one that it is most like, when that is so from both sides."""
    found: dict[str, str] = {}
    for method in {one.method for one in gone.values()}:
        old = {key: _words(one) for key, one in gone.items() if one.method == method}
        new = {key: _words(one) for key, one in come.items() if one.method == method}
        if not old or not new:
            continue
        scores = process.cdist(list(old.values()), list(new.values()), scorer=fuzz.token_sort_ratio)
        for row, key in enumerate(old):
            column = int(scores[row].argmax())
            if scores[row][column] >= ALIKE and int(scores[:, column].argmax()) == row:
                found[key] = list(new)[column]
    return found


def _words(operation: Comparable) -> str:
    names = " ".join(str(binding.get("name", "")) for binding in operation.bindings.values())
    return " ".join(re.findall(r"[A-Za-z0-9]+", f"{operation.path} {operation.summary} {names}")).lower()


# --- operations -------------------------------------------------------------------------------------------


class _Comparison:
    def __init__(self, old: Side, new: Side) -> None:
        self._old, self._new = old.definitions, new.definitions
        changed = {
            name
            for name in {*old.definitions, *new.definitions}
            if old.definitions.get(name) != new.definitions.get(name)
        }
        #: definitions that differ, and those that need one that does
        self._touched = dependents(changed, old.definitions) | dependents(changed, new.definitions)

    def operation(self, old: Comparable, new: Comparable) -> list[OperationDiff]:
        """What differs; nothing when the two are the same."""
        was, key = f"{old.method} {old.path}", f"{new.method} {new.path}"
        changes = list(self._changes(old, new))
        effects = (str(old.effect), str(new.effect)) if old.effect != new.effect else None
        if was == key and not changes:
            return []
        kind = Kind.CHANGED if was == key else Kind.RENAMED
        changes.sort(key=lambda change: not change.breaking)
        more = max(0, len(changes) - MAX_CHANGES)
        return [OperationDiff(kind, key, new.summary, was if was != key else "", changes[:MAX_CHANGES], more, effects)]

    def _changes(self, old: Comparable, new: Comparable) -> Iterator[Change]:
        if old.effect != new.effect:
            yield Change(
                "", _strictness(new) > _strictness(old), f"It is {_an(new.effect)} now; it was {_an(old.effect)}."
            )
        if new.deprecated and not old.deprecated:
            yield Change("", False, "It is deprecated now.")
        if old.body_media_type != new.body_media_type:
            yield Change(
                "",
                False,
                f"Its body is sent as {new.body_media_type or 'nothing'} now; it was "
                f"{old.body_media_type or 'nothing'}. nlops does that by itself.",
            )
        if old.summary != new.summary:
            yield Change("", False, f"It is described as “{new.summary[:200]}” now.")
        if old.schema != new.schema or old.bindings != new.bindings or self._needs_changed(old, new):
            yield from _Walk(self._old, self._new).arguments(old, new)

    def _needs_changed(self, old: Comparable, new: Comparable) -> bool:
        return bool(self._touched) and not self._touched.isdisjoint(references(old.schema) | references(new.schema))


def _strictness(operation: Comparable) -> int:
    return [Effect.READ, Effect.WRITE, Effect.DESTRUCTIVE].index(Effect(operation.effect))


def _an(effect: Any) -> str:
    return "destructive" if effect == Effect.DESTRUCTIVE else f"a {effect}"


# --- arguments and schemas --------------------------------------------------------------------------------


class _Walk:
    """Compares the arguments of one operation."""

    def __init__(self, old: Mapping[str, Json], new: Mapping[str, Json]) -> None:
        self._old, self._new = old, new
        self._seen: set[tuple[str, str]] = set()
        self._left = MAX_PAIRS

    def arguments(self, old: Comparable, new: Comparable) -> Iterator[Change]:
        """By where they go in the request, whatever their names are for models."""
        before, after = _places(old), _places(new)
        for place, name in before.items():
            if place not in after:
                yield Change(name, True, "It is gone; a call that gives it fails or is understood otherwise.")
        required = {"old": old.schema.get("required", ()), "new": new.schema.get("required", ())}
        for place, name in after.items():
            if place not in before:
                if name in required["new"]:
                    yield Change(name, True, "It is new and required.")
                else:
                    yield Change(name, False, "It is new.")
                continue
            was = before[place]
            yield from _requirement(name, was in required["old"], name in required["new"])
            yield from self.schemas(name, old.schema["properties"][was], new.schema["properties"][name])

    def schemas(self, where: str, old: Json, new: Json) -> Iterator[Change]:
        """What differs between two schemas, and inside of them."""
        self._left -= 1
        if self._left < 0 or old is new:
            return
        references = (_reference(old), _reference(new))
        if all(references):
            if references in self._seen:
                return
            self._seen.add(references)
        old, new = _target(old, self._old), _target(new, self._new)
        if old == new and b'"$ref"' not in orjson.dumps(old):
            return
        yield from _values(where, old, new)
        yield from self._properties(where, old, new)
        for keyword, step in (("items", "[]"), ("additionalProperties", ".*")):
            if isinstance(old.get(keyword), dict) and isinstance(new.get(keyword), dict):
                yield from self.schemas(where + step, old[keyword], new[keyword])
        for keyword in ("allOf", "anyOf", "oneOf"):
            yield from self._variants(where, keyword, old, new)

    def _properties(self, where: str, old: Schema, new: Schema) -> Iterator[Change]:
        before, after = old.get("properties", {}), new.get("properties", {})
        required = (old.get("required", ()), new.get("required", ()))
        for name in [name for name in before if name not in after]:
            yield Change(f"{where}.{name}", True, "It is gone; a call that gives it fails or is understood otherwise.")
        for name, part in after.items():
            path = f"{where}.{name}"
            if name not in before:
                is_needed = name in required[1]
                yield Change(path, is_needed, "It is new and required." if is_needed else "It is new.")
            else:
                yield from _requirement(path, name in required[0], name in required[1])
                yield from self.schemas(path, before[name], part)

    def _variants(self, where: str, keyword: str, old: Schema, new: Schema) -> Iterator[Change]:
        before, after = old.get(keyword), new.get(keyword)
        before, after = before if isinstance(before, list) else [], after if isinstance(after, list) else []
        if len(before) != len(after):
            is_narrower = (len(after) < len(before)) != (keyword == "allOf")
            yield Change(where, is_narrower, f"It has {len(after)} variants now (was {len(before)}).")
            return
        for one, other in zip(before, after, strict=True):
            yield from self.schemas(where, one, other)


def _reference(node: Json) -> str:
    reference = node.get("$ref") if isinstance(node, dict) else None
    return reference if isinstance(reference, str) else ""


def _target(node: Json, definitions: Mapping[str, Json]) -> Schema:
    """The schema that is meant, with what stands beside the reference."""
    found: Schema = dict(node) if isinstance(node, dict) else {}
    for _ in range(20):
        reference = found.pop("$ref", None)
        if not isinstance(reference, str):
            break
        target = definitions.get(reference.removeprefix(REF_PREFIX))
        found = {**target, **found} if isinstance(target, dict) else found
    return found


def _places(operation: Comparable) -> dict[tuple[str, str], str]:
    """Place and name in the request to the argument's name."""
    return {(str(binding["in"]), str(binding.get("name", ""))): name for name, binding in operation.bindings.items()}


def _requirement(where: str, was: bool, now: bool) -> Iterator[Change]:
    if now and not was:
        yield Change(where, True, "It is required now.")
    elif was and not now:
        yield Change(where, False, "It is no longer required.")


_NAMES: Final = {
    "string": "a text", "integer": "a whole number", "number": "a number", "boolean": "true or false",
    "array": "a list", "object": "an object", "null": "nothing",
}  # fmt: skip
#: keyword to (what it bounds, whether a higher value is stricter)
_BOUNDS: Final = {
    "minimum": ("It must be at least {}", True), "maximum": ("It may be at most {}", False),
    "exclusiveMinimum": ("It must be above {}", True), "exclusiveMaximum": ("It must be below {}", False),
    "minLength": ("It has at least {} characters", True), "maxLength": ("It has at most {} characters", False),
    "minItems": ("It has at least {} entries", True), "maxItems": ("It has at most {} entries", False),
    "minProperties": ("It has at least {} properties", True),
    "maxProperties": ("It has at most {} properties", False),
}  # fmt: skip


def _values(where: str, old: Schema, new: Schema) -> Iterator[Change]:
    """What differs in the values that are taken."""
    yield from _types(where, _kinds(old), _kinds(new))
    yield from _enums(where, _listed(old), _listed(new))
    for keyword, (words, higher_is_stricter) in _BOUNDS.items():
        was, now = old.get(keyword), new.get(keyword)
        if was == now:
            continue
        if now is None:
            yield Change(where, False, f"A bound is gone: {words.format(was).lower()}.")
        else:
            is_stricter = was is None or (now > was) == higher_is_stricter
            yield Change(where, is_stricter, words.format(now) + (f" (was {was})." if was is not None else " now."))
    for keyword, words in (("pattern", "pattern"), ("format", "format")):
        if old.get(keyword) != new.get(keyword):
            is_new = keyword == "pattern" and keyword in new
            now = f"“{str(new[keyword])[:100]}”" if keyword in new else "none"
            yield Change(where, is_new, f"Its {words} is {now} now.")
    if old.get("default") != new.get("default"):
        yield Change(where, False, f"What holds when it is left out is {_shown(new.get('default'))} now "
                                   f"(was {_shown(old.get('default'))}).")  # fmt: skip


def _kinds(node: Schema) -> frozenset[str]:
    kind = node.get("type")
    return frozenset(kind if isinstance(kind, list) else [kind] if isinstance(kind, str) else [])


def _types(where: str, was: frozenset[str], now: frozenset[str]) -> Iterator[Change]:
    if was == now:
        return
    widened = {*now, *({"integer"} if "number" in now else ())}
    is_narrower = bool(now) and (not was or not was <= widened)
    yield Change(where, is_narrower, f"It is {_named(now)} now (was {_named(was)}).")


def _named(kinds: Iterable[str]) -> str:
    return " or ".join(_NAMES[kind] for kind in sorted(kinds)) or "anything"


def _listed(node: Schema) -> dict[bytes, Json] | None:
    values = [node["const"]] if "const" in node else node.get("enum")
    return {orjson.dumps(value): value for value in values} if isinstance(values, list) else None


def _enums(where: str, was: dict[bytes, Json] | None, now: dict[bytes, Json] | None) -> Iterator[Change]:
    if was is None and now is not None:
        yield Change(where, True, f"It takes only {_values_shown(now.values())} now.")
    elif now is None and was is not None:
        yield Change(where, False, "It takes other values than the listed ones now.")
    elif was is not None and now is not None:
        gone = [value for key, value in was.items() if key not in now]
        come = [value for key, value in now.items() if key not in was]
        if gone:
            yield Change(where, True, f"It takes no {_values_shown(gone)} any more.")
        if come:
            yield Change(where, False, f"It takes {_values_shown(come)}, too.")


def _values_shown(values: Iterable[Json]) -> str:
    shown = [_shown(value) for value in values]
    return ", ".join(shown[:8]) + (f" and {len(shown) - 8} more" if len(shown) > 8 else "")


def _shown(value: Json) -> str:
    return "nothing" if value is None else f"“{value[:60]}”" if isinstance(value, str) else str(value)[:60]


# --- security ---------------------------------------------------------------------------------------------


def _security(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[str]:
    for name in old:
        if name not in new:
            yield f"The sign-in “{name[:80]}” is gone. Check the connection."
    for name, scheme in new.items():
        if name not in old:
            yield f"There is a sign-in “{name[:80]}”."
        elif old[name] != scheme:
            yield f"The sign-in “{name[:80]}” is described otherwise. Check the connection."

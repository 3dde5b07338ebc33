"""Schemas of OpenAPI 3.0, 3.1 and Swagger 2.0 to JSON Schema 2020-12.

Every schema that is referred to is converted once, into a shared store of definitions; references stay references,
circles included, so that the result is never larger than the description, whatever it refers to.
"""

from __future__ import annotations

import functools
import math
import re
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import jsonschema_rs
import orjson

from nlops.core.secrets import is_secret_name
from nlops.core.types import Json
from specs.ingest.errors import OperationRefused
from specs.ingest.naming import Names
from specs.ingest.pointers import Resolver, is_external

#: Enums with more values, or more characters, become a note in the description.
MAX_ENUM_VALUES = 100
MAX_ENUM_CHARACTERS = 4_000
#: Descriptions inside schemas are cut to this.
MAX_DESCRIPTION = 1_000
#: Defaults and constants above this are dropped.
MAX_VALUE_CHARACTERS = 2_000
MAX_PATTERN = 1_000
#: What a pattern may take when it is made ready: `(?:a{1,999}){1,999}` is short, but becomes a million states.
PATTERN_LIMITS: Final = jsonschema_rs.FancyRegexOptions(size_limit=1_000_000, dfa_size_limit=1_000_000)
#: Scalars up to this size stand in place of a reference to them; more would let a hostile file grow.
MAX_LEAF_BYTES = 600

REF_PREFIX: Final = "#/$defs/"
_TYPES: Final = frozenset({"null", "boolean", "object", "array", "number", "string", "integer"})
_SCALARS: Final = ("string", "integer", "number", "boolean")
#: Keywords whose schemas could hold further references.
_PARTS: Final = frozenset({"$ref", "allOf", "anyOf", "oneOf", "not", "if", "then", "else"})
_INT64: Final = range(-(2**63), 2**64)

Schema = dict[str, Json]


class SchemaStore:
    """The definitions of one document, filled as schemas that refer to them are converted."""

    def __init__(self, resolver: Resolver, *, keeps_siblings: bool) -> None:
        #: name to converted schema; complete after `finish`
        self.definitions: dict[str, Json] = {}
        #: name to the names that it refers to directly
        self.needs: dict[str, set[str]] = {}
        #: name to the reason why nothing that needs it can be used
        self.faults: dict[str, str] = {}
        #: references that point to nothing
        self.broken: set[str] = set()
        self._resolver = resolver
        self._keeps_siblings = keeps_siblings
        self._names: dict[str, str] = {}
        self._free_names = Names()
        self._leaves: dict[str, Schema] = {}
        self._waiting: deque[tuple[str, Json]] = deque()

    def convert(self, node: Json, refs: set[str]) -> Schema:
        """The schema as JSON Schema 2020-12; names of definitions that it refers to are added to `refs`.

        Raises OperationRefused for a reference that leaves the document.
        """
        if not isinstance(node, dict):
            return {"not": {}} if node is False else {}
        if isinstance(node.get("$ref"), str):
            return self._reference(node, refs)
        out: Schema = {}
        for keyword, value in node.items():
            handler = _HANDLERS.get(keyword)
            if handler is not None:
                handler(self, keyword, value, out, refs)
        if (discriminator := out.pop("$discriminator", None)) is not None:
            self._tell_apart(discriminator, node, out)
        return _settled(node, out)

    def _tell_apart(self, discriminator: Schema, node: Schema, out: Schema) -> None:
        """Each variant gets the value that names it, or else several would fit and oneOf would refuse them all."""
        name, mapping = discriminator["propertyName"], discriminator.get("mapping")
        values: dict[str, list[Json]] = {}
        for value, target in mapping.items() if isinstance(mapping, dict) else ():
            if isinstance(target, str):
                values.setdefault(target.rsplit("/", 1)[-1], []).append(value)
        for keyword in ("oneOf", "anyOf"):
            sources = (
                [part for part in node.get(keyword) or () if isinstance(part, dict | bool)] if keyword in out else []
            )
            for position, source in enumerate(sources):
                reference = source.get("$ref") if isinstance(source, dict) else None
                if isinstance(reference, str) and not self._names_itself(reference, name):
                    last = reference.rsplit("/", 1)[-1]
                    tag = {
                        "type": "object",
                        "properties": {name: {"enum": values.get(last, [last])}},
                        "required": [name],
                    }
                    out[keyword][position] = {"allOf": [out[keyword][position], tag]}

    def _names_itself(self, reference: str, name: str) -> bool:
        """Whether the variant says by itself which values of the property are its own, or can't be looked at."""
        try:
            target = self._resolver.resolved({"$ref": reference})
        except OperationRefused:
            return True
        properties = target.get("properties") if isinstance(target, dict) else None
        said = properties.get(name) if isinstance(properties, dict) else None
        if isinstance(said, dict) and isinstance(said.get("$ref"), str):
            try:
                said = self._resolver.resolved(said)
            except OperationRefused:
                return True
        return isinstance(said, dict) and ("enum" in said or "const" in said)

    def define(self, reference: str, schema: Schema, refs: set[str]) -> str:
        """Name of the definition that holds this converted schema, made for the reference unless it is there."""
        key = f"converted {reference}"
        if key not in self._names:
            last = re.sub(r"[^A-Za-z0-9_.-]+", "_", reference.rsplit("/", 1)[-1][:200]) or "schema"
            name = self._names[key] = self._free_names.take(last, limit=80)
            self.definitions[name], self.needs[name] = schema, set(refs)
        return self._names[key]

    def finish(self) -> None:
        """Convert the definitions that were referred to, and those that they refer to, each once."""
        while self._waiting:
            name, node = self._waiting.popleft()
            refs: set[str] = set()
            try:
                self.definitions[name] = self.convert(node, refs)
            except OperationRefused as error:
                self.definitions[name], self.faults[name] = {}, error.message
            self.needs[name] = refs

    def _reference(self, node: Schema, refs: set[str]) -> Schema:
        reference = node["$ref"]
        leaf = self._leaf(reference)
        name = "" if leaf else self._names.get(reference) or self._named(reference)
        out: Schema
        if leaf:
            out = dict(leaf)
        elif name:
            refs.add(name)
            out = {"$ref": REF_PREFIX + name}
        else:
            out = {"description": f"(Its shape is unknown: the description lacks {reference[:200]}.)"}
        kept = node.keys() if self._keeps_siblings else node.keys() & _KEPT_SIBLINGS
        siblings = {key: node[key] for key in node if key in kept and key not in _BESIDE_REFERENCES}
        out.update(self.convert(siblings, refs) if siblings else {})
        if True in (node.get("nullable"), node.get("x-nullable")):
            return _or_null(out)
        return out

    def _leaf(self, reference: str) -> Schema:
        """The converted schema when it is a small scalar, such as an enum: models and people read it better in place.

        {} for everything else.
        """
        if reference not in self._leaves:
            try:
                target = self._resolver.target(reference)
            except OperationRefused:
                target = None  # told where the reference is named
            is_scalar = isinstance(target, dict) and target.get("type") in _SCALARS and not _PARTS & target.keys()
            leaf = self.convert(target, set()) if is_scalar else {}
            self._leaves[reference] = leaf if len(orjson.dumps(leaf)) <= MAX_LEAF_BYTES else {}
        return self._leaves[reference]

    def _named(self, reference: str) -> str:
        """Name of the definition for a reference seen for the first time, "" when it points to nothing."""
        try:
            target = self._resolver.target(reference)
        except OperationRefused:
            if is_external(reference):
                raise
            self.broken.add(reference)
            return ""
        if not isinstance(target, dict | bool):
            self.broken.add(reference)
            return ""
        last = reference.rsplit("/", 1)[-1].replace("~1", "_").replace("~0", "_")
        name = self._free_names.take(re.sub(r"[^A-Za-z0-9_.-]+", "_", last[:200]) or "schema", limit=80)
        self._names[reference] = name
        self._waiting.append((name, target))
        return name

    def is_read_only(self, node: Json) -> bool:
        """Whether a property is only ever answered, never sent."""
        if not isinstance(node, dict):
            return False
        if node.get("readOnly") is True:
            return True
        # `allOf: [{$ref}, {readOnly: true}]` is how OpenAPI 3.0 says it beside a reference
        parts = node.get("allOf")
        if isinstance(parts, list) and any(isinstance(part, dict) and part.get("readOnly") is True for part in parts):
            return True
        if isinstance(node.get("$ref"), str):
            try:
                target = self._resolver.resolved(node)
            except OperationRefused:
                return False
            return isinstance(target, dict) and target.get("readOnly") is True
        return False


#: What Swagger 2.0 and OpenAPI 3.0 files say beside a reference and mean, although their standard ignores it.
_KEPT_SIBLINGS: Final = frozenset({"description", "default", "deprecated", "writeOnly"})
_BESIDE_REFERENCES: Final = frozenset({"$ref", "nullable", "x-nullable"})

# --- keywords ---------------------------------------------------------------------------------------------
# Each takes (store, keyword, value, out, refs) and writes into `out` what the value means, or nothing when the value
# has a type that the keyword does not allow and that can't be read as one.

_Handler = Callable[[SchemaStore, str, Json, Schema, set[str]], None]


def _text(store: SchemaStore, keyword: str, value: Json, out: Schema, refs: set[str]) -> None:
    if isinstance(value, str) and value:
        out[keyword] = value if len(value) <= MAX_DESCRIPTION else value[: MAX_DESCRIPTION - 1] + "…"


def _flag(store: SchemaStore, keyword: str, value: Json, out: Schema, refs: set[str]) -> None:
    if value is True or value == "true":
        out[keyword] = True


def _count(store: SchemaStore, keyword: str, value: Json, out: Schema, refs: set[str]) -> None:
    number = _number(value)
    if number is not None and number >= 0 and number == int(number) and int(number) in _INT64:
        out[keyword] = int(number)


def _bound(store: SchemaStore, keyword: str, value: Json, out: Schema, refs: set[str]) -> None:
    if isinstance(value, bool):  # Swagger 2.0, OpenAPI 3.0: a flag beside minimum or maximum
        if value and keyword.startswith("exclusive"):
            out["$" + keyword] = True
        return
    number = _number(value)
    if number is not None and (keyword != "multipleOf" or number > 0):
        out[keyword] = number


def _number(value: Json) -> int | float | None:
    """The value as a finite number that fits 64 bits, also from text; else None."""
    if isinstance(value, str):
        try:
            value = float(value) if re.search(r"[.eE]", value) else int(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return value if value in _INT64 else None
    return value if math.isfinite(value) else None


def _pattern(store: SchemaStore, keyword: str, value: Json, out: Schema, refs: set[str]) -> None:
    if isinstance(value, str) and len(value) <= MAX_PATTERN and is_regex(value):
        out[keyword] = value


#: A group that is counted, and the upper bounds of counts.
_COUNTED_GROUP: Final = re.compile(r"\)\{\d")
_COUNT: Final = re.compile(r"\{(?:\d{1,9},)?(\d{1,9})\}")
MAX_REPEATED = 200_000


@functools.lru_cache(maxsize=4096)
def is_regex(pattern: str) -> bool:
    """Whether the validator takes the pattern; descriptions hold patterns of every dialect."""
    # Each of these would cost a millisecond until the validator gives up, and a file has room for many.
    if _COUNTED_GROUP.search(pattern) and math.prod(int(most) for most in _COUNT.findall(pattern)) > MAX_REPEATED:
        return False
    try:
        jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=PATTERN_LIMITS)
    except (ValueError, jsonschema_rs.ValidationError):
        return False
    return True


def _type(store: SchemaStore, keyword: str, value: Json, out: Schema, refs: set[str]) -> None:
    if isinstance(value, str) and value in _TYPES:  # nearly always
        out["type"] = value
        return
    names = value if isinstance(value, list) else [value]
    known = [name.lower() for name in names if isinstance(name, str)]
    known = ["string" if name == "file" else name for name in known]
    known = list(dict.fromkeys(name for name in known if name in _TYPES))
    if known:
        out["type"] = known if len(known) > 1 else known[0]


def _value(store: SchemaStore, keyword: str, value: Json, out: Schema, refs: set[str]) -> None:
    clean = clean_value(value)
    if clean is not None and len(orjson.dumps(clean)) <= MAX_VALUE_CHARACTERS:
        out[keyword] = clean


def _example(store: SchemaStore, keyword: str, value: Json, out: Schema, refs: set[str]) -> None:
    if keyword == "examples":
        value = value[0] if isinstance(value, list) and value else None
    if isinstance(value, str | int | float) and not isinstance(value, bool) and 0 < len(str(value)) <= 80:
        out["examples"] = [clean_value(value)]


def _enum(store: SchemaStore, keyword: str, value: Json, out: Schema, refs: set[str]) -> None:
    if isinstance(value, list) and value:
        out["enum"] = [clean_value(item) for item in value]


def clean_value(value: Json, depth: int = 0) -> Json:
    """The JSON value with integers beyond 64 bits as floats and without infinities, so that it can be written."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if value in _INT64 else (float(value) if abs(value) < 10**300 else None)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list) and depth < 100:
        return [clean_value(item, depth + 1) for item in value]
    if isinstance(value, dict) and depth < 100:
        return {key: clean_value(item, depth + 1) for key, item in value.items()}
    return value


def _schema(store: SchemaStore, keyword: str, value: Json, out: Schema, refs: set[str]) -> None:
    if isinstance(value, dict):
        out[keyword] = store.convert(value, refs)
    elif isinstance(value, bool):
        out[keyword] = value


def _items(store: SchemaStore, keyword: str, value: Json, out: Schema, refs: set[str]) -> None:
    if isinstance(value, list):  # a tuple, as before 2020-12
        _schemas(store, "prefixItems", value, out, refs)
    else:
        _schema(store, keyword, value, out, refs)


def _schemas(store: SchemaStore, keyword: str, value: Json, out: Schema, refs: set[str]) -> None:
    if isinstance(value, list):
        parts = [store.convert(part, refs) for part in value if isinstance(part, dict | bool)]
        if parts:
            out[keyword] = parts


def _named_schemas(store: SchemaStore, keyword: str, value: Json, out: Schema, refs: set[str]) -> None:
    if isinstance(value, dict):
        out[keyword] = {
            name: _marked(name, store.convert(part, refs))
            for name, part in value.items()
            if isinstance(part, dict | bool) and not store.is_read_only(part)
        }


@functools.lru_cache(maxsize=65_536)
def _sounds_secret(name: str) -> bool:
    return is_secret_name(name)


def _marked(name: str, schema: Schema) -> Schema:
    """The property, marked write-only when its value is a secret, so that whoever meets it deep in a body knows."""
    is_text = schema.get("type") == "string" and "enum" not in schema
    if is_text and (schema.get("format") == "password" or _sounds_secret(name)):
        schema["writeOnly"] = True
    return schema


def _patterned_schemas(store: SchemaStore, keyword: str, value: Json, out: Schema, refs: set[str]) -> None:
    if isinstance(value, dict):
        _named_schemas(store, keyword, {name: part for name, part in value.items() if is_regex(name)}, out, refs)


def _required(store: SchemaStore, keyword: str, value: Json, out: Schema, refs: set[str]) -> None:
    if isinstance(value, list):
        names = list(dict.fromkeys(name for name in value if isinstance(name, str)))
        if names:
            out[keyword] = names


def _dependent(store: SchemaStore, keyword: str, value: Json, out: Schema, refs: set[str]) -> None:
    if isinstance(value, dict):
        out[keyword] = {
            name: list(dict.fromkeys(text for text in names if isinstance(text, str)))
            for name, names in value.items()
            if isinstance(names, list)
        }


def _nullable(store: SchemaStore, keyword: str, value: Json, out: Schema, refs: set[str]) -> None:
    if value is True or value == "true":
        out["$nullable"] = True


def _discriminator(store: SchemaStore, keyword: str, value: Json, out: Schema, refs: set[str]) -> None:
    """Kept for `_settled`, which knows the variants; Swagger 2.0's (a text) says nothing of them."""
    if isinstance(value, dict) and isinstance(value.get("propertyName"), str):
        out["$discriminator"] = value


_HANDLERS: Final[dict[str, _Handler]] = {
    **dict.fromkeys(("description", "format", "contentEncoding", "contentMediaType"), _text),
    **dict.fromkeys(("uniqueItems", "deprecated", "writeOnly"), _flag),
    **dict.fromkeys(
        ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains",
         "maxContains"),
        _count,
    ),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), _bound),
    **dict.fromkeys(
        ("additionalProperties", "not", "contains", "propertyNames", "if", "then", "else", "unevaluatedItems",
         "unevaluatedProperties"),
        _schema,
    ),
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), _schemas),
    **dict.fromkeys(("properties", "dependentSchemas"), _named_schemas),
    **dict.fromkeys(("default", "const"), _value),
    **dict.fromkeys(("example", "examples"), _example),
    **dict.fromkeys(("nullable", "x-nullable"), _nullable),
    "discriminator": _discriminator,
    "pattern": _pattern,
    "patternProperties": _patterned_schemas,
    "type": _type,
    "enum": _enum,
    "items": _items,
    "required": _required,
    "dependentRequired": _dependent,
}  # fmt: skip


# --- what several keywords mean together ------------------------------------------------------------------


_EXCLUSIVE: Final = tuple((f"$exclusiveM{side}", f"m{side}", f"exclusiveM{side}") for side in ("inimum", "aximum"))


def _settled(node: Schema, out: Schema) -> Schema:
    """The converted keywords brought in line with each other."""
    for marker, limit, exclusive in _EXCLUSIVE:
        if marker in out and out.pop(marker) and limit in out:
            out[exclusive] = out.pop(limit)
    if "enum" in out:
        _settle_enum(out)
    if "required" in out and "properties" in out and isinstance(node.get("properties"), dict):
        _drop_unsent(node["properties"], out)
    if "allOf" in out:
        out = _merged(out)
    if "$nullable" in out and out.pop("$nullable"):
        out = _or_null(out)
    return out


def _drop_unsent(source: Schema, out: Schema) -> None:
    """Required names of read-only properties are required in responses only."""
    required = [name for name in out["required"] if name not in source or name in out["properties"]]
    if required:
        out["required"] = required
    else:
        del out["required"]


_READERS: Final[dict[str, Callable[[Any], Json]]] = {
    "string": lambda value: value if isinstance(value, str) else orjson.dumps(value).decode(),
    "integer": lambda value: int(value) if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value) else value,
    "number": lambda value: _number(value) if isinstance(value, str) and _number(value) is not None else value,
    "boolean": lambda value: (
        {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value
    ),
}


def _settle_enum(out: Schema) -> None:
    """Values of the type, each once; a long list becomes a note, for the product checks it anyway."""
    kind = out.get("type")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    values = [reader(value) if reader and value is not None else value for value in out["enum"]]
    distinct = {orjson.dumps(value): value for value in values}
    if len(distinct) > MAX_ENUM_VALUES or sum(map(len, distinct)) > MAX_ENUM_CHARACTERS:
        shown = ", ".join(key.decode("utf-8", "replace")[:40].strip('"') for key in list(distinct)[:12])
        note = f"One of {len(distinct)} values, such as {shown}."
        out["description"] = f"{out['description']} {note}" if "description" in out else note
        del out["enum"]
        return
    out["enum"] = list(distinct.values())


def _or_null(out: Schema) -> Schema:
    """The schema, or null."""
    kind = out.get("type")
    if kind is None and not ("enum" in out or "const" in out or "$ref" in out or _SPLITTERS & out.keys()):
        return out  # anything goes already
    if kind is None or "const" in out or _SPLITTERS & out.keys():
        notes: Schema = {key: out.pop(key) for key in ("description", "default", "deprecated") if key in out}
        return {"anyOf": [out, {"type": "null"}], **notes}
    if "enum" in out and None not in out["enum"]:
        out["enum"] = [*out["enum"], None]
    kinds = kind if isinstance(kind, list) else [kind]
    out["type"] = kinds if "null" in kinds else [*kinds, "null"]
    return out


_SPLITTERS: Final = frozenset({"allOf", "anyOf", "oneOf", "not", "if"})
_ADDED_UP: Final = frozenset({"properties", "required"})


def _merged(out: Schema) -> Schema:
    """allOf merged into the schema where nothing contradicts; what does stays in allOf. References stay."""
    parts = out.pop("allOf")
    kept: list[Schema] = []
    for part in parts:
        if "$ref" in part and len(parts) == 1 and "$ref" not in out:
            out.update({key: value for key, value in part.items() if key not in out})
        elif _fits(out, part):
            properties = {**out.get("properties", {}), **part.get("properties", {})}
            required = list(dict.fromkeys([*out.get("required", ()), *part.get("required", ())]))
            out.update({key: value for key, value in part.items() if key not in _ADDED_UP})
            out.update({"properties": properties} if properties else {})
            out.update({"required": required} if required else {})
        else:
            kept.append(part)
    if kept:
        out["allOf"] = kept
    return out


_NOTES: Final = frozenset({"description", "examples", "default", "deprecated", "writeOnly"})


def _fits(out: Schema, part: Schema) -> bool:
    """Whether the part can be merged: same keywords only with the same values, and no reference."""
    if "$ref" in part or "additionalProperties" in part or "unevaluatedProperties" in part:
        return False
    if part.get("properties", {}).keys() & out.get("properties", {}).keys():
        return False
    for key in [key for key in part if key in _NOTES and key in out]:
        del part[key]  # the outer note stands
    return all(key in _ADDED_UP or key not in out or out[key] == value for key, value in part.items())

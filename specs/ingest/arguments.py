"""The arguments of one operation: parameters and body properties flattened into one object, with the way back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from nlops.core.secrets import is_secret_name
from nlops.core.types import Json
from specs.ingest.errors import OperationRefused
from specs.ingest.naming import Names, argument_name
from specs.ingest.pointers import Resolver, join
from specs.ingest.schemas import Schema, SchemaStore
from specs.ingest.xml_shapes import root_shape

#: Bodies with more properties stay one argument.
MAX_FLAT_PROPERTIES = 150
_MAX_PARTS = 200

#: argument's place in the request: {"in", "name", "style", "explode", "pointer", "file", "xml"}; "always": its body is
#: sent whether or not it has an argument
Binding = dict[str, Json]


@dataclass(slots=True)
class Argument:
    """One argument before it has its name."""

    #: path, query, header, cookie or body
    place: str
    #: the name that the product knows it by
    name: str
    schema: Schema
    required: bool
    binding: Binding
    is_secret: bool = False


@dataclass(slots=True)
class ArgumentTable:
    """The flattened arguments of an operation."""

    properties: dict[str, Schema] = field(default_factory=dict)
    required: list[str] = field(default_factory=list)
    bindings: dict[str, Binding] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)
    #: body property name to argument name
    body_names: dict[str, str] = field(default_factory=dict)
    _names: Names = field(default_factory=Names)

    def add(self, argument: Argument) -> None:
        """Give the argument its name; a taken one is told apart by its place, as in body_name."""
        wanted = argument_name(argument.name)
        name = self._names.take(f"{argument.place}_{wanted}" if wanted in self.properties else wanted)
        self.properties[name] = argument.schema
        self.bindings[name] = argument.binding
        if argument.required:
            self.required.append(name)
        if argument.is_secret:
            self.secrets.append(name)
        if argument.place == "body":
            self.body_names[argument.name] = name


_SECRET_TYPES: Final = frozenset({None, "string", "integer"})


def is_secret(name: str, place: str, source: Json) -> bool:
    """Whether the value is a secret: by format, by writeOnly, or by name; a yes-or-no or a list is none."""
    if not isinstance(source, dict):
        return False
    kind = source.get("type")
    kinds = [part for part in kind if part != "null"] if isinstance(kind, list) else [kind]
    if any(part not in _SECRET_TYPES for part in kinds if isinstance(part, str)) or "enum" in source:
        return False
    if source.get("format") == "password":
        return True
    if source.get("writeOnly") is True and kinds in (["string"], [None]) and "$ref" not in source:
        return True
    # In a path, "secret" is the secret's name: /safes/{safe}/secrets/{secret}
    return place != "path" and is_secret_name(name)


# --- bodies -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class ObjectView:
    """What a body's schema says when it is read as one object, its allOf parts and references put together."""

    #: property name to the source schemas that speak of it
    properties: dict[str, list[Json]] = field(default_factory=dict)
    required: list[str] = field(default_factory=list)
    #: anyOf/oneOf whose variants only say what is required: (keyword, lists of names)
    alternatives: list[tuple[str, list[list[str]]]] = field(default_factory=list)


#: With these a body is more than a set of properties.
_UNFLATTENED: Final = frozenset(
    {"not", "if", "patternProperties", "dependentSchemas", "dependentRequired", "minProperties", "items"}
)


def object_view(node: Json, resolver: Resolver) -> ObjectView | None:
    """The body as one flat object; None when it isn't one. Raises OperationRefused for external references."""
    view = ObjectView()
    seen: set[str] = set()
    waiting: list[Json] = [node]
    parts = 0
    while waiting:
        part = waiting.pop()
        parts += 1
        if parts > _MAX_PARTS or not isinstance(part, dict):
            return None
        reference = part.get("$ref")
        if isinstance(reference, str):
            if reference not in seen:
                seen.add(reference)
                waiting.append(resolver.target(reference))
            continue
        if not _take_part(part, view, waiting):
            return None
    view.required = list(dict.fromkeys(view.required))
    return view if view.properties and len(view.properties) <= MAX_FLAT_PROPERTIES else None


def _take_part(part: Schema, view: ObjectView, waiting: list[Json]) -> bool:
    """Add one part of an allOf to the view; False when the body can't be flat."""
    kind = part.get("type", "object")
    if "object" not in (kind if isinstance(kind, list) else [kind]) or _UNFLATTENED & part.keys():
        return False
    properties = part.get("properties", {})
    if not isinstance(properties, dict):
        return False
    if isinstance(part.get("additionalProperties"), dict) and part["additionalProperties"] and properties:
        return False  # names that nobody can list are wanted beside those that are listed
    for name, schema in properties.items():
        view.properties.setdefault(name, []).append(schema)
    required = part.get("required")
    if isinstance(required, list):
        view.required += [name for name in required if isinstance(name, str)]
    if isinstance(part.get("allOf"), list):
        waiting += reversed(part["allOf"])
    return all(_take_variants(keyword, part.get(keyword), view, waiting) for keyword in ("anyOf", "oneOf"))


def _take_variants(keyword: str, variants: Json, view: ObjectView, waiting: list[Json]) -> bool:
    if not isinstance(variants, list):
        return True
    variants = [part for part in variants if not (isinstance(part, dict) and part.get("type") == "null")]
    if len(variants) == 1:
        waiting.append(variants[0])
        return True
    names = [_only_required(part) for part in variants]
    if any(found is None for found in names):
        return False
    view.alternatives.append((keyword, [found for found in names if found is not None]))
    return True


def _only_required(part: Json) -> list[str] | None:
    """The names, when the schema says nothing but that they are required."""
    if not isinstance(part, dict) or part.keys() - {"required", "description", "title", "type"}:
        return None
    required = part.get("required")
    return [name for name in required if isinstance(name, str)] if isinstance(required, list) else None


def body_arguments(
    node: Json,
    store: SchemaStore,
    resolver: Resolver,
    refs: set[str],
    *,
    required: bool,
    styles: Schema,
    xml: bool = False,
    flat: bool = True,
) -> tuple[list[Argument], ObjectView | None]:
    """The body's properties as arguments, or the body as one argument named "body".

    `styles`: property name to the parts of its binding that a form's encoding says. `xml`: whether the body is XML;
    then each binding tells how its value is written, and the root element. `flat`: whether the properties may become
    arguments; else the body stays one, which repeats nothing of it.
    """
    root = root_shape(node, resolver) if xml else {}
    view = object_view(node, resolver) if flat else None
    if view is None:
        resolved = resolver.resolved(node)
        binding: Binding = {"in": "body", "pointer": "", **({"xml": root} if xml else {})}
        is_hidden = is_secret("body", "body", resolved)
        return [Argument("body", "body", store.convert(node, refs), required, binding, is_hidden)], None
    if xml:
        shapes = root.pop("properties", {})
        styles = {name: {"xml": {**shapes.get(name, {}), "root": root}} for name in view.properties}
    return list(_property_arguments(view, store, resolver, refs, styles)), view


def _property_arguments(
    view: ObjectView, store: SchemaStore, resolver: Resolver, refs: set[str], styles: Schema
) -> Iterator[Argument]:
    for name, sources in view.properties.items():
        if any(store.is_read_only(source) for source in sources):
            continue
        source = sources[0] if len(sources) == 1 else {"allOf": sources}
        secret = any(is_secret(name, "body", _shown(part, resolver)) for part in sources)
        binding = {"in": "body", "name": name, "pointer": join(name), **styles.get(name, {})}
        if _is_file(source):
            binding["file"] = True
        yield Argument("body", name, store.convert(source, refs), name in view.required, binding, secret)


def _shown(node: Json, resolver: Resolver) -> Json:
    """What a property refers to; the node itself where that can't be told."""
    try:
        return resolver.resolved(node)
    except OperationRefused:
        return node


def _is_file(source: Any) -> bool:
    if not isinstance(source, dict):
        return False
    if source.get("type") == "array":
        return _is_file(source.get("items"))
    # OpenAPI 3.1 names the media type, with an encoding when it is no file but text
    is_media = "contentMediaType" in source and "contentEncoding" not in source
    return source.get("format") == "binary" or source.get("type") == "file" or is_media

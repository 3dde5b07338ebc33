"""How a value of a schema is written as XML: the names, attributes, wrappers and namespaces of its `xml` keywords.

OpenAPI 3.1 section 4.8.26 (XML Object); `nodeType` of OpenAPI 3.2 is read, too.
"""

from __future__ import annotations

from typing import Final

from nlops.core.types import Json
from specs.ingest.errors import OperationRefused
from specs.ingest.pointers import Resolver

#: Deeper parts are written by their own names: a shape is no larger than this, whatever refers to itself.
MAX_DEPTH = 8
MAX_NODES = 300

Shape = dict[str, Json]
_TEXTS: Final = ("name", "namespace", "prefix")


def root_shape(node: Json, resolver: Resolver) -> Shape:
    """Shape of a whole body: its root element is named by its `xml`, else by the component that it refers to."""
    reference = node.get("$ref") if isinstance(node, dict) else None
    named = {"name": reference.rsplit("/", 1)[-1]} if isinstance(reference, str) else {}
    return {**named, **shape_of(node, resolver)}


def shape_of(node: Json, resolver: Resolver) -> Shape:
    """{name, namespace, prefix, attribute, wrapped, text, properties: {name: shape}, items: shape}; {} for nothing."""
    return _Shaping(resolver).shape(node, 0)


class _Shaping:
    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._left = MAX_NODES

    def shape(self, node: Json, depth: int) -> Shape:
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0:
            return {}
        try:
            node = self._resolver.resolved(node)
        except OperationRefused:
            return {}
        if not isinstance(node, dict):
            return {}
        found = _said(node.get("xml"))
        properties = {
            name: shape for name, part in _properties(node, self._resolver, 0) if (shape := self.shape(part, depth + 1))
        }
        if properties:
            found["properties"] = properties
        if "items" in node and (items := self.shape(node["items"], depth + 1)):
            found["items"] = items
        return found


def _said(xml: Json) -> Shape:
    if not isinstance(xml, dict):
        return {}
    found: Shape = {key: xml[key][:200] for key in _TEXTS if isinstance(xml.get(key), str) and xml[key]}
    if xml.get("attribute") is True or xml.get("nodeType") == "attribute":
        found["attribute"] = True
    if xml.get("wrapped") is True or (xml.get("nodeType") == "element" and "wrapped" not in xml):
        found["wrapped"] = True
    if xml.get("nodeType") in ("text", "cdata"):
        found["text"] = True
    return found


def _properties(node: dict[str, Json], resolver: Resolver, depth: int) -> list[tuple[str, Json]]:
    """Its own properties and those of the schemas that it is put together from."""
    own = node.get("properties")
    found = list(own.items()) if isinstance(own, dict) else []
    for keyword in ("allOf", "oneOf", "anyOf"):
        parts = node.get(keyword)
        for part in parts[:20] if isinstance(parts, list) and depth < 4 else ():
            try:
                part = resolver.resolved(part)
            except OperationRefused:
                continue
            if isinstance(part, dict):
                found += _properties(part, resolver, depth + 1)
    return found[:MAX_NODES]

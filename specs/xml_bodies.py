"""Bodies in XML, written from values by the shapes of `specs.ingest.xml_shapes`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final
from xml.etree import ElementTree  # nosec B405

from nlops.core.types import Json

#: Names of XML 1.0 section 2.3, without the colon, which parts a prefix from them.
_NAME: Final = re.compile(r"[A-Za-z_\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\U000effff][\w.\u00b7-]*")
_FORBIDDEN: Final = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Shape = Mapping[str, Json]


class NotXml(ValueError):
    """The value can't be written as XML; `str()` is for the person."""


def xml_document(value: Json, shape: Shape) -> bytes:
    """The value as an XML document in UTF-8. `shape`: of the whole body. Raises NotXml."""
    elements = list(_elements(str(shape.get("name", "")) or "root", value, shape))
    if len(elements) != 1:
        raise NotXml("The product takes this body as XML with one root element; a list without a wrapper has none.")
    return ElementTree.tostring(elements[0], encoding="utf-8", xml_declaration=True)


def _elements(name: str, value: Json, shape: Shape) -> Iterator[ElementTree.Element]:
    """The elements that the value becomes: of a list one for each entry, or one that wraps them; of null none."""
    if value is None:
        return
    if not isinstance(value, list):
        yield _element(str(shape.get("name", "")) or name, value, shape)
        return
    items = shape.get("items")
    items = items if isinstance(items, Mapping) else {}
    entries = [entry for item in value for entry in _elements(name, item, items)]
    if not shape.get("wrapped"):
        yield from entries
        return
    wrapper = _empty(str(shape.get("name", "")) or name, shape)
    wrapper.extend(entries)
    yield wrapper


def _element(name: str, value: Json, shape: Shape) -> ElementTree.Element:
    element = _empty(name, shape)
    if not isinstance(value, Mapping):
        element.text = _text(name, value)
        return element
    parts = shape.get("properties")
    for key, item in value.items():
        part = parts.get(key, {}) if isinstance(parts, Mapping) else {}
        if item is None:
            continue
        if part.get("attribute"):
            element.set(_qualified(str(part.get("name", "")) or key, part), _text(key, item))
        elif part.get("text"):
            element.text = _text(key, item)
        else:
            element.extend(list(_elements(key, item, part)))
    return element


def _empty(name: str, shape: Shape) -> ElementTree.Element:
    return ElementTree.Element(_qualified(name, shape))


def _qualified(name: str, shape: Shape) -> str:
    """The name as ElementTree takes it: {namespace}name. Prefixes are its own choice; what they mean is the same."""
    if not _NAME.fullmatch(name):
        raise NotXml(f"“{name[:80]}” can't be the name of an XML element, and the product takes this body as XML.")
    namespace = str(shape.get("namespace", ""))
    return f"{{{namespace}}}{name}" if namespace else name


def _text(name: str, value: Json) -> str:
    if isinstance(value, list | Mapping):
        raise NotXml(f"“{name[:80]}” is a text in the product's XML and can't hold a list or an object.")
    text = value if isinstance(value, str) else "true" if value is True else "false" if value is False else f"{value}"
    if _FORBIDDEN.search(text):
        raise NotXml(f"“{name[:80]}” holds a character that XML has no way to write.")
    return text

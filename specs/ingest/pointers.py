"""References inside a document: RFC 6901 JSON pointers in URI fragments, resolved without ever leaving the upload."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from nlops.core.types import Json
from specs.ingest.errors import OperationRefused

#: References to references that are followed.
MAX_CHAIN = 50


def escape(segment: str) -> str:
    """One segment of a JSON pointer."""
    return segment.replace("~", "~0").replace("/", "~1")


def join(*segments: str | int) -> str:
    """A JSON pointer of the segments."""
    return "".join([f"/{escape(str(segment))}" for segment in segments])


def is_external(reference: str) -> bool:
    """Whether the reference leaves the document."""
    return not reference.startswith("#")


class Resolver:
    """Finds what local references of one document point to."""

    def __init__(self, root: dict[str, Json], places: Mapping[str, str] | None = None) -> None:
        self._root = root
        #: reference to the file and the pointer that hold it, where the upload has several files
        self._places = places or {}
        self._found: dict[str, Any] = {}
        #: files (or addresses) outside the upload that were referred to
        self.other_files: set[str] = set()

    def target(self, reference: str) -> Json:
        """What the reference points to. Raises OperationRefused when it is external or broken."""
        if reference in self._found:
            return self._found[reference]
        if is_external(reference):
            self.other_files.add(reference.partition("#")[0][:200])
            place = f" {self._places[reference][:300]}" if reference in self._places else ""
            raise OperationRefused(
                f"It refers to another file ({reference[:200]}{',' if place else ''}{place}), and only what is in the "
                "upload is read. Upload all files as one zip, or bundle them into one file (for example with “redocly "
                "bundle”)."
            )
        value: Json = self._root
        for part in unquote(reference[1:]).split("/")[1:] if reference.startswith("#/") else [None]:
            value = _child(value, part)
            if value is _MISSING:
                raise OperationRefused(
                    f"The reference {reference[:200]} points to nothing. Add what it names, or remove it."
                )
        self._found[reference] = value
        return value

    def resolved(self, node: Json) -> Json:
        """The node, or what it refers to, through chains. Raises OperationRefused (external, broken, circular)."""
        for _ in range(MAX_CHAIN):
            if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
                return node
            node = self.target(node["$ref"])
        raise OperationRefused("Its references refer to each other in a circle; one of them must hold the thing.")


_MISSING = object()


def _child(value: Json, part: str | None) -> Any:
    if part is None:
        return _MISSING
    part = part.replace("~1", "/").replace("~0", "~")
    if isinstance(value, dict):
        return value.get(part, _MISSING)
    if isinstance(value, list) and part.isdecimal() and len(part) < 8 and int(part) < len(value):
        return value[int(part)]
    return _MISSING

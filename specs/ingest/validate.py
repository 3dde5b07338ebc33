"""What the standard's own JSON Schema says of a description: advice for its authors, never a gate.

The schemas are those that the OpenAPI initiative publishes; the package openapi-spec-validator ships them as files.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import orjson
import structlog

from specs.ingest.errors import Problem, Severity
from specs.ingest.load import Document
from specs.ingest.pointers import join

log = structlog.get_logger(__name__)

#: Deviations that are told; a file with more has one kind of them many times.
MAX_ADVICE = 100
_MAX_DEPTH: Final = 20
_PACKAGE: Final = "openapi_spec_validator"


def advice(document: Document) -> list[Problem]:
    """Where the document deviates from its standard, at most `MAX_ADVICE` places, in the document's order."""
    found: dict[tuple[str, str], Problem] = {}
    standard = "Swagger 2.0" if document.is_swagger else f"OpenAPI {document.standard[:3]}"
    try:
        for error in _validator("2.0" if document.is_swagger else document.standard[:3]).iter_errors(document.root):
            for cause in _causes(error):
                extra = list(getattr(cause.kind, "unexpected", None) or ())[:1]
                pointer, message = join(*cause.instance_path, *extra), _words(cause, standard)
                found.setdefault((pointer, message), Problem(Severity.ADVICE, pointer, message))
            if len(found) >= MAX_ADVICE:
                break
    except Exception as error:  # a document that the validator can't take: advice is never a gate
        log.warning("validation_impossible", error=type(error).__name__)
    return list(found.values())[:MAX_ADVICE]


@functools.lru_cache(maxsize=5)
def _validator(version: str) -> Any:
    # Found without importing the package, whose own validator takes seconds and many modules.
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise ValueError(f"{_PACKAGE} is not installed")
    path = Path(found.origin).parent / "resources/schemas" / f"v{version}" / "schema.json"
    return jsonschema_rs.validator_for(orjson.loads(path.read_bytes()))


def _causes(error: Any, depth: int = 0) -> Iterator[Any]:
    """The errors that say most: of alternatives, those of the variant that was probably meant."""
    variants = getattr(error.kind, "context", None)
    if not variants or depth > _MAX_DEPTH:
        yield error
        return
    # A thing that is no reference fails there, too, and that helps nobody.
    meant = [variant for variant in variants if not any("'$ref' is a required" in it.message for it in variant)]
    best: list[Any] = max(meant or variants, key=_fit, default=[])
    if not best:
        yield error
    for cause in best:
        yield from _causes(cause, depth + 1)


def _fit(variant: list[Any]) -> tuple[int, int]:
    """How far into the thing the variant went, and with how few faults."""
    return max((len(error.instance_path) for error in variant), default=0), -len(variant)


def _words(error: Any, standard: str) -> str:
    """The validator's words, when they aren't a copy of half the document."""
    text = " ".join(str(error.message).split())
    if text.startswith(("{", "[")) and len(text) > 200:
        text = "This part" + text[text.rindex((text[0] == "{" and "}") or "]") + 1 :]
    return f"{text[:300]} ({standard})."

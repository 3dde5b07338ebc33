"""The embedded model with its weights."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from nlops.core.types import Message, Role
from nlops.llm import needle
from nlops.llm.base import Limits, ModelError
from nlops.llm.embedded import EmbeddedModel
from nlops.llm.needle import Needle
from tests.benchmarks.access_tools import access_tools
from tests.benchmarks.embedded import NOW

TOOL = {
    "name": "create_user",
    "description": "Create a user.",
    "parameters": {
        "type": "object",
        "properties": {"username": {"type": "string"}, "department": {"type": "string"}},
        "required": ["username"],
    },
}


@pytest.mark.slow
def test_needle_fills_arguments_from_the_words() -> None:
    filled = Needle().fill("Create a user bob in the Sales department", TOOL, with_confidence=True)
    assert filled.arguments == {"username": "bob", "department": "Sales"}
    assert filled.confidence is not None
    assert 0 <= filled.confidence <= 1


@pytest.mark.slow
def test_needle_makes_no_call_where_the_words_hold_nothing() -> None:
    assert Needle().fill("Create a new user", TOOL).arguments is None


@pytest.mark.slow
def test_the_model_is_loaded_once_and_serves_several_threads() -> None:
    model, found = EmbeddedModel(), []
    tools = access_tools()

    def ask() -> None:
        request = Message(Role.USER, "I need access to the safe web because the release is late")
        found.append(model.complete([request], tools, Limits(now=NOW)).tool_calls[0])

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [call.name for call in found] == ["create_access_request"] * 3
    assert all(call.arguments["safe"] == "web" for call in found)
    assert "release is late" in found[0].arguments["reason"]


def test_damaged_weights_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "needle3.cact"
    damaged.write_bytes(b"not the weights")
    monkeypatch.setattr(needle, "weights_path", lambda: damaged)
    with pytest.raises(ModelError, match="not the ones that nlops knows"):
        Needle().fill("Create a user bob", TOOL)


def test_missing_weights_say_how_to_mend_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needle, "_DISTRIBUTION", "no-such-package-here")
    with pytest.raises(ModelError, match="NLOPS_MODEL"):
        needle.weights_path()


def test_the_weights_come_without_importing_their_package() -> None:
    import sys

    needle.weights_path()
    assert "needle" not in sys.modules

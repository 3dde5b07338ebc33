"""What `manage.py check` tells of the models."""

from __future__ import annotations

import pytest

from nlops.llm.checks import lists_are_readable, models_are_usable


def told(settings, **changed) -> list[tuple[str, str]]:
    for name, value in changed.items():
        setattr(settings, name, value)
    return [(error.id, error.msg) for error in [*models_are_usable(None), *lists_are_readable(None)]]


def test_the_default_model_needs_nothing(settings):
    assert told(settings) == []


@pytest.mark.parametrize(("name", "code"), [("NLOPS_MODEL", "nlops.E001"), ("NLOPS_FALLBACK_MODEL", "nlops.E002")])
@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("gpt-5", "names no model"),
        ("openai:gpt-5", "OPENAI_API_KEY"),
        ("azure:dep", "AZURE_OPENAI_ENDPOINT"),
        ("compatible:x", "lacks the server"),
        ("compatible:x@http://h:port/v1", "can't be read"),
    ],
)
def test_a_model_that_cant_be_used_is_told_under_the_name_of_its_setting(settings, name, code, spec, words):
    settings.OPENAI_API_KEY = ""
    [(found, message)] = told(settings, **{name: spec})
    # A key may be set where the model is asked only, and not in every terminal.
    assert found == (code.replace("E", "W") if spec in ("openai:gpt-5", "azure:dep") else code)
    assert message.startswith(f"{name}: ")
    assert words in message


def test_an_empty_main_model_is_told_and_no_fallback_is_fine(settings):
    assert [code for code, _ in told(settings, NLOPS_MODEL="", NLOPS_FALLBACK_MODEL="")] == ["nlops.E001"]


def test_a_usable_fallback_is_fine(settings):
    assert told(settings, NLOPS_FALLBACK_MODEL="compatible:x@http://127.0.0.1:1/v1") == []


def test_lists_that_cant_be_read_are_told(settings):
    found = told(settings, NLOPS_MODEL_PRICES="{", NLOPS_MODEL_KEYS='{"nowhere": "k"}')
    assert [code for code, _ in found] == ["nlops.E003", "nlops.E004"]

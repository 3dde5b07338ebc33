"""What a model request cost, from NLOPS_MODEL_PRICES."""

from __future__ import annotations

import json

import pytest

from nlops.core.types import Usage
from nlops.llm.prices import Price, PriceListError, price_list, price_of, priced

LIST = {
    "openai:gpt-5": {"prompt": 1.25, "cached": 0.125, "completion": 10},
    "openai:gpt-5*": {"prompt": 0.25, "completion": 2},
    "openai:*": {"prompt": 100, "completion": 100},
    "qwen*": {"prompt": 1, "completion": 1},
}


@pytest.fixture(autouse=True)
def _list(settings):
    settings.NLOPS_MODEL_PRICES = json.dumps(LIST)


def test_a_million_tokens_cost_their_price():
    usage = Usage(prompt_tokens=1_000_000, completion_tokens=1_000_000, cached_tokens=400_000)
    assert priced("openai:gpt-5", usage).cost == round((0.6 * 1.25 + 0.4 * 0.125 + 10) * 1_000_000)


def test_cached_tokens_without_a_price_of_their_own_cost_as_the_prompt():
    assert priced("openai:gpt-5-mini", Usage(1000, 0, 500)).cost == 250


def test_a_fraction_of_a_millionth_is_rounded_up():
    assert priced("openai:gpt-5", Usage(1, 0)).cost == 2
    assert priced("openai:gpt-5", Usage(0, 0)).cost == 0
    assert Price(prompt=0.1).cost(Usage(prompt_tokens=30)) == 3


def test_more_cached_than_prompt_tokens_is_never_negative():
    assert Price(prompt=1, cached=0).cost(Usage(prompt_tokens=5, cached_tokens=50)) == 0


@pytest.mark.parametrize(
    ("model", "prompt"),
    [
        ("openai:gpt-5", 1.25),
        ("openai:gpt-5-mini", 0.25),
        ("openai:o9", 100),
        ("compatible:qwen3@http://h:1/v1", 1),
        ("azure:x", None),
        ("embedded", None),
    ],
)
def test_the_exact_name_wins_then_the_longest_pattern_and_other_models_have_no_price(model, prompt):
    found = price_of(model)
    assert (found and found.prompt) == prompt


def test_a_model_without_a_price_costs_nothing():
    assert priced("azure:x", Usage(10, 10)) == Usage(10, 10)


def test_no_list_is_an_empty_one():
    assert price_list("") == price_list({}) == {}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("{", "no JSON"),
        ("[]", "no JSON object"),
        ('{"m": 3}', "“m” needs the prices"),
        ('{"m": {}}', "“m” needs the prices"),
        ('{"m": {"input": 3}}', "“m” needs the prices"),
        ('{"m": {"prompt": "3"}}', "prompt of “m” must be a number"),
        ('{"m": {"prompt": -1}}', "not negative"),
        ('{"m": {"prompt": NaN}}', "must be a number"),
        ('{"m": {"prompt": true}}', "must be a number"),
    ],
)
def test_a_list_that_cant_be_read_says_where(value, words):
    with pytest.raises(PriceListError, match=words):
        price_list(value)

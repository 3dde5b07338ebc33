"""What a model request cost, from the operator's own price list (NLOPS_MODEL_PRICES)."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from django.conf import settings

from nlops.core.types import Usage

_FORM = '{"openai:gpt-5*": {"prompt": 1.25, "cached": 0.125, "completion": 10}}'


class PriceListError(ValueError):
    """NLOPS_MODEL_PRICES can't be read; `str()` says where and how to mend it."""


@dataclass(frozen=True, slots=True)
class Price:
    """Currency units per million tokens."""

    #: of the prompt
    prompt: float = 0.0
    #: of the prompt's part that the provider still had in its cache; without a price of its own: as `prompt`
    cached: float | None = None
    #: that the model wrote, its thoughts included
    completion: float = 0.0

    def cost(self, usage: Usage) -> int:
        """Millionths of the currency unit, rounded up: a limit of money must not be undercut by many small requests."""
        cached = min(usage.cached_tokens, usage.prompt_tokens)
        of_cached = self.prompt if self.cached is None else self.cached
        exact = (
            (usage.prompt_tokens - cached) * self.prompt
            + cached * of_cached
            + usage.completion_tokens * self.completion
        )
        return math.ceil(round(exact, 6))


def priced(model: str, usage: Usage) -> Usage:
    """`usage` with its cost by the price list; a model that the list doesn't name costs 0.

    `model` is a name as in NLOPS_MODEL. Raises PriceListError.
    """
    price = price_of(model)
    return usage if price is None else replace(usage, cost=price.cost(usage))


def price_of(model: str) -> Price | None:
    """The price of the model (a name as in NLOPS_MODEL), None when the list doesn't name it. Raises PriceListError.

    A key of the list is a whole name, with `*`, `?` and `[…]` as in file names, or the part after `openai:`, `azure:`
    or `compatible:` alone. The exact name wins over a pattern, a longer pattern over a shorter one.
    """
    prices = price_list(settings.NLOPS_MODEL_PRICES)
    bare = model.partition(":")[2]
    for name in (model, bare):
        if name in prices:
            return prices[name]
    fitting = [key for key in prices if fnmatchcase(model, key) or fnmatchcase(bare, key)]
    return prices[max(fitting, key=len)] if fitting else None


def price_list(value: str | Mapping[str, Any]) -> dict[str, Price]:
    """The list that NLOPS_MODEL_PRICES (JSON text, or a dict) means. Raises PriceListError."""
    return _parsed(value if isinstance(value, str) else json.dumps(value))


@functools.lru_cache(maxsize=8)
def _parsed(text: str) -> dict[str, Price]:
    if not text.strip():
        return {}
    try:
        data = json.loads(text)
    except ValueError as error:
        raise PriceListError(f"NLOPS_MODEL_PRICES is no JSON: {error}. Write it as {_FORM}.") from error
    if not isinstance(data, dict):
        raise PriceListError(f"NLOPS_MODEL_PRICES is no JSON object. Write it as {_FORM}.")
    return {str(name): _price(str(name), value) for name, value in data.items()}


def _price(name: str, value: Any) -> Price:
    if not isinstance(value, dict) or not value or set(value) - {"prompt", "cached", "completion"}:
        raise PriceListError(
            f"NLOPS_MODEL_PRICES: “{name}” needs the prices per million tokens of its prompt, cached (optional) and "
            f"completion. Write it as {_FORM}."
        )
    for part, price in value.items():
        fits = isinstance(price, int | float) and not isinstance(price, bool) and 0 <= price < math.inf
        if not fits:
            raise PriceListError(f"NLOPS_MODEL_PRICES: {part} of “{name}” must be a number that is not negative.")
    return Price(**value)

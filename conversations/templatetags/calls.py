"""Filters for what products answered."""

import json

from django import template

from nlops.core.types import Json

register = template.Library()


@register.filter
def as_json(value: Json) -> str:
    """The value as indented JSON (auto-escaped by the template like any text)."""
    return json.dumps(value, ensure_ascii=False, indent=2)


@register.filter
def for_operator(origin: str) -> str:
    """Where a value came from, in words for another person than the requester."""
    return origin.replace("you said", "the requester said").replace("typed by you", "typed by the requester")

"""Django system checks of the specs app."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from specs.addresses import parse_listed


@register(Tags.security)
def private_hosts(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """NLOPS_PRIVATE_HOSTS must be readable, or a call would fail that should go out."""
    try:
        parse_listed(tuple(settings.NLOPS_PRIVATE_HOSTS))
    except ValueError as error:
        return [Error(str(error), id="specs.E001")]
    return []

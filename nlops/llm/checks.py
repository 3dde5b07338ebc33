"""Django system checks: the models, their keys and their prices can be read before anybody asks one."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from nlops.llm.prices import PriceListError, price_list
from nlops.llm.registry import MissingSettings, ModelConfigurationError, validate_model
from nlops.llm.server_keys import ServerKeysError, server_keys


@register()
def models_are_usable(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """NLOPS_MODEL and NLOPS_FALLBACK_MODEL name models that have what they need."""
    found: list[CheckMessage] = []
    for name, code in (("NLOPS_MODEL", "nlops.E001"), ("NLOPS_FALLBACK_MODEL", "nlops.E002")):
        spec = getattr(settings, name)
        if not spec and name == "NLOPS_FALLBACK_MODEL":
            continue
        try:
            validate_model(spec)
        except MissingSettings as error:
            # No error: a terminal that talks to a running nlops needs no key of its own.
            found.append(Warning(f"{name}: {error}", id=code.replace("E", "W")))
        except ModelConfigurationError as error:
            found.append(Error(f"{name}: {error}", id=code))
    return found


@register()
def lists_are_readable(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """NLOPS_MODEL_PRICES and NLOPS_MODEL_KEYS are what they should be."""
    found: list[CheckMessage] = []
    try:
        price_list(settings.NLOPS_MODEL_PRICES)
    except PriceListError as error:
        found.append(Error(str(error), id="nlops.E003"))
    try:
        server_keys()
    except ServerKeysError as error:
        found.append(Error(str(error), id="nlops.E004"))
    return found

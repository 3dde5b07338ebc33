"""Which model a setting means."""

from __future__ import annotations

import functools
import re
from urllib.parse import urlsplit

from django.conf import settings

from nlops.llm.base import ChatModel

_WAYS = "embedded, openai:MODEL, azure:DEPLOYMENT or compatible:MODEL@BASE-URL"


class ModelConfigurationError(Exception):
    """NLOPS_MODEL, or a tenant's own model, names none that can be used; `str()` says how to mend it."""


@functools.cache
def model_from_spec(spec: str) -> ChatModel:
    """The model that `spec` (NLOPS_MODEL, or a tenant's) means; one object per process, loaded when it is first used.

    Raises ModelConfigurationError.
    """
    kind, _, rest = spec.strip().partition(":")
    if kind == "embedded" and not rest:
        from nlops.llm.embedded import EmbeddedModel

        return EmbeddedModel()
    if not rest or kind not in ("openai", "azure", "compatible"):
        raise ModelConfigurationError(f"“{spec}” names no model. Set NLOPS_MODEL (or the tenant's model) to {_WAYS}.")
    from nlops.llm import openai

    if kind == "openai":
        _need(spec, "OPENAI_API_KEY")
        return openai.openai_model(rest)
    if kind == "azure":
        _need(spec, "AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_API_VERSION")
        return openai.azure_model(rest)
    # Names of models may have an @ of their own.
    found = re.fullmatch(r"(.+?)@(https?://[^\s/?#]+[^\s]*)", rest)
    if found is None:
        raise ModelConfigurationError(
            f"“{spec}” lacks the server: set NLOPS_MODEL (or the tenant's model) to "
            "compatible:MODEL@http://HOST:PORT/v1."
        )
    if "@" in urlsplit(found[2]).netloc:
        raise ModelConfigurationError(
            "The address of the model's server holds a password. Set NLOPS_MODEL (or the tenant's model) to "
            "compatible:MODEL@http://HOST:PORT/v1 and put the key into OPENAI_API_KEY."
        )
    return openai.compatible_model(found[1], found[2])


def _need(spec: str, *names: str) -> None:
    missing = [name for name in names if not getattr(settings, name)]
    if missing:
        raise ModelConfigurationError(
            f"The model “{spec}” needs {' and '.join(missing)}: set it in the environment of the web and the worker "
            f"processes, or set NLOPS_MODEL (or the tenant's model) to another of {_WAYS}."
        )

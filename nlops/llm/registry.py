"""Which model a setting means."""

from __future__ import annotations

import functools
import re
from urllib.parse import urlsplit

from django.conf import settings

from nlops.llm import entra
from nlops.llm.base import ChatModel
from nlops.llm.server_keys import ServerKeysError, key_for

_WAYS = "embedded, openai:MODEL, azure:DEPLOYMENT or compatible:MODEL@BASE-URL"


class ModelConfigurationError(Exception):
    """NLOPS_MODEL, or a tenant's own model, names none that can be used; `str()` says how to mend it."""


class MissingSettings(ModelConfigurationError):
    """It names one, but what that needs isn't set here."""


@functools.cache
def model_from_spec(spec: str) -> ChatModel:
    """The model that `spec` (NLOPS_MODEL, or a tenant's) means; one object per process, loaded when it is first used.

    Raises ModelConfigurationError.
    """
    kind, name, address = _validated(spec)
    if kind == "embedded":
        from nlops.llm.embedded import EmbeddedModel

        return EmbeddedModel()
    from nlops.llm import openai

    if kind == "openai":
        return openai.openai_model(name)
    if kind == "azure":
        return openai.azure_model(name, None if settings.AZURE_OPENAI_API_KEY else entra.token_provider())
    return openai.compatible_model(name, address, key_for(address))


def validate_model(spec: str) -> None:
    """Nothing is loaded and no server is asked. Raises ModelConfigurationError."""
    _validated(spec)


def _validated(spec: str) -> tuple[str, str, str]:
    """The model's kind, its name, and the server's address if it has one."""
    kind, _, rest = spec.strip().partition(":")
    if kind == "embedded" and not rest:
        return kind, "", ""
    if not rest or kind not in ("openai", "azure", "compatible"):
        raise ModelConfigurationError(f"“{spec}” names no model. Set NLOPS_MODEL (or the tenant's model) to {_WAYS}.")
    if kind == "openai":
        _need(spec, "OPENAI_API_KEY")
    elif kind == "azure":
        _need(spec, "AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_VERSION")
        if not entra.is_configured():
            _need(spec, "AZURE_OPENAI_API_KEY", or_else="or the settings of Entra ID (AZURE_TENANT_ID …)")
    else:
        return kind, *_compatible(spec, rest)
    return kind, rest, ""


def _compatible(spec: str, rest: str) -> tuple[str, str]:
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
            "compatible:MODEL@http://HOST:PORT/v1 and put the key into NLOPS_MODEL_KEYS."
        )
    try:
        key_for(found[2])
    except ValueError as error:  # ServerKeysError, or a port that is none
        words = str(error) if isinstance(error, ServerKeysError) else f"The address in “{spec}” can't be read: {error}."
        raise ModelConfigurationError(words) from error
    return found[1], found[2]


def _need(spec: str, *names: str, or_else: str = "") -> None:
    missing = [name for name in names if not getattr(settings, name)]
    if missing:
        needed = " ".join(filter(None, (" and ".join(missing), or_else)))
        raise MissingSettings(
            f"The model “{spec}” needs {needed}: set it in the environment of the web and the worker "
            f"processes, or set NLOPS_MODEL (or the tenant's model) to another of {_WAYS}."
        )

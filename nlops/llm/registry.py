"""Which model a setting means."""

from __future__ import annotations

import functools

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
    from nlops.llm.openai import azure_model, compatible_model, openai_model

    if kind == "openai":
        return openai_model(rest)
    if kind == "azure":
        return azure_model(rest)
    name, _, base_url = rest.partition("@")
    if not name or not base_url.startswith(("http://", "https://")):
        raise ModelConfigurationError(f"“{spec}” lacks the server: write compatible:MODEL@http://HOST:PORT/v1.")
    return compatible_model(name, base_url)

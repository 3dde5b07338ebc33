"""Tokens of Microsoft Entra ID for Azure OpenAI, in place of a key.

Which identity is meant is said by settings, never guessed: azure-identity's own default would try a dozen ways, some
of which start other programs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings

from nlops.llm.base import ModelError

#: Seconds to reach the token's issuer, and for its answer; a first token takes two exchanges. A run's lease is longer
#: than that and a model's answer together.
TIMEOUT_SECONDS = 4.0

log = structlog.get_logger(__name__)


def is_configured() -> bool:
    """Whether settings name an identity."""
    client = settings.AZURE_TENANT_ID and settings.AZURE_CLIENT_ID
    return bool(
        settings.AZURE_MANAGED_IDENTITY
        or (client and (settings.AZURE_CLIENT_SECRET or settings.AZURE_FEDERATED_TOKEN_FILE))
    )


def token_provider() -> Callable[[], str]:
    """A function that gives the token of this moment: kept in memory, fetched anew before it expires."""
    from azure.identity import get_bearer_token_provider

    fetch = get_bearer_token_provider(_credential(), settings.AZURE_OPENAI_SCOPE)

    def token() -> str:
        from azure.core.exceptions import AzureError

        try:
            return fetch()
        except AzureError as error:
            # Its words name the tenant and the client; the log has its kind and its code.
            code = re.search(r"AADSTS\d+", str(error))
            detail = " ".join(filter(None, (type(error).__name__, code and code[0])))
            log.warning("entra_token_refused", detail=detail)
            raise ModelError(
                "Microsoft Entra ID gave no token for the language model. Ask your operator to check AZURE_TENANT_ID, "
                "AZURE_CLIENT_ID and its secret, or AZURE_MANAGED_IDENTITY.",
                detail=detail,
                retryable=True,
            ) from error

    return token


def _credential() -> Any:
    from azure.core.pipeline.transport import RequestsTransport
    from azure.identity import ClientSecretCredential, ManagedIdentityCredential, WorkloadIdentityCredential

    options: dict[str, Any] = {
        # No proxies and no credentials from the environment, as for the model itself.
        "transport": RequestsTransport(
            use_env_settings=False,
            connection_timeout=TIMEOUT_SECONDS,
            read_timeout=TIMEOUT_SECONDS,
            connection_verify=settings.NLOPS_MODEL_CA_FILE or True,
        ),
        # The engine tries again, without holding a worker.
        "retry_total": 0,
    }
    if settings.AZURE_MANAGED_IDENTITY:
        return ManagedIdentityCredential(client_id=settings.AZURE_CLIENT_ID or None, **options)
    if settings.AZURE_AUTHORITY_HOST:
        # Another cloud than the public one: it is not looked up at the public one.
        options |= {"authority": settings.AZURE_AUTHORITY_HOST, "disable_instance_discovery": True}
    if settings.AZURE_CLIENT_SECRET:
        return ClientSecretCredential(
            settings.AZURE_TENANT_ID, settings.AZURE_CLIENT_ID, settings.AZURE_CLIENT_SECRET, **options
        )
    return WorkloadIdentityCredential(
        tenant_id=settings.AZURE_TENANT_ID,
        client_id=settings.AZURE_CLIENT_ID,
        token_file_path=settings.AZURE_FEDERATED_TOKEN_FILE,
        **options,
    )

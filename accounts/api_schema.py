"""How the REST API's own description names the ways to sign in (imported by the app's `ready`)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema


class ApiTokenScheme(OpenApiAuthenticationExtension):
    """A member's API token, as a bearer token (OpenAPI 3.1, Security Scheme Object)."""

    target_class = "accounts.api_tokens.ApiTokenAuthentication"
    name = "apiToken"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """The scheme in components/securitySchemes."""
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "nlops_…",
            "description": "An API token of your profile page, with the scopes that it was made with.",
        }

"""429 with Retry-After."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle


class ClientThrottle(SimpleRateThrottle):
    """So many requests per minute and client."""

    scope = "client"

    def get_rate(self) -> str:
        return f"{settings.DEMO_RATE}/min"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        if not request.user:
            return None
        return f"{self.scope}:{request.user.pk}"


class RevealThrottle(ClientThrottle):
    """Secrets are revealed more slowly."""

    scope = "reveal"

    def get_rate(self) -> str:
        return f"{max(1, settings.DEMO_RATE // 10)}/min"

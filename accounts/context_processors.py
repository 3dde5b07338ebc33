from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.modes import ModeNow, mode_now


def member(request: HttpRequest) -> dict[str, Any]:
    """The member and tenant of the request, for every page."""
    found, tenant = getattr(request, "member", None), getattr(request, "tenant", None)
    # Lazily: most fragments show neither.
    now = SimpleLazyObject(lambda: mode_now(tenant) if tenant is not None else ModeNow())
    return {"member": found, "tenant": tenant, "mode_now": now}

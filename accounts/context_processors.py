from typing import Any

from django.http import HttpRequest


def member(request: HttpRequest) -> dict[str, Any]:
    """The member and tenant of the request, for every page."""
    found = getattr(request, "member", None)
    return {"member": found, "tenant": getattr(request, "tenant", None)}

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from conversations.budget import banner


def budget(request: HttpRequest) -> dict[str, Any]:
    """What the head of every page says of the model budget."""
    member = getattr(request, "member", None)
    # Lazily: fragments don't show it. A page outside of the tenant's context sees no budget.
    return {"budget_banner": SimpleLazyObject(lambda: banner(member)) if member is not None else ""}

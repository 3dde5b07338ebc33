"""What nlops may do at this moment, and why not more."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.models import Installation, Mode, Tenant


@dataclass(frozen=True, slots=True)
class ModeNow:
    """The strictest of the tenant's mode and the installation's."""

    mode: Mode = Mode.NORMAL
    #: what whoever set it wrote
    reason: str = ""
    #: whether it was set for the whole installation: the tenant can't loosen it
    is_everywhere: bool = False


def mode_now(tenant: Tenant) -> ModeNow:
    """As it is in the database now."""
    own = Tenant.objects.filter(pk=tenant.pk).values_list("mode", "mode_reason").first() or (Mode.NORMAL, "")
    everywhere = Installation.objects.values_list("mode", "mode_reason").first() or (Mode.NORMAL, "")
    mode = Mode.strictest(own[0], everywhere[0])
    is_everywhere = mode is not Mode.NORMAL and everywhere[0] == mode
    return ModeNow(mode, everywhere[1] if is_everywhere else own[1], is_everywhere)

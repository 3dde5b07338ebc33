"""Stop nlops, let it only read, or let it go on: for one tenant, or for the whole installation."""

from __future__ import annotations

from django.db import transaction

from accounts.audit import Origin, audit
from accounts.context import tenant_context
from accounts.models import AuditAction, Installation, Member, Mode, Tenant


class ModeRefused(Exception):
    """The mode can't be set; `str()` is for the person."""


def set_tenant_mode(tenant: Tenant, mode: str, reason: str = "", member: Member | None = None) -> None:
    """In force from the next step of every run on. `member`: who sets it; None for a command.

    Raises ModeRefused.
    """
    if member is not None and not (member.is_operator and member.tenant_id == tenant.pk):
        raise ModeRefused("This needs the role operator or owner. Ask one of them.")
    wanted, reason = _checked(mode, reason)
    with tenant_context(tenant.pk):
        locked = Tenant.objects.select_for_update().get(pk=tenant.pk)
        before, locked.mode, locked.mode_reason = locked.mode, wanted, reason
        locked.save(update_fields=["mode", "mode_reason"])
        audit(AuditAction.MODE_CHANGED, tenant, {"from": before, "to": wanted, "reason": reason}, member=member)
    tenant.mode, tenant.mode_reason = wanted, reason


def set_installation_mode(mode: str, reason: str = "", *, origin: Origin | None = None) -> None:
    """The same for every tenant; each finds it in its own audit log. Raises ModeRefused."""
    wanted, reason = _checked(mode, reason)
    with transaction.atomic():
        row, _ = Installation.objects.select_for_update().get_or_create(pk=1)
        before, row.mode, row.mode_reason = row.mode, wanted, reason
        row.save()
    told = {"of": "the whole installation", "from": before, "to": wanted, "reason": reason}
    for tenant in Tenant.objects.order_by("slug"):
        with tenant_context(tenant.pk):
            audit(AuditAction.MODE_CHANGED, None, told, origin=origin)


def _checked(mode: str, reason: str) -> tuple[Mode, str]:
    if mode not in Mode.values:
        raise ModeRefused(f"The mode is one of {', '.join(Mode.values)}.")
    reason = reason.replace("\x00", "").strip()[:300]
    if mode != Mode.NORMAL and not reason:
        raise ModeRefused("Say why; everybody here reads it while nlops is stopped or read-only.")
    return Mode(mode), reason if mode != Mode.NORMAL else ""

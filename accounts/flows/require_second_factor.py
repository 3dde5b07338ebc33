"""An owner wants a second factor of everybody in the tenant."""

from __future__ import annotations

from allauth.mfa.utils import is_mfa_enabled

from accounts.audit import audit
from accounts.flows.set_mode import ModeRefused
from accounts.models import AuditAction, Member, MemberRole, Tenant


def require_second_factor(owner: Member, required: bool) -> None:
    """In force from everybody's next request on. Raises ModeRefused for an owner who would lock themselves out."""
    if owner.role != MemberRole.OWNER:
        raise ModeRefused("This needs the role owner.")
    if required and not is_mfa_enabled(owner.user):
        raise ModeRefused("Set up a second factor of your own first (your menu, Two-factor sign-in).")
    Tenant.objects.filter(pk=owner.tenant_id).update(requires_second_factor=required)
    audit(AuditAction.TENANT_CHANGED, owner.tenant, {"requires_second_factor": required}, member=owner)

"""Staff of the platform enter a tenant by a named, logged switch, and leave it again."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils import timezone

from accounts.audit import Origin, audit
from accounts.context import tenant_context
from accounts.models import ActorKind, AuditAction, StaffAccess, Tenant
from accounts.requests import client_ip
from accounts.sessions import STAFF_ACCESS, TENANT


class EntryRefused(Exception):
    """This user can't enter a tenant; `str()` is for the person."""


def enter_tenant(request: HttpRequest, tenant: Tenant, reason: str) -> StaffAccess:
    """Log the visit and put the session into the tenant. A visit that is still open ends first.

    Raises EntryRefused.
    """
    user = request.user
    if not (user.is_authenticated and user.is_active and user.is_staff):
        raise EntryRefused("Only staff of the platform can enter a tenant.")
    if getattr(request, "member", None) is not None:
        raise EntryRefused("You are a member of a tenant. Enter others with an account that is no member anywhere.")
    if not reason.strip():
        raise EntryRefused("Say why you need to look into this tenant; its owner can read it.")
    leave_tenant(request)
    with tenant_context(tenant.pk):
        access = StaffAccess.objects.create(tenant=tenant, user_id=user.pk, reason=reason.strip())
        audit(AuditAction.STAFF_ENTERED, access, {"reason": access.reason}, origin=_origin(request, user.pk))
    request.session[TENANT] = str(tenant.pk)
    request.session[STAFF_ACCESS] = str(access.pk)
    return access


def leave_tenant(request: HttpRequest) -> None:
    """End the session's visit; without one nothing happens."""
    session = getattr(request, "session", None)
    if session is None:
        return
    access_id, tenant_id = session.pop(STAFF_ACCESS, None), session.get(TENANT)
    if access_id is None or tenant_id is None:
        return
    del session[TENANT]
    with tenant_context(tenant_id):
        access = StaffAccess.objects.filter(pk=access_id, ended_at=None).first()
        if access is not None:
            access.ended_at = timezone.now()
            access.save(update_fields=["ended_at"])
            audit(AuditAction.STAFF_LEFT, access, origin=_origin(request, access.user_id))


def _origin(request: HttpRequest, user_id: int | None) -> Origin:
    return Origin(ActorKind.STAFF, user_id, ip=client_ip(request))

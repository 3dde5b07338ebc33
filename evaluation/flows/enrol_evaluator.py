"""The members as whom suites are run: a tenant's own, whom nobody can sign in as."""

from __future__ import annotations

from accounts.context import tenant_context
from accounts.flows.give_consent import give_consent
from accounts.models import Member, MemberRole, Tenant, User


def enrol_evaluator(tenant: Tenant, role: MemberRole = MemberRole.CUSTOMER) -> Member:
    """The tenant's evaluator with the role; created at the first time, in the time zone of the tenant's first member.

    A member of its own keeps the conversations of evaluations apart from those of people.
    """
    name = "evaluation" if role is MemberRole.CUSTOMER else f"evaluation-{role.value}"
    email = f"{name}@{tenant.slug}.invalid"  # RFC 6761: no such address will ever get mail
    with tenant_context(tenant.pk):
        member = Member.objects.filter(tenant=tenant, user__email=email).select_related("user").first()
        if member is None:
            first = Member.objects.filter(tenant=tenant).select_related("user").first()
            zone = {"time_zone": first.user.time_zone} if first else {}
            user = User.objects.create_user(email, None, **zone)
            member = Member.objects.create(tenant=tenant, user=user, role=role)
        give_consent(member)
    return member

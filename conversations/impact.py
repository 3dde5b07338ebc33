"""What of conversations an activation of a spec version touches."""

from __future__ import annotations

from conversations.models import Approval, ApprovalStatus
from specs.models import VersionStatus
from specs.versions import Impact, Touched, told


def waiting_approvals(touched: Touched) -> Impact:
    """Decisions that wait on calls of these operations; such a call stays on the version that it was planned with."""
    rows = Approval.objects.filter(
        status=ApprovalStatus.WAITING,
        call__operation__version__product=touched.product,
        call__operation__version__status=VersionStatus.ACTIVE,
        call__operation__name__in=touched.names,
    ).select_related("call__operation", "requested_by__user")
    return told(
        "waiting decisions, which stay on the version before",
        [f"{row.call.operation}, asked for by {row.requested_by}" for row in rows],
    )

"""What of the evaluation an activation of a spec version touches."""

from __future__ import annotations

from evaluation.models import Case
from specs.versions import Impact, Touched, told


def cases(touched: Touched) -> Impact:
    """Cases that expect one of these operations."""
    return told("evaluation cases", [str(case) for case in Case.objects.all() if _named(case) & touched.names])


def _named(case: Case) -> set[str]:
    """Names of the operations that the case expects."""
    expected = case.expected if isinstance(case.expected, dict) else {}
    calls = [expected, *(call for call in expected.get("calls", ()) if isinstance(call, dict))]
    return {str(call["operation"]) for call in calls if "operation" in call}

"""What follows from a judgement: thumbs down wants review, thumbs up after one takes the mark away."""

from __future__ import annotations

from django.db import transaction

from conversations.models import FlagReason, Run
from conversations.recording import flag


def collect_feedback(run: Run) -> None:
    """Bring the run's flag in line with its feedback."""
    with transaction.atomic():
        bad = list(run.feedback.filter(is_good=False))
        if bad:
            flag(run, FlagReason.THUMBS_DOWN, "; ".join(filter(None, (feedback.comment for feedback in bad))))
        else:
            run.flags.filter(reason=FlagReason.THUMBS_DOWN, resolved_at=None).delete()

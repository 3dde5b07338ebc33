"""Whoever decides an approval asks the requester something first; the call goes on waiting, also for the answer."""

from __future__ import annotations

from django.db import transaction

from accounts.models import Member
from conversations.flows import FlowError
from conversations.flows.decide import check_decider
from conversations.models import Approval, ApprovalStatus, Event, EventKind, Run
from conversations.recording import append_events
from conversations.statements import lock_run
from nlops.core.engine import Record
from nlops.core.hygiene import visible
from nlops.core.secrets import mask

#: Characters of a question or an answer.
LONGEST = 1000
#: Questions about one request.
MOST = 10


class EnquiryRefused(FlowError):
    """The question can't be asked, or the answer not given (any more)."""


def enquire(member: Member, approval: Approval, text: str) -> None:
    """Ask the requester. Raises EnquiryRefused, or DecisionRefused when it is not this member's to decide."""
    text = _clean(text, "Write what you want to know.")
    with transaction.atomic():
        run = lock_run(approval.run_id)
        approval = Approval.objects.select_for_update().get(pk=approval.pk)
        check_decider(member, approval)
        said = dialogue(run)
        if said and said[-1].kind == EventKind.ENQUIRED:
            raise EnquiryRefused("The requester has not answered the last question yet.")
        if len(said) >= 2 * MOST:
            raise EnquiryRefused(f"After {MOST} questions, decide, or reject it and say what is missing.")
        append_events(run, [Record(EventKind.ENQUIRED, {"text": text, "by": member.user.email})])


def explain(member: Member, run: Run, text: str) -> None:
    """Answer the last question about the member's own request. Raises EnquiryRefused."""
    text = _clean(text, "Write an answer.")
    with transaction.atomic():
        run = lock_run(run.pk)
        waits = run.approvals.filter(status=ApprovalStatus.WAITING, by_requester=False).exists()
        said = dialogue(run)
        is_open = bool(said) and said[-1].kind == EventKind.ENQUIRED
        if not waits or not is_open or run.conversation.member_id != member.pk:
            raise EnquiryRefused("Nobody waits for an answer here (any more).")
        append_events(run, [Record(EventKind.EXPLAINED, {"text": text, "by": member.user.email})])


def dialogue(run: Run) -> list[Event]:
    """Questions and answers about what the run waits for now, or waited for last, in order."""
    events = Event.objects.filter(run_id=run.pk)
    asked = events.filter(kind=EventKind.APPROVAL).order_by("-sequence").values_list("sequence", flat=True).first()
    kinds = (EventKind.ENQUIRED, EventKind.EXPLAINED)
    return list(events.filter(kind__in=kinds, sequence__gt=asked or 0).order_by("sequence"))


def _clean(text: str, remedy: str) -> str:
    """Without what nobody sees and without secrets, which are nobody's to read here."""
    text = mask(visible(text).strip()).text
    if not text:
        raise EnquiryRefused(remedy)
    if len(text) > LONGEST:
        raise EnquiryRefused(f"The text has {len(text):,} characters; at most {LONGEST:,} fit.")
    return text

"""A member asks for something."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.encryption import encrypt
from accounts.models import Member, Mode
from accounts.modes import mode_now
from accounts.throttle import count_request
from conversations.budget import check_budget
from conversations.channel import ping_after_commit
from conversations.flows import FlowError
from conversations.flows.cancel import cancel
from conversations.flows.reply import reply_in_words
from conversations.history import remembered
from conversations.models import Conversation, EventKind, Run, RunSecret
from conversations.queue import is_driven_here, look_at
from conversations.statements import insert_run
from nlops.core.engine import start
from nlops.core.hygiene import hidden_count, visible
from nlops.core.secrets import mask
from nlops.core.types import Json, RunStatus


class MessageRefused(FlowError):
    """The message is empty or too long."""


class ConsentMissing(FlowError):
    """The member has not agreed yet to what nlops keeps."""


def ask(member: Member, text: str, conversation: Conversation | None = None) -> Run:
    """Start a run for the member's words, in the conversation or in a new one.

    When the conversation's latest run waits for an answer that the words can be, they are that answer. Secrets in
    the words are masked before anything is stored.

    Raises MessageRefused, ConsentMissing, accounts.throttle.Throttled (BudgetSpent is one).
    """
    hidden, text = hidden_count(text), visible(text).strip()
    _check(member, text)
    with transaction.atomic():
        if conversation is None:
            return _begin(member, Conversation(tenant_id=member.tenant_id, member=member), text, hidden)
        Conversation.objects.select_for_update().get(pk=conversation.pk)
        waiting = conversation.runs.filter(status__in=[RunStatus.ASKING, RunStatus.CONFIRMING]).last()
        if waiting is not None:
            if waiting.status == RunStatus.ASKING and reply_in_words(member, waiting, text):
                return waiting
            # The person went on to something else.
            cancel(member, waiting)
        return _begin(member, conversation, text, hidden)


def _check(member: Member, text: str) -> None:
    if member.consented_at is None:
        raise ConsentMissing("Before your first message, please read and accept what nlops keeps of it.")
    now = mode_now(member.tenant)
    if now.mode is Mode.STOPPED:
        raise MessageRefused(f"nlops is stopped for now: {now.reason} Your text is kept here; please send it later.")
    if not text:
        raise MessageRefused("There is no text in the message. Write what you want to be done.")
    if len(text) > settings.NLOPS_MAX_MESSAGE:
        raise MessageRefused(
            f"The message has {len(text):,} characters; at most {settings.NLOPS_MAX_MESSAGE:,} fit. "
            "Please say it shorter, or in several messages."
        )
    if not is_driven_here():
        count_request(member)
    check_budget(member)


def _begin(member: Member, conversation: Conversation, text: str, hidden: int) -> Run:
    """The run's row, its secrets and its first events; a conversation that is new gets its row, too.

    `hidden`: characters that nobody could see, which were taken out of the message.
    """
    masked = mask(text)
    is_first = conversation._state.adding
    conversation.title = conversation.title or masked.text[:117]
    conversation.closed_at = None
    if not is_first:
        conversation.save()
    last = None if is_first else conversation.runs.order_by("-number").first()
    messages, calls = remembered(conversation) if last else ([], [])
    run = Run(
        tenant_id=member.tenant_id,
        conversation=conversation,
        number=last.number + 1 if last else 1,
        request=masked.text,
        state=start(masked.text, history=messages, earlier_calls=calls, secrets=list(masked.secrets)).to_json(),
    )
    events: list[dict[str, Json]] = [{"kind": EventKind.SAID, "data": {"text": masked.text}}]
    if last and last.status in (RunStatus.QUEUED, RunStatus.WORKING):
        waiting = "Waiting until your request before this one is done"
        events.append({"kind": EventKind.PROGRESS, "data": {"text": waiting}})
    if hidden:
        count = f"{hidden:,} characters that nobody sees were" if hidden > 1 else "A character that nobody sees was"
        events.append({"kind": EventKind.PROGRESS, "data": {"text": f"{count} taken out of the message"}})
    insert_run(run, with_conversation=is_first, events=events, now=timezone.now())
    ping_after_commit(conversation.pk)
    if masked.secrets:
        _keep_secrets(run, masked.secrets)
    look_at(run.tenant_id, run.pk)
    return run


def _keep_secrets(run: Run, secrets: Mapping[str, str]) -> None:
    RunSecret.objects.bulk_create(
        RunSecret(
            tenant_id=run.tenant_id,
            run=run,
            name=name,
            ciphertext=encrypt(value, tenant_id=run.tenant_id, record=f"run:{run.pk}:{name}"),
        )
        for name, value in secrets.items()
    )

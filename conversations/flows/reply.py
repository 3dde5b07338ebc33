"""The person answers a clarification."""

from __future__ import annotations

from django.db import transaction

from accounts.encryption import encrypt
from accounts.models import Member
from conversations.flows import FlowError
from conversations.flows.step import step
from conversations.models import Run, RunSecret
from conversations.statements import lock_run
from nlops.core.engine import Replied, RunState
from nlops.core.hygiene import visible
from nlops.core.replies import parse_reply
from nlops.core.types import Question, RunStatus


class NothingAsked(FlowError):
    """The run does not wait for an answer (any more)."""


def reply(member: Member, run: Run, values: dict[str, str]) -> None:
    """Answer the run's question: values by question name. Secrets are encrypted and kept for the run only.

    Raises NothingAsked.
    """
    with transaction.atomic():
        run = lock_run(run.pk)
        if run.status != RunStatus.ASKING or run.conversation.member_id != member.pk:
            raise NothingAsked("This question was answered already, or the request is over.")
        state = RunState.from_json(run.state)
        plain: dict[str, str] = {}
        secrets: dict[str, str] = {}
        for question in state.questions:
            value = values.get(question.name, "")
            if question.secret and value:
                secrets[question.name] = _keep_secret(run, state, question, value)
            elif visible(value).strip():
                plain[question.name] = visible(value).strip()
        step(run, Replied(plain, secrets))


def reply_in_words(member: Member, run: Run, text: str) -> bool:
    """Answer the run's question with a chat message; False when the words don't answer it."""
    questions = RunState.from_json(run.state).questions
    values = parse_reply(text, questions)
    if values is None:
        return False
    reply(member, run, values)
    return True


def _keep_secret(run: Run, state: RunState, question: Question, value: str) -> str:
    """Store the value encrypted; the name under which it is kept."""
    name = f"{state.asking_for}.{question.name}"
    RunSecret.objects.update_or_create(
        tenant_id=run.tenant_id,
        run=run,
        name=name,
        defaults={"ciphertext": encrypt(value, tenant_id=run.tenant_id, record=f"run:{run.pk}:{name}")},
    )
    return name

"""The person answers a clarification."""

from __future__ import annotations

import json
import re

from django.db import transaction

from accounts.encryption import encrypt
from accounts.models import Member
from conversations.flows import FlowError
from conversations.flows.step import step
from conversations.models import Run, RunSecret
from conversations.recording import lock
from nlops.core.engine import Replied, RunState
from nlops.core.types import Question, RunStatus


class NothingAsked(FlowError):
    """The run does not wait for an answer (any more)."""


def reply(member: Member, run: Run, values: dict[str, str]) -> None:
    """Answer the run's question: values by question name. Secrets are encrypted and kept for the run only.

    Raises NothingAsked.
    """
    with transaction.atomic():
        run = lock(run.pk)
        if run.status != RunStatus.ASKING or run.conversation.member_id != member.pk:
            raise NothingAsked("This question was answered already, or the request is over.")
        state = RunState.from_json(run.state)
        plain: dict[str, str] = {}
        secrets: dict[str, str] = {}
        for question in state.questions:
            value = values.get(question.name, "")
            if question.secret and value:
                secrets[question.name] = _keep_secret(run, state, question, value)
            elif value.strip():
                plain[question.name] = value.strip()
        step(run, Replied(plain, secrets))


def reply_in_words(member: Member, run: Run, text: str) -> bool:
    """Answer the run's question with a chat message; False when the words don't answer it."""
    questions = RunState.from_json(run.state).questions
    values = parse_reply(text, questions)
    if values is None:
        return False
    reply(member, run, values)
    return True


def parse_reply(text: str, questions: list[Question]) -> dict[str, str] | None:
    """The values that the words give for the questions: JSON, "name: value" pairs, or the one value itself.

    None when they give none.
    """
    if text.lstrip().startswith("{"):
        try:
            data = json.loads(text)
        except ValueError:
            data = {}
        found = {q.name: str(data[q.name]) for q in questions if q.name in data}
        if found:
            return found
    found = {}
    for question in questions:
        for name in (question.name, question.label):
            pattern = rf"(?:^|[\s,;])(?:the\s+)?{re.escape(name)}\s*(?:=|:|\bis\b)\s*(\"[^\"]*\"|'[^']*'|[^\s,;]+)"
            match = re.search(pattern, text, re.IGNORECASE)
            if match:
                found[question.name] = match[1].strip("\"'")
                break
    if found:
        return found
    if len(questions) == 1 and not _is_another_request(text, questions[0]):
        return {questions[0].name: text}
    return None


#: Words with which a request begins, and no name that was asked for.
_REQUEST = re.compile(
    r"(?:please\s+)?(?:add|assign|cancel|change|create|delete|disable|enable|find|get|give|list|make|move|remove|rename|"
    r"reset|rotate|search|send|set|show|start|stop|tell|update|what|when|where|which|who|how|why|never mind)\s+\S",
    re.IGNORECASE,
)


def _is_another_request(text: str, question: Question) -> bool:
    """Whether the person went on to something else; a free text may begin with any word."""
    free = question.name == "answer" or re.search(r"descr|comment|reason|message|title|text|note", question.name, re.I)
    return not free and not question.secret and bool(_REQUEST.match(text))


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

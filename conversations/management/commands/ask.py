"""`manage.py ask "…" --tenant T --as EMAIL`: a request from a terminal, through the same flow as the chat page."""

from __future__ import annotations

import getpass
import json
import sys
import time
import uuid
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.context import tenant_context
from accounts.flows.give_consent import give_consent
from accounts.models import Member, Tenant
from accounts.throttle import Throttled
from conversations.flows import FlowError
from conversations.flows.ask import ask
from conversations.flows.confirm import confirm
from conversations.flows.reply import reply
from conversations.models import Conversation, EventKind, Run
from nlops.core.checkpoints import is_secret
from nlops.core.engine import RunState
from nlops.core.types import CallStatus, Json, RunStatus
from nlops.core.views import HIDDEN

#: Seconds between two looks at the run.
LOOK_EVERY = 0.1


class Command(BaseCommand):
    help = "Ask nlops for something in your own words; prints the transcript, or one JSON object with --json."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("text", help="the request, or the answer to what the conversation's last run asked")
        parser.add_argument("--tenant", required=True, help="slug of the tenant, such as acme")
        parser.add_argument("--as", dest="email", required=True, help="e-mail address of the member who asks")
        parser.add_argument("--conversation", help="id of the conversation to go on with; default: a new one")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object")
        parser.add_argument("--confirm", action="store_true", help="say yes to what the member would be asked")
        parser.add_argument(
            "--answer",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="answer a question for a value; may be given several times",
        )
        parser.add_argument("--timeout", type=float, default=180, help="seconds to wait for the workers")

    def handle(self, *args: Any, **options: Any) -> None:
        self.options = options
        self.tenant, self.member = _member(options["tenant"], options["email"])
        self.given = dict(pair.partition("=")[::2] for pair in options["answer"])
        self.last_sequence = 0
        try:
            run = self._ask(options["text"])
            self._attend(run)
        except (FlowError, Throttled) as error:
            raise CommandError(str(error)) from error

    def _ask(self, text: str) -> Run:
        with tenant_context(self.tenant.pk):
            if self.member.consented_at is None:
                give_consent(self.member)
                self.stderr.write(f"Noted: {self.member} accepts that nlops keeps this conversation.")
            conversation = None
            if self.options["conversation"]:
                conversation = _conversation(self.member, self.options["conversation"])
                last = conversation.events.last()
                self.last_sequence = last.sequence if last else 0
            return ask(self.member, text, conversation)

    def _attend(self, run: Run) -> None:
        """Follow the run, answering and confirming as far as the options or a person at the terminal do."""
        while True:
            run = self._wait(run)
            state = RunState.from_json(run.state)
            if run.status == RunStatus.ASKING and (values := self._values(state)):
                with tenant_context(self.tenant.pk):
                    reply(self.member, run, values)
            elif run.status == RunStatus.CONFIRMING and self._agrees(state):
                with tenant_context(self.tenant.pk):
                    confirm(self.member, run, True)
            else:
                break
        if self.options["as_json"]:
            self.stdout.write(json.dumps(_summary(run, state), ensure_ascii=False))

    def _wait(self, run: Run) -> Run:
        deadline = time.monotonic() + self.options["timeout"]
        while True:
            with tenant_context(self.tenant.pk):
                run = Run.objects.get(pk=run.pk)
                self._print_news(run)
            status = RunStatus(run.status)
            if status.is_over or status.waits_for_person:
                return run
            if time.monotonic() > deadline:
                raise CommandError(
                    f"No worker finished the request within {self.options['timeout']:.0f} seconds. It is kept: look "
                    f"again with --conversation {run.conversation_id}. Is a worker for the queue `engine` running?"
                )
            time.sleep(LOOK_EVERY)

    def _print_news(self, run: Run) -> None:
        if self.options["as_json"]:
            return
        for event in run.conversation.events.filter(sequence__gt=self.last_sequence):
            self.last_sequence = event.sequence
            for line in _lines(event.kind, event.data):
                self.stdout.write(line)

    def _values(self, state: RunState) -> dict[str, str]:
        """Answers for the open questions; all of the required ones or none."""
        values = {q.name: self.given.pop(q.name) for q in state.questions if q.name in self.given}
        if not self.options["as_json"] and sys.stdin.isatty():
            for question in state.questions:
                if question.name not in values:
                    prompt = f"{question.label}: "
                    values[question.name] = getpass.getpass(prompt) if question.secret else input(prompt)
        return values

    def _agrees(self, state: RunState) -> bool:
        in_doubt = any(call.status is CallStatus.IN_DOUBT for call in state.calls)
        # Saying yes beforehand is no yes to sending something a second time.
        if self.options["confirm"] and not in_doubt:
            return True
        if self.options["as_json"] or not sys.stdin.isatty():
            return False
        return input("Do it? [y/N] ").strip().lower() in ("y", "yes")


def _member(slug: str, email: str) -> tuple[Tenant, Member]:
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        known = ", ".join(Tenant.objects.values_list("slug", flat=True)) or "none"
        raise CommandError(f"There is no tenant “{slug}”. Known: {known}.")
    with tenant_context(tenant.pk):
        member = (
            Member.objects.filter(tenant=tenant, user__email__iexact=email, is_active=True)
            .select_related("user", "tenant")
            .first()
        )
    if member is None:
        raise CommandError(f"“{email}” is no active member of {tenant}. Members are listed in the admin.")
    return tenant, member


def _conversation(member: Member, text: str) -> Conversation:
    try:
        return Conversation.objects.get(pk=uuid.UUID(text), member=member)
    except (ValueError, Conversation.DoesNotExist):
        raise CommandError(f"{member} has no conversation “{text}”.") from None


def _lines(kind: str, data: dict[str, Json]) -> list[str]:
    """An event as lines of the transcript."""
    match kind:
        case EventKind.SAID:
            return [f"> {data['text']}"]
        case EventKind.PROGRESS | EventKind.REPAIRED:
            return [f"  … {data['text']}"]
        case EventKind.ASKED:
            fields = [f"    {q['name']}: {q['help']}" + (" (hidden)" if q["secret"] else "") for q in data["questions"]]
            return [f"? {data['text']}", *fields]
        case EventKind.REPLIED:
            return [f"> {name}: {value}" for name, value in data["values"].items()]
        case EventKind.CONFIRMATION | EventKind.APPROVAL:
            who = "your yes" if kind == EventKind.CONFIRMATION else "another person's approval"
            return [
                f"! This needs {who}:",
                *(line for call in data.get("calls") or [data["call"]] for line in _call_lines(call)),
            ]
        case EventKind.DECIDED:
            return [f"  {data['by']} said {'yes' if data['agreed'] else 'no'}. {data['reason']}".rstrip()]
        case EventKind.ANSWERED | EventKind.REFUSED | EventKind.FAILED | EventKind.CANCELLED:
            return [
                *_answer_lines(data["answer"]),
                *(line for call in data["calls"] for line in _call_lines(call)),
            ]
    return []


def _call_lines(call: dict[str, Json]) -> list[str]:
    head = f"    {call['method']} {call['target']}" + (f" → {call['http_status']}" if call["http_status"] else "")
    return [head, *(f"      {a['name']} = {a['value']}   ({a['origin']})" for a in call["arguments"])]


def _answer_lines(answer: dict[str, Json]) -> list[str]:
    lines = [f"= {answer['text']}"]
    for block in answer["blocks"]:
        if block["kind"] == "table":
            lines.append("  " + " | ".join(block["columns"]))
            lines += ["  " + " | ".join(str(cell) for cell in row) for row in block["rows"]]
        else:
            lines += [f"  {label}: {value}" for label, value in block["items"]]
        if block.get("caption"):
            lines.append(f"  ({block['caption']})")
    return lines + [f"  · {suggestion}" for suggestion in answer["suggestions"]]


#: What `status` says for a run that the person stopped.
_STATUS = {RunStatus.CANCELLED: RunStatus.REFUSED}


def _summary(run: Run, state: RunState) -> dict[str, Json]:
    """The object that --json prints."""
    status = RunStatus(run.status)
    with tenant_context(run.tenant_id):
        rows = {call.key: call for call in run.calls.select_related("operation")}
    calls = []
    for call in state.calls:
        row = rows.get(call.id)
        calls.append(
            {
                "operation": call.tool,
                "method": row.operation.method if row else "",
                "path": row.operation.path if row else "",
                "arguments": {k: HIDDEN if is_secret(v) else v for k, v in call.arguments.items()},
                "provenance": {pointer: found.to_json() for pointer, found in call.provenance.items()},
                "status": call.status.value,
                "http_status": call.http_status,
            }
        )
    return {
        "conversation": str(run.conversation_id),
        "run": str(run.pk),
        "status": _STATUS.get(status, status).value,
        "calls": calls,
        "question": state.question,
        "questions": [question.to_json() for question in state.questions],
        "answer": state.answer.text if state.answer else "",
        "blocks": list(state.answer.blocks) if state.answer else [],
    }

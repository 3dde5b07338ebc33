"""Drives requests through the real flows, in this process: what the chat page and the workers do together."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from accounts.context import tenant_context
from accounts.models import Member
from conversations.flows.advance import work_on
from conversations.flows.ask import ask
from conversations.flows.confirm import confirm
from conversations.flows.decide import decide
from conversations.flows.reply import reply
from conversations.models import Approval, ApprovalStatus, Conversation, Run
from nlops.core.engine import RunState
from specs.flows.activate_version import activate_version
from specs.flows.process_version import process_version
from specs.flows.save_connection import save_connection
from specs.flows.set_policy import set_default_policies
from specs.flows.upload_version import upload_version
from specs.models import AuthKind, Product


def connect_product(people: Any, product: Any, *, client: tuple[str, str], base_url: str = "") -> Product:
    """Upload, learn and activate the product's description; connection and whitelist as in the demo."""
    tenant_id = people.tenant.pk
    with tenant_context(tenant_id):
        row = Product.objects.create(tenant_id=tenant_id, name="Keyring", slug="keyring")
        version = upload_version(row, product.description(), "openapi.json", people.operator)
    process_version(tenant_id, version.pk)
    with tenant_context(tenant_id):
        version.refresh_from_db()
        assert version.status == "ready", version.error
        activate_version(version, people.operator)
        set_default_policies(row, people.operator)
        save_connection(
            row,
            base_url=base_url or product.base_url,
            auth_kind=AuthKind.OAUTH2_PASSWORD,
            username=client[0],
            secret=client[1],
            token_url="/auth/token",
        )
    return row


@dataclass
class Journey:
    """One conversation of a member."""

    member: Member
    conversation: Conversation | None = None
    runs: list[Run] = field(default_factory=list)

    @functools.cached_property
    def tenant_id(self) -> Any:
        return self.member.tenant_id

    def say(self, text: str, *, work: bool = True) -> Journey:
        with tenant_context(self.tenant_id):
            run = ask(self.member, text, self.conversation)
            self.conversation = run.conversation
        self.runs.append(run)
        return self.work() if work else self

    def work(self) -> Journey:
        """Let a worker look at the run, and again after the pauses that the run asks for."""
        for _ in range(10):
            work_on(self.tenant_id, self.run.pk)
            with tenant_context(self.tenant_id):
                self.run.refresh_from_db()
            if self.run.wake_at is None or self.status != "working":
                break
            time.sleep(max(0.0, (self.run.wake_at - timezone.now()).total_seconds()))
        return self

    def reply(self, *, work: bool = True, **values: str) -> Journey:
        with tenant_context(self.tenant_id):
            reply(self.member, self.run, values)
        return self.work() if work else self

    def confirm(self, agreed: bool = True, *, work: bool = True) -> Journey:
        with tenant_context(self.tenant_id):
            confirm(self.member, self.run, agreed)
        return self.work() if work else self

    def decide(self, operator: Member, agreed: bool, reason: str = "") -> Journey:
        with tenant_context(self.tenant_id):
            approval = self.approval
        return self.decide_on(operator, approval, agreed, reason)

    def decide_on(self, operator: Member, approval: Approval, agreed: bool, reason: str = "") -> Journey:
        with tenant_context(self.tenant_id):
            decide(operator, approval, agreed, reason)
        return self.work()

    @property
    def run(self) -> Run:
        return self.runs[-1]

    @property
    def state(self) -> RunState:
        return RunState.from_json(self.run.state)

    @property
    def status(self) -> str:
        return str(self.run.status)

    @property
    def asked(self) -> list[str]:
        return [question.name for question in self.state.questions]

    @property
    def answer(self) -> str:
        """The answer with its tables, as text."""
        return str(self.state.answer.to_json()) if self.state.answer else ""

    @property
    def approval(self) -> Approval:
        return Approval.objects.get(run=self.run, status=ApprovalStatus.WAITING)

    def calls(self) -> list[tuple[str, dict[str, Any], str, int]]:
        """(tool, arguments, status, HTTP status) of every call."""
        return [(c.tool, c.arguments, c.status.value, c.http_status) for c in self.state.calls]

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        with tenant_context(self.tenant_id):
            return list(self.run.events.values_list("kind", "data"))

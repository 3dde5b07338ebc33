"""Signed-in browsers without a browser, and conversations at any point of their way."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Member
from conversations.models import Approval, Call, Conversation, Run
from conversations.recording import append_events, call_pk
from nlops.core.engine import Record, RunState
from nlops.core.types import CallRecord, CallStatus, Question, RunStatus
from specs.models import Operation, Product, Service, SpecVersion, VersionStatus

HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def no_model_in_the_web(settings) -> None:
    """Pages ask no model; a remote one that nobody serves proves it."""
    settings.NLOPS_MODEL = "compatible:none@http://127.0.0.1:1/v1"
    settings.OPENAI_API_KEY = "none"


def make_run(member: Member, text: str = "Delete the user user2", status: str = "queued") -> Run:
    conversation = Conversation.objects.create(tenant=member.tenant, member=member, title=text[:100])
    run = Run.objects.create(
        tenant=member.tenant,
        conversation=conversation,
        number=1,
        request=text,
        status=status,
        state=RunState(request=text, status=RunStatus(status)).to_json(),
    )
    append_events(run, [Record("said", {"text": text})])
    return run


def record(run: Run, kind: str, **data: Any) -> None:
    append_events(run, [Record(kind, data)])


def ask_question(run: Run, *questions: Question) -> None:
    """Put the run where the model's own question waits for the person."""
    state = RunState(
        request=run.request, status=RunStatus.ASKING, work=None, question="Which?", questions=list(questions),
        asking_for="ask1",
    )  # fmt: skip
    run.status, run.state = RunStatus.ASKING, state.to_json()
    run.save()
    record(run, "asked", text="Which?", questions=[question.to_json() for question in questions])


def make_product(member: Member, slug: str = "keyring") -> Product:
    """A product with an active version of one service and three operations."""
    tenant = member.tenant
    product = Product.objects.create(tenant=tenant, name=slug.capitalize(), slug=slug)
    version = SpecVersion.objects.create(
        tenant=tenant, product=product, number=1, status=VersionStatus.ACTIVE, filename="openapi.json", digest="d",
        source=b"", operation_count=3, servers=["https://keyring.example/api"],
        security_schemes={"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
    )  # fmt: skip
    service = Service.objects.create(tenant=tenant, version=version, name="users", slug="users")
    for position, (method, effect) in enumerate([("GET", "read"), ("POST", "write"), ("DELETE", "destructive")]):
        Operation.objects.create(
            tenant=tenant, version=version, service=service, name=f"{method.lower()}_user", method=method,
            path="/users/{username}", summary=f"{method.capitalize()} a user", effect=effect,
            schema={"type": "object", "properties": {"username": {"type": "string"}}}, position=position,
        )  # fmt: skip
    return product


def set_all(client: Client, slug: str, choice: str) -> None:
    """Set all operations of the product's whitelist, as the page does: look at what it comes to, then agree."""
    address = f"/products/{slug}/whitelist-bulk/"
    mark = re.search(r'name="mark" value="(\w+)"', client.post(address, {"set": choice}).content.decode())
    if mark:
        client.post(address, {"set": choice, "act": "set", "mark": mark[1]})


def call_view(**changes: Any) -> dict[str, Any]:
    view = {
        "id": "d1", "tool": "delete_user", "summary": "Delete a user", "service": "users", "product": "Keyring",
        "method": "DELETE", "path": "/users/{username}", "target": "/users/user2", "effect": "destructive",
        "decision": "approve", "status": "approving", "http_status": 0, "error": "", "repairs": [], "decided_by": "",
        "response": None,
        "arguments": [
            {"name": "username", "label": "Username", "value": "user2", "secret": False, "kind": "said",
             "origin": "you said “user2”"},
        ],
    }  # fmt: skip
    return view | changes


def request_approval(member: Member) -> Approval:
    """The member's request to delete user2, waiting for an operator."""
    product = Product.objects.filter(slug="keyring").first() or make_product(member)
    operation = Operation.objects.get(version__product=product, method="DELETE")
    run = make_run(member, status="approving")
    call = Call.objects.create(
        id=call_pk(run, "d1"), tenant=member.tenant, run=run, key="d1", operation=operation,
        arguments={"username": "user2"}, status="approving",
    )  # fmt: skip
    waiting = CallRecord("d1", "delete_user", {"username": "user2"}, status=CallStatus.APPROVING)
    run.state = RunState(request=run.request, status=RunStatus.APPROVING, work=None, calls=[waiting]).to_json()
    run.save()
    record(run, "approval", call=call_view())
    return Approval.objects.create(
        tenant=member.tenant, run=run, call=call, by_requester=False, request_hash="h", requested_by=member,
        expires_at=timezone.now() + timedelta(hours=24),
    )  # fmt: skip

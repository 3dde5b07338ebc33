"""Secrets with names of their own, planted wherever secrets are: after a whole run they are found nowhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import get_resolver

from accounts.context import tenant_context
from conversations.flows import step
from nlops.core.types import Completion, ToolCall
from specs.flows.activate_version import activate_version
from specs.flows.process_version import process_version
from specs.flows.save_connection import save_connection
from specs.flows.set_policy import set_default_policies
from specs.flows.upload_version import upload_version
from specs.models import Product
from tests.conftest import People, make_people
from tests.journeys import Journey
from tests.security.test_every_url import addresses
from tests.security.test_hijacked_model import RecordingProduct, operation

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

OF_CONNECTION = "canary-connection-51c7"
OF_FORM = "Canary-form-83b2!"
OF_RESPONSE = "canary-response-04af"
ALL = (OF_CONNECTION, OF_FORM, OF_RESPONSE)


class Vault(RecordingProduct):
    """Answers with a secret of its own, and repeats what it was told, as careless products do."""

    def answer(self) -> dict[str, Any]:
        _, _, body, headers = self.seen[-1]
        told = json.loads(body) if body else {}
        return {
            "username": "ann",
            "password": told.get("password", OF_RESPONSE),
            "api_key": OF_RESPONSE,
            "echo": headers.get("authorization", ""),
            "nested": [{"client_secret": OF_RESPONSE}],
        }


class Scripted:
    """Creates a user, then reads it."""

    name, max_tools, languages, writes_text = "scripted", 28, None, True

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def complete(self, messages: Any, tools: Any, limits: Any) -> Completion:
        self.prompts.append(repr((messages, tools)))
        last = max(at for at, message in enumerate(messages) if message.role == "user")
        if any(message.role == "tool" for message in messages[last:]):
            return Completion("The user ann is there.")
        called = "get_user" if "Show" in repr(messages[last]) else "create_user"
        return Completion("", (ToolCall("c1", called, {"username": "ann"}),))


@pytest.fixture
def vault() -> Iterator[Vault]:
    product = Vault()
    yield product
    product.server.shutdown()
    product.server.server_close()


def connect(people: People, product: RecordingProduct) -> None:
    paths = {
        "/users": {"post": operation("create_user", "username", "password")},
        "/users/{username}": {"get": operation("get_user", path=("username",))},
    }
    document = {"openapi": "3.1.0", "info": {"title": "Vault", "version": "1"}, "paths": paths}
    with tenant_context(people.tenant.pk):
        row = Product.objects.create(tenant_id=people.tenant.pk, name="Vault", slug="vault")
        version = upload_version(row, json.dumps(document).encode(), "openapi.json", people.operator)
    process_version(people.tenant.pk, version.pk)
    with tenant_context(people.tenant.pk):
        version.refresh_from_db()
        activate_version(version, people.operator)
        set_default_policies(row, people.operator)
        save_connection(row, base_url=product.base_url, auth_kind="bearer", secret=OF_CONNECTION)


def rows(people: People) -> dict[str, str]:
    """Every row of every table, as text."""
    found = {}
    with tenant_context(people.tenant.pk, people.owner.user_id), connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT string_agg(t::text, chr(10)) FROM "{table}" t')
            found[f"table {table}"] = cursor.fetchone()[0] or ""
    return found


def pages(people: People, chat: Journey) -> dict[str, str]:
    """What every address that names nothing or this conversation answers, to everybody who works here."""
    found = {}
    ids = {"slug": "vault", "number": "1", "run": str(chat.run.pk)}
    for member in (people.customer, people.operator, people.reviewer, people.owner):
        client = Client()
        client.force_login(member.user, backend="django.contrib.auth.backends.ModelBackend")
        for route, _ in addresses(get_resolver().url_patterns):
            path = "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda match: ids.get(match[1], "-"), route).replace("$", "")
            if "/-" in path or "_allauth" in path or "stream" in path or "^" in path or "(" in path or "logout" in path:
                continue
            answer = client.get(path)
            found[f"{member.role} {path}"] = "" if answer.streaming else answer.content.decode("utf-8", "replace")
        conversation = client.get(f"/chat/{chat.run.conversation_id}/")
        found[f"{member.role} chat"] = conversation.content.decode()
    return found


def test_secrets_are_found_in_no_row_page_log_prompt_or_export(
    transactional_db, clean_cache, vault, monkeypatch, capfd, caplog
):
    people = make_people("acme")
    connect(people, vault)
    model = Scripted()
    monkeypatch.setattr(step, "model_from_spec", lambda spec: model)
    chat = Journey(people.customer).say("Create the user ann")
    assert chat.asked == ["password"]
    chat.reply(password=OF_FORM).confirm()
    assert chat.status == "answered", chat.answer
    chat.say("Show me the user ann")
    assert chat.status == "answered", chat.answer
    method, _, body, headers = vault.seen[0]
    assert (method, json.loads(body)["password"]) == ("POST", OF_FORM), "the form's secret reached the product"
    assert headers["authorization"] == f"Bearer {OF_CONNECTION}", "so did the connection's"
    exported = StringIO()
    call_command("export_audit", "--tenant", "acme", stdout=exported)
    looked_at = {**rows(people), **pages(people, chat), "the prompts": "\n".join(model.prompts)}
    looked_at["the audit's export"] = exported.getvalue()
    out, err = capfd.readouterr()
    looked_at |= {"standard output": out, "standard error": err, "the logs": caplog.text}
    assert sum(map(bool, looked_at.values())) > 60
    found = {place: secret for place, text in looked_at.items() for secret in ALL if secret in text}
    assert found == {}

"""`manage.py replay RUN --tenant SLUG`: exactly what the model saw in each of its turns."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from accounts.context import tenant_context
from accounts.models import Tenant
from conversations.models import Run
from conversations.replay import Turn, turns


class Command(BaseCommand):
    help = "Print what the model saw in each turn of a run, rebuilt from its prompt and its events."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", type=UUID, help="id of the run")
        parser.add_argument("--tenant", required=True, help="slug of the tenant")
        parser.add_argument("--json", action="store_true", dest="as_json", help="one JSON object per turn")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant “{options['tenant']}”.")
        with tenant_context(tenant.pk):
            run = Run.objects.filter(pk=options["run"]).first()
            if run is None:
                raise CommandError(f"The tenant {tenant.slug} has no run {options['run']}.")
            found = turns(run)
        if not found:
            self.stderr.write("No model was asked in this run, or it is older than these records.")
        for turn in found:
            self.stdout.write(json.dumps(turn_json(turn), ensure_ascii=False) if options["as_json"] else _text(turn))


def turn_json(turn: Turn) -> dict[str, Any]:
    """The turn as JSON values."""
    return {
        "number": turn.number,
        "at": turn.at.isoformat(),
        "model": turn.model,
        "prompt": turn.prompt,
        "is_intact": turn.is_intact,
        "messages": [message.to_json() for message in turn.messages],
        "tools": [
            {"name": tool.name, "sha256": tool.sha256, "as_now": tool.tool.to_json() if tool.tool else None}
            for tool in turn.tools
        ],
        "limits": turn.limits,
        "answer": turn.answer,
    }


def _text(turn: Turn) -> str:
    about = f"--- turn {turn.number}, {turn.at:%Y-%m-%d %H:%M:%S %Z}, {turn.model}, prompt {turn.prompt}"
    lines = [about if turn.is_intact else f"{about}: NOT as it was sent, its hash differs"]
    for message in turn.messages:
        calls = "; ".join(
            f"{call.name}({json.dumps(call.arguments, ensure_ascii=False)})" for call in message.tool_calls
        )
        lines.append(f"[{message.role}{f' {message.name}' if message.name else ''}] {message.content}{calls}")
    lines.append("[tools] " + ", ".join(tool.name for tool in turn.tools))
    return "\n".join([*lines, f"[answer] {json.dumps(turn.answer, ensure_ascii=False)}"])

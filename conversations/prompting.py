"""The prompt of a run: which version, rendered once, kept with the run; and the record of every model request."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import orjson
from cachetools import LRUCache, cached
from django.db import connection
from django.db.models import Max
from django.utils import timezone

from accounts.models import Member
from accounts.sql import read_rows
from conversations.flows.select_tools import rank_operations
from conversations.models import EventKind, PromptOrigin, PromptVersion, Run
from nlops.core import prompts
from nlops.core.engine import Record
from nlops.core.examples import choose
from nlops.core.secrets import mask
from nlops.core.types import Json, Message, Tool
from nlops.llm.base import Limits
from nlops.llm.openai_prompt import MAX_TOOLS
from specs.examples import worked_examples
from specs.querysets import tools

_SHIPPED_SHA256 = prompts.digest(prompts.SHIPPED)


def active_version(tenant_id: uuid.UUID) -> PromptVersion:
    """The version that new requests use: the one that was chosen last, else the one that nlops ships now."""
    chosen = "id = (SELECT version_id FROM conversations_promptactivation ORDER BY number DESC LIMIT 1)"
    found = read_rows(
        PromptVersion, f"{chosen} OR sha256 = %s ORDER BY ({chosen}) IS TRUE DESC LIMIT 1", [_SHIPPED_SHA256]
    )
    return found[0] if found else shipped_version(tenant_id)


def shipped_version(tenant_id: uuid.UUID) -> PromptVersion:
    """The text that nlops ships now, as a version of the tenant's history; a changed text becomes one here."""
    return add_version(tenant_id, prompts.SHIPPED, origin=PromptOrigin.SHIPPED)


def add_version(
    tenant_id: uuid.UUID,
    text: str,
    *,
    origin: PromptOrigin = PromptOrigin.TENANT,
    note: str = "",
    author: Member | None = None,
) -> PromptVersion:
    """The version with exactly this text, a new one where there is none. Inside the tenant's context."""
    lock_history(tenant_id)
    sha256 = prompts.digest(text)
    found = PromptVersion.objects.filter(sha256=sha256).first()
    if found is not None:
        return found
    number = (PromptVersion.objects.aggregate(last=Max("number"))["last"] or 0) + 1
    return PromptVersion.objects.create(
        tenant_id=tenant_id, number=number, sha256=sha256, text=text, origin=origin, note=note[:300], author=author
    )


def lock_history(tenant_id: uuid.UUID) -> None:
    """One at a time adds to the tenant's history of prompts, until the transaction ends.

    An advisory lock: rows that may never be updated can't be locked FOR UPDATE.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"nlops.prompts:{tenant_id}"])


def system_prompt_of(run: Run, offered: Iterable[Tool], now: datetime, *, with_examples: bool) -> str:
    """The run's system prompt; rendered at its first model request, the same until its end."""
    if not run.system_prompt:
        version = active_version(run.tenant_id)
        offered = list(offered)
        run.prompt, run.prompt_version = version, f"{version.number}:{version.sha256[:12]}"
        run.system_prompt = prompts.render(
            version.text,
            products=sorted({tool.product for tool in offered}),
            now=now,
            examples=examples_for(run.request, offered) if with_examples else (),
        )
    return run.system_prompt


def examples_for(request: str, offered: Sequence[Tool]) -> list[str]:
    """Lines of the tenant's examples that are most like the request, of what may be used here."""
    return choose(request, worked_examples(offered), frozenset(tool.name for tool in offered))


def prompted(
    run: Run, messages: Sequence[Message], offered: Sequence[Tool], limits: Limits, operation_ids: Sequence[str]
) -> Record:
    """The record of a model request: what is new in it since the one before, with a hash of the whole.

    The system prompt is the run's; secrets stand as placeholders in messages.
    """
    as_json = [message.to_json() for message in messages[1:]]
    digests = [_digest(message)[:16] for message in as_json]
    named = [{"name": tool.name, "sha256": tool_digest(tool)} for tool in offered]
    before = run.prompted[1:]
    keep = next((i for i, (a, b) in enumerate(zip(before, digests, strict=False)) if a != b), None)
    if keep is None:
        keep = min(len(before), len(digests))
    data: dict[str, Json] = {
        "model": run.model,
        "prompt": run.prompt_version,
        "keep": keep,
        "messages": as_json[keep:],
        "sha256": request_digest(messages),
        "limits": {"max_tokens": limits.max_tokens, "timeout": limits.timeout},
    }
    tools_digest = _digest(named)
    if run.prompted[:1] != [tools_digest]:
        data |= {"tools": named, "operation_ids": list(operation_ids)}
    run.prompted = [tools_digest, *digests]
    return Record(EventKind.PROMPTED.value, data)


def asked_for_words(run: Run, messages: Sequence[Message], limits: Limits) -> Record:
    """The record of a request for search words: whole, it shares nothing with the requests after it."""
    data: dict[str, Json] = {
        "model": run.model,
        "messages": [message.to_json() for message in messages],
        "sha256": request_digest(messages),
        "limits": {"max_tokens": limits.max_tokens, "timeout": limits.timeout},
    }
    return Record(EventKind.SEARCHING.value, data)


def request_digest(messages: Sequence[Message]) -> str:
    """SHA-256 over all messages of a model request, the system prompt included."""
    return _digest([message.to_json() for message in messages])


@cached(LRUCache(maxsize=4000), key=lambda tool: (tool.operation_id, tool.name), lock=threading.Lock())
def tool_digest(tool: Tool) -> str:
    """SHA-256 over what a model sees of the tool."""
    return _digest([tool.name, tool.description, tool.parameters])


def _digest(value: Json) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


def preview(member: Member, text: str, request: str) -> str:
    """What a text-writing model would be told for the request, with that text as the template."""
    masked = mask(request).text
    found = tools(rank_operations(masked, "", MAX_TOOLS))
    return prompts.render(
        text,
        products=sorted({tool.product for tool in found}),
        now=timezone.now().astimezone(ZoneInfo(member.user.time_zone)),
        examples=examples_for(masked, found),
    )

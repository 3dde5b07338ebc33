"""The slow work of a step, outside of any transaction: a model's turn, a call of the product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson
import structlog
from django.utils import timezone

from nlops.core.checkpoints import is_secret
from nlops.core.engine import CallLost, CallReturned, EngineEvent, ModelAnswered, ModelFailed, Searched
from nlops.core.phrases import speaking
from nlops.core.secrets import redact
from nlops.core.types import Json, Message, Tool
from nlops.llm.base import ChatModel, Limits, ModelError
from specs.flows.call_product import ProductUnreachable, call_operation
from specs.flows.read_pages import is_readable, read_list
from specs.http import Response, wait_told
from specs.models import Connection, Operation

log = structlog.get_logger(__name__)

#: Characters of a response body that a run keeps; longer lists are cut and say so.
KEPT_CHARACTERS = 200_000


@dataclass(frozen=True, slots=True)
class AskModel:
    """Let the model take its next turn."""

    model: ChatModel
    messages: Sequence[Message]
    tools: Sequence[Tool]
    limits: Limits

    def perform(self) -> EngineEvent:
        """What the model said."""
        try:
            completion = self.model.complete(self.messages, self.tools, self.limits)
        except ModelError as error:
            log.warning("model_failed", model=self.model.name, detail=error.detail, retryable=error.retryable)
            return ModelFailed(str(error), error.retryable, error.retry_after, error.usage)
        return ModelAnswered(completion)


@dataclass(frozen=True, slots=True)
class AskWords:
    """Let the model write search words."""

    model: ChatModel
    messages: Sequence[Message]
    limits: Limits

    def perform(self) -> EngineEvent:
        """What the model wrote; a model that gives no answer keeps nothing from being ranked."""
        try:
            completion = self.model.complete(self.messages, (), self.limits)
        except ModelError as error:
            log.warning("no_search_words", model=self.model.name, detail=error.detail)
            return Searched("", error.usage)
        return Searched(completion.text, completion.usage)


@dataclass(frozen=True, slots=True)
class SendCall:
    """One HTTP exchange with the product."""

    call_id: str
    operation: Operation
    connection: Connection
    #: as they were agreed to: secrets stand as {"$secret": NAME}
    arguments: Mapping[str, Json]
    idempotency_key: str
    #: the secrets that the person typed, by name
    secrets: Mapping[str, str] = field(repr=False)
    #: in which the person is told what went wrong
    language: str = "en"

    def perform(self) -> EngineEvent:
        """What the product answered."""
        arguments = {
            name: self.secrets[value["$secret"]] if is_secret(value) else value
            for name, value in self.arguments.items()
        }
        try:
            with speaking(self.language):
                response = self._send(arguments)
        except ProductUnreachable as error:
            return CallLost(self.call_id, str(error), sent=error.sent, repeatable=error.repeatable)
        return CallReturned(
            self.call_id,
            response.status,
            _cut(redact(response.body, self.secrets.values())),
            wait_told(response.status, response.headers, timezone.now()),
            size=response.size,
            problem=response.problem,
            unclear=response.unclear,
            pages=response.pages,
            total=response.total,
        )

    def _send(self, arguments: Mapping[str, Json]) -> Response:
        if is_readable(self.operation):
            return read_list(self.operation, self.connection, arguments)
        return call_operation(self.operation, self.connection, arguments, idempotency_key=self.idempotency_key)


def _cut(body: Json) -> Json:
    """The body with its long lists cut until it fits; what was left out is told beside them."""

    def size(value: Json) -> int:
        return len(orjson.dumps(value, default=str))

    if isinstance(body, str):
        return body[:KEPT_CHARACTERS]
    if isinstance(body, list) and size(body) > KEPT_CHARACTERS:
        body = {"items": body, "total": len(body)}
    keep = 1000
    while size(body) > KEPT_CHARACTERS and keep >= 1:
        body = _cut_lists(body, keep)
        keep //= 2
    return body if size(body) <= KEPT_CHARACTERS else {"note": "The response is too large to be shown."}


def _cut_lists(value: Json, keep: int) -> Json:
    """Every list cut to `keep` items; an object whose list was cut tells the total, unless it does so itself."""
    if isinstance(value, list):
        return [_cut_lists(item, keep) for item in value[:keep]]
    if isinstance(value, dict):
        result = {key: _cut_lists(item, keep) for key, item in value.items()}
        longest = max((len(item) for item in value.values() if isinstance(item, list)), default=0)
        known = ("total", "count", "total_count")
        if longest > keep and "has_more" not in value and not any(isinstance(value.get(key), int) for key in known):
            result["total"] = longest
        return result
    if isinstance(value, str) and len(value) > 4000:
        return value[:4000] + "…"
    return value

"""What every model offers to the engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from nlops.core.types import Completion, Message, Tool, Usage


class ModelError(Exception):
    """A model gave no usable answer. `str()` is for the person; `__cause__` and `detail` are for the log.

    Attributes:
        retryable: the same request may succeed later (429, 5xx, time-out).
        retry_after: seconds until it may, where that is known.
        usage: what it cost all the same.
    """

    def __init__(
        self, message: str, *, detail: str = "", retryable: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.detail = detail
        self.retryable = retryable
        self.retry_after = retry_after
        self.usage = Usage()


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one model request."""

    #: tokens that the model may write
    max_tokens: int = 1024
    #: seconds until the request is given up
    timeout: float = 60.0
    #: the person's time: "now" for relative dates, with their time zone
    now: datetime | None = None
    #: called with each new piece of the final text as it comes; never with a piece of a tool call. What it got is a
    #: preview: the completion's text is what counts, and after a ModelError all of it is void
    on_text: Callable[[str], None] | None = None


class ChatModel(Protocol):
    """A model that answers a conversation with text or with tool calls."""

    #: name as in NLOPS_MODEL, for records
    name: str
    #: how many tools it chooses well among; the engine passes the best ranked ones
    max_tools: int
    #: ISO 639-1 codes of the languages that it reads; None: any
    languages: frozenset[str] | None
    #: True when its text may be shown (after the grounding check); False: answers are rendered from responses
    writes_text: bool

    def complete(self, messages: Sequence[Message], tools: Sequence[Tool], limits: Limits) -> Completion:
        """The model's next turn.

        `messages` end with the person's request or with the results of tool calls. No tool call and no text
        means: no tool serves the request, or (after results) the request is served.

        Raises ModelError.
        """
        ...

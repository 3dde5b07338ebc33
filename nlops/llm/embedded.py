"""The embedded model: rules choose the operation and plan, Needle fills arguments. No key, no network, English only."""

from __future__ import annotations

from collections.abc import Sequence

from nlops.core.types import Completion, Message, Tool
from nlops.core.wording import MAX_CHARACTERS
from nlops.llm.base import Limits, ModelError
from nlops.llm.needle import Needle
from nlops.llm.planning import Planner
from nlops.llm.situation import read


class EmbeddedModel:
    """A ChatModel in this process; its weights (35 MB) are loaded when the first request needs them.

    It writes no prose. A turn is one call, or nothing when all is done; values that nobody said are left out.
    """

    name = "embedded"
    max_tools = 60
    languages: frozenset[str] | None = frozenset({"en"})
    writes_text = False

    def __init__(self, needle: Needle | None = None) -> None:
        self._needle = needle or Needle()

    def complete(self, messages: Sequence[Message], tools: Sequence[Tool], limits: Limits) -> Completion:
        """The next turn; see ChatModel. Runs Needle at most once (0.7 to 1.5 s), often not at all.

        Raises ModelError when the weights are missing or damaged, or the request is too long.
        """
        situation = read(messages)
        if not situation.request.strip():
            return Completion()
        if len(situation.request) > MAX_CHARACTERS:
            raise ModelError(
                f"I read requests of up to {MAX_CHARACTERS:,} characters; this one has {len(situation.request):,}. "
                "Please say it shorter."
            )
        return Planner(situation, tools, self._needle, limits.now).next()

"""The model's final words as they come: shown sentence by sentence, each only when the calls support it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from conversations.channel import publish_draft
from nlops.core import support
from nlops.core.types import CallRecord


@dataclass(slots=True)
class Draft:
    """Nothing of it is stored: the answer that the run ends with is checked as a whole and replaces it."""

    conversation_id: UUID
    run_id: UUID
    #: what the answer may tell of
    calls: Sequence[CallRecord]
    #: the person's words
    said: str
    _text: str = field(default="", init=False)
    _shown: int = field(default=0, init=False)
    _is_over: bool = field(default=False, init=False)

    def add(self, piece: str) -> None:
        """The next piece of the text. From the first sentence on that nothing supports, nothing more is shown."""
        self._text += piece
        complete = "".join(support.sentences(self._text)[0])
        if self._is_over or len(complete) <= self._shown:
            return
        text = complete.strip()
        if not support.supported(text, self.calls, self.said):
            self._is_over = True
            return
        self._shown = len(complete)
        publish_draft(self.conversation_id, self.run_id, text)

"""Which part of a text that is still being written may be shown: never a piece of a call, never a thought."""

from __future__ import annotations

import re
from collections.abc import Callable

#: From here on the text may be a call, in one of the forms of `tool_text`; it is shown when it turns out to be none.
_HOLD = re.compile(r"<[A-Za-z/|｜]|\{\s*[\"']|\[\s*\{|\[/?TOOL|```|Action:", re.IGNORECASE)
#: An end of the text that may become such a beginning.
_MAYBE = re.compile(
    r"(?:<|\{\s*|\[\s*|\[/?(?:T|TO|TOO)?|`{1,2}|A|Ac|Act|Acti|Actio|Action|[\ud800-\udbff])\Z", re.IGNORECASE
)
#: A call in Python's form begins the text: a name and a bracket.
_BEGINS_AS_CALL = re.compile(r"(?:\[\s*)?(?:print\s*\(\s*)?[\w.]+\(", re.ASCII)
_MAY_BEGIN_AS_CALL = re.compile(r"(?:\[\s*)?(?:print\s*\(\s*)?[\w.]*\Z", re.ASCII)
_THOUGHTS = ("<think>", "</think>")


class PlainText:
    """Passes on what is plain text of a completion that comes in pieces; the pieces add up to the text's beginning."""

    def __init__(self, show: Callable[[str], None], *, thinks_first: bool = False) -> None:
        """`thinks_first`: the model's text begins with thoughts of which only the end is marked."""
        self._show = show
        #: what was shown
        self._shown = ""
        #: what came and was neither shown nor dropped
        self._kept = ""
        #: nothing more is shown before the end is known
        self._holds = False
        #: waits for the end of thoughts
        self._thinks = thinks_first
        #: True once thoughts came to an end that had no beginning
        self.thinks_first = thinks_first

    def feed(self, piece: str) -> None:
        """The next piece of the text."""
        self._kept += piece.replace("\x00", "")
        self._pass_thoughts()
        if self._holds or self._thinks:
            return
        if not self._shown:
            self._kept = self._kept.lstrip()
        ready = self._kept[: self._plain_until()].rstrip()
        if ready:
            self._kept = self._kept[len(ready) :]
            self._emit(whole_characters(ready))

    def finish(self, text: str) -> None:
        """`text` is the whole completion's, and it has no calls: what was held back is shown."""
        if text.startswith(self._shown) and len(text) > len(self._shown):
            self._emit(text[len(self._shown) :])

    def _emit(self, text: str) -> None:
        self._shown += text
        self._show(text)

    def _pass_thoughts(self) -> None:
        """Drop thoughts from their beginning to their end."""
        begin, end = _THOUGHTS
        if end in self._kept:
            before, _, self._kept = self._kept.rpartition(end)
            self.thinks_first = self.thinks_first or not (begin in before or self._thinks)
            # What was shown was a thought: nothing that follows can take it back.
            self._holds = bool(self._shown)
            self._thinks = False
        elif not self._shown and self._kept.lstrip().startswith(begin):
            self._thinks = True

    def _plain_until(self) -> int:
        """How many of the kept characters are plain text, whatever follows."""
        if not self._shown:
            if _BEGINS_AS_CALL.match(self._kept):
                self._holds = True
                return 0
            if _MAY_BEGIN_AS_CALL.fullmatch(self._kept):
                return 0
        found = _HOLD.search(self._kept)
        if found and not _may_be_thought(self._kept[found.start() :]):
            self._holds = True
        if found:
            return found.start()
        maybe = _MAYBE.search(self._kept)
        return maybe.start() if maybe else len(self._kept)


def whole_characters(text: str) -> str:
    """The text with its surrogate halves joined, which came in two pieces; one without the other is replaced."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _may_be_thought(text: str) -> bool:
    return any(mark.startswith(text) or text.startswith(mark) for mark in _THOUGHTS)

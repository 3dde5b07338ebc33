"""What was right for requests like this one: operations that served them rise in the ranking."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nlops.core import wording
from nlops.core.retrieval import OperationIndex
from nlops.core.thesaurus import stem
from nlops.core.wording import Clause

#: Likeness (0 to 1) from which on a request counts as one of the same kind.
ALIKE: Final = 0.7
#: Operations that rise for a request.
MAX_RAISED: Final = 3
#: A word of grammar ("out of") tells a little, too.
_SMALL_WORD: Final = 0.3


@dataclass(frozen=True, slots=True)
class Served:
    """A request with the operations that served it, or that a person said were wrong for it."""

    #: a person's words
    request: str
    #: the operations' names in the index
    names: tuple[str, ...]
    is_good: bool = True


class Experience:
    """Built over what was judged; reads requests with the index's words, so that names in them tell nothing."""

    def __init__(self, served: Sequence[Served], index: OperationIndex) -> None:
        self._index = index
        self._served = [
            (words, one) for one in served if (words := _words(index.analyse(one.request))) and len(words) > 1
        ]

    def raised(self, request: str) -> list[str]:
        """Names of the operations that were right for requests like this one, the surest first."""
        words = _words(self._index.analyse(request)) if self._served else {}
        weights: defaultdict[str, float] = defaultdict(float)
        for others, one in self._served:
            likeness = _likeness(words, others)
            if likeness >= ALIKE:
                for name in one.names:
                    weights[name] += likeness if one.is_good else -likeness
        surest = sorted(weights.items(), key=lambda pair: -pair[1])[:MAX_RAISED]
        return [name for name, weight in surest if weight > 0]


def _words(clause: Clause) -> dict[str, float]:
    """Stems of the words that say what is wanted, with their weights; the names and values in it left out."""
    values = set(clause.values)
    return {
        stem(token.lower): _SMALL_WORD if token.lower in wording.STOP_WORDS else 1.0
        for place, token in enumerate(clause.tokens)
        if place not in values and token.plain
    }


def _likeness(some: dict[str, float], others: dict[str, float]) -> float:
    """The share of their words that both have."""
    union = {**some, **others}
    return sum(weight for word, weight in union.items() if word in some and word in others) / (sum(union.values()) or 1)

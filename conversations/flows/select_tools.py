"""Which operations a request is about: the whitelist, ranked."""

from __future__ import annotations

import functools

from nlops.core.retrieval import OperationIndex, split_actions
from nlops.llm.base import ChatModel
from specs.models import Operation, VersionStatus
from specs.querysets import allowed_operations


def select_operations(request: str, context: str, model: ChatModel) -> list[str]:
    """Ids of the operations that may be used here, best ranked first, at most as many as the model chooses among.

    A request of several actions is ranked for each of them; `context` (what the conversation was about) fills up
    what "delete that one" leaves open.
    """
    allowed = allowed_operations()
    rows = Operation.objects.filter(version__status=VersionStatus.ACTIVE).values_list(
        "pk", "version__product_id", "method", "path", "search_text"
    )
    documents = tuple(
        (str(pk), text) for pk, product, method, path, text in rows if (product, f"{method} {path}") in allowed
    )
    index = _index(documents)
    rankings = [index.rank(part, model.max_tools) for part in [request, *split_actions(request), context] if part]
    return _interleave(rankings, model.max_tools) or [key for key, _ in documents[: model.max_tools]]


@functools.lru_cache(maxsize=16)
def _index(documents: tuple[tuple[str, str], ...]) -> OperationIndex:
    return OperationIndex(documents)


def _interleave(rankings: list[list[tuple[str, float]]], limit: int) -> list[str]:
    """The best of every ranking first, then the second best …"""
    chosen: dict[str, None] = {}
    for place in range(max(map(len, rankings), default=0)):
        for ranking in rankings:
            if place < len(ranking) and len(chosen) < limit:
                chosen.setdefault(ranking[place][0])
    return list(chosen)

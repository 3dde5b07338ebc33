"""Which operations a request is about: the whitelist, ranked."""

from __future__ import annotations

import threading

from cachetools import LRUCache, cached

from nlops.core import glossary, language
from nlops.core.retrieval import OperationIndex
from nlops.llm.base import ChatModel
from specs.models import Operation, VersionStatus
from specs.querysets import allowed_operations, whitelist_fingerprint

#: Operations that a model is shown when the words of the request can't choose among them.
TOOLS_IN_OTHER_LANGUAGES = 60


def select_operations(request: str, context: str, model: ChatModel) -> list[str]:
    """Ids of the operations that may be used here, best ranked first, at most as many as the model chooses among.

    `context` is what the conversation was about; see OperationIndex.select.
    """
    limit = model.max_tools
    if model.languages is None and language.detect(request) != "en":
        # The descriptions are English: where nothing of the request has a word there, the model sees more of them.
        limit = limit if glossary.names_a_thing(request) else max(limit, TOOLS_IN_OTHER_LANGUAGES)
        request, context = (f"{glossary.search_words(text)} {text}".strip() for text in (request, context))
    return rank_operations(request, context, limit)


def rank_operations(request: str, context: str, limit: int) -> list[str]:
    """`select_operations` for a number of operations."""
    return _index(whitelist_fingerprint()).select(request, context, limit)


@cached(LRUCache(maxsize=16), lock=threading.Lock())
def _index(fingerprint: str) -> OperationIndex:
    """Of what may be used in the tenant in context, which the fingerprint stands for; built once a process."""
    allowed = allowed_operations()
    rows = Operation.objects.filter(version__status=VersionStatus.ACTIVE).values_list(
        "pk", "version__product_id", "method", "path", "search_text"
    )
    return OperationIndex(
        tuple((str(pk), text) for pk, product, method, path, text in rows if (product, f"{method} {path}") in allowed)
    )

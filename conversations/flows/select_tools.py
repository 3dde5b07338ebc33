"""Which operations a request is about: the whitelist, ranked."""

from __future__ import annotations

from collections.abc import Sequence

from conversations.judged import raised_operations
from nlops.core import glossary, language
from nlops.llm.base import ChatModel
from specs.indexes import whitelist_index

#: Operations that a model is shown when the words of the request can't choose among them.
TOOLS_IN_OTHER_LANGUAGES = 60


#: Operations of which a model sees so good a part that the ranking needn't be helped.
FEW_OPERATIONS = 100


def services_to_search(request: str, model: ChatModel) -> list[str]:
    """The services among which the model shall find search words for the request; none when it needn't.

    It needn't where few operations are listed, where the request's words rank some before others, and where people's
    judgements do. A model that writes no text can't.
    """
    index = whitelist_index() if model.writes_text else None
    if index is None or len(index.profiles) <= FEW_OPERATIONS:
        return []
    if language.detect(request) != "en":
        unsure = not glossary.names_a_thing(request)
    else:
        unsure = index.is_flat(request) and not raised_operations(request, index)
    return index.services if unsure else []


def select_operations(request: str, context: str, model: ChatModel, words: Sequence[str] = ()) -> list[str]:
    """Ids of the operations that may be used here, best ranked first, at most as many as the model chooses among.

    `context` is what the conversation was about; see OperationIndex.select. `words` are the model's search words.
    """
    limit = model.max_tools
    if model.languages is None and language.detect(request) != "en":
        # The descriptions are English: where nothing of the request has a word there, the model sees more of them.
        limit = limit if words or glossary.names_a_thing(request) else max(limit, TOOLS_IN_OTHER_LANGUAGES)
        request, context = (f"{glossary.search_words(text)} {text}".strip() for text in (request, context))
    return rank_operations(request, context, limit, " ".join(words))


def rank_operations(request: str, context: str, limit: int, words: str = "") -> list[str]:
    """`select_operations` for a number of operations."""
    index = whitelist_index()
    return index.select(request, context, limit, raised_operations(request, index), words)

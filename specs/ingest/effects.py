"""What an operation does to the product, told from its method, its words and the extensions that speak of it."""

from __future__ import annotations

from typing import Final

from nlops.core.types import Effect, Json
from specs.ingest.naming import words


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_DESTRUCTIVE: Final = _set(
    "delete remove purge revoke destroy erase wipe terminate drop uninstall truncate discard kill unpublish evict"
)
_WRITES: Final = _set(
    "create add update set put patch edit modify change save insert upsert post send submit start stop restart pause"
    " resume enable disable activate deactivate run execute trigger cancel approve reject reset rotate regenerate"
    " import upload invite join leave move rename copy clone assign unassign attach detach mark close open lock"
    " unlock register replace transfer publish archive unarchive restore merge rerun redeliver subscribe unsubscribe"
    " accept decline generate grant kick ban block mute clear invoke share transition"
)
_READS: Final = _set(
    "get list search query find lookup read fetch show view preview describe count filter browse download export"
    " check retrieve estimate"
)
#: Acts that a POST may do without changing anything; "export" and "check" may start something.
_QUERIES: Final = _set("get list search query find lookup fetch show view preview describe count filter estimate")
_SAFE_METHODS: Final = _set("GET HEAD OPTIONS TRACE QUERY")
_EXTENSION: Final = "x-openai-isConsequential"


def effect_of(method: str, path: str, operation: dict[str, Json]) -> Effect:
    """The effect: by method; then by words, so that GET /users/{id}/delete is destructive and POST /search a read.

    A false `x-openai-isConsequential` makes a write a read, a true one a read a write. What destroys stays so.
    """
    effect = _by_words(method, path, operation)
    said = operation.get(_EXTENSION)
    if said is True and effect is Effect.READ:
        return Effect.WRITE
    if said is False and effect is Effect.WRITE:
        return Effect.READ
    return effect


def _by_words(method: str, path: str, operation: dict[str, Json]) -> Effect:
    if method == "DELETE":
        return Effect.DESTRUCTIVE
    verbs = _verbs(path, operation)
    safe = method in _SAFE_METHODS
    if verbs and verbs[0] in _DESTRUCTIVE:
        return Effect.DESTRUCTIVE
    if safe:
        # A noun of a path may look like a verb: only what comes first counts.
        return Effect.WRITE if verbs and verbs[0] in _WRITES else Effect.READ
    is_query = bool(verbs) and all(verb in _QUERIES for verb in verbs)
    return Effect.READ if method == "POST" and is_query else Effect.WRITE


def _verbs(path: str, operation: dict[str, Json]) -> list[str]:
    """The words for acts that name the operation, in order: of its id, else of its last path segment and summary."""
    identifier = operation.get("operationId")
    summary = operation.get("summary")
    first = [_base(word) for word in words(summary if isinstance(summary, str) else "")[:1]]
    if isinstance(identifier, str) and identifier:
        named = _action(words(identifier))
        # The id of a framework may say nothing ("op12"); a summary that begins with a verb then does.
        return named or [word for word in first if word in _ALL]
    literal = path.split("?")[0].rstrip("/").rpartition("/")[2]
    segment = [] if "{" in literal else words(literal)
    return [word for word in first if word in _ALL] + (segment if len(segment) == 1 and segment[0] in _ALL else [])


_ALL: Final = _DESTRUCTIVE | _WRITES | _READS


def _base(word: str) -> str:
    """Deletes → delete."""
    return word[:-1] if word.endswith("s") and word[:-1] in _ALL else word


def _action(identifier: list[str]) -> list[str]:
    """Acts named by an id, in order; in "admin_invite_requests_list" invite is a noun, list the act."""
    found = [word for word in identifier if word in _ALL]
    if found and identifier[0] not in _ALL and found[0] not in _DESTRUCTIVE and identifier[-1] in _READS:
        found = [identifier[-1], *found[:-1]]
    return found

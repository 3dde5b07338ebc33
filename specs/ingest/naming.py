"""Names that models, people and databases can take, from what API descriptions hold."""

from __future__ import annotations

import functools
import hashlib
import re
from typing import Final

MAX_NAME = 64

_WORDS: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


def words(text: str) -> list[str]:
    """The words of an identifier in small letters: "listUserKeys", "list_user-keys" → list, user, keys."""
    return list(_words(text))


@functools.lru_cache(maxsize=20_000)
def _words(text: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORDS.findall(text))


def fitted(name: str, limit: int = MAX_NAME) -> str:
    """The name, cut to the limit; what was cut is kept apart by a hash."""
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: limit - 9].rstrip('_-')}_{digest}"


class Names:
    """Hands out names, each once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        #: name to the number that was tried last, so that many of a name cost no more than few
        self._last: dict[str, int] = {}

    def take(self, name: str, limit: int = MAX_NAME) -> str:
        """The name, or name_2, name_3 … when it is taken; at most `limit` characters."""
        free, number = fitted(name, limit), self._last.get(name, 1)
        while free in self._taken:
            number += 1
            ending = f"_{number}"
            free = fitted(name, limit - len(ending)) + ending
        self._last[name] = number
        self._taken.add(free)
        return free


def tool_name(operation_id: str, method: str, path: str) -> str:
    """[a-zA-Z0-9_-] of the operationId, else of method and path: GET /users/{id} → get_users_by_id."""
    name = re.sub(r"[^a-zA-Z0-9_-]+", "_", operation_id).strip("_-")
    if name:
        return name
    readable = re.sub(r"\{([^{}]*)\}", r"by_\1", path)
    return re.sub(r"[^a-zA-Z0-9]+", "_", f"{method.lower()}_{readable}").strip("_")


@functools.lru_cache(maxsize=20_000)
def argument_name(name: str) -> str:
    """[a-zA-Z0-9_.-] of a parameter's name: filter[name] → filter_name, Date> → Date_after."""
    name = name.replace("<", "_before").replace(">", "_after")
    return re.sub(r"[^a-zA-Z0-9_.-]+", "_", name).strip("_") or "value"


def slug(text: str, limit: int = 100) -> str:
    """Small letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:limit].strip("-") or "other"


_BORING: Final = re.compile(r"v?\d+([.-]\d+)*|\d{4}-\d{2}-\d{2}|api|apis|rest|public|json|\.?.*\{.*", re.I)


def service_from_path(path: str) -> str:
    """The first path segment that says something: /api/v1/users/{id} → Users."""
    segments = [segment for segment in path.split("?")[0].split("/") if segment]
    for segment in segments:
        if not _BORING.fullmatch(segment):
            return " ".join(words(segment)).capitalize() or segment
    return "General"


def first_sentence(text: str, limit: int = 300) -> str:
    """The first sentence, or as much of it as the limit allows, without markup."""
    text = plain_text(text, 4 * limit)
    end = re.search(r"[.!?](?:\s|$)", text)
    return (text[: end.end()] if end else text)[:limit].strip()


def plain_text(text: str, limit: int) -> str:
    """One line without HTML tags and Markdown's links, headings and emphasis, at most `limit` characters."""
    text = text[: 4 * limit]
    # Most texts have no markup at all, and there are thousands of them.
    if "<" in text:
        text = re.sub(r"<[^<>]{1,200}>", " ", text)
    if "](" in text:
        text = re.sub(r"\[([^\[\]]{1,200})\]\([^()\s]{0,500}\)", r"\1", text)
    if "#" in text:
        text = re.sub(r"^#+ ", "", text, flags=re.M)
    text = text.replace("*", "").replace("`", "")
    return " ".join(text.split())[:limit]

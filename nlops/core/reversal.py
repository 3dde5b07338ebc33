"""Which operation undoes another, as far as names tell: what an approver wants to know before saying yes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

#: Verbs that undo each other, both ways.
_PAIRS = (
    ("enable", "disable"), ("activate", "deactivate"), ("lock", "unlock"), ("add", "remove"), ("grant", "revoke"),
    ("assign", "unassign"), ("attach", "detach"), ("start", "stop"), ("block", "unblock"), ("archive", "unarchive"),
    ("archive", "restore"), ("delete", "restore"), ("suspend", "resume"), ("suspend", "reinstate"),
    ("subscribe", "unsubscribe"), ("follow", "unfollow"), ("star", "unstar"), ("publish", "unpublish"),
    ("link", "unlink"), ("join", "leave"), ("mute", "unmute"), ("pin", "unpin"), ("open", "close"),
    ("invite", "uninvite"), ("check_in", "check_out"), ("checkin", "checkout"), ("connect", "disconnect"),
    ("install", "uninstall"),
)  # fmt: skip
#: Verbs after which the thing is there, so that deleting it undoes them.
_MAKES = frozenset({"create", "add", "new", "register", "upload", "post", "put", "set"})


class Named(Protocol):
    """An operation, as far as it matters here."""

    name: str
    method: str
    path: str


@dataclass(frozen=True, slots=True)
class Reverse:
    """How to undo a call."""

    #: key of the operation, METHOD path; the call's own where the values of before put things right
    operation: str
    #: the values of before must be known
    needs_state: bool = False


def reverse_of(operation: Named, others: Iterable[Named]) -> Reverse | None:
    """The operation that undoes a call of this one, None when nothing is known to.

    A reverse that is found may not restore everything (a created thing is gone with all that was added to it).
    """
    known = {other.name: other for other in others}
    for undone in _opposites(operation.name):
        if undone in known:
            return Reverse(_key(known[undone]))
    at = {(other.method, other.path): other for other in known.values()}
    opposite = {"PUT": "DELETE", "DELETE": "PUT"}.get(operation.method, "")
    # PUT and DELETE of a membership, as in /groups/{id}/members/{user}: one makes what the other takes away.
    if (
        (opposite, operation.path) in at
        and operation.path.count("{") >= 2
        and (("PATCH", operation.path) not in at and not operation.name.startswith("update"))
    ):
        return Reverse(f"{opposite} {operation.path}")
    if operation.method == "POST" and (words := operation.name.split("_")) and words[0] in _MAKES:
        item = next((path for method, path in at if method == "DELETE" and _is_item_of(path, operation.path)), None)
        if item is not None:
            return Reverse(f"DELETE {item}")
    if operation.method in ("PUT", "PATCH") and ("GET", operation.path) in at:
        return Reverse(_key(operation), needs_state=True)
    return None


def _opposites(name: str) -> Iterable[str]:
    for pair in _PAIRS:
        for verb, other in (pair, pair[::-1]):
            swapped = re.sub(rf"(?:^|(?<=_)){verb}(?=_|$)", other, name, count=1)
            if swapped != name:
                yield swapped
    if name.startswith("add_") and "_to_" in name:
        yield re.sub("_to_", "_from_", re.sub("^add_", "remove_", name), count=1)
    if name.startswith("remove_") and "_from_" in name:
        yield re.sub("_from_", "_to_", re.sub("^remove_", "add_", name), count=1)


def _is_item_of(path: str, collection: str) -> bool:
    return re.fullmatch(re.escape(collection.rstrip("/")) + r"/\{[^/]+\}/?", path) is not None


def _key(operation: Named) -> str:
    return f"{operation.method} {operation.path}"

"""What "him", "that one" and "those details" mean: the things that the last calls were about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nlops.core import wording
from nlops.core.retrieval import is_procedure
from nlops.core.types import Json, Tool
from nlops.core.wording import Clause, base, split_name, word_set
from nlops.llm.situation import Done

#: Last words of an argument's name that tell how a thing is named, not which kind of thing it is.
IDENTIFYING: Final = frozenset({"id", "name", "slug", "key", "number", "uuid", "login", "username", "code", "ref"})
_USER_NAMES: Final = frozenset({"username", "login"})
PEOPLE_PRONOUNS: Final = frozenset({"him", "her", "he", "she", "his", "hers"})
_PERSON: Final = wording.synonyms("user") | {"user"}
_ORDINALS: Final = {"first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4, "last": -1}
#: Fields that a copy of a thing doesn't take over.
_OWN_FIELDS: Final = word_set("id uuid uid created updated modified status url href link self etag version")
_DETAILS: Final = re.compile(
    r"\b(?:with|using|from|has|have)\s+(?:all\s+)?(?:those|these|the\s+same|same|his|her|their|its|that|this|the)\s+"
    r"(?:\w+\s+)?(?:details?|data|info(?:rmation)?|values?|attributes?|properties|fields|settings|e-?mail|department"
    r"|description|name)\b|\b(?:same\s+(?:details?|data|info|values?))\b|\b(?:just )?like (?:him|her|that|this)\b",
    re.IGNORECASE,
)


def segment_nouns(path: str) -> dict[str, str]:
    """Path parameter to the base form of the thing that it names: /groups/{name} -> {"name": "group"}."""
    nouns: dict[str, str] = {}
    last = ""
    for part in path.split("/"):
        found = re.findall(r"\{([^{}]+)\}", part)
        for parameter in found:
            words = split_name(parameter)
            own = base(words[-1]) if words and words[-1] not in IDENTIFYING else ""
            nouns[parameter] = _named_kind(parameter) or own or last
        if not found and part:
            last = base(split_name(part)[-1]) if split_name(part) else last
    return nouns


def _named_kind(argument: str) -> str:
    """The kind of thing that an argument's own name tells: group_name -> group; "" for name and id."""
    words = split_name(argument.removeprefix("body_"))  # so named where the path has the same name
    if "".join(words) in _USER_NAMES:
        return "user"
    if len(words) > 1 and words[-1] in IDENTIFYING:
        return base(words[-2])
    return ""


def kind_of(tool: Tool, argument: str, target: str) -> str:
    """Base form of the kind of thing that an argument names; "" when it names none.

    `target` is what the operation is about: its own name-like arguments name such a thing.
    """
    in_path = segment_nouns(tool.path)
    if argument in in_path:
        return in_path[argument]
    named = _named_kind(argument)
    if named:
        return named
    if is_procedure(tool.path) and _is_things_id(tool, argument):
        return base(argument)
    words = split_name(argument)
    return target if words and words[-1] in (*IDENTIFYING, "title") else ""


def _is_things_id(tool: Tool, argument: str) -> bool:
    """ "channel" of /conversations.archive: the id of what the procedure is about, in an argument named for it."""
    told = str(tool.properties.get(argument, {}).get("description") or "")
    things = {base(word) for part in re.split(r"[/.]", tool.path) for word in split_name(part)}
    own = base(argument)
    about = own in things or bool(wording.synonyms(own) & things) or re.search(r"\bIDs?\b", told) is not None
    return about and len(split_name(argument)) == 1 and own not in IDENTIFYING


@dataclass(frozen=True, slots=True)
class Referent:
    """A value that names a thing which the conversation was about."""

    #: base form of the kind of thing, "" when unknown
    kind: str
    #: name of the argument or field that held it
    name: str
    value: Json


class Memory:
    """What the succeeded calls were about, newest first."""

    def __init__(self, done: Sequence[Done], tools: Mapping[str, Tool], targets: Mapping[str, str]) -> None:
        self._done = [item for item in reversed(done) if item.error is None]
        self._tools, self._targets = tools, targets
        self.referents = [referent for item in self._done for referent in self._of(item)]

    @property
    def last(self) -> Done | None:
        """The newest call."""
        return self._done[0] if self._done else None

    def kinds(self) -> set[str]:
        """The kinds of things that the newest call named."""
        return {referent.kind for referent in self._of(self._done[0]) if referent.kind} if self._done else set()

    def last_kind(self) -> str:
        """The kind of thing that the newest call was about."""
        if not self._done:
            return ""
        newest = next(self._of(self._done[0]), None)
        return newest.kind if newest and newest.kind else self._target(self._done[0])

    def kind_of_value(self, value: str) -> str:
        """The kind of a thing of that name, "" when none was seen."""
        for referent in self.referents:
            if isinstance(referent.value, str) and referent.value.lower() == value.lower():
                return referent.kind
        return self._listed_kind(value)

    def context(self, clause: Clause) -> list[str]:
        """Nouns that the clause's pronouns stand for."""
        words = {token.lower for token in clause.tokens}
        people = _PERSON & {*self._targets.values(), *(referent.kind for referent in self.referents)}
        if words & PEOPLE_PRONOUNS and people:
            return ["user"]
        if clause.head and not words & {"it", "them", "one", "ones"}:
            return []
        kind = self.last_kind()
        return [kind] if kind else []

    def find(self, kind: str, name: str, clause: Clause) -> Json:
        """The value that names the thing of this kind which the clause points to; None when there is none."""
        picked = self._picked(clause)
        if picked is not None:
            return identity(picked, name)
        synonyms = wording.synonyms(kind) if kind else frozenset()
        for wanted in (lambda r: r.kind == kind, lambda r: r.kind in synonyms):
            found = [referent for referent in self.referents if kind and wanted(referent)]
            exact = [referent for referent in found if referent.name == name]
            if exact or found:
                return (exact or found)[0].value
        specific = split_name(name)[-1:] != split_name(name) or name in _USER_NAMES
        for referent in self.referents:
            if referent.name == name and (specific or not kind):
                return referent.value
        return None

    def details(self, text: str) -> dict[str, Json] | None:
        """The newest thing's fields where the clause says "with those details", else None."""
        if not _DETAILS.search(text):
            return None
        for item in self._done:
            fields = _fields(item.result)
            if fields:
                return fields
        return None

    def _picked(self, clause: Clause) -> dict[str, Json] | None:
        """The entry that "the first one" means, of the newest list."""
        words = [token.lower for token in clause.tokens if not token.quoted]
        place = next((_ORDINALS[word] for word in words if word in _ORDINALS), None)
        if place is None or not self._done:
            return None
        rows = _rows(self._done[0].result)
        return rows[place] if rows and -len(rows) <= place < len(rows) else None

    def _listed_kind(self, value: str) -> str:
        for item in self._done:
            for row in _rows(item.result):
                if any(isinstance(v, str) and v.lower() == value.lower() for v in row.values()):
                    return self._target(item)
        return ""

    def _target(self, item: Done) -> str:
        if item.call.name in self._targets:
            return self._targets[item.call.name]
        nouns = [base(word) for word in split_name(item.call.name) if not wording.verb_groups(base(word))]
        return nouns[-1] if nouns else ""

    def _of(self, item: Done) -> Iterator[Referent]:
        """What one call was about: the thing itself first, then what contains it, then its fields."""
        tool, target = self._tools.get(item.call.name), self._target(item)
        named = [
            Referent(kind_of(tool, name, target) if tool else _named_kind(name) or target, name, value)
            for name, value in item.call.arguments.items()
            if isinstance(value, (str, int)) and not isinstance(value, bool) and not str(value).startswith("[[secret:")
        ]
        named = [referent for referent in named if referent.kind]
        yield from sorted(named, key=lambda referent: referent.kind != target)
        fields = _fields(item.result) or {}
        for name, value in fields.items():
            if isinstance(value, (str, int)) and not isinstance(value, bool) and value != "":
                own = _named_kind(name) or (
                    target if split_name(name)[-1:] and split_name(name)[-1] in IDENTIFYING else ""
                )
                yield Referent(own, name, value)


def _rows(result: Json) -> list[dict[str, Json]]:
    """The entries of a list, also inside an envelope."""
    if isinstance(result, dict):
        lists = [value for value in result.values() if isinstance(value, list)]
        result = lists[0] if lists else []
    return [row for row in result if isinstance(row, dict)] if isinstance(result, list) else []


def _fields(result: Json) -> dict[str, Json] | None:
    """The fields of one thing, also inside an envelope ({"user": {…}}, {"data": {…}})."""
    if not isinstance(result, dict) or set(result) == {"note", "beginning"}:
        return None
    inner = [value for value in result.values() if isinstance(value, dict)]
    if len(result) == 1 and inner:
        return inner[0]
    scalars = [value for value in result.values() if not isinstance(value, (dict, list))]
    if (
        any(isinstance(value, list) and value and isinstance(value[0], dict) for value in result.values())
        and len(scalars) < 3
    ):
        return None
    return result


def identity(row: Mapping[str, Json], name: str) -> Json:
    """The field of a listed entry that an argument of this name takes."""
    if name in row:
        return row[name]
    words = split_name(name)
    for candidate in (words[-1], "name", "username", "id", "slug", "key"):
        if candidate in row:
            return row[candidate]
    return None


def copied(tool: Tool, fields: Mapping[str, Json], taken: Mapping[str, Json], target: str) -> dict[str, Json]:
    """Values of another thing's fields for the arguments of the same name that a copy of it takes."""
    by_name = {"".join(split_name(name)): value for name, value in fields.items()}
    values: dict[str, Json] = {}
    for name, schema in tool.properties.items():
        words = split_name(name)
        value = by_name.get("".join(words))
        own = kind_of(tool, name, target) == target and name in tool.required
        if name in taken or name in tool.secret_arguments or own or _OWN_FIELDS & set(words):
            continue
        if value not in (None, "", [], {}) and not isinstance(value, dict) and _fits(value, schema):
            values[name] = value
    return values


def _fits(value: Json, schema: Mapping[str, Json]) -> bool:
    kinds = schema.get("type", "string")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if isinstance(value, bool):
        return "boolean" in kinds
    if isinstance(value, (int, float)):
        return bool({"integer", "number"} & set(kinds))
    return ("array" if isinstance(value, list) else "string") in kinds

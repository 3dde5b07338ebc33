"""Ids that nobody says: found in the list of the things, by the name that a person called one of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from nlops.core import wording
from nlops.core.types import Json, Tool
from nlops.core.wording import base, split_name, word_set
from nlops.llm.filling import kind, resolved
from nlops.llm.references import kind_of, segment_nouns

_ID_WORDS: Final = word_set("id uuid guid uid gid sid oid identifier")
#: Fields by which people call a thing, the best first.
_NAMES: Final = (
    "name", "username", "login", "title", "displayname", "fullname", "label", "slug", "key", "alias", "email",
    "clientid", "subject", "path", "number",
)  # fmt: skip
#: Arguments of a list that narrow it to a name.
_SEARCHES: Final = ("search", "q", "query", "keyword", "keywords", "searchterm", "term")
_NEXT: Final = ("next", "next_cursor", "nextcursor", "next_page", "next_page_token", "nextpagetoken", "has_more")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
#: Words for a state to the words that a field has for it, and for its opposite.
_OPPOSITES: Final = {
    "disabled": "enabled",
    "inactive": "active",
    "unlocked": "locked",
    "unverified": "verified",
    "private": "public",
    "offline": "online",
    "closed": "open",
}
_EXPIRY: Final = re.compile(r"expir|valid_?(?:until|to)", re.IGNORECASE)


def _wants_id(tool: Tool, name: str) -> bool:
    """The argument takes an id that says nothing to people."""
    schema = resolved(tool, name)
    words = split_name(name)
    if isinstance(schema.get("enum"), list) or kind(schema) not in ("integer", "string"):
        return False
    if re.search(r"\b(?:name|slug|alias)\b", str(schema.get("description") or "").lower()):
        return False
    in_path = name in segment_nouns(tool.path)
    if words[-1:] and words[-1] in _ID_WORDS:
        return in_path or len(words) > 1
    return in_path and (kind(schema) == "integer" or schema.get("format") == "uuid")


def is_id(value: Json, schema: Mapping[str, Json]) -> bool:
    """The value can be the id itself."""
    text = str(value).lstrip("#")
    if kind(schema) == "integer":
        return text.isdigit()
    if _UUID.fullmatch(text) or text.isdigit():
        return True
    if schema.get("format") == "uuid" or " " in text:
        return False
    if re.fullmatch(r"[a-z]{1,4}[-_]\w*\d\w*", text, re.IGNORECASE):
        return True  # u-7
    return len(text) >= 8 and re.search(r"\d", text) is not None and re.fullmatch(r"[\w.:-]+", text) is not None


def listing(tool: Tool, name: str, tools: Mapping[str, Tool]) -> Tool | None:
    """The operation that lists the things, one of which the argument takes the id of."""
    if not _wants_id(tool, name):
        return None
    lists = [other for other in tools.values() if other.method == "GET" and other.product == tool.product]
    if f"/{{{name}}}" in tool.path:
        prefix = tool.path[: tool.path.index(f"/{{{name}}}")]
        return next((other for other in lists if other.path.rstrip("/") == prefix), None)
    noun = base((split_name(name)[-2:-1] or [""])[0])
    same = [
        other
        for other in lists
        if not segment_nouns(other.path) and base((split_name(other.path.rsplit("/", 1)[-1]) or [""])[-1]) == noun
    ]
    return min(same, key=lambda other: len(other.path), default=None)


def for_names(tool: Tool, tools: Mapping[str, Tool]) -> Tool:
    """The tool with the ids that can be looked up opened for names."""
    ids = [name for name in tool.properties if name not in tool.secret_arguments and listing(tool, name, tools)]
    if not ids:
        return tool
    opened = {
        name: {"type": "string", "description": schema.get("description", "")} if name in ids else schema
        for name, schema in tool.properties.items()
    }
    return replace(tool, parameters={**tool.parameters, "properties": opened})


def list_arguments(lister: Tool, arguments: Mapping[str, Json], spoken: str, noun: str) -> dict[str, Json]:
    """What the list is asked for: the same place, narrowed to the name where it can be."""
    found = {name: arguments[name] for name in segment_nouns(lister.path) if name in arguments}
    person = noun in wording.synonyms("user") | {"user"}
    wanted = ["name", f"{noun}name", *(("username", "login") if person else ()), *_SEARCHES, "title"]
    if "@" in spoken:
        wanted.insert(0, "email")
    by_name = {"".join(split_name(name)): name for name in lister.properties if name not in found}
    name = next((by_name[word] for word in wanted if word in by_name), None)
    if name is not None and kind(resolved(lister, name)) == "string" and "enum" not in resolved(lister, name):
        found[name] = spoken
    return found


# --- rows -----------------------------------------------------------------------------------------------------


def rows_of(result: Json) -> tuple[list[dict[str, Json]], bool]:
    """The entries of a list, also inside an envelope, and whether these are all."""
    whole = True
    if isinstance(result, dict):
        if set(result) == {"note", "beginning"}:
            return [], False
        whole = not any(result.get(key) for key in result if key.lower() in _NEXT)
        lists = [value for value in result.values() if isinstance(value, list)]
        inner = [value for value in result.values() if isinstance(value, dict)]
        if not lists and len(inner) == 1:
            return rows_of(inner[0])
        result = max(lists, key=lambda value: sum(isinstance(row, dict) for row in value), default=[])
    if not isinstance(result, list):
        return [], whole
    rows = [row for row in result if isinstance(row, dict)]
    return rows, whole and len(rows) == len(result)


def id_of(row: Mapping[str, Json], name: str) -> Json:
    """The field of an entry that an argument of this name takes, None where it has none."""
    words = split_name(name)
    by_name = {"".join(split_name(field)): value for field, value in row.items()}
    for wanted in ("".join(words), words[-1] if words else "", *(("id", "uuid") if _ID_WORDS & {*words} else ())):
        value = by_name.get(wanted)
        if isinstance(value, (str, int)) and not isinstance(value, bool) and value != "":
            return value
    return None


def called(rows: Sequence[dict[str, Json]], spoken: str, name: str) -> list[dict[str, Json]]:
    """The entries that the person may mean: by id, else by name, else by any field that says it."""
    said = " ".join(spoken.lower().split())
    by_id = [row for row in rows if str(id_of(row, name)).lower() == said]
    if by_id:
        return by_id
    by_name = [row for row in rows if any(said == _plain(value) for value in _named(row))]
    if by_name:
        return by_name
    return [row for row in rows if any(said == _plain(value) for value in _scalars(row).values())]


def _named(row: Mapping[str, Json]) -> list[Json]:
    fields = {"".join(split_name(field)): value for field, value in row.items()}
    named = [fields[name] for name in _NAMES if name in fields]
    named += [value for field, value in fields.items() if field.endswith("name") and field not in _NAMES]
    if {"firstname", "lastname"} <= set(fields):
        named.append(f"{fields['firstname']} {fields['lastname']}")
    return named


def _plain(value: Json) -> str:
    return " ".join(str(value).lower().split()) if isinstance(value, (str, int)) else ""


def _scalars(row: Mapping[str, Json]) -> dict[str, Json]:
    return {
        name: value
        for name, value in row.items()
        if isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != "" and len(str(value)) < 80
    }


def labels(rows: Sequence[dict[str, Json]], name: str) -> list[str]:
    """Each entry in words by which people can tell it from the others: its name, then what differs."""
    fields = [field for field in _scalars(rows[0]) if len({str(row.get(field)) for row in rows}) > 1]
    own = next((field for field, value in rows[0].items() if value is not None and value == id_of(rows[0], name)), "")
    telling = [field for field in fields if field != own][:3]
    shown = []
    for row in rows:
        title = next((str(value) for value in _named(row) if value), "")
        parts = [f"{' '.join(split_name(field))} {row.get(field)}" for field in telling if str(row.get(field)) != title]
        parts.append(f"{' '.join(split_name(own)) or 'id'} {id_of(row, name)}")
        shown.append(f"{title} ({', '.join(parts)})" if title else ", ".join(parts))
    return shown


def having(rows: Sequence[dict[str, Json]], word: str, now: datetime) -> list[dict[str, Json]] | None:
    """The entries that are as the word says ("disabled", "expired", "Sales"); None where the list doesn't tell."""
    told, found = False, []
    for row in rows:
        says = _says(row, word.lower(), now)
        told = told or says is not None
        if says:
            found.append(row)
    return found if told else None


def _says(row: Mapping[str, Json], word: str, now: datetime) -> bool | None:
    for field, value in row.items():
        words = split_name(field)
        if isinstance(value, bool):
            if word in words:
                return value
            if _OPPOSITES.get(word) in words or word in [_OPPOSITES.get(own) for own in words]:
                return not value
        elif isinstance(value, str) and value.lower() == word:
            return True
        elif isinstance(value, str) and words[-1:] in (["status"], ["state"]):
            return value.lower() == word
    if word == "expired":
        ends = next((value for field, value in row.items() if _EXPIRY.search(field) and isinstance(value, str)), None)
        end = _instant(ends)
        return end < now if end else None
    return None


def _instant(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def kind_named(tool: Tool, name: str, target: str) -> str:
    """The kind of thing that an id argument means, for people."""
    return kind_of(tool, name, target) or target or "entry"

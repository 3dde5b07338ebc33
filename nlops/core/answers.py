"""What a person is told at the end of a run, written from the responses of its calls and nothing else.

Plain text only: the templates escape it. A problem that a product reports is read in the shapes that products use
(RFC 9457, Django REST framework, FastAPI, `{"error": …}`, `{"errors": …}`, text, HTML).
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from http import HTTPStatus
from typing import Final

from nlops.core.charts import chart
from nlops.core.phrases import done, has_noun, listed, noun, say, spoken
from nlops.core.secrets import is_secret_name
from nlops.core.support import supported as supported
from nlops.core.types import Answer, CallRecord, CallStatus, Decision, Effect, Json, Tool
from nlops.core.views import HIDDEN, argument_label, display

#: Rows of a table that a person is shown; the JSON holds the rest.
ROWS: Final = 100
#: Columns of a table that a person is shown.
COLUMNS: Final = 8
#: Calls of a batch that are told one by one.
NAMED: Final = 5
#: Characters of one cell.
CELL: Final = 200


def render(calls: Sequence[CallRecord], tools: Mapping[str, Tool], zone: tzinfo | None = None) -> Answer:
    """One sentence for each call, in order, with what it returned as tables and definition lists.

    Instants are shown in the zone, when one is given. Secrets are hidden unless the operation is there to reveal
    one (a GET whose path ends with /value, /reveal and the like).
    """
    sentences: list[str] = []
    blocks: list[dict[str, Json]] = []
    suggestions: list[str] = []
    for call in calls:
        tool = tools.get(call.tool) or Tool(call.tool, "", {})
        sentences.extend(call.repairs)
        batch = [other for other in calls if call.batch and other.batch == call.batch and other.status is call.status]
        if len(batch) > 1 and call is not batch[0]:
            continue
        told = _told_batch(batch, tool, zone) if len(batch) > 1 else _told(call, tool, zone)
        sentences.append(told.sentence)
        blocks.extend(told.blocks)
        listing = _listing_for(call, tool, tools)
        if listing is not None:
            sentences.append(say("list_shows"))
            suggestions.append(_title(listing)[:1].upper() + _title(listing)[1:])
    text = " ".join(dict.fromkeys(_sentence(text) for text in sentences if text))
    return Answer(text, tuple(blocks), tuple(dict.fromkeys(suggestions)))


def _listing_for(call: CallRecord, tool: Tool, tools: Mapping[str, Tool]) -> Tool | None:
    """The operation that lists what a call did not find: of /users/{name}/lock it is /users."""
    if call.status is not CallStatus.FAILED or call.http_status not in (404, 410):
        return None
    places = [tool.path[: match.start()] for match in re.finditer(r"/\{[^{}]+\}", tool.path)]
    for place in (place for place in reversed(places) if place and "{" not in place):
        for other in tools.values():
            is_read = other.method == "GET" and other.decision in (Decision.ALLOW, Decision.CONFIRM)
            if is_read and other.path.rstrip("/") == place and not other.required:
                return other
    return None


@dataclass(frozen=True, slots=True)
class _Told:
    sentence: str
    blocks: tuple[dict[str, Json], ...] = ()


def _told(call: CallRecord, tool: Tool, zone: tzinfo | None) -> _Told:
    if call.status is CallStatus.SUCCEEDED:
        return _succeeded(call, tool, zone)
    if call.status is CallStatus.FAILED:
        return _Told(_failed(call, tool))
    what = _what(call, tool)
    if call.status is CallStatus.REJECTED:
        return _Told(_rejected(call, tool, what))
    if call.status is CallStatus.IN_DOUBT:
        return _Told(say("check_doubt", what=what))
    return _Told(say("not_done", what=what, reason=_sentence(call.error)))


def _told_batch(calls: Sequence[CallRecord], tool: Tool, zone: tzinfo | None) -> _Told:
    """Calls of one operation that were decided as one and came to the same: what they brought as one table."""
    each = [_told(call, tool, zone) for call in calls]
    if len(calls) <= NAMED and calls[0].status is not CallStatus.REJECTED:
        sentence = " ".join(dict.fromkeys(_sentence(told.sentence) for told in each))
    elif calls[0].status is CallStatus.SUCCEEDED:
        sentence = say("batch_done", count=len(calls), title=_title(tool))
    else:
        names = ", ".join(_what(call, tool) for call in calls[:NAMED]) + (" …" if len(calls) > NAMED else "")
        sentence = say("batch_not_done", count=len(calls), what=names, reason=_sentence(calls[0].error))
    bodies = [_unwrapped(call.response) for call in calls]
    if calls[0].status is CallStatus.SUCCEEDED and all(isinstance(body, dict) and body for body in bodies):
        return _Told(sentence, (_View(zone, reveal=_reveals(tool)).table(bodies, ""),))
    return _Told(sentence, tuple(block for told in each for block in told.blocks))


def _rejected(call: CallRecord, tool: Tool, what: str) -> str:
    reason = say("reason", error=call.error) if call.error else ""
    if tool.decision is Decision.APPROVE and call.decided_by:
        return _sentence(say("rejected_by", who=call.decided_by, what=what, reason=reason))
    if call.decided_by:
        return _sentence(say("you_said_no", what=what, reason=reason))
    return _sentence(say("not_done_reason", what=what, reason=reason))


def _failed(call: CallRecord, tool: Tool) -> str:
    """The product's own words, and what to try."""
    status, said = call.http_status, _sentence(call.error)
    what = _what(call, tool)
    match status:
        case 0:
            return say("not_done", what=what, reason=said).strip()
        case 404 | 410:
            return say("not_found", what=_missing(call, tool), status=status, said=said)
        case 401:
            return say("no_sign_in", status=status, said=said)
        case 403:
            return say("forbidden", status=status, what=what, said=said)
        case 409:
            return say("refused_with_hint", status=status, said=said, hint=_conflict_hint(tool))
        case 429:
            return say("too_busy", status=status, said=said)
        case _ if status >= 500:
            return say("own_fault", status=status, what=what, said=said)
        case _ if status < 400:
            return say("did_not_work", what=what, said=said).strip()
    return say("refused_by_product", status=status, said=said)


def _missing(call: CallRecord, tool: Tool) -> str:
    """What was not there: "user bob" when the path ends with it, else the whole call."""
    name = re.search(r"\{([^{}]+)\}$", tool.path)
    if name and _is_plain(name[1], call.arguments.get(name[1])):
        return f"{_kind(_noun(tool))} {_short(call.arguments[name[1]])}"
    return say("such_thing", what=_what(call, tool))


def _conflict_hint(tool: Tool) -> str:
    return say("try_another_name") if tool.method == "POST" else say("look_at_state")


def _sentence(text: str) -> str:
    """The text with a full stop, and a capital first letter unless it begins with a name."""
    text = re.sub(r"\s+", " ", text).strip()
    if not text:
        return ""
    end = "" if text[-1] in '.!?…”"' else "."
    begins_with_word = re.match(r"[a-z]+(?:['’]\w+)?(?=[\s,.:;]|$)", text)
    return (text[0].upper() + text[1:] if begins_with_word else text) + end


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# --- what a call does, in words ---------------------------------------------------------------------------

_PAST: Final = {
    "set": "set", "reset": "reset", "put": "put", "cut": "cut", "send": "sent", "get": "got", "give": "gave",
    "make": "made", "take": "took", "run": "ran", "begin": "began", "find": "found", "bind": "bound",
    "withdraw": "withdrew", "undo": "undid", "submit": "submitted", "ban": "banned", "drop": "dropped",
    "stop": "stopped", "plan": "planned", "log": "logged", "tag": "tagged", "pin": "pinned", "unpin": "unpinned",
    "revoke": "revoked", "grant": "granted", "write": "wrote", "build": "built", "upload": "uploaded",
    "swap": "swapped", "map": "mapped", "ship": "shipped", "transfer": "transferred", "leave": "left", "pay": "paid",
    "buy": "bought", "sell": "sold", "forget": "forgot", "overwrite": "overwrote", "rewrite": "rewrote",
    "commit": "committed", "permit": "permitted", "split": "split", "let": "let", "unban": "unbanned",
}  # fmt: skip
_VERBS: Final = _set(
    "create add update delete remove disable enable lock unlock approve deny reject activate deactivate archive restore"
    " rotate invite assign unassign change edit modify replace patch rename move copy import export cancel close reopen"
    " open start restart resume suspend publish unpublish register unregister subscribe unsubscribe attach detach link"
    " unlink merge accept decline confirm verify request check clear empty purge destroy terminate expire renew refresh"
    " generate issue store save mark unmark star unstar follow unfollow block unblock join trigger dispatch schedule"
    " retry sync lock release"
)
#: What a method does when the operation has no summary that says it.
_BY_METHOD: Final = {"POST": "created", "PUT": "updated", "PATCH": "updated", "DELETE": "deleted"}
_READING: Final = frozenset({"get", "list", "show", "find", "read", "fetch", "search", "retrieve", "view", "return"})


def _past(verb: str) -> str:
    verb = verb.lower()
    if verb in _PAST:
        return _PAST[verb]
    if verb.endswith("e"):
        return verb + "d"
    return verb[:-1] + "ied" if verb.endswith("y") and verb[-2:-1] not in "aeiou" else verb + "ed"


def _title(tool: Tool) -> str:
    """The operation in a few words: "Create a user"."""
    first = re.split(r"(?<=\w)[.\n]", tool.description)[0] if tool.description else ""
    return (tool.summary or first or argument_label(tool.name)).strip().rstrip(".")[:120]


def _what(call: CallRecord, tool: Tool) -> str:
    """The operation with the values that matter: "create a user (username user1)"."""
    title = _title(tool)
    values = [f"{argument_label(name).lower()} {_short(value)}" for name, value in _telling(call, tool)]
    lowered = title if title[1:2].isupper() else title[:1].lower() + title[1:]
    return f"{lowered} ({', '.join(values)})" if values else lowered


def _telling(call: CallRecord, tool: Tool) -> list[tuple[str, Json]]:
    """Up to three arguments that say which thing is meant: those of the path, then those that identify."""
    in_path = re.findall(r"\{([^{}]+)\}", tool.path)
    names = [name for name in in_path if name in call.arguments]
    names += [name for name in _BY_NAME if name in call.arguments and name not in names]
    return [(name, call.arguments[name]) for name in names if _is_plain(name, call.arguments[name])][:3]


def _is_plain(name: str, value: Json) -> bool:
    return isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != ""


def _short(value: Json) -> str:
    text = re.sub(r"\s+", " ", display(value))
    return text if len(text) <= 60 else text[:59] + "…"


#: "List the members of a group", "Show all audit log entries"
_LISTING: Final = re.compile(
    r"(?:list|search|find|show all|get all)(?: all)?(?: the)? (?!who|what|which)([a-z][a-z -]{2,40}?s)"
    r"(?: (?:of|in|for|by|from|on|with) .*)?",
    re.IGNORECASE,
)


def _noun(tool: Tool) -> str:
    """The kind of thing that the operation is about, in the singular: "user", "audit log entry"."""
    listed = _LISTING.fullmatch(_title(tool)) if tool.effect is Effect.READ else None
    if listed and listed[1].split()[-1].lower() != "status":
        return _singular(listed[1].lower())
    segments = [part for part in tool.path.split("/") if part]
    while segments and (segments[-1].lower() in _VERBS or re.fullmatch(r"v\d+|api", segments[-1])):
        segments.pop()
    static = [part for part in segments if not part.startswith("{")]
    if not static:
        return "item"
    return _singular(argument_label(static[-1].split(":")[0]).lower())


def _singular(noun: str) -> str:
    if noun.endswith("ies") and len(noun) > 4:
        return noun[:-3] + "y"
    if noun.endswith(("sses", "xes", "ches", "shes")):
        return noun[:-2]
    return noun[:-1] if noun.endswith("s") and not noun.endswith(("ss", "us", "is")) else noun


def _plural(noun: str) -> str:
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


# --- success ----------------------------------------------------------------------------------------------

#: Names of fields that say which thing it is, best first.
_BY_NAME: Final = (
    "username", "user_name", "login", "name", "full_name", "display_name", "title", "email", "slug", "key", "label",
    "number", "id", "uuid",
)  # fmt: skip
#: Columns that people want next.
_WANTED: Final = (
    "first_name", "last_name", "status", "state", "type", "kind", "role", "action", "actor", "actor_username", "target",
    "created_at", "created", "timestamp", "time", "date", "occurred_at", "at", "description", "summary", "reason",
    "message", "enabled", "active", "locked", "owner", "updated_at",
)  # fmt: skip
_LIST_FIELDS: Final = ("items", "data", "results", "value", "values", "records", "entries", "content", "rows", "hits")
_TOTALS: Final = ("total", "total_count", "totalCount", "count", "total_results", "totalResults", "totalElements")
_NEXT: Final = (
    "next_cursor",
    "nextCursor",
    "next",
    "next_page",
    "nextPageToken",
    "next_page_token",
    "has_more",
    "hasMore",
)
_META: Final = frozenset((*_TOTALS, *_NEXT)) | _set(
    "page limit offset per_page page_size pageSize cursor previous prev prev_cursor meta links _links pagination"
    " paging pages size start object kind incomplete_results truncated"
)


def _succeeded(call: CallRecord, tool: Tool, zone: tzinfo | None) -> _Told:
    body = _unwrapped(call.response)
    view = _View(zone, reveal=_reveals(tool))
    if tool.effect is Effect.READ:
        return _read(call, tool, body, view)
    sentence = _changed(call, tool, body)
    if call.http_status == 202:
        sentence = f"{sentence} {say('took_on')}"
    block = view.details(body, "") if isinstance(body, dict) and body else None
    return _Told(sentence, (block,) if block else ())


def _unwrapped(body: Json) -> Json:
    """`{"data": {…}}` without its wrapper."""
    if isinstance(body, dict):
        inner = [key for key in body if key not in _META]
        if len(inner) == 1 and inner[0] in ("data", "result", "item", "response") and isinstance(body[inner[0]], dict):
            return _unwrapped(body[inner[0]])
    return body


def _reveals(tool: Tool) -> bool:
    """True when showing a secret is what the operation is for."""
    last = tool.path.rstrip("/").rsplit("/", 1)[-1].lower()
    return tool.method == "GET" and last in ("value", "reveal", "reveal-value", "plaintext", "password")


def _read(call: CallRecord, tool: Tool, body: Json, view: _View) -> _Told:
    kind = _noun(tool)
    rows = _rows(body)
    if rows is not None:
        told = _listed(rows, body, kind, view)
        drawn = chart(rows[:ROWS], _kind(kind, None))
        return _Told(told.sentence, (view.localised(drawn), *told.blocks)) if drawn else told
    if isinstance(body, dict):
        if not body:
            return _Told(say("empty_thing", noun=_kind(kind)))
        return _Told(_here(call, tool, body, kind), (view.details(body, ""),))
    if body is None or body == "":
        return _Told(say("nothing_back", what=_what(call, tool)))
    text = _plain_text(str(body)) if isinstance(body, str) else display(body)
    return _Told(say("product_answered", text=text[:1000]))


def _here(call: CallRecord, tool: Tool, body: dict[str, Json], kind: str) -> str:
    name = _name_of(body, call, tool)
    return say("here_is_named", noun=_kind(kind), name=name) if name else say("here_is", noun=_kind(kind))


def _kind(english: str, count: int | None = 1) -> str:
    """The kind of thing in the person's language; in the plural for any other count than one, or None."""
    if spoken() == "en":
        return english if count == 1 else _plural(english)
    return noun(english, count) if has_noun(english) else (english if count == 1 else _plural(english))


def _listed(rows: list[Json], body: Json, kind: str, view: _View) -> _Told:
    if not rows:
        return _Told(say("none_found", nouns=_kind(kind, None)))
    known = _total(body)
    total = known if known is not None and known > min(len(rows), ROWS) else None
    shown = min(len(rows), ROWS)
    if total is None and shown < len(rows) and not _has_next(body):
        total = len(rows)
    if total is not None:
        sentence = say("first_of", shown=shown, total=total, nouns=_kind(kind, None))
        return _Told(sentence, (view.table(rows[:ROWS], say("caption_first_of", shown=shown, total=total)),))
    if shown < len(rows) or _has_next(body):
        sentence = say("first_and_more", shown=shown, nouns=_kind(kind, None))
        return _Told(sentence, (view.table(rows[:ROWS], say("caption_first", shown=shown)),))
    count = say("counted", count=len(rows), noun=_kind(kind, len(rows)))
    return _Told(say("found", count=count), (view.table(rows, count),))


def _rows(body: Json) -> list[Json] | None:
    """The list in a list response, None when the response is one thing."""
    if isinstance(body, list):
        return body
    if not isinstance(body, dict):
        return None
    lists = [key for key, value in body.items() if isinstance(value, list)]
    named = [key for key in _LIST_FIELDS if key in lists]
    others = [key for key in body if key not in _META and key not in lists]
    if len(lists) == 1 and (not others or (named and not any(key in body for key in _BY_NAME))):
        found: list[Json] = body[lists[0]]
        return found
    return None


def _places(body: Json) -> Iterator[dict[str, Json]]:
    """The objects in which a list response tells of its paging."""
    if isinstance(body, dict):
        yield body
        yield from (body[key] for key in ("meta", "pagination", "paging", "page") if isinstance(body.get(key), dict))


def _total(body: Json) -> int | None:
    for place in _places(body):
        for key in _TOTALS:
            if isinstance(place.get(key), int) and not isinstance(place[key], bool):
                return int(place[key])
    return None


def _has_next(body: Json) -> bool:
    return any(bool(place.get(key)) for place in _places(body) for key in _NEXT)


def _changed(call: CallRecord, tool: Tool, body: Json) -> str:
    """ "Created the user user1.", "Added the user bob to the group admins." """
    if spoken() != "en":
        return _changed_elsewhere(call, tool, body)
    words = _title(tool).split()
    verb = words[0].lower() if words else ""
    known = verb in _VERBS or verb in _PAST
    past = _past(verb) if known and verb not in _READING else _past_from_path(tool)
    rest = " ".join(words[1:]) if known else f"the {_noun(tool)}"
    name = _name_of(body, call, tool)
    simple = re.fullmatch(r"(?:(?:an?|the|one|new|existing)\s+)*((?:[\w-]+\s?){1,3})", rest, re.I)
    if simple and not re.search(r"\b(?:to|from|of|in|for|with|by|on|as|and|or)\b", rest, re.I):
        return _sentence(f"{past} the {simple[1].strip()} {name}")
    rest, left = _with_names(rest, call, tool)
    values = [f"{argument_label(key).lower()} {_short(value)}" for key, value in left]
    return _sentence(f"{past} {rest}" + (f": {', '.join(values)}" if values else ""))


def _changed_elsewhere(call: CallRecord, tool: Tool, body: Json) -> str:
    """ "Benutzer user1 wurde angelegt." where the words for it are known, else the operation as the product calls it.

    Titles are the product's, mostly English: only "Create a user" is simple enough to be said in another language.
    """
    words = _title(tool).split()
    past = done(words[0]) if words else ""
    simple = re.fullmatch(r"(?:(?:an?|the|one|new|existing) )*(?P<kind>[\w -]+?)", " ".join(words[1:]), re.I)
    kind = simple["kind"].lower() if simple else ""
    name = _name_of(body, call, tool)
    if past and name and has_noun(kind):
        return say("did_to", noun=noun(kind), name=name, verb=past)
    return say("done_with", what=_what(call, tool))


def _with_names(words: str, call: CallRecord, tool: Tool) -> tuple[str, list[tuple[str, Json]]]:
    """ "a user to a group" as "the user bob to the group Sales", and the arguments that found no noun."""
    left = []
    for name, value in _telling(call, tool):
        shown = _short(value)
        for called in _nouns_of(name, tool):
            pattern = rf"\b(?:an?|the) ({re.escape(called)})('s)?(?= |$)"
            found = re.search(pattern, words)
            if found:
                words = f"{words[: found.start()]}the {found[1]} {shown}{found[2] or ''}{words[found.end() :]}"
                break
        else:
            left.append((name, value))
    return words, left


def _nouns_of(argument: str, tool: Tool) -> list[str]:
    """What a value of the argument is called: by the argument's name, else by the path."""
    found = []
    stem = re.sub(r"[_-]?(?:name|id|slug|key)$", "", argument, flags=re.I)
    if stem and stem != argument:
        found.append(argument_label(stem).lower())
    before = re.search(rf"/([^/{{}}]+)/\{{{re.escape(argument)}\}}", tool.path)
    if before:
        found.append(_singular(argument_label(before[1]).lower()))
    else:
        found.append(_noun(tool))
    return found


def _past_from_path(tool: Tool) -> str:
    last = tool.path.rstrip("/").rsplit("/", 1)[-1].lower()
    if last in _VERBS or last in _PAST:
        return _past(last)
    return _BY_METHOD.get(tool.method, "changed")


def _name_of(body: Json, call: CallRecord, tool: Tool) -> str:
    """What the thing is called: in the response, else in the arguments."""
    for source in (body, call.arguments):
        if isinstance(source, dict):
            own = (f"{_noun(tool).replace(' ', '_')}_name", f"{_noun(tool).replace(' ', '_')}name")
            for key in (*_BY_NAME[:2], *own, *_BY_NAME[2:]):
                if _is_plain(key, source.get(key)):
                    return _short(source[key])
    in_path = [call.arguments.get(name) for name in re.findall(r"\{([^{}]+)\}", tool.path)]
    return _short(in_path[-1]) if in_path and _is_plain("", in_path[-1]) else ""


# --- blocks -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _View:
    """How values are shown."""

    zone: tzinfo | None
    reveal: bool = False

    def table(self, rows: list[Json], caption: str) -> dict[str, Json]:
        if not all(isinstance(row, dict) for row in rows):
            cells = [[self.cell("", row)] for row in rows]
            return {"kind": "table", "columns": [say("value")], "rows": cells, "caption": caption}
        names = _columns(rows)
        return {
            "kind": "table",
            "columns": [argument_label(name) for name in names],
            "rows": [[self.cell(name, row.get(name)) for name in names] for row in rows],
            "caption": caption,
        }

    def localised(self, drawn: dict[str, Json]) -> dict[str, Json]:
        """The chart with its instants in the zone."""
        return {**drawn, "labels": [self.instant(label) for label in drawn["labels"]]}

    def details(self, body: dict[str, Json], caption: str) -> dict[str, Json]:
        items = [[_path_label(path), self.cell(path[-1], value)] for path, value in _flat(body, ())]
        return {"kind": "details", "items": items[:ROWS], "caption": caption}

    def cell(self, name: str, value: Json) -> str:
        """The value as short plain text."""
        if value is None or value in ("", [], {}):
            return ""
        if not self.reveal and is_secret_name(name) and isinstance(value, (str, int, float, list, dict)):
            return display(value) if isinstance(value, bool) else HIDDEN
        if isinstance(value, dict):
            named = next((value[key] for key in _BY_NAME if _is_plain(key, value.get(key))), None)
            shown = [f"{argument_label(k)}: {self.cell(k, v)}" for k, v in list(value.items())[:4]]
            return _cut(display(named) if named is not None else "; ".join(shown))
        if isinstance(value, list):
            more = " " + say("and_more", count=len(value) - 5) if len(value) > 5 else ""
            return _cut(", ".join(self.cell(name, item) for item in value[:5]) + more)
        if isinstance(value, str):
            return _cut(self.instant(value))
        return display(value)

    def instant(self, text: str) -> str:
        """An ISO 8601 instant as people read it, in the zone; other text as it is."""
        if self.zone is None or not re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", text):
            return text
        try:
            moment = datetime.fromisoformat(text)
            local = moment.astimezone(self.zone) if moment.tzinfo else moment
        except (ValueError, OverflowError):
            return text
        return f"{local.day} {local:%b %Y, %H:%M:%S}"


def _cut(text: str) -> str:
    return text if len(text) <= CELL else text[: CELL - 1] + "…"


def _columns(rows: list[Json]) -> list[str]:
    """The most useful fields that have a value in some row: those that identify first."""
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(key for key, value in row.items() if value not in (None, "", [], {})))

    def rank(name: str) -> int:
        snake = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()
        order = _BY_NAME[:-2] + _WANTED[:2] + _BY_NAME[-2:] + _WANTED[2:]
        if snake in order:
            return order.index(snake)
        nested = any(isinstance(row.get(name), (dict, list)) for row in rows)
        linked = re.search(r"(?:^|_)(?:urls?|links?|href|self|etag|avatar|node_id)$", snake) is not None
        return len(order) + (2 if linked else 1 if nested else 0)

    return sorted(names, key=rank)[:COLUMNS]


def _flat(value: dict[str, Json], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Json]]:
    """The leaves of an object with their paths, three levels deep; lists stay whole."""
    for key, item in value.items():
        here = (*path, str(key))
        if isinstance(item, dict) and item and len(here) < 3 and not is_secret_name(str(key)):
            yield from _flat(item, here)
        else:
            yield here, item


def _path_label(path: tuple[str, ...]) -> str:
    return ".".join([argument_label(path[0]), *(argument_label(part).lower() for part in path[1:])])


# --- problems that a product reports ----------------------------------------------------------------------

_MESSAGES: Final = (
    "detail", "message", "msg", "errormessage", "errormessages", "errordescription", "defaultmessage", "errorhuman",
    "faultstring", "description", "reason", "title", "error", "code", "errorcode",
)  # fmt: skip
_PROBLEM_KEYS: Final = frozenset(_MESSAGES) | _set(
    "status type instance errors invalidparams statuscode timestamp path requestid traceid documentationurl details"
    " success ok fault correlationid moreinfo"
)
_WHOLE: Final = frozenset({"", "non_field_errors", "__all__", "body", "detail"})


def problem_text(response_body: Json, http_status: int) -> str:
    """What the product says is wrong, in its own words, as one short plain text; never empty."""
    if isinstance(response_body, str):
        body = _json_in(response_body)
        if body is not None:
            return problem_text(body, http_status)
        text = _plain_text(response_body)
        return _limited(text) or _reason(http_status)
    fields = problem_fields(response_body)
    told = [f"{name}: {message}" if name else message for name, message in fields]
    general = _message(response_body)
    if general and not any(general in text for text in told):
        told.insert(0, general)
    return _limited(
        " ".join(_sentence(text) if index or len(told) > 1 else text for index, text in enumerate(told))
    ) or (_reason(http_status))


def problem_fields(body: Json) -> list[tuple[str, str]]:
    """Field and message of each fault that the product found in the arguments, in order, each once.

    A nested field is named by its last part; a message about the whole has the field "".
    """
    if isinstance(body, str):
        body = _json_in(body)
    return list(dict.fromkeys(_fields(body, 0)))[:50]


def _json_in(text: str) -> Json:
    """The object or list that the text is, None when it is none."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


_FAULT_LISTS: Final = (
    "errors", "invalid-params", "invalid_params", "details", "fields", "detail", "error", "violations", "message",
    "fieldErrors", "field_errors", "fieldViolations", "validationErrors", "validation_errors", "messages",
)  # fmt: skip


def _plain_name(key: str) -> str:
    """errorMessage and error_message are one."""
    return re.sub(r"[^a-z0-9]", "", key.lower())


def _fields(body: Json, depth: int) -> Iterator[tuple[str, str]]:
    if depth > 3:
        return
    if isinstance(body, list):
        for item in body:
            yield from _fault(item)
        return
    if not isinstance(body, dict):
        return
    for key in ("error", "problem"):
        if isinstance(body.get(key), dict):
            yield from _fields(body[key], depth + 1)
    for key in _FAULT_LISTS:
        faults = body.get(key)
        if isinstance(faults, list):
            for item in faults:
                yield from _fault(item)
        elif isinstance(faults, dict) and key not in ("error",):
            yield from _by_field(faults)
    if not any(key in body for key in ("error", "errors", "title", "status", "message")):
        yield from _by_field({key: value for key, value in body.items() if _plain_name(key) not in _PROBLEM_KEYS})


def _by_field(faults: dict[str, Json]) -> Iterator[tuple[str, str]]:
    """`{"field": ["message"]}`, as Django REST framework and Rails write it."""
    for name, messages in faults.items():
        for message in messages if isinstance(messages, list) else [messages]:
            if isinstance(message, str):
                yield ("" if name in _WHOLE else name), _plain_text(message)
            elif isinstance(message, dict):
                text = _message(message)
                if text:
                    yield name, text
                else:
                    yield from _by_field(message)


_PLACE_KEYS: Final = (
    "field", "name", "pointer", "loc", "param", "target", "path", "property", "attribute",
)  # fmt: skip


def _fault(item: Json) -> Iterator[tuple[str, str]]:
    """One entry of a list of faults."""
    if isinstance(item, dict) and isinstance(item.get("fieldViolations"), list):
        for violation in item["fieldViolations"]:
            yield from _fault(violation)
        return
    if isinstance(item, str):
        yield "", _plain_text(item)
    elif isinstance(item, dict):
        message = _message(item)
        source = item.get("source")
        place = next((item[key] for key in _PLACE_KEYS if item.get(key)), None) or _only(item.get("fields"))
        if not place and isinstance(source, dict):
            place = source.get("pointer") or source.get("parameter")
        if message:
            yield _last(place), message


def _only(fields: Json) -> Json:
    """The one name in a list of names, None for anything else."""
    return fields[0] if isinstance(fields, list) and len(fields) == 1 else None


def _last(place: Json) -> str:
    """The field's own name, from a pointer, a dotted path or a list of parts."""
    parts = place if isinstance(place, list) else re.split(r"[/.\[\]]+", str(place or "").lstrip("#"))
    named = [str(part) for part in parts if isinstance(part, str) and part and not part.isdigit()]
    return named[-1] if named and named[-1] not in _WHOLE else ""


def _message(body: Json) -> str:
    """The general message of a problem, "" when it has none."""
    if not isinstance(body, dict):
        return ""
    for key in ("error", "problem", "fault"):
        if isinstance(body.get(key), dict) and (text := _message(body[key])):
            return text
    named = {_plain_name(key): value for key, value in body.items()}
    for key in _MESSAGES:
        value = named.get(key)
        if isinstance(value, str) and value.strip():
            return _plain_text(value)
        if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            return _plain_text(" ".join(value))
    return ""


def _plain_text(text: str) -> str:
    """Text without markup: of an HTML page its words, without scripts and styles."""
    text = text[:20_000]
    if re.search(r"<(?:!doctype|html|head|body|div|p|h\d|title|pre|span)\b", text, re.I):
        text = re.sub(r"<(script|style|head)\b.*?(?:</\1\s*>|\Z)", " ", text, flags=re.I | re.S)
        text = html.unescape(re.sub(r"<[^>]{0,2000}>", " ", text))
    if "Traceback (most recent call last)" in text:
        text = text.split("Traceback (most recent call last)")[0]
    return re.sub(r"\s+", " ", text).strip()


def _limited(text: str) -> str:
    text = text.strip()
    return text if len(text) <= 500 else text[:499] + "…"


def _reason(http_status: int) -> str:
    if 200 <= http_status < 300:
        return say("failed_no_reason")
    try:
        return say("status_no_reason", status=f"{http_status} ({HTTPStatus(http_status).phrase})")
    except ValueError:
        return say("status_no_reason", status=http_status)


# --- what nlops can do ------------------------------------------------------------------------------------


#: Services, and operations of each, that the greeting names.
MAX_SERVICES = 20
MAX_TITLES = 12


def capabilities(tools: Sequence[Tool]) -> Answer:
    """A greeting, what can be done by service, and requests to try; made from the whitelist alone."""
    if not tools:
        return Answer(say("nothing_allowed"))
    services: dict[str, list[Tool]] = {}
    for tool in tools:
        services.setdefault(tool.service or say("other_service"), []).append(tool)
    products = listed(list(dict.fromkeys(tool.product for tool in tools if tool.product)))
    rows = [
        [argument_label(name), _some([*dict.fromkeys(_lowered(tool) for tool in own)])]
        for name, own in list(services.items())[:MAX_SERVICES]
    ]
    names = _some([argument_label(name).lower() for name in services])
    text = say("hello", products=products or say("the_product"), services=names)
    columns = [say("service"), say("what_i_can_do")]
    table = {"kind": "table", "columns": columns, "rows": rows, "caption": say("what_i_can_do_here")}
    return Answer(text, (table,), _examples(tools))


def refusal(tools: Sequence[Tool], reason: str = "", ranked: Sequence[Tool] = ()) -> Answer:
    """Says that nothing here serves the request, and what can be asked instead; `ranked` is nearest first.

    `reason` is shown as it is: never pass prose of a model.
    """
    text = _sentence(say("cannot_help", reason=reason.rstrip(".") or say("nothing_does_it")))
    if not tools:
        return Answer(text)
    services = list(dict.fromkeys(argument_label(tool.service or say("other_service")).lower() for tool in tools))
    products = listed(list(dict.fromkeys(tool.product for tool in tools if tool.product)))
    shown = ", ".join(services[:8])
    more = say("can_help_with", products=products or say("the_product"), services=shown)
    return Answer(f"{text} {more}", (), _examples([*ranked, *tools]))


def _some(titles: list[str]) -> str:
    """The first few, and how many more there are."""
    left = len(titles) - MAX_TITLES
    return ", ".join(titles[:MAX_TITLES]) + (" " + say("and_more", count=left) if left > 0 else "")


def _lowered(tool: Tool) -> str:
    title = _title(tool)
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]


def _examples(tools: Sequence[Tool], limit: int = 6) -> tuple[str, ...]:
    """Requests to try: the first of each service, then the second …; what destroys comes last."""
    queues: dict[str, list[Tool]] = {}
    for tool in sorted(dict.fromkeys(tool.name for tool in tools), key=lambda name: _order(tools, name)):
        found = next(other for other in tools if other.name == tool)
        queues.setdefault(found.service, []).append(found)
    examples: list[str] = []
    while queues and len(examples) < limit:
        for service in list(queues):
            examples.append(_example(queues[service].pop(0)))
            if not queues[service]:
                del queues[service]
    return tuple(dict.fromkeys(examples))[:limit]


def _order(tools: Sequence[Tool], name: str) -> tuple[int, int]:
    index = next(i for i, tool in enumerate(tools) if tool.name == name)
    return list(Effect).index(tools[index].effect) // 2, index


def _example(tool: Tool) -> str:
    """ "Create a user named …" """
    title = _title(tool)
    title = title[:1].upper() + title[1:]
    names = [name for name in tool.required if name not in tool.secret_arguments]
    in_path = re.findall(r"\{([^{}]+)\}", tool.path)
    wanted = next((name for name in reversed(in_path) if name in names), names[0] if names else "")
    if not wanted:
        return title
    simple = re.sub(r"^(\w+) (?:an?|the|one) (\w+)$", r"\1 the \2", title)
    if wanted in in_path:
        return f"{simple} …" if simple != title else f"{title}: …"
    return f"{title} named …" if "name" in wanted.lower() else f"{title}: …"

"""How a list goes on: where its rows stand, how many there are, and with which request its next page is read.

Pure: reads a request and its response. A product's text gives no authority: the next page is the same operation at
the same address, with other values of its query; a `next` that leads elsewhere is not followed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urljoin, urlsplit

import orjson

from nlops.core.types import Json
from specs.http import Request, Response


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# --- rows -------------------------------------------------------------------------------------------------

_LIST_FIELDS: Final = (
    "items", "data", "results", "value", "values", "records", "entries", "content", "rows", "hits", "list", "resources",
    "Resources", "elements", "members", "objects", "result",
)  # fmt: skip
#: Keys beside a list that tell of it and are no data of their own.
_ABOUT: Final = _set(
    "total count totalcount totalresults totalelements totalitems totalrecords totalsize numfound page pages "
    "pageindex pagenumber pagecount totalpages lastpage currentpage perpage pagesize itemsperpage limit offset "
    "size skip start startat startindex from to first last max maxresults cursor next nextcursor nextpage "
    "nextpagetoken nexttoken nextlink nexturl nextpageurl nextoffset nextmarker previous prev prevcursor "
    "previouscursor prevpageurl firstpageurl lastpageurl path meta metadata links pagination paging pageinfo "
    "responsemetadata hasmore hasnext hasprevious haspreviouspage hasnextpage islast istruncated truncated object "
    "kind etag incompleteresults schemas numberofelements number sort empty pageable ok success status code "
    "message error errors odatacontext odatacount odatanextlink self marker ismore more took timedout "
    "continuation continuationtoken token requestid warnings rawcount resultcount filtered recordsfiltered "
    "recordstotal draw searchafter scrollid shards"
)
_WRAPPERS: Final = ("data", "result", "results", "response", "_embedded", "hits", "body", "payload")


def find_rows(body: Json) -> tuple[str, ...] | None:
    """The keys that lead to the list in a list response, () when it is the list itself; None when it is one thing."""
    if isinstance(body, list):
        return ()
    if not isinstance(body, dict):
        return None
    lists = [key for key, value in body.items() if isinstance(value, list) and plain(key) not in _ABOUT]
    others = [key for key in body if plain(key) not in _ABOUT and key not in lists and not key.startswith("_")]
    named = [key for key in _LIST_FIELDS if key in lists]
    if len(lists) == 1 and (not others or (named and not {"id", "name", "uuid"} & set(body))):
        return (lists[0],)
    if not lists:
        for key in _WRAPPERS:
            inner = find_rows(body[key]) if isinstance(body.get(key), dict) else None
            if inner is not None and set(others) <= {key}:
                return (key, *inner)
    return None


def rows_at(body: Json, path: tuple[str, ...]) -> list[Json]:
    """The list at the path; [] where another page has none."""
    for key in path:
        body = body.get(key) if isinstance(body, dict) else None
    return body if isinstance(body, list) else []


def with_rows(body: Json, path: tuple[str, ...], rows: list[Json]) -> Json:
    """The body with this list at the path."""
    if not path:
        return rows
    inner = body.get(path[0]) if isinstance(body, dict) else None
    return {**(body if isinstance(body, dict) else {}), path[0]: with_rows(inner, path[1:], rows)}


def plain(name: str) -> str:
    """A name without case and signs: nextPageToken and next_page_token are one."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


_PLACES: Final = _set(
    "meta metadata pagination paging page pageinfo responsemetadata links cursors hits data result response"
)


def _places(body: Json, depth: int = 0) -> Iterator[dict[str, Json]]:
    """The objects in which a response tells of its paging."""
    if isinstance(body, dict):
        yield body
        if depth < 3:
            for key, value in body.items():
                if isinstance(value, dict) and plain(key) in _PLACES:
                    yield from _places(value, depth + 1)


_TOTALS: Final = (
    "total", "totalcount", "totalresults", "totalelements", "totalitems", "totalrecords", "totalsize", "numfound",
    "odatacount", "recordstotal", "count",
)  # fmt: skip
_TOTAL_HEADERS: Final = ("x-total-count", "x-total", "total-count", "x-wp-total", "x-pagination-total-count", "x-count")


def total_of(body: Json, headers: Mapping[str, str], count: int) -> int | None:
    """How many entries there are by the product's word, None when it doesn't say; never fewer than were read."""
    for place in _places(body):
        named = {plain(key): value for key, value in place.items()}
        for key in _TOTALS:
            value = named.get(key)
            if isinstance(value, dict):
                value = value.get("value")
            if isinstance(value, int) and not isinstance(value, bool) and value >= count:
                return value
    told = [headers.get(name, "").strip() for name in _TOTAL_HEADERS]
    told.append(headers.get("content-range", "").rpartition("/")[2].strip())
    return next((int(text) for text in told if re.fullmatch(r"\d{1,12}", text) and int(text) >= count), None)


def is_whole(body: Json, path: tuple[str, ...]) -> bool:
    """Whether a kept answer has all rows of its list, each uncut, as far as it says."""
    rows = rows_at(body, path)
    total = total_of(body, {}, len(rows))
    if total is not None and total > len(rows):
        return False
    signs = [value for key, value in _told(body, (*_MORE, *_NEXT_URLS, *_TOLD_CURSORS)) if key != "after"]
    return not any(signs) and not _has_cut_text(rows)


def _has_cut_text(value: Json) -> bool:
    """Whether a long text was cut when the answer was kept."""
    if isinstance(value, list):
        return any(map(_has_cut_text, value))
    if isinstance(value, dict):
        return any(map(_has_cut_text, value.values()))
    return isinstance(value, str) and len(value) > 4000 and value.endswith("…")


# --- the next page ----------------------------------------------------------------------------------------

#: Parameters with which a person asks for so many: who says how many gets as many, from where they say.
_SIZES: Final = _set(
    "limit perpage pagesize size max maxresults maxitems maxrecords count top take rows n num resultsperpage "
    "itemsperpage pagelimit maxkeys hitsperpage length"
)
_PAGES: Final = ("page", "pagenumber", "pageno", "pageindex", "p", "currentpage")
_OFFSETS: Final = ("offset", "skip", "startat", "startindex", "start", "first", "from", "pageoffset")
_CURSORS: Final = (
    "cursor", "pagetoken", "nextpagetoken", "nexttoken", "pagecursor", "nextcursor", "continuationtoken",
    "continuation", "marker", "startingafter", "after", "token", "next", "scrollid", "pageafter", "endcursor",
    "continue", "from",
)  # fmt: skip
#: Where a response keeps the cursor of its next page, to the parameters that may take it, best first.
_TOLD_CURSORS: Final = (
    "nextcursor", "nextpagetoken", "nexttoken", "nextmarker", "nextcontinuationtoken", "continuationtoken",
    "continuation", "continue", "nextpage", "nextoffset", "nextstart", "nextkey", "next", "endcursor", "after",
    "scrollid",
)  # fmt: skip
_NEXT_URLS: Final = (
    "next",
    "nextlink",
    "nexturl",
    "nextpageurl",
    "odatanextlink",
    "nextpage",
    "nextpagelink",
    "nexthref",
)
_MORE: Final = ("hasmore", "hasnext", "hasnextpage", "more", "ismore", "istruncated", "morepages")
_PAGE_COUNTS: Final = ("totalpages", "pagecount", "lastpage", "numpages", "pages")
_PAGE_SIZES: Final = ("perpage", "pagesize", "limit", "size", "itemsperpage", "maxresults", "max", "count")


@dataclass(slots=True)
class Pager:
    """Finds the requests of a list's further pages. One for each list that is read."""

    #: the operation's query parameters to their schemas
    parameters: dict[str, Json]
    #: name of the query parameter that carries the connection's key, "" for none: it is added by the sender
    key_name: str = ""
    #: whether the last `after` only guessed that there is more, from a page that looks full
    guessed: bool = False
    _requested: set[str] = field(default_factory=set)
    _seen: set[bytes] = field(default_factory=set)
    _page: int | None = None
    _first_offset: int | None = None
    _longest: int = 0
    #: whether the product has told the next page before: when it tells none any more, there is none
    _was_told: bool = False

    @classmethod
    def of(cls, bindings: Mapping[str, Mapping[str, Json]], schema: Mapping[str, Json], key_name: str = "") -> Pager:
        """The pager for an operation."""
        properties = schema.get("properties", {})
        found = {
            str(binding["name"]): properties.get(name, {})
            for name, binding in bindings.items()
            if binding["in"] == "query"
        }
        return cls(found, key_name)

    def is_asked_for(self, bindings: Mapping[str, Mapping[str, Json]], arguments: Mapping[str, Json]) -> bool:
        """Whether the person said how many, or from where on: then that is all they get."""
        own = _SIZES | set(_PAGES) | set(_OFFSETS[:4]) | set(_CURSORS[:10])  # not "after", which may be a date
        if {"first", "max"} <= {plain(name) for name in self.parameters}:
            own |= {"first"}
        for name, binding in bindings.items():
            known_as, value = str(binding["name"]), arguments.get(name)
            if binding["in"] == "query" and plain(known_as) in own and value is not None:
                schema = self.parameters.get(known_as)
                if not isinstance(schema, dict) or value != schema.get("default", object()):
                    return True
        return False

    def is_repeated(self, rows: list[Json]) -> bool:
        """Whether exactly this page came before: a product that ignores its own cursor."""
        digest = hashlib.sha256(orjson.dumps(rows, default=str)).digest()
        is_known = digest in self._seen
        self._seen.add(digest)
        return is_known

    def after(self, request: Request, response: Response, rows: list[Json], count: int) -> Request | None:
        """The request for the page after this one, None when it was the last as far as one can know.

        `rows`: of this page; `count`: of all pages up to this one.
        """
        self._requested.add(request.url)
        self.guessed = False
        if not rows:
            return None
        following = self._by_link(request, response) or self._by_cursor(request, response, rows)
        if following is not None:
            self._was_told = True
        elif not self._was_told and not self._says_it_ends(response.body):
            following = self._by_number(request, response, rows, count)
        return following if following and following.url not in self._requested else None

    def _by_link(self, request: Request, response: Response) -> Request | None:
        """Link header (RFC 8288), or a URL in the body."""
        for url in (_link_next(response.headers.get("link", "")), *_urls_in(response.body)):
            found = self._same_operation(request, url) if url else None
            if found is not None:
                return found
        return None

    def _same_operation(self, request: Request, url: str) -> Request | None:
        """The request with the query of that URL, when its path is the same.

        The host is not looked at, for it isn't used: behind a proxy, products name themselves by inner names.
        """
        try:
            here, there = urlsplit(request.url), urlsplit(urljoin(request.url, url))
        except ValueError:
            return None
        is_inner_name = there.netloc != here.netloc and _ends_alike(here.path, there.path)
        if not there.query or not (_is_same(here.path, there.path) or is_inner_name):
            return None
        pairs = [pair for pair in parse_qsl(there.query, keep_blank_values=True) if pair[0] != self.key_name]
        return with_parameters(request, dict(pairs)) if len(pairs) == len(dict(pairs)) else _with_query(request, pairs)

    def _by_cursor(self, request: Request, response: Response, rows: list[Json]) -> Request | None:
        for key, value in _told(response.body, _TOLD_CURSORS):
            if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "" or _is_url(value):
                continue
            name = self._parameter_for(key, value)
            if name:
                return with_parameters(request, {name: str(value)})
        after = self._named(("startingafter",))
        last = rows[-1]
        if (
            after
            and isinstance(last, dict)
            and last.get("id")
            and any(v is True for _, v in _told(response.body, _MORE))
        ):
            return with_parameters(request, {after: str(last["id"])})
        return None

    def _parameter_for(self, key: str, value: str | int) -> str:
        """The parameter that takes the cursor that the response calls so."""
        stem = key.removeprefix("next").removeprefix("end") or key
        is_number = isinstance(value, int) or value.isdecimal()
        wanted = [key, stem, f"page{stem}"]
        if key in ("nextcursor", "nextpagetoken", "nexttoken", "next", "endcursor", "nextpage", "nextkey"):
            wanted += _CURSORS if not is_number else (*_CURSORS, *_PAGES)
        if key in ("nextoffset", "nextstart"):
            wanted += _OFFSETS
        return self._named(wanted)

    def _named(self, wanted: Iterable[str]) -> str:
        """The operation's parameter with the first of these names that it has; moments are no place in a list."""
        names = {plain(name): name for name, schema in self.parameters.items() if _is_place(schema)}
        return next((names[name] for name in wanted if name in names), "")

    def _says_it_ends(self, body: Json) -> bool:
        told = [value for _, value in _told(body, _MORE)]
        last = [value for _, value in _told(body, ("islast", "last", "lastpage", "complete", "done"))]
        # A cursor that is there and empty ends the list, unless the list is read by numbers all the same.
        cursors = [value for _, value in _told(body, ("nextcursor", "nextpagetoken", "nexttoken", "next", "nextlink"))]
        return False in told or any(value is True for value in last) or (bool(cursors) and not any(cursors))

    def _by_number(self, request: Request, response: Response, rows: list[Json], count: int) -> Request | None:
        page, offset = self._named(_PAGES), self._offset_name()
        if not (page or offset) or not self._goes_on(response, rows, count, page):
            return None
        if page:
            current = self._page if self._page is not None else self._current(response.body, page, _PAGES, 1)
            self._page = current + 1
            return with_parameters(request, {page: str(self._page)})
        if self._first_offset is None:
            default = 1 if plain(offset) == "startindex" else 0
            self._first_offset = self._current(response.body, offset, (plain(offset),), default)
        return with_parameters(request, {offset: str(self._first_offset + count)})

    def _offset_name(self) -> str:
        names = {plain(name) for name in self.parameters}
        wanted = [name for name in _OFFSETS if name != "first" or "max" in names]
        found = self._named(wanted)
        # "from" and "start" are moments in many a product: a place in a list is a number.
        return found if found and _is_number(self.parameters.get(found)) else ""

    def _current(self, body: Json, name: str, told: Iterable[str], default: int) -> int:
        """The number of the page that was read: by the response, by the parameter's default."""
        for _, value in _told(body, (*told, "number")):
            if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
                return value
        schema = self.parameters.get(name)
        number = schema.get("default") if isinstance(schema, dict) else None
        return number if isinstance(number, int) and not isinstance(number, bool) else default

    def _goes_on(self, response: Response, rows: list[Json], count: int, page: str) -> bool:
        body = response.body
        if any(value is True for _, value in _told(body, _MORE)):
            return True
        total = total_of(body, response.headers, count)
        if total is not None and (total > count or len(rows) < total):
            return total > count
        pages = [v for _, v in _told(body, _PAGE_COUNTS) if isinstance(v, int) and not isinstance(v, bool)]
        if page and pages:
            current = self._page if self._page is not None else self._current(body, page, _PAGES, 1)
            return current < pages[0]
        size = self._size(body)
        self.guessed, self._longest = True, max(self._longest, len(rows))
        if len(rows) < self._longest:
            return False
        # Where nobody says how long a page is: full pages have round numbers of entries.
        return len(rows) >= size if size else len(rows) >= 5 and len(rows) % 5 == 0

    def _size(self, body: Json) -> int:
        """How many entries a full page has, 0 when nobody says."""
        for _, value in _told(body, _PAGE_SIZES):
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
        for name, schema in self.parameters.items():
            if plain(name) in _SIZES and isinstance(schema, dict) and isinstance(schema.get("default"), int):
                return int(schema["default"])
        return 0


def _told(body: Json, keys: Iterable[str]) -> list[tuple[str, Json]]:
    """Key (plain) and value of each of these that the response tells, in the order of the keys."""
    wanted = list(keys)
    found: dict[str, Json] = {}
    for place in _places(body):
        for key, value in place.items():
            if plain(key) in wanted:
                found.setdefault(plain(key), value)
    return [(key, found[key]) for key in wanted if key in found]


def _urls_in(body: Json) -> Iterator[str]:
    for _, value in _told(body, _NEXT_URLS):
        url = value.get("href") or value.get("url") if isinstance(value, dict) else value
        if isinstance(url, str) and _is_url(url):
            yield url


def _is_url(value: Json) -> bool:
    return isinstance(value, str) and re.match(r"https?://|//|/|\?[\w\[\]$%.-]+=", value) is not None


def _is_number(schema: Json) -> bool:
    kind = schema.get("type") if isinstance(schema, dict) else None
    kinds = kind if isinstance(kind, list) else [kind]
    return any(one in ("integer", "number", None) for one in kinds)


def _is_place(schema: Json) -> bool:
    """Whether it may be a place in a list: no moment, no object, no list."""
    if not isinstance(schema, dict):
        return True
    return "date" not in str(schema.get("format", "")) and schema.get("type") not in ("object", "array", "boolean")


def _is_same(here: str, there: str) -> bool:
    return unquote(here).rstrip("/") == unquote(there).rstrip("/")


def _ends_alike(here: str, there: str) -> bool:
    """Whether one path is the other below a prefix that a proxy adds or takes away."""
    one, other = unquote(here).rstrip("/"), unquote(there).rstrip("/")
    shorter, longer = sorted((one, other), key=len)
    return len(shorter) > 1 and longer.endswith(shorter) and shorter.startswith("/")


_LINK: Final = re.compile(r"<([^<>]{0,4000})>((?:\s*;\s*[\w*-]+\s*=\s*(?:\"[^\"]*\"|[^\s\",;]+))*)")


def _link_next(header: str) -> str:
    """The target of rel=next of a Link header, "" when there is none."""
    for match in re.finditer(
        r"<([^<>]{0,4000})>((?:\s*;\s*[\w*-]+\s*=\s*(?:\"[^\"]*\"|[^\s\",;]+))*)", header[:20_000]
    ):
        relation = re.search(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s\",;]+))", match[2], re.I)
        if relation and "next" in (relation[1] or relation[2] or "").lower().split():
            return match[1].strip()
    return ""


def with_parameters(request: Request, values: Mapping[str, str]) -> Request:
    """The request with these query parameters in place of those of the same name."""
    here = urlsplit(request.url)
    kept = [part for part in here.query.split("&") if part and unquote(part.partition("=")[0]) not in values]
    added = [f"{quote(name, safe='$[]')}={quote(value, safe='')}" for name, value in values.items()]
    return _replaced(request, "&".join([*kept, *added]))


def _with_query(request: Request, pairs: list[tuple[str, str]]) -> Request:
    return _replaced(request, "&".join(f"{quote(name, safe='$[]')}={quote(value, safe='')}" for name, value in pairs))


def _replaced(request: Request, query: str) -> Request:
    url = urlsplit(request.url)._replace(query=query).geturl()
    return Request(request.method, url, request.headers, request.content)

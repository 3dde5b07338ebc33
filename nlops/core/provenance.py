"""Where does the value of an argument come from? The gate against invented values, with no model in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from nlops.core.types import Json, Provenance, ProvenanceKind, Storable


@dataclass(frozen=True, slots=True)
class ComputedDate(Storable):
    """What the date tool made of the person's words."""

    #: the words
    expression: str
    #: first second, ISO 8601 with offset; None when it is open
    start: str | None
    #: last second, ISO 8601 with offset; None when it is open
    end: str | None


@dataclass(frozen=True, slots=True)
class ReturnedValue:
    """The response of an earlier call."""

    #: id of the call
    call_id: str
    #: name of its operation, for people
    operation: str
    #: its response as a JSON value
    response: Json


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything that a value may come from; each list newest first."""

    #: what the person said: this request, answers to clarifications, earlier messages
    said: Sequence[str] = ()
    #: what the date tool computed
    computed: Sequence[ComputedDate] = ()
    #: responses of succeeded calls
    returned: Sequence[ReturnedValue] = field(default_factory=tuple)


def trace(arguments: dict[str, Json], sources: Sources, schema: dict[str, Json]) -> dict[str, Provenance]:
    """JSON pointer (RFC 6901) of each leaf of `arguments` to where it comes from.

    `schema` is the JSON Schema of the arguments. A leaf is a scalar, an empty list or object, or a
    reference to a secret (`{"$secret": NAME}`). The first that fits wins:

    1. *secret*: the reference.
    2. *said*: the value is a whole word or phrase of what the person said. "user1" is not said by "user12"
       or "user1-old". Spaces and quotes don't matter; case does only in values with a digit or an
       underscore, and not in their first letter. A number is said by its value ("5", "five", "1,000"), a
       choice of an enum also in an inflected form ("reading" for "read"), true and false by the argument's
       name or its opposite ("enable", "locked", "without mfa", "disable"). A value made of nothing but
       words such as "new" or the argument's own name ("user" for username) is said only in quotes, after
       "named" or ":", or alone.
    3. *computed*: the same instant as an end of a computed range; a date alone: the same day.
    4. *returned*: equal to a scalar of an earlier response, preferably in a field of the argument's name.
       Values that occur everywhere (true, 3, "ok") count only in a field of that name.
       A value that was said with other capitals only, and stands exactly so in a field of the argument's name,
       was copied from there.
    5. *default*: the default of the schema, or its only choice.
    6. *invented*: none of these; always so for "", null, [] and {}.
    """
    found: dict[str, Provenance] = {}
    texts = [_Text(text) for text in sources.said]
    for pointer, path, value in _leaves(arguments, "", ()):
        names = [token for token in path if isinstance(token, str)]
        leaf = _Leaf(value, names[-1] if names else "", _schema_at(schema, path))
        found[pointer] = _origin(leaf, texts, sources)
    return found


def invented(provenance: dict[str, Provenance]) -> list[str]:
    """The pointers of the values that nobody said, computed or returned, in order."""
    return [pointer for pointer, origin in provenance.items() if origin.kind is ProvenanceKind.INVENTED]


# --- leaves -----------------------------------------------------------------------------------------------

_Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class _Leaf:
    value: Json
    #: name of the argument, or of the innermost field that holds the value
    name: str
    #: its schema, {} when unknown
    schema: dict[str, Json]


class _Text:
    """What the person said, ready for matching; positions are those of the original."""

    __slots__ = ("plain", "stems", "text", "words")

    def __init__(self, text: str) -> None:
        self.text = text
        blanked = _PLACEHOLDER.sub(lambda match: " " * len(match.group()), text)
        self.plain = blanked.translate(_QUOTES)
        self.words = [(match.group().lower(), match.span()) for match in _WORD.finditer(self.plain)]
        self.stems = [_stem(word) for word, _ in self.words]

    def find(self, stem: str) -> int:
        """Index of the first word with that stem, -1 when there is none."""
        return self.stems.index(stem) if stem in self.stems else -1

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Characters from the first to the last of these words."""
        return self.words[first][1][0], self.words[last][1][1]

    def said(self, span: tuple[int, int]) -> Provenance:
        """Provenance with the words around the value, at most some hundred characters of them."""
        start, end = span
        first = max(0, start - _CONTEXT) if len(self.text) > 3 * _CONTEXT else 0
        last = min(len(self.text), end + _CONTEXT) if len(self.text) > 3 * _CONTEXT else len(self.text)
        return Provenance(ProvenanceKind.SAID, (start - first, end - first), self.text[first:last])


_PLACEHOLDER: Final = re.compile(r"\[\[secret:[^\]\s]*\]\]")
_QUOTES: Final = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "\u00a0": " "})
_WORD: Final = re.compile(r"\w+")
#: Characters of the person's words that are kept on each side of a value.
_CONTEXT: Final = 200
#: Scalars of one response that are looked at.
_SCALARS: Final = 20_000


def _leaves(value: Json, pointer: str, path: _Path) -> Iterator[tuple[str, _Path, Json]]:
    if isinstance(value, dict) and value and set(value) != {"$secret"}:
        for key, item in value.items():
            yield from _leaves(item, f"{pointer}/{_escaped(str(key))}", (*path, str(key)))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _leaves(item, f"{pointer}/{index}", (*path, index))
    elif pointer:
        yield pointer, path, value


def _escaped(token: str) -> str:
    return token.replace("~", "~0").replace("/", "~1")


def _schema_at(schema: dict[str, Json], path: _Path) -> dict[str, Json]:
    """The schema of the value at the path: through $ref, properties, items and the branches of a combination."""
    here = [schema]
    for token in path:
        below: list[dict[str, Json]] = []
        for candidate in _expanded(here, schema):
            child = candidate.get("properties", {}).get(token) if isinstance(token, str) else candidate.get("items")
            if child is None and isinstance(token, str):
                child = candidate.get("additionalProperties")
            if isinstance(child, dict):
                below.append(child)
        here = below
    merged: dict[str, Json] = {}
    for candidate in _expanded(here, schema):
        merged = {**candidate, **merged}
    return merged


def _expanded(schemas: list[dict[str, Json]], root: dict[str, Json]) -> list[dict[str, Json]]:
    """The schemas with their references and branches, each once."""
    result: list[dict[str, Json]] = []
    seen: set[int] = set()
    waiting = list(schemas)
    while waiting and len(result) < 200:
        schema = waiting.pop(0)
        if id(schema) in seen:
            continue
        seen.add(id(schema))
        result.append(schema)
        reference = schema.get("$ref", "")
        if isinstance(reference, str) and reference.startswith("#/$defs/"):
            target = root.get("$defs", {}).get(reference.removeprefix("#/$defs/"))
            waiting.extend([target] if isinstance(target, dict) else [])
        for keyword in ("allOf", "anyOf", "oneOf"):
            waiting.extend(branch for branch in schema.get(keyword, ()) if isinstance(branch, dict))
    return result


def _origin(leaf: _Leaf, texts: Sequence[_Text], sources: Sources) -> Provenance:
    value = leaf.value
    if isinstance(value, dict) and set(value) == {"$secret"}:
        return Provenance(ProvenanceKind.SECRET)
    if value is None or value in ("", [], {}) or (isinstance(value, str) and not value.strip()):
        return Provenance(ProvenanceKind.INVENTED)
    for text in texts:
        if (span := _said(leaf, text)) is not None:
            # "alice" was said, "Alice" stands in the response's first_name: it was copied from there.
            copied = _returned(leaf, sources.returned) if text.text[slice(*span)] != value else None
            exact = copied is not None and _closeness(leaf.name, copied.path.rsplit("/", 1)[-1]) == 2
            return copied if copied is not None and exact and isinstance(value, str) else text.said(span)
    return (
        _computed(value, sources.computed)
        or _returned(leaf, sources.returned)
        or _default(leaf)
        or Provenance(ProvenanceKind.INVENTED)
    )


# --- said -------------------------------------------------------------------------------------------------


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


#: Words that name no thing: a value made of them alone was taken from the request's grammar.
_FILLERS: Final = _set(
    "a an the new some any all every each this that it its his her their my your our me you him them us i"
    " we and or of for in on at to from by with without as is are be was were has have please can could"
    " would should do does did create add make get show list find give fetch see view tell delete remove"
    " drop update change set edit rename details detail info information name named called id number value"
    " item items entry entries one ones thing user users group groups account accounts safe safes secret"
    " secrets password request requests"
)
_NAMING: Final = re.compile(r"(?:\b(?:named|called|titled|is|as|be)\s+|[:=]\s*)$", re.I)
_NUMBER: Final = re.compile(r"(?<![\w.,])(?<!\w-)-?\d+(?:,\d{3})*(?:\.\d+)?(?![\w])(?![.,]\d)")
_NUMBERS: Final = {
    **dict(
        zip(
            ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
            range(10),
            strict=True,
        )
    ),
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "fifteen": 15,
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "ninety": 90,
    "hundred": 100,
    "thousand": 1000,
}
_POINTING: Final = frozenset({"that", "this", "the", "which", "another", "no", "each", "every", "any"})
_NEGATIONS: Final = _set("not no never without non isn aren don doesn wasn weren")
#: Words of opposite states: (yes, no), as stems.
_STATES: Final = (
    (_set("enabl activ activat"), _set("disabl inactiv deactivat")),
    (_set("lock block suspend"), _set("unlock unblock unsuspend resum")),
    (_set("public"), _set("privat")),
    (_set("archiv"), _set("unarchiv")),
    (_set("verifi verify"), _set("unverifi")),
)
#: Abbreviations in names of arguments: what people say instead.
_SPELLED_OUT: Final = {
    "mfa": re.compile(r"\b(?:second|multi|two|2)[\s-]?factors?\b|\b2fa\b", re.IGNORECASE),
    "2fa": re.compile(r"\b(?:second|multi|two|2)[\s-]?factors?\b|\bmfa\b", re.IGNORECASE),
    "sso": re.compile(r"\bsingle[\s-]sign[\s-]?on\b", re.IGNORECASE),
}
_AUXILIARIES: Final = _set("is has be are should must may can do allow include includ with only flag")
_YES: Final = frozenset({"true", "yes", "on"})
_NO: Final = frozenset({"false", "no", "off"})


def _said(leaf: _Leaf, text: _Text) -> tuple[int, int] | None:
    """Where in the text the person said the value."""
    if isinstance(leaf.value, bool):
        return _said_boolean(leaf, text)
    if isinstance(leaf.value, (int, float)):
        return _said_number(float(leaf.value), text)
    if isinstance(leaf.value, str):
        return _said_phrase(leaf, text) or _said_choice(leaf, text)
    return None


def _said_phrase(leaf: _Leaf, text: _Text) -> tuple[int, int] | None:
    words = leaf.value.translate(_QUOTES).strip().strip("\"'").split()
    if not words or len(leaf.value) > len(text.text) + 20:
        return None
    choice = leaf.value in leaf.schema.get("enum", ())
    generic = not choice and all(w in _FILLERS or w in _name_words(leaf.name) for w in _lower_words(words))
    for pattern in _phrase_patterns(words):
        for match in pattern.finditer(text.plain):
            if not generic or _is_named(match, text.plain):
                return match.span()
    return None


def _phrase_patterns(words: list[str]) -> Iterator[re.Pattern[str]]:
    """The phrase as it is; then, with a full stop that the person left out taken off."""
    for phrase in dict.fromkeys((" ".join(words), " ".join(words).rstrip("."))):
        if not phrase:
            continue
        body = r"\s+".join(re.escape(word) for word in phrase.split(" "))
        flags = re.IGNORECASE
        if re.search(r"[\d_]", phrase) and "@" not in phrase:
            flags = re.RegexFlag(0)
            body = f"[{re.escape(phrase[0].lower())}{re.escape(phrase[0].upper())}]" + body[len(re.escape(phrase[0])) :]
        yield re.compile(rf"(?<![\w@])(?<!\w[./\\-]){body}(?![\w@])(?![./\\-]\w)", flags)


def _is_named(match: re.Match[str], text: str) -> bool:
    """True when the words stand in quotes, after "named", or are all that was said."""
    before, after = text[max(0, match.start() - 40) : match.start()], text[match.end() : match.end() + 1]
    quoted = before[-1:] in ("'", '"', "`") and after == before[-1:]
    return quoted or _NAMING.search(before) is not None or match.group().strip() == text.strip(" \t\r\n.!?\"'")


def _said_choice(leaf: _Leaf, text: _Text) -> tuple[int, int] | None:
    """A choice of an enum in an inflected form, all of its words, none of them negated."""
    if leaf.value not in leaf.schema.get("enum", ()):
        return None
    stems = [_stem(word) for word in _name_words(leaf.value)]
    said = [text.find(stem) for stem in stems]
    if not stems or -1 in said or any(_negated(text, index) for index in said):
        return None
    return text.span(min(said), max(said))


def _said_number(value: float, text: _Text) -> tuple[int, int] | None:
    for match in _NUMBER.finditer(text.plain):
        if float(match.group().replace(",", "")) == value:
            return match.span()
    for index, (word, span) in enumerate(text.words):
        if _NUMBERS.get(word) == value:
            before = text.words[index - 1][0] if index else ""
            if word != "one" or before not in _POINTING:
                return span
    return None


def _said_boolean(leaf: _Leaf, text: _Text) -> tuple[int, int] | None:
    """Yes or no: by the argument's name, by its opposite, or as the whole answer."""
    words = [word for word, _ in text.words]
    if len(words) == 1 and words[0] in _YES | _NO:
        return text.span(0, 0) if (words[0] in _YES) is leaf.value else None
    stems = [_stem(word) for word in _name_words(leaf.name)]
    content = [stem for stem in stems if stem not in _AUXILIARIES] or stems
    if (spelled := _spelled_out(stems, text)) is not None:
        said, index = spelled
        return text.span(index, index) if said is leaf.value else None
    positive, negative = _state_words(content)
    subject = [stem for stem in content if stem not in positive | negative]
    evidence = _of_subject(subject, negative, text) if subject else _of_state(positive, negative, text)
    for said, index in evidence:
        if said is leaf.value:
            return text.span(index, index)
    return None


def _spelled_out(stems: list[str], text: _Text) -> tuple[bool, int] | None:
    """ "enabled: false", "set mfa enabled to true": what is said after the argument's name, and where."""
    for index in range(len(text.stems) - len(stems) + 1):
        if stems and text.stems[index : index + len(stems)] == stems:
            for offset in range(index + len(stems), min(index + len(stems) + 2, len(text.words))):
                if (word := text.words[offset][0]) in ("true", "yes", "false", "no"):
                    return word in _YES, offset
    return None


def _state_words(content: list[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Stems that say yes and no of the state in the argument's name; of enabling when it names none."""
    for yes, no in _STATES:
        if any(stem in yes for stem in content):
            return yes, no
        if any(stem in no for stem in content):
            return no, yes
    return _STATES[0]


def _of_subject(subject: list[str], negative: frozenset[str], text: _Text) -> Iterator[tuple[bool, int]]:
    """ "with mfa", "disable mfa": yes or no for the thing that the name speaks of."""
    places = [_place_of(stem, text) for stem in subject]
    if -1 not in places:
        index = places[0]
        near = text.stems[max(0, index - 4) : index + 5]
        yield not (_negated(text, index) or any(stem in negative for stem in near)), index


def _place_of(stem: str, text: _Text) -> int:
    """Index of the first word that says it, also of what its letters stand for; -1 when there is none."""
    found = text.find(stem)
    spelled = _SPELLED_OUT[stem].search(text.plain) if found < 0 and stem in _SPELLED_OUT else None
    if spelled is None:
        return found
    return next(index for index, (_, span) in enumerate(text.words) if span[1] > spelled.start())


def _of_state(positive: frozenset[str], negative: frozenset[str], text: _Text) -> Iterator[tuple[bool, int]]:
    """ "lock", "locked", "unlock", "not locked": yes or no for the state itself."""
    for index, stem in enumerate(text.stems):
        if stem in positive or stem in negative:
            yield (stem in positive) is not _negated(text, index), index


def _negated(text: _Text, index: int) -> bool:
    return any(word in _NEGATIONS for word, _ in text.words[max(0, index - 2) : index])


def _name_words(name: str) -> list[str]:
    """Words of a snake, camel, kebab or dotted name, in small letters."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+", name)]


def _lower_words(words: Sequence[str]) -> list[str]:
    return [word.lower().strip(".,;:!?") for word in words]


def _stem(word: str) -> str:
    """The word without its English ending; good enough to compare two words of one root."""
    stem = word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word
    for ending in ("ing", "ion", "ure", "ed", "er", "e"):
        if stem.endswith(ending) and len(stem) - len(ending) >= 3:
            stem = stem[: -len(ending)]
            return stem[:-1] if stem[-1] == stem[-2] and stem[-1] not in "sl" else stem
    return stem


# --- computed ---------------------------------------------------------------------------------------------


def _computed(value: Json, computed: Sequence[ComputedDate]) -> Provenance | None:
    for date in computed:
        for end in (date.start, date.end):
            if end is not None and _same_instant(value, end):
                return Provenance(ProvenanceKind.COMPUTED, text=date.expression)
    return None


def _same_instant(value: Json, end: str) -> bool:
    """ISO 8601 with an offset, seconds or milliseconds since 1970, or the local day."""
    try:
        instant = datetime.fromisoformat(end)
        if isinstance(value, str):
            if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
                return value == end[:10]
            given = datetime.fromisoformat(value)
            return given.tzinfo is not None and given == instant
    except (ValueError, TypeError):
        return False
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value in (instant.timestamp(), instant.timestamp() * 1000)
    return False


# --- returned ---------------------------------------------------------------------------------------------

#: Strings that stand in most responses: equal ones prove nothing.
_COMMON: Final = _set(
    "true false null none yes no ok success active inactive enabled disabled pending open closed default"
    " user admin public private all name string unknown"
)


def _returned(leaf: _Leaf, returned: Sequence[ReturnedValue]) -> Provenance | None:
    """The best scalar that equals the value: same field name first, then a related one, then the newest."""
    best: tuple[int, Provenance] | None = None
    common = _is_common(leaf.value)
    for source in returned:
        for pointer, key, scalar in _scalars(source.response):
            if not _equal(leaf.value, scalar):
                continue
            closeness = _closeness(leaf.name, key)
            if (closeness or not common) and (best is None or closeness > best[0]):
                origin = Provenance(
                    ProvenanceKind.RETURNED, call_id=source.call_id, operation=source.operation, path=pointer
                )
                best = closeness, origin
        if best is not None and best[0] == 2:
            break
    return best[1] if best else None


def _scalars(response: Json) -> Iterator[tuple[str, str, Json]]:
    """Pointer, innermost field name and value of each scalar, in document order."""
    waiting: list[tuple[str, str, Json]] = [("", "", response)]
    count = 0
    while waiting and count < _SCALARS:
        pointer, key, value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend((f"{pointer}/{_escaped(str(k))}", str(k), v) for k, v in reversed(value.items()))
        elif isinstance(value, list):
            waiting.extend((f"{pointer}/{i}", key, value[i]) for i in range(len(value) - 1, -1, -1))
        else:
            count += 1
            yield pointer, key, value


def _equal(value: Json, scalar: Json) -> bool:
    if isinstance(value, bool) or isinstance(scalar, bool):
        return value is scalar
    if isinstance(value, str) and isinstance(scalar, int):
        return value == str(scalar)  # an id that goes into a path
    return type(value) is type(scalar) and bool(value == scalar)


def _is_common(value: Json) -> bool:
    if isinstance(value, bool):
        return True
    if isinstance(value, (int, float)):
        return abs(value) < 1000
    text = str(value)
    return len(text) < 3 or text.lower() in _COMMON or (text.isdigit() and len(text) < 4)


def _closeness(argument: str, key: str) -> int:
    """2: the same name; 1: one is the end of the other (id for user_id, username for name); else 0."""
    first, second = ("".join(_name_words(name)) for name in (argument, key))
    if first == second:
        return 2
    return int(bool(first and second) and (first.endswith(second) or second.endswith(first)))


# --- default ----------------------------------------------------------------------------------------------


def _default(leaf: _Leaf) -> Provenance | None:
    choices = leaf.schema.get("enum")
    only = choices if isinstance(choices, list) and len(choices) == 1 else []
    known = [leaf.schema[keyword] for keyword in ("default", "const") if keyword in leaf.schema] + only
    same = any(type(choice) is type(leaf.value) and choice == leaf.value for choice in known)
    return Provenance(ProvenanceKind.DEFAULT) if same else None

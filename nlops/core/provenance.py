"""Where does the value of an argument come from? The gate against invented values, with no model in it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from nlops.core import saying
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
       Korean particles don't belong to the value (user2를), nor a German genitive ("Bernds Konto"); a choice or a
       state may be said in Korean or German by the usual words that nlops.core.saying lists, for reads and writes
       alike: what a model translates beyond them is invented, which a read may keep (see checkpoints) and a write
       asks for. Texts are compared as typed, composed (NFC), and with full-width signs as usual ones (NFKC).
    3. *computed*: the same instant as an end of a computed range; a date alone: the same day.
    4. *returned*: equal to a scalar of an earlier response, preferably in a field of the argument's name.
       Values that occur everywhere (true, 3, "ok") count only in a field of that name.
       A value that was said with other capitals only, and stands exactly so in a field of the argument's name,
       was copied from there.
    5. *default*: the default of the schema, or its only choice.
    6. *invented*: none of these; always so for "", null, [] and {}.
    """
    found: dict[str, Provenance] = {}
    texts = [form for text in sources.said for form in _forms(text)]
    for pointer, path, value in _leaves(arguments, "", ()):
        names = [token for token in path if isinstance(token, str)]
        leaf = _Leaf(value, names[-1] if names else "", schema_at(schema, path))
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

    __slots__ = ("_places", "plain", "stems", "text", "words")

    def __init__(self, text: str, form: _Form | None = None) -> None:
        self.text = text
        blanked = _PLACEHOLDER.sub(lambda match: " " * len(match.group()), text)
        #: for each character of `plain` its first and next character in `text`; None when they are the same ones
        self._places: list[tuple[int, int]] | None = None
        if form is not None and not blanked.isascii():
            blanked, self._places = _normalised(blanked, form)
        self.plain = blanked.translate(_QUOTES)
        self.words = [(match.group().lower(), match.span()) for match in _WORD.finditer(self.plain)]
        self.stems = [_stem(word) for word, _ in self.words]

    def find(self, stem: str) -> int:
        """Index of the first word with that stem, -1 when there is none."""
        return self.stems.index(stem) if stem in self.stems else -1

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Characters from the first to the last of these words."""
        return self.words[first][1][0], self.words[last][1][1]

    def original(self, span: tuple[int, int]) -> tuple[int, int]:
        """A place in `plain` as a place in `text`."""
        if self._places is None or span[0] >= span[1]:
            return span
        return self._places[span[0]][0], self._places[span[1] - 1][1]

    def said(self, span: tuple[int, int]) -> Provenance:
        """Provenance with the words around the value, at most some hundred characters of them."""
        start, end = self.original(span)
        first = max(0, start - _CONTEXT) if len(self.text) > 3 * _CONTEXT else 0
        last = min(len(self.text), end + _CONTEXT) if len(self.text) > 3 * _CONTEXT else len(self.text)
        return Provenance(ProvenanceKind.SAID, (start - first, end - first), self.text[first:last])


_Form = Literal["NFC", "NFKC"]


def _forms(text: str) -> list[_Text]:
    """The text as it was typed, with é as one character, and with full-width signs as usual ones."""
    found = [_Text(text)]
    if not text.isascii():
        for form in _FORMS:
            other = _Text(text, form)
            if all(other.plain != known.plain for known in found):
                found.append(other)
    return found


def _normalised(text: str, form: _Form) -> tuple[str, list[tuple[int, int]]]:
    """The text in the form, without characters that nobody sees; and where each character was."""
    plain: list[str] = []
    places: list[tuple[int, int]] = []
    start = 0
    while start < len(text):
        end = start + 1
        while end < len(text) and _joins(text[end]):
            end += 1
        for character in unicodedata.normalize(form, text[start:end]):
            if unicodedata.category(character) != "Cf":
                plain.append(character)
                places.append((start, end))
        start = end
    return "".join(plain), places


def _joins(character: str) -> bool:
    """Whether it may become one character with the one before: accents, and the parts of a Korean syllable."""
    return unicodedata.combining(character) != 0 or "\u1160" <= character <= "\u11ff"


_FORMS: Final[tuple[_Form, ...]] = ("NFC", "NFKC")
_PLACEHOLDER: Final = re.compile(r"\[\[secret:[^\]\s]*\]\]")
_QUOTES: Final = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "\u00a0": " "})
#: Korean written onto another script is a word of its own: "MFA를".
_WORD: Final = re.compile(r"[\uac00-\ud7a3]+|[^\W\uac00-\ud7a3]+")
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


def pointer(path: Sequence[str | int]) -> str:
    """RFC 6901 JSON pointer of a path."""
    return "".join(f"/{_escaped(str(token))}" for token in path)


def _escaped(token: str) -> str:
    return token.replace("~", "~0").replace("/", "~1")


def schema_at(schema: dict[str, Json], path: _Path) -> dict[str, Json]:
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
            copied = _returned(leaf, sources.returned) if text.text[slice(*text.original(span))] != value else None
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
    "mfa": re.compile(rf"\b(?:second|multi|two|2)[\s-]?factors?\b|\b2fa\b|{saying.SPELLED_OUT}", re.IGNORECASE),
    "2fa": re.compile(rf"\b(?:second|multi|two|2)[\s-]?factors?\b|\bmfa\b|{saying.SPELLED_OUT}", re.IGNORECASE),
    "sso": re.compile(r"\bsingle[\s-]sign[\s-]?on\b", re.IGNORECASE),
}
_AUXILIARIES: Final = _set("is has be are should must may can do allow include includ with only flag")
_YES: Final = saying.YES | {"true", "yes", "on"}
_NO: Final = saying.NO | {"false", "no", "off"}


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
    # Composed characters stand for decomposed ones; others are other characters.
    value = unicodedata.normalize("NFC", leaf.value)
    words = value.translate(_QUOTES).strip().strip("\"'").split()
    if not words or len(leaf.value) > len(text.text) + 20:
        return None
    choice = leaf.value in leaf.schema.get("enum", ())
    generic = not choice and all(w in saying.FILLERS or w in _name_words(leaf.name) for w in _lower_words(words))
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
        opening = rf"{saying.before(phrase)}(?<!\w[./\\-])"
        yield re.compile(rf"{opening}{body}(?!@)(?![./\\-]\w)(?={saying.after(phrase)})", flags)
        if len(phrase) > 2 and phrase.isalpha() and phrase.isascii() and not phrase.lower().endswith("s"):
            yield re.compile(rf"(?<![\w@-]){phrase.capitalize()}(?={saying.GENITIVE})")


def _is_named(match: re.Match[str], text: str) -> bool:
    """True when the words stand in quotes, after "named", or are all that was said."""
    before, after = text[max(0, match.start() - 40) : match.start()], text[match.end() : match.end() + 1]
    quoted = before[-1:] in ("'", '"', "`") and after == before[-1:]
    named = saying.NAMING.search(before) or saying.NAMED.match(text, match.end())
    return quoted or named is not None or match.group().strip() == text.strip(" \t\r\n.!?\"'")


def _said_choice(leaf: _Leaf, text: _Text) -> tuple[int, int] | None:
    """A choice of an enum in an inflected form, all of its words, none of them negated."""
    if leaf.value not in leaf.schema.get("enum", ()):
        return None
    words = _name_words(leaf.value)
    said = [text.find(_stem(word)) for word in words]
    if words and -1 not in said and not any(_negated(text, index) for index in said):
        return text.span(min(said), max(said))
    elsewhere = saying.CHOICES.get(leaf.value.lower())
    found = elsewhere.search(text.plain) if elsewhere else None
    return found.span() if found else None


def _said_number(value: float, text: _Text) -> tuple[int, int] | None:
    for number, span in saying.numerals(text.plain):
        if number == value:
            return span
    for index, (word, span) in enumerate(text.words):
        before = text.words[index - 1] if index else ("", (0, 0))
        if before[0] in saying.ENGLISH_TENS and word in saying.ENGLISH_ONES:
            if saying.ENGLISH_TENS[before[0]] + saying.ENGLISH_ONES[word] == value:
                return before[1][0], span[1]
        elif saying.NUMBERS.get(word) == value and (word != "one" or before[0] not in _POINTING):
            following = text.words[index + 1][0] if index + 1 < len(text.words) else ""
            if word not in saying.ENGLISH_TENS or following not in saying.ENGLISH_ONES:
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
    return None if subject else _said_elsewhere(stems, leaf.value, text)


def _said_elsewhere(stems: list[str], value: bool, text: _Text) -> tuple[int, int] | None:
    """The state in Korean or German: "잠금 해제", "deaktiviere"."""
    for names, yes, no in saying.STATES:
        if any(stem in names for stem in stems):
            opposite = any(stem in saying.OPPOSITES for stem in stems)
            found = (yes if value is not opposite else no).search(text.plain)
            return found.span() if found else None
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
    found = {stem: _place_of(stem, text) for stem in subject}
    # What is to be done with it goes without saying, or is said in another language: require_mfa.
    places = [place for stem, place in found.items() if place >= 0 or stem != "requir" or len(found) == 1]
    if -1 not in places:
        index = places[0]
        near = text.stems[max(0, index - 4) : index + 5]
        start, end = text.words[index][1]
        without = saying.WITHOUT.search(text.plain, max(0, start - 12), end + 15)
        yield not (_negated(text, index) or without or any(stem in negative for stem in near)), index


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

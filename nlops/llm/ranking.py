"""How well each operation answers a clause: what it explains of the words, and what of its own words was not said.

`retrieval` finds the operations that may be meant among many; here the few of them are told apart. A word counts by
how few of them explain it, other words for one thing count almost as much as the thing's own, and so do phrases that
mean it (thesaurus).
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nlops.core import lexicon, thesaurus, wording
from nlops.core.retrieval import EACH, OperationIndex, Profile, closeness, is_procedure
from nlops.core.thesaurus import stem
from nlops.core.types import Tool
from nlops.core.wording import Clause, Token, base, split_name
from nlops.llm.coverage import places_of_all
from nlops.llm.filling import LIMITS, TECHNICAL, resolved
from nlops.llm.references import segment_nouns

#: What a word counts by where the operation has it.
TITLE: Final = 0.8
ARGUMENTS: Final = 0.5
REST: Final = 0.3
_PLACES: Final = {"thing": 1.0, "path": 0.95, "title": 0.9, "name": 0.9, "arguments": 0.55, "rest": REST}
#: A word that means the same as one of the operation's.
_SYNONYM: Final = 0.9
#: A word that is made from one of the operation's, and the letters that both begin with.
_KIN: Final = 0.9
_MADE_FROM: Final = 5
#: Weights of what is said.
_HEAD: Final = 1.5
_CONTAINER: Final = 1.4
_VERB: Final = 1.2
_PHRASE: Final = 1.6
_SINGLE: Final = 0.4
#: Of a word in a phrase that the thesaurus explains.
_EXPLAINED: Final = 0.3
#: For each of the operation's words that was not said.
_UNSAID: Final = 0.93
_INFO_WORDS: Final = wording.word_set("info information details")
_INFO: Final = tuple((stem(word), 1.0) for word in sorted(_INFO_WORDS))
#: How APIs say "my".
_OWN: Final = tuple((stem(word), 1.0) for word in ("authenticated", "current", "me", "my", "own", "self"))
#: Words of titles that say nothing of their own.
_EMPTY: Final = wording.word_set(
    "return returns given specific based associated related certain single multiple support allow allows current api"
    " method methods object objects resource resources entity endpoint operation information details item data id ids"
    " name list one using via new existing info retrieve retrieves fetch fetches gets lists"
)


#: What takes something back is done only when it is asked for.
_UNDOING: Final = frozenset(
    {"delete", "revoke", "cancel", "stop", "disable", "reject", "unstar", "unarchive", "logout"}
)
_UNASKED: Final = 0.5
#: The verb of the request is the end of the operation's path.
_OWN_VERB: Final = 1.4
#: For each thing that is named beside its kind and that no argument takes.
_HOMELESS: Final = 0.4
#: "the latest movie": GET /movie/latest.
_QUALIFIED: Final = 2.0
#: What is for administrators is meant when it is said.
_ADMIN: Final = 0.6
#: Something is named that no argument takes.
_UNTAKEN: Final = 0.6
#: "sign out everybody": POST /logout-all.
_FOR_ALL: Final = 1.5
#: For each value that a procedure needs and that nobody said.
_MISSING: Final = 0.7
#: The operation's verb may mean the request's, or hardly.
_NEAR: Final = 0.5
_FAR: Final = 0.25
_ALL_SAID: Final = 1.2
_MOST_UNSAID: Final = 8
_LEAST: Final = 0.05
_SHARE: Final = 2.5


#: Words that often say nothing, and sometimes which operation is meant: "the profile of user u-7".
_SOFT: Final = wording.word_set("profile record summary card overview info information details")


@dataclass(frozen=True, slots=True)
class Face:
    """An operation as its words show it."""

    #: stem to the most that it counts
    words: Mapping[str, float]
    #: stems of the words of path and title that tell it from others
    own: frozenset[str]


@dataclass(frozen=True, slots=True)
class Unit:
    """Something said: any of these stems explains it."""

    stems: tuple[tuple[str, float], ...]
    weight: float


@functools.lru_cache(maxsize=4096)
def _stems(text: str) -> tuple[str, ...]:
    words = [word for part in text.split() for word in split_name(part)]
    kept = [word for word in words if len(word) > 1 and not wording.is_function_word(word) and not word.isdigit()]
    return tuple(stem(base(word)) for word in kept)


def face(tool: Tool, found: Profile) -> Face:
    """The words of an operation by their places."""
    return _face(
        tool.name, tool.path, tool.summary, tool.description, tool.service, _arguments(tool), _told(tool), found.target
    )


def _scope(text: str) -> set[str]:
    """Words that qualify what is meant: the latest, the available, the default ones."""
    return {stem(word) for part in text.split() for word in split_name(part) if word in _SCOPES}


_SCOPES: Final = wording.QUALIFIERS | {"available"}


def _arguments(tool: Tool) -> str:
    texts = []
    for name in tool.properties:
        choices = resolved(tool, name).get("enum")
        texts += [name, *map(str, choices if isinstance(choices, list) else ())]
    return " ".join(texts)


@functools.lru_cache(maxsize=4096)
def _face(
    name: str, path: str, summary: str, description: str, service: str, arguments: str, told: str, target: str
) -> Face:
    title = summary or description.split(". ")[0][:200]
    parameters = {word for part in re.findall(r"{([^{}]+)}", path) for word in split_name(part)}
    name = " ".join(word for word in split_name(name) if word not in parameters)
    static = " ".join(part for part in path.split("/") if not part.startswith("{")).replace(".", " ")
    places = {
        "rest": f"{description} {service} {told}",
        "arguments": arguments,
        "name": name,
        "title": title,
        "path": static,
        "thing": target,
    }
    words: dict[str, float] = {}
    for place, text in places.items():
        for one in _stems(text):
            words[one] = max(words.get(one, 0.0), _PLACES[place])
    own = {*_stems(static), *_stems(title), *_scope(static), *_scope(title)} - {stem(word) for word in _EMPTY}
    return Face(words, frozenset(own))


def rank(
    clause: Clause, index: OperationIndex, tools: Mapping[str, Tool], context: Sequence[str] = ()
) -> list[tuple[str, float]]:
    """All operations with their scores, best first."""
    found = [profile for profile in index.profiles if profile.name in tools]
    faces = {profile.name: face(tools[profile.name], profile) for profile in found}
    units, groups = _units(clause, index, context)
    spread = [sum(_explains(one, unit) > 0.5 for one in faces.values()) for unit in units]
    weights = [unit.weight * math.log(1.5 + len(found) / (1 + seen)) for unit, seen in zip(units, spread, strict=True)]
    total = sum(weights) or 1.0
    said = {word for unit in units for word, _ in unit.stems}
    nouns = frozenset(noun for word in (*clause.nouns, *clause.qualifiers, *context) for noun in index.meanings(word))
    scores = []
    for profile in found:
        shown = faces[profile.name]
        share = sum(w * _explains(shown, unit) for w, unit in zip(weights, units, strict=True)) / total
        verb = _verb_fit(profile, groups)
        unsaid = len(shown.own - said - _verb_stems(profile))
        if profile.groups & _UNDOING and not _UNDOING.intersection(groups):
            verb *= _UNASKED
        verb *= _OWN_VERB if ends_with_verb(profile, clause) else 1.0
        verb *= _HOMELESS ** _homeless(tools[profile.name], clause, index)
        verb *= _QUALIFIED if profile.target in clause.qualifiers else 1.0
        verb *= _ADMIN if "admin" in shown.own and "admin" not in said else 1.0
        if EACH.search(clause.text) and "all" in split_name(tools[profile.name].path):
            verb *= _FOR_ALL
        verb *= _ALL_SAID if not unsaid else 1.0
        score = (
            (_LEAST + share) ** _SHARE
            * verb
            * _UNSAID ** min(unsaid, _MOST_UNSAID)
            * _slots(profile, tools[profile.name], clause)
        )
        scores.append((profile.name, score * closeness(profile, clause, nouns, index.targets)))
    return sorted(scores, key=lambda pair: -pair[1])


def explains(shown: Face, noun: str) -> float:
    """How far the operation accounts for a word: TITLE or more, ARGUMENTS, REST, or 0."""
    return max((_counts(shown, word) * share for word, share in _forms(noun, noun)), default=0.0)


def _counts(shown: Face, word: str) -> float:
    """What a stem counts: its own, or a bit less where one is made from the other: contribut, contributor."""
    if word in shown.words or len(word) < _MADE_FROM:
        return shown.words.get(word, 0.0)
    kin = [value for other, value in shown.words.items() if other.startswith(word) or _begins(word, other)]
    return _KIN * max(kin, default=0.0)


def _begins(word: str, other: str) -> bool:
    return len(other) >= _MADE_FROM and word.startswith(other)


def _explains(shown: Face, unit: Unit) -> float:
    return max((_counts(shown, word) * share for word, share in unit.stems), default=0.0)


def _units(clause: Clause, index: OperationIndex, context: Sequence[str]) -> tuple[list[Unit], tuple[str, ...]]:
    """What is said, and the groups of the verb: those of a phrase that the thesaurus knows, else the verb's own."""
    values = set(clause.values)
    read = [
        (place, token) for place, token in enumerate(clause.tokens) if not (token.mark or token.secret or token.quoted)
    ]
    stems = [thesaurus.shape(token.lower) or stem(token.lower) for _, token in read]
    said = [one for one in thesaurus.meanings(stems) if one.length > 1 or read[one.start][0] not in values]
    explained = {at for one in said if one.length > 1 for at in range(one.start, one.end)}
    wholes = places_of_all(clause.tokens)
    units = []
    for at, (place, token) in enumerate(read):
        soft = token.lower in _SOFT
        if place in values or (
            wording.is_function_word(token.lower) and token.lower not in wording.QUALIFIERS and not soft
        ):
            continue
        if token.lower == "member" and [other.lower for _, other in read[at - 1 : at + 2 : 2]] == ["a", "of"]:
            continue  # "what groups is frank a member of"
        weight = _EXPLAINED if at in explained or token.lower in _INFO_WORDS else 1.0
        if token.base == clause.verb:
            weight *= 0.3 if wording.is_generic(token.base) else _VERB
        elif token.base == clause.head:
            weight *= _HEAD
        elif place in wholes:
            weight *= _EXPLAINED
        elif token.base == clause.container:
            weight *= _CONTAINER
        units.append(Unit(_INFO if token.lower in _INFO_WORDS else _forms(token.base, token.lower), weight))
    units += [Unit(_forms(noun, noun), _HEAD) for noun in context]
    if any(token.lower in ("my", "me", "i") for _, token in read):
        units.append(Unit(_OWN, _EXPLAINED))
    if clause.verb and clause.groups and all(token.base != clause.verb for _, token in read):
        units.append(Unit(_forms(clause.verb, clause.verb), _VERB))  # "take … out" is remove
    for one in said:
        units.append(Unit(tuple((term, 1.0) for term in one.entry.terms), _PHRASE if one.length > 1 else _SINGLE))
    groups = tuple(dict.fromkeys(group for one in said if one.length > 1 for group in one.entry.groups))
    return units, tuple(dict.fromkeys((*clause.groups, *groups)))


@functools.lru_cache(maxsize=8192)
def _forms(word: str, written: str) -> tuple[tuple[str, float], ...]:
    """Stems by which an operation may have the word."""
    forms = {stem(other): _SYNONYM for other in wording.synonyms(word)}
    forms |= {stem(other): 1.0 for other in (word, written, *lexicon.lemmas(written))}
    return tuple(forms.items())


def _verb_stems(profile: Profile) -> set[str]:
    return {stem(word) for word in profile.words if set(wording.verb_groups(word)) & profile.groups}


def _verb_fit(profile: Profile, groups: tuple[str, ...]) -> float:
    if not groups:
        return 1.0
    if groups[0] in profile.groups:
        return 1.0
    if set(groups) & profile.groups:
        return 0.92
    return _NEAR if wording.near_groups(groups) & profile.groups else _FAR


def _takes_more(tool: Tool, profile: Profile) -> bool:
    """Whether an argument beside those of the path may take what is said."""
    free = set(tool.properties) - set(segment_nouns(profile.path))
    return bool({"".join(split_name(name)) for name in free} - TECHNICAL - LIMITS)


def ends_with_verb(profile: Profile, clause: Clause) -> bool:
    """ "fork the repository": POST /repos/{owner}/{repo}/forks."""
    if not clause.verb or wording.is_generic(clause.verb) or profile.method in ("GET", "HEAD"):
        return False
    last = split_name(profile.path.rstrip("/").rsplit("/", 1)[-1].rsplit(".", 1)[-1])
    return len(last) == 1 and stem(base(last[0])) == stem(clause.verb)


def _homeless(tool: Tool, clause: Clause, index: OperationIndex) -> int:
    """Things named beside their kind that the operation has no place for: the movie of "the cast of movie 550"."""
    homes = _homes(tool.path, " ".join(tool.properties), _told(tool, only_ids=True))
    count = 0
    for place in clause.values:
        token = clause.tokens[place]
        if token.possessive and not tool.path.count("{") and tool.method not in ("GET", "HEAD"):
            count += 1
        kind = _kind_beside(clause, place, index)
        if kind is None:
            continue
        kinds = {word for word, _ in _forms(kind.base, kind.lower)}
        joined = f"{clause.tokens[place - 2].base}{kind.base}" if place > 1 else ""
        if joined in index.vocabulary:
            kinds = {stem(joined)}  # "user group S1": the argument usergroup
        count += not kinds & homes
    return count


def _kind_beside(clause: Clause, place: int, index: OperationIndex) -> Token | None:
    """The word for its kind that a name stands beside: "user u-7", "the Sales group"."""
    before = clause.tokens[place - 1] if place else None
    after = clause.tokens[place + 1] if place + 1 < len(clause.tokens) else None
    if clause.tokens[place].quoted or clause.tokens[place].possessive:
        return None
    for kind in (before, after):
        if kind is None or kind.text != kind.base or kind.base in ("name", "year", "number"):
            continue
        if kind.base != clause.verb and wording.is_noun(kind, index.vocabulary):
            return kind
    return None


def _told(tool: Tool, *, only_ids: bool = False) -> str:
    """What is told of the arguments, or of those only whose names don't say what they are for."""
    names = [name for name in tool.properties if not only_ids or set(split_name(name)) <= _BARE]
    return " ".join(str(resolved(tool, name).get("description") or "") for name in names)


_BARE: Final = wording.word_set("id ids ts timestamp key name query q value ref number code slug uuid alias")


@functools.lru_cache(maxsize=4096)
def _homes(path: str, arguments: str, told: str) -> frozenset[str]:
    """Stems of the kinds of things that the operation's arguments take."""
    segments = " ".join(segment_nouns(path).values())
    return frozenset((*_stems(arguments), *_stems(told), *_stems(segments)))


def _slots(profile: Profile, tool: Tool, clause: Clause) -> float:
    count = clause.named_things + clause.refers
    if is_procedure(profile.path):
        count = min(count, len(tool.required))
        return _MISSING ** max(len(tool.required) - count, 0)
    if clause.groups[:1] == ("create",) and clause.head and count:
        count -= 1  # it names the new thing
    if count > profile.slots and not _takes_more(tool, profile):
        return _UNTAKEN
    needed = len(set(tool.required) - set(segment_nouns(profile.path))) if profile.method == "GET" else 0
    missing = max(profile.slots + needed - count, 0) - max(profile.slots - count, 0)
    return 0.8**missing * 0.72 ** max(profile.slots - count, 0) * 0.93 ** min(max(count - profile.slots, 0), 3)

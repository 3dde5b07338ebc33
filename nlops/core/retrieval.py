"""Which operations is a request about? BM25 over their descriptions, corrected by what the verb, the thing and the
values of the request say; beside it, for requests in other words than the description's, a wide search. No model, no
I/O; an index over 1,200 operations answers within a millisecond."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import bm25s
import numpy as np

from nlops.core import wording
from nlops.core.wide_search import WideIndex
from nlops.core.wording import Clause, base, split_name, word_set

_METHODS: Final = ("GET", "HEAD", "OPTIONS", "TRACE", "POST", "PUT", "PATCH", "DELETE", "QUERY")
_FIRST_LINE: Final = re.compile(rf"(?:{'|'.join(_METHODS)}) /\S*")
#: What an operation of the method does when its words don't say.
_METHOD_GROUPS: Final = {
    "GET": ("read",),
    "HEAD": ("read",),
    "POST": ("create",),
    "PUT": ("update",),
    "PATCH": ("update",),
    "DELETE": ("delete",),
}
#: Segments of a path that name no thing.
_NO_NOUN: Final = re.compile(r"(?:api|rest|v\d+(?:\.\d+)*|\d{4}-\d{2}-\d{2}|public|json|\d+)", re.IGNORECASE)
#: Lines of an operation's text; what is no such text has fewer.
_LINES: Final = 7
#: Operations that are looked at more closely, for each one that is wanted.
_SHORTLIST: Final = 60


def document(
    *,
    name: str,
    method: str = "",
    path: str = "",
    summary: str = "",
    description: str = "",
    service: str = "",
    parameters: Iterable[str] = (),
    hints: str = "",
    synonyms: str = "",
) -> str:
    """The text under which an operation is found, one aspect a line.

    The first line is method and path, from which the index also learns how many values a request has to name. `hints`
    (values that arguments take, what the service is for) count in the wide search only. `synonyms`: what people also
    call the thing that it is about, words or phrases with commas between them.
    """
    sentence = first_sentence(description)
    lines = (
        f"{method.upper()} {path}".strip(),
        summary,
        summary,
        " ".join(split_name(name)),
        service,
        sentence if sentence != summary else "",
        " ".join(" ".join(split_name(parameter)) for parameter in parameters),
        hints,
        *([synonyms] if synonyms else ()),
    )
    return "\n".join(" ".join(line.split())[:600] for line in lines)


def amended(text: str, service: str, synonyms: str) -> str:
    """A text that `document` made, with another service's name and with what people also call it."""
    lines = text.split("\n")
    if len(lines) < _LINES:
        return text
    lines += [""] * (9 - len(lines))
    lines[4], lines[8] = " ".join(service.split()), " ".join(synonyms.split())
    return "\n".join(lines)


def first_sentence(text: str) -> str:
    """The first sentence of a description, at most 300 characters."""
    return re.split(r"(?<=[.!?])\s|\n", text.strip(), maxsplit=1)[0][:300]


@dataclass(frozen=True, slots=True)
class Profile:
    """What an operation's description says of its place among the others."""

    #: the name under which it was given
    name: str
    #: HTTP method in capitals, "" when unknown
    method: str
    #: path template, "" when unknown
    path: str
    #: groups of its verb, see wording.VERB_GROUPS
    groups: frozenset[str]
    #: base forms of the things in its path, in order
    path_nouns: tuple[str, ...]
    #: base forms of all words in its path's fixed segments but its verb
    path_words: tuple[str, ...]
    #: the last of them, or the first noun of its summary
    target: str
    #: values that its path needs
    slots: int
    #: its path ends with one of them
    ends_with_slot: bool
    #: it tells numbers: how many things there are
    counts: bool
    #: base forms of the nouns of its summary, in order
    summary_nouns: tuple[str, ...]
    #: base forms of all its words
    words: frozenset[str]
    #: its words but those of the description's sentence: what it can be called by
    vocabulary: frozenset[str]
    #: its words for the index, repeated by their weight
    terms: tuple[str, ...]
    #: base forms of what people also call its target
    aliases: frozenset[str]


def profile(name: str, text: str) -> Profile:
    """Read a text that `document` made; any other text is taken as words only."""
    lines = text.split("\n")
    if not _FIRST_LINE.fullmatch(lines[0]) or len(lines) < _LINES:
        lines = ["", text.replace("\n", " "), "", "", "", "", ""]
    method, _, path = lines[0].partition(" ")
    segments = [part for part in path.split("/") if part]
    words = [word for part in segments for word in ([part] if part.startswith("{") else part.split("."))]
    static = [part for part in words if not part.startswith("{") and not _NO_NOUN.fullmatch(part)]
    summary, called = _words(lines[1]), _words(lines[3])
    groups, action = _groups(method, static, summary, called, procedure=is_procedure(path))
    path_words = tuple(base(word) for part in static if part != action for word in split_name(part))
    nouns = tuple(base(word) for part in static if part != action for word in split_name(part)[-1:])
    if segments and segments[0].startswith("{"):
        nouns = (*(base(word) for word in split_name(segments[0])[:1]), *nouns)
    summary_nouns = tuple(word for word in map(base, summary) if _is_content(word))
    also = lines[8].split(",") if len(lines) > 8 else []
    parts = [lines[1], lines[2], " ".join(split_name(path)), lines[3], lines[4], lines[6], " ".join(also)]
    known = [word for part in parts for word in map(base, _words(part)) if _is_content(word)]
    said = [word for word in map(base, _words(lines[5])) if _is_content(word)]
    slots = len(re.findall(r"\{[^{}]+\}", path))
    last_static = [base(word) for part in static[-1:] for word in split_name(part)]
    return Profile(
        name=name,
        method=method,
        path=path,
        groups=groups,
        path_nouns=nouns,
        path_words=path_words,
        target=nouns[-1] if nouns else next(iter(summary_nouns), ""),
        slots=slots,
        ends_with_slot=bool(segments) and segments[-1].startswith("{"),
        counts="read" in groups and not slots and bool(_COUNTING & {*map(base, _words(" ".join(lines[1:6])))}),
        summary_nouns=summary_nouns,
        words=frozenset((*known, *said)),
        vocabulary=frozenset((*known, *last_static)) - _inner_words(lines[6], lines[1:5]),
        terms=(*known, *said),
        aliases=frozenset(base(phrase.split()[-1]) for phrase in also if phrase.split()),
    )


def _inner_words(arguments: str, others: Sequence[str]) -> frozenset[str]:
    """Words that stand in arguments' names only and say nothing alone: "max" of password_max_age_days."""
    elsewhere = {base(word) for line in others for word in _words(line)}
    return (_UNTOLD & {base(word) for word in _words(arguments)}) - elsewhere


_COUNTING: Final = word_set("count statistic number total")

#: Words in the names of arguments that people are called by, or that name nothing.
_UNTOLD: Final = word_set("max min per is has page mark bill will grant chase rich art dean")


def is_procedure(path: str) -> bool:
    """The path calls a procedure by its name, /chat.postMessage, whose values are all in the arguments."""
    return re.search(r"[a-z]\.(?!json$|xml$)[a-z]\w*$", path) is not None


def _groups(
    method: str, static: Sequence[str], summary: list[str], called: list[str], *, procedure: bool = False
) -> tuple[frozenset[str], str]:
    """The verb groups of an operation, and the segment of its path that is its verb ("" for none)."""
    groups: list[str] = []
    first = _first_groups(summary)
    named = next((wording.verb_groups(base(word)) for word in called if wording.verb_groups(base(word))), ())
    groups += first or named
    action = ""
    if len(static) > 1 and procedure and wording.verb_groups(base(static[-1])):
        action = static[-1]
        groups += wording.verb_groups(base(action))
    elif static and method in ("POST", "PUT", "PATCH"):
        last = split_name(static[-1])
        if wording.verb_groups(base(last[0])) and not static[-1].endswith("s"):
            verb = wording.verb_groups(base(last[0]))
            if not wording.is_noun_verb(base(last[0])) or set(verb) & set(groups):
                action = static[-1]
                groups += verb
    own = _METHOD_GROUPS.get(method, ())
    if method in ("GET", "HEAD", "DELETE", "PATCH") or not groups or (method == "PUT" and not set(groups) - {"grant"}):
        groups += own
    return frozenset(groups), action


def _first_groups(words: list[str]) -> tuple[str, ...]:
    for index, word in enumerate(words[:2]):
        following = words[index + 1] if index + 1 < len(words) else ""
        joined = wording.phrasal(word, following)
        groups = wording.verb_groups(joined or base(word))
        if groups and (index == 0 or not wording.is_noun_verb(base(word))):
            return groups
    return ()


def _words(text: str) -> list[str]:
    return [word for part in text.split() for word in split_name(part)]


def _is_content(word: str) -> bool:
    return len(word) > 1 and word not in wording.STOP_WORDS and not word.isdigit()


_NO_STANDING: Final[Mapping[str, float]] = {}


class OperationIndex:
    """Ranks operations for a request. Built from (name, text) pairs, the text by `document`; can be pickled."""

    def __init__(self, documents: Iterable[tuple[str, str]], standing: Mapping[str, float] = _NO_STANDING) -> None:
        """`standing`: name to a factor for what counts less (deprecated) or more (important) than its equals."""
        documents = list(documents)
        self.profiles = [profile(name, text) for name, text in documents]
        self.by_name = {found.name: found for found in self.profiles}
        #: base forms of all words that an operation can be called by
        self.vocabulary = wording.Vocabulary(
            frozenset().union(*(found.vocabulary for found in self.profiles)),
            frozenset(pair for found in self.profiles for pair in pairwise(found.terms)),
        )
        #: names of their services, those of most operations first
        self.services = [name for name, _ in Counter(_service(text) for _, text in documents).most_common() if name]
        #: a word that only people use to the thing that most of the operations called so are about
        self._meant = _meant(self.profiles)
        #: the things that operations are about
        self.targets = frozenset(found.target for found in self.profiles)
        self._slots = np.array([found.slots for found in self.profiles], dtype=np.float32)
        self._groups = sorted({group for found in self.profiles for group in found.groups})
        self._has_group = {
            group: np.array([group in found.groups for found in self.profiles]) for group in self._groups
        }
        self._bm25 = bm25s.BM25(k1=1.2, b=0.4)
        if self.profiles:
            self._bm25.index([list(found.terms) or [""] for found in self.profiles], show_progress=False)
        self._standing = np.array([standing.get(found.name, 1.0) for found in self.profiles], dtype=np.float32)
        self._wide = WideIndex(self.profiles, [text for _, text in documents], self._standing)
        self._lists = {found.path.rstrip("/"): found.name for found in self.profiles if found.method == "GET"}

    def analyse(self, text: str) -> Clause:
        """Read a clause with the words of these operations."""
        return wording.analyse(text, self.vocabulary)

    def rank(self, request: str, k: int) -> list[tuple[str, float]]:
        """The best k operations with their scores, best first; those without any common word are left out."""
        return self.rank_clause(self.analyse(request), k)

    def rank_clause(self, clause: Clause, k: int, context: Sequence[str] = ()) -> list[tuple[str, float]]:
        """`rank` for a clause; `context` names things that it is about without saying so."""
        if not self.profiles or k < 1:
            return []
        nouns = [noun for said in (*clause.nouns, *context) for noun in self._expand(said)]
        terms = [*nouns, *(word for word in clause.qualifiers if word in self.vocabulary)]
        if clause.groups[:1] == ("require",):
            terms.append(clause.verb)  # names of settings begin with it: require_mfa
        scores = self._bm25.get_scores(terms) if terms else np.zeros(len(self.profiles), dtype=np.float32)
        if clause.groups:
            fits = self._verb_fit(clause.groups)
            # A verb alone ("disable bob") still tells something where no thing is named.
            scores = (scores + 0.3 * (fits >= 0.9)) * fits
        count = clause.named_things + clause.refers
        if clause.groups[:1] == ("create",) and clause.head and count:
            count -= 1  # it names the new thing
        missing = np.maximum(self._slots - count, 0)
        spare = np.maximum(count - self._slots, 0)
        scores = scores * self._standing * 0.72**missing * 0.93 ** np.minimum(spare, 3)
        best = np.argsort(-scores, kind="stable")[: max(_SHORTLIST, 2 * k)]
        said = frozenset(terms)
        judged = [
            (
                self.profiles[index].name,
                float(scores[index]) * closeness(self.profiles[index], clause, said, self.targets),
            )
            for index in best
            if scores[index] > 0
        ]
        judged.sort(key=lambda pair: -pair[1])
        return judged[:k]

    def is_flat(self, request: str) -> bool:
        """Whether the words of the request, or of one of its actions, rank no operation before others.

        The tenth is worth more than half of the first, and the two searches don't agree on who comes first.
        """
        return any(map(self._is_flat, split_actions(request)))

    def _is_flat(self, part: str) -> bool:
        clause = self.analyse(part)
        sure, (wide, _) = self.rank_clause(clause, _FIRST), self._wide.rank(clause, _FIRST)
        if not sure or not wide:
            return True
        both = {name for name, _ in sure[:_AGREE]} & {name for name, _ in wide[:_AGREE]}
        return len(wide) == _FIRST and wide[-1][1] > _FLAT * wide[0][1] and len(both) < 2

    def select(self, request: str, context: str, limit: int, raised: Sequence[str] = (), words: str = "") -> list[str]:
        """Names of the operations for a request of one or several actions, best first, at most `limit`.

        `context` (what the conversation was about) fills up what "delete that one" leaves open. With operations that
        take an id come those that list such things: people say names. `raised`: names that were right for requests
        like this one; they come first. `words`: a model's search words for the request.
        """
        parts = split_actions(request)
        clauses = {part: self.analyse(part) for part in (words, request, *parts, context) if part}
        for part in parts:
            many = each_of(clauses[part]) if part else None
            if many and many.listed not in clauses:
                clauses[many.listed] = self.analyse(many.listed)
        found = _interleaved([self._found(clause, limit) for clause in clauses.values()])
        chosen = list(dict.fromkeys((*(name for name in raised if name in self.by_name), *found)))
        chosen = list(dict.fromkeys((*chosen[:_FIRST], *self._companions(chosen), *chosen[_FIRST:])))
        return chosen[:limit] or list(self.by_name)[:limit]

    def _found(self, clause: Clause, k: int) -> list[str]:
        """Names of the operations for a clause: those of both searches by turns, the surer one's first."""
        sure = self.rank_clause(clause, k)
        wide, phrased = self._wide.rank(clause, k)
        rankings = [[name for name, _ in ranking] for ranking in (sure, wide)]
        return _interleaved(rankings[::-1] if phrased else rankings)

    def _companions(self, names: Sequence[str]) -> Iterator[str]:
        """The lists that tell the ids in the paths of the first names."""
        for name in names[:_ACCOMPANIED]:
            yield from (self._lists[prefix] for prefix in _prefixes(self.by_name[name].path) if prefix in self._lists)

    def _expand(self, noun: str) -> list[str]:
        """The word itself, or where no operation uses it, other words for the same thing."""
        if noun in self._meant:
            return [noun, self._meant[noun]]
        if noun in self.vocabulary:
            return [noun]
        others = sorted(wording.synonyms(noun) & self.vocabulary.words)
        if wording.usual(noun) in others:
            return [wording.usual(noun)]
        related = wording.related(noun, self.vocabulary)
        return others or (
            [related] if related else [part for part in map(base, noun.split("-")) if part in self.vocabulary]
        )

    def meanings(self, noun: str) -> frozenset[str]:
        """The words of these operations that a word of the person may mean."""
        return frozenset(self._expand(noun))

    def _verb_fit(self, groups: tuple[str, ...]) -> np.ndarray:
        """1 for operations of the verb's first group, less for its others, little where none fits."""
        fit = np.full(len(self.profiles), 0.25, dtype=np.float32)
        for group in wording.near_groups(groups):
            if group in self._has_group:
                fit[self._has_group[group]] = 0.7
        for place, group in reversed(list(enumerate(groups))):
            if group in self._has_group:
                fit[self._has_group[group]] = 1.0 if place == 0 else 0.95
        return fit


def _meant(profiles: Sequence[Profile]) -> dict[str, str]:
    targets: dict[str, Counter[str]] = {}
    for found in profiles:
        for alias in found.aliases - {found.target}:
            targets.setdefault(alias, Counter())[found.target] += 1
    things = {found.target for found in profiles}
    return {alias: counts.most_common(1)[0][0] for alias, counts in targets.items() if alias not in things}


def _service(text: str) -> str:
    """The name of the service in a text that `document` made."""
    lines = text.split("\n")
    return lines[4] if len(lines) >= _LINES else ""


#: A ranking is flat whose tenth is worth more than this share of its first, unless both searches begin alike.
_FLAT: Final = 0.5
_AGREE: Final = 5
#: Operations of a ranking that come before all that they bring along.
_FIRST: Final = 10
#: Operations of a ranking, from its top, that bring the lists of their ids along.
_ACCOMPANIED: Final = 12


def _prefixes(path: str) -> list[str]:
    """What stands before each value of a path: /groups/{id}/members/{user} -> /groups, /groups/{id}/members."""
    return [path[: match.start()] for match in re.finditer(r"/\{", path)]


def _interleaved(rankings: Sequence[Sequence[str]]) -> list[str]:
    """The best of every ranking first, then the second best …"""
    longest = max(map(len, rankings), default=0)
    found = [ranking[place] for place in range(longest) for ranking in rankings if place < len(ranking)]
    return list(dict.fromkeys(found))


def closeness(found: Profile, clause: Clause, said: frozenset[str], targets: frozenset[str]) -> float:
    """How well the things of the operation's path are those of the request."""
    factor = 1.0
    for noun in found.path_words:
        if noun not in said and not said & wording.synonyms(noun) and noun not in wording.STOP_WORDS:
            factor *= 0.85
    factor *= _account(found, clause)
    head, container = _object_of(clause, targets)
    outer = found.path_nouns[:-1]
    if container:
        factor *= 1.3 if _same_thing(container, outer) else 0.95
        if _same_thing(container, (found.target,)) and not _same_thing(head, (found.target,)):
            factor *= 0.6
    if clause.direct:
        factor *= 1.3 if found.slots >= 2 and len(clause.values) >= 2 else 1.0
    if found.counts and clause.counts and not clause.values and {*clause.nouns} <= found.words and len(said) > 1:
        return 3.0
    if clause.contents and container == "" and _same_thing(head, outer) and not found.ends_with_slot:
        return factor * (3.0 if found.target in wording.synonyms("content") else 2.0)
    if clause.verb and not wording.is_generic(clause.verb) and clause.verb in found.words:
        factor *= 1.5
    elif clause.direct and clause.verb in found.words:
        factor *= 1.1  # "take grace out of Engineering": what removes, not what deletes
    if head:
        factor *= _head_fit(found, head)
    if "read" in found.groups and head and _same_thing(head, (found.target, *found.summary_nouns[:3])):
        factor *= _number_fit(found, clause, head)
    return factor


def _account(found: Profile, clause: Clause) -> float:
    """How far the operation accounts for the words of the request that tell one thing from another."""
    factor = 1.0
    for noun in {*clause.nouns} - {clause.head}:
        if noun in found.words or wording.synonyms(noun) & found.words or wording.related(noun, found.words):
            factor *= 1.25 if noun in found.path_words else 1.0
        else:
            factor *= 0.65
    return factor


def _object_of(clause: Clause, targets: frozenset[str]) -> tuple[str, str]:
    """The thing that is meant and where it is; of "the email of user bob" the user is meant."""
    if (
        clause.head
        and clause.container
        and not _is_target(clause.head, targets)
        and _is_target(clause.container, targets)
    ):
        return clause.container, ""
    return clause.head, clause.container


def _is_target(noun: str, targets: frozenset[str]) -> bool:
    return noun in targets or bool(wording.synonyms(noun) & targets)


def _same_thing(noun: str, others: Sequence[str]) -> bool:
    return bool(noun) and any(noun == other or other in wording.synonyms(noun) for other in others)


def _head_fit(found: Profile, head: str) -> float:
    if found.target == head:
        return 1.6
    if found.target in wording.synonyms(head):
        return 1.35
    if head in found.summary_nouns[:2]:
        return 1.3
    return 1.0 if head in found.summary_nouns else 0.8


def _number_fit(found: Profile, clause: Clause, head: str) -> float:
    """ "show the groups" lists all, "show the group Sales" one, "bob's groups" those of another thing."""
    count = clause.named_things + clause.refers
    named = count > 0
    if clause.plural:
        if found.ends_with_slot:
            return 0.6
        return 1.3 if named and found.slots == min(count, 3) else 1.0
    if not named:
        return 1.0
    return 1.15 if found.ends_with_slot else 0.95


# --- requests of several actions ------------------------------------------------------------------------------

#: White space is bounded: an unbounded run before another one takes cubic time on many blanks.
_JOIN: Final = re.compile(
    r"(?:;|\.(?=\s)|!(?=\s)|\?(?=\s)|,?\s{1,3}(?:and\s{1,3})?(?:then|afterwards|after\s{1,3}that|finally)\b,?"
    r"|,?\s{1,3}and\s{1,3}also\b|,?\s{1,3}and\b|,\s{0,3}also\b|,)\s{0,3}",
    re.IGNORECASE,
)
_STRONG: Final = re.compile(r"[;.!?]|then|after|finally|also", re.IGNORECASE)


def split_actions(text: str) -> list[str]:
    """The clauses of a request that ask for one action each; what is joined otherwise stays whole.

    "show user1 and his groups" becomes "show user1" and "show his groups"; "add alice and bob to Sales" is one.
    """
    if len(text) > wording.MAX_CHARACTERS:
        return [text]
    blanked = _blank_quotes(text)
    parts: list[str] = []
    start = 0
    for match in _JOIN.finditer(blanked):
        if match.start() < start:
            continue
        left, right = blanked[start : match.start()], blanked[match.end() :]
        strong = bool(_STRONG.search(match.group()))
        if _begins_action(right, strong=strong) and _is_whole(left) and (strong or not _goes_on(left, right)):
            parts.append(text[start : match.start()])
            start = match.end()
        elif parts_verb := _shares_verb(left, right):
            parts.append(text[start : match.start()])
            rest = split_actions(f"{parts_verb} {text[match.end() :]}")
            return [*(part.strip(" ,.;!?") for part in parts), *rest]
    parts.append(text[start:])
    kept = [part.strip(" ,;") for part in parts]
    return [part for part in kept if re.search(r"\w", part)] or [text]


def _blank_quotes(text: str) -> str:
    pattern = r"\"[^\"\n]*\"|“[^”\n]*”|‘[^’\n]*’|`[^`\n]*`|(?<!\w)'[^'\n]*'(?!\w)"
    return re.sub(pattern, lambda match: "x" * len(match.group()), text)


#: Politeness before a second action: "and please add", "and can you show".
_POLITE: Final = re.compile(
    r"^(?:(?:please|also|then|now|and|can you|could you|i want to|i need to|i'd like to|let's|finally)\s+)+",
    re.IGNORECASE,
)
_DETERMINED: Final = word_set(
    "a an the this that these those my your our his her its their it him them all each every both me us new"
    " another user group"
)


def _begins_action(text: str, *, strong: bool) -> bool:
    """Whether an action begins here: a verb in its base form with something to act on."""
    text = _POLITE.sub("", text.strip())
    words = re.findall(r"[^\s,;]+", text)
    if not words:
        return False
    first, second = words[0].lower().strip("'\".!?"), (words[1].lower() if len(words) > 1 else "")
    verb = wording.phrasal(first, second) or first
    if first in ("who", "what", "which", "how", "when", "where"):
        return strong
    groups = wording.verb_groups(verb)
    if not groups or (groups == ("read",) and first in _QUESTION_VERBS and not strong):
        return False
    if len(words) < 2:
        return False
    if wording.is_noun_verb(verb) and not strong:
        return second in _DETERMINED or not words[1].isalpha() or words[1][:1].isupper()
    return second not in ("and", "or", "is", "are", "was")


def _goes_on(left: str, right: str) -> bool:
    """ "with password X and email Y": the second word is an argument's name, not a verb."""
    first = re.match(r"\s*([\w-]+)", right)
    listing = re.search(r"\b(?:with|having|whose|and an?)\b", left, re.IGNORECASE)
    return bool(listing and first and wording.is_noun_verb(base(first[1])))


_QUESTION_VERBS: Final = word_set(
    "is are was were do does did has have can what which who when where how want need whose whom"
)


def _is_whole(text: str) -> bool:
    """Whether the part before is an action by itself: a verb and something to act on."""
    return len(re.findall(r"[^\s,;.!?]+", _POLITE.sub("", text.strip()))) >= 2


def _shares_verb(left: str, right: str) -> str:
    """The verb of "show user1 and his groups" for the second part; "" where the second part is no thing of its own."""
    own = re.match(r"(?:his|her|their|its)\s+(?!with\b)[a-z]+s\b", right.strip(), re.IGNORECASE)
    # "and the groups she is in"
    told = re.match(r"(?:all )?the\s+[a-z]+s\s+(?:that\s+|which\s+)?(?:he|she|it|they)\b", right.strip(), re.IGNORECASE)
    if not own and not told:
        return ""
    words = re.findall(r"[^\s,;.!?]+", _POLITE.sub("", left.strip()))
    if len(words) < 2 or "read" not in wording.verb_groups(base(words[0])):
        return ""
    return "show"


# --- requests for each of many --------------------------------------------------------------------------------

#: "all users in the group interns", "every expired token", "everyone in Sales"
EACH: Final = re.compile(r"\b(?:all(?: of)?(?: the)?|every|each(?: of the)?|everyone|everybody|any)\b", re.IGNORECASE)
_EXCEPT: Final = re.compile(r",?\s\b(?:except(?: for)?|but not|other than|apart from|without)\b\s", re.IGNORECASE)
_WHERETO: Final = re.compile(r"\s\b(?:to|into|onto)\b\s", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Many:
    """What is to be done for each entry of a list."""

    #: the words for the things: "all users in the group interns"
    words: str
    #: the request for their list
    listed: str
    #: the clause without the things, where they stand apart from the rest of it
    rest: str
    #: names of things that are left out
    without: tuple[str, ...] = ()


def each_of(clause: Clause) -> Many | None:
    """The things of a clause that are to be gone through one by one, None when it speaks of one thing only."""
    found = EACH.search(clause.text)
    if found is None or clause.groups[:1] in ((), ("read",)):
        return None
    words, tail = clause.text[found.start() :].strip(" .!"), ""
    without: tuple[str, ...] = ()
    left_out = _EXCEPT.search(words)
    if left_out:
        names = re.split(r"\s*,\s*(?:and\s+)?|\s+and\s+", words[left_out.end() :])
        without = tuple(name.strip("\"'“” ") for name in names if name.strip())
        words = words[: left_out.start()]
    target = _WHERETO.search(words)
    if target:
        words, tail = words[: target.start()], words[target.start() :]
    quantifier, _, things = words.partition(" ") if found[0].lower() in ("every", "each") else ("", "", "")
    listed = f"list all {_plural_first(things)}" if quantifier else f"list {words}"
    before = clause.text[: found.start()]
    apart = bool(tail) or clause.groups[:1] not in (("delete",), ("revoke",))
    return Many(words, listed, f"{before}{tail}" if apart else clause.text, without)


def _plural_first(words: str) -> str:
    """The words with their noun in the plural: "expired token of bob" -> "expired tokens of bob"."""
    noun, *rest = re.split(r"(?=\s(?:in|of|from|with|that|who|which|whose|for)\b)", words, maxsplit=1)
    return f"{noun}{'' if noun.endswith('s') else 's'}{''.join(rest)}"

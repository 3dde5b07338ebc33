"""Which operation serves a clause, and whether any does: the words decide, the model is not asked."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from nlops.core import lexicon, wording
from nlops.core.retrieval import OperationIndex, Profile, document, is_procedure
from nlops.core.types import Tool
from nlops.core.wording import Clause, base, split_name, word_set
from nlops.llm import ranking
from nlops.llm.coverage import described, unexplained
from nlops.llm.filling import described_argument, kind, resolved
from nlops.llm.lookups import listing
from nlops.llm.references import Memory, kind_of, segment_nouns

#: Candidates that are looked at.
_CANDIDATES: Final = 12
#: Arguments by which an update can enable, lock, archive … a thing.
_STATES: Final = word_set(
    "enabled disabled active inactive status state locked suspended archived closed blocked is_active"
)
_BY_STATE: Final = frozenset({"enable", "disable", "lock", "unlock", "archive", "unarchive", "close", "reopen"})


@dataclass(frozen=True, slots=True)
class Choice:
    """The operation that serves a clause, or those between which the person has to choose."""

    tool: Tool | None = None
    #: 0 to 1
    confidence: float = 0.0
    #: equally good ones, best first; empty when `tool` is sure
    alternatives: tuple[Tool, ...] = ()


@functools.lru_cache(maxsize=64)
def _index(documents: tuple[tuple[str, str], ...]) -> OperationIndex:
    return OperationIndex(documents)


def index_of(tools: Sequence[Tool]) -> OperationIndex:
    """The index over the tools; the same tools share one."""
    return _index(tuple((tool.name, _document(tool)) for tool in tools))


def _document(tool: Tool) -> str:
    return document(
        name=tool.name,
        method=tool.method,
        path=tool.path,
        summary=tool.summary or tool.description,
        description=tool.description,
        service=tool.service,
        parameters=tool.properties,
        synonyms=tool.synonyms,
    )


def choose(clause: Clause, index: OperationIndex, tools: Mapping[str, Tool], memory: Memory, hint: str = "") -> Choice:
    """The operation for the clause; no tool and no alternatives: none serves it. `hint` names a tool's summary."""
    clause = _without_light_head(clause, index)
    if memory.last is not None and _goes_on(clause):
        clause = replace(clause, refers=True)
    context = _context(clause, index, memory) or _owners(clause, index, tools)
    known = [*context, *memory.kinds()] if context else context
    ranked = ranking.rank(clause, index, tools, context)
    fitting = [
        (tools[name], score)
        for name, score in ranked
        if name in tools
        and _serves(tools[name], index.by_name[name], clause, index, known, _beside(tools[name], tools))
    ]
    readers = [tool for tool in tools.values() if tool.method == "GET" and not segment_nouns(tool.path)]
    fitting = [pair for pair in fitting if not unexplained(clause, pair[0], _beside(pair[0], tools), readers)]
    fitting = _reaching_goal(fitting, clause, index)
    exact = [pair for pair in fitting if set(clause.groups) & index.by_name[pair[0].name].groups]
    if exact and exact[0][1] >= 0.6 * fitting[0][1]:
        fitting = exact
    fitting = [(tool, score * _type_fit(tool, clause, tools)) for tool, score in fitting]
    fitting.sort(key=lambda pair: -pair[1])
    if hint:
        picked = [tool for tool, _ in fitting if _spoken(tool).lower() == hint.strip().lower()]
        if picked:
            return Choice(picked[0], 0.9)
    if not fitting:
        return _by_description(clause, index, tools)
    tool, score = fitting[0]
    rivals = [other for other, value in fitting[1:] if value >= 0.97 * score]
    if rivals and not clause.head and not context:
        return Choice(None, 0.3, tuple([tool, *rivals][:5]))
    return Choice(tool, _confidence(clause, index.by_name[tool.name], [value for _, value in fitting]))


#: Words for things of any kind.
_LIGHT_HEADS: Final = word_set("item entry object element record result row line")


def _without_light_head(clause: Clause, index: OperationIndex) -> Clause:
    """ "my starred items" asks for the stars."""
    if clause.head not in _LIGHT_HEADS or clause.head in index.targets:
        return clause
    others = [noun for noun in clause.nouns if noun not in _LIGHT_HEADS]
    others += [token.base for token in clause.tokens if token.base in index.vocabulary and token.lower != token.base]
    others = [noun for noun in others if base(noun) not in _LIGHT_HEADS]
    return replace(clause, head=others[0]) if others else clause


def _beside(tool: Tool, tools: Mapping[str, Tool]) -> list[Tool]:
    """What else can be done at the operation's path, and with what stands there: …/rotate."""
    if tool.method not in ("GET", "HEAD"):
        return []
    deeper = re.compile(rf"{re.escape(tool.path)}(?:/[^/{{}}]+)?")
    return [other for other in tools.values() if deeper.fullmatch(other.path) and other.name != tool.name]


def _by_description(clause: Clause, index: OperationIndex, tools: Mapping[str, Tool]) -> Choice:
    """The update of settings, one of which the clause describes; no tool where there is none or more than one."""
    if not set(clause.groups) & {"require", "grant", "update", "enable", "disable", "stop"} or clause.refers:
        return Choice()
    found = [
        tool
        for name, tool in tools.items()
        if "update" in index.by_name[name].groups and not index.by_name[name].slots and described_argument(tool, clause)
    ]
    return Choice(found[0], 0.7) if len(found) == 1 else Choice()


def _spoken(tool: Tool) -> str:
    return tool.summary or tool.name


def _context(clause: Clause, index: OperationIndex, memory: Memory) -> list[str]:
    """Things that the clause is about without naming them."""
    if clause.refers:
        context = memory.context(clause) or (memory.context(replace(clause, head="")) if _goes_on(clause) else [])
        if context:
            return context
    if clause.nouns or not clause.values:
        return []
    for token in clause.value_tokens():
        kind_seen = memory.kind_of_value(token.text)
        if kind_seen:
            return [kind_seen]
        stem = base(re.match(r"[^\W\d_]*", token.text)[0])  # type: ignore[index]
        if stem != token.lower and stem in index.targets and "/" not in token.text:
            return [stem]  # "user1" is a user
    people = sorted(index.targets & _PERSON, reverse=True)
    shows = len(clause.tokens) <= _BARE and clause.verb in _SHOWING and clause.value_tokens()[0].plain
    if people and len(clause.values) == 1 and (_DETAILS_OF.search(clause.text) or (shows and "user" in people)):
        return people[:1]  # a bare name is a person's where nothing else is known of it
    return []


_GOES_ON: Final = re.compile(r"^\W*(?:and|also|plus|what about|how about)\b", re.IGNORECASE)


def _goes_on(clause: Clause) -> bool:
    """It goes on with what was talked about, and names nothing new: "and who's in the cast?"."""
    return not clause.values and _GOES_ON.search(clause.text) is not None


def _owners(clause: Clause, index: OperationIndex, tools: Mapping[str, Tool]) -> list[str]:
    """ "alice's email", "which department is alice in": the kind of thing that has what is asked for."""
    about_argument = clause.groups[:1] == ("read",) and clause.head and not index.meanings(clause.head) & index.targets
    if not about_argument or not (clause.values or clause.refers):
        return []
    meant = index.meanings(clause.head)
    owners = {
        index.by_name[name].target
        for name, tool in tools.items()
        if "read" not in index.by_name[name].groups
        and any(base(word) in meant for key in tool.properties for word in split_name(key)[-1:])
    }
    named = owners & set(clause.nouns)
    return sorted(named or owners) if len(named or owners) == 1 else []


def _serves(
    tool: Tool,
    found: Profile,
    clause: Clause,
    index: OperationIndex,
    context: Sequence[str],
    others: Sequence[Tool] = (),
) -> bool:
    """Whether the operation does what the verb says, to the thing that is meant."""
    if _counts(found, clause):
        return True
    return (
        _verb_fits(tool, found, clause)
        and not _names_foreign(tool, found, clause, index)
        and (_thing_fits(tool, found, clause, index, context) or _is_told(tool, found, clause, others))
        and _is_complete(tool, found, clause, context)
    )


def _counts(found: Profile, clause: Clause) -> bool:
    """ "how many users, groups and safes are there": one operation tells of all of them."""
    several = clause.counts and not clause.values and len(set(clause.nouns)) > 1
    return several and found.counts and set(clause.nouns) <= found.words


def _names_foreign(tool: Tool, found: Profile, clause: Clause, index: OperationIndex) -> bool:
    """ "create a Jira ticket": the name says which product's ticket; it is no name of the new thing."""
    if "create" not in clause.groups[:1] or not clause.head or clause.head in index.vocabulary:
        return False
    place = next((i for i, token in enumerate(clause.tokens) if token.base == clause.head), 0)
    before = clause.tokens[place - 2 : place] if place > 1 else ()
    foreign = len(before) == 2 and before[0].lower in ("a", "an", "new") and before[1].text[:1].isupper()
    named = any(kind_of(tool, name, found.target) == found.target for name in tool.properties)
    return foreign and place - 1 in clause.values and (not named or found.target in _PERSON)


#: "the details of grace", "look up henry"
_DETAILS_OF: Final = re.compile(
    r"\b(?:details|profile|record) of |\b(?:about|know (?:about|of)|info(?:rmation)? (?:on|about)) "
    r"|\blook(?:ing)? up\b|\blook \w+ up\b|^\W*who(?: i|')s [a-z]\w*\W*$",
    re.IGNORECASE,
)
#: Words of "show me liam".
_BARE: Final = 4
_SHOWING: Final = word_set("show get find display view see fetch pull look")
_PERSON: Final = wording.synonyms("user") | {"user"}


def _verb_fits(tool: Tool, found: Profile, clause: Clause) -> bool:
    if not clause.groups:
        return any(word.startswith(clause.verb[:5]) for word in found.words)
    if _is_own_verb(tool, found, clause):
        return True
    if tool.method in ("PUT", "PATCH") and "update" in clause.groups:
        return not _renames_nothing(tool, found, clause)
    if set(clause.groups) & found.groups:
        return not _opposes(clause, found) and not _renames_nothing(tool, found, clause)
    literal = clause.groups[:1] in (("export",), ("verify",)) and "read" in found.groups
    if literal and ranking.explains(ranking.face(tool, found), clause.verb) < ranking.REST:
        return False  # reading is no download
    if clause.verb in ("give", "join") or not wording.near_groups(clause.groups[:1]) & found.groups:
        return False
    if set(clause.groups) & _BY_STATE and "update" in found.groups:
        return any(set(split_name(name)) & _STATES or name in _STATES for name in tool.properties)
    return True


def _renames_nothing(tool: Tool, found: Profile, clause: Clause) -> bool:
    """A thing is renamed only where a name can be given."""
    if clause.verb != "rename" or ranking.explains(ranking.face(tool, found), "rename") >= ranking.TITLE:
        return False
    given = set(tool.properties) - set(segment_nouns(tool.path))
    return not any({"name", "title", "label"} & set(split_name(name)) for name in given)


def _is_own_verb(tool: Tool, found: Profile, clause: Clause) -> bool:
    """The operation has the verb itself in its path or title: "fork the repository" by POST /repos/{repo}/forks."""
    if wording.is_generic(clause.verb) or "read" in clause.groups or tool.method in ("GET", "HEAD"):
        return False
    return bool(clause.verb) and ranking.stem(clause.verb) in ranking.face(tool, found).own


def _opposes(clause: Clause, found: Profile) -> bool:
    """Reading asks never change, and what changes is never asked by a reading verb alone."""
    return clause.groups[0] == "read" and "read" not in found.groups


def _thing_fits(tool: Tool, found: Profile, clause: Clause, index: OperationIndex, context: Sequence[str]) -> bool:
    own_verb = clause.verb in found.words and not clause.groups  # "snooze …"
    if not own_verb and _is_elsewhere(clause):
        return False
    if own_verb and not clause.head:
        return True
    things = {found.target, *found.path_nouns, *found.summary_nouns}
    arguments = {base(word) for name in tool.properties for word in split_name(name)}
    if clause.verb == "who" and clause.head == "person" and not (clause.container or clause.refers):
        return bool(set(clause.nouns) & wording.synonyms("person")) and found.target in wording.synonyms("person")
    if clause.head:
        if "read" in found.groups and found.path_words[:1] and _is_choice(tool, clause):
            return set(found.path_words) <= set(clause.nouns)  # "trending movies": /trending/{media_type}
        if index.meanings(clause.head) & things or (
            clause.head in index.vocabulary and wording.synonyms(clause.head) & {found.target}
        ):
            return _is_the_object(found, clause, index)
        if clause.groups[:1] == ("read",) and context:
            return found.target in context and found.ends_with_slot
        exact = (
            bool(set(clause.groups) & found.groups) or not clause.groups or clause.groups[0] in ("require", *_BY_STATE)
        )
        made = clause.groups[:1] == ("create",) and "update" not in found.groups and clause.head not in index.targets
        if made and "update" not in clause.groups:
            return False  # "add a comment to the user alice" makes no user with a comment
        return exact and bool(index.meanings(clause.head) & arguments) and _about_argument(found, clause, index)
    if context:
        return bool(things & {noun for said in context for noun in (said, *wording.synonyms(said))})
    if "read" in found.groups:
        own = clause.verb == next(iter(found.summary_nouns), "") and not wording.is_generic(clause.verb)
        return bool(set(clause.nouns) & things) or (own and 0 < found.slots == clause.named_things)
    return (bool(clause.values) or clause.refers) and not _is_phrase(found, clause)


def _tells_settings(tool: Tool, found: Profile, clause: Clause, others: Sequence[Tool]) -> bool:
    """ "after how many minutes does a session end?": what is read there has what can be changed there."""
    if "read" not in found.groups or found.slots or clause.groups[:1] != ("read",) or clause.values:
        return False
    settings = [other for other in others if other.method in ("PATCH", "PUT") and other.path == tool.path]
    said = [token for token in clause.tokens if token.plain and not wording.is_function_word(token.lower)]
    return any(described(other, token) for other in settings for token in said)


def _is_told(tool: Tool, found: Profile, clause: Clause, others: Sequence[Tool]) -> bool:
    """The words of path and title tell of the thing that is meant, whatever its place among them."""
    if _tells_settings(tool, found, clause, others):
        return True
    shown = ranking.face(tool, found)
    if clause.verb == "who" and clause.head == "person":
        if found.target in _PERSON and ranking.explains(shown, clause.container) >= ranking.ARGUMENTS:
            return True  # "who works in the Finance department"
        acts = [token.base for token in clause.tokens if token.plain and lexicon.only_tells(token.lower)]
        if any(ranking.explains(shown, word) >= ranking.TITLE for word in acts):
            return True  # "who contributed to …"
        asked = [noun for noun in clause.nouns if noun not in _PERSON]
        return bool(asked) and all(
            ranking.explains(shown, noun) >= ranking.TITLE for noun in asked
        )  # "who is in the cast"
    if not clause.head or clause.head in _PERSON:
        return False
    share = ranking.explains(shown, clause.head)
    if _is_own_verb(tool, found, clause):
        return share >= ranking.REST
    named = [noun for noun in dict.fromkeys(clause.nouns) if noun not in (clause.head, clause.container)]
    return share >= ranking.TITLE and all(ranking.explains(shown, noun) >= ranking.ARGUMENTS for noun in named)


#: Plural words of the language; names that end so are short, or end with -as, -is, -us.
_MANY: Final = re.compile(r"[a-z]{6,}[^aius]s")


def _is_choice(tool: Tool, clause: Clause) -> bool:
    """The head is one of the values that a part of the path takes."""
    choices = [resolved(tool, name).get("enum") for name in segment_nouns(tool.path) if name in tool.properties]
    return any(base(str(choice)) == clause.head for found in choices if isinstance(found, list) for choice in found)


def _is_phrase(found: Profile, clause: Clause) -> bool:
    """ "enable dark mode": more plain words side by side than there are values to name, so none of them is one."""
    words = [clause.tokens[index] for index in clause.values]
    if len(words) == 1 and words[0].plain and _MANY.fullmatch(words[0].text) and wording.is_plural(words[0].text):
        return True  # "enable subtitles"
    beside = any(second.start == first.end + 1 for first, second in pairwise(words))
    return beside and found.slots < len(words) and all(token.plain and token.text.islower() for token in words)


def _is_the_object(found: Profile, clause: Clause, index: OperationIndex) -> bool:
    """For what changes things: the named thing is what is changed, not what contains it."""
    if "read" in found.groups:
        return True
    meant = index.meanings(clause.head) | {clause.head}
    if ranking.ends_with_verb(found, clause):
        return True  # "rotate smtp-login": where it is, is asked for
    gives = clause.groups[:1] in (("grant",), ("revoke",), ("request",))  # "let alice use the safe": what, not whom
    near = {found.target, *(found.summary_nouns if gives else found.summary_nouns[:3])}
    whole = len(set(clause.nouns)) > 1 and set(clause.nouns) <= set(found.summary_nouns)
    return whole or bool(meant & near) or bool(wording.synonyms(clause.head) & {found.target})


def _about_argument(found: Profile, clause: Clause, index: OperationIndex) -> bool:
    """ "the email of user bob", "the session timeout": the head is an argument's name, other nouns name the thing."""
    others = {noun for said in clause.nouns if said != clause.head for noun in index.meanings(said)}
    changes = "update" in found.groups or "reset" in found.groups or "create" in found.groups
    return changes or bool(others & {found.target, *found.path_nouns})


def _is_elsewhere(clause: Clause) -> bool:
    """The verb's object is a thing that no operation knows: "the coffee machine", "the weather in Paris"."""
    if not clause.strange:
        return False
    words = [token.lower for token in clause.tokens if not token.mark]
    place = min(words.index(word) for word in clause.strange)
    before = words[:place]
    if (
        place
        and base(before[-1]) == clause.head
        and wording.is_plural(before[-1])
        and words[place + 1 : place + 2] == ["in"]
    ):
        return True  # "people live in Berlin"
    if any(word in ("for", "because", "since", "as", "during", "due", "that", "so", "with") for word in before):
        return False
    head_place = next((i for i, word in enumerate(words) if clause.head and base(word) == clause.head), -1)
    if head_place < 0:
        return True
    if head_place < place and clause.verb == "give" and clause.head in _PERSON:
        return words[place - 1] in ("a", "an", "the", "some")  # "give everyone a raise"
    if head_place < place:
        return not clause.values and any(word in ("of", "about") for word in words[head_place:place])
    between = words[place + 1 : head_place]
    return not (clause.values and "of" in between and wording.is_common(words[place]))


def _is_complete(tool: Tool, found: Profile, clause: Clause, context: Sequence[str]) -> bool:
    """What contains the thing is named, or there are values enough for all of the path."""
    nouns = segment_nouns(tool.path)
    named = set(clause.nouns) | set(context)
    if clause.direct and clause.into and not found.slots and not is_procedure(tool.path) and "read" not in found.groups:
        return False  # "add bob to …" makes no new thing
    if clause.verb == "add" and not found.slots and "read" not in found.groups and _goes_to_name(clause):
        return False  # "add a user to Sales"
    if clause.named_things + clause.refers >= found.slots:
        return True
    if clause.head and set(clause.groups[:1]) & found.groups and clause.head == found.target:
        return True  # "rotate a secret": which one is asked for
    gives = clause.groups[:1] in (("grant",), ("revoke",)) and clause.groups[0] in found.groups and clause.head
    if gives and ranking.explains(ranking.face(tool, found), clause.head) >= ranking.TITLE:
        return True  # "take away his access": to what is asked for
    outer = [noun for noun in dict.fromkeys(nouns.values()) if noun != found.target]
    return all(noun in named or wording.synonyms(noun) & named for noun in outer) or "read" in found.groups


#: Verbs that move a thing into another or out of it.
_MOVING: Final = word_set(
    "add put invite assign move take remove kick delete join attach detach throw drop enrol enroll"
)


def _goal(clause: Clause, index: OperationIndex) -> str:
    """The kind of thing that something is put into or taken out of, "" when no such is named."""
    if clause.verb not in _MOVING:
        return ""
    inside = False
    for place, token in enumerate(clause.tokens):
        if token.lower in ("to", "into", "from", "off") or (
            token.lower == "of" and clause.tokens[place - 1].lower == "out"
        ):
            inside = True
        elif inside and (token.mark or token.lower in ("in", "on", "for", "with", "by", "and")):
            inside = False
        elif inside and place not in clause.values and wording.is_noun(token, index.vocabulary):
            following = clause.tokens[place + 1] if place + 1 < len(clause.tokens) else None
            if following is None or not wording.is_noun(following, index.vocabulary) or place + 1 in clause.values:
                return token.base
    return ""


def _reaching_goal(
    fitting: list[tuple[Tool, float]], clause: Clause, index: OperationIndex
) -> list[tuple[Tool, float]]:
    """Those that know thing and goal, where there are such: "add user u-7 to group g-2" makes no new user."""
    goal = _goal(clause, index)
    if not goal:
        return fitting
    both = [
        (tool, score)
        for tool, score in fitting
        if goal in segment_nouns(tool.path).values()
        or ranking.explains(ranking.face(tool, index.by_name[tool.name]), goal) >= ranking.TITLE
    ]
    return both or fitting


def _goes_to_name(clause: Clause) -> bool:
    """A bare name says where the thing goes."""
    return any(index and clause.tokens[index - 1].lower in ("to", "into") for index in clause.values)


def _type_fit(tool: Tool, clause: Clause, tools: Mapping[str, Tool]) -> float:
    """Less than 1 when a number is needed and none is there, or the path takes no "owner/name" that was said."""
    if any(re.fullmatch(r"[^/\s:]+/[^/\s]+", token.text) for token in clause.value_tokens()) and "}/{" not in tool.path:
        return 0.4
    numbers = sum(token.text.lstrip("#").isdigit() for token in clause.value_tokens())
    wanted = sum(
        kind(resolved(tool, name)) == "integer" and listing(tool, name, tools) is None
        for name in segment_nouns(tool.path)
        if name in tool.properties
    )
    return 0.15 if wanted > numbers and clause.values and not clause.refers else 1.0


def _confidence(clause: Clause, found: Profile, scores: Sequence[float]) -> float:
    """How sure the words make it: verb, thing, distance to the next."""
    sure = 0.5
    sure += 0.15 if set(clause.groups[:1]) & found.groups else 0.0
    sure += 0.15 if clause.head in (found.target, *found.summary_nouns[:2]) else 0.0
    margin = 1.0 if len(scores) < 2 or scores[0] <= 0 else (scores[0] - scores[1]) / scores[0]
    return round(min(0.99, sure + 0.2 * min(1.0, 2 * margin)), 3)

"""Whether an operation accounts for every word of a request: what it leaves unexplained, it does not serve.

"How many people live in Berlin" shares "people" with an operation that lists users; "live" is explained by nothing
there, so the request is about something else. A word is explained by the operation's own words (name, path, texts,
arguments, their choices), by other words for these, by the phrase that it belongs to, or by its place: a name beside
its kind ("realm shop"), a text after its label, a reason.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Final

from nlops.core import lexicon, thesaurus, wording
from nlops.core.retrieval import each_of
from nlops.core.thesaurus import stem
from nlops.core.types import Tool
from nlops.core.wording import Clause, Token, base, split_name, word_set
from nlops.llm.filling import PROSE, resolved

#: From here on a clause tells why, or until when; that narrows nothing.
_ADJUNCT: Final = re.compile(
    r"\b(?:because|so that|so (?:he|she|they|we|i|it) (?:can|could|may|will)|in order to|due to|given that|as long as"
    r"|when (?:you|he|she|they|we|i|it)|while|although|though|unless|if|since (?:he|she|they|we|i|it|the)"
    r"|as (?:he|she|they|we|i|it))\b",
    re.IGNORECASE,
)
#: Words that say how, when or how politely, and never what.
_MANNER: Final = word_set(
    "moment present presently immediately soon instead anyway altogether total sum simply directly properly urgently"
    " kind favour favor sure possible possibly able case time times today tonight once twice never mind hereby"
    " product system service app application tool api account accounts day days week weeks month months year years"
    " hour hours minute minutes second seconds rest somehow somewhere along together own lots couple sort type"
    " different various certain following respective entry entries item items entity object objects resource"
    " name names id ids number numbers value values go going come coming let's behind let make makes hold holds"
    " contain contains include includes store stored kept keep based look looks made done linked associated connected"
    " related respect regard regarding concerning involving"
)
#: Letters that a word and one that is made from it begin with.
_MADE_FROM: Final = 6
#: What stands between a kind and a name.
_NAMERS: Final = word_set("named called titled is are was be to as with no nr")


@functools.lru_cache(maxsize=4096)
def _stems_of(text: str) -> frozenset[str]:
    words = {word for part in text.split() for word in split_name(part)}
    return frozenset(stem(form) for word in words for form in (word, base(word)))


@functools.lru_cache(maxsize=2048)
def _own(texts: tuple[str, ...]) -> frozenset[str]:
    """Stems of the texts and of other words for theirs."""
    stems = frozenset().union(*map(_stems_of, texts))
    words = {base(word) for text in texts for part in text.split() for word in split_name(part)}
    return stems | {stem(other) for word in words for other in wording.synonyms(word)}


def own_words(tool: Tool, others: Sequence[Tool] = ()) -> frozenset[str]:
    """Stems of all that the operation says of itself; `others` are those of the same path, which tell what it holds."""
    texts = [tool.name, re.sub(r"[/{}]", " ", tool.path), tool.summary, tool.description, tool.service]
    texts.append(tool.synonyms.replace(",", " "))
    texts += [other.name for other in others]
    for each in (tool, *others):
        for name in each.properties:
            schema = resolved(each, name)
            choices = schema.get("enum")
            texts += [name, str(schema.get("description") or "")]
            texts += [str(choice) for choice in choices] if isinstance(choices, list) else []
    return _own(tuple(texts))


def unexplained(clause: Clause, tool: Tool, others: Sequence[Tool] = (), readers: Sequence[Tool] = ()) -> list[str]:
    """Words of the clause that the operation doesn't account for, small, in order.

    Which things of many are meant ("all users in the department Sales") is for the operation that lists them to know:
    one of the `readers`, and what is no noun ("lazy") is left to the list's entries.
    """
    own = own_words(tool, others)
    end = _end(clause, tool)
    many = each_of(clause)
    listed = clause.text.find(many.words) if many and tool.method not in ("GET", "HEAD") else end
    read = [token for token in clause.tokens if token.start < end]
    lists = own_words(tool, [*others, *readers]) if listed < end else own
    phrases = _in_phrases(read, own) | {wording.final_verb(clause.tokens)} | places_of_all(read)
    spoken = _verb_words(clause)
    changes = {"update", "reset"} & set(clause.groups)
    return [
        token.lower
        for place, token in enumerate(read)
        if not (place in phrases or token.lower in spoken or _is_light(token))
        and not (_is_known(token, own) if token.start < listed else _is_listed(token, lists))
        and not _is_name(read, place, own if token.start < listed else lists)
        and not (changes and _is_new_value(read, place))
    ]


def described(tool: Tool, token: Token) -> bool:
    """Whether the name or the description of one of the arguments has the word."""
    texts = tuple(f"{name} {resolved(tool, name).get('description') or ''}" for name in tool.properties)
    return bool(lexicon.lemmas(token.lower)) and _is_known(token, _own(texts))


def _end(clause: Clause, tool: Tool) -> int:
    """Where what the clause asks for ends: before a reason, and before a text that an argument takes."""
    end = len(clause.text)
    found = _ADJUNCT.search(clause.text, 1)
    if found:
        end = found.start()
    labels = {base(word) for name in tool.properties for word in split_name(name)[-1:] if word in PROSE}
    labelled = False
    for before, token in zip(clause.tokens, clause.tokens[1:], strict=False):
        labelled = labelled or before.base in labels
        if token.text == ":" or (before.base in labels and not token.mark and token.lower not in _BESIDE_LABEL):
            return min(end, token.start)
        if labelled and before.lower in ("to", "as", "be") and "create" not in clause.groups:
            return min(end, token.start)  # "set the description of … to …"
    if labels:
        reason = re.search(r"\bfor (?:the|a|an|our|my|his|her|their)\b", clause.text, re.IGNORECASE)
        reason = reason if clause.values else None
        end = min(end, reason.start()) if reason else end
    return end


_BESIDE_LABEL: Final = word_set("of for on to in from and or by")


def _in_phrases(read: Sequence[Token], own: frozenset[str]) -> set[int]:
    """Places of the words that stand in phrases for which the operation has a word."""
    places = [place for place, token in enumerate(read) if not (token.mark or token.secret or token.quoted)]
    stems = [stem(read[place].lower) for place in places]
    said = [one for one in thesaurus.meanings(stems) if own.intersection(one.entry.terms)]
    return {places[index] for one in said for index in range(one.start, one.end)}


#: The product as a whole, where something is in it: "the users of our company".
_WHOLES: Final = word_set(
    "workspace organization organisation company firm instance installation environment platform tenant enterprise"
    " team business office database directory"
)


def places_of_all(read: Sequence[Token]) -> set[int]:
    """Places of the words for the product as a whole at the end of "in our company", "of this workspace"."""
    return {
        place
        for place, token in enumerate(read)
        if token.lower in _WHOLES
        and place > 1
        and read[place - 1].lower in ("this", "our", "my", "the", "your")
        and read[place - 2].lower in ("in", "of", "on", "at", "from", "for")
        and _ends(read, place)
    }


def _verb_words(clause: Clause) -> set[str]:
    """The words of the verb: both of "turn down", "take … out"."""
    acts = (token for token in clause.tokens if set(wording.verb_groups(token.base)) & set(clause.groups))
    found = {token.lower for token in clause.tokens if token.base == clause.verb and clause.groups}
    found |= {token.lower for token in (*acts,)[:1]}
    said = [token for token in clause.tokens if token.plain]
    for place, first in enumerate(said):
        for second in said[place + 1 : place + 7]:
            if clause.verb and wording.phrasal(first.lower, second.lower) == clause.verb:
                found |= {first.lower, second.lower}
    return found


def _is_light(token: Token) -> bool:
    """No word of the language, or one that names nothing."""
    if token.mark or token.secret or token.quoted or not token.plain:
        return True
    if wording.is_function_word(token.lower) or token.lower in _MANNER:
        return True
    return lexicon.kinds(token.lower) == {"ADV"}


def _is_known(token: Token, own: frozenset[str]) -> bool:
    forms = {token.lower, token.base, *lexicon.lemmas(token.lower)}
    stems = {stem(form) for form in forms}
    if stems & own:
        return True
    made = [one for one in stems if len(one) >= _MADE_FROM]
    return any(other.startswith(one) for one in made for other in own)  # contributed: contributors


#: A bare word after one of them says where something is, or whose it is.
_WHERE: Final = word_set("in into to from of off inside at")


def _is_listed(token: Token, lists: frozenset[str]) -> bool:
    return _is_known(token, lists) or "NOUN" not in lexicon.kinds(token.lower)


def _is_name(read: Sequence[Token], place: int, own: frozenset[str]) -> bool:
    """A word that names something by its place: a capital, a first name, it stands beside its kind or says where."""
    token = read[place]
    if place and read[place - 1].text.isdigit() and token.text.islower() and token.lower not in ("and", "or"):
        return False  # "transfer 100 euros"
    if (token.text[:1].isupper() and place) or not lexicon.is_word(token.lower):
        return True
    if place and read[place - 1].lower in ("named", "called", "titled"):
        return True
    if (
        place > 1
        and read[place - 1].text in ("and", "or", ",")
        and _is_name(read, place - 2, own)
        and _ends(read, place)
    ):
        return bool(lexicon.lemmas(read[place - 2].lower)) or not read[place - 2].plain  # "the roles editor and viewer"
    before = place - 1
    while before >= 0 and read[before].lower in _NAMERS:
        before -= 1
    if before >= 0 and _is_kind(read[before], own):
        if wording.is_plural(read[before].text):  # "people live in Berlin", but "the roles editor and viewer"
            return place + 1 < len(read) and read[place + 1].text in (",", "and", "or")
        return place - before > 1 or _ends(read, place)
    before_it = read[place - 1].lower if place else ""
    if before_it in _WHERE and _ends(read, place) and "NOUN" in lexicon.kinds(token.lower):
        return True  # "the secret old-key in mail"
    following = read[place + 1] if place + 1 < len(read) else None
    if following is None or not _is_kind(following, own):
        return False
    return not wording.verb_groups(token.base) or before_it in wording.DETERMINERS or before_it in _WHERE


def _is_new_value(read: Sequence[Token], place: int) -> bool:
    """ "rename it to lobby": what a thing becomes ends the clause."""
    return place > 1 and read[place - 1].lower in ("to", "into", "as") and place + 1 >= len(read)


def _ends(read: Sequence[Token], place: int) -> bool:
    """A name ends its phrase: after it comes nothing, a mark, a preposition, "and"."""
    following = read[place + 1] if place + 1 < len(read) else None
    return (
        following is None
        or following.mark
        or wording.is_function_word(following.lower)
        or following.lower in _MANNER
        or place + 1 == wording.final_verb(tuple(read))
    )


def _is_kind(token: Token, own: frozenset[str]) -> bool:
    plain = token.plain and not wording.is_function_word(token.lower)
    return plain and _is_known(token, own) and not wording.verb_groups(token.base)

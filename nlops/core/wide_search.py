"""Operations found by what a request means, where its words are not those of the description.

BM25 over stems, with all that an operation's text says (its arguments, the values that they take, what its service is
for), asked with the words of the request, with those that APIs use for its phrases (thesaurus) and with those that
stand beside its words in this product's own description. It finds more than `retrieval` and ranks less surely.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import bm25s
import numpy as np

from nlops.core import thesaurus, wording
from nlops.core.thesaurus import stem

if TYPE_CHECKING:
    from nlops.core.retrieval import Profile
    from nlops.core.wording import Clause

#: How often a word counts by the line of the operation's text that it stands in, see retrieval.document.
_WEIGHTS: Final = {
    "summary": 3,
    "path": 2,
    "name": 2,
    "service": 1,
    "sentence": 1,
    "arguments": 1,
    "hints": 1,
    "synonyms": 2,
}
#: Weight of a request's word that a phrase of the table explains.
_EXPLAINED: Final = 0.35
#: Weight of what the table says for a phrase, of several words and of one.
_PHRASE: Final = 1.0
_SINGLE: Final = 0.6
#: Of the table's words for one phrase the best counts whole, the others so much.
_FURTHER: Final = 0.25
#: Weight of a word that is made from one of the request, and the letters that both begin with.
_RELATED: Final = 0.6
_BEGINNING: Final = 5
#: Weight of a word that the description itself puts beside one of the request.
_LEARNT: Final = 0.4
_SHORTLIST: Final = 80


class WideIndex:
    """Built over the profiles and texts of an OperationIndex, in the same order."""

    def __init__(self, profiles: Sequence[Profile], texts: Sequence[str], standing: np.ndarray) -> None:
        self._profiles = profiles
        self._standing = standing
        #: a word to its column; the operations that have it, and what it counts for each, lie between two starts
        self._column: dict[str, int] = {}
        self._starts = self._places = np.zeros(1, dtype=np.int32)
        self._values = np.zeros(1, dtype=np.float32)
        #: words of at least that many letters by their first ones
        self._by_beginning: dict[str, list[str]] = {}
        fields = [_fields(text) for text in texts]
        terms = [[word for name, words in found.items() for word in words * _WEIGHTS[name]] or [""] for found in fields]
        self._path_stems = [frozenset(found["path"]) for found in fields]
        self._slots = np.array([found.slots for found in profiles], dtype=np.float32)
        groups = {group for found in profiles for group in found.groups}
        self._has_group = {group: np.array([group in found.groups for found in profiles]) for group in sorted(groups)}
        self._beside = _beside(fields)
        if not terms:
            return
        index = bm25s.BM25(k1=1.2, b=0.5)
        index.index(terms, show_progress=False)
        self._starts, self._places, self._values = (index.scores[key] for key in ("indptr", "indices", "data"))
        for word, column in index.vocab_dict.items():
            if column + 1 < len(self._starts):  # not the empty word that bm25s adds
                self._column[word] = column
            if len(word) >= _BEGINNING:
                self._by_beginning.setdefault(word[:_BEGINNING], []).append(word)

    def rank(self, clause: Clause, k: int) -> tuple[list[tuple[str, float]], bool]:
        """The best k operations with their scores, best first; and whether a phrase of the table led to them."""
        read = [token for token in clause.tokens if not (token.mark or token.secret or token.quoted)]
        words = [token.lower.removesuffix("'s") for token in read]
        stems = [thesaurus.shape(word) or stem(word) for word in words]
        said = _longest(thesaurus.meanings(stems))
        explained = {place for one in said for place in range(one.start, one.end)}
        scores = np.zeros(len(self._profiles), dtype=np.float32)
        asked: set[str] = set()
        for place, (word, one) in enumerate(zip(words, stems, strict=True)):
            if word in wording.STOP_WORDS or len(one) < 2 or one in asked:
                continue
            asked.add(one)
            self._add(scores, one, _EXPLAINED if place in explained else 1.0)
            for other in self._kin(one):
                self._add(scores, other, _RELATED)
            for other, share in self._beside.get(one, ()):
                self._add(scores, other, _LEARNT * share)
        for meaning in said:
            self._add_any(scores, meaning.entry.terms, _PHRASE if meaning.length > 1 else _SINGLE)
        groups = tuple(dict.fromkeys(group for one in said for group in one.entry.groups)) or clause.groups
        if groups:
            scores *= self._verb_fit(groups)
        count = clause.named_things + clause.refers
        scores *= self._standing * 0.85 ** np.maximum(self._slots - count, 0)
        asked |= {term for one in said for term in one.entry.terms}
        best = np.argsort(-scores, kind="stable")[: max(_SHORTLIST, 2 * k)]
        judged = [
            (self._profiles[index].name, float(scores[index]) * 0.88 ** len(self._path_stems[index] - asked))
            for index in best
            if scores[index] > 0
        ]
        judged.sort(key=lambda pair: -pair[1])
        return judged[:k], any(meaning.length > 1 for meaning in said)

    def _kin(self, one: str) -> list[str]:
        """Words of the description that are made from this one, or it from them: react, reaction."""
        return [
            other
            for other in self._by_beginning.get(one[:_BEGINNING], ())
            if other != one and (other.startswith(one) or one.startswith(other))
        ]

    def _counted(self, word: str) -> tuple[np.ndarray, np.ndarray]:
        """The operations that have the word, and what it counts for each."""
        begin, end = self._starts[self._column[word]], self._starts[self._column[word] + 1]
        return self._places[begin:end], self._values[begin:end]

    def _add(self, scores: np.ndarray, word: str, weight: float) -> None:
        if word in self._column:
            places, values = self._counted(word)
            scores[places] += weight * values

    def _add_any(self, scores: np.ndarray, words: Sequence[str], weight: float) -> None:
        """Words that mean one thing: all alike, however rare one is, and the best of them counts whole."""
        found = [self._counted(word) for word in words if word in self._column]
        if not found:
            return
        tops = [float(values.max()) for _, values in found]
        alike = sum(tops) / len(tops)
        best, total = np.zeros_like(scores), np.zeros_like(scores)
        for (places, values), top in zip(found, tops, strict=True):
            values = values * (alike / top)
            best[places] = np.maximum(best[places], values)
            total[places] += values
        scores += weight * ((1 - _FURTHER) * best + _FURTHER * total)

    def _verb_fit(self, groups: Sequence[str]) -> np.ndarray:
        fit = np.full(len(self._profiles), 0.4, dtype=np.float32)
        for group in wording.near_groups(tuple(groups)):
            if group in self._has_group:
                fit[self._has_group[group]] = 0.7
        for group in groups:
            if group in self._has_group:
                fit[self._has_group[group]] = 1.0
        return fit


def _longest(found: list[thesaurus.Said]) -> list[thesaurus.Said]:
    """Without those that lie within a longer phrase, each entry once."""
    kept: list[thesaurus.Said] = []
    for one in sorted(found, key=lambda said: -said.length):
        inside = any(other.start <= one.start and one.end <= other.end and other.length > one.length for other in kept)
        if not inside and all(other.entry is not one.entry for other in kept):
            kept.append(one)
    return kept


def _fields(text: str) -> dict[str, list[str]]:
    """Stems of each line of a text that retrieval.document made."""
    lines = text.split("\n")
    lines += [""] * (9 - len(lines))
    path = " ".join(part for part in lines[0].partition(" ")[2].split("/") if not part.startswith("{"))
    parts = {
        "summary": lines[1], "path": path, "name": lines[3], "service": lines[4], "sentence": lines[5],
        "arguments": lines[6], "hints": lines[7], "synonyms": lines[8].replace(",", " "),
    }  # fmt: skip
    return {name: list(_stems(part)) for name, part in parts.items()}


def _stems(text: str) -> Iterator[str]:
    for part in text.split():
        for word in wording.split_name(part):
            if len(word) > 1 and word not in wording.STOP_WORDS and not word.isdigit():
                yield stem(word)


#: Words that stand beside another in so few operations tell nothing of it.
_SEEN: Final = 2
#: Share of a word's operations that have the other one, too.
_SHARE: Final = 0.6


def _beside(fields: Sequence[dict[str, list[str]]]) -> dict[str, list[tuple[str, float]]]:
    """For a word of descriptions, arguments and services' texts that names nothing: the things that it stands with."""
    things = [{*found["path"], *found["name"]} for found in fields]
    named = set().union(*things) if things else set()
    spread = Counter(thing for found in things for thing in found)
    seen: Counter[str] = Counter()
    together: Counter[tuple[str, str]] = Counter()
    for found, names in zip(fields, things, strict=True):
        told = {word for name in ("summary", "sentence", "hints") for word in found[name]} - named
        seen.update(told)
        together.update((word, thing) for word in told for thing in names)
    learnt: dict[str, list[tuple[str, float]]] = {}
    for (word, thing), number in together.items():
        share = number / seen[word]
        if number >= _SEEN and share >= _SHARE and spread[thing] < 0.3 * len(fields):
            learnt.setdefault(word, []).append((thing, share))
    return {word: sorted(found, key=lambda pair: -pair[1])[:3] for word, found in learnt.items()}

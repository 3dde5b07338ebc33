"""Whether a word is one of English, and of which kind: what is none is likely a name or an id.

From the dictionary of LemmInflect (the SPECIALIST lexicon of the U.S. National Library of Medicine; first names are
not in it). Read once, in 0.2 s, when the first request needs it.
"""

from __future__ import annotations

import functools
from typing import Final

#: First names that are words of the language, too: "disable frank".
_NAMES: Final = (
    "abbey amber angel ash autumn barb basil bay bea beau bill billy blaze bob bobby brad brook carol chad chance"
    " chase chip chuck clay cliff cole colt coral daisy dale dan dawn dean dick dolly don drew duke earl ed eve"
    " faith fay fern flora florence frank gale gene ginger glen grace grant guy hank harry hazel heath heather herb"
    " holly honey hope hunter iris ivy jack jade jasmine jay jean jenny jerry jersey jess jewel jimmy jo joe joey"
    " joy judy june kay kelly ken kim kit lance laurel lee les lily lou luke mack madge mark marina mason matt max"
    " maria may mel melody mercy mick mickey mike miles milo minnie misty nat ned nell nelson nick norm olive opal"
    " oscar pansy pat patty pearl peg penny pepper pete peter phil pierce pip polly rand randy ray reed rex rich"
    " rick rob robin rod roger rose ruby rudy russ rusty ruth sally sam sandy scarlet scott shawn sherry sky sol"
    " sonny stan stella sterling stew sue sunny tad ted terry tim timothy tom tommy tony trace tracy trent trip troy"
    " vic victor viola violet wade wally ward warren wayne will woody"
)
_NAMES_TOO: Final = frozenset(_NAMES.split())


@functools.lru_cache(maxsize=20_000)
def _forms(word: str) -> dict[str, tuple[str, ...]]:
    from lemminflect import getAllLemmas  # a process that reads no requests needn't load it

    return dict(getAllLemmas(word))


@functools.lru_cache(maxsize=20_000)
def lemmas(word: str) -> frozenset[str]:
    """The base forms of an English word, small: meetings -> meeting, meet; empty for what is no word."""
    return frozenset(form.lower() for forms in _forms(word.lower()).values() for form in forms)


def kinds(word: str) -> frozenset[str]:
    """What an English word can be: NOUN, VERB, ADJ, ADV, AUX; empty for what is no word."""
    return frozenset(_forms(word.lower()))


def is_word(word: str) -> bool:
    """A word of the language that is no first name as well."""
    return bool(lemmas(word)) and word.lower() not in _NAMES_TOO


def only_tells(word: str) -> bool:
    """A word that names nothing: a verb's form, an adjective or an adverb that is no noun and no first name."""
    return is_word(word) and "NOUN" not in kinds(word)

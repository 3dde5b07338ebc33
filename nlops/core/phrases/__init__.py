"""What nlops itself says to a person, in the language of their request: `say("not_made_before")`.

A module per language holds a catalogue, key to sentence with `{placeholders}`; English is the one that has to be
complete and stands in for languages that have none (tests/unit/test_phrases.py compares the keys). Plain modules and
not gettext: sentences of code that must not do I/O, no build step, and Korean needs more than a text for a text
(its particles depend on the word before).

The language is set around a step with `speaking`, as `django.utils.translation.override` does; without it, English.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import Final

from nlops.core.phrases import de, en, ko

#: Code of a language to its catalogue.
CATALOGUES: Final[Mapping[str, ModuleType]] = {"en": en, "de": de, "ko": ko}

_LANGUAGE: ContextVar[str] = ContextVar("language of what is said", default="en")


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Inside of it `say` speaks this language (ISO 639-1); English where there is no catalogue for it."""
    token = _LANGUAGE.set(language if language in CATALOGUES else "en")
    try:
        yield
    finally:
        _LANGUAGE.reset(token)


def spoken() -> str:
    """Code of the language that `say` speaks now."""
    return _LANGUAGE.get()


def say(key: str, /, **values: object) -> str:
    """The sentence with the values filled in; whole numbers get the language's separators. Raises KeyError."""
    language = _LANGUAGE.get()
    template: str = CATALOGUES[language].PHRASES.get(key) or en.PHRASES[key]
    shown = {name: number(value) if type(value) is int else str(value) for name, value in values.items()}
    return _PLACE.sub(lambda match: _filled(match, shown), template)


def number(value: int) -> str:
    """A whole number as the language writes it: 2,345 or 2.345."""
    separator: str = CATALOGUES[_LANGUAGE.get()].THOUSANDS
    return f"{value:,}".replace(",", separator)


def listed(items: list[str]) -> str:
    """ "a, b and c" in the language."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {CATALOGUES[_LANGUAGE.get()].AND} {items[-1]}"


def noun(english: str, count: int | None = 1) -> str:
    """A thing's kind in the language, where it is a usual one; else as it stands, English. Count None: "users"."""
    module = CATALOGUES[_LANGUAGE.get()]
    found: tuple[str, str] | None = module.NOUNS.get(english.lower())
    if found is None:
        return english
    return found[0] if count == 1 else found[1]


def has_noun(english: str) -> bool:
    """Whether the language has a word of its own for the kind of thing."""
    return english.lower() in CATALOGUES[_LANGUAGE.get()].NOUNS


def done(verb: str) -> str:
    """ "angelegt" for the English verb "create"; "" when the language has none here."""
    found: str = CATALOGUES[_LANGUAGE.get()].DONE.get(verb.lower(), "")
    return found


#: A Korean particle in both forms, to those after a final consonant and after a vowel.
_PARTICLES: Final = {
    "을(를)": ("을", "를"),
    "이(가)": ("이", "가"),
    "은(는)": ("은", "는"),
    "과(와)": ("과", "와"),
    "(으)로": ("으로", "로"),
}
#: A placeholder with the particle that depends on what is filled in; quotes between them stay.
_PLACE: Final = re.compile(
    rf"\{{(?P<name>\w+)\}}(?P<quote>[”’\")]*)(?P<particle>{'|'.join(map(re.escape, _PARTICLES))})?"
)
#: Digits whose Korean reading ends with a consonant, and among them those with ㄹ. Of Latin letters one can't know:
#: "user" ends differently when it is read as a word and as letters.
_CLOSED_DIGITS: Final = "013678"
_L_DIGITS: Final = "178"


def _filled(match: re.Match[str], values: Mapping[str, str]) -> str:
    value, particle = values[match["name"]], match["particle"]
    return value + match["quote"] + (_particle(value, particle) if particle else "")


def _particle(word: str, particle: str) -> str:
    """The form of the particle that fits the word; both forms where one can't know."""
    last = word.rstrip('”’")」』 ')[-1:]
    if "가" <= last <= "힣":
        final = (ord(last) - ord("가")) % 28
        closed, is_l = final != 0, final == 8
    elif last.isascii() and last.isdigit():
        closed, is_l = last in _CLOSED_DIGITS, last in _L_DIGITS
    else:
        return particle
    after_consonant, after_vowel = _PARTICLES[particle]
    return after_consonant if closed and not (particle == "(으)로" and is_l) else after_vowel

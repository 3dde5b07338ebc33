"""Does what a model wrote say only what is known? Its prose is shown when every number, date and name in it stands in
a response or in the person's words; else the answer is rendered from the responses. Rules, no model: where they can't
tell a name from a word, prose is refused, because the rendered answer says the same.

English tells names by their capitals. German writes every noun with one, so there a capital word is no name when it is
a usual noun, or ends like one. Korean has none: there every Latin word is checked, and what looks like a person's name.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from nlops.core import language, saying
from nlops.core.phrases import de
from nlops.core.types import CallRecord, CallStatus, Json


def _list(words: str) -> list[str]:
    return words.split()


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


#: What ends a sentence: a mark before a space (not after an abbreviation of one letter), or a line.
_END: Final = re.compile(r"(?<=[.!?…])(?<!\b[^\W\d]\.)[\"”'’)]*\s+|(?<=[。！？])|\n+")


def sentences(text: str) -> tuple[list[str], str]:
    """The complete sentences of a text that is still being written, and the rest that may grow yet.

    Joined, they are the text again. The last sentence is complete when something follows its end.
    """
    found, start = [], 0
    for match in _END.finditer(text):
        if match.end() > start and not _is_ordinal(text, match):
            found.append(text[start : match.end()])
            start = match.end()
    return found, text[start:]


def _is_ordinal(text: str, end: re.Match[str]) -> bool:
    """Whether the full stop belongs to a German "1. November", or may yet turn out to."""
    if "\n" in end.group() or re.search(r"\b\d{1,2}\.$", text[: end.start()]) is None:
        return False
    word = re.match(r"\w*", text[end.end() :])
    following = word.group() if word else ""
    return not following or following[0].islower() or any(name.startswith(following.lower()) for name in _MONTHS)


def supported(text: str, calls: Sequence[CallRecord], request: str) -> bool:
    """Whether prose that a model wrote says nothing that no response and no word of the person holds.

    Checked are numbers (in digits and in words; lengths of lists count as known), dates and times, quoted texts, words
    with a digit or a sign in them, and names. Without a succeeded call nothing is supported.
    """
    succeeded = [call.response for call in calls if call.status is CallStatus.SUCCEEDED]
    if not succeeded:
        return False
    known = _Known.of(succeeded, [c.arguments for c in calls], request)
    text = _apart(text)
    rest = _without_dates(text, known)
    if rest is None or not _quotes_known(rest, known):
        return False
    rest = _QUOTED.sub(" ", rest)
    return _numbers_known(rest, known) and _names_known(rest, known, language.detect(text))


@dataclass(slots=True)
class _Known:
    """What may be said."""

    #: all of it as one text in small letters, one space between words
    plain: str = ""
    words: set[str] = field(default_factory=set)
    numbers: set[float] = field(default_factory=set)
    #: (year, month, day)
    dates: set[tuple[int, int, int]] = field(default_factory=set)
    #: (hour, minute)
    times: set[tuple[int, int]] = field(default_factory=set)
    #: texts of responses that are one word: names of things
    things: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, responses: list[Json], arguments: list[Json], request: str) -> _Known:
        known = cls()
        texts = [request]
        for value in _values([responses, arguments]):
            if isinstance(value, str):
                texts.append(value)
                if re.fullmatch(r"[^\W\d_][\w.@-]*", value):
                    known.things.add(value.lower())
            elif isinstance(value, (int, float)) and not isinstance(value, bool):
                known.numbers.add(float(value))
        known.numbers |= {float(len(value)) for value in _lists(responses)}
        texts.append(json.dumps([responses, arguments], ensure_ascii=False, default=str))
        known._read(_apart("\n".join(texts)))
        return known

    def _read(self, text: str) -> None:
        self.plain = re.sub(r"\s+", " ", text).lower()
        # The numbers of a date count nothing.
        whole, text = text, _INSTANT.sub(" ", text)
        self.words = {word.lower() for word in _TOKEN.findall(text)}
        self.words |= {
            part for word in self.words for part in re.split(r"[^\w]+|_", word) if part and not part.isdigit()
        }
        self.numbers |= {number for number, _ in saying.numerals(text)}
        self.numbers |= {float(value) for word, value in saying.NUMBERS.items() if word in self.words}
        self._read_dates(whole)

    def _read_dates(self, text: str) -> None:
        for match in re.finditer(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d))?", text):
            self.dates.add((int(match[1]), int(match[2]), int(match[3])))
            if match[4]:
                self.times.add((int(match[4]), int(match[5])))
        for form in _DATES:
            self.dates |= {found for match in form.finditer(text) if (found := _date_of(match))[1]}
        for year, month, day in self.dates:
            self.words |= {_ENGLISH_MONTHS[month - 1], _GERMAN_MONTHS[month - 1]} if 1 <= month <= 12 else set()
            with contextlib.suppress(ValueError):
                self.words |= {names[date(year, month, day).weekday()] for names in _WEEKDAYS}
        self.times |= {(int(match[1]), int(match[2])) for match in re.finditer(r"\b(\d{1,2}):(\d\d)", text)}


_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?")


def _values(value: Json) -> Iterator[Json]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
        else:
            yield item


def _lists(value: Json) -> Iterator[list[Json]]:
    waiting = list(value)
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            yield item
        waiting.extend(item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())


def _apart(text: str) -> str:
    """A space between Korean and what is written onto it: "user2를" as "user2 를"."""
    return re.sub(r"(?<=[가-힣])(?=[^\W가-힣])|(?<=[^\W가-힣])(?=[가-힣])", " ", text)


_TOKEN: Final = re.compile(r"\w[\w@.+:/-]*\w|\w")
_QUOTED: Final = re.compile(r"[\"“„'‘`「『](?P<quoted>[^\"”“’'`」』\n]{1,200})[\"”“'’`」』](?!\w)")


def _quotes_known(text: str, known: _Known) -> bool:
    quoted = (re.sub(r"\s+", " ", match["quoted"]).lower().strip(" .,") for match in _QUOTED.finditer(text))
    return all(words in known.plain for words in quoted)


# --- dates ----------------------------------------------------------------------------------------------------

_ENGLISH_MONTHS: Final = _list("january february march april may june july august september october november december")
_GERMAN_MONTHS: Final = _list("januar februar märz april mai juni juli august september oktober november dezember")
_MONTHS: Final = {
    name: number for months in (_ENGLISH_MONTHS, _GERMAN_MONTHS) for number, name in enumerate(months, 1)
} | {name[:3]: number for number, name in enumerate(_ENGLISH_MONTHS, 1)}
_WEEKDAYS: Final = (
    _list("monday tuesday wednesday thursday friday saturday sunday"),
    _list("montag dienstag mittwoch donnerstag freitag samstag sonntag"),
)
_MONTH: Final = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATES: Final = (
    re.compile(r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)(?!\d)"),
    re.compile(r"(?:(?P<year>\d{4}) ?년 ?)?(?P<month>\d{1,2}) ?월 ?(?P<day>\d{1,2}) ?일"),
    re.compile(rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.)? (?P<month>{_MONTH})\.?\b(?:,? (?P<year>\d{{4}}))?", re.I),
    re.compile(rf"\b(?P<month>{_MONTH})\.? (?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?!:)(?:,? (?P<year>\d{{4}}))?", re.I),
    re.compile(r"\b(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})\b"),
)
_TIMES: Final = (
    re.compile(r"(?P<half>오전|오후)? ?(?P<hour>\d{1,2}) ?시(?! ?간)(?: ?(?P<minute>\d{1,2}) ?분)?"),
    re.compile(
        r"[T ]?\b(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::\d\d(?:\.\d+)?)?(?:Z\b|[+-]\d\d:\d\d)? ?(?P<half>[ap]m\b)?", re.I
    ),
    re.compile(r"\b(?P<hour>\d{1,2})(?P<minute>)(?P<half>) Uhr\b"),
)


def _date_of(match: re.Match[str]) -> tuple[int, int, int]:
    """Year (0 when it is left out), month and day; month 0 when it is none."""
    month = match["month"].lower()
    number = int(month) if month.isdigit() else _MONTHS[month]
    return int(match["year"] or 0), number if 1 <= number <= 12 else 0, int(match["day"])


def _without_dates(text: str, known: _Known) -> str | None:
    """The text without its dates and times; None when one of them is not known."""
    for form in _DATES:
        for match in form.finditer(text):
            year, month, day = _date_of(match)
            if not any((year in (0, y)) and (month, day) == (m, d) for y, m, d in known.dates):
                return None
        text = form.sub(" ", text)
    for form in _TIMES:
        for match in form.finditer(text):
            hour, minute = int(match["hour"]), int(match["minute"] or 0)
            if match["half"] and match["half"].lower() in ("오후", "pm") and hour < 12:
                hour += 12
            if (hour, minute) not in known.times:
                return None
        text = form.sub(" ", text)
    return text


# --- numbers --------------------------------------------------------------------------------------------------

_NUMBER: Final = re.compile(r"(?<![\w.,@-])-?\d+(?:[.,]\d+)*(?P<ordinal>st|nd|rd|th)?(?![\w@]|[.,:/-]\w)")


def _numbers_known(text: str, known: _Known) -> bool:
    years = {float(year) for year, _, _ in known.dates}
    for match in _NUMBER.finditer(text):
        digits = match.group().removesuffix(match["ordinal"] or "")
        if not (_readings(digits) & (known.numbers | years) or digits in known.words):
            return False
    for word in re.findall(r"[^\W\d_]+", text.lower()):
        value = saying.NUMBERS.get(word)
        if value is not None and value > 1 and float(value) not in known.numbers:
            return False
    return all(
        number in known.numbers | years for number, span in saying.numerals(text) if "가" <= text[span[0]] <= "힣"
    )


def _readings(digits: str) -> set[float]:
    """What a number may mean: 1,234 and 1.234 are one thousand in one language, and one and a bit in another."""
    found = set()
    for thousands, point in ((",", "."), (".", ",")):
        if re.fullmatch(rf"-?\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+(?:{re.escape(point)}\d+)?", digits):
            found.add(float(digits.replace(thousands, "").replace(point, ".")))
        if re.fullmatch(rf"-?\d+(?:{re.escape(point)}\d+)?", digits):
            found.add(float(digits.replace(point, ".")))
    return found


# --- names ----------------------------------------------------------------------------------------------------

_WORD: Final = re.compile(r"\w[\w@.+:/-]*\w|\w", re.UNICODE)
#: Words with which a sentence begins, beside those that language detection knows.
_STARTERS: Final = _set(
    "there here it they this that these those he she we you i your his her their its all both none no each every some"
    " done okay ok yes sure note also currently additionally however in on at of for to from with as if when while"
    " after before since until and or but so then now please let he's it's there's here's user users group groups the"
    " a an found created updated deleted removed added changed enabled disabled nothing everything what which who"
    " according based unfortunately finally first last next email name names status result results summary details"
    " information total time date member members entry entries account accounts one list following access request"
    " requests settings safe safes yesterday today"
)
_ALWAYS: Final = _set("i id ids api json utc url http https ok mfa csv ip")
_GERMAN_ENDINGS: Final = (
    "ung", "ungen", "heit", "heiten", "keit", "keiten", "schaft", "schaften", "tion", "tionen", "tät", "täten", "nis",
    "nisse", "ling", "tum", "mente", "ierung",
)  # fmt: skip
_GERMAN_NOUNS: Final = frozenset(
    {form.lower() for forms in de.NOUNS.values() for form in forms}
    | _set(
        "name namen liste listen details angaben adresse adressen mail e-mail e-mails abteilung status datum zeit uhr"
        " tag tage tagen woche wochen monat monate monaten jahr jahre jahren stunde stunden minute minuten sekunde"
        " sekunden anzahl nummer zahl wert werte passwort kennwort vorname nachname beschreibung zugriff recht rechte"
        " system dienst art typ zustand ergebnis ergebnisse antwort daten feld felder text person personen ihnen sie"
        " ihr ihre ihren ihrem hier"
    )
)
_SURNAMES: Final = "김이박최정강조윤장임한오서신권황안송류홍"
_NO_NAMES: Final = _set("이메일 이벤트 이용자 조회수 정상적 한국어 서비스 서버명 이전에 장치명 신청자 조건에")
_PERSON: Final = re.compile(
    rf"(?<![\w])(?P<name>[{_SURNAMES}][가-힣]{{2}})(?=(?:님|씨)?(?:은|는|이|가|을|를|의|에게|와|과|입니다)?(?![\w]))"
    r"|(?<![\w])(?P<called>[가-힣]{2,8}?)(?=(?:님|씨)(?:은|는|이|가|을|를|의|에게|와|과)?(?![\w]))"
)


def _names_known(text: str, known: _Known, code: str) -> bool:
    """Whether every name in the text is known."""
    begins = True
    for match in _WORD.finditer(text):
        word = match.group()
        if not _may_stand(word, begins, known, code):
            return False
        begins = re.match(r"[\"”'’)]*(?:[.!?:;]|\s*\n|\s*[-*•])", text[match.end() :]) is not None
    return _series_known(text, known) and _people_known(text, known)


def _may_stand(word: str, begins: bool, known: _Known, code: str) -> bool:
    lowered = word.lower()
    if "가" <= word[0] <= "힣" or re.fullmatch(r"[\d:.,/+-]+", word) or lowered in _ALWAYS:
        return True  # numbers and Korean words are looked at elsewhere
    if _is_known(lowered, known):
        return True
    if re.search(r"[\d_@]", word) and re.sub(r"(?:st|nd|rd|th)$", "", lowered).isdigit() is False:
        return False
    if code == "ko":
        return False
    if not word[0].isupper():
        return True
    if code == "de":
        return _is_german(lowered, begins)
    return begins and (
        lowered in _STARTERS or lowered in language.ENGLISH or bool(re.fullmatch(r"[a-z]{3,}(?:ed|ing|ly)", lowered))
    )


def _is_known(lowered: str, known: _Known) -> bool:
    if lowered in known.words:
        return True
    for ending in ("'s", "’s", "s"):
        if lowered.endswith(ending) and lowered.removesuffix(ending) in known.words:
            return True
    parts = [part for part in re.split(r"[/:]|\.(?=\w)", lowered) if part]
    return len(parts) > 1 and all(part in known.words for part in parts)


def _is_german(lowered: str, begins: bool) -> bool:
    """A usual noun, a compound that ends with one, or a word of grammar at the beginning of a sentence."""
    return (
        lowered in _GERMAN_NOUNS
        or lowered.endswith(_GERMAN_ENDINGS)
        or any(len(noun) > 3 and lowered.endswith(noun) for noun in _GERMAN_NOUNS)
        or (begins and (lowered in language.WORDS["de"] or lowered in _GERMAN_STARTERS))
    )


_GERMAN_STARTERS: Final = _set(
    "es das dies diese dieser dieses der die den dem ein eine hier er sie wir ihr in im am an auf aus bei bis für mit"
    " nach seit um von vor zu zum zur und oder aber alle beide keine kein insgesamt gefunden angelegt gelöscht erledigt"
    " derzeit aktuell leider folgende"
)


#: Words that are no names wherever they stand.
_GRAMMAR: Final = _STARTERS | _GERMAN_STARTERS | language.ENGLISH | language.WORDS["de"]


def _series_known(text: str, known: _Known) -> bool:
    """In "ada, bob and carol" either none of the words is a name of the responses, or all of them are known."""
    for match in re.finditer(r"(?<![\w@.-])[\w@.-]++(?:(?:,\s*|,?\s+(?:and|or|und|oder|및)\s+)[\w@.-]++)+", text):
        words = [
            word.strip(".-").lower() for word in re.split(r",\s*|,?\s+(?:and|or|und|oder|및)\s+|\s+", match.group())
        ]
        if any(word in known.things for word in words):
            others = (word for word in words if word and not _is_known(word, known))
            if any(word not in _GRAMMAR for word in others):
                return False
    return True


def _people_known(text: str, known: _Known) -> bool:
    for match in _PERSON.finditer(text):
        name = match["name"] or match["called"]
        if (
            name not in known.plain
            and name not in _NO_NAMES
            and name not in ("사용자", "고객", "회원", "담당자", "관리자")
        ):
            return False
    return True

"""Secrets that a person types into a message, and secrets in what a product answers."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from nlops.core.types import Json
from nlops.core.views import HIDDEN


@dataclass(frozen=True, slots=True)
class Masked:
    """A message without its secrets."""

    #: the message with `[[secret:NAME]]` in place of each secret
    text: str
    #: name (password, password_2, token …) to the secret
    secrets: dict[str, str] = field(default_factory=dict)


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# --- names ------------------------------------------------------------------------------------------------

_LAST_WORDS: Final = _set(
    "password passwd pwd passphrase passcode secret token pin credential credentials apikey jwt otp authorization"
)
#: Words before "key" that make it a secret.
_KEYS: Final = _set("api private secret access encryption signing master shared")
#: Words after the secret that still mean the secret.
_QUALIFIERS: Final = _set("confirmation confirm repeat again value text plaintext hash")
#: First words of a yes-or-no field about a secret.
_QUESTIONS: Final = _set("is has require requires needs allow allows must use uses")
#: What makes a token a place in a list, or a count, and no secret.
_PAGING: Final = _set("next page previous prev continuation cursor sync max min")


@functools.lru_cache(maxsize=5_000)
def is_secret_name(name: str) -> bool:
    """True when a field of this name holds a secret: password, clientSecret, x-api-key; not token_type."""
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]
    while len(words) > 1 and words[-1] in _QUALIFIERS:
        words.pop()
    if not words or (len(words) > 1 and words[0] in _QUESTIONS):
        return False
    if words[-1] == "key":
        return len(words) > 1 and words[-2] in _KEYS
    return words[-1] in _LAST_WORDS and not (words[-1] == "token" and len(words) > 1 and words[-2] in _PAGING)


# --- masking what a person typed --------------------------------------------------------------------------

_PEM: Final = "-----{} [A-Z0-9 ]{{0,30}}PRIVATE KEY-----"
#: Secrets that are known by their shape alone: name to pattern; the group "found", where there is one, is it.
_SHAPES: Final = (
    ("private_key", re.compile(rf"{_PEM.format('BEGIN')}.*?(?:{_PEM.format('END')}|\Z)", re.S)),
    ("token", re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")),
    ("token", re.compile(r"\b(?:Bearer|Basic)\s+(?P<found>[\w.~+/-]{12,}=*)", re.I)),
    ("api_key", re.compile(r"\b(?:sk|pk|rk)[-_](?=[\w-]*\d)[\w-]{16,}|\bAIza[\w-]{30,}")),
    ("token", re.compile(r"\b(?:gh[opsur]_|github_pat_|glpat-|xox[abprs]-|npm_|pypi-)[\w-]{10,}")),
    ("access_key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("password", re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{1,200}:(?P<found>[^\s/@]{1,200})@", re.I)),
)
#: What a secret is called in a sentence: name to words.
_LABELS: Final = {
    "client_secret": r"client[ _-]?secret",
    "private_key": r"private[ _-]?key",
    "api_key": r"api[ _-]?key|secret[ _-](?:access[ _-])?key",
    "access_key": r"access[ _-]key(?:[ _-]id)?",
    "passphrase": r"pass[ _-]?phrase",
    "password": r"password|passwd|passcode|pwd|pw",
    "pin": r"pin(?: ?code)?",
    "token": r"(?:access |refresh |bearer )?token",
    "value": r"secret[ _-]value|value",
    "secret": r"secret",
}
_LABEL: Final = "|".join(f"(?P<{name}>{words})" for name, words in _LABELS.items())
_QUOTED: Final = r"'[^'\n]{1,500}'|\"[^\"\n]{1,500}\"|“[^”\n]{1,500}”|‘[^’\n]{1,500}’|`[^`\n]{1,500}`"
_VALUE: Final = rf"(?P<found>{_QUOTED}|[^\s\"“”`]{{1,500}})"
#: The label with the words before it, what joins it to the value, and the value.
_LABELLED: Final = re.compile(
    r"(?<![\w\[-])(?:(?P<with>with|and|using|use)\s+)?"
    r"(?:(?:the|a|an|his|her|their|its|my|new|initial|old)\s+){0,2}"
    rf"(?:{_LABEL})(?![\w-])"
    r"(?:[\"']?\s*(?P<mark>[:=])\s*|\s+(?P<verb>is|are|being|shall be|should be|will be|to be|as)\s+|\s+)"
    rf"{_VALUE}",
    re.I,
)
#: "change the password of bob to …"
_CHANGED: Final = re.compile(
    rf"\b(?:set|change|reset|update|rotate|make)\s+(?:\S+\s+){{0,3}}?(?:{_LABEL})"
    rf"(?:\s+(?!to\b)\S+){{0,8}}?\s+to\s+(?:be\s+)?{_VALUE}",
    re.I,
)
#: Words after "password" that are no password.
_WORDS: Final = _set(
    "a an the this that these those of for in on at to from by with without and or but not no is are was"
    " be been has have had must should shall can could may might will would do does did who whom whose"
    " which what when where why how if then than as so it its his her their my your our me you him them us"
    " all any some every each please named called policy policies protection protected authentication auth"
    " reset resets rotation manager history length rule rules field fields requirement requirements expiry"
    " expiration change changes changed login logins hash hashes strength vault safe safes secret secrets"
    " user users group groups account accounts expire expires expired expiring required needed optional"
    " missing wrong weak strong correct incorrect invalid valid empty old new known unknown lost stored"
    " hidden secure insecure rotated compromised leaked due same different random randomly generated"
    " something anything one never always yet still also just only set list lists type types value values"
    " name names id ids entry entries age lifetime access refresh key keys code codes via through after"
    " before since until yesterday today last now again first second later too instead there here ok okay"
    " yes"
)
_CREATING: Final = re.compile(r"\b(?:create|add|register|new|make|invite)\b", re.I)
_RESETTING: Final = re.compile(
    r"\b(?:reset|change|rotate|forgot|forgotten|recover|show|get|reveal|list|see|view|find|delete|remove"
    r"|expire|what|whose)\b[^.;\n]{0,40}$",
    re.I,
)


def mask(text: str) -> Masked:
    """The message with each secret that the person typed replaced by `[[secret:NAME]]`.

    NAME says what it is (password, passphrase, pin, token, api_key, access_key, client_secret, private_key,
    secret, value); a second one of a kind is password_2. Words about secrets ("reset the password of user1",
    "password policy", "the secret named db-root") stay as they are.
    """
    found: list[tuple[int, int, str]] = []
    for start, end, name in sorted(_secrets_in(text)):
        if not found or start >= found[-1][1]:
            found.append((start, end, name))
    names: dict[str, str] = {}  # secret to its name
    for start, end, name in found:
        names.setdefault(text[start:end], _free(name, names))
    masked, done = [], 0
    for start, end, _ in found:
        masked += [text[done:start], f"[[secret:{names[text[start:end]]}]]"]
        done = end
    rest = "".join([*masked, text[done:]])
    for value, name in names.items():
        if len(value) >= 6:  # said once more without its label
            rest = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", f"[[secret:{name}]]", rest)
    return Masked(rest, {name: value for value, name in names.items()})


def _free(name: str, names: dict[str, str]) -> str:
    taken = set(names.values())
    number = 2
    free = name
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free


def _secrets_in(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and kind of each secret; they may overlap."""
    for name, shape in _SHAPES:
        for found in shape.finditer(text):
            yield (*found.span("found" if "found" in shape.groupindex else 0), name)
    about_secrets = re.search(r"\bsecrets?\b", text, re.I) is not None
    for pattern in (_LABELLED, _CHANGED):
        position = 0
        while (match := pattern.search(text, position)) is not None:
            name = next(name for name in _LABELS if match.group(name))
            span = _value_span(match, name)
            if span and (name != "value" or about_secrets) and _is_secret(match, name, text[slice(*span)], pattern):
                yield (*span, name)
                position = span[1]
            else:
                position = match.end(name)


def _value_span(match: re.Match[str], name: str) -> tuple[int, int] | None:
    """The value without its quotes and without the sentence's punctuation."""
    start, end = match.span("found")
    value = match.group("found")
    if value[0] in "'\"“‘`" and len(value) > 2 and value[-1] in "'\"”’`":
        return start + 1, end - 1
    if name == "passphrase" and match.groupdict().get("mark"):
        clause = re.compile(r"[^,.;\n]+?(?=\s+and\s|[,.;\n]|$)").match(match.string, start)
        end = clause.end() if clause else end
        return start, end
    end = start + len(value.rstrip(".,;:)}]'"))
    return (start, end) if end > start else None


def _is_secret(match: re.Match[str], name: str, value: str, pattern: re.Pattern[str]) -> bool:
    """Whether what follows the label is the secret itself, not a word of the sentence."""
    quoted = match.start("found") > 0 and match.group("found")[0] in "'\"“‘`"
    if value.startswith("[[secret:") or (not quoted and value.lower().strip("!?") in _WORDS):
        return False
    groups = match.groupdict()
    strong = pattern is _CHANGED or bool(groups.get("mark"))
    if name == "secret" or (name == "token" and not strong):
        # "the secret db-root", "secret: db-root": a name more often than a secret.
        return bool(strong or groups.get("with") or groups.get("verb")) and _is_random(value)
    if strong:
        return True
    if groups.get("verb"):
        return quoted or _has_symbol(value) or _ends_clause(match)
    if name == "pin":
        return value.isdigit()
    if groups.get("with"):
        return quoted or name in ("password", "passphrase", "value") or _is_random(value)
    label = match.start(name)
    if name == "value" or _RESETTING.search(match.string, max(0, label - 60), label):
        return False
    if _CREATING.search(match.string, max(0, label - 200), label):
        return quoted or _has_symbol(value)
    return _is_random(value)


def _has_symbol(value: str) -> bool:
    return re.search(r"[\d!@#$%^&*+=?~]", value) is not None


def _is_random(value: str) -> bool:
    """Eight characters or more of three kinds (small, capital, digit, symbol), or sixteen of two."""
    kinds = sum(bool(re.search(kind, value)) for kind in (r"[a-z]", r"[A-Z]", r"\d", r"[!@#$%^&*+=?~/]"))
    return (len(value) >= 8 and kinds >= 3) or (len(value) >= 16 and kinds >= 2)


def _ends_clause(match: re.Match[str]) -> bool:
    rest = match.string[match.end("found") :]
    return match.group("found")[-1] in ".,;" or re.match(r"\s*(?:$|[.,;\n]|and\b)", rest) is not None


# --- redacting what a product answers ---------------------------------------------------------------------


#: Levels of nesting that are kept of a response: more is an attack, and too deep for what reads it next.
_DEPTH: Final = 100


def redact(
    value: Json, secret_values: Iterable[str] = (), secret_fields: Callable[[str], bool] = is_secret_name
) -> Json:
    """A copy of the JSON value without secrets: known ones wherever they stand, and all in secret fields.

    `secret_values` are those that the person typed; they are found in URL-encoded and JSON-escaped form, too.
    Values shorter than four characters are hidden only where they are the whole text. What lies deeper than 100
    levels becomes "…".
    """
    known = {form for secret in secret_values if secret for form in _forms(secret)}
    long = sorted((form for form in known if len(form) >= 4), key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, long))) if long else None
    return _Redaction(frozenset(known), pattern, secret_fields).of(value, 0)


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    yield json.dumps(secret)[1:-1]


@dataclass(frozen=True, slots=True)
class _Redaction:
    known: frozenset[str]
    pattern: re.Pattern[str] | None
    secret_fields: Callable[[str], bool]

    def of(self, value: Json, depth: int) -> Json:
        if isinstance(value, (dict, list)) and depth >= _DEPTH:
            return "…"
        if isinstance(value, dict):
            return {self.of(key, depth): self._field(key, item, depth + 1) for key, item in value.items()}
        if isinstance(value, list):
            return [self.of(item, depth + 1) for item in value]
        if isinstance(value, str):
            if value in self.known:
                return HIDDEN
            return self.pattern.sub(HIDDEN, value) if self.pattern else value
        if isinstance(value, (int, float)) and not isinstance(value, bool) and str(value) in self.known:
            return HIDDEN
        return value

    def _field(self, name: Json, value: Json, depth: int) -> Json:
        secret = isinstance(name, str) and self.secret_fields(name)
        return _hidden(value, depth) if secret else self.of(value, depth)


def _hidden(value: Json, depth: int) -> Json:
    """Everything in a secret field hidden but what can hold no secret: null, yes and no, nothing."""
    if isinstance(value, dict) and depth < _DEPTH:
        return {key: _hidden(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list) and depth < _DEPTH:
        return [_hidden(item, depth + 1) for item in value]
    return value if value is None or isinstance(value, bool) or value == "" else HIDDEN

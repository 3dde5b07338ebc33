"""The arguments of one call: by rules where the words leave no doubt, by Needle for the rest; never invented."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from nlops.core import wording
from nlops.core.provenance import Sources, trace
from nlops.core.retrieval import first_sentence
from nlops.core.types import Json, ProvenanceKind, Tool
from nlops.core.wording import Clause, Token, base, split_name, word_set
from nlops.llm.needle import Filled
from nlops.llm.references import IDENTIFYING, PEOPLE_PRONOUNS, Memory, copied, kind_of, segment_nouns

#: Arguments that take prose.
PROSE: Final = word_set(
    "description comment reason message title note text body summary justification content remark bio"
)
_REASONS: Final = frozenset({"reason", "justification", "purpose"})
#: Arguments that say how many entries are wanted.
LIMITS: Final = word_set("limit perpage pagesize size count top maxresults first num")
#: Arguments of the pages of a list and its order: only when they are named.
TECHNICAL: Final = word_set(
    "sort order direction orderby sortby fields include expand page offset cursor after before pagetoken"
    " briefrepresentation"
)
_PEOPLE_ARGUMENTS: Final = word_set("actor user username owner assignee author creator member requester by person")
_INTO: Final = word_set("to into from off in of within inside on onto under for at")
_FROM_DATE: Final = word_set(
    "from since start after begin beginning gte gt min newer created_after start_date datefrom"
)
_TO_DATE: Final = word_set("to until end before lte lt max till older created_before end_date dateto")


def date_arguments(tool: Tool) -> dict[str, str]:
    """Date arguments of the tool to "start", "end" or "day"."""
    found: dict[str, str] = {}
    for name in tool.properties:
        schema = resolved(tool, name)
        words = split_name(name)
        dated = schema.get("format") in ("date", "date-time") or re.search(
            r"ISO.?8601|YYYY-MM-DD", str(schema.get("description", ""))
        )
        last_first = {*words[:1], *words[-1:]}
        if not dated and not (
            schema.get("type") == "string" and (last_first & {"since", "until"} or set(words) & {"date", "timestamp"})
        ):
            continue
        role = "end" if last_first & _TO_DATE else "start" if last_first & _FROM_DATE else "day"
        found[name] = role
    return found


def resolved(tool: Tool, name: str) -> dict[str, Json]:
    """The schema of an argument, one reference and the first useful branch of a combination followed."""
    schema = tool.properties.get(name, {})
    for _ in range(4):
        reference = schema.get("$ref", "")
        if isinstance(reference, str) and reference.startswith("#/$defs/"):
            schema = {**tool.parameters.get("$defs", {}).get(reference.removeprefix("#/$defs/"), {}), "$ref": ""}
            continue
        branches = [b for key in ("anyOf", "oneOf", "allOf") for b in schema.get(key, ()) if isinstance(b, dict)]
        branches = [branch for branch in branches if branch.get("type") != "null"]
        if "type" in schema or "enum" in schema or not branches:
            break
        schema = {**schema, **branches[0], "anyOf": (), "oneOf": (), "allOf": ()}
    return dict(schema)


def kind(schema: Mapping[str, Json]) -> str:
    """The JSON type that values of the schema have, "string" where it doesn't say."""
    kinds = schema.get("type", "string")
    kinds = [one for one in (kinds if isinstance(kinds, list) else [kinds]) if one != "null"]
    return str(kinds[0]) if kinds else "string"


#: Words of an order that something be on: "make a second factor mandatory for everybody".
_MUST: Final = word_set(
    "mandatory required compulsory obligatory optional necessary everybody everyone anybody anyone people person make"
    " made must should shall"
)


def _described_words(name: str, schema: Mapping[str, Json]) -> set[str]:
    words = re.findall(r"[^\W\d_]+", str(schema.get("description") or ""))
    return {base(word) for word in (*words, *split_name(name))}


def described_argument(tool: Tool, clause: Clause) -> str:
    """The switch or number of a tool that the clause says in the words of its description, "" for none.

    "Let idle sessions end after 45 minutes" is session_minutes, "Minutes after which an idle session ends".
    """
    idle = wording.STOP_WORDS | _INTO | word_set("after before not never don't") | _MUST
    said = {token.base for token in clause.tokens if token.plain and token.lower not in idle}
    said -= {clause.verb, *(("turn", "switch") if clause.verb in ("enable", "disable") else ())}
    numbers = sum(token.text.isdigit() for token in clause.tokens)
    words = {name: _described_words(name, resolved(tool, name)) for name in tool.properties}
    if said - {base(word) for word in split_name(tool.path)}.union(*words.values()):
        return ""  # it speaks of something else, too
    single = [name for name in words if said and said <= {base(word) for word in split_name(name)}]
    if len(single) == 1 and kind(resolved(tool, single[0])) == "boolean":
        return single[0]  # "turn on mfa"
    best, most = "", max(1, len(said) // 2)
    for name, own in words.items():
        wanted = kind(resolved(tool, name))
        fits = wanted == "boolean" or (wanted in ("integer", "number") and numbers == 1)
        if fits and len(said & own) > most:
            best, most = name, len(said & own)
    return best


@dataclass(slots=True)
class Filler:
    """Fills the arguments of one tool from one clause."""

    tool: Tool
    clause: Clause
    #: what the operation is about
    target: str
    memory: Memory
    #: words of the operations to the words that a person's word may mean
    meanings: Callable[[str], frozenset[str]]
    #: a range of dates that the clause named, as the date tool resolved it
    dates: Mapping[str, Json] | None = None
    #: words of the operations that stand side by side
    pairs: frozenset[tuple[str, str]] = frozenset()
    #: names that the sentences before the clause told of
    mentioned: tuple[str, ...] = ()
    arguments: dict[str, Json] = field(default_factory=dict)
    #: indexes of the clause's tokens that are taken
    taken: set[int] = field(default_factory=set)

    def by_rules(self) -> dict[str, Json]:
        """Everything that the words leave no doubt about."""
        self._secrets()
        self._labelled()
        self._before_label()
        self._reason()
        self._slash_pairs()
        self._quantity()
        self._next_to_their_kind()
        self._before_their_kind()
        self._by_told_kind()
        self._flags_and_choices()
        self._bounds()
        self._renamed()
        self._named()
        self._query()
        self._about()
        self._by_place()
        self._people()
        self._formats()
        self._dates()
        self._described()
        return self.arguments

    # --- what is left -----------------------------------------------------------------------------------------

    @property
    def missing(self) -> list[str]:
        """Required arguments without a value that a person may say in the open."""
        return [n for n in self.tool.required if n not in self.arguments and n not in self.tool.secret_arguments]

    def changes_nothing(self, *, any_verb: bool = False) -> bool:
        """An update of which no new value is known, though none of them is required."""
        in_path = segment_nouns(self.tool.path)
        body = [name for name in self.tool.properties if name not in in_path]
        if self.tool.method not in ("PATCH", "PUT") or not body or set(body) & set(self.tool.required):
            return False
        return (any_verb or "update" in self.clause.groups) and not set(body) & set(self.arguments)

    def untold(self) -> list[Token]:
        """Values of the clause that no argument took."""
        return [self.clause.tokens[index] for index in self.clause.values if index not in self.taken]

    def wants_model(self) -> bool:
        """Whether reading the clause with the model may find more."""
        offered = self._offered()
        if self.missing and (self.untold() or self._has_free_words()):
            return bool(offered)
        if self.untold() and any(name not in self.tool.required for name in offered):
            return True
        return any(self._is_mentioned(name) and kind(resolved(self.tool, name)) != "boolean" for name in offered)

    def _has_free_words(self) -> bool:
        """Words beyond the verb and the operation's own nouns, which may hold a value."""
        known = {self.target, *segment_nouns(self.tool.path).values(), *self.clause.nouns}
        return any(
            token.plain
            and token.lower not in wording.STOP_WORDS
            and token.base not in known
            and token.base != self.clause.verb
            for index, token in enumerate(self.clause.tokens)
            if index not in self.taken
        )

    def _offered(self) -> list[str]:
        """Arguments that the model may fill: required ones without a value, and those that the words mention."""
        return [
            name
            for name in self.tool.properties
            if name not in self.arguments
            and name not in self.tool.secret_arguments
            and (name in self.tool.required or self._is_mentioned(name) or self._may_hold_untold(name))
            and kind(resolved(self.tool, name)) in ("string", "integer", "number", "boolean", "array")
        ]

    def _is_mentioned(self, name: str) -> bool:
        words = {base(word) for word in split_name(name)} - {"name", "id", *self._kinds()}
        said = {token.base for index, token in enumerate(self.clause.tokens) if index not in self.taken and token.plain}
        return bool(words) and words <= said and not self._is_technical(name)

    def _kinds(self) -> set[str]:
        return {self.target, *segment_nouns(self.tool.path).values()}

    def _may_hold_untold(self, name: str) -> bool:
        return (
            bool(self.untold())
            and not self._is_technical(name)
            and (bool(PROSE & set(split_name(name))) or len(self.tool.properties) <= 8)
        )

    @staticmethod
    def _is_technical(name: str) -> bool:
        return "".join(split_name(name)) in TECHNICAL

    def model_tool(self) -> dict[str, Json]:
        """The tool as Needle reads it best: short, only what is to be filled."""
        offered = self._offered()[:12]
        words = split_name(self.tool.name)
        return {
            "name": "_".join(words)[:60] or "operation",
            "description": first_sentence(self.tool.description or self.tool.summary),
            "parameters": {
                "type": "object",
                "properties": {name: self._model_schema(name) for name in offered},
                "required": [name for name in offered if name in self.tool.required],
            },
        }

    def _model_schema(self, name: str) -> dict[str, Json]:
        schema = resolved(self.tool, name)
        noun = kind_of(self.tool, name, self.target)
        told = first_sentence(str(schema.get("description") or "")) or f"{' '.join(split_name(name))}"
        if noun and noun not in told.lower():
            told = f"{told} of the {noun}"
        short: dict[str, Json] = {"type": kind(schema), "description": told[:120]}
        if isinstance(schema.get("enum"), list) and len(schema["enum"]) <= 20:
            short["enum"] = schema["enum"]
        if short["type"] == "array":
            short["items"] = {"type": "string"}
        return short

    def take_from_model(self, filled: Filled) -> None:
        """Keep what the model filled where the words hold it and nobody took it yet."""
        open_text = self._open_text()
        found = filled.arguments or {}
        for name, value in found.items():
            if isinstance(value, str) and sum(str(other).lower() == value.lower() for other in found.values()) > 1:
                continue  # the same words for two arguments: it guessed
            if name in self.arguments or name not in self.tool.properties or name in self.tool.secret_arguments:
                continue
            value = self._coerced(name, value)
            if value is None or not self._is_grounded(name, value, open_text):
                continue
            self.arguments[name] = value

    def _open_text(self) -> str:
        """The clause with the taken values blanked."""
        text = self.clause.text
        for index in self.taken:
            token = self.clause.tokens[index]
            text = text[: token.start] + " " * (token.end - token.start) + text[token.end :]
        return text

    def _is_grounded(self, name: str, value: Json, text: str) -> bool:
        if isinstance(value, str):
            words = value.lower().split()
            kinds = self._kinds()
            generic = {*wording.STOP_WORDS, *self.clause.nouns, self.clause.verb, *kinds}
            generic.update(*(wording.synonyms(one) for one in kinds))
            said = {token.lower for token in self.clause.tokens if token.base == self.clause.verb}
            if set(words) & (wording.PRONOUNS | {"me", "us", "i", "we", "you"} | said) and not PROSE & set(
                split_name(name)
            ):
                return False  # "switch him on": the model took the order for a name
            if not words or all(base(word) in generic or word in generic for word in words):
                return False
            if wording.is_common(value.lower()) and not (PROSE & set(split_name(name))):
                return False
        found = trace({name: value}, Sources(said=[text]), self.tool.parameters)
        return all(origin.kind is ProvenanceKind.SAID for origin in found.values())

    # --- rules ------------------------------------------------------------------------------------------------

    def _put(self, name: str, value: Json, *indexes: int) -> bool:
        value = self._coerced(name, value)
        if value is None or name in self.arguments:
            return False
        self.arguments[name] = value
        self.taken.update(indexes)
        return True

    def _coerced(self, name: str, value: Json) -> Json:
        """The value in the argument's type, None when it has none."""
        schema = resolved(self.tool, name)
        wanted = kind(schema)
        try:
            if wanted == "integer":
                return None if isinstance(value, bool) else int(str(value).lstrip("#").replace(",", ""))
            if wanted == "number":
                return None if isinstance(value, bool) else float(str(value).replace(",", ""))
        except ValueError:
            return None
        if wanted == "boolean":
            return (
                value
                if isinstance(value, bool)
                else {"true": True, "yes": True, "false": False, "no": False}.get(str(value).lower())
            )
        if wanted == "array":
            return value if isinstance(value, list) else [value]
        if wanted == "object":
            return value if isinstance(value, dict) else None
        if not isinstance(value, (str, int, float)) or isinstance(value, bool):
            return None
        if schema.get("format") == "email" and not re.fullmatch(r"[^@\s]+@[^@\s]+", str(value)):
            return None
        choices = schema.get("enum")
        if isinstance(choices, list):
            return next(
                (c for c in choices if str(c).lower() == str(value).lower() or base(str(c)) == base(str(value))), None
            )
        return str(value)

    def _secrets(self) -> None:
        placeholders = [(i, t) for i, t in enumerate(self.clause.tokens) if t.secret]
        for index, token in placeholders:
            told = re.sub(r"_\d+$", "", token.text.removeprefix("[[secret:").removesuffix("]]")).lower()
            free = [name for name in self.tool.secret_arguments if name not in self.arguments]
            fitting = [name for name in free if told in name.lower() or name.lower() in told]
            names = fitting or (free if len(free) == 1 and len(placeholders) == 1 else [])
            if names:
                self.arguments[names[0]] = token.text
                self.taken.add(index)

    def _labelled(self) -> None:
        """ "with email x@y", "department: Sales", "set the description of … to …"."""
        labels = {name: _labels(name) for name in self.tool.properties if name not in self.tool.secret_arguments}
        kinds = self._kinds()
        every = [label for found in labels.values() for label in found]
        for name, own in labels.items():
            if kind_of(self.tool, name, self.target) and not set(own) - kinds - {"name", "id"}:
                continue
            if kind(resolved(self.tool, name)) in ("boolean", "object") or self._is_technical(name):
                continue
            for label in own:
                if self._labelled_value(name, label, every):
                    break

    def _before_label(self) -> None:
        """ "move bernd to the Legal department": the value stands before the argument's name."""
        reads = "read" in self.clause.groups
        if not (reads or {"update", "create", "grant"} & set(self.clause.groups)) or "-" in self.clause.verb:
            return
        tokens = self.clause.tokens
        for name in self.tool.properties:
            if name in self.arguments or kind(resolved(self.tool, name)) != "string" or len(split_name(name)) > 1:
                continue
            for index in self.clause.values:
                label = tokens[index + 1] if index + 1 < len(tokens) else None
                if index in self.taken or label is None or label.base != base(name):
                    continue
                before = [token.lower for token in tokens[max(0, index - 2) : index]]
                if reads and not kind_of(self.tool, name, self.target) and wording.is_plural(label.text):
                    self._put(name, tokens[index].text, index)  # "only the reveal_secret actions"
                    continue
                if not reads and not kind_of(self.tool, name, self.target) and {"to", "into", "in"} & set(before):
                    self._put(name, tokens[index].text, index)

    def _reason(self) -> None:
        """ "because the release is late" for the argument that takes a reason."""
        name = next(
            (n for n in self.tool.properties if _REASONS & set(split_name(n)) and n not in self.arguments), None
        )
        match = re.search(r"\b(?:because(?:\s+of)?|in order to|so that)\s+(.+)$", self.clause.text, re.IGNORECASE)
        if name and match:
            self._put(name, match[1].strip().rstrip("."), *self._tokens_in(match.start(1), match.end(1)))

    def _labelled_value(self, name: str, label: str, labels: list[str]) -> bool:
        words = r"[\s_-]*".join(re.escape(word) for word in label.split())
        text = self.clause.text
        verbs = r"(?:should\s+be|shall\s+be|is|are|as|to\s+be|to|being|equals?|of(?=\s+\d))\s+"
        joins = rf"(?:'s)?\s*(?:{verbs}|[=:]\s*)?(?:an?\s+|the\s+(?=['\"]))?"
        patterns = [rf"(?<![\w-]){words}s?(?!\w){joins}"]
        if "update" in self.clause.groups or "reset" in self.clause.groups:
            ends = r"(?:to(?!\s+be\b)|as|(?:should|shall|must)\s+(?:be|read|say)|to\s+be)"
            patterns.insert(0, rf"(?<![\w-]){words}\s+(?:of|for|on)\s+.{{1,80}}?\s{ends}\s+")
        for pattern in patterns:
            for found in re.finditer(pattern, text, re.IGNORECASE):
                value = self._value_at(found.end(), name, labels)
                if value is not None and self._put(name, value[0], *value[1]):
                    return True
        if kind(resolved(self.tool, name)) in ("integer", "number"):
            match = re.search(rf"(?<![\w.])(\d+)[\s-]+(?:the\s+)?{words}(?!\w)", text, re.IGNORECASE)
            if match:
                return self._put(name, match[1], *self._tokens_in(match.start(1), match.end(1)))
        return False

    def _tokens_in(self, start: int, end: int) -> list[int]:
        return [i for i, token in enumerate(self.clause.tokens) if start <= token.start and token.end <= end]

    def _value_at(self, start: int, name: str, labels: list[str]) -> tuple[str, list[int]] | None:
        """The value that begins at this character: quoted whole, prose to its end, else one name."""
        tokens = self.clause.tokens
        index = next((i for i, token in enumerate(tokens) if token.start >= start), None)
        if index is None or index in self.taken or tokens[index].mark or tokens[index].secret:
            return None
        first = tokens[index]
        if first.start - start > 2:
            return None
        if first.quoted:
            return first.text, [index]
        schema = resolved(self.tool, name)
        if kind(schema) in ("integer", "number"):
            return (first.text, [index]) if first.text.lstrip("#").isdigit() else None
        if isinstance(schema.get("enum"), list):
            return first.text, [index]
        if first.lower in _INTO or first.lower in ("and", "or", "with", "is", "are", "named", "called", "who", "by"):
            return None
        end = index + 1
        if PROSE & set(split_name(name)[-1:]):
            end = self._end_of_prose(index, labels)
        elif first.text[:1].isupper():
            while end < len(tokens) and tokens[end].plain and tokens[end].text[:1].isupper():
                end += 1
        elif (
            self.clause.text[:start].rstrip().endswith(" to") and index == len(tokens) - 1 and kind(schema) == "string"
        ):
            pass  # "set my presence to away": what it becomes ends the clause
        elif first.lower in wording.STOP_WORDS or base(first.text) in {
            base(w) for label in labels for w in label.split()
        }:
            return None
        text = self.clause.text[first.start : tokens[end - 1].end].strip()
        return text.rstrip(".,;") if end - index > 1 else first.text, list(range(index, end))

    def _end_of_prose(self, index: int, labels: list[str]) -> int:
        """Index after the last word of a text: it goes to the end, or to where another argument is named."""
        tokens = self.clause.tokens
        for end in range(index + 1, len(tokens)):
            rest = self.clause.text[tokens[end].start :].lower()
            for label in labels:
                words = r"[\s_-]*".join(re.escape(word) for word in label.split())
                if re.match(rf"(?:,\s*)?(?:(?:and|with|,)\s+)+(?:an?\s+|the\s+)?{words}\b", rest):
                    return end
            if re.match(r"(?:to|in|from|for)\s+(?:the\s+)?(?:user|group|safe|request)\b", rest):
                return end
        return len(tokens)

    def _slash_pairs(self) -> None:
        """ "octocat/hello-world" for /repos/{owner}/{repo}."""
        for first, second in re.findall(r"\{([^{}]+)\}/\{([^{}]+)\}", self.tool.path):
            if first in self.arguments or second in self.arguments:
                continue
            for index, token in enumerate(self.clause.tokens):
                parts = token.text.split("/")
                if index not in self.taken and len(parts) == 2 and all(parts) and ":" not in token.text:
                    self._put(first, parts[0], index)
                    self._put(second, parts[1], index)
                    break

    def _quantity(self) -> None:
        """ "first 5 users", "top ten groups", "the 20 latest entries"."""
        name = next((name for name in self.tool.properties if "".join(split_name(name)) in LIMITS), None)
        if name is None or name in self.arguments or kind(resolved(self.tool, name)) != "integer":
            return
        nouns = self.clause.tokens
        for index, token in enumerate(nouns):
            number = token.text if token.text.isdigit() else _NUMBER_WORDS.get(token.lower, "")
            if not number or index in self.taken:
                continue
            before = nouns[index - 1].lower if index else ""
            after = nouns[index + 1] if index + 1 < len(nouns) else None
            leads = before in (
                "first",
                "top",
                "last",
                "latest",
                "newest",
                "next",
                "most",
                "limit",
                "only",
                "just",
                "to",
            )
            counted = after is not None and (
                wording.is_plural(after.text) or after.lower in ("latest", "newest", "most", "recent")
            )
            if counted and (leads or "read" in self.clause.groups) and not self._unit(after):
                self._put(name, number, index)
                return

    @staticmethod
    def _unit(token: Token | None) -> bool:
        return token is not None and token.base in ("day", "hour", "minute", "week", "month", "year", "second")

    def _next_to_their_kind(self) -> None:
        """ "user bob", "the Sales group", "issue #42", "bob's groups"."""
        names = [name for name in self._naming_arguments() if name not in self.arguments]
        for name in names:
            noun = kind_of(self.tool, name, self.target)
            index = self._beside(noun)
            if index is not None:
                self._put(name, self.clause.tokens[index].text, index)

    def _before_their_kind(self) -> None:
        """ "the mail safe": a word of the operations that names a thing, before the thing's kind."""
        in_path = segment_nouns(self.tool.path)
        kinds = self._kinds() | {base(name) for name in self.tool.properties}
        for name, noun in in_path.items():
            if name in self.arguments or name not in self.tool.properties:
                continue
            for index, token in enumerate(self.clause.tokens[2:], 2):
                word, before = self.clause.tokens[index - 1], self.clause.tokens[index - 2].lower
                plain = word.plain and before in ("the", "in", "from", "to", "of") and index - 1 not in self.taken
                free = word.base not in kinds and (word.base, token.base) not in self.pairs
                if (
                    token.base == noun
                    and token.text == noun
                    and plain
                    and free
                    and not wording.is_function_word(word.lower)
                ):
                    self._put(name, word.text, index - 1)
                    break

    def _by_told_kind(self) -> None:
        """ "message 1405894322.002768" for the timestamp "of the message": the description tells the kind."""
        free = [
            name
            for name in self.tool.properties
            if name not in self.arguments
            and set(split_name(name)) <= _UNTOLD
            and kind(resolved(self.tool, name)) != "boolean"
        ]
        for index in self.clause.values:
            before = self.clause.tokens[index - 1] if index else None
            if (
                index in self.taken
                or before is None
                or not before.plain
                or not re.search(r"\d", self.clause.tokens[index].text)
            ):
                continue
            fitting = [name for name in free if before.base in _described_words(name, resolved(self.tool, name))]
            fitting = [name for name in fitting if name in self.tool.required] or fitting
            if len(fitting) == 1:
                self._put(fitting[0], self.clause.tokens[index].text, index)

    def _bounds(self) -> None:
        """ "a vote average of at least 8" for vote_average.gte."""
        for name in self.tool.properties:
            words = split_name(name)
            side = next((side for side, ends in _BOUNDS.items() if len(words) > 1 and {words[0], words[-1]} & ends), "")
            if not side or name in self.arguments or kind(resolved(self.tool, name)) not in ("integer", "number"):
                continue
            ends = _BOUNDS[side]
            label = r"[\s_-]*".join(re.escape(word) for word in words if word not in ends)
            found = re.search(
                rf"\b{label}s?\b.{{0,12}}?\b(?:{_SIDES[side]})\s+(\d+(?:\.\d+)?)\b", self.clause.text, re.IGNORECASE
            )
            found = found or re.search(
                rf"\b(?:{_SIDES[side]})\s+(\d+(?:\.\d+)?)\s+{label}s?\b", self.clause.text, re.IGNORECASE
            )
            if found:
                self._put(name, found[1], *self._tokens_in(found.start(1), found.end(1)))

    def _renamed(self) -> None:
        """ "rename the group g-1 to Ops": the new name."""
        if self.clause.verb != "rename":
            return
        in_path = segment_nouns(self.tool.path)
        names = [n for n in self.tool.properties if n not in in_path and n not in self.arguments]
        names = [n for n in names if split_name(n)[-1:] == ["name"] or n in ("title", "label")]
        preferred = (
            [n for n in names if "new" in split_name(n)] or [n for n in names if n in ("name", "body_name")] or names
        )
        tokens = self.clause.tokens
        for index in range(len(tokens) - 1, 0, -1):
            if tokens[index - 1].lower in ("to", "into", "as") and preferred and index not in self.taken:
                self._put(preferred[0], tokens[index].text, index)
                return

    def _query(self) -> None:
        """The only name that was said, for the words that a search wants."""
        name = next((n for n in self.tool.required if "".join(split_name(n)) in _QUERIES), None)
        free = self.untold()
        if name is None or name in self.arguments or "read" not in self.clause.groups or not free:
            return
        quoted = [token for token in free if token.quoted]
        if len(quoted) == 1 or len(free) == 1:
            token = (quoted or free)[0]
            self._put(name, token.text, self.clause.tokens.index(token))

    def _about(self) -> None:
        """ "log entries about user frank": whom they are about, not who made them."""
        name = next(
            (n for n in self.tool.properties if {"target", "subject", "about", "object"} & set(split_name(n))), None
        )
        if name is None or name in self.arguments or kind(resolved(self.tool, name)) != "string":
            return
        for index in self.clause.values:
            before = [token.lower for token in self.clause.tokens[max(0, index - 3) : index]]
            if index not in self.taken and {"about", "concerning", "regarding"} & set(before):
                self._put(name, self.clause.tokens[index].text, index)
                return

    def _naming_arguments(self) -> list[str]:
        """Arguments that name a thing: those of the path, and name-like ones of the body."""
        in_path = segment_nouns(self.tool.path)
        ordered = [name for name in in_path if name in self.tool.properties]
        ordered += [name for name in self.tool.required if name not in ordered]
        ordered += [name for name in self.tool.properties if name not in ordered]
        if "name" in ordered and "id" not in in_path:
            ordered = [name for name in ordered if name != "id"] + [name for name in ordered if name == "id"]
        return [
            name
            for name in ordered
            if name not in self.tool.secret_arguments
            and (
                kind_of(self.tool, name, self.target)
                or base(name) in wording.synonyms("user") | {"user", "group", "safe"}
            )
            and (name in in_path or name in self.tool.required or _own_kind(name))
        ]

    def _beside(self, noun: str) -> int | None:
        """Index of the value that stands beside a word for the kind."""
        values, tokens = set(self.clause.values) - self.taken, self.clause.tokens
        for index, token in enumerate(tokens):
            if index in values or not self._means(token, noun):
                continue
            following = index + 1
            while following < len(tokens) and (
                tokens[following].lower in _NAMERS or (tokens[following].mark and tokens[following].text == ":")
            ):
                following += 1
            if following in values and not tokens[following].possessive:
                return following
            before = index - 1
            # "bob's groups": bob is no group
            if before in values and not tokens[before].possessive:
                return before
        return None

    def _means(self, token: Token, noun: str) -> bool:
        if not noun or token.quoted or token.mark or token.secret:
            return False
        return (
            token.base == noun
            or noun in self.meanings(token.base)
            or (token.base in wording.synonyms(noun) and token.base not in self._kinds())
        )

    def _flags_and_choices(self) -> None:
        """Booleans and enums that the words name: "disabled users", "pending requests", "require mfa"."""
        text = self.clause.text if self._sets_state() else self._text_without_verb()
        for name in self.tool.properties:
            schema = resolved(self.tool, name)
            if name in self.arguments or name in self.tool.secret_arguments:
                continue
            if kind(schema) == "boolean":
                options: list[Json] = [True, False]
                said = [option for option in options if self._said(name, option, text)]
                if said == [True] and self._takes_back() and not _NEGATIVE & {word[:5] for word in split_name(name)}:
                    said = [False]  # "switch off mfa"
                if len(said) == 1 and self._is_about(name):
                    self.arguments[name] = said[0]
            elif isinstance(schema.get("enum"), list) and not (
                self._is_technical(name) and not self._is_mentioned(name)
            ):
                said = [choice for choice in schema["enum"] if self._said_choice(name, choice, text)]
                if len(said) == 1:
                    self._put(name, said[0], *self._indexes_of(str(said[0])))

    def _takes_back(self) -> bool:
        """The clause ends what is on: its verb, or a word that negates it."""
        negated = any(token.lower in ("no", "not", "never", "don't", "stop", "without") for token in self.clause.tokens)
        return negated or self.clause.groups[:1] in (("disable",), ("stop",), ("revoke",), ("cancel",))

    def _indexes_of(self, word: str) -> list[int]:
        return [i for i, token in enumerate(self.clause.tokens) if token.base == base(word) and i in self.clause.values]

    def _sets_state(self) -> bool:
        """The operation has no verb of its own for it: "disable user bob" by PATCH /users/{id} {enabled}."""
        return self.tool.method in ("PUT", "PATCH") and base(self.tool.path.rsplit("/", 1)[-1]) != self.clause.verb

    def _is_about(self, name: str) -> bool:
        """A word of the argument's name, or its opposite, stands in the clause."""
        stems = {word[:5] for word in split_name(name)}
        opposite = {"enabl": "disab", "activ": "inact", "lock": "unloc", "locke": "unloc"}
        stems |= {opposite[stem] for stem in set(stems) if stem in opposite} | {
            "deact" for stem in stems if stem == "activ"
        }
        return any(
            token.lower[:5] in stems or any(token.lower.startswith(s) for s in stems if len(s) > 2)
            for token in self.clause.tokens
        )

    def _text_without_verb(self) -> str:
        """The clause without its verb, so that "approve" is no choice of a status."""
        for token in self.clause.tokens:
            if token.base == self.clause.verb and not token.mark:
                return self.clause.text[: token.start] + " " * (token.end - token.start) + self.clause.text[token.end :]
        return self.clause.text

    def _said(self, name: str, value: Json, text: str) -> bool:
        found = trace({name: value}, Sources(said=[text]), self.tool.parameters)
        return any(origin.kind is ProvenanceKind.SAID for origin in found.values())

    def _said_choice(self, name: str, choice: Json, text: str) -> bool:
        if not isinstance(choice, str) or choice.lower() in (
            "all",
            "any",
            "none",
            "default",
            "name",
            "id",
            "date",
            "me",
            "self",
        ):
            return False
        if base(choice) in self._kinds() or wording.synonyms(base(choice)) & self._kinds():
            return False
        words = split_name(choice)
        if len(words) == 1 and len(words[0]) < 3:
            return False
        return self._said(name, choice, text)

    def _named(self) -> None:
        """ "named X", "called X", "with the username X" for the thing that the operation is about."""
        tokens = self.clause.tokens
        for index, token in enumerate(tokens[:-1]):
            if token.quoted or token.lower not in ("named", "called", "titled") or index + 1 in self.taken:
                continue
            following = tokens[index + 1]
            if following.mark or following.secret:
                continue
            name = self._own_name(title=token.lower == "titled")
            if name:
                self._put(name, following.text, index + 1)
            return

    def _own_name(self, *, title: bool = False) -> str | None:
        """The open argument that names what the operation is about."""
        free = [name for name in self._naming_arguments() if name not in self.arguments]
        if title and "title" in self.tool.properties and "title" not in self.arguments:
            return "title"
        own = [name for name in free if kind_of(self.tool, name, self.target) == self.target]
        return next(iter(own or free), None)

    def _by_place(self) -> None:
        """Values without their kind: the one after "to", "from", "in" is the container, the other the thing."""
        in_path = [name for name in segment_nouns(self.tool.path) if name in self.tool.properties]
        free = [name for name in in_path if name not in self.arguments]
        required = [name for name in self._naming_arguments() if name in self.tool.required and name not in in_path]
        free += [name for name in required if name not in self.arguments]
        values = [index for index in self.clause.values if index not in self.taken]
        placed = any(self._preposition_before(index) in _INTO for index in values)
        strict = any(self._preposition_before(index) in _INTO - {"of"} for index in values)
        for index in values:
            if not free:
                return
            # "the value of db-root in prod-db": what stands after "of" is no container here
            inner = self._preposition_before(index) in (_INTO - {"of"} if strict else _INTO) or (
                self.clause.tokens[index].possessive and not placed
            )
            name = free[0] if inner and len(free) > 1 else free[-1]
            if self._is_attribute(index) or (len(free) == 1 and self._is_container(index, name)):
                self.taken.add(index)  # the model would take it for the name
                continue
            if len(free) == 1 and self._is_other_kind(index, name):
                continue
            if self._put(name, self.clause.tokens[index].text, index):
                free.remove(name)

    def _preposition_before(self, index: int) -> str:
        """The preposition of the phrase that a value stands in, "" for none."""
        for place in range(index - 1, -1, -1):
            token = self.clause.tokens[place]
            if token.mark or place in self.clause.values:
                return ""
            if token.lower in _INTO or token.lower in ("by", "with"):
                return token.lower
            if token.base == self.clause.verb:
                return ""
        return ""

    def _is_attribute(self, index: int) -> bool:
        """ "the user whose e-mail is x@y": it tells which thing is meant, but is not its name."""
        before = [token.lower for token in self.clause.tokens[:index]]
        token = self.clause.tokens[index]
        if "@" in token.text and "with" in before and before[-1] in ("email", "e-mail", "mail", "address"):
            return self.tool.method not in ("GET", "POST") or bool(segment_nouns(self.tool.path))
        return "whose" in before[1:] and not IDENTIFYING & set(before[before.index("whose") :])

    def _is_container(self, index: int, name: str) -> bool:
        """ "delete everyone in Sales": the value says where the things are, none of which is named."""
        inside = self._preposition_before(index) in ("in", "from", "off", "inside", "within", "under")
        unnamed = kind_of(self.tool, name, self.target) == self.target and self.clause.head != ""
        means_target = self.target in self.meanings(self.clause.head) | wording.synonyms(self.clause.head)
        return inside and unnamed and means_target and self.tool.method not in ("GET", "HEAD")

    def _is_other_kind(self, index: int, name: str) -> bool:
        """The value stands beside a word for another kind than the argument's."""
        noun = kind_of(self.tool, name, self.target)
        beside = [self.clause.tokens[i] for i in (index - 1, index + 1) if 0 <= i < len(self.clause.tokens)]
        own = any(self._means(token, noun) for token in beside)
        labelled = any(
            base(word) == token.base
            for token in beside[:1]
            for p in self.tool.properties
            if p != name
            for word in split_name(p)[-1:]
        )
        return labelled and not own

    def _people(self) -> None:
        """ "audit entries of alice": the one argument for a person of a list."""
        names = [n for n in self.tool.properties if n not in self.arguments and set(split_name(n)) & _PEOPLE_ARGUMENTS]
        names = [
            name
            for name in names
            if kind(resolved(self.tool, name)) == "string" and name not in self.tool.secret_arguments
        ]
        for index in self.clause.values:
            token = self.clause.tokens[index]
            if index in self.taken or token.text.isdigit() or not names:
                continue
            before = self.clause.tokens[index - 1].base if index else ""
            by_place = self._preposition_before(index) in ("of", "by", "for", "from") or token.possessive
            if by_place or before in wording.synonyms("user") | {"user"} or self._owned(index):
                self._put(names[0], token.text, index)
                return

    def _owned(self, index: int) -> bool:
        return index > 0 and self.clause.tokens[index - 1].lower in ("did", "does", "has", "by")

    def _formats(self) -> None:
        """An e-mail address for the only argument that takes one."""
        names = [
            n
            for n in self.tool.properties
            if n not in self.arguments and ("email" in split_name(n) or resolved(self.tool, n).get("format") == "email")
        ]
        found = [
            i
            for i in self.clause.values
            if i not in self.taken and re.fullmatch(r"[^@\s]+@[^@\s]+\.\w+", self.clause.tokens[i].text)
        ]
        if len(names) >= 1 and len(found) == 1:
            self._put(names[0], self.clause.tokens[found[0]].text, found[0])

    def _described(self) -> None:
        """A setting that the words describe, where nothing else is to be changed."""
        name = described_argument(self.tool, self.clause) if self.changes_nothing(any_verb=True) else ""
        if not name:
            return
        if kind(resolved(self.tool, name)) == "boolean":
            no = any(
                token.lower in ("no", "not", "never", "don't", "stop", "without", "optional")
                for token in self.clause.tokens
            )
            no = no or self.clause.groups[:1] in (("disable",), ("stop",))
            self._put(name, not no)
            return
        index = next(index for index, token in enumerate(self.clause.tokens) if token.text.isdigit())
        self._put(name, self.clause.tokens[index].text, index)

    def _dates(self) -> None:
        if not self.dates:
            return
        start, end = self.dates.get("start"), self.dates.get("end")
        roles = date_arguments(self.tool)
        for name, role in roles.items():
            if name in self.arguments or (role == "day" and set(roles.values()) - {"day"}):
                continue
            instant = end if role == "end" else start or end
            if role == "start":
                instant = start
            if isinstance(instant, str):
                self.arguments[name] = instant[:10] if resolved(self.tool, name).get("format") == "date" else instant

    # --- references -------------------------------------------------------------------------------------------

    def by_reference(self) -> None:
        """Required values that the words point back to: "his groups", "delete that one", "with those details"."""
        fields = self.memory.details(self.clause.text)
        if fields:
            self.arguments.update(copied(self.tool, fields, self.arguments, self.target))
        if not (self.clause.refers or self._is_definite() or self._is_of_the_last()):
            return
        for name in self.missing:
            noun = kind_of(self.tool, name, self.target)
            if not noun and base(name) not in wording.synonyms("user"):
                continue
            if fields and noun == self.target and name not in segment_nouns(self.tool.path):
                continue
            if self._is_new(name):
                continue
            value = self._mentioned(noun or base(name)) or self.memory.find(noun or base(name), name, self.clause)
            if value is not None and (value := self._coerced(name, value)) is not None:
                self.arguments[name] = value

    def _mentioned(self, noun: str) -> str | None:
        """The only name in the sentences before, where a pronoun may mean it: "liam is back, enable him"."""
        if len(set(self.mentioned)) != 1 or self.mentioned[0] in self.arguments.values():
            return None
        person = noun in wording.synonyms("user") | {"user"}
        said = {token.lower for token in self.clause.tokens}
        return self.mentioned[0] if self.clause.refers and (person or not said & PEOPLE_PRONOUNS) else None

    def _is_new(self, name: str) -> bool:
        """The name of a thing that is being created is never an old one."""
        return (
            "create" in self.clause.groups
            and name not in segment_nouns(self.tool.path)
            and (kind_of(self.tool, name, self.target) == self.target)
        )

    def _is_of_the_last(self) -> bool:
        """ "rotate db-root" right after a list that has it."""
        return any(self.memory.kind_of_value(token.text) for token in self.clause.value_tokens())

    def _is_definite(self) -> bool:
        """ "the group", without a name, right after a call about a group."""
        last = self.memory.last_kind()
        return bool(last) and re.search(rf"\bthe {re.escape(last)}\b", self.clause.text, re.IGNORECASE) is not None


#: Names of arguments that don't say what they are for.
_UNTOLD: Final = word_set("id ids ts timestamp key ref uuid")
#: How arguments begin that say that something is off.
_NEGATIVE: Final = word_set("disab inact block hidde archi exclu no un skip")
_BOUNDS: Final = {"least": word_set("gte gt min minimum from"), "most": word_set("lte lt max maximum to")}
_SIDES: Final = {
    "least": r"at least|more than|over|above|from|minimum(?: of)?|min",
    "most": r"at most|less than|under|below|up to|maximum(?: of)?|max",
}
_QUERIES: Final = word_set("query q search searchterm keyword keywords term text searchquery")
_NAMERS: Final = word_set("named called titled with the username name id number user-name user no nr is a account")
_NUMBER_WORDS: Final = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
    "ten": "10", "twenty": "20", "fifty": "50", "hundred": "100",
}  # fmt: skip


def _own_kind(name: str) -> bool:
    """An argument whose own name tells the kind of thing: group, safe, username, group_name."""
    words = split_name(name)
    return len(words) == 1 or words[-1] in IDENTIFYING


def _labels(name: str) -> list[str]:
    """What a person may call an argument, the longest first: session_timeout_minutes -> "session timeout", …"""
    words = split_name(name)
    found = [" ".join(words)]
    if len(words) > 2:
        found += [" ".join(words[:-1]), " ".join(words[1:])]
    if len(words) == 2 and words[-1] in ("name", "id", "minutes", "days", "seconds", "hours", "at", "text"):
        found += [] if words[0] in ("first", "last", "user", "group", "display") else [words[0]]
    found += {"email": ["e-mail address", "email address", "e-mail", "mail"], "description": ["desc"]}.get(name, [])
    if words[-1:] == ["description"] and len(words) > 1:
        found.append("description")
    return sorted(dict.fromkeys(found), key=len, reverse=True)

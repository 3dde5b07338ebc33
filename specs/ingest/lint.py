"""What in a description hurts tool calling, and what to write instead: advice for its author, never a gate."""

from __future__ import annotations

import enum
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

import orjson

from nlops.core.retrieval import OperationIndex, Profile
from nlops.core.types import Effect, Json
from specs.ingest.compile import CompiledOperation, CompiledSpec
from specs.ingest.errors import OperationRefused
from specs.ingest.load import Document
from specs.ingest.naming import words
from specs.ingest.pointers import Resolver, join
from specs.ingest.positions import lines_of

#: Optional arguments above which a model fills too many or the wrong ones.
MAX_OPTIONAL = 12
#: Tokens of one tool above which it crowds out the others; a token is taken as four bytes of its JSON.
MAX_TOKENS = 2_000
BYTES_PER_TOKEN: Final = 4
#: Findings of one rule that are kept; all are counted.
MAX_PER_RULE = 200
#: Bytes that the kept findings may take: of the description, but always room for some.
MAX_SHARE = 0.25
MIN_REPORT_BYTES = 20_000
#: Operations whose phrases are tried on the ranking.
MAX_RANKED = 3_000
#: Another operation with this part of the own score is a confusion waiting to happen.
NEAR = 0.97
#: Values that explain themselves less often than not.
MIN_ENUM = 3


class Level(enum.StrEnum):
    """How much it hurts."""

    ERROR = "error"  #: the wrong operation is called, or something leaks
    WARNING = "warning"  #: a model goes wrong now and then
    ADVICE = "advice"  #: better words make it surer


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that is looked for in every operation."""

    severity: Level
    #: for people
    title: str
    #: what it does to tool calling
    why: str


RULES: Final[dict[str, Rule]] = {
    "secret-in-query": Rule(
        Level.ERROR, "A secret in the address", "Addresses stand in the logs of servers and proxies, and so the secret."
    ),
    "operation-id-duplicate": Rule(
        Level.ERROR, "An operationId that stands twice", "One of the two tools gets another name, which changes easily."
    ),
    "ambiguous-pair": Rule(
        Level.WARNING,
        "Two operations that are mistaken for each other",
        "A person who says the one's own words may get the other.",
    ),
    "no-description": Rule(
        Level.WARNING, "Neither summary nor description", "It is found by its path and name only, or not at all."
    ),
    "get-changes": Rule(
        Level.WARNING,
        "A GET that seems to change something",
        "By its words it is no read, so a person is asked for a yes each time.",
    ),
    "parameter-untyped": Rule(
        Level.WARNING, "A parameter without a type", "Any value passes, so wrong ones reach the product."
    ),
    "free-form-body": Rule(
        Level.WARNING, "A body without named properties", "A model has to guess what the product wants to be told."
    ),
    "huge-tool": Rule(
        Level.WARNING, "A very large tool", "It takes the room of many others in the prompt and is filled in badly."
    ),
    "many-optional": Rule(
        Level.ADVICE, "Many optional arguments", "Models fill in what nobody asked for, or the wrong one."
    ),
    "effect-uncertain": Rule(
        Level.ADVICE, "A POST that seems to read only", "It is taken for a read by its words alone, without a yes."
    ),
    "description-repeats": Rule(
        Level.ADVICE, "Words that only repeat the name", "Requests in other words don't find it."
    ),
    "parameter-undescribed": Rule(
        Level.ADVICE, "A parameter without a description", "Its name alone has to tell which value belongs in it."
    ),
    "enum-unexplained": Rule(
        Level.ADVICE, "Values without an explanation", "People say them in their own words; a model has to guess."
    ),
    "operation-id-missing": Rule(
        Level.ADVICE, "No operationId", "The tool is named by method and path, which people don't say."
    ),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One place that a rule found."""

    #: key of RULES
    rule: str
    #: METHOD path
    operation: str
    #: RFC 6901 JSON pointer into the document
    pointer: str
    #: what is there
    message: str
    #: what to write instead
    suggestion: str
    #: what an overlay's action would merge into the place, None when words alone don't mend it
    update: dict[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What the rules found in one description."""

    #: key of RULES to how often it was found
    counts: dict[str, int]
    #: those that are kept, most severe first, as Finding's fields with "severity" and "line" (None when unknown)
    findings: list[dict[str, Any]]


def lint(document: Document, compiled: CompiledSpec, source: bytes = b"") -> Report:
    """The report. `source` is the upload when it is one JSON or YAML file: it tells the lines."""
    counts: Counter[str] = Counter()
    kept: dict[str, list[Finding]] = {rule: [] for rule in RULES}
    room = max(MIN_REPORT_BYTES, int(MAX_SHARE * document.size))
    for finding in _findings(document, compiled):
        counts[finding.rule] += 1
        size = len(orjson.dumps(asdict(finding))) + 60
        if len(kept[finding.rule]) < MAX_PER_RULE and size <= room:
            kept[finding.rule].append(finding)
            room -= size
    found = [finding for rule in RULES for finding in kept[rule]]
    lines = lines_of(source, [finding.pointer for finding in found]) if source else {}
    rows = [
        asdict(finding) | {"severity": RULES[finding.rule].severity.value, "line": lines.get(finding.pointer)}
        for finding in found
    ]
    return Report({rule: counts[rule] for rule in RULES if counts[rule]}, rows)


def _findings(document: Document, compiled: CompiledSpec) -> Iterator[Finding]:
    yield from _ambiguous_pairs(compiled.operations)
    resolver = Resolver(document.root)
    sizes = {name: len(orjson.dumps(schema)) for name, schema in compiled.definitions.items()}
    first_with_id: dict[str, str] = {}
    seen: set[str] = set()
    for operation in compiled.operations:
        look = _Look(document, resolver, operation)
        yield from look.words()
        yield from look.identifier(first_with_id)
        yield from look.effect()
        yield from look.arguments(sizes)
        # A shared parameter is told once, where it stands.
        for finding in look.parameters():
            mark = f"{finding.rule} {finding.pointer}"
            if mark not in seen:
                seen.add(mark)
                yield finding


class _Look:
    """The rules that look at one operation alone."""

    def __init__(self, document: Document, resolver: Resolver, operation: CompiledOperation) -> None:
        self._resolver = resolver
        self._operation = operation
        self._key = f"{operation.method} {operation.path}"
        paths: Any = document.root.get("paths")
        item = self._resolved(paths.get(operation.path))
        self._item: dict[str, Any] = item if isinstance(item, dict) else {}
        node = self._item.get(operation.method.lower())
        self._node: dict[str, Any] = node if isinstance(node, dict) else {}
        self._pointer = join("paths", operation.path, operation.method.lower())

    def _found(
        self, rule: str, message: str, suggestion: str, update: dict[str, Json] | None = None, pointer: str = ""
    ) -> Finding:
        return Finding(rule, self._key, pointer or self._pointer, message, suggestion, update)

    def _resolved(self, node: Any) -> Any:
        try:
            return self._resolver.resolved(node)
        except OperationRefused:
            return None

    def words(self) -> Iterator[Finding]:
        summary, description = (str(self._node.get(key) or "") for key in ("summary", "description"))
        plain = " ".join(words(self._operation.name)).capitalize()
        if not summary and not description:
            yield self._found(
                "no-description",
                f"“{self._operation.name}” has neither a summary nor a description.",
                f"summary: what it does, as a person would ask for it (verb and thing), such as “{plain}”.",
                {"summary": plain},
            )
        elif not description and _bare(summary) <= _bare(f"{self._operation.name} {self._operation.path}"):
            yield self._found(
                "description-repeats",
                f"“{summary[:120]}” says no more than the name and the path.",
                "description: when to use it, what it changes or returns, and other words that people use for it.",
                {"description": f"{summary[:200]}. Use it when …"},
            )

    def identifier(self, first_with_id: dict[str, str]) -> Iterator[Finding]:
        if not self._node:
            return
        said = self._node.get("operationId")
        if not isinstance(said, str) or not said:
            yield self._found(
                "operation-id-missing",
                "It has no operationId.",
                f"operationId: verb and thing, such as “{self._operation.name}”.",
                {"operationId": self._operation.name},
            )
        elif said in first_with_id:
            yield self._found(
                "operation-id-duplicate",
                f"“{said[:80]}” is also the operationId of {first_with_id[said]}.",
                f"operationId: one of its own, such as “{self._operation.name}”.",
                {"operationId": self._operation.name},
            )
        else:
            first_with_id[said] = self._key

    def effect(self) -> Iterator[Finding]:
        method, effect = self._operation.method, self._operation.effect
        if "x-openai-isConsequential" in self._node:
            return
        if method in ("GET", "HEAD") and effect is not Effect.READ:
            yield self._found(
                "get-changes",
                f"It is a {method}, but by its words it is {effect.value}.",
                "If it changes something: make it a POST, or say “x-openai-isConsequential: true”. If it only reads: "
                "begin its operationId and summary with get or list.",
                {"x-openai-isConsequential": True},
            )
        elif method == "POST" and effect is Effect.READ:
            yield self._found(
                "effect-uncertain",
                "It is a POST, but by its words it only reads.",
                "Say “x-openai-isConsequential: false” if it changes nothing, true if it does.",
                {"x-openai-isConsequential": False},
            )

    def arguments(self, sizes: dict[str, int]) -> Iterator[Finding]:
        operation = self._operation
        properties: dict[str, Any] = operation.schema.get("properties", {})
        optional = len(properties) - len(operation.schema.get("required", []))
        if optional > MAX_OPTIONAL:
            yield self._found(
                "many-optional",
                f"{optional} of its arguments are optional.",
                "Say in the description which two or three are usual, or split it by what people want.",
            )
        size = len(orjson.dumps(operation.schema)) + len(operation.description)
        tokens = (size + sum(sizes.get(name, 0) for name in operation.definition_names)) // BYTES_PER_TOKEN
        if tokens > MAX_TOKENS:
            yield self._found(
                "huge-tool",
                f"As a tool it takes about {tokens:,} tokens.",
                "Leave out properties that people don't set (readOnly ones cost nothing), shorten texts and enums.",
            )
        for name in operation.secret_arguments:
            if operation.bindings.get(name, {}).get("in") == "query":
                yield self._found(
                    "secret-in-query",
                    f"The secret “{name}” is sent in the query.",
                    "Take it in the body or a header. If it is the sign-in, make it a security scheme.",
                )
        body = properties.get("body")
        if operation.body_media_type.endswith("json") and isinstance(body, dict) and _is_free_form(body):
            yield self._found(
                "free-form-body",
                "Its body is any JSON value.",
                "Name the properties of the body with their types, and which are required.",
            )

    def parameters(self) -> Iterator[Finding]:
        for holder, base in ((self._item, join("paths", self._operation.path)), (self._node, self._pointer)):
            listed = holder.get("parameters")
            for place, node in enumerate(listed if isinstance(listed, list) else []):
                parameter = self._resolved(node)
                if isinstance(parameter, dict) and parameter.get("in") != "body":
                    reference = node.get("$ref")
                    yield from self._parameter(
                        parameter, reference[1:] if isinstance(reference, str) else base + join("parameters", place)
                    )

    def _parameter(self, parameter: dict[str, Any], pointer: str) -> Iterator[Finding]:
        name = str(parameter.get("name"))[:80]
        schema = parameter.get("schema", parameter)
        schema = self._resolved(schema)
        schema = schema if isinstance(schema, dict) else {}
        described = bool(parameter.get("description") or schema.get("description"))
        values = schema.get("enum")
        if "content" not in parameter and not _SHAPE & schema.keys():
            yield self._found(
                "parameter-untyped",
                f"“{name}” has no type.",
                "schema: its type (string, integer, boolean …), with a format or the values if it has some.",
                {"schema": {"type": "string"}} if "schema" in parameter else None,
                pointer,
            )
        if isinstance(values, list) and len(values) >= MIN_ENUM and not described:
            listed = ", ".join(str(value)[:30] for value in values[:6])
            yield self._found(
                "enum-unexplained",
                f"“{name}” is one of {len(values)} values ({listed}), and nothing says what they mean.",
                "description: each value and what people call it.",
                {"description": f"One of: {listed}."},
                pointer,
            )
        elif not described:
            yield self._found(
                "parameter-undescribed",
                f"“{name}” has no description.",
                f"description: what {name} is, where a person finds it, and an example.",
                {"description": f"The {' '.join(words(name)) or name}."},
                pointer,
            )


_SHAPE: Final = frozenset({"type", "$ref", "allOf", "anyOf", "oneOf", "enum", "const", "properties", "items"})


def _is_free_form(schema: dict[str, Any]) -> bool:
    return not (_SHAPE - {"type"}) & schema.keys() and schema.get("type", "object") == "object"


def _bare(text: str) -> set[str]:
    """The words of a text, without endings and little words."""
    return {word.rstrip("s") for word in words(text)} - {"a", "an", "the", "all", "of", "by", "for", "in", "to", ""}


def _ambiguous_pairs(operations: list[CompiledOperation]) -> Iterator[Finding]:
    """Operations whose own summary, said as a request, finds another one first or nearly so."""
    usable = [operation for operation in operations if not operation.deprecated][:MAX_RANKED]
    index = OperationIndex((operation.name, operation.search_text) for operation in usable)
    by_name = {operation.name: operation for operation in usable}
    told: set[frozenset[str]] = set()
    for operation in usable:
        phrase = _phrase(operation, index.by_name[operation.name].slots)
        ranked = index.rank(phrase, 3)
        others = [(name, score) for name, score in ranked if name != operation.name]
        own = next((score for name, score in ranked if name == operation.name), 0.0)
        if not others or others[0][1] < NEAR * own:
            continue
        other = by_name[others[0][0]]
        pair = frozenset((operation.name, other.name))
        if pair not in told:
            told.add(pair)
            yield _pair(operation, other, phrase, "comes first" if others[0][1] > own else "comes as near", index)


def _phrase(operation: CompiledOperation, values: int) -> str:
    """Its summary, said with as many values as its path needs: people name what they mean."""
    return " ".join((operation.summary.rstrip(". ")[:160], *(f"'item{number}'" for number in range(1, values + 1))))


def _pair(
    operation: CompiledOperation, other: CompiledOperation, phrase: str, how: str, index: OperationIndex
) -> Finding:
    own, its = index.by_name[operation.name], index.by_name[other.name]
    apart = (
        f"Only this one has the words {_listed(own, its)}; only the other {_listed(its, own)}. Put what tells them "
        "apart into both summaries."
        if own.vocabulary != its.vocabulary
        else "They have the very same words: say in both summaries what tells them apart."
    )
    return Finding(
        "ambiguous-pair",
        f"{operation.method} {operation.path}",
        join("paths", operation.path, operation.method.lower()),
        f"For “{phrase}”, its own words, {other.method} {other.path} (“{other.summary[:160]}”) {how}.",
        apart,
        {"summary": operation.summary[:300]},
    )


def _listed(one: Profile, without: Profile) -> str:
    distinct: Iterable[str] = dict.fromkeys(word for word in one.terms if word in one.vocabulary - without.vocabulary)
    named = [f"“{word}”" for word in distinct if re.fullmatch(r"[^\W\d_]{2,}", word)][:5]
    return ", ".join(named) or "(none)"

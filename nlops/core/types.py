"""The value objects that every room shares: dataclasses that go to JSON and come back (`to_json`, `from_json`)."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, Self

from pydantic import TypeAdapter

#: Any JSON value.
Json = Any

#: Bump when the stored form of RunState changes; `engine.load_state` migrates older ones.
STATE_VERSION = 1


class Storable:
    """A dataclass that goes to plain JSON values and comes back."""

    __slots__ = ()

    def to_json(self) -> dict[str, Json]:
        """The object as JSON values (dict, list, str, int, float, bool, None)."""
        data: dict[str, Json] = _adapter(type(self)).dump_python(self, mode="json")
        return data

    @classmethod
    def from_json(cls, data: dict[str, Json]) -> Self:
        """The object that `to_json` wrote; missing fields take their defaults, unknown ones are ignored.

        Raises pydantic.ValidationError when a field has the wrong type.
        """
        revived: Self = _adapter(cls).validate_python(data)
        return revived


_ADAPTERS: dict[type[Storable], TypeAdapter[Any]] = {}


def _adapter(cls: type[Storable]) -> TypeAdapter[Any]:
    """Built once per class: it takes milliseconds."""
    if cls not in _ADAPTERS:
        _ADAPTERS[cls] = TypeAdapter(cls)
    return _ADAPTERS[cls]


class Effect(enum.StrEnum):
    """What an operation does to the product."""

    READ = "read"  #: changes nothing
    WRITE = "write"  #: creates or changes something
    DESTRUCTIVE = "destructive"  #: removes something, or can't be undone


class Decision(enum.StrEnum):
    """What a tool policy says of an operation."""

    ALLOW = "allow"  #: runs at once
    CONFIRM = "confirm"  #: the requester sees the exact call and says yes
    APPROVE = "approve"  #: another person decides
    DENY = "deny"  #: never runs; what is not listed is denied

    @property
    def strictness(self) -> int:
        """0 (allow) to 3 (deny); of several decisions the strictest wins."""
        return list(Decision).index(self)


class ProvenanceKind(enum.StrEnum):
    """Where an argument's value comes from."""

    SAID = "said"  #: by the person; `place` is the character span in the text
    EDITED = "edited"  #: by the person who approved the call; `text` is who
    COMPUTED = "computed"  #: by the date tool, from words of the person
    RETURNED = "returned"  #: by an earlier call; `path` points into its response
    DEFAULT = "default"  #: from the spec
    SECRET = "secret"  # noqa: S105  # nosec B105  #: typed by the person into a hidden field; the value is not here
    INVENTED = "invented"  #: none of these


class RunStatus(enum.StrEnum):
    """Where a run stands."""

    QUEUED = "queued"  #: waits for a worker
    WORKING = "working"  #: a worker has it, or the next step is due
    ASKING = "asking"  #: waits for the person's answer to a clarification
    CONFIRMING = "confirming"  #: waits for the requester's yes or no
    APPROVING = "approving"  #: waits for another person's decision
    ANSWERED = "answered"  #: done
    REFUSED = "refused"  #: done: nothing that may be used here serves the request
    FAILED = "failed"  #: done: it did not work; the answer says why
    CANCELLED = "cancelled"  #: done: stopped by the person

    @property
    def is_over(self) -> bool:
        """True when nothing more will happen in the run."""
        return self in (self.ANSWERED, self.REFUSED, self.FAILED, self.CANCELLED)

    @property
    def waits_for_person(self) -> bool:
        """True when only a person can make the run go on."""
        return self in (self.ASKING, self.CONFIRMING, self.APPROVING)


class CallStatus(enum.StrEnum):
    """Where a call stands."""

    PLANNED = "planned"  #: the model asked for it; not yet through the control point
    ASKING = "asking"  #: values are missing, the person is asked
    CONFIRMING = "confirming"  #: waits for the requester
    APPROVING = "approving"  #: waits for an approver
    READY = "ready"  #: may be sent
    SENT = "sent"  #: an attempt is under way
    SUCCEEDED = "succeeded"  #: the product answered 2xx
    FAILED = "failed"  #: the product refused it, or it can't be sent
    REJECTED = "rejected"  #: a person said no
    BLOCKED = "blocked"  #: a control point stopped it
    IN_DOUBT = "in_doubt"  #: sent, outcome unknown


@dataclass(frozen=True, slots=True)
class Provenance(Storable):
    """Where one argument's value comes from."""

    #: which of the kinds
    kind: ProvenanceKind
    #: said: start and end of the value in `text`, in characters
    place: tuple[int, int] | None = None
    #: said, computed: the words of the person that hold the value
    text: str = ""
    #: returned: id of the call whose response holds the value
    call_id: str = ""
    #: returned: operation of that call, for people
    operation: str = ""
    #: returned: RFC 6901 JSON pointer into that response
    path: str = ""


@dataclass(frozen=True, slots=True)
class Rule(Storable):
    """Makes a tool policy stricter for some values of an argument (see `nlops.core.rules`)."""

    #: what is decided when it applies
    decision: Decision
    #: name of the argument, "" for every call
    argument: str = ""
    #: one of nlops.core.rules.Condition, "" without an argument
    condition: str = ""
    #: what the argument's value is held against
    value: str = ""
    #: why, for people
    note: str = ""
    #: true when it also applies to a call that leaves the argument out
    when_absent: bool = False


@dataclass(frozen=True, slots=True)
class Tool(Storable):
    """An operation as the model sees it, with what the engine needs to check a call of it."""

    #: verb_noun, ≤ 64 characters of [a-zA-Z0-9_-], unique in its spec version
    name: str
    #: for the model and for people; first sentence says what it does
    description: str
    #: JSON Schema 2020-12 of the arguments: type object, with its own $defs closure
    parameters: dict[str, Json]
    #: id of the Operation row ("" for nlops's own tools)
    operation_id: str = ""
    #: HTTP method in capitals ("" for nlops's own tools)
    method: str = ""
    #: path template, such as /users/{username}
    path: str = ""
    #: one line for people
    summary: str = ""
    #: the service (logical group) that it belongs to
    service: str = ""
    #: what people also call it or what it is about, words with commas between
    synonyms: str = ""
    #: the product that it belongs to
    product: str = ""
    #: what it does to the product
    effect: Effect = Effect.READ
    #: what the tool policy says for this member
    decision: Decision = Decision.ALLOW
    #: what makes that stricter for some arguments
    rules: tuple[Rule, ...] = ()
    #: where the member has to connect an account of their own before: the product's slug; "" for nowhere
    connect: str = ""
    #: top-level arguments that may hold a value from an answer without a person's decision
    trusted_arguments: tuple[str, ...] = ()
    #: top-level arguments whose value is a secret
    secret_arguments: tuple[str, ...] = ()
    #: name of the header with which the product honours an idempotency key, "" when it doesn't
    idempotency_header: str = ""

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the required arguments, in the schema's order."""
        return tuple(self.parameters.get("required", ()))

    @property
    def properties(self) -> dict[str, dict[str, Json]]:
        """Argument name to its schema."""
        found: dict[str, dict[str, Json]] = self.parameters.get("properties", {})
        return found


@dataclass(frozen=True, slots=True)
class ToolCall(Storable):
    """One use of a tool as a model asked for it."""

    #: id that ties the result to the call, unique in a run
    id: str
    #: name of the tool
    name: str
    #: argument name to JSON value
    arguments: dict[str, Json] = field(default_factory=dict)


class Role(enum.StrEnum):
    """Who speaks in a message."""

    SYSTEM = "system"  #: the system prompt
    USER = "user"  #: the person
    ASSISTANT = "assistant"  #: the model
    TOOL = "tool"  #: the result of a tool call


@dataclass(frozen=True, slots=True)
class Message(Storable):
    """One message of the prompt."""

    #: who speaks
    role: Role
    #: text; of a tool message: the result, JSON text where the product returned JSON
    content: str = ""
    #: assistant: the calls that it asked for
    tool_calls: tuple[ToolCall, ...] = ()
    #: tool: which call this answers
    tool_call_id: str = ""
    #: tool: name of the tool
    name: str = ""


@dataclass(frozen=True, slots=True)
class Usage(Storable):
    """What one model request cost."""

    #: tokens of the prompt
    prompt_tokens: int = 0
    #: tokens that the model wrote
    completion_tokens: int = 0
    #: tokens of the prompt, counted in `prompt_tokens`, that the provider still had in its cache
    cached_tokens: int = 0
    #: millionths of the currency unit of NLOPS_MODEL_PRICES; 0 where that doesn't name the model
    cost: int = 0


@dataclass(frozen=True, slots=True)
class Completion(Storable):
    """A model's answer."""

    #: prose, "" when there is none
    text: str = ""
    #: calls that it asks for
    tool_calls: tuple[ToolCall, ...] = ()
    #: what it cost
    usage: Usage = field(default_factory=Usage)
    #: true when the limit of tokens cut the text off (it ends with “ […]”)
    truncated: bool = False
    #: 0 to 1, None when the model doesn't tell
    confidence: float | None = None
    #: the provider's answer as it came, for the transcript (no secrets in it)
    raw: Json = None


@dataclass(frozen=True, slots=True)
class Question(Storable):
    """One value that the person is asked for."""

    #: the argument's name
    name: str
    #: what to call it for the person
    label: str
    #: the parameter's description from the spec
    help: str = ""
    #: the argument's schema (type, enum, format …)
    schema: dict[str, Json] = field(default_factory=dict)
    #: ask in a hidden field and keep the value out of every record
    secret: bool = False
    #: the person must answer
    required: bool = True


@dataclass(slots=True)
class CallRecord(Storable):
    """One planned use of an operation, and what came of it, as the run's state keeps it."""

    #: id of the tool call; also the Call row's `key`
    id: str
    #: name of the tool
    tool: str
    #: argument name to JSON value; a secret stands as {"$secret": NAME}
    arguments: dict[str, Json] = field(default_factory=dict)
    #: JSON pointer of the value in `arguments` to where it comes from
    provenance: dict[str, Provenance] = field(default_factory=dict)
    #: where it stands
    status: CallStatus = CallStatus.PLANNED
    #: HTTP status of the last attempt, 0 when there was none
    http_status: int = 0
    #: the response body (JSON value or text), trimmed and without secrets; None when there is none
    response: Json = None
    #: why it failed or was stopped, for the person
    error: str = ""
    #: what the engine changed after the product's refusal, for the person, in order
    repairs: list[str] = field(default_factory=list)
    #: true when a person said yes to exactly these arguments
    agreed: bool = False
    #: id of the first call of the batch that a person decides as one, "" for a call of its own
    batch: str = ""
    #: how often it was sent
    tries: int = 0
    #: true while nobody knows what came of a try: whatever follows, it may have been done
    maybe_done: bool = False
    #: true when a later call of the model repairs this failed one
    superseded: bool = False
    #: e-mail of the person who approved or rejected
    decided_by: str = ""


@dataclass(frozen=True, slots=True)
class Answer(Storable):
    """What the person is shown at the end of a run."""

    #: one or more sentences
    text: str
    #: tables, definition lists and charts, plain text throughout:
    #: {"kind": "table", "columns": [str], "rows": [[str]], "caption": str},
    #: {"kind": "details", "items": [[label, value]], "caption": str},
    #: {"kind": "chart", "type": "line" or "bar", "labels": [str], "caption": str,
    #: "series": [{"name": str, "values": [number or null]}]}
    #: with a value for each label, at most four series; the table of the same list follows it
    #: {"kind": "connect", "product": its name, "slug": str}: the person has to connect an account of their own there
    blocks: tuple[dict[str, Json], ...] = ()
    #: suggestions of what can be asked instead or next
    suggestions: tuple[str, ...] = ()

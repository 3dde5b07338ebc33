"""The control point before a call, as small functions run in order. The strictest of their verdicts wins."""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import jsonschema_rs

from nlops.core import provenance as tracing
from nlops.core.phrases import say
from nlops.core.provenance import ReturnedValue as Returned
from nlops.core.provenance import Sources
from nlops.core.rules import ruling
from nlops.core.types import (
    CallRecord,
    CallStatus,
    Decision,
    Effect,
    Json,
    Provenance,
    ProvenanceKind,
    Question,
    Tool,
)
from nlops.core.views import argument_label, display

__all__ = ["Returned", "Sources", "Verdict", "VerdictKind", "before_call", "coerce", "edited", "question"]

#: `[[secret:NAME]]` stands in a text where the person typed a secret.
PLACEHOLDER = re.compile(r"^\[\[secret:([A-Za-z0-9_.-]+)\]\]$")


class VerdictKind(enum.StrEnum):
    """What a control point says."""

    PASS = "pass"  # noqa: S105  # nosec B105  #: goes on
    ASK = "ask"  #: values are missing
    CONFIRM = "confirm"  #: the requester decides
    APPROVE = "approve"  #: another person decides
    BLOCK = "block"  #: never


@dataclass(slots=True)
class Verdict:
    """What the control point came to, with the call as it may be sent."""

    #: the strictest of all
    decision: VerdictKind
    #: the arguments without what was invented
    arguments: dict[str, Json]
    #: JSON pointer to where each value comes from
    provenance: dict[str, Provenance]
    #: why, for people
    reasons: list[str] = field(default_factory=list)
    #: what is to be asked
    questions: list[Question] = field(default_factory=list)

    def tighten(self, decision: VerdictKind, reason: str) -> None:
        """Take the stricter of both."""
        order = list(VerdictKind)
        self.decision = max(self.decision, decision, key=order.index)
        self.reasons.append(reason)


def before_call(
    call: CallRecord,
    tool: Tool | None,
    sources: Sources,
    secrets: Sequence[str],
    calls: Sequence[CallRecord],
    requester: str = "",
) -> Verdict:
    """Check one planned call: known, grounded, complete, valid, allowed, untainted.

    `secrets` names the secrets that the person typed; `calls` are all of the run's; `requester` is the person's e-mail
    address. Run it again after the person
    supplied values: it keeps no memory.
    """
    if tool is None or tool.decision is Decision.DENY:
        return Verdict(VerdictKind.BLOCK, call.arguments, {}, [say("not_allowed")])
    if tool.connect:
        return Verdict(VerdictKind.BLOCK, call.arguments, {}, [say("connect_first", product=tool.product)])
    verdict = Verdict(VerdictKind.PASS, _known(_with_secrets(call.arguments, tool, secrets), tool), {})
    _ground(verdict, call, tool, sources, calls)
    _complete(verdict, tool)
    if not verdict.questions:
        _validate(verdict, tool)
    _apply_policy(verdict, tool, requester)
    _apply_taint(verdict, tool)
    return verdict


# --- secrets --------------------------------------------------------------------------------------------------


def is_secret(value: Json) -> bool:
    """Whether the value is a reference to a secret that the person typed."""
    return isinstance(value, dict) and set(value) == {"$secret"}


def without_references(value: Json) -> Json:
    """What a model wrote, without references to secrets: only the engine makes them, for arguments that are secret.

    A reference that was let through would put the secret into a search or a name that everybody can read.
    """
    if isinstance(value, dict):
        return {key: without_references(item) for key, item in value.items() if key != "$secret"}
    if isinstance(value, list):
        return [without_references(item) for item in value]
    return value


def placeholder(value: Json) -> Json:
    """The value as a model may see it."""
    return f"[[secret:{value['$secret']}]]" if is_secret(value) else value


def _with_secrets(arguments: dict[str, Json], tool: Tool, secrets: Sequence[str]) -> dict[str, Json]:
    """Secret arguments hold references only: a plain value there was invented or leaked, so it goes."""
    result: dict[str, Json] = {}
    for name, value in arguments.items():
        match = PLACEHOLDER.match(value) if isinstance(value, str) else None
        if match and match[1] in secrets:
            if name in tool.secret_arguments:
                result[name] = {"$secret": match[1]}
        elif match or (name in tool.secret_arguments and not is_secret(value)):
            continue
        else:
            result[name] = value
    for name in tool.secret_arguments:
        # "create user bob with password …": the typed secret that is named like the argument is meant for it.
        if name not in result and name in tool.required:
            fitting = [secret for secret in secrets if re.sub(r"_\d+$", "", secret) == name.lower()]
            if len(fitting) == 1:
                result[name] = {"$secret": fitting[0]}
    return result


# --- grounding ------------------------------------------------------------------------------------------------


def _known(arguments: dict[str, Json], tool: Tool) -> dict[str, Json]:
    """Only arguments that the tool has, without nulls that its schema forbids."""
    if tool.parameters.get("additionalProperties") not in (None, False):
        return arguments
    return {name: value for name, value in arguments.items() if name in tool.properties and value is not None}


def _ground(verdict: Verdict, call: CallRecord, tool: Tool, sources: Sources, calls: Sequence[CallRecord]) -> None:
    """Find where each value comes from, and drop what was invented: for writes, and for what identifies a thing.

    Of an object or a list with values that somebody said, only the invented ones go; one that its object can't do
    without is asked for by itself. Where nothing was said, the whole argument goes.
    """
    _trace(verdict, call, tool, sources, calls)
    invented = set(tracing.invented(verdict.provenance))
    if not invented:
        return
    for name in list(verdict.arguments):
        schema = tool.properties.get(name, {})
        if tool.effect is Effect.READ and not (name in tool.required and schema.get("type") == "string"):
            continue
        kept = _Pruning(tool, invented).kept(verdict.arguments[name], (name,))
        if not kept.changed:
            continue
        verdict.reasons.append(say("left_out", label=argument_label(name)))
        if kept.is_dropped or any(isinstance(token, int) for path in kept.missing for token in path):
            # A value inside of a list has no place of its own in a form: the argument is asked for as a whole.
            del verdict.arguments[name]
            if not kept.is_dropped and name not in tool.required:
                verdict.questions.append(question(tool, name))
            continue
        verdict.arguments[name] = kept.value
        verdict.questions += [_question_at(tool, path) for path in kept.missing]
    _trace(verdict, call, tool, sources, calls)


def _trace(verdict: Verdict, call: CallRecord, tool: Tool, sources: Sources, calls: Sequence[CallRecord]) -> None:
    verdict.provenance = tracing.trace(verdict.arguments, sources, tool.parameters)
    _inherit_repaired(verdict, call, calls)


@dataclass(slots=True)
class _Kept:
    """What is left of a value without its invented leaves."""

    #: without them; None when nothing is left
    value: Json = None
    #: true when nobody said any of it
    is_dropped: bool = False
    #: true when something went
    changed: bool = False
    #: leaves that went although their objects can't do without
    missing: list[tuple[str | int, ...]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Pruning:
    """Takes the invented leaves out of one argument."""

    tool: Tool
    invented: set[str]

    def kept(self, value: Json, path: tuple[str | int, ...]) -> _Kept:
        """What is left of the value at the path."""
        if not value or not isinstance(value, (dict, list)) or is_secret(value):
            invented = tracing.pointer(path) in self.invented
            return _Kept(None if invented else value, is_dropped=invented, changed=invented)
        keys: list[str | int] = list(value) if isinstance(value, dict) else list(range(len(value)))
        parts = {key: self.kept(value[key], (*path, key)) for key in keys}  # type: ignore[index]
        left = {key: part for key, part in parts.items() if not part.is_dropped}
        if not left:
            return _Kept(is_dropped=True, changed=True)
        result = _Kept(changed=any(part.changed for part in parts.values()))
        result.missing = [missing for part in left.values() for missing in part.missing]
        if isinstance(value, list):
            result.value = [part.value for part in left.values()]
        else:
            result.value = {key: part.value for key, part in left.items()}
            required = tracing.schema_at(self.tool.parameters, path).get("required", ())
            result.missing += [(*path, key) for key in parts if key not in left and key in required]
        return result


def _question_at(tool: Tool, path: tuple[str | int, ...]) -> Question:
    """The question for one value inside of an argument; its name is the path, as in "address/city"."""
    schema = tracing.schema_at(tool.parameters, path)
    labels = [argument_label(str(token)) for token in path]
    return Question(
        name=tracing.pointer(path)[1:],
        label=f"{schema.get('title') or labels[-1]} ({', '.join(label.lower() for label in labels[:-1])})",
        help=str(schema.get("description", "")),
        schema={key: schema[key] for key in _SHOWN if key in schema},
        secret=path[0] in tool.secret_arguments,
    )


def put(arguments: dict[str, Json], name: str, value: Json) -> None:
    """Set the argument, or the value inside of one that a question's name ("address/city") means."""
    tokens = [token.replace("~1", "/").replace("~0", "~") for token in name.split("/")]
    place: Json = arguments
    for token in tokens[:-1]:
        place = place.get(token) if isinstance(place, dict) else None
    if len(tokens) > 1 and isinstance(place, dict):
        place[tokens[-1]] = value
    else:
        arguments[name] = value


def _inherit_repaired(verdict: Verdict, call: CallRecord, calls: Sequence[CallRecord]) -> None:
    """A repaired value comes from where the refused one came from, if it only lost characters."""
    for earlier in calls:
        if earlier.id == call.id or earlier.tool != call.tool or earlier.status is not CallStatus.FAILED:
            continue
        for pointer in tracing.invented(verdict.provenance):
            name = _top(pointer)
            old, new = earlier.arguments.get(name), verdict.arguments.get(name)
            source = earlier.provenance.get(pointer)
            if source and isinstance(old, str) and isinstance(new, str) and new and _is_subsequence(new, old):
                verdict.provenance[pointer] = source


def _is_subsequence(short: str, long: str) -> bool:
    characters = iter(long)
    return all(character in characters for character in short)


def describe_repair(refused: CallRecord, repaired: CallRecord) -> list[str]:
    """What a repair changed, as sentences for the person."""
    told = []
    for name, value in repaired.arguments.items():
        old = refused.arguments.get(name)
        if not is_secret(value) and not is_secret(old) and old != value:
            was = f"“{old}”" if old is not None else say("nothing")
            label, error = argument_label(name).lower(), refused.error.rstrip(".")
            told.append(say("repaired", label=label, was=was, error=error, value=str(value)))
    return told


# --- completeness and validity --------------------------------------------------------------------------------


def _complete(verdict: Verdict, tool: Tool) -> None:
    missing = [name for name in tool.required if name not in verdict.arguments]
    defaults = {name: tool.properties.get(name, {}).get("default") for name in missing}
    for name in missing:
        if defaults[name] is not None:
            verdict.arguments[name] = defaults[name]
            verdict.provenance["/" + name] = Provenance(ProvenanceKind.DEFAULT)
        else:
            verdict.questions.append(question(tool, name))
    if verdict.questions:
        names = ", ".join(q.name for q in verdict.questions)
        verdict.tighten(VerdictKind.ASK, say("missing", names=names))


def _validate(verdict: Verdict, tool: Tool) -> None:
    """The arguments against the schema; what does not fit is asked for. Secrets are checked when they are known."""
    plain = {name: value for name, value in verdict.arguments.items() if not is_secret(value)}
    for name, value in plain.items():
        # Models write "5" for 5; that is no error worth a question.
        if isinstance(value, str):
            try:
                plain[name] = verdict.arguments[name] = coerce(value, tool.properties.get(name, {}))
            except ValueError:
                continue
    schema = {**tool.parameters, "required": [name for name in tool.required if name in plain]}
    asked: set[str] = set()
    for error in jsonschema_rs.validator_for(schema, validate_formats=False).iter_errors(plain):
        name = str(error.instance_path[0]) if error.instance_path else ""
        verdict.tighten(VerdictKind.ASK, f"{argument_label(name) or say('arguments')}: {error.message}")
        if name in tool.properties and name not in asked:
            asked.add(name)
            verdict.questions.append(question(tool, name, help_text=error.message))
    if verdict.decision is VerdictKind.ASK and not verdict.questions:
        verdict.tighten(VerdictKind.BLOCK, say("does_not_fit"))


_YES = frozenset({"yes", "true", "on", "1", "y", "ja", "j", "예", "네", "응"})
_NO = frozenset({"no", "false", "off", "0", "n", "nein", "아니요", "아니오", "아뇨", "아니"})


def coerce(value: Json, schema: dict[str, Json]) -> Json:
    """A value that a person typed, as the type that the schema wants. Raises ValueError that says what is wanted."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if schema.get("enum"):
        for choice in schema["enum"]:
            if str(choice).lower() == text.lower():
                return choice
        raise ValueError(say("choose_one", choices=", ".join(str(choice) for choice in schema["enum"][:30])))
    kinds = schema.get("type", "string")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if "string" in kinds:
        _check_length(text, schema)
        return text
    try:
        if "integer" in kinds:
            return int(text)
        if "number" in kinds:
            return float(text)
    except ValueError:
        raise ValueError(say("number_needed")) from None
    if "boolean" in kinds:
        if text.lower() in _YES:
            return True
        if text.lower() in _NO:
            return False
        raise ValueError(say("yes_or_no"))
    if text[:1] in ("{", "["):
        return _parsed(text, kinds)
    if "object" in kinds:
        raise ValueError(say("json_needed", example='{"name": "value"}'))
    if "array" in kinds:
        items = schema.get("items") if isinstance(schema.get("items"), dict) else {}
        return [coerce(part.strip(), items or {}) for part in text.split(",") if part.strip()]
    return value


def _parsed(text: str, kinds: list[str]) -> Json:
    """The JSON that a person typed for an object or a list."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ValueError(say("json_wrong", error=error)) from None
    if isinstance(value, list) is not ("array" in kinds):
        raise ValueError(say("list_needed") if "array" in kinds else say("object_needed", example="{…}"))
    return value


def _check_length(text: str, schema: dict[str, Json]) -> None:
    shortest, longest = schema.get("minLength"), schema.get("maxLength")
    if isinstance(shortest, int) and len(text) < shortest:
        raise ValueError(say("at_least", count=shortest))
    if isinstance(longest, int) and len(text) > longest:
        raise ValueError(say("at_most", count=longest))


def question(tool: Tool, name: str, help_text: str = "") -> Question:
    """The question for one argument, with its description, type and allowed values."""
    schema = tool.properties.get(name, {})
    reference = schema.get("$ref", "")
    if reference.startswith("#/$defs/"):
        schema = {**tool.parameters.get("$defs", {}).get(reference.removeprefix("#/$defs/"), {}), **schema}
    shown = {key: schema[key] for key in _SHOWN if key in schema}
    return Question(
        name=name,
        label=str(schema.get("title") or argument_label(name)),
        help=help_text or str(schema.get("description", "")),
        schema=shown,
        secret=name in tool.secret_arguments,
        required=True,
    )


#: Keywords that a form needs.
_SHOWN = (
    "type",
    "enum",
    "format",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "pattern",
    "items",
    "examples",
)


def with_help(asked: Question, text: str) -> Question:
    """The same question with another help text."""
    return replace(asked, help=text)


# --- policy ---------------------------------------------------------------------------------------------------


def _apply_policy(verdict: Verdict, tool: Tool, requester: str) -> None:
    # What is asked for is missing only for now: a rule about its absence waits for the answer.
    rules = tuple(replace(rule, when_absent=False) for rule in tool.rules) if verdict.questions else tool.rules
    found = ruling(tool.decision, rules, verdict.arguments, requester, returned(verdict.provenance))
    if found.decision is Decision.CONFIRM:
        verdict.tighten(VerdictKind.CONFIRM, say("policy_confirm"))
    elif found.decision is Decision.APPROVE:
        verdict.tighten(VerdictKind.APPROVE, say("policy_approve"))
    elif found.decision is Decision.DENY:
        verdict.tighten(VerdictKind.BLOCK, say("not_allowed_so"))
    verdict.reasons += found.reasons


def _apply_taint(verdict: Verdict, tool: Tool) -> None:
    """Text from an API never gives authority: a returned value in a write needs a person's decision."""
    names = tainted(tool, verdict.provenance)
    if names:
        asked = VerdictKind.APPROVE if taint_decision(tool) is Decision.APPROVE else VerdictKind.CONFIRM
        verdict.tighten(asked, say("tainted", names=", ".join(names)))


def tainted(tool: Tool, provenance: Mapping[str, Provenance]) -> list[str]:
    """Arguments of a write with values from answers, but for those that an operator said may have them."""
    if tool.effect is Effect.READ:
        return []
    return [name for name in returned(provenance) if name not in tool.trusted_arguments]


def taint_decision(tool: Tool) -> Decision:
    """What tainted values ask for: a yes of the requester; where something is destroyed, another person's."""
    return Decision.APPROVE if tool.effect is Effect.DESTRUCTIVE else Decision.CONFIRM


def returned(provenance: Mapping[str, Provenance]) -> list[str]:
    """Names of the arguments that hold a value from an answer."""
    names = [_top(p) for p, found in provenance.items() if found.kind is ProvenanceKind.RETURNED]
    return list(dict.fromkeys(names))


def _top(pointer: str) -> str:
    """First token of an RFC 6901 pointer."""
    return pointer.split("/")[1].replace("~1", "/").replace("~0", "~") if "/" in pointer else ""


# --- edits by the approver ------------------------------------------------------------------------------------


def edited(tool: Tool, arguments: Mapping[str, Json], values: Mapping[str, str]) -> dict[str, Json]:
    """The call's arguments with what the person who approves it typed: a value by name, "" takes an optional one out.

    Only arguments that the call has can be changed, and no secrets. Raises ValueError that says what is wrong where.
    """
    result = dict(arguments)
    for name, text in values.items():
        if name not in arguments or is_secret(arguments[name]) or name in tool.secret_arguments:
            raise ValueError(f"{argument_label(name)}: this value can't be changed here.")
        if text == display(arguments[name]):
            continue
        if not text.strip():
            if name in tool.required:
                raise ValueError(f"{argument_label(name)}: this value is needed.")
            del result[name]
            continue
        try:
            result[name] = coerce(text, tool.properties.get(name, {}))
        except ValueError as error:
            raise ValueError(f"{argument_label(name)}: {error}") from error
    plain = {name: value for name, value in result.items() if not is_secret(value)}
    schema = {**tool.parameters, "required": [name for name in tool.required if name in plain]}
    for fault in jsonschema_rs.validator_for(schema, validate_formats=False).iter_errors(plain):
        where = argument_label(str(fault.instance_path[0])) if fault.instance_path else "The values"
        raise ValueError(f"{where}: {fault.message}")
    return result

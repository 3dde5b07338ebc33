"""What an operator needs to see before saying yes to a call: plain words, the exact request, what speaks against it."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any

from django import forms

from accounts.models import MemberRole
from conversations.forms import reply_form, reply_values
from conversations.models import Approval
from conversations.recording import call_key
from nlops.core.checkpoints import is_secret, question
from nlops.core.engine import RunState
from nlops.core.reversal import Reverse, reverse_of
from nlops.core.types import CallRecord, Decision, Effect, Json, ProvenanceKind, Tool
from nlops.core.views import HIDDEN, argument_label, display
from specs.flows.call_product import request_of
from specs.http import RequestNotPossible
from specs.models import AuthKind, Connection, Operation
from specs.querysets import connection_to, decision_for, operation_of, tools

#: Below this the model was unsure of what it did.
UNSURE = 0.2
#: A name in place of a secret, so that it stays a word in the request; shown as dots.
_STANDIN = "nlops-hidden-secret"


@dataclass(frozen=True, slots=True)
class Flow:
    """Data that goes from an answer into the call."""

    #: product and operation whose answer it was, "" for a product that is gone
    product: str
    operation: str
    #: RFC 6901 JSON pointer into the answer, "" for all of it
    path: str
    #: label of the argument
    argument: str
    #: whether it leaves the product that it came from
    crosses: bool
    #: whether an operator said that this argument may hold such values without a question
    trusted: bool


@dataclass(frozen=True, slots=True)
class Dossier:
    """One call, as it waits for a decision."""

    #: “Delete a user: username user2”
    sentence: str
    #: the whole request as a command line, secrets hidden; "" when it can't be built
    curl: str
    #: why it needs a second look, for people
    risks: tuple[str, ...]
    #: summary of the operation that undoes it; "" for none
    reverse: str
    #: it undoes the call only with the values of before
    reverse_needs_state: bool
    effect: str
    #: a word to type before it can be approved, "" for none: the tool's name when it destroys something
    to_type: str
    #: what comes from answers
    flows: tuple[Flow, ...]
    #: key of the operation that reads the same thing, when it may be used and its values are known
    reads_state: bool


def dossier(approval: Approval, key: str | None = None) -> Dossier | None:
    """Of the approval's call, or of another one of its batch. None when its operation is gone."""
    state = RunState.from_json(approval.run.state)
    call = state.call(key or call_key(approval.run, approval.call_id))
    tool = tool_of(state, call)
    if tool is None:
        return None
    operation = operation_of(approval.tenant_id, tool.operation_id)
    reverse, summary = _reverse(operation)
    connection = connection_to(operation.version.product_id)
    flows = _flows(state, call, tool)
    return Dossier(
        sentence=_sentence(tool, call),
        curl=as_curl(operation, connection, call.arguments) if connection else "",
        risks=tuple(_risks(state, call, tool, approval, flows)),
        flows=flows,
        reverse=summary,
        reverse_needs_state=reverse is not None and reverse.needs_state,
        effect=tool.effect.value,
        to_type=tool.name if tool.effect is Effect.DESTRUCTIVE else "",
        reads_state=reading_operation(operation, call.arguments) is not None,
    )


def tool_of(state: RunState, call: CallRecord) -> Tool | None:
    """The call's tool, with the policy's decision of now."""
    return next((tool for tool in tools(state.operation_ids) if tool.name == call.tool), None)


def edit_form(approval: Approval, posted: Any = None) -> forms.Form | None:
    """A field for each value that the approver may change; None for a batch, or when there is none."""
    call, asked = _changeable(approval)
    if call is None or not asked:
        return None
    form = reply_form(0, {"questions": asked}, posted)
    form.initial = {name: _typed(call.arguments[name], field) for name, field in form.fields.items()}
    return form


def edited_values(approval: Approval, posted: Any) -> dict[str, str]:
    """What was typed into that form, by argument name, before any check."""
    return reply_values(posted, _changeable(approval)[1])


def _changeable(approval: Approval) -> tuple[CallRecord | None, list[dict[str, Json]]]:
    """The call, and a question for each of its values that may be changed."""
    state = RunState.from_json(approval.run.state)
    call = state.call(call_key(approval.run, approval.call_id))
    tool = tool_of(state, call)
    if tool is None or call.batch:
        return None, []
    asked = []
    for name, value in call.arguments.items():
        if is_secret(value) or name in tool.secret_arguments:
            continue
        found = question(tool, name).to_json() | {"required": name in tool.required}
        # The picker of a moment knows no zone: the value would change unseen.
        found["schema"] = {key: value for key, value in found["schema"].items() if key != "format"}
        asked.append(found)
    return call, asked


def _typed(value: Json, field: forms.Field) -> Json:
    """As the person would type it."""
    plain = isinstance(value, str | bool | int | float) or isinstance(field, forms.MultipleChoiceField)
    return value if plain else json.dumps(value, ensure_ascii=False)


def _sentence(tool: Tool, call: CallRecord) -> str:
    values = ", ".join(f"{argument_label(name).lower()} {display(value)}" for name, value in call.arguments.items())
    title = tool.summary or argument_label(tool.name)
    return f"{title}: {values}" if values else title


def as_curl(operation: Operation, connection: Connection, arguments: dict[str, Json]) -> str:
    """The request as a command for a shell; every secret, the connection's included, stands as dots."""
    plain = {name: _STANDIN if is_secret(value) else value for name, value in arguments.items()}
    try:
        request = request_of(operation, connection, plain)
    except RequestNotPossible as error:
        return f"# {error}"
    headers = {**request.headers, **_credentials(connection)}
    parts = [f"curl -X {request.method} {shlex.quote(request.url)}"]
    parts += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers.items() if name != "User-Agent"]
    if request.content:
        parts.append(f"--data-binary {shlex.quote(request.content.decode(errors='replace'))}")
    return " \\\n  ".join(parts).replace(_STANDIN, HIDDEN)


def _credentials(connection: Connection) -> dict[str, str]:
    match connection.auth_kind:
        case AuthKind.NONE:
            return {}
        case AuthKind.API_KEY_HEADER:
            return {connection.auth_name: HIDDEN}
        case AuthKind.BASIC:
            return {"Authorization": f"Basic {HIDDEN}"}
        case _:
            return {"Authorization": f"Bearer {HIDDEN}"}


def _flows(state: RunState, call: CallRecord, tool: Tool) -> tuple[Flow, ...]:
    """Each way of a value from an answer into the call, in the order of its arguments."""
    from_tools = {tool.name: tool for tool in tools(state.operation_ids)}
    found = []
    for pointer, origin in call.provenance.items():
        if origin.kind is not ProvenanceKind.RETURNED:
            continue
        source = next((one for one in state.calls if one.id == origin.call_id), None)
        other = from_tools.get(source.tool) if source else None
        name = pointer.split("/")[1].replace("~1", "/").replace("~0", "~") if "/" in pointer else pointer
        product = other.product if other else ""
        crosses = bool(other) and product != tool.product
        is_trusted = name in tool.trusted_arguments
        found.append(Flow(product, origin.operation, origin.path, argument_label(name), crosses, is_trusted))
    return tuple(dict.fromkeys(found))


def _risks(state: RunState, call: CallRecord, tool: Tool, approval: Approval, flows: tuple[Flow, ...]) -> list[str]:
    found = []
    if tool.effect is Effect.DESTRUCTIVE:
        found.append("It destroys something.")
    kinds = {origin.kind for origin in call.provenance.values()}
    if ProvenanceKind.RETURNED in kinds:
        found.append("A value comes from an answer of the product, not from the requester.")
    for product in dict.fromkeys(flow.product for flow in flows if flow.crosses):
        found.append(f"Data of {product} goes to {tool.product}.")
    if ProvenanceKind.INVENTED in kinds:
        found.append("A value was said by nobody.")
    if call.maybe_done:
        found.append("It may have been done already: an earlier try had no clear outcome.")
    if call.repairs:
        found.append("nlops changed it after the product had refused it.")
    if call.batch:
        together = sum(other.batch == call.batch for other in state.calls)
        found.append(f"{together} calls are decided at once.")
    if state.confidence is not None and state.confidence < UNSURE:
        found.append("The model was unsure what was meant.")
    if not Approval.objects.filter(
        requested_by=approval.requested_by, call__operation__name=tool.name, status="used"
    ).exists():
        found.append("The requester has never done this here before.")
    return found


def _reverse(operation: Operation) -> tuple[Reverse | None, str]:
    """How to undo it, and the summary of what does."""
    others = Operation.objects.filter(version_id=operation.version_id).only("name", "method", "path", "summary")
    rows = list(others)
    reverse = reverse_of(operation, rows)
    if reverse is None:
        return None, ""
    row = next(row for row in rows if row.key == reverse.operation)
    return reverse, row.summary or argument_label(row.name)


def reading_operation(operation: Operation, arguments: dict[str, Json]) -> tuple[Operation, dict[str, Json]] | None:
    """The operation that reads what this one changes, with its arguments, when the whitelist allows it."""
    reader = Operation.objects.filter(version_id=operation.version_id, method="GET", path=operation.path).first()
    if reader is None or operation.method == "GET":
        return None
    (tool,) = tools([str(reader.pk)])
    needed = {name: arguments[name] for name in tool.required if name in arguments and not is_secret(arguments[name])}
    may = decision_for(reader, MemberRole.OPERATOR, needed, "") is Decision.ALLOW
    if not may or set(needed) != set(tool.required):
        return None
    return operation_of(reader.tenant_id, str(reader.pk)), needed

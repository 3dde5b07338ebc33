"""Read the thing that a waiting call would change, so that whoever decides sees what is and what would be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from accounts.models import Member, Mode
from accounts.modes import mode_now
from accounts.throttle import count_request
from conversations.approving import reading_operation, tool_of
from conversations.models import Approval, ApprovalStatus
from conversations.recording import call_key
from nlops.core.checkpoints import is_secret
from nlops.core.engine import RunState
from nlops.core.secrets import redact
from nlops.core.types import Json
from nlops.core.views import argument_label, display
from specs.flows.call_product import call_operation
from specs.http import ProductUnreachable
from specs.models import Connection, Operation
from specs.querysets import connection_to, operation_of

#: Fields that are shown.
SHOWN = 60


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read with what, prepared in the tenant's context; the reading itself needs no database."""

    operation: Operation
    connection: Connection
    arguments: Mapping[str, Json]
    #: the values that the waiting call would set, by name; None when it takes the thing away
    changes: Mapping[str, Json] | None


@dataclass(frozen=True, slots=True)
class Row:
    """One field of the thing."""

    label: str
    now: str
    #: what it would be, None when it stays
    then: str | None = None


@dataclass(frozen=True, slots=True)
class State:
    """The thing as it is now."""

    rows: tuple[Row, ...]
    #: whether the call takes all of it away
    goes: bool
    #: why it could not be read, for people
    problem: str = ""


def prepare_reading(member: Member, approval: Approval) -> Reading | None:
    """None when the call is decided, or when nothing that may be used reads the thing."""
    if approval.status != ApprovalStatus.WAITING or mode_now(member.tenant).mode is Mode.STOPPED:
        return None
    state = RunState.from_json(approval.run.state)
    call = state.call(call_key(approval.run, approval.call_id))
    tool = tool_of(state, call)
    if tool is None:
        return None
    operation = operation_of(approval.tenant_id, tool.operation_id)
    found = reading_operation(operation, call.arguments)
    # With the reader's own account where each member has one: whoever decides sees no more than they may.
    connection = connection_to(operation.version.product_id, member.pk)
    if found is None or connection is None:
        return None
    count_request(member)
    reader, arguments = found
    changes = {name: value for name, value in call.arguments.items() if name not in arguments and not is_secret(value)}
    return Reading(reader, connection, arguments, None if operation.method == "DELETE" else changes)


def read_state(reading: Reading) -> State:
    """Ask the product. Outside of any transaction."""
    goes = reading.changes is None
    try:
        response = call_operation(reading.operation, reading.connection, reading.arguments)
    except ProductUnreachable as error:
        return State((), goes, str(error))
    if response.status == 404:
        return State((), goes, "The product says that there is no such thing (any more).")
    if response.status != 200 or response.problem or not isinstance(response.body, dict):
        return State((), goes, response.problem or f"The product answered with HTTP {response.status}.")
    body = redact(response.body)
    return State(tuple(_rows(body, reading.changes or {}))[:SHOWN], goes)


def _rows(body: Mapping[str, Json], changes: Mapping[str, Json]) -> list[Row]:
    """What changes first, then what stays."""
    changed = [
        Row(argument_label(name), display(body[name]) if name in body else "", display(value))
        for name, value in changes.items()
        if name not in body or body[name] != value
    ]
    named = {name for name in changes if name not in body or body[name] != changes[name]}
    kept = [Row(argument_label(name), display(value)[:300]) for name, value in body.items() if name not in named]
    return changed + kept

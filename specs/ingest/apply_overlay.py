"""An OpenAPI Overlay applied to a description before it is compiled (Overlay Specification 1.0.0 and 1.1.0).

Targets are JSONPath (RFC 9535). An action whose target names nothing is told and changes nothing.
"""

from __future__ import annotations

import copy
from typing import Final

import jsonpath_rfc9535
from jsonpath_rfc9535 import JSONPathError

from nlops.core.types import Json
from specs.ingest.errors import Problem, Severity, SpecError
from specs.ingest.load import check_size, parse_file

MAX_BYTES: Final = 2_000_000
MAX_ACTIONS: Final = 10_000
#: Characters of a target.
MAX_TARGET: Final = 2_000
#: Places that one action may change.
MAX_PLACES: Final = 20_000

Overlay = dict[str, Json]


def read_overlay(data: bytes, filename: str) -> Overlay:
    """The overlay in the file, known to be one. Raises SpecError that names the place."""
    check_size(len(data), MAX_BYTES)
    overlay = parse_file(data, filename)
    if not isinstance(overlay, dict) or not str(overlay.get("overlay", "")).startswith("1."):
        raise SpecError("This is no overlay. An OpenAPI Overlay is an object that begins with “overlay: 1.0.0”.")
    actions = overlay.get("actions")
    if not isinstance(actions, list) or not actions:
        raise SpecError("An overlay needs a list of actions, each with a target.", pointer="/actions")
    if len(actions) > MAX_ACTIONS:
        raise SpecError(f"An overlay may have {MAX_ACTIONS:,} actions; this one has {len(actions):,}.", "/actions")
    for number, action in enumerate(actions):
        _check(action, f"/actions/{number}")
    return overlay


def _check(action: Json, pointer: str) -> None:
    target = action.get("target") if isinstance(action, dict) else None
    if not isinstance(action, dict) or not isinstance(target, str) or len(target) > MAX_TARGET:
        raise SpecError(
            f"An action is an object with a target, a JSONPath of at most {MAX_TARGET} characters.", pointer
        )
    try:
        jsonpath_rfc9535.compile(target)
    except (JSONPathError, RecursionError) as error:
        raise SpecError(
            f"“{target[:100]}” is no JSONPath of RFC 9535: {str(error)[:200]}", f"{pointer}/target"
        ) from error
    if action.get("remove") is not True and "update" not in action:
        raise SpecError("An action has an update, or says remove: true.", pointer)


def apply_overlay(root: dict[str, Json], overlay: Overlay) -> list[Problem]:
    """Change the description in place, action after action; what named nothing. Raises SpecError."""
    missed = []
    for number, action in enumerate(overlay["actions"]):
        nodes = jsonpath_rfc9535.finditer(action["target"], root)
        places = []
        for node in nodes:
            places.append(node.location)
            if len(places) > MAX_PLACES:
                raise SpecError(f"Action {number + 1} of the overlay changes more than {MAX_PLACES:,} places; narrow "
                                "its target.")  # fmt: skip
        if not places:
            told = f"Action {number + 1} of the overlay names nothing here: {action['target'][:200]}"
            missed.append(Problem(Severity.WARNING, "", told))
        # From the last on, so that what is removed from a list moves none that is still to come.
        for location in sorted(places, key=_order, reverse=True):
            _change(root, location, action)
    return missed


def _order(location: tuple[int | str, ...]) -> list[tuple[int, str]]:
    return [(step, "") if isinstance(step, int) else (-1, step) for step in location]


def _change(root: dict[str, Json], location: tuple[int | str, ...], action: Overlay) -> None:
    holder: Json = None
    node: Json = root
    for step in location:
        try:
            holder, node = node, node[step]
        except (KeyError, IndexError, TypeError):
            return  # an outer place was removed before
    if action.get("remove") is True:
        if not location:
            raise SpecError("An overlay can't remove the description itself.")
        del holder[location[-1]]
    elif isinstance(node, dict) and isinstance(action["update"], dict):
        _merge(node, action["update"])
    elif isinstance(node, list):
        node.append(copy.deepcopy(action["update"]))
    elif holder is not None:
        holder[location[-1]] = copy.deepcopy(action["update"])


def _merge(node: dict[str, Json], update: dict[str, Json]) -> None:
    """Objects are merged, lists put together, everything else replaced (section 4.4.3.1)."""
    for key, value in update.items():
        held = node.get(key)
        if isinstance(held, dict) and isinstance(value, dict):
            _merge(held, value)
        elif isinstance(held, list) and isinstance(value, list):
            held.extend(copy.deepcopy(value))
        else:
            node[key] = copy.deepcopy(value)

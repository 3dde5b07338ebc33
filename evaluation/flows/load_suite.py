"""Load a suite from its YAML file.

A file holds a list of cases:

    - name: yesterday's audit log          # once in the file
      turns:                               # what the person says, one message after the other, in one conversation
        - Show me all audit log entries from yesterday
      expect:                              # of the last turn; what is left out is not measured
        operation: list_audit_entries      # exactly this one is called; a list: any of these
        arguments:                         # key arguments; others are free
          from: {starts: yesterday}
          to: {ends: yesterday}
        status: answered                   # answered, asking, confirming, approving, refused or failed; or a list

An operation is named as the model sees it, or by its method and path ("GET /users/{id}").

In place of `operation` and `arguments`: `calls`, a list of {operation, arguments} in order, for a request that needs
several; or `not_called: true` when nothing may be called. `asks: [password]` when nlops must ask for exactly these
arguments. A value is expected as it is written, or by one matcher: {matches: REGEX} (of the whole text),
{any_of: [VALUES]}, {absent: true}, {secret: true} (a hidden value was given), {starts: PERIOD} and {ends: PERIOD} with
a period of the person: today, yesterday, 3 days ago, this week, last week, this month, last month, 2026-11-01.

Beside them: `other_reads: true` when reads that are not named may be called too, to look something up;
`until_yes: true` when the calls after one that waits for a person's yes need not be planned yet.

The cases may stand under `cases:` in a mapping that also holds:

    product: {name: TMDB, spec: specs/tmdb.json}  # a public description under NLOPS_DATA_DIR: the suite gets a tenant
                                                  # of its own with a stand-in of the product (see stand_in.py)
    blind: true                                   # written without a look at how requests are understood: the
                                                  # targets are for these suites
    held_out: true                                # counted apart: nobody looks at it who improves what is measured
    language: ko                                  # only run with models that read it

A turn is typed as into the chat: after a question it is the answer when it can be one, else a new request.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml_rs

from accounts.context import tenant_context
from evaluation.expectations import Expectation, ExpectationError
from evaluation.flows import EvaluationError
from evaluation.models import Case, Suite
from nlops.core.types import Json

#: Bytes of a suite's file.
MAX_BYTES = 1_000_000
_CASE_KEYS = ("name", "turns", "expect")
_HEAD_KEYS = ("product", "blind", "held_out", "language", "cases")
_SWITCHES = ("blind", "held_out")


class SuiteError(EvaluationError):
    """The suite's file can't be used."""


@dataclass(frozen=True, slots=True)
class CaseSpec:
    """A case as the file says it."""

    name: str
    turns: list[str]
    expected: dict[str, Json]


@dataclass(frozen=True, slots=True)
class SuiteFile:
    """What a suite's file says."""

    name: str
    cases: list[CaseSpec] = field(default_factory=list)
    #: name of the product that a stand-in plays, "" for the tenant's own product
    product: str = ""
    #: its description, relative to NLOPS_DATA_DIR
    spec: str = ""
    #: written by somebody who had not seen how requests are understood
    blind: bool = False
    held_out: bool = False
    #: ISO 639-1 code
    language: str = "en"


def load_suite(tenant_id: uuid.UUID, path: Path) -> Suite:
    """The tenant's suite of the file's name with the file's cases; doing it twice changes nothing.

    A case that the file no longer has goes, with its scores; the summaries of earlier executions stay.
    Raises SuiteError.
    """
    cases = read_suite(path)
    with tenant_context(tenant_id):
        suite, _ = Suite.objects.get_or_create(tenant_id=tenant_id, name=path.stem)
        suite.cases.exclude(name__in=[case.name for case in cases]).delete()
        for position, case in enumerate(cases):
            Case.objects.update_or_create(
                tenant_id=tenant_id,
                suite=suite,
                name=case.name,
                defaults={"turns": case.turns, "expected": case.expected, "position": position},
            )
    return suite


def read_suite(path: Path) -> list[CaseSpec]:
    """The cases of a file. Raises SuiteError with the case's name and the key."""
    return read_file(path).cases


def read_file(path: Path) -> SuiteFile:
    """What a suite's file says. Raises SuiteError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SuiteError(f"{path} can't be read: {error.strerror}.") from error
    if len(data) > MAX_BYTES:
        raise SuiteError(f"{path.name} has {len(data):,} bytes; a suite has at most {MAX_BYTES:,}. Split it.")
    try:
        listed = yaml_rs.loads(data.decode(), parse_datetime=False)
    except (ValueError, TypeError) as error:  # yaml_rs.YAMLDecodeError and UnicodeDecodeError are ValueErrors
        raise SuiteError(f"{path.name} is not valid YAML: {error}") from error
    head = listed if isinstance(listed, dict) and "cases" in listed else {}
    listed = head.get("cases", listed)
    if not isinstance(listed, list) or not listed:
        raise SuiteError(f"{path.name} must hold a list of cases: “- name: …” with turns and expect.")
    cases: dict[str, CaseSpec] = {}
    for number, item in enumerate(listed, 1):
        case = _case(item, path.name, number)
        if case.name in cases:
            raise SuiteError(f"{path.name}, case “{case.name}”, name: stands twice in the file; name one differently.")
        cases[case.name] = case
    return SuiteFile(path.stem, list(cases.values()), **_head(head, path.name))


def _head(head: dict[str, Json], file: str) -> dict[str, Any]:
    """What stands beside the cases."""
    for key in head:
        if key not in _HEAD_KEYS:
            raise SuiteError(f"{file}, {key}: is unknown here; known are {', '.join(_HEAD_KEYS)}.")
    for key in _SWITCHES:
        if head.get(key, True) is not True:
            raise SuiteError(f"{file}, {key}: can only be true; leave it out otherwise.")
    if not re.fullmatch("[a-z]{2}", str(head.get("language", "en"))):
        raise SuiteError(f"{file}, language: must be an ISO 639-1 code such as ko.")
    found: dict[str, Any] = {key: key in head for key in _SWITCHES} | {"language": head.get("language", "en")}
    if "product" in head:
        product = head["product"]
        texts = isinstance(product, dict) and all(isinstance(text, str) and text for text in product.values())
        if not texts or set(product) != {"name", "spec"}:
            raise SuiteError(f"{file}, product: must be a mapping with name and spec.")
        if Path(product["spec"]).is_absolute() or ".." in Path(product["spec"]).parts:
            raise SuiteError(f"{file}, product.spec: must be a path below NLOPS_DATA_DIR.")
        found |= {"product": product["name"], "spec": product["spec"]}
    return found


def _case(item: Json, file: str, number: int) -> CaseSpec:
    name = item.get("name") if isinstance(item, dict) else None
    place = f"{file}, case “{name}”" if name else f"{file}, case {number}"
    if not isinstance(item, dict):
        raise SuiteError(f"{place}: must be a mapping with {', '.join(_CASE_KEYS)}.")
    for key in item:
        if key not in _CASE_KEYS:
            raise SuiteError(f"{place}, {key}: is unknown here; known are {', '.join(_CASE_KEYS)}.")
    if not isinstance(name, str) or not name.strip() or len(name) > 200:
        raise SuiteError(f"{place}, name: must be a text of 1 to 200 characters.")
    turns = item.get("turns")
    turns = [turns] if isinstance(turns, str) else turns
    if not isinstance(turns, list) or not turns or not all(isinstance(t, str) and t.strip() for t in turns):
        raise SuiteError(f"{place}, turns: must be a text, or a list of texts, that the person says.")
    try:
        Expectation.from_json(item.get("expect"))
    except ExpectationError as error:
        raise SuiteError(f"{place}, {error}") from error
    return CaseSpec(name, turns, item["expect"])

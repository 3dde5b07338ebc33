"""How right the embedded model is: `python -m tests.benchmarks.embedded [--held-out] [--verbose]`.

Prints, for each set of requests, the share with the right operations, with the right arguments too, and of those that
are to be refused the share that was.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from nlops.core.retrieval import OperationIndex
from nlops.core.tools import OWN_TOOL_NAMES, OWN_TOOLS
from nlops.core.types import Message, Role, Tool, ToolCall
from nlops.llm.base import Limits
from nlops.llm.choosing import index_of
from nlops.llm.embedded import EmbeddedModel
from tests.benchmarks import embedded_cases
from tests.benchmarks.access_tools import access_tools
from tests.benchmarks.embedded_cases import Case

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=ZoneInfo("Europe/Berlin"))


def calls_for(model: EmbeddedModel, request: str, tools: Sequence[Tool]) -> list[ToolCall]:
    """The calls that the model makes for the request, each answered with its own arguments."""
    messages = [Message(Role.SYSTEM, "…"), Message(Role.USER, request)]
    calls: list[ToolCall] = []
    for _ in range(6):
        completion = model.complete(messages, tools, Limits(now=NOW))
        if not completion.tool_calls:
            break
        call = completion.tool_calls[0]
        calls.append(call)
        if call.name in ("refuse", "describe_capabilities", "ask_user"):
            break
        result: Any = dict(call.arguments) or {"ok": True}
        if call.name == "resolve_date":
            result = {"start": "2026-11-22T00:00:00+01:00", "end": "2026-11-22T23:59:59+01:00"}
        messages += [
            Message(Role.ASSISTANT, tool_calls=(call,)),
            Message(Role.TOOL, json.dumps(result), tool_call_id=call.id, name=call.name),
        ]
    return calls


def measure(
    title: str, cases: Sequence[Case], tools: Sequence[Tool], *, verbose: bool, whole: OperationIndex | None = None
) -> None:
    """Run the cases and print the figures."""
    model, right, exact, refused, times = EmbeddedModel(), 0, 0, 0, []
    by_name = {tool.name: tool for tool in tools}
    served = [case for case in cases if case.calls]
    for case in cases:
        offered = list(tools)
        if whole is not None:
            offered = [*OWN_TOOLS, *(by_name[name] for name in whole.select(case.request, "", model.max_tools))]
        begin = time.perf_counter()
        calls = calls_for(model, case.request, offered)
        times.append(time.perf_counter() - begin)
        made = [(call.name, call.arguments) for call in calls if call.name not in OWN_TOOL_NAMES]
        if not case.calls:
            refused += not made
            ok = not made
        else:
            names_ok = [name for name, _ in made] == [name for name, _ in case.calls]
            ok = names_ok and all(_agrees(got, want) for (_, got), (_, want) in zip(made, case.calls, strict=True))
            right, exact = right + names_ok, exact + ok
        if verbose and not ok:
            print(f"  {case.request!r}\n     wanted {case.calls}\n     got    {[(c.name, c.arguments) for c in calls]}")
    none = len(cases) - len(served)
    print(
        f"{title}: operations {right}/{len(served)}, with arguments {exact}/{len(served)}, refused {refused}/{none}, "
        f"median {statistics.median(times):.2f} s, slowest {max(times):.2f} s"
    )


def _agrees(got: dict[str, Any], want: dict[str, Any]) -> bool:
    """Every wanted argument has its value; of the others only free texts may be filled."""
    extra = set(got) - set(want) - {"reason", "comment", "description"}
    return all(got.get(name) == value for name, value in want.items()) and not extra


def spec_tools(path: Path) -> list[Tool]:
    """The operations of a description as tools."""
    from specs.ingest.compile import argument_schema, compile_document
    from specs.ingest.load import load_document

    compiled = compile_document(load_document(path.read_bytes(), path.name))
    return [
        Tool(
            name=operation.name,
            description=operation.description,
            parameters=argument_schema(operation.schema, compiled.definitions, operation.definition_names),
            operation_id=operation.name,
            method=operation.method,
            path=operation.path,
            summary=operation.summary,
            service=operation.service,
            effect=operation.effect,
            secret_arguments=tuple(operation.secret_arguments),
        )
        for operation in compiled.operations
    ]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--held-out", action="store_true", help="also the requests that nothing was tuned on")
    parser.add_argument("--verbose", action="store_true", help="print what went wrong")
    parser.add_argument("--specs", action="store_true", help="also the real descriptions of NLOPS_DATA_DIR/specs")
    options = parser.parse_args()
    measure("access product", embedded_cases.ACCESS, access_tools(), verbose=options.verbose)
    if options.held_out:
        measure("access product, held out", embedded_cases.HELD_OUT, access_tools(), verbose=options.verbose)
    folder = Path(os.environ.get("NLOPS_DATA_DIR", "../shared/data")) / "specs"
    for name, cases in (("github.json", embedded_cases.GITHUB), ("keycloak.yml", embedded_cases.KEYCLOAK)):
        if options.specs and (folder / name).is_file():
            tools = spec_tools(folder / name)
            whole = index_of(tools)
            measure(f"{name} ({len(tools)} operations)", cases, tools, verbose=options.verbose, whole=whole)


if __name__ == "__main__":
    main()

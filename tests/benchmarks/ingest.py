"""How fast real API descriptions are learnt: `python -m tests.benchmarks.ingest [--only NAME]`.

Over the specs of the data folder (NLOPS_DATA_DIR), each best of several runs, against peers in the same run:

- compile_NAME_orjson: document to tools, against orjson.loads of the file (of YAML: of the same values as JSON);
- bytes_to_tools_NAME_orjson: bytes to tools, checks included, as the learner's process does it, against the same;
- yaml_NAME_yamlrs: YAML text to a document of JSON values, checks included, against yaml_rs.loads alone;
- memory_github_load: peak memory of learning it, against that of loading it alone, each in a process of its own;
- stored_NAME: bytes kept of a version (source packed, definitions, operations), against the file;
- compile_github_fastmcp: the same tools by fastmcp's `FastMCP.from_openapi`, warm, by the interpreter that
  NLOPS_FASTMCP_PYTHON names (it also emits output schemas); left out without it;
- upload_github_ready: seconds from the upload to "ready" in the database, and of a second version;
- validate_jsonschemars: a call's arguments by jsonschema-rs, against jsonschema.

Prints `ratio NAME VALUE` lines; smaller is better.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import os
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import orjson
import yaml_rs

from specs.ingest.bundle import load_upload
from specs.ingest.compile import CompiledSpec, argument_schema, compile_document
from specs.ingest.load import yaml_here

DATA = Path(os.environ.get("NLOPS_DATA_DIR", "../shared/data")) / "specs"
SPECS = (
    "github.json", "digitalocean-bundled.yaml", "twilio.json", "twilio.yaml", "tmdb.json", "slack.json",
    "keycloak.yml", "conjur-bundled.yaml", "webhook-3.1.json",
)  # fmt: skip
#: What a process of its own runs to tell by how many kilobytes its memory rose at most (proc(5), VmHWM).
_MEMORY = """
import re, sys
from pathlib import Path
from specs.ingest.bundle import load_upload
from specs.ingest.compile import compile_document
data = Path(sys.argv[1]).read_bytes()
def told(name):
    return int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
Path("/proc/self/clear_refs").write_text("5")
before = told("VmRSS")
document = load_upload(data, sys.argv[1])
kept = compile_document(document) if sys.argv[2] == "compile" else document
print(told("VmHWM") - before)
"""
_FASTMCP = """
import json, sys, time
from fastmcp import FastMCP
import httpx
document = json.load(open(sys.argv[1]))
best = None
for _ in range(3):
    began = time.perf_counter()
    FastMCP.from_openapi(openapi_spec=document, client=httpx.AsyncClient(base_url="http://127.0.0.1:9"))
    took = time.perf_counter() - began
    best = took if best is None else min(best, took)
print(best)
"""


@dataclass
class Figures:
    """Of one description."""

    name: str
    size: int
    operations: int
    refused: int
    loaded: float
    compiled: float
    parsed: float
    stored: int


def best(act: Callable[[], Any], runs: int = 5) -> float:
    """Seconds of the fastest of some runs."""
    found = []
    for _ in range(runs):
        began = time.perf_counter()
        act()
        found.append(time.perf_counter() - began)
    return min(found)


def label(name: str) -> str:
    """The spec's name in a ratio's."""
    return (
        name.replace("-bundled", "")
        .replace("-3.1", "")
        .replace(".json", "")
        .replace(".yaml", "_yaml")
        .replace(".yml", "")
    )


def measured(path: Path) -> tuple[Figures, CompiledSpec]:
    data = path.read_bytes()
    document = load_upload(data, path.name, read_yaml=yaml_here)
    spec = compile_document(document)
    as_json = data if path.suffix == ".json" else json.dumps(document.root).encode()
    figures = Figures(
        name=path.name,
        size=len(data),
        operations=len(spec.operations),
        refused=sum(problem.severity.value == "error" for problem in spec.problems),
        loaded=best(lambda: load_upload(data, path.name, read_yaml=yaml_here), 3),
        compiled=best(lambda: compile_document(document)),
        parsed=best(lambda: parsed(as_json)),
        stored=stored(data, spec),
    )
    return figures, spec


def parsed(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def stored(data: bytes, spec: CompiledSpec) -> int:
    """Bytes of what a version keeps, as its columns have it."""
    rows = sum(
        len(json.dumps([one.schema, one.bindings, one.secret_arguments]))
        + len(one.search_text + one.description + one.summary + one.path + one.name)
        for one in spec.operations
    )
    return len(zlib.compress(data, level=1)) + len(json.dumps(spec.definitions)) + rows


def memory(path: Path, what: str) -> int:
    """Kilobytes of peak memory that loading, or loading and compiling, takes."""
    command = [sys.executable, "-c", _MEMORY, str(path), what]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def ratio(name: str, value: float) -> None:
    print(f"ratio {name} {value:.3f}")


def report_specs(names: Sequence[str]) -> dict[str, tuple[Figures, CompiledSpec]]:
    found = {name: measured(DATA / name) for name in names}
    print(f"{'spec':<28}{'bytes':>12}{'operations':>12}{'refused':>9}{'load':>10}{'compile':>10}{'orjson':>10}")
    for figures, _ in found.values():
        times = "".join(f"{seconds * 1000:>8.1f}ms" for seconds in (figures.loaded, figures.compiled, figures.parsed))
        print(f"{figures.name:<28}{figures.size:>12,}{figures.operations:>12}{figures.refused:>9}{times}")
    for name, (figures, _) in found.items():
        ratio(f"compile_{label(name)}_orjson", figures.compiled / figures.parsed)
        ratio(f"bytes_to_tools_{label(name)}_orjson", (figures.loaded + figures.compiled) / figures.parsed)
        ratio(f"stored_{label(name)}", figures.stored / figures.size)
    return found


def report_yaml(names: Sequence[str], found: dict[str, tuple[Figures, CompiledSpec]]) -> None:
    for name in names:
        if name.endswith(("yaml", "yml")):
            text = (DATA / name).read_text()
            alone = best(lambda text=text: yaml_rs.loads(text, parse_datetime=False), 3)
            ratio(f"yaml_{label(name).removesuffix('_yaml')}_yamlrs", found[name][0].loaded / alone)


def report_fastmcp(found: dict[str, tuple[Figures, CompiledSpec]]) -> None:
    peer = os.environ.get("NLOPS_FASTMCP_PYTHON")
    if "github.json" not in found:
        return
    if not peer:
        print("compile_github_fastmcp is left out: NLOPS_FASTMCP_PYTHON names no interpreter that has fastmcp")
        return
    answer = subprocess.run(
        [peer, "-c", _FASTMCP, str(DATA / "github.json")], capture_output=True, text=True, check=False
    )
    if answer.returncode:
        print(f"fastmcp failed: {answer.stderr.strip().splitlines()[-1]}")
        return
    seconds = float(answer.stdout.strip().splitlines()[-1])
    print(f"fastmcp, warm: {seconds:.2f} s (with output schemas)")
    ratio("compile_github_fastmcp", found["github.json"][0].compiled / seconds)


def report_validation(found: dict[str, tuple[Figures, CompiledSpec]]) -> None:
    """A call with one value per required argument."""
    spec = next(iter(found.values()))[1]
    operation = max(spec.operations, key=lambda one: len(one.schema.get("required", [])))
    schema = argument_schema(operation.schema, spec.definitions, operation.definition_names)
    arguments = dict.fromkeys(schema.get("required", []), "x")
    fast, slow = jsonschema_rs.validator_for(schema), jsonschema.Draft202012Validator(schema)
    seconds = best(lambda: [list(fast.iter_errors(arguments)) for _ in range(200)]) / 200
    peer = best(lambda: [list(slow.iter_errors(arguments)) for _ in range(20)]) / 20
    print(f"{operation.name}: {seconds * 1e6:.1f} µs by jsonschema-rs, {peer * 1e6:.1f} µs by jsonschema")
    ratio("validate_jsonschemars", seconds / peer)


def report_upload(name: str) -> None:
    """From the upload to "ready" and the same for a second version, by the flows that the page and the worker call."""
    import django

    django.setup()
    from accounts.context import tenant_context
    from conversations.queue import driven_here
    from specs.flows.activate_version import activate_version
    from specs.flows.process_version import process_version
    from specs.flows.upload_version import upload_version
    from specs.models import Product
    from specs.versions import diff_of
    from tests.benchmarks.engine import database
    from tests.conftest import make_people

    logging.disable(logging.WARNING)
    data = (DATA / name).read_bytes()
    with database():
        people = make_people("bench")
        tenant_id = people.tenant.pk
        with tenant_context(tenant_id):
            row = Product.objects.create(tenant_id=tenant_id, name="Big", slug="big")
        # What changes in the second version is used by many operations.
        for text in (
            data,
            data.replace(b'"name": "owner"', b'"name": "holder"').replace(b'"per_page"', b'"page_size"'),
        ):
            began = time.perf_counter()
            with tenant_context(tenant_id), driven_here():
                version = upload_version(row, text, name, people.operator, enqueue=False)
            process_version(tenant_id, version.pk)
            took = time.perf_counter() - began
            with tenant_context(tenant_id):
                version.refresh_from_db()
                assert version.status == "ready", version.error
                before = row.active_version
                began = time.perf_counter()
                diff = diff_of(before, version) if before else None
                compared = time.perf_counter() - began
                activate_version(version, people.operator)
            told = f", diff {compared:.2f} s: {len(diff.operations)} operations differ" if diff else ""
            print(f"{name}, version {version.number}: upload to ready {took:.2f} s{told}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="a part of a spec's name")
    only = parser.parse_args(arguments).only
    if not DATA.is_dir():
        raise SystemExit(f"There are no specs in {DATA}: set NLOPS_DATA_DIR.")
    names = [name for name in SPECS if not only or only in name]
    if not names:
        raise SystemExit(f"No spec is named like {only}; there are {', '.join(SPECS)}.")
    found = report_specs(names)
    report_yaml(names, found)
    if "github.json" in names:  # of the others the interpreter's own memory hides it
        ratio("memory_github_load", memory(DATA / "github.json", "compile") / memory(DATA / "github.json", "load"))
    report_fastmcp(found)
    report_validation(found)
    if "github.json" in names:
        report_upload("github.json")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nlops.settings")
    importlib.import_module("pytest")  # the settings for tests: made-up keys, no services of a demo
    main()

"""`manage.py evaluate [SUITE.yaml …]`: how well requests are understood, over the cases of suites."""

from __future__ import annotations

import json
import statistics
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.context import tenant_context
from accounts.models import Member, Tenant
from evaluation.flows import EvaluationError
from evaluation.flows.enrol_evaluator import enrol_evaluator
from evaluation.flows.load_suite import SuiteFile, load_suite, read_file
from evaluation.flows.prepare_stand_in import Stage, public_spec, stand_in_stage
from evaluation.flows.run_suite import Execution, Outcome, call_views, run_suite
from evaluation.metrics import METRICS, TARGETS, summarise
from nlops.core.types import Json, RunStatus
from nlops.llm.registry import ModelConfigurationError, model_from_spec

SUITES = Path(__file__).resolve().parents[2] / "suites"
_WIDTHS = (44, 40, 48)
#: Heading of each column of the table.
_COLUMNS = {
    "operation": "operation",
    "arguments": "arguments",
    "refused": "refused",
    "asked": "asked",
    "grounded": "invented",
}


@dataclass(frozen=True, slots=True)
class Done:
    """A suite that was run."""

    file: SuiteFile
    execution: Execution

    @property
    def outcomes(self) -> Sequence[Outcome]:
        """Those of its cases."""
        return self.execution.outcomes


class Command(BaseCommand):
    help = (
        "Run the cases of suites and print what came of them: each suite of the tenant's product in the tenant, where "
        "writes stop at the question for a yes and nothing is changed; each suite that names a public API description "
        "in a tenant of its own with a stand-in of the product. Without a suite: all of evaluation/suites. Failing "
        "cases are a result, not an error; with --targets the exit code is 1 when a target is missed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("suites", type=Path, nargs="*", help="YAML files; form: evaluation/flows/load_suite.py")
        parser.add_argument("--tenant", default="acme", help="slug of the tenant (default: acme)")
        parser.add_argument("--as", dest="email", help="member who asks; default: the tenant's evaluation member")
        parser.add_argument("--model", default="", help="as in NLOPS_MODEL; default: the model that the tenant uses")
        parser.add_argument("--only", default="", metavar="TEXT", help="run only the cases with TEXT in their name")
        parser.add_argument(
            "--jobs", type=int, default=1, help="cases at once; for models that are not on this machine"
        )
        parser.add_argument("--targets", action="store_true", help="end with exit code 1 when a target is missed")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        self.options = options
        self.as_json = options["as_json"]
        if options["jobs"] < 1:
            raise CommandError("--jobs must be 1 or more.")
        paths = options["suites"] or sorted(SUITES.glob("*.yaml"))
        try:
            files = [(path, read_file(path)) for path in paths]
            done = [one for path, file in files if (one := self._run(path, file, alone=len(paths) == 1))]
        except EvaluationError as error:
            raise CommandError(str(error)) from error
        if not done:
            raise CommandError("No suite could be run; the lines above say why.")
        missed = _missed(done)
        if self.as_json:
            suites = [_as_json(one.file.name, one.execution) for one in done]
            self.stdout.write(json.dumps(suites[0] if len(paths) == 1 else {"suites": suites}, ensure_ascii=False))
        else:
            for one in done if len(paths) == 1 else []:
                self._print_summary(one.execution)
            self._print_failed(done, hidden=len(paths) > 1)
            self._print_table(done)
            self._print_targets(done, missed)
        if missed and options["targets"]:
            raise SystemExit(1)

    def _run(self, path: Path, file: SuiteFile, *, alone: bool) -> Done | None:
        """The suite, run; None when it can't be here, which one line tells."""
        model = self.options["model"] or settings.NLOPS_MODEL
        skipped = _unreadable(file, model)
        if file.spec and not public_spec(file.spec).is_file():
            skipped = f"needs {file.spec} in the public data: set NLOPS_DATA_DIR"
        if skipped:
            self.stderr.write(f"{file.name} is left out: {skipped}.")
            return None
        with self._stage(file) as stage:
            suite = load_suite(stage.tenant.pk, path)
            only = self.options["only"]
            if not alone and not any(only.casefold() in case.name.casefold() for case in file.cases):
                return None
            quiet = self.as_json or (file.held_out and not alone)
            if not quiet:
                self.stdout.write(f"\n{file.name}\n" + _row("case", "expected", "got", "ok"))
            execution = run_suite(
                suite,
                stage.member,
                model=self.options["model"],
                only=only,
                approver=stage.approver,
                jobs=self.options["jobs"],
                report=(lambda outcome: None) if quiet else self._print_outcome,
            )
        return Done(file, execution)

    @contextmanager
    def _stage(self, file: SuiteFile) -> Iterator[Stage]:
        if file.spec:
            with stand_in_stage(file.product, public_spec(file.spec)) as stage:
                yield stage
            return
        tenant = _tenant(self.options["tenant"])
        email = self.options["email"]
        yield Stage(tenant, _member(tenant, email) if email else enrol_evaluator(tenant))

    def _print_outcome(self, outcome: Outcome) -> None:
        good = "ok" if outcome.is_ok else "NO"
        self.stdout.write(_row(outcome.case.name, _expected(outcome.case.expected), _got(outcome), good))
        for one in outcome.measured:
            if one.value < 1:
                self.stdout.write(f"    {one.metric}: {one.why}")

    def _print_summary(self, done: Execution) -> None:
        summary = done.run.summary
        self.stdout.write(f"\n{done.run.suite} with {done.run.model}:")
        for name in ("cases", *METRICS):
            if name in summary:
                one = summary[name]
                self.stdout.write(f"  {name:<10} {one['passed']:>3} of {one['of']:>3}  {one['share']:.0%}")
        seconds = summary["seconds"]
        self.stdout.write(f"  seconds    median {seconds['median']}, at most {seconds['most']}")
        self.stdout.write(f"  people     {_price(done.outcomes)}")

    def _print_failed(self, done: Sequence[Done], *, hidden: bool) -> None:
        """What was asked in each failed case and what happened instead; `hidden`: nothing of what is held out."""
        for one in done:
            failed = [outcome for outcome in one.outcomes if not outcome.is_ok]
            if one.file.held_out and hidden:
                self.stdout.write(f"\n{one.file.name}: {len(failed)} of {len(one.outcomes)} cases failed (held out).")
                continue
            if failed:
                self.stdout.write(f"\n{one.file.name}: {len(failed)} of {len(one.outcomes)} cases failed:")
            for outcome in failed:
                why = "; ".join(f"{m.metric}: {m.why}" for m in outcome.measured if m.value < 1)
                self.stdout.write(f"  {outcome.case.name}: “{' → '.join(outcome.case.turns)}”\n      {why}")
                self.stdout.write(f"      {_got(outcome)}: {outcome.seen.text[:150]}")

    def _print_table(self, done: Sequence[Done]) -> None:
        """A row for each suite, then one for each group that targets are for."""
        self.stdout.write(f"\nWith {done[0].execution.run.model}:\n")
        heads = "".join(f"{head:>16}" for head in _COLUMNS.values())
        self.stdout.write(f"{'suite':<20}{'cases':>7}{heads}{'s (p50)':>9}{'tokens':>9}{'cost':>9}")
        rows = [(one.file.name, one.outcomes) for one in done]
        for name, outcomes in [*rows, *_groups(done).items()] if len(done) > 1 else rows:
            self.stdout.write(_table_row(name, outcomes))

    def _print_targets(self, done: Sequence[Done], missed: Sequence[str]) -> None:
        shares = ", ".join(f"{_COLUMNS[name]} ≥ {share:.0%}" for name, share in TARGETS.items() if share < 1)
        self.stdout.write(f"\nTargets, for each of {', '.join(_groups(done))}: {shares}, invented 0.")
        self.stdout.write(f"Missed: {'; '.join(missed)}." if missed else "All are reached.")


def _price(outcomes: Sequence[Outcome]) -> str:
    """What control costs people: how many requests ended waiting for a yes, and for another person's approval."""
    statuses = Counter(outcome.seen.status for outcome in outcomes)
    return ", ".join(
        f"{statuses[status]} of {len(outcomes)} wait for {what} ({100 * statuses[status] / len(outcomes):.1f}%)"
        for status, what in ((RunStatus.CONFIRMING, "the requester's yes"), (RunStatus.APPROVING, "an approval"))
    )


def _groups(done: Sequence[Done]) -> dict[str, list[Outcome]]:
    """The outcomes that targets are for: of what is held out and of what was written blind; without these, of all."""
    held_out = [outcome for one in done if one.file.held_out for outcome in one.outcomes]
    blind = [outcome for one in done if one.file.blind for outcome in one.outcomes]
    groups = {"held out": held_out, "written blind": blind}
    return {name: outcomes for name, outcomes in groups.items() if outcomes} or {
        "all": [outcome for one in done for outcome in one.outcomes]
    }


def _missed(done: Sequence[Done]) -> list[str]:
    """The targets that are missed, in words."""
    missed = []
    for group, outcomes in _groups(done).items():
        summary = summarise([outcome.measured for outcome in outcomes])
        for metric, target in TARGETS.items():
            found = summary.get(metric)
            if found and found["share"] < target:
                shown = f"{found['of'] - found['passed']}" if metric == "grounded" else f"{found['share']:.1%}"
                missed.append(f"{group}: {_COLUMNS[metric]} {shown}")
    return missed


def _table_row(name: str, outcomes: Sequence[Outcome]) -> str:
    summary = summarise([outcome.measured for outcome in outcomes])
    cells = ""
    for metric in _COLUMNS:
        found = summary.get(metric)
        if not found:
            cell = "-"
        elif metric == "grounded":
            cell = f"{found['of'] - found['passed']} in {found['of']}"
        else:
            cell = f"{found['passed']}/{found['of']} {found['share']:6.1%}"
        cells += f"{cell:>16}"
    seconds = statistics.median(outcome.seconds for outcome in outcomes)
    tokens, cost = sum(o.tokens for o in outcomes), sum(o.cost for o in outcomes)
    spent = f"{tokens or '-':>9}{f'{cost / 1e6:.4f}' if cost else '-':>9}"
    return f"{name:<20}{len(outcomes):>7}{cells}{seconds:>9.2f}{spent}"


def _unreadable(file: SuiteFile, model: str) -> str:
    """Why the model can't be asked in the suite's language, "" when it can."""
    try:
        languages = model_from_spec(model).languages
    except ModelConfigurationError:
        return ""  # told when the suite is run
    if languages is None or file.language in languages:
        return ""
    return f"{model} does not read its language ({file.language})"


def _got(outcome: Outcome) -> str:
    calls = [call.operation + _shown(call.arguments) for call in outcome.seen.calls]
    asked = [f"asks {', '.join(outcome.seen.asked)}"] if outcome.seen.asked else []
    return "; ".join([outcome.seen.status, *asked, *calls])


def _tenant(slug: str) -> Tenant:
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        known = ", ".join(Tenant.objects.values_list("slug", flat=True)) or "none"
        raise CommandError(f"There is no tenant “{slug}”. Known: {known}.")
    return tenant


def _member(tenant: Tenant, email: str) -> Member:
    with tenant_context(tenant.pk):
        member = (
            Member.objects.filter(tenant=tenant, user__email__iexact=email, is_active=True)
            .select_related("user", "tenant")
            .first()
        )
    if member is None:
        raise CommandError(f"“{email}” is no active member of {tenant}. Members are listed in the admin.")
    if member.consented_at is None:
        raise CommandError(f"{email} has not yet accepted what nlops keeps; leave out --as, or let them sign in once.")
    return member


def _row(*cells: str) -> str:
    padded = (cell[: width - 1].ljust(width) for cell, width in zip(cells, _WIDTHS, strict=False))
    return "".join(padded) + cells[-1]


def _expected(expected: dict[str, Json]) -> str:
    parts = [_text(expected["status"])] if "status" in expected else []
    parts += [f"asks {_text(expected['asks'])}"] if "asks" in expected else []
    calls = expected.get("calls") or ([expected] if "operation" in expected else [])
    parts += [_text(call["operation"], " or ") + _shown(call.get("arguments", {})) for call in calls]
    return "; ".join(parts) or "nothing called"


def _text(value: Json, between: str = ", ") -> str:
    return value if isinstance(value, str) else between.join(value)


def _shown(arguments: Any) -> str:
    """Arguments on one line; a placeholder of a secret tells its name only."""
    return "(" + ", ".join(f"{name}={value}" for name, value in arguments.items()) + ")"


def _as_json(suite: str, done: Execution) -> dict[str, Json]:
    return {
        "suite": suite,
        "model": done.run.model,
        "run": str(done.run.pk),
        "cases": [
            {
                "name": outcome.case.name,
                "turns": outcome.case.turns,
                "ok": outcome.is_ok,
                "status": outcome.seen.status,
                "scores": {one.metric: one.value for one in outcome.measured},
                "why": {one.metric: one.why for one in outcome.measured if one.why},
                "calls": call_views(outcome.seen),
                "asked": list(outcome.seen.asked),
                "text": outcome.seen.text,
                "seconds": outcome.seconds,
                "tokens": outcome.tokens,
                "cost": outcome.cost,
                "conversation": str(outcome.conversation_id or ""),
            }
            for outcome in done.outcomes
        ],
        "summary": done.run.summary,
    }

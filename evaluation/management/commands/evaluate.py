"""`manage.py evaluate SUITE.yaml`: how well requests are understood, over the cases of a suite."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.context import tenant_context
from accounts.models import Member, Tenant
from evaluation.flows import EvaluationError
from evaluation.flows.enrol_evaluator import enrol_evaluator
from evaluation.flows.load_suite import load_suite
from evaluation.flows.run_suite import Execution, Outcome, call_views, run_suite
from evaluation.metrics import METRICS
from nlops.core.types import Json

_WIDTHS = (44, 40, 48)


class Command(BaseCommand):
    help = (
        "Run the cases of a suite against a tenant's product and print what came of them. Nothing is changed in the "
        "product: writes stop at the question for a yes. Failing cases are a result, not an error: the exit code is 0."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("suite", type=Path, help="YAML file; its form: evaluation/flows/load_suite.py")
        parser.add_argument("--tenant", default="acme", help="slug of the tenant (default: acme)")
        parser.add_argument("--as", dest="email", help="member who asks; default: the tenant's evaluation member")
        parser.add_argument("--model", default="", help="as in NLOPS_MODEL; default: the model that the tenant uses")
        parser.add_argument("--only", default="", metavar="TEXT", help="run only the cases with TEXT in their name")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        self.as_json = options["as_json"]
        tenant = _tenant(options["tenant"])
        try:
            suite = load_suite(tenant.pk, options["suite"])
            member = _member(tenant, options["email"]) if options["email"] else enrol_evaluator(tenant)
            if not self.as_json:
                self.stdout.write(_row("case", "expected", "got", "ok"))
            done = run_suite(suite, member, model=options["model"], only=options["only"], report=self._print_outcome)
        except EvaluationError as error:
            raise CommandError(str(error)) from error
        if self.as_json:
            self.stdout.write(json.dumps(_as_json(suite.name, done), ensure_ascii=False))
        else:
            self._print_summary(done)

    def _print_outcome(self, outcome: Outcome) -> None:
        if self.as_json:
            return
        got = [call.operation + _shown(call.arguments) for call in outcome.seen.calls]
        asked = [f"asks {', '.join(outcome.seen.asked)}"] if outcome.seen.asked else []
        shown = "; ".join([outcome.seen.status, *asked, *got])
        self.stdout.write(
            _row(outcome.case.name, _expected(outcome.case.expected), shown, "ok" if outcome.is_ok else "NO")
        )
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
                "ok": outcome.is_ok,
                "status": outcome.seen.status,
                "scores": {one.metric: one.value for one in outcome.measured},
                "why": {one.metric: one.why for one in outcome.measured if one.why},
                "calls": call_views(outcome.seen),
                "asked": list(outcome.seen.asked),
                "text": outcome.seen.text,
                "seconds": outcome.seconds,
                "conversation": str(outcome.conversation_id or ""),
            }
            for outcome in done.outcomes
        ],
        "summary": done.run.summary,
    }

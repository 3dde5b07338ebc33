"""Pages of the lint report: what hurts tool calling, where, and what to write instead."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse

from accounts.requests import MemberRequest
from specs.ingest.lint import RULES, Level
from specs.ingest.overlay import overlay_of
from specs.models import LintReport
from specs.views import ProductRoom

PER_PAGE = 50


class LintView(ProductRoom):
    """The report of the version in use, by severity and rule."""

    tab = "lint"

    def get(self, request: MemberRequest, slug: str) -> HttpResponse:
        version = self.newest()
        report = LintReport.objects.filter(version=version).first() if version else None
        if report is None:
            return self.page("specs/lint.html", version=version, report=None)
        severity, rule = request.GET.get("severity", ""), request.GET.get("rule", "")
        found = [
            {**finding, "title": RULES[finding["rule"]].title}
            for finding in report.findings
            if finding["rule"] in RULES and severity in ("", finding["severity"]) and rule in ("", finding["rule"])
        ]
        counted = [
            {"id": key, "count": count, "kept": sum(row["rule"] == key for row in report.findings), "rule": RULES[key]}
            for key, count in report.counts.items()
            if key in RULES and severity in ("", RULES[key].severity)
        ]
        context: dict[str, Any] = {
            "version": version,
            "report": report,
            "rules": counted,
            "severities": list(Level),
            "severity": severity,
            "rule": rule,
            "findings": Paginator(found, PER_PAGE).get_page(request.GET.get("page")),
        }
        return self.page("specs/lint.html", **context)


class OverlayView(ProductRoom):
    """The report as an OpenAPI Overlay to edit."""

    def get(self, request: MemberRequest, slug: str) -> HttpResponse:
        version = self.newest()
        report = LintReport.objects.filter(version=version).first() if version else None
        if version is None or report is None:
            raise Http404
        response = HttpResponse(overlay_of(version.title, report.findings), content_type="application/yaml")
        response["Content-Disposition"] = f'attachment; filename="{self.product.slug}-overlay.yaml"'
        return response

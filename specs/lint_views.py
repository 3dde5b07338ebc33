"""Pages of the lint report: what hurts tool calling, where, and what to write instead."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat

from accounts.requests import MemberRequest
from specs.flows import FlowError
from specs.flows.set_overlay import set_overlay
from specs.ingest.apply_overlay import MAX_BYTES
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


class OverlayUploadView(ProductRoom):
    """An edited overlay: kept with the product, and the newest upload is learnt anew with it."""

    def post(self, request: MemberRequest, slug: str) -> HttpResponse:
        file = request.FILES.get("overlay")
        if file is not None and (file.size or 0) > MAX_BYTES:
            messages.error(
                request, f"Overlay: it has {filesizeformat(file.size or 0)}; at most {filesizeformat(MAX_BYTES)} fit."
            )
            return redirect("product_lint", slug)
        if file is None and "remove" not in request.POST:
            messages.error(request, "Overlay: choose a file.")
            return redirect("product_lint", slug)
        try:
            version = set_overlay(
                self.product, file.read() if file else b"", (file.name or "") if file else "", request.member
            )
        except FlowError as error:
            messages.error(request, str(error))
            return redirect("product_lint", slug)
        told = f"Version {version.number} is learnt with it." if version else "It is applied to the next upload."
        messages.success(request, f"The overlay is {'kept' if file else 'taken away'}. {told}")
        return redirect("product", slug)


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

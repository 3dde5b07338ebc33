"""REST API of a product's services and of its lint report."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from specs.api import OperatorView, VersionSerializer
from specs.flows.edit_services import MAX_DESCRIPTION, MAX_NAME, MAX_SYNONYMS, edit_operations, edit_service
from specs.flows.set_overlay import set_overlay
from specs.ingest.lint import RULES, Level
from specs.ingest.overlay import overlay_of
from specs.models import LEARNT, LintReport, Operation, Product, SpecVersion
from specs.services import Edits, edits_to, services_of
from specs.whitelist import newest_version, operations_of


class ServiceSerializer(serializers.Serializer[Any]):
    slug = serializers.CharField(read_only=True)
    name = serializers.CharField(required=False, allow_blank=True, default="", max_length=MAX_NAME)
    description = serializers.CharField(required=False, allow_blank=True, default="", max_length=MAX_DESCRIPTION)
    synonyms = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=MAX_SYNONYMS, help_text="with commas between them"
    )
    hidden = serializers.BooleanField(required=False, default=False)
    operations = serializers.ListField(child=serializers.CharField(), read_only=True, help_text="METHOD path of each")


class EditOperationsSerializer(serializers.Serializer[Any]):
    operations = serializers.ListField(
        child=serializers.CharField(), min_length=1, max_length=5000, help_text="METHOD path of each"
    )
    service = serializers.CharField(
        required=False, allow_blank=True, help_text="slug of the service that they go to; empty: as described"
    )
    new_service = serializers.CharField(
        required=False, max_length=MAX_NAME, help_text="name of a service that is made for them"
    )
    synonyms = serializers.CharField(required=False, allow_blank=True, max_length=MAX_SYNONYMS)
    hidden = serializers.BooleanField(required=False)


class OperationEditSerializer(serializers.Serializer[Any]):
    operation = serializers.CharField(source="key", help_text="METHOD path")
    name = serializers.CharField(help_text="of the tool")
    service = serializers.CharField(help_text="slug of the service that it stands in")
    synonyms = serializers.CharField(help_text="its own and its service's")
    hidden = serializers.BooleanField(help_text="it or its service")


class ServiceListView(OperatorView):
    """The services of the version in use, as operators named and filled them."""

    @extend_schema(responses=ServiceSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        return Response(_services(get_object_or_404(Product, slug=slug)))


class ServiceView(OperatorView):
    """What is said of one service; what is empty is as in the description."""

    @extend_schema(request=ServiceSerializer, responses=ServiceSerializer)
    def put(self, request: Request, slug: str, service: str) -> Response:
        product = get_object_or_404(Product, slug=slug)
        if service not in {row["slug"] for row in _services(product)}:
            raise NotFound(f"{product} has no service {service}.")
        data = ServiceSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        edit_service(product, service, request.member, **data.validated_data)  # type: ignore[attr-defined]
        return Response(next(row for row in _services(product) if row["slug"] == service))


class OperationsView(OperatorView):
    """Where the operations stand and what people call them; a PATCH moves, hides or names many at once."""

    @extend_schema(responses=OperationEditSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        product = get_object_or_404(Product, slug=slug)
        return Response(OperationEditSerializer(_placed(product, edits_to(product)), many=True).data)

    @extend_schema(request=EditOperationsSerializer, responses=OperationEditSerializer(many=True))
    def patch(self, request: Request, slug: str) -> Response:
        product = get_object_or_404(Product, slug=slug)
        data = EditOperationsSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        keys = data.validated_data.pop("operations")
        edit_operations(product, keys, request.member, **data.validated_data)  # type: ignore[attr-defined]
        placed = [row for row in _placed(product, edits_to(product)) if row["key"] in set(keys)]
        return Response(OperationEditSerializer(placed, many=True).data)


class FindingSerializer(serializers.Serializer[Any]):
    rule = serializers.CharField()
    title = serializers.CharField()
    severity = serializers.ChoiceField(choices=[level.value for level in Level])
    operation = serializers.CharField(help_text="METHOD path")
    pointer = serializers.CharField(help_text="JSON Pointer into the description (RFC 6901)")
    line = serializers.IntegerField(allow_null=True)
    message = serializers.CharField()
    suggestion = serializers.CharField()


class LintSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="rule to how often it was found")
    findings = FindingSerializer(many=True, help_text="of a rule that was found very often, the first ones")


class LintView(OperatorView):
    """The lint report of a version: what hurts tool calling, where, and what to write instead."""

    @extend_schema(
        parameters=[OpenApiParameter("rule", str), OpenApiParameter("severity", str)], responses=LintSerializer
    )
    def get(self, request: Request, slug: str, number: int) -> Response:
        report = _report(slug, number)
        rule, severity = (request.query_params.get(name, "") for name in ("rule", "severity"))
        findings = [
            {"title": RULES[found["rule"]].title, "line": None, "suggestion": "", **found}
            for found in report.findings
            if found["rule"] in RULES and rule in ("", found["rule"]) and severity in ("", found["severity"])
        ]
        data = {"version": number, "counts": report.counts, "findings": findings}
        return Response(LintSerializer(data).data)


class LintOverlayView(OperatorView):
    """The report's suggestions as an OpenAPI Overlay 1.0 document, to be edited and sent to `overlay/`."""

    @extend_schema(responses={(200, "application/yaml"): OpenApiTypes.STR})
    def get(self, request: Request, slug: str, number: int) -> HttpResponse:
        report = _report(slug, number)
        return HttpResponse(overlay_of(report.version.title or slug, report.findings), content_type="application/yaml")


class OverlaySerializer(serializers.Serializer[Any]):
    file = serializers.FileField(help_text="an OpenAPI Overlay, YAML or JSON")


class OverlayView(OperatorView):
    """The product's overlay: applied to every upload; setting it learns the newest upload anew."""

    parser_classes = [MultiPartParser, JSONParser]

    @extend_schema(request={"multipart/form-data": OverlaySerializer}, responses={202: VersionSerializer})
    def put(self, request: Request, slug: str) -> Response:
        product = get_object_or_404(Product, slug=slug)
        data = OverlaySerializer(data=request.data)
        data.is_valid(raise_exception=True)
        file = data.validated_data["file"]
        return self._learnt(set_overlay(product, file.read(), file.name, request.member))  # type: ignore[attr-defined]

    @extend_schema(responses={202: VersionSerializer})
    def delete(self, request: Request, slug: str) -> Response:
        product = get_object_or_404(Product, slug=slug)
        return self._learnt(set_overlay(product, b"", "", request.member))  # type: ignore[attr-defined]

    def _learnt(self, version: SpecVersion | None) -> Response:
        return Response(VersionSerializer(version).data if version else None, status=202)


def _services(product: Product) -> list[dict[str, Any]]:
    edits, version = edits_to(product), newest_version(product)
    inside: dict[str, list[str]] = {}
    for row in _placed(product, edits):
        inside.setdefault(row["service"], []).append(row["key"])
    return [
        {
            "slug": place.slug,
            "name": place.name,
            "description": place.description,
            "synonyms": place.synonyms,
            "hidden": place.hidden,
            "operations": inside.get(place.slug, []),
        }
        for place in services_of(product, version)
    ]


def _placed(product: Product, edits: Edits) -> list[dict[str, Any]]:
    version = newest_version(product)
    operations: list[Operation] = list(operations_of(version)) if version else []
    places = [(operation, edits.place(operation)) for operation in operations]
    return [
        {"key": one.key, "name": one.name, "service": place.slug, "synonyms": place.synonyms, "hidden": place.hidden}
        for one, place in places
    ]


def _report(slug: str, number: int) -> LintReport:
    rows = LintReport.objects.select_related("version").defer("version__source", "version__definitions")
    return get_object_or_404(rows, version__product__slug=slug, version__number=number, version__status__in=LEARNT)

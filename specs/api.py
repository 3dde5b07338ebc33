"""REST API of products and their spec versions: the same flows as the pages, as JSON."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, NotFound
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import IsOperator
from specs.examples import example_rows
from specs.flows import FlowError
from specs.flows.activate_version import activate_version
from specs.flows.save_example import save_example
from specs.flows.upload_version import upload_files
from specs.ingest.diff import Kind
from specs.models import LEARNT, Example, Product, SpecVersion
from specs.versions import compared_with, diff_of, impact_of


class Refused(APIException):
    """The act can't be done; the detail says why."""

    status_code = status.HTTP_409_CONFLICT


class ProductSerializer(serializers.ModelSerializer[Product]):
    class Meta:
        model = Product
        fields = ["slug", "name", "created_at"]


class VersionSerializer(serializers.ModelSerializer[SpecVersion]):
    product = serializers.SlugRelatedField[Product](slug_field="slug", read_only=True)

    class Meta:
        model = SpecVersion
        fields = [
            "product", "number", "status", "phase", "progress", "filename", "digest", "title", "api_version",
            "standard", "servers", "operation_count", "error", "problems", "created_at", "activated_at",
        ]  # fmt: skip


class UploadSerializer(serializers.Serializer[Any]):
    file = serializers.ListField(
        child=serializers.FileField(),
        min_length=1,
        help_text="OpenAPI 3 or Swagger 2.0, JSON or YAML: one file, a zip, or several files that refer to each other",
    )


class ActivateSerializer(serializers.Serializer[Any]):
    carry_renames = serializers.BooleanField(
        default=True, help_text="policies, rules and examples of operations with a new path hold for that path"
    )


class ChangeSerializer(serializers.Serializer[Any]):
    argument = serializers.CharField(help_text="with the way into it, such as address.zip; empty: the operation")
    breaking = serializers.BooleanField(help_text="whether a call that was right before may be wrong now")
    text = serializers.CharField()


class OperationDiffSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=[kind.value for kind in Kind])
    key = serializers.CharField(help_text="METHOD path; of the older version when it was removed")
    was = serializers.CharField(help_text="METHOD path in the older version, when it was renamed")
    summary = serializers.CharField()
    breaking = serializers.BooleanField()
    changes = ChangeSerializer(many=True)
    more = serializers.IntegerField(help_text="changes beyond those that are listed")


class ImpactSerializer(serializers.Serializer[Any]):
    what = serializers.CharField()
    count = serializers.IntegerField()
    shown = serializers.ListField(child=serializers.CharField(), help_text="some of them")


class DiffSerializer(serializers.Serializer[Any]):
    against = serializers.IntegerField(help_text="number of the older version")
    unchanged = serializers.IntegerField(help_text="operations that are the same")
    breaking = serializers.IntegerField(help_text="operations that changed in a way that breaks calls")
    security = serializers.ListField(child=serializers.CharField())
    operations = OperationDiffSerializer(many=True)
    impact = ImpactSerializer(many=True)


class OperatorView(APIView):
    """For operators; what a flow refuses is answered with its words."""

    permission_classes = [IsOperator]

    def handle_exception(self, exc: Exception) -> Response:
        return super().handle_exception(Refused(str(exc)) if isinstance(exc, FlowError) else exc)


class ProductListView(OperatorView):
    """The tenant's products."""

    @extend_schema(responses=ProductSerializer(many=True))
    def get(self, request: Request) -> Response:
        return Response(ProductSerializer(Product.objects.all(), many=True).data)

    @extend_schema(request=ProductSerializer, responses={201: ProductSerializer})
    def post(self, request: Request) -> Response:
        data = ProductSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        # Row-level security keeps this to the member's own tenant.
        if Product.objects.filter(slug=data.validated_data["slug"]).exists():
            raise Refused(f"There is a product “{data.validated_data['slug']}” already; choose another slug.")
        product = data.save(tenant=request.tenant)  # type: ignore[attr-defined]
        return Response(ProductSerializer(product).data, status=status.HTTP_201_CREATED)


class VersionListView(OperatorView):
    """The versions of a product; an upload makes the next one."""

    parser_classes = [MultiPartParser]

    @extend_schema(responses=VersionSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        return Response(VersionSerializer(_versions(slug), many=True).data)

    @extend_schema(request={"multipart/form-data": UploadSerializer}, responses={202: VersionSerializer})
    def post(self, request: Request, slug: str) -> Response:
        product = get_object_or_404(Product, slug=slug)
        data = UploadSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        files = [(file.name, file.read()) for file in data.validated_data["file"]]
        version = upload_files(product, files, request.member)  # type: ignore[attr-defined]
        return Response(VersionSerializer(version).data, status=status.HTTP_202_ACCEPTED)


class VersionView(OperatorView):
    """One version: how far it is, and what is wrong with it."""

    @extend_schema(responses=VersionSerializer)
    def get(self, request: Request, slug: str, number: int) -> Response:
        return Response(VersionSerializer(get_object_or_404(_versions(slug), number=number)).data)


class ActivateView(OperatorView):
    """Make a version the one that requests use; an older one to roll back."""

    @extend_schema(request=ActivateSerializer, responses=VersionSerializer)
    def post(self, request: Request, slug: str, number: int) -> Response:
        data = ActivateSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        version = get_object_or_404(_versions(slug), number=number)
        version = activate_version(version, request.member, **data.validated_data)  # type: ignore[attr-defined]
        return Response(VersionSerializer(version).data)


class DiffView(OperatorView):
    """What differs in a version from the active one, or from the one that `against` names."""

    @extend_schema(
        parameters=[OpenApiParameter("against", int, description="number of the older version")],
        responses=DiffSerializer,
    )
    def get(self, request: Request, slug: str, number: int) -> Response:
        rows = _versions(slug).filter(status__in=LEARNT)
        other, version = (
            compared_with(rows, request.query_params.get("against", "")),
            rows.filter(number=number).first(),
        )
        if other is None or version is None:
            raise NotFound("There is no such version to compare.")
        diff = diff_of(other, version)
        data = {
            "against": other.number,
            "unchanged": diff.unchanged,
            "breaking": diff.breaking,
            "security": diff.security,
            "operations": diff.operations,
            "impact": impact_of(other, diff),
        }
        return Response(DiffSerializer(data).data)


class ExampleSerializer(serializers.ModelSerializer[Example]):
    steps = serializers.ListField(
        child=serializers.DictField(),
        help_text='calls in order: {"tool": a name, or "operation": METHOD and path, "arguments": {}, "returns": {}}',
    )
    inactive = serializers.SerializerMethodField(help_text="why no model is shown it now, empty when it may be shown")

    class Meta:
        model = Example
        fields = [
            "id", "request", "steps", "language", "note", "enabled", "origin", "inactive", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = ["origin"]
        extra_kwargs = {"language": {"required": False, "allow_blank": True, "default": ""}}

    def get_inactive(self, example: Example) -> str:
        return str(self.context["inactive"].get(example.pk, ""))


class ExampleListView(OperatorView):
    """The product's examples for the prompt."""

    @extend_schema(responses=ExampleSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        rows = example_rows(get_object_or_404(Product, slug=slug))
        context = {"inactive": {row.example.pk: row.inactive for row in rows}}
        return Response(ExampleSerializer([row.example for row in rows], many=True, context=context).data)

    @extend_schema(request=ExampleSerializer, responses={201: ExampleSerializer})
    def post(self, request: Request, slug: str) -> Response:
        example = _saved_example(request, get_object_or_404(Product, slug=slug))
        return Response(_example_data(example), status=status.HTTP_201_CREATED)


class ExampleView(OperatorView):
    """One example."""

    @extend_schema(responses=ExampleSerializer)
    def get(self, request: Request, slug: str, pk: UUID) -> Response:
        return Response(_example_data(get_object_or_404(Example, product__slug=slug, pk=pk)))

    @extend_schema(request=ExampleSerializer, responses=ExampleSerializer)
    def put(self, request: Request, slug: str, pk: UUID) -> Response:
        example = get_object_or_404(Example.objects.select_related("product"), product__slug=slug, pk=pk)
        return Response(_example_data(_saved_example(request, example.product, example)))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, pk: UUID) -> Response:
        get_object_or_404(Example, product__slug=slug, pk=pk).delete()
        return Response(status=status.HTTP_204_NO_CONTENT)


def _saved_example(request: Request, product: Product, example: Example | None = None) -> Example:
    data = ExampleSerializer(data=request.data, context={"inactive": {}})
    data.is_valid(raise_exception=True)
    return save_example(product, **data.validated_data, member=request.member, example=example)  # type: ignore[attr-defined]


def _example_data(example: Example) -> Any:
    inactive = {row.example.pk: row.inactive for row in example_rows(example.product)}
    return ExampleSerializer(example, context={"inactive": inactive}).data


def _versions(slug: str) -> QuerySet[SpecVersion]:
    product = get_object_or_404(Product, slug=slug)
    return product.versions.select_related("product").defer("source", "definitions")

"""REST API of products and their spec versions: the same flows as the pages, as JSON."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException
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
from specs.models import Example, Product, SpecVersion


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

    @extend_schema(request=None, responses=VersionSerializer)
    def post(self, request: Request, slug: str, number: int) -> Response:
        version = get_object_or_404(_versions(slug), number=number)
        version = activate_version(version, request.member)  # type: ignore[attr-defined]
        return Response(VersionSerializer(version).data)


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

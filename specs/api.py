"""REST API of products and their spec versions: the same flows as the pages, as JSON."""

from __future__ import annotations

from typing import Any

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
from specs.flows import FlowError
from specs.flows.activate_version import activate_version
from specs.flows.upload_version import upload_version
from specs.models import Product, SpecVersion


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
    file = serializers.FileField(help_text="OpenAPI 3 or Swagger 2.0, JSON or YAML")


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
        file = data.validated_data["file"]
        version = upload_version(product, file.read(), file.name, request.member)  # type: ignore[attr-defined]
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


def _versions(slug: str) -> QuerySet[SpecVersion]:
    product = get_object_or_404(Product, slug=slug)
    return product.versions.select_related("product").defer("source", "definitions")

"""REST API of a member's own accounts at products. Credentials are written, never read."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import IsMember
from specs.api import Refused
from specs.flows import FlowError
from specs.flows.connect_account import connect_account, disconnect_account
from specs.models import AuthKind, Connection
from specs.querysets import personal_connections


class OwnAccountSerializer(serializers.Serializer[Any]):
    product = serializers.SlugField(help_text="slug")
    base_url = serializers.URLField()
    auth_kind = serializers.ChoiceField(choices=AuthKind.choices)
    connected = serializers.BooleanField(help_text="whether there are credentials that the product has not refused")
    username = serializers.CharField()


class CredentialsSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(default="", allow_blank=True, max_length=200, help_text="user name or client id")
    secret = serializers.CharField(
        write_only=True, trim_whitespace=False, max_length=20_000, help_text="password, key, token or client secret"
    )


class OwnAccountListView(APIView):
    """The products for which each member brings their own account, and whether yours is connected."""

    permission_classes = [IsMember]

    @extend_schema(responses=OwnAccountSerializer(many=True))
    def get(self, request: Request) -> Response:
        found = personal_connections(request.member.pk)  # type: ignore[attr-defined]
        rows = [
            {
                "product": connection.product.slug,
                "base_url": connection.base_url,
                "auth_kind": connection.auth_kind,
                "connected": own is not None and own.works,
                "username": own.username if own else "",
            }
            for connection, own in found
        ]
        return Response(OwnAccountSerializer(rows, many=True).data)


class OwnAccountView(APIView):
    """Yours at one product."""

    permission_classes = [IsMember]

    @extend_schema(request=CredentialsSerializer, responses={204: None})
    def put(self, request: Request, slug: str) -> Response:
        """Connect it, or replace its credentials. Where one signs in at a provider, that is done in the browser."""
        connection = _personal(slug)
        data = CredentialsSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        try:
            connect_account(connection, request.member, **data.validated_data)  # type: ignore[attr-defined]
        except FlowError as error:
            raise Refused(str(error)) from error
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str) -> Response:
        """Forget it."""
        disconnect_account(_personal(slug), request.member)  # type: ignore[attr-defined]
        return Response(status=status.HTTP_204_NO_CONTENT)


def _personal(slug: str) -> Connection:
    rows = Connection.objects.select_related("product")
    return get_object_or_404(rows, personal=True, product__slug=slug)

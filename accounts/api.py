"""REST API of members and invitations: the same flows as the pages, as JSON."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.context import tenant_context
from accounts.flows.change_member import ChangeRefused, change_member
from accounts.flows.invite import InviteRefused, invite, invite_again, mail_invitation, revoke_invitation
from accounts.member_views import link_of
from accounts.models import Invitation, Member, MemberRole, TokenScope
from accounts.permissions import IsOwner


class Refused(APIException):
    """The act doesn't fit the state; the detail says why."""

    status_code = status.HTTP_409_CONFLICT


class MemberSerializer(serializers.ModelSerializer[Member]):
    email = serializers.EmailField(source="user.email", read_only=True)

    class Meta:
        model = Member
        fields = ["id", "email", "role", "is_active", "created_at"]
        read_only_fields = ["id", "created_at"]


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    class Meta:
        model = Invitation
        fields = ["id", "email", "role", "created_at", "expires_at", "mailed_at"]


class InviteSerializer(serializers.Serializer[Any]):
    email = serializers.EmailField()
    role = serializers.ChoiceField(choices=MemberRole.choices)


class InvitedSerializer(InvitationSerializer):
    link = serializers.CharField(help_text="lets them in, once; shown in this answer and never again")
    is_mailed = serializers.BooleanField(help_text="whether it went out by e-mail")

    class Meta(InvitationSerializer.Meta):
        fields = [*InvitationSerializer.Meta.fields, "link", "is_mailed"]


class OwnersView(APIView):
    """Turns what a flow refuses into 409 with its words."""

    scope = TokenScope.OPERATE
    permission_classes = [IsOwner]

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, InviteRefused | ChangeRefused):
            exc = Refused(str(exc))
        return super().handle_exception(exc)


class MemberListView(OwnersView):
    """Members, active ones first."""

    @extend_schema(responses=MemberSerializer(many=True))
    def get(self, request: Request) -> Response:
        pages = LimitOffsetPagination()
        found = Member.objects.select_related("user").order_by("-is_active", "user__email")
        page = pages.paginate_queryset(found, request, view=self)
        return pages.get_paginated_response(MemberSerializer(page, many=True).data)


class MemberView(OwnersView):
    """One member."""

    @extend_schema(responses=MemberSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        return Response(MemberSerializer(self._member(pk)).data)

    @extend_schema(request=MemberSerializer, responses=MemberSerializer)
    def patch(self, request: Request, pk: UUID) -> Response:
        """Another role, or out (is_active false: sessions and tokens stop at once) and in again."""
        member = self._member(pk)
        data = MemberSerializer(member, data=request.data, partial=True)
        data.is_valid(raise_exception=True)
        wanted = {name: data.validated_data.get(name) for name in ("role", "is_active")}
        return Response(MemberSerializer(change_member(request.member, member, **wanted)).data)  # type: ignore[attr-defined]

    def _member(self, pk: UUID) -> Member:
        return get_object_or_404(Member.objects.select_related("user"), pk=pk)


class InvitationListView(OwnersView):
    """Invitations that nobody has accepted yet."""

    #: a mail server may take its time
    outside_transaction = True

    @extend_schema(responses=InvitationSerializer(many=True))
    def get(self, request: Request) -> Response:
        with tenant_context(request.tenant.pk):  # type: ignore[attr-defined]
            pages = LimitOffsetPagination()
            found = Invitation.objects.filter(accepted_at=None, revoked_at=None)
            page = pages.paginate_queryset(found, request, view=self)
            return pages.get_paginated_response(InvitationSerializer(page, many=True).data)

    @extend_schema(request=InviteSerializer, responses={201: InvitedSerializer})
    def post(self, request: Request) -> Response:
        data = InviteSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        with tenant_context(request.tenant.pk):  # type: ignore[attr-defined]
            invitation, secret = invite(request.member, **data.validated_data)  # type: ignore[attr-defined]
        return invited(request, invitation, secret, status.HTTP_201_CREATED)


class InvitationView(OwnersView):
    """One of them."""

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Take it back: its link opens nothing any more."""
        revoke_invitation(request.member, get_object_or_404(Invitation, pk=pk))  # type: ignore[attr-defined]
        return Response(status=status.HTTP_204_NO_CONTENT)


class InvitationAgainView(OwnersView):
    """A new link for it; the old one stops."""

    outside_transaction = True

    @extend_schema(request=None, responses=InvitedSerializer)
    def post(self, request: Request, pk: UUID) -> Response:
        with tenant_context(request.tenant.pk):  # type: ignore[attr-defined]
            invitation = get_object_or_404(Invitation, pk=pk)
            secret = invite_again(request.member, invitation)  # type: ignore[attr-defined]
            invitation.refresh_from_db()
        return invited(request, invitation, secret, status.HTTP_200_OK)


def invited(request: Request, invitation: Invitation, secret: str, code: int) -> Response:
    """The invitation with its link; mailed as well, where there is a mail server."""
    link = link_of(request._request, secret)
    is_mailed = mail_invitation(invitation, link)
    with tenant_context(invitation.tenant_id):
        invitation.refresh_from_db()
    return Response({**InvitationSerializer(invitation).data, "link": link, "is_mailed": is_mailed}, status=code)

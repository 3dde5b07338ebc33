"""REST API of the prompt, of what models saw, and of what was used."""

from __future__ import annotations

import datetime
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import TokenScope
from accounts.permissions import IsOperator, IsOperatorOrReviewer, IsReviewer
from conversations.api import FlowView
from conversations.flows.activate_prompt import activate_prompt
from conversations.flows.save_prompt import save_prompt
from conversations.ledger import BY, usage
from conversations.models import PromptVersion, Run
from conversations.prompting import active_version
from conversations.replay import turns
from conversations.usage_views import month_of


class PromptSerializer(serializers.ModelSerializer[PromptVersion]):
    author = serializers.CharField(source="author.user.email", read_only=True, default="")
    is_active = serializers.SerializerMethodField(help_text="whether new requests use it")

    class Meta:
        model = PromptVersion
        fields = ["number", "sha256", "text", "origin", "note", "author", "created_at", "is_active"]
        read_only_fields = ["number", "sha256", "origin"]

    def get_is_active(self, version: PromptVersion) -> bool:
        return bool(version.pk == self.context["active"].pk)


class UsageSerializer(serializers.Serializer[Any]):
    key = serializers.CharField(help_text="e-mail address, day or model")
    requests = serializers.IntegerField()
    prompt_tokens = serializers.IntegerField()
    cached_tokens = serializers.IntegerField(help_text="those of the prompt's that the provider had in its cache")
    completion_tokens = serializers.IntegerField()
    cost = serializers.IntegerField(help_text="millionths of the currency unit of NLOPS_MODEL_PRICES")


class UsageQuerySerializer(serializers.Serializer[Any]):
    by = serializers.ChoiceField(choices=BY, default="member")
    since = serializers.DateField(required=False, help_text="first day (UTC); default: the first of this month")
    until = serializers.DateField(required=False, help_text="last day (UTC); default: today")


class TurnMessageSerializer(serializers.Serializer[Any]):
    role = serializers.CharField()
    content = serializers.CharField(allow_blank=True)
    tool_calls = serializers.JSONField()
    tool_call_id = serializers.CharField(allow_blank=True)
    name = serializers.CharField(allow_blank=True)


class TurnToolSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    sha256 = serializers.CharField(help_text="of name, description and argument schema as they were offered")
    is_unchanged = serializers.SerializerMethodField()

    def get_is_unchanged(self, offered: Any) -> bool:
        return offered.tool is not None


class TurnSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    at = serializers.DateTimeField()
    model = serializers.CharField()
    prompt = serializers.CharField(help_text="number and hash of the prompt's version")
    is_intact = serializers.BooleanField(help_text="whether the messages have the hash recorded when they were sent")
    messages = TurnMessageSerializer(many=True)
    tools = TurnToolSerializer(many=True)
    limits = serializers.JSONField()
    answer = serializers.JSONField()


class PromptListView(FlowView):
    """Versions of the prompt, newest first; a text sent here becomes the next one."""

    scope = TokenScope.OPERATE
    permission_classes = [IsOperatorOrReviewer]

    @extend_schema(responses=PromptSerializer(many=True))
    def get(self, request: Request) -> Response:
        context = {"active": active_version(request.tenant.pk)}  # type: ignore[attr-defined]
        versions = PromptVersion.objects.select_related("author__user")
        return Response(PromptSerializer(versions, many=True, context=context).data)

    @extend_schema(request=PromptSerializer, responses={201: PromptSerializer})
    def post(self, request: Request) -> Response:
        data = PromptSerializer(data=request.data, context={})
        data.is_valid(raise_exception=True)
        version = save_prompt(request.member, data.validated_data["text"], data.validated_data.get("note", ""))  # type: ignore[attr-defined]
        context = {"active": active_version(version.tenant_id)}
        return Response(PromptSerializer(version, context=context).data, status=status.HTTP_201_CREATED)


class PromptActivateView(FlowView):
    """Let new requests use the version; 0: whatever nlops ships."""

    scope = TokenScope.OPERATE
    permission_classes = [IsOperator]

    @extend_schema(request=None, responses=PromptSerializer)
    def post(self, request: Request, number: int) -> Response:
        version = get_object_or_404(PromptVersion, number=number) if number else None
        activate_prompt(request.member, version)  # type: ignore[attr-defined]
        active = active_version(request.tenant.pk)  # type: ignore[attr-defined]
        return Response(PromptSerializer(active, context={"active": active}).data)


class TurnsView(FlowView):
    """Exactly what the model saw in each of its turns."""

    scope = TokenScope.OPERATE
    permission_classes = [IsReviewer]

    @extend_schema(responses=TurnSerializer(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        found = turns(get_object_or_404(Run, pk=pk))
        data = [{**TurnSerializer(turn).data, "messages": [m.to_json() for m in turn.messages]} for turn in found]
        return Response(data)


class UsageView(FlowView):
    """Requests, tokens and cost of a period, open requests included."""

    scope = TokenScope.OPERATE
    permission_classes = [IsOperator]

    @extend_schema(
        parameters=[
            OpenApiParameter("by", str, enum=BY, description="what is summed up by; default: member"),
            OpenApiParameter("since", OpenApiTypes.DATE, description="first day (UTC); default: the 1st of this month"),
            OpenApiParameter("until", OpenApiTypes.DATE, description="last day (UTC); default: the end of this month"),
        ],
        responses=UsageSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        query = UsageQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        first, last = month_of("")
        since: datetime.date = query.validated_data.get("since", first)
        until: datetime.date = query.validated_data.get("until", last)
        return Response(UsageSerializer(usage(since, until, query.validated_data["by"]), many=True).data)

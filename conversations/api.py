"""REST API of conversations: the same flows as the chat page, as JSON."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, Throttled, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import throttle
from accounts.context import tenant_context
from accounts.models import TokenScope
from accounts.permissions import IsMember, IsOperator
from conversations import querysets
from conversations.csv_response import csv_response
from conversations.flows import FlowError
from conversations.flows.ask import ask
from conversations.flows.cancel import cancel
from conversations.flows.confirm import confirm
from conversations.flows.decide import decide
from conversations.flows.enquire import enquire, explain
from conversations.flows.give_feedback import give_feedback
from conversations.flows.reply import reply
from conversations.models import Approval, Conversation, Event, Run
from conversations.querysets import shown_events
from nlops.core.types import Json


class Conflict(APIException):
    """The act doesn't fit the state; the detail says why."""

    status_code = status.HTTP_409_CONFLICT


class AskSerializer(serializers.Serializer[Any]):
    text = serializers.CharField(trim_whitespace=True, allow_blank=True, max_length=None)
    conversation = serializers.UUIDField(required=False, help_text="go on with this one; default: a new one")


class ReplySerializer(serializers.Serializer[Any]):
    values = serializers.DictField(child=serializers.CharField(allow_blank=True), help_text="by question name")


class AgreeSerializer(serializers.Serializer[Any]):
    agreed = serializers.BooleanField()
    reason = serializers.CharField(required=False, allow_blank=True, default="")


class TextSerializer(serializers.Serializer[Any]):
    text = serializers.CharField()


class FeedbackSerializer(serializers.Serializer[Any]):
    is_good = serializers.BooleanField()
    comment = serializers.CharField(required=False, allow_blank=True, default="")


class EventSerializer(serializers.ModelSerializer[Event]):
    class Meta:
        model = Event
        fields = ["sequence", "kind", "data", "created_at"]


class RunSerializer(serializers.ModelSerializer[Run]):
    events = serializers.SerializerMethodField()

    class Meta:
        model = Run
        fields = ["id", "conversation", "request", "status", "created_at", "finished_at", "events"]

    @extend_schema_field(EventSerializer(many=True))
    def get_events(self, run: Run) -> list[Any]:
        return list(EventSerializer(shown_events().filter(run=run).order_by("sequence"), many=True).data)


class ApprovalSerializer(serializers.ModelSerializer[Approval]):
    requested_by = serializers.CharField(source="requested_by.user.email")
    request = serializers.CharField(source="run.request")
    operation = serializers.CharField(source="call.operation.key")
    arguments = serializers.JSONField(source="call.arguments")
    provenance = serializers.JSONField(source="call.provenance")
    calls = serializers.SerializerMethodField(help_text="the exact calls that one decision is about, this one first")

    class Meta:
        model = Approval
        fields = [
            "id", "status", "requested_by", "request", "operation", "arguments", "provenance", "calls", "created_at",
            "expires_at",
        ]  # fmt: skip

    @extend_schema_field({"type": "array", "items": {"type": "object"}})
    def get_calls(self, approval: Approval) -> list[Json]:
        """Each with method, target and arguments."""
        return [
            {"method": call.get("method"), "target": call.get("target"), "arguments": call.get("arguments")}
            for call in querysets.call_views_of(approval)
        ]


class FlowView(APIView):
    """Turns what a flow refuses into 409 (or 429) with its words. `scope`: what a token needs for it."""

    scope = TokenScope.ASK

    permission_classes = [IsMember]

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, throttle.Throttled):
            exc = Throttled(wait=exc.retry_after, detail=str(exc))
        elif isinstance(exc, FlowError):
            exc = Conflict(str(exc))
        return super().handle_exception(exc)

    def run_of(self, request: Request, pk: UUID) -> Run:
        """The member's own run, 404 for any other."""
        return get_object_or_404(Run, pk=pk, conversation__member=request.member)  # type: ignore[attr-defined]

    def input(self, serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
        """The checked body."""
        data = serializer(data=request.data)
        data.is_valid(raise_exception=True)
        checked: dict[str, Any] = data.validated_data
        return checked


class AskView(FlowView):
    """Ask for something."""

    @extend_schema(request=AskSerializer, responses={201: RunSerializer})
    def post(self, request: Request) -> Response:
        data = self.input(AskSerializer, request)
        conversation = None
        if "conversation" in data:
            conversation = get_object_or_404(Conversation, pk=data["conversation"], member=request.member)  # type: ignore[attr-defined]
        run = ask(request.member, data["text"], conversation)  # type: ignore[attr-defined]
        return Response(RunSerializer(run).data, status=status.HTTP_201_CREATED)


class RunView(FlowView):
    """A run with its events."""

    @extend_schema(responses=RunSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        return Response(RunSerializer(self.run_of(request, pk)).data)


class RunActView(FlowView):
    """An act of the requester on a run; `act` is the last part of the address."""

    @extend_schema(request=ReplySerializer, responses=RunSerializer)
    def post(self, request: Request, pk: UUID, act: str) -> Response:
        run, member = self.run_of(request, pk), request.member  # type: ignore[attr-defined]
        match act:
            case "reply":
                reply(member, run, self.input(ReplySerializer, request)["values"])
            case "confirm":
                confirm(member, run, self.input(AgreeSerializer, request)["agreed"])
            case "cancel":
                cancel(member, run)
            case "explain":
                explain(member, run, self.input(TextSerializer, request)["text"])
            case "feedback":
                give_feedback(member, run, **self.input(FeedbackSerializer, request))
            case _:
                raise ValidationError({"act": "Use reply, confirm, explain, cancel or feedback."})
        run.refresh_from_db()
        return Response(RunSerializer(run).data)


class CallCsvView(FlowView):
    """The whole list that a call of a run returned, as CSV; `key` is the call's id in the run's last event."""

    outside_transaction = True

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: UUID, key: str) -> HttpResponseBase:
        with tenant_context(request.tenant.pk):  # type: ignore[attr-defined]
            run = self.run_of(request, pk)
        return csv_response(request._request, run, key)  # type: ignore[arg-type]


class ApprovalListView(FlowView):
    """Calls that wait for an operator."""

    scope = TokenScope.APPROVE
    permission_classes = [IsOperator]

    @extend_schema(responses=ApprovalSerializer(many=True))
    def get(self, request: Request) -> Response:
        return Response(ApprovalSerializer(querysets.waiting_approvals(), many=True).data)


class ApprovalEnquireView(FlowView):
    """Ask the requester something, before the decision."""

    scope = TokenScope.APPROVE
    permission_classes = [IsOperator]

    @extend_schema(request=TextSerializer, responses=ApprovalSerializer)
    def post(self, request: Request, pk: UUID) -> Response:
        approval = get_object_or_404(Approval, pk=pk)
        enquire(request.member, approval, self.input(TextSerializer, request)["text"])  # type: ignore[attr-defined]
        return Response(ApprovalSerializer(approval).data)


class ApprovalDecideView(FlowView):
    """Approve or reject one exact call."""

    scope = TokenScope.APPROVE
    permission_classes = [IsOperator]

    @extend_schema(request=AgreeSerializer, responses=ApprovalSerializer)
    def post(self, request: Request, pk: UUID) -> Response:
        approval = get_object_or_404(Approval, pk=pk)
        data = self.input(AgreeSerializer, request)
        decide(request.member, approval, data["agreed"], data["reason"])  # type: ignore[attr-defined]
        approval.refresh_from_db()
        return Response(ApprovalSerializer(approval).data)

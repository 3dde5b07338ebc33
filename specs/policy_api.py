"""REST API of what may be done: policies and rules, what a change would have done, who may do what and why."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import MemberRole
from nlops.core.types import Decision, Effect
from specs.access import AccessRow, Ground, Why, access_rows, why
from specs.access_views import members, operation_named
from specs.api import OperatorView, Refused
from specs.flows.save_rule import FIELDS, delete_rule, draft_rule, save_rule
from specs.flows.set_policy import lock_policies, set_policies
from specs.flows.trust_argument import distrust_argument, trust_argument
from specs.models import PolicyRule, Product, SpecVersion, TrustedArgument
from specs.replaying import Change, Replay, replay
from specs.whitelist import USUAL, Bulk, OperationRow, bulk, found_rows, newest_version, wanted_of

DECISIONS = [decision.value for decision in Decision]
_FILTERS = [
    OpenApiParameter("q", str, description="words of the name, path or summary; all of them"),
    OpenApiParameter("service", str, description="slug of a service"),
    OpenApiParameter("effect", str, enum=[effect.value for effect in Effect]),
    OpenApiParameter("decision", str, enum=DECISIONS),
    OpenApiParameter("role", str, enum=MemberRole.values, description="for whom the decision holds; empty: anybody"),
]
_PAGE = [OpenApiParameter("limit", int, description="at most 500"), OpenApiParameter("offset", int)]


class Pages(LimitOffsetPagination):
    """100 rows unless `limit` says otherwise."""

    default_limit = 100
    max_limit = 500


class HeldSerializer(serializers.Serializer[Any]):
    decision = serializers.ChoiceField(choices=DECISIONS)
    because = serializers.CharField(help_text="whitelist, not listed, or the rule that decides")
    rule = serializers.UUIDField(allow_null=True, help_text="id of that rule")
    conditional = serializers.ListField(
        child=serializers.CharField(), help_text="rules that make it stricter for some values"
    )


class AccessSerializer(serializers.Serializer[Any]):
    operation = serializers.CharField(help_text="METHOD path")
    summary = serializers.CharField()
    service = serializers.CharField(help_text="slug")
    effect = serializers.ChoiceField(choices=[effect.value for effect in Effect])
    roles = serializers.DictField(child=HeldSerializer(), help_text="by role")


class AccessPageSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = AccessSerializer(many=True)


class GroundSerializer(serializers.Serializer[Any]):
    what = serializers.CharField()
    text = serializers.CharField()
    decision = serializers.ChoiceField(choices=DECISIONS, allow_null=True)
    decides = serializers.BooleanField()
    rule = serializers.UUIDField(allow_null=True)


class WhySerializer(serializers.Serializer[Any]):
    operation = serializers.CharField(help_text="METHOD path")
    member = serializers.CharField(help_text="e-mail address")
    decision = serializers.ChoiceField(choices=DECISIONS)
    grounds = GroundSerializer(many=True, help_text="in the order in which they are looked at")
    asks_for = serializers.ListField(
        child=serializers.CharField(), help_text="arguments whose values make a difference"
    )


class AccessView(OperatorView):
    """Who may do what: every operation of the version in use with the decision for each role."""

    @extend_schema(parameters=[*_FILTERS, *_PAGE], responses=AccessPageSerializer)
    def get(self, request: Request, slug: str) -> Response:
        product, version = known(slug)
        pages = Pages()
        rows = pages.paginate_queryset(access_rows(product, version, wanted_of(request.query_params.dict())), request)
        return pages.get_paginated_response([_access_data(row) for row in rows or []])


class WhyView(OperatorView):
    """Why a member may, or may not, use an operation; `value-NAME` tries a value of an argument."""

    @extend_schema(
        parameters=[
            OpenApiParameter("operation", str, required=True, description="METHOD path"),
            OpenApiParameter("member", str, required=True, description="e-mail address"),
        ],
        responses=WhySerializer,
    )
    def get(self, request: Request, slug: str) -> Response:
        _, version = known(slug)
        query = request.query_params
        operation = operation_named(version, query.get("operation", ""))
        member = members().filter(user__email__iexact=query.get("member", "").replace("\x00", "")).first()
        if operation is None:
            raise NotFound("The product has no such operation; name it as in DELETE /users/{id}.")
        if member is None:
            raise NotFound("There is no such member; name them by their e-mail address.")
        values = {name.removeprefix("value-"): query[name] for name in query if name.startswith("value-")}
        return Response(_why_data(why(operation, member, values)))


def known(slug: str) -> tuple[Product, SpecVersion]:
    """The product and the version of it that is looked at. Raises Http404, NotFound."""
    product = get_object_or_404(Product, slug=slug)
    version = newest_version(product)
    if version is None:
        raise NotFound("Nothing is known of this product yet: upload its API description.")
    return product, version


def _access_data(row: AccessRow) -> dict[str, Any]:
    return {
        "operation": row.operation.key,
        "summary": row.operation.summary,
        "service": row.operation.service.slug,
        "effect": row.operation.effect,
        "roles": {
            role.value: {
                "decision": access.decision,
                "because": access.because,
                "rule": access.rule and access.rule.pk,
                "conditional": [str(rule) for rule in access.conditional],
            }
            for role, access in row.by_role.items()
        },
    }


def _why_data(found: Why) -> dict[str, Any]:
    return {
        "operation": found.operation.key,
        "member": found.member.user.email,
        "decision": found.decision,
        "grounds": [_ground_data(ground) for ground in found.grounds],
        "asks_for": found.asks_for,
    }


def _ground_data(ground: Ground) -> dict[str, Any]:
    return {
        "what": ground.what,
        "text": ground.text,
        "decision": ground.decision,
        "decides": ground.decides,
        "rule": ground.rule and ground.rule.pk,
    }


# --- policies -------------------------------------------------------------------------------------------------


class PolicySerializer(serializers.Serializer[Any]):
    operation = serializers.CharField(help_text="METHOD path")
    summary = serializers.CharField()
    service = serializers.CharField(help_text="slug")
    effect = serializers.ChoiceField(choices=[effect.value for effect in Effect])
    decision = serializers.ChoiceField(choices=DECISIONS, help_text="of the whitelist, without rules")
    usual = serializers.ChoiceField(choices=DECISIONS, help_text="what listing it means by default")


class PolicyPageSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = PolicySerializer(many=True)


class PoliciesSerializer(serializers.Serializer[Any]):
    changes = serializers.DictField(
        child=serializers.ChoiceField(choices=DECISIONS, allow_null=True),
        allow_empty=False,
        help_text="METHOD path to its decision; null takes it off the list, which denies it",
    )


class RecordedCallSerializer(serializers.Serializer[Any]):
    operation = serializers.CharField(help_text="METHOD path")
    at = serializers.DateTimeField()
    member = serializers.CharField(help_text="e-mail address")
    arguments = serializers.ListField(child=serializers.CharField(), help_text="their names, never their values")
    before = serializers.ChoiceField(choices=DECISIONS)
    after = serializers.ChoiceField(choices=DECISIONS)
    status = serializers.CharField(help_text="what became of it")


class MoveSerializer(serializers.Serializer[Any]):
    before = serializers.ChoiceField(choices=DECISIONS)
    after = serializers.ChoiceField(choices=DECISIONS)
    count = serializers.IntegerField()


class ReplaySerializer(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    calls = serializers.IntegerField(help_text="that were looked at")
    is_cut = serializers.BooleanField(help_text="whether there were more, older ones")
    changed = serializers.IntegerField(help_text="calls that would have been decided in another way")
    moves = MoveSerializer(many=True)
    shown = RecordedCallSerializer(many=True, help_text="the newest of the changed ones")


class BulkSerializer(serializers.Serializer[Any]):
    q = serializers.CharField(default="", allow_blank=True, help_text="words of the name, path or summary")
    service = serializers.CharField(default="", allow_blank=True, help_text="slug")
    effect = serializers.ChoiceField(choices=[effect.value for effect in Effect], default="", allow_blank=True)
    decision = serializers.ChoiceField(choices=DECISIONS, default="", allow_blank=True, help_text="that they have now")
    set = serializers.ChoiceField(choices=[*DECISIONS, USUAL], help_text="what they get; usual: each its default")
    dry_run = serializers.BooleanField(default=True, help_text="true: only tell what it comes to")
    mark = serializers.CharField(default="", allow_blank=True, help_text="of the dry run; set only what it told of")
    even_destructive = serializers.BooleanField(
        default=False, help_text="what destroys something may run without an approval"
    )


class BulkResultSerializer(serializers.Serializer[Any]):
    chosen = serializers.IntegerField(help_text="operations that were found")
    moves = MoveSerializer(many=True, help_text="those of them that change")
    destructive = serializers.ListField(
        child=serializers.CharField(), help_text="METHOD path of what destroys and would run without an approval"
    )
    mark = serializers.CharField(help_text="send it to set exactly this")
    is_set = serializers.BooleanField()
    replay = ReplaySerializer(allow_null=True, help_text="of a dry run")


class PolicyListView(OperatorView):
    """The whitelist: the operations of the version in use, each with its decision."""

    @extend_schema(parameters=[*_FILTERS[:-1], *_PAGE], responses=PolicyPageSerializer)
    def get(self, request: Request, slug: str) -> Response:
        product, version = known(slug)
        pages = Pages()
        found = found_rows(product, version, wanted_of(request.query_params.dict()))
        rows = pages.paginate_queryset(found, request)
        return pages.get_paginated_response([_policy_data(row) for row in rows or []])

    @extend_schema(request=PoliciesSerializer, responses={204: None})
    def patch(self, request: Request, slug: str) -> Response:
        """Set the decisions of some operations; the others stay."""
        product = get_object_or_404(Product, slug=slug)
        data = PoliciesSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        set_policies(product, data.validated_data["changes"], request.member)  # type: ignore[attr-defined]
        return Response(status=status.HTTP_204_NO_CONTENT)


class PolicyBulkView(OperatorView):
    """Set all operations that are found: tell what it comes to first, and then, with the mark of that, do it."""

    @extend_schema(request=BulkSerializer, responses=BulkResultSerializer)
    def post(self, request: Request, slug: str) -> Response:
        product, version = known(slug)
        data = BulkSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        said = data.validated_data
        if not said["dry_run"]:
            lock_policies(product)
        planned = bulk(found_rows(product, version, wanted_of(said)), said["set"])
        if said["dry_run"]:
            return Response(_bulk_data(planned, replay(product, Change(planned.policies))))
        if said["mark"] != planned.mark:
            raise Refused(
                "The operations or their decisions are not those of the dry run with this mark; make it again."
            )
        if planned.risky and not said["even_destructive"]:
            raise Refused("Some of these destroy something and would run without an approval: send even_destructive.")
        set_policies(product, planned.policies, request.member)  # type: ignore[attr-defined]
        return Response(_bulk_data(planned, None))


def _policy_data(row: OperationRow) -> dict[str, Any]:
    return {
        "operation": row.operation.key,
        "summary": row.operation.summary,
        "service": row.operation.service.slug,
        "effect": row.operation.effect,
        "decision": row.decision,
        "usual": row.usual,
    }


def _bulk_data(planned: Bulk, replayed: Replay | None) -> dict[str, Any]:
    return {
        "chosen": planned.chosen,
        "moves": [_move(*move) for move in planned.moves],
        "destructive": [operation.key for operation in planned.risky],
        "mark": planned.mark,
        "is_set": replayed is None,
        "replay": replayed and _replay_data(replayed),
    }


def _move(before: str, after: str, count: int) -> dict[str, Any]:
    return {"before": before, "after": after, "count": count}


def _replay_data(found: Replay) -> dict[str, Any]:
    return {
        "since": found.since,
        "calls": found.total,
        "is_cut": found.is_cut,
        "changed": found.changed_count,
        "moves": [_move(before, after, count) for before, after, count in found.moves],
        "shown": [
            {
                "operation": one.call.operation.key,
                "at": one.call.at,
                "member": one.call.requester,
                "arguments": one.names,
                "before": one.before,
                "after": one.after,
                "status": one.call.status,
            }
            for one in found.changed
        ],
    }


# --- rules ----------------------------------------------------------------------------------------------------


class RuleSerializer(serializers.ModelSerializer[PolicyRule]):
    created_by = serializers.CharField(source="created_by.user.email", read_only=True, default="")

    class Meta:
        model = PolicyRule
        fields = ["id", *FIELDS, "created_by", "created_at"]
        extra_kwargs = {"operation_key": {"help_text": "METHOD path, such as DELETE /users/{id}; empty: any"}}


class ReplayChangeSerializer(serializers.Serializer[Any]):
    policies = serializers.DictField(
        child=serializers.ChoiceField(choices=DECISIONS, allow_null=True),
        default=dict,
        help_text="METHOD path: decision",
    )
    add = RuleSerializer(many=True, default=list, max_length=50)  # type: ignore[call-arg]
    remove = serializers.ListField(child=serializers.UUIDField(), default=list, help_text="ids of rules")


class TrustSerializer(serializers.ModelSerializer[TrustedArgument]):
    typed = serializers.CharField(
        write_only=True, default="", allow_blank=True, help_text="the tool's name, where it destroys something"
    )

    class Meta:
        model = TrustedArgument
        fields = ["id", "operation_key", "argument", "note", "even_destructive", "created_at", "typed"]
        read_only_fields = ["even_destructive"]


class TrustListView(OperatorView):
    """Arguments of writing operations that may hold values from API answers without a question."""

    @extend_schema(responses=TrustSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        rows = TrustedArgument.objects.filter(product=get_object_or_404(Product, slug=slug))
        return Response(TrustSerializer(rows, many=True).data)

    @extend_schema(request=TrustSerializer, responses={201: TrustSerializer})
    def post(self, request: Request, slug: str) -> Response:
        product = get_object_or_404(Product, slug=slug)
        data = TrustSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        trusted = trust_argument(product, request.member, **data.validated_data)  # type: ignore[attr-defined]
        return Response(TrustSerializer(trusted).data, status=status.HTTP_201_CREATED)


class TrustView(OperatorView):
    """One of them."""

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, pk: UUID) -> Response:
        rows = TrustedArgument.objects.select_related("product")
        distrust_argument(get_object_or_404(rows, product__slug=slug, pk=pk), request.member)  # type: ignore[attr-defined]
        return Response(status=status.HTTP_204_NO_CONTENT)


class RuleListView(OperatorView):
    """What makes the product's whitelist stricter."""

    @extend_schema(responses=RuleSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        rows = PolicyRule.objects.filter(product=get_object_or_404(Product, slug=slug))
        return Response(RuleSerializer(rows.select_related("created_by__user"), many=True).data)

    @extend_schema(request=RuleSerializer, responses={201: RuleSerializer})
    def post(self, request: Request, slug: str) -> Response:
        product = get_object_or_404(Product, slug=slug)
        rule = save_rule(product, request.member, **_said(request.data))  # type: ignore[attr-defined]
        return Response(RuleSerializer(rule).data, status=status.HTTP_201_CREATED)


class RuleView(OperatorView):
    """One rule."""

    @extend_schema(responses=RuleSerializer)
    def get(self, request: Request, slug: str, pk: UUID) -> Response:
        return Response(RuleSerializer(_rule(slug, pk)).data)

    @extend_schema(request=RuleSerializer, responses=RuleSerializer)
    def put(self, request: Request, slug: str, pk: UUID) -> Response:
        """What is left out becomes empty."""
        rule = _rule(slug, pk)
        said = dict.fromkeys(FIELDS, "") | _said(request.data)
        return Response(RuleSerializer(save_rule(rule.product, request.member, rule, **said)).data)  # type: ignore[attr-defined]

    @extend_schema(request=RuleSerializer, responses=RuleSerializer)
    def patch(self, request: Request, slug: str, pk: UUID) -> Response:
        """What is left out stays."""
        rule = _rule(slug, pk)
        said = _said(request.data, partial=True)
        return Response(RuleSerializer(save_rule(rule.product, request.member, rule, **said)).data)  # type: ignore[attr-defined]

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, pk: UUID) -> Response:
        delete_rule(_rule(slug, pk), request.member)  # type: ignore[attr-defined]
        return Response(status=status.HTTP_204_NO_CONTENT)


class ReplayView(OperatorView):
    """What a change of policies and rules would have done to the calls of the last 7 days; it changes nothing."""

    @extend_schema(request=ReplayChangeSerializer, responses=ReplaySerializer)
    def post(self, request: Request, slug: str) -> Response:
        product = get_object_or_404(Product, slug=slug)
        data = ReplayChangeSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        said = data.validated_data
        change = Change(
            policies={key: decision and Decision(decision) for key, decision in said["policies"].items()},
            added=tuple(draft_rule(product, request.member, **rule) for rule in said["add"]),  # type: ignore[attr-defined]
            removed=frozenset(said["remove"]),
        )
        return Response(_replay_data(replay(product, change)))


def _rule(slug: str, pk: UUID) -> PolicyRule:
    return get_object_or_404(
        PolicyRule.objects.select_related("product", "created_by__user"), product__slug=slug, pk=pk
    )


def _said(posted: Any, *, partial: bool = False) -> dict[str, Any]:
    data = RuleSerializer(data=posted, partial=partial)
    data.is_valid(raise_exception=True)
    return dict(data.validated_data)

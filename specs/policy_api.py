"""REST API of what may be done: who may do what and why."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import MemberRole
from nlops.core.types import Decision, Effect
from specs.access import AccessRow, Ground, Why, access_rows, why
from specs.access_views import members, operation_named, wanted_of
from specs.api import OperatorView
from specs.models import Product, SpecVersion
from specs.whitelist import newest_version

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
        rows = pages.paginate_queryset(access_rows(product, version, wanted_of(request.query_params)), request)
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
        member = members().filter(user__email__iexact=query.get("member", "")).first()
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

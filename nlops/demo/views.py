"""Keyring's operations, by service."""

from __future__ import annotations

import functools
import json
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer, DateTimeField
from rest_framework.views import APIView

from nlops.demo import pages
from nlops.demo import serializers as forms
from nlops.demo.models import (
    REQUEST_STATUSES,
    USER_STATUSES,
    AccessRequest,
    Account,
    AuditEntry,
    Client,
    Grant,
    Group,
    IdempotentReply,
    Safe,
    Secret,
    Token,
    Workspace,
)
from nlops.demo.problems import Duplicate, Unprocessable, Unreadable
from nlops.demo.throttles import ClientThrottle, RevealThrottle

#: How long an Idempotency-Key is remembered at least.
REMEMBER_REPLIES = timedelta(hours=24)
VERSION = settings.SPECTACULAR_SETTINGS["VERSION"]
PAGE = [
    OpenApiParameter(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": pages.MOST, "default": pages.USUAL},
        description="How many entries to return, 1 to 100",
    ),
    OpenApiParameter("cursor", str, description="next_cursor of the page before"),
]

#: What people call them, where that differs from the model's name.
_KINDS = {Account: "user", AccessRequest: "access request", AuditEntry: "audit log entry"}


def described(tag: str, name: str, summary: str, **options: Any) -> Callable[..., Any]:
    """How an operation stands in the OpenAPI description."""
    if options.get("request") is not None and name.startswith(("create", "store", "add", "grant")):
        options["extensions"] = {"x-idempotency-key": "Idempotency-Key"}
    return extend_schema(operation_id=name, summary=summary, tags=[tag], **options)


def idempotent(view: Callable[..., Response]) -> Callable[..., Response]:
    """Honour Idempotency-Key: the same key with the same body is answered as the first time and done once."""

    @functools.wraps(view)
    def once(self: View, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            return view(self, request, *args, **kwargs)
        if len(key) > 100:
            raise Unprocessable({"Idempotency-Key": "An Idempotency-Key has at most 100 characters."})
        # Keyed, because the body may hold a password.
        asked = json.dumps([request.method, request.path, request.data], sort_keys=True)
        fingerprint = salted_hmac("keyring.idempotency", asked, algorithm="sha256").hexdigest()
        with transaction.atomic():
            # The client's row is locked, so that two requests with one key wait for each other.
            client = Client.objects.select_for_update().get(pk=request.user.pk)
            before = IdempotentReply.objects.filter(client=client, key=key).first()
            if before is not None and before.fingerprint != fingerprint:
                raise Unprocessable({"Idempotency-Key": "This key was used for another request."})
            if before is not None:
                return Response(before.body, before.status)
            response = view(self, request, *args, **kwargs)
            body = json.loads(json.dumps(response.data, default=str)) if response.data is not None else None
            IdempotentReply.objects.create(
                client=client, key=key, fingerprint=fingerprint, status=response.status_code, body=body
            )
            return response

    return once


class View(APIView):
    """What all operations share."""

    @property
    def workspace(self) -> Workspace:
        return self.request.user.workspace

    def find(self, model: Any, **lookup: str | int) -> Any:
        """One object of the workspace; 404 that names what was not found."""
        found = model.objects.filter(workspace=self.workspace, **lookup).first()
        if found is None:
            kind = _KINDS.get(model, model.__name__.lower())
            raise NotFound(f"There is no {kind} “{next(iter(lookup.values()))}”.")
        return found

    def user_named(self, username: str) -> Account:
        return self.find(Account, username=username)

    def read(self, form: type[BaseSerializer], **options: Any) -> dict[str, Any]:
        """The checked body; unknown fields are refused."""
        given = form(data=self.request.data, **options)
        if isinstance(self.request.data, dict):
            unknown = {name: "There is no such field." for name in self.request.data if name not in given.fields}
            if unknown:
                raise Unprocessable(unknown)
        given.is_valid(raise_exception=True)
        return given.validated_data

    def audit(self, action: str, target: object) -> None:
        AuditEntry.objects.create(
            workspace=self.workspace, actor=self.request.user.name, action=action, target=str(target)
        )

    def save(self, row: Any, kind: str) -> None:
        """Save; 409 when the name is taken."""
        try:
            with transaction.atomic():
                row.save()
        except IntegrityError as error:
            raise Duplicate(f"There is a {kind} “{row}” already.") from error

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """A query parameter that takes one of several values; "" when it is not given."""
        given = self.request.query_params.get(name, "").lower()
        if given and given not in choices:
            raise Unprocessable({name: f"{name} must be one of {', '.join(choices)}."})
        return given

    def page(self, rows: QuerySet[Any], form: type[BaseSerializer]) -> Response:
        return pages.page(rows, form, self.request.query_params)


# --- users ----------------------------------------------------------------------------------------------------


class Users(View):
    @described(
        "Users",
        "list_users",
        "List users",
        description="List all users, or those of a department or a status.",
        parameters=[
            OpenApiParameter("department", str, description="Only users of this department"),
            OpenApiParameter("status", str, enum=USER_STATUSES, description="Only users with this status"),
            *PAGE,
        ],
        responses=forms.page_of(forms.User, "UserPage"),
    )
    def get(self, request: Request) -> Response:
        rows = Account.objects.filter(workspace=self.workspace).order_by("username")
        if request.query_params.get("department"):
            rows = rows.filter(department__iexact=request.query_params["department"])
        if status := self.choice("status", USER_STATUSES):
            rows = rows.filter(status=status)
        return self.page(rows, forms.User)

    @described(
        "Users",
        "create_user",
        "Create a user",
        description="Create a new user who can sign in.",
        request=forms.UserCreation,
        responses={201: forms.User},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        data = self.read(forms.UserCreation)
        row = Account(workspace=self.workspace, **{**data, "password": make_password(data["password"])})
        self.save(row, "user")
        self.audit("create_user", row)
        return Response(forms.User(row).data, 201)


class OneUser(View):
    @described(
        "Users", "get_user", "Get a user", description="Get the details of one user by user name.", responses=forms.User
    )
    def get(self, request: Request, username: str) -> Response:
        return Response(forms.User(self.user_named(username)).data)

    @described(
        "Users",
        "update_user",
        "Update a user",
        description="Change the e-mail, name, department or description of a user.",
        request=forms.UserChange,
        responses=forms.User,
    )
    def patch(self, request: Request, username: str) -> Response:
        row = self.user_named(username)
        for name, value in self.read(forms.UserChange, partial=True).items():
            setattr(row, name, value)
        row.save()
        self.audit("update_user", row)
        return Response(forms.User(row).data)

    @described(
        "Users",
        "delete_user",
        "Delete a user",
        description="Delete a user for good. This cannot be undone.",
        responses={204: None},
    )
    def delete(self, request: Request, username: str) -> Response:
        row = self.user_named(username)
        row.delete()
        self.audit("delete_user", username)
        return Response(status=204)


class UserStatus(View):
    status = ""
    action = ""

    def change(self, username: str) -> Response:
        row = self.user_named(username)
        row.status = self.status
        row.save()
        self.audit(self.action, row)
        return Response(forms.User(row).data)


class DisableUser(UserStatus):
    status, action = "disabled", "disable_user"

    @described(
        "Users",
        "disable_user",
        "Disable a user",
        description="Disable a user, who then cannot sign in any more.",
        request=None,
        responses=forms.User,
    )
    def post(self, request: Request, username: str) -> Response:
        return self.change(username)


class EnableUser(UserStatus):
    status, action = "active", "enable_user"

    @described(
        "Users",
        "enable_user",
        "Enable a user",
        description="Enable a disabled user again.",
        request=None,
        responses=forms.User,
    )
    def post(self, request: Request, username: str) -> Response:
        return self.change(username)


class UserPassword(View):
    @described(
        "Users",
        "reset_user_password",
        "Reset the password of a user",
        description="Set a new password for a user.",
        request=forms.NewPassword,
        responses={204: None},
    )
    def put(self, request: Request, username: str) -> Response:
        row = self.user_named(username)
        row.password = make_password(self.read(forms.NewPassword)["password"])
        row.save()
        self.audit("reset_user_password", row)
        return Response(status=204)


class UserGroups(View):
    @described(
        "Users",
        "list_user_groups",
        "List the groups of a user",
        description="List the groups that a user is a member of.",
        parameters=PAGE,
        responses=forms.page_of(forms.GroupOut, "UserGroupPage"),
    )
    def get(self, request: Request, username: str) -> Response:
        return self.page(self.user_named(username).groups.order_by("name"), forms.GroupOut)


# --- groups ---------------------------------------------------------------------------------------------------


class Groups(View):
    @described(
        "Groups",
        "list_groups",
        "List groups",
        description="List all groups.",
        parameters=PAGE,
        responses=forms.page_of(forms.GroupOut, "GroupPage"),
    )
    def get(self, request: Request) -> Response:
        return self.page(Group.objects.filter(workspace=self.workspace).order_by("name"), forms.GroupOut)

    @described(
        "Groups",
        "create_group",
        "Create a group",
        description="Create a new, empty group.",
        request=forms.GroupFields,
        responses={201: forms.GroupOut},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        row = Group(workspace=self.workspace, **self.read(forms.GroupFields))
        self.save(row, "group")
        self.audit("create_group", row)
        return Response(forms.GroupOut(row).data, 201)


class OneGroup(View):
    @described(
        "Groups", "get_group", "Get a group", description="Get the details of one group.", responses=forms.GroupOut
    )
    def get(self, request: Request, name: str) -> Response:
        return Response(forms.GroupOut(self.find(Group, name=name)).data)

    @described(
        "Groups",
        "update_group",
        "Update a group",
        description="Change the description of a group.",
        request=forms.GroupChange,
        responses=forms.GroupOut,
    )
    def patch(self, request: Request, name: str) -> Response:
        row = self.find(Group, name=name)
        row.description = self.read(forms.GroupChange, partial=True).get("description", row.description)
        row.save()
        self.audit("update_group", row)
        return Response(forms.GroupOut(row).data)

    @described(
        "Groups",
        "delete_group",
        "Delete a group",
        description="Delete a group for good; its members stay.",
        responses={204: None},
    )
    def delete(self, request: Request, name: str) -> Response:
        self.find(Group, name=name).delete()
        self.audit("delete_group", name)
        return Response(status=204)


class GroupMembers(View):
    @described(
        "Groups",
        "list_group_members",
        "List the members of a group",
        description="List the users who are members of a group.",
        parameters=PAGE,
        responses=forms.page_of(forms.User, "GroupMemberPage"),
    )
    def get(self, request: Request, name: str) -> Response:
        return self.page(self.find(Group, name=name).members.order_by("username"), forms.User)

    @described(
        "Groups",
        "add_group_member",
        "Add a user to a group",
        description="Add a user as a member to a group.",
        request=forms.MemberIn,
        responses={201: forms.GroupOut},
    )
    @idempotent
    def post(self, request: Request, name: str) -> Response:
        group = self.find(Group, name=name)
        account = self.user_named(self.read(forms.MemberIn)["username"])
        try:
            with transaction.atomic():
                Group.members.through.objects.create(group=group, account=account)
        except IntegrityError as error:
            raise Duplicate(f"{account} is a member of “{group}” already.") from error
        self.audit("add_group_member", f"{account} to {group}")
        return Response(forms.GroupOut(group).data, 201)


class OneGroupMember(View):
    @described(
        "Groups",
        "remove_group_member",
        "Remove a user from a group",
        description="Remove a member from a group; the user stays.",
        responses={204: None},
    )
    def delete(self, request: Request, name: str, username: str) -> Response:
        group, account = self.find(Group, name=name), self.user_named(username)
        if not group.members.filter(pk=account.pk).exists():
            raise NotFound(f"{account} is no member of “{group}”.")
        group.members.remove(account)
        self.audit("remove_group_member", f"{account} from {group}")
        return Response(status=204)


# --- safes ----------------------------------------------------------------------------------------------------


class Safes(View):
    @described(
        "Safes",
        "list_safes",
        "List safes",
        description="List all safes.",
        parameters=PAGE,
        responses=forms.page_of(forms.SafeOut, "SafePage"),
    )
    def get(self, request: Request) -> Response:
        return self.page(Safe.objects.filter(workspace=self.workspace).order_by("name"), forms.SafeOut)

    @described(
        "Safes",
        "create_safe",
        "Create a safe",
        description="Create a new, empty safe.",
        request=forms.SafeFields,
        responses={201: forms.SafeOut},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        row = Safe(workspace=self.workspace, **self.read(forms.SafeFields))
        self.save(row, "safe")
        self.audit("create_safe", row)
        return Response(forms.SafeOut(row).data, 201)


class OneSafe(View):
    @described("Safes", "get_safe", "Get a safe", description="Get the details of one safe.", responses=forms.SafeOut)
    def get(self, request: Request, name: str) -> Response:
        return Response(forms.SafeOut(self.find(Safe, name=name)).data)

    @described(
        "Safes",
        "update_safe",
        "Update a safe",
        description="Change the description of a safe.",
        request=forms.SafeChange,
        responses=forms.SafeOut,
    )
    def patch(self, request: Request, name: str) -> Response:
        row = self.find(Safe, name=name)
        row.description = self.read(forms.SafeChange, partial=True).get("description", row.description)
        row.save()
        self.audit("update_safe", row)
        return Response(forms.SafeOut(row).data)

    @described(
        "Safes",
        "delete_safe",
        "Delete a safe",
        description="Delete a safe with all secrets in it, for good.",
        responses={204: None},
    )
    def delete(self, request: Request, name: str) -> Response:
        self.find(Safe, name=name).delete()
        self.audit("delete_safe", name)
        return Response(status=204)


class SafeMembers(View):
    @described(
        "Safes",
        "list_safe_members",
        "List who may use a safe",
        description="List the users who have access to a safe, with their permission.",
        parameters=PAGE,
        responses=forms.page_of(forms.GrantOut, "SafeMemberPage"),
    )
    def get(self, request: Request, name: str) -> Response:
        rows = self.find(Safe, name=name).grants.select_related("account").order_by("account__username")
        return self.page(rows, forms.GrantOut)

    @described(
        "Safes",
        "grant_safe_access",
        "Grant a user access to a safe",
        description="Give a user access to a safe.",
        request=forms.GrantIn,
        responses={201: forms.GrantOut},
    )
    @idempotent
    def post(self, request: Request, name: str) -> Response:
        safe, data = self.find(Safe, name=name), self.read(forms.GrantIn)
        account = self.user_named(data["username"])
        grant, _ = Grant.objects.update_or_create(
            safe=safe, account=account, defaults={"permission": data["permission"]}
        )
        self.audit("grant_safe_access", f"{account} on {safe}")
        return Response(forms.GrantOut(grant).data, 201)


class OneSafeMember(View):
    @described(
        "Safes",
        "revoke_safe_access",
        "Revoke a user's access to a safe",
        description="Take a user's access to a safe away.",
        responses={204: None},
    )
    def delete(self, request: Request, name: str, username: str) -> Response:
        safe, account = self.find(Safe, name=name), self.user_named(username)
        deleted, _ = Grant.objects.filter(safe=safe, account=account).delete()
        if not deleted:
            raise NotFound(f"{account} has no access to “{safe}”.")
        self.audit("revoke_safe_access", f"{account} on {safe}")
        return Response(status=204)


class Secrets(View):
    @described(
        "Safes",
        "list_secrets",
        "List the secrets in a safe",
        description="List the names of the secrets in a safe, without their values.",
        parameters=PAGE,
        responses=forms.page_of(forms.SecretOut, "SecretPage"),
    )
    def get(self, request: Request, name: str) -> Response:
        rows = self.find(Safe, name=name).secrets.select_related("safe").order_by("name")
        return self.page(rows, forms.SecretOut)

    @described(
        "Safes",
        "store_secret",
        "Store a secret in a safe",
        description="Store a new secret with its value in a safe.",
        request=forms.SecretIn,
        responses={201: forms.SecretOut},
    )
    @idempotent
    def post(self, request: Request, name: str) -> Response:
        safe, data = self.find(Safe, name=name), self.read(forms.SecretIn)
        row = Secret(safe=safe, name=data["name"], login=data.get("login", ""))
        row.value = data["value"]
        self.save(row, "secret")
        self.audit("store_secret", f"{row} in {safe}")
        return Response(forms.SecretOut(row).data, 201)


class SecretView(View):
    """An operation on one secret."""

    def secret(self, safe: str, name: str) -> Secret:
        found = Secret.objects.filter(safe=self.find(Safe, name=safe), name=name).select_related("safe").first()
        if found is None:
            raise NotFound(f"There is no secret “{name}” in the safe “{safe}”.")
        return found


class OneSecret(SecretView):
    @described(
        "Safes",
        "get_secret",
        "Get the details of a secret",
        description="Get the login and the dates of a secret, without its value.",
        responses=forms.SecretOut,
    )
    def get(self, request: Request, name: str, secret_name: str) -> Response:
        return Response(forms.SecretOut(self.secret(name, secret_name)).data)

    @described(
        "Safes",
        "delete_secret",
        "Delete a secret from a safe",
        description="Delete a secret from a safe, for good.",
        responses={204: None},
    )
    def delete(self, request: Request, name: str, secret_name: str) -> Response:
        self.secret(name, secret_name).delete()
        self.audit("delete_secret", f"{secret_name} in {name}")
        return Response(status=204)


class RevealSecret(SecretView):
    throttle_classes = [ClientThrottle, RevealThrottle]

    @described(
        "Safes",
        "reveal_secret",
        "Reveal the value of a secret",
        description="Show the value of a secret. It is written to the audit log.",
        responses=forms.SecretValue,
    )
    def get(self, request: Request, name: str, secret_name: str) -> Response:
        secret = self.secret(name, secret_name)
        value = secret.value
        if value is None:
            raise Unreadable(
                f"“{secret}” in the safe “{name}” was stored with another key (DEMO_SECRET_KEY). "
                "Rotate it, or delete it and store it again."
            )
        self.audit("reveal_secret", f"{secret} in {name}")
        return Response({"name": secret.name, "login": secret.login, "value": value})


class RotateSecret(SecretView):
    @described(
        "Safes",
        "rotate_secret",
        "Rotate a secret",
        description="Replace the value of a secret by a new random one. Takes some seconds.",
        request=None,
        responses=forms.SecretOut,
    )
    def post(self, request: Request, name: str, secret_name: str) -> Response:
        secret = self.secret(name, secret_name)
        time.sleep(settings.DEMO_SLOW_SECONDS)
        secret.value, secret.rotated_at = secrets.token_urlsafe(18), timezone.now()
        secret.save()
        self.audit("rotate_secret", f"{secret} in {name}")
        return Response(forms.SecretOut(secret).data)


# --- access requests ------------------------------------------------------------------------------------------


class AccessRequests(View):
    @described(
        "Access requests",
        "list_access_requests",
        "List access requests",
        description="List requests for access to safes, all or those with a status.",
        parameters=[
            OpenApiParameter("status", str, enum=REQUEST_STATUSES, description="Only requests with this status"),
            *PAGE,
        ],
        responses=forms.page_of(forms.AccessRequestOut, "AccessRequestPage"),
    )
    def get(self, request: Request) -> Response:
        rows = AccessRequest.objects.filter(workspace=self.workspace).select_related("account", "safe").order_by("-id")
        if status := self.choice("status", REQUEST_STATUSES):
            rows = rows.filter(status=status)
        return self.page(rows, forms.AccessRequestOut)

    @described(
        "Access requests",
        "create_access_request",
        "Request access to a safe",
        description="Request access to a safe for a user.",
        request=forms.AccessRequestIn,
        responses={201: forms.AccessRequestOut},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        data = self.read(forms.AccessRequestIn)
        row = AccessRequest.objects.create(
            workspace=self.workspace,
            account=self.user_named(data["username"]),
            safe=self.find(Safe, name=data["safe"]),
            reason=data["reason"],
        )
        self.audit("create_access_request", row.pk)
        return Response(forms.AccessRequestOut(row).data, 201)


class OneAccessRequest(View):
    @described(
        "Access requests",
        "get_access_request",
        "Get an access request",
        description="Get the details of one access request by its number.",
        responses=forms.AccessRequestOut,
    )
    def get(self, request: Request, request_id: int) -> Response:
        return Response(forms.AccessRequestOut(self.find(AccessRequest, pk=request_id)).data)


class DecideAccessRequest(View):
    status = ""
    action = ""

    def change(self, request_id: int) -> Response:
        row = self.find(AccessRequest, pk=request_id)
        # Of several who decide at once, the first does.
        decided = AccessRequest.objects.filter(pk=row.pk, status="pending").update(
            status=self.status, decided_at=timezone.now()
        )
        row.refresh_from_db()
        if not decided:
            raise Duplicate(f"The access request {row.pk} is {row.status} already.")
        if self.status == "approved":
            Grant.objects.get_or_create(safe=row.safe, account=row.account, defaults={"permission": "use"})
        self.audit(self.action, row.pk)
        return Response(forms.AccessRequestOut(row).data)


class ApproveAccessRequest(DecideAccessRequest):
    status, action = "approved", "approve_access_request"

    @described(
        "Access requests",
        "approve_access_request",
        "Approve an access request",
        description="Approve a pending access request; the user gets access to the safe.",
        request=None,
        responses=forms.AccessRequestOut,
    )
    def post(self, request: Request, request_id: int) -> Response:
        return self.change(request_id)


class DenyAccessRequest(DecideAccessRequest):
    status, action = "denied", "deny_access_request"

    @described(
        "Access requests",
        "deny_access_request",
        "Deny an access request",
        description="Deny a pending access request.",
        request=None,
        responses=forms.AccessRequestOut,
    )
    def post(self, request: Request, request_id: int) -> Response:
        return self.change(request_id)


class CancelAccessRequest(DecideAccessRequest):
    status, action = "cancelled", "cancel_access_request"

    @described(
        "Access requests",
        "cancel_access_request",
        "Cancel an access request",
        description="Withdraw a pending access request before anybody decides on it.",
        request=None,
        responses=forms.AccessRequestOut,
    )
    def post(self, request: Request, request_id: int) -> Response:
        return self.change(request_id)


# --- audit log ------------------------------------------------------------------------------------------------


class AuditLog(View):
    @described(
        "Audit log",
        "list_audit_log_entries",
        "List audit log entries",
        description="List audit log entries (events), newest first, of a period, an actor or an action.",
        parameters=[
            OpenApiParameter(
                "from", {"type": "string", "format": "date-time"}, description="Start of the period, ISO 8601 date-time"
            ),
            OpenApiParameter(
                "to", {"type": "string", "format": "date-time"}, description="End of the period, ISO 8601 date-time"
            ),
            OpenApiParameter("actor", str, description="Only entries of this actor"),
            OpenApiParameter("action", str, description="Only entries of this action, such as create_user"),
            OpenApiParameter("target", str, description="Only entries about this target"),
            *PAGE,
        ],
        responses=forms.page_of(forms.AuditEntryOut, "AuditEntryPage"),
    )
    def get(self, request: Request) -> Response:
        rows = AuditEntry.objects.filter(workspace=self.workspace).order_by("-at", "-id")
        for name, lookup in (("from", "at__gte"), ("to", "at__lte")):
            if request.query_params.get(name):
                rows = rows.filter(**{lookup: self.instant(name)})
        for name in ("actor", "action", "target"):
            if request.query_params.get(name):
                rows = rows.filter(**{name: request.query_params[name]})
        return self.page(rows, forms.AuditEntryOut)

    def instant(self, name: str) -> Any:
        try:
            return DateTimeField().run_validation(self.request.query_params[name])
        except Exception as error:
            raise Unprocessable({name: "must be an ISO 8601 date-time, such as 2026-01-31T00:00:00Z."}) from error


class OneAuditEntry(View):
    @described(
        "Audit log",
        "get_audit_log_entry",
        "Get an audit log entry",
        description="Get one audit log entry by its number.",
        responses=forms.AuditEntryOut,
    )
    def get(self, request: Request, entry_id: int) -> Response:
        return Response(forms.AuditEntryOut(self.find(AuditEntry, pk=entry_id)).data)


# --- system ---------------------------------------------------------------------------------------------------


class SystemHealth(View):
    @described(
        "System",
        "get_system_health",
        "Get the system health",
        description="Tell whether Keyring and its database are healthy.",
        responses=forms.Health,
    )
    def get(self, request: Request) -> Response:
        return Response({"status": "healthy", "database": "connected", "version": VERSION})


class SystemVersion(View):
    @described(
        "System",
        "get_version",
        "Get the version",
        description="Tell which version of Keyring is running.",
        responses=forms.Version,
    )
    def get(self, request: Request) -> Response:
        return Response({"name": "Keyring", "version": VERSION})


class Settings(View):
    defaults = {
        "session_minutes": 30,
        "require_mfa": False,
        "password_max_age_days": 90,
        "mail_sender": "keyring@mail.example",
    }

    @described(
        "System",
        "get_system_settings",
        "Get the system settings",
        description="Show the settings of Keyring.",
        responses=forms.SystemSettings,
    )
    def get(self, request: Request) -> Response:
        return Response({**self.defaults, **self.workspace.settings})

    @described(
        "System",
        "update_system_settings",
        "Update the system settings",
        description="Change one or several settings of Keyring.",
        request=forms.SystemSettings,
        responses=forms.SystemSettings,
    )
    def patch(self, request: Request) -> Response:
        workspace = self.workspace
        workspace.settings = {**workspace.settings, **self.read(forms.SystemSettings, partial=True)}
        workspace.save()
        self.audit("update_system_settings", ", ".join(request.data))
        return Response({**self.defaults, **workspace.settings})


class SystemStatistics(View):
    @described(
        "System",
        "get_statistics",
        "Get the statistics",
        description="Count users, groups, safes, secrets and pending access requests.",
        responses=forms.Statistics,
    )
    def get(self, request: Request) -> Response:
        own = {"workspace": self.workspace}
        return Response(
            {
                "users": Account.objects.filter(**own).count(),
                "groups": Group.objects.filter(**own).count(),
                "safes": Safe.objects.filter(**own).count(),
                "secrets": Secret.objects.filter(safe__workspace=self.workspace).count(),
                "pending_access_requests": AccessRequest.objects.filter(**own, status="pending").count(),
            }
        )


class Maintenance(View):
    @described(
        "System",
        "run_maintenance",
        "Run the maintenance job",
        description="Run the maintenance job, which clears expired tokens and old replies. Takes some seconds.",
        request=None,
        responses=forms.MaintenanceReport,
    )
    def post(self, request: Request) -> Response:
        start = time.monotonic()
        removed, _ = Token.objects.filter(
            client__workspace=self.workspace, refresh_expires_at__lt=timezone.now()
        ).delete()
        replies, _ = IdempotentReply.objects.filter(
            client__workspace=self.workspace, created_at__lt=timezone.now() - REMEMBER_REPLIES
        ).delete()
        time.sleep(settings.DEMO_SLOW_SECONDS)
        self.audit("run_maintenance", "tokens and replies")
        return Response(
            {
                "job": "clear expired tokens and old replies",
                "seconds": round(time.monotonic() - start, 2),
                "removed_tokens": removed,
                "removed_replies": replies,
            }
        )

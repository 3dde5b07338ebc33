"""What goes in and out, with the rules of each field."""

from __future__ import annotations

import re
from typing import Any

from django.core.validators import RegexValidator
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from nlops.demo.models import PERMISSIONS, AccessRequest, Account, AuditEntry, Group, Safe, Secret

NAME = RegexValidator(
    r"^[A-Za-z0-9][A-Za-z0-9._ -]{0,59}$",
    "A name starts with a letter or a digit and holds letters, digits, spaces, . _ and - only.",
)
USERNAME = RegexValidator(
    r"^[A-Za-z0-9][A-Za-z0-9._-]{1,59}$", "A user name has 2 to 60 characters: letters, digits, . _ and - only."
)


def plain_text(value: str, field: serializers.Field) -> None:
    """Letters, digits and spaces only; the message names the field and the first character that is not."""
    wrong = re.search(r"[^\w ]|_", value)
    if wrong:
        raise ValidationError(
            f"{field.field_name} may contain letters, digits and spaces only; '{wrong[0]}' is not allowed."
        )


plain_text.requires_context = True  # type: ignore[attr-defined]


def strong_password(value: str) -> None:
    """The rules of passwords, all that are broken at once."""
    rules = {
        "at least 10 characters": len(value) >= 10,
        "an upper-case letter": re.search(r"[A-Z]", value),
        "a lower-case letter": re.search(r"[a-z]", value),
        "a digit": re.search(r"\d", value),
    }
    broken = [rule for rule, kept in rules.items() if not kept]
    if broken:
        raise ValidationError(f"The password needs {', '.join(broken)}.")


class HiddenField(serializers.CharField):
    """Written, never read; the description says so by its format."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(write_only=True, trim_whitespace=False, style={"input_type": "password"}, **kwargs)


class HiddenFieldExtension(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """How a hidden field stands in the description. Here, so that it is known before the first one is made."""

    target_class = HiddenField
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """The schema of the field; its help text and writeOnly are added by the caller."""
        return {"type": "string", "format": "password", "minLength": 1}


class PasswordField(HiddenField):
    """A password with its rules."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault(
            "help_text", "At least 10 characters with an upper-case letter, a lower-case letter and a digit"
        )
        super().__init__(validators=[strong_password], **kwargs)


class DescriptionField(serializers.CharField):
    """Optional plain text."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False,
            allow_blank=True,
            max_length=200,
            validators=[plain_text],
            help_text="A note; letters, digits and spaces only",
            **kwargs,
        )


class AccountFields(serializers.ModelSerializer):
    description = DescriptionField()

    class Meta:
        model = Account
        fields = ["email", "first_name", "last_name", "department", "description"]
        extra_kwargs = {
            "email": {"help_text": "E-mail address of the user", "allow_blank": False},
            "first_name": {"help_text": "First name of the user"},
            "last_name": {"help_text": "Last name of the user"},
            "department": {"help_text": "Department the user works in"},
        }


class UserChange(AccountFields):
    """Fields of a user that can be changed."""


class UserCreation(AccountFields):
    """A new user."""

    username = serializers.CharField(validators=[USERNAME], help_text="Name the user signs in with, unique")
    password = PasswordField()

    class Meta(AccountFields.Meta):
        fields = ["username", "password", *AccountFields.Meta.fields]


class User(serializers.ModelSerializer):
    """A user."""

    class Meta:
        model = Account
        fields = [
            "id",
            "username",
            "email",
            "first_name",
            "last_name",
            "department",
            "description",
            "status",
            "created_at",
        ]
        read_only_fields = fields


class NewPassword(serializers.Serializer):
    password = PasswordField(
        help_text="The new password: at least 10 characters with upper case, lower case and a digit"
    )


class GroupFields(serializers.Serializer):
    name = serializers.CharField(validators=[NAME], help_text="Name of the group, unique")
    description = DescriptionField()


class GroupChange(serializers.Serializer):
    """Fields of a group that can be changed."""

    description = DescriptionField()


class GroupOut(serializers.ModelSerializer):
    members = serializers.IntegerField(source="members.count", help_text="Number of members")

    class Meta:
        model = Group
        fields = ["id", "name", "description", "members", "created_at"]
        read_only_fields = fields


class MemberIn(serializers.Serializer):
    username = serializers.CharField(help_text="User name of the user")


class SafeFields(serializers.Serializer):
    name = serializers.CharField(validators=[NAME], help_text="Name of the safe, unique")
    description = DescriptionField()


class SafeChange(serializers.Serializer):
    """Fields of a safe that can be changed."""

    description = DescriptionField()


class SafeOut(serializers.ModelSerializer):
    secrets = serializers.IntegerField(source="secrets.count", help_text="Number of secrets in it")

    class Meta:
        model = Safe
        fields = ["id", "name", "description", "secrets", "created_at"]
        read_only_fields = fields


class GrantIn(serializers.Serializer):
    username = serializers.CharField(help_text="User name of the user who gets access")
    permission = serializers.ChoiceField(PERMISSIONS, default="use", help_text="What the user may do with the safe")


class GrantOut(serializers.Serializer):
    username = serializers.CharField(source="account.username")
    permission = serializers.CharField()


class SecretIn(serializers.Serializer):
    name = serializers.CharField(validators=[NAME], help_text="Name of the secret, unique in its safe")
    login = serializers.CharField(
        required=False, allow_blank=True, max_length=60, help_text="Login the secret belongs to"
    )
    value = HiddenField(help_text="The secret value itself")


class SecretOut(serializers.ModelSerializer):
    safe = serializers.CharField(source="safe.name")

    class Meta:
        model = Secret
        fields = ["name", "safe", "login", "created_at", "rotated_at"]
        read_only_fields = fields


class SecretValue(serializers.Serializer):
    name = serializers.CharField()
    login = serializers.CharField()
    value = serializers.CharField()


class AccessRequestIn(serializers.Serializer):
    username = serializers.CharField(help_text="User name of the user who wants access")
    safe = serializers.CharField(help_text="Name of the safe")
    reason = serializers.CharField(max_length=200, validators=[plain_text], help_text="Why the access is needed")


class AccessRequestOut(serializers.ModelSerializer):
    username = serializers.CharField(source="account.username")
    safe = serializers.CharField(source="safe.name")

    class Meta:
        model = AccessRequest
        fields = ["id", "username", "safe", "reason", "status", "created_at", "decided_at"]
        read_only_fields = fields


class AuditEntryOut(serializers.ModelSerializer):
    class Meta:
        model = AuditEntry
        fields = ["id", "at", "actor", "action", "target"]
        read_only_fields = fields


class SystemSettings(serializers.Serializer):
    session_minutes = serializers.IntegerField(
        required=False, min_value=5, max_value=1440, help_text="Minutes after which an idle session ends"
    )
    require_mfa = serializers.BooleanField(required=False, help_text="Whether every user needs a second factor")
    password_max_age_days = serializers.IntegerField(
        required=False, min_value=1, max_value=365, help_text="Days after which a password must be changed"
    )
    mail_sender = serializers.EmailField(required=False, help_text="Address that Keyring sends mail from")


class Health(serializers.Serializer):
    status = serializers.CharField()
    database = serializers.CharField()
    version = serializers.CharField()


class Version(serializers.Serializer):
    name = serializers.CharField()
    version = serializers.CharField()


class Statistics(serializers.Serializer):
    users = serializers.IntegerField()
    groups = serializers.IntegerField()
    safes = serializers.IntegerField()
    secrets = serializers.IntegerField()
    pending_access_requests = serializers.IntegerField()


class MaintenanceReport(serializers.Serializer):
    job = serializers.CharField()
    seconds = serializers.FloatField()
    removed_tokens = serializers.IntegerField()
    removed_replies = serializers.IntegerField()


def page_of(item: type[serializers.BaseSerializer], name: str) -> Any:
    """The serializer of a page of a list, for the description."""
    from drf_spectacular.utils import inline_serializer

    return inline_serializer(
        name,
        {
            "items": item(many=True),
            "next_cursor": serializers.CharField(allow_null=True),
            "total": serializers.IntegerField(),
        },
    )

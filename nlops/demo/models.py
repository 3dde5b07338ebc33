"""Keyring's data. Everything belongs to a workspace; workspaces see nothing of each other."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.db import models
from django.utils import timezone


class Workspace(models.Model):
    name = models.SlugField(unique=True)
    settings = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.name


class Client(models.Model):
    """A service account that may log in."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE)
    name = models.CharField(max_length=100, unique=True)
    password = models.CharField(max_length=200)

    def __str__(self) -> str:
        return self.name

    #: what REST framework asks of a user
    is_authenticated = True
    is_active = True


class Token(models.Model):
    """An access token with its refresh token; only their hashes are kept."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE)
    access = models.CharField(max_length=64, unique=True)
    refresh = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    refresh_expires_at = models.DateTimeField()


class Owned(models.Model):
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        abstract = True


USER_STATUSES = ("active", "disabled")


class Account(Owned):
    """A user of the product."""

    username = models.CharField(max_length=60)
    password = models.CharField(max_length=200)
    email = models.EmailField(blank=True)
    first_name = models.CharField(max_length=60, blank=True)
    last_name = models.CharField(max_length=60, blank=True)
    department = models.CharField(max_length=60, blank=True)
    description = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=10, default="active", choices=[(name, name) for name in USER_STATUSES])

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "username"], name="one_user_of_a_name")]

    def __str__(self) -> str:
        return self.username


class Group(Owned):
    name = models.CharField(max_length=60)
    description = models.CharField(max_length=200, blank=True)
    members = models.ManyToManyField(Account, related_name="groups")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="one_group_of_a_name")]

    def __str__(self) -> str:
        return self.name


class Safe(Owned):
    name = models.CharField(max_length=60)
    description = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="one_safe_of_a_name")]

    def __str__(self) -> str:
        return self.name


PERMISSIONS = ("use", "read", "manage")


class Grant(models.Model):
    """A user's permission on a safe."""

    safe = models.ForeignKey(Safe, on_delete=models.CASCADE, related_name="grants")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="grants")
    permission = models.CharField(max_length=10, choices=[(name, name) for name in PERMISSIONS])

    class Meta:
        constraints = [models.UniqueConstraint(fields=["safe", "account"], name="one_grant_a_user")]


class Secret(models.Model):
    """A secret in a safe; its value is encrypted."""

    safe = models.ForeignKey(Safe, on_delete=models.CASCADE, related_name="secrets")
    name = models.CharField(max_length=60)
    login = models.CharField(max_length=60, blank=True)
    sealed = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)
    rotated_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["safe", "name"], name="one_secret_of_a_name")]

    def __str__(self) -> str:
        return self.name

    @property
    def value(self) -> str | None:
        """The plain value; None when it was sealed with another key."""
        try:
            return _fernet().decrypt(self.sealed.encode()).decode()
        except InvalidToken:
            return None

    @value.setter
    def value(self, plain: str) -> None:
        self.sealed = _fernet().encrypt(plain.encode()).decode()


def _fernet() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(settings.SECRET_KEY.encode()).digest()))


REQUEST_STATUSES = ("pending", "approved", "denied", "cancelled")


class AccessRequest(Owned):
    """A user asks for access to a safe."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE)
    safe = models.ForeignKey(Safe, on_delete=models.CASCADE)
    reason = models.CharField(max_length=200)
    status = models.CharField(max_length=10, default="pending", choices=[(name, name) for name in REQUEST_STATUSES])
    decided_at = models.DateTimeField(null=True)


class AuditEntry(models.Model):
    """Who did what to what, and when."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE)
    at = models.DateTimeField(default=timezone.now, db_index=True)
    actor = models.CharField(max_length=100)
    action = models.CharField(max_length=60)
    target = models.CharField(max_length=200, blank=True)


class IdempotentReply(models.Model):
    """What a request with an Idempotency-Key was answered, so that its repetition changes nothing."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE)
    key = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body: Any = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client", "key"], name="one_reply_a_key")]

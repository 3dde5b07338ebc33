"""Who works with nlops: users, tenants, members with roles."""

from __future__ import annotations

import uuid
import zoneinfo
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from accounts.fields import OrderedJSONField


class UserManager(BaseUserManager["User"]):
    """Users are created by e-mail address."""

    use_in_migrations = True

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A saved user. Raises ValueError without an e-mail address."""
        if not email:
            raise ValueError("A user needs an e-mail address.")
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A saved user who is staff of the platform with every permission."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


def validate_time_zone(name: str) -> None:
    """Refuse what is no IANA time zone."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(f"“{name}” is not a time zone; use an IANA name such as Europe/Berlin.")


class User(AbstractUser):
    """A person who signs in by e-mail address."""

    username = None  # type: ignore[assignment]
    email = models.EmailField("e-mail address", unique=True)
    time_zone = models.CharField(max_length=64, default="UTC", validators=[validate_time_zone])

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    def __str__(self) -> str:
        return self.email


class Mode(models.TextChoices):
    """What nlops may do at the moment; from the loosest to the strictest."""

    NORMAL = "normal", "Normal"
    READ_ONLY = "read_only", "Read-only"
    STOPPED = "stopped", "Stopped"

    @classmethod
    def strictest(cls, *modes: str | None) -> Mode:
        """The strictest of them; None is none."""
        return max((cls(mode) for mode in modes if mode), key=list(cls).index, default=cls.NORMAL)


class Installation(models.Model):
    """This installation, above all tenants: one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    mode = models.CharField(max_length=20, choices=Mode, default=Mode.NORMAL)
    mode_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_installation")]

    def __str__(self) -> str:
        return "this installation"


class Tenant(models.Model):
    """A customer organisation. Not a tenant table itself: its name is no secret of its own."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    slug = models.SlugField(unique=True)
    model = models.CharField(
        max_length=200,
        blank=True,
        help_text="embedded, openai:MODEL, azure:DEPLOYMENT or compatible:MODEL@URL; empty: the server's own",
    )
    fallback_model = models.CharField(
        max_length=200,
        blank=True,
        help_text="takes over when the model gives no answer; empty: the server's own (NLOPS_FALLBACK_MODEL)",
    )
    mode = models.CharField(max_length=20, choices=Mode, default=Mode.NORMAL)
    mode_reason = models.CharField(max_length=300, blank=True)
    requires_second_factor = models.BooleanField(
        default=False, help_text="members without a second factor can do nothing but set one up"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class TenantModel(models.Model):
    """Base of every tenant table: its migration must call `accounts.rls.EnableRowLevelSecurity`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", editable=False)

    class Meta:
        abstract = True


class MemberRole(models.TextChoices):
    """What a member does."""

    CUSTOMER = "customer", "Customer"
    OPERATOR = "operator", "Operator"
    REVIEWER = "reviewer", "Reviewer"
    OWNER = "owner", "Owner"


class Member(TenantModel):
    """A user in a tenant, with a role. Everyone may chat."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=MemberRole, default=MemberRole.CUSTOMER)
    is_active = models.BooleanField(default=True)
    consented_at = models.DateTimeField(null=True, blank=True)
    mails_approvals = models.BooleanField(default=True, help_text="is told by e-mail of approvals that wait")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "user"], name="member_once_per_tenant"),
        ]
        ordering = ["created_at"]

    def __str__(self) -> str:
        return self.user.email

    @property
    def is_operator(self) -> bool:
        """May change specs, connections and policies, and decide approvals."""
        return self.role in (MemberRole.OPERATOR, MemberRole.OWNER)

    @property
    def is_reviewer(self) -> bool:
        """May read transcripts, flags and evaluations in the admin."""
        return self.role in (MemberRole.REVIEWER, MemberRole.OWNER)

    @property
    def is_owner(self) -> bool:
        """May invite and change members, and the tenant's settings."""
        return self.role == MemberRole.OWNER


class StaffAccess(TenantModel):
    """The log of a staff user entering a tenant: who, why, from when until when. Never deleted by the site."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=300)
    started_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "staff accesses"
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"{self.user} in {self.tenant}: {self.reason}"


class ActorKind(models.TextChoices):
    """Who acted."""

    MEMBER = "member", "A member"
    STAFF = "staff", "Staff of the platform"
    NLOPS = "nlops", "nlops itself, or a command"
    STRANGER = "stranger", "Somebody who is not signed in"


class AuditAction(models.TextChoices):
    """What is audited."""

    SIGNED_IN = "signed_in", "Signed in"
    SIGN_IN_FAILED = "sign_in_failed", "Failed to sign in"
    SIGNED_OUT = "signed_out", "Signed out"
    PASSWORD_CHANGED = "password_changed", "Changed the password"
    SECOND_FACTOR_CHANGED = "second_factor_changed", "Changed a second factor"
    CONSENTED = "consented", "Gave consent"
    MEMBER_CHANGED = "member_changed", "Changed a member"
    MEMBER_JOINED = "member_joined", "Accepted an invitation"
    INVITATION_CHANGED = "invitation_changed", "Made, sent or revoked an invitation"
    BUDGET_CHANGED = "budget_changed", "Changed the model budget"
    BUDGET_REACHED = "budget_reached", "Reached a limit of the model budget"
    TENANT_CHANGED = "tenant_changed", "Changed the tenant's settings"
    MODE_CHANGED = "mode_changed", "Stopped, limited or resumed nlops"
    STAFF_ENTERED = "staff_entered", "Entered the tenant as staff"
    STAFF_LEFT = "staff_left", "Left the tenant as staff"
    SPEC_UPLOADED = "spec_uploaded", "Uploaded a spec"
    VERSION_ACTIVATED = "version_activated", "Activated a spec version"
    CONNECTION_CHANGED = "connection_changed", "Changed a connection"
    POLICIES_CHANGED = "policies_changed", "Changed tool policies"
    SERVICES_CHANGED = "services_changed", "Changed services"
    EXAMPLE_CHANGED = "example_changed", "Changed an example"
    PROMPT_ADDED = "prompt_added", "Added a version of the prompt"
    PROMPT_ACTIVATED = "prompt_activated", "Activated a version of the prompt"
    APPROVAL_DECIDED = "approval_decided", "Decided an approval"
    FLAG_RESOLVED = "flag_resolved", "Resolved a flag"
    EXPORTED = "exported", "Exported data"
    TOKEN_CHANGED = "token_changed", "Made or revoked a token"
    WEBHOOK_CHANGED = "webhook_changed", "Changed a webhook"


class TokenScope(models.TextChoices):
    """What a token may be used for, within its member's role."""

    READ = "read", "Read everything that you may read"
    ASK = "ask", "Ask, answer, confirm and cancel"
    APPROVE = "approve", "Decide approvals"
    OPERATE = "operate", "Change products, versions, examples and prompts"


class ApiToken(TenantModel):
    """A token with which a script uses the REST API in the member's name."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True, editable=False, help_text="SHA-256 of it, in hexadecimal")
    hint = models.CharField(max_length=4, editable=False, help_text="its last characters")
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_expired(self) -> bool:
        """Whether it opens nothing any more."""
        return self.expires_at <= timezone.now()


class Invitation(TenantModel):
    """A word to somebody that they may join the tenant; its link works once, until it ends or is taken back."""

    email = models.EmailField("e-mail address")
    role = models.CharField(max_length=20, choices=MemberRole, default=MemberRole.CUSTOMER)
    invited_by = models.ForeignKey(Member, on_delete=models.SET_NULL, null=True, related_name="invitations")
    digest = models.CharField(max_length=64, unique=True, editable=False, help_text="SHA-256 of the link's secret")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    mailed_at = models.DateTimeField(null=True, blank=True, editable=False)
    accepted_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "email"],
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="invited_once_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def is_expired(self) -> bool:
        """Whether its link opens nothing any more, unless it is sent again."""
        return self.expires_at <= timezone.now()


class AuditEntry(TenantModel):
    """Who did what to what, from where; append-only, and chained by hashes (RFC 6962's idea in its simplest form).

    The database numbers and chains the rows (`nlops_chain_audit`): whoever inserts one can't choose its place. It
    names people by the number of their user, not by their e-mail address: that can be erased, this can't.
    """

    number = models.BigIntegerField(editable=False, default=0, help_text="1, 2, 3 … within the tenant")
    at = models.DateTimeField(editable=False, auto_now_add=True)
    actor_kind = models.CharField(max_length=20, choices=ActorKind)
    user_id = models.BigIntegerField(null=True, help_text="of the user who acted, or on whose name it was tried")
    role = models.CharField(max_length=20, blank=True, help_text="of the member at that moment")
    ip = models.CharField(max_length=45, blank=True, help_text="address that the request came from")
    action = models.CharField(max_length=40, choices=AuditAction)
    object_kind = models.CharField(max_length=40, blank=True, help_text="such as product, approval")
    object_id = models.CharField(max_length=64, blank=True)
    data = OrderedJSONField(default=dict, help_text="what changed; never a secret")
    previous_hash = models.CharField(max_length=64, editable=False, blank=True)
    hash = models.CharField(max_length=64, editable=False, blank=True, help_text="SHA-256, in hexadecimal")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "number"], name="audit_number_once_per_tenant")]
        verbose_name_plural = "audit entries"
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"{self.number}: {self.get_action_display()}"


class AuditHead(TenantModel):
    """Where a tenant's chain of audit entries ends; written by the database alone, so that a cut end is seen."""

    number = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant"], name="audit_head_once_per_tenant")]

    def __str__(self) -> str:
        return f"{self.number}: {self.hash}"

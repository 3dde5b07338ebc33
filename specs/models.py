"""What nlops knows of a product: spec versions with their operations, how to reach it, and what may be used of it."""

from __future__ import annotations

import copy
from typing import Any

from django.db import models
from django.db.models import Q

from accounts.fields import OrderedJSONField
from accounts.models import Member, MemberRole, TenantModel
from nlops.core.rules import ALLOW_LISTS, ANY, Condition
from nlops.core.types import Decision, Effect, Rule
from specs.ingest.grouping import is_part_of


class Product(TenantModel):
    """A thing being operated, behind an HTTP API."""

    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=60)
    overlay = models.ForeignKey(
        "Overlay", null=True, editable=False, on_delete=models.SET_NULL, related_name="+",
        help_text="applied to every upload",
    )  # fmt: skip
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "slug"], name="product_slug_once_per_tenant")]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def active_version(self) -> SpecVersion | None:
        """The version that requests use, None before the first activation."""
        return self.versions.filter(status=VersionStatus.ACTIVE).defer("source", "definitions").first()


class Overlay(TenantModel):
    """An OpenAPI Overlay for a product's description; never changed, for versions were made with it."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="overlays")
    text = models.TextField(help_text="JSON")
    filename = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.filename


class VersionStatus(models.TextChoices):
    """Where an upload stands."""

    DRAFT = "draft", "Waiting"
    PROCESSING = "processing", "Being learnt"
    READY = "ready", "Ready"
    ACTIVE = "active", "Active"
    RETIRED = "retired", "Retired"
    FAILED = "failed", "Failed"


#: Versions that can be used, or could once.
LEARNT = (VersionStatus.READY, VersionStatus.ACTIVE, VersionStatus.RETIRED)


class SpecVersion(TenantModel):
    """One immutable upload of a product's API description."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    status = models.CharField(max_length=20, choices=VersionStatus, default=VersionStatus.DRAFT)
    filename = models.CharField(max_length=200)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the upload and its overlay, in hexadecimal")
    source = models.BinaryField(help_text="the upload, compressed with zlib")
    overlay = models.ForeignKey(
        "Overlay", null=True, on_delete=models.PROTECT, related_name="+", help_text="that was applied to it"
    )
    title = models.CharField(max_length=300, blank=True)
    api_version = models.CharField(max_length=100, blank=True)
    standard = models.CharField(max_length=20, blank=True, help_text="such as OpenAPI 3.1.0")
    servers = models.JSONField(default=list, help_text="base URLs that the description names")
    security_schemes = models.JSONField(default=dict)
    definitions = OrderedJSONField(default=dict, help_text="$defs that argument schemas refer to")
    problems = models.JSONField(default=list, help_text="[{severity, pointer, line, message}]")
    error = models.TextField(blank=True, help_text="why it failed, for a person")
    phase = models.CharField(max_length=60, blank=True, help_text="what is being done now")
    progress = models.PositiveSmallIntegerField(default=0, help_text="percent")
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    operation_count = models.PositiveIntegerField(default=0)
    uploaded_by = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["product", "number"], name="version_number_once_per_product"),
            models.UniqueConstraint(
                fields=["product"],
                condition=Q(status=VersionStatus.ACTIVE),
                name="one_active_version_per_product",
            ),
        ]
        ordering = ["product", "-number"]

    def __str__(self) -> str:
        return f"{self.product} v{self.number}"


class LintReport(TenantModel):
    """What in a version's description hurts tool calling. Its size is bounded by that of the description."""

    version = models.OneToOneField(SpecVersion, on_delete=models.CASCADE, related_name="lint_report")
    counts = OrderedJSONField(default=dict, help_text="rule to how often it was found")
    findings = models.JSONField(
        default=list, help_text="[{rule, severity, operation, pointer, line, message, suggestion, update}]"
    )

    def __str__(self) -> str:
        return f"Lint report of {self.version}"


class Service(TenantModel):
    """A logical group of operations in a spec version."""

    version = models.ForeignKey(SpecVersion, on_delete=models.CASCADE, related_name="services")
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=120)
    description = models.TextField(blank=True)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "slug"], name="service_slug_once_per_version")]
        ordering = ["position"]

    def __str__(self) -> str:
        return self.name


class Operation(TenantModel):
    """One method and path of a spec version, compiled to a tool."""

    version = models.ForeignKey(SpecVersion, on_delete=models.CASCADE, related_name="operations")
    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="operations")
    name = models.CharField(max_length=64, help_text="the tool's name")
    method = models.CharField(max_length=10)
    path = models.CharField(max_length=2000)
    summary = models.TextField(blank=True)
    description = models.TextField(blank=True)
    effect = models.CharField(max_length=20, choices=[(effect.value, effect.value) for effect in Effect])
    deprecated = models.BooleanField(default=False)
    schema = OrderedJSONField(help_text="JSON Schema of the arguments, without its $defs")
    bindings = models.JSONField(default=dict, help_text="argument name to its place in the request")
    body_media_type = models.CharField(max_length=200, blank=True)
    secret_arguments = models.JSONField(default=list)
    idempotency_header = models.CharField(max_length=100, blank=True)
    search_text = models.TextField(blank=True, help_text="what the ranking reads")
    server = models.CharField(max_length=500, blank=True, help_text="URL of the server that it alone names")
    visibility = models.CharField(max_length=20, blank=True, help_text="x-ms-visibility of the description")
    position = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "name"], name="operation_name_once_per_version"),
        ]
        indexes = [models.Index(fields=["version", "method", "path"])]
        ordering = ["position"]

    def __str__(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        """METHOD path: names the operation across versions."""
        return f"{self.method} {self.path}"


class AuthKind(models.TextChoices):
    """How a connection proves who it is."""

    NONE = "none", "No authentication"
    BEARER = "bearer", "Bearer token"
    API_KEY_HEADER = "api_key_header", "API key in a header"
    API_KEY_QUERY = "api_key_query", "API key in the query"
    API_KEY_COOKIE = "api_key_cookie", "API key in a cookie"
    BASIC = "basic", "User name and password (HTTP Basic)"
    OAUTH2_CLIENT = "oauth2_client", "Log in for a token (OAuth 2.0 client credentials)"
    OAUTH2_PASSWORD = "oauth2_password", "Log in for a token (OAuth 2.0 password grant)"
    OAUTH2_CODE = "oauth2_code", "A person signs in once (OAuth 2.0 or OpenID Connect, with PKCE)"
    LOGIN_CALL = "login_call", "Log in for a token (a call of the product's own)"


#: Kinds whose credentials are exchanged for a token, which is renewed.
TOKEN_KINDS = frozenset({AuthKind.OAUTH2_CLIENT, AuthKind.OAUTH2_PASSWORD, AuthKind.OAUTH2_CODE, AuthKind.LOGIN_CALL})


class ClientAuth(models.TextChoices):
    """Where a token endpoint finds the client's id and secret (RFC 6749 section 2.3.1)."""

    BASIC = "basic", "In the header (client_secret_basic)"
    BODY = "body", "In the body (client_secret_post)"


class Connection(TenantModel):
    """Base URL, authentication and secrets with which a tenant reaches a product."""

    product = models.OneToOneField(Product, on_delete=models.CASCADE, related_name="connection")
    base_url = models.URLField(max_length=500)
    auth_kind = models.CharField(max_length=30, choices=AuthKind, default=AuthKind.NONE)
    auth_name = models.CharField(
        max_length=100, blank=True, help_text="of the header, parameter or cookie that carries the key or the token"
    )
    username = models.CharField(max_length=200, blank=True)
    token_url = models.CharField(max_length=500, blank=True, help_text="absolute, or relative to the base URL")
    refresh_url = models.CharField(max_length=500, blank=True, help_text="empty: the token URL")
    client_auth = models.CharField(max_length=10, choices=ClientAuth, default=ClientAuth.BASIC)
    scope = models.CharField(max_length=500, blank=True, help_text="what is asked for, separated by spaces")
    audience = models.CharField(max_length=500, blank=True, help_text="only if the provider asks for one")
    issuer = models.CharField(
        max_length=500, blank=True, help_text="OpenID Connect: the provider's address, which tells the two below"
    )
    authorize_url = models.CharField(max_length=500, blank=True, help_text="where the person signs in")
    login_body = models.TextField(
        blank=True, help_text='JSON that the log-in takes, such as {"user": "{username}", "password": "{secret}"}'
    )
    token_pointer = models.CharField(
        max_length=200, blank=True, help_text="where in the answer the token is: /data/token, or header:X-Auth-Token"
    )
    lifetime_pointer = models.CharField(
        max_length=200, blank=True, help_text="where in the answer its end is: seconds, or a moment; empty: unknown"
    )
    token_prefix = models.CharField(max_length=50, blank=True, default="Bearer", help_text="what precedes the token")
    client_certificate = models.TextField(blank=True, help_text="PEM, for mutual TLS")
    client_key = models.TextField(blank=True, editable=False, help_text="encrypted: PEM of the certificate's key")
    ca_certificates = models.TextField(blank=True, help_text="PEM; empty: the public authorities")
    proxy_url = models.CharField(max_length=500, blank=True, help_text="http://HOST:PORT; empty: none")
    timeout_seconds = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="how long an answer may take; empty: the server's setting"
    )
    operation_timeouts = models.JSONField(
        default=dict, blank=True, help_text="METHOD path to the seconds that its answer may take"
    )
    secret = models.TextField(blank=True, editable=False, help_text="encrypted: password, key or token")
    tokens = models.TextField(blank=True, editable=False, help_text="encrypted JSON of the current tokens")
    tokens_expire_at = models.DateTimeField(null=True, blank=True, editable=False)
    renewal_token = models.UUIDField(
        null=True, blank=True, editable=False, help_text="whose turn it is to renew the tokens"
    )
    renewal_until = models.DateTimeField(null=True, blank=True, editable=False, help_text="end of that turn")
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    check_message = models.TextField(blank=True, editable=False)
    check_ok = models.BooleanField(null=True, editable=False)
    personal = models.BooleanField(
        default=False, help_text="calls are made with credentials that each member brings, never with shared ones"
    )
    updated_at = models.DateTimeField(auto_now=True)

    #: whose credentials it has, in a copy that `with_credential` made
    credential: MemberCredential | None = None

    def __str__(self) -> str:
        return self.base_url

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raises ValueError when it would write a member's credentials into the shared row."""
        if self.credential is not None and not {"secret", "tokens", "username"}.isdisjoint(
            kwargs.get("update_fields") or ("secret",)
        ):
            raise ValueError("This connection has a member's credentials: it can't be saved.")
        super().save(*args, **kwargs)

    #: columns that accounts.encryption made
    encrypted_fields = ("secret", "tokens", "client_key")

    def record(self, field: str) -> str:
        """Name of an encrypted field of this row, as associated data of the encryption."""
        if self.credential is not None and (field == "tokens" or (field == "secret" and not self.has_shared_client)):
            return self.credential.record(field)
        return f"connection:{self.pk}:{field}"

    @property
    def has_shared_client(self) -> bool:
        """Whether id and secret are the tenant's client's, with which each person signs in for themselves."""
        return self.auth_kind == AuthKind.OAUTH2_CODE

    @property
    def lacks_credential(self) -> bool:
        """Whether nothing can be sent, because a member's credentials belong into it and are not there."""
        return self.personal and self.credential is None

    def with_credential(self, credential: MemberCredential) -> Connection:
        """A copy that proves to be that member; it can't be saved."""
        own = copy.copy(self)
        own.credential = credential
        own.tokens, own.tokens_expire_at = credential.tokens, credential.tokens_expire_at
        own.renewal_token, own.renewal_until = credential.renewal_token, credential.renewal_until
        if not self.has_shared_client:
            own.username, own.secret = credential.username, credential.secret
        return own


class MemberCredential(TenantModel):
    """What a member proves with, to a product, who they are. Nobody reads it but the calls of that member."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="credentials")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="credentials")
    username = models.CharField(max_length=200, blank=True, help_text="user name or client id")
    secret = models.TextField(blank=True, editable=False, help_text="encrypted: password, key or token")
    tokens = models.TextField(blank=True, editable=False, help_text="encrypted JSON of the current tokens")
    tokens_expire_at = models.DateTimeField(null=True, blank=True, editable=False)
    renewal_token = models.UUIDField(null=True, blank=True, editable=False)
    renewal_until = models.DateTimeField(null=True, blank=True, editable=False)
    works = models.BooleanField(default=True, help_text="false once the product refused it")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["member", "connection"], name="credential_once_per_member_and_connection")
        ]

    def __str__(self) -> str:
        return f"{self.member} at {self.connection}"

    #: columns that accounts.encryption made
    encrypted_fields = ("secret", "tokens")

    def record(self, field: str) -> str:
        """Name of an encrypted field of this row, bound to its member: in another's row it can't be read."""
        return f"credential:{self.pk}:{self.member_id}:{self.connection_id}:{field}"


class ToolPolicy(TenantModel):
    """What may be used: one row per listed operation. Not listed is denied."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="policies")
    operation_key = models.CharField(max_length=2020, help_text="METHOD path")
    decision = models.CharField(max_length=20, choices=[(choice.value, choice.value) for choice in Decision])
    updated_by = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["product", "operation_key"], name="policy_once_per_operation"),
        ]
        verbose_name_plural = "tool policies"

    def __str__(self) -> str:
        return f"{self.operation_key}: {self.decision}"


class PolicyRule(TenantModel):
    """Makes what the whitelist says stricter: for a role, a service, an effect, an operation, some values."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="rules")
    role = models.CharField(max_length=20, choices=MemberRole, blank=True, help_text="empty: everybody")
    service = models.CharField(max_length=120, blank=True, help_text="slug of a service; empty: any")
    effect = models.CharField(max_length=20, choices=[(one.value, one.value) for one in Effect], blank=True)
    operation_key = models.CharField(max_length=2020, blank=True, help_text="METHOD path; empty: any")
    argument = models.CharField(max_length=200, blank=True, help_text="name of an argument; empty: whatever its values")
    condition = models.CharField(max_length=20, choices=[(one.value, one.value) for one in Condition], blank=True)
    value = models.CharField(max_length=1000, blank=True)
    decision = models.CharField(max_length=20, choices=[(choice.value, choice.value) for choice in Decision])
    note = models.CharField(max_length=300, blank=True, help_text="why; the requester and the approver read it")
    created_by = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at"]

    def __str__(self) -> str:
        return f"{self.decision}: {self.subject}{f' when {self.when}' if self.argument else ''}"

    @property
    def subject(self) -> str:
        """What the rule is about, in words."""
        parts = [self.operation_key, self.service and f"service {self.service}", self.effect and f"every {self.effect}"]
        what = ", ".join(filter(None, parts)) or "everything"
        return f"{what} by {MemberRole(self.role).label.lower()}s" if self.role else what

    @property
    def when(self) -> str:
        """The condition in words, "" for none."""
        words = {
            Condition.IS: "is one of", Condition.IS_NOT: "is none of", Condition.MATCHES: "matches",
            Condition.MATCHES_NOT: "does not match", Condition.ABOVE: "is above", Condition.BELOW: "is below",
            Condition.NOT_OWN: "is not the requester's own", Condition.RETURNED: "comes from an answer",
        }  # fmt: skip
        what = "any value" if self.argument == ANY else self.argument
        return f"{what} {words[Condition(self.condition)]} {self.value}".strip() if self.argument else ""

    def is_about(self, operation: Operation, role: str, moved_to: str = "") -> bool:
        """Whether a call of the operation by a member with that role may fall under the rule.

        `moved_to`: slug of the service that an operator put the operation in. A rule about either service holds: to
        move an operation makes nothing looser.
        """
        return (
            self.product_id == operation.version.product_id
            and self.role in ("", role)
            and (
                not self.service
                or is_part_of(operation.service.slug, self.service)
                or is_part_of(moved_to, self.service)
            )
            and self.effect in ("", operation.effect)
            and self.operation_key in ("", operation.key)
        )

    def as_rule(self, operation: Operation) -> Rule:
        """As the engine takes it for calls of the operation."""
        is_list = bool(self.argument) and Condition(self.condition) in ALLOW_LISTS
        when_absent = is_list and has_argument(operation, self.argument)
        return Rule(Decision(self.decision), self.argument, self.condition, self.value, self.note, when_absent)


class ServiceEdit(TenantModel):
    """What an operator says about a service, by its slug: holds for every version. Or a service of their own."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="service_edits")
    slug = models.SlugField(max_length=120, help_text="of the description's service, or of one made here")
    made = models.BooleanField(default=False, help_text="by an operator: no description names it")
    name = models.CharField(max_length=120, blank=True, help_text="empty: as in the description")
    description = models.CharField(max_length=500, blank=True, help_text="empty: as in the description")
    synonyms = models.CharField(max_length=500, blank=True, help_text="what people also call it, with commas between")
    hidden = models.BooleanField(default=False, help_text="offered to nobody")
    updated_by = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["product", "slug"], name="service_edit_once_per_service")]
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.name or self.slug


class OperationEdit(TenantModel):
    """What an operator says about an operation, by METHOD path: holds for every version."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="operation_edits")
    operation_key = models.CharField(max_length=2020, help_text="METHOD path")
    service = models.CharField(max_length=120, blank=True, help_text="slug of its service; empty: as described")
    synonyms = models.CharField(max_length=500, blank=True, help_text="what people also call it, with commas between")
    hidden = models.BooleanField(default=False, help_text="offered to nobody")
    updated_by = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["product", "operation_key"], name="operation_edit_once_per_operation")
        ]

    def __str__(self) -> str:
        return self.operation_key


class TrustedArgument(TenantModel):
    """An argument of a writing operation that may hold a value from an API's answer without a question."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="trusted_arguments")
    operation_key = models.CharField(max_length=2020, help_text="METHOD path")
    argument = models.CharField(max_length=200)
    even_destructive = models.BooleanField(default=False, help_text="also while the operation destroys something")
    note = models.CharField(max_length=300, blank=True, help_text="why")
    created_by = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["product", "operation_key", "argument"], name="trusted_argument_once_per_operation"
            )
        ]
        ordering = ["operation_key", "argument"]

    def __str__(self) -> str:
        return f"{self.argument} of {self.operation_key}"

    def holds_for(self, operation: Operation) -> bool:
        """Whether it is about the operation, as its effect is now."""
        is_about = operation.key == self.operation_key and operation.version.product_id == self.product_id
        return is_about and (self.even_destructive or operation.effect != Effect.DESTRUCTIVE)


def has_argument(operation: Operation, argument: str) -> bool:
    """Whether the operation takes the argument, or the one in which the way (address/city) begins."""
    names = operation.schema.get("properties", {})
    return argument == ANY or argument in names or argument.partition("/")[0] in names


class ExampleOrigin(models.TextChoices):
    """Where an example comes from."""

    SEEDED = "seeded", "Seeded"
    OPERATOR = "operator", "An operator"
    FEEDBACK = "feedback", "Feedback"


class Example(TenantModel):
    """A request with the calls that serve it, to show models how. Its operations are named by method and path."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="examples")
    request = models.TextField(help_text="a person's words; secrets stand as [[secret:NAME]]")
    steps = OrderedJSONField(
        default=list,
        help_text='[{"operation": "GET /users/{username}" or "tool": one of nlops\'s own, "arguments", "returns"}]',
    )
    language = models.CharField(max_length=10, default="en", help_text="ISO 639-1 code")
    note = models.CharField(max_length=300, blank=True)
    enabled = models.BooleanField(default=True)
    origin = models.CharField(max_length=20, choices=ExampleOrigin, default=ExampleOrigin.OPERATOR)
    updated_by = models.ForeignKey(Member, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["product", "request"], name="example_request_once_per_product"),
        ]
        ordering = ["created_at"]

    def __str__(self) -> str:
        return self.request[:60]


#: What an operator's listing of an operation means when they don't say more.
DEFAULT_DECISIONS: dict[str, Decision] = {
    Effect.READ: Decision.ALLOW,
    Effect.WRITE: Decision.CONFIRM,
    Effect.DESTRUCTIVE: Decision.APPROVE,
}


def usual_decision(operation: Operation) -> Decision:
    """What listing the operation means by default; what is deprecated or internal is not listed by default."""
    if operation.deprecated or operation.visibility == "internal":
        return Decision.DENY
    return DEFAULT_DECISIONS[operation.effect]


def tool_fields(operation: Operation) -> dict[str, Any]:
    """The fields of an Operation that a Tool takes as they are."""
    return {
        "name": operation.name,
        "description": operation.description or operation.summary,
        "operation_id": str(operation.pk),
        "method": operation.method,
        "path": operation.path,
        "summary": operation.summary,
        "service": operation.service.name,
        "effect": Effect(operation.effect),
        "secret_arguments": tuple(operation.secret_arguments),
        "idempotency_header": operation.idempotency_header,
    }

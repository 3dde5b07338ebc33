"""Conversations and what happens in them: runs, events, calls, attempts, approvals, feedback, flags."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from accounts.fields import OrderedJSONField
from accounts.models import Member, Mode, TenantModel
from nlops.core.types import CallStatus, RunStatus
from specs.models import Operation


class Conversation(TenantModel):
    """A thread of a member."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="conversations")
    title = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-updated_at"]
        indexes = [models.Index(fields=["member", "-updated_at"])]

    def __str__(self) -> str:
        return self.title or str(self.pk)


class PromptOrigin(models.TextChoices):
    """Where a version of the prompt comes from."""

    SHIPPED = "shipped", "Shipped with nlops"
    TENANT = "tenant", "Written here"


class PromptVersion(TenantModel):
    """One text of the system prompt with its places. Never changed nor deleted: the database refuses it."""

    number = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64, help_text="SHA-256 of the text, in hexadecimal")
    text = models.TextField(help_text="with the places {products}, {examples} and {now}")
    origin = models.CharField(max_length=20, choices=PromptOrigin, default=PromptOrigin.TENANT)
    note = models.CharField(max_length=300, blank=True)
    author = models.ForeignKey(Member, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "number"], name="prompt_number_once_per_tenant"),
            models.UniqueConstraint(fields=["tenant", "sha256"], name="prompt_text_once_per_tenant"),
        ]
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"version {self.number} ({self.sha256[:12]})"


class PromptActivation(TenantModel):
    """Somebody chose the prompt that requests use; the newest row holds. Never changed nor deleted."""

    number = models.PositiveIntegerField()
    version = models.ForeignKey(
        PromptVersion,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="activations",
        help_text="empty: whatever nlops ships",
    )
    by = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="+")
    is_roll_back = models.BooleanField(default=False, help_text="to an older version than the one before")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "number"], name="prompt_activation_number_once_per_tenant"),
        ]
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"{self.version or 'the shipped text'}, by {self.by}"


class Run(TenantModel):
    """The journey of one request through the engine. `state` is core.engine's RunState as JSON."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="runs")
    number = models.PositiveIntegerField(help_text="1 for the first of its conversation")
    request = models.TextField(help_text="the person's words, typed secrets masked")
    status = models.CharField(max_length=20, choices=[(s.value, s.value) for s in RunStatus], default=RunStatus.QUEUED)
    state = OrderedJSONField(default=dict)
    model = models.CharField(max_length=200, blank=True)
    prompt_version = models.CharField(max_length=40, blank=True, help_text="number and hash of the prompt's version")
    prompt = models.ForeignKey(PromptVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    system_prompt = models.TextField(blank=True, help_text="as it was rendered when the run began")
    #: short digests of the messages of the last model request: its successor's record holds only what is new
    prompted = models.JSONField(default=list, editable=False)
    prompt_tokens = models.PositiveIntegerField(default=0)
    cached_tokens = models.PositiveIntegerField(default=0, help_text="those of the prompt's that the provider cached")
    completion_tokens = models.PositiveIntegerField(default=0)
    cost = models.BigIntegerField(default=0, help_text="millionths of the currency unit of NLOPS_MODEL_PRICES")
    #: the lease: who works on the current step, with which token, until when
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_worker = models.CharField(max_length=200, blank=True)
    #: not before this moment (the product asked to wait)
    wake_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    #: strictest of the tenant's and the installation's; set when the run is locked
    mode = Mode.NORMAL

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["conversation", "number"], name="run_number_once_per_conversation"),
        ]
        indexes = [
            models.Index(fields=["status", "lease_until"], condition=Q(finished_at=None), name="run_unfinished"),
        ]
        ordering = ["conversation", "number"]

    def __str__(self) -> str:
        return f"{self.request[:60]}"


class EventKind(models.TextChoices):
    """What a step recorded."""

    SAID = "said", "The person said"
    PROGRESS = "progress", "nlops is doing"
    PROMPTED = "prompted", "The model was asked"
    MODEL = "model", "The model answered"
    SEARCHING = "searching", "The model was asked for search words"
    SEARCHED = "searched", "The model wrote search words"
    VERDICT = "verdict", "A control point decided"
    ASKED = "asked", "nlops asked"
    REPLIED = "replied", "The person replied"
    CONFIRMATION = "confirmation", "nlops asked for a yes"
    APPROVAL = "approval", "An approval was requested"
    ENQUIRED = "enquired", "Whoever decides asked the requester"
    EXPLAINED = "explained", "The requester answered them"
    DECIDED = "decided", "A person decided"
    SENT = "sent", "A call was sent"
    RETURNED = "returned", "A call returned"
    REPAIRED = "repaired", "The engine repaired a call"
    ANSWERED = "answered", "nlops answered"
    REFUSED = "refused", "nlops refused"
    FAILED = "failed", "The run failed"
    CANCELLED = "cancelled", "The person stopped it"


class UsageDay(TenantModel):
    """What the finished requests of a member cost, by the UTC day on which they were made and by model.

    A ledger of its own: it stays when the transcripts are erased.
    """

    member = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL, related_name="+")
    day = models.DateField()
    model = models.CharField(max_length=200, blank=True)
    requests = models.PositiveIntegerField(default=0)
    prompt_tokens = models.BigIntegerField(default=0)
    cached_tokens = models.BigIntegerField(default=0)
    completion_tokens = models.BigIntegerField(default=0)
    cost = models.BigIntegerField(default=0, help_text="millionths of the currency unit of NLOPS_MODEL_PRICES")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "day", "member", "model"], name="usage_once_per_member_day_and_model"
            ),
        ]
        ordering = ["-day", "member"]

    def __str__(self) -> str:
        return f"{self.member} on {self.day}"


class Measure(models.TextChoices):
    """What a budget is counted in."""

    TOKENS = "tokens", "Tokens, read and written"
    COST = "cost", "Cost, by NLOPS_MODEL_PRICES"


class Budget(TenantModel):
    """What models may be used for on one day (UTC): by all of the tenant, and by each member. None: no limit.

    Above a soft limit people are told; above a hard one nothing new is begun until the day is over. Costs are in
    millionths of the currency unit.
    """

    measure = models.CharField(max_length=10, choices=Measure, default=Measure.TOKENS)
    soft = models.PositiveBigIntegerField(null=True, blank=True)
    hard = models.PositiveBigIntegerField(null=True, blank=True)
    member_soft = models.PositiveBigIntegerField(null=True, blank=True)
    member_hard = models.PositiveBigIntegerField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant"], name="budget_once_per_tenant")]

    def __str__(self) -> str:
        return f"{self.hard} {self.measure} a day"


class Event(TenantModel):
    """The record of a step, append-only; the transcript is the list of events. No secret stands in `data`."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="events")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="events")
    sequence = models.PositiveIntegerField(help_text="counts up in the conversation; the id of server-sent events")
    kind = models.CharField(max_length=20, choices=EventKind)
    data = OrderedJSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["conversation", "sequence"], name="event_sequence_once"),
        ]
        ordering = ["conversation", "sequence"]

    def __str__(self) -> str:
        return f"{self.sequence} {self.kind}"


class Call(TenantModel):
    """One planned use of an operation with arguments. Secrets stand as {"$secret": NAME}."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="calls")
    key = models.CharField(max_length=100, help_text="id of the tool call in the run's state")
    position = models.PositiveIntegerField(default=0)
    operation = models.ForeignKey(Operation, on_delete=models.PROTECT, related_name="+")
    arguments = OrderedJSONField(default=dict)
    provenance = models.JSONField(default=dict)
    status = models.CharField(
        max_length=20, choices=[(s.value, s.value) for s in CallStatus], default=CallStatus.PLANNED
    )
    http_status = models.PositiveSmallIntegerField(default=0)
    response = OrderedJSONField(null=True, blank=True)
    error = models.TextField(blank=True)
    idempotency_key = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "key"], name="call_key_once_per_run")]
        ordering = ["run", "position"]

    def __str__(self) -> str:
        return f"{self.operation.name} ({self.status})"


class Attempt(TenantModel):
    """One HTTP exchange of a call. Recorded before it goes out."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    sent_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    http_status = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["call", "number"], name="attempt_number_once_per_call")]
        ordering = ["call", "number"]

    def __str__(self) -> str:
        return f"attempt {self.number}: {self.http_status}"


class ApprovalStatus(models.TextChoices):
    """Where a decision stands."""

    WAITING = "waiting", "Waiting"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    EXPIRED = "expired", "Expired"
    WITHDRAWN = "withdrawn", "Withdrawn"
    USED = "used", "Used"


class Approval(TenantModel):
    """A decision by a person on one exact call: a bound contract, used once."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="approvals")
    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="approvals")
    by_requester = models.BooleanField(help_text="a confirmation by the requester, not an approval by another person")
    request_hash = models.CharField(max_length=64, help_text="SHA-256 over operation, version, connection, arguments")
    status = models.CharField(max_length=20, choices=ApprovalStatus, default=ApprovalStatus.WAITING)
    requested_by = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="+")
    decided_by = models.ForeignKey(Member, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    edited = OrderedJSONField(default=list, help_text="[{name, before, after}] that whoever approved it changed")
    claimed_by = models.ForeignKey(Member, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    claimed_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["call"], condition=Q(status="waiting"), name="one_waiting_approval_per_call"
            ),
        ]
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.call} {self.status}"


class WebhookEndpoint(TenantModel):
    """Where a tenant wants to be told of approvals (Standard Webhooks 1.0)."""

    url = models.URLField(max_length=500)
    note = models.CharField(max_length=200, blank=True)
    secret = models.TextField(editable=False, help_text="encrypted: what its messages are signed with")
    enabled = models.BooleanField(default=True)
    created_by = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at"]

    def __str__(self) -> str:
        return self.url

    #: columns that accounts.encryption made
    encrypted_fields = ("secret",)

    def record(self, field: str = "secret") -> str:
        """Name of the encrypted field of this row, as associated data of the encryption."""
        return f"webhook:{self.pk}:{field}"


class NoticeEvent(models.TextChoices):
    """What somebody is told of."""

    REQUESTED = "approval.requested", "An approval is needed"
    DECIDED = "approval.decided", "An approval was decided"
    EXPIRED = "approval.expired", "Nobody decided in time"
    TEST = "test", "A test"


class NoticeStatus(models.TextChoices):
    """Where a notice stands."""

    WAITING = "waiting", "Waiting"
    SENT = "sent", "Sent"
    FAILED = "failed", "Given up"


class Notice(TenantModel):
    """One message about an approval to one endpoint or, by e-mail, to one member."""

    approval = models.ForeignKey(Approval, null=True, on_delete=models.CASCADE, related_name="notices")
    endpoint = models.ForeignKey(WebhookEndpoint, null=True, on_delete=models.CASCADE, related_name="notices")
    member = models.ForeignKey(Member, null=True, on_delete=models.CASCADE, related_name="+")
    event = models.CharField(max_length=40, choices=NoticeEvent)
    payload = OrderedJSONField(default=dict, help_text="what is told; no argument's value, no secret")
    status = models.CharField(max_length=20, choices=NoticeStatus, default=NoticeStatus.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(help_text="when it is tried next")
    problem = models.CharField(max_length=300, blank=True, help_text="why the last try failed, for a person")
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["approval", "event", "endpoint"], name="notice_once_per_endpoint"),
            models.UniqueConstraint(fields=["approval", "event", "member"], name="notice_once_per_member"),
            models.CheckConstraint(
                condition=Q(endpoint__isnull=False, member__isnull=True)
                | Q(endpoint__isnull=True, member__isnull=False),
                name="notice_has_one_recipient",
            ),
        ]
        indexes = [models.Index(fields=["next_at"], condition=Q(status="waiting"), name="notice_due")]
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.event} to {self.endpoint or self.member}"


class RunSecret(TenantModel):
    """A secret that the person typed for a run: encrypted, deleted when the run is over."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="secrets")
    name = models.CharField(max_length=100)
    ciphertext = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "name"], name="secret_name_once_per_run")]

    def __str__(self) -> str:
        return self.name

    #: columns that accounts.encryption made
    encrypted_fields = ("ciphertext",)

    def record(self, field: str = "ciphertext") -> str:
        """Name of the encrypted field of this row, as associated data of the encryption."""
        return f"run:{self.run_id}:{self.name}"


class Feedback(TenantModel):
    """Thumbs and a comment on an answer, one per run and member."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="feedback")
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="+")
    is_good = models.BooleanField()
    comment = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "member"], name="feedback_once_per_run_and_member")]
        verbose_name_plural = "feedback"

    def __str__(self) -> str:
        return "good" if self.is_good else "bad"


class FlagReason(models.TextChoices):
    """Why a conversation wants review."""

    BLOCKED = "blocked", "A call was blocked"
    LOW_CONFIDENCE = "low_confidence", "The model was unsure"
    THUMBS_DOWN = "thumbs_down", "Thumbs down"
    IN_DOUBT = "in_doubt", "A write is in doubt"
    FAILED = "failed", "The run failed"


class Flag(TenantModel):
    """A mark that a conversation wants review."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="flags")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="flags")
    reason = models.CharField(max_length=20, choices=FlagReason)
    detail = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(Member, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "reason"], name="flag_reason_once_per_run")]
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.get_reason_display()

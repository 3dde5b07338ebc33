"""What is known of nlops's quality: suites of cases, executions of them, scores."""

from __future__ import annotations

from django.db import models

from accounts.models import TenantModel


class Suite(TenantModel):
    """A named set of cases, loaded from a YAML file."""

    name = models.CharField(max_length=120)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="suite_name_once_per_tenant")]

    def __str__(self) -> str:
        return self.name


class Case(TenantModel):
    """One test: what a person says and what must come of it."""

    suite = models.ForeignKey(Suite, on_delete=models.CASCADE, related_name="cases")
    name = models.CharField(max_length=200)
    turns = models.JSONField(help_text="what the person says, in order")
    expected = models.JSONField(help_text="operation, arguments, asked, refused …")
    position = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["suite", "name"], name="case_name_once_per_suite")]
        ordering = ["suite", "position"]

    def __str__(self) -> str:
        return self.name


class EvaluationRun(TenantModel):
    """One execution of a suite with one model."""

    suite = models.ForeignKey(Suite, on_delete=models.CASCADE, related_name="runs")
    model = models.CharField(max_length=200)
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    summary = models.JSONField(default=dict, help_text="metric to share, 0 to 1")

    class Meta:
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"{self.suite} with {self.model}"


class Score(TenantModel):
    """What one case came to in one execution."""

    run = models.ForeignKey(EvaluationRun, on_delete=models.CASCADE, related_name="scores")
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="scores")
    metric = models.CharField(max_length=60)
    value = models.FloatField(help_text="0 to 1")
    detail = models.JSONField(default=dict)
    seconds = models.FloatField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "case", "metric"], name="score_once")]

    def __str__(self) -> str:
        return f"{self.metric}: {self.value:.2f}"

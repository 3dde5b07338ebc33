from django.apps import AppConfig


class EvaluationConfig(AppConfig):
    name = "evaluation"
    verbose_name = "Evaluation"

    def ready(self) -> None:
        """What of the evaluation depends on operations is told where a version is activated."""
        from evaluation.impact import cases
        from specs.versions import add_impact

        add_impact(cases)

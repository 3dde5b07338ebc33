from django.apps import AppConfig


class NlopsConfig(AppConfig):
    name = "nlops"
    verbose_name = "nlops"

    def ready(self) -> None:
        # Tasks are shared_task: the application must exist in every process that enqueues one.
        from nlops import celery  # noqa: F401
        from nlops.llm import checks  # noqa: F401

from django.apps import AppConfig


class SpecsConfig(AppConfig):
    name = "specs"
    verbose_name = "Products and specs"

    def ready(self) -> None:
        from specs import checks  # noqa: F401

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Tenants and members"

    def ready(self) -> None:
        from accounts import checks  # noqa: F401

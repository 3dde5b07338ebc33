from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_out


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Tenants and members"

    def ready(self) -> None:
        from accounts import api_schema, checks, sign_in_signals  # noqa: F401
        from accounts.flows.enter_tenant import leave_tenant

        # Sent before the session is emptied: who signs out leaves the tenant that they had entered.
        user_logged_out.connect(lambda request, **kwargs: leave_tenant(request), weak=False, dispatch_uid="leave")

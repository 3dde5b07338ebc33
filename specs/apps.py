from django.apps import AppConfig


class SpecsConfig(AppConfig):
    name = "specs"
    verbose_name = "Products and specs"

    def ready(self) -> None:
        from django.db.models.signals import post_save

        from accounts.models import Member
        from specs import checks  # noqa: F401
        from specs.flows.connect_account import forget_accounts

        post_save.connect(forget_accounts, sender=Member, dispatch_uid="specs_forget_accounts")

from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "nlops.demo"
    label = "demo"
    verbose_name = "Keyring"

"""The Celery application: three queues (preprocess, engine, feedback), tasks found in the apps."""

import os

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nlops.settings")

app = Celery("nlops")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_django_logging(**_: object) -> None:
    """Keep Django's logging: Celery must not put its own handlers in front of the redacting one."""

import os

from django.conf import settings
from django.core.asgi import get_asgi_application

from nlops.body_limit import FORM_BYTES, BodyLimit

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nlops.settings")
#: Django keeps a request's whole body on disk before a view is asked, so its size is counted around Django.
application = BodyLimit(get_asgi_application(), lambda: settings.NLOPS_MAX_SPEC_BYTES + FORM_BYTES)

"""Whether this installation sends e-mail."""

from __future__ import annotations

from django.conf import settings

#: Backends that only write mails down, to a log where a link that lets somebody in must not stand.
_NO_MAIL = ("console", "dummy")


def can_mail() -> bool:
    """Whether a mail server is set (EMAIL_URL)."""
    return not any(name in settings.EMAIL_BACKEND for name in _NO_MAIL)

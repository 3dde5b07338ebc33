"""Django system checks: what would make nlops unsafe in production is told before it serves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections


@register(Tags.security, deploy=True)
def encryption_keys(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """NLOPS_ENCRYPTION_KEYS must hold at least one good key."""
    from accounts.encryption import _keys

    try:
        _keys(settings.NLOPS_ENCRYPTION_KEYS)
    except ImproperlyConfigured as error:
        return [Error(str(error), id="accounts.E001")]
    return []


@register(Tags.database)
def application_role_is_bound(
    app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """The application's database role must be bound by row-level security."""
    if "default" not in (databases or ()):
        return []
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        name, unbound = cursor.fetchone()
    if not unbound:
        return []
    return [
        Error(
            f"The database role “{name}” of DATABASE_URL is a superuser or bypasses row-level security, so tenants "
            "could see each other.",
            hint="Create the roles with `manage.py provision_database` and use nlops_app in DATABASE_URL.",
            id="accounts.E002",
        )
    ]

"""Everything that an older key encrypted is encrypted anew with the first key of NLOPS_ENCRYPTION_KEYS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db import models, transaction

from accounts.context import tenant_context
from accounts.encryption import DecryptionError, decrypt, encrypt, is_current
from accounts.models import Tenant, TenantModel
from accounts.second_factor import is_sealed, seal, unseal


class RotationIncomplete(Exception):
    """Some secrets can't be read with the keys that there are; `str()` names their rows, one a line."""


def rotate_keys() -> int:
    """Re-encrypt, row by row under its lock, in every tenant; how many secrets were.

    Whatever can be read is done even when something can't: RotationIncomplete tells of that at the end. A second run
    finds nothing to do.
    """
    count, unreadable = 0, []
    for rotated in _each():
        if isinstance(rotated, str):
            unreadable.append(rotated)
        else:
            count += rotated
    if unreadable:
        raise RotationIncomplete("\n".join([f"{count} secrets were encrypted anew; these could not be:", *unreadable]))
    return count


def _each() -> Iterator[int | str]:
    for tenant in Tenant.objects.order_by("slug"):
        with tenant_context(tenant.pk):
            for model in apps.get_models():
                if issubclass(model, TenantModel) and hasattr(model, "encrypted_fields"):
                    yield from _rows(model, tenant)
    for authenticator in Authenticator.objects.order_by("pk"):
        yield _second_factor(authenticator.pk)


def _rows(model: Any, tenant: Tenant) -> Iterator[int | str]:
    fields: tuple[str, ...] = model.encrypted_fields
    for pk in list(model.objects.values_list("pk", flat=True)):
        row = model.objects.select_for_update().filter(pk=pk).only(*fields, *_needed(model)).first()
        if row is None:
            continue
        changed = []
        for field in fields:
            token = getattr(row, field)
            if not token or is_current(token):
                continue
            bound = {"tenant_id": tenant.pk, "record": row.record(field)}
            try:
                setattr(row, field, encrypt(decrypt(token, **bound), **bound))
            except DecryptionError as error:
                yield f"{tenant.slug}: {model._meta.verbose_name} {pk}, {field}: {error}"
            else:
                changed.append(field)
        if changed:
            row.save(update_fields=changed)
        yield len(changed)


def _needed(model: type[models.Model]) -> list[str]:
    """The other columns: `record` may read any of the short ones."""
    return [field.attname for field in model._meta.concrete_fields if not isinstance(field, models.TextField)]


def _second_factor(pk: int) -> int | str:
    with transaction.atomic():
        authenticator = Authenticator.objects.select_for_update().filter(pk=pk).first()
        if authenticator is None:
            return 0
        kept = {name: authenticator.data[name] for name in ("secret", "seed") if name in authenticator.data}
        stale = {name: text for name, text in kept.items() if not (is_sealed(text) and is_current(text))}
        try:
            authenticator.data |= {name: seal(unseal(text)) for name, text in stale.items()}
        except DecryptionError as error:
            return f"second factor {pk}: {error}"
        if stale:
            authenticator.save(update_fields=["data"])
        return len(stale)

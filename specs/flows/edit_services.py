"""An operator renames, describes, regroups or hides what nlops learnt, and adds the words that people use for it.

Every edit holds for the versions of today and for those to come: nothing of a spec version is changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils.text import slugify

from accounts.audit import audit
from accounts.models import AuditAction, Member
from specs.flows import FlowError
from specs.models import Operation, OperationEdit, Product, Service, ServiceEdit
from specs.services import all_services, is_service

#: Services that operators make for one product.
MAX_MADE = 200
#: Of a name, of the synonyms of one thing, of a description.
MAX_NAME = 120
MAX_SYNONYMS = 500
MAX_DESCRIPTION = 500


def edit_service(
    product: Product,
    slug: str,
    member: Member | None = None,
    *,
    name: str = "",
    description: str = "",
    synonyms: str = "",
    hidden: bool = False,
) -> ServiceEdit | None:
    """Say how the service is called, what it is for, whether it is offered; what is empty is as in the description.

    None when nothing is left to say. In the tenant's context. Raises FlowError that names the field.
    """
    wanted = {
        "name": _line(name, "Name", MAX_NAME),
        "description": _line(description, "Description", MAX_DESCRIPTION),
        "synonyms": clean_synonyms(synonyms),
        "hidden": hidden,
    }
    with transaction.atomic():
        Product.objects.select_for_update().get(pk=product.pk)
        if not is_service(product, slug):
            raise FlowError(f"Service: {product} has no service {slug}.")
        edit = ServiceEdit.objects.filter(product=product, slug=slug).first()
        edit = edit or ServiceEdit(tenant_id=product.tenant_id, product=product, slug=slug)
        if edit.made and not wanted["name"]:
            raise FlowError("Name: a service that was made here needs one.")
        edit.updated_by = member
        for field, value in wanted.items():
            setattr(edit, field, value)
        if edit.made or any(wanted.values()):
            edit.save()
        elif edit._state.adding:
            return None
        else:
            edit.delete()
        audit(AuditAction.SERVICES_CHANGED, product, {"service": slug, **wanted}, member=member)
    return edit if edit.pk else None


def edit_operations(
    product: Product,
    keys: Iterable[str],
    member: Member | None = None,
    *,
    service: str | None = None,
    new_service: str = "",
    synonyms: str | None = None,
    hidden: bool | None = None,
) -> int:
    """Move the operations (METHOD path) to a service or to a new one, hide or show them, say what people call them.

    What is None stays; an empty `service` puts them back where the description has them. The number of operations.
    In the tenant's context. Raises FlowError that names what is wrong; nothing is changed then.
    """
    keys = list(dict.fromkeys(keys))
    with transaction.atomic():
        Product.objects.select_for_update().get(pk=product.pk)
        _check_known(product, keys)
        if new_service.strip():
            service = _make(product, new_service, member).slug
        elif service and not is_service(product, service):
            raise FlowError(f"Service: {product} has no service {service}.")
        elif service:
            _name(product, service, member)
        wanted = {"service": service, "hidden": hidden}
        wanted["synonyms"] = None if synonyms is None else clean_synonyms(synonyms)
        said = {field: value for field, value in wanted.items() if value is not None}
        _save(product, keys, said, member)
        if keys and said:
            audit(AuditAction.SERVICES_CHANGED, product, {"operations": keys[:50], "count": len(keys), **said},
                  member=member)  # fmt: skip
    return len(keys)


def clean_synonyms(text: str) -> str:
    """Words or phrases, with ", " between them, each once. Raises FlowError when they are too many."""
    words = [" ".join(part.split()) for part in text.replace("\x00", "").replace("\n", ",").split(",")]
    return _line(", ".join(dict.fromkeys(filter(None, words))), "Synonyms", MAX_SYNONYMS)


def _line(text: str, field: str, limit: int) -> str:
    text = " ".join(text.replace("\x00", "").split())
    if len(text) > limit:
        raise FlowError(f"{field}: {len(text)} characters are too many; at most {limit} are kept.")
    return text


def _check_known(product: Product, keys: list[str]) -> None:
    paths = {key.partition(" ")[2] for key in keys}
    rows = Operation.objects.filter(version__product=product, path__in=paths).values_list("method", "path")
    unknown = sorted(set(keys) - {f"{method} {path}" for method, path in rows})
    if unknown:
        raise FlowError(f"{product} has no operation {', '.join(unknown[:3])}. Write it as DELETE /users/{{id}}.")


def _make(product: Product, name: str, member: Member | None) -> ServiceEdit:
    """The service of that name, made when there is none."""
    name = _line(name, "Name of the new service", MAX_NAME)
    known = {shown.lower(): slug for slug, shown in all_services(product).items()}
    if slug := known.get(name.lower()):
        return _name(product, slug, member)
    if ServiceEdit.objects.filter(product=product, made=True).count() >= MAX_MADE:
        raise FlowError(f"At most {MAX_MADE} services can be made for a product. Use one that is there.")
    base = slugify(name)[:80] or "service"
    taken = set(known.values())
    slug = next(one for one in (base, *(f"{base}-{number}" for number in range(2, 10_000))) if one not in taken)
    return ServiceEdit.objects.create(
        tenant_id=product.tenant_id, product=product, slug=slug, name=name, made=True, updated_by=member
    )


def _name(product: Product, slug: str, member: Member | None) -> ServiceEdit:
    """The service's edit, with its name: whoever stands in it now must find it without the description."""
    edit = ServiceEdit.objects.filter(product=product, slug=slug).first()
    edit = edit or ServiceEdit(tenant_id=product.tenant_id, product=product, slug=slug, updated_by=member)
    if not edit.name:
        described = Service.objects.filter(version__product=product, slug=slug).order_by("-version__number").first()
        edit.name = described.name if described else slug
        edit.save()
    return edit


def _save(product: Product, keys: list[str], said: dict[str, Any], member: Member | None) -> None:
    """One row per operation about which something is said."""
    rows = {edit.operation_key: edit for edit in OperationEdit.objects.filter(product=product, operation_key__in=keys)}
    for key in keys:
        edit = rows.setdefault(key, OperationEdit(tenant_id=product.tenant_id, product=product, operation_key=key))
        edit.updated_by = member
        for field, value in said.items():
            setattr(edit, field, value)
    empty = [edit.pk for edit in rows.values() if not (edit.service or edit.synonyms or edit.hidden)]
    OperationEdit.objects.filter(pk__in=empty).delete()
    OperationEdit.objects.bulk_create(
        [edit for edit in rows.values() if edit.pk not in set(empty)],
        update_conflicts=True,
        unique_fields=["product", "operation_key"],
        update_fields=["service", "synonyms", "hidden", "updated_by", "updated_at"],
    )

"""Services as a product's people see them: those of its description, with what operators said about them.

A spec version never changes; what operators say is kept by slug and METHOD path, and so holds for every version.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from specs.ingest.grouping import PART
from specs.models import Operation, OperationEdit, Product, Service, ServiceEdit, SpecVersion


@dataclass(frozen=True, slots=True)
class Place:
    """A service, or where one operation stands in it."""

    slug: str
    name: str
    description: str = ""
    #: what people also call it, words with commas between
    synonyms: str = ""
    #: offered to nobody
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Edits:
    """What operators said about a product: by slug of the service, by METHOD path."""

    services: Mapping[str, ServiceEdit] = field(default_factory=dict)
    operations: Mapping[str, OperationEdit] = field(default_factory=dict)

    def service(self, slug: str, name: str = "", description: str = "") -> Place:
        """The service that the description names so; of a part of an edited one, that one's edit holds as well."""
        found = Place(slug, name or slug, description)
        whole = slug.partition(PART)[0]
        if whole != slug and (edit := self.services.get(whole)):
            part = name.partition(": ")[2]
            found = _edited(found, edit, f"{edit.name}: {part}" if edit.name and part else "", described=False)
        if edit := self.services.get(slug):
            found = _edited(found, edit, edit.name, described=True)
        return found

    def place(self, operation: Operation) -> Place:
        """Where the operation stands; its own synonyms and its service's, hidden when either is."""
        edit = self.operations.get(operation.key)
        if edit and edit.service:
            place = self.service(edit.service)
        else:
            place = self.service(operation.service.slug, operation.service.name, operation.service.description)
        if edit is None:
            return place
        return replace(place, synonyms=_joined(place.synonyms, edit.synonyms), hidden=place.hidden or edit.hidden)

    def moved_to(self, key: str) -> str:
        """Slug of the service that an operator put the operation in, "" when it stands as described."""
        edit = self.operations.get(key)
        return edit.service if edit else ""


NO_EDITS = Edits()


def edits_of(products: Iterable[uuid.UUID]) -> dict[uuid.UUID, Edits]:
    """Product id to what operators said about it; products without any are missing."""
    products = list(products)
    services: dict[uuid.UUID, dict[str, ServiceEdit]] = {}
    operations: dict[uuid.UUID, dict[str, OperationEdit]] = {}
    for service in ServiceEdit.objects.filter(product__in=products):
        services.setdefault(service.product_id, {})[service.slug] = service
    for operation in OperationEdit.objects.filter(product__in=products):
        operations.setdefault(operation.product_id, {})[operation.operation_key] = operation
    return {
        product: Edits(services.get(product, {}), operations.get(product, {})) for product in {*services, *operations}
    }


def edits_to(product: Product) -> Edits:
    """What operators said about this one."""
    return edits_of([product.pk]).get(product.pk, NO_EDITS)


def services_of(product: Product, version: SpecVersion | None) -> list[Place]:
    """All services: those of the version in its order, then those that operators made."""
    edits = edits_to(product)
    rows = Service.objects.filter(version=version) if version else Service.objects.none()
    found = {row.slug: edits.service(row.slug, row.name, row.description) for row in rows}
    made = sorted(slug for slug, edit in edits.services.items() if edit.made and slug not in found)
    return [*found.values(), *(edits.service(slug) for slug in made)]


def all_services(product: Product) -> dict[str, str]:
    """Slug to name of every service that any version of the product has or that an operator made."""
    edits = edits_to(product)
    rows = Service.objects.filter(version__product=product).order_by("slug").values_list("slug", "name")
    found = {slug: edits.service(slug, name).name for slug, name in rows}
    return found | {slug: edits.service(slug).name for slug, edit in edits.services.items() if edit.made}


def is_service(product: Product, slug: str) -> bool:
    """Whether a version of the product has the service, or an operator made it."""
    return (
        Service.objects.filter(version__product=product, slug=slug).exists()
        or ServiceEdit.objects.filter(product=product, slug=slug, made=True).exists()
    )


def _edited(place: Place, edit: ServiceEdit, name: str, *, described: bool) -> Place:
    return Place(
        place.slug,
        name or place.name,
        (described and edit.description) or place.description,
        _joined(place.synonyms, edit.synonyms),
        place.hidden or edit.hidden,
    )


def _joined(*synonyms: str) -> str:
    return ", ".join(filter(None, synonyms))

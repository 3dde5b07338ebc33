"""Two versions of a product side by side, and what an activation would touch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.core.cache import cache
from django.db.models import QuerySet

from specs.ingest.diff import Diff, Side, compare
from specs.models import Example, PolicyRule, Product, SpecVersion, ToolPolicy, TrustedArgument, VersionStatus

#: Seconds for which a comparison is kept: versions never change.
KEPT_SECONDS = 24 * 3600


def diff_of(old: SpecVersion, new: SpecVersion) -> Diff:
    """What is different in `new`."""
    key = f"diff:1:{old.pk}:{new.pk}"
    found: Diff | None = cache.get(key)
    if found is None:
        found = compare(_side(old), _side(new))
        cache.set(key, found, KEPT_SECONDS)
    return found


def compared_with(rows: QuerySet[SpecVersion], number: str) -> SpecVersion | None:
    """The version of that number, else, when none is named, the active one; None when there is none such."""
    if number:
        return rows.filter(number=int(number)).first() if number.isdecimal() and len(number) < 9 else None
    return rows.filter(status=VersionStatus.ACTIVE).first()


def _side(version: SpecVersion) -> Side:
    rows = version.operations.only(
        "name", "method", "path", "summary", "effect", "deprecated", "schema", "bindings",
        "body_media_type",
    )  # fmt: skip
    stored = SpecVersion.objects.only("definitions", "security_schemes").get(pk=version.pk)
    return Side(list(rows), stored.definitions, stored.security_schemes)


@dataclass(frozen=True, slots=True)
class Touched:
    """The operations of a product that an activation takes away or changes."""

    product: Product
    #: METHOD path in the version before
    keys: frozenset[str]
    #: names of their tools
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Impact:
    """What of one kind speaks of touched operations."""

    #: in the plural, such as "waiting approvals"
    what: str
    count: int
    #: some of them, in words
    shown: list[str]


#: What looks for the things that depend on operations; apps above this one add theirs.
_SOURCES: list[Callable[[Touched], Impact]] = []
_SHOWN = 5


def add_impact(source: Callable[[Touched], Impact]) -> None:
    """Have an app's own things counted, too; called when the app is ready."""
    if source not in _SOURCES:
        _SOURCES.append(source)


def impact_of(old: SpecVersion, diff: Diff) -> list[Impact]:
    """What depends on the operations that are gone or changed, each kind of which there is any."""
    keys = frozenset(diff.touched)
    rows = old.operations.values_list("method", "path", "name")
    names = frozenset(name for method, path, name in rows if f"{method} {path}" in keys)
    touched = Touched(old.product, keys, names)
    found = [
        _policies(touched),
        _rules(touched),
        _trusted(touched),
        _examples(touched),
        *(source(touched) for source in _SOURCES),
    ]
    return [impact for impact in found if impact.count]


def told(what: str, entries: list[str]) -> Impact:
    """The impact of these entries."""
    return Impact(what, len(entries), entries[:_SHOWN])


def _policies(touched: Touched) -> Impact:
    rows = ToolPolicy.objects.filter(product=touched.product, operation_key__in=touched.keys)
    return told("policies of the whitelist", [str(row) for row in rows])


def _rules(touched: Touched) -> Impact:
    rows = PolicyRule.objects.filter(product=touched.product, operation_key__in=touched.keys)
    return told("rules", [str(row) for row in rows])


def _trusted(touched: Touched) -> Impact:
    rows = TrustedArgument.objects.filter(product=touched.product, operation_key__in=touched.keys)
    return told("arguments that may hold values from answers", [str(row) for row in rows])


def _examples(touched: Touched) -> Impact:
    rows = Example.objects.filter(product=touched.product)
    return told(
        "examples",
        [str(row) for row in rows if any(step.get("operation") in touched.keys for step in row.steps)],
    )

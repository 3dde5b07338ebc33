"""What thumbs and the example library say of operations: those that were right for a request rise for its like."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from cachetools import LRUCache
from django.db.models import Count, Max

from conversations.models import Call, Feedback
from nlops.core.experience import Experience, Served
from nlops.core.retrieval import OperationIndex
from nlops.core.types import CallStatus
from specs.examples import operation_keys
from specs.models import Example, Operation, VersionStatus

#: Judgements that count, the newest.
MAX_JUDGED = 500

#: product id, METHOD path
_Key = tuple[UUID, str]
_kept: LRUCache[tuple[object, ...], tuple[OperationIndex, Experience]] = LRUCache(16)
_lock = threading.Lock()


def raised_operations(request: str, index: OperationIndex) -> list[str]:
    """Ids of the operations that were right for requests like this one, in the tenant in context.

    `index`: the tenant's. A thumbs down weighs against an operation as a thumbs up weighs for it.
    """
    judged = Feedback.objects.aggregate(number=Count("pk"), last=Max("updated_at"))
    shown = Example.objects.filter(enabled=True).aggregate(number=Count("pk"), last=Max("updated_at"))
    if not judged["number"] and not shown["number"]:
        return []
    state = (id(index), *judged.values(), *shown.values())
    with _lock:
        kept = _kept.get(state)
    if kept is None or kept[0] is not index:
        kept = index, Experience(_served(), index)
        with _lock:
            _kept[state] = kept
    return kept[1].raised(request)


def _served() -> list[Served]:
    rows = [*_judged(), *_examples()]
    ids = _ids({key for _, keys, _ in rows for key in keys})
    found = [(request, tuple(ids[key] for key in keys if key in ids), is_good) for request, keys, is_good in rows]
    return [Served(request, names, is_good) for request, names, is_good in found if names]


def _judged() -> list[tuple[str, list[_Key], bool]]:
    feedback = Feedback.objects.order_by("-updated_at").values_list("run_id", "run__request", "is_good")[:MAX_JUDGED]
    rows = list(feedback)
    called: dict[UUID, list[_Key]] = defaultdict(list)
    calls = Call.objects.filter(run__in={run for run, _, _ in rows}, status=CallStatus.SUCCEEDED)
    for run, product, method, path in calls.values_list(
        "run_id", "operation__version__product_id", "operation__method", "operation__path"
    ):
        called[run].append((product, f"{method} {path}"))
    return [(request, list(dict.fromkeys(called[run])), is_good) for run, request, is_good in rows]


def _examples() -> list[tuple[str, list[_Key], bool]]:
    rows = Example.objects.filter(enabled=True).values_list("product_id", "request", "steps")
    return [(request, [(product, key) for key in operation_keys(steps)], True) for product, request, steps in rows]


def _ids(keys: Iterable[_Key]) -> dict[_Key, str]:
    """The operations of the active versions."""
    wanted = set(keys)
    rows = Operation.objects.filter(
        version__status=VersionStatus.ACTIVE, path__in={key.partition(" ")[2] for _, key in wanted}
    ).values_list("pk", "version__product_id", "method", "path")
    found = {(product, f"{method} {path}"): str(pk) for pk, product, method, path in rows}
    return {key: found[key] for key in wanted if key in found}

"""The index over what a tenant's whitelists list: built once for its versions and policies, and found by all processes.

A process keeps those that it used last, as many as fit into its memory for them; others lie in the shared cache, from
which one is loaded in milliseconds. Neither has to be told of a change: what an index was built from names it.
"""

from __future__ import annotations

import hashlib
import pickle  # only writes, to tell the size  # nosec B403
import threading
from pathlib import Path

import structlog
from cachetools import LRUCache
from django.core.cache import cache

from nlops.core import retrieval, thesaurus, wide_search, wording
from nlops.core.retrieval import OperationIndex, amended
from specs.models import Operation, VersionStatus
from specs.querysets import allowed_operations, whitelist_fingerprint
from specs.services import NO_EDITS, edits_of

#: Bytes of indexes that a process keeps, as they are stored: one over 1,200 operations takes about 1 MB.
KEPT_BYTES = 64_000_000
#: Bytes of an index beyond which the shared cache is spared, and seconds for which it keeps one.
MAX_SHARED_BYTES = 16_000_000
SHARED_SECONDS = 24 * 3600
#: How much an operation counts beside its equals.
DEPRECATED, IMPORTANT, ADVANCED = 0.8, 1.1, 0.9

_READ = (
    "method", "path", "search_text", "deprecated", "visibility",
    "service__slug", "service__name", "version__product_id",
)  # fmt: skip

log = structlog.get_logger(__name__)
_kept: LRUCache[str, tuple[OperationIndex, int]] = LRUCache(KEPT_BYTES, getsizeof=lambda pair: pair[1])
_lock = threading.Lock()
#: An index is only as good as the code that built it: another release never reads this one's.
_RELEASE = hashlib.sha256(
    b"".join(Path(str(module.__file__)).read_bytes() for module in (retrieval, wide_search, thesaurus, wording))
).hexdigest()[:16]


def whitelist_index() -> OperationIndex:
    """The index over what may be used in the tenant in context; its names are operations' ids."""
    name = whitelist_fingerprint()
    with _lock:
        if name in _kept:
            return _kept[name][0]
    key = f"index:{_RELEASE}:{hashlib.sha256(name.encode()).hexdigest()}"
    found = _loaded(key)
    if found is None:
        found = _built()
        _share(key, found)
    with _lock:
        if found[1] <= KEPT_BYTES:
            _kept[name] = found
    return found[0]


def _built() -> tuple[OperationIndex, int]:
    """From the rows, with the bytes that it takes."""
    allowed = allowed_operations()
    edits = edits_of({product for product, _ in allowed})
    rows = Operation.objects.filter(version__status=VersionStatus.ACTIVE).select_related("service", "version")
    documents: list[tuple[str, str]] = []
    standing: dict[str, float] = {}
    for row in rows.only(*_READ):
        place = edits.get(row.version.product_id, NO_EDITS).place(row)
        if (row.version.product_id, row.key) in allowed and not place.hidden:
            documents.append((str(row.pk), amended(row.search_text, place.name, place.synonyms)))
            standing[str(row.pk)] = _standing(deprecated=row.deprecated, visibility=row.visibility)
    index = OperationIndex(documents, standing)
    return index, len(pickle.dumps(index))


def _standing(*, deprecated: bool, visibility: str) -> float:
    return (DEPRECATED if deprecated else 1.0) * {"important": IMPORTANT, "advanced": ADVANCED}.get(visibility, 1.0)


def _loaded(key: str) -> tuple[OperationIndex, int] | None:
    try:
        found: tuple[OperationIndex, int] | None = cache.get(key)
    except Exception as error:  # a cache that fails must not hold up a request
        log.warning("index_not_loaded", error=type(error).__name__)
        return None
    return found


def _share(key: str, found: tuple[OperationIndex, int]) -> None:
    if found[1] > MAX_SHARED_BYTES:
        return
    try:
        cache.set(key, found, SHARED_SECONDS)
    except Exception as error:  # as above
        log.warning("index_not_shared", error=type(error).__name__)

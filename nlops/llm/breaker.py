"""A circuit breaker for each model: a server that fails again and again is left alone for a while.

Its state is in the cache that all processes share; where the cache can't be reached, each process keeps its own. One
look at the cache before a request, and none after one that went well: a library's breaker asks it five times, lets
all processes try at once when it is half open, and holds a lock while the model answers.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import structlog
from django.conf import settings
from django.core.cache import BaseCache, caches
from django.core.cache.backends.locmem import LocMemCache

from nlops.llm.base import ModelError
from nlops.llm.openai_faults import ServerFailed

#: Seconds after which failures that were not followed by more are forgotten.
FORGET_SECONDS = 300
#: Seconds after which a trial that nobody reported of (its process died) is given up.
TRIAL_SECONDS = 120

log = structlog.get_logger(__name__)
_own = LocMemCache("nlops-breakers", {})
T = TypeVar("T")


class Breaker:
    """Closed: requests pass. Open: they fail at once. When the pause is over, one passes as a trial."""

    def __init__(self, model: str) -> None:
        """`model`: the name as in NLOPS_MODEL, so that a broken model leaves others at its server alone."""
        self._model = model
        digest = hashlib.sha256(model.encode()).hexdigest()[:32]
        self._failures = f"breaker:{digest}:failures"
        #: until when it is open; kept longer than that, so that what follows is a trial
        self._until = f"breaker:{digest}:until"
        self._trial = f"breaker:{digest}:trial"

    @contextmanager
    def guard(self) -> Iterator[None]:
        """One request to the model. Raises ModelError at once while the breaker is open."""
        state = _shared(lambda cache: cache.get_many([self._failures, self._until]))
        if until := state.get(self._until):
            self._admit_trial(until)
        try:
            yield
        except ServerFailed as error:
            self._failed(error)
            raise
        except ModelError:
            self._answered(state)  # it refused, but it is there
            raise
        except BaseException:
            _shared(lambda cache: cache.delete(self._trial))  # stopped by us: nothing is known
            raise
        self._answered(state)

    def _admit_trial(self, until: float) -> None:
        left = until - time.time()
        if left <= 0 and _shared(lambda cache: cache.add(self._trial, 1, TRIAL_SECONDS)):
            return
        seconds = max(1, round(left)) if left > 0 else 5
        raise ModelError(
            f"The language model “{shown_name(self._model)}” failed several times in a row and is left alone for the "
            f"moment. It is tried again in {seconds} second{'' if seconds == 1 else 's'}.",
            detail="circuit breaker open",
            retryable=True,
            retry_after=float(seconds),
        )

    def _failed(self, error: ServerFailed) -> None:
        count = _shared(self._count)
        trial = _shared(lambda cache: cache.delete(self._trial))
        if count < settings.NLOPS_BREAKER_FAILURES and not trial:
            return
        pause = max(settings.NLOPS_BREAKER_SECONDS, error.retry_after or 0.0)
        _shared(lambda cache: cache.set(self._until, time.time() + pause, pause + FORGET_SECONDS))
        log.warning("model_left_alone", model=self._model, failures=count, seconds=pause, detail=error.detail)

    def _count(self, cache: BaseCache) -> int:
        if cache.add(self._failures, 1, FORGET_SECONDS):
            return 1
        try:
            count: int = cache.incr(self._failures)
        except ValueError:  # forgotten just now
            return 1
        cache.touch(self._failures, FORGET_SECONDS)
        return count

    def _answered(self, state: dict[str, object]) -> None:
        if state:
            _shared(lambda cache: cache.delete_many([self._failures, self._until, self._trial]))
            log.info("model_answers_again", model=self._model)


def shown_name(model: str) -> str:
    """The model's name for people: without its server's address, which may be internal."""
    kind, _, rest = model.partition(":")
    return rest.rpartition("@http")[0] or rest if kind == "compatible" else rest or kind


def _shared(act: Callable[[BaseCache], T]) -> T:
    """What `act` does on the shared cache, else on this process's own."""
    try:
        return act(caches["default"])
    except Exception as error:  # a cache that is away must not take the model along
        log.debug("cache_away", error=type(error).__name__)
        return act(_own)

"""Who works on a step: a worker's name on the run, and for how long the others leave the run alone."""

from __future__ import annotations

import functools
import os
import socket
from datetime import datetime

import psutil
from django.utils import timezone


def lease_is_void(until: datetime | None, worker: str) -> bool:
    """A lease ends with its time, or with its worker, where that can be seen: on the same machine."""
    if until is None or until <= timezone.now():
        return True
    host, _, rest = worker.partition("/")
    if host != socket.gethostname():
        return False
    pid, _, started = rest.partition("/")
    try:
        return f"{psutil.Process(int(pid)).create_time():.2f}" != started
    except psutil.Error:
        return True


def worker_name() -> str:
    """host/pid/start: names this process so that its death can be seen."""
    return _name_of(os.getpid())


@functools.lru_cache(maxsize=1)
def _name_of(pid: int) -> str:
    """Looked up once per process; a fork has a pid of its own."""
    return f"{socket.gethostname()}/{pid}/{psutil.Process(pid).create_time():.2f}"

"""What the sides of the engine's benchmark share: the clock, and the turns of the scripted model."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Clock:
    """Seconds spent in the model and in the product, and SQL statements, since the last `reset`."""

    outside: float = 0.0
    statements: int = 0

    def reset(self) -> None:
        self.outside, self.statements = 0.0, 0

    @contextmanager
    def apart(self) -> Iterator[None]:
        """What runs inside is no overhead."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.outside += time.perf_counter() - began


CLOCK = Clock()


@dataclass
class Turn:
    """What the scripted model says: a tool call, or the end."""

    tool: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)


READ = [Turn("get_user", {"username": "alice"}), Turn()]
WRITE = [Turn("create_user", {"username": "zoe"}), Turn()]

"""Random histories of runs under faults: one seed, one schedule. See test_histories.py for what must hold after each.

The scheduler owns all that is chance elsewhere: which message the queue delivers, loses or doubles; where a worker
dies; when a lease runs out; when people act. Several workers take turns in this process: wherever one does slow work,
another may run, a person may act. Time passes by rewriting what waits for it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from accounts.context import tenant_context
from conversations.flows import FlowError, advance, sweep
from conversations.flows.ask import ask
from conversations.flows.cancel import cancel
from conversations.flows.confirm import confirm
from conversations.flows.decide import decide
from conversations.flows.reply import reply
from conversations.models import Approval, ApprovalStatus, Conversation, Run
from nlops.core.types import Completion, Role, ToolCall
from tests.conftest import People
from tests.faults.ledger_product import LedgerProduct


class Died(BaseException):
    """What a worker sees of its own death: nothing that anybody catches."""


class DeterministicModel:
    """Does what the request says, as a model that makes no mistakes would."""

    name, max_tools, languages, writes_text = "deterministic", 28, None, False

    def complete(self, messages: Any, tools: Any, limits: Any) -> Completion:
        said = [message.content for message in messages if message.role is Role.USER]
        request = next(text for text in reversed(said) if text.split()[0] in _PLANS)
        turn = messages[max(i for i, message in enumerate(messages) if message.content == request) + 1 :]
        results = [message.content for message in turn if message.role is Role.TOOL]
        calls = _PLANS[request.split()[0]](request.split(), results)
        return Completion("", tuple(ToolCall(f"t{len(results)}_{n}", *call) for n, call in enumerate(calls)))


def _copy(words: list[str], results: list[str]) -> list[tuple[str, dict[str, Any]]]:
    if not results:
        return [("get_item", {"name": words[1]})]
    return [("make_item", {"name": words[2], "color": "red"})] if len(results) == 1 and "color" in results[0] else []


def _once(tool: str, **places: int) -> Callable[[list[str], list[str]], list[tuple[str, dict[str, Any]]]]:
    """One call with words of the request as arguments, then the end."""
    return lambda words, results: [] if results else [(tool, {key: words[at] for key, at in places.items()})]


_PLANS: dict[str, Callable[[list[str], list[str]], list[tuple[str, dict[str, Any]]]]] = {
    "look": _once("get_item", name=1),
    "make": _once("make_item", name=1),
    "note": _once("add_note", name=1),
    "paint": _once("paint_item", name=1, color=2),
    "drop": _once("drop_item", name=1),
    "copy": _copy,
    "several": lambda words, results: (
        [] if results else [("make_item", {"name": name, "color": "blue"}) for name in words[1:4]]
    ),
}


@dataclass
class Wish:
    """One request, and what it is meant to do once."""

    text: str
    #: (method, name) of each effect
    effects: list[tuple[str, str]]
    run_id: UUID | None = None
    #: how often a person agreed to a repetition of each
    repeats: int = 0


@dataclass
class History:
    """A world with its schedule."""

    seed: int
    people: People
    product: LedgerProduct
    rng: random.Random = field(init=False)
    queue: list[UUID] = field(default_factory=list)
    wishes: list[Wish] = field(default_factory=list)
    #: workers whose lease counts as over: they died, or they are too slow
    void: set[str] = field(default_factory=set)
    workers: list[str] = field(default_factory=list)
    #: how many faults may still happen, so that every history ends
    faults: int = 0
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.faults = self.rng.randint(1, 8)

    # --- what happens ---

    def play(self) -> None:
        """Until nothing more happens by itself and nobody is waited for."""
        self._ask_all()
        for _ in range(600):
            if self.queue:
                self._deliver()
            elif not self._people_act() and not self._sweep():
                return
        with tenant_context(self.people.tenant.pk):
            rows = Run.objects.filter(finished_at=None).values_list(
                "request", "status", "lease_worker", "lease_until", "wake_at"
            )
            self.log += [str(row) for row in rows]
        raise AssertionError(f"seed {self.seed}: it never came to rest\n" + "\n".join(self.log[-30:]))

    def _ask_all(self) -> None:
        conversation: Conversation | None = None
        for number in range(self.rng.randint(1, 3)):
            name = f"s{self.seed}n{number}"
            kind = self.rng.choice(sorted(_PLANS))
            wish = _wish(kind, name, self.product)
            with tenant_context(self.people.tenant.pk):
                same = conversation if self.rng.random() < 0.5 else None
                run = ask(self.people.customer, wish.text, same)
                conversation = run.conversation
                # Old enough for the sweeper.
                Run.objects.filter(pk=run.pk).update(created_at=timezone.now() - timedelta(minutes=1))
            wish.run_id = run.pk
            self.wishes.append(wish)
            self.note(f"asked “{wish.text}”")

    def _deliver(self) -> None:
        """The queue gives out a message, of any run; it may get lost or be doubled."""
        run_id = self.queue.pop(self.rng.randrange(len(self.queue)))
        if self._strikes(0.08):
            self.note("a message is lost")
            return
        if self._strikes(0.08):
            self.note("a message is doubled")
            self.queue.append(run_id)
        self._work(run_id)

    def _work(self, run_id: UUID) -> None:
        worker = f"w{len(self.workers)}"
        self.workers.append(worker)
        self.product.plan = [self._fate() for _ in range(3)]
        before = list(self._at_work)
        self._at_work.append(worker)
        try:
            advance.work_on(self.people.tenant.pk, run_id)
        except Died:
            self.note(f"{worker} died")
            self.void.add(worker)
            if connection.in_atomic_block:
                raise AssertionError("the transaction of a dead worker lives") from None
        except (OperationalError, InterfaceError):
            # As in a real worker: the task fails, its connection is given up, the sweeper comes back to the run.
            self.note(f"{worker} lost the database")
            self.void.add(worker)
            connection.close()
        finally:
            self._at_work[:] = before

    _at_work: list[str] = field(default_factory=list)

    def _fate(self) -> str:
        fates = ("before", "after", "error", "late_error", "busy", "refused")
        return self.rng.choice(fates) if self._strikes(0.25) else "ok"

    def _strikes(self, chance: float) -> bool:
        if self.faults <= 0 or self.rng.random() >= chance:
            return False
        self.faults -= 1
        return True

    def at(self, point: str) -> None:
        """A worker is here: it may die, be overtaken, or a person may act meanwhile."""
        if self._strikes(0.06):
            self.note(f"{self._at_work[-1]} dies {point}")
            raise Died
        if point.startswith("in transaction"):
            if self._strikes(0.04):
                self.note(f"the database connection is cut {point}")
                self._cut()
            return
        if self._strikes(0.05) and len(self._at_work) < 3:
            self.note(f"{self._at_work[-1]} is overtaken {point}")
            self.void.add(self._at_work[-1])
            for wish in self.wishes:
                if wish.run_id is not None:
                    self._work(wish.run_id)
        if self._strikes(0.05):
            self._someone_cancels()
        if self._strikes(0.03):
            self._people_act()

    def _cut(self) -> None:
        pid = connection.connection.info.backend_pid
        with psycopg.connect(self.admin_url, autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(%s)", [pid])

    admin_url: str = ""

    # --- people ---

    def _people_act(self) -> bool:
        """Whoever is waited for answers; True when somebody was."""
        acted = False
        for wish in self.wishes:
            with tenant_context(self.people.tenant.pk):
                run = Run.objects.select_related("conversation").get(pk=wish.run_id)
            if run.status not in ("asking", "confirming", "approving"):
                continue
            acted = True
            self._person(lambda run=run, wish=wish: self._answer(run, wish))
            if self.rng.random() < 0.2:
                self._person(lambda run=run, wish=wish: self._answer(run, wish))
        return acted

    def _answer(self, run: Run, wish: Wish) -> None:
        member = self.people.customer
        if run.status == "asking":
            self.note("the person answers")
            reply(member, run, {"color": "green"})
            return
        agreed = self.rng.random() < 0.85
        in_doubt = any(call["status"] == "in_doubt" for call in run.state["calls"])
        if run.status == "approving":
            waiting = Approval.objects.filter(run=run, status=ApprovalStatus.WAITING).first()
            if waiting is not None:
                self.note(f"an operator says {agreed}")
                decide(self.people.operator, waiting, agreed)
            return
        self.note(f"the person says {agreed}{' to a repetition' if in_doubt else ''}")
        confirm(member, run, agreed)
        wish.repeats += in_doubt and agreed

    def _someone_cancels(self) -> None:
        wish = self.rng.choice(self.wishes)
        with tenant_context(self.people.tenant.pk):
            run = Run.objects.select_related("conversation").get(pk=wish.run_id)
        self.note("the person stops a run")
        self._person(lambda: cancel(self.people.customer, run))

    def _person(self, act: Callable[[], None]) -> None:
        try:
            with tenant_context(self.people.tenant.pk):
                act()
        except FlowError:
            pass  # too late, or twice: the page says so

    # --- time ---

    def sent(self, task: str, args: tuple[str, str], delay: float) -> None:
        """The queue takes a message; one for later comes up when time passes."""
        if not delay and task == "conversations.tasks.advance_run":
            self.queue.append(UUID(args[1]))

    def _sweep(self) -> bool:
        """Time passes: waits are over, dead workers are noticed, the sweeper looks. True when there was something."""
        with tenant_context(self.people.tenant.pk):
            Run.objects.filter(wake_at__isnull=False).update(wake_at=timezone.now() - timedelta(seconds=1))
        return sweep.sweep_runs() > 0

    def note(self, text: str) -> None:
        self.log.append(text)


def _wish(kind: str, name: str, product: LedgerProduct) -> Wish:
    match kind:
        case "look":
            return Wish("look old", [])
        case "make" | "note":
            return Wish(f"{kind} {name}", [("POST", name)])
        case "paint":
            return Wish(f"paint {name} blue", [("PUT", name)])
        case "drop":
            product.items[name] = "grey"
            return Wish(f"drop {name}", [("DELETE", name)])
        case "copy":
            return Wish(f"copy old {name} with its color", [("POST", name)])
        case _:
            names = [f"{name}{letter}" for letter in "abc"]
            return Wish(f"several {' '.join(names)} all in blue", [("POST", each) for each in names])


@contextmanager
def scheduled(history: History, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put the scheduler where the workers' chance and clock are."""
    claim, perform, take_outcome, take_up = advance._claim, advance._perform, advance._take_outcome, advance._take_up

    def hooked_claim(*args: Any) -> Any:
        found = claim(*args)
        if found[1] is not None:
            history.at("after the claim")
        return found

    def hooked_perform(*args: Any) -> Any:
        history.at("before the work")
        event = perform(*args)
        history.at("after the work")
        return event

    def hooked_outcome(*args: Any, **kwargs: Any) -> Any:
        found = take_outcome(*args, **kwargs)
        if found is not None:
            history.at("after the outcome")
        return found

    def hooked_take_up(step: Any) -> Any:
        found = take_up(step)
        history.at("in transaction, at its end")
        return found

    def is_void(until: Any, worker: str) -> bool:
        return until is None or worker in history.void

    with monkeypatch.context() as patch:
        patch.setattr(advance, "_claim", hooked_claim)
        patch.setattr(advance, "_perform", hooked_perform)
        patch.setattr(advance, "_take_outcome", hooked_outcome)
        patch.setattr(advance, "_take_up", hooked_take_up)
        patch.setattr(advance, "lease_is_void", is_void)
        patch.setattr(sweep, "lease_is_void", is_void)
        patch.setattr(advance, "worker_name", lambda: history._at_work[-1])
        patch.setattr("time.sleep", lambda seconds: None)
        patch.setattr("conversations.queue._send", history.sent)
        yield

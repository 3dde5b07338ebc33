"""A run's block on the page is folded from its events alone."""

from __future__ import annotations

import uuid

from django.utils import timezone

from conversations.models import Event
from conversations.transcript import RunBlock, fold

RUN = uuid.UUID(int=1)
CALL = {"id": "c1", "summary": "Delete a user", "method": "DELETE", "target": "/users/user2"}
ASKED = {"text": "I need the password.", "questions": [{"name": "password", "label": "Password", "secret": True}]}


def block_of(*events: tuple[str, dict], run: uuid.UUID = RUN) -> RunBlock:
    rows = [
        Event(run_id=run, sequence=number, kind=kind, data=data, created_at=timezone.now())
        for number, (kind, data) in enumerate(events, 1)
    ]
    (block,) = fold(rows)
    return block


def test_a_new_request_waits_for_a_worker():
    block = block_of(("said", {"text": "Delete user2"}))
    assert (block.said, block.activity, block.outcome, block.pending) == (
        "Delete user2",
        "Waiting for a free worker",
        "",
        None,
    )


def test_the_last_step_is_what_nlops_is_doing():
    block = block_of(("said", {"text": "x"}), ("progress", {"text": "Choosing"}), ("progress", {"text": "Calling"}))
    assert (block.activity, block.steps_before) == ("Calling", ["Choosing"])


def test_a_reply_ends_the_question_and_is_shown_under_its_labels():
    block = block_of(("said", {"text": "x"}), ("asked", ASKED), ("replied", {"values": {"password": "••••••"}}))
    assert block.pending is None
    assert block.exchanges[0].values == [("Password", "••••••")]


def test_a_question_that_comes_back_is_pending_again():
    block = block_of(("asked", ASKED), ("replied", {"values": {}}), ("asked", ASKED))
    assert block.pending is not None
    assert block.pending.sequence == 3


def test_an_approval_shows_who_decided_and_why():
    decided = {
        "call_id": "c1",
        "agreed": False,
        "by": "operator@acme.example",
        "reason": "Keep him",
        "by_requester": False,
    }
    block = block_of(("approval", {"call": CALL}), ("decided", decided))
    (exchange,) = block.exchanges
    assert exchange.text == "operator@acme.example rejected it."
    assert (exchange.reason, exchange.call["summary"]) == ("Keep him", "Delete a user")


def test_the_requesters_own_decision_is_told_as_theirs():
    block = block_of(
        ("confirmation", {"call": CALL}), ("decided", {"agreed": True, "by": "a@b.c", "by_requester": True})
    )
    assert block.exchanges[0].text == "You said yes."


def test_an_expired_approval_tells_its_reason_and_no_person():
    decided = {"agreed": False, "by": "nlops", "reason": "Nobody decided in time.", "by_requester": False}
    assert block_of(("approval", {"call": CALL}), ("decided", decided)).exchanges[0].text == "Nobody decided in time."


def test_the_end_of_a_run_ends_what_was_pending():
    block = block_of(("asked", ASKED), ("cancelled", {"answer": {"text": "Stopped, as you wished."}, "calls": []}))
    assert (block.pending, block.outcome, block.announcement) == (None, "cancelled", "Stopped, as you wished.")


def test_runs_are_kept_apart():
    other = uuid.UUID(int=2)
    rows = [
        Event(run_id=RUN, sequence=1, kind="said", data={"text": "one"}),
        Event(run_id=other, sequence=2, kind="said", data={"text": "two"}),
        Event(run_id=RUN, sequence=3, kind="progress", data={"text": "Choosing"}),
    ]
    assert [(block.said, block.version) for block in fold(rows)] == [("one", 3), ("two", 2)]

"""Every Korean and German case of the suites through the real engine, database and demo product.

The model is scripted: it plays one that reads the language and answers with the calls that the case expects, and
that invents a value wherever one is missing. So what is tested is the engine: where each value was said, computed
dates, and questions, refusals and answers in the language of the request.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from evaluation.expectations import Expectation, ExpectedCall, fits
from evaluation.flows.load_suite import CaseSpec, read_suite
from nlops.core import language
from nlops.core.tools import DATE_TOOL, REFUSE_TOOL
from nlops.core.types import Json, ProvenanceKind
from tests.conftest import make_people
from tests.journeys import Journey, connect_product
from tests.scripted_server import Reply

pytestmark = [pytest.mark.django_db(transaction=True)]

SUITES = Path(__file__).parents[2] / "evaluation" / "suites"
CASES = {code: read_suite(SUITES / f"{name}.yaml") for code, name in (("ko", "korean"), ("de", "german"))}
#: The words for dates in the cases, and what the model calls them in English when the date tool asks it to.
PERIODS = {
    "어제": "yesterday",
    "오늘": "today",
    "그저께": "the day before yesterday",
    "지난주": "last week",
    "이번 달": "this month",
    "지난달": "last month",
    "gestern": "yesterday",
    "letzten Woche": "last week",
}
#: What the model makes up.
INVENTED = {"username": "mueller77", "name": "Operations", "password": "Made-Up-Pass-1", "email": "made@up.example"}
SIGNS = {
    "ko": re.compile(r"[가-힣]{2}"),
    "de": re.compile(r"\b(?:ich|das|die|der|nicht|wurde|gefunden|brauche|ist)\b", re.I),
}


class Model:
    """Answers a case as its expectation says, one call after the other."""

    def __init__(self, case: CaseSpec, turn: int) -> None:
        expected = Expectation.from_json(case.expected)
        self.text = case.turns[turn]
        self.calls = list(expected.calls or ())
        self.asks = expected.asks or frozenset()
        self.refuses = expected.calls == ()
        self.period = next((words for words in PERIODS if words in self.text), "")

    def __call__(self, request: dict[str, Any]) -> Reply:
        results = []
        for message in reversed(request["messages"]):
            if message["role"] != "tool":
                break
            results.append(json.loads(message["content"]))
        if self.refuses:
            return Reply(calls=[(REFUSE_TOOL.name, {"reason": "not here"})])
        if not self.calls:
            return Reply(text="")
        dates: dict[str, Json] = {}
        if any(name in ("from", "to") for name in self.calls[0].arguments):
            dates = results[0] if results else {}
            if "start" not in dates:
                words = PERIODS[self.period] if dates else self.period
                return Reply(calls=[(DATE_TOOL.name, {"expression": words})])
        call = self.calls.pop(0)
        return Reply(calls=[(call.operations[0], self._arguments(call, dates, results))])

    def _arguments(self, call: ExpectedCall, dates: dict[str, Json], results: list[Json]) -> dict[str, Json]:
        arguments = {
            name: dates["start"] if name == "from" else dates["end"] if name == "to" else value
            for name, value in call.arguments.items()
        }
        if not self.calls:
            arguments |= {name: INVENTED[name] for name in self.asks if name not in arguments}
        if call.operations[0] == "create_user":
            arguments["email"] = INVENTED["email"]
        return arguments


@pytest.fixture
def acme(transactional_db, clean_cache, demo_product, scripted_server, settings):
    settings.NLOPS_MODEL = scripted_server.model
    settings.NLOPS_MEMBER_RATE = settings.NLOPS_TENANT_RATE = 0
    people = make_people("acme")
    connect_product(people, demo_product, client=demo_product.client("acme"))
    return people


def test_there_are_enough_cases():
    assert len(CASES["ko"]) >= 40
    assert len(CASES["de"]) >= 15


@pytest.mark.parametrize("code", CASES)
def test_every_case_of_the_language(acme, scripted_server, code):
    """All cases with one connected product, which takes seconds to make; a failure names its cases."""
    failures = []
    for case in CASES[code]:
        try:
            _run(case, code, Journey(acme.customer), scripted_server)
        except AssertionError as error:
            failures.append(f"{case.name}: {error}")
    assert not failures, "\n".join(failures)


def _run(case: CaseSpec, code: str, chat: Journey, server: Any) -> None:
    for turn, text in enumerate(case.turns):
        server.script = Model(case, turn)
        if turn < len(case.turns) - 1:
            first = Expectation.from_json(case.expected).calls
            assert first
            server.script.calls = [ExpectedCall(("get_user",), dict(first[0].arguments))]
        assert language.detect(text) == code, f"{text} is taken for {language.detect(text)}"
        chat.say(text)
    expected = Expectation.from_json(case.expected)
    if expected.statuses and chat.status not in expected.statuses:
        raise AssertionError(f"{chat.status}, {chat.asked}, {chat.calls()}, {chat.answer[:100]}")
    now = timezone.now().astimezone(ZoneInfo(chat.member.user.time_zone))
    assert len(chat.state.calls) == len(expected.calls or ()), chat.calls()
    for wanted, call in zip(expected.calls or (), chat.state.calls, strict=True):
        assert call.tool in wanted.operations
        for name, value in wanted.arguments.items():
            assert fits(value, call.arguments.get(name), now), (name, value, call.arguments)
        _check_origins(call, wanted, chat)
    if expected.asks:
        assert set(chat.asked) == expected.asks
        assert not set(INVENTED.values()) & {
            str(value) for call in chat.state.calls for value in call.arguments.values()
        }
    told = chat.state.question or (chat.state.answer.text if chat.state.answer else "")
    if told:
        assert SIGNS[code].search(told), told


def _check_origins(call: Any, wanted: ExpectedCall, chat: Journey) -> None:
    """What the case expects was said where the place says, or computed; nothing else is in a write."""
    for name, found in call.provenance.items():
        assert found.kind is not ProvenanceKind.INVENTED, (name, call.arguments)
    for name in wanted.arguments:
        found = call.provenance[f"/{name}"]
        if name in ("from", "to"):
            assert found.kind is ProvenanceKind.COMPUTED, (name, found)
        elif found.kind is ProvenanceKind.SAID:
            assert found.place is not None
            quoted = found.text[slice(*found.place)]
            value = call.arguments[name]
            if isinstance(value, str) and name not in ("status", "permission"):
                assert quoted.lower() == value.lower(), (name, quoted)
            assert quoted in " ".join(message for message in _said(chat))
        else:
            assert found.kind is ProvenanceKind.RETURNED, (name, found)


def _said(chat: Journey) -> list[str]:
    return [run.request for run in chat.runs]

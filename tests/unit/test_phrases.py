"""What nlops says in the language of the request."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nlops.core import answers, engine
from nlops.core.phrases import CATALOGUES, en, noun, number, say, speaking, spoken
from nlops.core.types import CallRecord, CallStatus, Completion, Effect, RunStatus, Tool, ToolCall

OTHERS = sorted(set(CATALOGUES) - {"en"})
CREATE = Tool(
    "create_user",
    "Create a user",
    {
        "type": "object",
        "properties": {"username": {"type": "string"}, "email": {"type": "string"}},
        "required": ["username", "email"],
    },
    method="POST",
    path="/users",
    summary="Create a user",
    service="users",
    product="Keyring",
    effect=Effect.WRITE,
)
LIST = Tool("list_users", "List users", {}, method="GET", path="/users", summary="List users")


def places(template: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", template))


@pytest.mark.parametrize("language", OTHERS)
def test_every_language_has_every_sentence_with_the_same_places(language):
    own = CATALOGUES[language].PHRASES
    assert set(own) == set(en.PHRASES)
    for key, template in en.PHRASES.items():
        allowed = places(template)
        assert places(own[key]) <= allowed, key
        # "What was missing" may be said without its kind, nothing else gets lost.
        assert allowed - places(own[key]) == set(), key


def test_no_sentence_is_in_the_catalogue_for_nothing_and_none_is_missing():
    core = Path(answers.__file__).parent
    specs = core.parent.parent / "specs"
    conversations = specs.parent / "conversations"
    code = "\n".join(p.read_text() for p in (*core.glob("*.py"), *specs.rglob("*.py"), *conversations.rglob("*.py")))
    said = set(re.findall(r"say\(\s*[\"'](\w+)[\"']", code))
    assert said == set(en.PHRASES)


def test_another_language_falls_back_to_english_and_nothing_stays_set():
    with speaking("fr"):
        assert say("stopped") == "Stopped, as you wished."
    with speaking("ko"), speaking("de"):
        assert spoken() == "de"
    assert spoken() == "en"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("영업팀", "사용자 영업팀을 생성했습니다."),
        ("김철수", "사용자 김철수를 생성했습니다."),
        ("user1", "사용자 user1을 생성했습니다."),
        ("user2", "사용자 user2를 생성했습니다."),
        ("alice", "사용자 alice을(를) 생성했습니다."),
    ],
)
def test_korean_particles_fit_the_word_before(name, sentence):
    with speaking("ko"):
        assert say("did_to", noun="사용자", name=name, verb="생성") == sentence


def test_what_a_person_wrote_is_never_taken_for_a_particle():
    with speaking("ko"):
        assert "a을(를)b {x}" in say("product_answered", text="a을(를)b {x}")


def test_numbers_and_kinds_are_written_as_the_language_does():
    with speaking("de"):
        assert number(12345) == "12.345"
        assert noun("group", 3) == "Gruppen"
        assert noun("flux capacitor", 3) == "flux capacitor"


@pytest.mark.parametrize(
    ("request_text", "question", "answer"),
    [
        ("user1 생성해줘", "필요합니다: email", "사용자 user1을 생성했습니다."),
        ("Lege den Benutzer user1 an", "brauche ich noch: email", "Benutzer user1 wurde angelegt."),
        ("Create the user user1", "I need the email", "Created the user user1."),
    ],
)
def test_a_run_speaks_the_language_of_its_request(request_text, question, answer):
    context = engine.Context({"create_user": CREATE}, datetime(2026, 3, 4, tzinfo=UTC))
    state = engine.advance(engine.start(request_text), engine.Begun(("x",)), context).state
    asked = Completion(tool_calls=(ToolCall("1", "create_user", {"username": "user1"}),))
    state = engine.advance(state, engine.ModelAnswered(asked), context).state
    assert state.status is RunStatus.ASKING
    assert question in state.question
    state = engine.advance(state, engine.Replied({"email": "a@b.example"}), context).state
    state = engine.advance(state, engine.CallReturned("1", 201, {"username": "user1"}), context).state
    state = engine.advance(state, engine.ModelAnswered(Completion()), context).state
    assert state.answer is not None
    assert state.answer.text == answer


@pytest.mark.parametrize(
    ("language", "none", "two", "many"),
    [
        ("ko", "사용자를 찾지 못했습니다.", "사용자 2건을 찾았습니다.", "사용자 2,345건 중 처음 2건입니다."),
        ("de", "Keine Benutzer gefunden.", "2 Benutzer gefunden.", "Das sind die ersten 2 von 2.345 Benutzer."),
        ("en", "No users found.", "Found 2 users.", "Here are the first 2 of 2,345 users."),
    ],
)
def test_lists_are_told_in_the_language(language, none, two, many):
    rows = [{"username": "a"}, {"username": "b"}]

    def told(body):
        call = CallRecord("1", "list_users", status=CallStatus.SUCCEEDED, http_status=200, response=body)
        return answers.render([call], {"list_users": LIST}).text

    with speaking(language):
        assert [told([]), told(rows), told({"items": rows, "total": 2345})] == [none, two, many]


def test_a_refusal_is_in_the_language():
    with speaking("ko"):
        assert answers.refusal([CREATE]).text.startswith("죄송하지만")
        assert answers.capabilities([CREATE]).text.startswith("안녕하세요")

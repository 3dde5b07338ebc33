"""Prose of a model is shown only when every number, date and name in it is known."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlops.core.support import sentences, supported
from nlops.core.types import CallRecord, CallStatus

USERS = CallRecord(
    "1",
    "list_users",
    {"department": "영업팀"},
    status=CallStatus.SUCCEEDED,
    response={
        "items": [
            {"username": "ada", "first_name": "Ada", "created_at": "2026-11-01T09:30:00+01:00", "logins": 1234},
            {"username": "bob", "first_name": "김철수", "city": "Köln", "ratio": 1.5},
            {"username": "carol", "mfa": True},
        ],
        "total": 2345,
    },
)


@pytest.mark.parametrize(
    "text",
    [
        "There are 3 users: ada, bob and carol.",
        "There are three users.",
        "Ada has 1,234 logins, of 2,345 users in all.",
        "Ada was created on 1 November 2026 at 09:30.",
        "Ada was created on November 1st, a Sunday in November 2026.",
        "Es gibt 3 Benutzer: ada, bob und carol.",
        "Es gibt drei Benutzer.",
        "Ada hat 1.234 Anmeldungen, angelegt am 1. November 2026 um 09:30.",
        "Das Konto wurde am 01.11.2026 erstellt. Die Benutzergruppe hat keine Mitglieder.",
        "Der Benutzer wohnt in Köln, der Wert ist 1,5.",
        "사용자는 3명입니다: ada, bob, carol.",
        "사용자는 세 명입니다.",
        "영업팀의 김철수님은 bob입니다.",
        "ada는 2026년 11월 1일 오전 9시 30분에 생성되었습니다.",
        "ada의 로그인 횟수는 1,234회이고 전체는 2,345건입니다.",
    ],
)
def test_what_is_known_is_supported_in_every_language(text):
    assert supported(text, [USERS], "list the users")


@pytest.mark.parametrize(
    "text",
    [
        "There are four users.",
        "There are 11 users.",
        "The users are ada, bob and dora.",
        "Washington was the first president.",
        "Ada has 1,235 logins.",
        "Ada was created on 2 November 2026.",
        "Ada was created on 1 November 2025.",
        "Ada was created at 10:30.",
        "It lives in Paris.",
        "Es gibt vier Benutzer.",
        "Der erste Präsident war George Washington.",
        "Ada hat 1.235 Anmeldungen.",
        "Angelegt am 2. November 2026.",
        "Washington war der erste.",
        "Der Benutzer wohnt in München.",
        "사용자는 4명입니다.",
        "사용자는 네 명입니다.",
        "초대 대통령은 조지 Washington입니다.",
        "박영희님이 관리자입니다.",
        "박영희가 만들었습니다.",
        "ada는 2026년 11월 2일에 생성되었습니다.",
        "ada는 오후 9시 30분에 생성되었습니다.",
        "이름은 '홍길동'입니다.",
        "dora는 없습니다.",
    ],
)
def test_what_nobody_said_is_not(text):
    assert not supported(text, [USERS], "list the users")


@pytest.mark.parametrize(
    ("text", "complete", "rest"),
    [
        ("One. Two", ["One. "], "Two"),
        ("Am 1. November. Gut", ["Am 1. November. "], "Gut"),
        ("완료했습니다. 다음", ["완료했습니다. "], "다음"),
        ("完了。次", ["完了。"], "次"),
        ("- a\n- b", ["- a\n"], "- b"),
        ("No end", [], "No end"),
    ],
)
def test_sentences_are_complete_when_something_follows(text, complete, rest):
    assert sentences(text) == (complete, rest)


@given(st.text(st.sampled_from("a.1! ?\n。“”'김가Z"), max_size=60))
def test_nothing_of_a_text_is_lost_and_a_complete_sentence_stays_complete(text):
    complete, rest = sentences(text)
    assert "".join(complete) + rest == text
    for cut in range(len(text)):
        early, _ = sentences(text[:cut])
        assert complete[: max(0, len(early) - 1)] == early[:-1]


@given(
    st.text(max_size=80),
    st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda x: st.lists(x, max_size=3)),
)
def test_any_text_gets_a_verdict(text, response):
    supported(text, [CallRecord("1", "x", status=CallStatus.SUCCEEDED, response=response)], text)


@pytest.mark.parametrize("text", ["가" * 20_000, "a" * 20_000, "a, " * 7_000, "김철수가 " * 4_000, "'a" * 10_000])
def test_long_texts_are_checked_in_linear_time(text):
    started = time.thread_time()
    supported(text, [USERS], "list the users")
    assert time.thread_time() - started < 5

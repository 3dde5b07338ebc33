"""A chat message as the answer to a question."""

from __future__ import annotations

import pytest

from nlops.core.replies import parse_reply
from nlops.core.types import Question

NAME = Question("username", "Username")
PASSWORD = Question("password", "Password", secret=True)
DESCRIPTION = Question("description", "Description")


@pytest.mark.parametrize(
    ("text", "questions", "values"),
    [
        ("bob", [NAME], {"username": "bob"}),
        ("username=bob password=Secret-123", [NAME, PASSWORD], {"username": "bob", "password": "Secret-123"}),
        ("username: bob, password: 'a b c'", [NAME, PASSWORD], {"username": "bob", "password": "a b c"}),
        ("the username is bob", [NAME], {"username": "bob"}),
        ('{"username": "bob"}', [NAME, PASSWORD], {"username": "bob"}),
        ("bob", [NAME, PASSWORD], None),
        ("Show me all groups", [NAME], None),
        ("Show me all groups", [DESCRIPTION], {"description": "Show me all groups"}),
        ("Delete4Ever now", [PASSWORD], {"password": "Delete4Ever now"}),
    ],
)
def test_the_words_give_the_values_or_are_another_request(text, questions, values):
    assert parse_reply(text, questions) == values


@pytest.mark.parametrize("text", ["never mind, show me his groups instead", "show bob", "and what about the other one"])
def test_a_sentence_is_no_password(text):
    assert parse_reply(text, [Question("password", "Password", secret=True)]) is None


def test_a_word_that_is_typed_for_a_password_is_one():
    assert parse_reply("Show-me-1!", [Question("password", "Password", secret=True)]) == {"password": "Show-me-1!"}

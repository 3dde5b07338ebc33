"""The model's final words on the page while it writes them: sentence by sentence, and only what the calls support."""

from __future__ import annotations

import uuid

import pytest

from conversations.draft import Draft
from nlops.core.types import CallRecord, CallStatus
from tests.conftest import make_people
from tests.journeys import Journey, connect_product
from tests.scripted_server import Reply

CALLS = [CallRecord("c", "get_user", {"username": "alice"}, status=CallStatus.SUCCEEDED, response={"age": 41})]


@pytest.fixture
def shown(monkeypatch) -> list[str]:
    texts: list[str] = []
    monkeypatch.setattr("conversations.draft.publish_draft", lambda conversation, run, text: texts.append(text))
    return texts


def written(*pieces: str) -> None:
    draft = Draft(uuid.uuid4(), uuid.uuid4(), CALLS, "How old is alice?")
    for piece in pieces:
        draft.add(piece)


def test_whole_sentences_are_shown_as_soon_as_they_stand(shown):
    written("Here is", " alice. She is 4", "1. And", " so on")
    assert shown == ["Here is alice.", "Here is alice. She is 41."]


def test_a_number_is_no_end_of_a_sentence(shown):
    written("She is 41.", "5 years old")
    assert shown == []


def test_from_the_first_unsupported_sentence_on_nothing_is_shown(shown):
    written("Here is alice. ", "She earns 93000. ", "She is 41. ")
    assert shown == ["Here is alice."]


@pytest.mark.django_db(transaction=True)
def test_the_page_sees_the_answer_while_the_model_writes_it(
    transactional_db, clean_cache, demo_product, scripted_server, settings, shown
):
    settings.NLOPS_MODEL = scripted_server.model
    people = make_people("acme")
    connect_product(people, demo_product, client=demo_product.client("acme"))
    scripted_server.will(
        Reply(calls=[("get_user", {"username": "alice"})]),
        Reply(text="The user alice was found. The last name is Meyer. Bye"),
    )
    chat = Journey(people.customer).say("Get the user alice")
    assert chat.status == "answered"
    assert shown[-1] == "The user alice was found. The last name is Meyer."

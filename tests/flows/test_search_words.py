"""A model that writes text is asked for search words first, where the request's own rank nothing before others."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from accounts.context import tenant_context
from conversations.models import Event, Run
from conversations.replay import turns
from nlops.core.prompts import search_words
from nlops.llm.openai_prompt import conversation
from specs.flows.activate_version import activate_version
from specs.flows.process_version import process_version
from specs.flows.set_policy import set_policies
from specs.flows.upload_version import upload_version
from specs.models import Product
from tests.conftest import make_people
from tests.journeys import Journey
from tests.scripted_server import Reply

pytestmark = [pytest.mark.django_db(transaction=True)]

#: Nobody can tell from its words what it is about.
VAGUE = "bob moved, sort it out"
REFUSED = Reply(calls=[("refuse", {})])


def described(number: int) -> bytes:
    """A description with that many operations."""
    paths = {
        f"/part{place}s/items": {"get": {"tags": [f"Part {place}"], "summary": f"List all items of part {place}"}}
        for place in range(number - 1)
    }
    paths["/postal-addresses/{id}"] = {
        "put": {
            "tags": ["Addresses"],
            "summary": "Change a postal address",
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
        }
    }
    return json.dumps({"openapi": "3.1.0", "info": {"title": "Post", "version": "1"}, "paths": paths}).encode()


@pytest.fixture
def chat(transactional_db, clean_cache, scripted_server, settings, request):
    settings.NLOPS_MODEL = scripted_server.model
    people = make_people("acme")
    with tenant_context(people.tenant.pk):
        product = Product.objects.create(tenant=people.tenant, name="Post", slug="post")
        version = upload_version(product, described(getattr(request, "param", 150)), "post.json")
    process_version(people.tenant.pk, version.pk)
    with tenant_context(people.tenant.pk):
        version.refresh_from_db()
        activate_version(version, people.operator)
        set_policies(product, {row.key: "allow" for row in version.operations.all()}, people.operator)
    return Journey(people.customer)


def tools_of(request) -> set[str]:
    return {tool["function"]["name"] for tool in request.get("tools", [])}


def test_the_models_words_find_what_the_requests_do_not(chat, scripted_server):
    scripted_server.will(Reply(text="update postal address"), REFUSED)
    chat.say(VAGUE)
    asked, chosen = scripted_server.requests
    assert "tools" not in asked
    assert VAGUE in asked["messages"][1]["content"]
    assert "Addresses" in asked["messages"][0]["content"]
    assert any("postal" in name for name in tools_of(chosen))
    assert chat.status == "refused"
    assert chat.state.search_words == ["update", "postal", "address"]
    assert chat.run.prompt_tokens == 20


def test_what_was_asked_and_answered_can_be_told_afterwards(chat, scripted_server):
    scripted_server.will(Reply(text="update postal address"), REFUSED)
    chat.say(VAGUE)
    with tenant_context(chat.tenant_id):
        found = turns(Run.objects.get(pk=chat.run.pk))
    assert [conversation(turn.messages) for turn in found] == [one["messages"] for one in scripted_server.requests]
    assert all(turn.is_intact for turn in found)
    assert found[0].answer["words"] == ["update", "postal", "address"]
    assert found[1].answer["tool_calls"]


def test_a_model_that_gives_no_words_keeps_nothing_from_being_ranked(chat, scripted_server):
    scripted_server.will(Reply(status=400), REFUSED)
    chat.say(VAGUE)
    assert chat.status == "refused"
    assert chat.state.search_words == []
    assert len(scripted_server.requests) == 2


def test_words_are_asked_for_once_even_when_the_turn_after_them_is_repeated(chat, scripted_server):
    scripted_server.will(Reply(text="update postal address"), Reply(status=503, headers={"retry-after": "0"}), REFUSED)
    chat.say(VAGUE)
    assert chat.status == "refused"
    with tenant_context(chat.tenant_id):
        assert Event.objects.filter(run=chat.run, kind="searching").count() == 1


def test_a_request_whose_words_tell_asks_for_none(chat, scripted_server):
    scripted_server.will(REFUSED)
    chat.say("Change the postal address a7")
    assert len(scripted_server.requests) == 1
    assert chat.state.search_words is None


def test_a_request_in_another_language_asks_for_words(chat, scripted_server):
    scripted_server.will(Reply(text="change postal address"), REFUSED)
    chat.say("밥이 이사했으니 주소를 바꿔 줘")
    assert any("postal" in name for name in tools_of(scripted_server.requests[1]))


@pytest.mark.parametrize("chat", [40], indirect=True)
def test_of_few_operations_the_model_sees_enough_anyway(chat, scripted_server):
    scripted_server.will(REFUSED)
    chat.say(VAGUE)
    assert len(scripted_server.requests) == 1


def test_the_persons_page_tells_nothing_of_it(chat, scripted_server, browse):
    scripted_server.will(Reply(text="update postal address"), REFUSED)
    chat.say(VAGUE)
    page = browse(chat.member).get(reverse("conversation", args=[chat.conversation.pk])).content.decode()
    assert VAGUE in page
    assert "update postal address" not in page


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("list billing history", ("list", "billing", "history")),
        ("Words: list, Billing; list\nhistory.", ("list", "billing", "history")),
        ('{"words": ["list-items", "x"]}', ("list-items",)),
        ("", ()),
        ("예", ()),
        (
            "ab " * 3 + " ".join(f"word{letter}" for letter in "abcdefghijklmnop"),
            ("ab", *(f"word{c}" for c in "abcdefghi")),
        ),
    ],
)
def test_only_words_are_taken_from_what_a_model_writes(text, words):
    assert search_words(text) == words

"""What a model saw can be told afterwards, word by word: rebuilt from the run's prompt and its events."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import call_command

from accounts.context import tenant_context
from conversations.flows.close_conversation import close_conversation
from conversations.ledger import usage
from conversations.models import PromptVersion, Run, UsageDay
from conversations.replay import turns
from nlops.core import prompts
from nlops.llm.openai_prompt import conversation, offered_tools, tool_definition
from tests.conftest import make_people
from tests.journeys import Journey, connect_product
from tests.scripted_server import Reply

pytestmark = [pytest.mark.django_db(transaction=True)]

PASSWORD = "Correct-Horse-7"


@pytest.fixture
def acme(transactional_db, clean_cache, demo_product, scripted_server, settings):
    settings.NLOPS_MODEL = scripted_server.model
    people = make_people("acme")
    connect_product(people, demo_product, client=demo_product.client("acme"))
    return people


@pytest.fixture
def chat(acme) -> Journey:
    return Journey(acme.customer)


def assert_rebuilt(chat, requests) -> None:
    """Every model turn of the journey's runs, from the database, is what the server received."""
    with tenant_context(chat.tenant_id):
        found = [turn for run in chat.runs for turn in turns(Run.objects.get(pk=run.pk))]
        assert len(found) == len(requests)
        for turn, request in zip(found, requests, strict=True):
            assert turn.is_intact
            assert conversation(turn.messages) == request["messages"]
            offered = offered_tools([offered.tool for offered in turn.tools])
            assert [tool_definition(tool) for tool in offered] == request["tools"]


def test_every_turn_is_rebuilt_with_history_results_questions_and_secrets_hidden(chat, scripted_server, unique):
    scripted_server.will(
        Reply(calls=[("get_user", {"username": "alice"}), ("get_user", {"username": "bernd"})]), Reply(text="")
    )
    chat.say("Get the users alice and bernd")
    scripted_server.will(Reply(calls=[("create_user", {"username": unique, "first_name": "Al"})]), Reply(text=""))
    chat.say(f"Create a user {unique} with the first name Al").reply(password=PASSWORD).confirm()
    assert chat.status == "answered", chat.answer
    scripted_server.will(Reply(calls=[("refuse", {})]))
    chat.say("알리스의 급여는?")
    assert_rebuilt(chat, scripted_server.requests)
    assert PASSWORD not in json.dumps(scripted_server.requests)
    with tenant_context(chat.tenant_id):
        close_conversation(chat.conversation)
        assert Run.objects.get(pk=chat.runs[0].pk).state == {}
    assert_rebuilt(chat, scripted_server.requests)


def test_a_turn_whose_prompt_is_not_what_was_sent_says_so(chat, scripted_server):
    scripted_server.will(Reply(calls=[("get_user", {"username": "alice"})]), Reply(text=""))
    chat.say("Get the user alice")
    with tenant_context(chat.tenant_id):
        run = Run.objects.get(pk=chat.run.pk)
        first, second = turns(run)
        assert second.messages[: len(first.messages)] == first.messages
        assert first.answer["tool_calls"][0]["name"] == "get_user"
        run.system_prompt += " And lie."
        assert not turns(run)[0].is_intact


def test_the_run_keeps_its_prompt_and_the_version_of_it(chat, scripted_server):
    scripted_server.will(Reply(calls=[("get_user", {"username": "alice"})]), Reply(text=""))
    chat.say("Get the user alice")
    with tenant_context(chat.tenant_id):
        run = Run.objects.get(pk=chat.run.pk)
        assert (run.prompt.text, run.prompt.number, run.prompt.origin) == (prompts.SHIPPED, 1, "shipped")
        assert run.prompt.sha256 == prompts.digest(prompts.SHIPPED)
        assert run.prompt_version == f"1:{run.prompt.sha256[:12]}"
        assert run.system_prompt == scripted_server.requests[0]["messages"][0]["content"]
        assert run.system_prompt.startswith(prompts.FIXED_RULES)
        assert PromptVersion.objects.count() == 1
    output = io.StringIO()
    call_command("replay", str(run.pk), "--tenant", "acme", stdout=output)
    assert "[user] Get the user alice" in output.getvalue()
    assert "turn 2" in output.getvalue()


def test_tokens_and_cost_are_kept_by_run_and_added_up_by_member_and_day(chat, acme, scripted_server, settings):
    settings.NLOPS_MODEL_PRICES = json.dumps({"scripted*": {"prompt": 2, "completion": 10}})
    for _ in range(2):
        scripted_server.will(Reply(calls=[("get_user", {"username": "alice"})]), Reply(text=""))
        chat.say("Get the user alice")
    with tenant_context(chat.tenant_id):
        run = Run.objects.get(pk=chat.run.pk)
        assert (run.prompt_tokens, run.completion_tokens, run.cost) == (20, 10, 140)
        day = UsageDay.objects.get()
        assert (day.requests, day.prompt_tokens, day.completion_tokens, day.cost) == (2, 40, 20, 280)
        assert day.member == acme.customer
    scripted_server.will(Reply(calls=[("create_user", {"username": "x1"})]))
    chat.say("Create a user x1")
    assert chat.status == "asking"
    with tenant_context(chat.tenant_id):
        today = run.created_at.date()
        [row] = usage(today, today, "member")
        assert (row.key, row.requests, row.cost) == ("customer@acme.example", 3, 280 + 70)
        chat.conversation.delete()
        [row] = usage(today, today, "day")
        assert (row.key, row.requests, row.cost) == (today.isoformat(), 2, 280)

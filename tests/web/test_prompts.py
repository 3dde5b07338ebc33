"""The prompt's page, its activation, and what it can't do; the page "Usage"."""

from __future__ import annotations

from html import unescape

import pytest
from django.utils import timezone

from accounts.context import tenant_context
from conversations.flows import FlowError
from conversations.flows.activate_prompt import activate_prompt
from conversations.flows.save_prompt import PromptRefused, save_prompt
from conversations.ledger import add_to_ledger
from conversations.models import PromptActivation, PromptVersion, Run
from conversations.prompting import active_version, add_version, prompted, shipped_version
from conversations.recording import append_events
from nlops.core import prompts
from nlops.core.tools import OWN_TOOLS
from nlops.core.types import Message, Role
from nlops.llm.base import Limits
from tests.web.conftest import make_product, make_run

OURS = "You help {products}.\n{examples}\nNow: {now}"


def test_the_shipped_text_is_a_version_by_itself_and_a_changed_one_the_next(acme, monkeypatch):
    first = active_version(acme.tenant.pk)
    assert (first.number, first.text, first.origin) == (1, prompts.SHIPPED, "shipped")
    changed = prompts.SHIPPED + "\nBe brief."
    monkeypatch.setattr(prompts, "SHIPPED", changed)
    monkeypatch.setattr("conversations.prompting._SHIPPED_SHA256", prompts.digest(changed))
    second = active_version(acme.tenant.pk)
    assert (second.number, second.text) == (2, changed)
    assert PromptVersion.objects.get(number=1).text == first.text


def test_a_chosen_version_stays_when_nlops_ships_another_text(acme, monkeypatch):
    ours = save_prompt(acme.operator, OURS)
    activate_prompt(acme.operator, ours)
    changed = prompts.SHIPPED + "\nBe brief."
    monkeypatch.setattr(prompts, "SHIPPED", changed)
    monkeypatch.setattr("conversations.prompting._SHIPPED_SHA256", prompts.digest(changed))
    shipped_version(acme.tenant.pk)
    assert active_version(acme.tenant.pk) == ours
    activate_prompt(acme.operator, None)
    assert active_version(acme.tenant.pk).text == changed


def test_a_roll_back_is_recorded(acme):
    shipped = active_version(acme.tenant.pk)
    ours = save_prompt(acme.operator, OURS, "shorter")
    assert not activate_prompt(acme.operator, ours).is_roll_back
    assert activate_prompt(acme.operator, shipped).is_roll_back
    assert active_version(acme.tenant.pk) == shipped
    assert list(PromptActivation.objects.values_list("number", "version__number", "is_roll_back")) == [
        (2, 1, True),
        (1, 2, False),
    ]


def test_the_same_text_is_the_same_version(acme):
    assert save_prompt(acme.operator, OURS).number == save_prompt(acme.reviewer, OURS + "\r\n").number


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("You help. {examples} {now}", "{products}"),
        ("{products} {examples}", "{now}"),
        (OURS + " {tools}", "{tools}"),
        (OURS + " {now}", "{now}"),
        (OURS + "x" * 8000, "characters"),
    ],
)
def test_a_text_that_lacks_something_is_refused_and_told_why(acme, text, named):
    with pytest.raises(PromptRefused) as caught:
        save_prompt(acme.operator, text)
    assert named in str(caught.value)


def test_no_text_takes_the_fixed_rules_out(acme):
    rendered = prompts.render(OURS, products=["Keyring"], now=timezone.now())
    assert rendered.startswith(prompts.FIXED_RULES)
    for rule in ("are data", "Never invent", "refuse"):
        assert rule in prompts.FIXED_RULES


def test_only_operators_and_owners_activate_and_customers_do_not_write(acme):
    version = save_prompt(acme.reviewer, OURS)
    for member in (acme.reviewer, acme.customer):
        with pytest.raises(FlowError):
            activate_prompt(member, version)
    with pytest.raises(FlowError):
        save_prompt(acme.customer, OURS)


def test_another_tenant_sees_nothing_of_it(acme, globex):
    activate_prompt(acme.operator, save_prompt(acme.operator, OURS))
    with tenant_context(globex.tenant.pk):
        assert active_version(globex.tenant.pk).text == prompts.SHIPPED
        assert not PromptVersion.objects.filter(text=OURS).exists()


def test_a_version_is_written_previewed_compared_and_activated_on_the_page(acme, browse):
    make_product(acme.operator)
    client = browse(acme.operator)
    page = client.get("/prompt/").content.decode()
    assert "as shipped" in page
    shown = client.post("/prompt/", {"text": OURS, "preview": "1", "sample": "Get user1"})
    assert "You help the product.\nExamples, of another product" in unescape(shown.content.decode())
    assert PromptVersion.objects.count() == 1, "a preview saves nothing"
    response = client.post("/prompt/", {"text": OURS, "note": "shorter"})
    assert response.headers["Location"] == "/prompt/2/"
    version = client.get("/prompt/2/").content.decode()
    assert "<del>" in version
    assert "Activate" in version
    client.post("/prompt/2/activate/")
    assert active_version(acme.tenant.pk).number == 2
    assert "Roll back to it" in client.get("/prompt/1/").content.decode()
    client.post("/prompt/0/activate/")
    assert active_version(acme.tenant.pk).number == 1


def test_a_refused_text_stays_in_the_form_with_the_reason(acme, browse):
    response = browse(acme.operator).post("/prompt/", {"text": "Be nice, {name}."})
    assert response.status_code == 422
    content = response.content.decode()
    assert "Be nice, {name}." in content
    assert "{examples} (worked examples that are like the request)" in content


def test_a_customer_opens_neither_page(acme, browse):
    client = browse(acme.customer)
    assert client.get("/prompt/").status_code == 403
    assert client.get("/usage/").status_code == 403
    assert client.get("/usage.csv").status_code == 403
    assert "Usage" not in client.get("/profile/").content.decode()


def finished(member, *, cost: int, model: str = "openai:gpt") -> Run:
    run = make_run(member, status="answered")
    run.model, run.prompt_tokens, run.completion_tokens, run.cost = model, 1000, 100, cost
    run.finished_at = timezone.now()
    run.save()
    add_to_ledger(run)
    return run


def test_usage_is_shown_by_member_and_day_and_as_csv(acme, globex, browse):
    finished(acme.customer, cost=1_500_000)
    finished(acme.customer, cost=500_000)
    finished(acme.operator, cost=250_000, model="=cmd()")
    with tenant_context(globex.tenant.pk):
        finished(globex.customer, cost=77_000_000)
    client = browse(acme.owner)
    content = client.get("/usage/").content.decode()
    assert "2.250000" in content
    assert "2.000000" in content
    assert "3,000" in content
    assert "77." not in content
    lines = client.get("/usage.csv?by=member").content.decode().splitlines()
    assert lines[0] == "member,requests,prompt_tokens,cached_tokens,completion_tokens,cost"
    assert lines[1] == "customer@acme.example,2,2000,0,200,2.000000"
    assert "'=cmd()" in client.get("/usage.csv?by=model").content.decode()
    assert "Nobody asked" in client.get("/usage/?month=2020-02").content.decode()


def test_two_versions_of_the_same_number_can_not_be_made_at_once(acme):
    assert [add_version(acme.tenant.pk, f"{OURS} {n}").number for n in range(3)] == [1, 2, 3]


def test_the_rest_api_writes_lists_and_activates_versions(acme, browse):
    client = browse(acme.operator)
    made = client.post("/api/v1/prompts/", {"text": OURS, "note": "n"}, content_type="application/json")
    assert made.status_code == 201, made.content
    assert (made.json()["origin"], made.json()["author"], made.json()["is_active"]) == (
        "tenant",
        "operator@acme.example",
        False,
    )
    number = made.json()["number"]
    assert client.post(f"/api/v1/prompts/{number}/activate/").json()["is_active"]
    assert [entry["is_active"] for entry in client.get("/api/v1/prompts/").json()].count(True) == 1
    refused = client.post("/api/v1/prompts/", {"text": "x"}, content_type="application/json")
    assert refused.status_code == 409
    assert "{products}" in refused.json()["detail"]
    assert client.post("/api/v1/prompts/0/activate/").json()["text"] == prompts.SHIPPED
    assert browse(acme.reviewer).post(f"/api/v1/prompts/{number}/activate/").status_code == 403
    assert browse(acme.customer).get("/api/v1/prompts/").status_code == 403


def test_usage_by_rest_takes_a_period(acme, browse):
    finished(acme.customer, cost=1_500_000)
    client = browse(acme.operator)
    [row] = client.get("/api/v1/usage/?by=day").json()
    assert (row["requests"], row["cost"]) == (1, 1_500_000)
    assert client.get("/api/v1/usage/?since=2020-01-01&until=2020-12-31").json() == []
    assert client.get("/api/v1/usage/?by=weather").status_code == 400
    assert browse(acme.reviewer).get("/api/v1/usage/").status_code == 403


def test_only_reviewers_read_what_a_model_saw_and_the_transcript_of_a_member_has_no_prompts(acme, globex, browse):
    run = make_run(acme.customer)
    append_prompted(run)
    [turn] = browse(acme.reviewer).get(f"/api/v1/runs/{run.pk}/turns/").json()
    assert turn["is_intact"]
    assert [message["role"] for message in turn["messages"]] == ["system", "user"]
    assert turn["tools"][0]["is_unchanged"]
    page = browse(acme.reviewer).get(f"/admin/conversations/run/{run.pk}/change/").content.decode()
    assert "The rules of this run" in page
    customer = browse(acme.customer)
    assert customer.get(f"/api/v1/runs/{run.pk}/turns/").status_code == 403
    assert "prompted" not in customer.get(f"/api/v1/runs/{run.pk}/").content.decode()
    assert browse(globex.reviewer).get(f"/api/v1/runs/{run.pk}/turns/").status_code == 404


def test_the_admin_lists_prompts_and_usage(acme, browse):
    activate_prompt(acme.operator, save_prompt(acme.operator, OURS))
    finished(acme.customer, cost=1)
    client = browse(acme.owner)
    for model in ("promptversion", "promptactivation", "usageday", "run"):
        assert client.get(f"/admin/conversations/{model}/").status_code == 200
    assert client.get("/admin/specs/example/").status_code == 200


def append_prompted(run: Run) -> None:
    run.system_prompt = "The rules of this run"
    messages = [Message(Role.SYSTEM, run.system_prompt), Message(Role.USER, run.request)]
    append_events(run, [prompted(run, messages, OWN_TOOLS, Limits(), [])])
    run.save()

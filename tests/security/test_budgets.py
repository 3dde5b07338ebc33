"""Model budgets of a day: warnings, refusals, whose they are and who may set them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts.context import tenant_context
from accounts.models import AuditEntry, Member
from conversations.budget import BudgetSpent, banner, check_budget, standing
from conversations.flows.advance import work_on
from conversations.flows.ask import ask
from conversations.flows.set_budget import BudgetRefused, set_budget
from conversations.ledger import add_to_ledger
from conversations.models import Budget, Run
from nlops.core.types import RunStatus
from tests.web.conftest import make_run

pytestmark = pytest.mark.slow


def use(member: Member, tokens: int, cost: int = 0, *, days_ago: int = 0, finished: bool = True) -> Run:
    """A request of the member that used so much."""
    run = make_run(member, status="answered" if finished else "working")
    run.prompt_tokens, run.completion_tokens, run.cost = tokens - tokens // 10, tokens // 10, cost
    run.created_at = timezone.now() - timedelta(days=days_ago)
    run.finished_at = run.created_at if finished else None
    run.save()
    if finished:
        add_to_ledger(run)
    return run


def reached() -> list[str]:
    return [entry.data["limit"] for entry in AuditEntry.objects.filter(action="budget_reached").order_by("number")]


def test_at_the_soft_limit_people_are_told_and_at_the_hard_one_refused(acme):
    set_budget(acme.owner, "tokens", {"soft": 800, "hard": 1000})
    use(acme.customer, 700)
    check_budget(acme.customer)
    assert banner(acme.operator) == ""
    use(acme.operator, 150, finished=False)  # what is still open counts, too
    check_budget(acme.customer)
    check_budget(acme.customer)
    assert reached() == ["soft limit of the tenant"]  # once a day
    assert (
        banner(acme.operator) == "850 tokens of models were used today of 1,000 tokens, at which nothing new is begun."
    )
    assert banner(acme.customer) == ""
    use(acme.operator, 150)
    with pytest.raises(BudgetSpent) as refused:
        ask(acme.customer, "Get the user user1")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    assert abs(refused.value.retry_after - (tomorrow - timezone.now()).total_seconds()) < 60
    said = str(refused.value)
    assert said.startswith("Today's model budget of Acme is used up. It goes on at 0")
    assert "(Europe/Berlin)" in said
    assert "used up" in banner(acme.customer)
    assert reached() == ["soft limit of the tenant", "hard limit of the tenant"]


def test_a_members_own_limit_is_nobody_elses(acme):
    set_budget(acme.owner, "tokens", {"member_soft": 50, "member_hard": 100})
    use(acme.customer, 60)
    check_budget(acme.customer)
    assert banner(acme.customer) == "You have used 60 tokens of 100 tokens of your model budget today."
    use(acme.customer, 40)
    with pytest.raises(BudgetSpent, match="Your own model budget for today is used up"):
        check_budget(acme.customer)
    check_budget(acme.operator)


def test_a_budget_in_money(acme):
    set_budget(acme.owner, "cost", {"hard": 2_000_000})
    use(acme.customer, 10**9, cost=1_999_999)
    check_budget(acme.customer)
    use(acme.customer, 0, cost=1)
    with pytest.raises(BudgetSpent):
        check_budget(acme.customer)


def test_yesterday_and_other_tenants_do_not_count(acme, globex):
    set_budget(acme.owner, "tokens", {"hard": 100})
    use(acme.customer, 1000, days_ago=1)
    with tenant_context(globex.tenant.pk):
        use(globex.customer, 1000)
        assert standing(globex.customer) is None
        check_budget(globex.customer)
    assert standing(acme.customer).used == 0
    check_budget(acme.customer)


def test_without_a_budget_it_takes_one_statement(acme, django_assert_num_queries):
    with django_assert_num_queries(1):
        check_budget(acme.customer)


def test_what_was_admitted_before_is_held_when_it_begins(acme):
    """A flood that came in while there was something left does not use many times as much."""
    set_budget(acme.owner, "tokens", {"hard": 100})
    run = ask(acme.customer, "Get the user user1")
    use(acme.operator, 100)
    work_on(acme.tenant.pk, run.pk)
    run.refresh_from_db()
    assert run.status == RunStatus.FAILED
    assert "used up" in str([event.data for event in run.events.all()])
    assert run.prompt_tokens == 0


def test_owners_set_it_on_a_page_and_over_rest(acme, browse):
    client = browse(acme.owner)
    assert client.post("/usage/budget/", {"measure": "cost", "soft": "1.50", "hard": "2"}).status_code == 302
    budget = Budget.objects.get()
    assert (budget.soft, budget.hard, budget.member_hard) == (1_500_000, 2_000_000, None)
    assert 'value="1.5"' in client.get("/usage/budget/").content.decode()
    use(acme.customer, 0, cost=2_000_000)
    assert "used up" in client.get("/usage/").content.decode()
    refused = browse(acme.customer).post("/", {"text": "Get the user user1"}, headers={"HX-Request": "true"})
    assert refused.status_code == 429
    assert "used up" in refused.content.decode()
    by_script = browse(acme.customer).post("/api/v1/ask/", {"text": "Get the user user1"}, "application/json")
    assert by_script.status_code == 429
    assert int(by_script.headers["Retry-After"]) > 0
    over_rest = client.put("/api/v1/usage/budget/", {"measure": "tokens", "hard": 5}, "application/json")
    assert over_rest.json() == {
        "measure": "tokens", "soft": None, "hard": 5, "member_soft": None, "member_hard": None,
    }  # fmt: skip
    wrong = client.post("/usage/budget/", {"measure": "tokens", "soft": "9", "hard": "3"})
    assert wrong.status_code == 422
    assert "never be given" in wrong.content.decode()
    assert client.post("/usage/budget/", {"measure": "tokens"}).status_code == 302
    assert not Budget.objects.exists()
    assert AuditEntry.objects.filter(action="budget_changed").count() == 3


def test_nobody_else_sets_it(acme, browse):
    for member in (acme.customer, acme.operator, acme.reviewer):
        assert browse(member).post("/usage/budget/", {"measure": "tokens", "hard": "1"}).status_code == 403
        assert browse(member).put("/api/v1/usage/budget/", {"measure": "tokens"}, "application/json").status_code == 403
        with pytest.raises(BudgetRefused, match="role owner"):
            set_budget(member, "tokens", {"hard": 1})

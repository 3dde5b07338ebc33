"""People who act at the same moment: one effect at most, whatever the order comes to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from accounts.context import tenant_context
from accounts.flows.set_mode import set_tenant_mode
from accounts.models import MemberRole
from conversations.flows import FlowError
from conversations.flows.advance import work_on
from conversations.flows.cancel import cancel
from conversations.flows.decide import decide
from conversations.models import Approval, Attempt
from specs.flows.save_connection import save_connection
from specs.flows.set_policy import set_policies
from specs.models import Product
from tests.factories import MemberFactory
from tests.journeys import Journey

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def acme(connected):
    return connected


@pytest.fixture
def name(acme, demo_product, unique) -> str:
    demo_product.api("POST", "/users", {"username": unique, "password": "Correct-Horse-7"})
    return unique


@pytest.fixture
def deletion(acme, name) -> Journey:
    chat = Journey(acme.customer).say(f"Delete the user {name}")
    assert chat.status == "approving"
    return chat


def waiting(chat: Journey) -> Approval:
    with tenant_context(chat.tenant_id):
        return chat.approval


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What each of the acts came to, all begun at the same moment: a result or the FlowError."""
    barrier, results = threading.Barrier(len(acts)), [None] * len(acts)

    def run(number: int, act: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            results[number] = act()
        except FlowError as error:
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def in_tenant(chat: Journey, act: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    def run() -> str:
        with tenant_context(chat.tenant_id):
            act(*arguments)
        return "done"

    return run


def attempts(chat: Journey) -> int:
    with tenant_context(chat.tenant_id):
        return Attempt.objects.filter(call__run=chat.run).count()


def test_two_approvers_at_once_make_one_decision_and_one_effect(acme, deletion, name, demo_product):
    with tenant_context(acme.tenant.pk):
        second = MemberFactory(tenant=acme.tenant, role=MemberRole.OPERATOR, user__email="second@acme.example")
    approval = waiting(deletion)
    results = at_once(
        in_tenant(deletion, decide, acme.operator, approval, True), in_tenant(deletion, decide, second, approval, True)
    )
    assert sorted(isinstance(result, FlowError) for result in results) == [False, True]
    deletion.work()
    assert attempts(deletion) == 1
    assert demo_product.api("GET", f"/users/{name}").status == 404


def test_one_approves_while_the_other_rejects_and_the_first_word_holds(acme, deletion, name, demo_product):
    approval = waiting(deletion)
    results = at_once(
        in_tenant(deletion, decide, acme.operator, approval, True),
        in_tenant(deletion, decide, acme.owner, approval, False),
    )
    assert sorted(isinstance(result, FlowError) for result in results) == [False, True]
    deletion.work()
    approved = results[0] == "done"
    assert attempts(deletion) == int(approved)
    assert demo_product.api("GET", f"/users/{name}").status == (404 if approved else 200)


def test_the_same_approval_fifty_times_in_parallel_has_one_effect(acme, deletion, name, demo_product):
    approval = waiting(deletion)
    results = at_once(*[in_tenant(deletion, decide, acme.operator, approval, True)] * 50)
    assert results.count("done") == 1
    at_once(*[lambda: work_on(deletion.tenant_id, deletion.run.pk)] * 8)
    deletion.work()
    assert deletion.status == "answered"
    assert attempts(deletion) == 1


def test_approving_while_the_requester_stops_it(acme, deletion, name, demo_product):
    approval = waiting(deletion)
    at_once(
        in_tenant(deletion, decide, acme.operator, approval, True),
        in_tenant(deletion, cancel, acme.customer, deletion.run),
    )
    deletion.work()
    gone = demo_product.api("GET", f"/users/{name}").status == 404
    assert attempts(deletion) == int(gone)
    assert (deletion.status == "answered") is gone, (deletion.status, deletion.answer)


@pytest.mark.parametrize("change", ["denied", "stricter whitelist", "connection", "membership", "stopped"])
def test_what_changes_between_the_approval_and_the_dispatch_stops_the_call(acme, deletion, name, demo_product, change):
    with tenant_context(acme.tenant.pk):
        product = Product.objects.get()
        decide(acme.operator, waiting(deletion), True)
        match change:
            case "denied":
                set_policies(product, {"DELETE /users/{username}": "deny"}, acme.operator)
            case "stricter whitelist":
                set_policies(product, {"DELETE /users/{username}": None}, acme.operator)
            case "connection":
                save_connection(product, base_url=f"{demo_product.base_url}/elsewhere")
            case "membership":
                acme.customer.is_active = False
                acme.customer.save()
            case "stopped":
                set_tenant_mode(acme.tenant, "stopped", "an incident")
    deletion.work()
    assert demo_product.api("GET", f"/users/{name}").status == 200
    assert attempts(deletion) == 0
    assert deletion.run.finished_at is not None


def test_an_approval_is_used_once(acme, deletion, name, demo_product):
    approval = waiting(deletion)
    deletion.decide_on(acme.operator, approval, True)
    demo_product.api("POST", "/users", {"username": name, "password": "Correct-Horse-7"})
    with tenant_context(acme.tenant.pk), pytest.raises(FlowError, match="used already"):
        decide(acme.operator, approval, True)
    deletion.work()
    again = Journey(acme.customer).say(f"Delete the user {name}")
    assert again.status == "approving"
    assert demo_product.api("GET", f"/users/{name}").status == 200

"""Members, invitations and sign-in pages, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from accounts.context import tenant_context
from accounts.models import Member
from conversations.ledger import add_to_ledger
from tests.browser.test_pages import address, chromium, people, visit  # noqa: F401
from tests.web.conftest import make_run

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("width", [390, 1280])
def test_an_owner_invites_and_the_person_joins(people, visit, width, tmp_path):  # noqa: F811
    page = visit(people.owner, "/members/", width)
    page.locator("#id_email").fill("nia@acme.example")
    page.locator("#id_role").select_option("operator")
    page.screenshot(path=tmp_path / f"members-{width}.png", full_page=True)
    page.get_by_role("button", name="Invite").click()
    link = page.locator("code").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.screenshot(path=tmp_path / f"invited-{width}.png", full_page=True)

    page.context.clear_cookies()
    page.goto(link)
    expect(page.get_by_role("heading", name="Join Acme")).to_be_visible()
    assert "#" not in page.url
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.screenshot(path=tmp_path / f"join-{width}.png", full_page=True)
    page.get_by_role("button", name="Use this device's time zone").click()
    page.locator("#id_password").fill("seven-grey-otters")
    page.get_by_role("button", name="Join").click()
    expect(page.get_by_role("heading", name="Before you start")).to_be_visible()
    with tenant_context(people.tenant.pk):
        assert Member.objects.get(user__email="nia@acme.example").role == "operator"


@pytest.mark.parametrize("width", [390, 1280])
def test_the_pages_of_sessions_and_the_budget_fit(people, visit, width, tmp_path):  # noqa: F811
    with tenant_context(people.tenant.pk):
        run = make_run(people.customer, status="answered")
        run.prompt_tokens, run.finished_at = 85_000, run.created_at
        run.save()
        add_to_ledger(run)
    page = visit(people.owner, "/usage/budget/", width)
    page.locator("#id_soft").fill("80000")
    page.locator("#id_hard").fill("100000")
    page.get_by_role("button", name="Set").click()
    expect(page.get_by_role("status").first).to_contain_text("85,000 tokens of models were used today of 100,000")
    for path in ("/usage/budget/", "/accounts/sessions/", "/profile/", "/usage/"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        page.screenshot(path=tmp_path / f"{path.strip('/').replace('/', '-')}-{width}.png", full_page=True)

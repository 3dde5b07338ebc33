"""Members, invitations and sign-in pages, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from accounts.context import tenant_context
from accounts.models import Member
from tests.browser.test_pages import address, chromium, people, visit  # noqa: F401

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

"""Members, invitations and sign-in pages, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from accounts.context import tenant_context
from accounts.models import Member
from conversations.ledger import add_to_ledger
from tests.browser.test_pages import PASSWORD, address, chromium, people, visit  # noqa: F401
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


def test_a_security_key_is_a_second_factor(people, chromium, address, tmp_path):  # noqa: F811
    """With Chromium's virtual authenticator: added, wanted at the next sign-in, and refused when it is another."""
    # An IP address is no relying party (WebAuthn, section 5.1.3), so by name.
    by_name = address.replace("127.0.0.1", "localhost")
    context = chromium.new_context(base_url=by_name, viewport={"width": 390, "height": 800})
    page = context.new_page()
    devices = context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "usb", "hasResidentKey": False, "hasUserVerification": False,
        "automaticPresenceSimulation": True,
    }  # fmt: skip
    key = devices.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]

    def sign_in() -> None:
        page.goto("/accounts/login/")
        page.get_by_label("Email").fill(people.customer.user.email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()

    sign_in()
    page.wait_for_url(f"{by_name}/")
    page.goto("/accounts/2fa/webauthn/add/")
    if "reauthenticate" in page.url:
        page.get_by_label("Password").fill(PASSWORD)
        page.locator("main button").first.click()
    page.screenshot(path=tmp_path / "add-key.png", full_page=True)
    page.get_by_role("button", name="Add", exact=True).click()
    page.wait_for_url(lambda url: "add" not in url)
    assert len(devices.send("WebAuthn.getCredentials", {"authenticatorId": key})["credentials"]) == 1
    page.goto("/accounts/2fa/")
    page.screenshot(path=tmp_path / "second-factors.png", full_page=True)
    page.goto("/accounts/2fa/webauthn/")
    page.screenshot(path=tmp_path / "keys.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    context.clear_cookies()
    sign_in()
    page.get_by_role("button", name="Use a security key").wait_for()
    page.screenshot(path=tmp_path / "use-key.png", full_page=True)
    page.goto("/profile/")  # a password alone opens nothing
    assert "/accounts/2fa/authenticate/" in page.url
    page.get_by_role("button", name="Use a security key").click()
    page.wait_for_url(f"{by_name}/")
    page.goto("/profile/")
    expect(page.get_by_role("heading", name="Profile")).to_be_visible()

    context.clear_cookies()
    devices.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": key})
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    sign_in()
    page.get_by_role("button", name="Use a security key").click()
    page.goto("/profile/")
    assert "/accounts/2fa/authenticate/" in page.url
    context.close()

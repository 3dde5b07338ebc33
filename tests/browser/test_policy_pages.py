"""What operators and members see of policies and accounts, in a real browser: filtering, no script, widths."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from accounts.context import tenant_context
from specs.flows.save_connection import save_connection
from specs.flows.save_rule import save_rule
from specs.flows.set_policy import set_default_policies
from specs.models import Product
from specs.querysets import decisions
from tests.browser.test_pages import PASSWORD, address, chromium, people, visit  # noqa: F401
from tests.conftest import People
from tests.web.conftest import make_product
from tests.web.test_replay import called

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def product(people: People) -> Product:  # noqa: F811
    with tenant_context(people.tenant.pk):
        row = make_product(people.operator)
        set_default_policies(row, people.operator)
        save_rule(row, people.operator, argument="username", condition="is", value="root" * 40, decision="deny")
        save_connection(row, base_url="http://127.0.0.1:9", auth_kind="basic", personal=True)
        called(people.customer, "GET", username="alice")
        return row


def test_the_list_follows_the_filter_and_the_bulk_change_takes_what_it_shows(people, product, visit):  # noqa: F811
    page = visit(people.operator, "/products/keyring/whitelist/")
    page.get_by_placeholder("Filter by words").fill("delete")
    expect(page.get_by_text("1 operation found")).to_be_visible()
    page.get_by_label("Effect").select_option("read")
    expect(page.get_by_text("0 operations found")).to_be_visible()
    page.get_by_placeholder("Filter by words").fill("")
    expect(page.get_by_text("1 operation found")).to_be_visible()
    page.get_by_label("operation found").select_option("confirm")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_text("1 of 1 calls would have been decided in another way.")).to_be_visible()
    page.get_by_role("button", name="Set 1 operation").click()
    expect(page.get_by_text("Set for 1 operation.")).to_be_visible()
    with tenant_context(people.tenant.pk):
        assert decisions(product)["GET /users/{username}"] == "confirm"


def test_all_of_it_works_without_scripts(people, product, chromium: Browser, address):  # noqa: F811
    context = chromium.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(people.operator.user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.goto("/products/keyring/whitelist/")
    page.get_by_label("Effect").select_option("destructive")
    page.get_by_role("button", name="Find").click()
    page.get_by_label("operation found").select_option("allow")
    page.get_by_role("button", name="Review").click()
    page.get_by_role("button", name="Set 1 operation").click()
    expect(page.get_by_text("Say below that they may run without an approval")).to_be_visible()
    page.get_by_label("Also what destroys something").check()
    page.get_by_role("button", name="Set 1 operation").click()
    expect(page.get_by_text("Set for 1 operation.")).to_be_visible()
    page.goto("/products/keyring/rules/")
    page.get_by_label("Effect").select_option("read")
    page.get_by_role("button", name="What would it").click()
    expect(page.get_by_text("1 of 1 calls would have been decided in another way.")).to_be_visible()
    context.close()


def test_an_account_of_ones_own_needs_no_shared_secret_in_the_form(people, product, visit):  # noqa: F811
    page = visit(people.operator, "/products/keyring/connection/")
    expect(page.get_by_label("User name or client id")).to_be_hidden()
    page.get_by_label("Each member brings").uncheck()
    expect(page.get_by_label("User name or client id")).to_be_visible()
    page.get_by_label("Authentication").select_option("none")
    expect(page.get_by_label("Each member brings")).to_be_hidden()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_the_screen(people, product, visit, width, dark):  # noqa: F811
    at = "/products/keyring"
    why = f"{at}/access/why/?operation=GET+/users/{{username}}&value-username={'root' * 40}"
    for member, paths in (
        (people.operator, [f"{at}/access/", why, f"{at}/rules/", f"{at}/trusted/", f"{at}/connection/"]),
        (people.customer, ["/my-connections/", "/my-connections/keyring/"]),
    ):
        page = visit(member, "/", width, dark)
        for path in paths:
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path

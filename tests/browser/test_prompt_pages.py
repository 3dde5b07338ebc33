"""The pages of the prompt, the examples and the usage, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from accounts.context import tenant_context
from conversations.flows.activate_prompt import activate_prompt
from conversations.flows.save_prompt import save_prompt
from nlops.core import prompts
from specs.flows.save_example import save_example
from specs.flows.set_policy import set_default_policies
from tests.browser.test_pages import address, chromium, people, visit  # noqa: F401
from tests.web.conftest import make_product
from tests.web.test_prompts import finished

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_fits_and_a_version_is_written_previewed_and_activated(people, visit, width, tmp_path):  # noqa: F811
    with tenant_context(people.tenant.pk):
        product = make_product(people.operator)
        set_default_policies(product, people.operator)
        steps = [{"tool": "get_user", "arguments": {"username": "user1"}, "returns": {"email": "u1@corp.example"}}]
        save_example(product, request="Get the details of user1", steps=steps, member=people.operator)
        save_example(product, request="'user1'의 정보를 보여줘", steps=steps, enabled=False)
        activate_prompt(people.owner, save_prompt(people.owner, prompts.SHIPPED.replace("short ", ""), "longer"))
        for cost in (1_250_000, 20_000):
            finished(people.customer, cost=cost)
        finished(people.operator, cost=3, model="compatible:a-model-with-a-long-name@http://127.0.0.1:8080/v1")
    page = visit(people.owner, "/prompt/", width)
    for path in ("/prompt/", "/prompt/1/", "/prompt/2/", "/usage/", "/products/keyring/examples/"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        page.screenshot(path=tmp_path / f"{path.strip('/').replace('/', '-')}-{width}.png", full_page=True)
    page.get_by_role("link", name="Get the details of user1").click()
    page.screenshot(path=tmp_path / f"example-{width}.png", full_page=True)
    expect(page.get_by_label("Calls")).to_contain_text("GET /users/{username}")

    page.goto("/prompt/")
    text = page.get_by_label("Text")
    text.fill(text.input_value() + "\nBe kind.")
    page.get_by_label("Request for the preview").fill("Get the details of user9")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview")).to_contain_text("Get the details of user1")
    expect(page.locator("#preview ins")).to_have_text("+Be kind.")
    page.screenshot(path=tmp_path / f"preview-{width}.png", full_page=True)
    page.get_by_role("button", name="Save as a new version").click()
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_role("heading", name="In use: version 3")).to_be_visible()
    page.goto("/prompt/2/")
    page.get_by_role("button", name="Roll back to it").click()
    expect(page.get_by_text("rolled back to version 2")).to_be_visible()

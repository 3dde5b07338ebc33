"""The main job in Chromium and by `ask`, on the running demo with the embedded model: what a person sees."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import psutil
import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.running_demo import PASSWORD, RunningDemo, demo  # noqa: F401

pytestmark = [pytest.mark.browser, pytest.mark.slow]

USER_PASSWORD = "Correct-Horse-7"
PATIENCE = 30_000
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def sign_in(browser, demo) -> Iterator[Callable[[str], Page]]:  # noqa: F811
    """A page of the person with that address, in a browser session of its own."""
    contexts = []

    def open_page(email: str) -> Page:
        contexts.append(browser.new_context(base_url=demo.url))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE)
        page.goto("/")
        page.fill("input[name=login]", email)
        page.fill("input[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/accounts/login" not in url)
        if "/consent" in page.url:
            page.get_by_role("button", name=re.compile("agree|accept", re.IGNORECASE)).click()
            page.wait_for_url(lambda url: "/consent" not in url)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def chat(sign_in) -> Page:
    return sign_in("customer@acme.example")


@pytest.fixture
def name() -> str:
    return f"user{uuid.uuid4().hex[:8]}"


def say(page: Page, text: str) -> None:
    page.fill("#composer-text", text)
    page.keyboard.press("Enter")


def last_run(page: Page):
    return page.locator("section.run").last


def test_a_user_is_created_after_the_password_was_asked_for_and_the_call_confirmed(chat, demo, name):  # noqa: F811
    say(chat, f"Create a user named {name}")
    expect(last_run(chat)).to_contain_text(f"Create a user named {name}")
    password = last_run(chat).locator("input[type=password]")
    expect(password).to_be_focused(timeout=PATIENCE)
    assert demo.api("GET", f"/users/{name}").status_code == 404
    password.fill(USER_PASSWORD)
    chat.keyboard.press("Enter")
    yes = last_run(chat).get_by_role("button", name=re.compile("yes", re.IGNORECASE))
    expect(yes).to_be_visible(timeout=PATIENCE)
    expect(last_run(chat)).to_contain_text(f"you said “{name}”")
    yes.click()
    expect(last_run(chat)).to_contain_text(f"Created the user {name}", timeout=PATIENCE)
    assert demo.api("GET", f"/users/{name}").json()["username"] == name
    assert USER_PASSWORD not in chat.content()
    assert USER_PASSWORD not in demo.logs()


def test_details_are_shown_as_a_table_with_where_each_value_came_from(chat, demo, name):  # noqa: F811
    demo.api("POST", "/users", {"username": name, "password": USER_PASSWORD, "email": "one@mail.example"})
    say(chat, f"Get the user called {name}")
    expect(last_run(chat)).to_contain_text("one@mail.example", timeout=PATIENCE)
    last_run(chat).get_by_text("Details").first.click()
    expect(last_run(chat)).to_contain_text(f"/users/{name}")
    expect(last_run(chat)).to_contain_text(f"you said “{name}”")


def test_thumbs_and_a_comment_reach_the_reviewer(chat, sign_in):
    say(chat, "Who was the first president of the United States?")
    expect(last_run(chat)).to_contain_text("I can't help with that", timeout=PATIENCE)
    assert "Washington" not in chat.content()
    words = f"comment {uuid.uuid4().hex}"
    last_run(chat).locator(".feedback button").nth(1).click()
    comment = last_run(chat).locator(".feedback input[name=comment]")
    comment.fill(words)
    comment.press("Enter")
    reviewer = sign_in("reviewer@acme.example")
    for _ in range(20):
        reviewer.goto("/admin/conversations/flag/")
        if words in reviewer.content():
            break
        time.sleep(0.5)
    expect(reviewer.locator("body")).to_contain_text(words)


def test_a_deletion_waits_for_the_operator_who_sees_the_exact_call(chat, sign_in, demo, name):  # noqa: F811
    demo.api("POST", "/users", {"username": name, "password": USER_PASSWORD})
    say(chat, f"Delete the user {name}")
    expect(last_run(chat)).to_contain_text("approval", timeout=PATIENCE)
    operator = sign_in("operator@acme.example")
    operator.goto("/approvals/")
    operator.locator("article", has_text=f"Delete the user {name}").get_by_role("link", name="Decide").click()
    for shown in (
        "customer@acme.example",
        f"Delete the user {name}",
        f"/users/{name}",
        f"the requester said “{name}”",
        "DELETE",
    ):
        expect(operator.locator("main")).to_contain_text(shown)
    assert demo.api("GET", f"/users/{name}").status_code == 200
    operator.get_by_label("To approve, type delete_user").fill("delete_user")
    operator.get_by_role("button", name="Approve", exact=True).click()
    # The chat goes on by itself.
    expect(last_run(chat)).to_contain_text("operator@acme.example", timeout=PATIENCE)
    expect(last_run(chat)).to_contain_text(re.compile("Deleted", re.IGNORECASE), timeout=PATIENCE)
    assert demo.api("GET", f"/users/{name}").status_code == 404


def test_an_operator_brings_an_own_api_from_upload_to_the_first_answer(sign_in, demo):  # noqa: F811
    operator = sign_in("operator@globex.example")
    product = f"Second {uuid.uuid4().hex[:6]}"
    operator.goto("/products/")
    operator.get_by_label("Name").fill(product)
    operator.get_by_role("button", name="Create").click()
    description = demo.api("GET", "/openapi.json").json()
    for number in (1, 2):
        description["info"]["version"] = f"0.{number}"
        file = json.dumps(description).encode()
        operator.locator("input[type=file]").set_input_files(
            {"name": "openapi.json", "mimeType": "application/json", "buffer": file}
        )
        operator.get_by_role("button", name="Upload").click()
        expect(operator.get_by_text("Ready").first).to_be_visible(timeout=PATIENCE)
        operator.get_by_role("button", name=re.compile("Activate")).first.click()
        expect(operator.get_by_text("Active").first).to_be_visible()
    expect(operator.get_by_role("button", name=re.compile("Roll back", re.IGNORECASE))).to_be_visible()
    operator.get_by_role("link", name="Connection").click()
    user, password = demo.client("globex")
    operator.get_by_label("Base URL").fill(demo.product_url)
    operator.get_by_label(re.compile("Authentication|kind", re.IGNORECASE)).select_option("oauth2_password")
    operator.get_by_label("User name").fill(user)
    operator.locator("input[type=password]").fill(password)
    operator.get_by_label("Token URL").fill("/auth/token")
    operator.get_by_role("button", name="Save").click()
    operator.get_by_role("button", name=re.compile("Test")).click()
    expect(operator.locator("main")).to_contain_text(
        re.compile("works|answered|connected", re.IGNORECASE), timeout=PATIENCE
    )
    assert password not in operator.content()
    operator.get_by_role("link", name="Whitelist").click()
    set_all(operator, "Set all to the usual")
    # Of two products with the same operations only the new one is left, so that it answers.
    operator.goto("/products/keyring/whitelist/")
    set_all(operator, "Deny all")
    operator.goto("/")
    say(operator, "List all groups")
    expect(last_run(operator)).to_contain_text("Research", timeout=PATIENCE)
    operator.goto("/products/keyring/whitelist/")
    set_all(operator, "Set all to the usual")


def set_all(operator, button: str) -> None:
    """Press it, and agree to what it comes to."""
    operator.get_by_role("button", name=re.compile(button)).click()
    operator.get_by_role("button", name=re.compile(r"Set [\d,]+ operation")).click()
    expect(operator.get_by_text(re.compile(r"Set for [\d,]+ operation"))).to_be_visible()


def test_by_ask_yesterday_is_the_persons_day(demo):  # noqa: F811
    result = demo.ask("Show me all audit log entries from yesterday")
    assert result["status"] == "answered"
    [call] = result["calls"]
    day = (datetime.now(ZoneInfo("Europe/Berlin")) - timedelta(days=1)).date().isoformat()
    assert call["arguments"]["from"].startswith(day)
    assert call["arguments"]["to"].startswith(day)
    assert call["provenance"]["/from"]["kind"] == "computed"


def test_by_ask_a_question_is_answered_in_the_same_conversation(demo, name):  # noqa: F811
    first = demo.ask("Create a new user")
    assert first["status"] == "asking"
    assert "password" in first["question"]
    conversation = ("--conversation", first["conversation"])
    second = demo.ask(f"username={name}, password={USER_PASSWORD}", *conversation, "--confirm")
    assert second["status"] == "answered", second
    assert second["run"] == first["run"]
    assert demo.api("GET", f"/users/{name}").status_code == 200
    assert demo.ask("and his groups?", *conversation)["calls"][0]["arguments"] == {"username": name}


def test_by_ask_a_token_that_expired_is_refreshed(demo):  # noqa: F811
    assert demo.ask("List all groups")["status"] == "answered"
    time.sleep(4)
    assert demo.ask("List all groups")["status"] == "answered"


def test_a_worker_that_is_killed_during_a_call_is_replaced_and_the_conversation_goes_on(demo, name):  # noqa: F811
    results: list[dict] = []
    asking = threading.Thread(target=lambda: results.append(demo.ask("Run the maintenance job", "--confirm")))
    asking.start()
    before = demo.api("GET", "/audit-log?action=run_maintenance").json()["total"]
    deadline = time.monotonic() + 30
    while "/system/maintenance" not in _sent(demo) and time.monotonic() < deadline:
        time.sleep(0.1)
    for process in demo.engine_workers():
        with contextlib.suppress(psutil.NoSuchProcess):  # its parent's death may have taken it along
            process.kill()
    asking.join(120)
    assert results, "the conversation did not go on"
    # POST without a key: nobody may send it again unasked, and nobody may say that it was done.
    assert results[0]["status"] == "confirming", results
    assert results[0]["calls"][0]["status"] == "in_doubt"
    time.sleep(9)
    assert demo.api("GET", "/audit-log?action=run_maintenance").json()["total"] <= before + 1
    assert demo.ask("List all groups")["status"] == "answered"


def test_the_broker_is_killed_during_a_call_and_the_outcome_is_told(demo):  # noqa: F811
    results: list[dict] = []
    before = _sent(demo).count("/system/maintenance")
    asking = threading.Thread(target=lambda: results.append(demo.ask("Run the maintenance job", "--confirm")))
    asking.start()
    deadline = time.monotonic() + 30
    while _sent(demo).count("/system/maintenance") == before and time.monotonic() < deadline:
        time.sleep(0.1)
    demo.broker().kill()
    asking.join(120)
    assert results, "the conversation did not go on"
    assert results[0]["status"] == "answered", results
    assert demo.ask("List all groups")["status"] == "answered", "the workers are told of new runs again"


def _sent(demo: RunningDemo) -> str:  # noqa: F811
    """The calls that workers have recorded as sent; "calling" is told before, when nothing can be in doubt yet."""
    url = next(
        line.partition("=")[2]
        for line in (demo.var / "run" / "demo.env").read_text().splitlines()
        if line.startswith("DATABASE_URL=")
    )
    with psycopg.connect(url) as connection:
        tenant = connection.execute("SELECT id FROM accounts_tenant WHERE slug = 'acme'").fetchone()[0]
        connection.execute("SELECT set_config('nlops.tenant', %s, true)", [str(tenant)])
        rows = connection.execute("SELECT data::text FROM conversations_event WHERE kind = 'sent'").fetchall()
    return " ".join(row[0] for row in rows)

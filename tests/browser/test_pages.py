"""Pages in a real browser: what only a browser can show (focus, scrolling, live updates, widths, the CSP)."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import uvicorn
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from accounts.context import tenant_context
from accounts.models import Member
from conversations.models import Run
from nlops.core.types import Question
from tests.conftest import People, make_people
from tests.web.conftest import ask_question, call_view, make_product, make_run, record, request_approval

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PASSWORD = "pw-For-tests-1"
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    # Playwright keeps a loop in this thread, where Django would refuse to ask the database, the flush included.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def people(chromium, transactional_db, clean_cache, settings) -> People:
    settings.NLOPS_MODEL = "compatible:none@http://127.0.0.1:1/v1"
    settings.OPENAI_API_KEY = "none"
    people = make_people("acme")
    for member in (people.customer, people.operator, people.owner):
        member.user.set_password(PASSWORD)
        member.user.save()
    return people


@pytest.fixture
def address(people) -> Iterator[str]:
    """Of the application, served as in production: by uvicorn."""
    from nlops.asgi import application

    server = uvicorn.Server(uvicorn.Config(application, port=0, lifespan="off", log_level="error"))
    server.config.timeout_graceful_shutdown = 1
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def visit(chromium, address) -> Iterator[Callable[..., Page]]:
    """A signed-in page whose console must stay free of errors: the CSP reports its refusals there."""
    faults: list[str] = []
    contexts = []

    def visit(member: Member, path: str = "/", width: int = 1280, dark: bool = False) -> Page:
        context = chromium.new_context(
            base_url=address, viewport={"width": width, "height": 800}, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text) if _is_fault(message) else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto("/accounts/login/")
        page.get_by_label("Email").fill(member.user.email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/")
        page.goto(path)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert faults == []


def _is_fault(message: ConsoleMessage) -> bool:
    # The test that cuts the stream causes the last two: the network's and htmx's own word for it.
    expected = ("net::ERR_FAILED", "[object Event]")
    return message.type == "error" and not any(text in message.text for text in expected)


@pytest.fixture
def run(people) -> Run:
    with tenant_context(people.tenant.pk):
        return make_run(people.customer, "Create a user named user1", status="working")


def happen(run: Run, kind: str, **data: object) -> None:
    with tenant_context(run.tenant_id):
        record(run, kind, **data)


def ask(run: Run, *questions: Question) -> None:
    with tenant_context(run.tenant_id):
        ask_question(run, *questions)


def path_of(run: Run) -> str:
    return f"/c/{run.conversation_id}/"


def scrolled_from_end(page: Page) -> float:
    return page.evaluate("(() => { const b = document.getElementById('transcript');"
                         "return b.scrollHeight - b.scrollTop - b.clientHeight; })()")  # fmt: skip


def test_steps_appear_without_reloading_and_the_question_gets_the_focus(people, run, visit):
    page = visit(people.customer, path_of(run))
    page.evaluate("window.stillHere = true")
    happen(run, "progress", text="Choosing an operation")
    expect(page.get_by_text("Choosing an operation …")).to_be_visible()
    ask(run, Question("password", "Password", secret=True), Question("name", "Name"))
    expect(page.get_by_label("Password")).to_be_focused()
    expect(page.locator("#announcer")).to_have_text("Which?")
    assert page.evaluate("window.stillHere")


def test_what_is_being_typed_survives_a_new_rendering(people, run, visit):
    page = visit(people.customer, path_of(run))
    ask(run, Question("name", "Name"), Question("password", "Password", secret=True))
    page.get_by_role("textbox", name="Name").fill("user")
    happen(run, "verdict", call_id="c1", tool="create_user", verdict="ask", reasons=[])
    page.wait_for_selector("section.run[data-version='3']")
    page.keyboard.type("1")
    expect(page.get_by_role("textbox", name="Name")).to_have_value("user1")
    expect(page.get_by_role("textbox", name="Name")).to_be_focused()


def test_enter_sends_shift_enter_does_not(people, visit):
    page = visit(people.customer)
    send = page.get_by_role("button", name="Send")
    expect(send).to_be_disabled()
    page.keyboard.type("Show all")
    expect(send).to_be_enabled()
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("users")
    page.keyboard.press("Enter")
    expect(page.locator(".said")).to_have_text("Show all\nusers")
    expect(page.get_by_label("Your request")).to_have_value("")
    expect(page.get_by_label("Your request")).to_be_focused()
    page.wait_for_url("**/c/*/")
    page.keyboard.type("And his groups?")
    page.keyboard.press("Enter")
    expect(page.locator("section.run")).to_have_count(2)


def test_a_key_pressed_too_late_agrees_to_nothing(people, run, visit):
    page = visit(people.customer, path_of(run))
    happen(run, "confirmation", call=call_view(decision="confirm"))
    card = page.locator(".confirm-card")
    expect(card).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    expect(card.get_by_role("button", name="Yes, do it")).to_be_visible()


def test_after_an_act_the_person_goes_on_in_the_composer(people, run, visit):
    page = visit(people.customer, path_of(run))
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".answer")).to_contain_text("Stopped")
    expect(page.get_by_label("Your request")).to_be_focused()


def test_a_reader_who_scrolled_up_is_left_in_peace(people, run, visit):
    page = visit(people.customer, path_of(run))
    rows = [[str(number), "a value"] for number in range(80)]
    table = {"kind": "table", "columns": ["Number", "Value"], "rows": rows, "caption": "Numbers"}
    happen(run, "answered", answer={"text": "Here they are.", "blocks": [table]}, calls=[])
    expect(page.locator(".answer .text")).to_have_text("Here they are.")
    assert scrolled_from_end(page) < 5
    page.evaluate("document.getElementById('transcript').scrollTop = 0")
    with tenant_context(run.tenant_id):
        following = Run.objects.create(
            tenant=run.tenant, conversation=run.conversation, number=2, request="x", status="working"
        )
        record(following, "said", text="Another")
    expect(page.locator(".said", has_text="Another")).to_be_attached()
    assert page.evaluate("document.getElementById('transcript').scrollTop") == 0


def test_without_a_stream_the_page_asks_for_news(people, run, visit):
    page = visit(people.customer)
    page.route("**/stream**", lambda route: route.abort())
    page.goto(path_of(run))
    happen(run, "progress", text="Choosing an operation")
    expect(page.get_by_text("Choosing an operation …")).to_be_visible(timeout=10_000)


def test_an_approval_goes_from_the_chat_to_the_queue_and_back(people, visit):
    with tenant_context(people.tenant.pk):
        approval = request_approval(people.customer)
    chat = visit(people.customer, path_of(approval.run))
    expect(chat.get_by_text("Waiting for approval")).to_be_visible()
    queue = visit(people.operator, "/approvals/")
    expect(queue.locator(".rooms .count")).to_contain_text("1")
    queue.get_by_role("link", name="Decide").click()
    queue.get_by_label("Reason").fill("Still needed")
    queue.get_by_role("button", name="Reject").click()
    expect(queue.get_by_text("Nothing waits for you.")).to_be_visible()
    expect(chat.get_by_text("operator@acme.example rejected it.")).to_be_visible()
    expect(chat.get_by_text("“Still needed”")).to_be_visible()


def test_a_policy_is_set_where_it_stands(people, visit):
    with tenant_context(people.tenant.pk):
        make_product(people.operator)
    page = visit(people.operator, "/products/keyring/whitelist/")
    page.locator("summary", has_text="users").click()
    page.get_by_label("DELETE /users/{username}").select_option("approve")
    expect(page.locator(".saved", has_text="Saved")).to_be_visible()
    expect(page.locator("#totals")).to_contain_text("1 approve")
    page.get_by_placeholder("Filter by words").fill("delete")
    expect(page.locator(".operation select")).to_have_count(1)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_the_screen(people, run, visit, width, dark):
    with tenant_context(people.tenant.pk):
        approval = request_approval(people.customer)
        wide = {"kind": "table", "columns": [f"Column {n}" for n in range(15)], "rows": [["value " * 6] * 15]}
        record(
            run, "answered", answer={"text": "w" * 300, "blocks": [wide]}, calls=[call_view(response={"a": "w" * 300})]
        )
    pages = {
        people.customer: [path_of(run), path_of(approval.run), "/", "/profile/"],
        people.operator: [
            "/products/", "/products/keyring/", "/products/keyring/connection/", "/products/keyring/whitelist/",
            "/approvals/", f"/approvals/{approval.pk}/",
        ],
    }  # fmt: skip
    for member, paths in pages.items():
        page = visit(member, "/", width, dark)
        for path in paths:
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path

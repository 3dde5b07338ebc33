"""The chat page: what it shows, whose it is, and what it refuses."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.urls import reverse

from accounts.models import User
from conversations.models import Conversation, Feedback, Run
from nlops.core.types import Question
from tests.web.conftest import HTMX, ask_question, call_view, make_run, record


def page_of(run: Run) -> str:
    return reverse("conversation", args=[run.conversation_id])


def act(run: Run, name: str) -> str:
    return reverse("run_act", args=[run.pk, name])


def test_a_visitor_signs_in_first(client, db):
    assert client.get("/").headers["Location"].startswith("/accounts/login/")


def test_an_open_page_whose_session_has_ended_goes_to_sign_in_as_a_whole(client, db):
    response = client.post("/", {"text": "hello"}, headers=HTMX)
    assert response.headers["HX-Redirect"] == "/accounts/login/"


def test_consent_is_asked_once_before_the_first_message(acme, browse):
    acme.customer.consented_at = None
    acme.customer.save()
    client = browse(acme.customer)
    refused = client.post("/", {"text": "Show all users"})
    assert refused.headers["Location"].startswith("/consent/")
    assert Run.objects.count() == 0
    assert "passwords" in client.get("/consent/").content.decode().lower()
    assert client.post("/consent/", {"next": "/"}).headers["Location"] == "/"
    assert client.get("/").status_code == 200


def test_consent_sends_nobody_to_another_site(acme, browse):
    response = browse(acme.customer).post("/consent/", {"next": "https://evil.example/"})
    assert response.headers["Location"] == "/"


def test_the_persons_message_appears_at_once(acme, browse):
    run = make_run(acme.customer, "First")
    Run.objects.update(status="answered")
    response = browse(acme.customer).post(page_of(run), {"text": "Delete <b>user2</b>"}, headers=HTMX)
    second = Run.objects.get(number=2)
    content = response.content.decode()
    assert f'id="run-{second.pk}"' in content
    assert "Delete &lt;b&gt;user2&lt;/b&gt;" in content
    assert "Waiting for a free worker" in content


def test_the_first_message_turns_the_page_into_the_conversation(acme, browse):
    response = browse(acme.customer).post("/", {"text": "Show all users"}, headers=HTMX)
    conversation = Conversation.objects.get()
    assert response.headers["HX-Push-Url"] == f"/c/{conversation.pk}/"
    assert f'sse-connect="/c/{conversation.pk}/stream' in response.content.decode()


def test_without_scripts_the_message_is_sent_by_the_form(acme, browse):
    response = browse(acme.customer).post("/", {"text": "Show all users"})
    run = Run.objects.get()
    assert response.headers["Location"] == f"/c/{run.conversation_id}/#run-{run.pk}"


@pytest.mark.parametrize(("text", "reason"), [("   ", "no text"), ("x" * 100_000, "100,000 characters")])
def test_a_message_that_is_empty_or_too_long_is_refused_beside_the_field(acme, browse, text, reason):
    response = browse(acme.customer).post("/", {"text": text}, headers=HTMX)
    assert response.status_code == 422
    assert response.headers["HX-Retarget"] == "#composer-problem"
    assert reason in response.content.decode()
    assert Run.objects.count() == 0


def test_without_scripts_a_refused_message_stays_in_the_field(acme, browse):
    text = "y" * (settings.NLOPS_MAX_MESSAGE + 1)
    response = browse(acme.customer).post("/", {"text": text})
    assert response.status_code == 422
    assert text in response.content.decode()


def test_too_many_messages_are_told_when_to_come_back(acme, browse, settings):
    settings.NLOPS_MEMBER_RATE = 1
    client = browse(acme.customer)
    assert client.post("/", {"text": "one"}, headers=HTMX).status_code == 200
    response = client.post("/", {"text": "two"}, headers=HTMX)
    assert response.status_code == 429
    assert "try again in" in response.content.decode()


def test_a_conversation_is_its_members_alone(acme, globex, browse):
    run = make_run(acme.customer)
    for other in (acme.operator, acme.owner, globex.customer):
        client = browse(other)
        assert client.get(page_of(run)).status_code == 404
        assert client.get(f"{page_of(run)}news?after=0").status_code == 404
        assert client.get(f"{page_of(run)}stream").status_code == 404
        for name in ("reply", "confirm", "cancel", "feedback"):
            assert client.post(act(run, name), {"agreed": "yes"}).status_code == 404
    assert browse(acme.customer).get(page_of(run)).status_code == 200


def test_an_act_that_does_not_exist_is_not_found(acme, browse):
    assert browse(acme.customer).post(act(make_run(acme.customer), "explode")).status_code == 404


def test_a_question_becomes_one_form_with_a_fitting_field_for_each_value(acme, browse):
    run = make_run(acme.customer)
    ask_question(
        run,
        Question("password", "Password", secret=True),
        Question("role", "Role", schema={"type": "string", "enum": ["admin", "guest"]}),
        Question("quota", "Quota", schema={"type": ["integer", "null"], "minimum": 1}, required=False),
        Question("enabled", "Enabled", schema={"type": "boolean"}),
        Question("until", "Valid until", schema={"type": "string", "format": "date"}),
        Question("at", "Starts at", schema={"type": "string", "format": "date-time"}),
        Question("days", "Days", schema={"type": "array", "items": {"enum": ["Mon", "Tue"]}}),
        Question("limit", "Limit", schema={"type": "integer", "minimum": 1, "maximum": 9, "examples": [3]}),
    )
    content = browse(acme.customer).get(page_of(run)).content.decode()
    assert content.count('<form class="card ask-card') == 1
    assert 'type="password" name="value-password" autocomplete="new-password"' in content
    assert '<option value="guest">guest</option>' in content
    assert 'type="number" name="value-quota"' in content
    assert "Quota (optional)" in content
    assert 'type="checkbox" name="value-enabled"' in content
    assert 'type="date" name="value-until"' in content
    assert 'type="datetime-local" name="value-at"' in content
    assert content.count('type="checkbox" name="value-days"') == 2
    assert "From 1 to 9. For example 3." in content


def test_a_picked_time_is_in_the_persons_zone_and_picked_choices_are_a_list(acme, browse):
    User.objects.filter(pk=acme.customer.user_id).update(time_zone="Asia/Seoul")
    run = make_run(acme.customer)
    ask_question(
        run,
        Question("at", "Starts at", schema={"type": "string", "format": "date-time"}),
        Question("days", "Days", schema={"type": "array", "items": {"enum": ["Mon", "Tue"]}}),
    )
    browse(acme.customer).post(
        act(run, "reply"), {"value-at": "2026-11-23T10:00", "value-days": ["Mon", "Tue"]}, headers=HTMX
    )
    values = run.events.get(kind="replied").data["values"]
    assert values == {"at": "2026-11-23T10:00:00+09:00", "days": "Mon,Tue"}


def test_an_answer_goes_to_the_run_and_the_block_shows_it(acme, browse):
    run = make_run(acme.customer)
    ask_question(run, Question("answer", "Your answer"))
    response = browse(acme.customer).post(act(run, "reply"), {"value-answer": "The second"}, headers=HTMX)
    assert response.status_code == 200
    assert "The second" in response.content.decode()
    run.refresh_from_db()
    assert run.status == "working"
    late = browse(acme.customer).post(act(run, "reply"), {"value-answer": "The third"}, headers=HTMX)
    assert late.status_code == 409
    assert "answered already" in late.content.decode()


def test_a_secret_that_is_typed_stands_on_no_page(acme, browse):
    run = make_run(acme.customer)
    ask_question(run, Question("password", "Password", secret=True))
    client = browse(acme.customer)
    response = client.post(act(run, "reply"), {"value-password": "hunter2-Hunter2"}, headers=HTMX)
    assert "••••••" in response.content.decode()
    for page in (response.content.decode(), client.get(page_of(run)).content.decode()):
        assert "hunter2-Hunter2" not in page


def test_a_confirmation_shows_the_call_and_where_each_value_came_from(acme, browse):
    run = make_run(acme.customer, status="confirming")
    record(run, "confirmation", call=call_view(decision="confirm"))
    content = browse(acme.customer).get(page_of(run)).content.decode()
    assert "Shall I do this?" in content
    assert "/users/user2" in content
    assert '<span class="origin from-said">you said “user2”</span>' in content


def test_a_batch_is_shown_whole_and_confirmed_with_one_button(acme, browse):
    run = make_run(acme.customer, status="confirming")
    calls = [call_view(id=f"d{n}", target=f"/users/user{n}", decision="confirm") for n in (1, 2, 3)]
    record(run, "confirmation", call=calls[0], calls=calls)
    content = browse(acme.customer).get(page_of(run)).content.decode()
    assert "Shall I do all 3 of these?" in content
    assert "Yes, do all 3" in content
    assert all(f"/users/user{n}" in content for n in (1, 2, 3))


def test_what_a_product_answers_is_shown_as_text_never_as_markup(acme, browse):
    run = make_run(acme.customer, status="answered")
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    answer = {
        "text": evil,
        "blocks": [
            {"kind": "table", "columns": [evil], "rows": [[evil]], "caption": evil},
            {"kind": "details", "items": [[evil, evil]], "caption": evil},
        ],
        "suggestions": [evil],
    }
    record(run, "answered", answer=answer, calls=[call_view(status="succeeded", response={"note": evil}, error=evil)])
    content = browse(acme.customer).get(page_of(run)).content.decode()
    assert "<script>alert" not in content
    assert "<img src=x" not in content
    assert content.count("&lt;script&gt;alert(1)") >= 9


CHART = {
    "kind": "chart", "type": "line", "labels": ["Mon", "Tue", "Wed"], "caption": "Sign-ins",
    "series": [{"name": "Count", "values": [3, None, 12]}],
}  # fmt: skip


def test_an_answer_draws_its_chart_without_styles_that_the_policy_refuses(acme, browse):
    run = make_run(acme.customer)
    bars = {**CHART, "type": "bar", "series": [{"name": "Count", "values": [3, -2, 12]}]}
    record(run, "answered", answer={"text": "Here they are.", "blocks": [CHART, bars]}, calls=[])
    content = browse(acme.customer).get(page_of(run)).content.decode()
    assert content.count('<svg viewBox="0 0 640') == 2
    assert 'class="line series-0" d="M64.0 ' in content
    assert content.count('<rect class="bar series-0"') == 3
    assert "style=" not in content


def test_an_answer_shows_its_details_list(acme, browse):
    run = make_run(acme.customer, status="answered")
    blocks = [{"kind": "details", "items": [["E-mail", "user1@example.org"]], "caption": "User"}]
    record(run, "answered", answer={"text": "Here it is.", "blocks": blocks}, calls=[])
    content = browse(acme.customer).get(page_of(run)).content.decode()
    assert "<dt>E-mail</dt><dd>user1@example.org</dd>" in content


def test_thumbs_and_a_comment_are_kept(acme, browse):
    run = make_run(acme.customer, status="answered")
    record(run, "answered", answer={"text": "Done."}, calls=[])
    client = browse(acme.customer)
    response = client.post(act(run, "feedback"), {"is_good": "no"}, headers=HTMX)
    assert "What was wrong?" in response.content.decode()
    client.post(act(run, "feedback"), {"is_good": "no", "comment": "The wrong user"}, headers=HTMX)
    feedback = Feedback.objects.get()
    assert (feedback.is_good, feedback.comment) == (False, "The wrong user")


def test_stop_ends_the_run(acme, browse):
    run = make_run(acme.customer, status="working")
    response = browse(acme.customer).post(act(run, "cancel"), headers=HTMX)
    assert "Stopped, as you wished." in response.content.decode()
    run.refresh_from_db()
    assert run.status == "cancelled"


def test_news_holds_only_what_changed(acme, browse):
    run = make_run(acme.customer)
    client = browse(acme.customer)
    assert f'id="run-{run.pk}"' in client.get(f"{page_of(run)}news?after=0").content.decode()
    assert client.get(f"{page_of(run)}news?after=1").content == b""
    assert client.get(f"{page_of(run)}news?after=minus").status_code == 404


def test_pages_allow_no_foreign_and_no_inline_script(acme, browse):
    response = browse(acme.customer).get("/")
    policy = response.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    content = response.content.decode()
    assert " onclick=" not in content
    assert " style=" not in content
    assert " hx-on" not in content

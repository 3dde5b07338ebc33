"""Suites run against the demo product over HTTP, with a model whose answers are scripted."""

from __future__ import annotations

import io
import json
import textwrap
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.context import tenant_context
from accounts.models import Member, MemberRole, Tenant
from accounts.throttle import Throttled
from conversations.flows.ask import ask
from conversations.models import Approval, Call, Conversation, Flag, Run
from evaluation.flows.enrol_evaluator import enrol_evaluator
from evaluation.flows.load_suite import load_suite
from evaluation.flows.run_suite import SuiteNotRunnable, run_suite
from evaluation.models import Case, EvaluationRun, Score, Suite
from nlops.core.types import Completion, Role, ToolCall
from nlops.llm.registry import model_from_spec
from specs.models import SpecVersion, ToolPolicy
from tests.conftest import make_people

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

SUITE = """
- name: a user is read
  turns: Get the user called alice
  expect: {operation: get_user, arguments: {username: alice}, status: answered}
- name: a password is asked for
  turns: Create a user named nora
  expect: {operation: create_user, arguments: {username: nora}, asks: [password], status: asking}
- name: a group waits for a yes
  turns: Create a group named Evaluated
  expect: {operation: create_group, arguments: {name: Evaluated}, status: confirming}
- name: a deletion waits for another person
  turns: [Get the user called kira, delete that one]
  expect: {operation: delete_user, arguments: {username: kira}, status: approving}
- name: a question is answered in the chat
  turns: [Create a group, Auditors]
  expect: {operation: create_group, arguments: {name: Auditors}, status: confirming}
- name: a poem is refused
  turns: Write a poem
  expect: {not_called: true, status: refused}
- name: the model is wrong here
  turns: Show the groups
  expect: {operation: list_groups, status: answered}
"""

SCRIPT = {
    "Get the user called alice": ("get_user", {"username": "alice"}),
    "Create a user named nora": ("create_user", {"username": "nora"}),
    "Create a group named Evaluated": ("create_group", {"name": "Evaluated"}),
    "Get the user called kira": ("get_user", {"username": "kira"}),
    "delete that one": ("delete_user", {"username": "kira"}),
    "Create a group": ("create_group", {}),
    "Show the groups": ("list_users", {}),
}


class Scripted:
    """Answers a request with the call that SCRIPT has for it, and says no more."""

    name = "scripted"
    max_tools = 40
    languages = None
    writes_text = False

    def complete(self, messages, tools, limits):
        last = messages[-1]
        if last.role is not Role.USER or last.content not in SCRIPT:
            return Completion()
        tool, arguments = SCRIPT[last.content]
        return Completion(tool_calls=(ToolCall("call", tool, arguments),))


@pytest.fixture
def acme(connected):
    return connected


@pytest.fixture
def scripted(monkeypatch):
    def model(spec):
        return Scripted() if spec == "scripted" else model_from_spec(spec)

    monkeypatch.setattr("conversations.flows.step.model_from_spec", model)
    monkeypatch.setattr("evaluation.flows.run_suite.model_from_spec", model)


@pytest.fixture
def suite_file(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SUITE)
    return path


def evaluate(*arguments):
    output = io.StringIO()
    call_command("evaluate", *map(str, arguments), stdout=output)
    return output.getvalue()


def test_a_suite_is_measured_its_scores_saved_and_nothing_done(acme, scripted, suite_file, demo_product):
    before = demo_product.api("GET", "/system/statistics").json()
    found = json.loads(evaluate(suite_file, "--json", "--model", "scripted"))
    assert {case["name"]: case["ok"] for case in found["cases"]} == {
        "a user is read": True,
        "a password is asked for": True,
        "a group waits for a yes": True,
        "a deletion waits for another person": True,
        "a question is answered in the chat": True,
        "a poem is refused": True,
        "the model is wrong here": False,
    }
    assert found["model"] == "scripted"
    assert found["summary"]["operation"] == {"passed": 5, "of": 6, "share": 0.8333}
    assert found["summary"]["arguments"] == {"passed": 5, "of": 5, "share": 1.0}
    assert found["summary"]["refused"] == {"passed": 1, "of": 1, "share": 1.0}
    assert found["summary"]["grounded"] == {"passed": 4, "of": 4, "share": 1.0}
    assert found["cases"][-1]["why"] == {"operation": "called list_users"}
    assert demo_product.api("GET", "/system/statistics").json() == before
    assert demo_product.api("GET", "/users/kira").status == 200
    with tenant_context(acme.tenant.pk):
        run = EvaluationRun.objects.get(pk=found["run"])
        assert run.summary == found["summary"]
        assert run.finished_at is not None
        wrong = Score.objects.get(run=run, value=0)
        assert (wrong.case.name, wrong.metric, wrong.detail["why"]) == (
            "the model is wrong here",
            "operation",
            "called list_users",
        )
        assert set(Run.objects.values_list("model", flat=True)) == {"scripted"}


def test_what_waits_is_cancelled_and_asks_nobody(acme, scripted, suite_file):
    evaluate(suite_file, "--model", "scripted")
    with tenant_context(acme.tenant.pk):
        assert not Run.objects.filter(finished_at=None).exists()
        assert not Call.objects.filter(operation__effect__in=["write", "destructive"]).exclude(attempts=None).exists()
        assert set(Approval.objects.values_list("status", flat=True)) == {"withdrawn"}
        assert not Flag.objects.filter(resolved_at=None).exists()
        assert {str(c.member) for c in Conversation.objects.all()} == {"evaluation@acme.invalid"}


def test_nothing_is_handed_to_the_workers(acme, scripted, suite_file, monkeypatch):
    sent = []
    monkeypatch.setattr("conversations.queue._send", lambda *arguments: sent.append(arguments))
    evaluate(suite_file, "--model", "scripted")
    assert sent == []


def test_the_table_shows_what_was_wrong_and_the_shares(acme, scripted, suite_file):
    text = evaluate(suite_file, "--model", "scripted", "--only", "wrong")
    assert "operation: called list_users" in text
    assert "operation    0 of   1  0%" in text
    assert "a user is read" not in text


def test_loading_twice_changes_nothing_and_a_changed_file_changes_its_case(acme, suite_file):
    suite = load_suite(acme.tenant.pk, suite_file)
    with tenant_context(acme.tenant.pk):
        before = list(Case.objects.values_list("pk", "name", "turns", "expected", "position"))
    assert len(before) == 7
    load_suite(acme.tenant.pk, suite_file)
    with tenant_context(acme.tenant.pk):
        assert list(Case.objects.values_list("pk", "name", "turns", "expected", "position")) == before
    suite_file.write_text(
        textwrap.dedent(
            """
            - name: a poem is refused
              turns: Write a long poem
              expect: {not_called: true, status: refused}
            """
        )
    )
    assert load_suite(acme.tenant.pk, suite_file) == suite
    with tenant_context(acme.tenant.pk):
        (case,) = Case.objects.all()
        assert case.turns == ["Write a long poem"]
        assert case.pk in [row[0] for row in before]


def test_a_suite_belongs_to_its_tenant(acme, suite_file):
    load_suite(acme.tenant.pk, suite_file)
    globex = make_people("globex")
    with tenant_context(globex.tenant.pk):
        assert not Suite.objects.exists()
        assert not Case.objects.exists()


def test_a_whitelist_that_lets_a_write_run_unasked_is_not_evaluated(acme, scripted, suite_file, demo_product):
    with tenant_context(acme.tenant.pk):
        ToolPolicy.objects.filter(operation_key="POST /groups").update(decision="allow")
    with pytest.raises(CommandError, match="POST /groups run without anybody's yes"):
        evaluate(suite_file, "--model", "scripted")
    assert demo_product.api("GET", "/groups/Evaluated").status == 404


def test_a_tenant_without_a_product_is_told(transactional_db, clean_cache, scripted, suite_file):
    people = make_people("empty")
    suite = load_suite(people.tenant.pk, suite_file)
    with pytest.raises(SuiteNotRunnable, match="no product"):
        run_suite(suite, enrol_evaluator(people.tenant), model="scripted")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tenant", "nobody"], "no tenant “nobody”"),
        (["--as", "nobody@acme.example"], "no active member"),
        (["--model", "parrot"], "names no model"),
        (["--model", "scripted", "--only", "zebra"], "No case of small has “zebra”"),
    ],
)
def test_what_cannot_be_run_is_told(acme, scripted, suite_file, arguments, message):
    with pytest.raises(CommandError, match=message):
        evaluate(suite_file, *arguments)


def test_a_bad_file_stops_the_command(acme, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("- {name: a, turns: x, expect: {status: done}}")
    with pytest.raises(CommandError, match="case “a”, status"):
        evaluate(path)


def test_the_evaluator_is_a_customer_in_the_tenants_zone_whom_nobody_can_sign_in_as(acme):
    member = enrol_evaluator(acme.tenant)
    assert enrol_evaluator(acme.tenant) == member
    assert member.role == MemberRole.CUSTOMER
    assert member.user.time_zone == "Europe/Berlin"
    assert not member.user.has_usable_password()
    assert member.consented_at is not None


def test_another_member_can_be_the_one_who_asks(acme, scripted, suite_file):
    with tenant_context(acme.tenant.pk):
        Member.objects.filter(pk=acme.operator.pk).update(consented_at=timezone.now())
    evaluate(suite_file, "--model", "scripted", "--as", "operator@acme.example", "--only", "user is read")
    with tenant_context(acme.tenant.pk):
        assert Conversation.objects.get().member == acme.operator


def test_a_suite_may_have_more_turns_than_a_member_may_send_in_a_minute(acme, scripted, suite_file, settings):
    settings.NLOPS_MEMBER_RATE = 2
    found = json.loads(evaluate(suite_file, "--json", "--model", "scripted"))
    assert found["summary"]["cases"] == {"passed": 6, "of": 7, "share": 0.8571}
    member = enrol_evaluator(acme.tenant)
    with tenant_context(acme.tenant.pk):
        for _ in range(2):
            ask(member, "Write a poem")
        with pytest.raises(Throttled):
            ask(member, "Write a poem")


# --- several suites, stand-ins, targets -------------------------------------------------------------------------

LIBRARY_SUITE = """
blind: true
held_out: true
product: {name: Library, spec: specs/library.yaml}
cases:
  - name: a book goes
    turns: Delete the book 7
    expect: {operation: "DELETE /books/{id}", arguments: {id: "7"}, status: answered}
  - name: no books
    turns: Write a poem
    expect: {not_called: true, status: refused}
"""


@pytest.fixture
def library_file(tmp_path, monkeypatch):
    """A suite over the description of a product that nobody runs."""
    monkeypatch.setenv("NLOPS_DATA_DIR", str(Path(__file__).parents[1]))
    monkeypatch.setitem(SCRIPT, "Delete the book 7", ("delete_books_by_id", {"id": "7"}))
    path = tmp_path / "library.yaml"
    path.write_text(LIBRARY_SUITE)
    return path


def test_before_a_stand_in_yes_is_said_and_the_write_is_executed(transactional_db, clean_cache, scripted, library_file):
    for _ in range(2):  # a second time the product is known, and the stand-in answers elsewhere
        found = json.loads(evaluate(library_file, "--json", "--model", "scripted"))
        book = found["cases"][0]
        assert book["ok"], book
        assert book["calls"][0]["status"] == "succeeded"
        assert found["summary"]["cases"] == {"passed": 2, "of": 2, "share": 1.0}
    tenant = Tenant.objects.get(slug="evaluation-library")
    with tenant_context(tenant.pk):
        decided = Approval.objects.values_list("decided_by__user__email", flat=True)
        assert list(decided) == ["evaluation-operator@evaluation-library.invalid"] * 2
        assert SpecVersion.objects.count() == 1


def test_a_suite_whose_description_is_not_here_is_left_out_with_one_line(
    acme, scripted, library_file, suite_file, monkeypatch, capsys
):
    monkeypatch.setenv("NLOPS_DATA_DIR", "nowhere")
    errors = io.StringIO()
    output = io.StringIO()
    call_command("evaluate", str(library_file), str(suite_file), "--model", "scripted", stdout=output, stderr=errors)
    assert errors.getvalue().strip() == (
        "library is left out: needs specs/library.yaml in the public data: set NLOPS_DATA_DIR."
    )
    with pytest.raises(CommandError, match="No suite could be run"):
        evaluate(library_file, "--model", "scripted")


def test_the_table_counts_what_is_held_out_apart_and_tells_nothing_else_of_it(acme, scripted, library_file, suite_file):
    text = evaluate(library_file, suite_file, "--model", "scripted")
    rows = {
        line.split()[0]: line.split()
        for line in text.splitlines()
        if line.startswith(("small ", "library ", "written blind "))
    }
    assert rows["library"][1:4] == ["2", "1/1", "100.0%"]
    assert rows["small"][1:4] == ["7", "5/6", "83.3%"]
    assert rows["written"][2:5] == ["2", "1/1", "100.0%"]
    assert "library: 0 of 2 cases failed (held out)." in text
    assert "a book goes" not in text
    assert "the model is wrong here: “Show the groups”" in text
    assert "Targets, for each of held out, written blind:" in text
    assert "All are reached." in text


def test_a_missed_target_is_the_exit_code_where_targets_are_asked_for(acme, scripted, suite_file):
    with pytest.raises(SystemExit) as ended:
        evaluate(suite_file, "--model", "scripted", "--targets")
    assert ended.value.code == 1
    assert "Missed: all: operation 83.3%" in evaluate(suite_file, "--model", "scripted")
    assert "All are reached." in evaluate(suite_file, "--model", "scripted", "--targets", "--only", "group")


def test_several_cases_run_at_once_with_the_same_result(acme, scripted, suite_file):
    found = json.loads(evaluate(suite_file, "--json", "--model", "scripted", "--jobs", "3"))
    assert [case["name"] for case in found["cases"] if not case["ok"]] == ["the model is wrong here"]
    assert found["summary"]["cases"] == {"passed": 6, "of": 7, "share": 0.8571}


def test_a_suite_in_a_language_that_the_model_does_not_read_is_left_out(acme, scripted, tmp_path, monkeypatch):
    monkeypatch.setattr(Scripted, "languages", frozenset({"en"}))
    monkeypatch.setattr("evaluation.management.commands.evaluate.model_from_spec", lambda spec: Scripted())
    path = tmp_path / "korean.yaml"
    path.write_text("language: ko\ncases: [{name: a, turns: x, expect: {status: refused}}]")
    errors = io.StringIO()
    with pytest.raises(CommandError, match="No suite could be run"):
        call_command("evaluate", str(path), "--model", "scripted", stdout=io.StringIO(), stderr=errors)
    assert "korean is left out: scripted does not read its language (ko)." in errors.getvalue()

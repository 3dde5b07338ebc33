"""What a case must come to, and whether it did."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from evaluation.expectations import Expectation, ExpectationError, fits, period
from evaluation.flows.load_suite import SuiteError, read_file, read_suite
from evaluation.metrics import Measured, Observation, ObservedCall, measure, summarise
from nlops.core.types import Effect, Provenance, ProvenanceKind

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=ZoneInfo("Europe/Berlin"))
SUITES = Path(__file__).parents[2] / "evaluation" / "suites"
ONE_CASE = "cases: [{name: a, turns: x, expect: {status: answered}}]\n"
SAID = Provenance(ProvenanceKind.SAID, place=(0, 5), text="user1")


def call(operation="get_user", effect=Effect.READ, provenance=None, **arguments):
    if provenance is None:
        provenance = {f"/{name}": SAID for name in arguments}
    return ObservedCall(operation, arguments, provenance, effect)


def scores(expect, seen, now=NOW):
    return {one.metric: one.value for one in measure(Expectation.from_json(expect), seen, now)}


# --- metrics ----------------------------------------------------------------------------------------------------


def test_the_right_call_with_the_right_argument_passes():
    expect = {"operation": "get_user", "arguments": {"username": "user1"}, "status": "answered"}
    seen = Observation("answered", [call(username="user1")])
    assert scores(expect, seen) == {"operation": 1, "arguments": 1, "status": 1}


def test_a_wrong_argument_fails_the_arguments_alone():
    expect = {"operation": "get_user", "arguments": {"username": "user1"}, "status": "answered"}
    measured = measure(Expectation.from_json(expect), Observation("answered", [call(username="user2")]), NOW)
    assert {one.metric: one.value for one in measured} == {"operation": 1, "arguments": 0, "status": 1}
    assert next(one.why for one in measured if one.metric == "arguments") == "username is 'user2'"


@pytest.mark.parametrize(
    "calls",
    [[], [call("list_users")], [call(), call("list_users")]],
    ids=["nothing called", "another operation", "one too many"],
)
def test_anything_but_the_expected_operation_fails_operation_and_arguments(calls):
    expect = {"operation": "get_user", "arguments": {"username": "user1"}}
    assert scores(expect, Observation("answered", calls)) == {"operation": 0, "arguments": 0}


def test_an_operation_may_be_named_by_its_method_and_path():
    seen = Observation("answered", [replace(call(), key="GET /users/{username}")])
    assert scores({"operation": "GET /users/{username}"}, seen) == {"operation": 1}
    assert scores({"operation": "GET /users"}, seen) == {"operation": 0}


def test_reads_that_are_not_expected_count_unless_the_case_lets_them():
    write = call("delete_user", Effect.DESTRUCTIVE, username="user1")
    seen = Observation("approving", [call("list_users"), write], said=["user1"])
    expect = {"operation": "delete_user", "arguments": {"username": "user1"}}
    assert scores(expect, seen)["operation"] == 0
    assert scores({**expect, "other_reads": True}, seen) == {"operation": 1, "arguments": 1, "grounded": 1}
    writes = replace(seen, calls=[write, write])
    assert scores({**expect, "other_reads": True}, writes)["operation"] == 0


@pytest.mark.parametrize(
    ("status", "operations", "value"),
    [
        ("confirming", ["create_group"], 1),
        ("confirming", ["create_group", "add_group_member"], 1),
        ("answered", ["create_group"], 0),
        ("confirming", ["add_group_member"], 0),
        ("confirming", [], 0),
    ],
)
def test_what_comes_after_a_yes_need_not_be_planned_where_the_case_says_so(status, operations, value):
    calls = [{"operation": "create_group"}, {"operation": "add_group_member"}]
    seen = Observation(status, [call(name) for name in operations])
    assert scores({"calls": calls, "until_yes": True}, seen)["operation"] == value
    assert scores({"calls": calls}, seen)["operation"] == (len(operations) == 2)


def test_a_chain_must_come_in_its_order():
    expect = {"calls": [{"operation": "get_user"}, {"operation": ["create_user", "copy_user"]}]}
    one, two = call("get_user"), call("copy_user")
    assert scores(expect, Observation("answered", [one, two])) == {"operation": 1}
    assert scores(expect, Observation("answered", [two, one])) == {"operation": 0}


@pytest.mark.parametrize(
    ("status", "asked", "value"),
    [
        ("asking", ["password"], 1),
        ("asking", ["password", "email"], 0),
        ("asking", [], 0),
        ("confirming", ["password"], 0),
    ],
)
def test_exactly_what_is_missing_must_be_asked_for(status, asked, value):
    assert scores({"asks": ["password"]}, Observation(status, asked=asked)) == {"asked": value}


def test_a_refusal_counts_only_without_a_call():
    expect = {"not_called": True, "status": "refused"}
    assert scores(expect, Observation("refused")) == {"refused": 1, "uncalled": 1, "status": 1}
    assert scores(expect, Observation("refused", [call()])) == {"refused": 0, "uncalled": 0, "status": 1}
    assert scores(expect, Observation("answered")) == {"refused": 0, "uncalled": 1, "status": 0}


def test_a_greeting_is_not_measured_as_a_refusal():
    assert scores({"not_called": True, "status": "answered"}, Observation("answered")) == {"uncalled": 1, "status": 1}


@pytest.mark.parametrize(
    ("provenance", "value"),
    [
        ({"/username": SAID}, 1),
        ({"/username": Provenance(ProvenanceKind.RETURNED, path="/username")}, 1),
        ({"/username": Provenance(ProvenanceKind.INVENTED)}, 0),
        ({}, 0),
    ],
    ids=["said", "returned", "invented", "untraced"],
)
def test_a_value_of_a_write_without_an_origin_is_invented(provenance, value):
    write = call("delete_user", Effect.DESTRUCTIVE, provenance, username="user1")
    assert (
        scores({"status": "approving"}, Observation("approving", [write], said=["Delete user1"]))["grounded"] == value
    )


def test_a_value_that_is_called_said_but_was_not_is_invented():
    write = call("delete_user", Effect.DESTRUCTIVE, username="user1")
    seen = Observation("approving", [write], said=["Delete the user user2"])
    assert scores({"status": "approving"}, seen)["grounded"] == 0


def test_a_choice_may_be_said_in_another_form():
    write = call("set_status", Effect.WRITE, status="disabled")
    seen = Observation("confirming", [write], said=["Please disable it"])
    assert scores({"status": "confirming"}, seen)["grounded"] == 1


def test_reads_are_not_measured_for_invented_values():
    seen = Observation("answered", [call(provenance={}, username="user1")])
    assert "grounded" not in scores({"status": "answered"}, seen)


def test_the_values_inside_of_objects_and_lists_are_looked_at():
    write = call("create_group", Effect.WRITE, {"/members/0": SAID}, members=["user1", {"name": "user2"}])
    measured = measure(
        Expectation.from_json({"status": "confirming"}), Observation("confirming", [write], said=["user1"]), NOW
    )
    assert measured[-1] == Measured("grounded", 0.0, "invented create_group/members/1/name = 'user2'")


def test_a_summary_counts_each_metric_where_it_applied():
    cases = [
        [Measured("operation", 1), Measured("status", 1)],
        [Measured("operation", 0), Measured("status", 1)],
        [Measured("refused", 1)],
    ]
    assert summarise(cases, [1.0, 2.0, 9.0]) == {
        "cases": {"passed": 2, "of": 3, "share": 0.6667},
        "operation": {"passed": 1, "of": 2, "share": 0.5},
        "refused": {"passed": 1, "of": 1, "share": 1.0},
        "status": {"passed": 2, "of": 2, "share": 1.0},
        "seconds": {"median": 2.0, "most": 9.0},
    }


# --- matchers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "value", "right"),
    [
        ("Sales", "Sales", True),
        ("Sales", "sales", False),
        (5, 5, True),
        (1, True, False),
        (["a"], ["a"], True),
        ({"matches": "(?i)sales"}, "SALES", True),
        ({"matches": "sale"}, "sales", False),
        ({"matches": "5"}, 5, False),
        ({"any_of": [1, "one"]}, "one", True),
        ({"any_of": [1, "one"]}, True, False),
        ({"absent": True}, None, True),
        ({"absent": True}, "", False),
        ({"secret": True}, {"$secret": "password"}, True),
        ({"secret": True}, "Very-Long-Pass-77", False),
        ({"starts": "yesterday"}, "2026-11-22T00:00:00+01:00", True),
        ({"starts": "yesterday"}, "2026-11-21T23:00:00Z", True),
        ({"starts": "yesterday"}, "2026-11-22T00:00:00Z", False),
        ({"starts": "yesterday"}, "2026-11-22", True),
        ({"starts": "yesterday"}, "yesterday", False),
        ({"starts": "yesterday"}, None, False),
        ({"ends": "yesterday"}, "2026-11-22T23:59:59+01:00", True),
        ({"ends": "yesterday"}, "2026-11-22T23:59:59.999+01:00", True),
        ({"ends": "yesterday"}, "2026-11-23T00:00:00+01:00", True),
        ({"ends": "yesterday"}, "2026-11-22T23:59:00+01:00", False),
        ({"ends": "yesterday"}, "2026-11-23T14:30:00+01:00", False),
    ],
)
def test_a_value_fits_or_does_not(expected, value, right):
    assert fits(expected, value, NOW) is right


@pytest.mark.parametrize(
    ("words", "first", "last"),
    [
        ("today", date(2026, 3, 1), date(2026, 3, 1)),
        ("3 days ago", date(2026, 2, 26), date(2026, 2, 26)),
        ("this week", date(2026, 2, 23), date(2026, 3, 1)),
        ("last week", date(2026, 2, 16), date(2026, 2, 22)),
        ("this month", date(2026, 3, 1), date(2026, 3, 31)),
        ("last month", date(2026, 2, 1), date(2026, 2, 28)),
        ("2026-01-05", date(2026, 1, 5), date(2026, 1, 5)),
    ],
)
def test_periods(words, first, last):
    assert period(words, date(2026, 3, 1)) == (first, last)


# --- expectations and files -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({}, "expect"),
        ("answered", "expect"),
        ({"operations": "x"}, "operations"),
        ({"operation": ""}, "operation"),
        ({"operation": "x", "not_called": True}, "not_called"),
        ({"not_called": False}, "not_called"),
        ({"arguments": {"a": 1}}, "arguments"),
        ({"calls": []}, "calls"),
        ({"calls": [{"operation": "x"}, {"arguments": {}}]}, "calls[1].operation"),
        ({"operation": "x", "arguments": {"a": {"match": "y"}}}, "arguments.a"),
        ({"operation": "x", "arguments": {"a": {"matches": "("}}}, "arguments.a.matches"),
        ({"operation": "x", "arguments": {"a": {"starts": "soon"}}}, "arguments.a.starts"),
        ({"operation": "x", "arguments": {"a": {"absent": False}}}, "arguments.a.absent"),
        ({"asks": "password"}, "asks"),
        ({"status": "done"}, "status"),
    ],
)
def test_an_expectation_that_cannot_be_measured_names_the_key(data, key):
    with pytest.raises(ExpectationError) as error:
        Expectation.from_json(data)
    assert error.value.key == key


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- name: [", "suite.yaml is not valid YAML: .*line 1"),
        ("name: x", "suite.yaml must hold a list of cases"),
        ("[]", "suite.yaml must hold a list of cases"),
        ("- hello", "suite.yaml, case 1: must be a mapping"),
        ("cases: []", "suite.yaml must hold a list of cases"),
        (ONE_CASE + "held: true", "suite.yaml, held: is unknown here"),
        ("cases: [hello]", "suite.yaml, case 1: must be a mapping"),
        (ONE_CASE + "held_out: false", "suite.yaml, held_out: can only be true"),
        (ONE_CASE + "language: Korean", "suite.yaml, language: must be an ISO 639-1 code"),
        (ONE_CASE + "product: {name: Shop}", "suite.yaml, product: must be a mapping with name and spec"),
        (ONE_CASE + "product: {name: Shop, spec: ../shop.json}", "suite.yaml, product.spec: must be a path below"),
        ("- {turns: x, expect: {status: answered}}", "suite.yaml, case 1, name: must be a text"),
        ("- {name: a, expect: {status: answered}}", "case “a”, turns: must be"),
        ("- {name: a, turns: [x, 7], expect: {status: answered}}", "case “a”, turns: must be"),
        ("- {name: a, turns: x, expects: {}}", "case “a”, expects: is unknown"),
        ("- {name: a, turns: x}", "case “a”, expect: must be a mapping"),
        ("- {name: a, turns: x, expect: {status: done}}", "case “a”, status: must be one of answered, approving"),
        ("- {name: a, turns: x, expect: {asks: [p]}}\n" * 2, "case “a”, name: stands twice"),
    ],
)
def test_a_bad_file_is_told_with_its_case_and_key(tmp_path, text, message):
    path = tmp_path / "suite.yaml"
    path.write_text(text)
    with pytest.raises(SuiteError, match=message):
        read_suite(path)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(SuiteError, match=r"nowhere\.yaml can.t be read: No such file"):
        read_suite(tmp_path / "nowhere.yaml")


def test_a_file_that_is_no_text_is_told(tmp_path):
    path = tmp_path / "suite.yaml"
    path.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(SuiteError, match="not valid YAML"):
        read_suite(path)


def test_a_file_tells_its_product_and_that_it_is_held_out(tmp_path):
    path = tmp_path / "suite.yaml"
    path.write_text(ONE_CASE + "held_out: true\nproduct: {name: Shop, spec: specs/shop.json}")
    file = read_file(path)
    assert (file.name, file.product, file.spec, file.held_out) == ("suite", "Shop", "specs/shop.json", True)
    assert [case.name for case in file.cases] == ["a"]


def test_the_suites_over_four_products_are_large_and_a_third_of_them_is_held_out():
    files = [read_file(path) for part in ("wording", "heldout") for path in SUITES.glob(f"{part}-*.yaml")]
    cases = [case for file in files for case in file.cases]
    expectations = [Expectation.from_json(case.expected) for case in cases]
    assert len({file.spec for file in files}) >= 4
    assert len(cases) >= 190
    assert sum(e.statuses == {"refused"} for e in expectations) >= 35
    assert sum(e.asks is not None for e in expectations) >= 25
    held_out = sum(len(file.cases) for file in files if file.held_out)
    assert 0.3 < held_out / len(cases) < 0.36


def test_the_demos_suite_can_be_read_and_has_every_kind_of_case():
    cases = read_suite(SUITES / "demo.yaml")
    assert len(cases) >= 45
    expectations = [Expectation.from_json(case.expected) for case in cases]
    assert sum(e.statuses == {"refused"} for e in expectations) >= 8
    assert sum(e.asks is not None for e in expectations) >= 5
    assert sum(len(e.calls or ()) > 1 for e in expectations) >= 2
    assert sum(len(case.turns) > 1 for case in cases) >= 5

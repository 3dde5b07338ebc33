"""Policy rules: when they apply, and that they only make things stricter."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from nlops.core.checkpoints import Returned, Sources, before_call
from nlops.core.rules import PatternUnusable, applies, check_pattern, ruling
from nlops.core.types import CallRecord, Decision, Effect, Rule, Tool

ME = "Ada.Lovelace@acme.example"


def rule(condition: str, value: str = "", argument: str = "x", decision: Decision = Decision.APPROVE) -> Rule:
    return Rule(decision, argument, condition, value, f"because of {condition}")


@pytest.mark.parametrize(
    ("condition", "value", "given", "expected"),
    [
        ("is", "admin, owner", "Admin", True),
        ("is", "admin, owner", "user", False),
        ("is", "true", True, True),
        ("is_not", "eu-1, eu-2", "us-1", True),
        ("is_not", "eu-1, eu-2", "EU-1", False),
        ("matches", r"prod-.*", "prod-7", True),
        ("matches", r"prod-.*", "my prod-7", False),
        ("matches_not", r"[a-z]+@acme\.example", "eve@evil.example", True),
        ("matches_not", r"[a-z]+@acme\.example", "eve@acme.example", False),
        ("matches", r"prod-.*", "x" * 5000, False),
        ("matches", r"prod-.*", "x" * 200_000, True),
        ("matches_not", r"x*", "x" * 200_000, True),
        ("matches", r"admin.*", "admin\nx", True),
        ("matches", r"root", " root\n", True),
        ("matches", r"root", "\ud800", True),
        ("matches_not", r".*", "a\nb", True),
        ("matches_not", r"root", "root ", True),
        ("matches", r"(", "anything", True),
        ("is", "root", " ROOT ", True),
        ("is", "root", "\uff52oot", True),
        ("is_not", "root", " root", True),
        ("is", "5", 5.0, True),
        ("is_not", "5, 6", 6.0, False),
        ("is", "root", {"name": "root"}, True),
        ("is_not", "a, b", [["a"], ["c"]], True),
        ("above", "1000", "nan", True),
        ("above", "1000", "inf", True),
        ("above", "1000", 1000, False),
        ("above", "1000", 1000.5, True),
        ("above", "1000", "2000", True),
        ("above", "2", ["a", "b", "c"], True),
        ("above", "1000", None, True),
        ("below", "5", 4, True),
        ("below", "5", "abcd", True),
        ("not_own", "", "ada.lovelace", False),
        ("not_own", "", "ada.lovelace@ACME.example", False),
        ("not_own", "", "eve", True),
        ("is", "root", ["user", "root"], True),
        ("not_own", "", ["ada.lovelace", "eve"], True),
    ],
)
def test_a_rule_applies_to_the_values_that_it_names(condition, value, given, expected):
    assert applies(rule(condition, value), {"x": given}, ME) is expected


def test_an_argument_that_is_not_there_fulfils_no_condition():
    assert not applies(rule("is_not", "a"), {"y": "b"}, ME)


def test_leaving_out_what_only_some_values_pass_passes_nothing():
    assert applies(replace(rule("not_own"), when_absent=True), {"y": "b"}, ME)
    assert not applies(replace(rule("not_own"), when_absent=True), {"x": ME}, ME)


@pytest.mark.parametrize(
    ("way", "expected"),
    [("address/city", True), ("address/zip", False), ("owners/name", True), ("address/city/x", False), ("a/b", True)],
)
def test_a_rule_reaches_into_objects_and_lists(way, expected):
    arguments = {"address": {"city": "Paris"}, "owners": [{"name": "x"}, {"name": "paris"}], "a/b": "paris"}
    assert applies(rule("is", "paris", argument=way), arguments, ME) is expected


@pytest.mark.parametrize(
    ("argument", "returned", "expected"),
    [
        ("x", ["x"], True), ("x", ["y"], False), ("x/city", ["x"], True), ("*", ["y"], True), ("*", [], False),
        ("x", None, True), ("*", None, True),
    ],
)  # fmt: skip
def test_a_rule_may_be_about_values_that_come_from_answers(argument, returned, expected):
    assert applies(rule("returned", argument=argument), {"x": 1, "y": 2}, ME, returned) is expected


@pytest.mark.parametrize(
    ("effect", "decision", "expected"),
    [
        (Effect.WRITE, Decision.ALLOW, "confirm"), (Effect.WRITE, Decision.APPROVE, "approve"),
        (Effect.DESTRUCTIVE, Decision.ALLOW, "approve"), (Effect.DESTRUCTIVE, Decision.CONFIRM, "approve"),
        (Effect.READ, Decision.ALLOW, "pass"),
    ],
)  # fmt: skip
def test_a_value_from_an_answer_asks_the_requester_or_another_person_where_it_destroys(effect, decision, expected):
    parameters = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    tool = Tool("t", "d", parameters, effect=effect, decision=decision)
    sources = Sources(("remove what is there",), returned=(Returned("c0", "list", {"name": "k7-from-answer"}),))
    call = CallRecord("1", "t", {"name": "k7-from-answer"})
    assert before_call(call, tool, sources, [], []).decision == expected
    trusted = replace(tool, trusted_arguments=("name",))
    plain = {"allow": "pass", "confirm": "confirm", "approve": "approve"}[decision]
    assert before_call(call, trusted, sources, [], []).decision == plain


def test_a_secret_that_nobody_sees_is_taken_for_what_the_rule_is_about():
    assert applies(rule("is", "x"), {"x": {"$secret": "password"}}, ME)
    assert applies(rule("is", "x"), {"x": [{"$secret": "password"}]}, ME)


@pytest.mark.parametrize("pattern", ["(a|aa)+$", "(a*)*b", "a*" * 60 + "b", "(.*)(.*)(.*)(.*)(.*)[^a]"])
def test_no_pattern_stops_a_worker(pattern):
    """With a regular expression of Python's each of these takes longer than anybody waits."""
    check_pattern(pattern)
    began = time.process_time()
    assert not applies(rule("matches", pattern), {"x": "a" * 50_000 + "!c"}, ME) or pattern.endswith("[^a]")
    assert time.process_time() - began < 5


@pytest.mark.parametrize("pattern", ["(", "a**", r"(a)\1", "(?=a)", "(?<!a)b", "((a{100}){100}){100}", "\ud800"])
def test_what_could_take_for_ever_is_no_pattern(pattern):
    with pytest.raises(PatternUnusable):
        check_pattern(pattern)


def test_the_strictest_wins_and_tells_why():
    rules = [rule("is", "a", decision=Decision.CONFIRM), rule("is", "a"), rule("is", "b", decision=Decision.DENY)]
    assert ruling(Decision.ALLOW, rules, {"x": "a"}, ME).decision is Decision.APPROVE
    assert ruling(Decision.ALLOW, rules, {"x": "a"}, ME).reasons == ("because of is", "because of is")
    assert ruling(Decision.ALLOW, rules, {"x": "b"}, ME).decision is Decision.DENY
    assert ruling(Decision.ALLOW, rules, {"x": "c"}, ME).decision is Decision.ALLOW


def test_no_rule_makes_anything_looser():
    rules = [rule("is", "a", decision=Decision.CONFIRM)]
    assert ruling(Decision.DENY, rules, {"x": "a"}, ME).decision is Decision.DENY
    assert ruling(Decision.APPROVE, rules, {"x": "a"}, ME) == ruling(Decision.APPROVE, [], {}, ME)

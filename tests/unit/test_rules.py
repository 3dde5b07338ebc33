"""Policy rules: when they apply, and that they only make things stricter."""

from __future__ import annotations

import pytest

from nlops.core.rules import applies, ruling
from nlops.core.types import Decision, Rule

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
        ("matches", r"prod-.*", "x" * 5000, True),
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

"""What a person types as a secret is masked; words about secrets are left alone."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlops.core.secrets import is_secret_name, mask, redact
from nlops.core.views import HIDDEN

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dBjftJeZ4CVP"


@pytest.mark.parametrize(
    "name",
    ["password", "userPassword", "new_password", "passwd", "secret", "clientSecret", "token", "access_token",
     "api_key", "apiKey", "X-API-Key", "apikey", "passphrase", "pin", "PIN", "private_key",
     "credential", "secretKey",
     "password_confirmation", "password2", "secret_value", "reset_token"],
)  # fmt: skip
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["token_type", "secret_name", "password_policy", "password_reset_required", "max_tokens",
     "next_token", "nextPageToken", "secrets", "has_password", "is_secret", "key", "public_key", "value",
     "shipping", "username",
     "", "pinned", "secretary", "token_count", "password_expires_at"],
)  # fmt: skip
def test_names_of_other_things(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "masked", "value"),
    [
        ("Create bob with password Secret123!", "Create bob with password [[secret:password]]", "Secret123!"),
        ("password: hunter2", "password: [[secret:password]]", "hunter2"),
        ("password is 'x y'", "password is '[[secret:password]]'", "x y"),
        ("the password is hunter.", "the password is [[secret:password]].", "hunter"),
        ("pw=abc", "pw=[[secret:password]]", "abc"),
        ('{"password": "abc def"}', '{"password": "[[secret:password]]"}', "abc def"),
        ("create user bob password hunter2", "create user bob password [[secret:password]]", "hunter2"),
        ("bob and the password hunter, please", "bob and the password [[secret:password]], please", "hunter"),
        ("set bob's password to Tr0ub4dor", "set bob's password to [[secret:password]]", "Tr0ub4dor"),
        (
            "change the password of user1 to abc-1",
            "change the password of user1 to [[secret:password]]",
            "abc-1",
        ),
        (
            "passphrase: correct horse battery, ok",
            "passphrase: [[secret:passphrase]], ok",
            "correct horse battery",
        ),
        ("with pin 1234", "with pin [[secret:pin]]", "1234"),
        ("use api key sk-abcdef1234567890abcd", "use api key [[secret:api_key]]", "sk-abcdef1234567890abcd"),
        (
            "Authorization: Bearer abcdef123456789",
            "Authorization: Bearer [[secret:token]]",
            "abcdef123456789",
        ),
        (f"look at {JWT} now", "look at [[secret:token]] now", JWT),
        ("key AKIAIOSFODNN7EXAMPLE", "key [[secret:access_key]]", "AKIAIOSFODNN7EXAMPLE"),
        ("at https://bob:pa55@host/x", "at https://bob:[[secret:password]]@host/x", "pa55"),
        ("client_secret=abc", "client_secret=[[secret:client_secret]]", "abc"),
        (
            "Create a secret named db-root with value S3cr3t! in safe prod",
            "Create a secret named db-root with value [[secret:value]] in safe prod",
            "S3cr3t!",
        ),
    ],
)
def test_a_typed_secret_is_masked(text: str, masked: str, value: str) -> None:
    found = mask(text)
    assert found.text == masked
    assert list(found.secrets.values()) == [value]


def test_a_private_key_is_masked_wholly() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----"
    assert mask(f"add {key} to prod").text == "add [[secret:private_key]] to prod"


def test_several_secrets_are_numbered_and_a_repeated_one_keeps_its_name() -> None:
    found = mask("a with password Secret1! and b with password Other22? and again password: Secret1!")
    assert found.secrets == {"password": "Secret1!", "password_2": "Other22?"}
    assert found.text == (
        "a with password [[secret:password]] and b with password [[secret:password_2]]"
        " and again password: [[secret:password]]"
    )


def test_a_secret_said_again_without_its_label_is_masked_too() -> None:
    assert "Secret123" not in mask("password: Secret123, I repeat: Secret123").text


@pytest.mark.parametrize(
    "text",
    [
        "reset the password of user1",
        "create a new user with a password",
        "create a user with password and email",
        "show the password policy",
        "list secrets of safe prod",
        "the secret named db-root in safe prod",
        "show the secret db-root1 in safe prod",
        "change password for bob",
        "change the password of user1",
        "reset password user1",
        "what is the password of root in safe X",
        "show the value of the secret db-root",
        "is his password expired?",
        "the password is expired",
        "users whose password is required to change",
        "rotate the token of service1",
        "delete the api key of bob",
        "set password to never expire",
        "change the owner of secret db-root to user2",
        "pin the message",
        "the value 5 is wrong",
        "set the value of limit to 5",
        "Get the user called user1",
        "create a safe named tokens",
        "password?",
    ],
)
def test_words_about_secrets_stay(text: str) -> None:
    found = mask(text)
    assert (found.text, found.secrets) == (text, {})


@given(st.text(max_size=200))
def test_any_text_can_be_put_together_again(text: str) -> None:
    found = mask(text)
    rebuilt = found.text
    for name, value in found.secrets.items():
        rebuilt = rebuilt.replace(f"[[secret:{name}]]", value)
    assert rebuilt == text


PASSWORDS = st.from_regex(r"[A-Za-z][A-Za-z0-9!#$%&*+=?@^~]{5,18}[0-9!]", fullmatch=True)
SHAPES = st.sampled_from(["with password {}", "password: {}", "password={}", "password is {}", "password '{}'"])


@given(PASSWORDS, SHAPES)
def test_no_password_survives_in_the_text(password: str, shape: str) -> None:
    found = mask("Create user qx9 " + shape.format(password) + " in group zz8")
    assert password not in found.text
    assert list(found.secrets.values()) == [password]
    assert "qx9" in found.text
    assert "zz8" in found.text


def test_a_very_long_message_is_masked_in_time() -> None:
    started = time.monotonic()
    for text in ("password " * 11000, "a" * 100000, "set x " * 16000, "set password x " * 7000,
                 "'" * 100000, "-----BEGIN PRIVATE KEY-----" * 3000, " " * 100000,
                 "http://a:" * 11000, "the " * 25000):  # fmt: skip
        mask(text)
    assert time.monotonic() - started < 20


def test_a_response_loses_known_secrets_and_secret_fields() -> None:
    response = {
        "username": "bob",
        "password": "abc",
        "note": "he typed Secret 1! here",
        "url": "https://x/?p=Secret%201%21",
        "pin": 1234,
        "has_password": True,
        "token": None,
        "nested": [{"clientSecret": "zzz", "code": 77}, "77", "x77"],
        "Secret 1!": 1,
    }
    assert redact(response, ["Secret 1!", "77"]) == {
        "username": "bob",
        "password": HIDDEN,
        "note": f"he typed {HIDDEN} here",
        "url": f"https://x/?p={HIDDEN}",
        "pin": HIDDEN,
        "has_password": True,
        "token": None,
        "nested": [{"clientSecret": HIDDEN, "code": HIDDEN}, HIDDEN, "x77"],
        HIDDEN: HIDDEN,
    }
    assert response["password"] == "abc"


def test_which_fields_are_secret_can_be_said() -> None:
    assert redact({"password": "abc", "x": "y"}, (), lambda name: name == "x") == {
        "password": "abc",
        "x": HIDDEN,
    }
    assert redact("plain text with abcd", ["abcd"]) == f"plain text with {HIDDEN}"


def test_a_response_that_nests_too_deep_is_cut() -> None:
    deep: list[object] = []
    for _ in range(900):
        deep = [deep, {"password": "abc"}]
    shallow = str(redact(deep))
    assert "…" in shallow
    assert "abc" not in shallow

"""Which operation undoes which."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from nlops.core.reversal import Reverse, reverse_of


@dataclass(frozen=True)
class Op:
    name: str
    method: str
    path: str


OPERATIONS = [
    Op("list_users", "GET", "/users"),
    Op("create_user", "POST", "/users"),
    Op("get_user", "GET", "/users/{username}"),
    Op("update_user", "PATCH", "/users/{username}"),
    Op("delete_user", "DELETE", "/users/{username}"),
    Op("enable_user", "POST", "/users/{username}/enable"),
    Op("disable_user", "POST", "/users/{username}/disable"),
    Op("reset_password", "POST", "/users/{username}/reset"),
    Op("add_group_member", "PUT", "/groups/{id}/members/{username}"),
    Op("take_out", "DELETE", "/groups/{id}/members/{username}"),
    Op("add_role_to_user", "POST", "/roles/{id}/users"),
    Op("remove_role_from_user", "POST", "/roles/{id}/users/gone"),
]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("disable_user", Reverse("POST /users/{username}/enable")),
        ("enable_user", Reverse("POST /users/{username}/disable")),
        ("create_user", Reverse("DELETE /users/{username}")),
        ("delete_user", None),
        ("reset_password", None),
        ("update_user", Reverse("PATCH /users/{username}", needs_state=True)),
        ("take_out", Reverse("PUT /groups/{id}/members/{username}")),
        ("add_group_member", Reverse("DELETE /groups/{id}/members/{username}")),
        ("add_role_to_user", Reverse("POST /roles/{id}/users/gone")),
        ("remove_role_from_user", Reverse("POST /roles/{id}/users")),
        ("list_users", None),
    ],
)
def test_what_undoes_an_operation_is_found_and_nothing_is_promised_where_there_is_none(name, expected):
    assert reverse_of(next(op for op in OPERATIONS if op.name == name), OPERATIONS) == expected

"""The operations of an access-management product as tools, written by hand: what the embedded model's benchmark and
tests run over when the product itself is not there."""

from __future__ import annotations

from typing import Any

from nlops.core.tools import OWN_TOOLS
from nlops.core.types import Effect, Tool

_S: dict[str, Any] = {"type": "string"}
_DATE: dict[str, Any] = {"type": "string", "format": "date-time"}
_EMAIL: dict[str, Any] = {"type": "string", "format": "email"}
_INT: dict[str, Any] = {"type": "integer"}
_BOOL: dict[str, Any] = {"type": "boolean"}
_PASSWORD: dict[str, Any] = {"type": "string", "format": "password"}
_PAGE = {"limit": _INT, "cursor": _S}


def _enum(*choices: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(choices)}


_PROFILE = {"email": _EMAIL, "first_name": _S, "last_name": _S, "department": _S, "description": _S}
#: name, method, path, summary, service, required arguments, optional arguments
_ROWS: tuple[tuple[str, str, str, str, str, dict[str, Any], dict[str, Any]], ...] = (
    ("list_users", "GET", "/users", "List users", "Users", {}, {"department": _S, "enabled": _BOOL, **_PAGE}),
    (
        "create_user",
        "POST",
        "/users",
        "Create a user",
        "Users",
        {"username": _S, "password": _PASSWORD},
        {**_PROFILE, "enabled": _BOOL},
    ),
    ("get_user", "GET", "/users/{username}", "Get a user", "Users", {"username": _S}, {}),
    ("update_user", "PATCH", "/users/{username}", "Update a user", "Users", {"username": _S}, _PROFILE),
    ("disable_user", "POST", "/users/{username}/disable", "Disable a user", "Users", {"username": _S}, {}),
    ("enable_user", "POST", "/users/{username}/enable", "Enable a user", "Users", {"username": _S}, {}),
    (
        "reset_password",
        "POST",
        "/users/{username}/password",
        "Reset a user's password",
        "Users",
        {"username": _S, "new_password": _PASSWORD},
        {},
    ),
    ("list_user_groups", "GET", "/users/{username}/groups", "List the groups of a user", "Users", {"username": _S}, {}),
    ("delete_user", "DELETE", "/users/{username}", "Delete a user", "Users", {"username": _S}, {}),
    ("list_groups", "GET", "/groups", "List groups", "Groups", {}, _PAGE),
    ("create_group", "POST", "/groups", "Create a group", "Groups", {"name": _S}, {"description": _S}),
    ("get_group", "GET", "/groups/{name}", "Get a group", "Groups", {"name": _S}, {}),
    ("update_group", "PATCH", "/groups/{name}", "Update a group", "Groups", {"name": _S}, {"description": _S}),
    ("delete_group", "DELETE", "/groups/{name}", "Delete a group", "Groups", {"name": _S}, {}),
    ("list_group_members", "GET", "/groups/{name}/members", "List the members of a group", "Groups", {"name": _S}, {}),
    (
        "add_group_member",
        "PUT",
        "/groups/{name}/members/{username}",
        "Add a user to a group",
        "Groups",
        {"name": _S, "username": _S},
        {},
    ),
    (
        "remove_group_member",
        "DELETE",
        "/groups/{name}/members/{username}",
        "Remove a user from a group",
        "Groups",
        {"name": _S, "username": _S},
        {},
    ),
    ("list_safes", "GET", "/safes", "List safes", "Safes", {}, _PAGE),
    (
        "create_safe",
        "POST",
        "/safes",
        "Create a safe",
        "Safes",
        {"name": _S},
        {"description": _S, "retention_days": _INT, "owner": _S},
    ),
    ("get_safe", "GET", "/safes/{name}", "Get a safe", "Safes", {"name": _S}, {}),
    (
        "update_safe",
        "PATCH",
        "/safes/{name}",
        "Update a safe",
        "Safes",
        {"name": _S},
        {"description": _S, "retention_days": _INT},
    ),
    ("delete_safe", "DELETE", "/safes/{name}", "Delete a safe", "Safes", {"name": _S}, {}),
    ("list_secrets", "GET", "/safes/{name}/secrets", "List the secrets in a safe", "Safes", {"name": _S}, {}),
    (
        "create_secret",
        "POST",
        "/safes/{name}/secrets",
        "Store a secret in a safe",
        "Safes",
        {"name": _S, "secret_name": _S, "value": {"type": "string", "writeOnly": True}},
        {"description": _S},
    ),
    (
        "rotate_secret",
        "POST",
        "/safes/{name}/secrets/{secret_name}/rotate",
        "Rotate a secret",
        "Safes",
        {"name": _S, "secret_name": _S},
        {},
    ),
    (
        "delete_secret",
        "DELETE",
        "/safes/{name}/secrets/{secret_name}",
        "Delete a secret",
        "Safes",
        {"name": _S, "secret_name": _S},
        {},
    ),
    (
        "list_access_requests",
        "GET",
        "/access-requests",
        "List access requests",
        "Access requests",
        {},
        {"status": _enum("pending", "approved", "rejected"), "username": _S, **_PAGE},
    ),
    (
        "create_access_request",
        "POST",
        "/access-requests",
        "Request access to a safe",
        "Access requests",
        {"safe": _S, "reason": _S},
        {"access": _enum("read", "write")},
    ),
    (
        "get_access_request",
        "GET",
        "/access-requests/{id}",
        "Get an access request",
        "Access requests",
        {"id": _INT},
        {},
    ),
    (
        "approve_access_request",
        "POST",
        "/access-requests/{id}/approve",
        "Approve an access request",
        "Access requests",
        {"id": _INT},
        {"comment": _S},
    ),
    (
        "reject_access_request",
        "POST",
        "/access-requests/{id}/reject",
        "Reject an access request",
        "Access requests",
        {"id": _INT},
        {"comment": _S},
    ),
    (
        "list_audit_entries",
        "GET",
        "/audit",
        "List audit log entries",
        "Audit log",
        {},
        {"from": _DATE, "to": _DATE, "actor": _S, "action": _S, **_PAGE},
    ),
    ("get_audit_entry", "GET", "/audit/{id}", "Get an audit log entry", "Audit log", {"id": _INT}, {}),
    (
        "export_audit_log",
        "POST",
        "/audit/export",
        "Export the audit log as CSV",
        "Audit log",
        {"from": _DATE, "to": _DATE},
        {},
    ),
    ("get_system_status", "GET", "/system/status", "Get the system's status", "System", {}, {}),
    ("get_settings", "GET", "/system/settings", "Get the system's settings", "System", {}, {}),
    (
        "update_settings",
        "PATCH",
        "/system/settings",
        "Change the system's settings",
        "System",
        {},
        {"session_timeout_minutes": _INT, "mfa_required": _BOOL},
    ),
)


def access_tools(*without: str) -> list[Tool]:
    """nlops's own tools and the product's, but those of the given names."""
    tools = list(OWN_TOOLS)
    for name, method, path, summary, service, required, optional in _ROWS:
        if name in without:
            continue
        effect = {"GET": Effect.READ, "DELETE": Effect.DESTRUCTIVE}.get(method, Effect.WRITE)
        secrets = tuple(
            key for key, schema in required.items() if schema.get("format") == "password" or schema.get("writeOnly")
        )
        tools.append(
            Tool(
                name=name,
                description=f"{summary}.",
                parameters={
                    "type": "object",
                    "properties": {**required, **optional},
                    "required": list(required),
                    "additionalProperties": False,
                },
                operation_id=name,
                method=method,
                path=path,
                summary=summary,
                service=service,
                product="Access",
                effect=effect,
                secret_arguments=secrets,
            )
        )
    return tools

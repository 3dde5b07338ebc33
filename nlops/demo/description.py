"""What the generated OpenAPI description lacks."""

from __future__ import annotations

from typing import Any

_BY_NAME = {
    "username": "User name of the user",
    "secret_name": "Name of the secret",
    "request_id": "Number of the access request",
    "entry_id": "Number of the audit log entry",
}
_BY_PATH = {"groups": "Name of the group", "safes": "Name of the safe"}


def describe_path_parameters(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: path parameters say what they name."""
    for path, item in result["paths"].items():
        for operation in item.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    described = _BY_NAME.get(parameter["name"]) or _BY_PATH.get(path.split("/")[1])
                    parameter.setdefault("description", described)
    return result

"""What the generated OpenAPI description lacks."""

from __future__ import annotations

from typing import Any

from nlops.demo.problems import MEDIA_TYPE

_BY_NAME = {
    "username": "User name of the user",
    "secret_name": "Name of the secret",
    "request_id": "Number of the access request",
    "entry_id": "Number of the audit log entry",
}
_BY_PATH = {"groups": "Name of the group", "safes": "Name of the safe"}
_FIELD_ERROR = {
    "type": "object",
    "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
    "required": ["field", "message"],
}
_PROBLEM = {
    "type": "object",
    "description": "What is wrong (RFC 9457).",
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, for a person"},
        "code": {"type": "string", "description": "What is wrong, for a program, such as token_expired"},
        "errors": {"type": "array", "items": _FIELD_ERROR, "description": "What is wrong with each field"},
    },
    "required": ["type", "title", "status", "detail"],
}


def describe_path_parameters(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: path parameters say what they name."""
    for path, item in result["paths"].items():
        for operation in item.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    described = _BY_NAME.get(parameter["name"]) or _BY_PATH.get(path.split("/")[1])
                    parameter.setdefault("description", described)
    return result


def describe_problems(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: every operation may answer a problem."""
    result["components"]["schemas"]["Problem"] = _PROBLEM
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for item in result["paths"].values():
        for operation in item.values():
            operation["responses"]["4XX"] = {"description": "Refused, with what is wrong", "content": content}
    return result

"""A failure inside of a success is found, data about failures is none; errors reach the model in one shape."""

from __future__ import annotations

import pytest

from nlops.core.answers import problem_fields, problem_text
from nlops.core.outcomes import error_result, is_failure_inside


@pytest.mark.parametrize(
    "body",
    [
        {"error": "not found"},
        {"error": {"code": 7, "message": "no such user"}},
        {"ok": False, "error": "missing_scope", "needed": "chat:write", "provided": "chat:read"},
        {"ok": False, "error": "channel_not_found", "channel": "C1"},
        {"success": False},
        {"success": False, "message": "The name is taken.", "data": None},
        {"status": "error"},
        {"status": "error", "message": "Unable to communicate with database"},
        {"status": "fail", "data": {"title": "A title is required"}},
        {"errors": [{"message": "Cannot query field", "path": ["user"]}], "data": None},
        {"errors": {"name": ["has already been taken"]}},
        {"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": 1},
        {"code": 404, "message": "no such user"},
        {"statusCode": 422, "msg": "bad name", "data": None},
        {"fault": {"faultstring": "Invalid ApiKey", "detail": {"errorcode": "x"}}},
        {"__type": "ResourceNotFoundException", "message": "gone"},
    ],
)
def test_an_error_inside_of_a_success_is_a_failure(body):
    assert is_failure_inside(body)


@pytest.mark.parametrize(
    "body",
    [
        None,
        "error",
        [],
        {},
        [{"error": "disk full", "at": "2030-01-01"}],
        {"items": [{"error": "disk full"}], "total": 1},
        {"data": [{"id": 1, "error": "x"}], "error": None},
        {"id": "job1", "state": "failed", "error": "disk full"},
        {"id": 3, "action": "login", "success": False, "actor": "bob"},
        {"id": 3, "success": False, "message": "wrong password"},
        {"name": "nightly", "ok": False, "message": "late"},
        {"ok": True, "error": ""},
        {"ok": True, "members": []},
        {"success": True, "data": {"error": "x"}},
        {"status": "active", "message": "hello"},
        {"status": "failed", "progress": 20},
        {"status": 200, "message": "done"},
        {"code": 0, "message": "success", "data": {"id": 1}},
        {"code": 404, "name": "Not found page"},
        {"errors": [], "data": {"user": {"id": 1}}},
        {"data": {"user": {"id": 1}}, "errors": [{"message": "one field was left out"}]},
        {"error": False, "message": "created"},
        {"error": None, "result": {"id": 1}},
        {"errors": 0, "warnings": 3},
        {"message": "Deleted."},
    ],
)
def test_data_that_speaks_of_errors_is_no_failure(body):
    assert not is_failure_inside(body)


@pytest.mark.parametrize(
    ("body", "field", "allowed"),
    [
        (
            {"type": "about:blank", "title": "Invalid", "status": 422,
             "errors": [{"pointer": "#/role", "detail": "must be one of: admin, user"}]},
            "role", ["admin", "user"],
        ),
        (
            {"detail": [{"type": "enum", "loc": ["body", "role"], "msg": "Input should be 'admin' or 'user'",
                         "ctx": {"expected": "'admin' or 'user'"}}]},
            "role", ["admin", "user"],
        ),
        ({"errors": [{"field": "role", "message": "is not valid", "allowedValues": ["a", "b"]}]}, "role", ["a", "b"]),
        ({"role": ['"x" is not a valid choice.']}, "role", None),
        (
            {"errors": [{"source": {"pointer": "/data/attributes/role"}, "detail": "bad", "meta": {"enum": [1, 2]}}]},
            "role", ["1", "2"],
        ),
        ({"message": "bad", "errors": [{"param": "role", "msg": "Value must be one of [x, y, z]."}]}, "role",
         ["x", "y", "z"]),
    ],
)  # fmt: skip
def test_every_form_of_error_reaches_the_model_in_one_shape(body, field, allowed):
    fields = problem_fields(body)
    error = error_result(422, "refused", fields, body)["error"]
    assert (error["status"], error["message"]) == (422, "refused")
    assert [found["field"] for found in error["fields"]] == [field]
    assert error["fields"][0].get("allowed") == allowed


@pytest.mark.parametrize(
    ("body", "text", "fields"),
    [
        ({"errorMessage": "User exists with same username"}, "User exists with same username", []),
        ({"error_message": "no", "error_code": 7}, "no", []),
        ({"Message": "Denied", "Code": "AccessDenied"}, "Denied", []),
        ({"message": {"name": ["has already been taken"]}}, "name: has already been taken",
         [("name", "has already been taken")]),
        ({"errorMessages": ["Issue does not exist"], "errors": {}}, "Issue does not exist", []),
        ({"errorMessages": [], "errors": {"summary": "is required"}}, "summary: is required",
         [("summary", "is required")]),
        ({"timestamp": "x", "status": 400, "error": "Bad Request", "path": "/u",
          "errors": [{"field": "name", "defaultMessage": "must not be blank", "code": "NotBlank"}]},
         "Bad Request. Name: must not be blank.", [("name", "must not be blank")]),
        ([{"message": "Required fields are missing", "errorCode": "MISSING", "fields": ["Name"]}],
         "Name: Required fields are missing", [("Name", "Required fields are missing")]),
        ({"error": {"code": "Bad", "message": "Invalid", "details": [{"target": "size", "message": "too big"}]}},
         "Invalid. Size: too big.", [("size", "too big")]),
        ({"error": {"code": 400, "message": "Bad", "details": [
            {"fieldViolations": [{"field": "user.name", "description": "too long"}]}]}}, "Bad. Name: too long.",
         [("name", "too long")]),
        ({"fault": {"faultstring": "Invalid ApiKey", "detail": {"errorcode": "x"}}}, "Invalid ApiKey", []),
        ({"error": "RecordInvalid", "description": "Validation errors",
          "details": {"name": [{"description": "Name: is too short"}]}},
         None, [("name", "Name: is too short")]),
    ],
)  # fmt: skip
def test_what_products_say_is_wrong_is_found_wherever_they_say_it(body, text, fields):
    if text is not None:
        assert problem_text(body, 400) == text
    assert problem_fields(body) == fields

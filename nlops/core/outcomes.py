"""What a product's answer means: an error inside of a 2xx, and the one shape in which a model is told of an error."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from nlops.core.types import Json


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


#: Keys of an envelope around an answer. With any other key it is a thing of the product, whose `error` may be its own.
_ENVELOPE: Final = _set(
    "ok success succeeded status result results data payload response body error errors error_code errorCode"
    " error_message errorMessage error_description error_description errorDescription error_uri fault code message"
    " messages msg detail details description reason title type instance statusCode status_code httpStatus timestamp"
    " path request_id requestId trace_id traceId correlation_id correlationId extensions meta metadata"
    " response_metadata needed provided warning warnings documentation_url more_info moreInfo help logref __type"
    " fieldErrors field_errors fields validationErrors validation_errors invalid-params violations retryable version"
)
#: Keys under which an envelope holds what was asked for.
_PAYLOAD: Final = ("data", "result", "results", "payload", "response", "body")
#: Keys that say what is wrong.
_REASONS: Final = (
    "error", "errors", "message", "messages", "msg", "detail", "details", "error_code", "errorCode", "error_message",
    "errorMessage", "error_description", "errorDescription", "fault", "reason", "code",
)  # fmt: skip


def is_failure_inside(body: Json) -> bool:
    """Whether a body that came with a 2xx says that the request failed, as far as one can know.

    Only an envelope does: a job with a field `error`, or a list of log entries, is what was asked for.
    """
    if not isinstance(body, dict):
        return False
    if "jsonrpc" in body:
        return _is_something(body.get("error"))
    if not body or not set(body) <= _ENVELOPE:
        return _says_not_ok(body)
    if any(_is_something(body.get(key)) for key in _PAYLOAD) and not _is_jsend_fail(body):
        return False
    return (
        _says_not_ok(body)
        or _is_error(body.get("error"))
        or _is_something(body.get("fault"))
        or (isinstance(body.get("errors"), (list, dict)) and _is_something(body["errors"]))
        or _is_error_status(body)
        or _is_error_code(body)
        or str(body.get("__type", "")).endswith(("Exception", "Error"))
    )


def _says_not_ok(body: dict[str, Json]) -> bool:
    """`{"ok": false, "error": …}`: who answers like this puts the fault nowhere else, whatever else stands there."""
    denied = any(body.get(key) is False for key in ("ok", "success", "succeeded"))
    if not denied or (not set(body) <= _ENVELOPE and "ok" not in body):
        return False
    # A thing with a name of its own, such as one entry of a log of sign-ins that failed, is data.
    if any(key in body for key in ("id", "uuid", "name", "created_at", "createdAt")):
        return False
    return set(body) <= _ENVELOPE or any(_is_something(body.get(key)) for key in _REASONS)


def _is_something(value: Json) -> bool:
    return value not in (None, "", [], {}, False, 0)


def _is_error(value: Json) -> bool:
    if isinstance(value, str):
        return value.strip().lower() not in ("", "none", "null", "ok", "no error", "success", "0", "false")
    return _is_something(value)


def _is_jsend_fail(body: dict[str, Json]) -> bool:
    return body.get("status") == "fail" and isinstance(body.get("data"), dict)


def _is_error_status(body: dict[str, Json]) -> bool:
    status = body.get("status")
    if isinstance(status, str):
        return status.lower() in ("error", "fail")
    return _is_http_error(status) and any(_is_something(body.get(key)) for key in _REASONS if key != "code")


def _is_error_code(body: dict[str, Json]) -> bool:
    told = any(isinstance(body.get(key), str) and body[key] for key in ("message", "msg", "error", "detail", "reason"))
    codes = (body.get(key) for key in ("code", "statusCode", "status_code", "httpStatus"))
    return told and any(map(_is_http_error, codes))


def _is_http_error(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599


# --- for the model ----------------------------------------------------------------------------------------


def error_result(status: int, message: str, fields: Sequence[tuple[str, str]] = (), body: Json = None) -> Json:
    """What a model is told of a call that failed, in one shape whatever the product's is.

    `fields` are what the product finds wrong, as name and message; allowed values come from the body where it lists
    them, else from the message.
    """
    listed = allowed_values(body)
    told: list[Json] = []
    for name, text in fields:
        field: dict[str, Json] = {"field": name, "message": text}
        allowed = listed.get(name) or _allowed_in(text)
        if allowed:
            field["allowed"] = allowed
        told.append(field)
    return {"error": {"status": status, "message": message, "fields": told}}


_LISTS: Final = (
    "allowed", "allowedValues", "allowed_values", "validValues", "valid_values", "permitted", "enum", "enum_values",
    "choices", "options", "expected", "accepted",
)  # fmt: skip


def allowed_values(body: Json) -> dict[str, list[str]]:
    """Field to the values that the product allows for it, where its error lists them."""
    found: dict[str, list[str]] = {}
    for fault in _faults(body, 0):
        name = _field_name(fault)
        values = next((v for place in _details(fault) for key in _LISTS if (v := _values(place.get(key)))), [])
        if values:
            found.setdefault(name, values)
    return found


def _faults(value: Json, depth: int) -> Iterator[dict[str, Json]]:
    if depth > 4:
        return
    if isinstance(value, list):
        for item in value[:100]:
            yield from _faults(item, depth + 1)
    elif isinstance(value, dict):
        yield value
        for item in value.values():
            if isinstance(item, (list, dict)):
                yield from _faults(item, depth + 1)


def _details(fault: dict[str, Json]) -> list[dict[str, Json]]:
    return [fault, *(fault[key] for key in ("ctx", "params", "meta", "context") if isinstance(fault.get(key), dict))]


def _field_name(fault: dict[str, Json]) -> str:
    for key in ("field", "name", "param", "parameter", "property", "attribute", "pointer", "loc", "path"):
        place = fault.get(key)
        if isinstance(place, list):
            place = "/".join(str(part) for part in place if not isinstance(part, int))
        if isinstance(place, str) and place:
            return re.split(r"[/.\[\]#]+", place.rstrip("/.[]"))[-1]
    source = fault.get("source")
    return _field_name(source) if isinstance(source, dict) else ""


def _values(value: Json) -> list[str]:
    if isinstance(value, list) and 0 < len(value) <= 100:
        return [str(item) for item in value if isinstance(item, (str, int, float)) and not isinstance(item, bool)]
    return _allowed_in(f"one of {value}") if isinstance(value, str) else []


_ONE_OF: Final = re.compile(
    r"\b(?:(?:(?:should|must) be )?(?:one of|either)|(?:should|must) be|among|allowed(?: values?)?(?: are)?|choose from"
    r"|valid (?:values?|choices?|options?)(?: are)?|expected|choices?(?: are)?|possible values?(?: are)?)\b"
    r"\s*:?\s*(?P<list>.+)",
    re.I | re.S,
)


def _allowed_in(message: str) -> list[str]:
    """The values that a message lists: at least two, each in quotes or a single word."""
    match = _ONE_OF.search(message)
    if match is None:
        return []
    listed = re.split(r"[.;](?:\s|$)", match["list"])[0]
    quoted = [found[1] for found in re.findall(r"(['\"“‘`])(.+?)['\"”’`]", listed)]
    if len(quoted) > 1:
        return quoted
    parts = [part.strip(" '\"“”‘’`[](){}") for part in re.split(r",|\bor\b|\band\b|\|", listed)]
    parts = [part for part in parts if part]
    return parts if len(parts) > 1 and all(re.fullmatch(r"[\w.@+-]{1,60}", part) for part in parts) else []

"""Bytes of an upload to a document: JSON or YAML, bounded in size, depth, memory and time."""

from __future__ import annotations

import re
import subprocess  # our own interpreter runs our own file  # nosec B404
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jiter

from nlops.core.types import Json
from specs.ingest import parse_yaml
from specs.ingest.errors import SpecError

#: Uploads above this many bytes are refused before they are read.
MAX_BYTES = 40 * 1024 * 1024
#: Objects, lists and commas in a description: GitHub's of 13 MB has 0.3 million. Each takes some 100 bytes of memory.
MAX_VALUES = 5_000_000
#: Limits of the process that parses YAML.
YAML_MEMORY_BYTES = 3_000_000_000
YAML_CPU_SECONDS = 60
YAML_WALL_SECONDS = 90

#: Reads a YAML text; raises SpecError.
YamlReader = Callable[[str], Json]

_PARSER = Path(__file__).with_name("parse_yaml.py")
_MAGIC = {
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\x7fELF": "a program",
    b"\xd0\xcf\x11\xe0": "an office document",
}
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_PLACE = re.compile(r"\s*at line (\d+)(?:,)? column (\d+)")


@dataclass(frozen=True, slots=True)
class Document:
    """An API description as JSON values, known to be an object that says which standard it follows."""

    #: the whole description
    root: dict[str, Json]
    #: "2.0", or 3.x as the description says, such as 3.1.0
    standard: str
    #: bytes of the upload
    size: int
    #: of several files: reference that leaves the upload to the place that has it
    places: dict[str, str] = field(default_factory=dict)

    @property
    def is_swagger(self) -> bool:
        """Whether it follows Swagger 2.0."""
        return self.standard == "2.0"


def check_size(size: int, limit: int = MAX_BYTES) -> None:
    """Refuse an upload that is too large, before it is read. Raises SpecError."""
    if size > limit:
        raise SpecError(
            f"The file has {size / 1e6:.1f} MB; the limit is {limit / 1e6:.0f} MB. "
            "Leave out what isn't needed (examples, response schemas), or split it into several products."
        )


def load_document(
    data: bytes, filename: str, max_bytes: int = MAX_BYTES, read_yaml: YamlReader | None = None
) -> Document:
    """The description in the upload. `filename` only helps to tell JSON from YAML. Raises SpecError."""
    check_size(len(data), max_bytes)
    root = parse_file(data, filename, read_yaml)
    if not isinstance(root, dict):
        raise SpecError(
            f"The file holds {_kind(root)}, not an API description. An API description is an object that begins "
            "with “openapi: 3.1.0” or “swagger: '2.0'”."
        )
    return Document(root, standard_of(root), len(data))


def parse_file(data: bytes, filename: str, read_yaml: YamlReader | None = None) -> Json:
    """What the JSON or YAML file holds. Raises SpecError.

    YAML is read in a process of its own, or by `read_yaml`, of a caller that is such a process.
    """
    plain = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if plain[:1] in (b"{", b"[") and b"\x00" not in plain:
        # The parser reads UTF-8 itself: as a text, a large file would be copied three times.
        try:
            return parse_json(plain)
        except SpecError:
            pass  # read again below, where everything that may be wrong with a file is told
    return _parse(_text(data), filename, read_yaml or yaml_apart)


def _text(data: bytes) -> str:
    """The upload as text without its byte order mark."""
    if not data.strip():
        raise SpecError("The file is empty. Upload the OpenAPI or Swagger file of the product, as JSON or YAML.")
    for magic, what in _MAGIC.items():
        if data.startswith(magic):
            raise SpecError(
                f"The file is {what}, not text. Upload the OpenAPI or Swagger file itself, as JSON or YAML."
            )
    encoding, start = next(((name, len(bom)) for bom, name in _BOMS if data.startswith(bom)), ("utf-8", 0))
    try:
        text = data[start:].decode(encoding)
    except UnicodeDecodeError as error:
        place = start + error.start
        raise SpecError(
            f"The file is not UTF-8 text: the byte at position {place} does not belong there. "
            "Save it as UTF-8 and upload it again.",
            line=data.count(b"\n", 0, place) + 1,
        ) from error
    if "\x00" in text:
        raise SpecError("The file is binary, not text. Upload the OpenAPI or Swagger file, as JSON or YAML.")
    return text


def _parse(text: str, filename: str, read_yaml: YamlReader) -> Json:
    start = text.lstrip()[:200]
    if start.startswith("<"):
        what = "an HTML page" if re.match(r"<(!doctype\s+html|html|head|body)", start, re.I) else "XML"
        raise SpecError(
            f"The file is {what}, not an API description. If you saved it from a browser, look for the link to the "
            "JSON or YAML file on that page (often /openapi.json or /swagger.json) and save that."
        )
    is_yaml_name = filename.lower().endswith((".yaml", ".yml"))
    if start[:1] not in ("{", "["):
        return _one_document(read_yaml(text), text)
    try:
        return parse_json(text.encode())
    except SpecError:
        # YAML may begin with a brace, too.
        if not is_yaml_name:
            raise
        return _one_document(read_yaml(text), text)


def parse_json(data: bytes) -> Json:
    """The JSON value. Raises SpecError with line and column: doubled keys, NaN and deep nesting are refused, too."""
    if data.count(b"{") + data.count(b"[") + data.count(b",") > MAX_VALUES:
        raise SpecError(
            f"The file holds more than {MAX_VALUES // 1_000_000} million values; a real description does not. "
            "Leave out what isn't needed, or split it into several products."
        )
    try:
        value = jiter.from_json(data, allow_inf_nan=False, catch_duplicate_keys=True, cache_mode="keys")
    except ValueError as error:
        raise _json_error(str(error)) from error
    return _without_nul(value) if b"\\u0000" in data else value


def _json_error(message: str) -> SpecError:
    place = _PLACE.search(message)
    line, column = (int(place[1]), int(place[2])) if place else (None, None)
    what = _PLACE.sub("", message)
    if what.startswith("Detected duplicate key"):
        what = f"The key {what.rsplit(' ', 1)[-1]} stands twice in the same object; remove one of them."
    elif what.startswith("recursion limit"):
        what = "The file is nested more than 200 levels deep; a real description is not."
    elif what == "number out of range":
        what = _LONG_NUMBER
    elif what.startswith("EOF"):
        what = f"The file ends too early ({what}); it was cut off, or a bracket is not closed."
    else:
        what = f"This is not valid JSON: {what}."
    return SpecError(what, line=line, column=column)


def _without_nul(value: Any) -> Any:
    """The value without NUL characters, which the database can't keep."""
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, dict):
        return {key.replace("\x00", ""): _without_nul(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    return value


def yaml_apart(text: str) -> Json:
    """The YAML document, parsed by a child process that may crash or be stopped. Raises SpecError."""
    command = [sys.executable, "-I", str(_PARSER), str(YAML_MEMORY_BYTES), str(YAML_CPU_SECONDS)]
    try:
        done = subprocess.run(  # noqa: S603  # no shell, no input in the arguments  # nosec B603
            command, input=text.encode(), capture_output=True, timeout=YAML_WALL_SECONDS, check=False, env={}
        )
    except subprocess.TimeoutExpired as error:
        raise SpecError(_TOO_MUCH) from error
    mark, answer = done.stdout[:1], done.stdout[1:]
    if done.returncode != 0 or mark not in (b"+", b"-"):
        raise SpecError(_TOO_MUCH)
    if mark == b"-":
        raise _yaml_error(answer.decode(), text)
    return parse_json(answer)


def yaml_here(text: str) -> Json:
    """The YAML document, parsed here: for a process that has limits. Raises SpecError."""
    try:
        value: Json = parse_yaml.parse(text)
    except MemoryError:
        raise
    except Exception as error:  # the parser's error classes are no part of its promise
        raise _yaml_error(str(error), text) from error
    return value


def _one_document(value: Json, text: str) -> Json:
    if isinstance(value, list) and re.search(r"\n---(?:\s|$)", text.strip()):
        raise SpecError(
            "The file holds several YAML documents (separated by ---). Keep the API description and remove the rest."
        )
    return value


_TOO_MUCH = (
    "The file can't be read within the limits of memory and time: it is nested too deeply, or its anchors and aliases "
    "(&name, *name) multiply. Write the parts out, or convert the file to JSON."
)
_YAML_ERROR = re.compile(r"YAML parse error at line (\d+), column (\d+)\s*(.*)", re.S)


_LONG_NUMBER = (
    "It holds a whole number of more than 4,000 digits, which nothing can count with. Write it as a text in quotes, or "
    "shorten it."
)


def _yaml_error(message: str, text: str) -> SpecError:
    """What the YAML parser said, in words for a person."""
    if "integer string conversion" in message:
        digits = re.search(r"\d{4000}", text)
        return SpecError(_LONG_NUMBER, line=text.count("\n", 0, digits.start()) + 1 if digits else None)
    if message.startswith("alias replay limit"):
        return SpecError(
            "The file's anchors and aliases (&name, *name) multiply to more than 200,000 nodes, as in an alias bomb. "
            "Write the parts out, or use $ref."
        )
    if duplicate := re.match(r"duplicate mapping key: (.{1,200})", message):
        return SpecError(f"The key {duplicate[1]} stands twice in the same mapping; remove one of them.")
    found = _YAML_ERROR.match(message)
    if not found:
        return SpecError(message[:500])
    reason = found[3].rstrip().rsplit("\n", 1)[-1].strip()
    if "recursion" in reason or "depth" in reason:
        reason = "it is nested too deeply"
    return SpecError(f"This is neither JSON nor valid YAML: {reason[:300]}.", line=int(found[1]), column=int(found[2]))


def _kind(value: Json) -> str:
    if isinstance(value, list):
        return "a list"
    return "plain text" if isinstance(value, str) else "a single value"


def standard_of(root: dict[str, Json]) -> str:
    """The version of the standard that the description follows."""
    openapi, swagger = root.get("openapi"), root.get("swagger")
    if openapi is None and swagger is None:
        raise SpecError(_no_standard(root))
    said = str(openapi if openapi is not None else swagger)
    if openapi is None and said in ("2.0", "2"):
        return "2.0"
    if openapi is not None and re.fullmatch(r"3\.[0-2](\.\d+)?(-\w+)?", said):
        return said
    raise SpecError(
        f"It follows version {said[:40]} of the standard, which nlops doesn't read. "
        "Convert it to OpenAPI 3.0 or 3.1 (Swagger 2.0 is read, too).",
        pointer="/openapi" if openapi is not None else "/swagger",
    )


def _no_standard(root: dict[str, Json]) -> str:
    known = {
        "asyncapi": "an AsyncAPI description (of messages, not of an HTTP API)",
        "swaggerVersion": "a Swagger 1 description",
        "raml": "a RAML description",
        "__schema": "a GraphQL schema",
        "$schema": "a JSON Schema",
    }
    what = next((words for key, words in known.items() if key in root), "")
    if not what and isinstance(root.get("info"), dict) and "item" in root:
        what = "a Postman collection"
    return (
        f"The file is {what}; " if what else "The file has neither the key “openapi” nor “swagger” at its top; "
    ) + "nlops needs an OpenAPI 3 or Swagger 2.0 description."

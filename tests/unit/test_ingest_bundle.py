"""Uploads of several files: references are followed inside of the upload and nowhere else."""

from __future__ import annotations

import io
import operator
import os
import zipfile
from pathlib import Path

import pytest

from specs.ingest.bundle import load_upload, pack, unpack
from specs.ingest.compile import CompiledSpec, compile_document
from specs.ingest.errors import Severity, SpecError

DATA = Path(os.environ.get("NLOPS_DATA_DIR", "../shared/data")) / "specs"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="NLOPS_DATA_DIR has no specs")

ROOT = b"""
openapi: 3.0.0
info: {title: Parts, version: '1'}
paths:
  /users: {$ref: 'paths/users.yml#/users'}
  /teams: {$ref: './paths/teams.json'}
components:
  schemas:
    Name: {type: object, properties: {first: {type: string}}}
"""
USERS = b"""
users:
  post:
    operationId: createUser
    parameters: [{$ref: '#/trace'}]
    requestBody:
      content:
        application/json:
          schema: {$ref: ../schemas/User.yml}
trace: {in: query, name: trace, schema: {type: string}}
"""
USER = b"""
type: object
properties:
  name: {$ref: ../openapi.yml#/components/schemas/Name}
  boss: {$ref: '#'}
  $ref: {type: string}
"""
TEAMS = b'{"get": {"operationId": "listTeams"}}'
FILES = {"openapi.yml": ROOT, "paths/users.yml": USERS, "paths/teams.json": TEAMS, "schemas/User.yml": USER}


def compiled(files: dict[str, bytes]) -> CompiledSpec:
    return compile_document(load_upload(pack(files), "upload.zip"))


def archive(*entries: tuple[zipfile.ZipInfo | str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as packed:
        for entry, data in entries:
            packed.writestr(entry, data, method)
    return out.getvalue()


def test_references_are_followed_between_the_files_and_back():
    spec = compiled(FILES)
    assert [problem for problem in spec.problems if problem.severity is not Severity.ADVICE] == []
    assert [operation.name for operation in spec.operations] == ["createUser", "listTeams"]
    create = spec.operations[0]
    assert list(create.bindings) == ["trace", "name", "boss", "ref"]
    assert set(spec.definitions) == set(create.definition_names) == {"Name", "schemas_User.yml"}
    assert list(spec.definitions["schemas_User.yml"]["properties"]) == ["name", "boss", "$ref"]


def test_a_security_scheme_may_stand_in_another_file():
    root = b"""
openapi: 3.0.0
paths: {/a: {get: {}}}
components: {securitySchemes: {key: {$ref: 'auth.yml#/key'}, gone: {$ref: 'gone.yml'}}}
"""
    spec = compiled({"openapi.yml": root, "auth.yml": b"key: {type: apiKey, in: header, name: X-Key}"})
    assert spec.security_schemes == {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}
    assert [problem.pointer for problem in spec.problems] == ["/components/securitySchemes/gone"]


def test_the_same_files_make_the_same_bytes():
    assert pack(FILES) == pack(dict(reversed(FILES.items())))


def test_a_folder_around_everything_and_files_of_other_kinds_do_no_harm():
    files = {f"api/{name}": data for name, data in FILES.items()}
    rubbish = {
        "README.md": b"# API",
        "__MACOSX/api/._openapi.yml": b"\x00",
        "api/.hidden.yml": b"{",
        "api/logo.png": b"\x89",
    }
    assert len(compiled({**files, **rubbish}).operations) == 2


def test_the_only_file_with_the_key_is_the_root_whatever_its_name():
    assert (
        len(compiled({"main.json": b'{"swagger": "2.0", "paths": {"/a": {"get": {}}}}', "b.yml": b"a: 1"}).operations)
        == 1
    )


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"a.yml": ROOT, "b.yml": ROOT}, "Several files begin a description: a.yml, b.yml"),
        ({"a.yml": b"x: 1"}, "None of the files begins"),
        ({"a.txt": b"x"}, "no JSON or YAML file"),
        ({**FILES, "paths/users.yml": b"{"}, "In paths/users.yml"),
    ],
)
def test_an_upload_that_is_none_is_told_why(files, words):
    with pytest.raises(SpecError, match=words):
        compiled(files)


@pytest.mark.parametrize(
    "reference",
    ["https://evil.example/a.yml", "file:///etc/passwd", "/etc/passwd", "../../secret.yml", "gone.yml#/x", "C:\\a.yml",
     "//evil.example/a.yml", "%2e%2e/%2e%2e/secret.yml"],
)  # fmt: skip
def test_a_reference_out_of_the_upload_refuses_what_needs_it_naming_pointer_and_file(reference):
    user = f"type: object\nproperties:\n  a: {{$ref: '{reference}'}}\n".encode()
    spec = compiled({**FILES, "schemas/User.yml": user})
    assert [operation.name for operation in spec.operations] == ["listTeams"]
    refused = next(problem for problem in spec.problems if problem.severity is Severity.ERROR)
    assert f"({reference}, schemas/User.yml at /properties/a/$ref)" in refused.message


def link() -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo("openapi.yml")
    entry.external_attr = 0o120777 << 16
    return entry


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (archive((link(), b"/etc/passwd")), "symbolic link"),
        (archive(("../openapi.yml", ROOT)), "leads out of the zip"),
        (archive(("/etc/openapi.yml", ROOT)), "leads out of the zip"),
        (archive(("a\\..\\..\\openapi.yml", ROOT)), "leads out of the zip"),
        (archive(("openapi.yml", ROOT), method=zipfile.ZIP_LZMA), "deflate"),
        (archive(("openapi.yml", ROOT), ("./openapi.yml", ROOT)), "twice"),
        (archive(*((f"{n}.yml", b"a: 1") for n in range(2001))), "2001 entries"),
        (archive(("openapi.yml", b"a" * 3_000_000)), "zip bomb"),
        (archive(("openapi.yml", os.urandom(700_000)), ("b.yml", os.urandom(700_000))), "more than 1 MB"),
        (archive(("openapi.yml", ROOT))[:-30], "can't be read"),
        (archive(("openapi.yml", ROOT))[:20], "can't be read"),
    ],
    ids=lambda value: value if isinstance(value, str) else "zip",  # the bytes hold the time of day
)
def test_a_hostile_zip_is_refused_with_its_reason(data, words):
    with pytest.raises(SpecError, match=words):
        unpack(data, 4_000_000 if words != "more than 1 MB" else 1_000_000)


def test_sizes_that_a_zip_lies_about_are_not_believed():
    data = bytearray(archive(("openapi.yml", b"a" * 3_000_000)))
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = (100).to_bytes(4, "little")
    with pytest.raises(SpecError):
        unpack(bytes(data))


@needs_data
def test_a_real_description_in_files_is_the_same_as_its_bundle():
    folder = DATA / "conjur"
    spec = compiled({it.relative_to(folder).as_posix(): it.read_bytes() for it in folder.rglob("*.yml")})
    bundled = compile_document(load_upload((DATA / "conjur-bundled.yaml").read_bytes(), "conjur-bundled.yaml"))
    assert len(spec.operations) == 41
    by_path = operator.attrgetter("path", "method")
    assert sorted(spec.operations, key=by_path) == sorted(bundled.operations, key=by_path)
    assert spec.definitions == bundled.definitions

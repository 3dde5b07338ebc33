"""An upload of several files to one document: a zip whose references are followed inside of it, and nowhere else.

Files that are referred to stand whole under `x-files` of the root, references to them become references to there.
Nothing is copied twice, so the result is never larger than the files.
"""

from __future__ import annotations

import io
import posixpath
import re
import stat
import zipfile
import zlib
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, unquote

from nlops.core.types import Json
from specs.ingest.errors import SpecError
from specs.ingest.load import MAX_BYTES, Document, YamlReader, check_size, load_document, parse_file, standard_of
from specs.ingest.pointers import escape, join

FILES_KEY: Final = "x-files"
MAX_ENTRIES = 2_000
#: Files that are parsed: each YAML file takes a process of its own.
MAX_FILES_READ = 500
#: Bytes out per byte in; descriptions stay below 40. Small files are let off.
MAX_RATIO = 200
SMALL_BYTES = 1_000_000
_CHUNK = 1 << 16
_MAGIC: Final = (b"PK\x03\x04", b"PK\x05\x06")
_ENDINGS: Final = (".json", ".yaml", ".yml")
_ROOT_KEY: Final = re.compile(rb"""(?m)(?:^|^\s*\{\s*|^\s{1,8})["']?(?:openapi|swagger)["']?\s*:\s*["']?[0-9]""")


def is_archive(data: bytes) -> bool:
    """Whether the upload is a zip."""
    return data.startswith(_MAGIC)


def pack(files: Mapping[str, bytes]) -> bytes:
    """The files as one zip; the same files make the same bytes, whatever their order and times."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name), files[name], zipfile.ZIP_DEFLATED, compresslevel=1)
    return out.getvalue()


def load_upload(
    data: bytes, filename: str, max_bytes: int = MAX_BYTES, read_yaml: YamlReader | None = None
) -> Document:
    """The description in the upload: a single file, or a zip of several. Raises SpecError."""
    if not is_archive(data):
        return load_document(data, filename, max_bytes, read_yaml)
    check_size(len(data), max_bytes)
    files = unpack(data, max_bytes)
    return _Bundle(files, root_of(files), read_yaml).document()


# --- the archive ------------------------------------------------------------------------------------------


def unpack(data: bytes, max_bytes: int = MAX_BYTES) -> dict[str, bytes]:
    """Path to bytes of the JSON and YAML files in the zip. Raises SpecError for one that can't be trusted."""
    files: dict[str, bytes] = {}
    left = max_bytes
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_ENTRIES:
                raise SpecError(f"The zip has {len(entries)} entries; at most {MAX_ENTRIES} are read.")
            for entry in entries:
                if (name := _checked_name(entry)) is None:
                    continue
                if name in files:
                    raise SpecError(f"The zip holds “{name[:200]}” twice; remove one of them.")
                files[name] = _read(archive, entry, left, max_bytes)
                left -= len(files[name])
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise SpecError(f"The zip can't be read: {str(error)[:200]}. Pack the files again and upload that.") from error
    return files


def _checked_name(entry: zipfile.ZipInfo) -> str | None:
    """The entry's path, None for what is no description. Raises SpecError for entries that lead elsewhere."""
    name = entry.filename.replace("\\", "/")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise SpecError(f"“{name[:200]}” in the zip is a symbolic link; put the file itself there.")
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in name.split("/"):
        raise SpecError(f"“{name[:200]}” leads out of the zip; pack the files with plain relative paths.")
    name = posixpath.normpath(name)
    hidden = any(part.startswith((".", "__MACOSX")) and part != "." for part in name.split("/"))
    if entry.is_dir() or hidden or not name.lower().endswith(_ENDINGS):
        return None
    if entry.flag_bits & 1:
        raise SpecError(f"“{name[:200]}” in the zip is encrypted; pack the files without a password.")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise SpecError(f"“{name[:200]}” is packed in a way that nlops doesn't read; use the usual one (deflate).")
    return name


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, left: int, max_bytes: int) -> bytes:
    """The entry's bytes, counted while they come: what the zip says of its sizes is not believed."""
    chunks, size = [], 0
    with archive.open(entry) as stream:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > left:
                raise SpecError(
                    f"The zip's files have more than {max_bytes / 1e6:.0f} MB together, the limit. Leave out what "
                    "isn't needed."
                )
            if size > SMALL_BYTES and size > MAX_RATIO * max(entry.compress_size, 1):
                raise SpecError(
                    f"“{entry.filename[:200]}” grows more than {MAX_RATIO} times when it is unpacked, as in a zip "
                    "bomb; a description does not."
                )
            chunks.append(chunk)
    return b"".join(chunks)


def root_of(files: Mapping[str, bytes]) -> str:
    """Path of the file that the others hang on: openapi.* or swagger.*, else the only one with that key."""
    if not files:
        raise SpecError("The zip holds no JSON or YAML file. Pack the OpenAPI or Swagger description with its parts.")
    named = [name for name in files if re.match(r"(openapi|swagger)\.", posixpath.basename(name).lower())]
    roots = [name for name in named if _ROOT_KEY.search(files[name])] or [
        name for name, data in files.items() if _ROOT_KEY.search(data)
    ]
    if not roots:
        raise SpecError(
            "None of the files begins a description: one must have the key “openapi” or “swagger” at its top. "
            f"The upload holds {_listed(list(files))}."
        )
    depth = min(name.count("/") for name in roots)
    top = [name for name in roots if name.count("/") == depth]
    if len(top) > 1:
        raise SpecError(
            f"Several files begin a description: {_listed(top)}. Name the one that is meant openapi.yaml (or .json), "
            "or upload them as products of their own."
        )
    return top[0]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(sorted(names)[:5]) + more


# --- references -------------------------------------------------------------------------------------------


class _Bundle:
    """The files put together, from the root on; a file that nothing refers to is never parsed."""

    def __init__(self, files: Mapping[str, bytes], root: str, read_yaml: YamlReader | None) -> None:
        self._files = files
        self._read_yaml = read_yaml
        self._root = root
        self._waiting = [root]
        self._seen = {root}
        #: reference that can't be followed to the place that has it
        self._places: dict[str, str] = {}

    def document(self) -> Document:
        parsed: dict[str, Json] = {}
        while self._waiting:
            name = self._waiting.pop()
            if len(parsed) >= MAX_FILES_READ:
                raise SpecError(f"The description refers to more than {MAX_FILES_READ} files. Bundle it into one.")
            try:
                parsed[name] = parse_file(self._files[name], name, self._read_yaml)
            except SpecError as error:
                raise SpecError(f"In {name[:200]}: {error}", error.pointer) from error
            self._rewrite(parsed[name], name)
        root = parsed.pop(self._root)
        if not isinstance(root, dict):
            raise SpecError(f"{self._root} holds no object, so it is no description.")
        document_root = {**root, FILES_KEY: parsed} if parsed else root
        return Document(document_root, standard_of(root), sum(map(len, self._files.values())), self._places)

    def _rewrite(self, top: Json, name: str) -> None:
        """Make every reference in the file one into the whole document."""
        waiting: list[tuple[Json, tuple[str | int, ...]]] = [(top, ())]
        while waiting:
            node, path = waiting.pop()
            if isinstance(node, dict):
                reference = node.get("$ref")
                if isinstance(reference, str):
                    node["$ref"] = self._whole(reference, name, path)
                waiting += [(item, (*path, key)) for key, item in node.items() if isinstance(item, dict | list)]
            elif isinstance(node, list):
                waiting += [(item, (*path, at)) for at, item in enumerate(node) if isinstance(item, dict | list)]

    def _whole(self, reference: str, name: str, path: tuple[str | int, ...]) -> str:
        """The reference as one into the whole document; one that leaves the upload stays as it is."""
        target, _, fragment = reference.partition("#")
        target = unquote(target)
        if target and (re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", target) or target.startswith(("/", "\\"))):
            return self._outside(reference, name, path)
        found = posixpath.normpath(posixpath.join(posixpath.dirname(name), target)) if target else name
        if found not in self._files:
            return self._outside(reference, name, path)
        if found not in self._seen:
            self._seen.add(found)
            self._waiting.append(found)
        inner = fragment if fragment.startswith("/") else ""
        if found == self._root:
            return f"#{inner}"
        return f"#/{FILES_KEY}/{quote(escape(found), safe='~.-_')}{inner}"

    def _outside(self, reference: str, name: str, path: tuple[str | int, ...]) -> str:
        self._places.setdefault(reference, f"{name} at {join(*path, '$ref')}")
        return reference

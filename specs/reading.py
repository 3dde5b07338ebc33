"""Reading what a product answers: bounded in bytes, whatever it claims, into a value that can be kept and shown.

What can't be used as data is named in words for a person, never shown raw: a web page, a broken JSON, a file.
"""

from __future__ import annotations

import codecs
import email.message
import html
import math
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import jiter

from nlops.core.phrases import say
from nlops.core.types import Json


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of a body, decoded from its Content-Encoding."""

    #: what was read, at most the limit
    data: bytes
    #: bytes that came over the wire
    size: int
    #: whether there was more than the limit
    truncated: bool = False
    #: why the bytes are of no use, in words for the person
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Body:
    """What a body says."""

    #: JSON value, or text; None when there is none that can be shown; of what was cut off, its beginning
    value: Json
    #: why it is no data, in words for the person; "" when it is
    problem: str = ""
    #: whether it is so far from what was asked that even a 2xx may come from somebody else than the product
    unclear: bool = False


# --- bytes ------------------------------------------------------------------------------------------------


def read_content(chunks: Iterable[bytes], encoding: str, limit: int) -> Content:
    """The body's bytes, at most `limit`: of a compressed body what comes out counts, too."""
    decoder = _decoder(encoding)
    if decoder is None:
        return Content(b"", 0, problem=f"The product compressed its answer with “{encoding[:40]}” unasked.")
    data, size = bytearray(), 0
    for chunk in chunks:
        size += len(chunk)
        try:
            data += decoder.decode(chunk, limit + 1 - len(data))
        except zlib.error:
            return Content(b"", size, problem=say("wire_not_unpacked"))
        if len(data) > limit or size > limit:
            return Content(bytes(data[:limit]), size, truncated=True)
    if size and not decoder.is_complete:
        return Content(b"", size, problem=say("wire_not_unpacked"))
    return Content(bytes(data), size)


class _Plain:
    is_complete = True

    def decode(self, chunk: bytes, room: int) -> bytes:
        return chunk[:room]


class _Inflater:
    """gzip, zlib or raw deflate; never gives more than there is room for."""

    def __init__(self) -> None:
        self._engine = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._first = True

    @property
    def is_complete(self) -> bool:
        return self._engine.eof

    def decode(self, chunk: bytes, room: int) -> bytes:
        try:
            found = self._engine.decompress(chunk, max(room, 1))
        except zlib.error:
            if not self._first:
                raise
            self._engine = zlib.decompressobj(-zlib.MAX_WBITS)
            found = self._engine.decompress(chunk, max(room, 1))
        self._first = False
        return found


def _decoder(encoding: str) -> _Plain | _Inflater | None:
    named = encoding.strip().lower()
    if named in ("", "identity"):
        return _Plain()
    return _Inflater() if named in ("gzip", "x-gzip", "deflate") else None


# --- values -----------------------------------------------------------------------------------------------

_FILES: Final = ("image/", "audio/", "video/", "font/", "application/octet-stream", "application/pdf",
                 "application/zip", "application/gzip", "application/x-tar", "application/vnd.openxmlformats",
                 "application/vnd.ms-", "application/msword")  # fmt: skip
_JSON_LINES: Final = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines",
                      "application/json-seq")  # fmt: skip
_PAGE: Final = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
)


def parse_body(content: bytes, content_type: str, *, whole: bool = True) -> Json:
    """JSON value where it is JSON, else text; None for nothing. What can't be shown is named instead."""
    return read_body(Content(content, len(content), truncated=not whole), {"content-type": content_type}, 200).value


def read_body(content: Content, headers: Mapping[str, str], status: int) -> Body:
    """What the body says, with what is wrong with it. `headers`: names in small letters."""
    content_type = headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    data = content.data
    if content.problem:
        return Body(None, content.problem)
    if not data:
        return Body(None)
    if _PAGE.match(data[:2000]):
        return _page(data, content_type, status)
    file = _file(content, headers, kind)
    if file:
        return Body(file)
    if content.truncated:
        return _cut_off(content, content_type, status)
    data = _as_utf8(data, content_type)
    if kind in _JSON_LINES:
        return _json_lines(data)
    says_json = kind.endswith(("/json", "+json"))
    if says_json or data.lstrip()[:1] in (b"{", b"["):
        try:
            return Body(_storable(jiter.from_json(data, allow_inf_nan=False)))
        except ValueError:
            if says_json and data.lstrip()[:1] in (b"{", b"[", b'"') and status < 400:
                return Body(None, say("wire_broken"))
    return Body(_text(data))


def _page(data: bytes, content_type: str, status: int) -> Body:
    """A web page: its title is all that is told of it."""
    text = _as_utf8(data[:200_000], content_type).decode("utf-8", "replace")
    found = re.search(r"<title\b[^>]{0,200}>(.{0,2000}?)</title", text, re.I | re.S)
    plain = re.sub(r"<[^>]{0,500}>", " ", found[1]) if found else ""
    title = re.sub(r"\s+", " ", html.unescape(plain)).replace("\x00", "").strip()[:150]
    if status >= 400:
        return Body(title or None)
    named = say("wire_titled", title=title) if title else ""
    return Body(title or None, say("wire_page", title=named), unclear=True)


def _file(content: Content, headers: Mapping[str, str], kind: str) -> str:
    """ "a file report.pdf (application/pdf, 1.2 MB)", "" for what can be shown."""
    if not kind.startswith(_FILES) and b"\x00" not in content.data[:100_000]:
        return ""
    if content.data[:2] in (b"\xff\xfe", b"\xfe\xff") and not kind.startswith(_FILES):
        return ""
    header = email.message.Message()
    header["Content-Disposition"] = headers.get("content-disposition", "")[:1000]
    name = re.sub(r"[^\w.()\[\] -]", "", (header.get_filename() or "").replace("\\", "/").rpartition("/")[2])[:100]
    announced = headers.get("content-length", "")
    size = int(announced) if content.truncated and announced.isdecimal() and len(announced) < 16 else content.size
    more = "more than " if content.truncated and size == content.size else ""
    of_kind = kind if re.fullmatch(r"[\w.+-]+/[\w.+-]+", kind) else "binary data"
    named = f"a file “{name}”" if name else "a file"
    return f"{named} ({of_kind}, {more}{size_in_words(size)})"


def size_in_words(size: int) -> str:
    """123 bytes, 4.5 kB, 6.7 MB."""
    if size < 1000:
        return f"{size} byte{'' if size == 1 else 's'}"
    return f"{size / 1000:.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


def _cut_off(content: Content, content_type: str, status: int) -> Body:
    if status >= 400:
        return Body(_text(_as_utf8(content.data[:20_000], content_type)))
    return Body(
        _beginning(content.data, content_type),
        say("wire_too_large", size=size_in_words(len(content.data))),
    )


def _beginning(data: bytes, content_type: str) -> Json:
    """The beginning of a JSON value that was cut off, as far as it is whole; None for what is no JSON."""
    try:
        return _storable(jiter.from_json(_as_utf8(data, content_type), allow_inf_nan=False, partial_mode=True))
    except ValueError:
        return None


def _json_lines(data: bytes) -> Body:
    lines = [line for line in re.split(rb"[\r\n\x1e]+", data) if line.strip()]
    try:
        return Body([_storable(jiter.from_json(line, allow_inf_nan=False)) for line in lines])
    except ValueError:
        return Body(None, say("wire_broken"))


def _as_utf8(data: bytes, content_type: str) -> bytes:
    """The text in UTF-8 without a byte order mark, from the charset that the product names, or that the mark tells."""
    if data.startswith(codecs.BOM_UTF8):
        return data[3:]
    found = re.search(r"charset\s*=\s*\"?([\w.:-]+)", content_type, re.I)
    charset = found[1] if found else "utf-8"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        charset = "utf-16"
    if charset.lower() in ("utf-8", "utf8"):
        return data
    try:
        decoded = codecs.lookup(charset)
        return data.decode(decoded.name, "replace").encode() if decoded._is_text_encoding else data
    except (LookupError, ValueError):
        return data


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\x00", "")


def _storable(value: Json) -> Json:
    """The value as PostgreSQL and orjson can keep it: no NUL characters, no infinities, long integers as text."""
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {key.replace("\x00", ""): _storable(item) for key, item in value.items()}
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**64:
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value

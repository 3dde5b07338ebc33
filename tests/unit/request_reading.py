"""Reads a request by the description alone: the raw document, the tables of OpenAPI, werkzeug for headers and forms.

It knows nothing of how nlops builds requests, so that what both agree on is what the standard says.
"""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, unquote_plus, urlsplit

from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_cookie, parse_options_header

#: what stands for a value: text, lists and mappings of it; `Data` is a value that came as JSON
Read = Any


@dataclass
class Data:
    """A value that was sent as JSON."""

    value: Any


@dataclass
class Raw:
    """One operation of a raw document."""

    root: dict[str, Any]
    path: str
    item: dict[str, Any]
    node: dict[str, Any]

    def resolved(self, node: Any) -> Any:
        while isinstance(node, dict) and isinstance(node.get("$ref"), str):
            found: Any = self.root
            for part in node["$ref"].removeprefix("#/").split("/"):
                part = unquote(part).replace("~1", "/").replace("~0", "~")
                found = found[int(part)] if isinstance(found, list) else found.get(part)
            node = found
        return node

    @property
    def parameters(self) -> list[dict[str, Any]]:
        found = {}
        for holder in (self.item, self.node):
            for node in map(self.resolved, holder.get("parameters") or ()):
                found[node["in"], node["name"]] = node
        return list(found.values())

    def style(self, parameter: dict[str, Any]) -> tuple[str, bool]:
        """(style, explode) by OpenAPI 3 section 4.7.12, or by Swagger 2.0's collectionFormat; "content" for JSON."""
        if "swagger" in self.root:
            said = parameter.get("collectionFormat", "csv")
            usual = "simple" if parameter["in"] in ("path", "header") else "form"
            names = {"csv": usual, "ssv": "spaceDelimited", "tsv": "tabDelimited", "pipes": "pipeDelimited"}
            return names.get(said, usual), said == "multi"
        if "content" in parameter:
            return "content", False
        usual = {"path": "simple", "header": "simple"}.get(parameter["in"], "form")
        style = parameter.get("style", usual)
        return style, parameter.get("explode", style in ("form", "cookie"))


def read_request(raw: Raw, request: Any, kinds: dict[tuple[str, str], type]) -> dict[tuple[str, str], Read]:
    """(place, name) to what stands for the value. `kinds`: list, dict or str: what the schema says that each is."""
    url = urlsplit(request.url)
    found: dict[tuple[str, str], Read] = {}
    found.update(_path(raw, url.path.removeprefix("/base"), kinds))
    found.update(_query(raw, url.query, kinds))
    headers = {name.lower(): value for name, value in request.headers.items()}
    cookies = parse_cookie(headers.get("cookie", ""))
    for parameter in raw.parameters:
        place, name = parameter["in"], parameter["name"]
        if (place, name) not in kinds:
            continue
        style, explode = raw.style(parameter)
        if place == "header" and name.lower() in headers:
            found[place, name] = _laid_out(headers[name.lower()], style, explode, kinds[place, name], str)
        elif place == "cookie" and name in cookies:
            found[place, name] = _laid_out(cookies[name], style, False, kinds[place, name], unquote)
    found.update(_body(raw, request, headers.get("content-type", ""), kinds))
    return found


def _laid_out(text: str, style: str, explode: bool, kind: type, decode: Any) -> Read:
    if style == "content":
        return Data(json.loads(decode(text)))
    if kind is list:
        return [decode(part) for part in text.split(",")]
    if kind is dict:
        parts = text.split(",")
        if explode:
            return dict(map(decode, part.split("=", 1)) for part in parts)
        return dict(zip(map(decode, parts[::2]), map(decode, parts[1::2]), strict=True))
    return decode(text)


def _path(raw: Raw, path: str, kinds: dict[tuple[str, str], type]) -> dict[tuple[str, str], Read]:
    template = raw.path.partition("#")[0].partition("?")[0]
    names = re.findall(r"\{([^{}]+)\}", template)
    pattern = "".join(
        "([^/]+?)" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^{}]+\})", template)
    )
    # what is no placeholder is compared decoded: both spellings of a letter are one path (RFC 3986 section 6.2.2)
    match = re.fullmatch(pattern, path) or re.fullmatch(pattern, unquote(path))
    assert match, (template, path)
    styles = {node["name"]: raw.style(node) for node in raw.parameters if node["in"] == "path"}
    found = {}
    for name, text in zip(names, match.groups(), strict=True):
        style, explode = styles.get(name, ("simple", False))
        kind = kinds.get(("path", name), str)
        if style == "label":
            text = text.removeprefix(".")
            text = text.replace(".", ",") if explode and kind is not str else text
        elif style == "matrix":
            text = text.removeprefix(";")
            if kind is dict and explode:
                text = text.replace(";", ",")
            else:
                text = re.sub(rf"(^|;){re.escape(quote(name))}=", r"\1", text).replace(";", ",")
        found["path", name] = _laid_out(text, style, explode, kind, unquote)
    return found


_SEPARATORS = {"spaceDelimited": "%20", "pipeDelimited": "%7C", "tabDelimited": "%09"}


def _fields(text: str, decode: Any) -> list[tuple[str, str]]:
    """Name decoded, value as it came: its delimiters count before it is decoded."""
    pairs = [part.partition("=")[::2] for part in text.split("&") if part]
    return [(decode(name), value) for name, value in pairs]


def _query(raw: Raw, query: str, kinds: dict[tuple[str, str], type]) -> dict[tuple[str, str], Read]:
    fixed = len([part for part in raw.path.partition("?")[2].split("&") if part])
    wanted = [node for node in raw.parameters if node["in"] == "query" and ("query", node["name"]) in kinds]
    named = {
        node["name"]: (*raw.style(node), kinds["query", node["name"]]) for node in wanted
    }  # fmt: skip
    return {("query", name): value for name, value in _form(_fields(query, unquote)[fixed:], named, unquote).items()}


def _form(pairs: list[tuple[str, str]], named: dict[str, tuple[str, bool, type]], decode: Any) -> dict[str, Read]:
    found: dict[str, Read] = {}
    taken: set[int] = set()
    for name, (style, explode, kind) in named.items():
        deep = style == "deepObject" and kind is dict
        mine = [
            (position, key, value)
            for position, (key, value) in enumerate(pairs)
            if (key.startswith(f"{name}[") if deep else key == name)
        ]
        if (kind is dict and style == "form" and explode) or not mine:
            continue
        taken |= {position for position, _, _ in mine}
        if deep:
            found[name] = _nested([(re.findall(r"\[([^\]]*)\]", key), decode(value)) for _, key, value in mine])
        elif style == "content":
            found[name] = Data(json.loads(decode(mine[0][2])))
        elif kind is list and explode:
            found[name] = [decode(value) for _, _, value in mine]
        elif kind in (list, dict):
            text = mine[0][2].replace(_SEPARATORS.get(style, ","), ",")
            found[name] = _laid_out(text, "form", False, kind, decode)
        else:
            assert len(mine) == 1, mine
            found[name] = decode(mine[0][2])
    left = {key: decode(value) for position, (key, value) in enumerate(pairs) if position not in taken}
    for name, (style, explode, kind) in named.items():
        if kind is dict and style == "form" and explode and left:
            found[name], left = left, {}
    assert not left, left
    return found


def _nested(pairs: list[tuple[list[str], str]]) -> dict[str, Read]:
    found: dict[str, Any] = {}
    for keys, text in pairs:
        node = found
        for key in keys[:-1]:
            node = node.setdefault(key, {})
        node[keys[-1]] = text if keys[-1] not in node else [*_listed(node[keys[-1]]), text]
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _body(raw: Raw, request: Any, content_type: str, kinds: dict[tuple[str, str], type]) -> dict[tuple[str, str], Read]:
    if not content_type:
        assert not request.content
        return {}
    kind, options = parse_options_header(content_type)
    media = (raw.resolved(raw.node.get("requestBody")) or {}).get("content", {})
    if media:
        assert any(name.partition(";")[0].strip().lower() in (kind, "*/*") for name in media), (kind, list(media))
    if kind.endswith(("/json", "+json")):
        value = json.loads(request.content)
        whole = ("body", "") in kinds
        return {("body", ""): Data(value)} if whole else {("body", name): Data(part) for name, part in value.items()}
    if kind == "application/x-www-form-urlencoded":
        encoding = next((it for name, it in media.items() if name.startswith(kind)), {}).get("encoding", {})
        styles = {
            node["name"]: raw.style({**node, "in": "query"}) for node in raw.parameters if node["in"] == "formData"
        }
        named = {}
        for (place, name), it in kinds.items():
            if place == "body":
                said = encoding.get(name, {})
                style, explode = styles.get(name, (said.get("style", "form"), said.get("explode", True)))
                named[name] = ("content" if it is dict and "style" not in said else style, explode, it)
        pairs = _fields(request.content.decode(), unquote_plus)
        return {("body", name): value for name, value in _form(pairs, named, unquote_plus).items()}
    if kind.startswith("multipart/"):
        _, form, files = FormDataParser().parse(io.BytesIO(request.content), kind, len(request.content), options)
        found: dict[tuple[str, str], Read] = {}
        for name in {*form, *files}:
            parts = form.getlist(name) or [file.read().decode() for file in files.getlist(name)]
            found["body", name] = parts if kinds.get(("body", name)) is list else parts[0]
        return found
    return {("body", ""): request.content.decode()}

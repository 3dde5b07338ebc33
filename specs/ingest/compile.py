"""A document to operations that a model can use: names, argument schemas, effects, services, and where each value goes.

Nothing is inlined: schemas that are referred to stand once in `definitions`, an operation names those that it needs,
and `argument_schema` makes the closure when somebody wants it. A part that can't be compiled is refused alone.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from nlops.core.retrieval import document
from nlops.core.types import Effect, Json
from specs.ingest.arguments import Argument, ArgumentTable, Binding, ObjectView, body_arguments, is_secret, object_view
from specs.ingest.effects import effect_of
from specs.ingest.errors import OperationRefused, Problem, Severity, SpecError
from specs.ingest.grouping import CompiledService, regroup
from specs.ingest.hints import example_of, told_values, visibility_of
from specs.ingest.load import Document
from specs.ingest.naming import Names, first_sentence, plain_text, service_from_path, slug, tool_name, words
from specs.ingest.pointers import Resolver, join
from specs.ingest.schemas import REF_PREFIX, Schema, SchemaStore
from specs.wire import BODY_METHODS, is_json, is_xml, may_be_set

METHODS: Final = ("get", "put", "post", "delete", "patch", "head", "options", "trace", "query")
#: A method of `additionalOperations` (OpenAPI 3.2); these two would turn the connection into something else.
_METHOD_NAME: Final = re.compile(r"(?!(?:connect|upgrade)$)[A-Za-z][A-Za-z-]{0,9}", re.IGNORECASE)
#: An operation that needs more definitions, or a larger schema, is no tool.
MAX_DEFINITIONS = 500
MAX_SCHEMA_BYTES = 500_000
#: What operations may repeat of what they share (parameters, bodies), per byte of the upload; from then on it is
#: referred to. Real descriptions stay below.
MAX_REPEATED = 0.4
#: What is kept of an upload, itself included, per byte of it: operations that would go beyond are refused.
MAX_GROWTH = 1.95
#: Files below this are taken for as large.
MIN_BUDGET_BYTES = 500_000
MAX_PROBLEMS = 500
MAX_DESCRIPTION = 4_000
IDEMPOTENCY_EXTENSION: Final = "x-idempotency-key"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


@dataclass(slots=True)
class CompiledOperation:
    """One method and path, as a tool."""

    #: ≤ 64 characters of [a-zA-Z0-9_-], unique in the description
    name: str
    #: in capitals
    method: str
    #: the path template, such as /users/{id}
    path: str
    #: one line for people
    summary: str
    #: what the description says about it, one line
    description: str
    #: name of its service
    service: str
    #: what it does to the product
    effect: Effect
    deprecated: bool
    #: JSON Schema 2020-12 of the arguments (an object), without its $defs
    schema: Schema
    #: names in `CompiledSpec.definitions` that the schema needs, closed
    definition_names: list[str]
    #: argument name to its place in the request
    bindings: dict[str, Binding]
    #: media type of the body, "" when there is none
    body_media_type: str
    #: arguments whose value is a secret
    secret_arguments: list[str]
    #: header with which the product honours an idempotency key, "" when it doesn't
    idempotency_header: str
    #: what the ranking reads
    search_text: str
    #: URL of the server that this operation alone names, "" where the description's own servers hold
    server: str = ""
    #: what `x-ms-visibility` says: "important", "advanced", "internal", or ""
    visibility: str = ""


@dataclass(slots=True)
class CompiledSpec:
    """Everything that nlops keeps of a description."""

    title: str
    #: the API's own version
    version: str
    #: such as "OpenAPI 3.1.0" or "Swagger 2.0"
    standard: str
    #: [{"url", "description"}]
    servers: list[dict[str, str]]
    #: name to security scheme, as the description has it
    security_schemes: dict[str, Json]
    #: name to JSON Schema 2020-12, references as #/$defs/NAME
    definitions: dict[str, Json]
    operations: list[CompiledOperation]
    services: list[CompiledService]
    problems: list[Problem]


def argument_schema(schema: Schema, definitions: Mapping[str, Json], names: Iterable[str]) -> Schema:
    """The operation's schema as a whole JSON Schema 2020-12: with the `$defs` that it needs."""
    needed = {name: definitions[name] for name in names}
    return {**schema, "$defs": needed} if needed else dict(schema)


#: An argument that only repeats the token of the sign-in.
_TOKEN_NAME: Final = re.compile(r"token|access_?token|auth_?token|authorization", re.IGNORECASE)
_TOKEN_WORDS: Final = re.compile(r"\b(?:authenticat|authoriz|authoris|bearer|access token|oauth)", re.IGNORECASE)


def compile_document(document: Document, packed: int | None = None) -> CompiledSpec:
    """Compile every operation of the document. Raises SpecError when not a single one can be used.

    `packed`: bytes that the upload takes where it is kept, if the caller knows; it counts for what may be kept.
    """
    return _Compiler(document, packed).compile()


@dataclass(slots=True)
class _Draft:
    """An operation whose definitions are not complete yet."""

    operation: CompiledOperation
    pointer: str
    refs: set[str]
    #: the operation as the description has it
    node: dict[str, Json]
    #: what names the body that it shares with others, "" for none
    shared: str = ""


@dataclass(slots=True)
class _Source:
    """One operation of the document."""

    method: str
    path: str
    pointer: str
    node: dict[str, Json]
    #: the path item that holds it
    item: dict[str, Json]


@dataclass(slots=True)
class _Body:
    """The body that an operation takes."""

    media_type: str
    schema: Json
    required: bool
    #: property name to what a form's encoding says of it
    styles: dict[str, Json] = field(default_factory=dict)
    #: of the whole body
    example: Json = None


#: Definitions of an operation whose values the ranking reads, and characters of all that it reads beside.
MAX_TOLD_DEFINITIONS: Final = 12
MAX_HINTS: Final = 300
#: Base URLs of a description that are offered.
MAX_SERVERS: Final = 50
#: Places of parameters in the order in which a tool's arguments stand.
_ORDER = {"path": 0, "query": 1, "header": 2, "cookie": 3}


class _Compiler:
    def __init__(self, document: Document, packed: int | None) -> None:
        self._document = document
        self._root = document.root
        self._resolver = Resolver(document.root, document.places)
        self._store = SchemaStore(self._resolver, keeps_siblings=document.standard.startswith(("3.1", "3.2")))
        self._names = Names()
        self._problems: list[Problem] = []
        self._services: dict[str, CompiledService] = {}
        self._slugs = Names()
        #: bytes of the operations so far, as they are kept
        self._kept = 0
        self._size = max(MIN_BUDGET_BYTES, document.size)
        #: bytes that operations and definitions may take
        self._room = MAX_GROWTH * self._size - (document.size // 4 if packed is None else packed)
        #: bytes of what operations share that were written again
        self._repeated = 0
        #: what is shared and was written already, to its bytes
        self._sizes: dict[str, int] = {}
        #: reference of a shared parameter, or its JSON, to its argument and the definitions that it needs
        self._shared: dict[str | bytes, tuple[Argument | None, set[str]]] = {}
        self._ids: set[str] = set()
        #: name of a definition to the values that it tells
        self._told: dict[str, list[str]] = {}
        self._schemes = self._security_schemes()
        own = [_server_url(server) for server in _list(self._root.get("servers")) if isinstance(server, dict)]
        self._common_servers = set(own) or {server["url"] for server in self._servers()[:1]}
        self._tags = {
            tag["name"]: tag
            for tag in _list(self._root.get("tags"))
            if isinstance(tag, dict) and isinstance(tag.get("name"), str)
        }

    def compile(self) -> CompiledSpec:
        paths = self._root.get("paths")
        if not isinstance(paths, dict) or not paths:
            raise SpecError(
                "The description has no paths, so there is nothing that can be called. Add “paths” with at least one "
                "operation (webhooks and components alone can't be called).",
                pointer="/paths",
            )
        drafts = [draft for source in self._sources(paths) if (draft := self._draft(source))]
        self._store.finish()
        for reference in sorted(self._store.broken):
            self._warn(reference[1:], "This reference points to nothing; any value is taken in its place.")
        self._say_what_is_not_called(drafts)
        operations = self._finished(drafts)
        if not operations:
            raise self._nothing_usable()
        info = self._root.get("info")
        info = info if isinstance(info, dict) else {}
        return CompiledSpec(
            title=plain_text(_text(info.get("title")), 300) or "Untitled API",
            version=_text(info.get("version"))[:100],
            standard=("Swagger " if self._document.is_swagger else "OpenAPI ") + self._document.standard,
            servers=self._servers(),
            security_schemes=self._schemes,
            definitions=self._store.definitions,
            operations=operations,
            services=regroup(self._services.values(), operations),
            problems=self._capped_problems(),
        )

    # --- the document's operations ---

    def _sources(self, paths: dict[str, Json]) -> Iterable[_Source]:
        for path, item in paths.items():
            pointer = join("paths", path)
            if path.startswith("x-"):
                continue
            try:
                item = self._resolver.resolved(item)
            except OperationRefused as error:
                self._refuse(pointer, error.message)
                continue
            if not isinstance(item, dict):
                self._refuse(pointer, "A path must hold an object with its methods.")
                continue
            for method in METHODS:
                if method in item:
                    yield from self._source(method, path, join("paths", path, method), item, item[method])
            further = item.get("additionalOperations")
            for method, node in further.items() if isinstance(further, dict) else ():
                where = join("paths", path, "additionalOperations", method)
                if _METHOD_NAME.fullmatch(method):
                    yield from self._source(method, path, where, item, node)
                else:
                    self._refuse(where, f"“{method[:40]}” is no method that nlops can send.")

    def _source(self, method: str, path: str, pointer: str, item: dict[str, Json], node: Json) -> Iterable[_Source]:
        if isinstance(node, dict):
            yield _Source(method.upper(), path, pointer, node, item)
        else:
            self._refuse(pointer, "An operation must be an object.")

    def _draft(self, source: _Source) -> _Draft | None:
        try:
            draft = self._compiled(source)
            kept = _kept_bytes(draft.operation)
            if self._kept + kept > self._room:
                raise OperationRefused(_TOO_MUCH)
            self._kept += kept
            if draft.shared in self._sizes:
                self._repeated += kept
            elif draft.shared:
                self._sizes[draft.shared] = kept
            return draft
        except OperationRefused as error:
            self._refuse(error.pointer or source.pointer, error.message)
            return None

    def _compiled(self, source: _Source) -> _Draft:
        if not source.path.startswith("/") or len(source.path) > 2000:
            raise OperationRefused("A path must begin with “/” and have at most 2000 characters.")
        node, refs = source.node, set[str]()
        table = ArgumentTable()
        parameters = self._parameters(source)
        idempotency = _text(node.get(IDEMPOTENCY_EXTENSION))
        for argument in self._arguments(parameters, source, refs):
            if argument.place == "header" and argument.name.lower() in ("idempotency-key", idempotency.lower()):
                idempotency = argument.name
            else:
                table.add(argument)
        body = self._body(source, parameters)
        view = self._add_body(body, table, refs) if body else None
        if body and body.required and source.method not in BODY_METHODS:
            for binding in table.bindings.values():
                binding.update({"always": True} if binding["in"] == "body" else {})
        schema = self._root_schema(table, view)
        service = self._service(source)
        operation_id = _text(node.get("operationId"))
        if operation_id in self._ids:
            self._warn(source.pointer, f"The operationId “{operation_id[:80]}” stands twice; this one was renamed.")
        elif operation_id:
            self._ids.add(operation_id)
        summary = plain_text(_text(node.get("summary")) or _text(node.get("x-ms-summary")), 300)
        description = plain_text(_text(node.get("description")), MAX_DESCRIPTION)
        name = self._names.take(tool_name(operation_id, source.method, source.path))
        if not summary:
            summary = first_sentence(description) or " ".join(words(name)).capitalize()
        operation = CompiledOperation(
            name=name,
            method=source.method,
            path=source.path,
            summary=summary,
            description=description,
            service=service.name,
            effect=effect_of(source.method, source.path, node),
            deprecated=node.get("deprecated") is True,
            schema=schema,
            definition_names=[],
            bindings=table.bindings,
            body_media_type=body.media_type if body else "",
            secret_arguments=table.secrets,
            idempotency_header=idempotency if re.fullmatch(r"[A-Za-z0-9-]{1,100}", idempotency) else "",
            search_text=_search_text(name, summary, description, source, service.name, table),
            server=self._own_server(source),
            visibility=visibility_of(node),
        )
        return _Draft(operation, source.pointer, refs, node, _shared_key(body) if body else "")

    def _root_schema(self, table: ArgumentTable, view: ObjectView | None) -> Schema:
        schema: Schema = {"type": "object", "properties": table.properties}
        if table.required:
            schema["required"] = table.required
        for keyword, variants in view.alternatives if view else ():
            named = [
                {"required": [table.body_names[name] for name in names if name in table.body_names]}
                for names in variants
            ]
            if keyword in schema:
                schema.setdefault("allOf", []).append({keyword: named})
            else:
                schema[keyword] = named
        schema["additionalProperties"] = False
        return schema

    # --- parameters ---

    def _parameters(self, source: _Source) -> list[tuple[str, dict[str, Json]]]:
        """(reference or "", parameter): the path's, overridden by the operation's."""
        found: dict[tuple[Json, Json], tuple[str, dict[str, Json]]] = {}
        for holder in (source.item, source.node):
            for position, node in enumerate(_list(holder.get("parameters"))):
                parameter = self._resolver.resolved(node)
                if not isinstance(parameter, dict) or not isinstance(parameter.get("name"), str):
                    raise OperationRefused("A parameter must be an object with a name and a place (“in”).")
                if parameter.get("in") == "querystring":
                    found.update(self._query_string(parameter))
                    continue
                reference = node["$ref"] if node is not parameter else ""
                if not reference and holder is source.item:  # shared by the methods of the path
                    reference = f"{source.path} {position}"
                found[_text(parameter.get("in")), parameter["name"]] = (reference, parameter)
        return sorted(found.values(), key=lambda pair: _ORDER.get(_text(pair[1].get("in")), 9))

    def _query_string(self, parameter: dict[str, Json]) -> dict[tuple[Json, Json], tuple[str, dict[str, Json]]]:
        """A parameter that is the whole query (OpenAPI 3.2): a form's fields are query parameters, each of its own."""
        content = parameter.get("content")
        media = content.get("application/x-www-form-urlencoded") if isinstance(content, dict) else None
        view = object_view(media["schema"], self._resolver) if isinstance(media, dict) and "schema" in media else None
        if view is None:
            raise OperationRefused(
                f"The parameter “{parameter['name'][:80]}” is the whole query string in a form that nlops can't write. "
                "Describe it as application/x-www-form-urlencoded with an object of properties."
            )
        fields: dict[tuple[Json, Json], tuple[str, dict[str, Json]]] = {}
        for name, parts in view.properties.items():
            schema = parts[0] if len(parts) == 1 else {"allOf": parts}
            is_required = name in view.required
            fields["query", name] = ("", {"in": "query", "name": name, "required": is_required, "schema": schema})
        return fields

    def _arguments(
        self, parameters: list[tuple[str, dict[str, Json]]], source: _Source, refs: set[str]
    ) -> Iterable[Argument]:
        declared = {parameter["name"] for _, parameter in parameters if parameter.get("in") == "path"}
        placeholders = dict.fromkeys(re.findall(r"\{([^{}]+)\}", source.path))
        for name in [name for name in placeholders if name not in declared]:
            self._warn(source.pointer, f"The path's “{{{name[:80]}}}” is no parameter; it was taken as a text.")
            yield Argument("path", name, {"type": "string"}, True, {"in": "path", "name": name})
        for reference, parameter in parameters:
            if parameter.get("in") in ("body", "formData") and self._document.is_swagger:
                continue
            # Many descriptions write the same parameter out in every operation.
            alike = reference or _written(parameter)
            if alike not in self._shared or not alike:
                found: set[str] = set()
                self._shared[alike] = (self._argument(parameter, found), found)
            argument, needed = self._shared[alike]
            if reference and argument:
                argument, needed = self._shared_or_referred_to(argument, reference, needed)
            refs |= needed
            if argument is None or self._is_credential(argument):
                continue
            if argument.place != "path" or argument.name in placeholders:
                yield argument

    def _may_repeat(self, shared: str) -> bool:
        """Whether there is still room to write again what operations share."""
        return self._repeated + self._sizes.get(shared, 0) <= MAX_REPEATED * self._size

    def _shared_or_referred_to(self, argument: Argument, reference: str, needed: set[str]) -> tuple[Argument, set[str]]:
        """The shared argument; repeated often, with its schema among the definitions, where it stands once."""
        if reference not in self._sizes:
            self._sizes[reference] = len(orjson.dumps(argument.schema))
            return argument, needed
        if self._may_repeat(reference):
            self._repeated += self._sizes[reference]
            return argument, needed
        name = self._store.define(reference, argument.schema, needed)
        return replace(argument, schema={"$ref": REF_PREFIX + name}), {name}

    def _argument(self, parameter: dict[str, Json], refs: set[str]) -> Argument | None:
        """A parameter as an argument; None for headers that are not the caller's to choose."""
        place, name = parameter.get("in"), parameter["name"]
        if place not in ("path", "query", "header", "cookie"):
            raise OperationRefused(f"The parameter “{name[:80]}” has the place “{str(place)[:40]}”; use path, query, "
                                   "header or cookie.")  # fmt: skip
        if place == "header" and (name.lower() == "accept" or not may_be_set(name)):
            return None
        required = place == "path" or parameter.get("required") in (True, "true")
        is_internal = visibility_of(parameter) == "internal"
        if is_internal and not required:
            return None
        binding: Binding = {"in": place, "name": name}
        source = self._parameter_schema(parameter, binding)
        schema = self._store.convert(source, refs)
        said = parameter.get("description") or parameter.get("x-ms-summary")
        if description := plain_text(_text(said), 1000):
            schema = {**schema, "description": description}
        if "examples" not in schema and (found := example_of(parameter)) is not None:
            schema = {**self._store.convert({"example": found}, refs), **schema}
        if is_internal and "default" in schema:
            schema = {**schema, "const": schema["default"]}
        shown = source if not isinstance(source, dict) or "$ref" not in source else self._resolver.resolved(source)
        return Argument(place, name, schema, required, binding, is_secret(name, place, shown))

    def _parameter_schema(self, parameter: dict[str, Json], binding: Binding) -> Json:
        """The parameter's own schema; its style goes into the binding."""
        if self._document.is_swagger:
            said = parameter.get("collectionFormat")
            if said == "multi":
                binding["explode"] = True
            elif parameter.get("type") == "array":
                binding.update(style=_SWAGGER_STYLES.get(_text(said), "form"), explode=False)
                if binding["in"] in ("path", "header") and binding["style"] == "form":
                    binding["style"] = "simple"
            return {key: value for key, value in parameter.items() if key not in _NOT_SCHEMA}
        content = parameter.get("content")
        if isinstance(content, dict) and content and "schema" not in parameter:
            media_type, media = next(iter(content.items()))
            binding["style"] = "json" if is_json(media_type.partition(";")[0].strip().lower()) else "text"
            return media.get("schema", {}) if isinstance(media, dict) else {}
        if isinstance(parameter.get("style"), str):
            binding["style"] = parameter["style"]
        if isinstance(parameter.get("explode"), bool):
            binding["explode"] = parameter["explode"]
        if parameter.get("allowReserved") is True:
            binding["allow_reserved"] = True
        return parameter.get("schema", {})

    def _is_credential(self, argument: Argument) -> bool:
        """Whether the connection supplies it: a parameter that repeats what the security schemes say."""
        if (argument.place, argument.name.lower()) in self._api_keys:
            return True
        # Some descriptions (Slack's) have the token of their OAuth scheme as an argument of every operation, too.
        if not self._signs_in or not _TOKEN_NAME.fullmatch(argument.name):
            return False
        described = _text(argument.schema.get("description")) if isinstance(argument.schema, dict) else ""
        return bool(_TOKEN_WORDS.search(described))

    @functools.cached_property
    def _api_keys(self) -> set[tuple[Json, str]]:
        """Place and name, in small letters, of every API key that the security schemes name."""
        schemes = [scheme for scheme in self._schemes.values() if isinstance(scheme, dict)]
        keys = [scheme for scheme in schemes if scheme.get("type") == "apiKey"]
        return {(_text(scheme.get("in")), _text(scheme.get("name")).lower()) for scheme in keys}

    @functools.cached_property
    def _signs_in(self) -> bool:
        """Whether a security scheme gives the connection a token."""
        kinds = [scheme.get("type") for scheme in self._schemes.values() if isinstance(scheme, dict)]
        return any(kind in ("oauth2", "openIdConnect", "http") for kind in kinds)

    # --- bodies ---

    def _add_body(self, body: _Body, table: ArgumentTable, refs: set[str]) -> ObjectView | None:
        arguments, view = body_arguments(
            body.schema,
            self._store,
            self._resolver,
            refs,
            required=body.required,
            styles=body.styles,
            xml=is_xml(body.media_type),
            flat=self._may_repeat(_shared_key(body)),
        )
        shown = body.example if isinstance(body.example, dict) and view else {}
        for argument in arguments:
            if argument.name in shown and "examples" not in argument.schema:
                argument.schema = {**self._store.convert({"example": shown[argument.name]}, refs), **argument.schema}
            if not self._is_credential(argument):
                table.add(argument)
        return view

    def _body(self, source: _Source, parameters: list[tuple[str, dict[str, Json]]]) -> _Body | None:
        if self._document.is_swagger:
            return self._swagger_body(source, [parameter for _, parameter in parameters])
        body = self._resolver.resolved(source.node.get("requestBody"))
        if not isinstance(body, dict):
            return None
        content = body.get("content")
        if not isinstance(content, dict) or not content:
            return None
        media_type = _preferred(content)
        media = content[media_type]
        media = media if isinstance(media, dict) else {}
        encoding = media.get("encoding")
        styles = {
            name: {key: said[key] for key in ("style", "explode", "contentType") if key in said}
            for name, said in (encoding.items() if isinstance(encoding, dict) else ())
            if isinstance(said, dict)
        }
        required = body.get("required") in (True, "true")
        return _Body(_concrete(media_type), media.get("schema", {}), required, styles, example_of(media))

    def _swagger_body(self, source: _Source, parameters: list[dict[str, Json]]) -> _Body | None:
        consumes = [
            text for text in _list(source.node.get("consumes", self._root.get("consumes"))) if isinstance(text, str)
        ]
        body = next((parameter for parameter in parameters if parameter.get("in") == "body"), None)
        if body is not None:
            media_type = _preferred(dict.fromkeys(consumes)) if consumes else "application/json"
            return _Body(_concrete(media_type), body.get("schema", {}), body.get("required") is True)
        fields = [parameter for parameter in parameters if parameter.get("in") == "formData"]
        if not fields:
            return None
        has_file = any(parameter.get("type") == "file" for parameter in fields)
        only_multipart = bool(consumes) and all(text.startswith("multipart/") for text in consumes)
        media_type = "multipart/form-data" if has_file or only_multipart else "application/x-www-form-urlencoded"
        schema = {
            "type": "object",
            "properties": {
                parameter["name"]: {key: value for key, value in parameter.items() if key not in _NOT_SCHEMA}
                for parameter in fields
            },
            "required": [parameter["name"] for parameter in fields if parameter.get("required") is True],
        }
        styles: dict[str, Json] = {
            parameter["name"]: {
                "explode": parameter.get("collectionFormat") == "multi",
                "style": _SWAGGER_STYLES.get(_text(parameter.get("collectionFormat")), "form"),
            }
            for parameter in fields
            if parameter.get("type") == "array"
        }
        return _Body(media_type, schema, True, styles)

    # --- services, servers, security ---

    def _service(self, source: _Source) -> CompiledService:
        """By the first tag, else by the path."""
        tag = next((tag for tag in _list(source.node.get("tags")) if isinstance(tag, str) and tag.strip()), "")
        name = (tag or service_from_path(source.path)).strip()[:120]
        if name not in self._services:
            described = self._tags.get(tag, {}).get("description")
            self._services[name] = CompiledService(
                name, self._slugs.take(slug(name), limit=100), plain_text(_text(described), 1000)
            )
        return self._services[name]

    def _servers(self) -> list[dict[str, str]]:
        if self._document.is_swagger:
            host, base = _text(self._root.get("host")), _text(self._root.get("basePath"))
            schemes = [text for text in _list(self._root.get("schemes")) if text in ("http", "https")]
            if not host:
                return [{"url": base, "description": ""}] if base else []
            return [
                {"url": f"{scheme}://{host}{base}".rstrip("/"), "description": ""}
                for scheme in sorted(schemes or ["https"], reverse=True)
            ]
        paths = self._root.get("paths")
        paths = paths if isinstance(paths, dict) else {}
        holders = [self._root, *(item for item in paths.values() if isinstance(item, dict))]
        found: dict[str, str] = {}
        for holder in holders:
            for server in _list(holder.get("servers")):
                for url in _server_urls(server) if isinstance(server, dict) else ():
                    found.setdefault(url, plain_text(_text(server.get("description")), 300))
        return [{"url": url, "description": text} for url, text in list(found.items())[:MAX_SERVERS]]

    def _own_server(self, source: _Source) -> str:
        """URL of the operation's or its path's first server, "" when that is one of the description's own."""
        for holder in (source.node, source.item):
            server = next(iter(_list(holder.get("servers"))), None)
            if isinstance(server, dict) and (url := _server_url(server)):
                return "" if url in self._common_servers else url
        return ""

    def _say_what_is_not_called(self, drafts: list[_Draft]) -> None:
        """Webhooks, callbacks and links are read by nobody here; say so once of each kind."""
        for key in ("webhooks", "x-webhooks"):
            if isinstance(self._root.get(key), dict) and self._root[key]:
                number = len(self._root[key])
                self._advise(
                    join(key), f"Webhooks are calls that the product makes; the {number} here are no tools of nlops."
                )
        for draft in drafts:
            if isinstance(draft.node.get("callbacks"), dict):
                self._advise(
                    f"{draft.pointer}/callbacks",
                    "Callbacks are calls that the product makes; nlops does not receive them, here and in any other "
                    "operation.",
                )
                break
        for draft in drafts:
            answers = draft.node.get("responses")
            if any(
                isinstance(it, dict) and "links" in it for it in (answers.values() if isinstance(answers, dict) else ())
            ):
                self._advise(
                    f"{draft.pointer}/responses",
                    "Links between operations are not followed, here and in any other operation: what an answer holds "
                    "is found by its names.",
                )
                break
        for draft in drafts:
            if draft.operation.server:
                self._advise(
                    draft.pointer,
                    f"It names a server of its own ({draft.operation.server[:200]}). A call goes there when that is "
                    "the connection's host; else the connection's base URL holds. So with any other operation.",
                )
                break

    def _security_schemes(self) -> dict[str, Json]:
        if self._document.is_swagger:
            schemes = self._root.get("securityDefinitions")
        else:
            components = self._root.get("components")
            schemes = components.get("securitySchemes") if isinstance(components, dict) else None
        found: dict[str, Json] = {}
        for name, scheme in schemes.items() if isinstance(schemes, dict) else ():
            try:
                scheme = self._resolver.resolved(scheme)
            except OperationRefused as error:
                self._warn(join("components", "securitySchemes", name), error.message)
            if isinstance(scheme, dict) and "$ref" not in scheme:
                found[name] = scheme
        return found

    # --- definitions ---

    def _finished(self, drafts: list[_Draft]) -> list[CompiledOperation]:
        """The drafts with the names that they need; those that need something unusable are refused."""
        operations = []
        # Counted only where it can matter: writing the definitions takes time.
        is_near = self._kept > self._room - self._size
        kept = len(orjson.dumps(self._store.definitions)) if is_near else 0
        for draft in drafts:
            operation = draft.operation
            try:
                kept += _kept_bytes(operation) if is_near else 0
                if kept > self._room:
                    raise OperationRefused(_TOO_MUCH)
                operation.definition_names = self._closure(draft.refs)
                size = len(orjson.dumps(operation.schema))
                if size > MAX_SCHEMA_BYTES:
                    raise OperationRefused(f"Its arguments take {size // 1000} kB of schema, too much for a tool.")
            except OperationRefused as error:
                self._refuse(draft.pointer, error.message)
            else:
                operation.search_text += self._hints(operation)  # its last line, still empty
                operations.append(operation)
        return operations

    def _hints(self, operation: CompiledOperation) -> str:
        """What the ranking reads beside the operation's own words: values that it takes, what its service is for."""
        values = told_values(operation.schema)
        for name in operation.definition_names[:MAX_TOLD_DEFINITIONS]:
            if name not in self._told:
                self._told[name] = told_values(self._store.definitions.get(name))
            values += self._told[name]
        text = f"{' '.join(values)} {self._services[operation.service].description}"
        return " ".join(dict.fromkeys(text.split()))[:MAX_HINTS]

    def _closure(self, refs: set[str]) -> list[str]:
        """Names of all definitions that these need, sorted."""
        needed, waiting = set(refs), list(refs)
        while waiting:
            name = waiting.pop()
            if name in self._store.faults:
                raise OperationRefused(f"It needs the schema “{name}”. {self._store.faults[name]}")
            for further in self._store.needs.get(name, ()):
                if further not in needed:
                    needed.add(further)
                    waiting.append(further)
            if len(needed) > MAX_DEFINITIONS:
                raise OperationRefused(f"Its arguments need more than {MAX_DEFINITIONS} schemas, too many for a tool.")
        return sorted(needed)

    # --- problems ---

    def _refuse(self, pointer: str, message: str) -> None:
        self._problems.append(Problem(Severity.ERROR, pointer, message))

    def _warn(self, pointer: str, message: str) -> None:
        self._problems.append(Problem(Severity.WARNING, pointer, message))

    def _advise(self, pointer: str, message: str) -> None:
        self._problems.append(Problem(Severity.ADVICE, pointer, message))

    def _capped_problems(self) -> list[Problem]:
        """What was refused first; no more than a person may want to read."""
        ordered = sorted(self._problems, key=lambda problem: list(Severity).index(problem.severity))
        if len(ordered) > MAX_PROBLEMS:
            left = len(ordered) - MAX_PROBLEMS
            ordered = [*ordered[:MAX_PROBLEMS], Problem(Severity.WARNING, "", f"{left} more problems of this kind.")]
        return ordered

    def _nothing_usable(self) -> SpecError:
        errors = [problem for problem in self._problems if problem.severity is Severity.ERROR]
        files = sorted(file for file in self._resolver.other_files if file)
        if files:
            more = f" and {len(files) - 5} more" if len(files) > 5 else ""
            return SpecError(
                f"The description is spread over several files: it refers to {', '.join(files[:5])}{more}, and only "
                "what is in the upload is read. Upload all of them as one zip, or bundle them into one file (for "
                "example with “redocly bundle openapi.yml -o bundled.yml”).",
                pointer=errors[0].pointer if errors else "",
            )
        if not errors:
            return SpecError(
                "The paths hold no operation (get, post, put, patch, delete). Add at least one.", pointer="/paths"
            )
        reasons = list(dict.fromkeys(f"{problem.pointer}: {problem.message}" for problem in errors))
        more = f" (and {len(reasons) - 3} more)" if len(reasons) > 3 else ""
        return SpecError("Not one of its operations can be used. " + " ".join(reasons[:3]) + more)


_TOO_MUCH: Final = (
    "The operations so far are larger than the file itself, because they repeat what they share; this one was left out."
)


def _shared_key(body: _Body) -> str:
    """Names the body where others may have it, too."""
    reference = body.schema.get("$ref") if isinstance(body.schema, dict) else None
    return reference if isinstance(reference, str) else f"body {id(body.schema)}"


def _kept_bytes(operation: CompiledOperation) -> int:
    """What the operation takes in the database, about."""
    texts = (operation.search_text, operation.description, operation.summary, operation.path)
    return len(orjson.dumps(operation.schema)) + len(orjson.dumps(operation.bindings)) + sum(map(len, texts))


_SWAGGER_STYLES: Final = {
    "csv": "form", "ssv": "spaceDelimited", "tsv": "tabDelimited", "pipes": "pipeDelimited",
}  # fmt: skip
_NOT_SCHEMA: Final = frozenset({"name", "in", "required", "collectionFormat", "allowEmptyValue", "schema"})


def _text(value: Any) -> str:
    return value if isinstance(value, str) else (str(value) if isinstance(value, int | float) else "")


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


_PREFERRED: Final = (
    re.compile(r"application/json$"),
    re.compile(r"application/.*\+json$"),
    re.compile(r"application/x-www-form-urlencoded$"),
    re.compile(r"multipart/form-data$"),
    re.compile(r"\*/\*|application/\*"),
    re.compile(r"text/"),
)


def _preferred(content: Mapping[str, Json]) -> str:
    """The media type that nlops writes best, of those that the product takes."""
    for pattern in _PREFERRED:
        for media_type in content:
            if pattern.match(media_type.partition(";")[0].strip().lower()):
                return media_type
    return next(iter(content))


def _concrete(media_type: str) -> str:
    """A media type that can be sent: */* becomes JSON, parameters go."""
    plain = media_type.partition(";")[0].strip().lower()
    return "application/json" if "*" in plain or not re.fullmatch(r"[\w.+-]+/[\w.+-]+", plain) else plain[:200]


def _server_urls(server: dict[str, Json]) -> Iterator[str]:
    """The server's URLs: with its variables' defaults, then with each of the values that they list.

    What has neither default nor list stays as it is written, {name}, for the operator to fill in.
    """
    if url := _server_url(server):
        yield url
    template, variables = _text(server.get("url")), server.get("variables")
    chosen = {
        name: [_text(value) for value in _list(variable.get("enum"))] or [_text(variable.get("default"))]
        for name, variable in (variables.items() if isinstance(variables, dict) else ())
        if isinstance(variable, dict) and f"{{{name}}}" in template
    }
    for values in itertools.islice(itertools.product(*chosen.values()), MAX_SERVERS):
        if url := _filled(template, dict(zip(chosen, values, strict=True))):
            yield url


def _filled(template: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", value or f"{{{name}}}")
    return template[:500]


def _server_url(server: dict[str, Json]) -> str:
    """The server's URL with its variables' defaults filled in."""
    url, variables = _text(server.get("url")), server.get("variables")
    defaults = {
        name: _text(variable.get("default"))
        for name, variable in (variables.items() if isinstance(variables, dict) else ())
        if isinstance(variable, dict)
    }
    return _filled(url, defaults)


def _written(node: Json) -> bytes:
    """The node as JSON; empty for one that only Python can hold, such as numbers beyond 64 bits."""
    try:
        return orjson.dumps(node)
    except TypeError:
        return b""


def _search_text(name: str, summary: str, description: str, source: _Source, service: str, table: ArgumentTable) -> str:
    """What the ranking reads."""
    return document(
        name=name,
        method=source.method,
        path=source.path,
        summary=summary,
        description=description,
        service=service,
        parameters=table.properties,
    )

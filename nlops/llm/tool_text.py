"""Tool calls that models write into the text, as their templates teach them, when no server reads them out of it.

JSON (bare, fenced, in `<tool_call>…`), tags (`<function=name>`, `<invoke name="…">`, `<arg_key>`), a name beside its
arguments (`[TOOL_CALLS]name[ARGS]{…}`, `Action: name`), and calls as Python writes them. Nothing in the text is ever
evaluated: it is read, strictly, and only names of offered tools are calls.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jiter

from nlops.core.types import Json, ToolCall

#: Name of each offered tool → the JSON Schema of its arguments.
Offered = Mapping[str, Mapping[str, Any]]
#: End of a form in the text, and the calls in it.
_Found = tuple[int, list[ToolCall]]

#: What stands around a call: tags of the usual templates, their special tokens, and fences.
_WRAPPER = (
    r"</?tool_calls?>|</?function_calls?>|</?tools?>|<[|｜][^<>|｜]{1,40}[|｜]>|"
    r"```[ \t]*(?:json|tool_calls?|tool_code|python|xml)?|\[/?TOOL_CALLS?\]"
)
_WRAPPERS_BEHIND = re.compile(rf"(?:\s*(?:{_WRAPPER}))*\s*", re.IGNORECASE)
_LAST_WRAPPER = re.compile(rf"(?:{_WRAPPER})\Z", re.IGNORECASE)
#: Characters of the longest wrapper.
_WRAPPER_LENGTH = 60
#: A text with one of these was meant to be a call.
_MARK = re.compile(
    r"<tool_calls?>|<function_calls?>|\[TOOL_CALLS?\]|<function=|<invoke\s+name=|<[|｜]tool[▁_]calls?[▁_]begin[|｜]>",
    re.IGNORECASE,
)
_NAME = r"(?:functions?\.|default_api\.)?(?P<{}>[A-Za-z0-9_-]+)"
#: Where a call may begin, by the form that it then has.
_OPENING = re.compile(
    rf"<function=[\"']?{_NAME.format('tagged')}[\"']?\s*>"
    rf"|<invoke\s+name=[\"']{_NAME.format('invoked')}[\"']\s*>"
    rf"|<tool_call>\s*{_NAME.format('keyed')}\s*(?=<arg_key>)"
    rf"|(?:\[TOOL_CALLS\]|(?:<[|｜]tool[▁_]call[▁_]begin[|｜]>\s*function\s*)?<[|｜]tool[▁_]sep[|｜]>"
    r"|<[|｜]tool_call_begin[|｜]>|<tool_call>|Action:"
    rf"|<\|channel\|>[\w ]{{0,20}}\bto=)\s*{_NAME.format('beside')}(?::\d+)?"
    r"(?:\s|\[ARGS\]|\[CALL_ID\]\w*|<[|｜][^<>|｜]{1,40}[|｜]>|json\b|```|Action Input:)*(?=\{)"
    r"|(?P<python>(?:\[\s{0,9})?(?:print\(\s{0,9})?(?:[A-Za-z_]\w{0,63}\.){0,3}[A-Za-z_]\w{0,63}\()"
    r"|(?P<json>\{|\[\s*\{)"
)
#: An object that names a tool first: it was meant as a call even if it can't be read.
_NAMED = re.compile(r"\[?\s*\{\s*[\"'](?:name|tool|function|tool_name)[\"']\s*:\s*[\"']([A-Za-z0-9_-]+)[\"']\s*[,}]")
_PARAMETER = re.compile(
    r"<parameter(?:=[\"']?|\s+name=[\"'])(?P<name>[^\"'<>]{1,200})[\"']?[^<>]{0,100}>(?P<value>.*?)</parameter>",
    re.DOTALL,
)
_KEYED = re.compile(r"<arg_key>(?P<name>[^<>]{1,200})</arg_key>\s*<arg_value>(?P<value>.*?)</arg_value>", re.DOTALL)
#: Characters of a text in which calls are looked for; models write far less, and it takes time that grows with it.
_LOOKED_AT = 32_000
#: Ends that are tried for a call in Python's form.
_ENDS_TRIED = 40
_DECODER = json.JSONDecoder()

_NAME_KEYS = ("name", "tool", "function", "tool_name")
_ARGUMENT_KEYS = ("arguments", "parameters", "args", "input", "tool_input")


class UnreadableCall(ValueError):
    """The text was meant to call a tool, but it can't be read; `str()` says to the model what is wrong."""


def calls_in_text(text: str, offered: Offered) -> tuple[str, list[ToolCall]]:
    """The text without the calls in it, and the calls; only names of offered tools count as calls.

    An object is a call when it has `name` (or `tool`, `function`) and `arguments` (or `parameters`, `args`, `input`).
    Raises UnreadableCall: a call that was meant but can't be read is never dropped beside others that can.
    """
    calls: list[ToolCall] = []
    rest: list[str] = []
    end = 0
    for start, stop, found in _forms(text, offered):
        calls += [ToolCall(f"text_{len(calls) + index}", c.name, c.arguments) for index, c in enumerate(found)]
        rest.append(_unwrapped(text[end:start]))
        end = stop + _length_of(_WRAPPERS_BEHIND.match(text, stop))
    remaining = _joined([*rest, text[end:]]) if calls else text
    if was_meant_as_call(remaining):
        raise UnreadableCall(
            'This is no call of a tool that you were given. Write <tool_call>{"name": "…", "arguments": {…}}'
            "</tool_call> with the name of such a tool and valid JSON."
        )
    return remaining, calls


def _joined(pieces: list[str]) -> str:
    """What stands before, between and behind the calls; a comma between two of them is none of the text."""
    first, *between, last = pieces
    kept = [first, *(piece for piece in between if piece.strip(",; \n")), last]
    return "\n".join(filter(None, map(str.strip, kept)))


def was_meant_as_call(text: str) -> bool:
    """Whether the text has the mark of a tool call, readable or not."""
    return bool(_MARK.search(text))


def without_thoughts(text: str) -> str:
    """The text without `<think>…</think>`: what a model only considered is neither said nor called.

    Some templates open the thoughts in the prompt, so that the text has their end only.
    """
    return text.rpartition("</think>")[2].partition("<think>")[0].strip()


def read_arguments(text: str) -> dict[str, Json]:
    """The JSON object that the text is. Raises ValueError that says what is wrong with it.

    Refused: NaN and Infinity, a key that comes twice (which one counts?), NUL and half surrogates (no database and no
    HTTP API takes them).
    """
    value = _strict(text)
    if not isinstance(value, dict):
        raise ValueError("a JSON object is needed")
    return value


def _strict(text: str) -> Json:
    value = jiter.from_json(text.encode(), allow_inf_nan=False, catch_duplicate_keys=True)
    if "\\u0000" in text and "\\u0000" in json.dumps(value):
        raise ValueError("a NUL character is not allowed")
    return value


def _unwrapped(text: str) -> str:
    """The text without the wrappers at its end."""
    while found := _LAST_WRAPPER.search((text := text.rstrip())[-_WRAPPER_LENGTH:]):
        text = text[: len(text) - len(found[0])]
    return text


def _length_of(match: re.Match[str] | None) -> int:
    return len(match[0]) if match else 0


# --- the forms ------------------------------------------------------------------------------------------------


def _forms(text: str, offered: Offered) -> Iterator[tuple[int, int, list[ToolCall]]]:
    """Start, end and calls of each form of a call in the text, in order. Raises UnreadableCall."""
    position = last = 0
    while (match := _OPENING.search(text, position, _LOOKED_AT)) is not None:
        found: _Found | None
        try:
            found = _form(text, match, last, offered)
        except RecursionError:
            return  # nested deeper than any call, and each of its levels would be tried anew
        if found is None:
            position = match.start() + 1
            continue
        position = found[0]
        if found[1]:
            last = position
            yield match.start(), *found


def _form(text: str, match: re.Match[str], last: int, offered: Offered) -> _Found | None:
    """The end of what begins here and the calls in it; None when nothing of the kind does."""
    if match["json"]:
        return _json_form(text, match.start(), offered)
    if match["python"]:
        return _python_form(text, match, last, offered)
    kind = match.lastgroup or ""
    name = match[kind]
    if name not in offered:
        return None
    read: Callable[[str, int, str, Offered], _Found] = {
        "tagged": _tagged, "invoked": _tagged, "keyed": _keyed, "beside": _beside
    }[kind]  # fmt: skip
    return read(text, match.end(), name, offered)


def _tagged(text: str, start: int, name: str, offered: Offered) -> _Found:
    """`<function=name>{…}</function>`, or with one `<parameter=…>` for each argument; `<invoke name="…">` alike."""
    opening = re.compile(r"\s*(?=\{)").match(text, start)
    if opening:
        stop, found = _beside(text, opening.end(), name, offered)
        return stop + _length_of(re.compile(r"\s*</(?:function|invoke)>").match(text, stop)), found
    return _pairs(text, start, name, offered, _PARAMETER, r"\s*</(?:function|invoke)>")


def _keyed(text: str, start: int, name: str, offered: Offered) -> _Found:
    return _pairs(text, start, name, offered, _KEYED, r"\s*</tool_call>")


def _pairs(text: str, start: int, name: str, offered: Offered, pair: re.Pattern[str], closing: str) -> _Found:
    arguments: dict[str, Json] = {}
    schemas = offered[name].get("properties", {})
    position = start
    while found := re.compile(r"\s*").match(text, position):
        match = pair.match(text, found.end())
        if match is None:
            break
        key = match["name"].strip()
        if key in arguments:
            raise UnreadableCall(f"The call of {name} names {key} twice. Write the call again.")
        arguments[key] = _typed(match["value"], schemas.get(key, {}))
        position = match.end()
    end = re.compile(closing).match(text, position)
    if end is None:
        raise UnreadableCall(f"The call of {name} is not complete. Write the whole call again.")
    return end.end(), [ToolCall("", name, _checked(name, arguments))]


def _typed(value: str, schema: Any) -> Json:
    """What stands between two tags: text where the schema wants text, else JSON where it is some."""
    text = value.strip("\n")
    types = schema.get("type") if isinstance(schema, Mapping) else None
    if types == "string" or (isinstance(types, list) and "string" in types and text.strip() != "null"):
        return text
    try:
        return _strict(text.strip())
    except ValueError:
        return text


def _checked(name: str, arguments: Any) -> dict[str, Json]:
    """The arguments as strictly as if they had come as JSON."""
    try:
        return read_arguments(json.dumps(arguments, ensure_ascii=False))
    except (ValueError, TypeError) as error:
        raise UnreadableCall(f"The arguments of {name} can't be read: {error}. Write the call again.") from error


def _beside(text: str, start: int, name: str, offered: Offered) -> _Found:
    """A name, and now its arguments as a JSON object."""
    try:
        stop = _DECODER.raw_decode(text, start)[1]
        arguments = read_arguments(text[start:stop])
    except ValueError as error:
        raise _unreadable(name, error) from error
    return stop, [ToolCall("", name, arguments)]


def _unreadable(name: str, error: Exception) -> UnreadableCall:
    return UnreadableCall(f"The call of {name} is no valid JSON: {error}. Write the call again.")


# --- JSON -----------------------------------------------------------------------------------------------------


def _json_form(text: str, start: int, offered: Offered) -> _Found | None:
    """An outermost JSON object, or array that begins with one."""
    named = _NAMED.match(text, start)
    name = named[1] if named and named[1] in offered else ""
    try:
        stop = _DECODER.raw_decode(text, start)[1]
        value = _strict(text[start:stop])
    except ValueError as error:
        if name:
            # What stands inside a call that can't be read is a value of it, never a call.
            return _literal_form(text, start, name, offered, error)
        return None
    return stop, [call for item in _items(value) if (call := _call(item, offered))]


def _literal_form(text: str, start: int, name: str, offered: Offered, error: Exception) -> _Found:
    """The same with the quotes of Python: {'name': …}."""
    if re.compile(r"\[?\s*\{\s*'").match(text, start):
        for stop in _ends(text, start, "}]"):
            try:
                value = _literal(ast.parse(text[start:stop], mode="eval").body)
            except (ValueError, SyntaxError, MemoryError):
                continue
            found = [call for item in _items(value) if (call := _call(item, offered))]
            if found:
                return stop, [ToolCall("", call.name, _checked(call.name, call.arguments)) for call in found]
    raise _unreadable(name, error) from error


def _items(value: Json) -> list[Any]:
    if isinstance(value, dict) and isinstance(value.get("tool_calls"), list):
        value = value["tool_calls"]
    return value if isinstance(value, list) else [value]


def _call(item: Any, offered: Offered) -> ToolCall | None:
    if not isinstance(item, dict):
        return None
    if isinstance(item.get("function"), dict):
        return _call(item["function"], offered)
    name: str = next((item[key] for key in _NAME_KEYS if isinstance(item.get(key), str)), "")
    if name not in offered or _is_definition(item):
        return None
    key = next((key for key in _ARGUMENT_KEYS if key in item), None)
    if key is None:
        return None
    arguments = item[key]
    if isinstance(arguments, str):
        try:
            arguments = read_arguments(arguments or "{}")
        except ValueError as error:
            raise _unreadable(name, error) from error
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, dict):
        raise _unreadable(name, ValueError("its arguments must be an object"))
    return ToolCall("", name, arguments)


def _is_definition(item: dict[str, Any]) -> bool:
    """Whether it is a tool's description, repeated by the model: its `parameters` are a schema, no values."""
    return "description" in item and isinstance(item.get("parameters"), dict) and "properties" in item["parameters"]


# --- Python's form --------------------------------------------------------------------------------------------


def _python_form(text: str, match: re.Match[str], last: int, offered: Offered) -> _Found | None:
    """`name(argument="value")`, one or a list; only where a text begins or behind a mark, for prose has such too."""
    name = re.findall(r"\w+", match["python"])[-1]
    before = text[last : match.start()]
    anchored = not _unwrapped(before).strip(",; \n") or _LAST_WRAPPER.search(before.rstrip()[-_WRAPPER_LENGTH:])
    if name not in offered or not anchored:
        return None
    fault: Exception = ValueError("it is not complete")
    for stop in _ends(text, match.start(), ")]"):
        try:
            body = ast.parse(text[match.start() : stop].strip(), mode="eval").body
        except (SyntaxError, ValueError, MemoryError):
            continue
        try:
            return stop, [_python_call(node, offered) for node in _elements(body)]
        except ValueError as error:
            fault = error
            break
    raise UnreadableCall(f"The call of {name} can't be read: {fault}. Write the call again, as JSON.") from fault


def _ends(text: str, start: int, closers: str) -> Iterator[int]:
    """Places behind a closing bracket, where what begins at `start` may end."""
    pattern = re.compile(f"[{re.escape(closers)}]")
    for count, match in enumerate(pattern.finditer(text, start, _LOOKED_AT)):
        if count == _ENDS_TRIED:
            return
        yield match.end()


def _elements(body: ast.expr) -> list[ast.expr]:
    return list(body.elts) if isinstance(body, ast.List | ast.Tuple) else [body]


def _python_call(node: ast.expr, offered: Offered) -> ToolCall:
    if not isinstance(node, ast.Call):
        raise ValueError("it is no call")
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name == "print" and len(node.args) == 1 and not node.keywords:
        return _python_call(node.args[0], offered)
    if name not in offered:
        raise ValueError(f"there is no tool named {name or '?'}")
    arguments: dict[str, Json] = {}
    if node.args:
        required = offered[name].get("required", ())
        if len(node.args) > 1 or len(required) != 1:
            raise ValueError("its arguments need their names")
        arguments[required[0]] = _literal(node.args[0])
    for keyword in node.keywords:
        if keyword.arg is None or keyword.arg in arguments:
            raise ValueError("each argument is named once")
        arguments[keyword.arg] = _literal(keyword.value)
    return ToolCall("", name, _checked(name, arguments))


_WORDS = {"true": True, "false": False, "null": None}


def _literal(node: ast.expr) -> Json:
    """The value that the literal is. Raises ValueError for anything that would have to be evaluated."""
    match node:
        case ast.Constant(value=str() | bool() | int() | float() | None):
            return node.value
        case ast.Name(id="true" | "false" | "null"):
            return _WORDS[node.id]
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)) if number is not True:
            return -number
        case ast.List() | ast.Tuple():
            return [_literal(item) for item in node.elts]
        case ast.Dict():
            keys = [_literal(key) if key is not None else None for key in node.keys]
            if not all(isinstance(key, str) for key in keys) or len(set(keys)) < len(keys):
                raise ValueError("the keys of an object are texts, each once")
            return dict(zip(keys, (_literal(value) for value in node.values), strict=True))
    raise ValueError("an argument is no plain value")

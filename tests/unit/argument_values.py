"""Values for an argument schema, drawn with a seed: awkward letters, all types, optional parts present and absent."""

from __future__ import annotations

import random
from typing import Any

import rstr

#: texts that break a request which is put together carelessly
AWKWARD = (
    "a b", "a+b", "a&b=c", "50%", "a%2Fb", "x/y", "x?y#z", "a,b", "a;b", "a|b", "[k]", "{v}", "é", "日本", "😀", "'q'",
    '"q"', "\\", "a.b", "~", ":", "@", "$", "!", "true", "null", "7", "-", "_", "line\nline", "tab\there",
    "<b>&amp;</b>",
)  # fmt: skip
_NAMED = {
    "date": "2026-03-04", "date-time": "2026-03-04T05:06:07Z", "uuid": "6f1c2b8e-6b0b-4a55-9d3a-0a4b6c1d2e3f",
    "email": "a+b@example.org", "uri": "https://example.org/a?b=c&d=%20", "ipv4": "192.0.2.7", "time": "05:06:07Z",
}  # fmt: skip
_MAX_DEPTH = 5


def draw(schema: dict[str, Any], seed: int, fullness: float) -> dict[str, Any]:
    """An object for the schema. `fullness`: how often an optional part is there, 0 to 1."""
    value = _Drawing(schema.get("$defs", {}), random.Random(seed), fullness).value(schema, 0)
    assert isinstance(value, dict)
    return value


class _Drawing:
    def __init__(self, definitions: dict[str, Any], chance: random.Random, fullness: float) -> None:
        self._definitions, self._chance, self._fullness = definitions, chance, fullness

    def value(self, schema: Any, depth: int) -> Any:
        node = self._whole(schema)
        if "const" in node:
            return node["const"]
        if "enum" in node:
            return self._chance.choice(node["enum"])
        kinds = node.get("type") or ("object" if "properties" in node else "string")
        kinds = kinds if isinstance(kinds, list) else [kinds]
        kind = self._chance.choice([kind for kind in kinds if kind != "null"] or ["null"])
        if "null" in kinds and self._chance.random() < 0.1:
            kind = "null"
        return getattr(self, f"_{kind}")(node, depth)

    def _whole(self, schema: Any) -> dict[str, Any]:
        """References followed, allOf put together, a variant chosen."""
        node: dict[str, Any] = dict(schema) if isinstance(schema, dict) else {}
        for _ in range(30):
            parts = []
            if "$ref" in node:
                parts.append(self._definitions[node.pop("$ref").removeprefix("#/$defs/")])
            parts += node.pop("allOf", ())
            for keyword in ("anyOf", "oneOf"):
                if keyword in node:
                    parts.append(self._chance.choice(node.pop(keyword)))
            if not parts:
                break
            for part in parts:
                node = _put_together(node, part)
        return node

    def _null(self, node: dict[str, Any], depth: int) -> None:
        return None

    def _boolean(self, node: dict[str, Any], depth: int) -> bool:
        return self._chance.random() < 0.5

    def _integer(self, node: dict[str, Any], depth: int) -> int:
        low, high = self._range(node)
        step = int(node.get("multipleOf", 1)) or 1
        return -(-self._chance.randint(int(low), int(high)) // step) * step

    def _number(self, node: dict[str, Any], depth: int) -> float:
        low, high = self._range(node)
        step = node.get("multipleOf")
        found = self._chance.choice([float(int(low) + 1), low + (high - low) * self._chance.random()])
        return round(found / step) * step if step else found

    def _range(self, node: dict[str, Any]) -> tuple[float, float]:
        low = node.get("minimum", node.get("exclusiveMinimum", -3 if "maximum" not in node else node["maximum"] - 9))
        high = node.get("maximum", node.get("exclusiveMaximum", low + 1000))
        return low + ("exclusiveMinimum" in node), max(low, high - ("exclusiveMaximum" in node))

    def _string(self, node: dict[str, Any], depth: int) -> str:
        low, high = node.get("minLength", 0), node.get("maxLength", 1000)
        if "pattern" in node:
            return rstr.xeger(node["pattern"])[:high]
        text = _NAMED.get(node.get("format", "")) or self._chance.choice(AWKWARD)
        while len(text) < low:
            text += self._chance.choice(AWKWARD)
        return text[:high]

    def _array(self, node: dict[str, Any], depth: int) -> list[Any]:
        low = node.get("minItems", 0)
        high = min(node.get("maxItems", low + 3), low + 3)
        number = low if depth > _MAX_DEPTH else self._chance.randint(low, max(low, high))
        items = [self.value(part, depth + 1) for part in node.get("prefixItems", ())]
        items += [self.value(node.get("items", {}), depth + 1) for _ in range(max(0, number - len(items)))]
        if node.get("uniqueItems"):
            items = [item for position, item in enumerate(items) if item not in items[:position]]
        return items

    def _object(self, node: dict[str, Any], depth: int) -> dict[str, Any]:
        required, properties = node.get("required", ()), node.get("properties", {})
        fullness = self._fullness if depth <= _MAX_DEPTH else 0
        found = {
            name: self.value(part, depth + 1)
            for name, part in properties.items()
            if name in required or self._chance.random() < fullness
        }
        for name in [name for name in required if name not in found]:
            found[name] = self.value({}, depth + 1)
        for pattern, part in node.get("patternProperties", {}).items():
            found[rstr.xeger(pattern)] = self.value(part, depth + 1)
        extra = node.get("additionalProperties")
        missing = node.get("minProperties", 0) - len(found)
        if (isinstance(extra, dict) and self._chance.random() < fullness) or missing > 0:
            for number in range(max(1, missing)):
                found[f"key {number}"] = self.value(extra if isinstance(extra, dict) else {}, depth + 1)
        return found


def _put_together(node: dict[str, Any], part: Any) -> dict[str, Any]:
    if not isinstance(part, dict):
        return node
    merged = {**part, **node}
    if "properties" in part and "properties" in node:
        merged["properties"] = {
            name: {"allOf": [held[name] for held in (node["properties"], part["properties"]) if name in held]}
            for name in {**part["properties"], **node["properties"]}
        }
    if "required" in part and "required" in node:
        merged["required"] = [*node["required"], *part["required"]]
    for keyword in ("anyOf", "oneOf", "allOf"):
        if keyword in part and keyword in node:
            merged["allOf"] = [{keyword: node[keyword]}, {keyword: part[keyword]}]
            if keyword != "allOf":
                del merged[keyword]
    return merged

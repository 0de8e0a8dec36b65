"""CloudFormation's own schemas of resource types, as cfn-lint ships them."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import regex


@cache
def _index() -> dict[str, str]:
    data = files("cfnlint") / "data/schemas/providers/us-west-2.json"
    return json.loads(data.read_text())  # type: ignore[no-any-return]


@cache
def schema(kind: str) -> dict[str, Any] | None:
    """The schema of a type; none if CloudFormation has no such type."""
    name = _index().get(kind)
    if name is None:
        return None
    return json.loads((files("cfnlint") / f"data/schemas/resources/{name}.json").read_text())  # type: ignore[no-any-return]


def _paths(kind: str, key: str) -> list[list[str]]:
    said = schema(kind) or {}
    return [[piece for piece in path.split("/")[2:] if piece not in ("*", "items", "properties")] for path in said.get(key) or []]


@cache
def has_attribute(kind: str, attribute: str) -> bool:
    """Whether Fn::GetAtt takes it."""
    said = schema(kind) or {}
    read_only = [".".join(path) for path in _paths(kind, "readOnlyProperties")]
    first = attribute.split(".", maxsplit=1)[0]
    return attribute in read_only or first in said.get("properties", {})


def replaced_by(kind: str, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """The properties, of those that cannot be changed, that are others now."""
    return [path[0] for path in _paths(kind, "createOnlyProperties") if _at(old, path) != _at(new, path)]


def perhaps_replaced_by(kind: str, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """The properties, of those that can sometimes not be changed, that are others now."""
    return [path[0] for path in _paths(kind, "conditionalCreateOnlyProperties") if _at(old, path) != _at(new, path)]


def taggable(kind: str) -> bool:
    """Whether stack tags reach such resources."""
    said = schema(kind) or {}
    return bool((said.get("tagging") or {}).get("taggable", "Tags" in said.get("properties", {})))


def _at(value: Any, path: list[str]) -> Any:
    for piece in path:
        if isinstance(value, list):
            value = [_at(item, [piece]) for item in value]
        elif isinstance(value, dict):
            value = value.get(piece)
        else:
            return None
    return value


def violations(kind: str, properties: dict[str, Any]) -> list[str]:
    """What the schema does not allow: names, required ones, enums, patterns. Types are not looked at, as texts become numbers."""
    said = schema(kind) or {}
    return _check(said, said, properties, "#")


def _check(root: dict[str, Any], said: dict[str, Any], value: Any, place: str) -> list[str]:
    while "$ref" in said:
        name = said["$ref"].split("/")
        if name[0] != "#":
            return []
        said = root
        for piece in name[1:]:
            said = said[piece]
    if isinstance(value, dict):
        return _check_object(root, said, value, place)
    if isinstance(value, list):
        found = []
        if value and said.get("uniqueItems") and len({json.dumps(item, sort_keys=True) for item in value}) < len(value):
            found.append(f"{place}: array items are not unique")
        for bound, wrong in (("maxItems", lambda n: len(value) > n), ("minItems", lambda n: len(value) < n)):
            if bound in said and wrong(said[bound]):
                found.append(f"{place}: {bound} is {said[bound]}, but there are {len(value)} items")
        items = said.get("items") or {}
        return found + [text for index, item in enumerate(value) for text in _check(root, items, item, f"{place}/{index}")]
    return _check_text(said, value, place)


def _check_object(root: dict[str, Any], said: dict[str, Any], value: dict[str, Any], place: str) -> list[str]:
    properties = said.get("properties")
    if properties is None:
        return []
    found = [f"{place}: required key [{key}] not found" for key in said.get("required") or [] if key not in value]
    for key, item in value.items():
        if key in properties:
            found += _check(root, properties[key], item, f"{place}/{key}")
        elif said.get("additionalProperties") is False:
            found.append(f"{place}: extraneous key [{key}] is not permitted")
    return found


def _check_text(said: dict[str, Any], value: Any, place: str) -> list[str]:
    if isinstance(value, str) and said.get("type") == "string":
        if "enum" in said and value not in said["enum"]:
            return [f"{place}: {value} is not a valid enum value"]
        if "pattern" in said:
            try:
                if regex.search(said["pattern"], value) is None:
                    return [f"{place}: string [{value}] does not match pattern {said['pattern']}"]
            except regex.error:
                pass  # A pattern of JavaScript's that Python has not.
        if len(value) > said.get("maxLength", len(value)):
            return [f"{place}: expected maxLength: {said['maxLength']}, actual: {len(value)}"]
    return []

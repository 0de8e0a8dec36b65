"""Validates what a request says against the API model: members, types, lengths, ranges, enums, patterns."""

from __future__ import annotations

from functools import cache
from typing import Any

import regex
from moto.core.model import Shape

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "boolean": (bool,),
    "float": (int, float),
    "double": (int, float),
    "list": (list,),
    "map": (dict,),
    "structure": (dict,),
}


def violations(shape: Shape | None, value: Any, place: str = "") -> list[str]:
    """One sentence for each violation, worded as AWS words them."""
    if shape is None:
        return []
    kinds = _TYPES.get(shape.type_name)
    wrong_bool = isinstance(value, bool) and shape.type_name != "boolean"
    if kinds and (not isinstance(value, kinds) or wrong_bool):
        return [f"Value at '{place}' failed to satisfy constraint: Member must be of type {shape.type_name}"]
    check = _CHECKS.get(shape.type_name)
    return check(shape, value, place) if check else []


def _structure(shape: Any, value: dict[str, Any], place: str) -> list[str]:
    found = []
    for name in shape.required_members:
        if value.get(name) is None:
            found.append(f"Value null at '{_at(place, name)}' failed to satisfy constraint: Member must not be null")
    for name, member in value.items():
        if name not in shape.members:
            found.append(f"Unknown parameter '{_at(place, name)}', must be one of: {', '.join(shape.members)}")
        elif member is not None:
            found += violations(shape.members[name], member, _at(place, name))
    return found


def _list(shape: Any, value: list[Any], place: str) -> list[str]:
    found = _length(shape, len(value), value, place)
    for index, item in enumerate(value):
        found += violations(shape.member, item, f"{place}.{index + 1}.member")
    return found


def _map(shape: Any, value: dict[str, Any], place: str) -> list[str]:
    found = _length(shape, len(value), value, place)
    for key, item in value.items():
        found += violations(shape.key, key, f"{place}.key")
        found += violations(shape.value, item, f"{place}.{key}")
    return found


def _string(shape: Any, value: str, place: str) -> list[str]:
    said = f"Value '{value if len(value) < 300 else value[:300] + '…'}' at '{place}' failed to satisfy constraint: Member must"
    found = _length(shape, len(value), value, place)
    if shape.enum and value not in shape.enum:
        found.append(f"{said} satisfy enum value set: [{', '.join(shape.enum)}]")
    pattern = shape.metadata.get("pattern")
    if pattern and not _fits(pattern, value):
        found.append(f"{said} satisfy regular expression pattern: {pattern}")
    return found


def _number(shape: Any, value: float, place: str) -> list[str]:
    said = f"Value '{value}' at '{place}' failed to satisfy constraint: Member must have value"
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    found = []
    if least is not None and value < least:
        found.append(f"{said} greater than or equal to {least}")
    if most is not None and value > most:
        found.append(f"{said} less than or equal to {most}")
    return found


def _length(shape: Any, length: int, value: Any, place: str) -> list[str]:
    shown = str(value) if len(str(value)) < 300 else "…"
    said = f"Value '{shown}' at '{place}' failed to satisfy constraint: Member must have length"
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    found = []
    if least is not None and length < least:
        found.append(f"{said} greater than or equal to {least}")
    if most is not None and length > most:
        found.append(f"{said} less than or equal to {most}")
    return found


def _fits(pattern: str, value: str) -> bool:
    compiled = _compiled(pattern)
    return compiled is None or compiled.fullmatch(value) is not None


@cache
def _compiled(pattern: str) -> Any:
    try:
        return regex.compile(pattern, regex.DOTALL)
    except regex.error:
        return None  # Java knows some constructs that this engine does not.


def _at(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


_CHECKS = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "integer": _number,
    "long": _number,
    "float": _number,
    "double": _number,
}

"""What an update would do: the changes of a change set."""

from __future__ import annotations

import json
from typing import Any

from . import schemas
from .stacks import Stack, Stacks
from .template import Template
from .values import Values


class Unknown(str):
    """A value that is known only when the resource is made."""


def of(stacks: Stacks, stack: Stack, template: Template, parameters: dict[str, str], tags: list[dict[str, str]]) -> list[dict[str, Any]]:
    """All changes, in the order of logical identifiers."""
    replaced: set[str] = set()

    def look_up(logical: str, attribute: str | None) -> Any:
        if logical in replaced or logical not in stack.resources:
            return Unknown(f"{{{{{logical}.{attribute or 'Ref'}}}}}")
        return stack.look_up(logical, attribute)

    values = Values(template, stack.identity(), parameters, look_up, lambda name: stacks.imported(stack, name))
    found = {}
    for logical in template.order():
        if not values.wanted(logical):
            continue
        kind = template.resources[logical]["Type"]
        old = stack.resources.get(logical)
        if old is None or old.kind != kind:
            replaced.add(logical)
            found[logical] = _change("Add", logical, "", kind)
            continue
        new = values.properties(logical)
        change = _modified(logical, kind, old.physical, old.properties, new)
        if change is None and tags != stack.tags and schemas.taggable(kind):
            change = _change("Modify", logical, old.physical, kind, replacement="False", scope=["Tags"], details=[])
        if change is not None:
            found[logical] = change
            if change["ResourceChange"]["Replacement"] == "True":
                replaced.add(logical)
    for logical, resource in stack.resources.items():
        if logical not in template.resources or not values.wanted(logical):
            found[logical] = _change("Remove", logical, resource.physical, resource.kind)
    return [found[logical] for logical in sorted(found)]


def _modified(logical: str, kind: str, physical: str, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any] | None:
    names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    if not names:
        return None
    fixed = schemas.replaced_by(kind, old, new)
    perhaps = schemas.perhaps_replaced_by(kind, old, new)
    details = []
    needed = "False"
    for name in names:
        open_yet = _has_unknown(new.get(name))
        recreation = "Never"
        if name in fixed:
            recreation = "Conditionally" if open_yet else "Always"
            # A reference to something that is replaced is certain to be another.
            needed = "True"
        elif name in perhaps:
            recreation = "Conditionally"
            needed = "Conditional" if needed == "False" else needed
        target = {"Attribute": "Properties", "Name": name, "RequiresRecreation": recreation}
        target["BeforeValue"] = _shown(old.get(name))
        target["AfterValue"] = _shown(new.get(name))
        evaluation = "Dynamic" if open_yet else "Static"
        source = "ResourceReference" if open_yet else "DirectModification"
        details.append({"Target": target, "Evaluation": evaluation, "ChangeSource": source})
    scope = ["Tags"] if names == ["Tags"] else ["Properties", "Tags"] if "Tags" in names else ["Properties"]
    return _change("Modify", logical, physical, kind, replacement=needed, scope=scope, details=details)


def _change(action: str, logical: str, physical: str, kind: str, **more: Any) -> dict[str, Any]:
    change: dict[str, Any] = {"Action": action, "LogicalResourceId": logical, "ResourceType": kind, "Scope": more.get("scope", [])}
    if physical:
        change["PhysicalResourceId"] = physical
    if "replacement" in more:
        change["Replacement"] = more["replacement"]
    if more.get("replacement") in ("True", "Conditional"):
        change["PolicyAction"] = "ReplaceAndDelete"
    if action == "Remove":
        change["PolicyAction"] = "Delete"
    change["Details"] = more.get("details", [])
    return {"Type": "Resource", "ResourceChange": change}


def _has_unknown(value: Any) -> bool:
    if isinstance(value, list):
        return any(_has_unknown(item) for item in value)
    if isinstance(value, dict):
        return any(_has_unknown(item) for item in value.values())
    return isinstance(value, str) and "{{" in value


def _shown(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True)

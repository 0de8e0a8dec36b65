"""A template: read, and refused if CloudFormation would refuse it before it begins."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import yaml

from ..errors import AwsError
from . import schemas

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
LONGEST_BODY = 51_200
LONGEST_OBJECT = 1_048_576
MOST_RESOURCES = 500
MOST_OUTPUTS = 200

_SECTIONS = {
    "AWSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Transform",
    "Resources",
    "Outputs",
}

_ATTRIBUTES = {
    "Type",
    "Properties",
    "DependsOn",
    "Condition",
    "DeletionPolicy",
    "UpdateReplacePolicy",
    "Metadata",
    "CreationPolicy",
    "UpdatePolicy",
}

PSEUDO = {"AccountId", "NotificationARNs", "NoValue", "Partition", "Region", "StackId", "StackName", "URLSuffix"}


@dataclass
class Template:
    """A template's sections."""

    body: str
    document: dict[str, Any] = field(repr=False)

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        """By logical identifier."""
        return self.document.get("Resources") or {}

    @property
    def outputs(self) -> dict[str, dict[str, Any]]:
        """By key."""
        return self.document.get("Outputs") or {}

    def section(self, name: str) -> dict[str, Any]:
        """Any other section."""
        return self.document.get(name) or {}

    def needs(self, logical: str) -> set[str]:
        """The resources that one refers to or depends on."""
        resource = self.resources[logical]
        depends = resource.get("DependsOn") or []
        named = {depends} if isinstance(depends, str) else set(depends)
        return (named | {name for name, _ in references(resource.get("Properties"))}) & set(self.resources)

    def order(self) -> list[str]:
        """All resources, each after what it needs; by name where that leaves a choice."""
        done: list[str] = []
        left = set(self.resources)
        while left:
            ready = sorted(one for one in left if self.needs(one) <= set(done))
            if not ready:
                raise _invalid(f"Circular dependency between resources: [{', '.join(sorted(left))}]")
            done += ready
            left -= set(ready)
        return done

    def capabilities(self) -> list[str]:
        """What the caller has to acknowledge."""
        named = {"AWS::IAM::Role": "RoleName", "AWS::IAM::ManagedPolicy": "ManagedPolicyName", "AWS::IAM::InstanceProfile": "InstanceProfileName"}
        needed = set()
        for resource in self.resources.values():
            kind = resource["Type"]
            if kind.startswith("AWS::IAM::") and kind not in ("AWS::IAM::OIDCProvider", "AWS::IAM::ServerCertificate"):
                name = named.get(kind, "")
                needed.add("CAPABILITY_NAMED_IAM" if name in (resource.get("Properties") or {}) else "CAPABILITY_IAM")
        return ["CAPABILITY_NAMED_IAM"] if "CAPABILITY_NAMED_IAM" in needed else sorted(needed)


@cache
def _loader() -> type[yaml.SafeLoader]:
    class Loader(yaml.SafeLoader):
        """Knows `!Ref` and the like."""

    yaml.add_multi_constructor("!", _short_form, Loader=Loader)
    return Loader


def _short_form(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
    """`!GetAtt A.b` is `{"Fn::GetAtt": ["A", "b"]}` and so on."""
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if tag == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


def read(body: str) -> Template:
    """Reads and checks a template."""
    try:
        document = json.loads(body)
    except json.JSONDecodeError:
        try:
            document = yaml.load(body, _loader())
        except yaml.YAMLError as error:
            raise _invalid(f"Template format error: {'JSON' if body.lstrip().startswith('{') else 'YAML'} not well-formed. ({error})") from error
    if not isinstance(document, dict):
        raise _invalid("Template format error: unsupported structure.")
    template = Template(body, document)
    _check_form(template)
    _check_names(template)
    template.order()
    return template


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)


def _check_form(template: Template) -> None:
    unknown = sorted(set(template.document) - _SECTIONS)
    if unknown:
        raise _invalid(f"Invalid template property or properties [{', '.join(unknown)}]")
    if not template.resources:
        raise _invalid("Template format error: At least one Resources member must be defined.")
    if len(template.resources) > MOST_RESOURCES:
        raise _invalid(f"Template format error: Number of resources, {len(template.resources)}, is greater than maximum allowed, {MOST_RESOURCES}")
    if len(template.outputs) > MOST_OUTPUTS:
        raise _invalid(f"Template format error: Number of outputs, {len(template.outputs)}, is greater than maximum allowed, {MOST_OUTPUTS}")
    if len(template.document.get("Description") or "") > 1024:
        raise _invalid("Template format error: 'Description' length is greater than 1024.")
    strange = []
    for logical, resource in template.resources.items():
        if not logical.isalnum() or not logical.isascii():
            raise _invalid(f"Template format error: Resource name {logical} is non alphanumeric.")
        extra = sorted(set(resource) - _ATTRIBUTES)
        if extra:
            raise _invalid(f"Invalid template resource property '{extra[0]}'")
        kind = resource.get("Type")
        if not kind:
            raise _invalid(f"Template format error: [/Resources/{logical}] Every Resources object must contain a Type member.")
        if schemas.schema(kind) is None:
            strange.append(kind)
    if strange:
        raise _invalid(f"Template format error: Unrecognized resource types: [{', '.join(sorted(set(strange)))}]")
    for key in template.outputs:
        if not key.isalnum() or not key.isascii():
            raise _invalid(f"Template format error: Output name {key} is non alphanumeric.")


def _check_names(template: Template) -> None:
    """Every reference must lead somewhere, in CloudFormation's words."""
    known = set(template.resources) | set(template.section("Parameters"))
    for place, value in (("Resources", template.resources), ("Outputs", template.outputs)):
        missing = []
        for name, attribute in references(value):
            if attribute is None and name not in known:
                missing.append(name)
            if attribute is not None:
                if name not in template.resources:
                    raise _invalid(f"Template error: instance of Fn::GetAtt references undefined resource {name}")
                if not schemas.has_attribute(template.resources[name]["Type"], attribute):
                    text = f"Template error: resource {name} does not support attribute type {attribute} in Fn::GetAtt"
                    raise _invalid(text)
        if missing:
            raise _invalid(f"Template format error: Unresolved resource dependencies [{', '.join(sorted(set(missing)))}] in the {place} block of the template")
    for resource in template.resources.values():
        depends = resource.get("DependsOn") or []
        missing = sorted({depends} - known if isinstance(depends, str) else set(depends) - known)
        if missing:
            raise _invalid(f"Template format error: Unresolved resource dependencies [{', '.join(missing)}] in the Resources block of the template")
        condition = resource.get("Condition")
        if condition and condition not in template.section("Conditions"):
            raise _invalid(f"Template format error: Unresolved condition dependency {condition} in the Resources block of the template")


def references(value: Any) -> Iterator[tuple[str, str | None]]:
    """All names that Ref, Fn::GetAtt and Fn::Sub mean, with the attribute."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    if not isinstance(value, dict):
        return
    if set(value) == {"Ref"}:
        if not str(value["Ref"]).startswith("AWS::"):
            yield str(value["Ref"]), None
    elif set(value) == {"Fn::GetAtt"}:
        yield attribute_of(value["Fn::GetAtt"])
    elif set(value) == {"Fn::Sub"}:
        text, names = substitution(value["Fn::Sub"])
        yield from references(names)
        for name in sub_names(text):
            if name not in names and not name.startswith("AWS::"):
                logical, _, attribute = name.partition(".")
                yield logical, attribute or None
    else:
        for item in value.values():
            yield from references(item)


def attribute_of(said: Any) -> tuple[str, str]:
    """What Fn::GetAtt means, in either form."""
    if isinstance(said, str):
        logical, _, attribute = said.partition(".")
        return logical, attribute
    return str(said[0]), str(said[1])


def substitution(said: Any) -> tuple[str, dict[str, Any]]:
    """Text and names of Fn::Sub, in either form."""
    return (said, {}) if isinstance(said, str) else (said[0], said[1])


def sub_names(text: str) -> list[str]:
    """The names in `${…}` but for `${!…}`."""
    names = []
    for piece in text.split("${")[1:]:
        name = piece.split("}")[0].strip()
        if not name.startswith("!"):
            names.append(name)
    return names

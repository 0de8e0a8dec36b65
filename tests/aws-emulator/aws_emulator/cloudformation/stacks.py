"""What CloudFormation keeps: stacks, their resources, events and change sets."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..errors import AwsError
from ..world import ACCOUNT, World, now, partition
from .template import Template
from .values import Values


@dataclass
class Resource:
    """A resource of a stack, as it is."""

    logical: str
    kind: str
    physical: str = ""
    properties: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    status: str = ""
    reason: str = ""
    changed: datetime = field(default_factory=now)
    # Kept when the stack goes.
    retain: bool = False


@dataclass
class ChangeSet:
    """What is to be done with a stack."""

    name: str
    arn: str
    kind: str
    template: Template
    parameters: dict[str, str]
    tags: list[dict[str, str]]
    capabilities: list[str]
    description: str | None
    token: str | None
    changes: list[dict[str, Any]] = field(default_factory=list)
    status: str = "CREATE_PENDING"
    reason: str | None = None
    execution: str = "UNAVAILABLE"
    execute_token: str | None = None
    # Nothing is to be done.
    empty: bool = False
    created: datetime = field(default_factory=now)


@dataclass
class Stack:
    """A stack, also one that is deleted."""

    world: World
    region: str
    name: str
    description: str | None = None
    status: str = "REVIEW_IN_PROGRESS"
    reason: str | None = None
    template: Template | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    tags: list[dict[str, str]] = field(default_factory=list)
    capabilities: list[str] = field(default_factory=list)
    protected: bool = False
    disable_rollback: bool = False
    on_failure: str = "ROLLBACK"
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)
    events: list[dict[str, Any]] = field(default_factory=list)
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)
    created: datetime = field(default_factory=now)
    updated: datetime | None = None
    deleted: datetime | None = None
    token: str | None = None
    # Counts operations: one that is not the last any more stops.
    operation: int = 0
    arn: str = ""

    def __post_init__(self) -> None:
        self.arn = f"arn:{partition(self.region)}:cloudformation:{self.region}:{ACCOUNT}:stack/{self.name}/{uuid.uuid4()}"

    def identity(self) -> dict[str, str]:
        """What pseudo parameters say of it."""
        return {"region": self.region, "stack_name": self.name, "stack_id": self.arn}

    def set_status(self, status: str, reason: str | None = None) -> None:
        """The stack's own state, which is an event as well."""
        self.status, self.reason = status, reason
        self._event(self.name, self.arn, "AWS::CloudFormation::Stack", status, reason)

    def mark(self, resource: Resource, status: str, reason: str = "") -> None:
        """A resource's state."""
        resource.status, resource.reason, resource.changed = status, reason, now()
        self._event(resource.logical, resource.physical, resource.kind, status, reason or None, resource.properties)

    def _event(self, logical: str, physical: str, kind: str, status: str, reason: str | None, properties: Any = None) -> None:
        event = {
            "EventId": str(uuid.uuid4()) if logical == self.name else f"{logical}-{status}-{uuid.uuid4()}",
            "StackId": self.arn,
            "StackName": self.name,
            "LogicalResourceId": logical,
            "PhysicalResourceId": physical,
            "ResourceType": kind,
            "Timestamp": now(),
            "ResourceStatus": status,
            "ResourceStatusReason": reason,
            "ResourceProperties": json.dumps(properties, default=str) if properties else None,
            "ClientRequestToken": self.token,
        }
        self.events.append(event)
        self.world.tell({"stack": self.name, "resource": logical, "status": status, "reason": reason})

    def look_up(self, logical: str, attribute: str | None) -> Any:
        """What Ref and GetAtt give, of resources that are there."""
        resource = self.resources[logical]
        if attribute is None:
            return resource.attributes.get("Ref", resource.physical)
        if attribute in resource.attributes:
            return resource.attributes[attribute]
        value: Any = resource.properties
        for piece in attribute.split("."):
            value = value.get(piece) if isinstance(value, dict) else None
        if value is None:
            text = f"Template error: resource {logical} does not support attribute type {attribute} in Fn::GetAtt"
            raise AwsError("ValidationError", text)
        return value


class Stacks:
    """All stacks of all regions."""

    def __init__(self) -> None:
        self.all: list[Stack] = []

    def live(self, region: str) -> list[Stack]:
        """Those that are not deleted."""
        return [stack for stack in self.all if stack.region == region and stack.status != "DELETE_COMPLETE"]

    def find(self, region: str, name: str) -> Stack | None:
        """By name, or by identifier, which also finds deleted ones."""
        for stack in reversed(self.all):
            if stack.region == region and (stack.arn == name or (stack.name == name and stack.status != "DELETE_COMPLETE")):
                return stack
        return None

    def get(self, region: str, name: str) -> Stack:
        """Or CloudFormation's refusal."""
        stack = self.find(region, name)
        if stack is None:
            raise AwsError("ValidationError", f"Stack with id {name} does not exist")
        return stack

    def values(self, stack: Stack, template: Template, parameters: dict[str, str]) -> Values:
        """Resolves what the template says with the stack's resources."""
        return Values(template, stack.identity(), parameters, stack.look_up, lambda name: self.imported(stack, name))

    def exports(self, region: str) -> dict[str, tuple[Stack, str]]:
        """Exporting stack and value by name."""
        found = {}
        for stack in self.live(region):
            for output in stack.outputs.values():
                if output.get("ExportName"):
                    found[output["ExportName"]] = (stack, output["OutputValue"])
        return found

    def imported(self, stack: Stack, name: str) -> str:
        """A value of another stack, which this one holds fast from now on."""
        found = self.exports(stack.region).get(name)
        if found is None:
            raise AwsError("ValidationError", f"No export named {name} found.")
        stack.imports.add(name)
        return found[1]

    def importers(self, region: str, name: str) -> list[str]:
        """The stacks that use an export."""
        return [stack.name for stack in self.live(region) if name in stack.imports]

"""What handlers of resource types have in common."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from moto.ec2.models import ec2_backends

from ...world import ACCOUNT


@dataclass(frozen=True)
class Place:
    """Where a resource is made."""

    region: str
    stack: str
    stack_arn: str
    logical: str
    stack_tags: list[dict[str, str]]

    @property
    def ec2(self) -> Any:
        """moto's EC2."""
        return ec2_backends[ACCOUNT][self.region]

    def tags(self, properties: dict[str, Any], key: str = "Tags") -> dict[str, str]:
        """Tags of the resource: the stack's, CloudFormation's own, and those of its properties."""
        own = {tag["Key"]: str(tag["Value"]) for tag in properties.get(key) or []}
        stack = {tag["Key"]: tag["Value"] for tag in self.stack_tags}
        system = {
            "aws:cloudformation:stack-name": self.stack,
            "aws:cloudformation:stack-id": self.stack_arn,
            "aws:cloudformation:logical-id": self.logical,
        }
        return {**stack, **system, **own}

    def name(self, longest: int) -> str:
        """A name of CloudFormation's making."""
        end = "".join(random.choices(string.ascii_letters + string.digits, k=12))
        return f"{self.stack}-{self.logical}"[: longest - 13] + "-" + end


class Handler:
    """One resource type."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        """Makes one and returns its physical identifier."""
        raise NotImplementedError

    def ready(self, place: Place, physical: str, properties: dict[str, Any]) -> bool:
        """Whether it is usable by now; an error if it never will be."""
        return True

    def attributes(self, place: Place, physical: str, properties: dict[str, Any]) -> dict[str, Any]:
        """What Fn::GetAtt gives, and `Ref` where that is not the physical identifier."""
        return {}

    def update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None] | None:
        """Changes one in place; where it takes several steps, a generator that is asked again."""
        return None

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        """Begins to delete one."""
        raise NotImplementedError

    def gone(self, place: Place, physical: str, properties: dict[str, Any]) -> bool:
        """Whether it is gone by now."""
        return True


def retag(thing: Any, place: Place, properties: dict[str, Any]) -> None:
    """Gives a resource of moto's EC2 its tags, in place of those that it has."""
    backend = place.ec2
    backend.tags[thing.id].clear()
    thing.add_tags(place.tags(properties))


def true(value: Any) -> bool:
    """Booleans may be texts in templates."""
    return value is True or (isinstance(value, str) and value.lower() == "true")

"""Intrinsic functions: what a template's values are once parameters and resources are known."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Callable
from typing import Any

from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend

from ..errors import AwsError
from ..world import ACCOUNT, partition
from .template import Template, attribute_of, sub_names, substitution

# Left out of lists and objects.
NO_VALUE = object()

# What a resource is (no attribute) or has.
Lookup = Callable[[str, str | None], Any]


class Values:
    """Resolves values of one template for one stack."""

    def __init__(self, template: Template, identity: dict[str, str], parameters: dict[str, Any], lookup: Lookup, exports: Callable[[str], Any]) -> None:
        self.template = template
        # region, stack_name, stack_id.
        self.identity = identity
        self.parameters = parameters
        self.lookup = lookup
        self.exports = exports

    def wanted(self, logical: str) -> bool:
        """Whether a resource's or output's condition holds."""
        resource = self.template.resources.get(logical) or self.template.outputs.get(logical) or {}
        return "Condition" not in resource or self.condition(resource["Condition"])

    def properties(self, logical: str) -> dict[str, Any]:
        """The resolved properties of a resource."""
        resolved = self.resolve(self.template.resources[logical].get("Properties") or {})
        return resolved if isinstance(resolved, dict) else {}

    def resolve(self, value: Any) -> Any:
        """Any value."""
        if isinstance(value, list):
            items = [self.resolve(item) for item in value]
            return [item for item in items if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, said),) = value.items()
            function = self._functions().get(name)
            if function is not None:
                return function(said)
            if name.startswith("Fn::"):
                raise AwsError("ValidationError", f"Template error: every {name} object must be of a known function")
        items = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in items.items() if item is not NO_VALUE}

    def condition(self, name: str) -> bool:
        """Whether a condition holds."""
        return bool(self._test(self.template.section("Conditions")[name]))

    def _functions(self) -> dict[str, Callable[[Any], Any]]:
        return {
            "Ref": self._ref,
            "Fn::GetAtt": lambda said: self.lookup(*attribute_of(self.resolve(said) if isinstance(said, list) else said)),
            "Fn::Sub": self._sub,
            "Fn::Join": lambda said: said[0].join(_text(item) for item in self.resolve(said[1])),
            "Fn::FindInMap": self._find_in_map,
            "Fn::Select": lambda said: self._select(self.resolve(said)),
            "Fn::Split": lambda said: str(self.resolve(said[1])).split(said[0]),
            "Fn::Base64": lambda said: base64.b64encode(str(self.resolve(said)).encode()).decode(),
            "Fn::ImportValue": lambda said: self.exports(str(self.resolve(said))),
            "Fn::GetAZs": self._zones,
            "Fn::Cidr": self._cidr,
            "Fn::If": lambda said: self.resolve(said[1] if self.condition(said[0]) else said[2]),
        }

    def _ref(self, name: str) -> Any:
        region = self.identity["region"]
        pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::NoValue": NO_VALUE,
            "AWS::Partition": partition(region),
            "AWS::Region": region,
            "AWS::StackId": self.identity["stack_id"],
            "AWS::StackName": self.identity["stack_name"],
            "AWS::URLSuffix": "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com",
            "AWS::NotificationARNs": [],
        }
        if name in pseudo:
            return pseudo[name]
        if name in self.parameters:
            return self.parameters[name]
        return self.lookup(name, None)

    def _sub(self, said: Any) -> str:
        text, names = substitution(said)
        for name in sub_names(text):
            if name in names:
                value = self.resolve(names[name])
            elif "." in name and not name.startswith("AWS::"):
                value = self.lookup(*name.split(".", 1))
            else:
                value = self._ref(name)
            text = text.replace("${" + name + "}", _text(value))
        return text.replace("${!", "${")

    def _find_in_map(self, said: list[Any]) -> Any:
        keys = [self.resolve(one) for one in said]
        found: Any = self.template.section("Mappings")
        for key in keys:
            if not isinstance(found, dict) or key not in found:
                raise AwsError("ValidationError", f"Template error: Unable to get mapping for {'::'.join(str(one) for one in keys)}")
            found = found[key]
        return found

    def _select(self, said: list[Any]) -> Any:
        index, items = int(said[0]), said[1]
        if not 0 <= index < len(items):
            raise AwsError("ValidationError", f"Template error: Fn::Select cannot select nonexistent value at index {index}")
        return items[index]

    def _zones(self, said: Any) -> list[str]:
        region = str(self.resolve(said) or self.identity["region"])
        return [zone.name for zone in RegionsAndZonesBackend.zones[region]]

    def _cidr(self, said: list[Any]) -> list[str]:
        block, count, bits = [self.resolve(one) for one in [*said, 8][:3]]
        subnets = ipaddress.ip_network(block).subnets(new_prefix=32 - int(bits))
        return [str(subnet) for _, subnet in zip(range(int(count)), subnets, strict=False)]

    def _test(self, said: Any) -> Any:
        ((name, value),) = said.items() if isinstance(said, dict) and len(said) == 1 else (("", said),)
        tests: dict[str, Callable[[], bool]] = {
            "Condition": lambda: self.condition(value),
            "Fn::Equals": lambda: _text(self.resolve(value[0])) == _text(self.resolve(value[1])),
            "Fn::And": lambda: all(self._test(one) for one in value),
            "Fn::Or": lambda: any(self._test(one) for one in value),
            "Fn::Not": lambda: not self._test(value[0]),
        }
        return tests[name]() if name in tests else self.resolve(said)


def _text(value: Any) -> str:
    """As CloudFormation writes scalars into texts."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


text = _text

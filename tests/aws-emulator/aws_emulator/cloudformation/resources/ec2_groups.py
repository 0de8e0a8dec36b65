"""Security groups and their rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...errors import AwsError
from .base import Handler, Place, retag


class SecurityGroup(Handler):
    """AWS::EC2::SecurityGroup."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        name = properties.get("GroupName") or place.name(255)
        vpc = properties.get("VpcId")
        if vpc:
            place.ec2.get_vpc(vpc)
        group = place.ec2.create_security_group(name, properties["GroupDescription"], vpc_id=vpc)
        retag(group, place, properties)
        if properties.get("SecurityGroupEgress"):
            group.egress_rules.clear()
        self._rules(place, group.id, properties)
        return str(group.id)

    def _rules(self, place: Place, group: str, properties: dict[str, Any]) -> None:
        for key, egress in (("SecurityGroupIngress", False), ("SecurityGroupEgress", True)):
            for rule in properties.get(key) or []:
                Rule(egress).create(place, {"GroupId": group, **rule})

    def attributes(self, place: Place, physical: str, properties: dict[str, Any]) -> dict[str, Any]:
        return {"GroupId": physical, "Id": physical, "VpcId": place.ec2.get_security_group_from_id(physical).vpc_id}

    def update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None] | None:
        group = place.ec2.get_security_group_from_id(physical)
        for key, egress in (("SecurityGroupIngress", False), ("SecurityGroupEgress", True)):
            before, after = old.get(key) or [], new.get(key) or []
            for rule in before:
                if rule not in after:
                    rules = group.egress_rules if egress else group.ingress_rules
                    rules[:] = [one for one in rules if not _same(one, rule)]
            for rule in after:
                if rule not in before:
                    Rule(egress).create(place, {"GroupId": physical, **rule})
        retag(group, place, new)
        return None

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        place.ec2.delete_security_group(group_id=physical)


class Rule(Handler):
    """AWS::EC2::SecurityGroupIngress and AWS::EC2::SecurityGroupEgress."""

    def __init__(self, egress: bool) -> None:
        self.egress = egress

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        protocol = str(properties["IpProtocol"])
        ranges, groups, lists = [], [], []
        described = {"Description": properties["Description"]} if properties.get("Description") else {}
        if properties.get("CidrIp"):
            ranges.append({"CidrIp": properties["CidrIp"], **described})
        peer = properties.get("SourceSecurityGroupId") or properties.get("DestinationSecurityGroupId")
        if peer:
            groups.append({"GroupId": peer, **described})
        listed = properties.get("SourcePrefixListId") or properties.get("DestinationPrefixListId")
        if listed:
            lists.append({"PrefixListId": listed, **described})
        if len(ranges) + len(groups) + len(lists) != 1:
            raise AwsError("InvalidParameterCombination", "A rule needs exactly one of CIDR, security group and prefix list")
        ports = [str(properties[key]) if key in properties and protocol != "-1" else None for key in ("FromPort", "ToPort")]
        add = place.ec2.authorize_security_group_egress if self.egress else place.ec2.authorize_security_group_ingress
        rules, _ = add(properties["GroupId"], protocol, *ports, ranges, source_groups=groups, prefix_list_ids=lists)
        return str(rules[0].id)

    def attributes(self, place: Place, physical: str, properties: dict[str, Any]) -> dict[str, Any]:
        return {"Id": physical}

    def update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None] | None:
        """Only the description."""
        for rule in self._rules(place, new["GroupId"]):
            if rule.id == physical:
                for peer in (rule.ip_range, rule.source_group):
                    if peer:
                        peer["Description"] = new.get("Description", "")
        return None

    def _rules(self, place: Place, group: str) -> list[Any]:
        found = place.ec2.get_security_group_from_id(group)
        if found is None:
            raise AwsError("InvalidGroup.NotFound", f"The security group '{group}' does not exist")
        rules: list[Any] = found.egress_rules if self.egress else found.ingress_rules
        return rules

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        rules = self._rules(place, properties["GroupId"])
        rules[:] = [rule for rule in rules if rule.id != physical]


def _same(rule: Any, said: dict[str, Any]) -> bool:
    """Whether a rule of moto's is what a property says."""
    peer = said.get("CidrIp") or said.get("SourceSecurityGroupId") or said.get("DestinationSecurityGroupId")
    ports = (said.get("FromPort"), said.get("ToPort"))
    own = rule.ip_range.get("CidrIp") or rule.source_group.get("GroupId")
    same_ports = str(said["IpProtocol"]) == "-1" or [str(port) for port in ports] == [str(rule.from_port), str(rule.to_port)]
    return own == peer and rule.ip_protocol == str(said["IpProtocol"]) and same_ports

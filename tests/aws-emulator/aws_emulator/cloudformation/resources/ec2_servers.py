"""Launch templates, instances, groups of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moto.autoscaling.models import autoscaling_backends

from ...errors import AwsError
from ...world import ACCOUNT
from .base import Handler, Place, true


class LaunchTemplate(Handler):
    """AWS::EC2::LaunchTemplate."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        name = properties.get("LaunchTemplateName") or place.name(125)
        specifications = {one["ResourceType"]: {tag["Key"]: tag["Value"] for tag in one["Tags"]} for one in properties.get("TagSpecifications") or []}
        specifications.setdefault("launch-template", place.tags({}))
        template = place.ec2.create_launch_template(name, properties.get("VersionDescription", ""), properties["LaunchTemplateData"], specifications)
        return str(template.id)

    def attributes(self, place: Place, physical: str, properties: dict[str, Any]) -> dict[str, Any]:
        template = place.ec2.get_launch_template(physical)
        latest, default = str(template.latest_version_number), str(template.default_version_number)
        return {"LaunchTemplateId": physical, "LatestVersionNumber": latest, "DefaultVersionNumber": default}

    def update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None] | None:
        """A new version."""
        place.ec2.get_launch_template(physical).create_version(new["LaunchTemplateData"], new.get("VersionDescription", ""))
        return None

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        place.ec2.delete_launch_template(None, physical)


class Instance(Handler):
    """AWS::EC2::Instance."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        data: dict[str, Any] = {}
        launch = properties.get("LaunchTemplate")
        if launch:
            identity = launch.get("LaunchTemplateId")
            template = place.ec2.get_launch_template(identity) if identity else place.ec2.get_launch_template_by_name(launch["LaunchTemplateName"])
            data = template.get_version(launch["Version"]).data
        said = {**data, **properties}
        reservation = place.ec2.run_instances(
            said.get("ImageId", "ami-12c6146b"),
            1,
            said.get("UserData", ""),
            [],
            instance_type=said.get("InstanceType", "t3.medium"),
            subnet_id=said.get("SubnetId"),
            private_ip=said.get("PrivateIpAddress"),
            security_group_ids=said.get("SecurityGroupIds") or [],
            tags={"instance": place.tags(said)},
        )
        instance = reservation.instances[0]
        check = true(said.get("SourceDestCheck", True))
        for nic in instance.nics.values():
            nic.source_dest_check = check
        return str(instance.id)

    def attributes(self, place: Place, physical: str, properties: dict[str, Any]) -> dict[str, Any]:
        instance = place.ec2.get_instance(physical)
        return {"InstanceId": physical, "PrivateIp": instance.private_ip, "AvailabilityZone": instance.placement}

    def update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None] | None:
        for nic in place.ec2.get_instance(physical).nics.values():
            nic.source_dest_check = true(new.get("SourceDestCheck", True))
        return None

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        place.ec2.terminate_instances([physical])


class AutoScalingGroup(Handler):
    """AWS::AutoScaling::AutoScalingGroup: kept, but its instances are not started."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        name = str(properties.get("AutoScalingGroupName") or place.name(255))
        kept = _groups(place)
        if name in kept:
            raise AwsError("AlreadyExists", f"AutoScalingGroup by this name already exists - A group with the name {name} already exists")
        kept[name] = dict(properties)
        return name

    def update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None] | None:
        _groups(place)[physical] = dict(new)
        return None

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        _groups(place).pop(physical, None)


def _groups(place: Place) -> dict[str, dict[str, Any]]:
    backend = autoscaling_backends[ACCOUNT][place.region]
    if not hasattr(backend, "kept_by_stacks"):
        backend.kept_by_stacks = {}
    kept: dict[str, dict[str, Any]] = backend.kept_by_stacks
    return kept

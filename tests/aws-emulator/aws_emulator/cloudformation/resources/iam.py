"""Roles, policies, instance profiles, OIDC providers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from moto.iam.models import iam_backends

from ...world import ACCOUNT, partition
from .base import Handler, Place


def _iam(place: Place) -> Any:
    return iam_backends[ACCOUNT][partition(place.region)]


def _document(value: Any) -> str:
    """moto's checker knows each place's own principals only; a document is JSON either way."""
    return value if isinstance(value, str) else json.dumps(value)


def _tag_list(place: Place, properties: dict[str, Any]) -> list[dict[str, str]]:
    """IAM takes no tags of CloudFormation's own."""
    tags = place.tags(properties)
    return [{"Key": key, "Value": value} for key, value in tags.items() if not key.startswith("aws:")]


class Role(Handler):
    """AWS::IAM::Role."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        name = properties.get("RoleName") or place.name(64)
        iam = _iam(place)
        iam.create_role(
            role_name=name,
            assume_role_policy_document=_document(properties["AssumeRolePolicyDocument"]),
            path=properties.get("Path", "/"),
            permissions_boundary=properties.get("PermissionsBoundary"),
            description=properties.get("Description", ""),
            tags=_tag_list(place, properties),
            max_session_duration=str(properties.get("MaxSessionDuration", 3600)),
        )
        try:
            self._policies(iam, name, {}, properties)
        except Exception:
            # The role must not stay behind when it cannot be finished: it has no physical identifier yet.
            self._drop(iam, name)
            raise
        return str(name)

    def _policies(self, iam: Any, name: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        before, after = old.get("ManagedPolicyArns") or [], new.get("ManagedPolicyArns") or []
        for arn in after:
            if arn not in before:
                iam.attach_role_policy(arn, name)
        for arn in before:
            if arn not in after:
                iam.detach_role_policy(arn, name)
        was = {one["PolicyName"] for one in old.get("Policies") or []}
        for one in new.get("Policies") or []:
            iam.put_role_policy(name, one["PolicyName"], _document(one["PolicyDocument"]))
            was.discard(one["PolicyName"])
        for gone in was:
            iam.delete_role_policy(name, gone)

    def attributes(self, place: Place, physical: str, properties: dict[str, Any]) -> dict[str, Any]:
        role = _iam(place).get_role(physical)
        return {"Arn": role.arn, "RoleId": role.id}

    def update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None] | None:
        iam = _iam(place)
        iam.update_assume_role_policy(physical, _document(new["AssumeRolePolicyDocument"]))
        iam.update_role(physical, new.get("Description", ""), str(new.get("MaxSessionDuration", 3600)))
        role = iam.get_role(physical)
        role.permissions_boundary_arn = new.get("PermissionsBoundary")
        role.tags = _tag_list(place, new)
        self._policies(iam, physical, old, new)
        return None

    def _drop(self, iam: Any, name: str) -> None:
        """CloudFormation takes away what it has attached itself; all of it here."""
        role = iam.get_role(name)
        for arn in list(role.managed_policies):
            iam.detach_role_policy(arn, name)
        for policy in list(role.policies):
            iam.delete_role_policy(name, policy)
        iam.delete_role(name)

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        self._drop(_iam(place), physical)


class Policy(Handler):
    """AWS::IAM::Policy: an inline policy of roles."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        for role in properties.get("Roles") or []:
            _iam(place).put_role_policy(role, properties["PolicyName"], _document(properties["PolicyDocument"]))
        return place.name(64)

    def update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None] | None:
        for role in new.get("Roles") or []:
            _iam(place).put_role_policy(role, new["PolicyName"], _document(new["PolicyDocument"]))
        for role in old.get("Roles") or []:
            if role not in (new.get("Roles") or []) or old["PolicyName"] != new["PolicyName"]:
                _iam(place).delete_role_policy(role, old["PolicyName"])
        return None

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        for role in properties.get("Roles") or []:
            _iam(place).delete_role_policy(role, properties["PolicyName"])


class RolePolicy(Handler):
    """AWS::IAM::RolePolicy."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        document = _document(properties.get("PolicyDocument", {}))
        _iam(place).put_role_policy(properties["RoleName"], properties["PolicyName"], document)
        return f"{properties['PolicyName']}|{properties['RoleName']}"

    def update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None] | None:
        self.create(place, new)
        return None

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        _iam(place).delete_role_policy(properties["RoleName"], properties["PolicyName"])


class ManagedPolicy(Handler):
    """AWS::IAM::ManagedPolicy."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        iam = _iam(place)
        name = properties.get("ManagedPolicyName") or place.name(128)
        document = _document(properties["PolicyDocument"])
        policy = iam.create_policy(properties.get("Description", ""), properties.get("Path", "/"), document, name, [])
        for role in properties.get("Roles") or []:
            iam.attach_role_policy(policy.arn, role)
        return str(policy.arn)

    def attributes(self, place: Place, physical: str, properties: dict[str, Any]) -> dict[str, Any]:
        return {"PolicyArn": physical}

    def update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None] | None:
        _iam(place).create_policy_version(physical, _document(new["PolicyDocument"]), "true")
        return None

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        iam = _iam(place)
        for role in properties.get("Roles") or []:
            iam.detach_role_policy(physical, role)
        iam.delete_policy(physical)


class InstanceProfile(Handler):
    """AWS::IAM::InstanceProfile."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        name = properties.get("InstanceProfileName") or place.name(128)
        iam = _iam(place)
        iam.create_instance_profile(name, properties.get("Path", "/"), [])
        for role in properties.get("Roles") or []:
            iam.add_role_to_instance_profile(name, role)
        return str(name)

    def attributes(self, place: Place, physical: str, properties: dict[str, Any]) -> dict[str, Any]:
        return {"Arn": _iam(place).get_instance_profile(physical).arn}

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        _iam(place).delete_instance_profile(physical, ignore_attached_roles=True)


class OidcProvider(Handler):
    """AWS::IAM::OIDCProvider."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        prints = properties.get("ThumbprintList") or ["0" * 40]
        provider = _iam(place).create_open_id_connect_provider(properties["Url"], prints, properties.get("ClientIdList") or [], tags=[])
        return str(provider.arn)

    def attributes(self, place: Place, physical: str, properties: dict[str, Any]) -> dict[str, Any]:
        return {"Arn": physical}

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        _iam(place).delete_open_id_connect_provider(physical)

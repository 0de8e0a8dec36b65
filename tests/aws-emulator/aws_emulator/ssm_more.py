"""What moto's Systems Manager lacks: activations and the machines that came with them."""

from __future__ import annotations

import random
import string
import uuid
from datetime import UTC, timedelta
from typing import Any

from moto.iam.models import iam_backends

from .errors import AwsError
from .world import ACCOUNT, now, page, partition

# AWS's own defaults: a day, one machine, thirty days at most.
_DAY = timedelta(hours=24)
_LONGEST = timedelta(days=30)
_MOST = 50


class SsmMore:
    """Our part of the service: a method for each operation."""

    whole = False

    def __init__(self) -> None:
        self.activations: dict[str, dict[str, Any]] = {}
        self.instances: dict[str, dict[str, Any]] = {}
        self.page_size = 0

    def create_activation(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """CreateActivation. The code is not kept: nobody can ask for it again."""
        role = params["IamRole"].split("/")[-1]
        roles = {one.name: one for one in iam_backends[ACCOUNT][partition(region)].roles.values()}
        if role not in roles or "ssm.amazonaws.com" not in str(roles[role].assume_role_policy_document):
            raise AwsError("ValidationException", f"Nonexistent role or missing ssm service principal in trust policy: {params['IamRole']}")
        ends = params.get("ExpirationDate")
        ends = ends.replace(tzinfo=UTC) if ends else now() + _DAY
        if not now() < ends <= now() + _LONGEST:
            raise AwsError("ValidationException", "ExpirationDate must be in the future and no more than 30 days away")
        identity = str(uuid.uuid4())
        self.activations[identity] = {
            "region": region,
            "ActivationId": identity,
            "Description": params.get("Description", ""),
            "DefaultInstanceName": params.get("DefaultInstanceName", ""),
            "IamRole": params["IamRole"],
            "RegistrationLimit": params.get("RegistrationLimit") or 1,
            "RegistrationsCount": 0,
            "ExpirationDate": ends,
            "CreatedDate": now(),
            "Tags": params.get("Tags") or [],
        }
        code = "".join(random.choices(string.ascii_letters + string.digits, k=20))
        return {"ActivationId": identity, "ActivationCode": code}

    def describe_activations(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DescribeActivations."""
        found = []
        for one in self.activations.values():
            if one["region"] == region and all(_has(one, condition) for condition in params.get("Filters") or []):
                said = {key: value for key, value in one.items() if key != "region"}
                found.append({**said, "Expired": one["ExpirationDate"] < now()})
        return self._page("ActivationList", found, params)

    def delete_activation(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DeleteActivation."""
        if self.activations.get(params["ActivationId"], {}).get("region") != region:
            raise AwsError("InvalidActivation", f"The activation {params['ActivationId']} does not exist")
        del self.activations[params["ActivationId"]]
        return {}

    def put_instance(self, said: dict[str, Any]) -> dict[str, Any]:
        """A machine that has registered: order of a test."""
        region = said.pop("region", "us-west-2")
        activation = self.activations.get(said.get("ActivationId", ""))
        if activation:
            activation["RegistrationsCount"] += 1
        plain = {
            "PingStatus": "Online",
            "PlatformType": "Linux",
            "AgentVersion": "3.3.3050.0",
            "IsLatestVersion": True,
            "LastPingDateTime": now(),
            "RegistrationDate": now(),
            "ResourceType": "ManagedInstance",
            "IamRole": activation["IamRole"] if activation else "",
        }
        tags = (activation or {}).get("Tags", [])
        self.instances[said["InstanceId"]] = {"region": region, "tags": tags, **plain, **said}
        return {}

    def describe_instance_information(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DescribeInstanceInformation: what is deregistered is gone, what is silent is ConnectionLost."""
        conditions = [(one["Key"], one["Values"]) for one in params.get("Filters") or []]
        conditions += [(one["key"], one["valueSet"]) for one in params.get("InstanceInformationFilterList") or []]
        found = []
        for one in self.instances.values():
            if one["region"] == region and all(_fits(one, key, values) for key, values in conditions):
                found.append({key: value for key, value in one.items() if key not in ("region", "tags")})
        return self._page("InstanceInformationList", found, params)

    def _page(self, key: str, found: list[Any], params: dict[str, Any]) -> dict[str, Any]:
        some, token = page(found, params.get("MaxResults"), params.get("NextToken"), self.page_size or _MOST)
        return {key: some, "NextToken": token}

    def deregister_managed_instance(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DeregisterManagedInstance."""
        if self.instances.get(params["InstanceId"], {}).get("region") != region:
            raise AwsError("InvalidInstanceId", f"Instance {params['InstanceId']} is not valid for account {ACCOUNT}")
        del self.instances[params["InstanceId"]]
        return {}

    def add_tags_to_resource(self, region: str, params: dict[str, Any]) -> dict[str, Any] | None:
        """AddTagsToResource, of managed instances; moto has the others."""
        if params["ResourceType"] != "ManagedInstance":
            return None
        one = self._tagged(params)
        new = {tag["Key"] for tag in params["Tags"]}
        one["tags"] = [tag for tag in one["tags"] if tag["Key"] not in new] + params["Tags"]
        return {}

    def list_tags_for_resource(self, region: str, params: dict[str, Any]) -> dict[str, Any] | None:
        """ListTagsForResource, of managed instances; moto has the others."""
        return {"TagList": self._tagged(params)["tags"]} if params["ResourceType"] == "ManagedInstance" else None

    def _tagged(self, params: dict[str, Any]) -> dict[str, Any]:
        one = self.instances.get(params["ResourceId"])
        if one is None:
            raise AwsError("InvalidResourceId", "The resource ID is not valid. Verify that you entered the correct ID and try again.")
        return one

    def left(self) -> list[str]:
        """What there is."""
        lines = [f"{one['region']} activation {one['ActivationId']}" for one in self.activations.values()]
        return lines + [f"{one['region']} managed-instance {one['InstanceId']}" for one in self.instances.values()]


def _has(one: dict[str, Any], condition: dict[str, Any]) -> bool:
    names = {"ActivationIds": "ActivationId", "DefaultInstanceName": "DefaultInstanceName", "IamRole": "IamRole"}
    return one[names[condition["FilterKey"]]] in (condition.get("FilterValues") or [])


def _fits(one: dict[str, Any], key: str, values: list[str]) -> bool:
    names = {"InstanceIds": "InstanceId", "ActivationIds": "ActivationId", "PlatformTypes": "PlatformType"}
    if key.startswith("tag:"):
        return any(tag["Key"] == key[4:] and tag["Value"] in values for tag in one["tags"])
    if key == "tag-key":
        return any(tag["Key"] in values for tag in one["tags"])
    name = names.get(key, key)
    if name not in ("InstanceId", "ActivationId", "PlatformType", "PingStatus", "IamRole", "ResourceType", "AgentVersion"):
        raise AwsError("InvalidInstanceInformationFilterValue", f"The filter key {key} is not valid")
    return one.get(name) in values

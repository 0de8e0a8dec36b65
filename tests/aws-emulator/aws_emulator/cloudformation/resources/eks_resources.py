"""Clusters and what belongs to them, through EKS's own calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ... import model, validation
from ...eks.service import Eks
from ...errors import AwsError
from .base import Handler, Place, true

# EKS API, `LogType`.
LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")


def _lower(value: Any) -> Any:
    """Property names as EKS's API has them."""
    if isinstance(value, dict):
        return {key[0].lower() + key[1:]: _lower(item) for key, item in value.items()}
    return [_lower(item) for item in value] if isinstance(value, list) else value


def _typed(shape: Any, value: Any) -> Any:
    """Templates write numbers and booleans as texts, too."""
    if shape.type_name == "structure" and isinstance(value, dict):
        return {key: _typed(shape.members[key], item) if key in shape.members else item for key, item in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [_typed(shape.member, item) for item in value]
    if shape.type_name == "boolean":
        return true(value)
    return int(value) if shape.type_name in ("integer", "long") and isinstance(value, str) else value


class OfEks(Handler):
    """What all have in common: a request of the API, checked against its model."""

    def __init__(self, eks: Eks) -> None:
        self.eks = eks

    def call(self, place: Place, action: str, params: dict[str, Any]) -> dict[str, Any]:
        """One call, as CloudFormation would make it."""
        operation = model.operation("eks", action)
        assert operation is not None
        typed = _typed(operation.input_shape, params)
        found = validation.violations(operation.input_shape, typed)
        if found:
            raise AwsError("ValidationException", "; ".join(found))
        snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in action).lstrip("_")
        result: dict[str, Any] = getattr(self.eks, snake)(place.region, typed)
        return result


class Cluster(OfEks):
    """AWS::EKS::Cluster."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        params = self._params(place, properties)
        self.call(place, "CreateCluster", params)
        return str(params["name"])

    def _params(self, place: Place, properties: dict[str, Any]) -> dict[str, Any]:
        params: dict[str, Any] = {key: value for key, value in _lower(properties).items() if key != "tags"}
        params.setdefault("name", place.name(100))
        if "logging" in params:
            types = [one["type"] for one in params["logging"].get("clusterLogging", {}).get("enabledTypes", [])]
            others = [kind for kind in LOGS if kind not in types]
            setups = [{"enabled": True, "types": types}, {"enabled": False, "types": others}]
            params["logging"] = {"clusterLogging": [setup for setup in setups if setup["types"]]}
        params["tags"] = place.tags(properties)
        return params

    def _said(self, place: Place, physical: str) -> dict[str, Any]:
        said: dict[str, Any] = self.eks.describe_cluster(place.region, {"name": physical})["cluster"]
        return said

    def ready(self, place: Place, physical: str, properties: dict[str, Any]) -> bool:
        status = self._said(place, physical)["status"]
        if status == "FAILED":
            raise AwsError("GeneralServiceException", f"The cluster {physical} is in status FAILED")
        return bool(status == "ACTIVE")

    def attributes(self, place: Place, physical: str, properties: dict[str, Any]) -> dict[str, Any]:
        said = self._said(place, physical)
        return {
            "Arn": said["arn"],
            "Endpoint": said["endpoint"],
            "CertificateAuthorityData": said["certificateAuthority"]["data"],
            "ClusterSecurityGroupId": said["resourcesVpcConfig"]["clusterSecurityGroupId"],
            "OpenIdConnectIssuerUrl": said["identity"]["oidc"]["issuer"],
            "EncryptionConfigKeyArn": "",
            "Id": physical,
            "KubernetesNetworkConfig.ServiceIpv6Cidr": "",
        }

    def update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None] | None:
        return self._update(place, physical, old, new)

    def _update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None]:
        """One update after the other; what is so already is left out."""
        before, after = self._params(place, old), self._params(place, new)
        for action, params in self._updates(place, physical, before, after):
            while not self.ready(place, physical, new):
                yield
            self.call(place, action, {"name": physical, **params})
        while not self.ready(place, physical, new):
            yield
        self.eks.store.get(place.region, physical).said["tags"] = after["tags"]

    def _updates(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        live = self._said(place, physical)
        if new.get("version") and new["version"] != live["version"]:
            yield "UpdateClusterVersion", {"version": new["version"]}
        mode = (new.get("accessConfig") or {}).get("authenticationMode")
        if mode and mode != live["accessConfig"]["authenticationMode"]:
            yield "UpdateClusterConfig", {"accessConfig": {"authenticationMode": mode}}
        wanted = new.get("remoteNetworkConfig") or {}
        remote = {key: wanted.get(key) or [] for key in ("remoteNodeNetworks", "remotePodNetworks")}
        if remote != {key: (live.get("remoteNetworkConfig") or {}).get(key) or [] for key in remote}:
            yield "UpdateClusterConfig", {"remoteNetworkConfig": remote}
        yield from self._vpc_updates(live["resourcesVpcConfig"], old["resourcesVpcConfig"], new["resourcesVpcConfig"])
        for key in ("logging", "upgradePolicy", "zonalShiftConfig", "deletionProtection", "controlPlaneScalingConfig"):
            if key in new and old.get(key) != new[key] and live.get(key) != new[key]:
                yield "UpdateClusterConfig", {key: new[key]}
        # What is absent stays as it is, as the properties of Auto Mode do, too.
        auto = {key: new[key] for key in ("computeConfig", "storageConfig") if key in new}
        balancing = (new.get("kubernetesNetworkConfig") or {}).get("elasticLoadBalancing")
        if balancing is not None:
            auto["kubernetesNetworkConfig"] = {"elasticLoadBalancing": balancing}
        if auto and any(old.get(key) != new[key] for key in auto):
            yield "UpdateClusterConfig", auto

    def _vpc_updates(self, live: dict[str, Any], old: dict[str, Any], new: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        for keys in (("endpointPublicAccess", "endpointPrivateAccess", "publicAccessCidrs"), ("subnetIds", "securityGroupIds"), ("controlPlaneEgressMode",)):
            changed = {key: new[key] for key in keys if key in new and new[key] != old.get(key)}
            differs = {key: true(value) if key.startswith("endpoint") else value for key, value in changed.items()}
            if any(live.get(key) != value for key, value in differs.items()):
                yield "UpdateClusterConfig", {"resourcesVpcConfig": differs}

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        self.call(place, "DeleteCluster", {"name": physical})

    def gone(self, place: Place, physical: str, properties: dict[str, Any]) -> bool:
        return (place.region, physical) not in self.eks.store.clusters


class AccessEntry(OfEks):
    """AWS::EKS::AccessEntry."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        params = {key: value for key, value in _lower(properties).items() if key not in ("tags", "accessPolicies")}
        params["tags"] = place.tags(properties)
        self.call(place, "CreateAccessEntry", params)
        self._policies(place, {}, properties)
        return f"{properties['PrincipalArn']}|{properties['ClusterName']}"

    def _key(self, properties: dict[str, Any]) -> dict[str, str]:
        return {"clusterName": properties["ClusterName"], "principalArn": properties["PrincipalArn"]}

    def _policies(self, place: Place, old: dict[str, Any], new: dict[str, Any]) -> None:
        before, after = old.get("AccessPolicies") or [], new.get("AccessPolicies") or []
        for one in after:
            if one not in before:
                said = {"policyArn": one["PolicyArn"], "accessScope": _lower(one["AccessScope"])}
                self.call(place, "AssociateAccessPolicy", {**self._key(new), **said})
        for one in before:
            if one["PolicyArn"] not in [kept["PolicyArn"] for kept in after]:
                self.call(place, "DisassociateAccessPolicy", {**self._key(new), "policyArn": one["PolicyArn"]})

    def attributes(self, place: Place, physical: str, properties: dict[str, Any]) -> dict[str, Any]:
        entry = self.call(place, "DescribeAccessEntry", self._key(properties))["accessEntry"]
        return {"AccessEntryArn": entry["accessEntryArn"]}

    def update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None] | None:
        changed = {key: new.get(key) for key in ("KubernetesGroups", "Username") if new.get(key) != old.get(key)}
        if changed:
            self.call(place, "UpdateAccessEntry", {**self._key(new), **_lower(changed)})
        self._policies(place, old, new)
        return None

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        self.call(place, "DeleteAccessEntry", self._key(properties))


class Addon(OfEks):
    """AWS::EKS::Addon."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        params = {key: value for key, value in _lower(properties).items() if key not in ("tags", "preserveOnDelete")}
        self.call(place, "CreateAddon", {**params, "tags": place.tags(properties)})
        return f"{properties['ClusterName']}|{properties['AddonName']}"

    def _key(self, properties: dict[str, Any]) -> dict[str, str]:
        return {"clusterName": properties["ClusterName"], "addonName": properties["AddonName"]}

    def ready(self, place: Place, physical: str, properties: dict[str, Any]) -> bool:
        status = self.call(place, "DescribeAddon", self._key(properties))["addon"]["status"]
        return status in ("ACTIVE", "DEGRADED")

    def attributes(self, place: Place, physical: str, properties: dict[str, Any]) -> dict[str, Any]:
        return {"Arn": self.call(place, "DescribeAddon", self._key(properties))["addon"]["addonArn"]}

    def update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None] | None:
        params = {key: value for key, value in _lower(new).items() if key not in ("tags", "preserveOnDelete", "namespaceConfig")}
        self.call(place, "UpdateAddon", params)
        return None

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        self.call(place, "DeleteAddon", self._key(properties))

    def gone(self, place: Place, physical: str, properties: dict[str, Any]) -> bool:
        cluster = self.eks.store.clusters.get((place.region, properties["ClusterName"]))
        return cluster is None or properties["AddonName"] not in cluster.addons


class Nodegroup(OfEks):
    """AWS::EKS::Nodegroup."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        params = _lower({key: value for key, value in properties.items() if key not in ("Tags", "Labels", "ForceUpdateEnabled")})
        params.setdefault("nodegroupName", place.name(63))
        # Labels and tags are maps: their keys are the user's.
        params["labels"] = properties.get("Labels") or {}
        tags = place.tags({"Tags": [{"Key": key, "Value": value} for key, value in (properties.get("Tags") or {}).items()]})
        self.call(place, "CreateNodegroup", {**params, "tags": tags})
        return f"{properties['ClusterName']}/{params['nodegroupName']}"

    def _key(self, physical: str) -> dict[str, str]:
        cluster, name = physical.split("/")
        return {"clusterName": cluster, "nodegroupName": name}

    def ready(self, place: Place, physical: str, properties: dict[str, Any]) -> bool:
        return bool(self.call(place, "DescribeNodegroup", self._key(physical))["nodegroup"]["status"] == "ACTIVE")

    def attributes(self, place: Place, physical: str, properties: dict[str, Any]) -> dict[str, Any]:
        group = self.call(place, "DescribeNodegroup", self._key(physical))["nodegroup"]
        return {"Arn": group["nodegroupArn"], "NodegroupName": group["nodegroupName"], "ClusterName": group["clusterName"], "Id": physical}

    def update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None] | None:
        return self._update(place, physical, old, new)

    def _update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None]:
        """What the group is told, then what its nodes are made of: they are made anew."""
        params: dict[str, Any] = {key: _lower(new[name]) for key, name in (("scalingConfig", "ScalingConfig"), ("updateConfig", "UpdateConfig")) if name in new}
        before, after = old.get("Labels") or {}, new.get("Labels") or {}
        params["labels"] = {"addOrUpdateLabels": after, "removeLabels": [key for key in before if key not in after]}
        had, wanted = _lower(old.get("Taints") or []), _lower(new.get("Taints") or [])
        kept = [(taint["key"], taint["effect"]) for taint in wanted]
        gone = [taint for taint in had if (taint["key"], taint["effect"]) not in kept]
        params["taints"] = {key: taints for key, taints in (("addOrUpdateTaints", wanted), ("removeTaints", gone)) if taints}
        self.call(place, "UpdateNodegroupConfig", {**self._key(physical), **params})
        while not self.ready(place, physical, new):
            yield
        launch = new.get("LaunchTemplate")
        if launch != old.get("LaunchTemplate") or new.get("Version") != old.get("Version"):
            version = {"version": new["Version"]} if new.get("Version") else {}
            self.call(place, "UpdateNodegroupVersion", {**self._key(physical), **version, "launchTemplate": _lower(launch)})

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        self.call(place, "DeleteNodegroup", self._key(physical))

    def gone(self, place: Place, physical: str, properties: dict[str, Any]) -> bool:
        key = self._key(physical)
        cluster = self.eks.store.clusters.get((place.region, key["clusterName"]))
        return cluster is None or key["nodegroupName"] not in cluster.nodegroups


class PodIdentity(OfEks):
    """AWS::EKS::PodIdentityAssociation."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        params = {key: value for key, value in _lower(properties).items() if key != "tags"}
        said = self.call(place, "CreatePodIdentityAssociation", {**params, "tags": place.tags(properties)})
        return str(said["association"]["associationId"])

    def _key(self, physical: str, properties: dict[str, Any]) -> dict[str, str]:
        return {"clusterName": properties["ClusterName"], "associationId": physical}

    def attributes(self, place: Place, physical: str, properties: dict[str, Any]) -> dict[str, Any]:
        one = self.call(place, "DescribePodIdentityAssociation", self._key(physical, properties))["association"]
        return {"AssociationArn": one["associationArn"], "AssociationId": physical, "Ref": one["associationArn"]}

    def update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None] | None:
        self.call(place, "UpdatePodIdentityAssociation", {**self._key(physical, new), "roleArn": new["RoleArn"]})
        return None

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        self.call(place, "DeletePodIdentityAssociation", self._key(physical, properties))

"""Managed node groups and Pod Identity associations."""

from __future__ import annotations

import copy
import uuid
from typing import Any

from moto.iam.models import iam_backends

from ..world import ACCOUNT, now, partition
from . import networks
from .addons import Addons
from .store import Cluster, bad_parameter, in_use, new_update, not_found


class Nodes(Addons):
    """Operations on node groups and associations."""

    def create_nodegroup(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """CreateNodegroup."""
        cluster = self.store.active(region, params["clusterName"])
        name = params["nodegroupName"]
        if name in cluster.nodegroups:
            raise in_use(f"NodeGroup already exists with name {name} and cluster name {cluster.name}")
        _role(region, params["nodeRole"])
        for subnet in params["subnets"]:
            try:
                networks.backend(region).get_subnet(subnet)
            except Exception:
                raise bad_parameter(f"The subnet ID '{subnet}' does not exist") from None
        sizes = params.get("scalingConfig") or {"minSize": 1, "maxSize": 2, "desiredSize": 2}
        if not sizes.get("minSize", 0) <= sizes.get("desiredSize", 0) <= sizes.get("maxSize", 0):
            raise bad_parameter("desiredSize must lie between minSize and maxSize")
        group = {
            "nodegroupName": name,
            "nodegroupArn": cluster.arn("nodegroup", f"{name}/{uuid.uuid4()}"),
            "clusterName": cluster.name,
            "version": params.get("version") or cluster.said["version"],
            "releaseVersion": params.get("releaseVersion") or f"{cluster.said['version']}.2-20260801",
            "createdAt": now(),
            "modifiedAt": now(),
            "status": "CREATING",
            "capacityType": params.get("capacityType") or "ON_DEMAND",
            "scalingConfig": sizes,
            "instanceTypes": params.get("instanceTypes") or ["t3.medium"],
            "subnets": params["subnets"],
            "amiType": params.get("amiType") or "AL2023_x86_64_STANDARD",
            "nodeRole": params["nodeRole"],
            "labels": params.get("labels") or {},
            "taints": params.get("taints") or [],
            "resources": {"autoScalingGroups": [{"name": f"eks-{name}-{uuid.uuid4()}"}]},
            "health": {"issues": []},
            "updateConfig": params.get("updateConfig") or {"maxUnavailable": 1},
            "tags": params.get("tags") or {},
        }
        for key in ("launchTemplate", "diskSize", "remoteAccess", "nodeRepairConfig"):
            if params.get(key):
                group[key] = params[key]
        if params.get("launchTemplate"):
            group["launchTemplate"] = _launch(region, params["launchTemplate"])
        cluster.nodegroups[name] = group

        def created() -> None:
            group["status"] = "ACTIVE"
            for addon in cluster.addons.values():
                if addon["status"] == "DEGRADED":
                    addon.update(status="ACTIVE", health={"issues": []})

        self.world.later(self.world.delay, created)
        return {"nodegroup": copy.deepcopy(group)}

    def _group(self, region: str, params: dict[str, Any]) -> tuple[Cluster, dict[str, Any]]:
        cluster = self.store.get(region, params["clusterName"])
        group = cluster.nodegroups.get(params["nodegroupName"])
        if group is None:
            raise not_found(f"No node group found for name: {params['nodegroupName']}.")
        return cluster, group

    def describe_nodegroup(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DescribeNodegroup."""
        return {"nodegroup": copy.deepcopy(self._group(region, params)[1])}

    def list_nodegroups(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """ListNodegroups."""
        cluster = self.store.get(region, params["clusterName"])
        return self.paged("nodegroups", sorted(cluster.nodegroups), params)

    def update_nodegroup_config(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """UpdateNodegroupConfig."""
        cluster, group = self._group(region, params)
        if group["status"] != "ACTIVE":
            raise in_use(f"Nodegroup cannot be updated as it is currently not in Active state: {group['status']}")
        update = {**new_update("ConfigUpdate", {}), "of": group["nodegroupName"]}
        cluster.updates[update["id"]] = update
        group["status"] = "UPDATING"

        def done() -> None:
            group["scalingConfig"].update(params.get("scalingConfig") or {})
            group["updateConfig"].update(params.get("updateConfig") or {})
            labels = params.get("labels") or {}
            group["labels"].update(labels.get("addOrUpdateLabels") or {})
            for label in labels.get("removeLabels") or []:
                group["labels"].pop(label, None)
            taints = params.get("taints") or {}
            added = taints.get("addOrUpdateTaints") or []
            # A key may be there once for each effect.
            going = [(taint["key"], taint["effect"]) for taint in (taints.get("removeTaints") or []) + added]
            group["taints"] = [taint for taint in group["taints"] if (taint["key"], taint["effect"]) not in going] + added
            group["status"], update["status"] = "ACTIVE", "Successful"

        self.world.later(self.world.delay, done)
        return {"update": {key: value for key, value in update.items() if key != "of"}}

    def update_nodegroup_version(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """UpdateNodegroupVersion: nodes are made anew, by another image or another version of the launch template."""
        cluster, group = self._group(region, params)
        if group["status"] != "ACTIVE":
            raise in_use(f"Nodegroup cannot be updated as it is currently not in Active state: {group['status']}")
        launch = _launch(region, params["launchTemplate"]) if params.get("launchTemplate") else None
        if launch and launch["id"] != group.get("launchTemplate", {}).get("id"):
            raise bad_parameter("You cannot update a nodegroup to use a different launch template")
        update = {**new_update("VersionUpdate", {}), "of": group["nodegroupName"]}
        cluster.updates[update["id"]] = update
        group["status"] = "UPDATING"

        def done() -> None:
            if launch:
                group["launchTemplate"] = launch
            group["version"] = params.get("version") or cluster.said["version"]
            group["status"], update["status"] = "ACTIVE", "Successful"

        self.world.later(self.world.delay, done)
        return {"update": {key: value for key, value in update.items() if key != "of"}}

    def delete_nodegroup(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DeleteNodegroup."""
        cluster, group = self._group(region, params)
        group["status"] = "DELETING"

        def gone() -> None:
            cluster.nodegroups.pop(group["nodegroupName"], None)

        self.world.later(self.world.delay, gone)
        return {"nodegroup": copy.deepcopy(group)}

    def create_pod_identity_association(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """CreatePodIdentityAssociation."""
        cluster = self.store.active(region, params["clusterName"])
        place = (params["namespace"], params["serviceAccount"])
        if place in [(one["namespace"], one["serviceAccount"]) for one in cluster.identities.values()]:
            raise in_use(f"Association already exists: {self._place(cluster, place)}")
        _role(region, params["roleArn"])
        one = {
            "clusterName": cluster.name,
            "namespace": params["namespace"],
            "serviceAccount": params["serviceAccount"],
            "roleArn": params["roleArn"],
            "associationId": f"a-{uuid.uuid4().hex[:17]}",
            "tags": params.get("tags") or {},
            "createdAt": now(),
            "modifiedAt": now(),
            "disableSessionTags": bool(params.get("disableSessionTags")),
        }
        one["associationArn"] = cluster.arn("podidentityassociation", one["associationId"])
        cluster.identities[one["associationId"]] = one
        return {"association": copy.deepcopy(one)}

    def _place(self, cluster: Cluster, place: tuple[str, str]) -> str:
        return next(key for key, one in cluster.identities.items() if (one["namespace"], one["serviceAccount"]) == place)

    def _identity(self, region: str, params: dict[str, Any]) -> tuple[Cluster, dict[str, Any]]:
        cluster = self.store.get(region, params["clusterName"])
        one = cluster.identities.get(params["associationId"])
        if one is None:
            raise not_found(f"No pod identity association found for ID: {params['associationId']}")
        return cluster, one

    def describe_pod_identity_association(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DescribePodIdentityAssociation."""
        return {"association": copy.deepcopy(self._identity(region, params)[1])}

    def list_pod_identity_associations(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """ListPodIdentityAssociations."""
        cluster = self.store.get(region, params["clusterName"])
        found = []
        for one in cluster.identities.values():
            if params.get("namespace") in (None, one["namespace"]) and params.get("serviceAccount") in (None, one["serviceAccount"]):
                found.append({key: one[key] for key in ("clusterName", "namespace", "serviceAccount", "associationArn", "associationId")})
        return self.paged("associations", found, params)

    def update_pod_identity_association(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """UpdatePodIdentityAssociation."""
        _, one = self._identity(region, params)
        if params.get("roleArn"):
            _role(region, params["roleArn"])
            one["roleArn"] = params["roleArn"]
        one["modifiedAt"] = now()
        return {"association": copy.deepcopy(one)}

    def delete_pod_identity_association(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DeletePodIdentityAssociation."""
        cluster, one = self._identity(region, params)
        cluster.identities.pop(one["associationId"])
        return {"association": copy.deepcopy(one)}


def _launch(region: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """A launch template with the version that it stands for: the default one where none is said."""
    backend = networks.backend(region)
    try:
        template = backend.get_launch_template(wanted["id"]) if "id" in wanted else backend.get_launch_template_by_name(wanted["name"])
    except Exception:
        raise bad_parameter(f"The launch template {wanted.get('id') or wanted.get('name')} does not exist") from None
    version = wanted.get("version") or str(template.default_version_number)
    if not version.isdecimal() or int(version) > template.latest_version_number:
        raise bad_parameter(f"The specified launch template version {version} does not exist")
    return {"id": template.id, "name": template.name, "version": version}


def _role(region: str, arn: str) -> None:
    try:
        iam_backends[ACCOUNT][partition(region)].get_role_by_arn(arn)
    except Exception:
        raise bad_parameter(f"The role {arn} does not exist") from None

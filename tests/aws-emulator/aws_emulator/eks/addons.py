"""Add-ons."""

from __future__ import annotations

import copy
import json
import uuid
from typing import Any

import yaml

from ..world import now
from . import catalogue
from .entries import Entries
from .store import Cluster, bad_parameter, in_use, new_update, not_found


class Addons(Entries):
    """Operations on add-ons."""

    def describe_addon_versions(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DescribeAddonVersions."""
        version, name = params.get("kubernetesVersion"), params.get("addonName")
        if version and version not in catalogue.VERSIONS:
            raise bad_parameter(f"unsupported Kubernetes version {version}")
        found = [one for one in catalogue.addons(version) if name in (None, one["addonName"])]
        return self.paged("addons", found, params)

    def describe_addon_configuration(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DescribeAddonConfiguration: a schema that takes every object."""
        name, version = params["addonName"], params["addonVersion"]
        _build(name, version, None)
        schema = json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"})
        return {"addonName": name, "addonVersion": version, "configurationSchema": schema, "podIdentityConfiguration": []}

    def describe_cluster_versions(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DescribeClusterVersions."""
        found = catalogue.versions()
        if params.get("clusterVersions"):
            found = [one for one in found if one["clusterVersion"] in params["clusterVersions"]]
        if params.get("defaultOnly"):
            found = [one for one in found if one["defaultVersion"]]
        if params.get("versionStatus"):
            found = [one for one in found if one["versionStatus"] == params["versionStatus"]]
        return self.paged("clusterVersions", found, params)

    def create_addon(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """CreateAddon."""
        cluster = self.store.active(region, params["clusterName"])
        name = params["addonName"]
        if name in cluster.addons:
            raise in_use(f"Addon already exists with name: {name}")
        version = params.get("addonVersion") or catalogue.default_build(name, cluster.said["version"]) or ""
        if version == "latest":
            version = catalogue.addons(cluster.said["version"])[0]["addonVersions"][0]["addonVersion"]
        _build(name, version, cluster.said["version"])
        _values(params.get("configurationValues"))
        addon = {
            "addonName": name,
            "clusterName": cluster.name,
            "status": "CREATING",
            "addonVersion": version,
            "health": {"issues": []},
            "addonArn": cluster.arn("addon", f"{name}/{uuid.uuid4()}"),
            "createdAt": now(),
            "modifiedAt": now(),
            "tags": params.get("tags") or {},
        }
        for key in ("serviceAccountRoleArn", "configurationValues"):
            if params.get(key):
                addon[key] = params[key]
        pods = params.get("podIdentityAssociations") or []
        addon["podIdentityAssociations"] = [cluster.arn("podidentityassociation", f"a-{index}") for index, _ in enumerate(pods)]
        cluster.addons[name] = addon
        self.world.later(self.world.delay, lambda: _settle(cluster, addon))
        return {"addon": copy.deepcopy(addon)}

    def _addon(self, region: str, params: dict[str, Any]) -> tuple[Cluster, dict[str, Any]]:
        cluster = self.store.get(region, params["clusterName"])
        addon = cluster.addons.get(params["addonName"])
        if addon is None:
            raise not_found(f"No addon: {params['addonName']} found in cluster: {cluster.name}")
        return cluster, addon

    def describe_addon(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DescribeAddon."""
        return {"addon": copy.deepcopy(self._addon(region, params)[1])}

    def list_addons(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """ListAddons."""
        cluster = self.store.get(region, params["clusterName"])
        return self.paged("addons", sorted(cluster.addons), params)

    def update_addon(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """UpdateAddon."""
        cluster, addon = self._addon(region, params)
        if addon["status"] in ("CREATING", "UPDATING", "DELETING"):
            raise in_use(f"Addon {addon['addonName']} cannot be updated as it is currently in {addon['status']} state")
        version = params.get("addonVersion") or addon["addonVersion"]
        _build(addon["addonName"], version, cluster.said["version"])
        _values(params.get("configurationValues"))
        said = {"AddonVersion": version}
        if params.get("configurationValues") is not None:
            said["ConfigurationValues"] = params["configurationValues"]
        update = {**new_update("AddonUpdate", said), "of": addon["addonName"]}
        cluster.updates[update["id"]] = update
        addon["status"] = "UPDATING"

        def done() -> None:
            addon["addonVersion"] = version
            for key in ("serviceAccountRoleArn", "configurationValues"):
                if params.get(key) is not None:
                    addon[key] = params[key]
            addon["modifiedAt"] = now()
            _settle(cluster, addon)
            update["status"] = "Successful"

        self.world.later(self.world.delay, done)
        return {"update": {key: value for key, value in update.items() if key != "of"}}

    def delete_addon(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DeleteAddon."""
        cluster, addon = self._addon(region, params)
        addon["status"] = "DELETING"
        self.world.later(self.world.delay, lambda: cluster.addons.pop(addon["addonName"], None) and None)
        return {"addon": copy.deepcopy(addon)}


def _settle(cluster: Cluster, addon: dict[str, Any]) -> None:
    """What runs as pods waits for nodes."""
    waits = catalogue.needs_nodes(addon["addonName"]) and not cluster.nodegroups
    text = "The add-on is unhealthy because it doesn't have the desired number of replicas."
    issue = {"code": "InsufficientNumberOfReplicas", "message": text, "resourceIds": []}
    addon["health"] = {"issues": [issue] if waits else []}
    addon["status"] = "DEGRADED" if waits else "ACTIVE"


def _build(name: str, version: str, minor: str | None) -> None:
    found = [one for one in catalogue.addons(minor) if one["addonName"] == name]
    if not found:
        raise not_found(f"Addon {name} is not supported")
    if version not in [build["addonVersion"] for build in found[0]["addonVersions"]]:
        raise bad_parameter("Addon version specified is not supported")


def _values(text: str | None) -> None:
    if not text:
        return
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = None
    if not isinstance(value, dict):
        raise bad_parameter("ConfigurationValue provided in request is not supported: it is no JSON or YAML object")

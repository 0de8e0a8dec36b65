"""UpdateClusterConfig: one kind of change in each call, an update that is applied later."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

from . import networks
from .clusters import Clusters, auto_mode, logging
from .store import Cluster, bad_parameter, bad_request, new_update

# Kind of update by the member of the request that asks for it.
_KINDS = {
    "remoteNetworkConfig": ("RemoteNetworkConfigUpdate", "RemoteNetworkConfig"),
    "upgradePolicy": ("UpgradePolicyUpdate", "UpgradePolicy"),
    "zonalShiftConfig": ("ZonalShiftConfigUpdate", "ZonalShiftConfig"),
    "deletionProtection": ("DeletionProtectionUpdate", "DeletionProtection"),
    "controlPlaneScalingConfig": ("ControlPlaneScalingConfigUpdate", "UpdatedTier"),
    "computeConfig": ("AutoModeUpdate", "ComputeConfig"),
}


class Config(Clusters):
    """The one operation."""

    def update_cluster_config(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """UpdateClusterConfig."""
        cluster = self._updatable(region, params["name"])
        wanted = {key: value for key, value in params.items() if key not in ("name", "clientRequestToken") and value is not None}
        if {"computeConfig", "storageConfig", "kubernetesNetworkConfig"} >= set(wanted) and "computeConfig" in wanted:
            return self._auto_mode(cluster, wanted)
        if len(wanted) != 1:
            text = "Only one type of update can be allowed." if wanted else "No update was requested"
            raise bad_parameter(text)
        ((key, value),) = wanted.items()
        special: dict[str, Callable[[Cluster, Any], dict[str, Any]]] = {
            "resourcesVpcConfig": self._vpc_config,
            "logging": self._logging_config,
            "accessConfig": self._access_config,
            "remoteNetworkConfig": self._remote_config,
        }
        if key in special:
            return {"update": special[key](cluster, value)}
        if key not in _KINDS:
            raise bad_parameter(f"{key} cannot be updated here")
        return self._simple(cluster, key, wanted)

    def _simple(self, cluster: Cluster, key: str, wanted: dict[str, Any]) -> dict[str, Any]:
        if all(cluster.said.get(name) == value for name, value in wanted.items()):
            raise bad_request("No changes detected")
        kind, param = _KINDS[key]
        update = new_update(kind, {param: json.dumps(wanted[key])})
        return {"update": self.start_update(cluster, update, lambda: cluster.said.update(copy.deepcopy(wanted)))}

    def _auto_mode(self, cluster: Cluster, wanted: dict[str, Any]) -> dict[str, Any]:
        """Three members, which are on or off together."""
        network = copy.deepcopy(cluster.said["kubernetesNetworkConfig"])
        network.update(wanted.get("kubernetesNetworkConfig") or {})
        new = {**wanted, "kubernetesNetworkConfig": network}
        auto_mode({key: new.get(key, cluster.said.get(key)) for key in ("computeConfig", "storageConfig", "kubernetesNetworkConfig")})
        return self._simple(cluster, "computeConfig", new)

    def _remote_config(self, cluster: Cluster, value: dict[str, Any]) -> dict[str, Any]:
        """Both lists empty take the remote networks away; a list that is absent stays as it is."""
        merged = {**(cluster.said.get("remoteNetworkConfig") or {}), **value}
        merged = {key: networks_said for key, networks_said in merged.items() if networks_said}
        if merged == (cluster.said.get("remoteNetworkConfig") or {}):
            raise bad_request("No changes detected in the remote network config")
        if merged:
            self._remote(cluster.region, cluster.said, merged)

        def apply() -> None:
            cluster.said.pop("remoteNetworkConfig", None)
            if merged:
                cluster.said["remoteNetworkConfig"] = copy.deepcopy(merged)

        update = new_update("RemoteNetworkConfigUpdate", {"RemoteNetworkConfig": json.dumps(value)})
        return self.start_update(cluster, update, apply)

    def _access_config(self, cluster: Cluster, value: dict[str, Any]) -> dict[str, Any]:
        order = ["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"]
        old, new = cluster.said["accessConfig"]["authenticationMode"], value["authenticationMode"]
        if new == old:
            raise bad_request(f"Unsupported authentication mode update from {old} to {new}")
        if order.index(new) < order.index(old):
            raise bad_parameter(f"Unsupported authentication mode update from {old} to {new}")
        update = new_update("AccessConfigUpdate", {"AuthenticationMode": f'"{new}"'})
        return self.start_update(cluster, update, lambda: cluster.said["accessConfig"].update(authenticationMode=new))

    def _logging_config(self, cluster: Cluster, value: dict[str, Any]) -> dict[str, Any]:
        on = {kind for setup in cluster.said["logging"]["clusterLogging"] if setup["enabled"] for kind in setup["types"]}
        for setup in value.get("clusterLogging") or []:
            types = set(setup.get("types") or [])
            on = on | types if setup.get("enabled") else on - types
        new = logging({"clusterLogging": [{"enabled": True, "types": list(on)}]})
        if new == cluster.said["logging"]:
            raise bad_parameter("No changes needed for the logging config provided")
        update = new_update("LoggingUpdate", {"ClusterLogging": json.dumps(value)})
        return self.start_update(cluster, update, lambda: cluster.said.update(logging=new))

    def _vpc_config(self, cluster: Cluster, value: dict[str, Any]) -> dict[str, Any]:
        """Endpoints, or subnets and security groups, but not both at once."""
        old = cluster.said["resourcesVpcConfig"]
        access = {"endpointPublicAccess", "endpointPrivateAccess", "publicAccessCidrs"}
        places = {"subnetIds", "securityGroupIds"}
        if access & set(value) and places & set(value):
            raise bad_parameter("Only one type of update can be allowed.")
        new = {**old, **value}
        if not new["endpointPublicAccess"] and not new["endpointPrivateAccess"]:
            raise bad_parameter("Private and public endpoint access cannot be disabled")
        if not new["endpointPublicAccess"]:
            new["publicAccessCidrs"] = []
        elif not new["publicAccessCidrs"]:
            new["publicAccessCidrs"] = ["0.0.0.0/0"]
        if new == old:
            ends = (str(new["endpointPrivateAccess"]).lower(), str(new["endpointPublicAccess"]).lower())
            text = f"endpointPrivateAccess: {ends[0]} , endpointPublicAccess: {ends[1]}, and Public Endpoint Restrictions: {new['publicAccessCidrs']}"
            raise bad_parameter(f"Cluster is already at the desired configuration with {text}")
        if places & set(value):
            found = networks.subnets(cluster.region, new["subnetIds"])
            if found[0].vpc_id != old["vpcId"]:
                raise bad_parameter(f"Provided subnets belong to the wrong VPC: {found[0].vpc_id}")
            networks.groups(cluster.region, old["vpcId"], new["securityGroupIds"])

        def apply() -> None:
            cluster.said["resourcesVpcConfig"] = copy.deepcopy(new)
            if places & set(value):
                networks.make_interfaces(cluster)

        kind = "VpcConfigUpdate" if places & set(value) else "EndpointAccessUpdate"
        if "controlPlaneEgressMode" in value:
            kind = "ControlPlaneEgressUpdate"
        names = {"subnetIds": "Subnets", "securityGroupIds": "SecurityGroups"}
        params = {names.get(key, key[0].upper() + key[1:]): json.dumps(one) for key, one in value.items()}
        return self.start_update(cluster, new_update(kind, params), apply)

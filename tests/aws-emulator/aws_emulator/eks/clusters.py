"""Clusters: made, changed, deleted; each takes its time."""

from __future__ import annotations

import copy
import uuid
from ipaddress import IPv4Network
from typing import Any

from moto.iam.models import iam_backends

from ..world import ACCOUNT, World, now, page, partition
from . import networks
from .catalogue import DEFAULT_VERSION, VERSIONS
from .store import Cluster, Store, authority, bad_parameter, bad_request, in_use, new_update, not_found

# EKS's own choice where the VPC does not use it.
_SERVICE_CIDRS = ("10.100.0.0/16", "172.20.0.0/16")

# A list page; DescribeCluster has none.
_MOST = 100


class Clusters:
    """Operations on clusters."""

    world: World
    store: Store
    page_size: int
    endpoints: dict[str, tuple[str, str]]

    def create_cluster(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """CreateCluster."""
        name = params["name"]
        known = self.store.clusters.get((region, name))
        if known is not None:
            if params.get("clientRequestToken") and known.said.get("clientRequestToken") == params["clientRequestToken"]:
                return self.describe_cluster(region, {"name": name})
            raise in_use(f"Cluster already exists with name: {name}")
        cluster = Cluster(region, self._new(region, params))
        self.store.clusters[region, name] = cluster
        vpc = cluster.said["resourcesVpcConfig"]
        vpc["clusterSecurityGroupId"] = networks.make_group(cluster, vpc["vpcId"])

        def created() -> None:
            networks.make_interfaces(cluster)
            cluster.said.update(status="ACTIVE", endpoint=_endpoint(region), certificateAuthority={"data": authority()})
            self.world.tell({"eks": name, "status": "ACTIVE"})

        if (params.get("accessConfig") or {}).get("bootstrapClusterCreatorAdminPermissions", True):
            self._creator(cluster)
        self.world.later(self.world.delay, created)
        return self.describe_cluster(region, {"name": name})

    def _new(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        version = params.get("version") or DEFAULT_VERSION
        if version not in VERSIONS:
            raise bad_parameter(f"unsupported Kubernetes version {version}")
        self._role(region, params["roleArn"])
        vpc = _vpc(region, params["resourcesVpcConfig"])
        network = _kubernetes_network(region, vpc["vpcId"], params.get("kubernetesNetworkConfig") or {})
        access = params.get("accessConfig") or {}
        mode = access.get("authenticationMode") or "CONFIG_MAP"
        said = {
            "name": params["name"],
            "arn": f"arn:{partition(region)}:eks:{region}:{ACCOUNT}:cluster/{params['name']}",
            "createdAt": now(),
            "version": version,
            "roleArn": params["roleArn"],
            "resourcesVpcConfig": vpc,
            "kubernetesNetworkConfig": network,
            "logging": _logging(params.get("logging")),
            "identity": {"oidc": {"issuer": f"https://oidc.eks.{region}.amazonaws.com/id/{uuid.uuid4().hex.upper()}"}},
            "status": "CREATING",
            "platformVersion": "eks.9",
            "tags": params.get("tags") or {},
            "health": {"issues": []},
            "accessConfig": {"authenticationMode": mode},
            "upgradePolicy": params.get("upgradePolicy") or {"supportType": "EXTENDED"},
            "deletionProtection": bool(params.get("deletionProtection")),
            "clientRequestToken": params.get("clientRequestToken"),
        }
        for key in ("encryptionConfig", "zonalShiftConfig", "computeConfig", "storageConfig", "controlPlaneScalingConfig"):
            if params.get(key):
                said[key] = params[key]
        auto_mode(said)
        remote = params.get("remoteNetworkConfig")
        if remote and (remote.get("remoteNodeNetworks") or remote.get("remotePodNetworks")):
            said["remoteNetworkConfig"] = self._remote(region, said, remote)
        return said

    def _remote(self, region: str, said: dict[str, Any], remote: dict[str, Any]) -> dict[str, Any]:
        if said["accessConfig"]["authenticationMode"] == "CONFIG_MAP":
            raise bad_parameter("AccessConfig AuthMode must be API_AND_CONFIG_MAP or API when remoteNetworkConfig is specified")
        if said["kubernetesNetworkConfig"]["ipFamily"] != "ipv4":
            raise bad_parameter("remoteNetworkConfig is only supported on clusters with the ipv4 IP family")
        service = said["kubernetesNetworkConfig"]["serviceIpv4Cidr"]
        networks.check_remote(region, said["resourcesVpcConfig"]["vpcId"], service, remote)
        return {key: value for key, value in copy.deepcopy(remote).items() if value}

    def _role(self, region: str, arn: str) -> None:
        try:
            role = iam_backends[ACCOUNT][partition(region)].get_role_by_arn(arn)
        except Exception:
            role = None
        if role is None or "eks.amazonaws.com" not in str(role.assume_role_policy_document):
            text = f"Role with arn: {arn}, could not be assumed because it does not exist or the trusted entity is not correct"
            raise bad_parameter(text)

    def _creator(self, cluster: Cluster) -> None:
        if cluster.said["accessConfig"]["authenticationMode"] == "CONFIG_MAP":
            return
        self.make_entry(cluster, f"arn:{partition(cluster.region)}:iam::{ACCOUNT}:user/moto", {"type": "STANDARD"})
        arn = f"arn:{partition(cluster.region)}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
        principal = next(iter(cluster.entries))
        at = now()
        scope = {"type": "cluster", "namespaces": []}
        cluster.policies[principal] = {arn: {"policyArn": arn, "accessScope": scope, "associatedAt": at, "modifiedAt": at}}

    def make_entry(self, cluster: Cluster, principal: str, params: dict[str, Any]) -> dict[str, Any]:
        """Of `Entries`."""
        raise NotImplementedError

    def describe_cluster(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DescribeCluster."""
        cluster = self.store.get(region, params["name"])
        said = copy.deepcopy(cluster.said)
        said.pop("clientRequestToken", None)
        if cluster.name in self.endpoints and "endpoint" in said:
            endpoint, data = self.endpoints[cluster.name]
            said.update(endpoint=endpoint, certificateAuthority={"data": data})
        return {"cluster": said}

    def list_clusters(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """ListClusters."""
        names = sorted(name for at, name in self.store.clusters if at == region)
        return self.paged("clusters", names, params)

    def paged(self, key: str, items: list[Any], params: dict[str, Any]) -> dict[str, Any]:
        """A page of a list."""
        some, token = page(items, params.get("maxResults"), params.get("nextToken"), self.page_size or _MOST)
        return {key: some, "nextToken": token}

    def delete_cluster(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DeleteCluster."""
        cluster = self.store.get(region, params["name"])
        if cluster.nodegroups:
            raise in_use("Cluster has nodegroups attached")
        if cluster.said["deletionProtection"]:
            raise bad_request(f"Cluster {cluster.name} has deletion protection enabled")
        if cluster.said["status"] in ("CREATING", "UPDATING"):
            raise in_use(f"Cluster {cluster.name} currently has an update in progress")

        def gone() -> None:
            networks.drop(cluster)
            self.store.clusters.pop((region, cluster.name), None)
            self.world.tell({"eks": cluster.name, "status": "DELETED"})

        if cluster.said["status"] != "DELETING":
            cluster.said["status"] = "DELETING"
            self.world.later(self.world.delay, gone)
        return self.describe_cluster(region, params)

    def update_cluster_version(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """UpdateClusterVersion: one minor version up; the interfaces are made anew."""
        cluster = self._updatable(region, params["name"])
        version, old = params["version"], cluster.said["version"]
        if version == old:
            raise bad_parameter(f"Cluster is already at the desired version {version}")
        newest_first = list(VERSIONS)
        if version not in VERSIONS or newest_first.index(old) - newest_first.index(version) != 1:
            raise bad_parameter(f"Unsupported Kubernetes minor version update from {old} to {version}")

        def apply() -> None:
            cluster.said["version"] = version
            networks.make_interfaces(cluster)

        params_said = {"Version": version, "PlatformVersion": "eks.9"}
        return {"update": self.start_update(cluster, new_update("VersionUpdate", params_said), apply)}

    def start_update(self, cluster: Cluster, update: dict[str, Any], apply: Any) -> dict[str, Any]:
        """Begins an update; it is applied when its time is over."""
        cluster.updates[update["id"]] = update
        cluster.said["status"] = "UPDATING"

        def done() -> None:
            apply()
            update["status"] = "Successful"
            cluster.said["status"] = "ACTIVE"
            self.world.tell({"eks": cluster.name, "update": update["type"]})

        self.world.later(self.world.delay, done)
        return copy.deepcopy(update)

    def _updatable(self, region: str, name: str) -> Cluster:
        cluster = self.store.get(region, name)
        for update in cluster.updates.values():
            if update["status"] == "InProgress":
                raise in_use(f"Cannot perform the operation because cluster {name} currently has update {update['id']} in progress")
        return self.store.active(region, name)

    def describe_update(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DescribeUpdate, of the cluster, an add-on or a node group."""
        cluster = self.store.get(region, params["name"])
        update = cluster.updates.get(params["updateId"])
        if update is None:
            raise not_found(f"No update found for ID: {params['updateId']}")
        return {"update": {key: value for key, value in update.items() if key != "of"}}

    def list_updates(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """ListUpdates: of the cluster itself, unless a node group or an add-on is named."""
        cluster = self.store.get(region, params["name"])
        of = params.get("nodegroupName") or params.get("addonName")
        ids = [update["id"] for update in cluster.updates.values() if update.get("of") == of]
        return self.paged("updateIds", ids, params)


def _endpoint(region: str) -> str:
    return f"https://{uuid.uuid4().hex.upper()}.gr7.{region}.eks.amazonaws.com"


def _vpc(region: str, wanted: dict[str, Any]) -> dict[str, Any]:
    subnets = networks.subnets(region, wanted.get("subnetIds") or [])
    vpc = subnets[0].vpc_id
    groups = wanted.get("securityGroupIds") or []
    networks.groups(region, vpc, groups)
    public, private = wanted.get("endpointPublicAccess", True), wanted.get("endpointPrivateAccess", False)
    if not public and not private:
        raise bad_parameter("Private and public endpoint access cannot be disabled")
    return {
        "subnetIds": wanted["subnetIds"],
        "securityGroupIds": groups,
        "vpcId": vpc,
        "endpointPublicAccess": public,
        "endpointPrivateAccess": private,
        "publicAccessCidrs": (wanted.get("publicAccessCidrs") or ["0.0.0.0/0"]) if public else [],
        "controlPlaneEgressMode": wanted.get("controlPlaneEgressMode", "AWS_MANAGED"),
    }


def _kubernetes_network(region: str, vpc: str, wanted: dict[str, Any]) -> dict[str, Any]:
    cidrs = [IPv4Network(one["cidr_block"]) for one in networks.backend(region).get_vpc(vpc).get_cidr_block_association_set()]
    service = wanted.get("serviceIpv4Cidr")
    if service:
        for cidr in cidrs:
            if IPv4Network(service).overlaps(cidr):
                raise bad_parameter(f"The specified service CIDR {service} overlaps with VPC CIDR {cidr}")
    else:
        free = (one for one in _SERVICE_CIDRS if not any(IPv4Network(one).overlaps(cidr) for cidr in cidrs))
        service = next(free, _SERVICE_CIDRS[0])
    balancing = wanted.get("elasticLoadBalancing") or {"enabled": False}
    return {"serviceIpv4Cidr": service, "ipFamily": wanted.get("ipFamily") or "ipv4", "elasticLoadBalancing": balancing}


def auto_mode(said: dict[str, Any]) -> None:
    """Refuses Auto Mode by halves."""
    compute = said.get("computeConfig") or {}
    on = {
        bool(compute.get("enabled")),
        bool(((said.get("storageConfig") or {}).get("blockStorage") or {}).get("enabled")),
        bool((said["kubernetesNetworkConfig"].get("elasticLoadBalancing") or {}).get("enabled")),
    }
    if len(on) != 1:
        names = "computeConfig, kubernetesNetworkConfig, and blockStorage"
        raise bad_parameter(f"For EKS Auto Mode, please ensure that all required configs, including {names} are all either fully enabled or fully disabled.")
    if compute.get("nodeRoleArn") and not compute.get("nodePools"):
        raise bad_parameter("When Compute Config nodeRoleArn is not null or empty, nodePool value(s) must be provided.")


def _logging(wanted: dict[str, Any] | None) -> dict[str, Any]:
    kinds = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
    setups = (wanted or {}).get("clusterLogging") or []
    on = {kind for setup in setups if setup.get("enabled") for kind in setup.get("types") or []}
    listed = [(True, [kind for kind in kinds if kind in on]), (False, [kind for kind in kinds if kind not in on])]
    return {"clusterLogging": [{"types": types, "enabled": enabled} for enabled, types in listed if types]}


logging = _logging

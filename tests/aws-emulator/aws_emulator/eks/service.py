"""All of EKS."""

from __future__ import annotations

from typing import Any

from ..errors import AwsError
from ..world import World
from .nodes import Nodes
from .store import Store, bad_parameter, not_found


class Eks(Nodes):
    """The service: a method for each operation."""

    whole = True

    def __init__(self, world: World) -> None:
        self.world = world
        self.store = Store()
        # Of lists; 0 for EKS's own.
        self.page_size = 0
        # Endpoint and authority by cluster, where a real API server answers.
        self.endpoints: dict[str, tuple[str, str]] = {}

    def list_tags_for_resource(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """ListTagsForResource."""
        return {"tags": dict(self._tagged(region, params["resourceArn"]))}

    def tag_resource(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """TagResource."""
        self._tagged(region, params["resourceArn"]).update(params["tags"])
        return {}

    def untag_resource(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """UntagResource."""
        tags = self._tagged(region, params["resourceArn"])
        for key in params["tagKeys"]:
            tags.pop(key, None)
        return {}

    def _tagged(self, region: str, arn: str) -> dict[str, str]:
        for cluster in self.store.clusters.values():
            kinds = (cluster.entries, cluster.addons, cluster.nodegroups, cluster.identities)
            objects = [cluster.said, *(one for kind in kinds for one in kind.values())]
            arns = ("arn", "accessEntryArn", "addonArn", "nodegroupArn", "associationArn")
            for one in objects:
                if arn in [one.get(key) for key in arns]:
                    return one["tags"]  # type: ignore[no-any-return]
        raise not_found(f"The resource {arn} was not found")

    def list_fargate_profiles(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """ListFargateProfiles: there are none."""
        self.store.get(region, params["clusterName"])
        return {"fargateProfileNames": []}

    def list_insights(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """ListInsights: there are none."""
        self.store.get(region, params["clusterName"])
        return {"insights": []}

    def list_identity_provider_configs(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """ListIdentityProviderConfigs: there are none."""
        self.store.get(region, params["clusterName"])
        return {"identityProviderConfigs": []}

    def set_members(self, said: dict[str, Any]) -> dict[str, Any]:
        """Changes an object of a cluster behind everybody's back: `cluster`, `kind`, `name`, `set`."""
        found = [one for one in self.store.clusters.values() if one.name == said["cluster"]]
        if not found:
            raise AwsError("ValidationException", f"no cluster {said['cluster']}")
        cluster, kind = found[0], said.get("kind", "cluster")
        kinds = {"entry": cluster.entries, "addon": cluster.addons, "nodegroup": cluster.nodegroups}
        if kind != "cluster" and said.get("name") not in kinds.get(kind, {}):
            raise bad_parameter(f"no {kind} {said.get('name')}")
        target = cluster.said if kind == "cluster" else kinds[kind][said["name"]]
        target.update(said["set"])
        return {}

    def left(self) -> list[str]:
        """What there is."""
        lines = []
        for cluster in self.store.clusters.values():
            start = f"{cluster.region} eks"
            lines.append(f"{start} cluster {cluster.name}")
            lines += [f"{start} access-entry {cluster.name} {one}" for one in cluster.entries]
            lines += [f"{start} addon {cluster.name} {one}" for one in cluster.addons]
            lines += [f"{start} nodegroup {cluster.name} {one}" for one in cluster.nodegroups]
            lines += [f"{start} pod-identity {cluster.name} {one['serviceAccount']}" for one in cluster.identities.values()]
        return lines

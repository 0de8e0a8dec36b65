"""Access entries and their policies."""

from __future__ import annotations

import copy
import uuid
from typing import Any

from moto.iam.models import iam_backends

from ..world import ACCOUNT, now, partition
from .catalogue import ACCESS_POLICIES
from .config import Config
from .store import Cluster, bad_parameter, bad_request, in_use, not_found

# Types whose groups and user name EKS sets itself.
_NODES = {
    "EC2_LINUX": ("system:node:{{EC2PrivateDNSName}}", ["system:nodes"]),
    "EC2_WINDOWS": ("system:node:{{EC2PrivateDNSName}}", ["eks:kube-proxy-windows", "system:nodes"]),
    "FARGATE_LINUX": ("system:node:{{SessionName}}", ["system:nodes"]),
    "HYBRID_LINUX": ("system:node:{{SessionName}}", ["system:nodes"]),
    "EC2": ("system:node:{{EC2PrivateDNSName}}", ["system:nodes"]),
    "HYPERPOD_LINUX": ("system:node:{{SessionName}}", ["system:nodes"]),
}


class Entries(Config):
    """Operations on access entries."""

    def _with_entries(self, region: str, name: str) -> Cluster:
        cluster = self.store.get(region, name)
        if cluster.said["accessConfig"]["authenticationMode"] == "CONFIG_MAP":
            text = "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation."
            raise bad_request(text)
        return cluster

    def create_access_entry(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """CreateAccessEntry."""
        cluster = self._with_entries(region, params["clusterName"])
        principal = params["principalArn"]
        kind = params.get("type") or "STANDARD"
        if kind not in _NODES and kind != "STANDARD":
            raise bad_parameter(f"The type must be one of STANDARD, {', '.join(_NODES)}: {kind}")
        if kind in _NODES and (params.get("kubernetesGroups") or params.get("username")):
            raise bad_parameter(f"The parameters kubernetesGroups and username cannot be set for entries of type {kind}")
        if not _exists(region, principal) or (kind in _NODES and ":role/" not in principal):
            raise bad_parameter("The specified principalArn is invalid: invalid principal.")
        if principal in cluster.entries:
            raise in_use("The specified access entry resource is already in use on this cluster.")
        return {"accessEntry": self.make_entry(cluster, principal, params)}

    def make_entry(self, cluster: Cluster, principal: str, params: dict[str, Any]) -> dict[str, Any]:
        """Adds it, unchecked."""
        kind = params.get("type") or "STANDARD"
        username, groups = _NODES.get(kind, (params.get("username") or principal, params.get("kubernetesGroups") or []))
        what, name = principal.split(":")[5].split("/", 1)
        entry = {
            "clusterName": cluster.name,
            "principalArn": principal,
            "kubernetesGroups": groups,
            "accessEntryArn": cluster.arn("access-entry", f"{what}/{ACCOUNT}/{name.split('/')[-1]}/{uuid.uuid4()}"),
            "createdAt": now(),
            "modifiedAt": now(),
            "tags": params.get("tags") or {},
            "username": username,
            "type": kind,
        }
        cluster.entries[principal] = entry
        return copy.deepcopy(entry)

    def _entry(self, cluster: Cluster, principal: str) -> dict[str, Any]:
        entry = cluster.entries.get(principal)
        if entry is None:
            text = "The specified principalArn could not be found. You can view your available access entries with 'aws eks list-access-entries'."
            raise not_found(text)
        return entry

    def describe_access_entry(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DescribeAccessEntry."""
        cluster = self._with_entries(region, params["clusterName"])
        return {"accessEntry": copy.deepcopy(self._entry(cluster, params["principalArn"]))}

    def list_access_entries(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """ListAccessEntries."""
        cluster = self._with_entries(region, params["clusterName"])
        policy = params.get("associatedPolicyArn")
        found = [one for one in cluster.entries if policy is None or policy in cluster.policies.get(one, {})]
        return self.paged("accessEntries", found, params)

    def update_access_entry(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """UpdateAccessEntry."""
        cluster = self._with_entries(region, params["clusterName"])
        entry = self._entry(cluster, params["principalArn"])
        if entry["type"] in _NODES:
            raise bad_parameter(f"Access entries of type {entry['type']} cannot be updated")
        for key in ("kubernetesGroups", "username"):
            if params.get(key) is not None:
                entry[key] = params[key]
        entry["modifiedAt"] = now()
        return {"accessEntry": copy.deepcopy(entry)}

    def delete_access_entry(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DeleteAccessEntry."""
        cluster = self._with_entries(region, params["clusterName"])
        self._entry(cluster, params["principalArn"])
        cluster.entries.pop(params["principalArn"])
        cluster.policies.pop(params["principalArn"], None)
        return {}

    def associate_access_policy(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """AssociateAccessPolicy."""
        cluster = self._with_entries(region, params["clusterName"])
        entry = self._entry(cluster, params["principalArn"])
        arn = params["policyArn"]
        if arn not in _policy_arns(region):
            raise bad_parameter("The policyArn in the specified parameter could not be found.")
        if entry["type"] in _NODES and entry["type"] != "EC2":
            raise bad_parameter(f"Access policies cannot be associated with entries of type {entry['type']}")
        scope = params["accessScope"]
        if (scope.get("type") == "namespace") != bool(scope.get("namespaces")):
            raise bad_parameter("Namespaces must be given for accessScope of type namespace, and for no other")
        at = now()
        policy = {"policyArn": arn, "accessScope": {"namespaces": [], **scope}, "associatedAt": at, "modifiedAt": at}
        cluster.policies.setdefault(params["principalArn"], {})[arn] = policy
        return {"clusterName": cluster.name, "principalArn": params["principalArn"], "associatedAccessPolicy": policy}

    def disassociate_access_policy(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DisassociateAccessPolicy."""
        cluster = self._with_entries(region, params["clusterName"])
        self._entry(cluster, params["principalArn"])
        if cluster.policies.get(params["principalArn"], {}).pop(params["policyArn"], None) is None:
            raise not_found("The specified policyArn is not associated with the access entry")
        return {}

    def list_associated_access_policies(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """ListAssociatedAccessPolicies."""
        cluster = self._with_entries(region, params["clusterName"])
        self._entry(cluster, params["principalArn"])
        found = list(cluster.policies.get(params["principalArn"], {}).values())
        said = self.paged("associatedAccessPolicies", found, params)
        return {"clusterName": cluster.name, "principalArn": params["principalArn"], **said}

    def list_access_policies(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """ListAccessPolicies."""
        found = [{"name": arn.split("/")[-1], "arn": arn} for arn in _policy_arns(region)]
        return self.paged("accessPolicies", found, params)


def _policy_arns(region: str) -> list[str]:
    return [f"arn:{partition(region)}:eks::aws:cluster-access-policy/{name}" for name in ACCESS_POLICIES]


def _exists(region: str, principal: str) -> bool:
    """Whether a principal can be one: roles and users of this account must be there."""
    pieces = principal.split(":")
    if len(pieces) != 6 or pieces[2] not in ("iam", "sts") or "/" not in pieces[5]:
        return False
    iam = iam_backends[ACCOUNT][partition(region)]
    if pieces[4] != ACCOUNT or pieces[5] == "user/moto":
        return True
    kind, name = pieces[5].split("/", 1)
    names = [role.name for role in iam.roles.values()] if kind == "role" else list(iam.users)
    return name.split("/")[-1] in names

"""What EKS offers: versions of Kubernetes, add-ons, access policies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

DEFAULT_VERSION = "1.34"

# Newest first: minor version, whether it has standard support.
VERSIONS = {"1.35": True, "1.34": True, "1.33": True, "1.32": True, "1.31": False, "1.30": False}

# Name, newest build, older build, whether it runs as pods that need nodes, namespace.
_ADDONS = [
    ("vpc-cni", "v1.20.4-eksbuild.2", "v1.19.6-eksbuild.7", False, "kube-system"),
    ("kube-proxy", "v{0}.3-eksbuild.2", "v{0}.1-eksbuild.1", False, "kube-system"),
    ("coredns", "v1.12.4-eksbuild.1", "v1.12.3-eksbuild.1", True, "kube-system"),
    ("metrics-server", "v0.8.0-eksbuild.3", "v0.7.2-eksbuild.4", True, "kube-system"),
    ("eks-pod-identity-agent", "v1.3.9-eksbuild.3", "v1.3.8-eksbuild.2", False, "kube-system"),
    ("aws-ebs-csi-driver", "v1.50.1-eksbuild.1", "v1.48.0-eksbuild.2", True, "kube-system"),
    ("eks-node-monitoring-agent", "v1.4.1-eksbuild.1", "v1.4.0-eksbuild.2", False, "kube-system"),
    ("cert-manager", "v1.18.2-eksbuild.2", "v1.17.2-eksbuild.1", True, "cert-manager"),
]

ACCESS_POLICIES = [
    "AmazonEKSAdminPolicy",
    "AmazonEKSClusterAdminPolicy",
    "AmazonEKSAdminViewPolicy",
    "AmazonEKSEditPolicy",
    "AmazonEKSViewPolicy",
    "AmazonEKSAutoNodePolicy",
    "AmazonEKSHybridPolicy",
]


def addons(version: str | None) -> list[dict[str, Any]]:
    """Add-ons with the builds that fit a version of Kubernetes, as DescribeAddonVersions lists them."""
    versions = [version] if version else list(VERSIONS)
    found = []
    for name, newest, older, _, namespace in _ADDONS:
        builds: dict[str, list[dict[str, Any]]] = {}
        for minor in versions:
            for build, default in ((newest.format(minor), False), (older.format(minor), True)):
                fits = {"clusterVersion": minor, "platformVersions": ["*"], "defaultVersion": default}
                builds.setdefault(build, []).append(fits)
        listed = [
            {
                "addonVersion": build,
                "architecture": ["amd64", "arm64"],
                "computeTypes": ["ec2", "auto", "hybrid"],
                "compatibilities": fits,
                "requiresConfiguration": False,
                "requiresIamPermissions": name in ("vpc-cni", "aws-ebs-csi-driver"),
            }
            for build, fits in builds.items()
        ]
        found.append(
            {
                "addonName": name,
                "type": "networking" if name in ("vpc-cni", "kube-proxy", "coredns") else "observability",
                "addonVersions": listed,
                "publisher": "eks",
                "owner": "aws",
                "defaultNamespace": namespace,
            }
        )
    return found


def needs_nodes(addon: str) -> bool:
    """Whether it stays DEGRADED as long as there is no node."""
    return any(name == addon and pods for name, _, _, pods, _ in _ADDONS)


def default_build(addon: str, version: str) -> str | None:
    """The build that an add-on gets when none is named."""
    for one in addons(version):
        if one["addonName"] == addon:
            for build in one["addonVersions"]:
                if build["compatibilities"][0]["defaultVersion"]:
                    return str(build["addonVersion"])
    return None


def versions() -> list[dict[str, Any]]:
    """As DescribeClusterVersions lists them."""
    start = datetime(2026, 1, 27, tzinfo=UTC)
    listed = []
    for index, (version, standard) in enumerate(VERSIONS.items()):
        released = start - timedelta(days=120 * index)
        state = "STANDARD_SUPPORT" if standard else "EXTENDED_SUPPORT"
        listed.append(
            {
                "clusterVersion": version,
                "clusterType": "eks",
                "defaultPlatformVersion": "eks.9",
                "defaultVersion": version == DEFAULT_VERSION,
                "releaseDate": released,
                "endOfStandardSupportDate": released + timedelta(days=420),
                "endOfExtendedSupportDate": released + timedelta(days=785),
                "status": state.lower().replace("_", "-"),
                "versionStatus": state,
                "kubernetesPatchVersion": f"{version}.2",
            }
        )
    return listed

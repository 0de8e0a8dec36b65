"""What EKS keeps, and the errors of looking for it."""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ..errors import AwsError
from ..world import ACCOUNT, now, partition


@dataclass
class Cluster:
    """A cluster and all that belongs to it. The dicts have the members of the API's answers."""

    region: str
    said: dict[str, Any]
    interfaces: list[str] = field(default_factory=list)
    updates: dict[str, dict[str, Any]] = field(default_factory=dict)
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    policies: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    addons: dict[str, dict[str, Any]] = field(default_factory=dict)
    nodegroups: dict[str, dict[str, Any]] = field(default_factory=dict)
    identities: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.said["name"])

    def arn(self, kind: str, rest: str) -> str:
        """ARN of something that belongs to it."""
        return f"arn:{partition(self.region)}:eks:{self.region}:{ACCOUNT}:{kind}/{self.name}/{rest}"


class Store:
    """All clusters of all regions."""

    def __init__(self) -> None:
        self.clusters: dict[tuple[str, str], Cluster] = {}

    def get(self, region: str, name: str) -> Cluster:
        """A cluster, or EKS's refusal."""
        cluster = self.clusters.get((region, name))
        if cluster is None:
            raise not_found(f"No cluster found for name: {name}.")
        return cluster

    def active(self, region: str, name: str) -> Cluster:
        """A cluster that can be changed."""
        cluster = self.get(region, name)
        if cluster.said["status"] != "ACTIVE":
            raise in_use(f"Cluster {name} is in {cluster.said['status']} state: the operation needs an ACTIVE cluster")
        return cluster


def not_found(message: str) -> AwsError:
    """Something that does not exist."""
    return AwsError("ResourceNotFoundException", message, 404)


def in_use(message: str) -> AwsError:
    """Something that exists, or that others need, or that is being changed."""
    return AwsError("ResourceInUseException", message, 409)


def bad_parameter(message: str) -> AwsError:
    """A parameter that makes no sense."""
    return AwsError("InvalidParameterException", message, 400)


def bad_request(message: str) -> AwsError:
    """A request that makes no sense as things are."""
    return AwsError("InvalidRequestException", message, 400)


def new_update(kind: str, params: dict[str, Any]) -> dict[str, Any]:
    """An update that has begun."""
    listed = [{"type": name, "value": value} for name, value in params.items()]
    return {"id": str(uuid.uuid4()), "status": "InProgress", "type": kind, "params": listed, "createdAt": now(), "errors": []}


@cache
def authority() -> str:
    """A certificate authority as clusters have one: PEM in base64."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now()).not_valid_after(now() + timedelta(days=3650))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return base64.b64encode(pem).decode()

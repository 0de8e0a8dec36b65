"""AWS's API models, as botocore ships them, through moto's own classes, which parse requests and write answers by them."""

from __future__ import annotations

from functools import cache

from moto.core.model import OperationModel, ServiceModel
from moto.core.utils import get_service_model

# What the tests' programs talk to.
SERVICES = ("cloudformation", "ec2", "eks", "iam", "logs", "rolesanywhere", "route53resolver", "s3", "ssm", "sts")


def service_model(service: str) -> ServiceModel:
    """The model of a service by its signing name."""
    # moto's own copy: EC2's model alone takes half a second to read.
    return get_service_model(service)


@cache
def operation(service: str, name: str) -> OperationModel | None:
    """An operation; none if the service has none of that name."""
    model = service_model(service)
    return model.operation_model(name) if name in model.operation_names else None


@cache
def rest_paths(service: str) -> list[tuple[str, list[str], str]]:
    """Method, path in pieces and operation of a service that is told apart by path; literal pieces come before placeholders."""
    model = service_model(service)
    paths = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        paths.append((http["method"], http["requestUri"].split("?")[0].strip("/").split("/"), name))
    return sorted(paths, key=lambda path: [piece.startswith("{") for piece in path[1]])

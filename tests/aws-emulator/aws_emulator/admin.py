"""`/_emulator/…`: what a test orders and asks beside AWS's own calls."""

from __future__ import annotations

import json
import time
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError
from werkzeug.wrappers import Request, Response

from . import left
from .errors import AwsError
from .faults import Rule

if TYPE_CHECKING:
    from .app import App


def answer(app: App, request: Request) -> Response:
    """One order or question."""
    said: Any = json.loads(request.get_data() or b"null")
    what = request.path.removeprefix("/_emulator/")
    try:
        return _json(_ORDERS[request.method, what](app, said))
    except KeyError as error:
        return _json({"message": f"{request.method} {what}: {error} is missing"}, 404)
    except AwsError as error:
        return _json({"message": error.message}, 400)


@cache
def _client(url: str, service: str, region: str = "us-west-2") -> Any:
    config = Config(retries={"total_max_attempts": 1})
    keys = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "of-a-test"}
    return boto3.client(service, region_name=region, endpoint_url=url, config=config, **keys)


_FIRST_CALLS = {
    "ec2": "describe_vpcs",
    "iam": "list_roles",
    "sts": "get_caller_identity",
    "s3": "list_buckets",
    "eks": "list_clusters",
    "ssm": "describe_activations",
    "cloudformation": "list_stacks",
    "rolesanywhere": "list_profiles",
    "logs": "describe_log_groups",
    "route53resolver": "list_resolver_endpoints",
}


def warm_up(url: str) -> None:
    """One call of each service; the first is tried until the server listens."""
    for service, method in _FIRST_CALLS.items():
        while True:
            try:
                getattr(_client(url, service), method)()
                break
            except EndpointConnectionError:
                time.sleep(0.02)


def _ready(app: App) -> Any:
    if not app.warm:
        raise AwsError("NotReady", "not every service has answered yet")
    return {"ready": True}


def call(url: str, request: Request) -> Response:
    """A call of AWS on a test's behalf: `service`, `method`, `parameters`, as boto3 names them."""
    said = json.loads(request.get_data())
    try:
        result = getattr(_client(url, said["service"], said["region"]), said["method"])(**said.get("parameters") or {})
    except Exception as error:
        return _json({"message": f"{type(error).__name__}: {error}"}, 400)
    result.pop("ResponseMetadata", None)
    return _json(result)


def _json(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value, default=str), status=status, content_type="application/json")


def _add_faults(app: App, said: Any) -> Any:
    app.faults.rules += [Rule.read(rule) for rule in (said if isinstance(said, list) else [said])]
    return {"rules": len(app.faults.rules)}


def _clear_faults(app: App, _: Any) -> Any:
    app.faults.clear()
    return {}


def _clear_log(app: App, _: Any) -> Any:
    app.log.clear()
    return {}


def _delay(app: App, said: Any) -> Any:
    app.world.delay = float(said["seconds"])
    return {}


def _page(app: App, said: Any) -> Any:
    app.eks.page_size = app.cloudformation.page_size = app.ssm.page_size = app.rolesanywhere.page_size = said["size"]
    return {}


def _endpoint(app: App, said: Any) -> Any:
    app.eks.endpoints[said["cluster"]] = (said["endpoint"], said["certificateAuthority"])
    return {}


_ORDERS = {
    ("GET", "ready"): lambda app, said: _ready(app),
    ("POST", "faults"): _add_faults,
    ("GET", "faults"): lambda app, said: [vars(rule) for rule in app.faults.rules],
    ("DELETE", "faults"): _clear_faults,
    # A number that is another one once anything may have changed.
    ("GET", "changes"): lambda app, said: {"changes": app.world.changes},
    ("GET", "left"): lambda app, said: left.everything(app),
    ("GET", "log"): lambda app, said: app.log,
    ("DELETE", "log"): _clear_log,
    ("POST", "delay"): _delay,
    # Lists of our services come in pages of at most this size; 0 for AWS's own.
    ("POST", "page-size"): _page,
    # A real API server in place of the made-up one: cluster, endpoint, certificateAuthority (PEM in base64).
    ("POST", "endpoint"): _endpoint,
    # A machine that has registered: InstanceId, ActivationId, IamRole, IPAddress, ComputerName, PingStatus; all but the first can be left out.
    ("POST", "managed-instances"): lambda app, said: app.ssm.put_instance(said),
    # Sets members of an object of EKS behind everybody's back, to have drift: kind, cluster, name, set.
    ("POST", "eks"): lambda app, said: app.eks.set_members(said),
    # A stack that is in a status for the rest of its days: name, region, status, reason.
    ("POST", "stack-status"): lambda app, said: app.cloudformation.force_status(said),
    # The next creations and updates of resources that fail: type or logicalId, reason, count.
    ("POST", "resource-failures"): lambda app, said: app.cloudformation.fail_resources(said),
}

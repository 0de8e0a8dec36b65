"""A running emulator and clients for it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import unittest
import urllib.request
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

REGION = "us-west-2"
TEMPLATES = Path(__file__).parents[2] / "fixtures/eksctl/templates"

# Statuses of stacks that do not end by themselves end in none of these.
_AT_WORK = "_IN_PROGRESS"


class Emulated(unittest.TestCase):
    """A test with an emulator of its own class."""

    server: subprocess.Popen[bytes]
    url: str

    @classmethod
    def setUpClass(cls) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        cls.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "aws_emulator", "--port", str(port)]
        log = subprocess.DEVNULL if "EMULATOR_LOG" not in os.environ else None
        cls.server = subprocess.Popen(command, cwd=Path(__file__).parents[1], stderr=log, stdout=log)
        for _ in range(600):
            try:
                cls.admin("GET", "ready")
                break
            except OSError:
                time.sleep(0.1)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.kill()
        cls.server.wait()

    def setUp(self) -> None:
        self.admin("DELETE", "faults")
        self.admin("DELETE", "log")

    @classmethod
    def admin(cls, method: str, what: str, said: Any = None) -> Any:
        """An order or a question to the emulator itself."""
        data = json.dumps(said).encode() if said is not None else None
        request = urllib.request.Request(f"{cls.url}/_emulator/{what}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def client(self, service: str) -> Any:
        """A client that tries everything once."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="secret",
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=False, inject_host_prefix=False),
        )

    def wait(self, name: str) -> dict[str, Any]:
        """The stack as it is when its operation is over."""
        for _ in range(2000):
            stack: dict[str, Any] = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
            if not stack["StackStatus"].endswith(_AT_WORK):
                return stack
            time.sleep(0.01)
        raise AssertionError(f"{name} is still {stack['StackStatus']}")

    def deploy(self, name: str, body: Any, **more: Any) -> dict[str, Any]:
        """Makes a stack and waits."""
        text = body if isinstance(body, str) else json.dumps(body)
        stack = self.client("cloudformation").create_stack(StackName=name, TemplateBody=text, Capabilities=["CAPABILITY_IAM"], **more)
        return self.wait(stack["StackId"])

    def update(self, name: str, body: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Makes a change set, executes it if it is one, waits; the change set and the stack."""
        cfn = self.client("cloudformation")
        change = f"change-{time.monotonic_ns()}"
        text = body if isinstance(body, str) else json.dumps(body)
        cfn.create_change_set(StackName=name, ChangeSetName=change, TemplateBody=text, Capabilities=["CAPABILITY_IAM"])
        for _ in range(500):
            said = cfn.describe_change_set(StackName=name, ChangeSetName=change)
            if said["Status"] in ("CREATE_COMPLETE", "FAILED"):
                break
            time.sleep(0.01)
        if said["Status"] == "CREATE_COMPLETE":
            cfn.execute_change_set(StackName=name, ChangeSetName=change)
        return said, self.wait(name)

    def delete(self, name: str) -> dict[str, Any]:
        """Deletes a stack and waits."""
        identity = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]["StackId"]
        self.client("cloudformation").delete_stack(StackName=name)
        return self.wait(identity)

    def reasons(self, name: str) -> dict[str, str]:
        """Why resources failed, by logical identifier."""
        events = self.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
        failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
        return {event["LogicalResourceId"]: event["ResourceStatusReason"] for event in failed}

    def gateways(self) -> tuple[str, str]:
        """A transit gateway and a virtual private one."""
        ec2 = self.client("ec2")
        transit = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
        return transit, ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]


def golden(name: str, **replace: str) -> str:
    """A template of eksctl's, with identifiers of this emulator in place of its own."""
    (path,) = TEMPLATES.glob(f"{name}-*.json")
    text = path.read_text()
    for old, new in replace.items():
        text = text.replace(old.replace("_", "-"), new)
    return text


def authority() -> str:
    """A certificate authority, PEM."""
    import base64

    from aws_emulator.eks.store import authority as made

    return base64.b64decode(made()).decode()

"""CloudFormation's calls."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote, urlparse

from moto.s3.models import s3_backends

from ..eks.service import Eks
from ..errors import AwsError
from ..rolesanywhere import RolesAnywhere
from ..world import ACCOUNT, World, page
from . import template as templates
from .change_sets import ChangeSets
from .resources import Handlers
from .stacks import Stack, Stacks
from .template import Template
from .updates import Updater

# Statuses in which a stack can be given a change set that updates it.
_UPDATABLE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"}

# Statuses in which DeleteStack is refused.
_BUSY = re.compile(r"^(UPDATE|ROLLBACK|UPDATE_ROLLBACK).*_IN_PROGRESS$")

_MOST = 100


class CloudFormation(ChangeSets):
    """The service: a method for each operation."""

    whole = True

    def __init__(self, world: World, eks: Eks, rolesanywhere: RolesAnywhere) -> None:
        self.world = world
        self.stacks = Stacks()
        self.engine = Updater(world, self.stacks, Handlers(world, eks, rolesanywhere))
        self.page_size = 0

    def paged(self, key: str, items: list[Any], params: dict[str, Any]) -> dict[str, Any]:
        """A page of a list."""
        some, token = page(items, params.get("MaxResults") or params.get("MaxRecords"), params.get("NextToken"), self.page_size or _MOST)
        return {key: some, "NextToken": token}

    def body(self, region: str, params: dict[str, Any]) -> str:
        """The template of a request."""
        if params.get("TemplateURL"):
            return _from_s3(params["TemplateURL"])
        body = params.get("TemplateBody")
        if not body:
            raise AwsError("ValidationError", "Either Template URL or Template Body must be specified.")
        if len(body.encode()) > templates.LONGEST_BODY:
            text = "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to"
            raise AwsError("ValidationError", f"{text} {templates.LONGEST_BODY}")
        return str(body)

    def template(self, region: str, params: dict[str, Any]) -> Template:
        """The same, read and checked, with what its caller acknowledges."""
        template = templates.read(self.body(region, params))
        missing = [one for one in template.capabilities() if one not in (params.get("Capabilities") or [])]
        if missing == ["CAPABILITY_IAM"] and "CAPABILITY_NAMED_IAM" in (params.get("Capabilities") or []):
            missing = []
        if missing:
            raise AwsError("InsufficientCapabilitiesException", f"Requires capabilities : [{', '.join(missing)}]")
        return template

    def create_stack(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """CreateStack."""
        name = params["StackName"]
        known = self.stacks.find(region, name)
        if known is not None:
            if params.get("ClientRequestToken") and params["ClientRequestToken"] == known.token:
                return {"StackId": known.arn}
            raise AwsError("AlreadyExistsException", f"Stack [{name}] already exists")
        template = self.template(region, params)
        stack = Stack(self.world, region, name, template.document.get("Description"), template=template)
        stack.parameters = self.parameters(template, params, {})
        stack.tags, stack.capabilities = params.get("Tags") or [], params.get("Capabilities") or []
        stack.protected = bool(params.get("EnableTerminationProtection"))
        stack.disable_rollback = bool(params.get("DisableRollback"))
        stack.on_failure = params.get("OnFailure") or "ROLLBACK"
        stack.token = params.get("ClientRequestToken")
        self.stacks.all.append(stack)
        self._start(stack, self.engine.create(stack))
        return {"StackId": stack.arn}

    def _start(self, stack: Stack, steps: Any) -> None:
        """The first step at once, so that nobody sees the stack idle; the rest in the background."""
        next(steps)
        self.world.begin(steps)

    def update_stack(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """UpdateStack: a change set that is executed at once."""
        stack = self.updatable(region, params["StackName"])
        change_set = self.new_change_set(stack, "UPDATE", {"ChangeSetName": "direct", **params})
        if change_set.empty:
            raise AwsError("ValidationError", "No updates are to be performed.")
        stack.token = params.get("ClientRequestToken")
        self._start(stack, self.engine.update(stack, change_set))
        return {"StackId": stack.arn}

    def updatable(self, region: str, name: str) -> Stack:
        """A stack that can be updated."""
        stack = self.stacks.find(region, name)
        if stack is None or stack.status == "DELETE_COMPLETE":
            raise AwsError("ValidationError", f"Stack [{name}] does not exist")
        if stack.status not in _UPDATABLE:
            raise AwsError("ValidationError", f"Stack:{stack.arn} is in {stack.status} state and can not be updated.")
        return stack

    def delete_stack(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DeleteStack; of one that is not there, nothing."""
        stack = self.stacks.find(region, params["StackName"])
        if stack is None or stack.status in ("DELETE_COMPLETE", "DELETE_IN_PROGRESS"):
            return {}
        if stack.protected:
            raise AwsError("ValidationError", f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
        if _BUSY.match(stack.status):
            raise AwsError("ValidationError", f"Stack [{stack.arn}] cannot be deleted while in status {stack.status}")
        retained = params.get("RetainResources") or []
        if retained and stack.status != "DELETE_FAILED":
            text = "Invalid operation on stack: RetainResources can only be specified for stacks in the DELETE_FAILED state."
            raise AwsError("ValidationError", text)
        stack.token = params.get("ClientRequestToken")
        self._start(stack, self.engine.delete(stack, retained))
        return {}

    def describe_stacks(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DescribeStacks."""
        if params.get("StackName"):
            return {"Stacks": [_described(self.stacks.get(region, params["StackName"]))]}
        return self.paged("Stacks", [_described(stack) for stack in self.stacks.live(region)], params)

    def list_stacks(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """ListStacks, deleted ones too."""
        wanted = params.get("StackStatusFilter")
        keys = ("StackId", "StackName", "TemplateDescription", "CreationTime", "LastUpdatedTime", "DeletionTime", "StackStatus", "StackStatusReason")
        found = []
        for stack in reversed(self.stacks.all):
            if stack.region == region and (not wanted or stack.status in wanted):
                said = {**_described(stack), "TemplateDescription": stack.description}
                found.append({key: said[key] for key in keys if said.get(key)})
        return self.paged("StackSummaries", found, params)

    def describe_stack_events(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DescribeStackEvents, newest first."""
        stack = self.stacks.get(region, params["StackName"])
        return self.paged("StackEvents", list(reversed(stack.events)), params)

    def _resources(self, stack: Stack) -> list[dict[str, Any]]:
        found = []
        for one in stack.resources.values():
            said = {"StackName": stack.name, "StackId": stack.arn, "LogicalResourceId": one.logical, "ResourceType": one.kind}
            said.update(ResourceStatus=one.status, PhysicalResourceId=one.physical or None, ResourceStatusReason=one.reason or None)
            found.append({**said, "Timestamp": one.changed, "LastUpdatedTimestamp": one.changed})
        return sorted(found, key=lambda said: str(said["LogicalResourceId"]))

    def describe_stack_resources(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DescribeStackResources: the first hundred, in no pages."""
        name = params.get("StackName")
        if not name:
            raise AwsError("ValidationError", "StackName is needed here")
        found = self._resources(self.stacks.get(region, name))
        logical = params.get("LogicalResourceId")
        return {"StackResources": [one for one in found if logical in (None, one["LogicalResourceId"])][:_MOST]}

    def describe_stack_resource(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DescribeStackResource."""
        stack = self.stacks.get(region, params["StackName"])
        for one in self._resources(stack):
            if one["LogicalResourceId"] == params["LogicalResourceId"]:
                return {"StackResourceDetail": one}
        raise AwsError("ValidationError", f"Resource {params['LogicalResourceId']} does not exist for stack {stack.name}")

    def list_stack_resources(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """ListStackResources."""
        return self.paged("StackResourceSummaries", self._resources(self.stacks.get(region, params["StackName"])), params)

    def get_template(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """GetTemplate: the text as it was sent."""
        stack = self.stacks.get(region, params["StackName"])
        template = self.change_set(stack, params["ChangeSetName"]).template if params.get("ChangeSetName") else stack.template
        body = template.body if template else ""
        return {"TemplateBody": body, "StagesAvailable": ["Original", "Processed"]}

    def validate_template(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """ValidateTemplate."""
        template = templates.read(self.body(region, params))
        return {"Parameters": [], "Description": template.document.get("Description"), "Capabilities": template.capabilities()}

    def list_exports(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """ListExports."""
        found = self.stacks.exports(region).items()
        listed = [{"ExportingStackId": stack.arn, "Name": name, "Value": value} for name, (stack, value) in sorted(found)]
        return self.paged("Exports", listed, params)

    def list_imports(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """ListImports."""
        users = self.stacks.importers(region, params["ExportName"])
        if not users:
            raise AwsError("ValidationError", f"Export '{params['ExportName']}' is not imported by any stack.")
        return self.paged("Imports", users, params)

    def update_termination_protection(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """UpdateTerminationProtection."""
        stack = self.stacks.get(region, params["StackName"])
        if stack.status in ("DELETE_COMPLETE", "DELETE_IN_PROGRESS"):
            raise AwsError("ValidationError", f"Stack [{stack.name}] is in {stack.status} state")
        stack.protected = params["EnableTerminationProtection"]
        return {"StackId": stack.arn}

    def force_status(self, said: dict[str, Any]) -> dict[str, Any]:
        """A status that a stack has from now on, whatever it does: order of a test."""
        stack = self.stacks.get(said.get("region", "us-west-2"), said["name"])
        stack.operation += 1
        stack.set_status(said["status"], said.get("reason"))
        return {}

    def fail_resources(self, said: Any) -> dict[str, Any]:
        """Failures of resources: order of a test."""
        self.engine.failures = said if isinstance(said, list) else [*self.engine.failures, said]
        return {}

    def left(self) -> list[str]:
        """What there is."""
        return [f"{stack.region} stack {stack.name}" for stack in self.stacks.all if stack.status != "DELETE_COMPLETE"]


def _described(stack: Stack) -> dict[str, Any]:
    return {
        "StackId": stack.arn,
        "StackName": stack.name,
        "Description": stack.description,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in stack.parameters.items()],
        "CreationTime": stack.created,
        "LastUpdatedTime": stack.updated,
        "DeletionTime": stack.deleted,
        "RollbackConfiguration": {},
        "StackStatus": stack.status,
        "StackStatusReason": stack.reason,
        "DisableRollback": stack.disable_rollback,
        "NotificationARNs": [],
        "Capabilities": stack.capabilities,
        "Outputs": list(stack.outputs.values()),
        "Tags": stack.tags,
        "EnableTerminationProtection": stack.protected,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }


def _from_s3(url: str) -> str:
    """The template in the emulated S3, addressed by path or by host name."""
    where = urlparse(url)
    host, path = where.hostname or "", unquote(where.path.lstrip("/"))
    if ".s3." in host or ".s3-" in host:
        bucket, key = host.split(".s3")[0], path
    else:
        bucket, _, key = path.partition("/")
    try:
        value = s3_backends[ACCOUNT]["aws"].get_object(bucket, key).value
    except Exception:
        raise AwsError("ValidationError", "TemplateURL must reference a valid S3 object to which you have access.") from None
    if len(value) > templates.LONGEST_OBJECT:
        raise AwsError("ValidationError", f"Template may not exceed {templates.LONGEST_OBJECT} bytes in size.")
    return str(value.decode())

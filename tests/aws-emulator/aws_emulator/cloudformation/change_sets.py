"""Change sets: what an operation would do, asked before it is done."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from ..errors import AwsError
from ..world import ACCOUNT, World, partition
from . import changes
from .stacks import ChangeSet, Stack, Stacks
from .template import Template

if TYPE_CHECKING:
    from .updates import Updater

_NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."


class ChangeSets:
    """Operations on change sets."""

    world: World
    stacks: Stacks
    engine: Updater

    def template(self, region: str, params: dict[str, Any]) -> Template:
        """Of `CloudFormation`."""
        raise NotImplementedError

    def updatable(self, region: str, name: str) -> Stack:
        """Of `CloudFormation`."""
        raise NotImplementedError

    def paged(self, key: str, items: list[Any], params: dict[str, Any]) -> dict[str, Any]:
        """Of `CloudFormation`."""
        raise NotImplementedError

    def parameters(self, template: Template, params: dict[str, Any], before: dict[str, str]) -> dict[str, str]:
        """The values of a template's parameters."""
        given = {}
        for one in params.get("Parameters") or []:
            key = one["ParameterKey"]
            given[key] = before.get(key, "") if one.get("UsePreviousValue") else one.get("ParameterValue", "")
        declared = template.section("Parameters")
        strange = sorted(set(given) - set(declared))
        if strange:
            raise AwsError("ValidationError", f"Parameters: [{', '.join(strange)}] do not exist in the template")
        values, missing = {}, []
        for key, said in declared.items():
            if key in given:
                values[key] = given[key]
            elif "Default" in said:
                values[key] = str(said["Default"])
            else:
                missing.append(key)
        if missing:
            raise AwsError("ValidationError", f"Parameters: [{', '.join(sorted(missing))}] must have values")
        return values

    def create_change_set(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """CreateChangeSet: the changes are worked out in the background."""
        name, kind = params["StackName"], params.get("ChangeSetType") or "UPDATE"
        stack = self.stacks.find(region, name)
        known = stack.change_sets.get(params["ChangeSetName"]) if stack else None
        if stack is not None and known is not None:
            if params.get("ClientToken") and known.token == params["ClientToken"]:
                return {"Id": known.arn, "StackId": stack.arn}
            raise AwsError("AlreadyExistsException", f"ChangeSet {params['ChangeSetName']} cannot be created as it already exists")
        if kind == "UPDATE":
            stack = self.updatable(region, name)
        elif kind != "CREATE":
            raise AwsError("ValidationError", f"change sets of type {kind} are not made here")
        elif stack is not None and stack.status not in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE"):
            text = f"Stack [{name}] already exists and cannot be created again with the changeSet [{params['ChangeSetName']}]."
            raise AwsError("AlreadyExistsException", text)
        template = self.template(region, params) if not params.get("UsePreviousTemplate") else None
        if stack is None or stack.status == "DELETE_COMPLETE":
            stack = Stack(self.world, region, name, template.document.get("Description") if template else None)
            stack.tags = params.get("Tags") or []
            stack.set_status("REVIEW_IN_PROGRESS", "User Initiated")
            self.stacks.all.append(stack)
        change_set = self.new_change_set(stack, kind, params)
        stack.change_sets[change_set.name] = change_set

        def ready() -> None:
            if not change_set.empty or kind == "CREATE":
                change_set.status, change_set.execution = "CREATE_COMPLETE", "AVAILABLE"
            else:
                change_set.status, change_set.reason = "FAILED", _NO_CHANGES

        self.world.later(self.world.delay, ready)
        return {"Id": change_set.arn, "StackId": stack.arn}

    def new_change_set(self, stack: Stack, kind: str, params: dict[str, Any]) -> ChangeSet:
        """A change set with its changes."""
        previous = params.get("UsePreviousTemplate")
        template = stack.template if previous and stack.template else self.template(stack.region, params)
        before = stack.parameters if kind == "UPDATE" else {}
        values = self.parameters(template, params, before)
        tags = params["Tags"] if params.get("Tags") is not None else stack.tags
        arn = f"arn:{partition(stack.region)}:cloudformation:{stack.region}:{ACCOUNT}:changeSet/{params['ChangeSetName']}/{uuid.uuid4()}"
        capabilities = params.get("Capabilities") or []
        token = params.get("ClientToken")
        change_set = ChangeSet(params["ChangeSetName"], arn, kind, template, values, tags, capabilities, params.get("Description"), token)
        change_set.changes = changes.of(self.stacks, stack, template, values, tags)
        # Outputs alone are a change, too, though not one that is listed.
        change_set.empty = not change_set.changes and _outputs(template) == _outputs(stack.template)
        return change_set

    def change_set(self, stack: Stack | None, name: str) -> ChangeSet:
        """By name or ARN."""
        kept = [stack] if stack else self.stacks.all
        for one in kept:
            for change_set in one.change_sets.values():
                if name in (change_set.name, change_set.arn):
                    return change_set
        raise AwsError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist", 404)

    def _both(self, region: str, params: dict[str, Any]) -> tuple[Stack, ChangeSet]:
        name = params["ChangeSetName"]
        if params.get("StackName"):
            found = self.stacks.find(region, params["StackName"])
            if found is None:
                raise AwsError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist", 404)
            return found, self.change_set(found, name)
        change_set = self.change_set(None, name)
        return next(stack for stack in self.stacks.all if change_set in stack.change_sets.values()), change_set

    def describe_change_set(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DescribeChangeSet, its changes in pages."""
        stack, change_set = self._both(region, params)
        shown = change_set.changes if change_set.status == "CREATE_COMPLETE" else []
        said = {
            "ChangeSetName": change_set.name,
            "ChangeSetId": change_set.arn,
            "StackId": stack.arn,
            "StackName": stack.name,
            "Description": change_set.description,
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in change_set.parameters.items()],
            "CreationTime": change_set.created,
            "ExecutionStatus": change_set.execution,
            "Status": change_set.status,
            "StatusReason": change_set.reason,
            "NotificationARNs": [],
            "RollbackConfiguration": {},
            "Capabilities": change_set.capabilities,
            "Tags": change_set.tags,
            "IncludeNestedStacks": False,
        }
        return {**said, **self.paged("Changes", shown, params)}

    def list_change_sets(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """ListChangeSets."""
        stack = self.stacks.get(region, params["StackName"])
        found = []
        for one in stack.change_sets.values():
            said = {"StackId": stack.arn, "StackName": stack.name, "ChangeSetId": one.arn, "ChangeSetName": one.name}
            said.update(ExecutionStatus=one.execution, Status=one.status, StatusReason=one.reason or "")
            found.append({**said, "CreationTime": one.created, "Description": one.description})
        return self.paged("Summaries", found, params)

    def delete_change_set(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DeleteChangeSet; of one that is not there, nothing."""
        try:
            stack, change_set = self._both(region, params)
        except AwsError:
            return {}
        if change_set.execution == "EXECUTE_IN_PROGRESS" or change_set.status == "CREATE_IN_PROGRESS":
            text = f"ChangeSet [{change_set.arn}] cannot be deleted in its current status of [{change_set.status}]"
            raise AwsError("InvalidChangeSetStatus", text)
        del stack.change_sets[change_set.name]
        return {}

    def execute_change_set(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """ExecuteChangeSet."""
        stack, change_set = self._both(region, params)
        token = params.get("ClientRequestToken")
        if token and token == change_set.execute_token:
            return {}
        if change_set.status != "CREATE_COMPLETE":
            text = f"ChangeSet [{change_set.arn}] cannot be executed in its current status of [{change_set.status}]"
            raise AwsError("InvalidChangeSetStatus", text)
        if change_set.execution != "AVAILABLE":
            text = f"ChangeSet [{change_set.arn}] cannot be executed in its current execution status of [{change_set.execution}]"
            raise AwsError("InvalidChangeSetStatus", text)
        if change_set.kind == "UPDATE":
            self.updatable(region, stack.arn)
        change_set.execute_token = stack.token = token
        change_set.execution = "EXECUTE_COMPLETE"
        # What was worked out for the stack as it was is of no use any more.
        stack.change_sets = {change_set.name: change_set}
        if change_set.kind == "CREATE":
            stack.template, stack.parameters = change_set.template, change_set.parameters
            stack.tags, stack.capabilities = change_set.tags, change_set.capabilities
            stack.description = change_set.template.document.get("Description")
            stack.disable_rollback = bool(params.get("DisableRollback"))
            steps = self.engine.create(stack)
        else:
            steps = self.engine.update(stack, change_set)
        next(steps)
        self.world.begin(steps)
        return {}


def _outputs(template: Template | None) -> dict[str, Any]:
    return template.outputs if template else {}

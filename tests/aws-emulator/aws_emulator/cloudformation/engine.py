"""Makes and deletes stacks: in waves, each resource after what it needs; rolls back what failed.

Everything here is a generator of pauses, which the world runs in the background. Between two steps a caller can look at the stack.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from ..errors import AwsError
from ..world import Steps, World, now
from . import schemas
from .resources import Handlers, Place
from .stacks import Resource, Stack, Stacks
from .template import Template
from .values import Values
from .values import text as as_text

# Between two looks at something that is not ready yet, at least.
_SHORT = 0.005

# Steps that end with the names of what could not be deleted.
Removal = Generator[float, None, list[str]]

# Steps that end with what could not be deleted yet, and why.
Wave = Generator[float, None, list[tuple[Resource, Exception]]]


class Stopped(Exception):
    """Another operation has taken over."""


@dataclass
class Engine:
    """Runs operations on stacks."""

    world: World
    stacks: Stacks
    handlers: Handlers
    # Ordered failures: `type` or `logicalId`, `on`, `reason`, `count`.
    failures: list[dict[str, Any]] = field(default_factory=list)

    def place(self, stack: Stack, logical: str) -> Place:
        """Where a resource is made."""
        return Place(stack.region, stack.name, stack.arn, logical, stack.tags)

    def refuse_if_ordered(self, resource: Resource, on: str) -> None:
        """Fails as a test has ordered."""
        for order in self.failures:
            named = order.get("logicalId") == resource.logical or order.get("type") == resource.kind
            if named and order.get("on", "create") == on and order.get("count", 1) > 0:
                order["count"] = order.get("count", 1) - 1
                raise AwsError("InternalFailure", order.get("reason", "Internal Failure"))

    def pause(self) -> float:
        """Between two looks."""
        return max(self.world.delay / 4, _SHORT)

    def create(self, stack: Stack) -> Steps:
        """Makes all of a stack."""
        stack.operation += 1
        mine = stack.operation
        stack.created = now()
        stack.set_status("CREATE_IN_PROGRESS", "User Initiated")
        assert stack.template is not None
        values = self.stacks.values(stack, stack.template, stack.parameters)
        failed: list[str] = []
        yield 0.0
        try:
            yield from self.waves(stack, stack.template, values, mine, failed, self._create_wave)
            reason = _failed(failed) if failed else self._set_outputs(stack, values)
        except Stopped:
            return
        if reason is None:
            stack.set_status("CREATE_COMPLETE")
            return
        if stack.disable_rollback or stack.on_failure == "DO_NOTHING":
            stack.set_status("CREATE_FAILED", reason)
            return
        word = "ROLLBACK" if stack.on_failure == "ROLLBACK" else "DELETE"
        stack.set_status(f"{word}_IN_PROGRESS", f"{reason} {'Rollback' if word == 'ROLLBACK' else 'Delete'} requested by user.")
        yield self.world.delay
        left = yield from self.remove(stack, stack.template, list(stack.resources.values()), mine)
        if stack.operation != mine:
            return
        if left:
            stack.set_status(f"{word}_FAILED", f"The following resource(s) failed to delete: [{', '.join(left)}]. ")
        else:
            if word == "DELETE":
                stack.deleted = now()
            stack.set_status(f"{word}_COMPLETE")

    def waves(self, stack: Stack, template: Template, values: Values, mine: int, failed: list[str], wave: Callable[..., Steps]) -> Steps:
        """All resources of a template that are wanted, each after what it needs; stops at the first wave with a failure."""
        left = [logical for logical in template.order() if values.wanted(logical)]
        done: set[str] = set(template.resources) - set(left)
        while left and not failed:
            ready = [logical for logical in left if template.needs(logical) <= done]
            yield from wave(stack, template, values, ready, mine, failed)
            if stack.operation != mine:
                raise Stopped
            done |= set(ready)
            left = [logical for logical in left if logical not in done]

    def _create_wave(self, stack: Stack, template: Template, values: Values, ready: list[str], mine: int, failed: list[str]) -> Steps:
        making = []
        for logical in ready:
            said = template.resources[logical]
            resource = Resource(logical, said["Type"], retain=said.get("DeletionPolicy", "Delete") != "Delete")
            stack.resources[logical] = resource
            stack.mark(resource, "CREATE_IN_PROGRESS")
            making.append(resource)
        yield self.world.delay
        yield from self.make(stack, values, making, mine, failed)

    def make(self, stack: Stack, values: Values, making: list[Resource], mine: int, failed: list[str]) -> Steps:
        """Makes resources that are marked as in progress and waits until they are ready. The first failure cancels the rest."""
        waiting = []
        for resource in making:
            if stack.operation != mine:
                raise Stopped
            try:
                if not failed:
                    self._begin(stack, values, resource)
                    waiting.append(resource)
                    stack.mark(resource, "CREATE_IN_PROGRESS", "Resource creation Initiated")
                    continue
                stack.mark(resource, "CREATE_FAILED", "Resource creation cancelled")
            except Exception as error:
                failed.append(resource.logical)
                stack.mark(resource, "CREATE_FAILED", _reason(resource, error))
        while waiting:
            if stack.operation != mine:
                raise Stopped
            for resource in list(waiting):
                if failed:
                    stack.mark(resource, "CREATE_FAILED", "Resource creation cancelled")
                    waiting.remove(resource)
                    continue
                try:
                    if self._settled(stack, resource):
                        stack.mark(resource, "CREATE_COMPLETE")
                        waiting.remove(resource)
                except Exception as error:
                    failed.append(resource.logical)
                    waiting.remove(resource)
                    stack.mark(resource, "CREATE_FAILED", _reason(resource, error))
            if waiting:
                yield self.pause()

    def _begin(self, stack: Stack, values: Values, resource: Resource) -> None:
        resource.properties = values.properties(resource.logical)
        found = schemas.violations(resource.kind, resource.properties)
        if found:
            text = f"Properties validation failed for resource {resource.logical} with message:\n[{', '.join(found)}]"
            raise AwsError("ValidationError", text)
        self.refuse_if_ordered(resource, "create")
        handler = self.handlers.of(resource.kind)
        resource.physical = handler.create(self.place(stack, resource.logical), resource.properties)

    def _settled(self, stack: Stack, resource: Resource) -> bool:
        handler = self.handlers.of(resource.kind)
        place = self.place(stack, resource.logical)
        if not handler.ready(place, resource.physical, resource.properties):
            return False
        resource.attributes = handler.attributes(place, resource.physical, resource.properties)
        return True

    def _set_outputs(self, stack: Stack, values: Values) -> str | None:
        """Resolves the outputs; returns why that fails the stack."""
        outputs = {}
        try:
            for key, said in values.template.outputs.items():
                if not values.wanted(key):
                    continue
                value = as_text(values.resolve(said["Value"]))
                output = {"OutputKey": key, "OutputValue": value}
                if said.get("Description"):
                    output["Description"] = said["Description"]
                if "Export" in said:
                    output["ExportName"] = as_text(values.resolve(said["Export"]["Name"]))
                outputs[key] = output
            self._check_exports(stack, outputs)
        except AwsError as error:
            return error.message
        stack.outputs = outputs
        return None

    def _check_exports(self, stack: Stack, outputs: dict[str, dict[str, Any]]) -> None:
        taken = self.stacks.exports(stack.region)
        new = {output["ExportName"]: output["OutputValue"] for output in outputs.values() if "ExportName" in output}
        for name in new:
            if name in taken and taken[name][0] is not stack:
                raise AwsError("ValidationError", f"Export with name {name} is already exported by stack {taken[name][0].name}.")
        for name, (owner, value) in taken.items():
            users = self.stacks.importers(stack.region, name) if owner is stack else []
            if users and name not in new:
                raise AwsError("ValidationError", f"Export {name} cannot be deleted as it is in use by {', '.join(users)}.")
            if users and new[name] != value:
                raise AwsError("ValidationError", f"Export {name} cannot be updated as it is in use by {', '.join(users)}.")

    def remove(self, stack: Stack, template: Template | None, going: list[Resource], mine: int) -> Removal:
        """Deletes resources of a template, users first. The generator's value is the logical identifiers of those that stay."""
        failed: list[str] = []
        left = [resource for resource in going if resource.status != "DELETE_COMPLETE"]
        needs = {resource.logical: _needs(template, resource) for resource in left}
        blocked: list[Resource] = []
        while left:
            held = set().union(*(needs[resource.logical] - {resource.logical} for resource in left))
            ready = [resource for resource in left if resource.logical not in held and resource not in blocked]
            # What others still used is tried again once there is nothing else to do, as CloudFormation does for minutes.
            last = not ready
            ready = ready or [resource for resource in blocked if resource in left]
            blocked = [resource for resource in blocked if resource not in ready]
            for resource in ready:
                if not resource.retain and resource.status != "DELETE_IN_PROGRESS":
                    stack.mark(resource, "DELETE_IN_PROGRESS")
            yield self.world.delay
            again = yield from self._remove_wave(stack, ready, mine, failed)
            if stack.operation != mine:
                return failed
            if last and len(again) == len(ready):
                for resource, error in again:
                    failed.append(resource.logical)
                    stack.mark(resource, "DELETE_FAILED", _reason(resource, error))
                again = []
            blocked += [resource for resource, _ in again]
            left = [resource for resource in left if resource not in ready or resource in blocked]
            if failed:
                # What the failed ones need stays, too.
                kept = set().union(*(needs.get(name, set()) for name in failed))
                left = [resource for resource in left if resource.logical not in kept]
        return failed

    def _remove_wave(self, stack: Stack, going: list[Resource], mine: int, failed: list[str]) -> Wave:
        """Its value is what others still use."""
        waiting, again = [], []
        for resource in going:
            if resource.retain or not resource.physical:
                self._forget(stack, resource, "DELETE_SKIPPED" if resource.retain else "DELETE_COMPLETE")
                continue
            try:
                self.refuse_if_ordered(resource, "delete")
                self.handlers.of(resource.kind).delete(self.place(stack, resource.logical), resource.physical, resource.properties)
                waiting.append(resource)
            except Exception as error:
                if _is_gone(error):
                    self._forget(stack, resource, "DELETE_COMPLETE")
                    continue
                if AwsError.of(error).code in ("DependencyViolation", "InvalidIPAddress.InUse", "DeleteConflict"):
                    again.append((resource, error))
                    continue
                failed.append(resource.logical)
                stack.mark(resource, "DELETE_FAILED", _reason(resource, error))
        while waiting:
            for resource in list(waiting):
                handler = self.handlers.of(resource.kind)
                if handler.gone(self.place(stack, resource.logical), resource.physical, resource.properties):
                    self._forget(stack, resource, "DELETE_COMPLETE")
                    waiting.remove(resource)
            if waiting:
                yield self.pause()
                if stack.operation != mine:
                    break
        return again

    def _forget(self, stack: Stack, resource: Resource, status: str) -> None:
        stack.mark(resource, status)
        if stack.resources.get(resource.logical) is resource:
            del stack.resources[resource.logical]

    def delete(self, stack: Stack, retained: list[str]) -> Steps:
        """Deletes a stack, also one that is being made."""
        stack.operation += 1
        mine = stack.operation
        stack.set_status("DELETE_IN_PROGRESS", "User Initiated")
        yield 0.0
        users = [user for output in stack.outputs.values() for user in self.stacks.importers(stack.region, output.get("ExportName", ""))]
        if users:
            names = [output["ExportName"] for output in stack.outputs.values() if "ExportName" in output]
            held = next(name for name in names if self.stacks.importers(stack.region, name))
            stack.set_status("DELETE_FAILED", f"Delete canceled. Cannot delete export {held} as it is in use by {', '.join(sorted(set(users)))}.")
            return
        for resource in stack.resources.values():
            resource.retain = resource.retain or resource.logical in retained
        left = yield from self.remove(stack, stack.template, list(stack.resources.values()), mine)
        if stack.operation != mine:
            return
        if left:
            stack.set_status("DELETE_FAILED", f"The following resource(s) failed to delete: [{', '.join(left)}]. ")
            return
        stack.outputs, stack.imports = {}, set()
        stack.deleted = now()
        stack.set_status("DELETE_COMPLETE")


def _needs(template: Template | None, resource: Resource) -> set[str]:
    return template.needs(resource.logical) if template is not None and resource.logical in template.resources else set()


def _failed(failed: list[str]) -> str:
    return f"The following resource(s) failed to create: [{', '.join(failed)}]."


def _reason(resource: Resource, error: Exception) -> str:
    """As a handler words it: what the service said, and its code."""
    said = AwsError.of(error)
    if said.code == "ValidationError":
        return said.message
    token = "InvalidRequest" if said.status < 500 else "GeneralServiceException"
    service = resource.kind.split("::")[1]
    return (
        f'Resource handler returned message: "{said.message} (Service: {service}, Status Code: {said.status}, '
        f'Error Code: {said.code})" (HandlerErrorCode: {token})'
    )


def _is_gone(error: Exception) -> bool:
    code = AwsError.of(error).code
    return "NotFound" in code or code in ("NoSuchEntity", "InvalidRoute.NotFound", "Gateway.NotAttached", "InvalidGroup.NotFound")


reason = _reason

"""Updates of stacks: new before old, and back to what was if anything fails."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from ..world import Steps, now
from . import schemas
from .engine import Engine, Stopped, reason
from .stacks import ChangeSet, Resource, Stack
from .template import Template
from .values import Values


@dataclass
class Course:
    """What an update has done so far."""

    created: list[Resource] = field(default_factory=list)
    # New resources, with what they stand in for.
    replaced: list[tuple[Resource, Resource]] = field(default_factory=list)
    # Resources as they were before.
    modified: list[tuple[Resource, dict[str, Any]]] = field(default_factory=list)


class Updater(Engine):
    """The engine, with updates."""

    def update(self, stack: Stack, change_set: ChangeSet) -> Steps:
        """Makes the stack what the change set says."""
        stack.operation += 1
        mine = stack.operation
        before = (stack.template, stack.parameters, stack.tags, stack.capabilities, copy.deepcopy(stack.outputs), set(stack.imports))
        old_template = stack.template
        assert old_template is not None
        stack.updated = now()
        stack.set_status("UPDATE_IN_PROGRESS", "User Initiated")
        stack.template, stack.parameters = change_set.template, change_set.parameters
        stack.tags, stack.capabilities, stack.imports = change_set.tags, change_set.capabilities, set()
        values = self.stacks.values(stack, stack.template, stack.parameters)
        course, failed = Course(), []  # type: tuple[Course, list[str]]

        def wave(stack: Stack, template: Template, values: Values, ready: list[str], mine: int, failed: list[str]) -> Steps:
            return self._update_wave(stack, values, ready, mine, failed, course)

        yield 0.0
        try:
            yield from self.waves(stack, stack.template, values, mine, failed, wave)
            why = f"The following resource(s) failed to update: [{', '.join(failed)}]. " if failed else self._set_outputs(stack, values)
            if why is not None:
                stack.set_status("UPDATE_ROLLBACK_IN_PROGRESS", why)
                stack.template, stack.parameters, stack.tags, stack.capabilities, stack.outputs, stack.imports = before
                yield from self._back(stack, change_set.template, course, mine)
                return
        except Stopped:
            return
        stack.set_status("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        yield self.world.delay
        wanted = {logical for logical in stack.template.resources if values.wanted(logical)}
        going = [old for _, old in course.replaced]
        removed = [resource for resource in stack.resources.values() if resource.logical not in wanted]
        left = yield from self.remove(stack, old_template, [*removed, *going], mine)
        if stack.operation == mine:
            for logical in left:
                stack.resources.pop(logical, None)
            stack.set_status("UPDATE_COMPLETE", "One or more resources could not be deleted." if left else None)

    def _update_wave(self, stack: Stack, values: Values, ready: list[str], mine: int, failed: list[str], course: Course) -> Steps:
        making: list[Resource] = []
        updating: list[tuple[Resource, dict[str, Any]]] = []
        for logical in ready:
            kind = values.template.resources[logical]["Type"]
            old = stack.resources.get(logical)
            retain = values.template.resources[logical].get("DeletionPolicy", "Delete") != "Delete"
            if old is not None and old.kind == kind:
                old.retain = retain
                new = values.properties(logical)
                if new == old.properties:
                    continue
                if not schemas.replaced_by(kind, old.properties, new):
                    stack.mark(old, "UPDATE_IN_PROGRESS")
                    updating.append((old, new))
                    continue
                text = "Requested update requires the creation of a new physical resource; hence creating one."
                stack.mark(old, "UPDATE_IN_PROGRESS", text)
            resource = Resource(logical, kind, retain=retain)
            if old is not None:
                course.replaced.append((resource, old))
            else:
                course.created.append(resource)
                stack.mark(resource, "CREATE_IN_PROGRESS")
            making.append(resource)
        if not making and not updating:
            return
        yield self.world.delay
        olds = {id(new): old for new, old in course.replaced}
        for resource in making:
            stack.resources[resource.logical] = resource
        yield from self._update_all(stack, updating, mine, failed, course)
        yield from self.make(stack, values, making, mine, failed)
        for resource in making:
            if id(resource) in olds and resource.status == "CREATE_COMPLETE":
                stack.mark(resource, "UPDATE_COMPLETE")

    def _update_all(self, stack: Stack, updating: list[tuple[Resource, dict[str, Any]]], mine: int, failed: list[str], course: Course) -> Steps:
        for resource, new in updating:
            if failed:
                stack.mark(resource, "UPDATE_FAILED", "Resource update cancelled")
                continue
            was = resource.properties
            course.modified.append((resource, was))
            try:
                yield from self._change(stack, resource, new, mine)
                stack.mark(resource, "UPDATE_COMPLETE")
            except Stopped:
                raise
            except Exception as error:
                failed.append(resource.logical)
                stack.mark(resource, "UPDATE_FAILED", reason(resource, error))

    def _change(self, stack: Stack, resource: Resource, new: dict[str, Any], mine: int) -> Steps:
        """In place; waits until it is done."""
        found = schemas.violations(resource.kind, new)
        if found:
            raise ValueError(f"Properties validation failed for resource {resource.logical} with message:\n[{', '.join(found)}]")
        self.refuse_if_ordered(resource, "update")
        handler, place = self.handlers.of(resource.kind), self.place(stack, resource.logical)
        steps = handler.update(place, resource.physical, resource.properties, new)
        for _ in steps or ():
            yield self.pause()
            if stack.operation != mine:
                raise Stopped
        while not handler.ready(place, resource.physical, new):
            yield self.pause()
            if stack.operation != mine:
                raise Stopped
        resource.properties = new
        resource.attributes = handler.attributes(place, resource.physical, new)

    def _back(self, stack: Stack, template: Template, course: Course, mine: int) -> Steps:
        """Undoes an update: changes first, new resources last."""
        yield self.world.delay
        bad: list[str] = []
        for new, old in reversed(course.replaced):
            stack.resources[old.logical] = old
            stack.mark(old, "UPDATE_COMPLETE")
            if not new.physical:
                new.status = "DELETE_COMPLETE"
        for resource, was in reversed(course.modified):
            stack.mark(resource, "UPDATE_IN_PROGRESS")
            yield self.world.delay
            try:
                yield from self._change(stack, resource, was, mine)
                resource.properties = was
                stack.mark(resource, "UPDATE_COMPLETE")
            except Stopped:
                return
            except Exception as error:
                bad.append(resource.logical)
                stack.mark(resource, "UPDATE_FAILED", reason(resource, error))
        if bad:
            stack.set_status("UPDATE_ROLLBACK_FAILED", f"The following resource(s) failed to update: [{', '.join(bad)}]. ")
            return
        stack.set_status("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        yield self.world.delay
        going = [*course.created, *(new for new, _ in course.replaced)]
        yield from self.remove(stack, template, going, mine)
        for resource in course.created:
            stack.resources.pop(resource.logical, None)
        if stack.operation == mine:
            stack.set_status("UPDATE_ROLLBACK_COMPLETE")

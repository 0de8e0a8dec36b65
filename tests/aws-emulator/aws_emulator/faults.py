"""Faults that a test orders: which call goes wrong, how, and how often."""

from __future__ import annotations

import time
from dataclasses import dataclass, fields
from typing import Any

from .errors import AwsError
from .wire import Call

_KINDS = ("throttle", "error", "delay", "cut", "hold", "deny", "expired")


@dataclass
class Rule:
    """One fault.

    It meets calls `nth` to `nth + count - 1` of those that fit service and action (`*` for any), counted from when it was ordered.
    """

    kind: str
    service: str = "*"
    action: str = "*"
    nth: int = 1
    count: int = 1
    # For `error`, `cut` and `hold`: "before" the work or "after" it, so that the caller does not know that it is done.
    when: str = "before"
    # For `delay`.
    seconds: float = 0.0
    # For `error`; the protocol's own if empty.
    code: str = ""
    status: int = 500
    message: str = ""
    # Only calls whose body or path has this text.
    contains: str = ""
    seen: int = 0
    # How many calls a `hold` keeps at the moment; they are cut when the order is taken back.
    held: int = 0
    taken_back: bool = False

    @classmethod
    def read(cls, said: dict[str, Any]) -> Rule:
        """A rule from JSON; refuses what is not known."""
        unknown = set(said) - {field.name for field in fields(cls)}
        if unknown or said.get("kind") not in _KINDS:
            raise AwsError("ValidationException", f"not a fault: {said}, kinds are {', '.join(_KINDS)}")
        return cls(**said)

    def meets(self, call: Call) -> bool:
        """Whether this call is one of those; counts it."""
        if self.service not in ("*", call.service) or self.action not in ("*", call.action):
            return False
        if self.contains:
            # A form is read already, and its body with it.
            text = " ".join([call.request.get_data(as_text=True), call.request.full_path, *call.request.form.values()])
            if self.contains not in text:
                return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.count


class Cut(Exception):
    """The connection ends here, without an answer."""


class Faults:
    """All orders."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def clear(self) -> None:
        """Takes all orders back."""
        for rule in self.rules:
            rule.taken_back = True
        self.rules = []

    def met(self, call: Call) -> list[Rule]:
        """What is ordered for this call."""
        return [rule for rule in self.rules if rule.meets(call)]


def strike(rules: list[Rule], call: Call, when: str) -> None:
    """Does what is ordered for before or after the work."""
    for rule in rules:
        if rule.when != when:
            continue
        if rule.kind == "delay":
            time.sleep(rule.seconds)
        elif rule.kind == "cut":
            raise Cut
        elif rule.kind == "hold":
            rule.held += 1
            while not rule.taken_back:
                time.sleep(0.005)
            raise Cut
        else:
            raise _error(rule, call)


def _error(rule: Rule, call: Call) -> AwsError:
    protocol = call.protocol()
    if rule.kind == "throttle":
        code = {"query": "Throttling", "ec2": "RequestLimitExceeded", "rest-xml": "SlowDown"}.get(protocol, "ThrottlingException")
        return AwsError(code, "Rate exceeded", 503 if protocol in ("ec2", "rest-xml") else 400)
    if rule.kind == "deny":
        code = {"query": "AccessDenied", "ec2": "UnauthorizedOperation", "rest-xml": "AccessDenied"}.get(protocol, "AccessDeniedException")
        what = f"{call.service}:{call.action}"
        user = "arn:aws:iam::123456789012:user/hybridge"
        text = f"User: {user} is not authorized to perform: {what} on resource: * because no identity-based policy allows the {what} action"
        return AwsError(code, rule.message or text, 403)
    if rule.kind == "expired":
        code = {"ec2": "RequestExpired", "json": "ExpiredTokenException", "rest-json": "ExpiredTokenException"}.get(protocol, "ExpiredToken")
        return AwsError(code, "The security token included in the request is expired", 403 if protocol != "json" else 400)
    code = rule.code or {"ec2": "InternalError", "rest-json": "ServerException", "rest-xml": "InternalError"}.get(protocol, "InternalFailure")
    return AwsError(code, rule.message or "An internal error has occurred", rule.status)

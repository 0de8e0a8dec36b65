"""What moto's IAM lacks: SimulatePrincipalPolicy, on the policies that it keeps.

The evaluation is a simple one: Allow and Deny with actions and resources with wildcards. Conditions of a statement count as met when
the request gives a context key for each, or when none is given at all.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote

from moto.iam.models import iam_backends

from .errors import AwsError
from .world import ACCOUNT


class IamMore:
    """Our part of the service."""

    whole = False

    def simulate_principal_policy(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """SimulatePrincipalPolicy."""
        arn = params["PolicySourceArn"]
        statements = _statements(_documents(arn) + list(params.get("PolicyInputList") or []))
        results = []
        for action in params["ActionNames"]:
            for resource in params.get("ResourceArns") or ["*"]:
                decision = _decide(statements, action, resource)
                results.append({"EvalActionName": action, "EvalResourceName": resource, "EvalDecision": decision, "MissingContextValues": []})
        return {"EvaluationResults": results, "IsTruncated": False}


def _documents(arn: str) -> list[str]:
    """The policies of a role or user; the account's own user may do everything, as nobody has given it a policy."""
    backend = iam_backends[ACCOUNT][arn.split(":")[1]]
    kind, _, rest = arn.split(":", 5)[5].partition("/")
    name = rest.split("/")[-1]
    if arn == f"arn:aws:iam::{ACCOUNT}:root" or (kind == "user" and name not in backend.users):
        return [json.dumps({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})]
    if kind == "role":
        owner: Any = next((role for role in backend.roles.values() if role.arn == arn or role.name == name), None)
    else:
        owner = backend.users.get(name)
    if owner is None:
        raise AwsError("NoSuchEntity", f"The principal {arn} cannot be found.", 404)
    inline = owner.policies
    documents = list(inline.values()) if isinstance(inline, dict) else list(inline)
    return documents + [policy.default_version.document for policy in owner.managed_policies.values()]


def _statements(documents: list[Any]) -> list[dict[str, Any]]:
    found = []
    for document in documents:
        said = json.loads(unquote(document)) if isinstance(document, str) else document
        statements = said.get("Statement") or []
        found += statements if isinstance(statements, list) else [statements]
    return found


def _decide(statements: list[dict[str, Any]], action: str, resource: str) -> str:
    decision = "implicitDeny"
    for statement in statements:
        if _meets(statement, action, resource):
            if statement.get("Effect") == "Deny":
                return "explicitDeny"
            decision = "allowed"
    return decision


def _meets(statement: dict[str, Any], action: str, resource: str) -> bool:
    actions, resources = _list(statement.get("Action")), _list(statement.get("Resource"))
    if "NotAction" in statement:
        fits = not any(fnmatchcase(action.lower(), one.lower()) for one in _list(statement["NotAction"]))
    else:
        fits = any(fnmatchcase(action.lower(), one.lower()) for one in actions)
    return fits and ((resource == "*" and bool(resources)) or any(fnmatchcase(resource, one) for one in resources))


def _list(value: Any) -> list[str]:
    return [] if value is None else value if isinstance(value, list) else [value]

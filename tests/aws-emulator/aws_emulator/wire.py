"""Requests on the wire and answers to them, by the service's protocol."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import escape

from moto.core.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.serialize import SerializationContext, get_serializer_class
from werkzeug.wrappers import Request, Response

from . import model, validation
from .errors import AwsError

_SCOPE = re.compile(r"Credential=([^/,]+)/\d+/([^/]+)/([^/]+)/aws4_request")


@dataclass
class Call:
    """What is asked for."""

    service: str
    region: str
    access_key: str
    action: str
    request: Request
    url_params: dict[str, str] = field(default_factory=dict)

    @property
    def operation(self) -> OperationModel | None:
        """Its model."""
        return model.operation(self.service, self.action) if self.service in model.SERVICES else None

    def params(self) -> dict[str, Any]:
        """What the request says, by the model's names, validated."""
        operation = self.operation
        if operation is None:
            raise AwsError("InvalidAction", f"The action {self.action} is not valid for this web service.")
        self._known(operation)
        parser = PROTOCOL_PARSERS[_protocol(operation)](operation)
        params = parser.parse(
            {
                "method": self.request.method,
                "values": self.request.values,
                "headers": self.request.headers,
                "body": self.request.get_data(),
                "url_path": self.request.path,
                "url_params": self.url_params,
            }
        )
        found = validation.violations(operation.input_shape, params) if operation.input_shape else []
        if found:
            self._refuse(found)
        return params

    def _refuse(self, found: list[str]) -> None:
        text = found[0] if len(found) == 1 else "; ".join(found)
        plural = "error" if len(found) == 1 else "errors"
        kind = {"query": "ValidationError", "ec2": "InvalidParameterValue"}.get(self.protocol(), "ValidationException")
        raise AwsError(kind, f"{len(found)} validation {plural} detected: {text}")

    def _known(self, operation: OperationModel) -> None:
        """Refuses members that the model has not: parsers pass over them."""
        shape = operation.input_shape
        protocol = _protocol(operation)
        if protocol in ("query", "ec2"):
            names = {_query_name(name, member, protocol) for name, member in (shape.members if shape else {}).items()}
            names |= {"Action", "Version"}
            for key in self.request.values:
                if key.split(".")[0] not in names:
                    raise AwsError("UnknownParameter", f"The parameter {key} is not recognized")
        elif protocol in ("json", "rest-json") and shape is not None:
            body = self.request.get_data()
            if body and shape.serialization.get("payload") is None:
                try:
                    found = _unknown(shape, json.loads(body), "")
                except json.JSONDecodeError:
                    raise AwsError("SerializationException", "could not parse the body as JSON") from None
                if found:
                    self._refuse(found)

    def protocol(self) -> str:
        """`query`, `ec2`, `json`, `rest-json` or `rest-xml`."""
        return model.service_model(self.service).protocol if self.service in model.SERVICES else "query"

    def answer(self, result: dict[str, Any]) -> Response:
        """The result, as the operation's output."""
        operation = self.operation
        assert operation is not None
        serializer = get_serializer_class(self.service, _protocol(operation))
        context = SerializationContext(str(uuid.uuid4()))
        said = serializer(operation, context=context).serialize(result)
        return Response(said["body"], status=said["status_code"], headers=dict(said["headers"]))

    def refusal(self, error: AwsError) -> Response:
        """An error, as the protocol has them."""
        return _WRITERS[self.protocol()](error)


def understand(request: Request) -> Call | None:
    """Who is asked for what; none if that cannot be told."""
    scope = _SCOPE.search(request.headers.get("Authorization", ""))
    if scope is None:
        return None
    key, region, service = scope.groups()
    call = Call(service, region, key, "", request)
    if service not in model.SERVICES:
        call.action = request.values.get("Action", "") or request.headers.get("X-Amz-Target", "").split(".")[-1]
        return call
    protocol = call.protocol()
    if protocol in ("query", "ec2"):
        call.action = request.values.get("Action", "")
    elif protocol == "json":
        call.action = request.headers.get("X-Amz-Target", "").split(".")[-1]
    else:
        call.action, call.url_params = _by_path(service, request)
    return call


def _by_path(service: str, request: Request) -> tuple[str, dict[str, str]]:
    if service == "s3":
        return f"{request.method.title()}Object", {}
    # Escaped slashes, as ARNs have them, belong to their piece.
    raw = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or request.path
    pieces = raw.split("?")[0].strip("/").split("/")
    for method, pattern, name in model.rest_paths(service):
        if method == request.method and len(pattern) == len(pieces):
            params = {}
            for wanted, piece in zip(pattern, pieces, strict=True):
                if wanted.startswith("{"):
                    params[wanted.strip("{}+")] = unquote(piece)
                elif wanted != piece:
                    break
            else:
                return name, params
    return f"{request.method} {request.path}", {}


def _protocol(operation: OperationModel) -> str:
    return str(operation.service_model.protocol)


def _query_name(name: str, member: Any, protocol: str) -> str:
    said = member.serialization.get("queryName") if protocol == "ec2" else None
    if said is None:
        said = member.serialization.get("name", name)
        if protocol == "ec2":
            said = said[0].upper() + said[1:]
    return said


def _unknown(shape: Any, value: Any, place: str) -> list[str]:
    if shape.type_name == "structure" and isinstance(value, dict):
        names = {member.serialization.get("name", name): member for name, member in shape.members.items()}
        found = []
        for name, item in value.items():
            at = f"{place}.{name}" if place else name
            if name not in names:
                found.append(f"Unknown parameter '{at}', must be one of: {', '.join(names)}")
            else:
                found += _unknown(names[name], item, at)
        return found
    if shape.type_name == "list" and isinstance(value, list):
        return [text for index, item in enumerate(value) for text in _unknown(shape.member, item, f"{place}.{index + 1}")]
    if shape.type_name == "map" and isinstance(value, dict):
        return [text for key, item in value.items() for text in _unknown(shape.value, item, f"{place}.{key}")]
    return []


def _query_error(error: AwsError) -> Response:
    kind = "Sender" if error.status < 500 else "Receiver"
    body = (
        f"<ErrorResponse><Error><Type>{kind}</Type><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
        f"</Error><RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
    )
    return Response(body, status=error.status, content_type="text/xml")


def _ec2_error(error: AwsError) -> Response:
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>{escape(error.code)}</Code>'
        f"<Message>{escape(error.message)}</Message></Error></Errors><RequestID>{uuid.uuid4()}</RequestID></Response>"
    )
    return Response(body, status=error.status, content_type="text/xml")


def _json_error(error: AwsError) -> Response:
    body = json.dumps({"__type": error.code, "message": error.message})
    return Response(body, status=error.status, content_type="application/x-amz-json-1.1")


def _rest_json_error(error: AwsError) -> Response:
    headers = {"x-amzn-ErrorType": error.code}
    body = json.dumps({"message": error.message})
    return Response(body, status=error.status, headers=headers, content_type="application/json")


def _rest_xml_error(error: AwsError) -> Response:
    body = f"<Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message></Error>"
    return Response(body, status=error.status, content_type="application/xml")


_WRITERS = {
    "query": _query_error,
    "ec2": _ec2_error,
    "json": _json_error,
    "rest-json": _rest_json_error,
    "rest-xml": _rest_xml_error,
}

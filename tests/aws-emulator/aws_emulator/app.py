"""The server: tells what is asked for, orders faults, and hands calls to our services or to moto."""

from __future__ import annotations

import io
import socket
import time
import traceback
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from botocore import xform_name
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.wrappers import Request, Response

from . import admin, ec2_outposts, ec2_rules, model
from .cloudformation.service import CloudFormation
from .ec2_more import Ec2More
from .eks.service import Eks
from .errors import AwsError
from .faults import Cut, Faults, strike
from .iam_more import IamMore
from .rolesanywhere import RolesAnywhere
from .ssm_more import SsmMore
from .wire import Call, understand
from .world import World

# Bytes of which a body in the log is kept.
_LOGGED = 2000

# Calls that begin so change nothing.
_READING = ("Describe", "List", "Get", "Search")


class Service(Protocol):
    """Our own service, or our part of one of moto's: a method for each operation, `(region, params) -> answer`."""

    # Whether moto is asked for what this has no method for.
    whole: bool


class App:
    """The WSGI application."""

    def __init__(self, world: World, own_url: str) -> None:
        ec2_rules.install()
        ec2_outposts.install()
        self.own_url = own_url
        self.world = world
        self.faults = Faults()
        # Every service has answered once, so that nobody waits for its model to be read.
        self.warm = False
        self.log: list[dict[str, Any]] = []
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.eks = Eks(world)
        self.rolesanywhere = RolesAnywhere()
        self.ssm = SsmMore()
        self.cloudformation = CloudFormation(world, self.eks, self.rolesanywhere)
        self.services: dict[str, Any] = {
            "cloudformation": self.cloudformation,
            "eks": self.eks,
            "rolesanywhere": self.rolesanywhere,
            "ssm": self.ssm,
            "iam": IamMore(),
            "ec2": Ec2More(),
        }

    def warm_up(self) -> None:
        """Calls each service once."""
        admin.warm_up(self.own_url)
        self.log.clear()
        self.warm = True

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = _read(environ)
        request = Request(environ)
        # Kept: a form that was read is no text any more, and faults look for texts.
        request.get_data()
        if request.path == "/_emulator/aws":
            # Comes back as a call of its own, so the lock must be free.
            return admin.call(self.own_url, request)(environ, start_response)
        if request.path.startswith("/_emulator/"):
            with self.world.lock:
                return admin.answer(self, request)(environ, start_response)
        try:
            return self._call(request, body, environ)(environ, start_response)
        except Cut:
            _cut(environ)
            return []

    def _call(self, request: Request, body: bytes, environ: dict[str, Any]) -> Response:
        call = understand(request)
        if call is None:
            return self._moto(environ, body)
        with self.world.lock:
            rules = self.faults.met(call)
        entry = {"service": call.service, "action": call.action, "region": call.region, "path": request.path, "status": 0}
        entry["time"] = time.time()
        entry["body"] = body[:_LOGGED].decode(errors="replace")
        self.log.append(entry)
        try:
            strike(rules, call, "before")
            response = self._answer(call, body, environ)
            if response.status_code < 300:
                strike(rules, call, "after")
        except AwsError as error:
            response = call.refusal(error)
            entry["error"] = error.code
        except Cut:
            entry["error"] = "cut"
            raise
        entry["status"] = response.status_code
        if not call.action.startswith(_READING):
            with self.world.lock:
                self.world.changes += 1
        return response

    def _answer(self, call: Call, body: bytes, environ: dict[str, Any]) -> Response:
        """The work. moto's own faults become answers, as ours do."""
        known = call.service in model.SERVICES and call.service != "s3"
        with self.world.lock:
            params = call.params() if known else {}
            service = self.services.get(call.service)
            method = getattr(service, xform_name(call.action), None) if service else None
            if method is not None:
                try:
                    answer = method(call.region, params)
                except Exception as error:
                    if not isinstance(error, AwsError):
                        traceback.print_exc()
                    raise AwsError.of(error) from error
                if answer is not None:
                    return call.answer(answer)
            if service is not None and service.whole:
                raise AwsError("InternalFailure", f"the emulator has no {call.service}:{call.action}", 501)
            return self._moto(environ, body)

    def _moto(self, environ: dict[str, Any], body: bytes) -> Response:
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        return Response.from_app(self.moto.get_application(environ), environ)


def _read(environ: dict[str, Any]) -> bytes:
    """Takes the body out, so that it can be read more than once."""
    if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
        body = environ["wsgi.input"].read()
        environ.pop("HTTP_TRANSFER_ENCODING")
    else:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    environ["wsgi.input_terminated"] = True
    return body


def _cut(environ: dict[str, Any]) -> None:
    connection = environ.get("werkzeug.socket")
    if isinstance(connection, socket.socket):
        connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError("cut, as ordered")

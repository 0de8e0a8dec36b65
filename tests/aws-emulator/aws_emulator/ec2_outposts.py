"""Subnets on Outposts, of which moto knows nothing: where they are, and where their local network interfaces are."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses.subnets import Subnets

from .errors import AwsError


def enable_lni(subnet: Any, index: int) -> None:
    """Interfaces at this device index are local network interfaces; 0: there are none."""
    if index and not getattr(subnet, "outpost_arn", None):
        raise AwsError("InvalidParameterValue", f"The subnet '{subnet.id}' is not on an Outpost, so it cannot have local network interfaces.")
    subnet.enable_lni_at_device_index = index


def install() -> None:
    """Puts both attributes beside what moto's own calls do, once."""
    if getattr(Subnets, "_outposts_installed", False):
        return
    Subnets._outposts_installed = True
    create, modify = Subnets.create_subnet, Subnets.modify_subnet_attribute

    def create_subnet(self: Any) -> ActionResult:
        answer = create(self)
        answer.result["Subnet"].outpost_arn = self._get_param("OutpostArn")
        return answer

    def modify_subnet_attribute(self: Any) -> ActionResult:
        index = self._get_param("EnableLniAtDeviceIndex")
        if index is not None:
            enable_lni(self.ec2_backend.get_subnet(self._get_param("SubnetId")), int(index))
        return modify(self)

    Subnets.create_subnet, Subnets.modify_subnet_attribute = create_subnet, modify_subnet_attribute

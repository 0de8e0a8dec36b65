"""Trust anchors and profiles of IAM Roles Anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...rolesanywhere import RolesAnywhere
from .base import Handler, Place, true


def _source(said: dict[str, Any]) -> dict[str, Any]:
    data = said.get("SourceData") or {}
    names = {"X509CertificateData": "x509CertificateData", "AcmPcaArn": "acmPcaArn"}
    return {"sourceType": said.get("SourceType"), "sourceData": {names[key]: value for key, value in data.items()}}


def _tags(place: Place, properties: dict[str, Any]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in place.tags(properties).items()]


class AnywhereTrustAnchor(Handler):
    """AWS::RolesAnywhere::TrustAnchor."""

    def __init__(self, service: RolesAnywhere) -> None:
        self.service = service

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        params = {"name": properties["Name"], "source": _source(properties["Source"]), "tags": _tags(place, properties)}
        params["enabled"] = true(properties.get("Enabled", False))
        return str(self.service.create_trust_anchor(place.region, params)["trustAnchor"]["trustAnchorId"])

    def attributes(self, place: Place, physical: str, properties: dict[str, Any]) -> dict[str, Any]:
        one = self.service.get_trust_anchor(place.region, {"trustAnchorId": physical})["trustAnchor"]
        return {"TrustAnchorArn": one["trustAnchorArn"], "TrustAnchorId": physical}

    def update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None] | None:
        params = {"trustAnchorId": physical, "name": new["Name"], "source": _source(new["Source"])}
        self.service.update_trust_anchor(place.region, params)
        self.service.anchors[place.region, physical]["enabled"] = true(new.get("Enabled", False))
        return None

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        self.service.delete_trust_anchor(place.region, {"trustAnchorId": physical})


class AnywhereProfile(Handler):
    """AWS::RolesAnywhere::Profile."""

    def __init__(self, service: RolesAnywhere) -> None:
        self.service = service

    def _params(self, properties: dict[str, Any]) -> dict[str, Any]:
        params: dict[str, Any] = {"name": properties["Name"], "roleArns": properties["RoleArns"]}
        params["acceptRoleSessionName"] = true(properties.get("AcceptRoleSessionName", False))
        if properties.get("DurationSeconds"):
            params["durationSeconds"] = int(properties["DurationSeconds"])
        for key, name in (("SessionPolicy", "sessionPolicy"), ("ManagedPolicyArns", "managedPolicyArns")):
            if properties.get(key):
                params[name] = properties[key]
        return params

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        params = {**self._params(properties), "enabled": true(properties.get("Enabled", False)), "tags": _tags(place, properties)}
        return str(self.service.create_profile(place.region, params)["profile"]["profileId"])

    def attributes(self, place: Place, physical: str, properties: dict[str, Any]) -> dict[str, Any]:
        one = self.service.get_profile(place.region, {"profileId": physical})["profile"]
        return {"ProfileArn": one["profileArn"], "ProfileId": physical}

    def update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None] | None:
        self.service.update_profile(place.region, {"profileId": physical, **self._params(new)})
        self.service.profiles[place.region, physical]["enabled"] = true(new.get("Enabled", False))
        return None

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        self.service.delete_profile(place.region, {"profileId": physical})

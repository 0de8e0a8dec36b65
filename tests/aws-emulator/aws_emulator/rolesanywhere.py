"""IAM Roles Anywhere, from its API model: trust anchors and profiles."""

from __future__ import annotations

import copy
import uuid
from typing import Any

from cryptography import x509
from moto.iam.models import iam_backends

from .errors import AwsError
from .world import ACCOUNT, now, page, partition

# Certificates of one trust anchor.
_MOST_CERTIFICATES = 2

_MOST = 100


class RolesAnywhere:
    """The service: a method for each operation."""

    whole = True

    def __init__(self) -> None:
        self.anchors: dict[tuple[str, str], dict[str, Any]] = {}
        self.profiles: dict[tuple[str, str], dict[str, Any]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.page_size = 0

    def create_trust_anchor(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """CreateTrustAnchor."""
        self._free(self.anchors, region, params["name"], "Trust anchor")
        _check_source(params["source"])
        one = self._new("trustAnchor", "trust-anchor", region, params)
        one.update(source=copy.deepcopy(params["source"]), enabled=params.get("enabled", False), notificationSettings=[])
        self.anchors[region, one["trustAnchorId"]] = one
        return {"trustAnchor": copy.deepcopy(one)}

    def create_profile(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """CreateProfile."""
        self._free(self.profiles, region, params["name"], "Profile")
        _check_roles(region, params["roleArns"])
        one = self._new("profile", "profile", region, params)
        one.update(
            enabled=params.get("enabled", False),
            roleArns=list(params["roleArns"]),
            managedPolicyArns=list(params.get("managedPolicyArns") or []),
            durationSeconds=params.get("durationSeconds") or 3600,
            acceptRoleSessionName=params.get("acceptRoleSessionName", False),
            requireInstanceProperties=params.get("requireInstanceProperties", False),
            createdBy=f"arn:{partition(region)}:iam::{ACCOUNT}:user/moto",
            attributeMappings=[],
        )
        if params.get("sessionPolicy"):
            one["sessionPolicy"] = params["sessionPolicy"]
        self.profiles[region, one["profileId"]] = one
        return {"profile": copy.deepcopy(one)}

    def _free(self, kept: dict[tuple[str, str], dict[str, Any]], region: str, name: str, what: str) -> None:
        if any(at == region and one["name"] == name for (at, _), one in kept.items()):
            raise AwsError("ConflictException", f"{what} with name {name} already exists.", 409)

    def _new(self, key: str, kind: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
        identity = str(uuid.uuid4())
        arn = f"arn:{partition(region)}:rolesanywhere:{region}:{ACCOUNT}:{kind}/{identity}"
        self.tags[arn] = {tag["key"]: tag["value"] for tag in params.get("tags") or []}
        return {f"{key}Id": identity, f"{key}Arn": arn, "name": params["name"], "createdAt": now(), "updatedAt": now()}

    def _anchor(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        return _get(self.anchors, region, params["trustAnchorId"], "Trust anchor")

    def _profile(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        return _get(self.profiles, region, params["profileId"], "Profile")

    def get_trust_anchor(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """GetTrustAnchor."""
        return {"trustAnchor": copy.deepcopy(self._anchor(region, params))}

    def get_profile(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """GetProfile."""
        return {"profile": copy.deepcopy(self._profile(region, params))}

    def list_trust_anchors(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """ListTrustAnchors."""
        return self._list("trustAnchors", self.anchors, region, params)

    def list_profiles(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """ListProfiles."""
        return self._list("profiles", self.profiles, region, params)

    def _list(self, key: str, kept: dict[tuple[str, str], dict[str, Any]], region: str, params: dict[str, Any]) -> dict[str, Any]:
        found = [copy.deepcopy(one) for (at, _), one in kept.items() if at == region]
        some, token = page(found, params.get("pageSize"), params.get("nextToken"), self.page_size or _MOST)
        return {key: some, "nextToken": token}

    def update_trust_anchor(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """UpdateTrustAnchor."""
        one = self._anchor(region, params)
        if params.get("source"):
            _check_source(params["source"])
            one["source"] = copy.deepcopy(params["source"])
        return {"trustAnchor": _changed(one, params, ("name",))}

    def update_profile(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """UpdateProfile."""
        one = self._profile(region, params)
        if params.get("roleArns") is not None:
            _check_roles(region, params["roleArns"])
        keys = ("name", "roleArns", "managedPolicyArns", "durationSeconds", "acceptRoleSessionName", "sessionPolicy")
        return {"profile": _changed(one, params, keys)}

    def enable_trust_anchor(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """EnableTrustAnchor."""
        return {"trustAnchor": _changed(self._anchor(region, params), {"enabled": True}, ("enabled",))}

    def disable_trust_anchor(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DisableTrustAnchor."""
        return {"trustAnchor": _changed(self._anchor(region, params), {"enabled": False}, ("enabled",))}

    def enable_profile(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """EnableProfile."""
        return {"profile": _changed(self._profile(region, params), {"enabled": True}, ("enabled",))}

    def disable_profile(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DisableProfile."""
        return {"profile": _changed(self._profile(region, params), {"enabled": False}, ("enabled",))}

    def delete_trust_anchor(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DeleteTrustAnchor."""
        one = self._anchor(region, params)
        del self.anchors[region, one["trustAnchorId"]]
        return {"trustAnchor": one}

    def delete_profile(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DeleteProfile."""
        one = self._profile(region, params)
        del self.profiles[region, one["profileId"]]
        return {"profile": one}

    def _tags(self, arn: str) -> dict[str, str]:
        if arn not in self.tags:
            raise AwsError("ResourceNotFoundException", f"Resource {arn} not found.", 404)
        return self.tags[arn]

    def list_tags_for_resource(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """ListTagsForResource."""
        return {"tags": [{"key": key, "value": value} for key, value in self._tags(params["resourceArn"]).items()]}

    def tag_resource(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """TagResource."""
        self._tags(params["resourceArn"]).update({tag["key"]: tag["value"] for tag in params["tags"]})
        return {}

    def untag_resource(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """UntagResource."""
        for key in params["tagKeys"]:
            self._tags(params["resourceArn"]).pop(key, None)
        return {}

    def left(self) -> list[str]:
        """What there is."""
        lines = [f"{region} trust-anchor {one['name']}" for (region, _), one in self.anchors.items()]
        return lines + [f"{region} profile {one['name']}" for (region, _), one in self.profiles.items()]


def _get(kept: dict[tuple[str, str], dict[str, Any]], region: str, identity: str, what: str) -> dict[str, Any]:
    one = kept.get((region, identity))
    if one is None:
        raise AwsError("ResourceNotFoundException", f"{what} {identity} not found.", 404)
    return one


def _changed(one: dict[str, Any], params: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    one.update({key: copy.deepcopy(params[key]) for key in keys if params.get(key) is not None})
    one["updatedAt"] = now()
    return copy.deepcopy(one)


def _check_source(source: dict[str, Any]) -> None:
    data = source.get("sourceData") or {}
    if source.get("sourceType") != "CERTIFICATE_BUNDLE":
        return
    pem = data.get("x509CertificateData") or ""
    try:
        certificates = x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        raise AwsError("ValidationException", "Incorrect basic constraints for CA certificate or unreadable certificate") from None
    if not 1 <= len(certificates) <= _MOST_CERTIFICATES:
        raise AwsError("ValidationException", f"A trust anchor takes one or {_MOST_CERTIFICATES} certificates")
    for certificate in certificates:
        try:
            authority = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except x509.ExtensionNotFound:
            authority = False
        if not authority:
            raise AwsError("ValidationException", "Incorrect basic constraints for CA certificate")


def _check_roles(region: str, arns: list[str]) -> None:
    for arn in arns:
        try:
            iam_backends[ACCOUNT][partition(region)].get_role_by_arn(arn)
        except Exception:
            raise AwsError("ValidationException", f"Role {arn} does not exist") from None

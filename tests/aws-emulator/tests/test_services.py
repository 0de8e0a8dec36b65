"""EKS, Systems Manager, Roles Anywhere, IAM and EC2: what they take and what they refuse; faults that are ordered."""

from __future__ import annotations

import json
import time
import unittest
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError, ConnectionClosedError

from .served import Emulated, authority
from .test_stacks import trust


class Services(Emulated):
    """One emulator for all."""

    def refused(self, code: str, text: str, call: Any, **params: Any) -> None:
        """The call fails with this code, and the message has this text."""
        with self.assertRaises(ClientError) as caught:
            call(**params)
        error = caught.exception.response["Error"]
        self.assertEqual(error["Code"], code, error)
        self.assertIn(text, error["Message"])

    def setUp(self) -> None:
        super().setUp()
        iam, ec2 = self.client("iam"), self.client("ec2")
        self.name = f"c{time.monotonic_ns()}"
        document = json.dumps(trust("eks.amazonaws.com"))
        self.role = iam.create_role(RoleName=self.name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        self.vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.20.{index}.0/24", AvailabilityZone=f"us-west-2{letter}")["Subnet"]["SubnetId"]
            for index, letter in enumerate("abb")
        ]

    def request(self, **more: Any) -> dict[str, Any]:
        """A cluster that EKS would make."""
        plain = {"name": self.name, "roleArn": self.role, "resourcesVpcConfig": {"subnetIds": self.subnets[:2]}}
        return {**plain, "accessConfig": {"authenticationMode": "API"}, **more}

    def remote(self, *nodes: str, pods: tuple[str, ...] = ()) -> dict[str, Any]:
        """Remote networks."""
        said: dict[str, Any] = {"remoteNodeNetworks": [{"cidrs": list(nodes)}]}
        return {**said, "remotePodNetworks": [{"cidrs": list(pods)}]} if pods else said

    def create(self, **more: Any) -> dict[str, Any]:
        """Makes a cluster and waits."""
        self.client("eks").create_cluster(**self.request(**more))
        return self.settled()

    def settled(self) -> dict[str, Any]:
        """The cluster when nothing goes on."""
        while True:
            cluster: dict[str, Any] = self.client("eks").describe_cluster(name=self.name)["cluster"]
            if cluster["status"] == "ACTIVE":
                return cluster
            time.sleep(0.01)

    def test_clusters_that_are_refused(self) -> None:
        create = self.client("eks").create_cluster
        ec2_role = self.client("iam").create_role(RoleName=f"{self.name}x", AssumeRolePolicyDocument=json.dumps(trust("ec2.amazonaws.com")))
        one_zone = {"subnetIds": self.subnets[1:]}
        cases = [
            ("ValidationException", "Member must not be null", {"roleArn": None}),
            ("ValidationException", "pattern", {"name": "has space"}),
            ("ValidationException", "length less than or equal to 1", {"remoteNetworkConfig": {"remoteNodeNetworks": [{"cidrs": []}, {"cidrs": []}]}}),
            ("ValidationException", "Unknown parameter", {"surprise": 1}),
            ("InvalidParameterException", "at least two different AZs", {"resourcesVpcConfig": one_zone}),
            ("InvalidParameterException", "overlaps with VPC CIDR 10.20.0.0/16", {"remoteNetworkConfig": self.remote("10.20.5.0/24")}),
            ("InvalidParameterException", "RFC-1918", {"remoteNetworkConfig": self.remote("8.8.8.0/24")}),
            ("InvalidParameterException", "overlaps with remote node CIDR", {"remoteNetworkConfig": self.remote("10.80.0.0/16", pods=("10.80.1.0/24",))}),
            (
                "InvalidParameterException",
                "AccessConfig AuthMode must be API_AND_CONFIG_MAP or API when remoteNetworkConfig is specified",
                {"remoteNetworkConfig": self.remote("10.80.0.0/16"), "accessConfig": {"authenticationMode": "CONFIG_MAP"}},
            ),
            ("InvalidParameterException", "could not be assumed", {"roleArn": ec2_role["Role"]["Arn"]}),
            ("InvalidParameterException", "unsupported Kubernetes version", {"version": "1.2"}),
        ]
        for code, text, change in cases:
            with self.subTest(text):
                request = {key: value for key, value in self.request(**change).items() if value is not None}
                if "surprise" in change:
                    # boto3 sends no unknown members, so this goes by hand.
                    self._refused_by_hand(request, code, text)
                else:
                    self.refused(code, text, create, **request)
        self.refused("ResourceNotFoundException", "No cluster found", self.client("eks").describe_cluster, name=self.name)

    def _refused_by_hand(self, request: dict[str, Any], code: str, text: str) -> None:
        import urllib.error
        import urllib.request

        headers = {"Authorization": "AWS4-HMAC-SHA256 Credential=AK/20260101/us-west-2/eks/aws4_request, SignedHeaders=host, Signature=0"}
        sent = urllib.request.Request(f"{self.url}/clusters", data=json.dumps(request).encode(), headers=headers, method="POST")
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(sent)
        self.assertEqual(caught.exception.headers["x-amzn-ErrorType"], code)
        self.assertIn(text, caught.exception.read().decode())

    def test_updates_of_a_cluster(self) -> None:
        eks, ec2 = self.client("eks"), self.client("ec2")
        self.create(version="1.33", remoteNetworkConfig=self.remote("10.80.0.0/16"))
        mine = [{"Name": "description", "Values": [f"Amazon EKS {self.name}"]}]
        before = {eni["NetworkInterfaceId"] for eni in ec2.describe_network_interfaces(Filters=mine)["NetworkInterfaces"]}
        self.assertEqual(len(before), 2)
        config = eks.update_cluster_config
        self.refused("InvalidRequestException", "No changes", config, name=self.name, remoteNetworkConfig=self.remote("10.80.0.0/16"))
        self.admin("POST", "delay", {"seconds": 0.3})
        update = config(name=self.name, remoteNetworkConfig=self.remote("10.81.0.0/16"))["update"]
        self.admin("POST", "delay", {"seconds": 0})
        self.assertEqual((update["type"], update["status"]), ("RemoteNetworkConfigUpdate", "InProgress"))
        self.refused("ResourceInUseException", "currently has update", config, name=self.name, remoteNetworkConfig=self.remote("10.82.0.0/16"))
        self.assertEqual(self.settled()["remoteNetworkConfig"]["remoteNodeNetworks"], [{"cidrs": ["10.81.0.0/16"]}])
        self.assertEqual(eks.describe_update(name=self.name, updateId=update["id"])["update"]["status"], "Successful")
        both = {"logging": {"clusterLogging": [{"types": ["api"], "enabled": True}]}, "upgradePolicy": {"supportType": "STANDARD"}}
        self.refused("InvalidParameterException", "Only one type of update", config, name=self.name, **both)
        config(name=self.name, remoteNetworkConfig={"remoteNodeNetworks": [], "remotePodNetworks": []})
        self.assertNotIn("remoteNetworkConfig", self.settled())
        eks.update_cluster_version(name=self.name, version="1.34")
        self.settled()
        after = {eni["NetworkInterfaceId"] for eni in ec2.describe_network_interfaces(Filters=mine)["NetworkInterfaces"]}
        self.assertEqual((len(after), after & before), (2, set()))

    def test_access_entries_and_pages(self) -> None:
        eks, iam = self.client("eks"), self.client("iam")
        self.create()
        arns = []
        for index in range(5):
            name = f"{self.name}-{index}"
            arns.append(iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust("ssm.amazonaws.com")))["Role"]["Arn"])
            eks.create_access_entry(clusterName=self.name, principalArn=arns[-1], type="HYBRID_LINUX")
        entry = eks.describe_access_entry(clusterName=self.name, principalArn=arns[0])["accessEntry"]
        self.assertEqual((entry["type"], entry["kubernetesGroups"]), ("HYBRID_LINUX", ["system:nodes"]))
        create = {"clusterName": self.name, "type": "HYBRID_LINUX"}
        self.refused("ResourceInUseException", "already in use", eks.create_access_entry, principalArn=arns[0], **create)
        nobody = "arn:aws:iam::123456789012:role/nobody"
        self.refused("InvalidParameterException", "invalid principal", eks.create_access_entry, principalArn=nobody, **create)
        self.admin("POST", "page-size", {"size": 2})
        try:
            pages = list(eks.get_paginator("list_access_entries").paginate(clusterName=self.name))
        finally:
            self.admin("POST", "page-size", {"size": 0})
        self.assertEqual([len(page["accessEntries"]) for page in pages], [2, 2, 2])
        policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
        self.refused(
            "InvalidParameterException",
            "cannot be associated",
            eks.associate_access_policy,
            clusterName=self.name,
            principalArn=arns[0],
            policyArn=policy,
            accessScope={"type": "cluster"},
        )

    def test_addons_node_groups_and_identities(self) -> None:
        eks = self.client("eks")
        self.create(version="1.34")
        versions = eks.describe_addon_versions(addonName="coredns", kubernetesVersion="1.34")["addons"][0]["addonVersions"]
        self.assertIn("hybrid", versions[0]["computeTypes"])
        self.refused(
            "InvalidParameterException", "version specified is not supported", eks.create_addon, clusterName=self.name, addonName="coredns", addonVersion="v0"
        )
        eks.create_addon(clusterName=self.name, addonName="coredns")
        self.refused("ResourceInUseException", "already exists", eks.create_addon, clusterName=self.name, addonName="coredns")
        self._wait_addon("coredns", "DEGRADED")
        eks.create_nodegroup(clusterName=self.name, nodegroupName="n", nodeRole=self.role, subnets=self.subnets)
        self._wait_addon("coredns", "ACTIVE")
        self.refused("ResourceInUseException", "nodegroups attached", eks.delete_cluster, name=self.name)
        one = eks.create_pod_identity_association(clusterName=self.name, namespace="a", serviceAccount="b", roleArn=self.role)["association"]
        eks.delete_pod_identity_association(clusterName=self.name, associationId=one["associationId"])
        eks.delete_nodegroup(clusterName=self.name, nodegroupName="n")
        eks.delete_addon(clusterName=self.name, addonName="coredns")
        default = [one for one in eks.describe_cluster_versions()["clusterVersions"] if one["defaultVersion"]]
        self.assertEqual(len(default), 1)

    def _wait_addon(self, name: str, status: str) -> None:
        for _ in range(500):
            found = self.client("eks").describe_addon(clusterName=self.name, addonName=name)["addon"]["status"]
            if found == status:
                return
            time.sleep(0.01)
        self.fail(f"{name} is {found}")

    def test_activations_and_machines(self) -> None:
        ssm, iam = self.client("ssm"), self.client("iam")
        self.refused("ValidationException", "missing ssm service principal", ssm.create_activation, IamRole=self.name)
        role = f"{self.name}-ssm"
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust("ssm.amazonaws.com")))
        late = datetime.now(UTC) + timedelta(days=31)
        self.refused("ValidationException", "30 days", ssm.create_activation, IamRole=role, ExpirationDate=late)
        made = ssm.create_activation(IamRole=role, RegistrationLimit=3, Tags=[{"Key": "EKSClusterARN", "Value": "x"}])
        self.assertEqual(len(made["ActivationCode"]), 20)
        self.admin("POST", "managed-instances", {"InstanceId": "mi-0123456789abcdef0", "ActivationId": made["ActivationId"], "IPAddress": "10.80.0.1"})
        found = ssm.describe_activations(Filters=[{"FilterKey": "IamRole", "FilterValues": [role]}])["ActivationList"]
        self.assertEqual([(one["RegistrationsCount"], one["Expired"]) for one in found], [(1, False)])
        self.assertNotIn(made["ActivationCode"], json.dumps([found, self.admin("GET", "log")], default=str))
        of_role = [{"Key": "IamRole", "Values": [role]}]
        machines = ssm.describe_instance_information(Filters=of_role)["InstanceInformationList"]
        self.assertEqual([one["InstanceId"] for one in machines], ["mi-0123456789abcdef0"])
        ssm.deregister_managed_instance(InstanceId="mi-0123456789abcdef0")
        self.refused("InvalidInstanceId", "not valid", ssm.deregister_managed_instance, InstanceId="mi-0123456789abcdef0")
        ssm.delete_activation(ActivationId=made["ActivationId"])
        self.assertEqual([line for line in self.admin("GET", "left") if "activation" in line or "managed" in line], [])

    def test_trust_anchors_and_profiles(self) -> None:
        anywhere = self.client("rolesanywhere")
        source = {"sourceType": "CERTIFICATE_BUNDLE", "sourceData": {"x509CertificateData": "no certificate"}}
        self.refused("ValidationException", "certificate", anywhere.create_trust_anchor, name="a", source=source)
        source["sourceData"] = {"x509CertificateData": authority()}
        anchor = anywhere.create_trust_anchor(name="a", source=source, enabled=True)["trustAnchor"]
        self.refused("ConflictException", "already exists", anywhere.create_trust_anchor, name="a", source=source)
        profile = anywhere.create_profile(name="p", roleArns=[self.role], enabled=True, acceptRoleSessionName=True)["profile"]
        said = anywhere.get_profile(profileId=profile["profileId"])["profile"]
        self.assertEqual((said["roleArns"], said["durationSeconds"], said["acceptRoleSessionName"]), ([self.role], 3600, True))
        self.assertEqual(anywhere.list_trust_anchors()["trustAnchors"][0]["trustAnchorArn"], anchor["trustAnchorArn"])
        anywhere.delete_profile(profileId=profile["profileId"])
        anywhere.delete_trust_anchor(trustAnchorId=anchor["trustAnchorId"])
        self.refused("ResourceNotFoundException", "not found", anywhere.get_trust_anchor, trustAnchorId=anchor["trustAnchorId"])

    def test_simulated_policies(self) -> None:
        iam = self.client("iam")
        document = {"Statement": [{"Effect": "Allow", "Action": "eks:Describe*", "Resource": "arn:aws:eks:*:*:cluster/a"}]}
        iam.put_role_policy(RoleName=self.name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", **document}))
        ask = {"PolicySourceArn": self.role, "ActionNames": ["eks:DescribeCluster", "eks:ListAccessEntries"]}
        for resource, wanted in (("a", ["allowed", "implicitDeny"]), ("b", ["implicitDeny", "implicitDeny"])):
            arns = [f"arn:aws:eks:us-west-2:123456789012:cluster/{resource}"]
            results = iam.simulate_principal_policy(**ask, ResourceArns=arns)["EvaluationResults"]
            self.assertEqual([one["EvalDecision"] for one in results], wanted)

    def test_transit_gateway_routes_are_propagated(self) -> None:
        ec2 = self.client("ec2")
        transit, private = self.gateways()
        made = ec2.create_transit_gateway_vpc_attachment(TransitGatewayId=transit, VpcId=self.vpc, SubnetIds=self.subnets[:1])
        attachment = made["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
        table = ec2.describe_transit_gateways(TransitGatewayIds=[transit])["TransitGateways"][0]["Options"]["PropagationDefaultRouteTableId"]
        ec2.create_transit_gateway_route(DestinationCidrBlock="10.80.0.0/16", TransitGatewayRouteTableId=table, TransitGatewayAttachmentId=attachment)
        routes = ec2.search_transit_gateway_routes(TransitGatewayRouteTableId=table, Filters=[{"Name": "state", "Values": ["active"]}])["Routes"]
        self.assertEqual({one["DestinationCidrBlock"]: one["Type"] for one in routes}, {"10.20.0.0/16": "propagated", "10.80.0.0/16": "static"})
        ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=attachment)
        ec2.attach_vpn_gateway(VpcId=self.vpc, VpnGatewayId=private)
        other = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
        self.refused("InvalidVpcState", "already has", ec2.attach_vpn_gateway, VpcId=self.vpc, VpnGatewayId=other)
        main = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])["RouteTables"][0]["RouteTableId"]
        ec2.enable_vgw_route_propagation(GatewayId=private, RouteTableId=main)
        found = ec2.describe_route_tables(RouteTableIds=[main])["RouteTables"][0]["PropagatingVgws"]
        self.assertEqual(found, [{"GatewayId": private}])

    def test_ordered_faults(self) -> None:
        eks, ec2, ssm = self.client("eks"), self.client("ec2"), self.client("ssm")
        for kind, service, code in (
            ("throttle", "eks", "ThrottlingException"),
            ("throttle", "ec2", "RequestLimitExceeded"),
            ("deny", "ec2", "UnauthorizedOperation"),
            ("deny", "ssm", "AccessDeniedException"),
            ("expired", "eks", "ExpiredTokenException"),
            ("error", "ssm", "InternalFailure"),
        ):
            call = {"eks": eks.list_clusters, "ec2": ec2.describe_vpcs, "ssm": ssm.describe_activations}[service]
            self.admin("POST", "faults", {"kind": kind, "service": service, "nth": 2})
            call()
            with self.subTest((kind, service)):
                self.refused(code, "", call)
            call()
            self.admin("DELETE", "faults")

    def test_a_cut_after_the_work_leaves_it_done(self) -> None:
        ec2 = self.client("ec2")
        count = len(ec2.describe_vpcs()["Vpcs"])
        for when, more in (("before", 0), ("after", 1)):
            self.admin("POST", "faults", {"kind": "cut", "action": "CreateVpc", "when": when})
            with self.assertRaises(ConnectionClosedError):
                ec2.create_vpc(CidrBlock="10.44.0.0/16")
            self.assertEqual(len(ec2.describe_vpcs()["Vpcs"]), count + more)

    def test_a_fault_meets_calls_with_its_text_alone(self) -> None:
        ec2 = self.client("ec2")
        self.admin("POST", "faults", {"kind": "error", "action": "CreateVpc", "contains": "10.46.0.0", "count": 9})
        self.refused("InternalError", "", lambda: ec2.create_vpc(CidrBlock="10.46.0.0/16"))
        ec2.create_vpc(CidrBlock="10.45.0.0/16")

    def test_objects_in_buckets_are_left(self) -> None:
        s3 = self.client("s3")
        s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        s3.put_object(Bucket="kept", Key="a/b.json", Body=b"{}")
        self.assertLess({"s3 bucket kept", "s3 object kept/a/b.json"}, set(self.admin("GET", "left")))
        s3.delete_object(Bucket="kept", Key="a/b.json")
        self.assertNotIn("s3 object kept/a/b.json", self.admin("GET", "left"))

    def test_a_real_api_server_stands_in(self) -> None:
        self.create()
        self.admin("POST", "endpoint", {"cluster": self.name, "endpoint": "https://10.0.0.1:6443", "certificateAuthority": "Zm9v"})
        cluster = self.settled()
        self.assertEqual((cluster["endpoint"], cluster["certificateAuthority"]["data"]), ("https://10.0.0.1:6443", "Zm9v"))


if __name__ == "__main__":
    unittest.main()

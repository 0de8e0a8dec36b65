"""eksctl's own templates: those that can be deployed are, the others are refused for the right reason."""

from __future__ import annotations

import json
import unittest

from .served import Emulated, authority, golden

_TGW, _VGW = "tgw-0123456789abcdef0", "vgw-0123456789abcdef0"


class Goldens(Emulated):
    maxDiff = None
    """Each template by its number."""

    def test_what_can_be_deployed_is_with_every_output_and_nothing_is_left_after_delete(self) -> None:
        transit, private = self.gateways()
        before = self.admin("GET", "left")
        for number in ("01", "02", "03", "04", "06", "14", "20", "22"):
            with self.subTest(number):
                body = golden(number).replace(_TGW, transit).replace(_VGW, private)
                body = body.replace("-----BEGIN CERTIFICATE-----\\nMIIBdummydummydummy\\n-----END CERTIFICATE-----\\n", json.dumps(authority())[1:-1])
                body = body.replace("-----BEGIN CERTIFICATE-----\\nMIIBdummydummydummy\\n-----END CERTIFICATE-----", json.dumps(authority())[1:-1])
                stack = self.deploy(f"eksctl-h{number}-cluster", body)
                self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE", self.reasons(stack["StackId"]))
                template = json.loads(body)
                self.assertEqual({one["OutputKey"] for one in stack["Outputs"]}, set(template["Outputs"]))
                self.assertTrue(all(one["OutputValue"] for one in stack["Outputs"]), stack["Outputs"])
                self._cluster_is_as_the_template_says(f"h{number}", template)
                gone = self.delete(stack["StackName"])
                self.assertEqual(gone["StackStatus"], "DELETE_COMPLETE", self.reasons(gone["StackId"]))
                self.assertEqual(self.admin("GET", "left"), before)

    def _cluster_is_as_the_template_says(self, name: str, template: dict[str, object]) -> None:
        eks, ec2 = self.client("eks"), self.client("ec2")
        cluster = eks.describe_cluster(name=name)["cluster"]
        resources = template["Resources"]
        assert isinstance(resources, dict)
        wanted = resources["ControlPlane"]["Properties"].get("RemoteNetworkConfig", {})
        nodes = [one["cidrs"] for one in cluster.get("remoteNetworkConfig", {}).get("remoteNodeNetworks", [])]
        self.assertEqual(nodes, [one["Cidrs"] for one in wanted.get("RemoteNodeNetworks", [])])
        enis = ec2.describe_network_interfaces(Filters=[{"Name": "description", "Values": [f"Amazon EKS {name}"]}])["NetworkInterfaces"]
        self.assertEqual(len({eni["AvailabilityZone"] for eni in enis}), 2)
        if wanted:
            entries = [
                eks.describe_access_entry(clusterName=name, principalArn=one)["accessEntry"]
                for one in eks.list_access_entries(clusterName=name)["accessEntries"]
            ]
            self.assertIn("HYBRID_LINUX", [one["type"] for one in entries])
        hybrid = [one for one in resources if one.startswith(("TGWPrivate", "VGWPrivate"))]
        tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [cluster["resourcesVpcConfig"]["vpcId"]]}])["RouteTables"]
        routes = [route for table in tables for route in table["Routes"] if "TransitGatewayId" in route or route.get("GatewayId", "").startswith("vgw")]
        self.assertEqual(len(routes), len(hybrid))

    def test_a_role_that_is_not_in_the_template_is_named(self) -> None:
        for number in ("08", "16"):
            with self.assertRaises(Exception) as caught:
                self.deploy(f"eksctl-h{number}-cluster", golden(number))
            self.assertIn("Fn::GetAtt references undefined resource HybridNodesSSMRole", str(caught.exception))

    def test_an_existing_vpc_keeps_what_was_there(self) -> None:
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.30.0.0/16")["Vpc"]["VpcId"]
        body = golden("09")
        for index, letter in enumerate("ab"):
            made = ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.30.{index}.0/24", AvailabilityZone=f"us-west-2{letter}")
            body = body.replace(f"subnet-prv0000{letter}", made["Subnet"]["SubnetId"])
        body = body.replace("vpc-11111111", vpc)
        before = self.admin("GET", "left")
        stack = self.deploy("eksctl-h09-cluster", body)
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE", self.reasons(stack["StackId"]))
        self.delete("eksctl-h09-cluster")
        self.assertEqual(self.admin("GET", "left"), before)


if __name__ == "__main__":
    unittest.main()

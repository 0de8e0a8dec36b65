"""CloudFormation's ways: uniqueness, rollback, replacement, exports, protection, refusals."""

from __future__ import annotations

import json
import time
import unittest
from typing import Any

from .served import REGION, Emulated


def network(**more: Any) -> dict[str, Any]:
    """A VPC with a route table, and what else there is."""
    resources: dict[str, Any] = {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.9.0.0/16"}},
        "Table": {"Type": "AWS::EC2::RouteTable", "Properties": {"VpcId": {"Ref": "Vpc"}}},
        "Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "g", "VpcId": {"Ref": "Vpc"}}},
        "Igw": {"Type": "AWS::EC2::InternetGateway"},
        "Attachment": {"Type": "AWS::EC2::VPCGatewayAttachment", "Properties": {"VpcId": {"Ref": "Vpc"}, "InternetGatewayId": {"Ref": "Igw"}}},
    }
    return {"Resources": {**resources, **more}, "Outputs": {"Vpc": {"Value": {"Ref": "Vpc"}}}}


def route(destination: str) -> dict[str, Any]:
    """To the internet gateway."""
    properties = {"RouteTableId": {"Ref": "Table"}, "DestinationCidrBlock": destination, "GatewayId": {"Ref": "Igw"}}
    return {"Type": "AWS::EC2::Route", "DependsOn": "Attachment", "Properties": properties}


def rule(cidr: str, description: str = "") -> dict[str, Any]:
    """Lets HTTPS in."""
    properties: dict[str, Any] = {"GroupId": {"Ref": "Group"}, "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": cidr}
    if description:
        properties["Description"] = description
    return {"Type": "AWS::EC2::SecurityGroupIngress", "Properties": properties}


def attached(gateway: str) -> dict[str, Any]:
    """A virtual private gateway at the VPC."""
    return {"Type": "AWS::EC2::VPCGatewayAttachment", "Properties": {"VpcId": {"Ref": "Vpc"}, "VpnGatewayId": gateway}}


class Stacks(Emulated):
    """One emulator for all."""

    def setUp(self) -> None:
        super().setUp()
        self.before = self.admin("GET", "left")

    def fails(self, body: dict[str, Any], logical: str, text: str) -> None:
        """Creation fails at this resource with this text, the rest is cancelled or taken back, nothing is left."""
        stack = self.deploy("fails", body)
        self.assertEqual(stack["StackStatus"], "ROLLBACK_COMPLETE")
        self.assertIn(text, self.reasons("fails")[logical])
        self.delete("fails")
        self.assertEqual(self.admin("GET", "left"), self.before)

    def test_duplicates_fail_and_roll_back(self) -> None:
        self.fails(network(A=route("10.1.0.0/16"), B=route("10.1.0.0/16")), "B", "RouteAlreadyExists")
        self.fails(network(A=rule("10.1.0.0/16"), B=rule("10.1.0.0/16")), "B", "InvalidPermission.Duplicate")
        gateways = [self.client("ec2").create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"] for _ in range(2)]
        self.before = self.admin("GET", "left")
        self.fails(network(A=attached(gateways[0]), B=attached(gateways[1])), "B", "already has an attached vpn gateway")
        role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust("ec2.amazonaws.com"), "RoleName": "same"}}
        stack = self.client("cloudformation").create_stack(
            StackName="named", TemplateBody=json.dumps({"Resources": {"A": role, "B": role}}), Capabilities=["CAPABILITY_NAMED_IAM"]
        )
        self.assertEqual(self.wait(stack["StackId"])["StackStatus"], "ROLLBACK_COMPLETE")
        self.delete("named")
        self.assertEqual(self.admin("GET", "left"), self.before)

    def test_the_first_real_cause_stands_before_the_cascade(self) -> None:
        self.deploy("cascade", network(A=rule("10.1.0.0/16"), B=rule("banana"), C=rule("10.3.0.0/16"), D=rule("10.4.0.0/16")))
        events = self.client("cloudformation").describe_stack_events(StackName="cascade")["StackEvents"]
        failed = [event for event in reversed(events) if event["ResourceStatus"] == "CREATE_FAILED"]
        self.assertEqual(failed[0]["LogicalResourceId"], "B")
        self.assertEqual({event["ResourceStatusReason"] for event in failed[1:]}, {"Resource creation cancelled"})
        self.assertEqual(events[0]["ResourceStatus"], "ROLLBACK_COMPLETE")
        with self.assertRaisesRegex(Exception, "is in ROLLBACK_COMPLETE state and can not be updated"):
            self.update("cascade", network())
        self.delete("cascade")

    def test_new_comes_before_old_so_a_moved_name_is_a_duplicate_and_is_rolled_back(self) -> None:
        self.deploy("moved", network(A=rule("10.1.0.0/16")))
        state = self.admin("GET", "left")
        change, stack = self.update("moved", network(B=rule("10.1.0.0/16")))
        actions = {one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"]["Action"] for one in change["Changes"]}
        self.assertEqual(actions, {"A": "Remove", "B": "Add"})
        self.assertEqual(stack["StackStatus"], "UPDATE_ROLLBACK_COMPLETE")
        self.assertIn("InvalidPermission.Duplicate", self.reasons("moved")["B"])
        self.assertEqual(self.admin("GET", "left"), state)
        self.delete("moved")

    def test_an_update_replaces_changes_adds_and_removes(self) -> None:
        self.deploy("changes", network(A=rule("10.1.0.0/16"), B=rule("10.2.0.0/16"), R=route("10.5.0.0/16")))
        change, stack = self.update("changes", network(A=rule("10.3.0.0/16"), B=rule("10.2.0.0/16", "told"), N=route("10.6.0.0/16")))
        self.assertEqual(stack["StackStatus"], "UPDATE_COMPLETE", self.reasons("changes"))
        said = {one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"] for one in change["Changes"]}
        self.assertEqual(
            {key: (one["Action"], one.get("Replacement")) for key, one in said.items()},
            {"A": ("Modify", "True"), "B": ("Modify", "False"), "R": ("Remove", None), "N": ("Add", None)},
        )
        left = "\n".join(self.admin("GET", "left"))
        for there in ("443-443 10.3.0.0/16", "443-443 10.2.0.0/16", " 10.6.0.0/16 igw-"):
            self.assertIn(there, left)
        for gone in ("443-443 10.1.0.0/16", " 10.5.0.0/16 "):
            self.assertNotIn(gone, left)
        change, _ = self.update("changes", network(A=rule("10.3.0.0/16"), B=rule("10.2.0.0/16", "told"), N=route("10.6.0.0/16")))
        self.assertEqual(change["Status"], "FAILED")
        self.assertIn("didn't contain changes", change["StatusReason"])
        self.delete("changes")
        self.assertEqual(self.admin("GET", "left"), self.before)

    def test_what_refers_to_something_replaced_is_replaced_with_it(self) -> None:
        self.deploy("chain", network(A=rule("10.1.0.0/16")))
        body = network(A=rule("10.1.0.0/16"))
        body["Resources"]["Group"]["Properties"]["GroupDescription"] = "another"
        change, stack = self.update("chain", body)
        replaced = {one["ResourceChange"]["LogicalResourceId"] for one in change["Changes"] if one["ResourceChange"]["Replacement"] == "True"}
        self.assertEqual((replaced, stack["StackStatus"]), ({"Group", "A"}, "UPDATE_COMPLETE"))
        self.delete("chain")
        self.assertEqual(self.admin("GET", "left"), self.before)

    def test_a_failed_update_puts_back_what_it_changed(self) -> None:
        self.deploy("back", network(A=rule("10.1.0.0/16"), B=rule("10.2.0.0/16")))
        state = self.admin("GET", "left")
        body = network(A=rule("10.7.0.0/16"), B=rule("10.2.0.0/16", "told"), C=rule("10.8.0.0/16"), Z=rule("banana"))
        _, stack = self.update("back", body)
        self.assertEqual(stack["StackStatus"], "UPDATE_ROLLBACK_COMPLETE")
        self.assertEqual(self.admin("GET", "left"), state)
        self.assertEqual(
            json.loads(json.dumps(self.client("cloudformation").get_template(StackName="back")["TemplateBody"])),
            network(A=rule("10.1.0.0/16"), B=rule("10.2.0.0/16")),
        )
        self.delete("back")

    def test_refused_templates(self) -> None:
        good = network()
        cases = [
            ({"Resources": {"R": route("10.0.0.0/8")}}, "Unresolved resource dependencies"),
            ({"Resources": {"R": {"Type": "AWS::EC2::Nothing"}}}, "Unrecognized resource types"),
            ({**good, "Outputs": {"O": {"Value": {"Fn::GetAtt": ["Vpc", "Nothing"]}}}}, "does not support attribute type Nothing"),
            ({"Resources": {}}, "At least one Resources member"),
            ({**good, "Surprise": 1}, "Invalid template property or properties"),
            ({**good, "Metadata": {"x": "y" * 52_000}}, "51200"),
        ]
        for body, text in cases:
            with self.subTest(text), self.assertRaisesRegex(Exception, text):
                self.deploy("refused", body)
        body = {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust("ec2.amazonaws.com")}}}}
        with self.assertRaisesRegex(Exception, r"Requires capabilities : \[CAPABILITY_IAM\]"):
            self.client("cloudformation").create_stack(StackName="refused", TemplateBody=json.dumps(body))
        bad = network()
        bad["Resources"]["Vpc"]["Properties"]["Cidr"] = "10.0.0.0/8"
        self.fails(bad, "Vpc", "extraneous key [Cidr] is not permitted")

    def test_a_long_template_comes_from_s3(self) -> None:
        s3 = self.client("s3")
        s3.create_bucket(Bucket="templates", CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket="templates", Key="a/b.json", Body=json.dumps({**network(), "Metadata": {"x": "y" * 52_000}}))
        cfn = self.client("cloudformation")
        with self.assertRaisesRegex(Exception, "TemplateURL must reference"):
            cfn.create_stack(StackName="long", TemplateURL=f"{self.url}/templates/c.json")
        for url in (f"{self.url}/templates/a/b.json", "https://templates.s3.us-west-2.amazonaws.com/a/b.json"):
            stack = cfn.create_stack(StackName="long", TemplateURL=url)
            self.assertEqual(self.wait(stack["StackId"])["StackStatus"], "CREATE_COMPLETE")
            self.delete("long")
        s3.delete_object(Bucket="templates", Key="a/b.json")
        s3.delete_bucket(Bucket="templates")

    def test_exports_are_unique_and_held_by_their_users(self) -> None:
        body = network()
        body["Outputs"]["Vpc"]["Export"] = {"Name": {"Fn::Sub": "shared-vpc"}}
        self.assertEqual(self.deploy("owner", body)["StackStatus"], "CREATE_COMPLETE")
        self.assertEqual(self.deploy("second", body)["StackStatus"], "ROLLBACK_COMPLETE")
        user = {"Resources": {"T": {"Type": "AWS::EC2::RouteTable", "Properties": {"VpcId": {"Fn::ImportValue": "shared-vpc"}}}}}
        self.assertEqual(self.deploy("user", user)["StackStatus"], "CREATE_COMPLETE")
        self.assertEqual(self.delete("owner")["StackStatus"], "DELETE_FAILED")
        for name in ("user", "owner", "second"):
            self.assertEqual(self.delete(name)["StackStatus"], "DELETE_COMPLETE")
        self.assertEqual(self.admin("GET", "left"), self.before)

    def test_protection_and_names(self) -> None:
        cfn = self.client("cloudformation")
        self.deploy("kept", network(), EnableTerminationProtection=True)
        with self.assertRaisesRegex(Exception, "cannot be deleted while TerminationProtection is enabled"):
            cfn.delete_stack(StackName="kept")
        with self.assertRaisesRegex(Exception, "already exists"):
            self.deploy("kept", network())
        with self.assertRaisesRegex(Exception, "cannot be created again with the changeSet"):
            cfn.create_change_set(StackName="kept", ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=json.dumps(network()))
        cfn.update_termination_protection(StackName="kept", EnableTerminationProtection=False)
        self.assertEqual(self.delete("kept")["StackStatus"], "DELETE_COMPLETE")
        with self.assertRaisesRegex(Exception, "Stack with id kept does not exist"):
            cfn.describe_stacks(StackName="kept")
        cfn.delete_stack(StackName="kept")

    def test_a_stack_made_by_change_set_and_deleted_while_it_is_made(self) -> None:
        cfn = self.client("cloudformation")
        self.admin("POST", "delay", {"seconds": 0.2})
        try:
            cfn.create_change_set(StackName="slow", ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=json.dumps(network(R=route("0.0.0.0/0"))))
            self.assertEqual(cfn.describe_stacks(StackName="slow")["Stacks"][0]["StackStatus"], "REVIEW_IN_PROGRESS")
            with self.assertRaisesRegex(Exception, "cannot be executed in its current status"):
                cfn.execute_change_set(StackName="slow", ChangeSetName="c")
            while cfn.describe_change_set(StackName="slow", ChangeSetName="c")["Status"] != "CREATE_COMPLETE":
                time.sleep(0.05)
            cfn.execute_change_set(StackName="slow", ChangeSetName="c", ClientRequestToken="once")
            cfn.execute_change_set(StackName="slow", ChangeSetName="c", ClientRequestToken="once")
            time.sleep(0.5)
            self.assertEqual(self.delete("slow")["StackStatus"], "DELETE_COMPLETE")
        finally:
            self.admin("POST", "delay", {"seconds": 0})
        self.assertEqual(self.admin("GET", "left"), self.before)

    def test_failures_that_are_ordered(self) -> None:
        self.admin("POST", "resource-failures", {"type": "AWS::EC2::RouteTable", "reason": "no tables today", "count": 1})
        self.fails(network(), "Table", "no tables today")
        self.admin("POST", "resource-failures", {"logicalId": "Table", "on": "delete", "reason": "stays", "count": 1})
        self.deploy("stays", network())
        self.assertEqual(self.delete("stays")["StackStatus"], "DELETE_FAILED")
        self.assertEqual(self.delete("stays")["StackStatus"], "DELETE_COMPLETE")
        self.assertEqual(self.admin("GET", "left"), self.before)

    def test_lists_come_in_pages(self) -> None:
        self.deploy("paged", network())
        cfn = self.client("cloudformation")
        self.admin("POST", "page-size", {"size": 2})
        try:
            pages = list(cfn.get_paginator("list_stack_resources").paginate(StackName="paged"))
            events = list(cfn.get_paginator("describe_stack_events").paginate(StackName="paged"))
        finally:
            self.admin("POST", "page-size", {"size": 0})
        self.assertEqual([len(page["StackResourceSummaries"]) for page in pages], [2, 2, 1])
        self.assertGreater(len(events), 5)
        self.delete("paged")


def trust(service: str) -> dict[str, Any]:
    """A trust policy."""
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": [service]}, "Action": ["sts:AssumeRole"]}]}


if __name__ == "__main__":
    unittest.main()

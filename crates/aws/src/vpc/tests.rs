use hybridge_cluster::world::{AclEntry, IpPermission, IpRange, PortRange, Route, Tag};

use super::*;
use crate::fake::{Fake, Reply, Request};

/// Answers each action by its element of the list below.
async fn ec2(answers: &'static [(&'static str, &'static str)]) -> (Fake, Session) {
    let fake = Fake::start(move |request: &Request| {
        let action = request.action().to_owned();
        let found = answers.iter().find(|(name, _)| *name == action);
        let body = found.map_or_else(|| panic!("{action}"), |(_, body)| *body);
        Reply::ok(format!("<?xml version=\"1.0\"?><{action}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>x</requestId>{body}</{action}Response>"))
    })
    .await;
    let session = Session::to_fake(&fake);
    (fake, session)
}

fn form(fake: &Fake, number: usize) -> Vec<String> {
    fake.seen()[number].form().into_iter().map(|(key, value)| format!("{key}={value}")).collect()
}

#[tokio::test]
async fn zones_are_those_of_the_account() {
    let (fake, session) = ec2(&[(
        "DescribeAvailabilityZones",
        "<availabilityZoneInfo><item><zoneName>eu-central-1a</zoneName><zoneState>available</zoneState><zoneId>euc1-az2</zoneId>\
         <zoneType>availability-zone</zoneType><regionName>eu-central-1</regionName><messageSet/></item></availabilityZoneInfo>",
    )])
    .await;
    let zone = Zone {
        zone_name: "eu-central-1a".into(),
        zone_id: "euc1-az2".into(),
        zone_type: "availability-zone".into(),
        state: "available".into(),
    };
    assert_eq!(session.availability_zones().await.unwrap(), [zone]);
    assert_eq!(fake.seen()[0].body, "Action=DescribeAvailabilityZones&Version=2016-11-15");
    assert_eq!(fake.seen()[0].scope(), "ec2/eu-central-1");
}

#[tokio::test]
async fn vpcs_come_with_the_networks_they_have_now_and_their_dns_attributes() {
    let fake = Fake::start(|request: &Request| match request.form().get("Attribute").map(String::as_str) {
        Some("enableDnsSupport") => {
            Reply::ok("<DescribeVpcAttributeResponse><vpcId>vpc-1</vpcId><enableDnsSupport><value>true</value></enableDnsSupport></DescribeVpcAttributeResponse>")
        }
        Some(_) => {
            Reply::ok("<DescribeVpcAttributeResponse><enableDnsHostnames><value>false</value></enableDnsHostnames></DescribeVpcAttributeResponse>")
        }
        None => {
            let cidr = |cidr: &str, state: &str| {
                format!("<item><cidrBlock>{cidr}</cidrBlock><cidrBlockState><state>{state}</state></cidrBlockState></item>")
            };
            let cidrs = [cidr("10.0.0.0/16", "associated"), cidr("10.1.0.0/16", "disassociated"), cidr("10.2.0.0/16", "associated")].concat();
            Reply::ok(format!(
                "<DescribeVpcsResponse><vpcSet><item><vpcId>vpc-1</vpcId><cidrBlock>10.0.0.0/16</cidrBlock>\
                 <cidrBlockAssociationSet>{cidrs}</cidrBlockAssociationSet></item></vpcSet></DescribeVpcsResponse>"
            ))
        }
    })
    .await;
    let found = Session::to_fake(&fake).vpcs(&["vpc-1"]).await.unwrap();
    let cidrs: Vec<_> = found[0].cidr_block_association_set.iter().map(|one| one.cidr_block.as_str()).collect();
    assert_eq!(cidrs, ["10.0.0.0/16", "10.2.0.0/16"]);
    assert_eq!((found[0].enable_dns_support, found[0].enable_dns_hostnames), (Some(true), Some(false)));
    assert_eq!(form(&fake, 0), ["Filter.1.Name=vpc-id", "Filter.1.Value.1=vpc-1", "MaxResults=1000"]);
    assert_eq!(form(&fake, 1), ["Attribute=enableDnsSupport", "VpcId=vpc-1"]);
}

#[tokio::test]
async fn subnets_are_found_by_vpc_and_by_identifier() {
    let (fake, session) = ec2(&[(
        "DescribeSubnets",
        "<subnetSet><item><subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId><availabilityZone>eu-central-1a</availabilityZone>\
         <availabilityZoneId>euc1-az2</availabilityZoneId><cidrBlock>10.0.0.0/24</cidrBlock><availableIpAddressCount>251</availableIpAddressCount>\
         <mapPublicIpOnLaunch>true</mapPublicIpOnLaunch><outpostArn>arn:o</outpostArn><enableLniAtDeviceIndex>7</enableLniAtDeviceIndex>\
         <tagSet><item><key>kubernetes.io/role/elb</key><value>1</value></item></tagSet></item></subnetSet>",
    )])
    .await;
    let found = session.subnets("vpc-1").await.unwrap();
    assert_eq!(
        found,
        [Subnet {
            subnet_id: "subnet-1".into(),
            vpc_id: "vpc-1".into(),
            availability_zone: "eu-central-1a".into(),
            availability_zone_id: "euc1-az2".into(),
            cidr_block: "10.0.0.0/24".into(),
            available_ip_address_count: Some(251),
            map_public_ip_on_launch: true,
            outpost_arn: "arn:o".into(),
            enable_lni_at_device_index: Some(7),
            tags: vec![Tag { key: "kubernetes.io/role/elb".into(), value: "1".into() }],
        }]
    );
    let many: Vec<String> = (0..201).map(|number| format!("subnet-{number}")).collect();
    assert_eq!(session.subnets_by_id(&many).await.unwrap().len(), 2);
    assert!(form(&fake, 1).contains(&"Filter.1.Value.200=subnet-199".to_owned()));
    assert_eq!(form(&fake, 2), ["Filter.1.Name=subnet-id", "Filter.1.Value.1=subnet-200", "MaxResults=1000"]);
}

#[tokio::test]
async fn route_tables_have_routes_of_every_kind() {
    let (fake, session) = ec2(&[(
        "DescribeRouteTables",
        "<routeTableSet><item><routeTableId>rtb-1</routeTableId><vpcId>vpc-1</vpcId><associationSet>\
         <item><routeTableAssociationId>a</routeTableAssociationId><main>true</main></item>\
         <item><subnetId>subnet-1</subnetId><main>false</main></item></associationSet>\
         <propagatingVgwSet><item><gatewayId>vgw-1</gatewayId></item></propagatingVgwSet><routeSet>\
         <item><destinationCidrBlock>10.0.0.0/16</destinationCidrBlock><gatewayId>local</gatewayId><state>active</state><origin>CreateRouteTable</origin></item>\
         <item><destinationCidrBlock>10.80.0.0/16</destinationCidrBlock><transitGatewayId>tgw-1</transitGatewayId><state>blackhole</state><origin>CreateRoute</origin></item>\
         <item><destinationIpv6CidrBlock>::/0</destinationIpv6CidrBlock><natGatewayId>nat-1</natGatewayId><state>active</state></item>\
         </routeSet><tagSet/></item></routeTableSet>",
    )])
    .await;
    let found = session.route_tables("vpc-1").await.unwrap();
    let table = &found[0];
    let main: Vec<_> = table.associations.iter().map(|one| (one.subnet_id.as_str(), one.main)).collect();
    assert_eq!(main, [("", true), ("subnet-1", false)]);
    assert_eq!(table.propagating_vgws[0].gateway_id, "vgw-1");
    let transit = Route {
        destination_cidr_block: "10.80.0.0/16".into(),
        transit_gateway_id: "tgw-1".into(),
        state: "blackhole".into(),
        origin: "CreateRoute".into(),
        ..Route::default()
    };
    assert_eq!(table.routes[1], transit);
    assert_eq!((table.routes[0].gateway_id.as_str(), table.routes[2].destination_cidr_block.as_str()), ("local", ""));
    // EC2 takes no more here.
    assert!(form(&fake, 0).contains(&"MaxResults=100".to_owned()));
}

#[tokio::test]
async fn security_groups_have_rules_in_and_out() {
    let (_fake, session) = ec2(&[(
        "DescribeSecurityGroups",
        "<securityGroupInfo><item><groupId>sg-1</groupId><groupName>eks</groupName><vpcId>vpc-1</vpcId><ipPermissions>\
         <item><ipProtocol>tcp</ipProtocol><fromPort>443</fromPort><toPort>443</toPort><groups/>\
         <ipRanges><item><cidrIp>10.80.0.0/16</cidrIp><description>site</description></item></ipRanges><prefixListIds/></item>\
         <item><ipProtocol>-1</ipProtocol><groups><item><groupId>sg-2</groupId></item></groups><ipRanges/>\
         <prefixListIds><item><prefixListId>pl-1</prefixListId></item></prefixListIds></item></ipPermissions>\
         <ipPermissionsEgress><item><ipProtocol>-1</ipProtocol><ipRanges><item><cidrIp>0.0.0.0/0</cidrIp></item></ipRanges></item>\
         </ipPermissionsEgress></item></securityGroupInfo>",
    )])
    .await;
    let found = session.security_groups("vpc-1").await.unwrap();
    let https = IpPermission {
        ip_protocol: "tcp".into(),
        from_port: Some(443),
        to_port: Some(443),
        ip_ranges: vec![IpRange { cidr_ip: "10.80.0.0/16".into(), description: "site".into() }],
        ..IpPermission::default()
    };
    assert_eq!(found[0].ip_permissions[0], https);
    let all = &found[0].ip_permissions[1];
    assert_eq!(
        (all.from_port, all.user_id_group_pairs[0].group_id.as_str(), all.prefix_list_ids[0].prefix_list_id.as_str()),
        (None, "sg-2", "pl-1")
    );
    assert_eq!(found[0].ip_permissions_egress[0].ip_ranges[0].cidr_ip, "0.0.0.0/0");
}

#[tokio::test]
async fn network_acls_have_ports_only_where_they_are_limited() {
    let (_fake, session) = ec2(&[(
        "DescribeNetworkAcls",
        "<networkAclSet><item><networkAclId>acl-1</networkAclId><vpcId>vpc-1</vpcId><default>true</default><entrySet>\
         <item><ruleNumber>100</ruleNumber><protocol>6</protocol><ruleAction>allow</ruleAction><egress>false</egress>\
         <cidrBlock>10.80.0.0/16</cidrBlock><portRange><from>443</from><to>443</to></portRange></item>\
         <item><ruleNumber>32767</ruleNumber><protocol>-1</protocol><ruleAction>deny</ruleAction><egress>true</egress><cidrBlock>0.0.0.0/0</cidrBlock></item>\
         </entrySet><associationSet><item><subnetId>subnet-1</subnetId></item></associationSet></item></networkAclSet>",
    )])
    .await;
    let found = session.network_acls("vpc-1").await.unwrap();
    let first = AclEntry {
        rule_number: 100,
        protocol: "6".into(),
        rule_action: "allow".into(),
        egress: false,
        cidr_block: "10.80.0.0/16".into(),
        port_range: Some(PortRange { from: 443, to: 443 }),
    };
    assert_eq!(found[0].entries[0], first);
    assert_eq!((found[0].is_default, found[0].entries[1].port_range.clone(), found[0].entries[1].egress), (true, None, true));
    assert_eq!(found[0].associations[0].subnet_id, "subnet-1");
}

#[tokio::test]
async fn interfaces_of_the_control_plane_are_known_by_their_description() {
    let (fake, session) = ec2(&[(
        "DescribeNetworkInterfaces",
        "<networkInterfaceSet><item><networkInterfaceId>eni-1</networkInterfaceId><description>Amazon EKS shop</description>\
         <privateIpAddress>10.0.0.7</privateIpAddress><subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId>\
         <availabilityZone>eu-central-1a</availabilityZone><groupSet><item><groupId>sg-1</groupId><groupName>x</groupName></item></groupSet>\
         </item></networkInterfaceSet>",
    )])
    .await;
    let found = session.control_plane_interfaces("vpc-1", "shop").await.unwrap();
    assert_eq!((found[0].private_ip_address.as_str(), found[0].groups[0].group_id.as_str()), ("10.0.0.7", "sg-1"));
    let filters = form(&fake, 0);
    assert!(filters.contains(&"Filter.2.Name=description".to_owned()) && filters.contains(&"Filter.2.Value.1=Amazon EKS shop".to_owned()));
}

#[tokio::test]
async fn endpoints_and_their_services_are_listed() {
    let (fake, session) = ec2(&[
        (
            "DescribeVpcEndpointServices",
            "<serviceNameSet><item>com.amazonaws.eu-central-1.sts</item></serviceNameSet><serviceDetailSet><item>\
             <serviceName>com.amazonaws.eu-central-1.sts</serviceName><serviceType><item><serviceType>Interface</serviceType></item></serviceType>\
             <availabilityZoneSet><item>eu-central-1a</item><item>eu-central-1b</item></availabilityZoneSet></item>\
             <item><serviceName>com.amazonaws.eu-central-1.sqs</serviceName></item></serviceDetailSet>",
        ),
        (
            "DescribeVpcEndpoints",
            "<vpcEndpointSet><item><vpcEndpointId>vpce-1</vpcEndpointId><vpcEndpointType>Interface</vpcEndpointType><vpcId>vpc-1</vpcId>\
             <serviceName>com.amazonaws.eu-central-1.sts</serviceName><state>available</state><groupSet><item><groupId>sg-1</groupId></item></groupSet>\
             </item></vpcEndpointSet>",
        ),
    ])
    .await;
    let services = session
        .endpoint_services(&["com.amazonaws.eu-central-1.sts".to_owned(), "com.amazonaws.eu-central-1.nothing".to_owned()])
        .await
        .unwrap();
    assert_eq!(services[0].availability_zones, ["eu-central-1a", "eu-central-1b"]);
    assert_eq!(services[0].service_type[0].service_type, "Interface");
    assert_eq!((services.len(), form(&fake, 0)), (1, vec!["MaxResults=1000".to_owned()]));
    let endpoints = session.vpc_endpoints("vpc-1").await.unwrap();
    assert_eq!((endpoints[0].vpc_endpoint_id.as_str(), endpoints[0].groups[0].group_id.as_str()), ("vpce-1", "sg-1"));
}

#[tokio::test]
async fn transit_gateways_come_with_attachments_and_the_subnets_of_those() {
    let (fake, session) = ec2(&[
        (
            "DescribeTransitGateways",
            "<transitGatewaySet><item><transitGatewayId>tgw-1</transitGatewayId><state>available</state><ownerId>123456789012</ownerId><options>\
             <amazonSideAsn>4200000000</amazonSideAsn><autoAcceptSharedAttachments>disable</autoAcceptSharedAttachments>\
             <defaultRouteTableAssociation>enable</defaultRouteTableAssociation><associationDefaultRouteTableId>tgw-rtb-1</associationDefaultRouteTableId>\
             <defaultRouteTablePropagation>enable</defaultRouteTablePropagation><propagationDefaultRouteTableId>tgw-rtb-1</propagationDefaultRouteTableId>\
             </options></item></transitGatewaySet>",
        ),
        (
            "DescribeTransitGatewayAttachments",
            "<transitGatewayAttachments><item><transitGatewayAttachmentId>tgw-attach-1</transitGatewayAttachmentId><transitGatewayId>tgw-1</transitGatewayId>\
             <resourceType>vpc</resourceType><resourceId>vpc-1</resourceId><state>available</state><association>\
             <transitGatewayRouteTableId>tgw-rtb-1</transitGatewayRouteTableId><state>associated</state></association></item></transitGatewayAttachments>",
        ),
        (
            "DescribeTransitGatewayVpcAttachments",
            "<transitGatewayVpcAttachments><item><transitGatewayAttachmentId>tgw-attach-1</transitGatewayAttachmentId>\
             <subnetIds><item>subnet-1</item><item>subnet-2</item></subnetIds></item></transitGatewayVpcAttachments>",
        ),
    ])
    .await;
    let gateways = session.transit_gateways(&["tgw-1"]).await.unwrap();
    assert_eq!(
        (gateways[0].options.amazon_side_asn, gateways[0].options.association_default_route_table_id.as_str()),
        (Some(4_200_000_000), "tgw-rtb-1")
    );
    let attachments = session.transit_gateway_attachments(&["tgw-1"]).await.unwrap();
    assert_eq!(attachments[0].association.as_ref().unwrap().state, "associated");
    assert_eq!(attachments[0].subnet_ids, ["subnet-1", "subnet-2"]);
    assert_eq!(form(&fake, 0)[0], "Filter.1.Name=transit-gateway-id");
}

#[tokio::test]
async fn routes_of_a_transit_gateway_are_all_told_or_none() {
    const ROUTES: &str = "<routeSet><item><destinationCidrBlock>10.80.0.0/16</destinationCidrBlock><transitGatewayAttachments><item>\
        <resourceId>vpn-1</resourceId><resourceType>vpn</resourceType></item></transitGatewayAttachments><type>static</type>\
        <state>active</state></item></routeSet>";
    let (fake, session) = ec2(&[("SearchTransitGatewayRoutes", ROUTES)]).await;
    let found = session.transit_gateway_routes("tgw-rtb-1").await.unwrap();
    assert_eq!((found[0].kind.as_str(), found[0].transit_gateway_attachments[0].resource_type.as_str()), ("static", "vpn"));
    assert!(form(&fake, 0).contains(&"Filter.1.Value.2=blackhole".to_owned()));

    let (_fake, session) =
        ec2(&[("SearchTransitGatewayRoutes", "<routeSet/><additionalRoutesAvailable>true</additionalRoutesAvailable>")]).await;
    assert!(session.transit_gateway_routes("tgw-rtb-1").await.unwrap_err().to_string().contains("leaves routes out"));
}

#[tokio::test]
async fn virtual_private_gateways_tell_where_they_are_attached() {
    let (_fake, session) = ec2(&[(
        "DescribeVpnGateways",
        "<vpnGatewaySet><item><vpnGatewayId>vgw-1</vpnGatewayId><state>available</state><type>ipsec.1</type><amazonSideAsn>64512</amazonSideAsn>\
         <attachments><item><vpcId>vpc-9</vpcId><state>attached</state></item></attachments></item></vpnGatewaySet>",
    )])
    .await;
    let found = session.vpn_gateways(&["vgw-1"]).await.unwrap();
    assert_eq!((found[0].vpc_attachments[0].vpc_id.as_str(), found[0].amazon_side_asn), ("vpc-9", Some(64512)));
}

#[tokio::test]
async fn numbers_that_are_none_are_not_guessed() {
    let (_fake, session) = ec2(&[(
        "DescribeNetworkAcls",
        "<networkAclSet><item><networkAclId>acl-1</networkAclId><entrySet><item><ruleNumber>first</ruleNumber></item></entrySet></item></networkAclSet>",
    )])
    .await;
    let error = session.network_acls("vpc-1").await.unwrap_err();
    assert!(error.to_string().contains("ruleNumber: `first` is no number"), "{error}");
}

//! DescribeRouteTables and DescribeInstances.

use hybridge_gateway::vpc::{GatewayInstance, RouteTable, Target, VpcRoute};

use super::*;

/// Each kind of route, as in "DescribeRouteTables" and "Route" of the EC2 API reference.
const TABLE: &str = r#"
<routeTableId>rtb-0a</routeTableId><vpcId>vpc-0a</vpcId><ownerId>123456789012</ownerId>
<routeSet>
 <item><destinationCidrBlock>10.0.0.0/16</destinationCidrBlock><gatewayId>local</gatewayId><state>active</state><origin>CreateRouteTable</origin></item>
 <item><destinationCidrBlock>10.250.0.0/16</destinationCidrBlock><instanceId>i-0a</instanceId><instanceOwnerId>123456789012</instanceOwnerId>
  <networkInterfaceId>eni-0a</networkInterfaceId><state>active</state><origin>CreateRoute</origin></item>
 <item><destinationCidrBlock>10.251.0.0/16</destinationCidrBlock><networkInterfaceId>eni-0b</networkInterfaceId><state>blackhole</state>
  <origin>CreateRoute</origin></item>
 <item><destinationCidrBlock>10.1.0.0/16</destinationCidrBlock><transitGatewayId>tgw-0a</transitGatewayId><state>active</state><origin>CreateRoute</origin></item>
 <item><destinationCidrBlock>0.0.0.0/0</destinationCidrBlock><natGatewayId>nat-0a</natGatewayId><state>active</state><origin>CreateRoute</origin></item>
 <item><destinationCidrBlock>10.2.0.0/16</destinationCidrBlock><gatewayId>vgw-0a</gatewayId><state>active</state>
  <origin>EnableVgwRoutePropagation</origin></item>
 <item><destinationCidrBlock>10.3.0.0/16</destinationCidrBlock><vpcPeeringConnectionId>pcx-0a</vpcPeeringConnectionId><state>blackhole</state>
  <origin>CreateRoute</origin></item>
 <item><destinationCidrBlock>10.4.0.0/16</destinationCidrBlock><somethingNewId>new-0a</somethingNewId><state>active</state><origin>Advertisement</origin></item>
 <item><destinationIpv6CidrBlock>::/0</destinationIpv6CidrBlock><egressOnlyInternetGatewayId>eigw-0a</egressOnlyInternetGatewayId><state>active</state></item>
 <item><destinationPrefixListId>pl-0a</destinationPrefixListId><gatewayId>vpce-0a</gatewayId><state>active</state><origin>CreateRoute</origin></item>
</routeSet><propagatingVgwSet/><associationSet/><tagSet/>"#;

fn tables(items: &str, next: &str) -> Reply {
    Reply::ok(format!(
        "<DescribeRouteTablesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>6f570b0b</requestId>\
         <routeTableSet>{items}</routeTableSet>{next}</DescribeRouteTablesResponse>"
    ))
}

fn route(destination: &str, target: Target) -> VpcRoute {
    VpcRoute { destination: destination.parse().unwrap(), target, blackhole: false, by_create_route: true }
}

fn to_interface(interface: &str, instance: Option<&str>) -> Target {
    Target::Interface { interface: interface.parse().unwrap(), instance: instance.map(|id| id.parse().unwrap()) }
}

#[tokio::test]
async fn each_kind_of_ipv4_route_is_understood() {
    let (_fake, ec2) = with_fake(|_| tables(&format!("<item>{TABLE}</item>"), "")).await;
    let found = ec2.route_tables(&[table("rtb-0a")]).await.unwrap();
    let other = |id: &str| Target::Other(id.into());
    let routes = vec![
        VpcRoute { by_create_route: false, ..route("10.0.0.0/16", Target::Local) },
        route("10.250.0.0/16", to_interface("eni-0a", Some("i-0a"))),
        VpcRoute { blackhole: true, ..route("10.251.0.0/16", to_interface("eni-0b", None)) },
        route("10.1.0.0/16", other("tgw-0a")),
        route("0.0.0.0/0", other("nat-0a")),
        VpcRoute { by_create_route: false, ..route("10.2.0.0/16", other("vgw-0a")) },
        VpcRoute { blackhole: true, ..route("10.3.0.0/16", other("pcx-0a")) },
        VpcRoute { by_create_route: false, ..route("10.4.0.0/16", other("unknown")) },
    ];
    assert_eq!(found, [RouteTable { id: table("rtb-0a"), vpc: "vpc-0a".parse().unwrap(), routes }]);
}

#[tokio::test]
async fn one_signed_call_asks_for_all_tables_by_filter() {
    let (fake, ec2) = with_fake(|_| tables("", "")).await;
    assert_eq!(ec2.route_tables(&[table("rtb-0a"), table("rtb-0b")]).await.unwrap(), []);
    let seen = fake.seen();
    assert_eq!(seen.len(), 1);
    let expected =
        "Action=DescribeRouteTables&Version=2016-11-15&Filter.1.Name=route-table-id&Filter.1.Value.1=rtb-0a&Filter.1.Value.2=rtb-0b";
    assert_eq!(seen[0].body, expected);
    assert!(seen[0].header("authorization").unwrap().contains("/eu-west-1/ec2/aws4_request"));
    assert!(seen[0].header("user-agent").unwrap().contains("app/hybridge"), "{:?}", seen[0].header("user-agent"));
    assert_eq!(ec2.route_tables(&[]).await.unwrap(), []);
    assert_eq!(fake.seen().len(), 1, "no table, no call: an empty filter would ask for all tables");
}

#[tokio::test]
async fn all_pages_are_read() {
    let (fake, ec2) = with_fake(|request| {
        let item = |id: &str| format!("<item><routeTableId>{id}</routeTableId><vpcId>vpc-0a</vpcId><routeSet/></item>");
        match request.body.contains("NextToken=page2") {
            false => tables(&item("rtb-0a"), "<nextToken>page2</nextToken>"),
            true => tables(&item("rtb-0b"), ""),
        }
    })
    .await;
    let found = ec2.route_tables(&[table("rtb-0a"), table("rtb-0b")]).await.unwrap();
    assert_eq!(found.iter().map(|table| table.id.as_str()).collect::<Vec<_>>(), ["rtb-0a", "rtb-0b"]);
    assert_eq!(fake.seen().len(), 2);
}

#[tokio::test]
async fn a_table_without_identifiers_is_no_answer() {
    let (_fake, ec2) = with_fake(|_| tables("<item><routeTableId>rtb-0a</routeTableId></item>", "")).await;
    let error = ec2.route_tables(&[table("rtb-0a")]).await.unwrap_err();
    assert_eq!(told(&error), "DescribeRouteTables rtb-0a: the answer (status 200) is not EC2's: vpcId is missing");
}

fn instances(interfaces: &str) -> Reply {
    Reply::ok(format!(
        "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>8f7724cf</requestId><reservationSet><item>\
         <reservationId>r-0a</reservationId><instancesSet><item><instanceId>i-0a</instanceId><instanceState><code>48</code><name>terminated</name>\
         </instanceState><vpcId>vpc-0a</vpcId><sourceDestCheck>true</sourceDestCheck><networkInterfaceSet>{interfaces}</networkInterfaceSet>\
         </item></instancesSet></item></reservationSet></DescribeInstancesResponse>"
    ))
}

fn attached(interface: &str, index: u32, check: bool) -> String {
    format!(
        "<item><networkInterfaceId>{interface}</networkInterfaceId><vpcId>vpc-0a</vpcId><sourceDestCheck>{check}</sourceDestCheck>\
         <attachment><attachmentId>eni-attach-0a</attachmentId><deviceIndex>{index}</deviceIndex><status>attached</status></attachment></item>"
    )
}

#[tokio::test]
async fn the_primary_interface_is_the_one_with_device_index_zero() {
    let both = attached("eni-0b", 1, true) + &attached("eni-0a", 0, false);
    let (fake, ec2) = with_fake(move |_| instances(&both)).await;
    let instance = "i-0a".parse().unwrap();
    let expected = GatewayInstance {
        instance: "i-0a".parse().unwrap(),
        primary_interface: interface(),
        vpc: "vpc-0a".parse().unwrap(),
        source_dest_check: false,
    };
    assert_eq!(ec2.instance(&instance).await.unwrap(), expected);
    assert_eq!(fake.seen()[0].body, "Action=DescribeInstances&Version=2016-11-15&InstanceId.1=i-0a");
}

#[tokio::test]
async fn an_instance_that_is_gone_is_told_with_its_state() {
    let (_fake, ec2) = with_fake(|_| instances("")).await;
    let error = ec2.instance(&"i-0a".parse().unwrap()).await.unwrap_err();
    assert_eq!(told(&error), "DescribeInstances i-0a: the instance (terminated) has no primary network interface");

    let message = "The instance ID 'i-0a' does not exist";
    let (_fake, ec2) = with_fake(move |_| Reply::error(400, "InvalidInstanceID.NotFound", message)).await;
    let error = ec2.instance(&"i-0a".parse().unwrap()).await.unwrap_err();
    assert!(error.not_found() && !error.outcome_unknown());
    assert_eq!(
        told(&error),
        "DescribeInstances i-0a: InvalidInstanceID.NotFound: The instance ID 'i-0a' does not exist (request ea966190-f9aa-478e-9ede-example)"
    );
}

#[tokio::test]
async fn a_read_is_tried_again_once() {
    for (status, code) in [(503, "Unavailable"), (503, "RequestLimitExceeded"), (500, "InternalError")] {
        let failed = std::sync::atomic::AtomicBool::new(false);
        let (fake, ec2) = with_fake(move |_| match failed.swap(true, std::sync::atomic::Ordering::SeqCst) {
            false => Reply::error(status, code, "Try later"),
            true => tables("", ""),
        })
        .await;
        assert!(ec2.route_tables(&[table("rtb-0a")]).await.is_ok(), "{code}");
        assert_eq!(fake.seen().len(), 2, "{code}");

        let (fake, ec2) = with_fake(move |_| Reply::error(status, code, "Try later")).await;
        let error = ec2.route_tables(&[table("rtb-0a")]).await.unwrap_err();
        assert_eq!((error.code(), fake.seen().len(), error.is_throttled()), (Some(code), 2, code == "RequestLimitExceeded"));
    }
}

#[tokio::test]
async fn a_connection_that_is_lost_or_silent_is_tried_again() {
    let (fake, ec2) = with_fake(|_| Reply::HangUp).await;
    assert!(matches!(ec2.route_tables(&[table("rtb-0a")]).await, Err(Ec2Error::Unanswered { .. })));
    assert_eq!(fake.seen().len(), 2);

    let silent = std::sync::atomic::AtomicBool::new(false);
    let (fake, ec2) = with_fake(move |_| match silent.swap(true, std::sync::atomic::Ordering::SeqCst) {
        false => Reply::Silence,
        true => tables("", ""),
    })
    .await;
    let start = std::time::Instant::now();
    assert!(ec2.route_tables(&[table("rtb-0a")]).await.is_ok());
    assert_eq!(fake.seen().len(), 2);
    assert!((5..14).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test]
async fn interfaces_are_found_by_the_addresses_of_their_instances() {
    let answer = "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><reservationSet><item><instancesSet><item>\
         <instanceId>i-0b</instanceId><networkInterfaceSet>\
         <item><networkInterfaceId>eni-0b1</networkInterfaceId><attachment><deviceIndex>1</deviceIndex></attachment></item>\
         <item><networkInterfaceId>eni-0b0</networkInterfaceId><attachment><deviceIndex>0</deviceIndex></attachment></item>\
         </networkInterfaceSet></item></instancesSet></item></reservationSet></DescribeInstancesResponse>";
    let (fake, ec2) = with_fake(move |_| Reply::ok(answer)).await;
    let found = ec2.interfaces_at(&"vpc-1".parse().unwrap(), &["10.0.2.10".parse().unwrap()].into()).await.unwrap();
    assert_eq!(found, ["eni-0b0".parse().unwrap()].into());
    let asked = fake.seen().remove(0).body;
    for part in ["Filter.1.Name=vpc-id", "Filter.1.Value.1=vpc-1", "Filter.2.Name=private-ip-address", "Filter.2.Value.1=10.0.2.10"] {
        assert!(asked.contains(part), "{part} is missing in {asked}");
    }
}

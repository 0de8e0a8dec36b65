use super::*;
use crate::call::Kind;
use crate::fake::{Fake, Reply, Request};

async fn ec2(reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> (Fake, Session) {
    let fake = Fake::start(reply).await;
    let session = Session::to_fake(&fake);
    (fake, session)
}

fn answer(action: &str, body: &str) -> Reply {
    Reply::ok(format!(
        "<{action}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>x</requestId>{body}</{action}Response>"
    ))
}

const INTERFACE: &str = "<item><networkInterfaceId>eni-0a</networkInterfaceId><subnetId>subnet-1</subnetId><status>in-use</status>\
    <macAddress>02:00:00:00:00:01</macAddress><privateIpAddress>10.0.0.7</privateIpAddress><attachment><attachmentId>eni-attach-1</attachmentId>\
    <instanceId>i-0b</instanceId><deviceIndex>14</deviceIndex><status>attached</status><deleteOnTermination>false</deleteOnTermination></attachment>\
    <tagSet><item><key>hybridge:cluster</key><value>shop</value></item></tagSet></item>";
const FREE: &str = "<item><networkInterfaceId>eni-0c</networkInterfaceId><status>available</status><tagSet/></item>";

#[tokio::test]
async fn interfaces_of_a_cluster_are_found_by_its_tag_on_all_pages() {
    let (fake, session) = ec2(|request| match request.form().get("NextToken") {
        None => {
            answer("DescribeNetworkInterfaces", &format!("<networkInterfaceSet>{INTERFACE}</networkInterfaceSet><nextToken>t</nextToken>"))
        }
        Some(_) => answer("DescribeNetworkInterfaces", &format!("<networkInterfaceSet>{FREE}</networkInterfaceSet>")),
    })
    .await;
    let found = session.tagged_interfaces("shop").await.unwrap();
    let attachment = found[0].attachment.clone().unwrap();
    assert_eq!((attachment.device_index, attachment.delete_on_termination, attachment.id.as_str()), (14, false, "eni-attach-1"));
    assert_eq!((found[0].tags["hybridge:cluster"].as_str(), found[0].mac.as_str()), ("shop", "02:00:00:00:00:01"));
    assert!(!found[0].is_free() && found[1].is_free());
    let form = fake.seen()[0].form();
    assert_eq!((form["Filter.1.Name"].as_str(), form["Filter.1.Value.1"].as_str()), ("tag:hybridge:cluster", "shop"));
}

#[tokio::test]
async fn a_page_that_is_missing_is_no_answer() {
    let (_fake, session) = ec2(|request| match request.form().get("NextToken") {
        None => {
            answer("DescribeNetworkInterfaces", &format!("<networkInterfaceSet>{INTERFACE}</networkInterfaceSet><nextToken>t</nextToken>"))
        }
        Some(_) => Reply::error(403, "UnauthorizedOperation", "You are not authorized to perform this operation."),
    })
    .await;
    let error = session.tagged_interfaces("shop").await.unwrap_err();
    assert_eq!(error.kind(), Kind::AccessDenied);
    assert!(error.fix().unwrap().contains("ec2:DescribeNetworkInterfaces"), "{error}");
}

#[tokio::test]
async fn instances_and_subnets_tell_of_the_index() {
    let (fake, session) = ec2(|request| match request.action() {
        "DescribeInstances" => answer(
            "DescribeInstances",
            "<reservationSet><item><instancesSet><item><instanceId>i-0b</instanceId><instanceState><code>16</code><name>running</name></instanceState>\
             <instanceType>c6id.8xlarge</instanceType><subnetId>subnet-1</subnetId><networkInterfaceSet><item><networkInterfaceId>eni-0a</networkInterfaceId>\
             <attachment><attachmentId>eni-attach-1</attachmentId><deviceIndex>14</deviceIndex><deleteOnTermination>true</deleteOnTermination></attachment>\
             </item></networkInterfaceSet></item></instancesSet></item></reservationSet>",
        ),
        _ => answer(
            "DescribeSubnets",
            "<subnetSet><item><subnetId>subnet-1</subnetId><enableLniAtDeviceIndex>14</enableLniAtDeviceIndex>\
             <outpostArn>arn:aws:outposts:eu-central-1:123456789012:outpost/op-1</outpostArn></item></subnetSet>",
        ),
    })
    .await;
    let instances = session.instances_by_id(&["i-0b".parse().unwrap(), "i-0d".parse().unwrap()]).await.unwrap();
    let held = &instances[0].interfaces[0].attachment;
    assert_eq!((instances.len(), held.device_index, held.instance.as_ref()), (1, 14, Some(&instances[0].id)));
    assert_eq!(fake.seen()[0].form()["Filter.1.Value.2"], "i-0d");
    let subnets = session.lni_subnets(&["subnet-1".into()]).await.unwrap();
    assert!(subnets[0].lni_device_index == Some(14) && subnets[0].outpost_arn.ends_with("op-1"));
}

#[tokio::test]
async fn an_interface_is_made_with_tags_and_a_token() {
    let (fake, session) = ec2(|_| {
        answer(
            "CreateNetworkInterface",
            "<networkInterface><networkInterfaceId>eni-0a</networkInterfaceId></networkInterface><clientToken>t</clientToken>",
        )
    })
    .await;
    let tags = [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())].into();
    let new = NewInterface { subnet: "subnet-1", description: "LNI", token: "t", tags: &tags };
    assert_eq!(session.create_interface(new).await.unwrap().as_str(), "eni-0a");
    let form = fake.seen()[0].form();
    assert_eq!((form["ClientToken"].as_str(), form["TagSpecification.1.ResourceType"].as_str()), ("t", "network-interface"));
    assert_eq!((form["TagSpecification.1.Tag.2.Key"].as_str(), form["TagSpecification.1.Tag.2.Value"].as_str()), ("b", "2"));
}

#[tokio::test]
async fn refusals_are_told_apart_by_what_is_to_be_done() {
    for (code, message, in_use, kind) in [
        ("InvalidNetworkInterface.InUse", "x", true, Kind::Other),
        ("InvalidParameterValue", "Network interface 'eni-0a' is currently in use.", true, Kind::Other),
        ("InvalidParameterValue", "Instance 'i-0b' already has an interface attached at device index '14'.", true, Kind::Other),
        ("InvalidParameterValue", "Value (x) for parameter y is invalid.", false, Kind::Other),
        ("InvalidNetworkInterfaceID.NotFound", "x", false, Kind::NotFound),
        ("UnauthorizedOperation", "x", false, Kind::AccessDenied),
    ] {
        let (_fake, session) = ec2(move |_| Reply::error(400, code, message)).await;
        let error = session.delete_interface(&"eni-0a".parse().unwrap()).await.unwrap_err();
        assert_eq!((error.is_in_use(), error.kind()), (in_use, kind), "{code}");
    }
}

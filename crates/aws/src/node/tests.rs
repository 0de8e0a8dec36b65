use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::fake::{Fake, Reply};

const INSTANCE: &str = "i-0123456789abcdef0";

fn described(name: &str) -> Reply {
    Reply::ok(format!(
        "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><reservationSet><item><instancesSet><item>\
         <instanceId>{INSTANCE}</instanceId><privateDnsName>{name}</privateDnsName></item></instancesSet></item></reservationSet>\
         </DescribeInstancesResponse>"
    ))
}

#[tokio::test]
async fn a_name_that_comes_late_is_waited_for() {
    let asked = AtomicUsize::new(0);
    let fake = Fake::start(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::error(400, "InvalidInstanceID.NotFound", "The instance ID does not exist"),
        1 => described(""),
        _ => described("ip-10-0-0-9.ec2.internal"),
    })
    .await;
    let name = Session::to_fake(&fake).private_dns_name(INSTANCE, Duration::from_secs(20)).await.unwrap();
    assert_eq!(name, "ip-10-0-0-9.ec2.internal");
    let first = &fake.seen()[0];
    assert!(first.body.contains("Action=DescribeInstances") && first.body.contains(INSTANCE), "{}", first.body);
}

#[tokio::test]
async fn waiting_for_a_name_ends() {
    let fake = Fake::start(|_| described("")).await;
    let error = Session::to_fake(&fake).private_dns_name(INSTANCE, Duration::from_millis(100)).await.unwrap_err();
    assert!(matches!(error, NodeNameError::NoName { .. }), "{error}");
    assert!(error.fix().unwrap().contains("InstanceIdNodeName"));
}

#[tokio::test]
async fn a_refusal_is_told_at_once() {
    let fake = Fake::start(|_| Reply::error(403, "UnauthorizedOperation", "You are not authorized")).await;
    let error = Session::to_fake(&fake).private_dns_name(INSTANCE, Duration::from_secs(600)).await.unwrap_err();
    assert!(error.fix().unwrap().contains("`ec2:DescribeInstances`"), "{:?}", error.fix());
    assert_eq!(fake.seen().len(), 1);
}

/// p4d.24xlarge has four network cards of 15 interfaces each (EC2 user guide, "Network cards"), of which the CNI uses one.
#[tokio::test]
async fn only_interfaces_of_the_default_network_card_count() {
    let answer = |network: &str, hypervisor: &str| {
        format!(
            "<DescribeInstanceTypesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><instanceTypeSet><item>\
             <instanceType>p4d.24xlarge</instanceType><bareMetal>false</bareMetal>{hypervisor}<vCpuInfo><defaultVCpus>96</defaultVCpus>\
             </vCpuInfo><networkInfo>{network}<ipv4AddressesPerInterface>50</ipv4AddressesPerInterface></networkInfo></item>\
             </instanceTypeSet></DescribeInstanceTypesResponse>"
        )
    };
    let cards: String = [0, 1, 2, 3]
        .map(|card| {
            format!("<item><networkCardIndex>{card}</networkCardIndex><maximumNetworkInterfaces>15</maximumNetworkInterfaces></item>")
        })
        .concat();
    let network = format!(
        "<maximumNetworkInterfaces>60</maximumNetworkInterfaces><defaultNetworkCardIndex>0</defaultNetworkCardIndex><networkCards>{cards}</networkCards>"
    );
    let ask = async |body: String| {
        let fake = Fake::start(move |_| Reply::ok(body.clone())).await;
        Session::to_fake(&fake).instance_type("p4d.24xlarge").await
    };
    let mut expected =
        InstanceTypeFacts { default_enis: 15, ipv4_per_eni: 50, hypervisor: Some("nitro".into()), bare_metal: false, vcpus: 96 };
    assert_eq!(ask(answer(&network, "<hypervisor>nitro</hypervisor>")).await.unwrap(), expected);

    expected.default_enis = 4;
    expected.hypervisor = None;
    assert_eq!(ask(answer("<maximumNetworkInterfaces>4</maximumNetworkInterfaces>", "")).await.unwrap(), expected);
    assert!(matches!(ask(answer("", "")).await, Err(CallError::Unintelligible { .. })));
}

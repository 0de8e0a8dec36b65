//! What public emulators get wrong, row by row.

use super::*;

const OUTPOST: &str = "arn:aws:outposts:eu-central-1:123456789012:outpost/op-1";

fn ec2(conduct: Conduct) -> LniEc2 {
    let outposts = Subnet { vpc: "vpc-0a".into(), network: "10.50.80".into(), outpost_arn: OUTPOST.into(), ..Subnet::default() };
    let region = Subnet { vpc: "vpc-0a".into(), network: "10.50.1".into(), ..Subnet::default() };
    LniEc2::new(
        State { subnets: [("subnet-0a".to_owned(), outposts), ("subnet-0b".to_owned(), region)].into(), ..State::default() },
        conduct,
    )
}

/// The answer's elements, or the code of the refusal; none where the connection ended.
fn ask(ec2: &LniEc2, action: &str, parameters: &[(&str, &str)]) -> Option<Result<String, &'static str>> {
    let head = [("Action", action), ("Version", "2016-11-15")];
    let all = head.iter().chain(parameters).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Some(ec2.answer(all.collect(), true)?.map(|xml| xml.to_string()).map_err(|refusal| refusal.code))
}

fn good(ec2: &LniEc2, action: &str, parameters: &[(&str, &str)]) -> String {
    ask(ec2, action, parameters).unwrap().unwrap_or_else(|code| panic!("{action}: {code}"))
}

fn code(ec2: &LniEc2, action: &str, parameters: &[(&str, &str)]) -> &'static str {
    ask(ec2, action, parameters).unwrap().expect_err(action)
}

fn text(xml: &str, name: &str) -> String {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("{name} is not in {xml}"));
    rest.split_once('<').unwrap().0.to_owned()
}

fn create(ec2: &LniEc2, token: &str) -> String {
    text(&good(ec2, "CreateNetworkInterface", &[("SubnetId", "subnet-0a"), ("ClientToken", token)]), "networkInterfaceId")
}

/// An instance whose second interface goes with it or not; the instance and that interface.
fn launch(ec2: &LniEc2, goes: &str) -> (String, String) {
    let launched = good(
        ec2,
        "RunInstances",
        &[
            ("ImageId", "ami-0a"),
            ("InstanceType", "c6id.8xlarge"),
            ("MinCount", "1"),
            ("MaxCount", "1"),
            ("NetworkInterface.1.DeviceIndex", "0"),
            ("NetworkInterface.1.SubnetId", "subnet-0a"),
            ("NetworkInterface.2.DeviceIndex", "14"),
            ("NetworkInterface.2.SubnetId", "subnet-0a"),
            ("NetworkInterface.2.DeleteOnTermination", goes),
            ("TagSpecification.1.ResourceType", "network-interface"),
            ("TagSpecification.1.Tag.1.Key", "hybridge:lni"),
            ("TagSpecification.1.Tag.1.Value", "shop"),
        ],
    );
    let instance = text(&launched, "instanceId");
    let lni = ec2.state().held(&instance).find(|(_, _, held)| held.device_index == 14).map(|(id, ..)| id.clone());
    (instance, lni.unwrap())
}

#[test]
fn the_index_of_a_subnet_is_kept_and_told_and_only_outposts_have_one() {
    let ec2 = ec2(Conduct::default());
    let set = |subnet, index| ask(&ec2, "ModifySubnetAttribute", &[("SubnetId", subnet), ("EnableLniAtDeviceIndex", index)]).unwrap();
    assert!(set("subnet-0a", "14").is_ok());
    assert_eq!(set("subnet-0a", "0"), Err("InvalidParameterValue"));
    assert_eq!(set("subnet-0b", "14"), Err("InvalidParameterValue"));
    let told = good(&ec2, "DescribeSubnets", &[("Filter.1.Name", "enable-lni-at-device-index"), ("Filter.1.Value.1", "14")]);
    assert_eq!((text(&told, "enableLniAtDeviceIndex"), text(&told, "outpostArn")), ("14".into(), OUTPOST.into()));
    let told = good(&ec2, "DescribeSubnets", &[("Filter.1.Name", "outpost-arn"), ("Filter.1.Value.1", OUTPOST)]);
    assert!(told.contains("subnet-0a") && !told.contains("subnet-0b"));
    assert_eq!(code(&ec2, "DescribeSubnets", &[("Filter.1.Name", "lni"), ("Filter.1.Value.1", "1")]), "InvalidParameterValue");
}

#[test]
fn an_attachment_changes_and_what_it_says_is_what_becomes_of_the_interface() {
    for (goes, set, left) in [("true", None, 0), ("false", None, 1), ("false", Some("true"), 0), ("true", Some("false"), 1)] {
        let ec2 = ec2(Conduct::default());
        let (instance, lni) = launch(&ec2, goes);
        if let Some(set) = set {
            let attachment = ec2.state().interfaces[&lni].attachment.clone().unwrap().id;
            let wanted =
                [("NetworkInterfaceId", &*lni), ("Attachment.AttachmentId", &*attachment), ("Attachment.DeleteOnTermination", set)];
            good(&ec2, "ModifyNetworkInterfaceAttribute", &wanted);
        }
        good(&ec2, "TerminateInstances", &[("InstanceId.1", &instance)]);
        good(&ec2, "DescribeInstances", &[]);
        let state = ec2.state();
        assert_eq!((state.interfaces.len(), state.instances[&instance].state.as_str()), (left, "terminated"), "{goes} {set:?}");
        assert!(state.interfaces.values().all(|one| one.status == "available" && one.attachment.is_none()));
    }
}

#[test]
fn what_is_in_use_is_not_deleted_nor_attached_again() {
    let ec2 = ec2(Conduct::default());
    let ((instance, lni), (other, _)) = (launch(&ec2, "true"), launch(&ec2, "true"));
    assert_eq!(code(&ec2, "DeleteNetworkInterface", &[("NetworkInterfaceId", &lni)]), "InvalidParameterValue");
    let attach = |interface: &str, instance: &str, index: &str| {
        ask(&ec2, "AttachNetworkInterface", &[("NetworkInterfaceId", interface), ("InstanceId", instance), ("DeviceIndex", index)])
            .unwrap()
            .map(drop)
    };
    assert_eq!(attach(&lni, &other, "3"), Err("InvalidNetworkInterface.InUse"));
    let free = create(&ec2, "a");
    assert_eq!(attach(&free, &instance, "14"), Err("InvalidParameterValue"));
    assert_eq!(attach("eni-0dead", &instance, "3"), Err("InvalidNetworkInterfaceID.NotFound"));
    assert_eq!(attach(&free, "i-0dead", "3"), Err("InvalidInstanceID.NotFound"));
    assert_eq!(attach(&free, &instance, "3"), Ok(()));
    good(&ec2, "TerminateInstances", &[("InstanceId.1", &other)]);
    assert_eq!(attach(&create(&ec2, "b"), &other, "3"), Err("IncorrectState"));
    // What is attached later does not go with its instance.
    assert!(!ec2.state().interfaces[&free].attachment.as_ref().unwrap().delete_on_termination);
}

#[test]
fn tags_of_a_launch_are_those_of_its_interfaces_and_filters_find_them() {
    let ec2 = ec2(Conduct::default());
    let (instance, _) = launch(&ec2, "true");
    let other = create(&ec2, "a");
    let find = |name, value| good(&ec2, "DescribeNetworkInterfaces", &[("Filter.1.Name", name), ("Filter.1.Value.1", value)]);
    let tagged = find("tag:hybridge:lni", "shop");
    assert_eq!((tagged.matches("<networkInterfaceId>").count(), tagged.contains(&other)), (2, false));
    assert!(find("attachment.instance-id", &instance).contains("<deviceIndex>14</deviceIndex>"));
    assert!(find("status", "available").contains(&other));
}

#[test]
fn a_token_makes_one_interface_whatever_becomes_of_it() {
    let ec2 = ec2(Conduct::default());
    let first = create(&ec2, "a");
    assert_eq!(create(&ec2, "a"), first);
    assert_ne!(create(&ec2, "b"), first);
    assert_eq!(code(&ec2, "CreateNetworkInterface", &[("SubnetId", "subnet-0b"), ("ClientToken", "a")]), "IdempotentParameterMismatch");
    good(&ec2, "DeleteNetworkInterface", &[("NetworkInterfaceId", &first)]);
    assert_eq!(create(&ec2, "a"), first);
    assert_eq!(code(&ec2, "DeleteNetworkInterface", &[("NetworkInterfaceId", &first)]), "InvalidNetworkInterfaceID.NotFound");
}

#[test]
fn states_take_a_while_and_answers_are_older_than_the_last_call() {
    let ec2 = ec2(Conduct { lag: 2, slow: 3, ..Conduct::default() });
    create(&ec2, "a");
    let told: Vec<Option<String>> = (0..7)
        .map(|_| good(&ec2, "DescribeNetworkInterfaces", &[]))
        .map(|xml| xml.contains("<status>").then(|| text(&xml, "status")))
        .collect();
    let word = |word: &str| Some(word.to_owned());
    assert_eq!(told, [None, word("pending"), word("pending"), word("pending"), word("available"), word("available"), word("available")]);
}

#[test]
fn answers_come_in_pages_and_a_page_can_be_missing() {
    let ec2 = ec2(Conduct { page: 2, ..Conduct::default() });
    for token in ["a", "b", "c"] {
        create(&ec2, token);
    }
    let first = good(&ec2, "DescribeNetworkInterfaces", &[("MaxResults", "1000")]);
    let token = text(&first, "nextToken");
    assert_eq!(good(&ec2, "DescribeNetworkInterfaces", &[("NextToken", &token)]).matches("<status>").count(), 1);
    assert_eq!(code(&ec2, "DescribeNetworkInterfaces", &[("NextToken", "page-9")]), "InvalidNextToken");
    assert_eq!(code(&ec2, "DescribeNetworkInterfaces", &[("MaxResults", "4")]), "InvalidParameterValue");
    ec2.fail("DescribeNetworkInterfaces", Fault::SecondPage);
    let token = text(&good(&ec2, "DescribeNetworkInterfaces", &[]), "nextToken");
    assert_eq!(code(&ec2, "DescribeNetworkInterfaces", &[("NextToken", &token)]), "UnauthorizedOperation");
}

#[test]
fn a_call_can_fail_with_and_without_its_work_done() {
    let ec2 = ec2(Conduct::default());
    for (fault, made) in
        [(Fault::Throttle, 0), (Fault::Unavailable, 0), (Fault::Forbidden, 0), (Fault::LostBefore, 0), (Fault::LostAfter, 1)]
    {
        ec2.fail("CreateNetworkInterface", fault);
        let lost = ask(&ec2, "CreateNetworkInterface", &[("SubnetId", "subnet-0a"), ("ClientToken", "t")]).is_none();
        assert_eq!(lost, matches!(fault, Fault::LostBefore | Fault::LostAfter), "{fault:?}");
        assert_eq!(ec2.state().interfaces.len(), made, "{fault:?}");
    }
    assert_eq!(
        ec2.calls().iter().map(|call| call.outcome.as_str()).collect::<Vec<_>>(),
        ["RequestLimitExceeded", "Unavailable", "UnauthorizedOperation", "lost", "lost"]
    );
}

#[test]
fn what_an_action_does_not_know_is_refused() {
    let ec2 = ec2(Conduct::default());
    assert_eq!(code(&ec2, "CreateNetworkInterface", &[("SubnetId", "subnet-0a"), ("DeviceIndex", "1")]), "UnknownParameter");
    assert_eq!(code(&ec2, "CreateNetworkInterface", &[]), "MissingParameter");
    assert_eq!(code(&ec2, "DeleteNetworkInterface", &[("NetworkInterfaceId", "i-0a")]), "InvalidParameterValue");
    assert_eq!(code(&ec2, "CreateVpc", &[]), "InvalidAction");
    let tags = [("SubnetId", "subnet-0a"), ("TagSpecification.1.ResourceType", "instance"), ("TagSpecification.1.Tag.1.Key", "a")];
    assert_eq!(code(&ec2, "CreateNetworkInterface", &tags), "InvalidParameterValue");
    assert!(
        matches!(ec2.answer([("Action".to_owned(), "DescribeSubnets".to_owned())].into(), false), Some(Err(refusal)) if refusal.code == "AuthFailure")
    );
}

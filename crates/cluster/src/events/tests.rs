use super::*;

const STACK_NAME: &str = "eksctl-shop-cluster";
const STACK_ID: &str = "arn:aws:cloudformation:eu-central-1:111122223333:stack/eksctl-shop-cluster/1";

/// Events one second apart: resource, type, status, reason.
fn events(rows: &[(&str, &str, &str, &str)]) -> Vec<StackEvent> {
    let event = |(at, (name, kind, status, reason)): (usize, &(&str, &str, &str, &str))| {
        let of_stack = *kind == "stack";
        StackEvent {
            event_id: format!("e{at}"),
            stack_id: STACK_ID.into(),
            stack_name: STACK_NAME.into(),
            logical_resource_id: if of_stack { STACK_NAME } else { name }.into(),
            physical_resource_id: if of_stack {
                STACK_ID.into()
            } else if kind.ends_with("::Stack") {
                format!("arn:{name}")
            } else {
                String::new()
            },
            resource_type: if of_stack { STACK.into() } else { format!("AWS::{kind}") },
            resource_status: (*status).into(),
            resource_status_reason: (*reason).into(),
            timestamp: Timestamp::from_second(1_000_000 + at as i64).unwrap(),
            client_request_token: String::new(),
        }
    };
    rows.iter().enumerate().map(event).collect()
}

const BEGUN: (&str, &str, &str, &str) = ("", "stack", "CREATE_IN_PROGRESS", "User Initiated");
const CANCELLED: (&str, &str, &str, &str) = ("VPC", "EC2::VPC", "CREATE_FAILED", "Resource creation cancelled");
const BACK: (&str, &str, &str, &str) =
    ("", "stack", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [VPC, NATIP]. Rollback requested by user.");

#[test]
fn the_cause_is_the_earliest_failure_that_no_other_failure_explains() {
    let eip = ("NATIP", "EC2::EIP", "CREATE_FAILED", "The maximum number of addresses has been reached. (Service: Ec2, Status Code: 400)");
    let role = (
        "ServiceRole",
        "IAM::Role",
        "CREATE_FAILED",
        "API: iam:CreateRole User: arn:aws:iam::111122223333:user/anna is not authorized to perform: iam:CreateRole on resource: arn:aws:iam::111122223333:role/x because no identity-based policy allows it",
    );
    let stuck = ("VPC", "EC2::VPC", "DELETE_FAILED", "The vpc 'vpc-1' has dependencies and cannot be deleted.");
    let old = [BEGUN, role, ("", "stack", "ROLLBACK_COMPLETE", ""), ("", "stack", "DELETE_IN_PROGRESS", "User Initiated")];
    let again = [("", "stack", "DELETE_FAILED", "The following resource(s) failed to delete: [VPC]. ")];
    let nested = ("Inner", "CloudFormation::Stack", "CREATE_FAILED", "Embedded stack arn:Inner was not successfully created");
    for (rows, cause, code) in [
        (vec![BEGUN, CANCELLED, eip, BACK], Some("NATIP"), Some("stack.limit")),
        (vec![BEGUN, eip, role, CANCELLED, BACK], Some("NATIP"), Some("stack.limit")),
        (vec![BEGUN, role, eip, BACK], Some("ServiceRole"), Some("stack.denied")),
        (
            vec![BEGUN, eip, BACK, stuck, ("", "stack", "ROLLBACK_FAILED", "The following resource(s) failed to delete: [VPC]. ")],
            Some("NATIP"),
            Some("stack.limit"),
        ),
        (vec![BEGUN, ("", "stack", "ROLLBACK_IN_PROGRESS", "Stack creation time exceeded the specified timeout")], Some(STACK_NAME), None),
        ([&old[..], &[stuck], &again].concat(), Some("VPC"), Some("stack.dependency")),
        (vec![BEGUN, nested, BACK], Some("Inner"), None),
        (vec![BEGUN, ("VPC", "EC2::VPC", "CREATE_COMPLETE", ""), ("", "stack", "CREATE_COMPLETE", "")], None, None),
        (vec![], None, None),
    ] {
        let events = events(&rows);
        let found = first_cause(&events);
        assert_eq!(found.as_ref().map(|failure| failure.resource.as_str()), cause, "{rows:?}");
        assert_eq!(found.and_then(|failure| failure.remedy()).map(|remedy| remedy.code), code, "{rows:?}");
    }
}

#[test]
fn a_failure_names_others_that_failed_by_themselves_what_is_stuck_and_the_nested_stack() {
    let rows = [
        BEGUN,
        (
            "NATIP",
            "EC2::EIP",
            "CREATE_FAILED",
            "Resource handler returned message: \"no addresses\nleft\" (RequestToken: 1, HandlerErrorCode: X)",
        ),
        ("ServiceRole", "IAM::Role", "CREATE_FAILED", "denied"),
        CANCELLED,
        BACK,
        ("VPC", "EC2::VPC", "DELETE_FAILED", "has dependencies"),
    ];
    let failure = first_cause(&events(&rows)).unwrap();
    assert_eq!(
        failure.sentence(),
        "NATIP, AWS::EC2::EIP: CREATE_FAILED: no addresses left; failed as well: ServiceRole: denied; could not be put back: VPC: has dependencies"
    );
    let nested = first_cause(&events(&[BEGUN, ("Inner", "CloudFormation::Stack", "CREATE_FAILED", "Embedded stack")])).unwrap();
    assert_eq!(nested.nested.as_deref(), Some("arn:Inner"));
}

#[test]
fn each_change_of_a_resource_is_one_line_with_the_time_since_the_beginning() {
    let all = events(&[
        BEGUN,
        ("VPC", "EC2::VPC", "CREATE_IN_PROGRESS", ""),
        ("VPC", "EC2::VPC", "CREATE_IN_PROGRESS", "Resource creation Initiated"),
        ("ControlPlane", "EKS::Cluster", "CREATE_IN_PROGRESS", ""),
        ("VPC", "EC2::VPC", "CREATE_COMPLETE", ""),
        ("NATIP", "EC2::EIP", "CREATE_FAILED", "no addresses left"),
    ]);
    let mut live = Live::new(all[0].timestamp, 35);
    live.skip(&all[..1]);
    assert_eq!(
        live.take(&all[..5]),
        [
            "   0:01  CREATE_IN_PROGRESS  VPC  AWS::EC2::VPC",
            "   0:03  CREATE_IN_PROGRESS  ControlPlane  AWS::EKS::Cluster",
            "   0:04  CREATE_COMPLETE     VPC  AWS::EC2::VPC",
        ]
    );
    assert_eq!(live.take(&all), ["   0:05  CREATE_FAILED       NATIP  AWS::EC2::EIP: no addresses left"]);
    assert!(live.take(&all).is_empty());
    let later = Timestamp::from_second(1_000_000 + 671).unwrap();
    assert_eq!(live.progress(later), "2 of 35 done, 11:11, working on ControlPlane");
}

#[test]
fn known_reasons_get_something_to_do() {
    for (kind, reason, code) in [
        ("AWS::EC2::VPC", "The maximum number of VPCs has been reached. (Service: Ec2)", Some("stack.limit")),
        ("AWS::EC2::EIP", "AddressLimitExceeded", Some("stack.limit")),
        ("AWS::EC2::SecurityGroupIngress", "the specified rule \"peer: 10.0.0.0/16, TCP\" already exists", Some("stack.duplicate")),
        ("AWS::EC2::Subnet", "The CIDR '10.0.0.0/16' conflicts with another subnet", Some("stack.overlap")),
        ("AWS::EKS::Cluster", "Invalid remote node network: CIDR 10.0.0.0/16 overlaps with VPC CIDR 10.0.0.0/16", Some("stack.overlap")),
        (
            "AWS::EC2::VPC",
            "Export eksctl-shop-cluster::VPC cannot be deleted as it is in use by eksctl-shop-nodegroup-a",
            Some("stack.export"),
        ),
        ("AWS::IAM::Role", "shop-role already exists in stack arn:aws:cloudformation:…", Some("stack.exists")),
        ("AWS::EKS::AccessEntry", "The specified access entry resource is already in use on this cluster.", Some("stack.exists")),
        (
            "AWS::EC2::VPC",
            "You are not authorized to perform this operation. Encoded authorization failure message: x",
            Some("stack.denied"),
        ),
        ("AWS::EC2::VPC", "Internal Failure", None),
    ] {
        assert_eq!(remedy(kind, reason).map(|remedy| remedy.code), code, "{reason}");
    }
}

#[test]
fn what_was_denied_is_taken_apart() {
    let message = "User: arn:aws:sts::111122223333:assumed-role/dev/anna is not authorized to perform: eks:CreateCluster on resource: arn:aws:eks:eu-central-1:111122223333:cluster/shop because no identity-based policy allows the eks:CreateCluster action";
    let found = denied(message).unwrap();
    assert_eq!(found.action, "eks:CreateCluster");
    assert_eq!(found.resource.as_deref(), Some("arn:aws:eks:eu-central-1:111122223333:cluster/shop"));
    assert_eq!(found.principal.as_deref(), Some("arn:aws:sts::111122223333:assumed-role/dev/anna"));
    let bare = denied("not authorized to perform: iam:PassRole").unwrap();
    assert_eq!((bare.action.as_str(), bare.resource), ("iam:PassRole", None));
    assert_eq!(denied("no such thing"), None);
}

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::fake::{Fake, Reply, Request};

const STACK: &str = "<member><StackName>eksctl-shop-cluster</StackName>\
    <StackId>arn:aws:cloudformation:eu-central-1:123456789012:stack/eksctl-shop-cluster/1</StackId>\
    <CreationTime>2026-01-02T03:04:05.000Z</CreationTime><StackStatus>UPDATE_ROLLBACK_COMPLETE</StackStatus>\
    <StackStatusReason>the last one failed</StackStatusReason><EnableTerminationProtection>true</EnableTerminationProtection>\
    <Capabilities><member>CAPABILITY_IAM</member></Capabilities>\
    <Outputs><member><OutputKey>ARN</OutputKey><OutputValue>arn:x</OutputValue><ExportName>eksctl-shop-cluster::ARN</ExportName></member>\
    <member><OutputKey>FeatureNATMode</OutputKey><OutputValue>Single</OutputValue></member></Outputs>\
    <Tags><member><Key>alpha.eksctl.io/cluster-name</Key><Value>shop</Value></member></Tags></member>";

const GONE: &str = "Stack with id eksctl-shop-cluster does not exist";

fn gone() -> Reply {
    Reply::error_response(400, "ValidationError", GONE)
}

#[tokio::test]
async fn stacks_are_described_with_outputs_tags_and_protection() {
    let fake = Fake::start(|_| Reply::result("DescribeStacks", &format!("<Stacks>{STACK}</Stacks>"))).await;
    let found = Session::to_fake(&fake).stacks(Some("eksctl-shop-cluster")).await.unwrap();
    let output =
        |key: &str, value: &str, export: &str| Output { output_key: key.into(), output_value: value.into(), export_name: export.into() };
    assert_eq!(
        found,
        [Stack {
            stack_name: "eksctl-shop-cluster".into(),
            stack_id: "arn:aws:cloudformation:eu-central-1:123456789012:stack/eksctl-shop-cluster/1".into(),
            stack_status: "UPDATE_ROLLBACK_COMPLETE".into(),
            stack_status_reason: "the last one failed".into(),
            outputs: vec![output("ARN", "arn:x", "eksctl-shop-cluster::ARN"), output("FeatureNATMode", "Single", "")],
            tags: vec![Tag { key: "alpha.eksctl.io/cluster-name".into(), value: "shop".into() }],
            enable_termination_protection: true,
        }]
    );
    assert_eq!(fake.seen()[0].form(), [("StackName".to_owned(), "eksctl-shop-cluster".to_owned())].into());
}

#[tokio::test]
async fn a_stack_that_does_not_exist_is_no_error() {
    let fake = Fake::start(|_| gone()).await;
    let session = Session::to_fake(&fake);
    assert_eq!(session.stacks(Some("eksctl-shop-cluster")).await.unwrap(), []);
    assert_eq!(session.template("eksctl-shop-cluster").await.unwrap(), None);
    assert_eq!(session.stack_resources("eksctl-shop-cluster").await.unwrap(), []);
    assert_eq!(session.describe_change_set(Some("eksctl-shop-cluster"), "x").await.unwrap(), None);
    assert!(session.stack_events("eksctl-shop-cluster", None).await.is_err());

    // Another fault of the request is one.
    let fake = Fake::start(|_| Reply::error_response(400, "ValidationError", "1 validation error detected")).await;
    assert!(Session::to_fake(&fake).stacks(Some("?")).await.is_err());
}

#[tokio::test]
async fn names_of_stacks_are_listed_without_deleted_ones() {
    let fake =
        Fake::start(|_| Reply::result("ListStacks", "<StackSummaries><member><StackName>a</StackName></member></StackSummaries>")).await;
    assert_eq!(Session::to_fake(&fake).stack_names().await.unwrap(), ["a"]);
    let form = fake.seen()[0].form();
    assert_eq!(form.len(), 22);
    assert!(!form.values().any(|status| status == "DELETE_COMPLETE") && form.values().any(|status| status == "REVIEW_IN_PROGRESS"));
}

#[tokio::test]
async fn templates_come_as_they_were_given() {
    let fake = Fake::start(|_| {
        Reply::result("GetTemplate", "<TemplateBody>{&quot;Resources&quot;: {&quot;A&quot;: &quot;&lt;&amp;&quot;}}</TemplateBody>")
    })
    .await;
    let session = Session::to_fake(&fake);
    assert_eq!(session.template("x").await.unwrap(), Some(serde_json::json!({"Resources": {"A": "<&"}})));
    assert_eq!(fake.seen()[0].form()["TemplateStage"], "Original");
    let fake = Fake::start(|_| Reply::result("GetTemplate", "<TemplateBody>Resources: {}</TemplateBody>")).await;
    assert_eq!(Session::to_fake(&fake).template("x").await.unwrap(), Some("Resources: {}".into()));
    // A stack that has only a change set yet.
    for nothing in ["", "<TemplateBody></TemplateBody>"] {
        let fake = Fake::start(move |_| Reply::result("GetTemplate", nothing)).await;
        assert_eq!(Session::to_fake(&fake).template("x").await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_template_of_the_longest_kind_is_read_whole() {
    let body = format!("[\"{}\"]", "x".repeat(1_000_000));
    let answer = format!("<TemplateBody>{}</TemplateBody>", body.replace('"', "&quot;"));
    let fake = Fake::start(move |_| Reply::result("GetTemplate", &answer)).await;
    assert_eq!(Session::to_fake(&fake).template("x").await.unwrap().unwrap()[0].as_str().unwrap().len(), 1_000_000);
}

#[tokio::test]
async fn resources_are_listed_page_by_page() {
    let resource = |name: &str| {
        format!(
            "<member><LogicalResourceId>{name}</LogicalResourceId><PhysicalResourceId>vpc-1</PhysicalResourceId>\
             <ResourceType>AWS::EC2::VPC</ResourceType><ResourceStatus>CREATE_COMPLETE</ResourceStatus></member>"
        )
    };
    let fake = Fake::start(move |request: &Request| {
        let (name, more) = if request.form().contains_key("NextToken") { ("B", "") } else { ("A", "<NextToken>n</NextToken>") };
        Reply::result("ListStackResources", &format!("<StackResourceSummaries>{}</StackResourceSummaries>{more}", resource(name)))
    })
    .await;
    let found = Session::to_fake(&fake).stack_resources("x").await.unwrap();
    let names: Vec<_> = found.iter().map(|one| one.logical_resource_id.as_str()).collect();
    assert_eq!(names, ["A", "B"]);
    assert_eq!((found[0].physical_resource_id.as_str(), found[0].resource_type.as_str()), ("vpc-1", "AWS::EC2::VPC"));
}

#[tokio::test]
async fn events_are_read_down_to_the_last_one_that_was_seen() {
    let fake = Fake::start(|request: &Request| {
        let page: usize = request.form().get("NextToken").map_or(0, |token| token.parse().unwrap());
        let event = |number: usize| {
            format!(
                "<member><EventId>{number}</EventId><Timestamp>2026-01-02T03:04:05.678Z</Timestamp><StackId>arn:s</StackId>\
                 <LogicalResourceId>VPC</LogicalResourceId><PhysicalResourceId>vpc-1</PhysicalResourceId>\
                 <ResourceType>AWS::EC2::VPC</ResourceType><ResourceStatus>CREATE_FAILED</ResourceStatus>\
                 <ResourceStatusReason>because</ResourceStatusReason><ClientRequestToken>t</ClientRequestToken></member>"
            )
        };
        let events: String = (page * 2..page * 2 + 2).map(event).collect();
        let more = if page < 9 { format!("<NextToken>{}</NextToken>", page + 1) } else { String::new() };
        Reply::result("DescribeStackEvents", &format!("<StackEvents>{events}</StackEvents>{more}"))
    })
    .await;
    let session = Session::to_fake(&fake);
    let found = session.stack_events("x", Some("3")).await.unwrap();
    assert_eq!(found.iter().map(|event| event.event_id.as_str()).collect::<Vec<_>>(), ["0", "1", "2"]);
    assert_eq!(fake.seen().len(), 2);
    let event = StackEvent {
        event_id: "0".into(),
        timestamp: "2026-01-02T03:04:05.678Z".into(),
        logical_resource_id: "VPC".into(),
        physical_resource_id: "vpc-1".into(),
        resource_type: "AWS::EC2::VPC".into(),
        resource_status: "CREATE_FAILED".into(),
        resource_status_reason: "because".into(),
        client_request_token: "t".into(),
        stack_id: "arn:s".into(),
    };
    assert_eq!(found[0], event);
    assert_eq!(session.stack_events("x", None).await.unwrap().len(), 20);
}

#[tokio::test]
async fn a_change_set_is_made_with_all_that_it_needs_and_the_same_token_each_time() {
    let asked = AtomicUsize::new(0);
    let fake = Fake::start(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::HangUp,
        1 => Reply::Answer(503, "", String::new()),
        _ => Reply::result("CreateChangeSet", "<Id>arn:c</Id><StackId>arn:s</StackId>"),
    })
    .await;
    let tags: BTreeMap<_, _> = [("team".to_owned(), "a&b".to_owned())].into();
    let mut new = NewChangeSet {
        stack: "eksctl-shop-cluster",
        name: "hybridge-1",
        kind: ChangeSetKind::Create,
        template: TemplateSource::Body("{\"Resources\":{}}"),
        capabilities: &["CAPABILITY_IAM"],
        tags: &tags,
        description: "by hybridge",
        client_token: None,
    };
    let session = Session::to_fake(&fake);
    assert_eq!(session.create_change_set(&new).await.unwrap(), "arn:c");
    let seen = fake.seen();
    let forms: Vec<_> = seen.iter().map(Request::form).collect();
    assert!(forms.len() == 3 && forms[0] == forms[1] && forms[1] == forms[2]);
    let mut form = forms[0].clone();
    assert_eq!(form.remove("ClientToken").unwrap().len(), 32);
    let expected = [
        ("Capabilities.member.1", "CAPABILITY_IAM"),
        ("ChangeSetName", "hybridge-1"),
        ("ChangeSetType", "CREATE"),
        ("Description", "by hybridge"),
        ("StackName", "eksctl-shop-cluster"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "a&b"),
        ("TemplateBody", "{\"Resources\":{}}"),
    ];
    assert_eq!(form, expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect());

    (new.template, new.kind, new.client_token) = (TemplateSource::Url("https://b.s3.amazonaws.com/k"), ChangeSetKind::Update, Some("mine"));
    session.create_change_set(&new).await.unwrap();
    let form = fake.seen()[3].form();
    assert_eq!(
        (form["TemplateURL"].as_str(), form["ChangeSetType"].as_str(), form["ClientToken"].as_str()),
        ("https://b.s3.amazonaws.com/k", "UPDATE", "mine")
    );
    assert!(!form.contains_key("TemplateBody"));
}

#[tokio::test]
async fn changes_of_all_pages_are_put_together() {
    const HEAD: &str = "<ChangeSetId>arn:c</ChangeSetId><ChangeSetName>n</ChangeSetName><StackId>arn:s</StackId>\
        <Status>CREATE_COMPLETE</Status><ExecutionStatus>AVAILABLE</ExecutionStatus>";
    let fake = Fake::start(|request: &Request| {
        let changes = if request.form().contains_key("NextToken") {
            "<Changes><member><Type>Resource</Type><ResourceChange><Action>Remove</Action><LogicalResourceId>Old</LogicalResourceId>\
             <PhysicalResourceId>rtb-1|10.0.0.0/16</PhysicalResourceId><ResourceType>AWS::EC2::Route</ResourceType><Scope/><Details/>\
             </ResourceChange></member></Changes>"
        } else {
            "<Changes><member><Type>Resource</Type><ResourceChange><Action>Modify</Action><LogicalResourceId>ControlPlane</LogicalResourceId>\
             <PhysicalResourceId>shop</PhysicalResourceId><ResourceType>AWS::EKS::Cluster</ResourceType><Replacement>Conditional</Replacement>\
             <Scope><member>Properties</member><member>Tags</member></Scope><Details><member><Target><Attribute>Properties</Attribute>\
             <Name>RemoteNetworkConfig</Name><RequiresRecreation>Never</RequiresRecreation></Target><Evaluation>Static</Evaluation>\
             <ChangeSource>DirectModification</ChangeSource><CausingEntity>A.Arn</CausingEntity></member></Details></ResourceChange></member></Changes><NextToken>n</NextToken>"
        };
        Reply::result("DescribeChangeSet", &format!("{HEAD}{changes}"))
    })
    .await;
    let found = Session::to_fake(&fake).describe_change_set(None, "arn:c").await.unwrap().unwrap();
    assert_eq!((found.id.as_str(), found.execution_status.as_str(), found.changes.len()), ("arn:c", "AVAILABLE", 2));
    let detail = ChangeDetail {
        attribute: "Properties".into(),
        name: "RemoteNetworkConfig".into(),
        requires_recreation: "Never".into(),
        change_source: "DirectModification".into(),
        causing_entity: "A.Arn".into(),
    };
    let modify = Change {
        action: "Modify".into(),
        logical_resource_id: "ControlPlane".into(),
        physical_resource_id: "shop".into(),
        resource_type: "AWS::EKS::Cluster".into(),
        replacement: "Conditional".into(),
        scope: vec!["Properties".into(), "Tags".into()],
        details: vec![detail],
    };
    assert_eq!(found.changes[0], modify);
    assert_eq!((found.changes[1].action.as_str(), found.changes[1].replacement.as_str()), ("Remove", ""));
}

#[test]
fn a_change_set_without_changes_is_known_by_its_reason() {
    let failed = |reason: &str| ChangeSet { status: "FAILED".into(), status_reason: reason.into(), ..ChangeSet::default() };
    let same = "The submitted information didn't contain changes. Submit different information to create a change set.";
    assert!(failed(same).is_without_changes());
    assert!(failed("No updates are to be performed.").is_without_changes());
    assert!(!failed("Template error: instance of Fn::GetAtt references undefined resource X").is_without_changes());
    assert!(!ChangeSet { status: "CREATE_COMPLETE".into(), status_reason: same.into(), ..ChangeSet::default() }.is_without_changes());
    assert!(ChangeSet { status: "CREATE_IN_PROGRESS".into(), ..ChangeSet::default() }.is_pending());
}

#[tokio::test]
async fn orders_name_their_stack_and_carry_a_token() {
    let fake = Fake::start(|request: &Request| Reply::result(request.action(), "")).await;
    let session = Session::to_fake(&fake);
    session.execute_change_set("arn:c", Some("t")).await.unwrap();
    session.delete_change_set("arn:c").await.unwrap();
    session.delete_stack("s", None).await.unwrap();
    session.update_termination_protection("s", false).await.unwrap();
    let seen = fake.seen();
    let actions: Vec<_> = seen.iter().map(Request::action).collect();
    assert_eq!(actions, ["ExecuteChangeSet", "DeleteChangeSet", "DeleteStack", "UpdateTerminationProtection"]);
    assert_eq!(seen[0].form()["ClientRequestToken"], "t");
    assert_eq!(seen[2].form()["ClientRequestToken"].len(), 32);
    assert_eq!(seen[3].form()["EnableTerminationProtection"], "false");

    let fake = Fake::start(|_| Reply::error_response(404, "ChangeSetNotFound", "ChangeSet [c] does not exist")).await;
    let session = Session::to_fake(&fake);
    session.delete_change_set("arn:c").await.unwrap();
    assert_eq!(session.describe_change_set(None, "arn:c").await.unwrap(), None);
    assert!(session.execute_change_set("arn:c", None).await.is_err());
}

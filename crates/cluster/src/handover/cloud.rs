//! The gateway's half in the VPC: a stack of its own, so that it comes and goes without the cluster's.
//!
//! A managed node group's instances get their network interface from EC2 Auto Scaling, and a launch template has no field for the
//! source/destination check (EC2 API, `LaunchTemplateInstanceNetworkInterfaceSpecificationRequest`). So the instances switch it off
//! themselves when they start, as AWS's guide does. Nodes of EKS Auto Mode have it as a field of their NodeClass.

mod auto_mode;
mod nodes;
mod snat;
mod stack;
mod subnets;

pub use stack::{stack_name, template};

use super::{Document, Handover, Kind, Known, Step};
use hybridge_report::Finding;

/// Name of the template.
pub const TEMPLATE: &str = "gateway-cloud.json";

/// Template, nodes of Auto Mode where it is on, and what VPC CNI has to be told.
pub fn documents(known: &Known<'_>) -> Handover {
    let mut all = Handover::default();
    let made = match template(known) {
        Ok((made, findings)) => {
            all.findings.extend(findings);
            made
        }
        Err(finding) => {
            all.findings.push(finding);
            return all;
        }
    };
    let text = serde_json::to_string_pretty(&made).expect("text keys only");
    all.documents.push(Document::new(Kind::GatewayCloud, TEMPLATE, text + "\n"));
    let capabilities = made.capabilities();
    all.steps.push(Step::new(
        Kind::GatewayCloud,
        "Make the gateway's half in the VPC",
        [format!(
            "aws cloudformation deploy --region {} --stack-name {} --template-file {TEMPLATE} --capabilities {} --tags {}={}",
            known.region(),
            stack_name(known.name()),
            capabilities.join(" "),
            super::activation::CLUSTER_NAME,
            known.name()
        )],
    ));
    if known.cluster.auto_mode() {
        all.add(auto_mode::documents(known));
    }
    all.add(snat::documents(known));
    all
}

fn unknown(what: &str) -> Finding {
    Finding::error("gateway.unknown", TEMPLATE, format!("is not written: {what} is not known"))
        .fix("make the cluster first: hybridge cluster create -f FILE")
}

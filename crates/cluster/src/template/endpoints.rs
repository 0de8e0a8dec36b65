//! Endpoints of AWS's services in the VPC of a private cluster.

use hybridge_report::Finding;

use super::cfn::{Resource, Value};
use super::cluster_stack::Draft;
use super::groups::{Groups, https};
use super::network::{Kind, subnet};
use super::{alias, control_plane};
use crate::config::Provider;

/// What every private cluster needs (eksctl `pkg/apis/eksctl.io/v1alpha5/vpc_endpoints`).
const REQUIRED: [&str; 5] = ["ec2", "ecr.api", "ecr.dkr", "s3", "sts"];
/// What hybrid nodes need besides: EKS itself and Pod Identity; eksctl has none of these.
const HYBRID: [&str; 2] = ["eks", "eks-auth"];
/// What credentials of Systems Manager need.
const SSM: [&str; 3] = ["ssm", "ssmmessages", "ec2messages"];
/// What credentials of Roles Anywhere need.
const ANYWHERE: [&str; 1] = ["rolesanywhere"];

/// Adds them, with rules that let the site in.
pub(super) fn add(draft: &mut Draft<'_>, groups: &Groups) {
    let wanted = &draft.cluster.config.private_cluster;
    if !wanted.enabled || wanted.skip_endpoint_creation {
        return;
    }
    for service in services(draft) {
        endpoint(draft, &service, groups);
    }
    for cidr in draft.cluster.remote_cidrs() {
        let index = draft.indices.endpoints[&cidr];
        let description = format!("Allow nodes/pods from remote network ({cidr}) to use VPC endpoints");
        draft.template.add(format!("IngressEndpointsRemoteNetworks{index}"), https(groups.nodes.clone(), cidr, &description));
    }
}

/// Services by the end of their names, each once.
fn services(draft: &Draft<'_>) -> Vec<String> {
    let config = &draft.cluster.config;
    let mut services: Vec<&str> = REQUIRED.to_vec();
    services.extend(config.private_cluster.additional_endpoint_services.iter().map(String::as_str));
    if !control_plane::log_types(config).is_empty() {
        services.push("logs");
    }
    if let Some(role) = &draft.cluster.role {
        services.extend(HYBRID);
        match role.provider() {
            Provider::Ssm => services.extend(SSM),
            Provider::Ira => services.extend(ANYWHERE),
        }
    }
    let mut each: Vec<String> = Vec::new();
    for service in services {
        if !each.iter().any(|known| known == service) {
            each.push(service.to_owned());
        }
    }
    each
}

fn endpoint(draft: &mut Draft<'_>, service: &str, groups: &Groups) {
    // Two partitions name them otherwise, and have no hybrid nodes; their other private clusters are like eksctl's.
    let prefix = if draft.cluster.partition == "aws-cn" { "cn.com.amazonaws" } else { "com.amazonaws" };
    let name = format!("{prefix}.{}.{service}", draft.cluster.config.metadata.region);
    let id = format!("VPCEndpoint{}", alias(service));
    let vpc = draft.cluster.vpc.id.as_ref();
    let mut known = draft.world.vpc_endpoints.iter().filter(|known| known.is_there());
    if known.any(|known| Some(&known.vpc_id) == vpc && known.service_name == name && !draft.owns(&known.vpc_endpoint_id)) {
        let what = "the VPC has this endpoint already, which is used as it is: its security group must admit the remote networks at 443";
        draft.findings.push(Finding::warning("endpoint.adopted", name, what));
        return;
    }
    let resource = Resource::new("AWS::EC2::VPCEndpoint").set("ServiceName", &name).set("VpcId", draft.vpc());
    if service == "s3" {
        gateway_endpoint(draft, id, resource);
        return;
    }
    let resource = resource
        .set("VpcEndpointType", "Interface")
        .set("PrivateDnsEnabled", true)
        .set("SecurityGroupIds", Value::List(vec![groups.nodes.clone()]))
        .set("SubnetIds", Value::List(subnets(draft, &name)));
    draft.template.add(id, resource);
}

/// One subnet of each zone in which the service is offered; of each zone, where that is not known.
fn subnets(draft: &Draft<'_>, service: &str) -> Vec<Value> {
    let is_interface = |details: &&crate::world::EndpointService| {
        details.service_name == service && details.service_type.iter().any(|kind| kind.service_type == "Interface")
    };
    let details = draft.world.service_details.iter().find(is_interface);
    let offered = |zone: &String| details.is_none_or(|details| details.availability_zones.contains(zone));
    let mut zones: Vec<&String> = Vec::new();
    let mut subnets = Vec::new();
    for private in draft.cluster.vpc.private.iter().filter(|private| offered(&private.zone)) {
        if !zones.contains(&&private.zone) {
            zones.push(&private.zone);
            subnets.push(subnet(Kind::Private, private));
        }
    }
    subnets
}

fn gateway_endpoint(draft: &mut Draft<'_>, id: String, resource: Resource) {
    let mut tables: Vec<Value> = Vec::new();
    for private in &draft.cluster.vpc.private {
        let table = match (&private.id, &private.route_table) {
            (None, _) => Value::reference(format!("PrivateRouteTable{}", alias(&private.name))),
            (Some(_), Some(table)) => Value::from(table),
            (Some(subnet), None) => {
                let what = format!("the route table of {subnet} is not known, so S3's endpoint is not put there");
                let fix = "plan with --facts or without --offline, so that it is looked up";
                draft.findings.push(Finding::warning("routes.unknown-table", "vpc.subnets", what).fix(fix));
                continue;
            }
        };
        if !tables.contains(&table) {
            tables.push(table);
        }
    }
    draft.template.add(id, resource.set("VpcEndpointType", "Gateway").set("RouteTableIds", Value::List(tables)));
}

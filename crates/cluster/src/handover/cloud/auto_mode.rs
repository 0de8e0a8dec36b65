//! Nodes of EKS Auto Mode for gateways: a NodeClass, whose field switches the source/destination check off, and a NodePool.

use hybridge_report::Finding;

use super::super::yaml::Yaml;
use super::super::{Document, Handover, Kind, Known, Step, activation, gateway};
use super::subnets::TAG;

const FILE: &str = "gateway-nodes.yaml";
/// Stands where the name of the nodes' role is not known.
const ROLE: &str = "ROLE-OF-AUTO-MODE-NODES";
/// How long a node lives at most (EKS Auto Mode's own default, two weeks).
const LIFE: &str = "336h";

pub(super) fn documents(known: &Known<'_>) -> Handover {
    let mut all = Handover::default();
    let given = activation::role_name(&known.cluster.config.auto_mode_config.node_role_arn);
    let role = given.or_else(|| known.resource("AutoModeNodeRole"));
    if role.is_none() {
        let what = format!("has {ROLE} where the role of Auto Mode's nodes belongs, which is not known");
        all.findings.push(
            Finding::warning("gateway.node-role", FILE, what).fix("kubectl get nodeclass default -o jsonpath='{.spec.role}' prints it"),
        );
    }
    let comments = [
        format!("Nodes of EKS Auto Mode for the gateways of cluster {}.", known.name()),
        format!("Subnets and security group are those of stack {}.", super::stack_name(known.name())),
    ];
    let text = node_class(known, role.unwrap_or(ROLE)).document(&comments) + "---\n" + &node_pool().document(&[]);
    all.documents.push(Document::new(Kind::GatewayCloud, FILE, text));
    all.steps.push(Step::new(Kind::GatewayCloud, "Make nodes for the gateways", [format!("kubectl apply -f {FILE}")]));
    all
}

fn object(api: &str, kind: &str, spec: Yaml) -> Yaml {
    Yaml::Map(vec![
        ("apiVersion", Yaml::text(api)),
        ("kind", Yaml::text(kind)),
        ("metadata", Yaml::Map(vec![("name", Yaml::text(gateway::RELEASE))])),
        ("spec", spec),
    ])
}

fn node_class(known: &Known<'_>, role: &str) -> Yaml {
    let tagged = |key: &'static str| Yaml::Map(vec![("tags", Yaml::Map(vec![(key, Yaml::text(known.name()))]))]);
    let subnets = if known.cluster.annotations.gateway_subnets.is_empty() {
        known.private_subnets().into_iter().filter_map(|(id, _)| id).map(|id| Yaml::Map(vec![("id", Yaml::text(id))])).collect()
    } else {
        vec![tagged(TAG)]
    };
    let spec = Yaml::Map(vec![
        ("role", Yaml::text(role)),
        ("advancedNetworking", Yaml::Map(vec![("sourceDestCheck", Yaml::text("DisabledPrimaryENI"))])),
        // Packets from the VPC to hybrid pods keep their sender.
        ("snatPolicy", Yaml::text("Disabled")),
        ("subnetSelectorTerms", Yaml::List(subnets)),
        ("securityGroupSelectorTerms", Yaml::List(vec![tagged("aws:eks:cluster-name"), tagged(TAG)])),
    ]);
    object("eks.amazonaws.com/v1", "NodeClass", spec)
}

fn node_pool() -> Yaml {
    let one_of = |key: &str, values: &[&str]| {
        Yaml::Map(vec![("key", Yaml::text(key)), ("operator", Yaml::text("In")), ("values", Yaml::texts(values))])
    };
    let class = Yaml::Map(vec![
        ("group", Yaml::text("eks.amazonaws.com")),
        ("kind", Yaml::text("NodeClass")),
        ("name", Yaml::text(gateway::RELEASE)),
    ]);
    let requirements = vec![
        one_of("karpenter.sh/capacity-type", &["on-demand"]),
        one_of("eks.amazonaws.com/instance-category", &["c", "m", "r"]),
        one_of("kubernetes.io/arch", &["amd64"]),
        one_of("kubernetes.io/os", &["linux"]),
    ];
    let taint =
        Yaml::Map(vec![("key", Yaml::text(gateway::NODE_LABEL)), ("value", Yaml::text("true")), ("effect", Yaml::text("NoSchedule"))]);
    let spec = Yaml::Map(vec![
        ("expireAfter", Yaml::text(LIFE)),
        ("nodeClassRef", class),
        ("requirements", Yaml::List(requirements)),
        ("taints", Yaml::List(vec![taint])),
    ]);
    let labels = Yaml::Map(vec![("labels", Yaml::Map(vec![(gateway::NODE_LABEL, Yaml::text("true"))]))]);
    let disruption = Yaml::Map(vec![
        // One gateway after the other.
        ("budgets", Yaml::List(vec![Yaml::Map(vec![("nodes", Yaml::text("1"))])])),
        ("consolidationPolicy", Yaml::text("WhenEmpty")),
        ("consolidateAfter", Yaml::text("30s")),
    ]);
    let template = Yaml::Map(vec![("metadata", labels), ("spec", spec)]);
    object("karpenter.sh/v1", "NodePool", Yaml::Map(vec![("template", template), ("disruption", disruption)]))
}

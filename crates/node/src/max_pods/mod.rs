//! How many pods a node may run: by its network interfaces, by the user's expression, or as the user says.

pub mod calculate;
pub mod cel;
pub mod describe;
pub mod table;

use hybridge_lni::profile::Match;
use hybridge_report::Finding;
use serde::Serialize;

use crate::config::Shape;
use crate::facts::InstanceTypeFacts;
use crate::kubelet;
use crate::node::Node;

/// The kubelet's own `maxPods` (kubelet-config.v1beta1), used where nothing is known of the instance type.
pub const DEFAULT: u32 = 110;

/// Pods on a node, by who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MaxPods {
    /// What the network interfaces carry; [`DEFAULT`] where the instance type is unknown or the node is not on EC2.
    pub standard: u32,
    /// What `kubelet.maxPodsExpression` comes to.
    pub expression: Option<u32>,
    /// What `kubelet.config.maxPods` or the flag `--max-pods` says; the flag wins, as it does in the kubelet.
    pub user: Option<u32>,
    /// What the kubelet will take.
    pub effective: u32,
}

impl MaxPods {
    /// What is written into the main configuration: everything but the user's own setting, which lies over it.
    pub fn generated(&self) -> u32 {
        self.expression.unwrap_or(self.standard)
    }
}

/// Every address of every interface of the default card but its first, and two pods that use the host's network (aws-node and
/// kube-proxy): the rule of amazon-eks-ami, `nodeadm/internal/kubelet/eni_max_pods.go`.
pub fn standard(limits: &InstanceTypeFacts) -> u32 {
    limits.default_enis.saturating_mul(limits.ipv4_per_eni.saturating_sub(1)).saturating_add(2)
}

/// Limits of the instance that the facts tell of: from DescribeInstanceTypes or the user's table where there is one, else ours. The
/// interface that is an LNI is not among them: the VPC CNI puts no pods on it.
pub fn limits(node: &Node<'_>) -> Option<InstanceTypeFacts> {
    let mut limits = of_type(node)?;
    if !node.config.lni.is_empty() {
        limits.default_enis = limits.default_enis.saturating_sub(1);
    }
    Some(limits)
}

fn of_type(node: &Node<'_>) -> Option<InstanceTypeFacts> {
    let instance = node.facts.instance.as_ref()?;
    node.facts.instance_type.clone().or_else(|| table::built_in(&instance.instance_type))
}

/// Whether the LNI fits this instance type: it needs an interface besides the first, at an index that the VPC CNI never comes to. The CNI
/// attaches spare interfaces at the lowest free index, and one at the subnet's index would be an LNI.
pub fn lni(node: &Node<'_>) -> Option<Finding> {
    let (profile, limits) = (node.config.lni()?, of_type(node)?);
    let Match::DeviceIndex(index) = profile.which else { return None };
    let place = "spec.lni.match.deviceIndex";
    if limits.default_enis < 2 {
        let what = "this instance type has one interface, which is never an LNI";
        return Some(Finding::error("lni.no-interface", place, what).fix("take a larger instance type"));
    }
    // The LNI itself takes one of them.
    let reached = limits.default_enis - 1;
    (u32::from(index) < reached).then(|| {
        let what = format!("{index} is an index that the VPC CNI may attach a spare interface at: this type has {} for it", reached);
        let fix = format!("take one from {reached} to 15, such as 14, here and as the subnet's EnableLniAtDeviceIndex");
        Finding::warning("lni.low-index", place, what).fix(fix)
    })
}

/// Pods on this node. Outside EC2 there are no interfaces to count, and an expression is not part of that shape.
///
/// # Errors
/// The expression has no result, or the user's `maxPods` is no number.
pub fn effective(node: &Node<'_>) -> Result<MaxPods, Finding> {
    let user = user(node)?;
    let limits = if kubelet::Kind::of(node).on_ec2() { limits(node) } else { None };
    let standard = limits.as_ref().map_or(DEFAULT, standard);
    let expression = match &limits {
        Some(limits) if node.config.shape == Shape::Ec2 => by_expression(&node.config.kubelet.max_pods_expression, limits)?,
        Some(_) | None => None,
    };
    let effective = user.or(expression).unwrap_or(standard);
    Ok(MaxPods { standard, expression, user, effective })
}

fn by_expression(text: &str, limits: &InstanceTypeFacts) -> Result<Option<u32>, Finding> {
    if text.is_empty() {
        return Ok(None);
    }
    let vars =
        cel::Vars { default_enis: limits.default_enis.into(), ips_per_eni: limits.ipv4_per_eni.into(), max_pods: standard(limits).into() };
    match cel::evaluate(text, vars) {
        Ok(pods) => Ok(Some(u32::try_from(pods).expect("evaluate gives 1 to 2147483647"))),
        Err(error) => Err(Finding::error("kubelet.max-pods-expression", "spec.kubelet.maxPodsExpression", error.to_string()).fix(format!(
            "write an expression that comes to a whole number above 0 for default_enis = {}, ips_per_eni = {}, max_pods = {}",
            vars.default_enis, vars.ips_per_eni, vars.max_pods
        ))),
    }
}

fn user(node: &Node<'_>) -> Result<Option<u32>, Finding> {
    let wrong = |place: &str, value: String| {
        Finding::error("kubelet.max-pods", place, format!("{value} is no number of pods")).fix("write a whole number, such as 58")
    };
    if let Some(text) = kubelet::user_flag(node, "max-pods") {
        let pods = text.parse().map_err(|_| wrong("spec.kubelet.flags: --max-pods", format!("{text:?}")))?;
        return Ok(Some(pods));
    }
    match node.config.kubelet.config.get("maxPods") {
        None | Some(serde_json::Value::Null) => Ok(None),
        Some(value) => match value.as_u64().and_then(|pods| u32::try_from(pods).ok()) {
            // The kubelet fills in its own default for 0.
            Some(0) => Ok(Some(DEFAULT)),
            Some(pods) => Ok(Some(pods)),
            None => Err(wrong("spec.kubelet.config.maxPods", value.to_string())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_carry_as_many_pods_as_upstream_counts() {
        // amazon-eks-ami, nodeadm/internal/kubelet/eni_max_pods_test.go; eksnode/src/resource.rs.
        for (enis, addresses, pods) in [(3, 6, 17), (6, 12, 68), (2, 4, 8), (15, 50, 737), (2, 2, 4), (0, 0, 2)] {
            let limits = InstanceTypeFacts { default_enis: enis, ipv4_per_eni: addresses, ..InstanceTypeFacts::default() };
            assert_eq!(standard(&limits), pods, "{enis} × {addresses}");
        }
    }

    #[test]
    fn an_expression_without_a_result_is_refused() {
        let limits = InstanceTypeFacts { default_enis: 3, ipv4_per_eni: 6, ..InstanceTypeFacts::default() };
        assert_eq!(by_expression("", &limits), Ok(None));
        assert_eq!(by_expression("(default_enis * (ips_per_eni - 1)) + 3", &limits), Ok(Some(18)));
        let finding = by_expression("99 - fake_variable", &limits).unwrap_err();
        assert_eq!(finding.code, "kubelet.max-pods-expression");
        assert!(finding.to_string().contains("column 6") && finding.to_string().contains("max_pods = 17"), "{finding}");
    }
}

//! NodeConfig of hybrid nodes, as `hybridge node init` and eks-hybrid's nodeadm take it.

use hybridge_report::Finding;

use super::cilium::Pool;
use super::yaml::Yaml;
use super::{Document, Handover, Kind, Known, Step};
use crate::config::Provider;

/// Node name that stands in a NodeConfig which every node completes.
pub const PLACEHOLDER: &str = "my-node";
/// The file that holds an activation's code where the NodeConfig does not.
pub const CODE: &str = "code.yaml";
/// Pods for which the kubelet is made if nothing is said (`maxPods`).
const KUBELET_PODS: u32 = 110;

/// What lets machines in.
#[derive(Clone, Copy)]
pub enum Credentials<'a> {
    /// Nothing was made for this handover.
    None,
    /// An activation of Systems Manager.
    Activation {
        /// UUID.
        id: &'a str,
        /// Its code; none: it is known elsewhere and goes into no file.
        code: Option<&'a str>,
    },
    /// Certificates by these common names, which are the nodes' names, too.
    Certificates(&'a [String]),
}

/// The NodeConfigs: one for all machines of an activation, one for each certificate.
pub fn documents(known: &Known<'_>, credentials: &Credentials<'_>) -> Handover {
    match (known.provider(), credentials) {
        (None, _) => missing(
            "node.remote-networks",
            known,
            "the file has no remoteNetworkConfig, so the cluster takes no nodes from outside",
            "write remoteNetworkConfig with remoteNodeNetworks into the file, and hybridge cluster update -f FILE",
        ),
        (Some(Provider::Ssm), Credentials::Activation { id, code }) => by_activation(known, id, *code),
        (Some(Provider::Ssm), _) => {
            let mut none = Handover::default();
            none.findings.push(
                Finding::warning(
                    "node.no-activation",
                    "nodeconfig.yaml",
                    "is not written: machines need an activation of Systems Manager to come in",
                )
                .fix("--activation MACHINES makes one"),
            );
            none
        }
        (Some(Provider::Ira), Credentials::Certificates(names)) if !names.is_empty() => by_certificate(known, names),
        (Some(Provider::Ira), _) => by_certificate(known, &[]),
    }
}

fn missing(code: &'static str, known: &Known<'_>, what: &str, fix: &str) -> Handover {
    let finding = Finding::error(code, format!("cluster {}", known.name()), what).fix(fix);
    Handover { findings: vec![finding], ..Handover::default() }
}

fn by_activation(known: &Known<'_>, id: &str, code: Option<&str>) -> Handover {
    let mut ssm = vec![("activationId", Yaml::text(id))];
    let mut comments = vec![format!("Hybrid nodes of EKS cluster {} in {}.", known.name(), known.region())];
    match code {
        Some(code) => {
            ssm.push(("activationCode", Yaml::text(code)));
            comments.push("Holds the activation's code: keep it from others, and delete it when the machines have joined.".to_owned());
        }
        None => comments.push(format!("Without the activation's code, which {CODE} has: `init` takes both.")),
    }
    let hybrid = Yaml::Map(vec![("ssm", Yaml::Map(ssm))]);
    let mut document = Document::new(Kind::Node, "nodeconfig.yaml", config(known, hybrid).document(&comments));
    document.private = code.is_some();
    let step = match code {
        Some(_) => join(known, "On each machine, as root, with nodeconfig.yaml there", "ssm", &["nodeconfig.yaml"]),
        None => {
            let what = format!("On each machine, as root, with nodeconfig.yaml there, and with what --print-code printed as {CODE}");
            join(known, &what, "ssm", &["nodeconfig.yaml", CODE])
        }
    };
    Handover { documents: vec![document], steps: vec![step], ..Handover::default() }
}

/// The code of an activation as a document of its own, which `init` takes beside the NodeConfig without it.
pub fn code_document(code: &str) -> String {
    let ssm = Yaml::Map(vec![("activationCode", Yaml::text(code))]);
    whole(vec![("hybrid", Yaml::Map(vec![("ssm", ssm)]))]).document(&[])
}

fn by_certificate(known: &Known<'_>, names: &[String]) -> Handover {
    let (Some(anchor), Some(profile), Some(role)) = (known.trust_anchor_arn(), known.profile_arn(), known.role_arn()) else {
        let lacking =
            [("the trust anchor", known.trust_anchor_arn()), ("the profile", known.profile_arn()), ("the role", known.role_arn())];
        let lacking: Vec<_> = lacking.iter().filter(|(_, arn)| arn.is_none()).map(|(what, _)| *what).collect();
        let what = format!("no stack of the cluster has an output with the ARN of {}", lacking.join(", "));
        let fix = "make the cluster first (hybridge cluster create -f FILE), or give what exists: remoteNetworkConfig.iam.roleARN and the annotations hybridge/trust-anchor-arn and hybridge/profile-arn";
        return missing("node.roles-anywhere", known, &what, fix);
    };
    let one = |name: &str, file: &str| {
        let hybrid = Yaml::Map(vec![(
            "iamRolesAnywhere",
            Yaml::Map(vec![
                ("nodeName", Yaml::text(name)),
                ("trustAnchorArn", Yaml::text(anchor)),
                ("profileArn", Yaml::text(profile)),
                ("roleArn", Yaml::text(role)),
            ]),
        )]);
        let mut comments = vec![format!("A hybrid node of EKS cluster {} in {}.", known.name(), known.region())];
        if name == PLACEHOLDER {
            comments.push("nodeName: write the common name of the machine's certificate.".to_owned());
        }
        if !known.cluster.annotations.role_arns.is_empty() {
            comments.push(format!("Roles of other sites: {}.", known.cluster.annotations.role_arns.join(", ")));
        }
        Document::new(Kind::Node, file, config(known, hybrid).document(&comments))
    };
    let mut all = Handover::default();
    if names.is_empty() {
        all.documents.push(one(PLACEHOLDER, "nodeconfig.yaml"));
        let what = format!(
            "On each machine, as root, with nodeconfig.yaml there, {PLACEHOLDER} replaced by the certificate's common name, and the certificate with its key as /etc/iam/pki/server.pem and server.key"
        );
        all.steps.push(join(known, &what, "iam-ra", &["nodeconfig.yaml"]));
    }
    for name in names {
        let file = format!("nodeconfig-{name}.yaml");
        all.documents.push(one(name, &file));
        let what =
            format!("On {name}, as root, with {file} there, and its certificate with the key as /etc/iam/pki/server.pem and server.key");
        all.steps.push(join(known, &what, "iam-ra", &[&file]));
    }
    all
}

fn join(known: &Known<'_>, what: &str, provider: &str, files: &[&str]) -> Step {
    let sources = files.iter().map(|file| format!("-c file://{file}")).collect::<Vec<_>>().join(" ");
    Step::new(
        Kind::Node,
        what,
        [
            format!("nodeadm install {} --credential-provider {provider}", known.cluster.version),
            format!("hybridge node init {sources} --dry-run"),
            format!("hybridge node init {sources}"),
        ],
    )
}

/// Nodes ask EKS for endpoint, certificates and service network, and compare their own address with the cluster's remote networks then.
/// The nodes of a private cluster may have no way to EKS's API, so they are told.
fn config(known: &Known<'_>, hybrid: Yaml) -> Yaml {
    let mut cluster = vec![("name", Yaml::text(known.name())), ("region", Yaml::text(known.region()))];
    if known.cluster.config.private_cluster.enabled
        && let (Some(endpoint), Some(authority), Some(cidr)) = (known.endpoint(), known.certificate_authority(), known.service_cidr())
    {
        cluster.push(("apiServerEndpoint", Yaml::text(endpoint)));
        cluster.push(("certificateAuthority", Yaml::text(authority)));
        cluster.push(("cidr", Yaml::text(cidr.to_string())));
    }
    let mut spec = vec![("cluster", Yaml::Map(cluster)), ("hybrid", hybrid)];
    // A pod beyond the node's addresses would wait for one for ever.
    if let Some(pods) = Pool::of(known).map(|pool| pool.pods()).filter(|pods| *pods < KUBELET_PODS) {
        let config = Yaml::Map(vec![("maxPods", Yaml::Number(pods.into()))]);
        spec.push(("kubelet", Yaml::Map(vec![("config", config)])));
    }
    whole(spec)
}

fn whole(spec: Vec<(&'static str, Yaml)>) -> Yaml {
    Yaml::Map(vec![("apiVersion", Yaml::text("node.eks.aws/v1alpha1")), ("kind", Yaml::text("NodeConfig")), ("spec", Yaml::Map(spec))])
}

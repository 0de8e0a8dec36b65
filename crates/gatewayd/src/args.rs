//! Flags and environment, those of the AWS gateway and a few of our own.
//!
//! All values are taken as text here and checked in `hybridge_gateway::settings`, so that every problem is told at once.

use std::convert::Infallible;
use std::error::Error as _;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser, ValueEnum};
use hybridge_gateway::settings::Raw;
use hybridge_report::{Exit, Finding, Severity};

/// What `nodeLabel` of the AWS gateway's chart is by default.
const NODE_LABEL: &str = "hybrid-gateway-node";

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// How events are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Connects pods on hybrid nodes to the VPC of their EKS cluster.
///
/// Takes the flags and environment variables of aws/eks-hybrid-nodes-gateway; flags beat the environment. Runs until SIGTERM,
/// and leaves its VXLAN device in place when it ends, so that packets keep flowing while it is restarted.
#[derive(Parser, Debug)]
#[command(name = "hybridge-gateway", version = hybridge_version::LONG, args_override_self = true, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Address of this gateway node (required)
    #[arg(long, env = "NODE_IP", default_value = "", hide_default_value = true, value_name = "IPV4")]
    node_ip: String,
    /// Networks of the cluster's VPC, separated by commas (required)
    #[arg(long, env = "VPC_CIDR", default_value = "", hide_default_value = true, value_name = "CIDR,…")]
    vpc_cidr: String,
    /// Networks of hybrid pods, separated by commas (required)
    #[arg(long, env = "POD_CIDRS", default_value = "", hide_default_value = true, value_name = "CIDR,…")]
    pod_cidrs: String,
    /// VPC route tables to keep, separated by commas; without any, VPC routes are left to others
    #[arg(long, env = "ROUTE_TABLE_IDS", default_value = "", hide_default_value = true, value_name = "RTB,…")]
    route_table_ids: String,
    /// Name of the Lease by which gateways elect their leader
    #[arg(long, env = "LEADER_ELECTION_ID", default_value = "hybrid-gateway-leader", value_name = "NAME")]
    leader_election_id: String,
    /// AWS region; default: asked of the instance metadata service
    #[arg(long, env = "AWS_REGION", default_value = "", hide_default_value = true, value_name = "REGION")]
    aws_region: String,
    /// This EC2 instance; default: asked of the instance metadata service
    #[arg(long, env = "AWS_INSTANCE_ID", default_value = "", hide_default_value = true, value_name = "ID")]
    aws_instance_id: String,
    /// Log more; the variable counts only as `DEBUG=true`
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = go_bool, value_name = "BOOL")]
    debug: Option<bool>,
    /// How long a Lease that is not renewed still counts
    #[arg(long, default_value = "3s", value_name = "DURATION")]
    leader_election_lease_duration: String,
    /// How long a leader may act after its last renewal
    #[arg(long, default_value = "2s", value_name = "DURATION")]
    leader_election_renew_deadline: String,
    /// Time between renewals
    #[arg(long, default_value = "1s", value_name = "DURATION")]
    leader_election_retry_period: String,
    /// Where Prometheus metrics are served; `0`: nowhere
    #[arg(long, default_value = ":10080", value_name = "ADDRESS")]
    metrics_bind_address: String,
    /// Where /healthz, /readyz and /status are served; `0`: nowhere
    #[arg(long, default_value = ":8088", value_name = "ADDRESS")]
    health_probe_bind_address: String,
    /// Kubeconfig; default: KUBECONFIG, else the pod's service account, else ~/.kube/config
    #[arg(long, value_name = "FILE", help_heading = "Beyond the AWS gateway's")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Take over VPC routes for pod CIDRs that lead to somebody else's target
    #[arg(long, help_heading = "Beyond the AWS gateway's")]
    pub(crate) adopt_routes: bool,
    /// How long entries of nodes that vanished together are kept; `0` switches it off
    #[arg(long, default_value = "5m", value_name = "DURATION", help_heading = "Beyond the AWS gateway's")]
    mass_delete_hold: String,
    /// MTU of the tunnel device; default: 50 less than the node's interface, at most 1450
    #[arg(
        long,
        env = "MTU",
        default_value = "",
        hide_default_value = true,
        value_name = "BYTES",
        help_heading = "Beyond the AWS gateway's"
    )]
    mtu: String,
    /// Label of gateway nodes; routes to their instances count as ours
    #[arg(
        long,
        env = "NODE_LABEL",
        default_value = NODE_LABEL,
        value_parser = label,
        value_name = "LABEL",
        help_heading = "Beyond the AWS gateway's"
    )]
    pub(crate) node_label: String,
    /// Form of the log, json or text
    #[arg(
        long,
        env = "LOG_FORMAT",
        value_parser = log_format,
        default_value = "json",
        value_name = "FORM",
        help_heading = "Beyond the AWS gateway's"
    )]
    pub(crate) log_format: LogFormat,
    /// Check settings, host, cluster and route tables, print what would keep this gateway from being ready, and end
    #[arg(long, help_heading = "Beyond the AWS gateway's")]
    pub(crate) check: bool,
    /// Form of what --check prints
    #[arg(short, long, value_enum, default_value = "text", requires = "check", help_heading = "Beyond the AWS gateway's")]
    pub(crate) output: Output,
    /// Remove the VXLAN device and our routes from this host, and end
    #[arg(long, conflicts_with = "check", help_heading = "Beyond the AWS gateway's")]
    pub(crate) remove_data_path: bool,
}

const EXAMPLES: &str = "Examples:
  hybridge-gateway --node-ip 10.0.1.10 --vpc-cidr 10.0.0.0/16 --pod-cidrs 10.250.0.0/16 --route-table-ids rtb-0a1b,rtb-0c2d
  hybridge-gateway --check -o json    settings from the environment, as in a pod; changes nothing
  hybridge-gateway --remove-data-path after an uninstall, on each gateway node

Further variables: POD_NAMESPACE (of Lease, ConfigMap and Events), NODE_NAME (in metrics), AWS_CA_BUNDLE, HTTPS_PROXY, NO_PROXY,
AWS_ENDPOINT_URL and the AWS SDK's usual credentials, RUST_LOG.

Exit codes: 0 ended as told, 1 wrong settings or host, or a failed check, 2 anything unexpected, 3 removed in part.";

impl Arguments {
    /// Settings as text.
    pub(crate) fn raw(&self) -> Raw {
        Raw {
            node_ip: self.node_ip.clone(),
            vpc_cidr: self.vpc_cidr.clone(),
            pod_cidrs: self.pod_cidrs.clone(),
            route_table_ids: self.route_table_ids.clone(),
            // As in the reference, an empty variable means the default.
            leader_election_id: Some(self.leader_election_id.clone()).filter(|id| !id.is_empty()).unwrap_or("hybrid-gateway-leader".into()),
            aws_region: self.aws_region.clone(),
            aws_instance_id: self.aws_instance_id.clone(),
            lease_duration: self.leader_election_lease_duration.clone(),
            renew_deadline: self.leader_election_renew_deadline.clone(),
            retry_period: self.leader_election_retry_period.clone(),
            metrics_address: self.metrics_bind_address.clone(),
            probe_address: self.health_probe_bind_address.clone(),
            mass_delete_hold: self.mass_delete_hold.clone(),
            mtu: self.mtu.clone(),
        }
    }

    /// Whether more is to be logged: as the flag says, else if the variable is `true`.
    pub(crate) fn debug(&self) -> bool {
        self.debug.unwrap_or_else(|| std::env::var_os("DEBUG").is_some_and(|value| value == "true"))
    }
}

/// What Go's `strconv.ParseBool` takes.
fn go_bool(text: &str) -> Result<bool, &'static str> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("one of true, false"),
    }
}

/// An empty variable means the default, as charts render one for what is not set.
fn log_format(text: &str) -> Result<LogFormat, &'static str> {
    match text {
        "" | "json" => Ok(LogFormat::Json),
        "text" => Ok(LogFormat::Text),
        _ => Err("one of json, text"),
    }
}

fn label(text: &str) -> Result<String, Infallible> {
    Ok(if text.is_empty() { NODE_LABEL } else { text }.to_owned())
}

/// Reads the command line. Where flags are unknown or lack their value, all of them are told, with what is wrong with the settings;
/// then, and after `--help` and `--version`, the exit code is in `Err`.
#[expect(clippy::print_stderr, clippy::print_stdout, reason = "the command line's own edge")]
pub(crate) fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Arguments, ExitCode> {
    let (arguments, mut findings) = collect(line.into_iter().collect()).map_err(|shown| {
        // A closed pipe is no reason to fail.
        let _ = shown.print();
        ExitCode::from(Exit::Ok)
    })?;
    let as_json = arguments.as_ref().is_some_and(|arguments| arguments.check && arguments.output == Output::Json);
    let Some(arguments) = arguments.filter(|_| findings.is_empty()) else {
        findings.sort();
        if as_json {
            println!("{}", json(&findings));
        } else {
            findings.iter().for_each(|finding| eprintln!("{finding}"));
        }
        return Err(Exit::Input.into());
    };
    Ok(arguments)
}

/// Findings as one JSON object; `ok` is false where one of them is an error.
pub(crate) fn json(findings: &[Finding]) -> String {
    let ok = findings.iter().all(|finding| finding.severity != Severity::Error);
    serde_json::json!({"ok": ok, "findings": findings}).to_string()
}

/// Parses again and again, each time without the word that was refused, so that all refusals are known. `Err`: help or version.
fn collect(line: Vec<OsString>) -> Result<(Option<Arguments>, Vec<Finding>), clap::Error> {
    let mut line: Vec<_> = line.into_iter().map(double_dash).collect();
    let mut findings = Vec::new();
    loop {
        let error = match Arguments::command().try_get_matches_from(&line).and_then(|matches| Arguments::from_arg_matches(&matches)) {
            Ok(arguments) => {
                if !findings.is_empty() {
                    findings.extend(hybridge_gateway::settings::parse(&arguments.raw()).1);
                }
                return Ok((Some(arguments), findings));
            }
            Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => return Err(error),
            Err(error) => error,
        };
        let word = match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(word)) => word.clone(),
            Some(_) | None => String::new(),
        };
        findings.push(finding(&error, &word));
        let name = word.split([' ', '=', '[']).next().unwrap_or_default().to_owned();
        let refused = |given: &OsString| {
            let given = given.to_string_lossy();
            !name.is_empty() && (given == name.as_str() || given.split_once('=').is_some_and(|(before, _)| before == name))
        };
        match line.iter().skip(1).position(refused) {
            Some(at) => {
                line.remove(at + 1);
            }
            // Nothing to leave out: what else may be wrong cannot be told.
            None => return Ok((None, findings)),
        }
    }
}

fn finding(error: &clap::Error, word: &str) -> Finding {
    let place = if word.is_empty() { "the command line".to_owned() } else { word.to_owned() };
    #[expect(clippy::wildcard_enum_match_arm, reason = "clap's list of kinds is open; these are the ones that can occur here")]
    let what = match error.kind() {
        ErrorKind::UnknownArgument => "is no flag of hybridge-gateway".into(),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => match error.get(ContextKind::InvalidValue) {
            Some(ContextValue::String(value)) if !value.is_empty() => format!("`{value}` is not one of its values"),
            Some(_) | None => "needs a value".into(),
        },
        ErrorKind::ArgumentConflict => "excludes another flag that is given".into(),
        kind => kind.to_string(),
    };
    let fix = match error.get(ContextKind::SuggestedArg).or_else(|| error.get(ContextKind::ValidValue)) {
        Some(ContextValue::String(near)) => format!("did you mean `{near}`?"),
        Some(ContextValue::Strings(all)) => format!("one of {}", all.join(", ")),
        Some(_) | None if error.source().is_some() => error.source().map(ToString::to_string).unwrap_or_default(),
        Some(_) | None => "see `hybridge-gateway --help`".into(),
    };
    Finding::error("flag", place, what).fix(fix)
}

/// Go's flag package takes `-name` for `--name`. A single letter is a flag of ours.
fn double_dash(word: OsString) -> OsString {
    let name = word.to_str().and_then(|text| text.strip_prefix('-')).filter(|name| !name.starts_with('-'));
    match name.map(|name| name.split('=').next().unwrap_or_default().len()) {
        Some(2..) => [OsString::from("-"), word].into_iter().collect(),
        Some(_) | None => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(words: &[&str]) -> (Option<Arguments>, Vec<Finding>) {
        collect(std::iter::once(&"hybridge-gateway").chain(words).map(OsString::from).collect()).unwrap()
    }

    #[test]
    fn go_spellings_are_taken() {
        let (arguments, findings) =
            given(&["-node-ip=10.0.1.10", "--vpc-cidr", "10.0.0.0/16", "-debug", "--leader-election-retry-period=500ms"]);
        let arguments = arguments.unwrap();
        assert_eq!(findings, []);
        assert_eq!((arguments.node_ip.as_str(), arguments.debug()), ("10.0.1.10", true));
        assert!(!given(&["--debug=false"]).0.unwrap().debug());
        assert!(given(&["--debug=T"]).0.unwrap().debug());
        // The last one counts.
        assert_eq!(given(&["--node-ip=10.0.1.10", "--node-ip=10.0.1.11"]).0.unwrap().node_ip, "10.0.1.11");
    }

    #[test]
    fn what_is_no_boolean_and_no_form_is_refused_with_what_is() {
        let (_, findings) = given(&["--debug=maybe", "--log-format=xml", "--check", "-o", "yaml"]);
        let told: Vec<_> = findings.iter().map(|f| (f.what.as_str(), f.fix.as_deref().unwrap_or_default())).collect();
        for one in [
            ("`maybe` is not one of its values", "one of true, false"),
            ("`xml` is not one of its values", "one of json, text"),
            ("`yaml` is not one of its values", "one of text, json"),
        ] {
            assert!(told.contains(&one), "{told:?}");
        }
        assert!(!given(&["-o", "json"]).1.is_empty(), "-o without --check is not refused");
        assert_eq!(given(&["--check", "-o=json"]).0.unwrap().output, Output::Json);
    }

    #[test]
    fn empty_values_mean_the_default() {
        let arguments = given(&["--log-format=", "--node-label=", "--leader-election-id=", "--mtu="]).0.unwrap();
        assert_eq!((arguments.log_format, arguments.node_label.as_str()), (LogFormat::Json, "hybrid-gateway-node"));
        assert_eq!((arguments.raw().leader_election_id.as_str(), arguments.raw().mtu.as_str()), ("hybrid-gateway-leader", ""));
    }

    #[test]
    fn every_wrong_flag_is_told_with_what_is_wrong_with_the_settings() {
        let (_, findings) = given(&["--vpc-cdir=10.0.0.0/16", "--colour", "--log-format", "xml", "--pod-cidrs=10.250.0.1/16"]);
        let told: Vec<_> = findings.iter().map(|f| (f.place.split(' ').next().unwrap_or_default(), f.code)).collect();
        assert!(told.contains(&("--vpc-cdir", "flag")) && told.contains(&("--colour", "flag")), "{told:?}");
        assert!(told.contains(&("--log-format", "flag")), "{told:?}");
        let fix = findings.iter().find(|f| f.place.starts_with("--vpc-cdir")).unwrap().fix.clone();
        assert_eq!(fix.as_deref(), Some("did you mean `--vpc-cidr`?"));
    }

    #[test]
    fn the_help_is_well_formed() {
        Arguments::command().debug_assert();
    }
}

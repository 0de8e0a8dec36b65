//! Flags and environment, those of the AWS gateway and a few of our own.
//!
//! All values are taken as text here and checked in `hybridge_gateway::settings`, so that every problem is told at once.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser, ValueEnum};
use hybridge_gateway::settings::Raw;
use hybridge_report::{Exit, Finding};

/// How events are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
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
#[command(name = "hybridge-gateway", version, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Address of this gateway node [required]
    #[arg(long, env = "NODE_IP", default_value = "", hide_default_value = true, value_name = "IPV4")]
    node_ip: String,
    /// Networks of the cluster's VPC, separated by commas [required]
    #[arg(long, env = "VPC_CIDR", default_value = "", hide_default_value = true, value_name = "CIDR,…")]
    vpc_cidr: String,
    /// Networks of hybrid pods, separated by commas [required]
    #[arg(long, env = "POD_CIDRS", default_value = "", hide_default_value = true, value_name = "CIDR,…")]
    pod_cidrs: String,
    /// VPC route tables to keep, separated by commas; without any, VPC routes are left to others
    #[arg(long, env = "ROUTE_TABLE_IDS", default_value = "", hide_default_value = true, value_name = "RTB,…")]
    route_table_ids: String,
    /// Name of the Lease by which gateways elect their leader
    #[arg(long, env = "LEADER_ELECTION_ID", default_value = "hybrid-gateway-leader", value_name = "NAME")]
    leader_election_id: String,
    /// AWS region [default: asked of the instance metadata service]
    #[arg(long, env = "AWS_REGION", default_value = "", hide_default_value = true, value_name = "REGION")]
    aws_region: String,
    /// This EC2 instance [default: asked of the instance metadata service]
    #[arg(long, env = "AWS_INSTANCE_ID", default_value = "", hide_default_value = true, value_name = "ID")]
    aws_instance_id: String,
    /// Log more; the variable counts only as `DEBUG=true`
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", hide_default_value = true,
          hide_possible_values = true, value_name = "BOOL")]
    debug: String,
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
    /// Kubeconfig [default: KUBECONFIG, else the pod's service account, else ~/.kube/config]
    #[arg(long, value_name = "FILE", help_heading = "Beyond the AWS gateway's")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Take over VPC routes for pod CIDRs that lead to somebody else's target
    #[arg(long, help_heading = "Beyond the AWS gateway's")]
    pub(crate) adopt_routes: bool,
    /// How long entries of nodes that vanished together are kept; `0` switches it off
    #[arg(long, default_value = "5m", value_name = "DURATION", help_heading = "Beyond the AWS gateway's")]
    mass_delete_hold: String,
    /// MTU of the tunnel device [default: 50 less than the node's interface, at most 1450]
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
        default_value = "hybrid-gateway-node",
        value_name = "LABEL",
        help_heading = "Beyond the AWS gateway's"
    )]
    pub(crate) node_label: String,
    /// Form of the log
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value = "json", help_heading = "Beyond the AWS gateway's")]
    pub(crate) log_format: LogFormat,
    /// Check settings, host and route tables, print what is wrong, and end
    #[arg(long, help_heading = "Beyond the AWS gateway's")]
    pub(crate) check: bool,
    /// Remove the VXLAN device and our routes from this host, and end
    #[arg(long, conflicts_with = "check", help_heading = "Beyond the AWS gateway's")]
    pub(crate) remove_data_path: bool,
}

const EXAMPLES: &str = "Examples:
  hybridge-gateway --node-ip 10.0.1.10 --vpc-cidr 10.0.0.0/16 --pod-cidrs 10.250.0.0/16 --route-table-ids rtb-0a1b,rtb-0c2d
  hybridge-gateway --check            settings from the environment, as in a pod; changes nothing
  hybridge-gateway --remove-data-path after an uninstall, on each gateway node

Exit codes: 0 ended as told, 1 wrong settings, host or route tables, 2 anything unexpected.";

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

    /// Whether more is to be logged: the flag in any of Go's spellings of true, the variable as `true` only.
    pub(crate) fn debug(&self) -> bool {
        matches!(self.debug.as_str(), "true" | "t" | "T" | "TRUE" | "True" | "1") || std::env::var_os("DEBUG").is_some_and(|v| v == "true")
    }
}

/// Reads the command line. Where flags are unknown or lack their value, all of them are told, with what is wrong with the settings;
/// then, and after `--help` and `--version`, the exit code is in `Err`.
#[expect(clippy::print_stderr, reason = "the command line's own edge")]
pub(crate) fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Arguments, ExitCode> {
    let (arguments, mut findings) = collect(line.into_iter().collect()).map_err(|shown| {
        // A closed pipe is no reason to fail.
        let _ = shown.print();
        ExitCode::from(Exit::Ok)
    })?;
    let Some(arguments) = arguments.filter(|_| findings.is_empty()) else {
        findings.sort();
        findings.iter().for_each(|finding| eprintln!("{finding}"));
        return Err(Exit::Input.into());
    };
    Ok(arguments)
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
        let name = word.split([' ', '=']).next().unwrap_or_default().to_owned();
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
        ErrorKind::InvalidValue => match error.get(ContextKind::InvalidValue) {
            Some(ContextValue::String(value)) if !value.is_empty() => format!("`{value}` is not one of its values"),
            Some(_) | None => "needs a value".into(),
        },
        ErrorKind::ArgumentConflict => "excludes another flag that is given".into(),
        kind => kind.to_string(),
    };
    let fix = match error.get(ContextKind::SuggestedArg).or_else(|| error.get(ContextKind::ValidValue)) {
        Some(ContextValue::String(near)) => format!("did you mean `{near}`?"),
        Some(ContextValue::Strings(all)) => format!("one of {}", all.join(", ")),
        Some(_) | None => "see `hybridge-gateway --help`".into(),
    };
    Finding::error("flag", place, what).fix(fix)
}

/// Go's flag package takes `-name` for `--name`.
fn double_dash(word: OsString) -> OsString {
    match word.to_str() {
        Some(text) if text.len() > 2 && text.starts_with('-') && !text.starts_with("--") => format!("-{text}").into(),
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

//! AWS Systems Manager hybrid activation: the agent registers the machine, and keeps credentials in root's home.

use hybridge_report::Finding;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::config::Ssm;
use crate::facts::Facts;
use crate::plan::{File, Step};

/// What the agent leaves behind once the machine is registered.
pub const REGISTRATION: &str = "/var/lib/amazon/ssm/registration";
/// The agent's configuration.
pub const CONFIG: &str = "/etc/amazon/ssm/amazon-ssm-agent.json";
/// Where the agent keeps the node's credentials.
pub const HOME: &str = "/root/.aws";
/// The agent, as a package and as a snap.
pub const AGENTS: [&str; 2] = ["/usr/bin/amazon-ssm-agent", "/snap/amazon-ssm-agent/current/amazon-ssm-agent"];

const UNIT: &str = "amazon-ssm-agent.service";
const SNAP_UNIT: &str = "snap.amazon-ssm-agent.amazon-ssm-agent.service";
/// After its activation code was used the agent asks for credentials at growing distances, half an hour at most unless this is set.
const RETRY_SECONDS: u32 = 60;

/// What the agent says of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// `mi-…`: the node's name.
    pub instance: String,
    /// Region it is registered in; empty in files of old agents.
    pub region: String,
}

/// The registration, if there is one.
///
/// # Errors
/// A file that is not the agent's.
pub fn registration(facts: &Facts) -> Result<Option<Registration>, Finding> {
    let Some(text) = facts.files.get(REGISTRATION) else { return Ok(None) };
    let value: Value = serde_json::from_str(text).unwrap_or(Value::Null);
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let found = Registration { instance: text("ManagedInstanceID"), region: text("Region") };
    if found.instance.starts_with("mi-") {
        return Ok(Some(found));
    }
    Err(Finding::error("ssm.registration", REGISTRATION, "holds no ManagedInstanceID that begins with mi-")
        .fix("remove the file and its directory's other contents, stop the agent, and run init again with a new activation"))
}

/// Unit of the agent that is installed, and its program.
pub fn agent(facts: &Facts) -> Option<(&'static str, &'static str)> {
    let [package, snap] = AGENTS;
    let has = |path: &str| facts.programs.iter().any(|program| program == path);
    // Ubuntu's images bring the snap; where both are, the snap runs.
    if has(snap) {
        Some((snap, SNAP_UNIT))
    } else if has(package) {
        Some((package, UNIT))
    } else {
        None
    }
}

/// Unit names that the agent can have.
pub const UNITS: [&str; 2] = [UNIT, SNAP_UNIT];

/// Configures and registers the agent and waits for credentials.
///
/// # Errors
/// No agent, no code, a registration in another region, a configuration of the agent that is no JSON.
pub fn steps(activation: &Ssm, region: &str, facts: &Facts) -> Result<Vec<Step>, Vec<Finding>> {
    let mut findings = Vec::new();
    let agent = agent(facts);
    if agent.is_none() {
        findings.push(
            Finding::error("ssm.agent", "amazon-ssm-agent", format!("is not installed: neither {} nor {} is there", AGENTS[0], AGENTS[1]))
                .fix("install it: nodeadm install KUBERNETES_VERSION --credential-provider ssm --region REGION"),
        );
    }
    match registration(facts) {
        Ok(Some(found)) if !found.region.is_empty() && found.region != region => findings.push(
            Finding::error(
                "ssm.region",
                REGISTRATION,
                format!("this machine is registered in {} as {}, spec.cluster.region is {region}", found.region, found.instance),
            )
            .fix(format!("set spec.cluster.region to {}, or deregister the machine and make an activation in {region}", found.region)),
        ),
        Ok(_) => {}
        Err(finding) => findings.push(finding),
    }
    if activation.activation_code.is_none() {
        findings.push(
            Finding::error("ssm.code", "spec.hybrid.ssm.activationCode", "is missing")
                .fix("write the code that `aws ssm create-activation` gave, beside its id"),
        );
    }
    let file = config(facts).map_err(|finding| findings.push(finding)).ok();
    let (Some((agent, unit)), Some(file), Some(code), true) = (agent, file, activation.activation_code.clone(), findings.is_empty()) else {
        return Err(findings);
    };
    Ok(vec![
        Step::Write(file),
        Step::RegisterSsm { agent: agent.to_owned(), region: region.to_owned(), id: activation.activation_id.clone(), code },
        Step::Service { unit: unit.to_owned(), enable: true, files: vec![CONFIG.to_owned(), REGISTRATION.to_owned()], wait: 60 },
        Step::WaitForFile { path: format!("{HOME}/credentials"), by: unit.to_owned(), wait: 120 },
    ])
}

/// The agent's configuration: ours over what is there, so that the user's own settings stay.
fn config(facts: &Facts) -> Result<File, Finding> {
    let present = match facts.files.get(CONFIG).filter(|text| !text.trim().is_empty()) {
        None => Map::new(),
        Some(text) => serde_json::from_str(text).map_err(|error| {
            Finding::error("ssm.agent-config", CONFIG, format!("is no JSON object: {error}"))
                .fix("mend it, or remove it: it is written anew then")
        })?,
    };
    let ours = json!({
        "Identity": { "ConsumptionOrder": ["OnPrem"], "CustomIdentities": null },
        "Ssm": { "CredentialRetryMaxSleepSeconds": RETRY_SECONDS },
    });
    let mut whole = Value::Object(present);
    merge(&mut whole, ours);
    Ok(File::new(CONFIG, pretty(&whole)))
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        // A null of ours only stands where nothing was.
        (_, Value::Null) => {}
        (into, from) => *into = from,
    }
}

/// JSON with four spaces, as the agent's own template has it.
fn pretty(value: &Value) -> String {
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, formatter)).expect("a JSON value is written to memory");
    let mut text = String::from_utf8(bytes).expect("serde_json writes UTF-8");
    text.push('\n');
    text
}

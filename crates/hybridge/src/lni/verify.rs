//! `hybridge lni verify`: Services from outside, out of probes on the LAN.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::time::Duration;

use futures::future::join_all;
use hybridge_kube_io::Kube;
use hybridge_lni::causes::{Attempt, Diagnosis, Evidence, Outcome, causes, others};
use hybridge_lni::facts::Facts;
use hybridge_lni::probe::{Seen, Try};
use hybridge_lni::profile::Profile;
use hybridge_lni::resolve::{Lni, resolve};
use hybridge_lni::verify::{Policy, Report, Row, Target, distance, placement};
use hybridge_lni_host::error::HostError;
use hybridge_lni_host::machine::Machine;
use hybridge_lni_host::probe::{ProbeError, Session, Token, attempt};
use hybridge_lni_host::store::Store;
use hybridge_lni_host::verify;
use hybridge_report::{Exit, Finding, chain};

use super::probe::finding;
use super::{machine, source};
use crate::args::Output;
use crate::args::lni::Verify;
use crate::table::{line, list, or_dash, plain};
use crate::tell;

/// How long a probe may take to prove itself.
const GREETING: Duration = Duration::from_secs(3);

pub(crate) fn run(flags: &Verify) -> Exit {
    let profile = match source::read(&flags.profile.file) {
        Ok(profile) => profile,
        Err(exit) => return exit,
    };
    let token = match Token::read(&flags.token.token_file) {
        Ok(token) => token,
        Err(error) => {
            tell::line(finding(&error));
            return Exit::Input;
        }
    };
    let report = match crate::runtime::block_on(report(flags, &profile, &token)) {
        Ok(report) => report,
        Err(finding) => {
            tell::line(finding);
            return Exit::Input;
        }
    };
    let printed = match flags.output {
        form @ (Output::Json | Output::Yaml) => tell::structured(form, &report),
        Output::Table => {
            let printed = tell::data(&text(&report));
            tell::findings(&report.findings);
            printed
        }
    };
    if report.ok { printed } else { Exit::Input }
}

/// This machine, if it is a node with the LNI.
struct Here {
    lni: Lni,
    facts: Facts,
}

async fn report(flags: &Verify, profile: &Profile, token: &Token) -> Result<Report, Finding> {
    let here = here(flags, profile).await.map_err(|error| {
        let finding = Finding::error("lni.machine", "this machine", chain(&error));
        error.hint().map(|hint| finding.clone().fix(hint)).unwrap_or(finding)
    })?;
    let targets = targets(flags, profile, here.as_ref()).await?;
    let before = verify::filtered();
    let on_the_node = async { if here.is_some() { tried_here(flags, &targets).await } else { BTreeMap::new() } };
    let probes = join_all(flags.probes.iter().map(|probe| ask(*probe, flags, token, &targets)));
    let (on_the_node, asked) = tokio::join!(on_the_node, probes);
    let (mut rows, mut findings, mut seen_as) = (Vec::new(), Vec::new(), None);
    for (probe, answer) in flags.probes.iter().zip(asked) {
        let seen = answer.unwrap_or_else(|error| {
            findings.push(Finding { place: probe.to_string(), ..finding(&error) });
            Answer { you: None, seen: targets.iter().map(|_| Err("the probe was not reached".into())).collect() }
        });
        seen_as = seen_as.or(seen.you);
        let made = targets.iter().zip(seen.seen).map(|(target, seen)| row(profile, target, *probe.ip(), seen));
        rows.extend(made.map(|row| Row { on_the_node: on_the_node.get(&row.target.vip).copied(), ..row }));
    }
    let (causes, others) = match &here {
        Some(here) => weigh(here, &rows, before, seen_as).await.map_err(|error| Finding::error("lni.machine", "nft", chain(&error)))?,
        None => (Vec::new(), Vec::new()),
    };
    findings.extend(others);
    Ok(Report::new(rows, causes, findings))
}

/// Which interface of this machine is the LNI, if any: elsewhere than on the node, causes cannot be told.
async fn here(flags: &Verify, profile: &Profile) -> Result<Option<Here>, HostError> {
    let machine = Machine::open(Store::new(&flags.state.state_dir))?;
    let facts = machine::facts(&machine).await?;
    match resolve(profile, &facts) {
        Ok((lni, warnings)) => {
            tell::findings(&warnings);
            Ok(Some(Here { lni, facts }))
        }
        Err(findings) => {
            for finding in findings {
                tell::line(Finding { severity: hybridge_report::Severity::Warning, ..finding });
            }
            tell::line("This machine is not the node, or its LNI cannot be told: only what the probes see is shown, not why.");
            Ok(None)
        }
    }
}

async fn targets(flags: &Verify, profile: &Profile, here: Option<&Here>) -> Result<Vec<Target>, Finding> {
    let mut targets: Vec<Target> = flags.vips.iter().map(|vip| of_address(*vip)).collect();
    if let Some(path) = &flags.kubeconfig {
        targets.extend(of_cluster(path, profile, here).await?);
    }
    if targets.is_empty() {
        let what = "no Service of type LoadBalancer has an address of the profile's pools";
        return Err(Finding::error("lni.no-service", "cluster", what).fix("make one, or name addresses with --vip"));
    }
    Ok(targets)
}

fn of_address(vip: SocketAddrV4) -> Target {
    Target { name: vip.to_string(), vip, policy: None, pods: Vec::new(), placements: Vec::new() }
}

async fn of_cluster(path: &Path, profile: &Profile, here: Option<&Here>) -> Result<Vec<Target>, Finding> {
    let place = path.display().to_string();
    let kube = Kube::connect(Some(path)).await.map_err(|error| Finding::error("lni.kubeconfig", place.clone(), chain(&error)))?;
    let services = kube.load_balancers().await.map_err(|error| Finding::error("lni.services", place, chain(&error)))?;
    let mut targets = Vec::new();
    for service in services {
        let pods: Vec<Ipv4Addr> = service.backends.keys().copied().collect();
        let placements: BTreeSet<_> = here.iter().flat_map(|here| pods.iter().map(|pod| placement(&here.facts.routing, *pod))).collect();
        for address in service.addresses.iter().filter(|address| profile.vips.pools.iter().any(|pool| pool.contains(**address))) {
            targets.extend(service.ports.iter().map(|port| Target {
                name: format!("{}/{}", service.namespace, service.name),
                vip: SocketAddrV4::new(*address, *port),
                policy: Some(if service.local { Policy::Local } else { Policy::Cluster }),
                pods: pods.clone(),
                placements: placements.iter().copied().collect(),
            }));
        }
    }
    Ok(targets)
}

fn tries(flags: &Verify, targets: &[Target]) -> Vec<Try> {
    let (http, patience) = (flags.http, flags.patience);
    (0..).zip(targets).map(|(id, target)| Try { id, to: target.vip, http, patience }).collect()
}

async fn tried_here(flags: &Verify, targets: &[Target]) -> BTreeMap<SocketAddrV4, bool> {
    let tried = join_all(tries(flags, targets).into_iter().map(attempt)).await;
    targets.iter().map(|target| target.vip).zip(tried.into_iter().map(|seen| seen.outcome == Outcome::Answered)).collect()
}

struct Answer {
    you: Option<Ipv4Addr>,
    seen: Vec<Result<Seen, String>>,
}

async fn ask(probe: SocketAddrV4, flags: &Verify, token: &Token, targets: &[Target]) -> Result<Answer, ProbeError> {
    let mut session = Session::open(probe.into(), token, GREETING).await?;
    let seen = session.tries(&tries(flags, targets)).await?;
    Ok(Answer { you: Some(session.you), seen })
}

fn row(profile: &Profile, target: &Target, probe: Ipv4Addr, seen: Result<Seen, String>) -> Row {
    let (outcome, client, announced_by, detail, milliseconds) = match seen {
        Ok(seen) => (seen.outcome, seen.client.unwrap_or(probe), seen.announced_by, seen.detail, Some(seen.milliseconds)),
        Err(why) => (Outcome::NotTried, probe, None, Some(why), None),
    };
    let distance = distance(profile, client);
    Row { target: target.clone(), client, distance, outcome, announced_by, detail, milliseconds, on_the_node: None }
}

async fn weigh(here: &Here, rows: &[Row], before: u64, seen_as: Option<Ipv4Addr>) -> Result<(Vec<Diagnosis>, Vec<Finding>), HostError> {
    let attempts: Vec<Attempt> = rows.iter().map(|row| row.attempt(row.target.here(&here.facts.routing))).collect();
    let filtered = verify::filtered().saturating_sub(before);
    let ruleset = verify::tables().await?;
    let evidence = Evidence { lni: &here.lni, facts: &here.facts, ruleset: &ruleset, attempts: &attempts, filtered, seen_as };
    Ok((causes(&evidence), others(&evidence)))
}

const HEADS: [&str; 10] = ["SERVICE", "ADDRESS", "POLICY", "PODS", "FROM", "PATH", "ANNOUNCED BY", "RESULT", "TIME", "ON THE NODE"];

fn text(report: &Report) -> String {
    let row = |row: &Row| {
        let target = &row.target;
        let result = match (row.outcome, &row.detail) {
            (Outcome::Answered, None) => "answered".to_owned(),
            (Outcome::Answered, Some(line)) => line.clone(),
            (Outcome::Refused, _) => "refused".into(),
            (Outcome::Silent, None) => "no answer".into(),
            (Outcome::Silent, Some(words)) => format!("no answer: {words}"),
            (Outcome::NotTried, why) => format!("not tried: {}", or_dash(why.as_ref())),
        };
        let named = target.name != target.vip.to_string();
        [
            if named { target.name.clone() } else { String::new() },
            target.vip.to_string(),
            target.policy.map(|policy| policy.to_string()).unwrap_or_default(),
            list(&target.placements),
            row.client.to_string(),
            row.distance.to_string(),
            row.announced_by.map(|mac| mac.to_string()).unwrap_or_default(),
            result,
            row.milliseconds.map(|milliseconds| format!("{milliseconds} ms")).unwrap_or_default(),
            row.on_the_node.map(|good| if good { "answered" } else { "no answer" }.to_owned()).unwrap_or_default(),
        ]
    };
    let mut text = String::new();
    plain(&mut text, &HEADS, report.rows.iter().map(row).collect());
    line(&mut text, format_args!("\n{}", report.note));
    let answered = report.rows.iter().filter(|row| row.outcome == Outcome::Answered).count();
    let sign = if report.ok { "OK" } else { "FAILED" };
    line(&mut text, format_args!("{sign}  {answered} of {} tries from the LAN were answered", report.rows.len()));
    text
}

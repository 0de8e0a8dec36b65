//! `hybridge lni doctor`.

use std::path::Path;
use std::time::Duration;

use hybridge_kube_io::{Access, Kind, Kube};
use hybridge_lni::doctor::{Known, Objects, Wanted, examine};
use hybridge_lni::profile::Profile;
use hybridge_lni_host::doctor;
use hybridge_lni_host::error::HostError;
use hybridge_lni_host::machine::Machine;
use hybridge_lni_host::store::Store;
use hybridge_report::{Exit, Finding, chain};

use super::{machine, source, verdicts};
use crate::args::lni::Doctor;
use crate::tell;

/// How long the API server may take for a connection, and for each page.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn run(flags: &Doctor) -> Exit {
    let profile = match source::read(&flags.profile.file) {
        Ok(profile) => profile,
        Err(exit) => return exit,
    };
    let known = match &flags.facts {
        Some(file) => read(file),
        None => gather(flags, &profile),
    };
    let known = match known {
        Ok(known) => known,
        Err(exit) => return exit,
    };
    if let Some(file) = &flags.save_facts {
        let text = serde_json::to_string_pretty(&known).expect("our own types have text keys only");
        if let Err(error) = std::fs::write(file, text + "\n") {
            tell::line(Finding::error("lni.facts", file.display().to_string(), format!("cannot be written: {error}")));
            return Exit::Input;
        }
    }
    let wanted = Wanted { nodes: flags.lni_nodes.clone() };
    verdicts::print(&examine(&profile, &known, &wanted), flags.output)
}

fn read(file: &Path) -> Result<Known, Exit> {
    let read = std::fs::read_to_string(file).map_err(|error| error.to_string());
    read.and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string())).map_err(|what| {
        let finding = Finding::error("lni.facts", file.display().to_string(), what);
        tell::line(finding.fix("take a file that `hybridge lni doctor --save-facts FILE` wrote"));
        Exit::Input
    })
}

fn gather(flags: &Doctor, profile: &Profile) -> Result<Known, Exit> {
    crate::runtime::block_on(async {
        let host = async {
            let machine = Machine::open(Store::new(&flags.state.state_dir))?;
            let facts = machine::facts(&machine).await?;
            Ok(doctor::gather(profile, facts, machine.memory.lease.clone()).await)
        };
        let (host, cluster) = tokio::join!(host, cluster(flags));
        let known = host.map_err(|error: HostError| {
            let hint = error.hint().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
            tell::line(format_args!("error: {}{hint}", chain(&error)));
            Exit::Unexpected
        })?;
        Ok(Known { cluster: cluster?, ..known })
    })
}

/// Without a kubeconfig, nobody is asked.
async fn cluster(flags: &Doctor) -> Result<Option<Objects>, Exit> {
    let Some(file) = &flags.kubeconfig else { return Ok(None) };
    let agent = concat!("hybridge/", env!("CARGO_PKG_VERSION"));
    let access = Access { kubeconfig: Some(file), context: flags.context.as_deref(), agent, within: PATIENCE };
    let kube = Kube::connect_with(access).await.map_err(|error| {
        tell::line(Finding::error("lni.kubeconfig", file.display().to_string(), chain(&error)));
        Exit::Input
    })?;
    let mut objects = Objects::default();
    let kube = &kube;
    let asked = Kind::OF_LNI.map(|kind| async move { (kind.name(), kube.all(kind).await) });
    for (kind, answer) in futures::future::join_all(asked).await {
        take(&mut objects, kind, answer.map_err(|error| chain(&error)));
    }
    take(&mut objects, "ConfigMap", kube.kube_proxy().await.map(Some).map_err(|error| chain(&error)));
    Ok(Some(objects))
}

fn take(objects: &mut Objects, kind: &str, answer: Result<Option<Vec<serde_json::Value>>, String>) {
    match answer {
        Ok(Some(found)) => drop(objects.kinds.insert(kind.to_owned(), found)),
        Ok(None) => {}
        Err(why) => drop(objects.unanswered.insert(kind.to_owned(), why)),
    }
}

//! `hybridge gateway status`: asks, decides what follows, prints.

mod answered;
mod ask;
mod evidence;
mod hints;
mod table;
mod unanswered;
mod view;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use hybridge_kube_io::{Access, Kube, Pod};
use hybridge_report::Exit;
use jiff::Timestamp;

use crate::args::{Output, Status};
use evidence::{PORT, gap};
use view::{Problem, View};

/// Where gateways are in our documents and in those of the AWS gateway.
const NAMESPACES: [&str; 2] = ["hybridge-gateway", "eks-hybrid-nodes-gateway"];

/// Runs the command and says how it ended.
#[expect(clippy::print_stderr, reason = "the command line's own edge")]
pub(crate) fn status(arguments: &Status) -> Exit {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return Exit::Unexpected;
        }
    };
    let gathered = runtime.block_on(gather(arguments));
    // Dropping the runtime would wait for a name server that does not answer.
    runtime.shutdown_background();
    let view = match gathered {
        Ok(view) => view,
        Err(error) => {
            eprintln!("error: {error:#}");
            return Exit::Input;
        }
    };
    let printed = match arguments.output {
        Output::Table => table::text(&view, arguments.all),
        Output::Json => serde_json::to_string_pretty(&view).expect("the view is text, numbers and lists of them") + "\n",
        Output::Yaml => hybridge_document::write(&serde_json::to_value(&view).expect("the view is text, numbers and lists of them")),
    };
    match std::io::stdout().write_all(printed.as_bytes()) {
        Ok(()) if view.ok => Exit::Ok,
        Ok(()) => Exit::Input,
        // Whoever reads, as `head` does, has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Ok,
        Err(error) => {
            eprintln!("error: cannot print: {error}");
            Exit::Unexpected
        }
    }
}

async fn gather(arguments: &Status) -> anyhow::Result<View> {
    let within = Duration::from_secs(arguments.timeout);
    if !arguments.endpoint.is_empty() {
        let answers = ask::endpoints(&arguments.endpoint, within).await;
        return Ok(answered::view(None, &answers, Vec::new()));
    }
    let access = Access {
        kubeconfig: arguments.kubeconfig.as_deref(),
        context: arguments.context.as_deref(),
        agent: concat!("hybridge/", env!("CARGO_PKG_VERSION")),
        within,
    };
    let kube = Kube::connect_with(access).await.context("no cluster to ask (--kubeconfig names one, --endpoint a gateway)")?;
    let Found { namespace, pods, problems } = find(&kube, arguments.namespace.as_deref(), &arguments.selector).await?;
    let answers = ask::pods(&kube, pods.clone(), within).await;
    if answers.iter().any(|answer| answer.report.is_ok()) {
        return Ok(answered::view(Some(namespace), &answers, problems));
    }
    let evidence = evidence::read(&kube, &namespace, &pods).await;
    Ok(unanswered::view(&namespace, &answers, evidence, (problems, Timestamp::now())))
}

/// Where the gateways are.
struct Found {
    namespace: String,
    pods: Vec<Pod>,
    problems: Vec<Problem>,
}

/// Looks for gateways in the namespace, or in all; a cluster that cannot be asked at all is an error.
async fn find(kube: &Kube, namespace: Option<&str>, selector: &str) -> anyhow::Result<Found> {
    if namespace.is_none() {
        match kube.pods(None, selector, PORT).await {
            Ok(pods) if !pods.is_empty() => return Ok(first_namespace(pods, String::new())),
            Ok(_) => {}
            Err(error) if error.is_forbidden() => {}
            Err(error) => return Err(error).context(format!("cannot ask {}", kube.server())),
        }
    }
    let named = namespace.or(Some(kube.default_namespace()).filter(|namespace| *namespace != "default"));
    let candidates = named.map_or(NAMESPACES.to_vec(), |namespace| vec![namespace]);
    let mut problems = Vec::new();
    for namespace in &candidates {
        match kube.pods(Some(namespace), selector, PORT).await {
            Ok(pods) if pods.is_empty() => {}
            // What is not allowed in the other namespace does not matter then.
            Ok(pods) => return Ok(first_namespace(pods, (*namespace).to_owned())),
            Err(error) if error.is_forbidden() => {
                problems.push(gap(&error, &format!("`list` on `pods` in namespace `{namespace}`")));
            }
            Err(error) => return Err(error).context(format!("cannot ask {}", kube.server())),
        }
    }
    let namespace = where_a_lease_is(kube, &candidates).await.to_owned();
    Ok(Found { problems, ..first_namespace(Vec::new(), namespace) })
}

/// The namespace in which gateways have been, else the first.
async fn where_a_lease_is<'a>(kube: &Kube, candidates: &[&'a str]) -> &'a str {
    for namespace in candidates {
        if kube.lease(namespace, evidence::LEASE).await.is_ok_and(|lease| lease.is_some()) {
            return namespace;
        }
    }
    candidates[0]
}

/// Gateways in several namespaces are two installations, of which one is shown. `without`: the namespace where there are no pods.
fn first_namespace(mut pods: Vec<Pod>, without: String) -> Found {
    let namespaces: BTreeSet<String> = pods.iter().map(|pod| pod.namespace.clone()).collect();
    let namespace = namespaces.first().cloned().unwrap_or(without);
    pods.retain(|pod| pod.namespace == namespace);
    // Evicted pods stay on record for long.
    if pods.iter().any(|pod| !has_ended(pod)) {
        pods.retain(|pod| !has_ended(pod));
    }
    let names = || namespaces.iter().cloned().collect::<Vec<_>>().join(", ");
    let problems = (namespaces.len() > 1)
        .then(|| Problem::new("gateway.namespaces", names(), format!("gateways run in all of these; shown is {namespace}")));
    Found { namespace, pods, problems: problems.into_iter().collect() }
}

fn has_ended(pod: &Pod) -> bool {
    ["Succeeded", "Failed"].contains(&pod.phase.as_str())
}

#[cfg(test)]
mod tests;

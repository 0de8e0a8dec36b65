//! `--once`: as many looks as it takes, and a report.

use hybridge_lni::lifecycle::{Action, Outcome};
use hybridge_report::{Exit, Finding};
use serde::Serialize;
use tokio::time::{sleep, timeout};

use super::Watch;
use crate::args::Output;
use crate::tell;

/// Looks at most: two to be sure, one for what the deletion leaves, and some for steps of a creation.
const LOOKS: usize = 8;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    #[serde(flatten)]
    last: Outcome,
    done: Vec<Action>,
}

impl Watch<'_> {
    pub(super) async fn once(mut self) -> Exit {
        if let Some(lead) = self.lead.as_mut()
            && timeout(self.flags.lease * 2, lead.taken()).await.is_err()
        {
            let finding = Finding::error("lni.not-leader", "the Lease", "another controller looks after this cluster's LNIs");
            tell::findings([&finding.fix("look at what that one does, or use --dry-run, which takes no Lease")]);
            return Exit::Input;
        }
        let mut done = Vec::new();
        let (mut last, mut failed) = self.look().await;
        for _ in 1..LOOKS {
            done.append(&mut last.actions);
            if !last.again && failed.is_empty() {
                break;
            }
            sleep(self.flags.apart).await;
            (last, failed) = self.look().await;
        }
        done.append(&mut last.actions);
        if let Some(lead) = self.lead.take() {
            lead.give_up().await;
        }
        let missing = last.gauges.missing > 0;
        let errors = tell::findings(last.findings.iter().chain(&failed));
        let printed = print(&Report { last, done }, self.flags.output);
        match (errors, missing || !failed.is_empty()) {
            (_, true) => Exit::Partly,
            (true, false) => Exit::Input,
            (false, false) => printed,
        }
    }
}

fn print(report: &Report, output: Output) -> Exit {
    match output {
        Output::Json | Output::Yaml => tell::structured(output, report),
        Output::Table => {
            let mut text = String::new();
            for node in &report.last.nodes {
                let interface = node.interface.as_ref().map_or("-".to_owned(), ToString::to_string);
                let share = node.mbps.as_ref().map_or(String::new(), |mbps| format!("  {mbps} Mb/s"));
                text.push_str(&format!("{}  {}  {interface}{share}\n", node.node, node.phase.as_str()));
            }
            for (word, actions) in [("done", &report.done), ("would", &report.last.withheld)] {
                for action in actions {
                    text.push_str(&format!("{word}  {}\n", super::act::line(action)));
                }
            }
            let gauges = &report.last.gauges;
            text.push_str(&format!("{} LNIs, {} nobody's, {} nodes without\n", gauges.interfaces, gauges.orphans, gauges.nodes_without));
            tell::data(&text)
        }
    }
}

//! What a command says at its end.

use hybridge_cluster::world::{LiveCluster, Stack};
use hybridge_report::{Exit, Finding};
use serde::Serialize;

use super::accounts::output;
use crate::args::Output;
use crate::tell;

/// How a cluster stands, what was done and what comes next.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cluster) struct Report {
    /// Name of the cluster.
    pub(in crate::cluster) cluster: String,
    /// Region.
    pub(in crate::cluster) region: String,
    /// ARN; empty: it is gone.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(in crate::cluster) arn: String,
    /// Minor version of Kubernetes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(in crate::cluster) version: String,
    /// URL of the API.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(in crate::cluster) endpoint: String,
    /// Role of hybrid nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cluster) hybrid_role: Option<String>,
    /// What this run did; empty: there was nothing to do.
    pub(in crate::cluster) done: Vec<String>,
    /// What could not be done from here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::cluster) open: Vec<Finding>,
    /// What comes next, as commands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::cluster) next: Vec<String>,
}

impl Report {
    pub(in crate::cluster) fn new(cluster: &str, region: &str) -> Self {
        Self { cluster: cluster.to_owned(), region: region.to_owned(), ..Self::default() }
    }

    /// Takes in what EKS and the stack say.
    pub(in crate::cluster) fn of(&mut self, live: &LiveCluster, stack: Option<&Stack>) {
        self.arn.clone_from(&live.arn);
        self.version.clone_from(&live.version);
        self.endpoint.clone_from(&live.endpoint);
        self.hybrid_role = stack.and_then(|stack| output(stack, "RemoteNodesRoleARN")).map(str::to_owned);
    }

    /// Prints it; says how the command ended.
    pub(in crate::cluster) fn print(&self, form: Output, nothing: &str) -> Exit {
        let printed = match form {
            Output::Json | Output::Yaml => tell::structured(form, self),
            Output::Table => tell::data(&self.text(nothing)),
        };
        tell::findings(&self.open);
        match (printed, self.open.is_empty()) {
            (Exit::Ok, false) => Exit::Partly,
            (printed, _) => printed,
        }
    }

    fn text(&self, nothing: &str) -> String {
        let mut text = String::new();
        let mut row = |name: &str, value: &str| {
            if !value.is_empty() {
                text.push_str(&format!("{name:<12} {value}\n"));
            }
        };
        row("cluster", &format!("{} ({})", self.cluster, self.region));
        row("version", &self.version);
        row("endpoint", &self.endpoint);
        row("arn", &self.arn);
        row("hybrid role", self.hybrid_role.as_deref().unwrap_or_default());
        for (number, line) in self.done.iter().enumerate() {
            row(if number == 0 { "done" } else { "" }, line);
        }
        if self.done.is_empty() {
            row("done", nothing);
        }
        for (number, line) in self.next.iter().enumerate() {
            row(if number == 0 { "next" } else { "" }, line);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use hybridge_cluster::world;

    use super::*;

    #[test]
    fn a_report_says_what_there_is_what_was_done_and_what_comes_next() {
        let mut report = Report::new("shop", "eu-central-1");
        let live =
            LiveCluster { arn: "arn:shop".into(), version: "1.34".into(), endpoint: "https://shop".into(), ..LiveCluster::default() };
        let role = world::Output { output_key: "RemoteNodesRoleARN".into(), output_value: "arn:role".into(), export_name: String::new() };
        report.of(&live, Some(&Stack { outputs: vec![role], ..Stack::default() }));
        report.next = vec!["hybridge cluster handover".into(), "hybridge cluster doctor".into()];
        let expected = "cluster      shop (eu-central-1)\nversion      1.34\nendpoint     https://shop\narn          arn:shop\n\
                        hybrid role  arn:role\ndone         nothing: it was as wanted\nnext         hybridge cluster handover\n             hybridge cluster doctor\n";
        assert_eq!(report.text("nothing: it was as wanted"), expected);
        report.done = vec!["made stack a".into(), "made stack b".into()];
        assert!(report.text("").contains("done         made stack a\n             made stack b\n"));
    }
}

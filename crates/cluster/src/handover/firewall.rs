//! What firewalls between site and AWS have to let through, with the addresses that there are, as Markdown and CSV.

mod rules;
mod sheet;

pub use rules::{Direction, Phase, Rule, rules};

use hybridge_report::Finding;

use super::{Document, Handover, Kind, Known, Step};

/// The sheet in both forms.
pub fn documents(known: &Known<'_>) -> Handover {
    let mut all = Handover::default();
    if known.cluster.node_cidrs.is_empty() {
        let what = "is not written: the file has no remoteNodeNetworks, so there is no site to let through";
        let fix = "write remoteNetworkConfig.remoteNodeNetworks into the file";
        all.findings.push(Finding::warning("firewall.remote-networks", "firewall.md", what).fix(fix));
        return all;
    }
    if known.interfaces().is_empty() {
        let what = "names subnets in place of the control plane's addresses, which are not known yet";
        all.findings
            .push(Finding::warning("firewall.no-interfaces", "firewall.md", what).fix("run handover again when the cluster is there"));
    }
    let rules = rules(known);
    all.documents.push(Document::new(Kind::Firewall, "firewall.md", sheet::markdown(known, &rules)));
    all.documents.push(Document::new(Kind::Firewall, "firewall.csv", sheet::csv(&rules)));
    all.steps.push(Step::new(Kind::Firewall, "Give firewall.md or firewall.csv to whoever keeps the site's firewalls", [] as [&str; 0]));
    all
}

//! What must be true of a file as a whole. eksctl's own sentences are kept where users know them.

mod access;
mod addons;
mod certificates;
mod cidrs;
mod head;
mod iam;
mod nodes;
mod outposts;
mod remote;
mod vpc;

use std::collections::BTreeSet;

use hybridge_document::{Problems, Tree};
use jiff::Timestamp;

use super::arn::Arn;
use super::region;
use super::{Annotations, ClusterConfig, Places};

/// A file that was read, however wrong.
pub(super) struct Checks<'a> {
    pub(super) config: &'a ClusterConfig,
    pub(super) annotations: &'a Annotations,
    pub(super) places: &'a Places,
    /// Paths of values that could not be taken.
    pub(super) broken: &'a BTreeSet<String>,
    pub(super) problems: &'a mut Problems,
    pub(super) now: Timestamp,
}

/// Notes everything that is wrong.
pub(super) fn all(checks: &mut Checks<'_>) {
    head::check(checks);
    remote::check(checks);
    certificates::check(checks);
    cidrs::check(checks);
    vpc::check(checks);
    access::check(checks);
    iam::check(checks);
    addons::check(checks);
    nodes::check(checks);
    checks.problems.look_at("");
}

/// eksctl's first rule for remote networks, which is about a section that is refused.
pub(super) fn outpost(tree: &Tree, places: &Places, problems: &mut Problems) {
    let Some(outpost) = tree.get("outpost").filter(|outpost| outpost.get("controlPlaneOutpostARN").is_some()) else { return };
    let remote = tree.get("remoteNetworkConfig").is_some_and(|remote| !remote.is_null());
    if remote && outpost.get("etcdInstanceType").is_none_or(Tree::is_null) {
        problems.look_at("remoteNetworkConfig");
        let what = "remoteNetworkConfig on Outpost clusters requires outpost.etcdInstanceType to be set";
        problems
            .error("outpost.etcd", places.at("remoteNetworkConfig"), "", what)
            .fix("leave outpost out: hybridge makes clusters in regions");
    }
}

/// What an ARN has to name.
pub(super) struct Wanted {
    service: &'static str,
    /// How the resource may begin.
    resources: &'static [&'static str],
    example: &'static str,
}

const ROLE: Wanted = Wanted { service: "iam", resources: &["role/"], example: "arn:aws:iam::ACCOUNT:role/NAME" };
const POLICY: Wanted = Wanted { service: "iam", resources: &["policy/"], example: "arn:aws:iam::ACCOUNT:policy/NAME" };
const PRINCIPAL: Wanted =
    Wanted { service: "iam", resources: &["role/", "user/", "root"], example: "arn:aws:iam::ACCOUNT:role/NAME (or user/NAME)" };
const ACCESS_POLICY: Wanted = Wanted {
    service: "eks",
    resources: &["cluster-access-policy/"],
    example: "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
};
const KEY: Wanted = Wanted { service: "kms", resources: &["key/", "alias/"], example: "arn:aws:kms:REGION:ACCOUNT:key/ID" };

impl Checks<'_> {
    /// An error whose sentence names what it is about.
    fn error(&mut self, code: &'static str, path: &str, what: impl Into<String>) -> &mut Problems {
        self.wrong(code, path, "", what)
    }

    /// An error about `text`, which is shown.
    fn wrong(&mut self, code: &'static str, path: &str, text: &str, what: impl Into<String>) -> &mut Problems {
        self.problems.look_at(path);
        self.problems.error(code, self.places.at(path), text, what)
    }

    fn warning(&mut self, code: &'static str, path: &str, text: &str, what: impl Into<String>) -> &mut Problems {
        self.problems.look_at(path);
        self.problems.warning(code, self.places.at(path), text, what)
    }

    /// Whether the value at `path` was taken as it stands, or is not there.
    fn sound(&self, path: &str) -> bool {
        !self.broken.contains(path)
    }

    /// An error where `value` is empty and not wrong already.
    fn require(&mut self, value: &str, path: &str, what: &str, fix: &str) {
        if value.is_empty() && self.sound(path) {
            self.error("required.missing", path, what).fix(fix);
        }
    }

    /// Holds a text against what ARNs have to name; an empty one is nobody's.
    fn arn(&mut self, path: &str, text: &str, wanted: &Wanted) {
        if text.is_empty() {
            return;
        }
        let fix = format!("write {}", wanted.example);
        let Some(arn) = Arn::parse(text) else {
            self.wrong("arn.invalid", path, text, "is no ARN").fix(fix);
            return;
        };
        if arn.service != wanted.service || !wanted.resources.iter().any(|start| arn.resource.starts_with(start)) {
            let what = format!("is not of {}, {}…", wanted.service, wanted.resources.join("… or "));
            self.wrong("arn.service", path, text, what).fix(fix);
        } else if arn.account.is_empty() || arn.account == "aws" && !matches!(wanted.resources, ["policy/"] | ["cluster-access-policy/"]) {
            self.wrong("arn.invalid", path, text, "has no account of 12 digits in its fifth field").fix(fix);
        } else if !self.config.metadata.region.is_empty() && arn.partition != region::partition(&self.config.metadata.region) {
            let own = region::partition(&self.config.metadata.region);
            let what = format!("is in partition {}, the cluster in {own}", arn.partition);
            self.wrong("arn.partition", path, text, what).fix(format!("write arn:{own}:…"));
        }
    }

    /// Identifiers as EC2 gives them: `vpc-`, then letters and digits.
    fn id(&mut self, path: &str, text: &str, start: &str) {
        let rest = text.strip_prefix(start);
        let fits = rest.is_some_and(|rest| (1..=32).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        if !text.is_empty() && !fits {
            let what = format!("is no identifier of this kind: one begins with {start}");
            self.wrong("id.invalid", path, text, what).fix(format!("write it as {start}0123456789abcdef0"));
        }
    }

    /// Items that come twice.
    fn twice<'t>(&mut self, code: &'static str, path: &str, items: impl IntoIterator<Item = &'t str>) {
        let mut seen = BTreeSet::new();
        for (index, item) in items.into_iter().enumerate() {
            if !item.is_empty() && !seen.insert(item) {
                self.wrong(code, &format!("{path}[{index}]"), item, "comes twice").fix("keep one of them");
            }
        }
    }

    /// Whether the VPC is made: neither it nor subnets are given.
    fn makes_vpc(&self) -> bool {
        let vpc = &self.config.vpc;
        vpc.id.is_empty() && vpc.subnets == super::Subnets::default()
    }

    /// Whether hybrid nodes are wanted.
    fn hybrid(&self) -> bool {
        let filled = |networks: &Option<Vec<super::RemoteNetwork>>| networks.as_ref().is_some_and(|networks| !networks.is_empty());
        self.config
            .remote_network_config
            .as_ref()
            .is_some_and(|remote| filled(&remote.remote_node_networks) || filled(&remote.remote_pod_networks))
    }
}

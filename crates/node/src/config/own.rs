//! Fields of `spec.instance` that are hybridge's own: steps of the user's, and disks chosen by what they are.

use std::collections::BTreeSet;
use std::fmt;

use hybridge_document::Problem;
use serde::{Deserialize, Serialize};

use super::Instance;

/// `spec.instance.steps[]`: a script of the user's, and when it runs.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UserStep {
    /// Name of the step, in the record, the log and the Node's condition.
    pub id: String,
    /// When it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<StepPhase>,
    /// The script itself, with or without a `#!` line; without, /bin/sh runs it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub script: String,
    /// How long it may take: `30s`, `5m`, `1h`; empty: five minutes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub timeout: String,
    /// Once for each content of the script, which is the default; else once each boot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_once: Option<bool>,
    /// What a failure does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
}

/// Without the script: there may be a password in it.
impl fmt::Debug for UserStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserStep").field("id", &self.id).field("phase", &self.phase).field("bytes", &self.script.len()).finish()
    }
}

/// When a step runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StepPhase {
    /// Before the network of a boot; the first time, first of all that `init` does.
    PreNetwork,
    /// After disks, before anything of the kubelet.
    PreKubelet,
    /// Once the cluster has the Node.
    PostJoin,
}

impl StepPhase {
    /// All of them, in their order.
    pub const ALL: [Self; 3] = [Self::PreNetwork, Self::PreKubelet, Self::PostJoin];

    /// As documents have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PreNetwork => "preNetwork",
            Self::PreKubelet => "preKubelet",
            Self::PostJoin => "postJoin",
        }
    }
}

impl fmt::Display for StepPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a failed step does to those after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnFailure {
    /// Nothing of ours runs after it: `init` ends.
    #[default]
    Stop,
    /// It is told, and the others run.
    Continue,
}

/// `spec.instance.disks[]`: disks chosen by what they are, with a file system each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UserDisk {
    /// Label of the file system, by which it is known again.
    pub label: String,
    /// Which disks.
    pub select: Select,
    /// File system; XFS if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filesystem: Option<FileSystem>,
    /// Where it is mounted; of several, `/1`, `/2` … below it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mount_path: String,
    /// What is on the disk may be overwritten.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wipe: Option<bool>,
}

/// Properties of a disk; all that are given have to fit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Select {
    /// Of the instance store, or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_store: Option<bool>,
    /// Not mounted. So is every disk that is taken; false is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unmounted: Option<bool>,
    /// Not the root disk. So is every disk that is taken; false is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_root: Option<bool>,
    /// Least size: `500GB`, `1TiB`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub min_size: String,
    /// Part of the model, whatever its capitals.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// How many disks; one if not said.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub count: String,
}

/// A file system that we make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileSystem {
    /// XFS.
    #[default]
    Xfs,
    /// ext4.
    Ext4,
}

impl FileSystem {
    /// As blkid, mkfs and mount call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Xfs => "xfs",
            Self::Ext4 => "ext4",
        }
    }

    /// Most bytes of a label: xfs_admin(8), e2label(8).
    pub fn longest_label(self) -> usize {
        match self {
            Self::Xfs => 12,
            Self::Ext4 => 16,
        }
    }
}

/// Seconds of `30s`, `5m`, `2h`, `90`; at least one second, at most a day.
pub fn seconds(text: &str) -> Option<u32> {
    let digits = text.trim_end_matches(['s', 'm', 'h']);
    let factor = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = digits.parse::<u32>().ok().filter(|_| plain)?.checked_mul(factor)?;
    (1..=86_400).contains(&seconds).then_some(seconds)
}

/// Bytes of `500GB`, `500G`, `1TiB`: with `i` powers of 1024, otherwise of 1000, as disks are sold.
pub fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &text[digits.len()..];
    let (unit, base) = match unit.strip_suffix("iB").or_else(|| unit.strip_suffix('i')) {
        Some(unit) => (unit, 1024_u64),
        None => (unit.strip_suffix('B').unwrap_or(unit), 1000),
    };
    let power = match unit {
        "M" => 2,
        "G" => 3,
        "T" => 4,
        _ => return None,
    };
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse::<u64>().ok().filter(|_| plain)?.checked_mul(base.pow(power))
}

/// Number of disks, 1 to 64.
pub fn count(text: &str) -> Option<u32> {
    text.parse().ok().filter(|count| (1..=64).contains(count))
}

/// Steps of a later document: one with an id that is there takes its place, others are put after it.
pub(super) fn merge_steps(base: &mut Vec<UserStep>, later: Vec<UserStep>) {
    for step in later {
        match base.iter_mut().find(|known| known.id == step.id && !step.id.is_empty()) {
            Some(known) => *known = step,
            None => base.push(step),
        }
    }
}

/// The same of disks, by label.
pub(super) fn merge_disks(base: &mut Vec<UserDisk>, later: Vec<UserDisk>) {
    for disk in later {
        match base.iter_mut().find(|known| known.label == disk.label && !disk.label.is_empty()) {
            Some(known) => *known = disk,
            None => base.push(disk),
        }
    }
}

/// What is missing in steps and disks, or contradicts itself.
pub(super) fn check(instance: &Instance) -> Vec<Problem> {
    let mut missing = Vec::new();
    let mut ids = BTreeSet::new();
    for (number, step) in instance.steps.iter().enumerate() {
        let place = format!("spec.instance.steps[{number}]");
        let mut say = |key: &str, what: String, fix: &str| {
            missing.push(Problem::at_field("steps.incomplete", &format!("{place}.{key}"), what, fix));
        };
        if step.id.is_empty() {
            say("id", "a step needs a name".to_owned(), "write `id: make-swap` or the like");
        } else if !ids.insert(&step.id) {
            say("id", format!("two steps are called {:?}", step.id), "give each a name of its own");
        }
        if step.phase.is_none() {
            say("phase", "when it runs is not said".to_owned(), "write preNetwork, preKubelet or postJoin");
        }
        if step.script.trim().is_empty() {
            say("script", "there is nothing to run".to_owned(), "write the script itself, as in `script: |`");
        }
    }
    let mut labels = BTreeSet::new();
    for (number, disk) in instance.disks.iter().enumerate() {
        let place = format!("spec.instance.disks[{number}]");
        disk_problems(disk, &place, &mut missing);
        if !disk.label.is_empty() && !labels.insert(&disk.label) {
            let what = format!("two entries have the label {:?}", disk.label);
            missing.push(Problem::at_field("disks.incomplete", &format!("{place}.label"), what, "give each one of its own"));
        }
    }
    missing
}

fn disk_problems(disk: &UserDisk, place: &str, missing: &mut Vec<Problem>) {
    let mut say = |key: &str, what: String, fix: &str| {
        missing.push(Problem::at_field("disks.incomplete", &format!("{place}.{key}"), what, fix));
    };
    let filesystem = disk.filesystem.unwrap_or_default();
    let several = count(&disk.select.count).filter(|count| *count > 1);
    let suffix = several.map_or(0, |count| 1 + count.to_string().len());
    if disk.label.is_empty() {
        say("label", "a disk needs a label, by which it is known again".to_owned(), "write `label: data` or the like");
    } else if disk.label.len() + suffix > filesystem.longest_label() {
        let limit = filesystem.longest_label();
        let what = format!("{:?} is too long: {} holds {limit} bytes, with the disk's number", disk.label, filesystem.name());
        say("label", what, "shorten it");
    }
    if disk.mount_path.is_empty() {
        say("mountPath", "where it is to be mounted is not said".to_owned(), "write `mountPath: /mnt/data` or the like");
    }
    if disk.select == Select::default() || (disk.select == Select { count: disk.select.count.clone(), ..Select::default() }) {
        say("select", "no property of a disk is named".to_owned(), "write `select: {instanceStore: true, minSize: 500GB}` or the like");
    }
    for (key, value) in [("unmounted", disk.select.unmounted), ("notRoot", disk.select.not_root)] {
        if value == Some(false) {
            say(&format!("select.{key}"), "no mounted disk and no root disk is ever taken".to_owned(), "write true, or leave it out");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_read() {
        for (text, wanted) in
            [("30s", Some(30)), ("5m", Some(300)), ("24h", Some(86_400)), ("90", Some(90)), ("0s", None), ("25h", None), ("-1s", None)]
        {
            assert_eq!(seconds(text), wanted, "{text}");
        }
        for wrong in ["", "s", "5 m", "5mm", "1.5h", "+5s", "99999999999s"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
        for (text, wanted) in
            [("500GB", 500_000_000_000), ("500G", 500_000_000_000), ("1TiB", 1 << 40), ("1Ti", 1 << 40), ("20MB", 20_000_000)]
        {
            assert_eq!(bytes(text), Some(wanted), "{text}");
        }
        for wrong in ["", "GB", "500", "500 GB", "500gb", "5PB", "1.5TB", "99999999999999TB"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}

//! Bringing stacks beside the cluster's own to what the file says; what the file no longer names stays, and is told.

use std::collections::BTreeMap;

use hybridge_aws::cloudformation::ChangeSet;
use hybridge_cluster::course::leaving::{Kind, kind};
use hybridge_cluster::course::{Standing, standing};
use hybridge_cluster::difference::difference;
use hybridge_cluster::template::Purpose;
use hybridge_cluster::world::{Stack, World};
use hybridge_report::Finding;

use super::Deed;
use super::draft::Draft;
use super::prepare::Prepared;
use super::stack::Wish;
use super::stop::Done;

/// Everything in or behind these is lost with them; a node group cannot even be replaced, as its name is taken.
const KEPT: [&str; 5] = ["AWS::EKS::Cluster", "AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::EC2::SecurityGroup", "AWS::EKS::Nodegroup"];

/// What CloudFormation would do that an update must not, whatever our own table says.
pub(in crate::cluster) fn refused(set: &ChangeSet) -> Vec<Finding> {
    let lost = set.changes.iter().filter(|change| {
        let goes = change.action == "Remove" || (change.action == "Modify" && change.replacement == "True");
        goes && KEPT.contains(&change.resource_type.as_str())
    });
    lost.map(|change| {
        let because: Vec<_> = change.details.iter().map(|detail| detail.name.as_str()).filter(|name| !name.is_empty()).collect();
        let verb = if change.action == "Remove" { "delete" } else { "replace" };
        let what =
            format!("CloudFormation would {verb} {} ({}): {}", change.physical_resource_id, change.resource_type, because.join(", "));
        Finding::error("change.replaces", change.logical_resource_id.clone(), what)
            .fix("write in the file what there is, or make a new one under another name beside it")
    })
    .collect()
}

/// Tags of a stack that is changed: those of the file, and those that it has. Others may have put theirs there, and eksctl's own keep
/// their values: a new one would touch everything in the stack.
pub(in crate::cluster) fn tags(stack: &Stack, wanted: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let had = stack.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone()));
    let mut tags: BTreeMap<String, String> = had.filter(|(key, _)| !key.starts_with("aws:")).collect();
    for (key, value) in wanted {
        let is_makers = key.starts_with("alpha.eksctl.io/eksctl-version");
        if !(is_makers && tags.contains_key(key)) {
            tags.insert(key.clone(), value.clone());
        }
    }
    tags
}

/// Whether a stack has exactly these tags.
pub(in crate::cluster) fn has_tags(stack: &Stack, tags: &BTreeMap<String, String>) -> bool {
    stack.tags.iter().filter(|tag| !tag.key.starts_with("aws:")).count() == tags.len()
        && stack.tags.iter().all(|tag| tag.key.starts_with("aws:") || tags.get(&tag.key) == Some(&tag.value))
}

/// Whether making a stack has not come to its end: then it is made, not changed.
fn is_unfinished(standing: Standing) -> bool {
    match standing {
        Standing::Absent | Standing::Reviewed | Standing::Creating | Standing::RollingBack | Standing::RolledBack => true,
        Standing::Broken
        | Standing::Stable
        | Standing::Updating
        | Standing::UpdateRollingBack
        | Standing::UpdateBroken
        | Standing::UpdateStuck
        | Standing::Deleting
        | Standing::DeleteFailed
        | Standing::Unknown => false,
    }
}

impl Deed {
    /// Makes a stack, or changes it where it differs. None: it was as wanted.
    async fn bring(&self, draft: &Draft) -> Done<Option<String>> {
        let name = &draft.plan.name;
        let purpose = draft.plan.purpose.name();
        let there = self.stack(name).await?;
        let made = there.as_ref().is_some_and(|stack| !is_unfinished(standing(&stack.stack_status)));
        let Some(stack) = there.filter(|_| made) else {
            self.make_protected(draft).await?;
            return Ok(Some(format!("made stack {name} ({purpose})")));
        };
        let tags = tags(&stack, &draft.plan.tags);
        let deployed = self.session.template(name).await?.unwrap_or_default();
        let template = draft.plan.over(&deployed);
        let is_done = standing(&stack.stack_status) == Standing::Stable;
        let changed = if is_done && difference(&deployed, &template.to_json()).is_empty() && has_tags(&stack, &tags) {
            false
        } else {
            self.change(&Wish { tags: &tags, body: &template.render(), ..draft.wish() }, &refused).await?
        };
        // An earlier run may have been killed before it came to that.
        let protected = self.protect(&stack, draft.plan.termination_protection).await?;
        Ok(match (changed, protected) {
            (true, _) => Some(format!("changed stack {name} ({purpose})")),
            (false, true) => Some(format!("protected stack {name} ({purpose}) from deletion")),
            (false, false) => None,
        })
    }

    /// Does the same for some stacks at once.
    pub(in crate::cluster) async fn bring_all(&self, drafts: &[&Draft]) -> Done<Vec<String>> {
        let done = self.each(drafts.iter().copied(), async |draft: &Draft| self.bring(draft).await).await?;
        Ok(done.into_iter().flatten().collect())
    }
}

/// Drafts of entries without those of principals whose entry somebody else made: EKS has one entry a principal, and it is left alone.
pub(in crate::cluster) fn entries(prepared: &Prepared) -> (Vec<&Draft>, Vec<Finding>) {
    let world = &prepared.world;
    let mut findings = Vec::new();
    let mut wanted = Vec::new();
    for draft in prepared.drafts.iter().filter(|draft| draft.plan.purpose == Purpose::AccessEntry) {
        let principal = draft.plan.template.to_json().pointer("/Resources/AccessEntry/Properties/PrincipalArn").cloned();
        let principal = principal.as_ref().and_then(|principal| principal.as_str()).unwrap_or_default();
        let by_stack = world.stacks.iter().any(|stack| stack.stack_name == draft.plan.name);
        if !by_stack && world.access_entries.iter().any(|entry| entry.principal_arn == principal) {
            let what = format!("{principal} has an access entry that no stack of ours made; it stays as it is");
            findings.push(Finding::warning("entry.exists", "accessConfig.accessEntries", what).fix(format!(
                "to have it as the file says: aws eks delete-access-entry --principal-arn {principal} --cluster-name …, then the same command again"
            )));
        } else {
            wanted.push(draft);
        }
    }
    (wanted, findings)
}

/// Stacks and add-ons that are there and that the file does not name. They stay: what somebody else put there looks just like them.
pub(in crate::cluster) fn unlisted(prepared: &Prepared, addons: &[String]) -> Vec<Finding> {
    let World { stacks, addons: live, .. } = &prepared.world;
    let cluster = &prepared.cluster.config.metadata.name;
    let of_file = |stack: &&Stack| prepared.drafts.iter().all(|draft| draft.plan.name != stack.stack_name);
    let is_part = |stack: &&Stack| matches!(kind(stack, cluster), Some(Kind::Nodes | Kind::Roles | Kind::Entry));
    let stacks = stacks.iter().filter(is_part).filter(of_file).map(|stack| {
        Finding::warning("stack.unlisted", format!("stack {}", stack.stack_name), "the file does not name what it holds; it stays")
            .fix(format!("to take it away: aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name {0} && aws cloudformation delete-stack --stack-name {0}", stack.stack_name))
    });
    let addons = live.iter().filter(|addon| !addons.contains(&addon.addon_name)).map(|addon| {
        Finding::warning("addon.unlisted", format!("add-on {}", addon.addon_name), "the file does not name it; it stays")
            .fix(format!("to take it away: aws eks delete-addon --addon-name {} --cluster-name {cluster}", addon.addon_name))
    });
    stacks.chain(addons).collect()
}

#[cfg(test)]
mod tests {
    use hybridge_aws::cloudformation::Change;
    use hybridge_cluster::world::Tag;

    use super::*;

    #[test]
    fn what_holds_other_things_is_neither_replaced_nor_removed() {
        let change = |action: &str, kind: &str, replacement: &str| Change {
            action: action.into(),
            resource_type: kind.into(),
            replacement: replacement.into(),
            logical_resource_id: "It".into(),
            ..Change::default()
        };
        for (action, kind, replacement, refusals) in [
            ("Modify", "AWS::EKS::Cluster", "True", 1),
            ("Modify", "AWS::EKS::Cluster", "False", 0),
            ("Modify", "AWS::EKS::Cluster", "Conditional", 0),
            ("Remove", "AWS::EC2::Subnet", "", 1),
            ("Modify", "AWS::EKS::Nodegroup", "True", 1),
            ("Remove", "AWS::EC2::Route", "", 0),
            ("Modify", "AWS::EC2::SecurityGroupIngress", "True", 0),
            ("Add", "AWS::EC2::VPC", "", 0),
        ] {
            let set = ChangeSet { changes: vec![change(action, kind, replacement)], ..ChangeSet::default() };
            assert_eq!(refused(&set).len(), refusals, "{action} {kind} {replacement}");
        }
    }

    #[test]
    fn tags_of_others_and_eksctls_version_stay() {
        let tag = |key: &str, value: &str| Tag { key: key.into(), value: value.into() };
        let had = vec![tag("team", "a"), tag("alpha.eksctl.io/eksctl-version", "0.200.0"), tag("aws:x", "y")];
        let stack = Stack { tags: had, ..Stack::default() };
        let wanted = [("team", "b"), ("alpha.eksctl.io/eksctl-version", "0.230.0"), ("new", "1")];
        let wanted = wanted.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let tags = tags(&stack, &wanted);
        let expected = [("alpha.eksctl.io/eksctl-version", "0.200.0"), ("new", "1"), ("team", "b")];
        assert_eq!(tags, expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
        assert!(!has_tags(&stack, &tags));
        let now = tags.iter().map(|(key, value)| tag(key, value)).chain([tag("aws:x", "y")]).collect();
        assert!(has_tags(&Stack { tags: now, ..Stack::default() }, &tags));
    }
}

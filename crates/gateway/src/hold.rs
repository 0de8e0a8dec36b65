//! Nodes that vanish together are kept for a while.
//!
//! Uninstalling Cilium removes its CRDs and with them every CiliumNode; a relabel empties the list in the same way. The pods
//! behind still run and still need their routes. So a mass deletion is held; a single one takes effect at once.

use std::collections::BTreeMap;
use std::time::Duration;

use hybridge_model::NodeName;

use crate::Moment;
use crate::nodes::HybridNode;

/// Deletions within this time of each other count as one.
const WINDOW: Duration = Duration::from_secs(30);

/// The nodes that count: those that the API shows, and those that are held.
#[derive(Clone, Debug)]
pub struct Roster {
    hold: Duration,
    live: BTreeMap<NodeName, HybridNode>,
    gone: BTreeMap<NodeName, Gone>,
}

#[derive(Clone, Debug)]
struct Gone {
    node: HybridNode,
    at: Moment,
    held: bool,
}

impl Roster {
    /// An empty roster that holds mass deletions for `hold`; zero switches holding off.
    pub fn new(hold: Duration) -> Self {
        Self { hold, live: BTreeMap::new(), gone: BTreeMap::new() }
    }

    /// Starts from what an earlier process left in the kernel, so that a mass deletion across a restart is held too.
    /// Names do not matter; such a node is replaced by the live one with the same address.
    pub fn seed(&mut self, left: impl IntoIterator<Item = HybridNode>) {
        self.live.extend(left.into_iter().map(|node| (node.name.clone(), node)));
    }

    /// Takes in the nodes that the API shows at `now`.
    pub fn update(&mut self, now: Moment, current: BTreeMap<NodeName, HybridNode>) {
        let addresses: std::collections::BTreeSet<_> = current.values().map(|node| node.node_ip).collect();
        let before = std::mem::replace(&mut self.live, current);
        let had_nodes = !before.is_empty();
        let known = |name: &NodeName, node: &HybridNode, live: &BTreeMap<NodeName, HybridNode>| {
            live.contains_key(name) || addresses.contains(&node.node_ip)
        };
        self.gone.retain(|name, gone| {
            let lasts = if gone.held { self.hold } else { WINDOW };
            now.since(gone.at) < lasts && !known(name, &gone.node, &self.live)
        });
        for (name, node) in before {
            if !known(&name, &node, &self.live) {
                self.gone.insert(name, Gone { node, at: now, held: false });
            }
        }
        let recent = self.gone.values().filter(|gone| now.since(gone.at) < WINDOW).count();
        let emptied = had_nodes && self.live.is_empty();
        if !self.hold.is_zero() && (emptied || recent > threshold(self.live.len() + recent)) {
            self.gone.values_mut().for_each(|gone| gone.held = true);
        }
    }

    /// Drops what has been held long enough at `now`.
    pub fn expire(&mut self, now: Moment) {
        let hold = self.hold;
        self.gone.retain(|_, gone| now.since(gone.at) < if gone.held { hold } else { WINDOW });
    }

    /// Nodes that the API shows.
    pub fn live(&self) -> impl ExactSizeIterator<Item = &HybridNode> {
        self.live.values()
    }

    /// Nodes that are gone from the API and held.
    pub fn held(&self) -> impl Iterator<Item = &HybridNode> {
        self.gone.values().filter(|gone| gone.held).map(|gone| &gone.node)
    }

    /// When the next held node is let go; `None` while none is held.
    pub fn next_expiry(&self) -> Option<Moment> {
        self.gone.values().filter(|gone| gone.held).map(|gone| gone.at + self.hold).min()
    }
}

/// More than this many of `total` nodes gone within [`WINDOW`] is a mass deletion: 3, or a tenth where that is more.
fn threshold(total: usize) -> usize {
    (total / 10).max(3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::tests::node;

    const HOLD: Duration = Duration::from_secs(300);

    fn at(seconds: u64) -> Moment {
        Moment::at(Duration::from_secs(seconds))
    }

    fn nodes(range: std::ops::Range<u8>) -> BTreeMap<NodeName, HybridNode> {
        range
            .map(|i| node(&format!("n{i}"), 0, &format!("192.168.10.{i}"), &[&format!("10.250.{i}.0/24")]))
            .map(|node| (node.name.clone(), node))
            .collect()
    }

    fn roster(range: std::ops::Range<u8>) -> Roster {
        let mut roster = Roster::new(HOLD);
        roster.update(at(0), nodes(range));
        roster
    }

    #[test]
    fn up_to_three_deletions_take_effect_at_once() {
        let mut roster = roster(0..20);
        roster.update(at(1), nodes(3..20));
        assert_eq!((roster.live().len(), roster.held().count()), (17, 0));
    }

    #[test]
    fn the_fourth_within_thirty_seconds_holds_them_all_until_the_time_is_over() {
        let mut roster = roster(0..20);
        roster.update(at(1), nodes(3..20));
        roster.update(at(29), nodes(4..20));
        assert_eq!(roster.held().count(), 4);
        assert_eq!(roster.next_expiry(), Some(at(301)));
        roster.expire(at(301));
        assert_eq!(roster.held().count(), 1);
        roster.expire(at(329));
        assert_eq!(roster.held().count(), 0);
    }

    #[test]
    fn slow_deletions_are_not_a_mass() {
        let mut roster = roster(0..20);
        for i in 1..=10 {
            roster.update(at(u64::from(i) * 31), nodes(i..20));
        }
        assert_eq!(roster.held().count(), 0);
    }

    #[test]
    fn a_tenth_counts_in_a_large_cluster() {
        let mut roster = roster(0..100);
        roster.update(at(1), nodes(10..100));
        assert_eq!(roster.held().count(), 0);
        roster.update(at(2), nodes(11..100));
        assert_eq!(roster.held().count(), 11);
    }

    #[test]
    fn an_empty_list_after_one_node_is_held_and_its_return_ends_that() {
        let mut roster = roster(0..1);
        roster.update(at(1), nodes(0..0));
        assert_eq!(roster.held().count(), 1);
        roster.update(at(2), nodes(0..1));
        assert_eq!((roster.held().count(), roster.next_expiry()), (0, None));
    }

    #[test]
    fn what_an_earlier_process_left_is_held_when_the_first_list_is_empty_and_replaced_when_it_is_not() {
        let left = || nodes(0..5).into_values().map(|n| HybridNode { name: NodeName::new(format!("kernel:{}", n.node_ip)), ..n });
        let mut roster = Roster::new(HOLD);
        roster.seed(left());
        roster.update(at(0), nodes(0..0));
        assert_eq!(roster.held().count(), 5);

        let mut roster = Roster::new(HOLD);
        roster.seed(left());
        roster.update(at(0), nodes(0..5));
        assert_eq!((roster.live().len(), roster.held().count()), (5, 0));
    }

    #[test]
    fn a_hold_of_zero_switches_it_off() {
        let mut roster = Roster::new(Duration::ZERO);
        roster.update(at(0), nodes(0..9));
        roster.update(at(1), nodes(0..0));
        assert_eq!(roster.held().count(), 0);
    }
}

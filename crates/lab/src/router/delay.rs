//! The time between a change of a route table and its effect on packets.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hybridge_model::RouteTableId;

use crate::ec2::Table;

/// How long changes of each route table take to reach the fabric.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteDelays {
    /// For tables not named below.
    pub default: Duration,
    /// For single tables.
    pub per_table: BTreeMap<RouteTableId, Duration>,
}

impl RouteDelays {
    fn of(&self, table: &RouteTableId) -> Duration {
        self.per_table.get(table).copied().unwrap_or(self.default)
    }
}

/// A table as it will be.
struct Pending {
    due: Instant,
    id: RouteTableId,
    table: Table,
}

/// Changes on their way into the fabric.
pub(super) struct Propagation {
    delays: RouteDelays,
    seen: BTreeMap<RouteTableId, Table>,
    effective: BTreeMap<RouteTableId, Table>,
    pending: Vec<Pending>,
}

impl Propagation {
    pub(super) fn new(delays: RouteDelays) -> Self {
        Self { delays, seen: BTreeMap::new(), effective: BTreeMap::new(), pending: Vec::new() }
    }

    /// Notes what the API says now. Tables seen for the first time take effect at once.
    pub(super) fn see(&mut self, now: Instant, tables: &BTreeMap<RouteTableId, Table>) {
        for (id, table) in tables {
            match self.seen.get(id) {
                None => drop(self.effective.insert(id.clone(), table.clone())),
                Some(known) if known == table => {}
                Some(_) => self.pending.push(Pending { due: now + self.delays.of(id), id: id.clone(), table: table.clone() }),
            }
        }
        self.seen.clone_from(tables);
        self.effective.retain(|id, _| tables.contains_key(id));
    }

    /// The tables as the fabric has them now.
    pub(super) fn effective(&mut self, now: Instant) -> BTreeMap<RouteTableId, Table> {
        for change in self.pending.extract_if(.., |change| change.due <= now) {
            if self.seen.contains_key(&change.id) {
                self.effective.insert(change.id, change.table);
            }
        }
        self.effective.clone()
    }

    /// When the next change takes effect.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.pending.iter().map(|change| change.due).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ec2::{RouteOrigin, RouteTarget, TableRoute};

    fn table(target: &str) -> Table {
        let route = TableRoute { target: RouteTarget::Other(target.into()), origin: RouteOrigin::CreateRoute };
        Table { routes: BTreeMap::from([("10.250.0.0/16".parse().unwrap(), route)]), subnets: Vec::new() }
    }

    fn id(text: &str) -> RouteTableId {
        text.parse().unwrap()
    }

    #[test]
    fn a_change_takes_effect_after_the_delay_of_its_table_and_in_order() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let slow = id("rtb-1");
        let delays = RouteDelays { default: Duration::ZERO, per_table: BTreeMap::from([(slow.clone(), Duration::from_millis(300))]) };
        let mut propagation = Propagation::new(delays);
        let tables = |a: &str, b: &str| BTreeMap::from([(slow.clone(), table(a)), (id("rtb-2"), table(b))]);

        propagation.see(at(0), &tables("tgw-1", "tgw-1"));
        assert_eq!(propagation.effective(at(0)), tables("tgw-1", "tgw-1"));
        propagation.see(at(10), &tables("tgw-2", "tgw-2"));
        assert_eq!(propagation.effective(at(10)), tables("tgw-1", "tgw-2"));
        propagation.see(at(20), &tables("tgw-3", "tgw-3"));
        assert_eq!((propagation.effective(at(310)), propagation.next_due()), (tables("tgw-2", "tgw-3"), Some(at(320))));
        assert_eq!((propagation.effective(at(320)), propagation.next_due()), (tables("tgw-3", "tgw-3"), None));
    }
}

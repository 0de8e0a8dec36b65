//! The sheet's two forms.

use super::super::Known;
use super::rules::{Phase, Rule};
use crate::world::Interface;

const COLUMNS: [&str; 6] = ["direction", "protocol", "ports", "from", "to", "what for"];

pub(super) fn markdown(known: &Known<'_>, rules: &[Rule]) -> String {
    let interfaces = known.interfaces();
    let mut text = format!("# Firewall rules for EKS cluster {} in {}\n\n", known.name(), known.region());
    text.push_str(
        "Directions are as seen from the site: `out` is from the site to AWS. Answers to what is let through have to come back.\n\n",
    );
    if interfaces.is_empty() {
        text.push_str("The control plane's addresses are not known yet; the networks of its subnets stand in their place.\n\n");
    } else {
        text.push_str("The control plane's addresses are those of today. An upgrade of Kubernetes may give it others of the same subnets, so let the subnets through where a firewall can take networks.\n\n");
        text.push_str("| interface | address | zone | subnet | its network |\n|---|---|---|---|---|\n");
        for interface in interfaces {
            let subnet = known.world.subnets.iter().find(|subnet| subnet.subnet_id == interface.subnet_id);
            let network = subnet.map_or("not known", |subnet| subnet.cidr_block.as_str());
            let Interface { network_interface_id, private_ip_address, availability_zone, subnet_id, .. } = interface;
            let cells = [network_interface_id.as_str(), private_ip_address, availability_zone, subnet_id, network];
            text.push_str(&row(&cells.map(str::to_owned)));
        }
        text.push('\n');
    }
    for phase in [Phase::Running, Phase::Installing] {
        text.push_str(match phase {
            Phase::Running => "## At all times\n\n",
            Phase::Installing => "\n## While machines are installed or upgraded\n\n",
        });
        text.push_str(&row(&COLUMNS.map(str::to_owned)));
        text.push_str("|---|---|---|---|---|---|\n");
        for rule in rules.iter().filter(|rule| rule.phase == phase) {
            text.push_str(&row(&cells(rule, "<br>")));
        }
    }
    text
}

fn row(cells: &[String]) -> String {
    format!("| {} |\n", cells.iter().map(|cell| cell.replace('|', "\\|")).collect::<Vec<_>>().join(" | "))
}

/// RFC 4180, a line for each rule; several addresses stand with a blank between them.
pub(super) fn csv(rules: &[Rule]) -> String {
    let line = |cells: &[String]| cells.iter().map(|cell| field(cell)).collect::<Vec<_>>().join(",") + "\r\n";
    let mut text = line(&std::iter::once("when").chain(COLUMNS).map(str::to_owned).collect::<Vec<_>>());
    for rule in rules {
        let when = match rule.phase {
            Phase::Running => "always",
            Phase::Installing => "install",
        };
        text.push_str(&line(&std::iter::once(when.to_owned()).chain(cells(rule, " ")).collect::<Vec<_>>()));
    }
    text
}

fn cells(rule: &Rule, between: &str) -> [String; 6] {
    [
        rule.direction.name().to_owned(),
        rule.protocol.to_owned(),
        rule.ports.to_owned(),
        rule.from.join(between),
        rule.to.join(between),
        rule.purpose.clone(),
    ]
}

fn field(cell: &str) -> String {
    if cell.contains([',', '"', '\r', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_csv_are_quoted_where_they_must_be() {
        for (cell, expected) in
            [("plain", "plain"), ("a,b", "\"a,b\""), ("say \"x\"", "\"say \"\"x\"\"\""), ("two\nlines", "\"two\nlines\"")]
        {
            assert_eq!(field(cell), expected);
        }
    }
}

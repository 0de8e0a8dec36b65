//! Name servers and search domains of the machine (`spec.instance.network`).

use crate::node::Node;
use crate::plan::File;

/// Read by systemd-resolved, which has to be restarted when it changes.
const PATH: &str = "/run/systemd/resolved.conf.d/40-eks.conf";

/// None if the user asks for neither name servers nor domains. Where one of the two is missing there is an empty line, as nodeadm has it.
pub fn file(node: &Node) -> Option<File> {
    let network = &node.config.instance.network;
    if network.nameservers.is_empty() && network.domains.is_empty() {
        return None;
    }
    let line = |key: &str, values: &[String]| if values.is_empty() { String::new() } else { format!("{key}={}", values.join(" ")) };
    let (servers, domains) = (line("DNS", &network.nameservers), line("Domains", &network.domains));
    Some(File::new(PATH, format!("[Resolve]\n{servers}\n{domains}\n")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::containerd::fixture::Machine;

    /// Expected texts: nodeadm's own table (`resolve_test.go`).
    #[test]
    fn servers_and_domains_are_written_if_there_are_any() {
        for (servers, domains, expected) in [
            (&[][..], &[][..], None),
            (&["8.8.8.8", "8.8.4.4"], &[], Some("[Resolve]\nDNS=8.8.8.8 8.8.4.4\n\n")),
            (&[], &["example.com", "test.local"], Some("[Resolve]\n\nDomains=example.com test.local\n")),
            (&["1.1.1.1"], &["company.com"], Some("[Resolve]\nDNS=1.1.1.1\nDomains=company.com\n")),
        ] {
            let mut machine = Machine::ec2();
            machine.config.instance.network.nameservers = servers.iter().map(|text: &&str| (*text).to_owned()).collect();
            machine.config.instance.network.domains = domains.iter().map(|text: &&str| (*text).to_owned()).collect();
            assert_eq!(file(&machine.node()), expected.map(|text| File::new(PATH, text)));
        }
    }
}

//! AWS as the cases of both nodeadms have it: the instance of amazon-eks-ami's metadata file, and the lab's EC2, EKS and STS.

#![allow(dead_code, reason = "each test file uses its part")]

use std::net::{Ipv4Addr, SocketAddr};

use hybridge_lab::aws::{AccessKey, Aws as Account, Cluster, Principal};
use hybridge_lab::ec2::{Ec2State, FakeEc2, Instance};
use hybridge_lab::imds::{Imds, Metadata};
use hybridge_lab::netns::{Netns, Task};

use crate::machine::{Machine, fixture};

const IMDS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1338);
const API: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 5000);

/// What answers, until it is dropped.
pub(crate) struct Aws {
    /// Its account.
    pub(crate) account: Account,
    /// The metadata service of its instance.
    pub(crate) imds: Imds,
    key: AccessKey,
    services: Vec<Task>,
}

impl Drop for Aws {
    /// The next one of a test listens at the same addresses.
    fn drop(&mut self) {
        self.services.drain(..).for_each(Task::stop);
    }
}

impl Aws {
    /// Starts the services on the loopback interface, and tells the machine of them.
    pub(crate) fn start(machine: &mut Machine) -> Self {
        let metadata = Metadata::from_aemm(&fixture("ec2/imds.json")).unwrap();
        let mut state = Ec2State::new("vpc-0123456789abcdef0".parse().unwrap(), vec!["172.16.0.0/16".parse().unwrap()]);
        state.instances.insert(
            metadata.instance_id.parse().unwrap(),
            Instance {
                interface: "eni-0123456789abcdef0".parse().unwrap(),
                private_ip: metadata.local_ipv4,
                az: metadata.availability_zone.clone(),
                source_dest_check: true,
                vxlan_open: false,
                terminated: false,
            },
        );
        let account = Account::new(&metadata.region, "123456789012", FakeEc2::new(state));
        let key = account.accept(AccessKey::permanent(Principal::Session { role: "node".into(), session: metadata.instance_id.clone() }));
        let imds = Imds::of_one(&metadata);
        let here = Netns::current("machine").unwrap();
        let services = vec![imds.serve(&here, IMDS).unwrap(), account.serve(&here, API).unwrap()];
        machine.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", &format!("http://localhost:{}", IMDS.port()));
        machine.set("AWS_ENDPOINT_URL", &format!("http://localhost:{}", API.port()));
        machine.set("AWS_REGION", account.region());
        for (name, value) in key.environment() {
            machine.set(name, &value);
        }
        Self { account, imds, key, services }
    }

    /// Puts a stand-in at the place of AWS's signing helper: a program that has a session's credentials, whatever certificate it is given.
    pub(crate) fn signing_helper(&self, machine: &Machine) {
        let (id, secret) = (&self.key.id, &self.key.secret);
        let end = self.account.now() + jiff::SignedDuration::from_hours(1);
        machine.local_program(
            "aws_signing_helper",
            &format!("echo '{{\"Version\":1,\"AccessKeyId\":\"{id}\",\"SecretAccessKey\":\"{secret}\",\"Expiration\":\"{end}\"}}'"),
        );
    }

    /// Adds an active cluster whose hybrid nodes are in these networks.
    pub(crate) fn cluster(&self, name: &str, remote_node_networks: &[&str]) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut subject = rcgen::CertificateParams::new(Vec::new()).unwrap();
        subject.distinguished_name.push(rcgen::DnType::CommonName, "kubernetes");
        let authority = subject.self_signed(&key).unwrap().pem();
        let remote_node_networks = remote_node_networks.iter().map(ToString::to_string).collect();
        self.account.add_cluster(Cluster { remote_node_networks, ..Cluster::new(name, "https://example.com", &authority) });
    }
}

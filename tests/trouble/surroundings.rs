//! The metadata service, AWS and certificates in trouble.

use std::time::{Duration, Instant};

use hybridge_lab::aws::{Fault, Leaf, Service};
use hybridge_lab::imds::MetadataFault;
use hybridge_lab::isolate::isolated;
use jiff::SignedDuration;

use crate::machine::Machine;
use crate::trouble::{CLUSTER, Cloud, OFFLINE, ec2, hybrid, init_again, install, machine, refused};

const FROM_FILE: [&str; 2] = ["-c", "file:///config.yaml"];

/// A way to fail, how often, and what is said of it; nothing where `init` gets over it.
type Row = (&'static str, MetadataFault, u32, Option<&'static str>);

fn of_metadata() -> Vec<Row> {
    vec![
        ("silent for ever", MetadataFault::Absent, 1000, Some("does not answer the request of a session token")),
        ("silent once", MetadataFault::Absent, 1, None),
        ("slow", MetadataFault::Slow(Duration::from_millis(300)), 1000, None),
        ("401 for ever", MetadataFault::BadToken, 1000, Some("status 401")),
        ("401 once", MetadataFault::BadToken, 1, None),
        ("404 on the MAC address", MetadataFault::Missing("meta-data/mac".into()), 1000, Some("has no /latest/meta-data/mac")),
        (
            "404 on the document",
            MetadataFault::Missing("dynamic/instance-identity/document".into()),
            1000,
            Some("has no /latest/dynamic/instance-identity/document"),
        ),
    ]
}

#[test]
fn a_metadata_service_in_trouble_is_told_in_bounded_time() {
    isolated(|| {
        for (what, fault, times, expected) in of_metadata() {
            let mut machine = machine();
            let cloud = Cloud::start(&mut machine, Some(&ec2("")));
            cloud.imds.fail(fault, times);
            let start = Instant::now();
            match expected {
                Some(expected) => {
                    let outcome = refused(&machine, what, &FROM_FILE);
                    assert!(outcome.stderr.contains(expected), "{what}: {}", outcome.stderr);
                }
                None => drop(init_again(&machine, &[]).expect(0)),
            }
            assert!(start.elapsed() < Duration::from_secs(40), "{what}: {:?}", start.elapsed());
        }
    });
}

#[test]
fn no_metadata_service_is_told_as_such() {
    isolated(|| {
        let mut machine = machine();
        machine.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9");
        for arguments in [FROM_FILE, ["-c", "imds://user-data"]] {
            let outcome = refused(&machine, arguments[1], &arguments);
            assert!(outcome.stderr.contains("cannot be reached") && outcome.stderr.contains("spec.hybrid"), "{}", outcome.stderr);
        }
        machine.set("AWS_EC2_METADATA_DISABLED", "true");
        assert!(refused(&machine, "disabled", &FROM_FILE).stderr.contains("AWS_EC2_METADATA_DISABLED"));
    });
}

#[test]
fn ec2_that_is_throttling_is_waited_for_and_one_that_refuses_is_not() {
    isolated(|| {
        let mut machine = machine();
        let cloud = Cloud::start(&mut machine, None);
        cloud.aws.fail(Service::Ec2, Fault::AccessDenied, None);
        let start = Instant::now();
        let outcome = refused(&machine, "denied", &FROM_FILE);
        assert!(outcome.stderr.contains("ec2:DescribeInstances") && outcome.stderr.contains("InstanceIdNodeName"), "{}", outcome.stderr);
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        cloud.aws.heal();
        cloud.aws.fail(Service::Ec2, Fault::Throttle, Some(2));
        init_again(&machine, &[]).expect(0);
        assert!(cloud.aws.asked().iter().filter(|asked| asked.service == Service::Ec2).count() > 3);
    });
}

/// A node outside with all that it needs.
fn outside() -> (Machine, Cloud) {
    let mut machine = machine();
    let cloud = Cloud::start(&mut machine, None);
    install(&machine, &cloud.certificate(|_| ()));
    machine.write("/config.yaml", hybrid(""));
    (machine, cloud)
}

const OUTSIDE: [&str; 4] = ["-c", "file:///config.yaml", "--skip", OFFLINE];

#[test]
fn a_cluster_that_takes_no_such_node_is_told_before_anything_is_written() {
    type Change = fn(&Cloud);
    let rows: [(&str, Change, &str); 8] = [
        ("EKS denies", |cloud| cloud.aws.fail(Service::Eks, Fault::AccessDenied, None), "error[cluster.unknown]"),
        ("EKS throttles for ever", |cloud| cloud.aws.fail(Service::Eks, Fault::Throttle, None), "error[cluster.unknown]"),
        ("EKS fails for ever", |cloud| cloud.aws.fail(Service::Eks, Fault::Internal, None), "error[cluster.unknown]"),
        ("not active", |cloud| cloud.aws.change_cluster(CLUSTER, |cluster| cluster.status = "CREATING".into()), "error[cluster.inactive]"),
        (
            "no remote networks",
            |cloud| cloud.aws.change_cluster(CLUSTER, |cluster| cluster.remote_node_networks.clear()),
            "error[cluster.remote-networks]",
        ),
        ("no access entry", |cloud| cloud.aws.change_cluster(CLUSTER, |cluster| cluster.entries.clear()), "error[access.no-entry]"),
        ("Roles Anywhere denies", |cloud| cloud.aws.fail(Service::RolesAnywhere, Fault::AccessDenied, None), "error[aws.caller]"),
        ("the clock is an hour behind", |cloud| cloud.aws.set_ahead(SignedDuration::from_hours(1)), "error[aws.caller]"),
    ];
    isolated(|| {
        let (machine, cloud) = outside();
        for (what, change, expected) in rows {
            change(&cloud);
            let start = Instant::now();
            let outcome = refused(&machine, what, &OUTSIDE);
            assert!(outcome.stderr.contains(expected), "{what}: {}", outcome.stderr);
            assert!(start.elapsed() < Duration::from_secs(40), "{what}: {:?}", start.elapsed());
            assert!(!what.contains("clock") || outcome.stderr.contains("clock"), "{what}: {}", outcome.stderr);
            cloud.aws.heal();
            cloud.aws.set_ahead(SignedDuration::ZERO);
            cloud.aws.change_cluster(CLUSTER, |cluster| {
                let entry = hybridge_lab::aws::AccessEntry::of_nodes(hybridge_lab::aws::EntryKind::HybridLinux);
                cluster.status = "ACTIVE".into();
                cluster.remote_node_networks = vec!["192.168.0.0/16".into()];
                cluster.entries.insert("arn:aws:iam::123456789012:role/hybrid".into(), entry);
            });
        }
        cloud.aws.fail(Service::Eks, Fault::Throttle, Some(2));
        init_again(&machine, &OUTSIDE[2..]).expect(0);
    });
}

#[test]
fn a_certificate_that_is_no_good_is_told() {
    isolated(|| {
        let (machine, cloud) = outside();
        let good = cloud.certificate(|_| ());
        let rows: [(&str, Leaf, &str); 5] = [
            ("expired", cloud.certificate(|spec| spec.years = (2000, 2001)), "error[certificate.expired]"),
            ("not yet", cloud.certificate(|spec| spec.years = (2090, 2091)), "error[certificate.early]"),
            ("another's key", Leaf { key: cloud.certificate(|_| ()).key, ..good.clone() }, "error[certificate.other-key]"),
            ("no certificate", Leaf { certificate: "nothing".into(), ..good.clone() }, "error[certificate."),
            ("no key", Leaf { key: "nothing".into(), ..good.clone() }, "error[certificate.key]"),
        ];
        for (what, leaf, expected) in rows {
            install(&machine, &leaf);
            let outcome = refused(&machine, what, &OUTSIDE);
            assert!(outcome.stderr.contains(expected), "{what}: {}", outcome.stderr);
            assert!(!outcome.stderr.contains("PRIVATE KEY"), "{what}: {}", outcome.stderr);
        }
        std::fs::remove_dir_all(machine.path("/etc/iam")).unwrap();
        assert!(refused(&machine, "missing", &OUTSIDE).stderr.contains("error[certificate.missing]"));
        install(&machine, &good);
        init_again(&machine, &OUTSIDE[2..]).expect(0);
    });
}

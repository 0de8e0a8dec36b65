//! AMIs as they are found, and what is wrong with them.

use super::*;
use crate::verdict::{Outcome, Verdict};

fn device(name: &str, snapshot: &str, size: u64) -> Device {
    Device { name: name.into(), snapshot: snapshot.into(), size: Some(size) }
}

/// As the EKS optimized AMIs of Amazon Linux 2023.
fn image(change: impl FnOnce(&mut Image)) -> Image {
    let mut image = Image {
        id: "ami-1".into(),
        name: "amazon-eks-node-al2023-x86_64-standard-1.33-v20260101".into(),
        state: "available".into(),
        architecture: "x86_64".into(),
        root_device_type: "ebs".into(),
        root_device_name: "/dev/xvda".into(),
        ena: true,
        boot_mode: "uefi-preferred".into(),
        deprecation: "2028-01-01T00:00:00.000Z".into(),
        devices: vec![device("/dev/xvda", "snap-1", 20)],
        ..Image::default()
    };
    change(&mut image);
    image
}

fn kind(name: &str, architecture: &str, boot_modes: &[&str]) -> InstanceType {
    InstanceType {
        name: name.into(),
        architectures: vec![architecture.into()],
        boot_modes: boot_modes.iter().map(|mode| (*mode).to_owned()).collect(),
        storage: Some(1900),
        disk: Some(1900),
        interfaces: Some(8),
    }
}

fn odd(verdicts: Vec<Verdict>) -> Vec<(&'static str, Outcome)> {
    verdicts.into_iter().filter(|one| one.outcome != Outcome::Pass).map(|one| (one.code, one.outcome)).collect()
}

#[test]
fn each_rule_is_told_by_its_own_check() {
    let intel = kind("c6id.8xlarge", "x86_64", &["legacy-bios", "uefi"]);
    let graviton = kind("c6gd.8xlarge", "arm64", &["uefi"]);
    let region = kind("m5.large", "x86_64", &["legacy-bios", "uefi"]);
    type Case<'a> = (fn(&mut Image), &'a InstanceType, &'a [(&'a str, Outcome)]);
    let cases: &[Case] = &[
        (|_| (), &intel, &[]),
        (|image| image.devices.push(device("/dev/xvdb", "snap-2", 80)), &intel, &[("ami.one-snapshot", Outcome::Fail)]),
        // An empty volume besides is no snapshot.
        (|image| image.devices.push(device("/dev/xvdb", "", 80)), &intel, &[]),
        (
            |image| image.devices[0].name = "/dev/sdb".into(),
            &intel,
            &[("ami.root-snapshot", Outcome::Fail), ("ami.root-size", Outcome::Skip)],
        ),
        (|image| image.root_device_type = "instance-store".into(), &intel, &[("ami.root-type", Outcome::Fail)]),
        (|_| (), &graviton, &[("ami.architecture", Outcome::Fail)]),
        (|_| (), &region, &[("ami.architecture", Outcome::Fail)]),
        (|image| image.ena = false, &intel, &[("ami.ena", Outcome::Fail)]),
        (
            |image| (image.architecture, image.boot_mode) = ("arm64".into(), "legacy-bios".into()),
            &graviton,
            &[("ami.boot-mode", Outcome::Fail)],
        ),
        (|image| image.deprecation = "2026-01-01T00:00:00.000Z".into(), &intel, &[("ami.current", Outcome::Warn)]),
        (|image| image.state = "disabled".into(), &intel, &[("ami.current", Outcome::Fail)]),
        (|image| image.devices[0].size = Some(1770), &intel, &[("ami.root-size", Outcome::Fail)]),
        (|image| image.devices[0].size = Some(1769), &intel, &[]),
    ];
    let limits = Limits { now: Some("2026-03-01T00:00:00Z".parse().unwrap()), storage: None };
    for (number, (change, kind, expected)) in cases.iter().enumerate() {
        assert_eq!(odd(examine(&image(*change), Some(kind), &[], limits)), *expected, "case {number}");
    }
    // What the template sets over the AMI counts, and what the user says of the disk.
    let over = [device("/dev/xvda", "", 500)];
    let small = Limits { storage: Some(400), ..limits };
    assert_eq!(odd(examine(&image(|_| ()), Some(&intel), &over, small)), [("ami.root-size", Outcome::Fail)]);
}

#[test]
fn bottlerocket_is_explained() {
    let bottlerocket = image(|image| {
        image.name = "bottlerocket-aws-k8s-1.33-x86_64-v1.50.0".into();
        image.devices.push(device("/dev/xvdb", "snap-2", 20));
    });
    let verdict = examine(&bottlerocket, None, &[], Limits::default()).swap_remove(0);
    let told = verdict.findings[0].to_string();
    assert!(told.contains("Bottlerocket, which has 2 snapshots") && told.contains("local clusters"), "{told}");
}

fn template() -> Template {
    let interface = |index, delete| Interface { index, subnet: "subnet-1".into(), delete_on_termination: delete, ..Interface::default() };
    Template {
        id: "lt-1".into(),
        version: 3,
        interfaces: vec![interface(0, None), interface(14, Some(true))],
        interface_tags: [("node.k8s.amazonaws.com/no_manage".to_owned(), "true".to_owned())].into(),
        metadata: Metadata { endpoint: "enabled".into(), tokens: "required".into(), hops: Some(2) },
        ..Template::default()
    }
}

fn subnet() -> Subnet {
    Subnet { id: "subnet-1".into(), outpost: "arn:aws:outposts:eu-central-1:111122223333:outpost/op-1".into(), lni: Some(14) }
}

#[test]
fn a_template_and_its_subnet_make_an_lni_or_say_why_not() {
    type Change = fn(&mut Template, &mut Subnet);
    let cases: &[(Change, &[(&str, Outcome)])] = &[
        (|_, _| (), &[]),
        (
            |template, _| drop(template.interfaces.pop()),
            &[("template.lni", Outcome::Warn), ("template.delete-on-termination", Outcome::Skip), ("template.no-manage", Outcome::Skip)],
        ),
        (|template, _| template.interfaces[1].delete_on_termination = Some(false), &[("template.delete-on-termination", Outcome::Fail)]),
        (|template, _| template.interfaces[1].delete_on_termination = None, &[]),
        (|template, _| template.interface_tags.clear(), &[("template.no-manage", Outcome::Fail)]),
        (|template, _| template.interfaces[1].id = "eni-1".into(), &[("template.lni", Outcome::Fail)]),
        (|template, _| template.metadata.endpoint = "disabled".into(), &[("template.metadata", Outcome::Fail)]),
        (|template, _| template.metadata.tokens.clear(), &[("template.metadata", Outcome::Warn)]),
        (|template, _| template.metadata.hops = Some(64), &[("template.metadata", Outcome::Warn)]),
        (|_, subnet| subnet.outpost.clear(), &[("subnet.lni", Outcome::Fail)]),
        (|_, subnet| subnet.lni = None, &[("subnet.lni", Outcome::Fail)]),
        (|_, subnet| subnet.lni = Some(1), &[("subnet.lni", Outcome::Fail)]),
    ];
    for (number, (change, expected)) in cases.iter().enumerate() {
        let (mut template, mut subnet) = (template(), subnet());
        change(&mut template, &mut subnet);
        let server = Server { index: Some(14), subnets: &[subnet], kind: None };
        assert_eq!(odd(launch(&template, &server)), *expected, "case {number}");
    }
}

#[test]
fn a_low_index_is_in_the_way_of_the_cni() {
    let mut low = template();
    low.interfaces[1].index = 1;
    let subnets = [Subnet { lni: Some(1), ..subnet() }];
    assert_eq!(odd(launch(&low, &Server { subnets: &subnets, ..Server::default() })), [("template.lni", Outcome::Warn)]);
}

#[test]
fn node_groups_of_one_subnet_must_mean_one_index() {
    let mut other = template();
    other.interfaces[1].index = 7;
    assert_eq!(agree(&[(template(), vec![subnet()]), (template(), vec![subnet()])]).outcome, Outcome::Pass);
    let verdict = agree(&[(template(), vec![subnet()]), (other, vec![subnet()])]);
    assert_eq!((verdict.outcome, verdict.findings.len()), (Outcome::Fail, 1), "{verdict:?}");
}

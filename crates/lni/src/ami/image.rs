//! The eight rules for AMIs.

use hybridge_report::Finding;
use jiff::Timestamp;

use super::InstanceType;
use crate::verdict::{Check, Verdict};

const SNAPSHOT: Check = Check::new("ami.one-snapshot", "it consists of one snapshot");
const ROOT: Check = Check::new("ami.root-snapshot", "the snapshot is the root device");
const EBS: Check = Check::new("ami.root-type", "the root device is made from EBS");
const ARCHITECTURE: Check = Check::new("ami.architecture", "it is for the server's processor");
const ENA: Check = Check::new("ami.ena", "it has the driver for the network");
const BOOT: Check = Check::new("ami.boot-mode", "the instance type starts it");
const CURRENT: Check = Check::new("ami.current", "it is available and not deprecated");
const SIZE: Check = Check::new("ami.root-size", "the root volume fits on the server's disk");

/// Documentation of the rule that users meet first.
const RULE: &str = "https://docs.aws.amazon.com/outposts/latest/server-userguide/launch-instance.html";
const ONE: &str = "take an AMI of one snapshot: the EKS optimized ones of Amazon Linux 2023 and 2 are, and most that are built from them";

/// An AMI, as DescribeImages tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// `ami-…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What somebody wrote of it.
    pub description: String,
    /// `available`, `pending`, `disabled`, …
    pub state: String,
    /// `x86_64`, `arm64`.
    pub architecture: String,
    /// `ebs`, `instance-store`.
    pub root_device_type: String,
    /// `/dev/xvda`.
    pub root_device_name: String,
    /// Whether it has the driver of the Elastic Network Adapter.
    pub ena: bool,
    /// `legacy-bios`, `uefi`, `uefi-preferred`; empty: the default of the type.
    pub boot_mode: String,
    /// When it is deprecated (RFC 3339); empty: never.
    pub deprecation: String,
    /// What it is made of.
    pub devices: Vec<Device>,
}

/// A device of an AMI, or of a launch template over it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// `/dev/xvda`.
    pub name: String,
    /// `snap-…`; empty: it is made empty, or lies on instance storage.
    pub snapshot: String,
    /// Size in GiB, where it is told.
    pub size: Option<u64>,
}

/// Makes the eight checks. `kind`: the instance type; `over`: devices that a launch template sets over those of the AMI; `storage`: GB on
/// the server, in place of what the type has.
pub fn examine(image: &Image, kind: Option<&InstanceType>, over: &[Device], limits: Limits) -> Vec<Verdict> {
    vec![
        snapshots(image),
        root(image),
        root_type(image),
        architecture(image, kind),
        ena(image),
        boot(image, kind),
        current(image, limits.now),
        size(image, kind, over, limits.storage),
    ]
}

/// What is known besides AMI and type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Now; none: it is not judged whether it is deprecated.
    pub now: Option<Timestamp>,
    /// GB of instance storage that the root volume may use, in place of the largest disk of the type.
    pub storage: Option<u64>,
}

fn of_snapshots(image: &Image) -> Vec<&Device> {
    image.devices.iter().filter(|device| !device.snapshot.is_empty()).collect()
}

fn is_bottlerocket(image: &Image) -> bool {
    [&image.name, &image.description].into_iter().any(|text| text.to_ascii_lowercase().contains("bottlerocket"))
}

fn snapshots(image: &Image) -> Verdict {
    let found = of_snapshots(image);
    let told: Vec<_> = found.iter().map(|device| format!("{} from {}", device.name, device.snapshot)).collect();
    let told = told.join(", ");
    match found.len() {
        1 => SNAPSHOT.pass(told),
        0 => SNAPSHOT.fail(&image.id, "it has no snapshot of EBS", ONE),
        number if is_bottlerocket(image) => {
            let what = format!(
                "this is Bottlerocket, which has {number} snapshots: one with the system, which is never written, and one with the data \
                 ({told}). An Outposts server starts instances from one snapshot alone; that is also why EKS has no local clusters on \
                 servers, whose control plane is Bottlerocket"
            );
            SNAPSHOT.fail(&image.id, what, format!("{ONE}; see {RULE}"))
        }
        number => SNAPSHOT.fail(
            &image.id,
            format!("it has {number} snapshots: {told}; a server starts from one alone"),
            format!("{ONE}; see {RULE}"),
        ),
    }
}

fn root(image: &Image) -> Verdict {
    let name = &image.root_device_name;
    match of_snapshots(image).iter().find(|device| device.name == *name) {
        Some(device) => ROOT.pass(format!("{name} from {}", device.snapshot)),
        None => ROOT.fail(&image.id, format!("the root device {name} is made from no snapshot"), ONE),
    }
}

fn root_type(image: &Image) -> Verdict {
    match image.root_device_type.as_str() {
        "ebs" => EBS.pass("ebs"),
        other => EBS.fail(&image.id, format!("the root device is of the type `{other}`; servers start AMIs that are backed by EBS"), ONE),
    }
}

fn architecture(image: &Image, kind: Option<&InstanceType>) -> Verdict {
    let Some(kind) = kind else { return ARCHITECTURE.skip("no instance type is named: --instance-type") };
    let there = kind.architectures();
    if there.is_empty() {
        return ARCHITECTURE.skip(format!("nothing is known of {}", kind.name));
    }
    if !there.contains(&image.architecture.as_str()) {
        let what = format!("it is for {}, and {} is {}", image.architecture, kind.name, there.join(", "));
        return ARCHITECTURE.fail(&image.id, what, format!("take the AMI of the same release for {}", there[0]));
    }
    let mut findings = Vec::new();
    if !kind.on_servers() {
        let what = "Outposts servers have c6id (2U, Intel) and c6gd (1U, Graviton) alone";
        findings.push(Finding::error(ARCHITECTURE.code, &kind.name, what).fix("name a type that the server has, such as c6id.8xlarge"));
    }
    ARCHITECTURE.of(format!("{} on {}", image.architecture, kind.name), findings)
}

fn ena(image: &Image) -> Verdict {
    match image.ena {
        true => ENA.pass("enaSupport"),
        false => ENA.fail(
            &image.id,
            "enaSupport is off: the types of servers have no other network",
            "install the ENA driver and register the AMI with --ena-support",
        ),
    }
}

fn boot(image: &Image, kind: Option<&InstanceType>) -> Verdict {
    let Some(modes) = kind.map(|kind| kind.boot_modes.as_slice()).filter(|modes| !modes.is_empty()) else {
        return BOOT.skip("it is not known how the instance type starts: --instance-type");
    };
    let starts = |mode: &str| modes.iter().any(|other| other == mode);
    let fits = match image.boot_mode.as_str() {
        // EC2's default: UEFI on Graviton, else BIOS; every type starts its own.
        "" => true,
        "uefi-preferred" => starts("uefi") || starts("legacy-bios"),
        mode => starts(mode),
    };
    let mode = if image.boot_mode.is_empty() { "the type's default" } else { &image.boot_mode };
    match fits {
        true => BOOT.pass(mode),
        false => {
            BOOT.fail(&image.id, format!("it starts by {mode}, the type by {}", modes.join(", ")), "take an AMI with another boot mode")
        }
    }
}

fn current(image: &Image, now: Option<Timestamp>) -> Verdict {
    if !matches!(image.state.as_str(), "available" | "") {
        let fix = "wait until it is available, or take another";
        return CURRENT.fail(&image.id, format!("its state is `{}`: no instance starts from it", image.state), fix);
    }
    if image.deprecation.is_empty() {
        return CURRENT.pass("never deprecated");
    }
    match (image.deprecation.parse::<Timestamp>(), now) {
        (Ok(end), Some(now)) if end <= now => {
            let what = format!("it is deprecated since {}: no security fixes, and its owner may take it away", image.deprecation);
            CURRENT.warn(&image.id, what, "take a newer release")
        }
        (Ok(_), Some(_)) => CURRENT.pass(format!("until {}", image.deprecation)),
        (_, _) => CURRENT.skip(format!("deprecated from {} on", image.deprecation)),
    }
}

fn size(image: &Image, kind: Option<&InstanceType>, over: &[Device], storage: Option<u64>) -> Verdict {
    let name = &image.root_device_name;
    let of = |devices: &[Device]| devices.iter().find(|device| device.name == *name)?.size;
    let Some(size) = of(over).or_else(|| of(&image.devices)) else { return SIZE.skip("the size of the root volume is not told") };
    let Some(room) = storage.or_else(|| kind?.disk.or(kind?.storage)) else {
        return SIZE.skip(format!("{size} GiB; it is not known how large the disk is: --instance-type or --instance-store-size"));
    };
    // Volumes are told in GiB, disks of instances in GB.
    let bytes = (u128::from(size) << 30, u128::from(room) * 1_000_000_000);
    if bytes.0 <= bytes.1 {
        return SIZE.pass(format!("{size} GiB on {room} GB"));
    }
    let what = format!("the root volume has {size} GiB, and the disk {room} GB");
    SIZE.fail(&image.id, what, "make the root volume smaller, or take a larger instance type")
}

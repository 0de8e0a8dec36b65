use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::facts::{ClusterFacts, Disk, Firewall, FirewallKind, InstanceFacts, Swap};
use crate::hybrid::ssm;
use crate::plan::DiskStep;
use crate::resolve::{Resolved, resolve};
use crate::version::Version;

const CLUSTER: &str = r#""name":"my-cluster","apiServerEndpoint":"https://example.com","certificateAuthority":"Y2VydGlmaWNhdGVBdXRob3JpdHk=","cidr":"10.100.0.0/16""#;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Ec2,
    RolesAnywhere,
    Ssm,
}

/// What can differ from node to node.
#[derive(Clone, Debug)]
struct Setting {
    kind: Kind,
    plugins: Plugins,
    share: bool,
    strategy: Option<&'static str>,
    disks: u32,
    swap: bool,
    firewall: bool,
    outpost: bool,
    more: bool,
}

impl Setting {
    fn of(kind: Kind) -> Self {
        let (plugins, strategy) = (Plugins::External, None);
        Self { kind, plugins, share: false, strategy, disks: 0, swap: false, firewall: false, outpost: false, more: false }
    }

    fn document(&self) -> String {
        let region = if self.kind == Kind::Ec2 { "" } else { r#","region":"us-west-2""# };
        let outpost = if self.outpost { r#","enableOutpost":true,"id":"1""# } else { "" };
        let share = self.share;
        let hybrid = match self.kind {
            Kind::Ec2 => String::new(),
            Kind::RolesAnywhere => format!(
                r#","hybrid":{{"enableCredentialsFile":{share},"iamRolesAnywhere":{{"nodeName":"node-1","trustAnchorArn":"t","profileArn":"p","roleArn":"r"}}}}"#
            ),
            Kind::Ssm => format!(
                r#","hybrid":{{"enableCredentialsFile":{share},"ssm":{{"activationId":"i","activationCode":"hidden-from-everybody"}}}}"#
            ),
        };
        let storage = self.strategy.map(|name| format!(r#""localStorage":{{"strategy":"{name}"}}"#)).unwrap_or_default();
        let more = if self.more {
            r#","featureGates":{"InstanceIdNodeName":true},"kubelet":{"config":{"maxPods":20},"flags":["--v=5"]}"#
        } else {
            ""
        };
        format!(r#"{{"cluster":{{{CLUSTER}{region}{outpost}}},"instance":{{{storage}}}{more}{hybrid}}}"#)
    }

    fn resolved(&self) -> Resolved {
        let mut config: NodeConfig = serde_json::from_str(&self.document()).unwrap();
        if self.kind != Kind::Ec2 {
            config.shape = Shape::Hybrid;
        }
        let disk =
            |number: u32| Disk { id: format!("/dev/disk/by-id/nvme-{number}"), device: format!("/dev/nvme{number}n1"), ..Disk::default() };
        let facts = Facts {
            cpus: 4,
            memory: 16 << 30,
            kubelet: Some(Version::new(1, 34)),
            containerd: Some(Version::new(2, 0)),
            programs: vec![ssm::AGENTS[0].to_owned(), "/etc/eks/image-credential-provider/ecr-credential-provider".to_owned()],
            instance: Some(InstanceFacts {
                id: "i-1234567890abcdef0".to_owned(),
                region: "us-west-2".to_owned(),
                instance_type: "m5d.xlarge".to_owned(),
                availability_zone: "us-west-2f".to_owned(),
                mac: "0e:49:61:0f:c3:11".to_owned(),
                local_ipv4: Some([172, 16, 34, 43].into()),
                private_dns_name: Some("ip-172-16-34-43.ec2.internal".to_owned()),
                ..InstanceFacts::default()
            }),
            cluster: Some(ClusterFacts::default()),
            resolved: [("example.com".to_owned(), ["10.0.0.2", "10.0.0.1"].map(|text| text.parse().unwrap()).to_vec())].into(),
            disks: (1..=self.disks).map(disk).collect(),
            swaps: if self.swap { vec![Swap { path: "/swapfile".to_owned(), partition: false }] } else { Vec::new() },
            firewall: self.firewall.then_some(Firewall { kind: FirewallKind::Ufw, open: Vec::new() }),
            files: [
                (ssm::REGISTRATION.to_owned(), r#"{"ManagedInstanceID":"mi-0123","Region":"us-west-2"}"#.to_owned()),
                ("/etc/fstab".to_owned(), "/swapfile none swap sw 0 0\n".to_owned()),
            ]
            .into(),
            ..Facts::default()
        };
        resolve(&config, &facts, self.plugins, "/usr/local/bin/hybridge").unwrap()
    }
}

fn options(skip: &[&str], daemons: &[Daemon]) -> Options {
    let skips = Skips::parse(&skip.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    let daemons = (!daemons.is_empty()).then(|| daemons.to_vec());
    Options { skips, daemons, cache: Some(File::new("/run/eks/nodeadm/config.json", "{}")) }
}

/// Phases and steps, one a line.
fn outline(plan: &Plan) -> String {
    let mut lines = vec![format!("{} whole={}", plan.node, plan.whole)];
    for phase in &plan.phases {
        lines.push(format!("{} ({:?})", phase.name, phase.half));
        lines.extend(phase.steps.iter().map(|step| format!("  {}", line(step))));
    }
    lines.push(format!("left out: {:?}", plan.left_out));
    lines.join("\n")
}

fn line(step: &Step) -> String {
    match step {
        Step::Write(file) => format!("write {}", file.path),
        Step::Symlink { path, target } => format!("link {path} -> {target}"),
        Step::Edit { path, edit } => format!("edit {path} {}", serde_json::to_string(edit).unwrap()),
        Step::DaemonReload => "daemon-reload".to_owned(),
        Step::Sysctl { path } => format!("sysctl {path}"),
        Step::Modules { names } => format!("modules {names:?}"),
        Step::SwapOff { path } => format!("swapoff {path}"),
        Step::OpenPorts { firewall, ports } => format!("open {ports:?} in {firewall:?}"),
        Step::Disk(DiskStep::Array { name, level, .. }) => format!("array {name} of level {level}"),
        Step::Disk(DiskStep::Format { device }) => format!("format {device}"),
        Step::Disk(DiskStep::Mount { device, path }) => format!("mount {device} {path}"),
        Step::Disk(DiskStep::Bind { path, source, .. }) => format!("bind {source} {path}"),
        Step::Disk(DiskStep::Volume { label, path, .. }) => format!("volume {label} {path}"),
        Step::Script(script) => format!("script {} of {}", script.id, script.phase),
        Step::RegisterSsm { agent, region, .. } => format!("register by {agent} in {region}"),
        Step::Service { unit, enable, wait, .. } => format!("service {unit} enable={enable} wait={wait}"),
        Step::WaitForFile { path, wait, .. } => format!("wait {wait} for {path}"),
        Step::ImportImage { archive, snapshotter } => format!("import {archive} into {snapshotter}"),
        Step::PullImage { .. } => "pull the sandbox image".to_owned(),
    }
}

fn planned(setting: &Setting, options: &Options) -> Plan {
    plan(&setting.resolved().node(), options).unwrap()
}

#[test]
fn phases_come_in_upstreams_order() {
    let ec2 = Setting { strategy: Some("RAID0"), disks: 2, outpost: true, ..Setting::of(Kind::Ec2) };
    insta::assert_snapshot!("ec2", outline(&planned(&ec2, &options(&[], &[]))));
    let outside = Setting { share: true, swap: true, firewall: true, ..Setting::of(Kind::RolesAnywhere) };
    insta::assert_snapshot!("hybrid-roles-anywhere", outline(&planned(&outside, &options(&[], &[]))));
    let outside = Setting { share: true, plugins: Plugins::Builtin, ..Setting::of(Kind::Ssm) };
    insta::assert_snapshot!("hybrid-ssm", outline(&planned(&outside, &options(&[], &[]))));
}

#[test]
fn the_boot_runs_one_half_before_and_one_after_the_users_scripts() {
    let setting = Setting::of(Kind::Ec2);
    let before = planned(&setting, &options(&["run"], &[]));
    assert!(before.whole && before.left_out == [MARKER], "{before:?}");
    assert!(before.phases.iter().all(|phase| phase.half == Half::Config));
    let after = planned(&setting, &options(&["config"], &[]));
    assert!(!after.whole && after.phases.iter().all(|phase| phase.half == Half::Run), "{after:?}");
    assert_eq!(after.phases.iter().map(|phase| phase.name).collect::<Vec<_>>(), ["marker", "containerd", "kubelet"]);
    let one = planned(&setting, &options(&["config"], &[Daemon::Containerd]));
    assert_eq!(one.phases.iter().map(|phase| phase.name).collect::<Vec<_>>(), ["marker", "containerd"]);
}

#[test]
fn without_daemons_everything_else_is_done() {
    // As nodeadm does with `--daemon=""`.
    let setting = Setting { strategy: Some("RAID0"), disks: 2, ..Setting::of(Kind::Ec2) };
    let plan = planned(&setting, &Options { daemons: Some(Vec::new()), ..options(&[], &[]) });
    let phases: Vec<&str> = plan.phases.iter().map(|phase| phase.name).collect();
    assert_eq!(phases, ["cache", "marker", "disks"]);
    assert!(plan.left_out.iter().any(|path| path == "/etc/containerd/config.toml"), "{:?}", plan.left_out);
}

#[test]
fn a_node_outside_gets_its_credentials_before_anything_is_asked() {
    for kind in [Kind::RolesAnywhere, Kind::Ssm] {
        let resolved = Setting { share: true, ..Setting::of(kind) }.resolved();
        let unknown = Facts { programs: resolved.facts.programs.clone(), ..Facts::default() };
        let first = first(&resolved.config, &unknown, resolved.plugins, &resolved.executable).unwrap().unwrap();
        let whole = plan(&resolved.node(), &Options::default()).unwrap();
        assert_eq!(first.phases[..], whole.phases[..1], "the whole plan begins with the same steps");
        assert!(!first.whole);
    }
    let ec2 = Setting::of(Kind::Ec2).resolved();
    assert_eq!(first(&ec2.config, &ec2.facts, ec2.plugins, "/h").unwrap(), None);
}

#[test]
fn all_findings_of_all_writers_come_at_once() {
    let mut resolved = Setting { strategy: Some("RAID10"), disks: 2, outpost: true, ..Setting::of(Kind::RolesAnywhere) }.resolved();
    resolved.facts.swaps = vec![Swap { path: "/dev/sda2".to_owned(), partition: true }];
    resolved.facts.resolved.clear();
    let findings = plan(&resolved.node(), &Options::default()).unwrap_err();
    assert_eq!(findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["swap.partition", "outpost.host", "disks.too-few"]);
    assert!(findings.iter().all(|finding| finding.fix.is_some()));
}

#[test]
fn what_users_may_have_edited_is_not_ours_to_remove() {
    let plan = planned(&Setting { share: true, ..Setting::of(Kind::Ssm) }, &options(&[], &[]));
    let owned = super::super::owned(&plan);
    assert!(written(&plan).contains(&ssm::CONFIG.to_owned()) && !owned.contains(&ssm::CONFIG.to_owned()), "{owned:?}");
    assert!(owned.contains(&hybrid::SHARED.to_owned()) && owned.is_sorted(), "{owned:?}");
}

#[test]
fn the_documented_paths_are_all_that_is_written() {
    let documented: BTreeSet<&str> = super::super::possible_drop_ins().into_iter().map(|(path, _)| path).collect();
    for kind in [Kind::Ec2, Kind::RolesAnywhere, Kind::Ssm] {
        for plugins in [Plugins::External, Plugins::Builtin] {
            let setting = Setting { share: true, more: true, plugins, ..Setting::of(kind) };
            for path in written(&planned(&setting, &options(&[], &[]))) {
                let known = ["/run/eks/nodeadm/config.json", "/etc/aws/hybrid/config"].contains(&path.as_str());
                assert!(known || documented.contains(path.as_str()), "{path} is not documented");
            }
        }
    }
}

fn settings() -> impl Strategy<Value = Setting> {
    let kind = prop_oneof![Just(Kind::Ec2), Just(Kind::RolesAnywhere), Just(Kind::Ssm)];
    let plugins = prop_oneof![Just(Plugins::Builtin), Just(Plugins::External)];
    let strategy = prop_oneof![Just(None), Just(Some("RAID0")), Just(Some("RAID10")), Just(Some("Mount"))];
    let more = any::<[bool; 5]>();
    (kind, plugins, strategy, 4_u32..7, more).prop_map(|(kind, plugins, strategy, disks, [share, swap, firewall, outpost, more])| {
        let outpost = outpost && kind == Kind::Ec2;
        Setting { kind, plugins, share, strategy, disks, swap, firewall, outpost, more }
    })
}

fn left_out() -> impl Strategy<Value = Options> {
    let skip = proptest::sample::subsequence(vec!["preprocess", "config", "run"], 0..=3);
    let daemons = proptest::sample::subsequence(vec![Daemon::Containerd, Daemon::Kubelet], 0..=2);
    (skip, daemons).prop_map(|(skip, daemons)| options(&skip, &daemons))
}

/// Paths in the order in which they are written.
fn written(plan: &Plan) -> Vec<String> {
    let path = |step: &Step| {
        if let Step::Write(File { path, .. }) | Step::Symlink { path, .. } = step { Some(path.clone()) } else { None }
    };
    plan.phases.iter().flat_map(|phase| &phase.steps).filter_map(path).collect()
}

proptest! {
    #[test]
    fn one_node_has_one_plan_that_writes_each_path_once(setting in settings(), options in left_out()) {
        let once = planned(&setting, &options);
        prop_assert_eq!(&once, &planned(&setting, &options));
        let written = written(&once);
        prop_assert_eq!(written.iter().collect::<BTreeSet<_>>().len(), written.len(), "{:?}", written);
        let shown = format!("{once:?}{}", serde_json::to_string(&once).unwrap());
        prop_assert!(!shown.contains("hidden-from-everybody"));
    }

    #[test]
    fn services_start_after_all_that_they_read(setting in settings()) {
        let plan = planned(&setting, &options(&[], &[]));
        let steps: Vec<&Step> = plan.phases.iter().flat_map(|phase| &phase.steps).collect();
        let place = |path: &str| steps.iter().position(|step| matches!(step, Step::Write(file) if file.path == path));
        let unit = |name: &str| steps.iter().position(|step| matches!(step, Step::Service { unit, .. } if unit == name));
        for (at, step) in steps.iter().enumerate() {
            let Step::Service { unit, files, wait, .. } = step else { continue };
            prop_assert!(*wait > 0, "{} may take for ever", unit);
            for file in files {
                prop_assert!(place(file).is_none_or(|written| written < at), "{} before {}", unit, file);
            }
        }
        let disks = steps.iter().rposition(|step| matches!(step, Step::Disk(_)));
        prop_assert!(disks < unit("containerd.service"));
        prop_assert!(unit("containerd.service") < unit("kubelet.service"));
        let last_file = steps.iter().rposition(|step| matches!(step, Step::Write(file) if file.path != MARKER));
        prop_assert!(last_file < unit("containerd.service"));
    }

    /// Else a boot, which leaves out one half and then the other, would remove what the other has written.
    #[test]
    fn what_is_ours_does_not_depend_on_what_is_left_out(setting in settings(), options in left_out()) {
        let all = super::super::owned(&planned(&setting, &self::options(&[], &[])));
        prop_assert_eq!(super::super::owned(&planned(&setting, &options)), all);
    }
}

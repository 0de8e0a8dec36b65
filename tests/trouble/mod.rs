//! A throw-away machine with its surroundings, each of which can be made to fail: the metadata service, AWS, systemd.

#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use hybridge_lab::aws::{AccessEntry, Authority, Aws, CertificateSpec, Cluster, EntryKind, KeyKind, Leaf, Profile};
use hybridge_lab::ec2::{Ec2State, FakeEc2, Instance};
use hybridge_lab::imds::{Imds, Metadata};
use hybridge_lab::netns::{Netns, Task};
use jiff::SignedDuration;

use crate::machine::{Machine, Outcome, fixture};

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "us-west-2";
pub(crate) const INSTANCE: &str = "i-1234567890abcdef0";
pub(crate) const CLUSTER: &str = "my-cluster";
/// Text that stands where a certificate authority's PEM would.
pub(crate) const AUTHORITY: &str = "Y2VydGlmaWNhdGVBdXRob3JpdHk=";

/// Directories of a machine that `init` may change.
pub(crate) const CHANGED: [&str; 7] = ["/etc", "/var", "/run", "/opt/kernel", "/root", "/tmp", "/eks-hybrid"];

/// What `systemctl` did, and what its units were started with, is here.
pub(crate) const SYSTEMD: &str = "/opt/systemd";

/// Units are files. `FILE.refuses` is a script that says whether the unit may start with its files as they are; what it was started
/// with is remembered as a digest of them.
const SYSTEMCTL: &str = r#"
d=/opt/systemd
command=$1
for unit; do :; done
case "$command" in
show)
  [ -e $d/$unit.missing ] && load=not-found || load=loaded
  state=$(cat $d/$unit.state 2>/dev/null || echo inactive)
  [ -e $d/$unit.enabled ] && enabled=enabled || enabled=disabled
  [ $state = failed ] && result=exit-code || result=success
  echo "LoadState=$load"; echo "ActiveState=$state"; echo "SubState=running"; echo "Result=$result"; echo "Type=notify"
  echo "InvocationID=$(cat $d/$unit.id 2>/dev/null)"; echo "ExecMainStatus=1"; echo "UnitFileState=$enabled"; echo "NeedDaemonReload=no" ;;
is-active) state=$(cat $d/$unit.state 2>/dev/null || echo inactive); echo $state; [ $state = active ] ;;
*)
  echo "$*" >> $d/log
  case "$command" in
  restart|start)
    echo $(($(cat $d/$unit.id 2>/dev/null || echo 0) + 1)) > $d/$unit.id
    cat /etc/containerd/config.toml /etc/kubernetes/kubelet/config.json /etc/eks/kubelet/environment 2>/dev/null | sha256sum > $d/$unit.seen
    if [ -e $d/$unit.refuses ] && sh $d/$unit.refuses; then echo failed > $d/$unit.state; else echo active > $d/$unit.state; fi ;;
  esac
  case "$command $unit" in
  restart*signing_helper_update*) mkdir -p /eks-hybrid/.aws; echo '[default]' > /eks-hybrid/.aws/credentials ;;
  enable*) : > $d/$unit.enabled ;;
  esac ;;
esac
exit 0"#;

/// What surrounds a machine.
pub(crate) struct Cloud {
    pub(crate) aws: Aws,
    pub(crate) imds: Imds,
    pub(crate) authority: Authority,
    _servers: Vec<Task>,
}

impl Cloud {
    /// The surroundings of an instance with this user data.
    pub(crate) fn start(machine: &mut Machine, user_data: Option<&str>) -> Self {
        static PORT: AtomicU16 = AtomicU16::new(20_000);
        let ns = Netns::current("machine").unwrap();
        let aws = Aws::new(REGION, ACCOUNT, FakeEc2::new(instances()));
        aws.add_cluster(cluster());
        let authority = Authority::new("nodes").unwrap();
        aws.set_up_anywhere(|anywhere| {
            anywhere.anchors.insert(arn("trust-anchor/a"), vec![authority.der().to_vec()]);
            let profile = Profile {
                roles: vec![format!("arn:aws:iam::{ACCOUNT}:role/hybrid")],
                accepts_session_name: true,
                session_is_common_name: true,
                longest: 3600,
            };
            anywhere.profiles.insert(arn("profile/p"), profile);
        });
        let mut metadata = Metadata::from_aemm(&fixture("ec2/imds.json")).unwrap();
        metadata.user_data = user_data.map(|text| text.as_bytes().to_vec());
        metadata.credentials = Some(aws.session("node", INSTANCE, SignedDuration::from_hours(6)));
        let imds = Imds::of_one(&metadata);
        let address = || SocketAddr::from(([127, 0, 0, 1], PORT.fetch_add(1, Ordering::Relaxed)));
        let (of_imds, of_aws) = (address(), address());
        let servers = vec![imds.serve(&ns, of_imds).unwrap(), aws.serve(&ns, of_aws).unwrap()];
        machine.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", &format!("http://{of_imds}"));
        machine.set("AWS_ENDPOINT_URL", &format!("http://{of_aws}"));
        Self { aws, imds, authority, _servers: servers }
    }

    /// A certificate of the node for Roles Anywhere.
    pub(crate) fn certificate(&self, change: impl FnOnce(&mut CertificateSpec)) -> Leaf {
        let mut spec = CertificateSpec::new("edge-7", KeyKind::P256);
        change(&mut spec);
        self.authority.issue(&spec).unwrap()
    }
}

fn instances() -> Ec2State {
    let mut state = Ec2State::new("vpc-0a".parse().unwrap(), vec!["172.16.0.0/16".parse().unwrap()]);
    let instance = Instance {
        interface: "eni-0a".parse().unwrap(),
        private_ip: "172.16.34.43".parse().unwrap(),
        az: "us-west-2f".into(),
        source_dest_check: true,
        vxlan_open: false,
        terminated: false,
    };
    state.instances.insert(INSTANCE.parse().unwrap(), instance);
    state
}

fn cluster() -> Cluster {
    let mut cluster = Cluster::new(CLUSTER, "https://10.0.0.1:6443", "certificateAuthority");
    cluster.service_cidr = "10.100.0.0/16".into();
    cluster.remote_node_networks = vec!["192.168.0.0/16".into()];
    cluster.entries.insert(format!("arn:aws:iam::{ACCOUNT}:role/hybrid"), AccessEntry::of_nodes(EntryKind::HybridLinux));
    cluster
}

fn arn(what: &str) -> String {
    format!("arn:aws:rolesanywhere:{REGION}:{ACCOUNT}:{what}")
}

/// Mounts of a machine.
pub(crate) trait Mounts {
    /// A file system in memory.
    fn memory(&self, at: &str, options: &str);
    /// Whether something can be written.
    fn writable(&self, at: &str, writable: bool);
}

impl Mounts for Machine {
    fn memory(&self, at: &str, options: &str) {
        mount(Command::new("mount").args(["-t", "tmpfs", "-o", options, "memory"]).arg(self.path(at)));
    }

    fn writable(&self, at: &str, writable: bool) {
        let at = self.path(at);
        if writable {
            mount(Command::new("umount").arg(&at));
        } else {
            mount(Command::new("mount").arg("--bind").args([&at, &at]));
            mount(Command::new("mount").args(["-o", "remount,bind,ro"]).arg(&at));
        }
    }
}

fn mount(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A machine whose systemd remembers, with the tools that a node outside needs.
pub(crate) fn machine() -> Machine {
    let machine = Machine::new("1.34.2", "2.1.5");
    machine.program("systemctl", SYSTEMCTL);
    machine.program("journalctl", "echo 'containerd[7]: failed to load TOML: no such thing'");
    for (name, script) in [
        ("modprobe", "for module; do mkdir -p /sys/module/$module; done"),
        ("swapoff", "exit 0"),
        ("firewall-cmd", "exit 252"),
        ("crictl", "echo $2 > /opt/systemd/image"),
        ("ctr", "cat /opt/systemd/image"),
        ("restorecon", "echo restorecon $* >> /opt/systemd/log"),
    ] {
        machine.program(name, script);
    }
    machine.memory("/sys/module", "mode=755");
    machine.write(&format!("{SYSTEMD}/log"), "");
    fs::create_dir(machine.path("/eks-hybrid")).unwrap();
    for cpu in 0..2 {
        for file in ["core_id", "physical_package_id"] {
            machine.write(&format!("/sys_devices_system_mock/node/node0/cpu{cpu}/topology/{file}"), "0\n");
        }
    }
    machine.write("/config.yaml", ec2(""));
    machine
}

/// A whole NodeConfig of an instance; `more` is what follows in its `spec`.
pub(crate) fn ec2(more: &str) -> String {
    format!(
        "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  cluster:\n    name: {CLUSTER}\n    apiServerEndpoint: \
         https://example.com\n    certificateAuthority: {AUTHORITY}\n    cidr: 10.100.0.0/16\n{more}"
    )
}

/// A NodeConfig of a node outside, which leaves the cluster to be described.
pub(crate) fn hybrid(more: &str) -> String {
    format!(
        "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  cluster:\n    name: {CLUSTER}\n    region: {REGION}\n  hybrid:\n    \
         iamRolesAnywhere:\n      nodeName: edge-7\n      trustAnchorArn: {}\n      profileArn: {}\n      roleArn: \
         arn:aws:iam::{ACCOUNT}:role/hybrid\n{more}",
        arn("trust-anchor/a"),
        arn("profile/p"),
    )
}

/// Puts a certificate and its key where nodes have them.
pub(crate) fn install(machine: &Machine, leaf: &Leaf) {
    machine.write("/etc/iam/pki/server.pem", &leaf.certificate);
    machine.write("/etc/iam/pki/server.key", &leaf.key);
    fs::set_permissions(machine.path("/etc/iam/pki/server.key"), fs::Permissions::from_mode(0o600)).unwrap();
}

/// Checks that want a network, which this machine has not.
pub(crate) const OFFLINE: &str = "k8s-endpoint-network-validation,k8s-authentication-validation,api-server-endpoint-resolution-validation,node-ip-validation,iam-ra-api-network-validation,iam-ra-api-network";

/// `hybridge node init` with a configuration.
pub(crate) fn init(machine: &Machine, config: &str, more: &[&str]) -> Outcome {
    machine.write("/config.yaml", config);
    init_again(machine, more)
}

/// The same with the configuration that is there.
pub(crate) fn init_again(machine: &Machine, more: &[&str]) -> Outcome {
    let mut arguments = vec!["node", "init", "-c", "file:///config.yaml"];
    arguments.extend(more);
    machine.run("hybridge", &arguments)
}

/// A file as tests compare it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) mode: u32,
    pub(crate) content: String,
    inode: u64,
    modified: (i64, i64),
}

/// Everything that `init` may change, directories too.
pub(crate) fn seen(machine: &Machine) -> BTreeMap<String, Seen> {
    let mut found = BTreeMap::new();
    let mut directories: Vec<_> = CHANGED.iter().map(|directory| machine.path(directory)).collect();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let meta = path.symlink_metadata().unwrap();
            let content = if meta.is_symlink() {
                format!("-> {}", fs::read_link(&path).unwrap().display())
            } else if meta.is_dir() {
                directories.push(path.clone());
                "(directory)".into()
            } else {
                String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned()
            };
            // A directory's own times change with what is in it.
            let modified = if meta.is_dir() { (0, 0) } else { (meta.mtime(), meta.mtime_nsec()) };
            let name = format!("/{}", path.strip_prefix(machine.path("/")).unwrap().display());
            found.insert(name, Seen { mode: meta.mode() & 0o7777, content, inode: meta.ino(), modified });
        }
    }
    found
}

/// The same without what differs between two machines alike.
pub(crate) fn contents(machine: &Machine) -> BTreeMap<String, (u32, String)> {
    seen(machine).into_iter().map(|(path, seen)| (path, (seen.mode, seen.content))).collect()
}

/// What stands in one and not in the other, or otherwise; short enough to be read.
pub(crate) fn difference<T: PartialEq + std::fmt::Debug>(before: &BTreeMap<String, T>, after: &BTreeMap<String, T>) -> String {
    let paths: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let lines = paths.into_iter().filter(|path| before.get(*path) != after.get(*path));
    lines.map(|path| format!("{path}: {:.700?}\n   now: {:.700?}\n", before.get(path), after.get(path))).collect()
}

/// What systemd was told since it was asked last.
pub(crate) fn told(machine: &Machine) -> Vec<String> {
    let log = machine.read(&format!("{SYSTEMD}/log"));
    machine.write(&format!("{SYSTEMD}/log"), "");
    log.lines().map(str::to_owned).collect()
}

/// A command on the machine, started by another program of the host (`strace`, `setpriv`).
pub(crate) fn under(wrapper: &[&str], command: &Command) -> Outcome {
    let mut outer = Command::new(wrapper[0]);
    outer.args(&wrapper[1..]).arg(command.get_program()).args(command.get_args()).stdin(Stdio::null()).env_clear();
    outer.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let Output { status, stdout, stderr } = outer.output().unwrap();
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    Outcome {
        code: status.code().unwrap_or_else(|| 128 + signal.unwrap_or_default()),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// `init` that is to end with 1, to say why, and to change nothing at all.
#[track_caller]
pub(crate) fn refused(machine: &Machine, what: &str, arguments: &[&str]) -> Outcome {
    try_refused(machine, arguments).unwrap_or_else(|why| panic!("{what}: {why}"))
}

/// The same, with what it did otherwise.
pub(crate) fn try_refused(machine: &Machine, arguments: &[&str]) -> Result<Outcome, String> {
    told(machine);
    let before = seen(machine);
    let outcome = machine.run("hybridge", &[&["node", "init"], arguments].concat());
    let after = seen(machine);
    let told = told(machine);
    if before != after || !told.is_empty() {
        return Err(format!("it changed something\n{}\n{told:?}\n{}", outcome.stderr, difference(&before, &after)));
    }
    let clear = outcome.code == 1 && outcome.stderr.contains("error[") && outcome.stderr.contains("hint:") && outcome.stdout.is_empty();
    if clear { Ok(outcome) } else { Err(format!("{outcome:?}")) }
}

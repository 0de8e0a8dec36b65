//! Files of `hybridge lni render`, read by the programs that they are for.

#![allow(clippy::unwrap_used, reason = "a test that cannot prepare has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use hybridge_lab::isolate::isolated;
use hybridge_lni::profile::{Profile, parse};
use hybridge_lni::render::{Backend, files};
use nix::mount::{MsFlags, mount};

const MAC: &str = "02:ab:cd:00:00:01";
const STATIC: &str = "address: { mode: static, cidr: 192.168.2.10/24, gateway: 192.168.2.1 }";
const BACKENDS: [Backend; 3] = [Backend::Networkd, Backend::NetworkManager, Backend::Netplan];

/// Static, by DHCP, and on a VLAN.
fn profiles() -> Vec<Profile> {
    let more = "firewall: { hostPorts: [tcp/9100, udp/161, tcp/22], allowFrom: [192.168.2.0/24, 192.168.2.128/25, 10.0.0.0/8] }";
    let of = |rest: &str| {
        let text = format!("lni:\n  match: {{ mac: '{MAC}' }}\n  lan: {{ cidrs: [192.168.2.0/24, 192.168.50.0/24] }}\n  {rest}\n");
        let parsed = parse("lni.yaml", &text);
        parsed.profile.unwrap_or_else(|| panic!("{:#?}", parsed.problems))
    };
    vec![of(STATIC), of(&format!("{STATIC}\n  {more}")), of("address: { mode: dhcp }"), of(&format!("vlan: 59\n  {STATIC}"))]
}

fn write(profile: &Profile, backend: Backend, root: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    for file in files(profile, MAC.parse().unwrap(), backend) {
        let path = root.join("etc").join(file.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, file.content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(file.mode)).unwrap();
    }
}

fn run(program: &str, arguments: &[&str]) -> Output {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    Command::new(program).args(arguments).env("PATH", path).output().unwrap_or_else(|error| panic!("{program}: {error}"))
}

fn quiet(program: &str, arguments: &[&str]) -> String {
    let output = run(program, arguments);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && told.is_empty(), "{program} {arguments:?}: {told}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn nftables_takes_the_ruleset_again_and_again_and_leaves_other_tables() {
    isolated(|| {
        let folder = tempfile::tempdir().unwrap();
        quiet("nft", &["add", "table", "ip", "other"]);
        for profile in profiles() {
            write(&profile, Backend::Networkd, folder.path());
            let path = folder.path().join("etc/hybridge/lni.nft");
            let path = path.to_str().unwrap();
            quiet("nft", &["-c", "-f", path]);
            quiet("nft", &["-f", path]);
            let once = quiet("nft", &["list", "ruleset"]);
            quiet("nft", &["-f", path]);
            assert_eq!(quiet("nft", &["list", "ruleset"]), once, "twice is as once");
        }
        assert_eq!(quiet("nft", &["list", "tables"]), "table ip other\ntable inet hybridge_lni\ntable ip hybridge_lni_nat\n");
        let delete = folder.path().join("delete.nft");
        fs::write(&delete, hybridge_lni::nft::delete()).unwrap();
        for _ in 0..2 {
            quiet("nft", &["-f", delete.to_str().unwrap()]);
            assert_eq!(quiet("nft", &["list", "tables"]), "table ip other\n");
        }
    });
}

#[test]
fn netplan_makes_files_that_our_drop_ins_are_for() {
    for profile in profiles() {
        let folder = tempfile::tempdir().unwrap();
        write(&profile, Backend::Netplan, folder.path());
        let told = run("netplan", &["generate", "--root-dir", folder.path().to_str().unwrap()]);
        assert!(told.status.success() && told.stderr.is_empty(), "{told:?}");
        let drop_in = fs::read_dir(folder.path().join("etc/systemd/network")).unwrap().next().unwrap().unwrap().file_name();
        let name = drop_in.to_str().unwrap().strip_suffix(".d").unwrap();
        let made = fs::read_to_string(folder.path().join("run/systemd/network").join(name)).unwrap();
        match profile.address {
            hybridge_lni::profile::Addressing::Static { .. } => {
                assert!(made.contains("Address=192.168.2.10/24\n"), "{made}");
                assert_eq!(made.matches("Table=2100\n").count(), 2, "the attached route and the default one: {made}");
            }
            hybridge_lni::profile::Addressing::Dhcp { .. } => {
                assert!(made.contains("DHCP=ipv4\n") && made.contains("UseDNS=false\n"), "{made}")
            }
        }
    }
}

#[test]
fn systemd_takes_the_unit_of_the_firewall() {
    for backend in BACKENDS {
        let folder = tempfile::tempdir().unwrap();
        write(&profiles()[0], backend, folder.path());
        let unit = folder.path().join("etc/systemd/system/hybridge-lni-firewall.service");
        // It also looks for the program, which lies at the same place everywhere.
        let output = run("systemd-analyze", &["verify", "--man=no", unit.to_str().unwrap()]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && !told.contains("hybridge"), "{told}");
    }
}

/// Kills it in the end.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Puts the files where networkd of this mount namespace reads them. A veth has no permanent address, so the match is by the present one.
fn networkd(root: &Path) -> Daemon {
    let tmpfs = |path: &str| {
        fs::create_dir_all(path).unwrap();
        mount(Some("tmpfs"), path, Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
    };
    // Where /sys cannot be written, networkd does not wait for udev.
    mount(Some("sysfs"), "/sys", Some("sysfs"), MsFlags::MS_RDONLY, None::<&str>).unwrap();
    tmpfs("/run");
    tmpfs("/etc/systemd");
    for folder in ["network", "networkd.conf.d"] {
        fs::create_dir_all(format!("/etc/systemd/{folder}")).unwrap();
        for file in fs::read_dir(root.join("etc/systemd").join(folder)).unwrap().map(|file| file.unwrap()) {
            let text = fs::read_to_string(file.path()).unwrap().replace("PermanentMACAddress=", "MACAddress=");
            fs::write(format!("/etc/systemd/{folder}/{}", file.file_name().display()), text).unwrap();
        }
    }
    // It gives up root for a user that a user namespace does not have.
    let users = root.join("passwd");
    fs::write(&users, "root:x:0:0::/:/bin/sh\nsystemd-network:x:0:0::/:/bin/sh\n").unwrap();
    mount(Some(&users), "/etc/passwd", None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
    let program = ["/usr/lib/systemd/systemd-networkd", "/lib/systemd/systemd-networkd"].into_iter().find(|path| Path::new(path).exists());
    let program = program.expect("`cargo xtask test` installs systemd");
    Daemon(Command::new(program).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

/// Waits until `ip` tells the lines of `wanted`. networkd sets rules of one priority in any order.
fn becomes(arguments: &[&str], wanted: &str) {
    let end = Instant::now() + Duration::from_secs(20);
    let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines = |text: &str| -> BTreeSet<String> { text.lines().map(line).collect() };
    loop {
        let is = String::from_utf8(run("ip", arguments).stdout).unwrap();
        if lines(&is) == lines(wanted) {
            return;
        }
        assert!(Instant::now() < end, "{arguments:?}:\n{is}\nwanted:\n{wanted}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_real_networkd_makes_what_the_agent_would_make_and_leaves_rules_of_others() {
    isolated(|| {
        let folder = tempfile::tempdir().unwrap();
        write(&profiles()[0], Backend::Networkd, folder.path());
        quiet("ip", &["link", "add", "lni0", "address", MAC, "type", "veth", "peer", "name", "switch"]);
        quiet("ip", &["link", "set", "switch", "up"]);
        quiet("ip", &["rule", "add", "from", "10.50.80.31", "lookup", "2", "priority", "1536"]);
        let _daemon = networkd(folder.path());
        becomes(
            &["route", "show", "table", "2100"],
            "default via 192.168.2.1 dev lni0 proto 105 src 192.168.2.10\n192.168.2.0/24 dev lni0 proto 105 scope link src 192.168.2.10",
        );
        becomes(
            &["rule"],
            "0: from all lookup local\n600: from all fwmark 0x2000/0x2000 lookup 2100 proto static\n\
             601: from all to 192.168.2.0/24 lookup 2100 proto static\n601: from all to 192.168.50.0/24 lookup 2100 proto static\n\
             1536: from 10.50.80.31 lookup 2\n32766: from all lookup main\n32767: from all lookup default",
        );
        becomes(&["-4", "-br", "address", "show", "lni0"], "lni0@switch UP 192.168.2.10/24");
        becomes(&["route", "show", "default"], "");
    });
}

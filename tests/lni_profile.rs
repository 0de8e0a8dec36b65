//! `hybridge lni check` and `hybridge lni render` as people call them.

#![allow(clippy::unwrap_used, reason = "a test that cannot prepare has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use hybridge_lab::imds::{Imds, Interface, Metadata};
use hybridge_lab::isolate::isolated;
use hybridge_lab::netns::Netns;
use serde_json::Value;

const PROFILE: &str = "lni:
  match: { deviceIndex: 14 }
  address: { mode: static, cidr: 192.168.2.10/24, gateway: 192.168.2.1 }
  lan: { cidrs: [192.168.2.0/24, 192.168.50.0/24] }
  vips: { pools: [192.168.2.160-192.168.2.190] }
";
const MAC: &str = "02:ab:cd:00:00:0e";

fn hybridge(arguments: &[&str], input: &str, environment: &[(&str, &str)]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hybridge"))
        .args(arguments)
        .env_clear()
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that has told what is wrong does not wait for the rest.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn check(input: &str, more: &[&str]) -> Output {
    hybridge(&[&["lni", "check", "-c", "-"], more].concat(), input, &[])
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn node_config(profile: &str) -> String {
    let cluster = "  cluster: {name: shop, apiServerEndpoint: 'https://a.eks.amazonaws.com', cidr: 172.20.0.0/16}\n";
    format!("apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n{cluster}  {}\n", profile.trim_end().replace('\n', "\n  "))
}

#[test]
fn a_right_profile_is_valid_and_a_wrong_one_is_told_with_its_places() {
    for right in [PROFILE.to_owned(), node_config(PROFILE)] {
        let good = check(&right, &[]);
        assert_eq!((good.status.code(), text(&good.stdout), text(&good.stderr)), (Some(0), "valid\n", ""));
    }
    let wrong = PROFILE.replace("192.168.2.160-", "192.168.2.1-").replace("deviceIndex: 14", "deviceIndx: 14");
    let bad = check(&wrong, &[]);
    assert_eq!((bad.status.code(), text(&bad.stdout)), (Some(1), "not valid\n"));
    let told = text(&bad.stderr);
    for part in ["error[key.unknown]: standard input:2:12: ", "did you mean deviceIndex?", "error[lni.pool]: standard input:5:19: "] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let json: Value = serde_json::from_slice(&check(&wrong, &["-o", "json"]).stdout).unwrap();
    assert_eq!(json["valid"], false);
    let pool = json["problems"].as_array().unwrap().iter().find(|problem| problem["code"] == "lni.pool").unwrap();
    assert_eq!((&pool["line"], &pool["path"]), (&Value::from(5), &Value::from("lni.vips.pools[0]")));
}

#[test]
fn node_config_check_tells_of_the_profile_what_lni_check_tells() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("node.yaml");
    let codes = |profile: &str| {
        fs::write(&file, node_config(profile)).unwrap();
        let source = format!("file://{}", file.display());
        let of_node = hybridge(&["node", "config", "check", "-c", &source, "-o", "json"], "", &[]);
        let of_lni = hybridge(&["lni", "check", "-c", file.to_str().unwrap(), "-o", "json"], "", &[]);
        [of_node, of_lni].map(|output| {
            let json: Value = serde_json::from_slice(&output.stdout).unwrap();
            let codes = json["problems"].as_array().unwrap().iter().map(|problem| problem["code"].as_str().unwrap().to_owned());
            codes.filter(|code| code.starts_with("lni.")).collect::<Vec<_>>()
        })
    };
    for (from, to, code) in [
        ("deviceIndex: 14", "deviceIndex: 99", "lni.device-index"),
        ("cidr: 192.168.2.10/24, ", "", "lni.unnumbered"),
        ("192.168.2.160-", "192.168.2.5-", "lni.pool"),
    ] {
        let [of_node, of_lni] = codes(&PROFILE.replace(from, to));
        assert_eq!((of_node.as_slice(), of_lni.as_slice()), (&[code.to_owned()][..], &[code.to_owned()][..]), "{to}");
    }
}

#[test]
fn what_cannot_be_read_is_told_with_a_way_out() {
    for (file, code) in [("/none", "file.missing"), ("/", "file.directory"), ("/proc/self/exe", "file.not-text")] {
        let output = hybridge(&["lni", "check", "-c", file], "", &[]);
        let told = text(&output.stderr);
        assert!(output.status.code() == Some(1) && told.contains(&format!("error[{code}]")) && told.contains("hint: "), "{file}: {told}");
    }
}

/// Every file below `folder` with mode and content.
fn tree(folder: &Path) -> BTreeMap<String, (u32, String)> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                open.push(entry);
            } else {
                let name = entry.strip_prefix(folder).unwrap().display().to_string();
                let mode = fs::metadata(&entry).unwrap().permissions().mode() & 0o7777;
                found.insert(name, (mode, fs::read_to_string(&entry).unwrap()));
            }
        }
    }
    found
}

fn render(profile: &str, more: &[&str]) -> Output {
    hybridge(&[&["lni", "render", "-c", "-", "--mac", MAC], more].concat(), profile, &[])
}

#[test]
fn files_are_written_once_and_what_is_needed_no_more_is_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    fs::create_dir_all(folder.path().join("netplan")).unwrap();
    fs::write(folder.path().join("netplan/90-hybridge-lni.yaml"), "# somebody's own\n").unwrap();

    let dry = render(PROFILE, &["--for", "networkd", "--dir", dir, "--dry-run"]);
    assert!(dry.status.success() && text(&dry.stdout).contains(&format!("would write {dir}/hybridge/lni.nft\n")), "{dry:?}");
    assert_eq!(tree(folder.path()).len(), 1, "a dry run writes nothing");

    let first = render(&PROFILE.replace("  address", "  vlan: 59\n  address"), &["--for", "network-manager", "--dir", dir]);
    assert!(first.status.success() && !text(&first.stdout).contains("unchanged"), "{first:?}");
    let files = tree(folder.path());
    assert_eq!(files["NetworkManager/system-connections/hybridge-lni-vlan.nmconnection"].0, 0o600);
    assert_eq!(files["hybridge/lni.nft"].0, 0o644);

    let second = render(PROFILE, &["--for", "networkd", "--dir", dir]);
    assert!(text(&second.stdout).contains(&format!("removed {dir}/NetworkManager/system-connections/hybridge-lni-vlan.nmconnection\n")));
    let files = tree(folder.path());
    assert!(!files.keys().any(|path| path.contains("NetworkManager")), "{files:?}");
    assert!(files["systemd/network/10-hybridge-lni.network"].1.contains(&format!("PermanentMACAddress={MAC}\n")));
    assert_eq!(files["netplan/90-hybridge-lni.yaml"].1, "# somebody's own\n", "what is not ours is left");

    let third = render(PROFILE, &["--for", "networkd", "--dir", dir, "-o", "json"]);
    let rows: Value = serde_json::from_slice(&third.stdout).unwrap();
    assert!(rows.as_array().unwrap().iter().all(|row| row["change"] == "unchanged"), "{rows:#}");
    assert_eq!(tree(folder.path()), files);

    fs::set_permissions(folder.path().join("hybridge/lni.nft"), fs::Permissions::from_mode(0o666)).unwrap();
    let fourth = render(PROFILE, &["--for", "networkd", "--dir", dir]);
    assert!(text(&fourth.stdout).contains(&format!("wrote {dir}/hybridge/lni.nft\n")), "a wrong mode is mended");
    assert_eq!(tree(folder.path()), files);
}

#[test]
fn files_are_printed_where_no_directory_is_named() {
    let printed = render(PROFILE, &["--for", "networkd"]);
    assert!(text(&printed.stdout).contains("==> /etc/systemd/network/10-hybridge-lni.network (0644)\n"), "{printed:?}");
    let json: Value = serde_json::from_slice(&render(PROFILE, &["-o", "json"]).stdout).unwrap();
    assert!(json.as_array().unwrap().iter().any(|file| file["path"] == "/etc/hybridge/lni.nft" && file["mode"] == "0644"), "{json:#}");
}

#[test]
fn the_address_is_asked_for_where_nobody_says_it() {
    isolated(|| {
        let unknown = hybridge(&["lni", "render", "-c", "-"], PROFILE, &[]);
        let told = text(&unknown.stderr);
        assert!(unknown.status.code() == Some(1) && told.contains("error[lni.metadata]") && told.contains("--mac"), "{told}");
        let other = render(&PROFILE.replace("deviceIndex: 14", "mac: '02:ab:cd:00:00:01'"), &[]);
        assert!(text(&other.stderr).contains("error[lni.mac]: --mac: "), "{other:?}");

        let interface = |mac: &str, device_number| Interface { mac: mac.into(), device_number, ..Interface::default() };
        let instance = Metadata {
            instance_id: "i-0123456789abcdef0".into(),
            instance_type: "c6id.8xlarge".into(),
            architecture: "x86_64".into(),
            availability_zone: "eu-central-1a".into(),
            region: "eu-central-1".into(),
            account: "123456789012".into(),
            local_ipv4: Ipv4Addr::new(10, 50, 80, 10),
            local_hostname: "ip-10-50-80-10.eu-central-1.compute.internal".into(),
            interfaces: vec![interface("02:ab:cd:00:00:00", 0), interface("02:ab:cd:00:00:01", 1), interface(MAC, 14)],
            user_data: None,
            credentials: None,
            more: BTreeMap::new(),
        };
        let address: SocketAddr = ([127, 0, 0, 1], 1338).into();
        let service = Imds::of_one(&instance).serve(&Netns::current("machine").unwrap(), address).unwrap();
        let endpoint = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1338"), ("AWS_EC2_METADATA_DISABLED", "false")];
        let known = hybridge(&["lni", "render", "-c", "-", "--for", "netplan"], PROFILE, &endpoint);
        assert!(text(&known.stdout).contains(&format!("macaddress: \"{MAC}\"")), "{known:?}");
        let missing = hybridge(&["lni", "render", "-c", "-"], &PROFILE.replace("14", "9"), &endpoint);
        assert!(text(&missing.stderr).contains("error[lni.interface-missing]"), "{missing:?}");
        service.stop();
    });
}

const PAGE: &str = include_str!("../docs/lni.md");

#[test]
fn the_page_shows_a_right_profile_and_commands_that_work() {
    let folder = tempfile::tempdir().unwrap();
    let (_, block) = PAGE.split_once("`lni.yaml`:\n\n```yaml\n").unwrap();
    fs::write(folder.path().join("lni.yaml"), block.split("```").next().unwrap()).unwrap();
    let blocks = PAGE.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines: Vec<&str> = blocks.flat_map(str::lines).map(|line| line.split(" #").next().unwrap().trim()).collect();
    let ours = |line: &&&str| line.starts_with("hybridge lni check") || line.starts_with("hybridge lni render");
    assert!(lines.iter().filter(ours).count() >= 4, "{lines:?}");
    for line in lines.iter().filter(ours) {
        let mut words = line.split_whitespace();
        words.next();
        let output = Command::new(env!("CARGO_BIN_EXE_hybridge")).args(words).current_dir(&folder).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty() && !output.stdout.is_empty(), "{line}: {output:?}");
    }
}

#[test]
fn the_page_has_every_key_of_the_profile() {
    fn paths(schema: &Value, path: &str, found: &mut Vec<String>) {
        match schema.get("properties").and_then(Value::as_object) {
            Some(properties) => properties.iter().for_each(|(key, schema)| paths(schema, &format!("{path}.{key}"), found)),
            None => found.push(path.trim_start_matches('.').to_owned()),
        }
    }
    let (mut known, mut shown) = (Vec::new(), Vec::new());
    paths(&hybridge_lni::profile::schema(), "", &mut known);
    let (_, table) = PAGE.split_once("| key | what | if not said |\n|---|---|---|\n").unwrap();
    shown.extend(table.split("\n\n").next().unwrap().lines().map(|row| row.split('`').nth(1).unwrap().to_owned()));
    known.sort();
    shown.sort();
    assert_eq!(shown, known);
}

#[test]
fn the_page_has_every_code_that_profile_machine_and_lease_can_give() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lni/src");
    let folders = ["profile", "resolve"].map(|folder| tree(&source.join(folder)));
    let whole = ["resolve.rs", "lease.rs"].map(|file| fs::read_to_string(source.join(file)).unwrap());
    let texts = folders.iter().flatten().map(|(_, (_, text))| text).chain(&whole);
    let code =
        |word: &&str| word.starts_with("lni.") && *word != "lni.yaml" && word[4..].chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let codes = |text: &str, quote: char| -> BTreeSet<String> { text.split(quote).filter(code).map(str::to_owned).collect() };
    let given: BTreeSet<String> = texts.flat_map(|text| codes(text, '"')).collect();
    let (_, table) = PAGE.split_once("| code | about |\n").unwrap();
    let shown = codes(table.split("\n\n").next().unwrap(), '`');
    assert!(given.len() > 40);
    let (missing, unknown): (Vec<_>, Vec<_>) = (given.difference(&shown).collect(), shown.difference(&given).collect());
    assert!(missing.is_empty() && unknown.is_empty(), "not on the page: {missing:?}; not given: {unknown:?}");
}

//! What is packed besides programs, made from this workspace itself.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use hybridge_packaging::tree::Tree;
use hybridge_packaging::{Architecture, Source, licences, linked, release, sbom};
use serde_json::Value;

const GATEWAY: &str = "hybridge-gatewayd";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_gateways_bill_names_what_is_linked_in_and_nothing_that_only_tests_use() {
    let crates = linked::crates(&workspace(), &[GATEWAY]).unwrap();
    let bill: Value = serde_json::from_slice(&sbom::bill(&Source::own(), "hybridge-gateway", &[GATEWAY], &crates).unwrap()).unwrap();
    let listed: Vec<_> = bill["components"].as_array().unwrap().iter().map(|part| part["name"].as_str().unwrap()).collect();
    assert_eq!(listed.len(), crates.len());
    for linked in [GATEWAY, "hybridge-netlink", "aws-sdk-ec2", "kube-client", "tokio", "rustls", "aws-lc-sys"] {
        assert!(listed.contains(&linked), "{linked} is not in the bill");
    }
    for other in ["hybridge-lab", "proptest", "insta", "clap_mangen"] {
        assert!(!listed.contains(&other), "{other} is in the bill");
    }
    let others = crates.iter().filter(|part| !part.is_own());
    for part in others {
        let component =
            bill["components"].as_array().unwrap().iter().find(|one| one["name"] == *part.name && one["version"] == *part.version);
        let component = component.unwrap_or_else(|| panic!("{} {} is not in the bill", part.name, part.version));
        assert!(component["purl"].as_str().unwrap().starts_with("pkg:cargo/"), "{component}");
        assert_eq!(component["hashes"][0]["alg"], "SHA-256", "{component}");
        assert!(!component["licenses"].as_array().unwrap().is_empty(), "{component}");
    }
}

#[test]
fn every_linked_crate_has_its_licence_among_the_texts() {
    let crates = linked::crates(&workspace(), &[GATEWAY]).unwrap();
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output().unwrap();
    let sysroot = String::from_utf8(sysroot.stdout).unwrap();
    let tree = licences::collect(&crates, include_str!("../../../LICENSE"), Path::new(sysroot.trim())).unwrap();
    let texts = tree.paths().map(|path| String::from_utf8_lossy(tree.bytes(path).unwrap()).into_owned()).collect::<Vec<_>>();
    // Our own are under LICENSE.
    for part in crates.iter().filter(|part| !part.is_own()) {
        let entry = format!("{} {}", part.name, part.version);
        assert!(texts.iter().any(|text| text.contains(&entry)), "no index names {entry}");
    }
    assert!(tree.paths().all(|path| !tree.bytes(path).unwrap().is_empty()));
    assert!(tree.paths().count() > 20, "{:?}", tree.paths().collect::<Vec<_>>());
}

/// It says what is wrong on stderr, and ends well all the same for a key that it does not know.
#[test]
fn systemd_has_nothing_against_the_units() {
    let folder = tempfile::tempdir().unwrap();
    let check = |units: &[(&str, &str)]| {
        let mut verify = Command::new("systemd-analyze");
        verify.args(["verify", "--man=no"]);
        for (name, text) in units {
            let unit = folder.path().join(name);
            // The programs are not installed here.
            let text = text.replace("/usr/local/bin/hybridge-gateway", "/bin/true").replace("/usr/local/bin/hybridge", "/bin/true");
            std::fs::write(&unit, text).unwrap();
            verify.arg(unit);
        }
        let output = verify.output().expect("`cargo xtask test` installs systemd-analyze (Debian: systemd)");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let good = (true, String::new());
    let gateway = include_str!("../../../packaging/hybridge-gateway.service");
    assert_eq!(check(&[("hybridge-gateway.service", gateway)]), good);
    let wrong = gateway.replace("NoNewPrivileges=", "NoNewPrivilege=");
    assert_ne!(check(&[("hybridge-gateway.service", &wrong)]), good, "nothing would be found");

    let lni = include_str!("../../../packaging/node/hybridge-lni.service");
    assert_eq!(check(&[("hybridge-lni.service", lni)]), good);

    let config = include_str!("../../../packaging/node/hybridge-node-config.service");
    let run = include_str!("../../../packaging/node/hybridge-node-run.service");
    assert_eq!(check(&[("hybridge-node-config.service", config), ("hybridge-node-run.service", run)]), good);
    let wrong = run.replace("Requires=hybridge-node-config.service", "Requires=hybridge-node-confg.service");
    let wrong = check(&[("hybridge-node-config.service", config), ("hybridge-node-run.service", &wrong)]);
    assert_ne!(wrong, good, "nothing would be found");
}

/// What is enough of an ELF header for the packer: a static program for x86-64.
fn program() -> Vec<u8> {
    let mut elf = vec![0_u8; 64];
    elf[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
    elf[18] = 62;
    elf
}

/// Both documents show how the archive is installed. All of it runs here but what concerns the running system.
#[test]
fn the_documented_installation_of_an_archive_works_as_it_stands_there() {
    let page = include_str!("../../../docs/gateway.md").split("## Outside Kubernetes").nth(1).unwrap();
    for document in [include_str!("../../../packaging/README.md"), page] {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::own();
        let programs = BTreeMap::from(["hybridge", "hybridge-gateway"].map(|name| (name.to_owned(), program())));
        let archive = release::pack(&source, Architecture::Amd64, &programs, &Tree::default(), &Tree::default()).unwrap();
        let files = BTreeMap::from([(release::name(&source, Architecture::Amd64), archive), ("KUBECONFIG".to_owned(), Vec::new())]);
        for (name, bytes) in &files {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        std::fs::write(folder.path().join("SHA256SUMS"), release::sums(&files)).unwrap();
        std::fs::create_dir_all(folder.path().join("usr/local")).unwrap();

        let blocks = document.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
        let of_the_system = |line: &&str| ["sysctl", "systemctl", "skopeo", "helm", "(set -a"].iter().any(|word| line.starts_with(word));
        let (left_out, lines): (Vec<_>, Vec<_>) = blocks.flat_map(str::lines).partition(of_the_system);
        assert!(lines.len() >= 5 && left_out.len() >= 3, "{lines:?} {left_out:?}");
        for line in lines {
            let here = |path: &str| folder.path().join(path).display().to_string();
            let line = line.replace("/usr/local", &here("usr/local")).replace("/etc/hybridge", &here("etc/hybridge"));
            let output = Command::new("sh").args(["-ec", &line]).current_dir(&folder).output().unwrap();
            assert!(output.status.success(), "`{line}`: {}", String::from_utf8_lossy(&output.stderr));
        }
        for file in ["etc/hybridge/gateway.env", "etc/hybridge/kubeconfig", "usr/local/bin/hybridge-gateway"] {
            assert!(folder.path().join(file).exists(), "{file} is not there");
        }
    }
}

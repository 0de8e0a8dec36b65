use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

const DOCUMENT: &str = "---\napiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    // As `base64` writes it, with line breaks.
    STANDARD.encode(bytes).into_bytes().chunks(76).map(<[u8]>::to_vec).collect::<Vec<_>>().join(&b'\n')
}

fn multipart(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"BOUNDARY\"\n\n--BOUNDARY\n{headers}\n");
    [head.as_bytes(), body, b"\n--BOUNDARY--\n"].concat()
}

const OURS: &str = "Content-Type: application/node.eks.aws\n";

#[test]
fn every_way_to_pack_a_document_is_unpacked() {
    // After the scenarios of nodeadm's userdata_test.go, and combinations that it does not have.
    let plain = DOCUMENT.as_bytes();
    let crlf = String::from_utf8(multipart(OURS, b"x: y\r")).unwrap().replace('\n', "\r\n");
    for (name, bytes, part, line, text) in [
        ("plain", plain.to_vec(), "f", 0, DOCUMENT),
        ("base64", base64(plain), "f (decoded)", 0, DOCUMENT),
        ("base64 and a line break", [base64(plain), b"\n".to_vec()].concat(), "f (decoded)", 0, DOCUMENT),
        ("gzip", gzip(plain), "f (decoded)", 0, DOCUMENT),
        ("base64 of gzip", base64(&gzip(plain)), "f (decoded)", 0, DOCUMENT),
        ("base64 twice", base64(&base64(plain)), "f (decoded)", 0, DOCUMENT),
        ("multipart", multipart(OURS, plain), "f", 6, DOCUMENT),
        ("blank lines first", [b"\n\n".to_vec(), multipart(OURS, plain)].concat(), "f", 8, DOCUMENT),
        ("gzip of multipart", gzip(&multipart(OURS, plain)), "f (decoded)", 6, DOCUMENT),
        ("multipart of gzip", multipart(OURS, &gzip(plain)), "f, part 1 (decoded)", 0, DOCUMENT),
        ("multipart of base64", multipart(OURS, &base64(plain)), "f, part 1 (decoded)", 0, DOCUMENT),
        (
            "transfer encoding",
            multipart(&format!("{OURS}Content-Transfer-Encoding: BASE64\n"), &base64(plain)),
            "f, part 1 (decoded)",
            0,
            DOCUMENT,
        ),
        (
            "quoted",
            multipart(&format!("{OURS}Content-Transfer-Encoding: quoted-printable\n"), b"a=3D=\nb"),
            "f, part 1 (decoded)",
            0,
            "a=b",
        ),
        ("parameters", multipart("content-type: Application/Node.EKS.aws; charset=\"utf-8\"\n", plain), "f", 6, DOCUMENT),
        ("CRLF", crlf.into_bytes(), "f", 6, "x: y\r"),
        ("byte order mark", [b"\xef\xbb\xbf", plain].concat(), "f", 0, DOCUMENT),
        ("a word that is base64, too", b"abcdefgh".to_vec(), "f", 0, "abcdefgh"),
    ] {
        let parts = decode("f", &bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let wanted = Part { name: part.to_owned(), text: text.to_owned(), line };
        assert_eq!((parts.len(), &parts[0].text, &parts[0]), (1, &text.to_owned(), &wanted), "{name}");
    }
}

#[test]
fn upstreams_own_packed_example_is_read() {
    // From nodeadm's userdata_test.go: base64 of gzip of multipart.
    let text = "H4sIAONcTmYAA12PT0/CQBDF7/spNty3tXpbwwGQACbUBLXKcegOdtP9l90p0m9vS4xBbjPvvfll3sI7QkfirQ8oue0M6QCRcqvPqB75wXdOQeynk+1mu5y/vJdPs91+wsZNVBiT9k7yIrtjTIjrCFv8A0MIRtdAQzx3XmGGbcrgO41ngkHQf6xrNz8VYEIDBWu1U5KXgzdwj/qLpYC1ZJzXpkuEcRw5d2DHEr34VS/iAH/FeMK4dCp47Ujyhigkmed4BhsMZrW3l2iNkfRx/BNnHTU+auol399XvVoZCx9lo1bVXH3u/OHhOah1O72tPZT5AWxxqkxSAQAA";
    let parts = decode("f", text.as_bytes()).unwrap();
    assert!(parts[0].text.contains("name: my-cluster") && parts[0].name == "f (decoded)", "{parts:?}");
}

#[test]
fn parts_come_in_order_also_from_nested_multiparts() {
    let inner = "--in\nContent-Type: application/node.eks.aws\n\ntwo\n--in--";
    let text = format!(
        "Content-Type: multipart/mixed;\n boundary=out\n\npreamble\n--out\nContent-Type: application/node.eks.aws\n\none\n--out\nContent-Type: multipart/mixed; boundary=in\n\n{inner}\n--out\nContent-Type: text/plain\n\nhello\n--out\nContent-Type: application/node.eks.aws\n\nthree\n--out--\nepilogue"
    );
    let parts = decode("f", text.as_bytes()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>(), ["one", "two", "three"]);
    for part in parts {
        assert_eq!(lines[part.line as usize], part.text);
    }
}

#[test]
fn a_bomb_is_refused_before_it_goes_off() {
    let zeros = vec![b' '; 4 << 20];
    // 64 MiB in 64 KiB, and parts that are small enough each.
    let bomb = gzip(&zeros.repeat(16));
    assert!(bomb.len() < 100 << 10);
    assert_eq!(decode("f", &bomb), Err(UserDataError::TooLarge));
    assert_eq!(decode("f", &base64(&gzip(&bomb))), Err(UserDataError::TooLarge));
    let part = [b"--b\nContent-Type: application/node.eks.aws\n\n".as_slice(), &gzip(&zeros), b"\n"].concat();
    let many = [b"Content-Type: multipart/mixed; boundary=b\n\n".as_slice(), &part.repeat(5), b"--b--\n"].concat();
    assert_eq!(decode("f", &many), Err(UserDataError::TooLarge));
}

#[test]
fn a_call_of_bootstrap_sh_is_answered_with_the_node_config_that_says_the_same() {
    let script = r#"#!/bin/bash
set -ex
# /etc/eks/bootstrap.sh comes later
/etc/eks/bootstrap.sh my-cluster \
  --apiserver-endpoint 'https://example.com' --b64-cluster-ca Y2E= \
  --dns-cluster-ip=10.100.0.10 --use-max-pods false \
  --kubelet-extra-args '--node-labels=a=b,c=d --register-with-taints=x=y:NoSchedule --max-pods=58 --v 4' \
  --ip-family ipv6 --service-ipv6-cidr fd00::/108 --enable-local-outpost true --cluster-id "an id" \
  --local-disks raid0 --mount-bpf-fs true --container-runtime containerd \
  --containerd-config-file /x --pause-container-version 3.9 --docker-config-json '{}' --what ever
echo done
"#;
    let packed = multipart("Content-Type: text/x-shellscript; charset=\"us-ascii\"\n", script.as_bytes());
    let mut findings = Vec::new();
    for (bytes, line) in [(script.as_bytes(), 4), (packed.as_slice(), 10)] {
        let Err(UserDataError::Legacy(legacy)) = decode("f", bytes) else { panic!("not found in {line}") };
        assert_eq!(legacy.line, line);
        findings.push((legacy.config, legacy.notes));
    }
    assert_eq!(findings[0], findings[1]);
    let (config, notes) = findings.remove(0);
    insta::assert_snapshot!(format!("{config}\n{}", notes.join("\n")));
    // What we tell to write is what we read.
    let parsed = crate::config::parse("f", config.as_bytes(), None, crate::config::tests::languages());
    assert_eq!(parsed.problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), ["ca.not-pem"]);
}

#[test]
fn what_is_left_out_of_a_call_is_asked_for() {
    let Err(UserDataError::Legacy(legacy)) = decode("f", b"#!/bin/sh\n/etc/eks/bootstrap.sh ${CLUSTER} && reboot\n") else { panic!() };
    insta::assert_snapshot!(format!("{}\n{}", legacy.config, legacy.notes.join("\n")));
}

#[test]
fn other_user_data_is_told_apart() {
    let shell = multipart("Content-Type: text/x-shellscript\n", b"#!/bin/bash\necho hello");
    for (bytes, wanted) in [
        (b"".as_slice(), UserDataError::Empty),
        (b" \n", UserDataError::Empty),
        (b"#!/bin/bash\necho", UserDataError::Script),
        (b"#cloud-config\npackages: []", UserDataError::CloudInit("#cloud-config".to_owned())),
        (b"#include\nhttps://x", UserDataError::CloudInit("#include".to_owned())),
        (&shell, UserDataError::NoPart { types: vec!["text/x-shellscript".to_owned()] }),
        (b"Content-Type: multipart/mixed\n\n--b--", UserDataError::Multipart { line: 1, what: "its Content-Type names no boundary" }),
        (
            b"Content-Type: multipart/mixed; boundary=b\n\n--b\nhello\n--b--",
            UserDataError::Multipart { line: 4, what: "a part has to begin with headers and an empty line" },
        ),
    ] {
        assert_eq!(decode("f", bytes), Err(wanted));
    }
    let commented = format!("# was: /etc/eks/bootstrap.sh x\n{DOCUMENT}");
    assert_eq!(decode("f", commented.as_bytes()).unwrap().len(), 1);
}

#[test]
fn a_part_shows_no_text() {
    let part = Part { name: "f".to_owned(), text: "s3cret".to_owned(), line: 0 };
    assert!(!format!("{part:?}").contains("s3cret"));
}

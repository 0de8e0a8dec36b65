use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;
use crate::userdata::{decode, list};

const CONFIG: &str = "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec: {cluster: {name: demo}}\n";

fn piece(kind: Kind, name: &str, text: &str) -> Piece {
    Piece { kind, name: name.to_owned(), text: text.to_owned() }
}

fn everything() -> Vec<Piece> {
    vec![
        piece(Kind::NodeConfig, "nodeconfig.yaml", CONFIG),
        piece(Kind::Boothook, "early.sh", "#!/bin/sh\necho early\n"),
        piece(Kind::Script, "grüße \"x\".sh", "#!/bin/sh\necho grüße\r\n"),
        piece(Kind::CloudConfig, "cloud.yaml", "#cloud-config\nruncmd: [true]"),
    ]
}

#[test]
fn the_parts_of_composed_user_data() {
    let composed = compose(&everything()).unwrap();
    assert!(!composed.packed);
    insta::assert_snapshot!("composed", String::from_utf8(composed.bytes).unwrap());
}

#[test]
fn what_nobody_could_read_is_refused() {
    for (kind, text, what) in [
        (Kind::Script, "echo no hash bang\n", "s would be passed over by cloud-init"),
        (Kind::Boothook, "#cloud-boothook\n", "s would be passed over by cloud-init"),
        (Kind::CloudConfig, "runcmd: []\n", "s would be passed over by cloud-init"),
        (Kind::Script, " \n", "s is empty"),
        (Kind::Script, "#!/bin/sh\n\0", "s is not text"),
        (Kind::NodeConfig, "\u{feff}apiVersion: x\n", "s begins with a byte order mark"),
    ] {
        assert_eq!(compose(&[piece(kind, "s", text)]).unwrap_err().to_string(), what);
    }
    assert_eq!(compose(&[]), Err(ComposeError::Nothing));
}

#[test]
fn what_is_too_large_is_packed_and_refused_only_if_that_does_not_help() {
    let script = |lines: &str| piece(Kind::Script, "large.sh", &format!("#!/bin/sh\n{lines}"));
    let compressible = [piece(Kind::NodeConfig, "n", CONFIG), script(&"echo the same line\n".repeat(2000))];
    let composed = compose(&compressible).unwrap();
    assert!(composed.packed && composed.bytes.len() < LARGEST && composed.bytes.starts_with(&[0x1f, 0x8b]));
    assert_eq!(decode("u", &composed.bytes).unwrap()[0].text, CONFIG);
    assert_eq!(compose(&compressible), Ok(composed));
    // Digests do not pack well.
    let digest = |n: u32| Sha256::digest(n.to_le_bytes()).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let noise: String = (0..1000).map(|n| format!("# {}\n", digest(n))).collect();
    let error = compose(&[piece(Kind::NodeConfig, "n", CONFIG), script(&noise)]).unwrap_err();
    assert!(error.to_string().ends_with("EC2 takes 16384: large.sh 67010, n 81"), "{error}");
}

#[test]
fn exactly_what_ec2_takes_is_not_packed() {
    let empty = compose(&[piece(Kind::Script, "s", "#!/bin/sh\n")]).unwrap().bytes.len();
    let fill = |bytes: usize| format!("#!/bin/sh\n{}", "#\n".repeat(bytes / 2) + &"#".repeat(bytes % 2));
    for (more, packed) in [(0, false), (1, true)] {
        let composed = compose(&[piece(Kind::Script, "s", &fill(LARGEST - empty + more))]).unwrap();
        assert_eq!(composed.packed, packed, "{}", composed.bytes.len());
        assert!(packed || composed.bytes.len() == LARGEST);
    }
}

/// What Python's mail parser, which cloud-init uses, makes of it: one line of JSON a part.
fn python(bytes: &[u8]) -> Vec<(String, String, String)> {
    const PROGRAM: &str = "import email,json,sys
for part in email.message_from_bytes(sys.stdin.buffer.read()).walk():
    if not part.is_multipart():
        print(json.dumps([part.get_content_type(), part.get_filename(), part.get_payload(decode=True).decode()]))";
    let mut child = Command::new("python3").args(["-c", PROGRAM]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn pythons_mail_parser_finds_the_same_parts() {
    let pieces = everything();
    let found = python(&compose(&pieces).unwrap().bytes);
    let wanted: Vec<_> =
        pieces.iter().map(|piece| (piece.kind.content_type().to_owned(), file_name(&piece.name), piece.text.clone())).collect();
    assert_eq!(found, wanted);
}

fn texts() -> impl Strategy<Value = String> {
    // Dashes, boundaries, line ends of all kinds, other alphabets.
    "((--)?(hybridge-[0-9a-f]{2})?[a-zäß☃ :=\"]{0,12}(\n|\r\n|\r|)){0,8}"
}

proptest! {
    #[test]
    fn what_is_composed_is_read_back(bodies in prop::collection::vec((0usize..4, texts(), "[a-z. ]{0,8}"), 1..5)) {
        let pieces: Vec<Piece> = bodies.iter().map(|(kind, text, name)| match kind {
            0 => piece(Kind::NodeConfig, name, &format!("apiVersion: x\n{text}")),
            1 => piece(Kind::Boothook, name, &format!("#!/bin/sh\n{text}")),
            2 => piece(Kind::Script, name, &format!("#!/bin/sh\n{text}")),
            _ => piece(Kind::CloudConfig, name, &format!("#cloud-config\n{text}")),
        }).collect();
        let composed = compose(&pieces).unwrap();
        let listed = list(&composed.bytes).unwrap();
        let read: Vec<(&str, &str)> = listed.iter().map(|part| (part.kind.as_str(), part.text.as_deref().unwrap())).collect();
        let wrote: Vec<(&str, &str)> = pieces.iter().map(|piece| (piece.kind.content_type(), piece.text.as_str())).collect();
        prop_assert_eq!(read, wrote);
        let configs: Vec<String> =
            pieces.iter().filter(|piece| piece.kind == Kind::NodeConfig).map(|piece| piece.text.clone()).collect();
        if !configs.is_empty() {
            let decoded: Vec<String> = decode("u", &composed.bytes).unwrap().into_iter().map(|part| part.text).collect();
            prop_assert_eq!(decoded, configs);
        }
    }
}

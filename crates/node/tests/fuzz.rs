//! What anybody can put before the node (user data, documents, TOML) never makes it panic, hang or take much memory.
//!
//! Inputs are cases of both nodeadms, mutated. Each test runs for `HYBRIDGE_FUZZ_SECONDS` (20) from `HYBRIDGE_FUZZ_SEED` (1): the same
//! inputs each time, so that a change that breaks something is the one that fails. Another seed looks elsewhere.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

#[path = "../../document/tests/mutations/random.rs"]
mod random;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hybridge_node::config::{self, Languages, NodeConfig, Shape};
use hybridge_node::facts::{ClusterFacts, Facts, InstanceFacts};
use hybridge_node::node::Plugins;
use hybridge_node::validate::{Skips, validate};
use hybridge_node::{containerd, max_pods, plan, resolve, userdata};
use random::Random;

/// Of a processor, for one input, by an unoptimised build.
const LONGEST: Duration = Duration::from_secs(1);
/// After this an input hangs.
const HANG: Duration = Duration::from_secs(20);
/// Bytes of an input; EC2's user data has 16 KiB.
const LARGEST: usize = 32 << 10;
/// Bytes of memory that the tests take together: several times what [`userdata::MAX_BYTES`] allows for one input.
const MEMORY: u64 = 1 << 30;

/// Bytes that matter to one of the parsers.
const WORDS: [&str; 34] = [
    "apiVersion: node.eks.aws/v1alpha1\n",
    "kind: NodeConfig\n",
    "spec:\n",
    "  cluster:\n",
    "  hybrid:\n",
    "---\n",
    "...\n",
    ": ",
    "- ",
    "? ",
    "&a ",
    "*a",
    "<<: *a\n",
    "!!binary ",
    "|\n",
    ">-\n",
    "{",
    "}",
    "[",
    "]",
    "[[",
    "'''",
    "\"\"\"",
    "\\u0000",
    "\u{feff}",
    "\t",
    "\r\n",
    "0x",
    "1e999",
    ".inf",
    "yes",
    "null",
    "Content-Type: multipart/mixed; boundary=\"b\"\n\n--b\n",
    "Content-Type: application/node.eks.aws\n\n",
];

/// Files of the cases that end like this.
fn corpus(endings: &[&str]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut directories = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/nodeadm")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|ending| endings.iter().any(|wanted| ending == *wanted)) {
                found.push(fs::read(&path).unwrap());
            }
        }
    }
    assert!(found.len() > 3, "{endings:?}");
    // In the order of no directory, so that a seed means the same everywhere.
    found.sort();
    found
}

/// One or more changes.
fn mutate(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Random) {
    for _ in 0..=random.below(8) {
        let at = random.below(bytes.len() + 1);
        let end = at + random.below((bytes.len() - at).min(64) + 1);
        match random.below(10) {
            0 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = u8::try_from(random.below(256)).unwrap()),
            1 => drop(bytes.drain(at..end)),
            2 => bytes.truncate(at),
            3 => drop(bytes.splice(at..at, bytes[at..end].to_vec()).count()),
            4 => drop(bytes.splice(at..end, random.of(&WORDS).bytes()).count()),
            5 => drop(bytes.splice(at..at, random.of(&WORDS).bytes()).count()),
            6 => {
                let word = random.of(&WORDS).repeat(1 + random.below(600));
                let _replaced = bytes.splice(at..at, word.into_bytes()).count();
            }
            7 => {
                let other = random.of(corpus);
                let from = random.below(other.len() + 1);
                let _replaced = bytes.splice(at..end, other[from..].to_vec()).count();
            }
            8 => lines(bytes, random),
            _ => pack(bytes, random),
        }
        bytes.truncate(LARGEST);
    }
}

/// Moves a line, perhaps to another depth.
fn lines(bytes: &mut Vec<u8>, random: &mut Random) {
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let (from, to) = (random.below(lines.len()), random.below(lines.len()));
    if lines.is_empty() {
        return;
    }
    let mut line = vec![b' '; random.below(7)];
    line.extend(lines[from].trim_ascii_start());
    line.push(b'\n');
    lines.insert(to, line);
    *bytes = lines.concat();
}

/// As user data are packed.
fn pack(bytes: &mut Vec<u8>, random: &mut Random) {
    *bytes = match random.below(3) {
        0 => STANDARD.encode(&bytes).into_bytes(),
        1 => gzip(bytes),
        _ => {
            let head =
                b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"b\"\n\n--b\nContent-Type: application/node.eks.aws\n\n";
            [head, bytes.as_slice(), b"\n--b--\n"].concat()
        }
    };
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Gives mutated inputs to `consume` for some seconds, on a thread that is watched.
#[allow(clippy::print_stderr, reason = "libtest shows it where the test fails")]
fn fuzz(name: &str, corpus: Vec<Vec<u8>>, consume: impl Fn(&[u8], &mut Random) + Send + 'static) {
    let seed = variable("HYBRIDGE_FUZZ_SEED").unwrap_or(1);
    let end = Instant::now() + Duration::from_secs(variable("HYBRIDGE_FUZZ_SECONDS").unwrap_or(20));
    eprintln!("{name}: HYBRIDGE_FUZZ_SEED={seed}");
    let (send, begun) = channel::<Vec<u8>>();
    let worker = std::thread::spawn(move || {
        let mut random = Random(seed);
        let mut count = 0_u64;
        while Instant::now() < end {
            let mut input = random.of(&corpus).clone();
            mutate(&mut input, &corpus, &mut random);
            send.send(input.clone()).unwrap();
            let start = busy();
            consume(&input, &mut random);
            let took = busy() - start;
            assert!(took < LONGEST, "an input took {took:?}: {:?}", String::from_utf8_lossy(&input));
            count += 1;
        }
        count
    });
    let mut last = Vec::new();
    loop {
        match begun.recv_timeout(HANG) {
            Ok(input) => last = input,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => panic!("{name}, seed {seed}: hangs at {:?}", String::from_utf8_lossy(&last)),
        }
    }
    match worker.join() {
        Ok(count) => {
            assert!(count > 50, "{name}: only {count} inputs");
            eprintln!("{name}: {count} inputs");
        }
        Err(_) => panic!("{name}, seed {seed}: panicked at {:?}", String::from_utf8_lossy(&last)),
    }
    let peak = peak();
    assert!(peak < MEMORY, "{name}, seed {seed}: {} MiB", peak >> 20);
}

/// How long this thread has had a processor, whatever else runs on the machine (Documentation/scheduler/sched-stats.rst).
fn busy() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// The most memory that this process ever had, in bytes (proc(5), `VmHWM`).
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn languages() -> Languages<'static> {
    Languages {
        cel: &|text| max_pods::cel::check(text).map_err(|error| error.to_string()),
        toml: &|base, over| containerd::merge(base, over).map_err(|error| error.to_string()),
    }
}

fn shape(random: &mut Random) -> Option<Shape> {
    *random.of(&[None, Some(Shape::Ec2), Some(Shape::Hybrid)])
}

#[test]
fn user_data() {
    fuzz("user data", corpus(&["yaml", "json"]), |input, random| {
        let _ = userdata::decode("input", input);
        let _ = config::tell_shape("input", input);
        let parsed = config::parse("input", input, shape(random), languages());
        assert!(parsed.problems.len() <= 101, "{}", parsed.problems.len());
    });
}

#[test]
fn toml_merge() {
    let other = corpus(&["toml"]);
    fuzz("TOML", other.clone(), move |input, random| {
        let text = String::from_utf8_lossy(input);
        let base: &Vec<u8> = random.of(&other);
        let base = String::from_utf8_lossy(base).into_owned();
        let Ok(merged) = containerd::merge(&base, &text) else { return };
        // What is written can be read, and merging it again changes nothing.
        assert_eq!(containerd::merge(&merged, &text).unwrap(), merged, "{text:?} over {base:?}");
    });
}

#[test]
fn from_document_to_plan() {
    fuzz("plan", corpus(&["yaml"]), |input, random| {
        let parsed = config::parse("input", input, shape(random), languages());
        // A draft is what could be read in spite of errors; it is never planned, but must not break anything either.
        let Some(mut config) = parsed.config.or(parsed.draft) else { return };
        let _ = config::check_whole(&config);
        config::complete(&mut config);
        let facts = facts(random);
        let skips = Skips::default();
        let _ = validate(&config, &facts, &skips, jiff::Timestamp::UNIX_EPOCH);
        planned(&config, &facts, random);
    });
}

fn planned(config: &NodeConfig, facts: &Facts, random: &mut Random) {
    let plugins = *random.of(&[Plugins::Builtin, Plugins::External]);
    let _ = plan::first(config, facts, plugins, "/usr/bin/hybridge");
    let Ok(resolved) = resolve::resolve(config, facts, plugins, "/usr/bin/hybridge") else { return };
    let (one, two) = (plan::plan(&resolved.node(), &plan::Options::default()), plan::plan(&resolved.node(), &plan::Options::default()));
    assert_eq!(one, two);
}

/// A machine that has what plans need, of several versions.
fn facts(random: &mut Random) -> Facts {
    let instance = InstanceFacts {
        id: "i-1234567890abcdef0".into(),
        region: "us-west-2".into(),
        instance_type: random.of(&["m5.large", "p4d.24xlarge", "x.unknown"]).to_string(),
        availability_zone: "us-west-2a".into(),
        mac: "0e:49:61:0f:c3:11".into(),
        local_ipv4: Some([10, 0, 0, 9].into()),
        ipv6s: vec!["2001:db8::1".parse().unwrap()],
        private_dns_name: Some("ip-10-0-0-9.us-west-2.compute.internal".into()),
    };
    let cluster = ClusterFacts {
        status: "ACTIVE".into(),
        version: Some("1.34".into()),
        endpoint: "https://example.com".into(),
        certificate_authority: "Y2VydGlmaWNhdGVBdXRob3JpdHk=".into(),
        service_ipv4_cidr: Some("10.100.0.0/16".into()),
        service_ipv6_cidr: None,
        authentication_mode: Some("API".into()),
        remote_node_networks: Some(vec!["192.168.0.0/16".into()]),
        remote_pod_networks: Vec::new(),
    };
    Facts {
        cpus: u32::try_from(random.below(200)).unwrap(),
        memory: random.next() >> random.below(64),
        kubelet: random.of(&["1.28.1", "1.31.0", "1.34.2", "1.36.0"]).parse().ok(),
        containerd: random.of(&["1.7.27", "2.0.5", "2.2.0"]).parse().ok(),
        instance: Some(instance).filter(|_| random.below(8) > 0),
        cluster: Some(cluster).filter(|_| random.below(8) > 0),
        ..Facts::default()
    }
}

#[test]
fn a_gzip_bomb_is_refused_at_once_however_deep_it_lies() {
    let bomb = gzip(&vec![b' '; 16 << 20]);
    let base64 = STANDARD.encode(&bomb).into_bytes();
    let many: Vec<u8> = (0..64).flat_map(|_| gzip(&vec![b'a'; 1 << 20])).collect();
    let part = [b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"b\"\n\n--b\nContent-Type: application/node.eks.aws\nContent-Transfer-Encoding: base64\n\n".as_slice(), &base64, b"\n--b--\n"].concat();
    for (what, input) in [("plain", bomb.clone()), ("nested", gzip(&bomb)), ("base64", base64), ("members", many), ("a part", part)] {
        assert!(input.len() < 256 << 10, "{what}: {}", input.len());
        let start = Instant::now();
        let result = userdata::decode("input", &input);
        assert!(matches!(result, Err(userdata::UserDataError::TooLarge)), "{what}: {:?}", result.map(|parts| parts.len()));
        assert!(start.elapsed() < LONGEST, "{what}: {:?}", start.elapsed());
    }
}

//! All questions of a node outside, answered by servers of the test.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

use hybridge_node::config::NodeConfig;
use hybridge_node::facts::{Answer, Facts};
use hybridge_node::resolve::{Question, Wanted, wanted};
use hybridge_node::validate::Skips;

use crate::node::aws::{self, Asking};

const ROLE: &str = "arn:aws:iam::123456789012:role/hybrid";

/// Answers by method, path and body; nothing is an answer that never comes.
type Reply = fn(&str, &str, &str) -> Option<(u16, String)>;

/// A server on this host that says it is the year 2026.
fn server(reply: Reply) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || serve(&stream.unwrap(), reply));
        }
    });
    url
}

fn serve(stream: &TcpStream, reply: Reply) {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut head, mut length) = (Vec::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or_default() == 0 {
                return;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
            head.push(line);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let mut words = head[0].split(' ');
        let token = if head.iter().any(|line| line.contains("Bearer k8s-aws-v1.")) { "token" } else { "" };
        let body = format!("{token}{}", String::from_utf8_lossy(&body));
        let Some((status, text)) = reply(words.next().unwrap(), words.next().unwrap(), &body) else { return thread::park() };
        let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let answer = format!("HTTP/1.1 {status} Status\r\nDate: {date}\r\nContent-Length: {}\r\n\r\n{text}", text.len());
        let mut writer = stream;
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// AWS and API server in one.
fn friendly(method: &str, path: &str, body: &str) -> Option<(u16, String)> {
    let entries = "/clusters/c/access-entries";
    Some(match (method, path.split('?').next().unwrap()) {
        ("POST", "/") if body.contains("GetCallerIdentity") => (
            200,
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>arn:aws:sts::123456789012:assumed-role/hybrid/node-1</Arn><UserId>A:node-1</UserId><Account>123456789012</Account>\
             </GetCallerIdentityResult></GetCallerIdentityResponse>"
                .into(),
        ),
        ("GET", "/clusters/c") => (200, r#"{"cluster":{"status":"ACTIVE","version":"1.34"}}"#.into()),
        ("GET", found) if found == entries => (200, format!(r#"{{"accessEntries":["arn:aws:iam::123456789012:role/other","{ROLE}"]}}"#)),
        ("GET", found) if found.starts_with(entries) => (403, r#"{"__type":"AccessDeniedException","message":"no"}"#.into()),
        ("GET", "/api") => (401, String::new()),
        ("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews") if body.starts_with("token") => {
            (201, r#"{"status":{"userInfo":{"username":"system:node:node-1"}}}"#.into())
        }
        (_, _) => (404, String::new()),
    })
}

fn silent(_method: &str, _path: &str, _body: &str) -> Option<(u16, String)> {
    None
}

fn fixture(name: &str) -> String {
    let path = format!("{}/../../tests/fixtures/node-certificates/{name}.pem", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

/// A node with Roles Anywhere whose services are all at `url`.
struct Outside {
    config: NodeConfig,
    asking: Asking,
    facts: Facts,
    _file: tempfile::NamedTempFile,
}

impl Outside {
    fn new(url: &str) -> Self {
        use std::fmt::Write as _;
        let authority = fixture("cluster-one");
        let mut base64 = String::new();
        for chunk in authority.as_bytes().chunks(3) {
            const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
            for at in 0..4 {
                let letter = LETTERS[(bits >> (18 - 6 * at)) as usize & 63];
                base64.write_char(if at > chunk.len() { '=' } else { letter.into() }).unwrap();
            }
        }
        let config = serde_json::json!({
            "cluster": {"name": "c", "region": "eu-west-1", "apiServerEndpoint": url, "certificateAuthority": base64},
            "hybrid": {"iamRolesAnywhere": {"nodeName": "localhost"}},
        });
        let mut config: NodeConfig = serde_json::from_value(config).unwrap();
        config.shape = hybridge_node::config::Shape::Hybrid;
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let keys = "aws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secret";
        write!(file, "[default]\nregion = eu-west-1\n{keys}\nendpoint_url = {url}\n").unwrap();
        let asking = Asking { config_file: Some(file.path().into()), ..Asking::default() };
        let mut facts = Facts::default();
        facts.answers.kubelet_certificate = Some(fixture("kubelet"));
        facts.answers.proxy_files = BTreeMap::from([("environment".to_owned(), BTreeMap::new())]);
        Self { config, asking, facts, _file: file }
    }

    fn ask(&self, wanted: &Wanted) -> Facts {
        crate::runtime::block_on(aws::facts(&self.config, wanted, &self.asking, self.facts.clone()))
    }
}

fn good(text: &str) -> Option<Answer> {
    Some(Answer::Good(text.to_owned()))
}

#[test]
fn every_question_has_its_answer() {
    let outside = Outside::new(&server(friendly));
    let facts = outside.ask(&wanted(&outside.config));
    assert_eq!(facts.missing, BTreeMap::new());
    assert_eq!(facts.cluster.unwrap().version.as_deref(), Some("1.34"));
    assert!(facts.resolved["localhost"].iter().any(std::net::IpAddr::is_loopback));
    let answers = facts.answers;
    assert_eq!(answers.roles_anywhere_endpoint, good(""));
    assert_eq!(answers.caller, good("arn:aws:sts::123456789012:assumed-role/hybrid/node-1"));
    assert_eq!(answers.access_entries, good(&format!("arn:aws:iam::123456789012:role/other -\n{ROLE} -")));
    assert_eq!(answers.api_endpoint_resolved, good("127.0.0.1"));
    assert_eq!(answers.api_endpoint, good("401 Unauthorized"));
    assert_eq!(answers.api_authentication, good("system:node:node-1"));
    assert_eq!(answers.kubelet_certificate_signed, Some(true));
    assert!(answers.clock_offset.unwrap().abs() <= 2, "{:?}", answers.clock_offset);
    assert_eq!((answers.ssm_endpoint, answers.proxy_files.len()), (None, 1), "what the machine has said stays");
}

#[test]
fn questions_of_skipped_checks_are_not_asked_and_nothing_else_changes() {
    let outside = Outside::new(&server(friendly));
    let all = outside.ask(&wanted(&outside.config));
    let few = outside.ask(&wanted(&outside.config).without(&Skips::checks()));
    assert_eq!((few.answers.caller, few.answers.api_endpoint, few.answers.clock_offset), (None, None, None));
    assert_eq!((few.cluster, few.resolved, few.missing), (all.cluster, all.resolved, all.missing));
}

#[test]
fn who_never_answers_is_not_waited_for() {
    let outside = Outside::new(&server(silent));
    let started = Instant::now();
    let facts = outside.ask(&Wanted { cluster: false, ..wanted(&outside.config) });
    assert!(started.elapsed().as_secs() < 13, "{:?}", started.elapsed());
    for answer in
        [facts.answers.caller, facts.answers.api_endpoint, facts.answers.api_authentication, facts.answers.roles_anywhere_endpoint]
    {
        let Some(Answer::Bad(why)) = answer else { panic!("{answer:?}") };
        assert!(why.contains("no answer") && !why.contains("k8s-aws-v1"), "{why}");
    }
    assert_eq!(facts.answers.clock_offset, None);
}

#[test]
fn without_aws_the_reason_stands_where_it_is_looked_for() {
    let mut outside = Outside::new(&server(friendly));
    outside.config.cluster.region = "no region".to_owned();
    let facts = outside.ask(&wanted(&outside.config));
    assert!(facts.missing["cluster"].contains("`no region` is no AWS region"), "{:?}", facts.missing);
    assert!(matches!(&facts.answers.caller, Some(Answer::Bad(why)) if why.contains("is no AWS region")), "{:?}", facts.answers.caller);
    assert_eq!(facts.answers.api_endpoint, good("401 Unauthorized"), "that does not need AWS");
    assert!(outside.ask(&Wanted { questions: [Question::KubeletActive].into(), ..Wanted::default() }).missing.is_empty());
}

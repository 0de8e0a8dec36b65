//! The plug-ins of a node as kubelet and SDKs start them: what they read, what they print, how they end.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret")];

/// hybridge with nothing but these variables in its environment.
fn hybridge(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hybridge"));
    command.args(arguments).env_clear().envs(environment.iter().copied()).env("AWS_EC2_METADATA_DISABLED", "true");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(mut command: Command, input: &str) -> Output {
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn printed(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn told(output: &Output) -> String {
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A web server on this host that gives the same answer to every request, and the requests.
fn service(status: u16, body: String) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (send, seen) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap() == 0 || line == "\r\n" {
                    break;
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                head.push_str(&line);
            }
            reader.read_exact(&mut vec![0; length]).unwrap();
            let answer = format!("HTTP/1.1 {status} Status\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).unwrap();
            if send.send(head).is_err() {
                return;
            }
        }
    });
    (url, seen)
}

#[test]
fn a_token_needs_no_network_and_names_what_is_missing() {
    let environment = [KEYS[0], KEYS[1], ("KUBERNETES_EXEC_INFO", r#"{"apiVersion": "client.authentication.k8s.io/v1"}"#)];
    let arguments = ["get-token", "--cluster-name", "demo", "--region", "eu-central-1"];
    let output = run(hybridge(&arguments, &environment), "");
    let credential = printed(&output);
    assert_eq!(credential["apiVersion"], "client.authentication.k8s.io/v1");
    assert!(credential["status"]["token"].as_str().unwrap().starts_with("k8s-aws-v1."));
    assert!(output.stderr.is_empty(), "{output:?}");

    let text = told(&run(hybridge(&arguments[..3], &KEYS), ""));
    assert!(text.contains("no region is given") && text.contains("hint: add --region"), "{text}");
    let text = told(&run(hybridge(&arguments, &[]), ""));
    assert!(text.contains("no AWS credentials") && text.contains("hint:"), "{text}");
}

fn request(image: &str) -> String {
    json!({"apiVersion": "credentialprovider.kubelet.k8s.io/v1", "kind": "CredentialProviderRequest", "image": image}).to_string()
}

#[test]
fn the_kubelet_gets_credentials_for_ecr_from_a_link_of_the_plug_ins_name() {
    let expires = jiff::Timestamp::now().as_second() + 43_200;
    let answer = json!({"authorizationData": [{"authorizationToken": "QVdTOnBhc3N3b3Jk", "expiresAt": expires}]});
    let (url, seen) = service(200, answer.to_string());
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("ecr-credential-provider");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_hybridge"), &link).unwrap();
    let mut command = Command::new(&link);
    command.arg("get-credentials").env_clear().envs(KEYS).env("AWS_ENDPOINT_URL_ECR", &url);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let registry = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";
    let mut response = printed(&run(command, &request(&format!("{registry}/app:1"))));
    let kept = response["cacheDuration"].take();
    assert!(["6h0m0s", "5h59m59s", "5h59m58s"].contains(&kept.as_str().unwrap()), "{kept}");
    assert_eq!(
        response,
        json!({"kind": "CredentialProviderResponse", "apiVersion": "credentialprovider.kubelet.k8s.io/v1", "cacheKeyType": "Registry",
               "cacheDuration": null, "auth": {registry: {"username": "AWS", "password": "password"}}})
    );
    assert!(seen.recv().unwrap().contains("x-amz-target: AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"));
}

#[test]
fn a_failing_provider_tells_why_and_ends_with_1() {
    let provider = |environment: &[(&str, &str)], input: &str| run(hybridge(&["ecr-credential-provider"], environment), input);
    let text = told(&provider(&[], "{}"));
    assert!(text.contains("CredentialProviderRequest"), "{text}");
    let (url, _seen) = service(400, json!({"__type": "AccessDeniedException", "message": "not authorized"}).to_string());
    let environment = [KEYS[0], KEYS[1], ("AWS_ENDPOINT_URL", &url)];
    let text = told(&provider(&environment, &request("public.ecr.aws/docker/library/redis:8")));
    assert!(text.contains("AccessDeniedException") && text.contains("ecr-public:GetAuthorizationToken"), "{text}");
    assert_eq!(printed(&provider(&[], &request("docker.io/library/redis:8")))["auth"], json!({}));
}

/// Key and certificate of the same pair in a folder.
fn pair(folder: &Path) -> Vec<String> {
    let (key, certificate) = (folder.join("node.key"), folder.join("node.pem"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=node-1", "-keyout"]);
    assert!(openssl.arg(&key).arg("-out").arg(&certificate).output().unwrap().status.success());
    let arn = |kind: &str| format!("arn:aws:rolesanywhere:eu-central-1:123456789012:{kind}/x");
    let (anchor, profile) = (arn("trust-anchor"), arn("profile"));
    let text = [
        ("--certificate", certificate.to_str().unwrap()),
        ("--private-key", key.to_str().unwrap()),
        ("--trust-anchor-arn", &anchor),
        ("--profile-arn", &profile),
        ("--role-arn", "arn:aws:iam::123456789012:role/Hybrid"),
        ("--role-session-name", "node-1"),
    ];
    text.iter().flat_map(|(flag, value)| [(*flag).to_owned(), (*value).to_owned()]).collect()
}

fn credential_set(expires: jiff::Timestamp) -> String {
    let credentials =
        json!({"accessKeyId": "ASIAEXAMPLE", "secretAccessKey": "secret", "sessionToken": "token", "expiration": expires.to_string()});
    json!({"credentialSet": [{"credentials": credentials}]}).to_string()
}

#[test]
fn a_command_line_of_the_aws_signing_helper_prints_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let (url, seen) = service(201, credential_set("2126-01-02T03:04:05Z".parse().unwrap()));
    let pair = pair(folder.path());
    let arguments: Vec<&str> = ["sign", "credential-process"].into_iter().chain(pair.iter().map(String::as_str)).collect();
    let environment = [("AWS_ENDPOINT_URL_ROLESANYWHERE", url.as_str())];
    let output = run(hybridge(&arguments, &environment), "");
    assert_eq!(
        printed(&output),
        json!({"Version": 1, "AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "secret", "SessionToken": "token",
               "Expiration": "2126-01-02T03:04:05Z"})
    );
    assert!(seen.recv().unwrap().contains("authorization: AWS4-X509-ECDSA-SHA256 Credential="));

    let other = tempfile::tempdir().unwrap();
    self::pair(other.path());
    std::fs::copy(other.path().join("node.key"), folder.path().join("node.key")).unwrap();
    let text = told(&run(hybridge(&arguments, &environment), ""));
    assert!(text.contains("the private key is not the one that the certificate was issued for") && text.contains("hint:"), "{text}");
    assert!(seen.recv_timeout(Duration::from_millis(100)).is_err(), "nothing is asked with a wrong pair");
}

#[test]
fn a_credentials_file_is_renewed_before_its_credentials_expire() {
    let folder = tempfile::tempdir().unwrap();
    // Good for six seconds, so renewed after three.
    let (url, seen) = service(201, credential_set(jiff::Timestamp::now() + Duration::from_secs(6)));
    let (pair, file) = (pair(folder.path()), folder.path().join("made/credentials"));
    let arguments = ["sign", "--endpoint", &url, "--write-credentials", file.to_str().unwrap()];
    let arguments: Vec<&str> = arguments.into_iter().chain(pair.iter().map(String::as_str)).collect();
    let mut child = hybridge(&arguments, &[]).spawn().unwrap();
    let start = Instant::now();
    for _ in 0..2 {
        seen.recv_timeout(Duration::from_secs(20)).unwrap();
    }
    assert!(start.elapsed() > Duration::from_secs(1), "{:?}", start.elapsed());
    child.kill().unwrap();
    child.wait().unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text, "[default]\naws_access_key_id = ASIAEXAMPLE\naws_secret_access_key = secret\naws_session_token = token\n");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

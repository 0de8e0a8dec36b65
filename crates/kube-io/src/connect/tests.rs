//! Where the configuration comes from, and what is refused.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use serde_json::json;

use super::*;
use crate::testing::{Reply, Server, kubeconfig};

async fn connect(text: &str) -> Result<Kube, ConnectError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config");
    fs::write(&path, text).unwrap();
    Kube::connect(Some(&path)).await
}

#[tokio::test]
async fn server_and_namespace_come_from_the_current_context() {
    let kube = connect(&kubeconfig("https://10.0.0.1:6443/", ", insecure-skip-tls-verify: true")).await.unwrap();
    assert_eq!((kube.server(), kube.default_namespace()), ("https://10.0.0.1:6443", "gateways"));
}

#[tokio::test]
async fn a_proxy_in_the_kubeconfig_is_refused_without_showing_its_password() {
    let error = connect(&kubeconfig("https://10.0.0.1", ", proxy-url: \"http://me:secret@proxy:3128\"")).await.err().unwrap();
    let text = error.to_string();
    assert!(text.contains("sets proxy-url proxy:3128") && !text.contains("secret"), "{text}");
}

#[tokio::test]
async fn an_unusable_kubeconfig_is_named_with_the_reason() {
    let missing = Kube::connect(Some(Path::new("/does/not/exist"))).await.err().unwrap().to_string();
    assert!(missing.starts_with("cannot use the kubeconfig /does/not/exist: "), "{missing}");
    let text = kubeconfig("https://10.0.0.1", "").replace("current-context: test", "current-context: other");
    let wrong = connect(&text).await.err().unwrap().to_string();
    assert!(wrong.contains("other"), "{wrong}");
}

/// Runs in a process of its own, since an environment belongs to all threads of a process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxies_of_the_environment_are_not_used() {
    const INSIDE: &str = "HYBRIDGE_TEST_KUBECONFIG";
    if std::env::var_os(INSIDE).is_some() {
        // KUBECONFIG is read as well, then.
        Kube::connect(None).await.unwrap().vtep("x").await.unwrap().unwrap();
        return;
    }
    let (server, kube) = Server::start([Reply::json(json!({}))]).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config");
    fs::write(&path, kubeconfig(kube.server(), "")).unwrap();
    let mut inside = Command::new(std::env::current_exe().unwrap());
    inside.args(["--exact", "connect::tests::proxies_of_the_environment_are_not_used"]).env(INSIDE, "1").env("KUBECONFIG", &path);
    for variable in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        inside.env(variable, "http://127.0.0.1:1");
    }
    let output = tokio::task::spawn_blocking(move || inside.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(server.lines(), ["GET /apis/cilium.io/v2/ciliumvtepconfigs/x"]);
}

/// A certificate for 127.0.0.1 that is its own authority.
fn identity() -> (rcgen::Certificate, rcgen::KeyPair) {
    let key = rcgen::KeyPair::generate().unwrap();
    (rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap(), key)
}

/// Answers every HTTPS request of a client that shows `client` with an empty object; gives its URL.
fn https_server(server: (rcgen::Certificate, rcgen::KeyPair), client: &CertificateDer<'static>) -> String {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(client.clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone()).build().unwrap();
    let key = PrivateKeyDer::try_from(server.1.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![server.0.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream.unwrap());
            let mut request = [0; 4096];
            // A client that turns away from this server's certificate is part of the test.
            if stream.read(&mut request).is_ok() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
                let _ = stream.flush();
            }
        }
    });
    url
}

#[tokio::test]
async fn https_checks_the_server_and_shows_the_client_certificate() {
    let (server, client) = (identity(), identity());
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        fs::write(directory.path().join(name), text).unwrap();
    };
    file("server.crt", server.0.pem());
    file("client.crt", client.0.pem());
    file("client.key", client.1.serialize_pem());
    let url = https_server(server, client.0.der());
    let config = |authority: &str| {
        kubeconfig(&url, &format!(", certificate-authority: {authority}"))
            .replace("token: secret", "client-certificate: client.crt, client-key: client.key")
    };
    let path = directory.path().join("config");

    fs::write(&path, config("server.crt")).unwrap();
    assert_eq!(Kube::connect(Some(&path)).await.unwrap().vtep("x").await.unwrap(), Some(json!({})));

    fs::write(&path, config("client.crt")).unwrap();
    let error = Kube::connect(Some(&path)).await.unwrap().vtep("x").await.unwrap_err();
    assert!(format!("{:?}", error.kind()).contains("InvalidCertificate"), "{:?}", error.kind());
}

#[tokio::test]
async fn another_context_can_be_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config");
    let text = kubeconfig("http://10.0.0.1:6443", "");
    let second = "}, { name: other, context: { cluster: test, user: test, namespace: elsewhere } }]\n";
    fs::write(&path, text.trim_end().trim_end_matches("}]").to_owned() + second).unwrap();
    let access = |context| Access { kubeconfig: Some(&path), context, agent: "hybridge/1", within: Duration::from_secs(1) };
    for (context, namespace) in [(None, "gateways"), (Some("other"), "elsewhere")] {
        assert_eq!(Kube::connect_with(access(context)).await.unwrap().default_namespace(), namespace);
    }
    let error = Kube::connect_with(access(Some("third"))).await.err().unwrap().to_string();
    assert!(error.contains("third"), "{error}");
}

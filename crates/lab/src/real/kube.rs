//! etcd and kube-apiserver in one namespace: Kubernetes to which nodes can be joined.

mod audit;
mod identity;
mod objects;
mod webhook;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::pki::{ClientIssuer, Pki};
use super::process::{Process, write};
use super::{Parts, RealError, Role};
use crate::http::Server;
use crate::netns::Netns;
pub use audit::AuditEntry;
pub use objects::condition;
pub use webhook::TokenWebhook;

/// Port of the API server.
const PORT: u16 = 6443;

/// Where etcd listens, on loopback.
const ETCD: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 2379);

/// Addresses of services. None is ever routed, as nothing here runs kube-proxy.
const SERVICES: &str = "10.96.0.0/16";

/// The API server's own service address: the first one of [`SERVICES`].
const FIRST_SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 1);

/// The API server's folder, below the one given to [`Kube::start`].
const HOME: &str = "kube-apiserver";

/// In that folder.
const AUDIT_LOG: &str = "audit.jsonl";

/// In that folder: the certificate authority of everything in the cluster, and its key.
const AUTHORITY: &str = "authority.crt";
const AUTHORITY_KEY: &str = "authority.key";

const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// Who may log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// Group `system:masters`, which may do everything.
    Admin,
    /// The first gateway. May do nothing until granted.
    GatewayA,
    /// The second gateway. May do nothing until granted.
    GatewayB,
}

impl User {
    const ALL: [Self; 3] = [Self::Admin, Self::GatewayA, Self::GatewayB];

    /// The name in role bindings and in the API server's log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::GatewayA => "gateway-a",
            Self::GatewayB => "gateway-b",
        }
    }

    /// The bearer token. No secret: the server can be reached from within the lab alone.
    pub fn token(self) -> String {
        format!("token-of-{}", self.name())
    }

    /// A line of the static token file: token, name, identifier, groups
    /// (<https://kubernetes.io/docs/reference/access-authn-authz/authentication/#static-token-file>).
    fn line(self) -> String {
        let groups = match self {
            Self::Admin => ",\"system:masters\"",
            Self::GatewayA | Self::GatewayB => "",
        };
        format!("{},{},{}{groups}\n", self.token(), self.name(), self.name())
    }
}

/// A running API server with its etcd. Dropping kills both.
#[derive(Debug)]
pub struct Kube {
    // Dropped in this order: an API server without etcd fills its log.
    _api: Process,
    _etcd: Process,
    ns: Netns,
    address: SocketAddr,
    authority: String,
    issuer: ClientIssuer,
    home: PathBuf,
}

impl Kube {
    /// Starts both in the namespace, which must have `address`, and waits until they are ready: 3 s on two idle cores.
    ///
    /// State and logs go below `directory`, which must exist.
    pub fn start(ns: &Netns, address: Ipv4Addr, directory: &Path) -> Result<Self, RealError> {
        Self::start_with(ns, address, directory, None)
    }

    /// The same, with a webhook that is asked about tokens that the server does not know.
    pub fn start_with(ns: &Netns, address: Ipv4Addr, directory: &Path, webhook: Option<&TokenWebhook>) -> Result<Self, RealError> {
        let parts = Parts::find()?;
        let pki = Pki::new(&[address, Ipv4Addr::LOCALHOST, FIRST_SERVICE])?;
        let etcd = start_etcd(&parts, ns, directory)?;
        let api = start_api(&parts, ns, (address, &pki, webhook), directory)?;
        let address = SocketAddr::from((address, PORT));
        let Pki { authority, issuer, .. } = pki;
        let home = directory.join(HOME);
        let mut kube = Self { _api: api, _etcd: etcd, ns: ns.clone(), address, authority, issuer, home };
        let admin = kube.server(ns, User::Admin);
        kube._api.wait_until(|| admin.get("/readyz").is_ok_and(|reply| reply.status == 200))?;
        Ok(kube)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The network of its services.
    pub fn service_cidr() -> &'static str {
        SERVICES
    }

    /// The certificate authority (PEM) of its certificate.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Files of the certificate authority and its key.
    pub(super) fn authority_files(&self) -> [PathBuf; 2] {
        [AUTHORITY, AUTHORITY_KEY].map(|name| self.home.join(name))
    }

    /// For requests as `user` from a namespace that has a route to it.
    pub fn server(&self, from: &Netns, user: User) -> Server {
        self.server_for_token(from, &user.token())
    }

    /// Creates a CustomResourceDefinition and waits until its objects can be written.
    pub fn install_crd(&mut self, yaml: &str) -> Result<(), RealError> {
        let admin = self.server(&self.ns, User::Admin);
        let created = objects::read(&format!("POST {CRDS}"), &admin.send("POST", CRDS, Some(("application/yaml", yaml.as_bytes())))?)?;
        let text = |path: &str| {
            let value = created.pointer(path).and_then(Value::as_str).map(str::to_owned);
            value.ok_or_else(|| RealError::NotUnderstood { request: format!("POST {CRDS}"), wanted: path.into() })
        };
        let collection = format!("/apis/{}/{}/{}", text("/spec/group")?, text("/spec/versions/0/name")?, text("/spec/names/plural")?);
        self._api.wait_until(|| admin.get(&format!("{collection}?limit=1")).is_ok_and(|reply| reply.status == 200))
    }

    /// Makes the namespace if it is missing and grants the role to the users.
    pub fn grant(&self, role: &Role, namespace: &str, users: &[User]) -> Result<(), RealError> {
        self.make_namespace(namespace)?;
        let names: Vec<_> = users.iter().map(|user| user.name()).collect();
        for (collection, object) in role.objects(namespace, &names) {
            self.create(&collection, &object)?;
        }
        Ok(())
    }
}

fn start_etcd(parts: &Parts, ns: &Netns, directory: &Path) -> Result<Process, RealError> {
    let url = format!("http://{ETCD}");
    let mut command = ns.command(parts.etcd());
    command
        .arg("--data-dir")
        .arg(directory.join("etcd"))
        .args(["--listen-client-urls", &url, "--advertise-client-urls", &url])
        // Nothing of it outlives the test.
        .args(["--unsafe-no-fsync", "--log-level", "warn"]);
    let mut etcd = Process::start(command, "etcd", directory)?;
    etcd.wait_for_port(ns, ETCD)?;
    Ok(etcd)
}

fn start_api(
    parts: &Parts,
    ns: &Netns,
    (address, pki, webhook): (Ipv4Addr, &Pki, Option<&TokenWebhook>),
    directory: &Path,
) -> Result<Process, RealError> {
    let home = directory.join(HOME);
    fs::create_dir_all(&home).map_err(|source| RealError::File { path: home.clone(), source })?;
    // Whom kubelets take logs and commands from; the name is kubeadm's.
    let kubelet_client = pki.issuer.client("kube-apiserver-kubelet-client", "system:masters")?;
    let tokens: String = User::ALL.into_iter().map(User::line).collect();
    for (name, content) in [
        ("tls.crt", &pki.certificate),
        ("tls.key", &pki.key),
        ("account.key", &pki.account_key),
        ("account.pub", &pki.account_public_key),
        ("tokens.csv", &tokens),
        (AUTHORITY, &pki.authority),
        (AUTHORITY_KEY, &pki.authority_key),
        ("kubelet-client.crt", &kubelet_client.0),
        ("kubelet-client.key", &kubelet_client.1),
        ("audit-policy.json", &audit::POLICY.to_owned()),
    ] {
        write(&home.join(name), content)?;
    }
    let file = |flag: &str, name: &str| format!("--{flag}={}", home.join(name).display());
    let mut command = ns.command(parts.kube_apiserver());
    command
        .arg(format!("--etcd-servers=http://{ETCD}"))
        .args([format!("--bind-address={address}"), format!("--advertise-address={address}"), format!("--secure-port={PORT}")])
        .args([file("tls-cert-file", "tls.crt"), file("tls-private-key-file", "tls.key"), file("cert-dir", "")])
        .args([file("service-account-key-file", "account.pub"), file("service-account-signing-key-file", "account.key")])
        .args(["--service-account-issuer=https://kubernetes.default.svc".into(), format!("--service-cluster-ip-range={SERVICES}")])
        .args([file("token-auth-file", "tokens.csv"), file("client-ca-file", AUTHORITY)])
        // Nodes of an EKS cluster are reached by address, and show a certificate that the cluster has signed.
        .args([file("kubelet-client-certificate", "kubelet-client.crt"), file("kubelet-client-key", "kubelet-client.key")])
        .args([file("kubelet-certificate-authority", AUTHORITY), "--kubelet-preferred-address-types=InternalIP".into()])
        .arg("--authorization-mode=Node,RBAC")
        .args([file("audit-policy-file", "audit-policy.json"), file("audit-log-path", AUDIT_LOG)])
        // No Endpoints object of this server: one on loopback would be invalid, and nobody asks for it.
        .arg("--endpoint-reconciler-type=none");
    if let Some(webhook) = webhook {
        command.args(webhook.flags(&home.join("webhook.json"))?);
    }
    Process::start(command, "kube-apiserver", directory)
}

/// RFC 4648 §4, with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().chain([0, 0].iter()).take(3).fold(0_u32, |group, byte| group << 8 | u32::from(*byte));
        for index in 0..4 {
            let sextet = (group >> (18 - 6 * index) & 63) as usize;
            text.push(if index <= chunk.len() { ALPHABET[sextet] as char } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (plain, encoded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }
}

/// Tests that need what `cargo xtask real` makes.
#[cfg(test)]
mod with_real_parts {
    use serde_json::json;

    use super::*;
    use crate::isolate::isolated;
    use crate::kube::{CILIUM_NODE_CRD, VtepCrd};

    const SPACE: &str = "eks-hybrid-nodes-gateway";

    fn status(server: &Server, method: &str, path: &str, body: Option<&Value>) -> u16 {
        let text = body.map(Value::to_string);
        let reply = server.send(method, path, text.as_ref().map(|text| ("application/json", text.as_bytes()))).unwrap();
        reply.status
    }

    #[test]
    fn the_labs_crds_are_valid_and_the_reference_charts_role_grants_what_it_names_and_no_more() {
        isolated(|| {
            let directory = tempfile::tempdir().unwrap();
            let ns = Netns::new("api").unwrap();
            let mut kube = Kube::start(&ns, Ipv4Addr::LOCALHOST, directory.path()).unwrap();
            let admin = kube.server(&ns, User::Admin);
            for crd in [VtepCrd::LongestPrefix, VtepCrd::OneMask, VtepCrd::Unknown] {
                let yaml = crd.yaml().unwrap();
                let reply = admin.send("POST", &format!("{CRDS}?dryRun=All"), Some(("application/yaml", yaml.as_bytes()))).unwrap();
                assert_eq!(reply.status, 201, "{crd:?}: {}", reply.text());
            }
            kube.install_crd(CILIUM_NODE_CRD).unwrap();
            kube.install_crd(VtepCrd::LongestPrefix.yaml().unwrap()).unwrap();
            kube.grant(&Role::reference(), SPACE, &[User::GatewayA]).unwrap();

            let leases = format!("/apis/coordination.k8s.io/v1/namespaces/{SPACE}/leases");
            let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "one"}});
            let (nodes, vteps) = ("/apis/cilium.io/v2/ciliumnodes", "/apis/cilium.io/v2/ciliumvtepconfigs");
            let (a, b) = (kube.server(&ns, User::GatewayA), kube.server(&ns, User::GatewayB));
            for (user, method, path, body, expected) in [
                (&a, "GET", nodes, None, 200),
                (&a, "DELETE", nodes, None, 403),
                (&a, "GET", vteps, None, 403),
                (&a, "GET", &format!("{vteps}/hybrid-gateway"), None, 404),
                (&a, "PATCH", &format!("{vteps}/hybrid-gateway"), Some(&json!({})), 403),
                (&a, "POST", &leases, Some(&lease), 201),
                (&a, "GET", &leases, None, 403),
                (&a, "POST", "/apis/coordination.k8s.io/v1/namespaces/default/leases", Some(&lease), 403),
                (&a, "GET", "/api/v1/nodes", None, 403),
                (&b, "GET", nodes, None, 403),
            ] {
                assert_eq!(status(user, method, path, body), expected, "{method} {path}");
            }
        });
    }

    #[test]
    fn a_service_account_asks_by_its_own_token_and_the_audit_log_tells_what() {
        isolated(|| {
            let directory = tempfile::tempdir().unwrap();
            let ns = Netns::new("api").unwrap();
            let kube = Kube::start(&ns, Ipv4Addr::LOCALHOST, directory.path()).unwrap();
            kube.make_namespace(SPACE).unwrap();
            kube.make_namespace(SPACE).unwrap();
            let token = kube.account_token(SPACE, "default").unwrap();
            let account = kube.server_for_token(&ns, &token);
            let path = format!("/api/v1/namespaces/{SPACE}/configmaps/kube-root-ca.crt");
            assert_eq!(status(&account, "GET", &path, None), 403);
            // What has no account cannot be a pod.
            let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, "spec": {
                "serviceAccountName": "other", "containers": [{"name": "one", "image": "one"}]}});
            let refused = kube.create(&format!("/api/v1/namespaces/{SPACE}/pods"), &pod).unwrap_err().to_string();
            assert!(refused.contains("answered 403") && refused.contains("other"), "{refused}");

            let expected = AuditEntry {
                user: format!("system:serviceaccount:{SPACE}:default"),
                verb: "get".into(),
                group: String::new(),
                resource: "configmaps".into(),
                subresource: String::new(),
                namespace: SPACE.into(),
                name: "kube-root-ca.crt".into(),
                code: 403,
            };
            let has = |wanted: &dyn Fn(&AuditEntry) -> bool| kube.audit().unwrap().iter().any(wanted);
            let start = std::time::Instant::now();
            while !has(&|entry| *entry == expected) {
                assert!(start.elapsed().as_secs() < 10, "{:#?}", kube.audit().unwrap());
            }
            assert!(has(&|entry| entry.user == "admin" && entry.subresource == "token" && entry.code == 201));
            assert!(!has(&|entry| entry.user == "system:apiserver" || entry.resource.is_empty()));
        });
    }
}

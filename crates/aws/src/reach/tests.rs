use super::*;
use crate::fake::{Fake, Reply, Request, authority};

#[tokio::test]
async fn any_answer_shows_that_an_endpoint_can_be_reached_and_tells_the_time() {
    let fake = Fake::start(|_| Reply::Answer(404, "Date: Thu, 01 Jan 1970 00:00:10 GMT\r\n", "<html>".into())).await;
    let session = Session::to_fake(&fake);
    for entrance in [Entrance::Ssm, Entrance::RolesAnywhere, Entrance::Sts] {
        let offset = session.reach(entrance).await.unwrap().clock_offset.unwrap();
        assert!((offset - (Timestamp::now().as_second() - 10)).abs() < 5, "{offset}");
    }
    assert!(fake.seen().iter().all(|request| request.header("authorization").is_none()));

    let silent = Fake::start(|_| Reply::ok("")).await;
    assert_eq!(Session::to_fake(&silent).reach(Entrance::Ssm).await.unwrap().clock_offset, None);
    let address = silent.address;
    drop(silent);
    tokio::task::yield_now().await;
    let mut gone = session;
    gone.endpoints.given.insert(Service::Ssm, format!("http://{address}"));
    let error = gone.reach(Entrance::Ssm).await.unwrap_err();
    assert!(matches!(error, CallError::Unreachable { .. }), "{error}");
}

/// Knows one token, as the authenticator of EKS does.
fn kubernetes(request: &Request) -> Reply {
    match request.header("authorization") {
        Some("Bearer good") if request.line.starts_with("POST /apis/authentication.k8s.io/v1/selfsubjectreviews ") => {
            assert!(request.body.contains("SelfSubjectReview"), "{}", request.body);
            Reply::Answer(201, "", r#"{"status":{"userInfo":{"username":"system:node:mi-1"}}}"#.into())
        }
        Some("Bearer old-server") => Reply::Answer(404, "", String::new()),
        Some("Bearer odd") => Reply::Answer(201, "", "<html>".into()),
        Some(_) | None => Reply::Answer(401, "", "secret-of-the-server".into()),
    }
}

#[tokio::test]
async fn an_api_server_is_trusted_by_the_clusters_authority_alone() {
    let (file, acceptor) = authority("kubernetes");
    let server = Fake::start_tls(acceptor, kubernetes).await;
    let url = format!("https://localhost:{}/", server.address.port());
    let pem = std::fs::read_to_string(file.path()).unwrap();
    let api = ApiServer::by(Network::default(), &url, &pem).unwrap();
    assert_eq!(api.status().await.unwrap(), "401 Unauthorized");
    assert!(server.seen().iter().all(|request| request.line.starts_with("GET /api ") && request.header("authorization").is_none()));
    assert_eq!(api.user(&Token::of("good")).await.unwrap(), "system:node:mi-1");
    assert_eq!(api.user(&Token::of("old-server")).await.unwrap(), "");
    for (token, what) in [("bad", "401 Unauthorized"), ("odd", "names no user")] {
        let error = api.user(&Token::of(token)).await.unwrap_err().to_string();
        assert!(error.contains(what) && !error.contains("secret") && !error.contains("Bearer"), "{error}");
    }

    let other = std::fs::read_to_string(authority("kubernetes").0.path()).unwrap();
    let error = ApiServer::by(Network::default(), &url, &other).unwrap().status().await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("invalid peer certificate"), "{cause}");
    assert!(ApiServer::by(Network::default(), &url, "no PEM").is_err());
}

#[tokio::test]
async fn an_api_server_is_reached_by_the_proxy() {
    let (file, acceptor) = authority("kubernetes");
    let server = Fake::start_tls(acceptor, kubernetes).await;
    let address = server.address;
    let proxy = Fake::start(move |_| Reply::Tunnel(address)).await;
    let proxy_url = proxy.url();
    let network = Network::from_vars(|name| (name == "HTTPS_PROXY").then(|| proxy_url.clone().into())).unwrap();
    let pem = std::fs::read_to_string(file.path()).unwrap();
    let api = ApiServer::by(network, "https://ec2.test:8443", &pem).unwrap();
    assert_eq!(api.status().await.unwrap(), "401 Unauthorized");
    assert_eq!(proxy.seen()[0].line, "CONNECT ec2.test:8443 HTTP/1.1");
}

//! Ways to EC2: TLS with a CA of one's own, and proxies.

use super::*;
use crate::fake::authority;

const NO_TABLES: &str = "<DescribeRouteTablesResponse><routeTableSet/></DescribeRouteTablesResponse>";

fn network(vars: &[(&str, &str)]) -> Network {
    Network::from_vars(|name| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into())).unwrap()
}

async fn read(ec2: &Ec2) -> Result<usize, Ec2Error> {
    ec2.route_tables(&[table("rtb-0a")]).await.map(|tables| tables.len())
}

#[tokio::test]
async fn a_ca_of_the_bundle_is_trusted_and_another_is_not() {
    let (bundle, acceptor) = authority("our CA");
    let server = Fake::start_tls(acceptor, |_| Reply::ok(NO_TABLES)).await;
    let url = format!("https://localhost:{}", server.address.port());

    let with = ec2(&url, network(&[("AWS_CA_BUNDLE", bundle.path().to_str().unwrap())])).await;
    assert_eq!(read(&with).await.unwrap(), 0);
    assert_eq!(server.connections(), 1);

    let (other, _) = authority("another CA");
    for vars in [vec![], vec![("AWS_CA_BUNDLE", other.path().to_str().unwrap())]] {
        let without = ec2(&url, network(&vars)).await;
        let error = create(&without).await.unwrap_err();
        assert!(matches!(error, Ec2Error::Unreachable { .. }) && !error.outcome_unknown(), "{error:?}");
        assert!(told(&error).contains("UnknownIssuer"), "{}", told(&error));
        assert!(error.fix().unwrap().contains("AWS_CA_BUNDLE"));
    }
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn plain_calls_go_through_the_http_proxy_with_its_password() {
    let proxy = Fake::start(|_| Reply::ok(NO_TABLES)).await;
    let url = format!("http://user:pass@{}", proxy.address);
    let through = ec2("http://ec2.test", network(&[("HTTP_PROXY", &url)])).await;
    assert_eq!(read(&through).await.unwrap(), 0);
    let seen = proxy.seen();
    assert_eq!(seen[0].line, "POST http://ec2.test/ HTTP/1.1");
    assert_eq!(seen[0].header("proxy-authorization"), Some("Basic dXNlcjpwYXNz"));
}

#[tokio::test]
async fn tls_calls_go_through_a_tunnel_of_the_https_proxy() {
    let (bundle, acceptor) = authority("our CA");
    let server = Fake::start_tls(acceptor, |_| Reply::ok(NO_TABLES)).await;
    let to = server.address;
    let proxy = Fake::start(move |_| Reply::Tunnel(to)).await;
    let vars = [("HTTPS_PROXY", proxy.url()), ("AWS_CA_BUNDLE", bundle.path().to_str().unwrap().to_owned())];
    let vars = vars.each_ref().map(|(name, value)| (*name, value.as_str()));
    let through = ec2("https://ec2.test", network(&vars)).await;
    assert_eq!(read(&through).await.unwrap(), 0);
    assert_eq!(proxy.seen()[0].line, "CONNECT ec2.test:443 HTTP/1.1");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_proxy_that_refuses_the_tunnel_is_told() {
    let proxy = Fake::start(|_| Reply::Answer(407, "", String::new())).await;
    let through = ec2("https://ec2.test", network(&[("HTTPS_PROXY", &proxy.url())])).await;
    let error = create(&through).await.unwrap_err();
    assert!(matches!(error, Ec2Error::Unreachable { .. }) && !error.outcome_unknown(), "{error:?}");
    assert!(told(&error).contains("proxy authorization required"), "{}", told(&error));
}

#[tokio::test]
async fn hosts_of_no_proxy_and_this_host_are_called_directly() {
    let proxy = Fake::start(|_| Reply::ok(NO_TABLES)).await;
    let url = proxy.url();
    let (server, _) = with_fake(|_| Reply::ok(NO_TABLES)).await;
    let direct = ec2(&server.url(), network(&[("HTTP_PROXY", &url)])).await;
    assert_eq!(read(&direct).await.unwrap(), 0);
    let excepted = ec2("http://ec2.test", network(&[("HTTP_PROXY", &url), ("NO_PROXY", "*.test")])).await;
    let error = create(&excepted).await.unwrap_err();
    assert!(matches!(error, Ec2Error::Unreachable { .. }), "{error:?}");
    assert_eq!((server.seen().len(), proxy.seen().len()), (1, 0));
}

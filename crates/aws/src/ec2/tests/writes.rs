//! CreateRoute and ReplaceRoute: one attempt each, and what is known after it.

use std::net::TcpListener;
use std::time::Instant;

use super::*;

fn done(request: &Request) -> Reply {
    let action = request.action();
    Reply::ok(format!(
        "<{action}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>59dbff89</requestId><return>true</return></{action}Response>"
    ))
}

#[tokio::test]
async fn both_writes_name_table_destination_and_interface() {
    let (fake, ec2) = with_fake(done).await;
    create(&ec2).await.unwrap();
    replace(&ec2).await.unwrap();
    let expected = |action: &str| {
        let parameters = ["DestinationCidrBlock=10.250.0.0/16", "NetworkInterfaceId=eni-0a", "RouteTableId=rtb-0a", "Version=2016-11-15"];
        let mut all: Vec<_> = parameters.iter().map(ToString::to_string).chain([format!("Action={action}")]).collect();
        all.sort();
        all
    };
    let seen = fake.seen().into_iter().map(|request| {
        let mut all = request.parameters();
        all.sort();
        all
    });
    assert_eq!(seen.collect::<Vec<_>>(), [expected("CreateRoute"), expected("ReplaceRoute")]);
}

/// One error and what the caller reads from it.
struct Case {
    status: u16,
    code: &'static str,
    message: &'static str,
    says: fn(&Ec2Error) -> bool,
    unknown: bool,
}

const CASES: [Case; 9] = [
    Case {
        status: 400,
        code: "RouteAlreadyExists",
        message: "The route identified by 10.250.0.0/16 already exists.",
        says: Ec2Error::already_exists,
        unknown: false,
    },
    Case {
        status: 400,
        code: "InvalidRouteTableID.NotFound",
        message: "The routeTable ID 'rtb-0a' does not exist",
        says: Ec2Error::not_found,
        unknown: false,
    },
    Case {
        status: 400,
        code: "InvalidNetworkInterfaceID.NotFound",
        message: "The networkInterface ID 'eni-0a' does not exist",
        says: Ec2Error::not_found,
        unknown: false,
    },
    Case { status: 503, code: "RequestLimitExceeded", message: "Request limit exceeded.", says: Ec2Error::is_throttled, unknown: false },
    Case {
        status: 403,
        code: "UnauthorizedOperation",
        message: "You are not authorized. Encoded authorization failure message: 4OCCkJR6",
        says: Ec2Error::is_unauthorized,
        unknown: false,
    },
    Case {
        status: 401,
        code: "AuthFailure",
        message: "AWS was not able to validate the provided access credentials",
        says: Ec2Error::is_unauthorized,
        unknown: false,
    },
    Case {
        status: 503,
        code: "Unavailable",
        message: "The service is unavailable. Please try again shortly.",
        says: Ec2Error::outcome_unknown,
        unknown: true,
    },
    Case { status: 500, code: "InternalError", message: "An internal error has occurred", says: Ec2Error::outcome_unknown, unknown: true },
    Case { status: 400, code: "InvalidParameterValue", message: "Invalid value", says: |error| !error.not_found(), unknown: false },
];

#[tokio::test]
async fn errors_are_told_apart_and_nothing_is_sent_twice() {
    for Case { status, code, message, says, unknown } in CASES {
        let (fake, ec2) = with_fake(move |_| Reply::error(status, code, message)).await;
        for error in [create(&ec2).await.unwrap_err(), replace(&ec2).await.unwrap_err()] {
            assert_eq!(error.code(), Some(code));
            assert!(says(&error), "{error}");
            let kinds = [error.already_exists(), error.not_found(), error.is_throttled(), error.is_unauthorized(), error.outcome_unknown()];
            assert!(kinds.iter().filter(|kind| **kind).count() <= 1, "{error:?}");
            assert_eq!(error.outcome_unknown(), unknown, "{error}");
            assert!(told(&error).contains("10.250.0.0/16 to eni-0a in rtb-0a"), "{error}");
            assert!(!told(&error).contains("4OCCkJR6"), "{error}");
        }
        assert_eq!(fake.seen().len(), 2, "{code}");
    }
}

#[tokio::test]
async fn a_route_to_replace_that_is_not_there_is_told() {
    let message = "There is no route defined for '10.250.0.0/16' in the route table. Use CreateRoute instead.";
    let (_fake, ec2) = with_fake(move |_| Reply::error(400, "InvalidParameterValue", message)).await;
    assert!(replace(&ec2).await.unwrap_err().not_found());
}

#[tokio::test]
async fn silence_and_a_lost_connection_leave_the_outcome_unknown() {
    let (fake, ec2) = with_fake(|_| Reply::Silence).await;
    let start = Instant::now();
    let error = ec2.create_route(&table("rtb-0a"), cidr(), &interface(), Duration::from_millis(700)).await.unwrap_err();
    assert!(error.outcome_unknown(), "{error}");
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(
        told(&error),
        "CreateRoute 10.250.0.0/16 to eni-0a in rtb-0a: no answer from EC2, so whether it took effect is unknown: no answer within 700 ms"
    );
    assert_eq!(fake.seen().len(), 1);

    let (fake, ec2) = with_fake(|_| Reply::HangUp).await;
    let error = replace(&ec2).await.unwrap_err();
    assert!(error.outcome_unknown(), "{error}");
    assert!(told(&error).contains("the connection was lost"), "{}", told(&error));
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn a_write_on_a_kept_connection_that_closes_is_not_sent_again() {
    let first = std::sync::atomic::AtomicBool::new(true);
    let (fake, ec2) = with_fake(move |request| match first.swap(false, std::sync::atomic::Ordering::SeqCst) {
        true => done(request),
        false => Reply::HangUp,
    })
    .await;
    create(&ec2).await.unwrap();
    let error = create(&ec2).await.unwrap_err();
    assert!(error.outcome_unknown(), "{error}");
    assert_eq!((fake.connections(), fake.seen().len()), (1, 2));
}

#[tokio::test]
async fn without_a_connection_nothing_has_happened() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ec2 = ec2(&format!("http://{closed}"), Network::default()).await;
    let error = create(&ec2).await.unwrap_err();
    assert!(matches!(error, Ec2Error::Unreachable { .. }) && !error.outcome_unknown(), "{error:?}");
    assert!(told(&error).contains("Connection refused"), "{}", told(&error));
}

#[tokio::test]
async fn an_answer_that_is_not_ec2s_is_no_success() {
    for (status, body, unknown) in [
        (200, "<html>Welcome</html>", true),
        (407, "<html>Proxy Authentication Required</html>", false),
        (502, "<html>Bad Gateway</html>", true),
    ] {
        let (fake, ec2) = with_fake(move |_| Reply::Answer(status, "Server: squid\r\n", body.into())).await;
        let error = create(&ec2).await.unwrap_err();
        assert!(matches!(error, Ec2Error::Unintelligible { .. }), "{error:?}");
        assert_eq!(error.outcome_unknown(), unknown, "{error:?}");
        assert!(told(&error).contains(&format!("status {status}")), "{error}");
        assert_eq!(fake.seen().len(), 1);
    }
}

#[tokio::test]
async fn connections_are_kept_for_writes_after_reads() {
    let (fake, ec2) = with_fake(done).await;
    for _ in 0..3 {
        create(&ec2).await.unwrap();
    }
    assert_eq!(fake.seen().len(), 3);
    assert_eq!(fake.connections(), 1);
}

#[tokio::test]
async fn an_endpoint_that_is_no_url_is_told() {
    for (endpoint, says) in [
        ("nonsense", "the request cannot be made: failed to apply endpoint `nonsense`: endpoint must contain scheme"),
        ("ftp://ec2.test", "EC2 cannot be reached: no connection: client error (Connect): unsupported scheme ftp"),
    ] {
        let error = create(&ec2(endpoint, Network::default()).await).await.unwrap_err();
        assert!(!error.outcome_unknown(), "{error:?}");
        assert_eq!(told(&error), format!("CreateRoute 10.250.0.0/16 to eni-0a in rtb-0a: {says}"));
    }
}

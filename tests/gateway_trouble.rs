//! The gateway where it may do little, is refused things, or is killed.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

mod setting;

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use hybridge_lab::ec2::RouteTarget;
use hybridge_lab::isolate::isolated;
use hybridge_lab::kube::{Kind, VtepCrd};
use hybridge_lab::topology::pod_cidr;
use hybridge_lab::world::{ChartEnv, KubeKind, NAMESPACE, World, WorldConfig};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use setting::*;

/// Puts a shell script in the gateway's place that ends in `exec COMMAND gateway "$@"`.
fn launch_by(config: &mut WorldConfig, first: &str, command: &str) {
    let path: PathBuf = config.directory.join("launch.sh");
    std::fs::write(&path, format!("#!/bin/sh\n{first}\nexec {command} '{}' \"$@\"\n", config.gateway_bin.display())).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    config.gateway_bin = path;
}

fn log(world: &World, index: usize) -> String {
    std::fs::read_to_string(&world.gateways[index].log).unwrap()
}

#[test]
fn the_capability_and_the_environment_of_the_reference_chart_are_enough() {
    isolated(|| {
        let mut world = start(|config| {
            config.env = ChartEnv::Reference;
            launch_by(config, "", "setpriv --inh-caps=-all --ambient-caps=-all --bounding-set=-all,+net_admin --no-new-privs");
        });
        let leader = world.wait_settled(LONG).unwrap();
        for index in 0..2 {
            world.wait_ready(index, LONG).unwrap();
            let pid = world.gateways[index].pid().unwrap();
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            // CAP_NET_ADMIN is bit 12.
            assert!(status.contains("CapPrm:\t0000000000001000\n") && status.contains("CapBnd:\t0000000000001000\n"), "{status}");
        }
        // The namespace is the service account's.
        assert!(world.cluster.lease("hybrid-gateway-leader").unwrap().is_some());
        let watch = watch(&world);
        end(&mut world, leader);
        assert_eq!(world.wait_settled(LONG).unwrap(), 1 - leader);
        assert_eq!(watch.lost(), 0);
        finish(world);
    });
}

#[test]
fn killed_at_any_moment_and_started_again_it_gets_there() {
    isolated(|| {
        let mut world = start(|config| config.replicas = 0);
        for wait in [3, 10, 20, 30, 40, 50, 60, 80, 100, 130, 160, 200, 250, 300, 400] {
            world.start_gateway(0).unwrap();
            std::thread::sleep(Duration::from_millis(wait));
            world.gateways[0].signal(Signal::SIGKILL).unwrap();
            world.gateways[0].wait(LONG).unwrap();
        }
        world.start_gateway(0).unwrap();
        assert_eq!(world.wait_settled(LONG).unwrap(), 0);
        world.wait_ready(0, LONG).unwrap();
        assert_eq!(destinations(&world, 0), ["10.250.1.0/24", "10.250.2.0/24"]);
        finish(world);
    });
}

/// Serves an API once more, on 127.0.0.1 of the first gateway's host, where `refuse` may answer in its place.
fn serve_gated(world: &World, port: u16, api: Router, refuse: impl Fn(&Parts, &str) -> Option<Response> + Clone + Send + Sync + 'static) {
    let ns = &world.gateways[0].leg.host.ns;
    let listener = ns.run(|| std::net::TcpListener::bind(("127.0.0.1", port)).unwrap());
    listener.set_nonblocking(true).unwrap();
    let gate = move |request: Request, next: Next| {
        let refuse = refuse.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = to_bytes(body, 1 << 20).await.unwrap();
            match refuse(&head, &String::from_utf8_lossy(&body)) {
                Some(answer) => answer,
                None => next.run(Request::from_parts(head, Body::from(body))).await,
            }
        }
    };
    let api = api.layer(from_fn(gate));
    let serving = ns.spawn("gate", |stop| async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        tokio::select! {
            served = axum::serve(listener, api) => served.unwrap(),
            () = stop.cancelled() => {}
        }
    });
    // Ends with the process that the test has for itself.
    std::mem::forget(serving);
}

#[test]
fn writes_that_ec2_refuses_are_tried_ever_less_and_told_once() {
    isolated(|| {
        let mut world = start(|config| {
            config.replicas = 0;
            launch_by(config, "AWS_ENDPOINT_URL=http://127.0.0.1:8099; export AWS_ENDPOINT_URL", "");
        });
        let refused = Arc::new(AtomicUsize::new(0));
        let count = refused.clone();
        serve_gated(&world, 8099, world.cloud.ec2.api(), move |_, body| {
            (body.contains("Action=CreateRoute") || body.contains("Action=ReplaceRoute")).then(|| {
                let error = "<Error><Code>UnauthorizedOperation</Code><Message>You are not authorized.</Message></Error>";
                let id = count.fetch_add(1, Ordering::Relaxed);
                let answer = format!("<Response><Errors>{error}</Errors><RequestID>request-{id}</RequestID></Response>");
                (StatusCode::FORBIDDEN, [("content-type", "text/xml")], answer).into_response()
            })
        });
        world.start_gateway(0).unwrap();
        world.wait("the refusal", LONG, |w| readiness(w, 0).contains("routes.error: 2 of 2 VPC routes not written")).unwrap();
        // The other half of a leader's work goes on.
        world.wait("the CiliumVTEPConfig", LONG, |w| w.vtep_to() == Some(0)).unwrap();
        // Only now is it the one reason that is left, and no other change writes the list of reasons once more.
        wait_destinations(&world, 0, &["10.250.1.0/24", "10.250.2.0/24"]);
        std::thread::sleep(Duration::from_secs(1));
        let (before, told) = (refused.load(Ordering::Relaxed), log(&world, 0).matches("UnauthorizedOperation").count());
        std::thread::sleep(Duration::from_secs(8));
        let writes = refused.load(Ordering::Relaxed) - before;
        assert!((2..=24).contains(&writes), "{writes} writes in 8 s");
        let log = log(&world, 0);
        assert_eq!(log.matches("UnauthorizedOperation").count(), told, "told again without news\n{log}");
        let by_the_task = log.lines().filter(|line| line.contains(" WARN ") && line.contains("UnauthorizedOperation")).count();
        assert_eq!(by_the_task, 1, "{log}");
        assert!(readiness(&world, 0).contains("UnauthorizedOperation"), "the reason comes and goes");
        finish(world);
    });
}

#[test]
fn a_lease_that_may_not_be_written_is_told_once_and_asked_for_ever_less() {
    isolated(|| {
        let mut world = start(|config| {
            config.replicas = 0;
            let kubeconfig = config.directory.join("gated");
            let cluster = json!({"name": "lab", "cluster": {"server": "http://127.0.0.1:8098"}});
            let context = json!({"name": "lab", "context": {"cluster": "lab", "user": "lab", "namespace": NAMESPACE}});
            let user = json!({"name": "lab", "user": {}});
            let text = json!({"current-context": "lab", "clusters": [cluster], "contexts": [context], "users": [user]}).to_string();
            std::fs::write(&kubeconfig, text).unwrap();
            launch_by(config, &format!("KUBECONFIG={}; export KUBECONFIG", kubeconfig.display()), "");
        });
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        serve_gated(&world, 8098, fake(&world).api(), move |head, _| {
            let leases = head.uri.path().contains("/leases");
            count.fetch_add(usize::from(leases), Ordering::Relaxed);
            let message = json!({"kind": "Status", "message": "leases is forbidden"}).to_string();
            (leases && head.method != "GET").then(|| (StatusCode::FORBIDDEN, message).into_response())
        });
        world.start_gateway(0).unwrap();
        world.wait("the refusal", LONG, |w| readiness(w, 0).contains("lease.error: ")).unwrap();
        let before = asked.load(Ordering::Relaxed);
        for _ in 0..800 {
            std::thread::sleep(Duration::from_millis(10));
            assert!(readiness(&world, 0).contains("leases is forbidden"), "the reason comes and goes");
        }
        let asked = asked.load(Ordering::Relaxed) - before;
        assert!((4..40).contains(&asked), "{asked} requests in 8 s");
        let log = log(&world, 0);
        assert!(log.lines().count() < 20, "{log}");
        finish(world);
    });
}

#[test]
fn without_the_crd_requests_stay_few_and_it_is_told_once() {
    isolated(|| {
        let world = start(|config| {
            config.replicas = 1;
            config.kube = KubeKind::Builtin(VtepCrd::Missing);
        });
        world.wait("the Lease", LONG, |w| w.cluster.lease("hybrid-gateway-leader").unwrap().is_some()).unwrap();
        // Agents of the lab look at the object again and again; without the CRD the gateway does not.
        let requests = |w: &World| fake(w).requests().iter().filter(|request| !request.path.contains("/ciliumvtepconfigs/")).count();
        std::thread::sleep(Duration::from_secs(1));
        let before = requests(&world);
        std::thread::sleep(Duration::from_secs(6));
        let asked = requests(&world) - before;
        assert!((3..40).contains(&asked), "{asked} requests in 6 s without the CRD");
        let told = log(&world, 0).lines().filter(|line| line.contains(" WARN CiliumVTEPConfig ")).count();
        assert_eq!(told, 1, "{}", log(&world, 0));
        finish(world);
    });
}

#[test]
fn a_lease_that_somebody_deletes_comes_back_with_a_higher_epoch() {
    isolated(|| {
        let mut world = start(|_| {});
        // Both have seen it: to one that has not, a missing Lease is a first one.
        for index in 0..2 {
            world.wait_ready(index, LONG).unwrap();
        }
        world.wait_settled(LONG).unwrap();
        let path = format!("/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/hybrid-gateway-leader");
        let epoch = |w: &World| w.cluster.get(&path).unwrap().map(|lease| lease["spec"]["leaseTransitions"].as_u64().unwrap_or(0));
        let before = epoch(&world).unwrap();
        let watch = watch(&world);
        world.cluster.delete(&path).unwrap();
        world.wait("the Lease", LONG, |w| epoch(w).is_some_and(|epoch| epoch > before)).unwrap();
        let leader = world.wait_settled(LONG).unwrap();
        world.wait_ready(leader, LONG).unwrap();
        assert_eq!(watch.lost(), 0);
        finish(world);
    });
}

#[test]
fn the_lease_is_released_only_after_the_last_write() {
    isolated(|| {
        let mut world = start(|config| config.replicas = 1);
        world.wait_settled(LONG).unwrap();
        world.cloud.ec2.set_latency(Duration::from_millis(700));
        world.cloud.delete_route(pod_cidr()).unwrap();
        let creating = |w: &World| w.cloud.ec2.calls().iter().filter(|call| call.action == "CreateRoute").count();
        let before = creating(&world);
        world.wait("the repair to be under way", LONG, |w| creating(w) > before).unwrap();
        let at = Instant::now();
        world.gateways[0].signal(Signal::SIGTERM).unwrap();
        let released = |w: &World| w.cluster.lease("hybrid-gateway-leader").unwrap().unwrap()["spec"]["holderIdentity"] == "";
        world.wait("the release", LONG, released).unwrap();
        assert_eq!(world.routes_to(), Some(0), "released {:?} after SIGTERM, while a write was under way", at.elapsed());
        world.gateways[0].wait(LONG).unwrap();
        finish(world);
    });
}

#[test]
fn a_signal_while_ec2_is_silent_at_start_ends_it_at_once_and_well() {
    isolated(|| {
        for signal in [Signal::SIGTERM, Signal::SIGINT] {
            let mut world = start(|config| config.replicas = 0);
            // Start-up waits 4 s for EC2.
            world.cloud.ec2.set_latency(Duration::from_secs(20));
            world.start_gateway(0).unwrap();
            let pid = world.gateways[0].pid().unwrap();
            // Without a handler a signal would end it here, as it never does process 1 of a container: bit n-1 of the caught ones.
            let caught = |_: &World| {
                let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
                let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
                u64::from_str_radix(mask.trim(), 16).unwrap() >> (signal as u32 - 1) & 1 == 1
            };
            world.wait("the handler", Duration::from_secs(2), caught).unwrap();
            let at = Instant::now();
            world.gateways[0].signal(signal).unwrap();
            let status = world.gateways[0].wait(LONG).unwrap().unwrap();
            assert_eq!(
                (status.code(), at.elapsed() < Duration::from_secs(1)),
                (Some(0), true),
                "{signal}: {status} after {:?}",
                at.elapsed()
            );
            let log = log(&world, 0);
            assert!(log.contains(&format!("{signal} while starting")) && !log.contains("hybridge-gateway starts"), "{log}");
            finish(world);
        }
    });
}

/// Runs `--check -o json` on the first gateway's host; its exit code and its answer.
fn check(world: &mut World) -> (i32, Value) {
    let before = world.gateways[0].log.metadata().map_or(0, |log| log.len());
    world.start_gateway(0).unwrap();
    let code = world.gateways[0].wait(LONG).unwrap().unwrap().code().unwrap();
    let log = log(world, 0);
    (code, serde_json::from_str(&log[usize::try_from(before).unwrap()..]).unwrap_or_else(|error| panic!("{error}: {log}")))
}

#[test]
fn a_check_changes_nothing_and_fails_for_all_that_would_keep_the_gateway_from_being_ready() {
    isolated(|| {
        let mut world = start(|config| {
            config.replicas = 0;
            config.gateway_args = vec!["--check".into(), "-o=json".into()];
        });
        let codes = |answer: &Value| {
            answer["findings"].as_array().unwrap().iter().map(|f| f["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(check(&mut world), (0, json!({"ok": true, "findings": []})));
        // A route to the other gateway is none of a stranger: the label of its Node says so.
        let table = world.cloud.tables()[0].clone();
        let other = world.gateways[1].interface.clone();
        world.cloud.ec2.update(|state| state.create_route(&table, pod_cidr(), RouteTarget::Interface(other)).unwrap());
        assert_eq!(check(&mut world), (0, json!({"ok": true, "findings": []})));
        // Whose it is cannot be told without the API server.
        world.set_kube_down(true).unwrap();
        let (code, answer) = check(&mut world);
        assert_eq!((code, codes(&answer)), (1, vec!["route.unrecognised".into(), "kubernetes.unreachable".into()]));
        world.set_kube_down(false).unwrap();
        let transit = RouteTarget::Other("tgw-0000000000000000f".into());
        world.cloud.ec2.update(|state| state.replace_route(&table, pod_cidr(), transit.clone()).unwrap());
        let instance = world.gateways[0].instance.clone();
        world.cloud.set_source_dest_check(&instance, true).unwrap();
        let (code, answer) = check(&mut world);
        assert_eq!((code, codes(&answer)), (1, vec!["route.foreign".into(), "instance.source-dest-check".into()]));
        assert!(answer["findings"][0]["what"].as_str().unwrap().contains("tgw-0000000000000000f"), "{answer}");
        // Nothing was touched.
        assert_eq!(world.cluster.vtep().unwrap(), None);
        assert!(fake(&world).list(Kind::Lease).is_empty());
        assert!(snapshot(&world, 0).link("hybrid_vxlan0").is_none());
        finish(world);
    });
}

#[test]
fn a_daemon_names_routes_of_others_when_it_starts_and_goes_on() {
    isolated(|| {
        let mut world = start(|config| config.replicas = 0);
        let transit = RouteTarget::Other("tgw-0000000000000000f".into());
        let table = world.cloud.tables()[0].clone();
        world.cloud.ec2.update(|state| state.create_route(&table, pod_cidr(), transit).unwrap());
        world.start_gateway(0).unwrap();
        wait_destinations(&world, 0, &["10.250.1.0/24", "10.250.2.0/24"]);
        let log = log(&world, 0);
        let (named, started) = (log.find("route.foreign").expect("it is named"), log.find("hybridge-gateway starts").unwrap());
        assert!(named < started, "{log}");
        finish(world);
    });
}

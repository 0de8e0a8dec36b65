//! `hybridge lni verify` and `hybridge lni probe` as people run them: on the node, on a machine of the LAN, on one behind its router.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

use std::path::Path;

use hybridge_lab::isolate::isolated;
use hybridge_lab::lni::{Announcer, Operator, Port, Service, World, hostile};
use serde_json::Value;

const HYBRIDGE: &str = env!("CARGO_BIN_EXE_hybridge");

/// From the bare interface to one that works, and on to one that somebody has meddled with.
#[test]
fn verify_tells_what_is_wrong_until_nothing_is() {
    isolated(|| {
        let directory = tempfile::tempdir().unwrap();
        let world = World::build(1, Port::Lni).unwrap();
        let server = &world.servers[0];
        let services = Service::all_of(&server.plan);
        server.proxy(&services).unwrap();
        let vips: Vec<_> = services.iter().map(|service| service.vip).collect();
        let announcer = Announcer::start(server, vips.iter().map(|vip| *vip.ip())).unwrap();
        let operator = Operator::new(Path::new(HYBRIDGE), directory.path(), server).unwrap();
        let (cli, far) = (operator.probe(&world.lan.cli).unwrap(), operator.probe(&world.lan.far).unwrap());
        let verify = |further: &[&str]| {
            let arguments: Vec<_> = ["-o", "json", "--patience", "1000"].iter().chain(further).copied().collect();
            let output = operator.verify(server, &[&cli, &far], &vips, &arguments).unwrap();
            let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
            let causes: Vec<_> =
                report["causes"].as_array().unwrap().iter().map(|cause| cause["cause"].as_str().unwrap().to_owned()).collect();
            assert_eq!(output.status.code(), Some(i32::from(!report["ok"].as_bool().unwrap())), "{report:#}");
            assert!(report["note"].as_str().unwrap().contains("proves nothing"));
            (report, causes)
        };

        let (report, causes) = verify(&[]);
        assert_eq!(causes, ["works-only-on-the-node", "unnumbered", "reply-elsewhere", "sender-unnumbered"]);
        let rows = report["rows"].as_array().unwrap();
        assert!(rows.iter().all(|row| row["outcome"] == "not-tried" && row["onTheNode"] == true), "{report:#}");

        let applied = operator.apply(server).unwrap();
        assert!(applied.status.success(), "{applied:?}");
        let (report, causes) = verify(&["--http"]);
        assert_eq!((report["ok"].as_bool(), causes.len()), (Some(true), 0), "{report:#}");
        let rows = report["rows"].as_array().unwrap();
        assert_eq!(rows.len(), 10);
        for (row, near) in rows.iter().zip([true; 5].into_iter().chain([false; 5])) {
            assert_eq!(row["distance"], if near { "same-subnet" } else { "routed" });
            assert_eq!(row["announcedBy"].as_str().map(str::to_owned), near.then(|| server.lni_mac.to_string()));
            assert_eq!(row["detail"], "HTTP/1.1 200 OK");
        }

        hostile::networkd(server).unwrap();
        let (report, causes) = verify(&[]);
        assert!(causes.contains(&"set-up-as-vpc".to_owned()), "{causes:?}");
        assert_eq!(report["ok"], false);
        assert!(operator.apply(server).unwrap().status.success());

        // Nobody announces any more: the client asks, and nobody answers.
        announcer.stop();
        world.lan.forget().unwrap();
        let (report, causes) = verify(&[]);
        assert_eq!(causes, ["works-only-on-the-node"]);
        let codes: Vec<_> = report["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect();
        assert!(codes.contains(&"lni.not-announced"), "{codes:?}");
    });
}

/// Without its token the probe is of no use, and a table is for people.
#[test]
fn a_probe_without_the_same_token_is_told() {
    isolated(|| {
        let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let world = World::build(1, Port::Lni).unwrap();
        let server = &world.servers[0];
        let services = Service::all_of(&server.plan);
        server.proxy(&services).unwrap();
        let operator = Operator::new(Path::new(HYBRIDGE), ours.path(), server).unwrap();
        assert!(operator.apply(server).unwrap().status.success());
        let stranger = Operator::new(Path::new(HYBRIDGE), theirs.path(), server).unwrap();
        let probe = stranger.probe(&world.lan.cli).unwrap();
        let output = operator.verify(server, &[&probe], &[services[0].vip], &["--patience", "1000"]).unwrap();
        let (table, told) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(1), "{table}{told}");
        assert!(table.contains("A curl on the node proves nothing") && table.contains("FAILED  0 of 1 tries"), "{table}");
        assert!(told.contains("the tokens are not the same") && told.contains("hint: "), "{told}");
    });
}

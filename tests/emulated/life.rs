//! A cluster's life: made, looked at, changed, looked at again, deleted; nothing is left.

use hybridge_lab::real::EMULATED_REGION;
use serde_json::Value;

use super::{Gateway, NAME, Site, Wanted};

/// The commands that only look agree with what is there.
#[track_caller]
pub(crate) fn looked_at(site: &Site, wanted: &Wanted) {
    site.is_as(wanted);
    let said = site.run(&["get", "--name", NAME, "--region", EMULATED_REGION, "-o", "json"]).ended(0);
    let told: Value = serde_json::from_str(&said.out).unwrap();
    assert!(told.is_object() || told.is_array());
    for cidr in wanted.cidrs() {
        assert!(said.out.contains(cidr), "{cidr} is not in {}", said.out);
    }
    assert_eq!(said.out.contains("HYBRID_LINUX"), !wanted.nodes.is_empty(), "{}", said.out);
    site.with_file("drift", wanted, &[]).ended(0);
    let doctor = site.with_file("doctor", wanted, &[]);
    if wanted.vpc.is_none() && wanted.gateway == Gateway::None && !wanted.nodes.is_empty() {
        // Nobody has made routes, and that is what it is for.
        doctor.ended(1).told("routes.remote");
    } else {
        doctor.ended(0);
    }
}

/// Made as the first file says, changed to each of the others, deleted.
pub(crate) fn lives(site: &Site, course: &[Wanted]) {
    let before = site.emulator.left().unwrap();
    let (first, rest) = course.split_first().unwrap();
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("config");
    let kubeconfig = ["--kubeconfig", file.to_str().unwrap()];
    let read = || std::fs::read_to_string(&file).unwrap();
    site.with_file("create", first, &kubeconfig).ended(0);
    let put = read();
    assert!(put.contains(&format!(":cluster/{NAME}")), "{put}");
    looked_at(site, first);
    for wanted in rest {
        site.with_file("update", wanted, &[]).ended(0);
        looked_at(site, wanted);
        // The same once more changes nothing.
        let left = site.emulator.left().unwrap();
        site.with_file("update", wanted, &[]).ended(0);
        assert_eq!(site.emulator.left().unwrap(), left);
    }
    let delete = [&["delete", "--name", NAME, "--region", EMULATED_REGION][..], &kubeconfig].concat();
    site.run(&delete).ended(0);
    assert_eq!(site.emulator.left().unwrap(), before);
    assert!(!read().contains(NAME), "{}", read());
    // The cluster is gone, and its entry is known all the same.
    std::fs::write(&file, put).unwrap();
    site.run(&[&delete[..], &["--dry-run"]].concat()).ended(0);
    assert!(read().contains(NAME));
    site.run(&delete).ended(0);
    assert!(!read().contains(NAME), "{}", read());
}

/// Other networks than these.
pub(crate) fn more_networks(wanted: &Wanted) -> Wanted {
    // One goes, one comes in its place, two are new; the order is another.
    Wanted { nodes: vec!["10.82.0.0/16", "10.80.0.0/16"], pods: vec!["10.86.0.0/16", "10.87.0.0/16"], ..wanted.clone() }
}

//! The life of a cluster in an AWS by others: made, looked at, changed in every way, looked at again, deleted; nothing is left.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

mod emulated;

mod with_real_parts {
    use hybridge_lab::isolate::isolated;
    use hybridge_lab::real::EMULATED_REGION;
    use serde_json::Value;

    use crate::emulated::{Gateway, NAME, Provider, Site, Wanted};

    /// The commands that only look agree with what is there.
    #[track_caller]
    fn looked_at(site: &Site, wanted: &Wanted) {
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
    fn lives(site: &Site, course: &[Wanted]) {
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

    fn more_networks(wanted: &Wanted) -> Wanted {
        // One goes, one comes in its place, two are new; the order is another.
        Wanted { nodes: vec!["10.82.0.0/16", "10.80.0.0/16"], pods: vec!["10.86.0.0/16", "10.87.0.0/16"], ..wanted.clone() }
    }

    #[test]
    fn a_cluster_with_a_vpc_of_its_own_goes_through_all_five_changes() {
        isolated(|| {
            let site = Site::start();
            let plain = Wanted::plain();
            let first = Wanted::hybrid(Provider::Ssm, Gateway::Transit);
            let more = more_networks(&first);
            let other_gateway = Wanted { gateway: Gateway::Private, ..more.clone() };
            let other_provider = Wanted { provider: Provider::Anywhere, ..other_gateway.clone() };
            lives(&site, &[plain.clone(), first, more, other_gateway, other_provider, plain]);
        });
    }

    #[test]
    fn a_cluster_with_roles_anywhere_and_a_virtual_private_gateway_goes_the_other_way() {
        isolated(|| {
            let site = Site::start();
            let first = Wanted::hybrid(Provider::Anywhere, Gateway::Private);
            let other_gateway = Wanted { gateway: Gateway::Transit, ..first.clone() };
            let other_provider = Wanted { provider: Provider::Ssm, ..other_gateway.clone() };
            let no_gateway = Wanted { gateway: Gateway::None, ..other_provider.clone() };
            lives(&site, &[first.clone(), other_gateway, more_networks(&other_provider), no_gateway, Wanted::plain(), first]);
        });
    }

    #[test]
    fn clusters_in_a_vpc_of_others_leave_it_as_it_was() {
        isolated(|| {
            let site = Site::start();
            let vpc = Some(site.given());
            for provider in [Provider::Ssm, Provider::Anywhere] {
                let other = if provider == Provider::Ssm { Provider::Anywhere } else { Provider::Ssm };
                let plain = Wanted { vpc: vpc.clone(), ..Wanted::plain() };
                let first = Wanted { vpc: vpc.clone(), ..Wanted::hybrid(provider, Gateway::None) };
                let more = more_networks(&first);
                let changed = Wanted { provider: other, ..more.clone() };
                lives(&site, &[first.clone(), more, changed, plain, first]);
            }
        });
    }
}

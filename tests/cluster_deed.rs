//! The life of a cluster in an AWS by others: made, looked at, changed in every way, looked at again, deleted; nothing is left.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

mod emulated;

mod with_real_parts {
    use hybridge_lab::isolate::isolated;
    use serde_json::json;

    use crate::emulated::life::{lives, more_networks};
    use crate::emulated::{Gateway, Provider, Site, Wanted};

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

    /// Their role can never be used again.
    #[test]
    fn activations_and_machines_go_with_the_role_that_an_update_takes_away() {
        isolated(|| {
            let site = Site::start();
            let before = site.emulator.left().unwrap();
            let wanted = Wanted::hybrid(Provider::Ssm, Gateway::None);
            site.with_file("create", &wanted, &[]).ended(0);
            let outputs = site.stack("eksctl-shop-cluster")["Outputs"].clone();
            let mut outputs = outputs.as_array().unwrap().iter();
            let role = outputs.find(|output| output["OutputKey"] == "RemoteNodesRoleARN").unwrap()["OutputValue"].clone();
            let role = role.as_str().unwrap().rsplit('/').next().unwrap();
            let made = site.aws("ssm", "create_activation", json!({"IamRole": role, "RegistrationLimit": 5}));
            let id = made["ActivationId"].as_str().unwrap();
            let machine = json!({"InstanceId": "mi-0123456789abcdef0", "ActivationId": id, "PingStatus": "ConnectionLost"});
            site.emulator.put_instance(&machine).unwrap();

            site.with_file("update", &Wanted::plain(), &[]).ended(1).told("role.in-use");
            let said = site.with_file("update", &Wanted::plain(), &["--dry-run", "--force"]).ended(0);
            assert!(
                said.out.contains(&format!("activation {id}: deleted")) && said.out.contains("machine mi-0123456789abcdef0"),
                "{}",
                said.out
            );
            // Killed while the stack is changed: the next run would know the role no more.
            let file = site.file(&Wanted::plain());
            site.killed_in(&["update", "-f", file.to_str().unwrap(), "--force"], "ExecuteChangeSet");
            site.with_file("update", &Wanted::plain(), &[]).ended(0);
            site.delete().ended(0);
            assert_eq!(site.emulator.left().unwrap(), before);
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

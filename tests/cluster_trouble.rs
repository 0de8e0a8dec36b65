//! A cluster is made, changed and deleted although AWS throttles, fails, loses connections, or the command is killed.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]
#![allow(clippy::print_stdout, reason = "libtest keeps it: what was killed where")]

mod emulated;

mod with_real_parts {
    use std::io::{BufRead as _, BufReader, Lines};
    use std::process::{Child, ChildStderr};
    use std::time::Duration;

    use hybridge_lab::isolate::isolated;
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};
    use serde_json::json;

    use crate::emulated::{Gateway, Given, NAME, Provider, Site, Wanted};

    const STACK: &str = "eksctl-shop-cluster";

    /// Makes it, whatever was there of it, and everything is as it should be.
    #[track_caller]
    fn created(site: &Site, wanted: &Wanted) {
        site.with_file("create", wanted, &[]).ended(0);
        site.is_as(wanted);
    }

    #[track_caller]
    fn deleted(site: &Site, before: &[String]) {
        site.delete().ended(0);
        assert_eq!(site.emulator.left().unwrap(), before);
    }

    #[test]
    fn a_stack_that_fails_is_told_by_its_first_cause_and_the_next_run_makes_it() {
        isolated(|| {
            let site = Site::start();
            let before = site.emulator.left().unwrap();
            let wanted = Wanted::hybrid(Provider::Ssm, Gateway::Transit);
            let failure = json!({"type": "AWS::EC2::RouteTable", "reason": "no route tables today", "count": 1});
            site.emulator.fail_resource(&failure).unwrap();
            let said = site.with_file("create", &wanted, &[]).ended(3);
            let errors: Vec<_> = said.err.lines().filter(|line| line.starts_with("error")).collect();
            assert!(errors.iter().any(|line| line.contains("no route tables today") && line.contains("RouteTable")), "{}", said.err);
            assert!(!errors.iter().any(|line| line.contains("Resource creation cancelled")), "{}", said.err);
            // The stack is in ROLLBACK_COMPLETE, in which it can only be deleted.
            created(&site, &wanted);
            let state = site.emulator.left().unwrap();

            let failure = json!({"type": "AWS::EC2::Route", "reason": "no routes today", "count": 1});
            site.emulator.fail_resource(&failure).unwrap();
            let more = Wanted { pods: vec!["10.85.0.0/16", "10.86.0.0/16"], ..wanted.clone() };
            site.with_file("update", &more, &[]).ended(3).told("no routes today");
            assert_eq!(site.emulator.left().unwrap(), state, "the update was not rolled back");
            site.with_file("update", &more, &[]).ended(0);
            site.is_as(&more);

            site.emulator.fail_resource(&json!({"logicalId": "VPC", "on": "delete", "reason": "the VPC stays today"})).unwrap();
            site.delete().ended(3).told("the VPC stays today");
            deleted(&site, &before);
        });
    }

    /// Reads what a command says on stderr until a line has this in it.
    fn until_told(child: &mut Child, text: &str) -> Lines<BufReader<ChildStderr>> {
        let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(told.any(|line| line.unwrap().contains(text)), "it did not say {text:?}");
        told
    }

    #[test]
    fn who_interrupts_is_told_what_goes_on_and_the_next_run_finishes() {
        isolated(|| {
            let site = Site::start();
            let wanted = Wanted::hybrid(Provider::Ssm, Gateway::Transit);
            let file = site.file(&wanted);
            site.emulator.set_delay(Duration::from_secs(3)).unwrap();
            for (signal, now) in [(Signal::SIGINT, "CREATE_IN_PROGRESS"), (Signal::SIGTERM, "being made; waiting")] {
                let mut create = site.command(&["create", "-f", file.to_str().unwrap()]).spawn().unwrap();
                let told = until_told(&mut create, now);
                kill(Pid::from_raw(create.id().try_into().unwrap()), signal).unwrap();
                let told: Vec<_> = told.map(Result::unwrap).collect();
                assert_eq!(create.wait().unwrap().code(), Some(3), "{signal}: {told:?}");
                assert!(told.iter().any(|line| line.contains("interrupted; AWS goes on: stack eksctl-shop-cluster")), "{signal}: {told:?}");
                assert!(told.iter().any(|line| line.contains("run the same command again")), "{signal}: {told:?}");
            }
            site.emulator.set_delay(Duration::ZERO).unwrap();
            created(&site, &wanted);
        });
    }

    #[test]
    fn throttling_lost_connections_slow_work_and_small_pages_are_borne() {
        isolated(|| {
            let site = Site::start();
            let before = site.emulator.left().unwrap();
            site.emulator.set_page_size(2).unwrap();
            site.emulator.set_delay(Duration::from_millis(50)).unwrap();
            let wanted = Wanted::hybrid(Provider::Anywhere, Gateway::Transit);
            let trouble = || {
                for nth in [2, 30, 60, 90] {
                    site.emulator.order(&json!({"kind": "throttle", "nth": nth, "count": 2})).unwrap();
                    site.emulator.order(&json!({"kind": "error", "status": 503, "nth": nth + 10})).unwrap();
                }
                for action in ["CreateChangeSet", "ExecuteChangeSet", "UpdateTerminationProtection", "CreateAddon", "DeleteStack"] {
                    // Lost before the work, then after it: who asks cannot know which.
                    site.emulator.order(&json!({"kind": "cut", "action": action, "when": "before"})).unwrap();
                    site.emulator.order(&json!({"kind": "cut", "action": action, "when": "after", "nth": 2})).unwrap();
                }
            };
            trouble();
            created(&site, &wanted);
            site.emulator.clear_faults().unwrap();
            trouble();
            let other = Wanted { gateway: Gateway::Private, ..wanted };
            site.with_file("update", &other, &[]).ended(0);
            site.is_as(&other);
            site.emulator.clear_faults().unwrap();
            trouble();
            deleted(&site, &before);
        });
    }

    #[test]
    fn what_is_not_ours_or_not_allowed_is_told_and_left_alone() {
        isolated(|| {
            let site = Site::start();
            let wanted = Wanted::hybrid(Provider::Ssm, Gateway::Transit);
            let before = site.emulator.left().unwrap();

            site.emulator.order(&json!({"kind": "deny", "action": "CreateChangeSet", "count": 9})).unwrap();
            let said = site.with_file("create", &wanted, &[]);
            assert_ne!(said.code, Some(0));
            let said = said.told("cloudformation:CreateChangeSet").told("\"Effect\"");
            assert!(!said.err.contains("wJalrXUtnFEMI"), "the secret key is told");
            site.emulator.clear_faults().unwrap();
            // Refused before anything is begun: the same policies.
            for (action, said, needed) in [
                ("DescribeCluster", "DescribeCluster shop: AccessDenied", "eks:DescribeCluster"),
                ("ListStacks", "ListStacks: AccessDenied", "cloudformation:ListStacks"),
            ] {
                site.emulator.order(&json!({"kind": "deny", "action": action, "count": 9})).unwrap();
                let told = site.with_file("create", &wanted, &[]).ended(1).told(&format!("error[aws.denied]: {said}"));
                told.told(&format!("allow `{needed}`")).told("\"Effect\"");
                site.emulator.clear_faults().unwrap();
            }
            site.emulator.order(&json!({"kind": "expired", "count": 999})).unwrap();
            let said = site.with_file("create", &wanted, &[]);
            assert!(said.code != Some(0) && said.err.contains("expired"), "{}", said.err);
            site.emulator.clear_faults().unwrap();
            assert_eq!(site.emulator.left().unwrap(), before);

            let nowhere = Given {
                vpc: "vpc-0123456789abcdef0".into(),
                subnets: ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"].map(Into::into),
            };
            let nowhere = Wanted { gateway: Gateway::None, vpc: Some(nowhere), ..wanted.clone() };
            site.with_file("create", &nowhere, &[]).ended(1).told("error[vpc.unknown]").told("error[subnet.unknown]");
            assert_eq!(site.emulator.left().unwrap(), before);

            stack_at_work(&site, &wanted);
            taken(&site, &wanted);
        });
    }

    /// What is at work on the stack: an earlier run of ours is waited for, others are left alone, and what nobody finishes is told; all
    /// that before file and stack are compared, and although they may be the same already.
    fn stack_at_work(site: &Site, wanted: &Wanted) {
        let before = site.emulator.left().unwrap();
        created(site, wanted);
        let more = Wanted { nodes: vec!["10.80.0.0/16", "10.81.0.0/16"], ..wanted.clone() };
        let file = site.file(&more);
        let update = ["update", "-f", file.to_str().unwrap()];
        site.killed_in(&update, "ExecuteChangeSet");
        site.until_stack(STACK, "UPDATE_COMPLETE");
        // As it was a moment ago, for as long as a busy machine needs.
        site.emulator.set_stack_status(STACK, "UPDATE_IN_PROGRESS", "").unwrap();
        site.with_file("update", &more, &["--dry-run"]).ended(0).told("warning[stack.busy]");
        let mut again = site.command(&update).spawn().unwrap();
        let told = until_told(&mut again, "being changed by an earlier run of hybridge; waiting");
        site.emulator.set_stack_status(STACK, "UPDATE_COMPLETE", "").unwrap();
        told.for_each(drop);
        assert_eq!(again.wait().unwrap().code(), Some(0));
        site.is_as(&more);

        let mut tags = site.stack(STACK)["Tags"].clone();
        tags.as_array_mut().unwrap().push(json!({"Key": "theirs", "Value": "1"}));
        let theirs = json!({"StackName": STACK, "UsePreviousTemplate": true, "Capabilities": ["CAPABILITY_IAM"], "Tags": tags});
        site.aws("cloudformation", "update_stack", theirs);
        site.until_stack(STACK, "UPDATE_COMPLETE");
        site.emulator.set_stack_status(STACK, "UPDATE_IN_PROGRESS", "").unwrap();
        for file in [&more, wanted] {
            site.with_file("update", file, &[]).ended(1).told("error[stack.busy]").told("by somebody");
        }
        for (status, code) in
            [("UPDATE_ROLLBACK_FAILED", "stack.stuck"), ("DELETE_FAILED", "stack.left"), ("DELETE_IN_PROGRESS", "stack.deleting")]
        {
            site.emulator.set_stack_status(STACK, status, "").unwrap();
            site.with_file("update", &more, &[]).ended(1).told(&format!("error[{code}]"));
        }
        site.emulator.set_stack_status(STACK, "UPDATE_COMPLETE", "").unwrap();
        site.with_file("update", wanted, &[]).ended(0);
        site.is_as(wanted);
        deleted(site, &before);
    }

    /// A cluster of this name that has no stack.
    fn taken(site: &Site, wanted: &Wanted) {
        site.cluster_of_others(&site.given());
        let before = site.emulator.left().unwrap();
        site.with_file("create", wanted, &[]).ended(1).told("cluster.exists");
        assert_eq!(site.emulator.left().unwrap(), before);
    }

    /// Kills each of the three commands at a random call, before or after its work, and runs it again.
    fn killed(site: &Site, seed: u64, first: &Wanted, second: &Wanted) {
        const TIMES: u32 = 10;
        let mut random = StdRng::seed_from_u64(seed);
        let before = site.emulator.left().unwrap();
        let path = |wanted: &Wanted| site.file(wanted).to_str().unwrap().to_owned();
        let ((), creates) = site.counted(|| created(site, first));
        let (_, updates) = site.counted(|| site.with_file("update", second, &[]).ended(0));
        let ((), deletes) = site.counted(|| deleted(site, &before));
        let mut reached = 0;
        for round in 0..TIMES {
            let mut point = |calls: u64| (random.random_range(1..=calls), ["before", "after"][random.random_range(0..2)]);
            let points = [point(creates), point(updates), point(deletes)];
            println!("round {round}: {points:?}");
            reached += u32::from(site.killed_at(&["create", "-f", &path(first)], points[0].0, points[0].1));
            created(site, first);
            reached += u32::from(site.killed_at(&["update", "-f", &path(second)], points[1].0, points[1].1));
            site.with_file("update", second, &[]).ended(0);
            site.is_as(second);
            reached += u32::from(site.killed_at(&["delete", "--name", NAME, "--region", "us-west-2"], points[2].0, points[2].1));
            let said = site.delete();
            assert!(said.code == Some(0) || said.err.contains("cluster.missing"), "{}{}", said.out, said.err);
            assert_eq!(site.emulator.left().unwrap(), before, "after round {round}");
        }
        // A run may ask less often than the first one how far AWS is, and end before the call at which it was to be killed.
        assert!(reached > 2 * TIMES, "only {reached} runs were killed");
    }

    #[test]
    fn whatever_is_killed_anywhere_is_finished_by_the_next_run_with_systems_manager() {
        isolated(|| {
            let first = Wanted::hybrid(Provider::Ssm, Gateway::Transit);
            let second = Wanted { nodes: vec!["10.82.0.0/16"], gateway: Gateway::Private, ..first.clone() };
            killed(&Site::start(), 6, &first, &second);
        });
    }

    #[test]
    fn whatever_is_killed_anywhere_is_finished_by_the_next_run_with_roles_anywhere() {
        isolated(|| {
            let first = Wanted::hybrid(Provider::Anywhere, Gateway::Private);
            let second = Wanted { provider: Provider::Ssm, pods: vec!["10.85.0.0/16", "10.87.0.0/16"], ..first.clone() };
            killed(&Site::start(), 7, &first, &second);
        });
    }
}

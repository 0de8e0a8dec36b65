//! The chart in a real API server: what Helm makes there, changes and removes.

/// Tests that need what `cargo xtask real` makes.
mod with_real_parts {
    use std::net::Ipv4Addr;

    use hybridge_lab::isolate::isolated;
    use hybridge_lab::kube::VtepCrd;
    use hybridge_lab::netns::Netns;
    use hybridge_lab::real::{Helm, Kube, Said, User};
    use serde_json::Value;
    use tempfile::TempDir;

    use crate::objects::{content, missing, name, parse, path};
    use crate::{chart, data};

    /// The AWS gateway's documented release name and namespace.
    const THEIRS: &str = "eks-hybrid-nodes-gateway";

    const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/eks-hybrid-nodes-gateway/deployments/eks-hybrid-nodes-gateway";

    const NO_VTEP: &str = "WARNING: the API server serves no CiliumVTEPConfig";

    struct Cluster {
        kube: Kube,
        helm: Helm,
        ns: Netns,
        _directory: TempDir,
    }

    impl Cluster {
        fn start() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let ns = Netns::new("api").unwrap();
            let kube = Kube::start(&ns, Ipv4Addr::LOCALHOST, directory.path()).unwrap();
            let helm = Helm::online(directory.path(), &kube, &ns).unwrap();
            Self { kube, helm, ns, _directory: directory }
        }

        fn helm(&self, arguments: &[&str]) -> Said {
            self.helm.run(arguments).unwrap()
        }

        fn done(&self, arguments: &[&str]) -> String {
            let said = self.helm(arguments);
            assert!(said.success, "{arguments:?}: {}", said.stderr);
            said.stdout
        }

        fn refused(&self, arguments: &[&str], messages: &[&str]) {
            let said = self.helm(arguments);
            for message in messages {
                assert!(
                    !said.success && said.stderr.contains(message),
                    "{arguments:?} without `{message}`: {}{}",
                    said.stdout,
                    said.stderr
                );
            }
        }

        fn get(&self, path: &str) -> Option<Value> {
            let reply = self.kube.server(&self.ns, User::Admin).get(path).unwrap();
            match reply.status {
                200 => Some(serde_json::from_slice(&reply.body).unwrap()),
                404 => None,
                status => panic!("GET {path}: {status}: {}", reply.text()),
            }
        }

        fn uid(&self) -> Value {
            self.get(DEPLOYMENT).expect("the Deployment is there")["metadata"]["uid"].clone()
        }

        /// The live objects that were rendered, which must hold everything that was.
        fn like(&self, rendered: &[Value]) -> Vec<Value> {
            let each = rendered.iter().map(|object| {
                let live = self.get(&path(object)).unwrap_or_else(|| panic!("{} is not there", name(object)));
                assert_eq!(missing(object, &live), Vec::<String>::new(), "{}", name(object));
                content(&live)
            });
            each.collect()
        }

        fn gone(&self, rendered: &[Value]) {
            let left: Vec<_> = rendered.iter().filter(|object| self.get(&path(object)).is_some()).map(name).collect();
            assert_eq!(left, Vec::<String>::new());
        }

        /// Everything that Helm made in any namespace, releases included.
        fn everything_of_helm(&self) -> Vec<String> {
            let collections = [
                "api/v1/serviceaccounts",
                "apis/apps/v1/deployments",
                "apis/policy/v1/poddisruptionbudgets",
                "apis/rbac.authorization.k8s.io/v1/clusterroles",
                "apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
                "apis/rbac.authorization.k8s.io/v1/roles",
                "apis/rbac.authorization.k8s.io/v1/rolebindings",
            ];
            let of_helm = collections.map(|collection| format!("/{collection}?labelSelector=app.kubernetes.io%2Fmanaged-by%3DHelm"));
            let lists = of_helm.into_iter().chain(["/api/v1/secrets?labelSelector=owner%3Dhelm".to_owned()]);
            let items = lists.flat_map(|list| self.get(&list).unwrap()["items"].as_array().cloned().unwrap_or_default());
            items.map(|object| name(&object)).collect()
        }
    }

    /// Arguments for the chart with one of the values files.
    fn with(file: &str) -> Vec<String> {
        let values = data(&format!("values/{file}.yaml"));
        // There is no Prometheus Operator here.
        let set = "--set=podMonitor.enabled=false";
        ["gateway", &chart(), "--namespace=network", "--values", &values, set].map(str::to_owned).to_vec()
    }

    fn run(cluster: &Cluster, verb: &[&str], arguments: &[String]) -> String {
        let arguments: Vec<_> = verb.iter().copied().chain(arguments.iter().map(String::as_str)).collect();
        cluster.done(&arguments)
    }

    #[test]
    fn install_upgrade_rollback_and_uninstall_leave_what_is_rendered_and_nothing_else() {
        isolated(|| {
            let cluster = Cluster::start();
            let [small, all, managed] = ["auto-mode", "everything", "managed-node-groups"].map(with);
            let render = |arguments: &[String]| parse(&run(&cluster, &["template"], arguments));
            run(&cluster, &["install", "--create-namespace"], &small);
            let first = cluster.like(&render(&small));
            // Other names for everything.
            run(&cluster, &["upgrade"], &all);
            let second = cluster.like(&render(&all));
            cluster.gone(&first);
            cluster.done(&["rollback", "gateway", "1", "--namespace=network"]);
            assert_eq!(cluster.like(&render(&small)), first);
            cluster.gone(&second);
            // The same names, other content.
            run(&cluster, &["upgrade"], &managed);
            let upgraded = cluster.like(&render(&managed));
            cluster.done(&["uninstall", "gateway", "--namespace=network"]);
            assert_eq!(cluster.everything_of_helm(), Vec::<String>::new());
            run(&cluster, &["install"], &managed);
            assert_eq!(cluster.like(&render(&managed)), upgraded, "an upgrade leaves something else than an install");
            cluster.done(&["uninstall", "gateway", "--namespace=network"]);
            cluster.gone(&upgraded);
            assert_eq!(cluster.everything_of_helm(), Vec::<String>::new());
        });
    }

    #[test]
    fn a_second_gateway_in_the_cluster_is_refused_by_name() {
        isolated(|| {
            let cluster = Cluster::start();
            let (ours, values) = (chart(), data("values/auto-mode.yaml"));
            let install = |chart: &str, release: &str, namespace: &str| {
                let words = ["install", release, chart, "--namespace", namespace, "--create-namespace", "--values", &values];
                words.map(str::to_owned)
            };
            let words = |words: &'_ [String; 8]| -> Vec<String> { words.to_vec() };
            let refused = |release: &str, namespace: &str, messages: &[&str]| {
                let arguments = words(&install(&ours, release, namespace));
                cluster.refused(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), messages);
            };
            run(&cluster, &[], &words(&install(&ours, "gateway", "network")));
            refused("gateway", "network", &["cannot re-use a name"]);
            let there = "release gateway in namespace network is a gateway already (Deployment gateway-hybridge-gateway)";
            refused("second", "network", &[there, "helm uninstall gateway -n network"]);
            refused("gateway", "elsewhere", &[there]);
            refused(THEIRS, THEIRS, &[there]);
            // The release itself may be upgraded, and who asks for two gets two.
            cluster.done(&["upgrade", "gateway", &ours, "--namespace=network", "--reuse-values", "--set=replicas=3"]);
            let two = words(&install(&ours, "second", "elsewhere"));
            run(&cluster, &[], &[two, vec!["--set=checkOtherInstallations=false".into()]].concat());
            cluster.done(&["uninstall", "second", "--namespace=elsewhere"]);
            // Whatever it is named.
            cluster.done(&["upgrade", "gateway", &ours, "--namespace=network", "--reuse-values", "--set=nameOverride=site"]);
            refused("second", "elsewhere", &["release gateway in namespace network is a gateway already (Deployment gateway-site)"]);
            cluster.done(&["uninstall", "gateway", "--namespace=network"]);
            // The other make.
            run(&cluster, &[], &words(&install(&data(THEIRS), THEIRS, THEIRS)));
            let there = format!("release {THEIRS} in namespace {THEIRS} is a gateway already (Deployment {THEIRS})");
            refused("gateway", "network", &[&there]);
        });
    }

    #[test]
    fn a_release_of_the_aws_gateways_chart_is_upgraded_in_place_and_back() {
        isolated(|| {
            let cluster = Cluster::start();
            let (theirs, ours, values) = (data(THEIRS), chart(), data("values/auto-mode.yaml"));
            let namespace = format!("--namespace={THEIRS}");
            cluster.done(&["install", THEIRS, &theirs, &namespace, "--create-namespace", "--values", &values]);
            let uid = cluster.uid();
            let upgrade = |more: &[&str]| cluster.done(&[&["upgrade", THEIRS, &ours, &namespace], more].concat());
            let live = || {
                assert_eq!(cluster.uid(), uid, "the Deployment was made anew");
                content(&cluster.get(DEPLOYMENT).unwrap())
            };
            cluster.refused(
                &["upgrade", THEIRS, &ours, &namespace, "--reuse-values"],
                &["image.repository: public.ecr.aws/eks/eks-hybrid-nodes-gateway is the AWS gateway's image", "--reset-then-reuse-values"],
            );
            upgrade(&["--reset-then-reuse-values"]);
            let upgraded = live();
            let container = &upgraded["spec"]["template"]["spec"]["containers"][0];
            let image = format!("ghcr.io/hybridge/hybridge-gateway:{}", env!("CARGO_PKG_VERSION"));
            assert_eq!(container["image"], image);
            cluster.done(&["rollback", THEIRS, "1", &namespace]);
            let image = &live()["spec"]["template"]["spec"]["containers"][0]["image"];
            assert_eq!(*image, "public.ecr.aws/eks/eks-hybrid-nodes-gateway:0.1.0");
            // None of the values that are new here exists in that release.
            upgrade(&["--reuse-values", "--set=image.repository=ghcr.io/hybridge/hybridge-gateway"]);
            let mut reused = live();
            let mut expected = upgraded.clone();
            for object in [&mut reused, &mut expected] {
                object["metadata"]["annotations"]["deployment.kubernetes.io/revision"].take();
            }
            assert_eq!(reused, expected);
        });
    }

    #[test]
    fn a_release_of_the_aws_gateways_chart_under_another_name_needs_the_names_that_the_refusal_tells() {
        isolated(|| {
            let cluster = Cluster::start();
            let (theirs, ours, values) = (data(THEIRS), chart(), data("values/auto-mode.yaml"));
            cluster.done(&["install", "gw", &theirs, "--values", &values]);
            let deployment = "/apis/apps/v1/namespaces/default/deployments/gw";
            let uid = cluster.get(deployment).unwrap()["metadata"]["uid"].clone();
            let upgrade = ["upgrade", "gw", &ours, "--reset-then-reuse-values", "--set=fullnameOverride=gw"];
            cluster.refused(
                &upgrade,
                &["Deployment gw selects pods named eks-hybrid-nodes-gateway", "; set nameOverride=eks-hybrid-nodes-gateway"],
            );
            cluster.done(&[&upgrade[..], &["--set=nameOverride=eks-hybrid-nodes-gateway"]].concat());
            assert_eq!(cluster.get(deployment).unwrap()["metadata"]["uid"], uid);
        });
    }

    #[test]
    fn the_notes_say_what_to_check_and_warn_of_what_is_missing() {
        isolated(|| {
            let mut cluster = Cluster::start();
            let one = with("one-replica");
            let notes = run(&cluster, &["install", "--create-namespace"], &one);
            assert!(notes.contains(NO_VTEP) && notes.contains("WARNING: replicas is 1."), "{notes}");
            cluster.kube.install_crd(VtepCrd::LongestPrefix.yaml().unwrap()).unwrap();
            for file in ["auto-mode", "managed-node-groups"] {
                let notes = run(&cluster, &["upgrade"], &with(file));
                assert!(!notes.contains("WARNING"), "{notes}");
                let mut settings = insta::Settings::clone_current();
                settings.set_snapshot_path("snapshots");
                settings.set_prepend_module_to_snapshot(false);
                settings.set_omit_expression(true);
                let text = notes.split_once("NOTES:\n").unwrap().1.replace(env!("CARGO_PKG_VERSION"), "VERSION");
                settings.bind(|| insta::assert_snapshot!(format!("notes-{file}"), text));
            }
            // What is different for whom.
            let said = |set: &str| run(&cluster, &["upgrade"], &[with("managed-node-groups"), vec![format!("--set={set}")]].concat());
            let check = "exec -n network deploy/gateway-hybridge-gateway -- hybridge-gateway --check";
            for (set, line) in [
                ("adoptRoutes=true", format!("  kubectl {check} --adopt-routes")),
                ("nameOverride=site", "  hybridge gateway status -n network -l app.kubernetes.io/name=site".to_owned()),
                ("nameOverride=eks-hybrid-nodes-gateway", "  hybridge gateway status -n network".to_owned()),
                (
                    "admin.address=127.0.0.1",
                    "admin.address is 127.0.0.1: `hybridge gateway status` reaches no gateway there and tells only what the cluster says."
                        .to_owned(),
                ),
                ("replicas=0", "1. Nodes. At least 2, in different zones, labelled and tainted:".to_owned()),
            ] {
                let notes = said(set);
                assert!(notes.lines().any(|told| told == line), "{set} without `{line}`: {notes}");
            }
        });
    }

    /// `helm` commands of the page, in their order.
    fn documented() -> Vec<Vec<String>> {
        let page = include_str!("../../docs/gateway.md").replace("\\\n", " ");
        let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect::<Vec<_>>();
        let lines = blocks.iter().flat_map(|block| block.lines()).filter_map(|line| line.strip_prefix("helm "));
        let word = |word: &str| word.replace('\'', "").replace("./charts/hybridge-gateway", &chart());
        lines.map(|line| line.split_whitespace().map(word).collect()).collect()
    }

    #[test]
    fn every_helm_command_of_the_page_works_as_it_stands_there() {
        isolated(|| {
            let cluster = Cluster::start();
            let commands = documented();
            assert!(commands.len() >= 6, "{commands:?}");
            let space = |release: &str| format!("--namespace={release}");
            let mut there: Option<String> = None;
            for command in &commands {
                let (verb, release) = (command[0].as_str(), command[1].clone());
                // What the page says before it: nothing is installed yet, or just this release is.
                let wanted = (verb != "install").then(|| release.clone());
                if there != wanted {
                    if let Some(other) = there.take() {
                        cluster.done(&["uninstall", &other, &space(&other)]);
                    }
                    match wanted.as_deref() {
                        Some(THEIRS) => {
                            let (chart, values) = (data(THEIRS), data("values/auto-mode.yaml"));
                            cluster.done(&["install", THEIRS, &chart, &space(THEIRS), "--create-namespace", "--values", &values]);
                        }
                        Some(_) => drop(run(&cluster, &[], &commands[0])),
                        None => {}
                    }
                }
                run(&cluster, &[], command);
                there = (verb != "uninstall").then_some(release);
            }
        });
    }
}

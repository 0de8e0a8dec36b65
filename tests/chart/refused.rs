//! What the chart refuses, in which words, and what it does not refuse.

/// Tests that need what `cargo xtask real` makes.
mod with_real_parts {
    use crate::{GOOD, template};

    fn refused(cases: &[(&str, &str)]) {
        for (wrong, message) in cases {
            let said = template("gateway", &[&GOOD[..], &[wrong]].concat());
            assert!(!said.success && said.stderr.contains(message), "{wrong} gave\n{}{}", said.stdout, said.stderr);
        }
    }

    #[test]
    fn values_that_the_schema_does_not_know_are_refused_with_their_place() {
        refused(&[
            ("--set=vpcCidr=10.0.0.0/16", "additional properties 'vpcCidr' not allowed"),
            ("--set=image.name=gateway", "at '/image': additional properties 'name' not allowed"),
            ("--set=replicas=two", "at '/replicas': got string, want integer"),
            ("--set=autoMode=true", "at '/autoMode': got boolean, want object"),
            ("--set-string=autoMode.enabled=true", "at '/autoMode/enabled': got string, want boolean"),
            ("--set=vpcCIDR=10", "at '/vpcCIDR': got number, want string"),
            ("--set=image.pullPolicy=Sometimes", "at '/image/pullPolicy': value must be one of 'Always', 'IfNotPresent', 'Never'"),
            ("--set=image.digest=sha256:abc", "at '/image/digest': 'sha256:abc' does not match pattern '^(sha256:[0-9a-f]{64})?$'"),
            ("--set=massDeleteHold=soon", "at '/massDeleteHold': 'soon' does not match pattern"),
            ("--set=leaderElection.leaseDuration=3", "at '/leaderElection/leaseDuration': got number, want string"),
            ("--set=leaderElection.id=Leader", "at '/leaderElection/id': 'Leader' does not match pattern"),
            ("--set=admin.address=fd00::1", "at '/admin/address': 'fd00::1' does not match pattern"),
            ("--set=admin.healthPort=0", "at '/admin/healthPort': minimum: got 0, want 1"),
            ("--set=log.format=xml", "at '/log/format': value must be one of 'json', 'text'"),
            ("--set=aws.region=Frankfurt", "at '/aws/region': 'Frankfurt' does not match pattern"),
            ("--kube-version=1.26.9", "chart requires kubeVersion: >=1.27.0-0 which is incompatible with Kubernetes v1.26.9"),
            ("--set=admin.address=10.0.0.1", "at '/admin/address': '10.0.0.1' does not match pattern"),
            ("--set=admin.address=127.0.0.256", "at '/admin/address': '127.0.0.256' does not match pattern"),
            ("--set=serviceAccount.automount=false", "at '/serviceAccount': additional properties 'automount' not allowed"),
            ("--set=nodeLabel=a..b/gateway", "at '/nodeLabel': 'a..b/gateway' does not match pattern"),
            ("--set=leaderElection.id=a..b", "at '/leaderElection/id': 'a..b' does not match pattern"),
            ("--set=leaderElection.id=a.-b", "at '/leaderElection/id': 'a.-b' does not match pattern"),
            ("--set=serviceAccount.name=a..b", "at '/serviceAccount/name': 'a..b' does not match pattern"),
            ("--set=priorityClassName=a..b", "at '/priorityClassName': 'a..b' does not match pattern"),
            ("--set=imagePullSecrets[0].name=a..b", "at '/imagePullSecrets/0/name': 'a..b' does not match pattern"),
            ("--set=aws.caBundle.configMap=a..b", "at '/aws/caBundle/configMap': 'a..b' does not match pattern"),
            ("--set=aws.caBundle.key=..", "at '/aws/caBundle/key': '..' does not match pattern"),
            ("--set=image.repository=ghcr.io/gateway:1.0", "at '/image/repository': 'ghcr.io/gateway:1.0' does not match pattern"),
            ("--set=image.repository=registry:5000/gateway:1", "at '/image/repository': 'registry:5000/gateway:1' does not match pattern"),
            ("--set=image.repository=gateway@sha256:0a", "at '/image/repository': 'gateway@sha256:0a' does not match pattern"),
            ("--set=image.repository=https://ghcr.io/gateway", "at '/image/repository': 'https://ghcr.io/gateway' does not match pattern"),
            ("--set=image.repository=", "at '/image/repository': '' does not match pattern"),
            ("--set=tolerations[0].name=a", "at '/tolerations/0': additional properties 'name' not allowed"),
            ("--set=tolerations[0].effect=NoRun", "at '/tolerations/0/effect': value must be one of"),
            ("--set=podDisruptionBudget.maxUnavailable=-1", "at '/podDisruptionBudget/maxUnavailable'"),
        ]);
    }

    #[test]
    fn values_that_are_wrong_are_refused_with_their_key_and_the_way_out() {
        let host_bits = "vpcCIDR: 10.0.0.5/16 has host bits set; write 10.0.0.0/16";
        refused(&[
            ("--set=vpcCIDR=", "vpcCIDR is required: the networks of the cluster's VPC, for example 10.0.0.0/16"),
            ("--set=podCIDRs={}", "podCIDRs is required: the networks of hybrid pods, for example 10.250.0.0/16"),
            ("--set=routeTableIDs=", "routeTableIDs is required: every route table of subnets that hybrid pods are reached from"),
            ("--set=routeTableIDs=rtb-xxx", "routeTableIDs: rtb-xxx is no route table; write it like rtb-0123456789abcdef0"),
            ("--set=vpcCIDR=10.0.0.5/16", host_bits),
            (r"--set=vpcCIDR=10.0.0.5/16\, 10.2.0.0/16", host_bits),
            ("--set=podCIDRs={255.255.255.255/31}", "podCIDRs: 255.255.255.255/31 has host bits set; write 255.255.255.254/31"),
            ("--set=podCIDRs=192.0.2.1/0", "podCIDRs: 192.0.2.1/0 has host bits set; write 0.0.0.0/0"),
            ("--set=podCIDRs=fd00::/64", "podCIDRs: fd00::/64 is IPv6; only IPv4 goes through the tunnel, so give the IPv4 network"),
            ("--set=podCIDRs=10.250.0.0", "podCIDRs: 10.250.0.0 has no prefix length; write 10.250.0.0/32 for this one address"),
            ("--set=podCIDRs=10.250.0.256/16", "podCIDRs: 10.250.0.256/16 is no network; write it like 10.0.0.0/16, several as a list"),
            ("--set=podCIDRs=10.0.255.0/24", "podCIDRs: 10.0.255.0/24 overlaps 10.0.0.0/16 of vpcCIDR; hybrid pods need networks outside"),
            ("--set=podCIDRs={10.250.0.0/16,10.250.9.0/24}", "podCIDRs: 10.250.9.0/24 overlaps 10.250.0.0/16 of podCIDRs; leave one out"),
            ("--set=vpcCIDR=10.0.0.0/16;10.1.0.0/16", "vpcCIDR: 10.0.0.0/16;10.1.0.0/16 is no network; write it like 10.0.0.0/16, several"),
            ("--set=podCIDRs=127.1.0.0/16", "podCIDRs: 127.1.0.0/16 is loopback (127.0.0.0/8)"),
            ("--set=vpcCIDR=127.255.255.255/32", "vpcCIDR: 127.255.255.255/32 is loopback (127.0.0.0/8)"),
            (
                "--set=podCIDRs=169.254.0.0/16",
                "podCIDRs: 169.254.0.0/16 is link-local (169.254.0.0/16), which no router forwards to; give the",
            ),
            (
                "--set=vpcCIDR=224.0.0.0/4",
                "vpcCIDR: 224.0.0.0/4 is multicast (224.0.0.0/4), of which no pod or node has an address; give the",
            ),
            ("--set=podCIDRs=239.255.255.0/24", "podCIDRs: 239.255.255.0/24 is multicast (224.0.0.0/4)"),
        ]);
    }

    #[test]
    fn values_that_make_no_working_pod_are_refused_with_their_key_and_the_way_out() {
        let aws = "image.repository=public.ecr.aws/eks/eks-hybrid-nodes-gateway";
        let ca = "--set=aws.caBundle.configMap=ca,extraEnv[0].name=AWS_CA_BUNDLE";
        let nonroot = "securityContext: runAsNonRoot does not go with runAsUser 0, so the kubelet would start no gateway; leave";
        let (none, all) =
            ("lets no node be drained; write 1", "lets all gateways go at once; write 1, or podDisruptionBudget.enabled=false");
        refused(&[
            (&format!("--set={aws}"), "--reset-then-reuse-values instead of --reuse-values, or set image.repository"),
            ("--set=leaderElection.renewDeadline=3000ms", "out of order; write leaseDuration > renewDeadline > retryPeriod > 0"),
            ("--set=admin.metricsPort=8088", "admin.healthPort and admin.metricsPort are both 8088; give each a port of its own"),
            (
                "--set=podMonitor.enabled=true,admin.address=127.0.0.1",
                "Prometheus does not reach admin.address 127.0.0.1; set admin.address",
            ),
            ("--set=mtu=9000000", "mtu: 9000000 is not between 576 and 9951; write the smallest MTU"),
            ("--set=extraEnv[0].name=NODE_IP", "extraEnv: NODE_IP is set by the chart; leave it out"),
            (r"--set=podLabels.app\.kubernetes\.io/name=gateway", "podLabels: app.kubernetes.io/name is set by the chart; leave it out"),
            ("--set=extraEnv[0].name=POD_CIDRS", "extraEnv: POD_CIDRS is set by the chart; leave it out and set podCIDRs"),
            (
                "--set=extraEnv[0].name=LEADER_ELECTION_ID",
                "extraEnv: LEADER_ELECTION_ID is set by the chart; leave it out and set leaderEl",
            ),
            ("--set=extraEnv[0].name=MTU", "extraEnv: MTU is set by the chart; leave it out and set mtu"),
            ("--set=extraEnv[0].name=LOG_FORMAT", "extraEnv: LOG_FORMAT is set by the chart; leave it out and set log.format"),
            ("--set=extraEnv[0].name=DEBUG", "extraEnv: DEBUG is set by the chart; leave it out and set debug"),
            (
                "--set=aws.region=eu-west-1,extraEnv[0].name=AWS_REGION",
                "extraEnv: AWS_REGION is set by the chart; leave it out and set aws.region",
            ),
            (ca, "extraEnv: AWS_CA_BUNDLE is set by the chart; leave it out and set aws.caBundle"),
            ("--set=securityContext.runAsNonRoot=true", nonroot),
            ("--set=podDisruptionBudget.maxUnavailable=0", &format!("podDisruptionBudget.maxUnavailable: 0 {none}")),
            ("--set=podDisruptionBudget.maxUnavailable=0%", &format!("podDisruptionBudget.maxUnavailable: 0% {none}")),
            ("--set=podDisruptionBudget.maxUnavailable=2", &format!("podDisruptionBudget.maxUnavailable: 2 of 2 {all}")),
            ("--set=podDisruptionBudget.maxUnavailable=100%", &format!("podDisruptionBudget.maxUnavailable: 100% of 2 {all}")),
            ("--set=podDisruptionBudget.maxUnavailable=51%", &format!("podDisruptionBudget.maxUnavailable: 51% of 2 {all}")),
            ("--set=podDisruptionBudget.maxUnavailable=67%,replicas=3", &format!("podDisruptionBudget.maxUnavailable: 67% of 3 {all}")),
        ]);
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let wrong = ["--set=vpcCIDR=10.0.0.5/16", "--set=podCIDRs=fd00::/8", "--set=routeTableIDs=", "--set=mtu=1"];
        let said = template("gateway", &wrong);
        let told: Vec<_> = said.stderr.lines().filter_map(|line| line.strip_prefix("- ")?.split([':', ' ']).next()).collect();
        assert_eq!(told, ["vpcCIDR", "podCIDRs", "routeTableIDs", "mtu"], "{}", said.stderr);
        let said = template("gateway", &["--set=replicas=two,colour=blue,log.format=xml"]);
        for key in ["colour", "/replicas", "/log/format"] {
            assert!(said.stderr.contains(key), "{key} is not told: {}", said.stderr);
        }
    }

    #[test]
    fn what_looks_wrong_and_is_not_is_taken() {
        for good in [
            r"--set=podCIDRs=10.250.0.0/16\,10.251.0.0/16",
            r"--set=podCIDRs=10.250.0.0/16\, 10.250.0.0/16\,",
            "--set=podCIDRs={9.255.255.255/32}",
            "--set=global.region=eu",
            "--kube-version=v1.33.5-eks-113cf36",
            "--set=podCIDRs={126.0.0.0/8,128.0.0.0/8,223.0.0.0/8,169.253.0.0/16}",
            "--set=admin.address=0.0.0.0",
            "--set=admin.address=127.255.1.2",
            "--set=image.repository=registry.example.com:5000/team/gateway",
            "--set=image.repository=gateway",
            "--set=nodeLabel=sub.example.com/Gateway_1",
            "--set=leaderElection.id=a.b-c",
            "--set=tolerations[0].key=a,tolerations[0].operator=Exists,tolerations[0].effect=NoExecute,tolerations[0].tolerationSeconds=9",
            "--set=extraEnv[0].name=AWS_REGION,extraEnv[1].name=AWS_CA_BUNDLE",
            "--set=securityContext.runAsNonRoot=true,securityContext.runAsUser=1000",
            // There is nothing to refuse where none is made.
            "--set=podDisruptionBudget.maxUnavailable=2,podDisruptionBudget.enabled=false",
            "--set=replicas=1",
            "--set=replicas=0",
            "--set=podDisruptionBudget.maxUnavailable=50%",
            "--set=podDisruptionBudget.maxUnavailable=66%,replicas=3",
        ] {
            let said = template("gateway", &[&GOOD[..], &[good]].concat());
            assert!(said.success, "{good}: {}", said.stderr);
        }
    }
}

//! Every problem by its code and place, one document each.

use super::super::*;
use super::{codes, languages};

/// (what it is about, the document below `spec:` or whole, code with line and column)
type Case = (&'static str, &'static str, &'static [&'static str]);

const HEAD: &str = "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n";

/// Below `spec:`, which is in line 3; told by content.
const SPECS: &[Case] = &[
    ("unknown key", "  cluster:\n    nmae: x\n", &["key.unknown 5:5"]),
    ("key of another place", "  flags: []\n", &["key.unknown 4:3"]),
    ("wrong case", "  cluster:\n    apiserverEndpoint: https://x\n", &["key.case 5:5"]),
    ("dashes for capitals", "  cluster:\n    api-server-endpoint: https://x\n", &["key.case 5:5"]),
    ("key of hybrid nodes", "  cluster: {name: x}\n  kubelet: {}\n  hybird: {}\n", &["key.unknown 6:3"]),
    ("key of EC2 nodes", "  cluster: {region: us-west-2}\n  featureGates: {}\n", &["key.other-shape 5:3"]),
    ("coming", "  instance:\n    storage:\n      volumes: []\n", &["key.coming 5:5"]),
    ("key twice", "  cluster:\n    name: a\n    id: b\n    name: c\n", &["yaml.duplicate-key 7:5"]),
    ("key twice in a free form", "  kubelet:\n    config:\n      a: {b: 1, b: 2}\n", &["yaml.duplicate-key 6:17"]),
    ("old boolean in a free form", "  kubelet:\n    config:\n      a: yes\n      b: 'yes'\n", &["yaml.boolean 6:10"]),
    ("old boolean in a field", "  cluster:\n    enableOutpost: on\n", &["yaml.boolean 5:20"]),
    ("old boolean as a key", "  kubelet:\n    config:\n      y: 1\n", &["yaml.boolean-key 6:7"]),
    ("old boolean as a variable", "  instance:\n    environment:\n      default:\n        N: x\n", &["yaml.boolean-key 7:9"]),
    ("text for a mapping", "  cluster: x\n", &["type.wrong 4:12"]),
    ("list for a mapping", "  kubelet:\n    config: []\n", &["type.wrong 5:13"]),
    ("mapping for a text", "  cluster:\n    name: {}\n", &["type.wrong 5:11"]),
    ("text for a list", "  kubelet:\n    flags: --v=5\n", &["type.wrong 5:12"]),
    ("text for a boolean", "  cluster:\n    enableOutpost: 'true'\n", &["type.wrong 5:20"]),
    ("tag", "  cluster:\n    name: !x y\n", &["yaml.tag 5:14"]),
    ("no mapping merged", "  cluster:\n    <<: x\n", &["yaml.key 5:9"]),
    ("list as a key", "  cluster:\n    [a]: x\n", &["yaml.key 5:5"]),
    ("alias of itself", "  cluster: &a\n    name: *a\n", &["yaml.alias 5:11"]),
    ("no YAML", "  cluster:\n    name: 'x\n", &["yaml.syntax 6:1"]),
    ("two documents", "  cluster: {name: x}\n---\nkind: NodeConfig\n", &["yaml.second-document 5:1"]),
    ("strategy", "  instance: {localStorage: {strategy: raid0}}\n", &["value.choice 4:39"]),
    ("disabled mount", "  instance:\n    localStorage:\n      disabledMounts: [Containerd, Pods]\n", &["value.choice 6:36"]),
    ("feature gate", "  featureGates: {InstanceIDNodeNames: true}\n", &["gate.unknown 4:18"]),
    ("host bits", "  cluster: {cidr: 10.100.0.1/16}\n", &["cidr.host-bits 4:19"]),
    ("no range", "  cluster: {cidr: 10.100.0.0}\n", &["cidr.invalid 4:19"]),
    ("range without a tenth address", "  cluster: {cidr: 10.100.0.0/29}\n", &["cidr.range 4:19"]),
    ("range not of EKS", "  cluster: {cidr: 8.8.0.0/16}\n", &["cidr.range 4:19"]),
    ("no scheme", "  cluster: {apiServerEndpoint: example.com}\n", &["url.scheme 4:32"]),
    ("another scheme", "  cluster: {apiServerEndpoint: 'ftp://example.com'}\n", &["url.scheme 4:32"]),
    ("not encrypted", "  cluster: {apiServerEndpoint: 'http://example.com'}\n", &["url.scheme 4:32"]),
    ("no host", "  cluster: {apiServerEndpoint: 'https://:443'}\n", &["url.host 4:32"]),
    ("port out of range", "  cluster: {apiServerEndpoint: 'https://x:65536'}\n", &["url.host 4:32"]),
    ("credentials", "  cluster: {apiServerEndpoint: 'https://me:pw@x'}\n", &["url.credentials 4:32"]),
    ("not base64", "  cluster: {certificateAuthority: 'a*b'}\n", &["ca.base64 4:35"]),
    ("not PEM", "  cluster: {certificateAuthority: Y2VydGlmaWNhdGVBdXRob3JpdHk=}\n", &["ca.not-pem 4:35"]),
    (
        "no X.509",
        "  cluster: {certificateAuthority: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCmFHVnNiRzg9Ci0tLS0tRU5EIENFUlRJRklDQVRFLS0tLS0K}\n",
        &["ca.certificate 4:35"],
    ),
    ("zone", "  cluster: {region: us-west-2a}\n", &["region.invalid 4:21"]),
    ("no ARN", "  hybrid: {iamRolesAnywhere: {roleArn: x}}\n", &["arn.invalid 4:40"]),
    ("user for a role", "  hybrid: {iamRolesAnywhere: {roleArn: 'arn:aws:iam::123456789012:user/x'}}\n", &["arn.service 4:40"]),
    (
        "instance profile",
        "  hybrid: {iamRolesAnywhere: {profileArn: 'arn:aws:iam::123456789012:instance-profile/x'}}\n",
        &["arn.service 4:43"],
    ),
    (
        "short account",
        "  hybrid: {iamRolesAnywhere: {trustAnchorArn: 'arn:aws:rolesanywhere:us-west-2:1:trust-anchor/x'}}\n",
        &["arn.invalid 4:47"],
    ),
    (
        "node name too long",
        "  hybrid: {iamRolesAnywhere: {nodeName: 0123456789012345678901234567890123456789012345678901234567890123x}}\n",
        &["node-name.length 4:41"],
    ),
    ("node name in capitals", "  hybrid: {iamRolesAnywhere: {nodeName: Node_1}}\n", &["node-name.form 4:41"]),
    ("activation code", "  hybrid: {ssm: {activationCode: short}}\n", &["ssm.activation-code 4:34"]),
    ("activation id", "  hybrid: {ssm: {activationId: 57BE8CCE-1137-32d4-ce32-ba044ea5df48}}\n", &["ssm.activation-id 4:32"]),
    ("relative path", "  hybrid: {iamRolesAnywhere: {certificatePath: server.pem}}\n", &["path.absolute 4:48"]),
    ("relative mount", "  instance: {localStorage: {mountPath: mnt}}\n", &["path.absolute 4:40"]),
    ("no flag", "  kubelet:\n    flags:\n    - v=5\n", &["flag.form 6:7"]),
    ("flag with spaces", "  kubelet:\n    flags:\n    - --node-labels=a=b, c=d\n", &["flag.space 6:7"]),
    ("flag and value", "  kubelet:\n    flags:\n    - --v 5\n", &["flag.space 6:7"]),
    ("name by flag", "  hybrid:\n  kubelet:\n    flags:\n    - --hostname-override=x\n", &["flag.hostname-override 7:7"]),
    ("expression", "  kubelet:\n    maxPodsExpression: nonsense + 1\n", &["cel.invalid 5:24"]),
    ("TOML", "  containerd:\n    config: |\n      version = 2\n\n      [grpc\n", &["toml.syntax 8:12"]),
    ("TOML in one line", "  containerd:\n    config: 'version = '\n", &["toml.syntax 5:13"]),
    ("name server", "  instance: {network: {nameservers: [1.1.1.1, dns.example.com]}}\n", &["nameserver.address 4:47"]),
    ("search domain", "  instance: {network: {domains: ['a b']}}\n", &["domain.invalid 4:34"]),
    ("service out of its directory", "  instance: {environment: {../x: {A: b}}}\n", &["environment.service 4:28"]),
    ("service with its suffix", "  instance: {environment: {kubelet.service: {A: b}}}\n", &["environment.service 4:28"]),
    ("variable", "  instance: {environment: {default: {A-B: b}}}\n", &["environment.variable 4:38"]),
    ("value", "  instance: {environment: {default: {A: \"a\\x07\"}}}\n", &["environment.value 4:41"]),
];

/// Whole sources.
const WHOLE: &[Case] = &[
    ("apiVersion", "apiVersion: v1\nkind: NodeConfig\n", &["document.api-version 1:13"]),
    ("kind", "apiVersion: node.eks.aws/v1alpha1\nkind: Node\n", &["document.kind 2:7"]),
    ("no kind", "apiVersion: node.eks.aws/v1alpha1\nspec: {}\n", &["document.kind 1:1"]),
    ("neither", "spec: {}\n", &["document.api-version 1:1", "document.kind 1:1"]),
    ("key at the top", "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspecs: {}\n", &["key.unknown 3:1"]),
    ("text", "hello\n", &["document.mapping 1:1"]),
    ("comment", "# hello\n", &["document.empty 0:0"]),
    ("nothing", " \n", &["userdata.empty 0:0"]),
    ("script", "#!/bin/bash\n", &["userdata.script 1:0"]),
    ("cloud-config", "#cloud-config\npackages: []\n", &["userdata.cloud-init 1:0"]),
    ("bootstrap.sh", "#!/bin/bash\nset -e\n/etc/eks/bootstrap.sh x\n", &["userdata.legacy 3:0"]),
    ("multipart for others", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n--b--\n", &["userdata.no-part 0:0"]),
    ("multipart cut off", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n", &["userdata.multipart 5:0"]),
    ("binary", "a\0b", &["userdata.not-text 0:0"]),
];

#[test]
fn every_problem_is_told_with_its_place() {
    let mut wrong = Vec::new();
    let mut check = |(name, text, wanted): &Case, head: &str| {
        let parsed = parse("f", format!("{head}{text}").as_bytes(), None, languages());
        if codes(&parsed) != *wanted {
            wrong.push(format!("{name}: {:?}, not {wanted:?}: {:?}", codes(&parsed), parsed.problems));
        }
        let error = parsed.problems.iter().any(|problem| problem.severity == hybridge_report::Severity::Error);
        assert_eq!(parsed.config.is_none(), error, "{name}");
    };
    SPECS.iter().for_each(|case| check(case, HEAD));
    WHOLE.iter().for_each(|case| check(case, ""));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_only_bytes_can_be_is_told() {
    let part = |encoding: &str| {
        format!(
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: application/node.eks.aws\nContent-Transfer-Encoding: {encoding}\n\n=x*\n--b--\n"
        )
    };
    let nested: String = (0..8).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n")).collect();
    let ends: String = (0..8).rev().map(|n| format!("\n--b{n}--\n")).collect();
    for (bytes, code) in [
        (vec![0x1f, 0x8b, 8, 0], "userdata.gzip"),
        (vec![b'a', 0xff], "userdata.not-text"),
        (vec![b' '; crate::userdata::MAX_BYTES + 1], "userdata.too-large"),
        (part("base64").into_bytes(), "userdata.transfer-encoding"),
        (part("quoted-printable").into_bytes(), "userdata.transfer-encoding"),
        (format!("{nested}{ends}").into_bytes(), "userdata.multipart-depth"),
        (format!("{HEAD}  kubelet: {{config: {{a: {}{}}}}}", "[".repeat(120), "]".repeat(120)).into_bytes(), "yaml.too-large"),
        (format!("{HEAD}  kubelet: {{config: {{a: [{}]}}}}", "1,".repeat(30_000)).into_bytes(), "yaml.too-large"),
        (format!("{HEAD}# {}", "x".repeat(1 << 20)).into_bytes(), "document.too-large"),
        ((0..1001).map(|n| format!("{HEAD}# http://me:{n}@x\n")).collect::<String>().into_bytes(), "document.too-large"),
        (format!("{}{}", part("7bit"), "").replace("=x*", &"\n--b\n".repeat(1001)).into_bytes(), "userdata.multipart"),
        (format!("{HEAD}  kubelet: {{config: {}}}", laughs()).into_bytes(), "yaml.too-large"),
    ] {
        let parsed = parse("f", &bytes, None, languages());
        assert_eq!(parsed.problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), [code]);
    }
}

/// Billion laughs.
fn laughs() -> String {
    let levels = (1..30).map(|n| format!("a{n}: &a{n} [*a{m}, *a{m}, *a{m}, *a{m}]", m = n - 1));
    format!("{{a0: &a0 [lol, lol], {}}}", levels.collect::<Vec<_>>().join(", "))
}

#[test]
fn a_shape_that_was_asked_for_is_held_against_the_document() {
    let hybrid = format!("{HEAD}  hybrid: {{}}\n  cluster: {{region: us-west-2}}\n");
    let parsed = parse("f", hybrid.as_bytes(), Some(Shape::Ec2), languages());
    assert_eq!(codes(&parsed), ["key.other-shape 4:3", "key.other-shape 5:13"]);
    assert_eq!(tell_shape("f", hybrid.as_bytes()), Some(Shape::Hybrid));
    assert_eq!(tell_shape("f", HEAD.as_bytes()), None);
}

#[test]
fn a_long_list_ends_with_how_many_more_there_are() {
    let keys: String = (0..500).map(|n| format!("  key{n}: 1\n")).collect();
    let parsed = parse("f", format!("{HEAD}{keys}").as_bytes(), None, languages());
    assert_eq!(parsed.problems.len(), 101);
    assert!(parsed.problems[100].what.contains("400 more"), "{:?}", parsed.problems[100]);
}

#[test]
fn a_bad_document_is_told_whole() {
    let text = "\
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster:
    name: my-cluster
    name: other
    apiserverEndpoint: https://example.com
    certificateAuthority: LS0tLS1CRUdJTi
    cidr: 10.100.0.7/16
  instance:
    localStorage:
      strategy: RAID5
    environment:
      ../kubelet:
        HTTPS_PROXY: http://me:hunter2@proxy:8080
  containerd:
    config: |
      version = 2
      [grpc
  kubelet:
    maxPodExpression: max_pods + 1
    config:
      failSwapOn: no
    flags:
    - v=5
    - --node-labels=a=b, c=d
  featureGates:
    FastImagePul: true
  hybrid:
    ssm:
      activationCode: s3cret
";
    let parsed = parse("config.yaml", text.as_bytes(), Some(Shape::Ec2), languages());
    let findings: Vec<String> = parsed.problems.into_iter().map(|problem| hybridge_report::Finding::from(problem).to_string()).collect();
    insta::assert_snapshot!(findings.join("\n"));
}

#[test]
fn problems_are_told_in_json_for_programs() {
    let parsed = parse("f", format!("{HEAD}  cluster: {{cidr: 10.0.0.1/16}}\n").as_bytes(), None, languages());
    assert_eq!(
        serde_json::to_value(&parsed.problems).unwrap(),
        serde_json::json!([{
            "code": "cidr.host-bits", "severity": "error", "file": "f", "line": 4, "column": 19, "text": "10.0.0.1/16",
            "what": "is not a range: bits behind the prefix of 16 are set", "fix": "write 10.0.0.0/16",
        }])
    );
}

#[test]
fn what_is_missing_in_the_whole_is_told_in_upstreams_words() {
    let ssm = "hybrid: {ssm: {activationCode: s3cret-activation-code, activationId: 57be8cce-1137-32d4-ce32-ba044ea5df48}}";
    let cases: &[(&str, &[&str])] = &[
        (
            "{}",
            &[
                "Name is missing in cluster configuration",
                "Apiserver endpoint is missing in cluster configuration",
                "Certificate authority is missing in cluster configuration",
                "CIDR is missing in cluster configuration",
            ],
        ),
        (
            "{cluster: {name: a, apiServerEndpoint: 'https://a', certificateAuthority: Y2VydGlmaWNhdGVBdXRob3JpdHk=, cidr: 10.0.0.0/16, enableOutpost: true}}",
            &["cluster ID must be provided for outposts"],
        ),
        (
            "{hybrid: }",
            &[
                "Name is missing in cluster configuration",
                "Region is missing in cluster configuration",
                "Either IAMRolesAnywhere or SSM must be provided for hybrid node configuration",
            ],
        ),
        (
            "{cluster: {name: a, region: us-west-2}, hybrid: {ssm: {}, iamRolesAnywhere: {}}}",
            &["Only one of IAMRolesAnywhere or SSM must be provided for hybrid node configuration"],
        ),
        (
            "{cluster: {name: a, region: us-west-2}, hybrid: {iamRolesAnywhere: {}}}",
            &[
                "RoleARN is missing in hybrid iam roles anywhere configuration",
                "ProfileARN is missing in hybrid iam roles anywhere configuration",
                "TrustAnchorARN is missing in hybrid iam roles anywhere configuration",
                "NodeName can't be empty in hybrid iam roles anywhere configuration",
            ],
        ),
        (
            "{cluster: {name: a, region: us-west-2}, hybrid: {ssm: {}}}",
            &["ActivationCode is missing in hybrid ssm configuration", "ActivationID is missing in hybrid ssm configuration"],
        ),
        (&format!("{{cluster: {{name: a, region: us-west-2}}, {ssm}}}"), &[]),
    ];
    for (spec, wanted) in cases {
        let text = format!("apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec: {spec}\n");
        let parsed = parse("f", text.as_bytes(), None, languages());
        let missing = check_whole(&parsed.config.unwrap_or_else(|| panic!("{spec}: {:#?}", parsed.problems)));
        assert_eq!(missing.iter().map(|problem| problem.what.as_str()).collect::<Vec<_>>(), *wanted, "{spec}");
    }
}

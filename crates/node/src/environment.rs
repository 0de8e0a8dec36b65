//! Environment variables of the machine's services (`spec.instance.environment`), as systemd reads them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hybridge_report::Finding;

use crate::config::NodeConfig;
use crate::node::Node;
use crate::plan::File;

/// Stands for every service, in the place of a service's name.
pub const DEFAULT: &str = "default";

type Variables = BTreeMap<String, String>;

/// One drop-in for systemd itself (`default`), one for each service named; none where no variable is set.
///
/// A file whose values hold credentials (a proxy's URL with a password) may be read by root only, and is shown nowhere.
pub fn files(node: &Node) -> Vec<File> {
    let mut drop_ins: BTreeMap<String, Variables> = BTreeMap::new();
    for (service, variables) in &node.config.instance.environment {
        drop_ins.entry(path(service)).or_default().extend(variables.clone());
    }
    drop_ins.into_iter().filter(|(_, variables)| !variables.is_empty()).map(|(path, variables)| file(path, &variables)).collect()
}

/// What `default` sets for our own process too, so that calls of AWS go by the same proxy.
pub fn own(config: &NodeConfig) -> Vec<(String, String)> {
    let default = config.instance.environment.get(DEFAULT);
    default.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Names that systemd would refuse or that would lead out of its directory, values that it would drop. Values are not quoted.
pub fn check(environment: &BTreeMap<String, BTreeMap<String, String>>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (service, variables) in environment {
        let place = format!("spec.instance.environment.{service}");
        if !is_service(service) {
            let what = format!("{service:?} is no name of a service");
            let fix = "write a name such as kubelet, or `default` for all services; letters, digits and :_.@- are allowed";
            findings.push(Finding::error("environment.service", &place, what).fix(fix));
        }
        for (key, value) in variables {
            if !is_variable(key) {
                let what = format!("{key:?} is no name of a variable");
                let fix = "write letters, digits and _, not beginning with a digit";
                findings.push(Finding::error("environment.variable", &place, what).fix(fix));
            }
            // env_value_is_valid of systemd.
            if value.contains(|c: char| c.is_ascii_control() && c != '\t' && c != '\n') {
                let what = format!("the value of {key} has a control character in it, and systemd would not set it");
                findings.push(Finding::error("environment.value", &place, what).fix("take it out; tabs and newlines are allowed"));
            }
        }
    }
    findings
}

fn path(service: &str) -> String {
    match service {
        DEFAULT => "/etc/systemd/system.conf.d/environment.conf".to_owned(),
        // The unit's own name is understood too.
        service => format!("/etc/systemd/system/{}.service.d/environment.conf", service.strip_suffix(".service").unwrap_or(service)),
    }
}

fn file(path: String, variables: &Variables) -> File {
    let system = path.starts_with("/etc/systemd/system.conf.d/");
    let (section, directive) = if system { ("Manager", "DefaultEnvironment") } else { ("Service", "Environment") };
    let mut content = format!("[{section}]\n");
    for (key, value) in variables {
        let _ = writeln!(content, "{directive}=\"{key}={}\"", escape(value));
    }
    let secret = variables.values().any(|value| has_credentials(value));
    let file = File::new(path, content);
    if secret { File { mode: 0o600, secret, ..file } } else { file }
}

fn is_service(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ":_.@-".contains(c);
    // A unit's name has at most 255 characters, `.service` included.
    (1..=247).contains(&name.len()) && !name.starts_with('.') && name.chars().all(allowed)
}

fn is_variable(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(allowed)
}

/// As Go's `strconv.Quote` without its quotes, which systemd's unquoting understands; and `%`, which would be a specifier, doubled.
fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '"' | '\\' => escaped.extend(['\\', c]),
            '%' => escaped.push_str("%%"),
            '\u{7}' => escaped.push_str("\\a"),
            '\u{8}' => escaped.push_str("\\b"),
            '\u{c}' => escaped.push_str("\\f"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\u{b}' => escaped.push_str("\\v"),
            c if c.is_ascii_control() => {
                let _ = write!(escaped, "\\x{:02x}", u32::from(c));
            }
            c if !is_printable(c) => {
                let (code, width) = (u32::from(c), if c > '\u{ffff}' { 8 } else { 4 });
                let _ = write!(escaped, "\\{}{code:0width$x}", if width == 8 { 'U' } else { 'u' });
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// Go's `unicode.IsPrint`, but for characters that are not assigned: those stand as they are, which means the same to systemd.
fn is_printable(c: char) -> bool {
    let invisible = matches!(c,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' | '\u{f0000}'..='\u{10ffff}');
    c == ' ' || !(c.is_whitespace() || c.is_control() || invisible)
}

/// Whether a URL with a user or a password is among the words. A proxy may stand there without `http://`; then only `user:password@`
/// counts, as an address of mail has an `@` too.
fn has_credentials(value: &str) -> bool {
    value.split([' ', ',', ';', '\t', '\n']).any(|word| match word.split_once("://") {
        Some((_, rest)) => rest.contains('@'),
        None => word.rsplit_once('@').is_some_and(|(user, _)| user.contains(':')),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::containerd::fixture::{Machine, fixture};

    fn written(environment: &[(&str, &[(&str, &str)])]) -> Vec<File> {
        let variables = |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let mut machine = Machine::ec2();
        machine.config.instance.environment = environment.iter().map(|(name, pairs)| ((*name).to_owned(), variables(pairs))).collect();
        files(&machine.node())
    }

    const PROXY: (&str, &[(&str, &str)]) = (
        "default",
        &[
            ("HTTP_PROXY", "http://default-proxy:8080"),
            ("HTTPS_PROXY", "https://default-proxy:8080"),
            ("NO_PROXY", "localhost,127.0.0.1,169.254.169.254"),
        ],
    );

    #[test]
    fn drop_ins_are_those_of_nodeadm() {
        let (default, service) = ("/etc/systemd/system.conf.d/environment.conf", "/etc/systemd/system/SERVICE.service.d/environment.conf");
        type Case<'a> = (&'a [(&'a str, &'a [(&'a str, &'a str)])], &'a [(&'a str, &'a str)]);
        let cases: [Case; 5] = [
            (
                &[(
                    "default",
                    &[
                        ("DUMMY_VAR", "HELLO WORLD"),
                        ("HTTP_PROXY", "http://example-proxy:8080"),
                        ("HTTPS_PROXY", "https://example-proxy:8080"),
                        ("NO_PROXY", "localhost,127.0.0.1,169.254.169.254"),
                    ],
                )],
                &[("default", "basic-env")],
            ),
            (
                &[(
                    "default",
                    &[
                        ("SIMPLE_VAR", "simple value"),
                        ("QUOTED_VAR", "value with \"quotes\" inside"),
                        ("BACKSLASH_VAR", "value with \\backslash"),
                    ],
                )],
                &[("default", "quote-escaping")],
            ),
            (
                &[
                    PROXY,
                    ("kubelet", &[("KUBELET_SPECIFIC_VAR", "kubelet-value"), ("HTTP_PROXY", "http://kubelet-proxy:8080")]),
                    ("containerd", &[("CONTAINERD_SPECIFIC_VAR", "containerd-value")]),
                ],
                &[
                    ("containerd", "service-specific-containerd"),
                    ("kubelet", "service-specific-kubelet"),
                    ("default", "service-specific-default"),
                ],
            ),
            (
                &[
                    ("kubelet", &[("KUBELET_ONLY_VAR", "kubelet-only-value")]),
                    ("containerd.service", &[("CONTAINERD_ONLY_VAR", "containerd-only-value")]),
                ],
                &[("containerd", "service-only-containerd"), ("kubelet", "service-only-kubelet")],
            ),
            (&[("default", &[]), ("kubelet", &[]), ("containerd", &[])], &[]),
        ];
        for (environment, expected) in cases {
            let mut expected: Vec<_> = expected
                .iter()
                .map(|(name, stem)| {
                    let path = if *name == "default" { default.to_owned() } else { service.replace("SERVICE", name) };
                    File::new(path, fixture(&format!("ec2/nodeadm-environment-config/expected-config-{stem}.conf")))
                })
                .collect();
            expected.sort_by(|a, b| a.path.cmp(&b.path));
            assert_eq!(written(environment), expected);
        }
        assert_eq!(written(&[]), []);
    }

    #[test]
    fn values_are_escaped_for_systemd() {
        for (value, escaped) in [
            ("100%", "100%%"),
            ("%h\\%", "%%h\\\\%%"),
            ("\"", "\\\""),
            ("ends with \"", "ends with \\\""),
            ("a\tb\nc\r\u{7}\u{8}\u{c}\u{b}\u{1}\u{7f}", "a\\tb\\nc\\r\\a\\b\\f\\v\\x01\\x7f"),
            ("Zürich 東京 👍", "Zürich 東京 👍"),
            ("\u{a0}\u{85}\u{200b}\u{e0001}", "\\u00a0\\u0085\\u200b\\U000e0001"),
            ("$HOME 'x'", "$HOME 'x'"),
        ] {
            assert_eq!(escape(value), escaped, "{value:?}");
        }
    }

    #[test]
    fn credentials_are_kept_from_others() {
        for (value, secret) in [
            ("http://proxy:8080", false),
            ("http://user:pass@proxy:8080", true),
            ("http://token@proxy:8080", true),
            ("http://user:pa/ss@proxy:8080", true),
            ("user:pass@proxy:8080", true),
            ("localhost,http://u:p@h", true),
            ("admin@example.com", false),
            ("10.0.0.0/8,.svc,[::1]", false),
            ("", false),
        ] {
            let files = written(&[("kubelet", &[("HTTP_PROXY", value), ("A", "b")])]);
            assert_eq!(files.len(), 1);
            assert_eq!((files[0].secret, files[0].mode), (secret, if secret { 0o600 } else { 0o644 }), "{value}");
        }
    }

    #[test]
    fn our_own_process_gets_the_defaults_alone() {
        let mut machine = Machine::ec2();
        let variables = |value: &str| BTreeMap::from([("HTTPS_PROXY".to_owned(), value.to_owned())]);
        machine.config.instance.environment =
            BTreeMap::from([("default".to_owned(), variables("http://a")), ("kubelet".to_owned(), variables("http://b"))]);
        assert_eq!(own(&machine.config), [("HTTPS_PROXY".to_owned(), "http://a".to_owned())]);
    }

    #[test]
    fn names_that_systemd_refuses_are_found_and_values_not_shown() {
        let one = |service: &str, key: &str, value: &str| {
            let variables = BTreeMap::from([(key.to_owned(), value.to_owned())]);
            check(&BTreeMap::from([(service.to_owned(), variables)]))
        };
        for (service, key, value, code) in [
            ("../../etc", "A", "", "environment.service"),
            ("", "A", "", "environment.service"),
            (".hidden", "A", "", "environment.service"),
            ("a b", "A", "", "environment.service"),
            ("kubelet", "A-B", "", "environment.variable"),
            ("kubelet", "1A", "", "environment.variable"),
            ("kubelet", "A\"\nExecStart=", "", "environment.variable"),
            ("kubelet", "A", "secret\u{0}", "environment.value"),
        ] {
            let findings = one(service, key, value);
            assert_eq!(findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), [code], "{service:?} {key:?}");
            assert!(!findings[0].to_string().contains("secret"));
        }
        for (service, key, value) in [("default", "_a1", "x\ty\n"), ("getty@tty1", "A", ""), ("kubelet.service", "HTTP_PROXY", "%")] {
            assert_eq!(one(service, key, value), [], "{service}");
        }
    }

    proptest! {
        #[test]
        fn a_value_cannot_leave_its_quotes_or_line(value in any::<String>()) {
            let escaped = escape(&value);
            prop_assert!(!escaped.contains(|c: char| c.is_control()));
            prop_assert!(!escaped.replace("%%", "").contains('%'));
            let plain = escaped.replace("\\\\", "").replace("\\\"", "");
            prop_assert!(!plain.contains('"') && !plain.ends_with('\\'));
        }
    }
}

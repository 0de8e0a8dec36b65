//! IAM Roles Anywhere: the AWS configuration file whose `credential_process` trades the node's certificate for credentials, and the
//! unit that shares these with pods.

use hybridge_report::Finding;

use super::SHARED;
use crate::config::RolesAnywhere;
use crate::node::Plugins;
use crate::plan::File;

/// Unit that keeps the shared credentials fresh; of this name whoever signs, as users put their proxy's drop-ins beside it.
pub const UNIT: &str = "aws_signing_helper_update.service";
/// Where the other signer is.
pub const HELPER: &str = "/usr/local/bin/aws_signing_helper";

/// Who signs with what.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    /// `hybrid.iamRolesAnywhere`.
    pub settings: &'a RolesAnywhere,
    /// This executable, or `aws_signing_helper`.
    pub plugins: Plugins,
    /// Path of this executable.
    pub executable: &'a str,
    /// Adds `--with-proxy`.
    pub proxied: bool,
}

impl Signer<'_> {
    /// The AWS configuration file: the profile `default`, and `hybrid` for those who knew older releases.
    ///
    /// # Errors
    /// A value that would begin another line of the file.
    pub fn aws_config(&self, region: &str) -> Result<File, Vec<Finding>> {
        let findings: Vec<Finding> = self
            .values()
            .into_iter()
            .filter(|(_, value)| value.contains(char::is_control) || value.contains('"'))
            .map(|(field, value)| {
                Finding::error(
                    "roles-anywhere.value",
                    format!("spec.hybrid.iamRolesAnywhere.{field}"),
                    format!("{value:?} cannot stand in an AWS configuration file"),
                )
                .fix("remove quotation marks, line breaks and other control characters")
            })
            .collect();
        if !findings.is_empty() {
            return Err(findings);
        }
        let mut command = match self.plugins {
            Plugins::Builtin => vec![self.executable.to_owned(), "sign".to_owned()],
            Plugins::External => vec![HELPER.to_owned(), "credential-process".to_owned()],
        };
        command.extend(self.flags());
        let command = command.iter().map(|word| shell(word)).collect::<Vec<_>>().join(" ");
        let profile = |name: &str| format!("[profile {name}]\nregion = {region}\ncredential_process = {command}\n");
        let note = "# hybrid profile is maintained for backwards compatibility, nodeadm no longer uses it\n";
        Ok(File::new(&self.settings.aws_config_path, format!("{}\n{note}{}", profile("default"), profile("hybrid"))))
    }

    /// The unit that writes `/eks-hybrid/.aws/credentials` again before they expire.
    pub fn unit(&self) -> File {
        let file = format!("{SHARED}/credentials");
        let mut command = match self.plugins {
            Plugins::Builtin => vec![self.executable.to_owned(), "sign".to_owned()],
            Plugins::External => vec![HELPER.to_owned(), "update".to_owned()],
        };
        command.extend(self.flags());
        if self.plugins == Plugins::Builtin {
            command.extend(["--write-credentials".to_owned(), file.clone()]);
        }
        let command = command.iter().map(|word| exec(word)).collect::<Vec<_>>().join(" ");
        File::new(
            format!("/etc/systemd/system/{UNIT}"),
            format!(
                "[Unit]\nDescription=Credentials of this node for pods, from IAM Roles Anywhere\nWants=network-online.target\nAfter=network-online.target\n\n\
                 [Service]\nEnvironment=AWS_SHARED_CREDENTIALS_FILE={file}\nExecStartPre=/usr/bin/mkdir -p {SHARED}\nExecStart={command}\n\
                 Restart=always\nRestartSec=10\n\n[Install]\nWantedBy=multi-user.target\n"
            ),
        )
    }

    /// The flags that both signers have in common.
    fn flags(&self) -> Vec<String> {
        let settings = self.settings;
        let mut flags: Vec<String> = [
            ("--certificate", &settings.certificate_path),
            ("--private-key", &settings.private_key_path),
            ("--trust-anchor-arn", &settings.trust_anchor_arn),
            ("--profile-arn", &settings.profile_arn),
            ("--role-arn", &settings.role_arn),
            ("--role-session-name", &settings.node_name),
        ]
        .into_iter()
        .flat_map(|(flag, value)| [flag.to_owned(), value.clone()])
        .collect();
        if self.proxied {
            flags.push("--with-proxy".to_owned());
        }
        flags
    }

    fn values(&self) -> [(&'static str, &str); 6] {
        let settings = self.settings;
        [
            ("certificatePath", &settings.certificate_path),
            ("privateKeyPath", &settings.private_key_path),
            ("trustAnchorArn", &settings.trust_anchor_arn),
            ("profileArn", &settings.profile_arn),
            ("roleArn", &settings.role_arn),
            ("nodeName", &settings.node_name),
        ]
    }
}

/// One word of `credential_process`: the SDKs give the line to a shell.
fn shell(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,@+%".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// One word of `ExecStart`: systemd has specifiers (`%`), variables (`$`), quotes and backslashes.
fn exec(word: &str) -> String {
    let word = word.replace('\\', "\\\\").replace('%', "%%").replace('$', "$$");
    if word.is_empty() || word.contains([' ', '\t', '\'', ';']) { format!("\"{word}\"") } else { word }
}

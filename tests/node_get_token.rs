//! `hybridge get-token` prints what `aws eks get-token` of the AWS CLI prints, byte by byte, at the same moment.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

mod with_real_parts {
    use std::collections::BTreeMap;
    use std::io::Write as _;
    use std::path::Path;
    use std::process::{Command, Stdio};

    use hybridge_aws::{ExecVersion, Session, Wishes};
    use hybridge_lab::real::Parts;
    use jiff::Timestamp;
    use serde_json::json;

    const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/real/awscli/get_token.py");
    const TEST: &str = "with_real_parts::every_byte_is_that_of_the_aws_cli";
    /// Set in the second process, where it names the file to write.
    const CHILD: &str = "HYBRIDGE_TEST_ANSWER";
    /// 2026-03-04T05:06:07Z.
    const NOW: i64 = 1_772_600_767;

    /// Command lines and environments; `{folder}` is a folder with configuration files.
    #[derive(Clone)]
    struct Case {
        environment: BTreeMap<String, String>,
        arguments: Vec<String>,
    }

    fn case(folder: &Path, arguments: &str, environment: &[(&str, &str)]) -> Case {
        let folder = folder.display().to_string();
        let keys = [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")];
        let files = [("HOME", "{folder}"), ("AWS_CONFIG_FILE", "{folder}/config"), ("AWS_SHARED_CREDENTIALS_FILE", "{folder}/credentials")];
        let all = keys.iter().chain(&files).chain(environment);
        let environment = all.map(|(name, value)| ((*name).to_owned(), value.replace("{folder}", &folder)));
        Case { environment: environment.collect(), arguments: arguments.split_whitespace().map(str::to_owned).collect() }
    }

    fn cases(folder: &Path) -> Vec<Case> {
        let case = |arguments: &str, environment: &[(&str, &str)]| case(folder, arguments, environment);
        let mut cases = Vec::new();
        let fips = ("AWS_USE_FIPS_ENDPOINT", "true");
        let dual_stack = ("AWS_USE_DUALSTACK_ENDPOINT", "true");
        let legacy = ("AWS_STS_REGIONAL_ENDPOINTS", "legacy");
        for region in [
            "eu-central-1",
            "us-east-1",
            "ap-southeast-7",
            "us-gov-west-1",
            "cn-north-1",
            "eusc-de-east-1",
            "us-iso-east-1",
            "us-isob-east-1",
            "eu-isoe-west-1",
            "us-isof-south-1",
            "zz-future-1",
        ] {
            for variant in [&[][..], &[fips], &[dual_stack], &[fips, dual_stack], &[legacy]] {
                // The AWS CLI's own data know no dual-stack endpoints there, and it refuses them.
                if variant.contains(&dual_stack) && ["eu-isoe-west-1", "us-isof-south-1"].contains(&region) {
                    continue;
                }
                cases.push(case(&format!("--cluster-name demo --region {region}"), variant));
            }
        }
        let token = ("AWS_SESSION_TOKEN", "IQoJb3JpZ2luX2VjE+/=tok~en_with.all-kinds");
        cases.push(case("--cluster-name demo --region eu-west-1", &[token]));
        cases.push(case("--cluster-id 01234567-89ab-cdef-0123-456789abcdef --region eu-west-1", &[token]));
        cases.push(case("--cluster-name with_under-score9 --region eu-west-1", &[]));
        cases.push(case("--cluster-name demo", &[("AWS_DEFAULT_REGION", "eu-north-1")]));
        for url in ["http://127.0.0.1:4566", "https://vpce-1.sts.eu-west-1.vpce.amazonaws.com/", "http://127.0.0.1:4566/sts"] {
            cases.push(case("--cluster-name demo --region eu-west-1", &[("AWS_ENDPOINT_URL_STS", url)]));
            cases.push(case("--cluster-name demo --region eu-west-1", &[("AWS_ENDPOINT_URL", url)]));
        }
        for version in ["v1", "v1beta1", "v1alpha1", "v9"] {
            let info = format!(r#"{{"apiVersion": "client.authentication.k8s.io/{version}", "kind": "ExecCredential", "spec": {{}}}}"#);
            cases.push(case("--cluster-name demo --region eu-west-1", &[("KUBERNETES_EXEC_INFO", &info)]));
        }
        cases.push(case("--cluster-name demo --region eu-west-1", &[("KUBERNETES_EXEC_INFO", "{")]));
        for profile in ["other", "process", "legacy", "endpoint"] {
            cases.push(case(&format!("--cluster-name demo --profile {profile}"), &[]));
        }
        // Without keys in the environment the profile of the environment gives them.
        let mut by_variable = case("--cluster-name demo", &[("AWS_PROFILE", "other")]);
        by_variable.environment.retain(|name, _| !name.contains("ACCESS_KEY"));
        cases.push(by_variable);
        cases
    }

    fn write_files(folder: &Path) {
        let credentials = "[other]\naws_access_key_id = AKIDOTHER\naws_secret_access_key = other\naws_session_token = of/a+file=\n\
                           [legacy]\naws_access_key_id = AKIDLEGACY\naws_secret_access_key = legacy\n\
                           [endpoint]\naws_access_key_id = AKIDENDPOINT\naws_secret_access_key = endpoint\n";
        let config = format!(
            "[profile other]\nregion = eu-west-3\n[profile legacy]\nregion = us-west-2\nsts_regional_endpoints = legacy\n\
             [profile endpoint]\nregion = eu-west-1\nservices = here\n[services here]\nsts =\n  endpoint_url = http://127.0.0.1:9\n\
             [profile process]\nregion = sa-east-1\ncredential_process = cat {}/answer\n",
            folder.display()
        );
        let answer = json!({"Version": 1, "AccessKeyId": "AKIDPROCESS", "SecretAccessKey": "process", "SessionToken": "of a process",
                            "Expiration": "2126-01-01T00:00:00Z"});
        for (name, text) in [("credentials", credentials.to_owned()), ("config", config), ("answer", answer.to_string())] {
            std::fs::write(folder.join(name), text).unwrap();
        }
    }

    fn aws_cli(cases: &[Case]) -> Vec<String> {
        let input: Vec<_> =
            cases.iter().map(|case| json!({"environment": case.environment, "arguments": case.arguments, "now": NOW})).collect();
        let python = Parts::find().unwrap().aws_cli_python();
        let mut child = Command::new(python).arg(SCRIPT).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(json!(input).to_string().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Runs this test again with the environment of the case alone, for the library reads the process's environment.
    fn ours(folder: &Path, case: &Case) -> String {
        let answer = folder.join("ours");
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", TEST, "--nocapture"]).env_clear().envs(&case.environment).env(CHILD, &answer);
        let path = std::env::var_os("PATH").unwrap();
        let output = command.env("PATH", path).env("HYBRIDGE_TEST_ARGUMENTS", case.arguments.join(" ")).output().unwrap();
        assert!(output.status.success(), "{:?}: {output:?}", case.arguments);
        std::fs::read_to_string(&answer).unwrap()
    }

    fn answer() -> String {
        let text = std::env::var("HYBRIDGE_TEST_ARGUMENTS").unwrap();
        let words: Vec<_> = text.split(' ').collect();
        let flag = |name: &str| words.iter().position(|word| *word == name).map(|at| words[at + 1].to_owned());
        let wishes = Wishes { region: flag("--region"), profile: flag("--profile"), config_file: None };
        let cluster = flag("--cluster-name").or(flag("--cluster-id")).unwrap();
        let (version, _) = ExecVersion::asked_for(std::env::var("KUBERNETES_EXEC_INFO").ok().as_deref());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let token = runtime.block_on(async {
            let session = Session::open(&wishes).await.unwrap();
            session.eks_token(&cluster, None, Timestamp::from_second(NOW).unwrap()).await.unwrap()
        });
        token.exec_credential(version)
    }

    #[test]
    fn every_byte_is_that_of_the_aws_cli() {
        if let Some(path) = std::env::var_os(CHILD) {
            return std::fs::write(path, answer()).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        write_files(folder.path());
        let cases = cases(folder.path());
        let theirs = aws_cli(&cases);
        for (case, theirs) in cases.iter().zip(theirs) {
            assert_eq!(ours(folder.path(), case), theirs, "{:?} {:?}", case.arguments, case.environment);
        }
    }
}

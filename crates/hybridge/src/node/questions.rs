//! What a node outside asks of the network before it changes anything: each answer is a fact.

use std::path::PathBuf;

use hybridge_aws::ecr::Registry;
use hybridge_aws::{CallError, Kind, Session, Wishes};
use hybridge_node::config::NodeConfig;
use hybridge_node::facts::{Answer, Facts};
use hybridge_node::resolve::{Question, Wanted};
use hybridge_node::secret::Secret;

use super::aws;

/// Asks what `wanted` wants to know.
pub(super) async fn answer(config: &NodeConfig, wanted: &Wanted, session: &Session, facts: &mut Facts) {
    for question in &wanted.questions {
        match question {
            Question::Caller => facts.answers.caller = Some(told(session.caller().await.map(|caller| caller.arn))),
            Question::AccessEntries => {
                let entries = entries(session, &config.cluster.name, facts.answers.caller.as_ref()).await;
                facts.answers.access_entries = Some(told(entries));
            }
            _ => {}
        }
    }
}

/// The access entries of roles that are called like the caller's, with their types: one question for each, of which there is one.
async fn entries(session: &Session, cluster: &str, caller: Option<&Answer>) -> Result<String, CallError> {
    // arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION
    let name = if let Some(Answer::Good(arn)) = caller { arn.split('/').nth(1) } else { None };
    let mut lines = String::new();
    for principal in session.access_entries(cluster).await? {
        if principal.rsplit('/').next() == name {
            let kind = session.access_entry_type(cluster, &principal).await?;
            lines += &format!("{principal} {kind}\n");
        }
    }
    Ok(lines)
}

fn told(answer: Result<String, CallError>) -> Answer {
    match answer {
        Ok(text) => Answer::Good(text),
        Err(error) => {
            let why = hybridge_report::chain(&error);
            if error.kind() == Kind::AccessDenied { Answer::Forbidden(why) } else { Answer::Bad(why) }
        }
    }
}

/// `AWS:PASSWORD` for pulling an image from ECR; none for an image that is elsewhere. A node outside has its credentials by `config_file`.
pub(super) fn registry_login(image: &str, config_file: Option<PathBuf>) -> Option<Secret> {
    let registry = Registry::of_image(image)?;
    aws::block_on(async {
        let wishes = Wishes { region: Some(registry.region().to_owned()), profile: None, config_file };
        let session = Session::open(&wishes).await.ok()?;
        let login = session.login(&registry).await.ok()?;
        Some(Secret::new(login.reveal()))
    })
}

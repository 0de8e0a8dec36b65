//! What a node outside asks of the network before it changes anything: each answer is a fact.

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
                let entries = session.access_entries(&config.cluster.name).await;
                facts.answers.access_entries = Some(told(entries.map(|entries| entries.join("\n"))));
            }
            _ => {}
        }
    }
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

/// `AWS:PASSWORD` for pulling an image from ECR; none for an image that is elsewhere.
pub(super) fn registry_login(image: &str) -> Option<Secret> {
    let registry = Registry::of_image(image)?;
    aws::block_on(async {
        let session = Session::open(&Wishes { region: Some(registry.region().to_owned()), ..Wishes::default() }).await.ok()?;
        let login = session.login(&registry).await.ok()?;
        Some(Secret::new(login.reveal()))
    })
}

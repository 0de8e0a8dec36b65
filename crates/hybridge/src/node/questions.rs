//! What a node outside asks of the network before it changes anything: each answer is a fact.
//!
//! Independent questions are asked at once, and none for longer than ten seconds.

mod api;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use hybridge_aws::ecr::Registry;
use hybridge_aws::{CallError, Entrance, Kind, Session, Wishes};
use hybridge_node::facts::{Answer, Facts};
use hybridge_node::resolve::{Question, Wanted};
use hybridge_node::secret::Secret;
use hybridge_node::validate::same_role;
use hybridge_node_host::facts::Part;

pub(super) use api::ask as api;

/// Longest time for one question.
const PATIENCE: Duration = Duration::from_secs(10);
/// Stands for the type of an access entry that is not known.
const UNKNOWN: &str = "-";

/// What is asked, and of whom.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// The questions.
    pub(super) wanted: &'a Wanted,
    /// AWS, or why it cannot be asked.
    pub(super) session: Result<&'a Session, &'a str>,
}

impl Asked<'_> {
    fn wants(&self, question: Question) -> bool {
        self.wanted.questions.contains(&question)
    }

    /// Asks AWS, if that is wanted.
    async fn aws<'s>(&'s self, question: Question, ask: impl AsyncFnOnce(&'s Session) -> Result<String, CallError>) -> Option<Answer> {
        if !self.wants(question) {
            return None;
        }
        Some(match self.session {
            Ok(session) => answer(ask(session)).await,
            Err(why) => Answer::Bad(why.to_owned()),
        })
    }
}

/// What AWS's endpoints say of the node.
pub(super) async fn endpoints(asked: Asked<'_>, cluster: &str) -> Part {
    let reach = async |session: &Session, entrance| session.reach(entrance).await.map(|_| String::new());
    let who = async {
        let caller = asked.aws(Question::Caller, async |session| session.caller().await.map(|caller| caller.arn)).await;
        // Who is not known to AWS is not let in anyway.
        let entries = match &caller {
            Some(Answer::Bad(_) | Answer::Forbidden(_)) => None,
            None | Some(Answer::Good(_)) => {
                asked.aws(Question::AccessEntries, async |session| access_entries(session, cluster, caller.as_ref()).await).await
            }
        };
        (caller, entries)
    };
    let clock = async {
        let session = asked.session.ok().filter(|_| asked.wants(Question::Caller))?;
        tokio::time::timeout(PATIENCE, session.reach(Entrance::Sts)).await.ok()?.ok()?.clock_offset
    };
    let ssm = asked.aws(Question::SsmEndpoint, async |session| reach(session, Entrance::Ssm).await);
    let anywhere = asked.aws(Question::RolesAnywhereEndpoint, async |session| reach(session, Entrance::RolesAnywhere).await);
    let ((caller, entries), clock, ssm, anywhere) = tokio::join!(who, clock, ssm, anywhere);
    Box::new(move |Facts { answers, .. }| {
        (answers.ssm_endpoint, answers.roles_anywhere_endpoint) = (ssm, anywhere);
        (answers.caller, answers.access_entries, answers.clock_offset) = (caller, entries, clock);
    })
}

/// All entries, a line each. The type is asked for the entry of the node's own role alone: there may be thousands.
async fn access_entries(session: &Session, cluster: &str, caller: Option<&Answer>) -> Result<String, CallError> {
    let mut lines = Vec::new();
    for principal in session.access_entries(cluster).await? {
        let own = matches!(caller, Some(Answer::Good(arn)) if same_role(arn, &principal));
        // Whether the role has an entry is known even where its type may not be read.
        let known = if own { session.access_entry_type(cluster, &principal).await.ok() } else { None };
        lines.push(format!("{principal} {}", known.as_deref().unwrap_or(UNKNOWN)));
    }
    Ok(lines.join("\n"))
}

/// An answer in time.
async fn answer(question: impl Future<Output = Result<String, CallError>>) -> Answer {
    match tokio::time::timeout(PATIENCE, question).await {
        Ok(Ok(text)) => Answer::Good(text),
        Ok(Err(error)) => {
            let why = hybridge_report::chain(&error);
            if error.kind() == Kind::AccessDenied { Answer::Forbidden(why) } else { Answer::Bad(why) }
        }
        Err(_) => Answer::Bad(late()),
    }
}

fn late() -> String {
    format!("no answer within {} s", PATIENCE.as_secs())
}

/// Addresses of a name, each once, in the order of the answer.
///
/// # Errors
/// Why there are none.
pub(super) async fn addresses(name: &str) -> Result<Vec<IpAddr>, String> {
    let found = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((name, 0))).await.map_err(|_| late())?;
    let mut addresses = Vec::new();
    for address in found.map_err(|error| error.to_string())? {
        if !addresses.contains(&address.ip()) {
            addresses.push(address.ip());
        }
    }
    if addresses.is_empty() { Err("it has no address".to_owned()) } else { Ok(addresses) }
}

/// `AWS:PASSWORD` for pulling an image from ECR; none for an image that is elsewhere. A node outside has its credentials by `config_file`.
pub(super) fn registry_login(image: &str, config_file: Option<PathBuf>) -> Option<Secret> {
    let registry = Registry::of_image(image)?;
    crate::runtime::block_on(async {
        let wishes = Wishes { region: Some(registry.region().to_owned()), profile: None, config_file };
        let session = Session::open(&wishes).await.ok()?;
        let login = session.login(&registry).await.ok()?;
        Some(Secret::new(login.reveal()))
    })
}

//! `hybridge sign`: credentials for a certificate, by IAM Roles Anywhere.

use std::path::Path;
use std::time::Duration;

use hybridge_aws::roles_anywhere::{
    Certificate, CredentialsFile, Identity, PrivateKey, RolesAnywhere, RolesAnywhereError, SessionWish, TemporaryCredentials, Way,
    intermediates, refresh_at,
};
use hybridge_report::Exit;
use jiff::Timestamp;
use tokio::time::sleep;

use super::{Failure, run, tell};
use crate::args::Sign;

/// Before another attempt at new credentials while the old ones are good; doubled up to the longest.
const PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Prints credentials, or keeps a file with them fresh.
pub(crate) fn sign(asked: &Sign) -> Exit {
    run(async {
        let roles_anywhere = set_up(asked).await?;
        let credentials = roles_anywhere.session().await.map_err(|error| failure(&error))?;
        let Some(path) = &asked.write_credentials else { return Ok(credentials.reveal()) };
        keep_fresh(asked, roles_anywhere, credentials, &CredentialsFile::new(path, &asked.write_profile)).await
    })
}

fn failure(error: &RolesAnywhereError) -> Failure {
    Failure::new(error, error.fix())
}

async fn set_up(asked: &Sign) -> Result<RolesAnywhere, Failure> {
    let wish = SessionWish {
        duration_seconds: asked.session_duration,
        profile_arn: asked.profile_arn.clone(),
        role_arn: asked.role_arn.clone(),
        role_session_name: asked.role_session_name.clone(),
        trust_anchor_arn: asked.trust_anchor_arn.clone(),
    };
    let way = Way { region: asked.region.clone(), endpoint: asked.endpoint.clone(), with_proxy: asked.with_proxy };
    RolesAnywhere::new(identity(asked)?, wish, &way).await.map_err(|error| failure(&error))
}

/// Certificate and key; errors name the file.
fn identity(asked: &Sign) -> Result<Identity, Failure> {
    let at = |path: &Path, what: String, fix: Option<String>| Failure { what: format!("{}: {what}", path.display()), fix };
    let read = |path: &Path| std::fs::read(path).map_err(|error| at(path, error.to_string(), None));
    let certificate = Certificate::from_pem(&read(&asked.certificate)?);
    let certificate = certificate.map_err(|error| at(&asked.certificate, error.to_string(), Some(error.fix())))?;
    let key = PrivateKey::from_pem(&read(&asked.private_key)?);
    let key = key.map_err(|error| at(&asked.private_key, error.to_string(), Some(error.fix().into())))?;
    let between = match &asked.intermediates {
        Some(path) => intermediates(&read(path)?).map_err(|error| at(path, error.to_string(), Some(error.fix())))?,
        None => Vec::new(),
    };
    Ok(Identity { certificate, key, intermediates: between })
}

/// Writes credentials and renews them five minutes ahead, until it fails for so long that the last ones have expired.
async fn keep_fresh(
    asked: &Sign,
    mut roles_anywhere: RolesAnywhere,
    mut credentials: TemporaryCredentials,
    file: &CredentialsFile,
) -> Result<String, Failure> {
    loop {
        file.write(&credentials).map_err(|error| Failure::new(&error, None))?;
        wait_until(refresh_at(Timestamp::now(), credentials.expires)).await;
        let mut pause = PAUSE;
        credentials = loop {
            // The certificate may have been renewed meanwhile.
            let renewed = set_up(asked).await;
            if let Ok(fresh) = renewed {
                roles_anywhere = fresh;
            }
            let failed = match roles_anywhere.session().await {
                Ok(credentials) => break credentials,
                Err(error) => failure(&error),
            };
            if Timestamp::now() >= credentials.expires {
                return Err(failed);
            }
            tell("warning", &failed);
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        };
    }
}

/// Waits in short steps: a clock that was set, or a host that slept, does not delay it.
async fn wait_until(at: Timestamp) {
    const STEP: Duration = Duration::from_secs(30);
    loop {
        let Ok(left) = Duration::try_from(at.duration_since(Timestamp::now())) else { return };
        if left.is_zero() {
            return;
        }
        sleep(left.min(STEP)).await;
    }
}
